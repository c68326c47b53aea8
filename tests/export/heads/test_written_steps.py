import numpy as np
import pytest
from exported_heads import assert_exported_alike, export_step, make_problem
from sklearn.base import clone
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer

STEPS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-1, 2), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, unit_variance=True),
    RobustScaler(with_scaling=False),
    Normalizer(),
    Normalizer("l1"),
    Normalizer("max"),
    PCA(3),
    PCA(3, whiten=True),
    PCA(0.9, svd_solver="full"),
    IncrementalPCA(2),
    TruncatedSVD(4),
    SelectKBest(k=5),
    SelectPercentile(percentile=30),
    SelectFromModel(LogisticRegression()),
    RFE(LogisticRegression(), n_features_to_select=2),
    VarianceThreshold(0.9),
    FunctionTransformer(),
    FrozenEstimator(StandardScaler()),
    make_pipeline(MinMaxScaler(), "passthrough", None, PCA(2)),
    FeatureUnion(
        [("scaled", StandardScaler()), ("left out", "drop"), ("pca", PCA(2))],
        transformer_weights={"pca": 0.5},
    ),
    FeatureUnion([("same", "passthrough"), ("unit", Normalizer())]),
]


@pytest.fixture(scope="module")
def problem():
    X, Y = make_problem()
    # Columns of several scales and means, as of several kinds of features.
    return X * np.geomspace(0.1, 10, 12, dtype=np.float32) + np.float32(1), Y


def fitted(step, X, y):
    if isinstance(step, FrozenEstimator):
        return FrozenEstimator(clone(step.estimator).fit(X, y))
    return step.fit(X, y)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: " ".join(repr(step).split()))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_step_gives_the_same(step, dtype, problem):
    X, Y = problem
    step = fitted(step, X.astype(dtype), Y[:, 0])
    rows = np.vstack([2 * X, 0 * X[:1]])
    expected = step.transform(rows)
    found = export_step(step, X.shape[1])
    np.testing.assert_allclose(found(rows), expected, rtol=1e-5, atol=1e-5)
    assert found(rows[:0]).shape == (0, expected.shape[1])
    assert found(rows[:1]).shape == (1, expected.shape[1])


@pytest.mark.parametrize("step", [None, "passthrough"])
def test_no_step_gives_the_rows(step, problem):
    X, _ = problem
    np.testing.assert_array_equal(export_step(step, X.shape[1])(X), X)


@pytest.mark.parametrize("strategy", ["mean", "median", "constant"])
def test_imputer_fills_in_the_same(strategy, problem):
    X, _ = problem
    X = X.copy()
    X[::4, 1], X[1::3, 7] = np.nan, np.nan
    step = SimpleImputer(strategy=strategy).fit(X)
    np.testing.assert_allclose(
        export_step(step, X.shape[1])(X), step.transform(X), rtol=1e-6
    )


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.filterwarnings("ignore:Skipping features:UserWarning")
def test_imputer_treats_empty_columns_the_same(keep, problem):
    X, _ = problem
    X = X.copy()
    X[:, 1], X[1::3, 7] = np.nan, np.nan
    step = SimpleImputer(keep_empty_features=keep).fit(X)
    np.testing.assert_allclose(
        export_step(step, X.shape[1])(X), step.transform(X), rtol=1e-6
    )


def test_pipeline_of_steps_under_thresholds_says_the_same(problem):
    X, Y = problem
    head = Pipeline(
        [
            ("scale", StandardScaler()),
            ("choose", PCA(6)),
            ("head", MultiLabelLogisticRegression()),
        ]
    )
    assert_exported_alike(head.fit(X, Y), X, atol=1e-4)
    tuned = ThresholdOptimizer(head, cv=2, random_state=0).fit(X, Y)
    assert_exported_alike(tuned, X, atol=1e-4)


def reciprocal(X):
    return 1 / X


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (PolynomialFeatures(), "PolynomialFeatures has no form in ONNX here. Use a sc"),
        (
            QuantileTransformer(n_quantiles=10),
            "QuantileTransformer has no form in ONNX here",
        ),
        (FunctionTransformer(reciprocal), "calls reciprocal, which only Python can"),
        (SimpleImputer(missing_values=0), "must fill in NaN.* Got missing_values=0"),
        (SimpleImputer(add_indicator=True), "Take CLIPFeaturizer.add_missing_indic"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_step_without_a_form_is_refused(step, reason, problem):
    X, _ = problem
    with pytest.raises(ValueError, match=f"^The step cannot be exported: .*{reason}"):
        export_step(step.fit(X), X.shape[1])


def test_step_of_another_width_is_refused(problem):
    X, _ = problem
    with pytest.raises(ValueError, match="fitted on rows of 12 features, and gets 7"):
        export_step(StandardScaler().fit(X), 7)
