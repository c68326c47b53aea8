"""Targets that the heads share: scores with unknown labels, lists of tags, cells."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV

from sklearn_clip import (
    CLIPAdapterClassifier,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    MultiLabelNet,
    ThresholdOptimizer,
    TipAdapterClassifier,
)
from sklearn_clip.metrics import masked_subset_accuracy_score
from sklearn_clip.model_selection import MultiLabelStratifiedKFold

PROMPTS = np.eye(4, 6)
HEADS = [
    MultiLabelLogisticRegression(),
    MultiLabelLogisticRegressionCV(3, cv=3, random_state=0),
    MultiLabelNet("linear", max_epochs=2, device="cpu", random_state=0),
    TipAdapterClassifier(PROMPTS),
    CLIPAdapterClassifier(PROMPTS, n_epochs=2, device="cpu", random_state=0),
]
each_head = pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6)).astype(np.float32)
    Y = (X[:, :4] + rng.normal(size=(120, 4)) / 2 > 0.3).astype(int)
    unknown = Y.astype(float)
    unknown[rng.random(Y.shape) < 0.2] = np.nan
    unknown[:2] = np.nan
    return X, Y, unknown


@each_head
def test_score_is_accuracy_over_what_is_known(head, data):
    X, Y, unknown = data
    head.fit(X, Y)
    predicted = head.predict(X)
    weight = np.arange(120) % 4
    assert 0 < head.score(X, Y) < 1
    for truth in (Y, pd.DataFrame(Y), sparse.csr_matrix(Y), Y.tolist()):
        assert head.score(X, truth) == accuracy_score(Y, predicted)
    expected = accuracy_score(Y, predicted, sample_weight=weight)
    assert head.score(X, Y, sample_weight=weight) == pytest.approx(expected)
    assert head.score(X, unknown) == masked_subset_accuracy_score(unknown, predicted)
    # A weight is that many copies of a row, also where rows are left out.
    repeated = X.repeat(weight, axis=0), unknown.repeat(weight, axis=0)
    assert head.score(X, unknown, weight) == pytest.approx(head.score(*repeated))


@each_head
def test_score_refuses_other_targets(head, data):
    X, Y, unknown = data
    head.fit(X, pd.DataFrame(Y, columns=list("abcd")))
    with pytest.raises(ValueError, match=r"\(120, 4\). Got \(120, 3\)"):
        head.score(X, Y[:, :3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        head.score(X, Y[:-1])
    with pytest.raises(ValueError, match="at least one known label"):
        head.score(X, unknown * np.nan)
    with pytest.raises(ValueError, match=r"in their order.*Got \['d'\]"):
        head.score(X, pd.DataFrame(Y, columns=list("dcba")))


@pytest.mark.parametrize("number", [0, 2])
def test_score_of_one_dimensional_targets_is_that_of_scikit_learn(number, data):
    X, Y, _ = data
    y = np.where(Y[:, 0], "yes", "no")
    head = HEADS[number].fit(X, y)
    weight = np.arange(120) % 3
    expected = accuracy_score(y, head.predict(X), sample_weight=weight)
    assert head.score(X, y, sample_weight=weight) == expected


def test_search_scores_heads_on_unknown_labels_by_itself(data):
    X, _, unknown = data
    folds = MultiLabelStratifiedKFold(3)
    search = GridSearchCV(HEADS[0], {"C": [0.01, 1]}, cv=folds).fit(X, unknown)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


TAG_LISTS = {
    "ragged": [["dog"], ["cat", "dog"], []],
    "alike": [["dog"], ["cat"], ["dog"]],
    "sets": [{"dog"}, {"cat", "dog"}, set()],
    "series": pd.Series([["dog"], ["cat", "dog"], []]),
}


@pytest.mark.parametrize("tags", TAG_LISTS.values(), ids=TAG_LISTS)
@pytest.mark.parametrize("head", [*HEADS, ThresholdOptimizer(HEADS[0], cv=2)])
def test_lists_of_tags_are_told_from_a_table(head, tags):
    with pytest.raises(ValueError, match=r"0 and 1 .*Got .*row .*labels_to_frame\(y\)"):
        head.fit(np.eye(3, 6), tags)


@pytest.mark.parametrize(
    "missing", [None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT")], ids=repr
)
def test_missing_cell_of_any_kind_is_unknown(missing, data):
    X, Y, unknown = data
    cells = Y.astype(object)
    cells[np.isnan(unknown)] = missing
    expected = MultiLabelLogisticRegression().fit(X, unknown).coef_
    head = MultiLabelLogisticRegression().fit(X, cells)
    np.testing.assert_array_equal(head.coef_, expected)
    assert head.score(X, cells) == head.score(X, unknown)
    tuned = ThresholdOptimizer(head, cv="prefit").fit(X, cells)
    assert tuned.score(X, cells) == tuned.score(X, unknown)
    found = masked_subset_accuracy_score(cells, head.predict(X))
    assert found == head.score(X, unknown)


def test_cell_that_is_an_array_is_refused_by_place(data):
    X, Y, _ = data
    cells = Y.astype(object)
    cells[5, 2] = np.array([0, 1])
    with pytest.raises(ValueError, match=r"Got \[0 1\] \(row 5, column 2\)"):
        MultiLabelLogisticRegression().fit(X, cells)
