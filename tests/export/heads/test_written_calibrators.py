import numpy as np
import pandas as pd
import pytest
from exported_heads import (
    ExportedHead,
    assert_exported_alike,
    make_problem,
    run_columns,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    ThresholdOptimizer,
)
from sklearn_clip._shared import positive_scores
from sklearn_clip.export.heads._knots import Knots

# Few rows, and labels that are constant in some folds, are the matter here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fewer"),
    pytest.mark.filterwarnings("ignore:Label"),
    pytest.mark.filterwarnings("ignore:A column-vector"),
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer"),
]

METHODS = ["identity", "temperature", "sigmoid", "beta", "isotonic", "venn-abers"]
HEADS = {
    "logistic": MultiLabelLogisticRegression(C=10),
    "net": MultiLabelNet(max_epochs=3, random_state=0),
    "one by one": OneVsRestClassifier(LogisticRegression()),
    "margins": OneVsRestClassifier(LinearSVC()),
    "neighbors": KNeighborsClassifier(5),
    "forest": RandomForestClassifier(6, max_depth=4, random_state=0),
    "perceptron": MLPClassifier((6,), max_iter=5, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), KNeighborsClassifier(4)),
    "search": GridSearchCV(MultiLabelLogisticRegression(), {"C": [1, 10]}, cv=2),
}
CONSTANT = {"none": {}, "some": {0: 0, 2: 1}, "all": {0: 0, 1: 1, 2: 0, 3: 0}}
# A classifier and its graph may be off by a few of the last digits.
ROUNDING = {"float32": 4e-6, "float64": 1e-12}


def as_identity(calibrator):
    """Leave scores as they are, as "auto" may do."""
    calibrator.method_ = "identity"
    return calibrator


def calibrate(method, head, X, Y, **params):
    if method == "identity":
        calibrator = MultiLabelCalibrator(head, method="sigmoid", **params)
        return as_identity(calibrator.fit(X, Y))
    return MultiLabelCalibrator(head, method=method, **params).fit(X, Y)


class ShiftedScores:
    """A classifier whose scores are a little off."""

    def __init__(self, scores, response, shift):
        size = 1.0 if response == "predict_proba" else np.maximum(1, np.abs(scores))
        scores = scores + shift * size
        setattr(self, response, lambda X: scores)


def assert_calibrated_alike(calibrator, X, precision="float32"):
    """Check a graph against its calibrator, but for the rounding of scores.

    A map may be as steep as it likes. So what the graph says has to lie among what the
    calibrator says of scores that are off by rounding; and where it makes no
    difference, within 1e-5.
    """
    X = X.astype(np.float32)
    exported = ExportedHead(calibrator, X.shape[1])
    found, labels = exported(X)
    expected = calibrator.predict_proba(X)
    response = calibrator.response_method_
    scores, _ = positive_scores(
        calibrator.estimator_, X, calibrator.n_labels_, method=response
    )
    low, high = expected, expected
    whole = calibrator.estimator_
    rounding = ROUNDING[precision]
    for shift in (-rounding, -rounding / 8, rounding / 8, rounding):
        calibrator.estimator_ = ShiftedScores(scores, response, shift)
        shifted = calibrator.predict_proba(X)
        low, high = np.minimum(low, shifted), np.maximum(high, shifted)
    calibrator.estimator_ = whole
    assert found.dtype == np.float32
    assert (found >= low - 1e-5).all()
    assert (found <= high + 1e-5).all()
    clear = (low > 0.5) == (high > 0.5)
    np.testing.assert_array_equal(labels[clear], calibrator.predict(X)[clear] == 1)
    # Nearly everywhere rounding makes no difference.
    assert (np.abs(found - expected) < 1e-5).mean() > 0.95
    return exported.written


@pytest.fixture(scope="module")
def problem():
    X, Y = make_problem(n_labels=4)
    return X.astype(np.float64), Y


@pytest.mark.parametrize("constant", CONSTANT)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", HEADS)
def test_calibrated_head_says_the_same(name, method, constant, problem):
    X, Y = problem
    Y = Y.copy()
    for label, value in CONSTANT[constant].items():
        Y[:, label] = value
    calibrator = calibrate(method, HEADS[name], X, Y, cv=3, random_state=0)
    rows = np.vstack([X, 3 * X[::2]]).astype(np.float32)
    written = assert_calibrated_alike(calibrator, rows)
    assert written.response == "predict_proba"
    assert (written.thresholds == 0.5).all()
    assert not any(written.rules.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "head",
    [HEADS["one by one"], HEADS["margins"], HEADS["neighbors"], HEADS["forest"]],
    ids=["one by one", "margins", "neighbors", "forest"],
)
@pytest.mark.parametrize("shrinkage", [None, 0.0, 3.0, np.inf], ids=str)
def test_heads_of_float64_say_the_same_to_their_last_digits(
    head, method, shrinkage, problem
):
    X, Y = problem
    params = {"shrinkage": shrinkage, "cv": 3, "random_state": 0}
    calibrator = calibrate(method, head, X, Y, **params)
    # Two sums of the same shares, in other orders, may be two scores with a step in
    # between: the graph takes them for one.
    assert_calibrated_alike(calibrator, np.vstack([X, 3 * X]), "float64")


@pytest.mark.parametrize("method", ["isotonic", "venn-abers"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["single", "double"])
@pytest.mark.parametrize("name", ["logistic", "perceptron", "margins", "forest"])
def test_rows_at_the_knots_say_the_same(name, dtype, method, problem):
    # The rows that the maps were learnt on, by the classifier that is kept: each of
    # them is at a knot, where the maps jump or turn.
    X, Y = (part.astype(dtype) for part in make_problem(3, n=400, n_labels=4))
    head = HEADS[name].fit(X[:150], Y[:150])
    calibrator = calibrate(method, FrozenEstimator(head), X[150:], Y[150:])
    single = {"logistic", "perceptron"}
    assert_calibrated_alike(
        calibrator, X[150:], "float32" if name in single else "float64"
    )


@pytest.mark.parametrize("method", METHODS)
def test_unknown_targets_and_labels_say_the_same(method, problem):
    X, Y = problem
    rng = np.random.default_rng(0)
    Y = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    Y[:, 1] = np.nan
    Y[np.flatnonzero(Y[:, 2] == 1), 2] = np.nan
    head = FrozenEstimator(KNeighborsClassifier(6).fit(*problem))
    calibrator = calibrate(method, head, X, Y)
    if method in ("isotonic", "venn-abers"):
        assert len(calibrator.knots_[1]) == 0
        assert calibrator.own_weight_[1] == 0
    assert_exported_alike(calibrator, np.vstack([X, 3 * X]))
    learning = MultiLabelLogisticRegression()
    calibrator = calibrate(method, learning, X, Y, cv=2, random_state=0)
    assert_calibrated_alike(calibrator, X.astype(np.float32))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows_say_the_same(method, n, problem):
    X, Y = problem
    frozen = FrozenEstimator(RandomForestClassifier(4, random_state=0).fit(X, Y))
    assert_exported_alike(calibrate(method, frozen, X[:n], Y[:n]), X)
    calibrator = calibrate(method, frozen, X[:n], Y[:n, :4], shrinkage=None)
    assert_exported_alike(calibrator, X)


def test_one_label_says_the_same(problem):
    X, Y = problem
    for head in (HEADS["one by one"], HEADS["margins"], HEADS["neighbors"]):
        for method in METHODS:
            calibrator = calibrate(method, head, X, Y[:, :1], cv=3, random_state=0)
            assert assert_exported_alike(calibrator, X).n_labels == 1


@pytest.mark.parametrize("head", [HEADS["neighbors"], DummyClassifier()], ids=repr)
def test_chosen_method_says_the_same(head, problem):
    X, Y = problem
    assert_exported_alike(MultiLabelCalibrator(head, random_state=0).fit(X, Y), X)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "rules",
    [{}, {"max_labels": 1, "at_least_one": True}, {"strategy": "global"}],
    ids=str,
)
def test_thresholds_around_a_calibrator_say_the_same(method, rules, problem):
    X, Y = problem
    for head in (HEADS["forest"], HEADS["margins"]):
        calibrator = calibrate(method, head, X, Y, cv=2, random_state=0)
        model = ThresholdOptimizer(calibrator, cv="prefit", **rules).fit(X, Y)
        rows = np.vstack([X, 3 * X])
        written = assert_exported_alike(model, rows)
        np.testing.assert_array_equal(written.thresholds, model.thresholds_)
        pipeline = make_pipeline(StandardScaler().fit(X), FrozenEstimator(model))
        # Not fitted on what the scaler gives, which is no matter here.
        assert_exported_alike(pipeline, rows)


@pytest.mark.parametrize("method", METHODS)
def test_rules_inside_a_calibrator_are_none_of_its_own(method, problem):
    X, Y = problem
    inner = ThresholdOptimizer(HEADS["neighbors"], cv=2, max_labels=1)
    calibrator = calibrate(method, inner, X, Y, cv=2, random_state=0)
    written = assert_exported_alike(calibrator, X)
    assert not any(written.rules.values())


def test_names_are_kept_through_a_calibrator(problem):
    X, Y = problem
    table = pd.DataFrame(Y, columns=["a", "b", "c", "d"])
    model = ThresholdOptimizer(
        MultiLabelCalibrator(HEADS["neighbors"], cv=2, random_state=0), cv=2
    ).fit(X, table)
    assert assert_exported_alike(model, X).label_names == ["a", "b", "c", "d"]


def test_graph_grows_with_the_digits_of_the_knots_alone(problem):
    X, _ = problem
    sizes = []
    for n_labels in (2, 40):
        Y = make_problem(n_labels=n_labels)[1]
        calibrator = calibrate("venn-abers", HEADS["forest"], X, Y, cv=2)
        graph = ExportedHead(calibrator, X.shape[1]).model.graph
        sizes.append(sum(node.op_type == "Gather" for node in graph.node))
    assert max(sizes) - min(sizes) < 20


def test_unknown_method_is_refused(problem):
    X, Y = problem
    calibrator = calibrate("sigmoid", HEADS["neighbors"], X, Y, cv=2)
    calibrator.method_ = "spline"
    with pytest.raises(ValueError, match="unknown method, 'spline'.*method='auto'"):
        ExportedHead(calibrator, X.shape[1])


NUMBERS = st.sampled_from([-3.0, -1.0, -0.5, 0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 2.0])


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(0, 6), st.booleans())
def test_knots_are_found_as_numpy_finds_them(data, width, n, one_for_all):
    lists = [
        np.sort(data.draw(st.lists(NUMBERS, min_size=1, max_size=10, unique=True)))
        for _ in range(1 if one_for_all else width)
    ]
    row = st.lists(NUMBERS, min_size=width, max_size=width)
    scores = data.draw(st.lists(row, min_size=n, max_size=n))
    scores = np.array(scores, dtype=np.float32).reshape(n, width)
    lists = [np.asarray(knots, dtype=np.float32) for knots in lists]
    values = [np.arange(len(knots)) ** 2.0 for knots in lists]
    columns = list(zip(scores.T, lists * width, values * width, strict=False))
    knots = Knots(lists)
    for equal, side in ((True, "right"), (False, "left")):
        found = run_columns(
            scores,
            lambda array, e=equal: knots.count(array.cast(np.float64), equal=e),
        )
        for column, (s, x, _) in zip(found.T, columns, strict=True):
            np.testing.assert_array_equal(column, np.searchsorted(x, s, side=side))
    found = run_columns(scores, lambda array: knots.interpolate(array, values))
    for column, (s, x, y) in zip(found.T, columns, strict=True):
        np.testing.assert_allclose(column, np.interp(s, x, y), rtol=1e-6)


def test_scores_off_by_rounding_are_moved_onto_the_nearest_knot():
    x = np.array([1e-6, 0.25, 0.5, 1.0], dtype=np.float32)
    knots = Knots([x])
    near = np.concatenate([x, np.nextafter(x, np.float32(0)), np.nextafter(x, 9)])
    near = near.astype(np.float32)[:, None]
    found = run_columns(near, lambda array: knots.snap(array, relative=True))
    np.testing.assert_array_equal(found.ravel(), np.tile(x, 3))
    far = np.array([[0.0], [2e-6], [0.2501], [0.49], [0.9999], [3.0]], np.float32)
    found = run_columns(far, lambda array: knots.snap(array, relative=True))
    np.testing.assert_array_equal(found, far)
    found = run_columns(-far, lambda array: knots.snap(array, relative=False))
    np.testing.assert_array_equal(found, -far)
