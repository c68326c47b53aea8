import numpy as np
import pandas as pd
import pytest
from exported_heads import ExportedHead, assert_exported_alike, make_problem
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_clip import (
    LabelSetClassifier,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    PrecomputedScores,
    RejectOptionClassifier,
    ThresholdOptimizer,
)
from sklearn_clip.export import to_onnx


class Halved(MultiLabelLogisticRegression):
    def predict_proba(self, X):
        return super().predict_proba(X) / 2


class Cautious(MultiLabelLogisticRegression):
    def predict(self, X):
        return (self.predict_proba(X) > 0.9).astype(int)


class Shouting:
    def decision_function(self, X):
        return 2 * super().decision_function(X)


class Mixed(Shouting, LogisticRegression):
    pass


class Logged(LogisticRegression):
    """A subclass that predicts as its base does."""

    def __init__(self, C=1.0, *, name="run"):
        super().__init__(C=C)
        self.name = name

    def fit(self, X, y, sample_weight=None):
        self.n_seen_ = len(X)
        return super().fit(X, y, sample_weight)

    def describe(self):
        return f"{self.name}: {self.n_seen_} rows"


def inverse(distances):
    return 1 / (1 + distances)


def linear_kernel(X, Z):
    return X @ Z.T


MEMBERS = [("a", LogisticRegression()), ("b", LogisticRegression(C=2))]


def over(member):
    return OneVsRestClassifier(member)


@pytest.fixture(scope="module")
def problem():
    return make_problem(n_labels=3)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (over(VotingClassifier(MEMBERS)), "VotingClassifier has no form in ONNX here"),
        (over(StackingClassifier(MEMBERS, cv=2)), "StackingClassifier has no form"),
        (over(BaggingClassifier(n_estimators=2)), "BaggingClassifier has no form"),
        (over(LinearRegression()), "LinearRegression has regressors for classifiers"),
        (
            Halved(),
            "Halved has predict_proba of its own in place of that of MultiLabel",
        ),
        (Cautious(), "Cautious has predict of its own"),
        (over(Mixed()), "Mixed has decision_function of its own in place of that of L"),
        (KNeighborsClassifier(weights=inverse), "weighs by a function of its own"),
        (KNeighborsClassifier(metric="manhattan"), "has the metric 'manhattan'"),
        (KNeighborsClassifier(p=1), "has the metric 'manhattan'"),
        (KNeighborsClassifier(p=3), "has the metric 'minkowski' with {'p': 3}"),
        (
            KNeighborsClassifier(metric="cosine", weights="distance"),
            "metric='euclidean' instead, behind a Normalizer",
        ),
        (MultiOutputClassifier(LinearSVC()), "with CalibratedClassifierCV.LinearSVC"),
        (MultiOutputClassifier(Perceptron()), "neither probabilities nor decision v"),
        (over(SVC(kernel=linear_kernel)), "SVC has a kernel of its own"),
        (DummyClassifier(strategy="stratified"), "draws its answers by chance"),
        (DummyClassifier(strategy="uniform"), "draws its answers by chance"),
        (
            over(GradientBoostingClassifier(n_estimators=2, init=LogisticRegression())),
            "Got init=LogisticRegression",
        ),
        (
            over(HistGradientBoostingClassifier(max_iter=2, categorical_features=[0])),
            "categorical features",
        ),
    ],
    # Without the addresses of functions, which are others in each process.
    ids=lambda value: " ".join(repr(value).split()).partition(" at 0x")[0][:60],
)
def test_head_without_a_form_is_refused(head, reason, problem):
    X, Y = problem
    if "categorical" in reason:
        X = np.round(X) % 3
    head.fit(X, Y)
    for model in (head, ThresholdOptimizer(head, cv="prefit")):
        if model is not head:
            if not any(
                hasattr(head, m) for m in ("predict_proba", "decision_function")
            ):
                continue
            model.fit(X, Y)
        with pytest.raises(ValueError, match=f"^The step 'head' cannot be e.*{reason}"):
            ExportedHead(model, X.shape[1], where="The step 'head'")


@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_probabilities_of_libsvm_are_refused(problem):
    X, Y = problem
    model = OneVsRestClassifier(SVC(probability=True, random_state=0)).fit(X, Y)
    with pytest.raises(ValueError, match="probability=False instead, in a Calibrated"):
        ExportedHead(model, X.shape[1])


def test_constant_label_in_a_chain_is_refused(problem):
    X, Y = problem
    Y = Y.copy()
    Y[:, 1] = 0
    chain = ClassifierChain(DecisionTreeClassifier(), order=[2, 1, 0]).fit(X, Y)
    with pytest.raises(ValueError, match=r"label 1 of .*ConstantSafeClassifier.Decis"):
        ExportedHead(chain, X.shape[1])


@pytest.mark.parametrize(
    "head",
    [
        LogisticRegression(),
        DecisionTreeClassifier(),
        KNeighborsClassifier(),
        MLPClassifier((3,), max_iter=2),
        RandomForestClassifier(2),
        MultiLabelLogisticRegression(),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        DummyClassifier(),
    ],
    ids=lambda head: type(head).__name__,
)
@pytest.mark.parametrize("names", [["no", "yes"], [1, 2]], ids=str)
def test_classes_that_are_no_labels_are_refused(head, names, problem):
    X, Y = problem
    y = np.array(names)[Y[:, 0]]
    with pytest.raises(ValueError, match="was fitted on the classes .*labels_to_frame"):
        ExportedHead(head.fit(X, y), X.shape[1])


@pytest.mark.parametrize(
    "head",
    [
        LogisticRegression(),
        LinearSVC(),
        RidgeClassifier(),
        MLPClassifier((3,), max_iter=2),
        KNeighborsClassifier(),
        RandomForestClassifier(2),
        over(LogisticRegression()),
        Pipeline([("scale", StandardScaler()), ("head", LogisticRegression())]),
    ],
    ids=lambda head: type(head).__name__,
)
def test_classes_of_which_a_row_has_one_are_refused(head, problem):
    X, Y = problem
    y = Y[:, 0] + Y[:, 1]
    with pytest.raises(ValueError, match=r"fitted on (the|3) classes"):
        ExportedHead(head.fit(X, y), X.shape[1])


def test_tuned_subclass_that_predicts_as_its_base_is_written(problem):
    X, Y = problem
    assert_exported_alike(OneVsRestClassifier(Logged(C=3)).fit(X, Y), X)


def test_predict_that_was_put_on_an_instance_is_refused(problem):
    X, Y = problem
    model = MultiLabelLogisticRegression().fit(X, Y)
    model.predict = lambda X: np.ones((len(X), 3), dtype=int)
    with pytest.raises(ValueError, match="has predict of its own"):
        ExportedHead(model, X.shape[1])


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(MultiLabelLogisticRegression(), {"C": [1, 10]}, cv=2),
        RandomizedSearchCV(
            MultiLabelLogisticRegression(), {"C": [1, 10]}, n_iter=2, cv=2
        ),
        OneVsRestClassifier(
            HalvingGridSearchCV(LogisticRegression(), {"C": [1, 10]}, cv=2)
        ),
    ],
    ids=lambda search: type(search).__name__,
)
def test_searches_say_the_same(search, problem):
    assert_exported_alike(search.fit(*problem), problem[0])


def test_head_of_another_width_is_refused(problem):
    X, Y = problem
    model = MultiLabelLogisticRegression().fit(X, Y)
    with pytest.raises(ValueError, match="fitted on rows of 12 features, and gets 5"):
        ExportedHead(model, 5)


@pytest.mark.parametrize("names", [[1, "1"], ["('a', 2)", ("a", 2)]])
def test_names_that_are_one_text_are_refused(names, problem):
    X, Y = problem
    columns = pd.Index(names, dtype=object, tupleize_cols=False)
    targets = pd.DataFrame(Y[:, :2], columns=columns)
    model = MultiLabelLogisticRegression().fit(X, targets)
    with pytest.raises(ValueError, match=r"differ as texts.*\(labels 0 and 1\)\. Fit"):
        ExportedHead(model, X.shape[1])


def test_search_without_a_best_estimator_is_refused(problem):
    X, Y = problem
    model = MultiLabelLogisticRegression()
    search = GridSearchCV(model, {"C": [1, 10]}, cv=2, refit=False).fit(X, Y)
    with pytest.raises(ValueError, match="GridSearchCV with refit=False"):
        ExportedHead(search, X.shape[1])


@pytest.mark.parametrize("answers", [RejectOptionClassifier, LabelSetClassifier])
@pytest.mark.parametrize("within", ["alone", "pipeline", "thresholds", "calibrator"])
@pytest.mark.filterwarnings("ignore:No cut", "ignore:Rows to choose")
def test_answers_that_may_be_open_are_refused(answers, within, problem):
    X, Y = problem
    model = answers(MultiLabelLogisticRegression(), random_state=0).fit(X, Y)
    around = {
        "alone": model,
        "pipeline": Pipeline([("same", "passthrough"), ("answers", model)]),
        "thresholds": ThresholdOptimizer(model, cv="prefit"),
        "calibrator": MultiLabelCalibrator(model, cv="prefit", method="sigmoid"),
    }[within]
    if within in ("thresholds", "calibrator"):
        around.fit(X, Y)
    reason = f"cannot be exported: {answers.__name__} may leave an answer open, as NaN"
    with pytest.raises(ValueError, match=f"{reason}.*estimator_.*ThresholdOptimizer"):
        ExportedHead(around, X.shape[1])
    # Both ways out are ways out.
    assert_exported_alike(model.estimator_, X)
    assert_exported_alike(
        ThresholdOptimizer(model.estimator_, cv="prefit").fit(X, Y), X
    )


def test_calibrator_that_predicts_its_own_way_is_refused(problem):
    class Bold(MultiLabelCalibrator):
        def predict(self, X):
            return (self.predict_proba(X) > 0.3).astype(int)

    X, Y = problem
    model = Bold(MultiLabelLogisticRegression(), cv=2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="Bold has predict of its own in place of"):
        ExportedHead(model, X.shape[1])


@pytest.mark.parametrize(
    "wrap", [lambda e: e, ThresholdOptimizer, MultiLabelCalibrator], ids=["", "t", "c"]
)
def test_scores_without_their_classifier_are_refused(wrap, problem, tmp_path):
    _, Y = problem
    given = wrap(PrecomputedScores()).fit(np.clip(Y, 0.1, 0.9), Y)
    words = r"holds no classifier.*set_thresholds\(tuned.thresholds_\)"
    with pytest.raises(ValueError, match=words):
        ExportedHead(given, Y.shape[1])
    with pytest.raises(TypeError, match=words):
        to_onnx(given, tmp_path / "tagger.onnx")


def test_calibrator_of_what_has_no_form_is_refused(problem):
    X, Y = problem
    head = over(VotingClassifier(MEMBERS, voting="soft"))
    model = MultiLabelCalibrator(head, cv=2, method="sigmoid", random_state=0)
    with pytest.raises(ValueError, match="VotingClassifier has no form in ONNX here"):
        ExportedHead(model.fit(X, Y), X.shape[1])


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"average": "samples"}, "no thresholds .* decision='cut' and exactly_k=None"),
        ({"average": "samples", "set_sizes": "learnt"}, "no thresholds where"),
        ({"exactly_k": 1}, "no thresholds where"),
        ({"decision": "expected", "transductive": True}, "transductive=False instead"),
    ],
    ids=["sets", "learnt sets", "exactly k", "transductive"],
)
def test_decisions_without_thresholds_of_their_own_are_refused(params, reason, problem):
    X, Y = problem
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2, **params)
    with pytest.raises(ValueError, match=reason):
        ExportedHead(tuned.fit(X, Y), X.shape[1])


@pytest.mark.parametrize(
    ("average", "decision"),
    [
        ("macro", "expected"),
        ("micro", "cut"),
        ("micro", "expected"),
        ("samples", "cut"),
    ],
)
def test_thresholds_are_written_however_they_were_found(average, decision, problem):
    X, Y = problem
    tuned = ThresholdOptimizer(
        MultiLabelLogisticRegression(), cv=2, average=average, decision=decision
    )
    assert_exported_alike(tuned.fit(X, Y), X)
