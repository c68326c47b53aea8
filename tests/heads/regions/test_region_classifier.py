"""RegionClassifier: its formula, what it chooses, what it is fitted on."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
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
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
    RegionClassifier,
    ThresholdOptimizer,
    TipAdapterClassifier,
    labels_to_frame,
    top_labels,
)
from sklearn_clip.metrics import macro_average_precision_score, map_scorer

HEAD = MultiLabelLogisticRegression(C=10)
POOLINGS = ("softmax", "max", "mean_top_k")


def split_row(row, width=12, n_regions=4):
    """Vectors that the wrapped classifier scores, by the definition of a row."""
    parts, rest = row[: width * (1 + n_regions)], row[width * (1 + n_regions) :]
    return [np.concatenate([part, rest]) for part in parts.reshape(-1, width)]


def pool_by_hand(scores, pooling):
    if pooling == "max":
        return scores.max(axis=0)
    if pooling == "mean_top_k":
        return np.sort(scores, axis=0)[-2:].mean(axis=0)
    return 0.7 * np.log(np.exp(scores / 0.7).mean(axis=0))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("weight", [0, 0.5, 3])
@pytest.mark.parametrize("kept", [0, 3])
def test_score_is_the_formula(pooling, weight, kept, data, scenes):
    X, Y = data
    X = np.hstack([X, np.random.default_rng(0).normal(size=(len(X), kept))])
    model = RegionClassifier(HEAD, pooling=pooling, weight=weight, layout=(12, 4))
    found = model.fit(X, Y).decision_function(X[:20])
    agreement = [np.linalg.norm(np.mean(split_row(row)[1:], axis=0)[:12]) for row in X]
    usual, spread = np.mean(agreement), np.std(agreement)
    for row, scores, alike in zip(X, found, agreement, strict=False):
        whole, *regions = model.estimator_.decision_function(split_row(row))
        pooled = pool_by_hand(np.array(regions), pooling)
        away = np.clip((usual - alike) / spread, -4, 4)
        w = weight * np.exp(away)
        odds = (np.exp(whole) + w * np.exp(pooled)) / (1 + w)
        np.testing.assert_allclose(scores, np.log(odds), atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X[:20]), expit(found))
    np.testing.assert_array_equal(model.predict(X[:20]), found > 0)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("fit_on", ["global", "all"])
def test_several_things_are_found_and_single_ones_not_lost(pooling, fit_on, scenes):
    X, Y = scenes.draw(200, 1)
    model = RegionClassifier(HEAD, pooling=pooling, fit_on=fit_on, random_state=0)
    model.fit(X, Y)
    whole = HEAD.fit(X[:, :12], Y)
    gains = []
    for n_things in (1, 2, 3):
        new, truth = scenes.draw(300, n_things, seed=7)
        before = macro_average_precision_score(truth, whole.predict_proba(new[:, :12]))
        after = macro_average_precision_score(truth, model.predict_proba(new))
        gains.append(after - before)
    assert gains[0] > -0.005
    assert gains[1] > 0.02
    assert gains[2] > 0.01


def test_weight_is_the_largest_that_loses_nothing(data):
    X, Y = data
    model = RegionClassifier(HEAD, random_state=0).fit(X, Y)
    scores = model.weight_scores_
    assert list(scores) == [0, 0.125, 0.25, 0.5, 1, 2, 4]
    good = [weight for weight, score in scores.items() if score >= scores[0] - 0.005]
    assert model.weight_ == max(good)
    assert RegionClassifier(HEAD, weight=0.3).fit(X, Y).weight_scores_ == {}


def test_regions_that_say_something_else_get_no_weight(scenes):
    """Regions that belong to other pictures: any weight of them would lose."""
    X, Y = scenes.draw(200, 1)
    X[:, 12:] = np.roll(X[:, 12:], 7, axis=0)
    model = RegionClassifier(HEAD, random_state=0).fit(X, Y)
    scores = model.weight_scores_
    assert model.weight_ < 1
    assert scores[4] < scores[0] - 0.05


def test_weight_of_0_is_the_head_alone(data):
    X, Y = data
    model = RegionClassifier(HEAD, weight=0).fit(X, Y)
    whole = HEAD.fit(X[:, :12], Y)
    np.testing.assert_allclose(model.predict_proba(X), whole.predict_proba(X[:, :12]))


def test_scores_of_regions_are_those_of_pictures_of_their_own(data):
    X, Y = data
    model = RegionClassifier(HEAD).fit(X, Y)
    found = model.score_regions(X[:5])
    assert found.shape == (5, 4, 4)
    for row, scores in zip(X, found, strict=False):
        regions = split_row(row)[1:]
        np.testing.assert_allclose(scores, model.estimator_.decision_function(regions))


HEADS = {
    "list of columns": MultiOutputClassifier(GaussianNB()),
    "array": OneVsRestClassifier(LogisticRegression()),
    "neighbours": KNeighborsClassifier(5),
    "decisions": OneVsRestClassifier(LinearSVC()),
    "pipeline": make_pipeline(StandardScaler(), MultiLabelLogisticRegression()),
    "net": MultiLabelNet("linear", max_epochs=3, device="cpu", random_state=0),
    "prompts": TipAdapterClassifier(np.eye(4, 12)),
    "thresholds": ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2),
    "calibrated": MultiLabelCalibrator(KNeighborsClassifier(5), cv=2),
    "search": GridSearchCV(MultiLabelLogisticRegression(), {"C": [1, 10]}, cv=2),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("fit_on", ["global", "all"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_any_classifier_is_taken(head, fit_on, data):
    X, Y = data
    model = RegionClassifier(head, cv=3, fit_on=fit_on, random_state=0).fit(X, Y)
    scores = model.decision_function(X)
    assert scores.shape == Y.shape and np.isfinite(scores).all()
    np.testing.assert_array_equal(model.predict(X), scores > 0)
    assert model.classes_.tolist() == [[0, 1]] * 4
    assert model.layout_ == (12, 4)
    if isinstance(head, OneVsRestClassifier) and not hasattr(head, "predict_proba"):
        assert model.response_method_ == "decision_function"
        with pytest.raises(AttributeError, match="predict_proba") as error:
            model.predict_proba(X)
        assert "MultiLabelCalibrator" in str(error.value.__cause__)
        return
    P = model.predict_proba(X)
    assert ((P >= 0) & (P <= 1)).all()
    np.testing.assert_allclose(P, expit(scores))
    logits = "array", "pipeline", "search", "thresholds"
    expected = head in [HEADS[name] for name in logits]
    assert (model.response_method_ == "decision_function") == expected


def test_cosines_of_a_prompt_head_are_no_log_odds(data):
    """Decision values of Tip-Adapter are in units of the cosine."""
    X, Y = data
    model = RegionClassifier(TipAdapterClassifier(np.eye(4, 12)), weight=0).fit(X, Y)
    whole = model.estimator_.predict_proba(X[:, :12])
    np.testing.assert_allclose(model.predict_proba(X), whole, atol=1e-6)
    assert np.abs(model.decision_function(X) - logit(whole)).max() < 1e-4


def test_one_label_of_two_dimensions_is_taken(data):
    X, Y = data
    model = RegionClassifier(HEAD, random_state=0).fit(X, Y[:, :1])
    assert model.predict_proba(X).shape == (len(X), 1)
    assert model.score(X, Y[:, :1]) > 0.7


def test_witnesses_of_labels_are_fitted_with_their_pictures(scenes):
    """What the classifier is fitted on the second time, by the definition."""
    X, Y = scenes.draw(60, 2)
    Y[:5] = 0
    seen = []

    class Spy(MultiLabelLogisticRegression):
        def fit(self, X, y, sample_weight=None):
            seen.append((X, y, sample_weight))
            return super().fit(X, y, sample_weight)

    weight = np.arange(60) + 1.0
    model = RegionClassifier(Spy(C=10), fit_on="all", weight=1)
    model.fit(X, Y, sample_weight=weight)
    (whole, Y_whole, _), (parts, targets, weights) = seen
    first = MultiLabelLogisticRegression(C=10).fit(whole, Y_whole, weight)
    expected = []
    for row in range(60):
        regions = split_row(X[row])[1:]
        scores = first.decision_function(regions)
        witnesses = {scores[:, label].argmax() for label in np.flatnonzero(Y[row])}
        if row < 5:
            witnesses = {scores.max(axis=1).argmax()}
        for region in sorted(witnesses):
            own = (scores.argmax(axis=0) == region) | (scores[region] > 0)
            expected.append((row, regions[region], Y[row] * own))
    np.testing.assert_allclose(parts[:60], X[:, :12])
    np.testing.assert_array_equal(targets[:60], Y)
    rows, vectors, labels = map(np.array, zip(*expected, strict=True))
    np.testing.assert_allclose(parts[60:], vectors)
    np.testing.assert_array_equal(targets[60:], labels)
    np.testing.assert_array_equal(weights, np.append(weight, weight[rows]))


def test_unknown_labels_stay_unknown(scenes):
    X, Y = scenes.draw(150, 2)
    rng = np.random.default_rng(0)
    hidden = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    for fit_on in ("global", "all"):
        model = RegionClassifier(HEAD, fit_on=fit_on, random_state=0).fit(X, hidden)
        new, truth = scenes.draw(200, 2, seed=9)
        scores = model.predict_proba(new)
        assert macro_average_precision_score(truth, scores) > 0.9
        assert np.isfinite(model.score(X, hidden))
    with pytest.raises(ValueError, match=r"NaN|unknown") as error:
        RegionClassifier(OneVsRestClassifier(LogisticRegression())).fit(X, hidden)
    assert error.value


def test_labels_without_positives_or_negatives_leave_the_pictures_alone(data):
    X, Y = data
    model = RegionClassifier(HEAD, cv=3).fit(X, np.zeros_like(Y))
    assert model.weight_ == 0 and model.weight_scores_ == {}
    assert (model.predict_proba(X) < 0.5).all()
    some = Y.copy()
    some[:, 0], some[:, 1] = 0, 1
    model = RegionClassifier(HEAD, random_state=0).fit(X, some)
    assert model.weight_scores_ and np.isfinite(model.predict_proba(X)).all()


def test_rows_without_a_picture_are_scored_by_what_else_there_is(scenes):
    X, Y = scenes.draw(120, 1)
    texts = scenes.things[Y.argmax(axis=1)]
    X = np.hstack([X, texts])
    X[:20, :60] = 0
    model = RegionClassifier(HEAD, random_state=0).fit(X, Y)
    whole = np.hstack([X[:, :12], texts])
    expected = model.estimator_.decision_function(whole[:20])
    np.testing.assert_allclose(model.decision_function(X[:20]), expected)
    assert np.isfinite(model.decision_function(X)).all()
    assert model.layout_ == (12, 4)
    clone(model).set_params(fit_on="all").fit(X, Y)


def test_single_regions_that_show_nothing_are_left_out(data):
    X, Y = data
    model = RegionClassifier(HEAD, weight=1, layout=(12, 4)).fit(X, Y)
    blank = X[:10].copy()
    blank[:, 12:24] = 0
    for pooling in POOLINGS:
        model.set_params(pooling=pooling)
        found = model.decision_function(blank)
        assert np.isfinite(found).all()
        three = np.delete(blank, np.arange(12, 24), axis=1)
        scores = [
            model.estimator_.decision_function(split_row(r, 12, 3)) for r in three
        ]
        pooled = np.array([pool_by_hand(np.array(s[1:]), pooling) for s in scores])
        whole = np.array([s[0] for s in scores])
        bounds = np.sort([whole, pooled], axis=0)
        assert (found >= bounds[0] - 1e-9).all() and (found <= bounds[1] + 1e-9).all()


def test_rows_of_nan_are_refused_or_handed_on(data):
    X, Y = data
    X[3, :60] = np.nan
    with pytest.raises(ValueError, match=r"MultiLabelLogisticRegression.*row 3.*zero"):
        RegionClassifier(HEAD).fit(X, Y)
    model = RegionClassifier(HEAD).fit(X[4:], Y[4:])
    with pytest.raises(ValueError, match=r"row 3"):
        model.predict_proba(X)
    trees = OneVsRestClassifier(HistGradientBoostingClassifier(max_iter=5))
    filled = make_pipeline(SimpleImputer(keep_empty_features=True), HEAD)
    for estimator in (trees, filled, make_pipeline("passthrough", filled)):
        model = RegionClassifier(estimator, cv=2, random_state=0).fit(X, Y)
        assert np.isfinite(model.predict_proba(X)).all()
    scaled = make_pipeline(StandardScaler(), HEAD)  # which hands NaN on
    with pytest.raises(ValueError, match="NaN"):
        RegionClassifier(scaled, cv=2, random_state=0).fit(X, Y)


def test_names_of_labels_are_kept_and_their_order_checked(data):
    X, Y = data
    frame = labels_to_frame([[f"label {row.argmax()}"] for row in Y])
    model = RegionClassifier(HEAD, random_state=0).fit(X, frame)
    assert list(model.label_names_) == list(frame.columns)
    assert top_labels(model, X[:1], k=1)[0][0][0] in frame.columns
    with pytest.raises(ValueError, match="in their order"):
        model.score(X, frame[frame.columns[::-1]])
    head = HEAD.fit(X[:, :12], frame)
    with pytest.raises(ValueError, match="in their order"):
        RegionClassifier(head, cv="prefit").fit(X, frame[frame.columns[::-1]])
    model.fit(X, Y)
    assert not hasattr(model, "label_names_")


def test_sparse_targets_are_taken(data):
    X, Y = data
    model = RegionClassifier(HEAD, random_state=0)
    expected = model.fit(X, Y).predict_proba(X)
    found = model.fit(X, sparse.csr_matrix(Y)).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("fit_on", ["global", "all"])
def test_whole_weights_are_copies_of_rows(data, scenes, fit_on):
    """Rows of one thing weigh nothing, so that what is usual is that of the others."""
    several, truth = scenes.draw(60, 2, seed=5)
    X, Y = np.vstack([data[0], several]), np.vstack([data[1], truth])
    weight = np.repeat([0, 1, 3], [100, 40, 40])
    head = MultiLabelLogisticRegression(C=10, tol=1e-8)
    model = RegionClassifier(head, weight=1, fit_on=fit_on)
    weighted = clone(model).fit(X, Y, sample_weight=weight)
    rows = np.repeat(np.arange(len(X)), weight)
    copied = model.fit(X[rows], Y[rows])
    np.testing.assert_allclose(weighted.agreement_, copied.agreement_)
    expected = copied.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-6)


def test_weights_reach_the_classifier_and_the_choice(data):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    folds = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    model = RegionClassifier(HEAD, cv=folds).fit(X, Y, sample_weight=weight)
    plain = RegionClassifier(HEAD, cv=folds).fit(X, Y)
    assert model.weight_scores_ != plain.weight_scores_
    whole = clone(HEAD).fit(X[:, :12], Y, sample_weight=weight)
    np.testing.assert_allclose(model.estimator_.coef_, whole.coef_)
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        RegionClassifier(KNeighborsClassifier()).fit(X, Y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        head = clone(HEAD).set_fit_request(sample_weight=True)
        routed = RegionClassifier(head, cv=MultiLabelStratifiedGroupKFold(2))
        routed.set_fit_request(sample_weight=True)
        routed.fit(X, Y, sample_weight=weight, groups=np.arange(120) // 2)
        np.testing.assert_allclose(routed.estimator_.coef_, whole.coef_)


def test_groups_go_to_the_splitter(data):
    X, Y = data
    folds = MultiLabelStratifiedGroupKFold(3, random_state=0)
    groups = np.arange(120) // 4
    model = RegionClassifier(HEAD, cv=folds).fit(X, Y, groups=groups)
    expected = list(folds.split(X, Y, groups))
    again = RegionClassifier(HEAD, cv=expected).fit(X, Y)
    assert model.weight_scores_ == again.weight_scores_


@pytest.mark.parametrize("freeze", [False, True])
def test_fitted_classifier_is_scored_as_it_is(freeze, scenes):
    X, Y = scenes.draw(200, 1)
    head = clone(HEAD).fit(X[:100, :12], Y[:100])
    cv = 5 if freeze else "prefit"
    model = RegionClassifier(FrozenEstimator(head) if freeze else head, cv=cv)
    model.fit(X[100:], Y[100:])
    assert model.weight_scores_
    found = getattr(model.estimator_, "estimator", model.estimator_)
    assert found is head
    with pytest.raises(ValueError, match="fit_on='all'"):
        model.set_params(fit_on="all").fit(X, Y)
    model.set_params(fit_on="global")
    with pytest.raises(TypeError, match="nothing is fitted"):
        model.fit(X, Y, other=1)
    with pytest.raises(NotFittedError):
        RegionClassifier(clone(HEAD), cv="prefit").fit(X, Y)


def test_folds_are_fitted_in_parallel_to_the_same_result(data):
    X, Y = data
    pair = [
        RegionClassifier(HEAD, random_state=0, n_jobs=n).fit(X, Y) for n in (None, 2)
    ]
    assert pair[0].weight_scores_ == pair[1].weight_scores_


def test_it_stands_in_searches_pipelines_and_pickles(data):
    X, Y = data
    grid = {"pooling": POOLINGS, "estimator__C": [1, 10], "weight": ["auto", 1]}
    search = GridSearchCV(RegionClassifier(HEAD, cv=2), grid, scoring=map_scorer, cv=2)
    search.fit(X, Y)
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict_proba(X), best.predict_proba(X))
    tuned = ThresholdOptimizer(best, cv=2, random_state=0).fit(X, Y)
    assert tuned.predict(X).shape == Y.shape
    model = RegionClassifier(HEAD, random_state=0)
    found = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    assert found.shape == Y.shape


def test_frame_of_rows_is_taken_and_its_columns_checked(data):
    X, Y = data
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    model = RegionClassifier(HEAD, random_state=0).fit(frame, Y)
    assert model.n_features_in_ == 60 and model.feature_names_in_[0] == "f0"
    np.testing.assert_array_equal(
        model.predict(frame), model.predict_proba(frame) > 0.5
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="60 features"):
        RegionClassifier(HEAD).fit(X, Y).predict(X[:, :48])


def test_rows_are_scored_in_blocks(data, monkeypatch):
    from sklearn_clip._shared import _entries

    X, Y = data
    model = RegionClassifier(HEAD, fit_on="all", random_state=0)
    expected = model.fit(X, Y).decision_function(X)
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 100)
    found = model.fit(X, Y).decision_function(X)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_huge_and_infinite_decision_values_are_taken(data):
    X, Y = data

    class Margins(OneVsRestClassifier):
        def decision_function(self, X):
            scores = super().decision_function(X) * 1e4
            scores[:, 0] = np.where(scores[:, 0] > 0, np.inf, -np.inf)
            return scores

    for pooling in POOLINGS:
        model = RegionClassifier(Margins(LinearSVC()), pooling=pooling, cv=2)
        assert np.isfinite(model.fit(X, Y).decision_function(X)).all()


def test_targets_of_one_dimension_are_refused_with_a_way_out(data):
    X, Y = data
    with pytest.raises(ValueError, match=r"y\.reshape\(-1, 1\)"):
        RegionClassifier(HEAD).fit(X, Y[:, 0])


def test_identical_regions_are_as_usual_as_any():
    X, Y = make_multilabel_classification(60, 6, n_classes=3, random_state=0)
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    model = RegionClassifier(HEAD, weight=1).fit(np.tile(X, (1, 5)), Y)
    whole = model.estimator_.decision_function(X)
    np.testing.assert_allclose(model.decision_function(np.tile(X, (1, 5))), whole)
