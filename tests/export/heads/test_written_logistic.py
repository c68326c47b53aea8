import numpy as np
import pandas as pd
import pytest
from exported_heads import ExportedHead, assert_exported_alike, make_problem
from sklearn.exceptions import NotFittedError

from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer
from sklearn_clip.heads import MultiLabelLogisticRegressionCV


@pytest.mark.parametrize("n_labels", [1, 6, 60])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logistic_regression_says_the_same(dtype, n_labels):
    X, Y = make_problem(n_labels=n_labels)
    model = MultiLabelLogisticRegression(C=100).fit(X.astype(dtype), Y)
    assert_exported_alike(model, 3 * X)


def test_chosen_c_says_the_same():
    X, Y = make_problem()
    assert_exported_alike(MultiLabelLogisticRegressionCV(Cs=3, cv=2).fit(X, Y), X)


def test_unknown_and_constant_labels_say_the_same():
    X, Y = make_problem()
    Y = Y.astype(float)
    Y[::3, 0], Y[:, 1], Y[:, 2] = np.nan, 0, 1
    assert_exported_alike(MultiLabelLogisticRegression().fit(X, Y), X)


def test_names_of_labels_are_known():
    X, Y = make_problem(n_labels=2)
    model = MultiLabelLogisticRegression()
    assert assert_exported_alike(model.fit(X, Y), X).label_names is None
    named = pd.DataFrame(Y, columns=["cat", "dog"])
    tuned = ThresholdOptimizer(model, cv=2, random_state=0).fit(X, named)
    written = assert_exported_alike(tuned, X)
    assert written.label_names == ["cat", "dog"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"strategy": "global"},
        {"strategy": "top_k"},
        {"max_labels": 2},
        {"at_least_one": True},
        {"max_labels": 1, "at_least_one": True},
        {"max_labels": 60},
    ],
    ids=str,
)
def test_cuts_and_rules_say_the_same(rules, dtype):
    X, Y = make_problem()
    model = MultiLabelLogisticRegression(C=10).fit(X.astype(dtype), Y)
    tuned = ThresholdOptimizer(model, cv="prefit", **rules).fit(X, Y)
    written = assert_exported_alike(tuned, 2 * X)
    np.testing.assert_array_equal(written.thresholds, tuned.thresholds_)
    for name in ("max_labels", "at_least_one"):
        assert written.rules[name] == rules.get(name, getattr(tuned, name))
    assert written.rules["top_k"] == getattr(tuned, "top_k_", None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rules", [{}, {"max_labels": 2, "at_least_one": True}])
def test_cuts_at_the_ends_of_the_range_say_the_same(rules, dtype):
    X, Y = make_problem()
    model = MultiLabelLogisticRegression(C=100).fit(X.astype(dtype), Y)
    tuned = ThresholdOptimizer(model, cv="prefit", **rules).fit(X, Y)
    tuned.set_thresholds([1e-9, 1 - 1e-9, 0, 1, np.inf, 1e-30])
    # Logits of either sign and any length, up to where probabilities are 0 and 1.
    stretched = X * np.geomspace(0.01, 50, len(X))[:, None]
    assert_exported_alike(tuned, stretched)


def test_no_label_is_given_where_no_cut_can_be_reached():
    X, Y = make_problem()
    model = MultiLabelLogisticRegression().fit(X, Y)
    tuned = ThresholdOptimizer(model, cv="prefit", at_least_one=True).fit(X, Y)
    tuned.set_thresholds(np.inf)
    assert not ExportedHead(tuned, X.shape[1])(X)[1].any()


def test_head_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        ExportedHead(MultiLabelLogisticRegression(), 3)
