"""What ThresholdOptimizer takes: rows, targets, scores and parameters of every form."""

import numpy as np
import pandas as pd
import pytest
from odd_classifiers import Odd, RecordingClassifier
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_clip import top_labels
from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.thresholds import RejectOptionClassifier, ThresholdOptimizer


class RowsToArray(TransformerMixin, BaseEstimator):
    """Reads rows that are dicts or tuples, as a featurizer does."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        assert isinstance(X, list)
        get = (lambda r: r["x"]) if isinstance(X[0], dict) else (lambda r: r[1])
        return np.array([get(row) for row in X])


def test_held_out_fraction_keeps_the_estimator_without_refit(data):
    X, Y = data
    log = []
    tuned = ThresholdOptimizer(RecordingClassifier(log), cv=0.2, random_state=0)
    assert tuned.fit(X, Y).threshold_std_ == pytest.approx([np.nan] * 4, nan_ok=True)
    assert [entry[0] for entry in log] == [120, 150]
    log.clear()
    kept = clone(tuned).set_params(refit=False).fit(X, Y)
    assert [entry[0] for entry in log] == [120]
    np.testing.assert_array_equal(kept.thresholds_, tuned.thresholds_)


def test_columns_in_another_order_than_the_classifier_learnt_are_refused(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcd"))
    other = Y[list("abdc")]
    head = MultiLabelLogisticRegression().fit(X, Y)
    tuned = ThresholdOptimizer(head, cv="prefit").fit(X, Y)
    for call in (tuned.fit, tuned.score):
        with pytest.raises(ValueError, match=r"\['d'\] instead of \['c'\] .column 2"):
            call(X, other)
    assert tuned.score(X, Y) == tuned.score(X, Y.to_numpy())


def test_names_of_features_go_with_the_frame_they_came_from(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, cv=2)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    assert len(tuned.fit(frame, Y).feature_names_in_) == X.shape[1]
    assert not hasattr(tuned.fit(X, Y), "feature_names_in_")


def test_thresholds_of_a_series_go_by_name(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcd"))
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2).fit(X, Y)
    thresholds = pd.Series({"d": 0.9, "a": 0.1, "b": 0.5, "c": 0.4})
    assert tuned.set_thresholds(thresholds).thresholds_.tolist() == [0.1, 0.5, 0.4, 0.9]
    unnamed = pd.Series([0.2, 0.3, 0.4, 0.5])
    assert tuned.set_thresholds(unnamed).thresholds_.tolist() == unnamed.tolist()


@pytest.mark.parametrize("form", ["dicts", "tuples"])
def test_rows_reach_a_pipeline_as_they_are(data, form):
    X, Y = data
    rows = {
        "dicts": [{"x": row} for row in X],
        "tuples": [("a.jpg", row) for row in X],
    }[form]
    head = OneVsRestClassifier(LogisticRegression(max_iter=1000))
    pipe = make_pipeline(RowsToArray(), StandardScaler(), head)
    tuned = ThresholdOptimizer(pipe, cv=3, random_state=0).fit(rows, Y)
    plain = ThresholdOptimizer(pipe[1:], cv=3, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(tuned.predict(rows), plain.predict(X))


def test_object_arrays_and_sparse_rows_work(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, Y)
    same = clone(tuned).fit(sparse.coo_matrix(X), Y)
    np.testing.assert_allclose(same.thresholds_, tuned.thresholds_, atol=1e-4)
    rows = np.empty(150, dtype=object)
    rows[:] = list(np.clip(X / 2, 0, 1))
    assert ThresholdOptimizer(RecordingClassifier()).fit(rows, Y).best_score_ > 0


def test_frames_keep_their_names(data, logistic):
    X, Y = data
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(8)])
    labels = pd.DataFrame(Y, columns=["cat", "dog", "cow", "hen"], index=range(9, 159))
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(frame, labels)
    assert tuned.label_names_.tolist() == ["cat", "dog", "cow", "hen"]
    assert tuned.feature_names_in_.tolist() == frame.columns.tolist()
    assert tuned.n_features_in_ == 8
    plain = clone(tuned).fit(X, Y)
    np.testing.assert_allclose(tuned.thresholds_, plain.thresholds_)
    assert not hasattr(plain, "label_names_")
    assert not hasattr(tuned.fit(X, Y), "label_names_")
    assert tuned.score(X, labels) == plain.score(X, Y)


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_matrix,
        sparse.csr_array,
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype(np.float32),
        lambda Y: Y.tolist(),
        lambda Y: Y.astype(object),
        lambda Y: pd.DataFrame(Y).astype("boolean"),
    ],
    ids=["matrix", "sparse_array", "bool", "float32", "list", "object", "nullable"],
)
def test_targets_of_every_form_give_the_same_thresholds(data, logistic, form):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, cv=2, random_state=0).fit(X, Y)
    same = clone(tuned).fit(X, form(Y))
    np.testing.assert_array_equal(tuned.thresholds_, same.thresholds_)
    assert tuned.score(X, form(Y)) == tuned.score(X, Y)


def test_one_dimensional_targets_are_refused_with_the_way_out(data, logistic):
    X, Y = data
    with pytest.raises(ValueError, match="ThresholdOptimizer.OneVsRestClassifier"):
        ThresholdOptimizer(logistic).fit(X, Y[:, 0])
    inside_out = OneVsRestClassifier(ThresholdOptimizer(LogisticRegression()))
    with pytest.raises(ValueError, match="wrap it inside and the thresholds outside"):
        inside_out.fit(X, Y)


@pytest.mark.parametrize("bad, shown", [(np.inf, "inf"), (2, "2.0"), (0.5, "0.5")])
def test_other_values_in_targets_are_refused_by_place(data, logistic, bad, shown):
    X, Y = data[0], data[1].astype(float)
    Y[12, 3] = bad
    with pytest.raises(ValueError, match=rf"Got {shown} \(row 12, column 3\)"):
        ThresholdOptimizer(logistic).fit(X, Y)
    frame = pd.DataFrame(Y, columns=["cat", "dog", "cow", "hen"])
    with pytest.raises(ValueError, match=r"row 12, column 3, label 'hen'"):
        ThresholdOptimizer(logistic).fit(X, frame)


def test_text_in_targets_is_refused(logistic):
    X = np.zeros((2, 1))
    words = pd.DataFrame([[1, 0], ["cat", 1]])
    with pytest.raises(ValueError, match=r"Got 'cat' \(row 1, column 0, label 0\)"):
        ThresholdOptimizer(logistic).fit(X, words)
    with pytest.raises(ValueError, match="at least one known label. Got NaN only"):
        ThresholdOptimizer(logistic).fit(X, [[None, np.nan], [None, None]])


def test_rows_and_targets_must_agree(data, logistic):
    X, Y = data
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ThresholdOptimizer(logistic).fit(X, Y[:-1])
    tuned = ThresholdOptimizer(logistic).fit(X, Y)
    with pytest.raises(ValueError, match=r"y must have shape \(150, 4\)"):
        tuned.score(X, Y[:, :3])


def test_empty_targets_are_refused(logistic):
    with pytest.raises(ValueError, match="at least one row and one label"):
        ThresholdOptimizer(logistic).fit(np.zeros((3, 1)), np.zeros((3, 0)))


def test_scores_of_another_shape_or_nan_are_refused(data):
    with pytest.raises(ValueError, match=r"one score per row and label.* 4 labels"):
        ThresholdOptimizer(Odd(lambda n: np.zeros((n, 2, 4)))).fit(*data)
    with pytest.raises(ValueError, match=r"must not give NaN.*row 0, column 0"):
        ThresholdOptimizer(Odd(lambda n: np.full((n, 4), np.nan))).fit(*data)


def test_lists_without_classes_take_the_last_column(data):
    X, Y = data
    pairs = Odd(lambda n: [np.tile([0.8, 0.2], (n, 1))] * 4)
    tuned = ThresholdOptimizer(pairs).fit(X, Y)
    assert (tuned.predict_proba(X) == 0.2).all()


def test_estimator_without_scores_is_refused(data):
    with pytest.raises(ValueError, match="'estimator' parameter of ThresholdOptimizer"):
        ThresholdOptimizer(MultiOutputClassifier(LinearSVC())).fit(*data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "auc"},
        {"average": "binary"},
        {"strategy": "top"},
        {"beta": -1},
        {"min_precision": 0},
        {"min_recall": 1.1},
        {"confidence": 1.0},
        {"at_least_one": 1.5},
        {"max_labels": 0},
        {"shrinkage": -1},
        {"shrinkage": "much"},
        {"cv": 1.5},
        {"cv": "none"},
        {"refit": "yes"},
    ],
    ids=str,
)
def test_parameters_are_checked(data, logistic, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"The '{name}' parameter of Threshold"):
        ThresholdOptimizer(logistic, **wrong).fit(*data)


def test_set_thresholds_overrides_by_array_and_by_name(data, logistic):
    X, Y = data
    labels = pd.DataFrame(Y, columns=["cat", "dog", "cow", "hen"])
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, labels)
    before = tuned.thresholds_.copy()
    assert tuned.set_thresholds(tuned.thresholds_) is tuned
    tuned.set_thresholds({"dog": 0.0, "hen": np.inf})
    assert tuned.predict(X)[:, 1].all()
    assert not tuned.predict(X)[:, 3].any()
    assert tuned.thresholds_[[0, 2]].tolist() == before[[0, 2]].tolist()
    with pytest.raises(ValueError, match="must be label names. Got 'cow '"):
        tuned.set_thresholds({"cow ": 0.5})


def test_polars_frames_keep_their_names(data, logistic):
    pl = pytest.importorskip("polars")
    X, Y = data
    names = ["cat", "dog", "cow", "hen"]
    tuned = ThresholdOptimizer(logistic, random_state=0)
    tuned.fit(pl.DataFrame(X), pl.DataFrame(Y, schema=names))
    assert tuned.label_names_.tolist() == names
    same = clone(tuned).fit(X, Y)
    np.testing.assert_allclose(tuned.thresholds_, same.thresholds_)


def test_float32_scores_are_cut_as_they_were_counted():
    rng = np.random.default_rng(0)
    X = rng.random((200, 3)).astype(np.float32)
    Y = (rng.random((200, 3)) < X).astype(int)
    prefit = RecordingClassifier().fit(X, Y)
    tuned = ThresholdOptimizer(prefit, cv="prefit").fit(X, Y)
    assert tuned.score(X, Y) == tuned.best_score_


@pytest.mark.filterwarnings("ignore:Label not 0 is present:UserWarning")
@pytest.mark.parametrize("piped", [False, True])
def test_first_label_without_positives_in_a_fold_is_scored_by_decisions(data, piped):
    """OneVsRestClassifier then says that it has predict_proba, and has not."""
    X, Y = data
    Y = np.array(Y)
    Y[:, 0] = 0
    head = OneVsRestClassifier(LinearSVC())
    model = ThresholdOptimizer(make_pipeline(head) if piped else head, cv=2)
    model.fit(X, Y)
    assert model.response_method_ == "decision_function"
    assert model.predict(X).shape == Y.shape
    names = [f"label {number}" for number in range(Y.shape[1])]
    assert len(top_labels(head.fit(X, Y), X, k=1, label_names=names)) == len(X)


def test_score_tells_of_rows_in_another_order(data):
    X, Y = pd.DataFrame(data[0]), pd.DataFrame(data[1], columns=list("abcd"))
    head = MultiLabelLogisticRegression().fit(X, Y)
    tuned = ThresholdOptimizer(head, cv="prefit").fit(X, Y)
    answers = RejectOptionClassifier(head, cv="prefit", min_precision=0.5, min_npv=0.5)
    for fitted in (head, tuned, answers.fit(X, Y)):
        with pytest.warns(UserWarning, match="X and y have the same index in another"):
            fitted.score(X, Y.iloc[::-1])
