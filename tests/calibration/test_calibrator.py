"""MultiLabelCalibrator: what its probabilities are worth, and all that it takes."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.special import expit
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
)
from sklearn_clip.metrics import (
    expected_calibration_error,
    masked_log_loss,
    masked_neg_log_loss_scorer,
)

METHODS = ("temperature", "sigmoid", "beta", "isotonic", "venn-abers", "auto")
each_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(
        n_samples=150, n_features=8, n_classes=4, n_labels=2, random_state=0
    )
    return X / 10, Y


@each_method
@pytest.mark.parametrize(
    "spoil",
    [lambda z: 3 * z, lambda z: 0.3 * z, lambda z: 2 * z + 2 * np.linspace(-1, 1, 6)],
    ids=["too sure", "not sure enough", "each another way"],
)
def test_spoilt_probabilities_become_nearly_what_they_were(
    method, spoil, probabilities, draw
):
    z, Y = draw(1200)
    new, Y_new = draw(3000, seed=1)
    model = MultiLabelCalibrator(probabilities(6), method=method)
    model.fit(expit(spoil(z)), Y)
    before = masked_log_loss(Y_new, expit(spoil(new)))
    after = masked_log_loss(Y_new, model.predict_proba(expit(spoil(new))))
    best = masked_log_loss(Y_new, expit(new))
    if method != "temperature":  # which cannot move a label as a whole
        assert after < best + 0.02
    assert after < before


@pytest.mark.parametrize("seed", range(10))
def test_auto_is_never_worse_than_calibrated_probabilities_by_more_than_noise(
    seed, probabilities, draw
):
    z, Y = draw(300, 20, seed)
    new, Y_new = draw(4000, 20, 100 + seed)
    model = MultiLabelCalibrator(probabilities(20)).fit(expit(z), Y)
    after = masked_log_loss(Y_new, model.predict_proba(expit(new)))
    assert after < masked_log_loss(Y_new, expit(new)) + 0.002


def test_auto_leaves_calibrated_probabilities_alone_and_says_so(probabilities, draw):
    chosen = []
    for seed in range(10):
        z, Y = draw(500, 8, seed)
        model = MultiLabelCalibrator(probabilities(8)).fit(expit(z), Y)
        chosen.append(model.method_)
        assert set(model.log_losses_) == {"identity", *METHODS[:-1]}
        if model.method_ == "identity":
            assert model.shrinkage_ == 0
            np.testing.assert_array_equal(model.predict_proba(expit(z)), expit(z))
            np.testing.assert_array_equal(model.map_coef_, 1)
    assert chosen.count("identity") >= 7


def test_venn_abers_is_not_tried_where_it_is_isotonic(probabilities, draw):
    z, Y = draw(20_001, 2)
    P = expit(2 * z)
    model = MultiLabelCalibrator(probabilities(2)).fit(P, Y)
    assert "venn-abers" not in model.log_losses_
    assert "isotonic" in model.log_losses_
    pair = [
        MultiLabelCalibrator(probabilities(2), method=method, shrinkage=None)
        .fit(P, Y)
        .predict_proba(P[::20])
        for method in ("venn-abers", "isotonic")
    ]
    assert np.abs(pair[0] - pair[1]).mean() < 2e-3


@each_method
def test_rare_labels_gain_by_what_all_have_in_common(method, probabilities, draw):
    """A label of a handful of positives: its own map against the shared one."""
    alone, shared = [], []
    for seed in range(4):
        z, Y = draw(120, 30, seed)
        new, Y_new = draw(2000, 30, 50 + seed)
        for found, shrinkage in ((alone, None), (shared, "auto")):
            model = MultiLabelCalibrator(
                probabilities(30), method=method, shrinkage=shrinkage
            )
            model.fit(expit(2 * z), Y)
            P = model.predict_proba(expit(2 * new))
            found.append(masked_log_loss(Y_new, P))
    assert np.mean(shared) < np.mean(alone) + 1e-4
    if method not in ("temperature", "auto"):
        assert np.mean(shared) < np.mean(alone) - 0.005


@each_method
def test_infinite_shrinkage_gives_all_labels_one_map(method, probabilities, draw):
    z, Y = draw()
    model = MultiLabelCalibrator(probabilities(6), method=method, shrinkage=np.inf)
    model.fit(expit(2 * z), Y)
    same = model.predict_proba(np.tile(np.linspace(0, 1, 11)[:, None], (1, 6)))
    np.testing.assert_allclose(same, same[:, :1] * np.ones(6), atol=1e-12)


@each_method
def test_no_map_turns_rows_around(method, probabilities, draw):
    z, Y = draw(200)
    Y[:, 0], Y[:, 1] = 1 - Y[:, 0], 0
    model = MultiLabelCalibrator(probabilities(6), method=method).fit(expit(z), Y)
    rising = model.predict_proba(np.tile(np.linspace(0, 1, 101)[:, None], (1, 6)))
    assert (np.diff(rising, axis=0) >= -1e-12).all()
    assert ((rising >= 0) & (rising <= 1)).all()


@each_method
@pytest.mark.parametrize("shrinkage", ["auto", None, 5])
def test_weights_count_as_rows_and_unknown_entries_as_none(
    method, shrinkage, probabilities, draw
):
    if method == "auto" or shrinkage == "auto":
        shrinkage, method = 5, "sigmoid" if method == "auto" else method
    z, Y = draw(300, 3)
    P = expit(2 * z)
    weight = np.random.default_rng(0).integers(0, 3, len(P))
    model = MultiLabelCalibrator(probabilities(3), method=method, shrinkage=shrinkage)
    weighted = clone(model).fit(P, Y, sample_weight=weight.astype(float))
    repeated = clone(model).fit(np.repeat(P, weight, axis=0), np.repeat(Y, weight, 0))
    # Nodes, which only the common map is fitted on, span the unweighted rows too.
    expected = repeated.predict_proba(P)
    np.testing.assert_allclose(weighted.predict_proba(P), expected, atol=2e-3)
    hidden = np.where(weight[:, None] == 0, np.nan, Y)
    part = clone(model).fit(P[weight > 0], Y[weight > 0]).predict_proba(P)
    masked = clone(model).fit(P, hidden).predict_proba(P)
    np.testing.assert_allclose(masked, part, atol=2e-3)


@each_method
@pytest.mark.parametrize("shrinkage", ["auto", None, np.inf])
def test_constant_and_unknown_labels_have_a_map(method, shrinkage, probabilities, draw):
    z, Y = draw(200, 6)
    Y[:, 0], Y[:, 1], Y[:, 2] = 0, 1, np.nan
    Y[1:, 3] = np.nan
    model = MultiLabelCalibrator(probabilities(6), method=method, shrinkage=shrinkage)
    P = model.fit(expit(z), Y).predict_proba(expit(z))
    assert np.isfinite(P).all()
    assert ((P >= 0) & (P <= 1)).all()
    if shrinkage != np.inf:
        assert P[:, 0].mean() < P[:, 2].mean() < P[:, 1].mean()
    # The rows of a label that is never there keep their order.
    order = np.argsort(z[:, 0])
    assert (np.diff(P[order, 0]) >= 0).all()


@each_method
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_targets_that_are_all_alike_are_taken(method, value, probabilities):
    P = np.random.default_rng(0).random((20, 3))
    model = MultiLabelCalibrator(probabilities(3), method=method)
    found = model.fit(P, np.full((20, 3), value)).predict_proba(P)
    if method == "temperature":  # P says nothing, and a logit of 0 has no slope
        return
    assert np.abs(found - value).mean() < np.abs(P - value).mean()


@each_method
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_few_rows_are_taken(method, n_rows, probabilities):
    P, Y = np.full((n_rows, 2), 0.3), np.eye(3, 2)[:n_rows]
    model = MultiLabelCalibrator(probabilities(2), method=method).fit(P, Y)
    assert np.isfinite(model.predict_proba(np.eye(2))).all()


@each_method
def test_scores_that_are_constant_become_the_base_rate(method, probabilities):
    Y = np.tile([[1, 0], [0, 0], [0, 0], [0, 1], [0, 0]], (100, 1))
    P = np.full(Y.shape, 0.5)
    found = MultiLabelCalibrator(probabilities(2), method=method).fit(P, Y)
    if method != "temperature":  # a logit of 0 has no slope
        np.testing.assert_allclose(found.predict_proba(P), 0.2, atol=0.01)


@each_method
def test_certain_and_wrong_probabilities_are_mended(method, probabilities):
    """Probabilities of exactly 0 and 1, as trees and neighbours give them."""
    rng = np.random.default_rng(0)
    P = rng.integers(0, 2, (5000, 3)).astype(float)
    Y = np.abs(P - (rng.random(P.shape) < 0.2))
    model = MultiLabelCalibrator(probabilities(3), method=method).fit(P, Y)
    expected = np.array([[0.2] * 3, [0.8] * 3])
    found = model.predict_proba(np.array([[0.0] * 3, [1.0] * 3]))
    np.testing.assert_allclose(found, expected, atol=0.05)


SHAPES = {
    "list of columns": MultiOutputClassifier(GaussianNB()),
    "array": OneVsRestClassifier(LogisticRegression()),
    "neighbours": KNeighborsClassifier(5),
    "forest": RandomForestClassifier(10, random_state=0),
    "decisions": OneVsRestClassifier(LinearSVC()),
    "ours": MultiLabelLogisticRegression(),
    "pipeline": make_pipeline(StandardScaler(), MultiLabelLogisticRegression()),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("head", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("n_labels", [1, 4])
def test_any_shape_of_scores_is_taken(head, n_labels, data):
    X, Y = data
    model = MultiLabelCalibrator(head, cv=3, random_state=0).fit(X, Y[:, :n_labels])
    P = model.predict_proba(X)
    assert P.shape == (len(X), n_labels)
    assert ((P >= 0) & (P <= 1)).all()
    np.testing.assert_array_equal(model.predict(X), P > 0.5)
    assert model.classes_.tolist() == [[0, 1]] * n_labels
    assert model.n_features_in_ == 8
    assert (model.smoothing_ is None) == (model.response_method_ != "predict_proba")


def test_decision_values_become_probabilities(data):
    X, Y = data
    head = OneVsRestClassifier(LinearSVC())
    model = MultiLabelCalibrator(head, random_state=0).fit(X[:100], Y[:100])
    assert "identity" not in model.log_losses_
    found = masked_log_loss(Y[100:], model.predict_proba(X[100:]))
    assert found < masked_log_loss(Y[100:], np.full((50, 4), Y[:100].mean(axis=0)))


def test_it_is_no_worse_than_one_calibrated_classifier_per_label():
    X, Y = make_multilabel_classification(
        600, n_features=8, n_classes=4, n_labels=2, random_state=1
    )
    ours = MultiLabelCalibrator(MultiOutputClassifier(GaussianNB()), random_state=0)
    P = ours.fit(X[:300], Y[:300]).predict_proba(X[300:])
    for method in ("sigmoid", "isotonic"):
        each = MultiOutputClassifier(
            CalibratedClassifierCV(GaussianNB(), method=method)
        )
        columns = each.fit(X[:300], Y[:300]).predict_proba(X[300:])
        theirs = np.column_stack([column[:, 1] for column in columns])
        assert masked_log_loss(Y[300:], P) < masked_log_loss(Y[300:], theirs) + 0.005
    assert expected_calibration_error(Y[300:], P) < 0.06


CVS = {
    "int": 3,
    "none": None,
    "float": 0.3,
    "splitter": KFold(3),
    "ours": MultiLabelStratifiedKFold(3, random_state=0),
    "iterable": [(np.arange(75), np.arange(75, 150)), (np.arange(50, 150), range(50))],
    "masks": [(np.arange(150) < 75, np.arange(150) >= 75)],
}


@pytest.mark.parametrize("cv", CVS.values(), ids=CVS)
def test_every_cv_is_taken(cv, data):
    model = MultiLabelCalibrator(GaussianNB(), cv=cv, random_state=0)
    model.set_params(estimator=MultiOutputClassifier(GaussianNB()))
    first, second = (clone(model).fit(*data).predict_proba(data[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_prefit_and_frozen_estimators_are_not_fitted(data):
    X, Y = data
    fitted = MultiLabelLogisticRegression().fit(X[:75], Y[:75])
    prefit = MultiLabelCalibrator(fitted, cv="prefit").fit(X[75:], Y[75:])
    frozen = MultiLabelCalibrator(FrozenEstimator(fitted)).fit(X[75:], Y[75:])
    assert prefit.estimator_ is fitted
    expected = prefit.predict_proba(X)
    np.testing.assert_array_equal(frozen.predict_proba(X), expected)
    with pytest.raises(TypeError, match="prefit or frozen"):
        clone(frozen).fit(X, Y, groups=np.arange(150))
    with pytest.raises(NotFittedError):
        MultiLabelCalibrator(MultiLabelLogisticRegression(), cv="prefit").fit(X, Y)


def test_refitted_estimator_has_seen_all_rows(data):
    X, Y = data
    head = MultiLabelLogisticRegression()
    model = MultiLabelCalibrator(head, cv=3, random_state=0).fit(X, Y)
    np.testing.assert_allclose(model.estimator_.coef_, clone(head).fit(X, Y).coef_)
    assert not hasattr(head, "coef_")


@pytest.mark.parametrize("routing", [False, True])
def test_groups_and_weights_reach_splitter_and_estimator(routing, data):
    X, Y = data
    groups, weight = np.arange(150) // 10, np.arange(150) % 4.0
    splitter = GroupKFold(3)
    head = MultiLabelLogisticRegression()
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            head.set_fit_request(sample_weight=True)
        model = MultiLabelCalibrator(head, cv=splitter, method="sigmoid")
        model.fit(X, Y, sample_weight=weight, groups=groups)
        fitted = MultiLabelLogisticRegression().fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(model.estimator_.coef_, fitted.coef_)
    splits = list(splitter.split(X, Y, groups))
    again = MultiLabelCalibrator(MultiLabelLogisticRegression(), cv=splits)
    again.set_params(method="sigmoid").fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(X), again.predict_proba(X))


def test_weights_nobody_takes_are_used_for_the_maps_with_a_warning(data):
    X, Y = data
    model = MultiLabelCalibrator(KNeighborsClassifier(), cv=3, method="isotonic")
    with pytest.warns(UserWarning, match="used for the maps only"):
        weighted = clone(model).fit(X, Y, sample_weight=1.0 + 5 * Y[:, 0])
    plain = clone(model).fit(X, Y)
    assert (weighted.predict_proba(X) - plain.predict_proba(X))[:, 0].mean() > 0.02


def test_unknown_targets_reach_an_estimator_that_takes_them(data):
    X, Y = data
    hidden = np.where(np.random.default_rng(0).random(Y.shape) < 0.3, np.nan, Y)
    model = MultiLabelCalibrator(MultiLabelLogisticRegression(), random_state=0)
    P = model.fit(X, hidden).predict_proba(X)
    assert masked_log_loss(Y, P) < 0.5
    assert 0 <= model.score(X, hidden) <= 1


def test_labels_known_in_one_fold_alone_leave_nothing_to_choose_by(data):
    X, Y = data
    hidden = np.where(np.arange(len(Y))[:, None] < 50, Y, np.nan)
    frozen = FrozenEstimator(MultiLabelLogisticRegression().fit(X, Y))
    model = MultiLabelCalibrator(frozen, random_state=0)
    weights = np.arange(len(Y)) == 0  # of five parts one has a row that counts
    assert model.fit(X, hidden, sample_weight=weights).log_losses_ == {}
    assert np.isfinite(model.predict_proba(X)).all()


@each_method
def test_labels_known_in_no_row_that_counts_are_refused(method, data):
    X, Y = data
    hidden = np.where(np.arange(len(Y))[:, None] < 50, Y, np.nan)
    model = MultiLabelCalibrator(MultiLabelLogisticRegression(), method=method)
    with pytest.raises(ValueError, match=r"known label.* sample_weight is above 0"):
        model.fit(X, hidden, sample_weight=np.arange(len(Y)) >= 50)


def test_it_works_in_searches_pipelines_and_under_thresholds(data):
    X, Y = data
    pipe = make_pipeline(
        StandardScaler(),
        MultiLabelCalibrator(MultiLabelLogisticRegression(), cv=3, random_state=0),
    )
    search = GridSearchCV(
        pipe,
        {
            "multilabelcalibrator__method": ["sigmoid", "isotonic"],
            "multilabelcalibrator__estimator__C": [0.1, 1],
        },
        scoring=masked_neg_log_loss_scorer,
        cv=MultiLabelStratifiedKFold(2, random_state=0),
        error_score="raise",
    )
    assert -0.7 < search.fit(X, Y).best_score_ < 0
    tuned = ThresholdOptimizer(
        MultiLabelCalibrator(MultiLabelLogisticRegression(), cv=2, random_state=0),
        cv=2,
        random_state=0,
    )
    tuned.fit(X, Y)
    assert tuned.response_method_ == "predict_proba"
    assert tuned.predict(X).shape == Y.shape
    grouped = MultiLabelCalibrator(
        MultiLabelLogisticRegression(),
        cv=MultiLabelStratifiedGroupKFold(2, random_state=0),
    )
    assert grouped.fit(X, Y, groups=np.arange(150) // 3).predict(X).shape == Y.shape


@each_method
def test_it_survives_pickle_skops_and_clone(method, data):
    skops_io = pytest.importorskip("skops.io", reason="saving with skops needs it")
    X, Y = data
    model = MultiLabelCalibrator(MultiLabelLogisticRegression(), method=method, cv=2)
    model.set_params(random_state=0).fit(X, Y)
    expected = model.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    saved = skops_io.dumps(model)
    trusted = skops_io.get_untrusted_types(data=saved)
    assert all(name.startswith("sklearn_clip.") for name in trusted)
    loaded = skops_io.loads(saved, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert not hasattr(clone(model), "method_")
    assert "MultiLabelCalibrator" in model._repr_html_()


def test_rows_that_weigh_nothing_are_as_if_they_were_not_there(data):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 2, len(X)).astype(float)
    counted = weight > 0
    head = MultiLabelLogisticRegression(C=1e-3).fit(X, Y)
    weighted = MultiLabelCalibrator(head, cv="prefit").fit(X, Y, sample_weight=weight)
    alone = MultiLabelCalibrator(head, cv="prefit").fit(X[counted], Y[counted])
    assert weighted.log_losses_ == pytest.approx(alone.log_losses_)
    np.testing.assert_allclose(weighted.predict_proba(X), alone.predict_proba(X))


def test_second_fit_leaves_nothing_of_the_first(data):
    X, Y = data
    model = MultiLabelCalibrator(
        MultiLabelLogisticRegression(), method="isotonic", cv=2, random_state=0
    )
    names = pd.Index(["a", "b", "c", "d"])
    model.fit(pd.DataFrame(X).add_prefix("x"), pd.DataFrame(Y, columns=names))
    assert model.label_names_.tolist() == ["a", "b", "c", "d"]
    assert len(model.feature_names_in_) == 8
    model.set_params(method="sigmoid").fit(X, Y)
    for name in ("knots_", "lower_", "own_weight_", "label_names_"):
        assert not hasattr(model, name)
    assert not hasattr(model, "feature_names_in_")


def test_bad_input_gets_a_sentence(data):
    X, Y = data
    model = MultiLabelCalibrator(MultiLabelLogisticRegression(), cv=2)
    with pytest.raises(ValueError, match="CalibratedClassifierCV"):
        model.fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="0 and 1"):
        model.fit(X, Y + 1)
    with pytest.raises(ValueError, match="zero"):
        model.fit(X, Y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.fit(X, Y[:-1])
    for wrong in ({"method": "platt"}, {"shrinkage": -1}, {"cv": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            clone(model).set_params(**wrong).fit(X, Y)
    fitted = model.fit(X, pd.DataFrame(Y, columns=list("abcd")))
    with pytest.raises(ValueError, match="in their order"):
        fitted.score(X, pd.DataFrame(Y, columns=list("bacd")))
    with pytest.raises(NotFittedError):
        clone(model).predict_proba(X)


class Overshooting(MultiLabelLogisticRegression):
    """Its probabilities are none, by what it is told."""

    def __init__(self, by=0.0):
        super().__init__()
        self.by = by

    def predict_proba(self, X):
        return (1 + self.by) * super().predict_proba(X)


@each_method
def test_probabilities_that_are_none_are_refused(method):
    X, Y = make_multilabel_classification(200, n_classes=3, random_state=0)
    model = MultiLabelCalibrator(Overshooting(0.5), method=method, cv=2, random_state=0)
    with pytest.raises(
        ValueError, match=r"probabilities in \[0, 1\]. Got 1\.\d+ \(row"
    ):
        model.fit(X, Y)
    # What float32 rounds is one.
    found = model.set_params(estimator__by=1e-8).fit(X, Y).predict_proba(X)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("far", [1e6, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["sigmoid", "temperature", "beta", "isotonic"])
def test_decision_that_lies_far_out_flattens_no_map(decisions, method, far):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(400, 3))
    Y = (rng.random(scores.shape) < expit(2 * scores)).astype(int)
    calibrator = MultiLabelCalibrator(decisions(3), method=method, random_state=0)
    usual = clone(calibrator).fit(scores, Y).predict_proba(scores)
    odd = scores.copy()
    odd[5, 1], Y[5, 1] = far, far < 0  # which is wrong
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = calibrator.fit(odd, Y).predict_proba(odd)
    assert found[5, 1] == pytest.approx(1.0 if far > 0 else 0.0, abs=0.1)
    found[5, 1] = usual[5, 1]
    np.testing.assert_allclose(found, usual, atol=0.08)


def test_selectors_do_not_take_maps_for_weights_of_columns():
    X, Y = make_multilabel_classification(90, 10, n_classes=3, random_state=0)
    calibrator = MultiLabelCalibrator(MultiLabelLogisticRegression(), cv=2)
    with pytest.raises(ValueError, match="coef_|importance"):
        SelectFromModel(calibrator.set_params(random_state=0)).fit(X, Y).transform(X)
