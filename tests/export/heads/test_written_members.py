import warnings

import numpy as np
import pytest
from exported_heads import ExportedHead, assert_exported_alike, make_problem
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_clip import ConstantSafeClassifier, ThresholdOptimizer

# Five epochs are enough to be other than the start.
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

WITH_PROBABILITIES = {
    "logistic": LogisticRegression(C=10),
    "no intercept": LogisticRegression(fit_intercept=False),
    "sgd log loss": SGDClassifier(loss="log_loss", alpha=0.1, random_state=0),
    "sgd huber": SGDClassifier(loss="modified_huber", alpha=0.1, random_state=0),
    "discriminant": LinearDiscriminantAnalysis(),
    "bayes": GaussianNB(),
    "neighbors": KNeighborsClassifier(),
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "forest": RandomForestClassifier(6, max_depth=4, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=4, random_state=0),
    "exponential boosting": GradientBoostingClassifier(
        n_estimators=4, loss="exponential", random_state=0
    ),
    "boosting from zero": GradientBoostingClassifier(
        n_estimators=4, init="zero", random_state=0
    ),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=4, random_state=0),
    "perceptron": MLPClassifier((6,), max_iter=5, random_state=0),
    "constant shares": DummyClassifier(),
    "sigmoid": CalibratedClassifierCV(LinearSVC(), cv=2),
    "isotonic": CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2),
    "isotonic of one": CalibratedClassifierCV(
        LogisticRegression(), method="isotonic", cv=2, ensemble=False
    ),
    "isotonic probabilities": CalibratedClassifierCV(
        KNeighborsClassifier(), method="isotonic", cv=2
    ),
    "fixed cut": FixedThresholdClassifier(LogisticRegression(), threshold=0.3),
    "tuned cut": TunedThresholdClassifierCV(LogisticRegression(), cv=2),
    "cut of zero": FixedThresholdClassifier(
        LogisticRegression(), threshold=0.3, pos_label=0
    ),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
}
DECISIONS_ALONE = {
    "svm": LinearSVC(),
    "svm without intercept": LinearSVC(fit_intercept=False),
    "ridge": RidgeClassifier(),
    "hinge": SGDClassifier(random_state=0),
    "perceptron rule": Perceptron(random_state=0),
    "rbf": SVC(),
    "linear kernel": SVC(kernel="linear"),
    "polynomial": SVC(kernel="poly", degree=2, coef0=0.5),
    "sigmoid kernel": SVC(kernel="sigmoid"),
    "nu": NuSVC(nu=0.1),
    "fixed decision": FixedThresholdClassifier(LinearSVC(), threshold=0.2),
}
SAFE = {"logistic", "neighbors", "histogram boosting", "isotonic", "fixed cut"}


@pytest.fixture(scope="module")
def problem():
    # float64, in which scikit-learn and the graph both compute then.
    X, Y = make_problem(n_labels=4)
    return X.astype(np.float64), Y


@pytest.fixture(scope="module")
def rows(problem):
    """Rows of training, and others far from them."""
    X, _ = problem
    return np.vstack([X, 3 * X[::2]]).astype(np.float32)


def members(kinds, chosen=None):
    names = [name for name in kinds if chosen is None or name in chosen]
    return pytest.mark.parametrize(
        "member", [kinds[name] for name in names], ids=list(names)
    )


@members(WITH_PROBABILITIES | DECISIONS_ALONE)
def test_one_vs_rest_says_the_same(member, problem, rows):
    assert_exported_alike(OneVsRestClassifier(member).fit(*problem), rows)


@members(WITH_PROBABILITIES)
def test_multi_output_says_the_same(member, problem, rows):
    assert_exported_alike(MultiOutputClassifier(member).fit(*problem), rows)


@members(WITH_PROBABILITIES | DECISIONS_ALONE)
def test_chain_says_the_same(member, problem, rows):
    chain = ClassifierChain(member, order="random", random_state=1)
    assert_exported_alike(chain.fit(*problem), rows)


@members(WITH_PROBABILITIES, SAFE | {"tree", "boosting"})
def test_chain_of_probabilities_says_the_same(member, problem, rows):
    chain = ClassifierChain(member, order=[2, 0, 3, 1], chain_method="predict_proba")
    # Where flat steps of two isotonic functions have a mean of 0.5, scikit-learn's
    # own label depends on how many rows it is given, by rounding.
    assert_exported_alike(chain.fit(*problem), rows, ignore=1e-12)


def test_chain_of_decisions_says_the_same(problem, rows):
    chain = ClassifierChain(LinearSVC(), chain_method="decision_function")
    assert_exported_alike(chain.fit(*problem), rows)


@members(WITH_PROBABILITIES | DECISIONS_ALONE, SAFE | {"svm", "rbf", "forest"})
@pytest.mark.parametrize("values", [{1: 0}, {0: 0}, {0: 1, 3: 0}], ids=str)
def test_constant_labels_of_one_vs_rest_say_the_same(member, values, problem, rows):
    X, Y = problem
    Y = Y.copy()
    for label, value in values.items():
        Y[:, label] = value
    with pytest.warns(UserWarning, match="Label"):
        model = OneVsRestClassifier(member).fit(X, Y)
    if not hasattr(member, "predict_proba") or hasattr(member, "decision_function"):
        assert_exported_alike(model, rows)
        return
    labels = ExportedHead(model, X.shape[1])(rows)[1]
    np.testing.assert_array_equal(labels, model.predict(rows))


def test_one_vs_rest_cuts_decisions_at_a_half_behind_a_constant_first_label(problem):
    X, Y = problem
    Y = Y.copy()
    Y[:, 0] = 0
    with pytest.warns(UserWarning, match="Label"):
        model = OneVsRestClassifier(LinearSVC()).fit(X, Y)
    written = assert_exported_alike(model, X)
    assert (written.thresholds == 0.5).all()
    # The other labels are not cut at 0, as they are elsewhere.
    _, labels = ExportedHead(model, X.shape[1])(X)
    assert (labels != (model.decision_function(X) > 0)).any()


def test_constant_labels_alone_say_the_same(problem, rows):
    X, Y = problem
    Y = np.zeros_like(Y)
    Y[:, 1:] = 1
    with pytest.warns(UserWarning, match="Label"):
        model = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    assert_exported_alike(model, rows)


@members(WITH_PROBABILITIES, SAFE | {"forest", "bayes", "tree"})
@pytest.mark.parametrize("wrapper", [MultiOutputClassifier, ClassifierChain])
def test_constant_labels_of_safe_members_say_the_same(member, wrapper, problem, rows):
    X, Y = problem
    Y = Y.copy()
    Y[:, 0], Y[:, 2] = 1, 0
    model = wrapper(ConstantSafeClassifier(member)).fit(X, Y)
    assert_exported_alike(model, rows)


@members(
    WITH_PROBABILITIES, {"neighbors", "forest", "bayes", "tree", "constant shares"}
)
def test_constant_labels_of_multi_output_say_the_same(member, problem, rows):
    X, Y = problem
    Y = Y.copy()
    Y[:, 0], Y[:, 2] = 1, 0
    assert_exported_alike(MultiOutputClassifier(member).fit(X, Y), rows)


@members(WITH_PROBABILITIES | DECISIONS_ALONE, SAFE | {"svm", "rbf"})
def test_thresholds_around_members_say_the_same(member, problem, rows):
    model = ThresholdOptimizer(
        OneVsRestClassifier(member), cv=2, max_labels=2, at_least_one=True
    )
    assert_exported_alike(model.fit(*problem), rows)


@members(WITH_PROBABILITIES | DECISIONS_ALONE, SAFE | {"svm", "tree"})
def test_single_label_says_the_same(member, problem, rows):
    X, Y = problem
    for wrapper in (OneVsRestClassifier, MultiOutputClassifier, ClassifierChain):
        model = wrapper(member).fit(X, Y[:, :1])
        if hasattr(model, "predict_proba") or hasattr(model, "decision_function"):
            assert assert_exported_alike(model, rows).n_labels == 1
    assert assert_exported_alike(member.fit(X, Y[:, 0]), rows).n_labels == 1


def test_frozen_members_say_the_same(problem, rows):
    X, Y = problem
    frozen = FrozenEstimator(OneVsRestClassifier(LogisticRegression()).fit(X, Y))
    assert_exported_alike(frozen, rows)
    assert_exported_alike(ThresholdOptimizer(frozen).fit(X, Y), rows)


def test_sparse_coefficients_say_the_same(problem, rows):
    model = OneVsRestClassifier(LogisticRegression()).fit(*problem)
    for member in model.estimators_:
        member.sparsify()
    assert_exported_alike(model, rows)


# What will change in its parameters is no matter here.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_chosen_c_of_members_says_the_same(problem, rows):
    model = OneVsRestClassifier(LogisticRegressionCV(Cs=2, cv=2))
    assert_exported_alike(model.fit(*problem), rows)


def test_linear_members_are_one_matrix_product(problem):
    X, Y = problem
    model = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    exported = ExportedHead(model, X.shape[1])
    assert [node.op_type for node in exported.model.graph.node].count("MatMul") == 1


def test_calibration_by_temperature_says_the_same(problem, rows):
    methods = CalibratedClassifierCV._parameter_constraints["method"]
    if not any(method.is_satisfied_by("temperature") for method in methods):
        pytest.skip("temperatures came with scikit-learn 1.8")
    for inner in (LogisticRegression(), GaussianNB()):
        member = CalibratedClassifierCV(inner, method="temperature", cv=2)
        assert_exported_alike(OneVsRestClassifier(member).fit(*problem), rows)


def test_softmax_of_two_classes_says_the_same(problem, rows):
    if "multi_class" not in LogisticRegression().get_params():
        pytest.skip("scikit-learn 1.8 took multi_class out")
    # The probabilities are then the sigmoid of twice the decision value.
    member = LogisticRegression(multi_class="multinomial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = OneVsRestClassifier(member).fit(*problem)
    assert_exported_alike(model, rows)
