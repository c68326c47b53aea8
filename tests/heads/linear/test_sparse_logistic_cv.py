"""The head that chooses C, and `score`, of sparse targets: as of dense ones."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import KFold
from sparse_forms import FORMS, draw_targets

from sklearn_clip import MultiLabelLogisticRegression, MultiLabelLogisticRegressionCV
from sklearn_clip.heads.linear import _logistic_cv, _validation_scores
from sklearn_clip.metrics import gap_scorer, map_scorer, masked_f1_macro_scorer

CS = [0.01, 0.3, 10.0]
SCORERS = [gap_scorer, map_scorer, masked_f1_macro_scorer]


def draw_problem(seed, *, unknown=0.0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((90, 5))
    Y = draw_targets(rng, (90, 6), density=0.1, unknown=unknown)
    Y[:, 3] = X[:, 0] > 0
    weight = rng.integers(0, 3, len(X)).astype(float)
    return X, Y, weight


def check_same(found, expected):
    np.testing.assert_array_equal(found.C_, expected.C_)
    np.testing.assert_allclose(found.scores_, expected.scores_, rtol=1e-9)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_fit_of_the_dense_one(form):
    X, Y, _ = draw_problem(0)
    expected, found = (
        MultiLabelLogisticRegressionCV(CS, cv=3, random_state=0).fit(X, y)
        for y in (Y, FORMS[form](Y, np.int64))
    )
    check_same(found, expected)
    assert hasattr(found, "label_names_") == (form == "sparse frame")


@pytest.mark.parametrize("per_label", [False, True])
@pytest.mark.parametrize(
    ("scoring", "unknown"),
    [
        *((scoring, 0.0) for scoring in (None, *SCORERS, "average_precision")),
        *((scoring, 0.3) for scoring in (None, *SCORERS)),
    ],
)
@pytest.mark.filterwarnings("ignore:No positive class found:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_every_score_gives_the_fit_of_the_dense_one(scoring, unknown, per_label):
    X, Y, weight = draw_problem(1, unknown=unknown)
    settings = {"cv": KFold(3), "scoring": scoring, "per_label": per_label}
    found, expected = (
        MultiLabelLogisticRegressionCV(CS, **settings).fit(X, y, sample_weight=weight)
        for y in (sparse.csr_array(Y), Y)
    )
    check_same(found, expected)


def test_the_scores_of_blocks_of_rows_are_those_of_all(monkeypatch):
    X, Y, weight = draw_problem(1, unknown=0.2)
    head = MultiLabelLogisticRegressionCV(CS, cv=3, random_state=0)
    expected = head.fit(X, Y, sample_weight=weight).scores_

    def row_blocks(n_rows, n_columns):
        return (slice(start, start + 7) for start in range(0, n_rows, 7))

    monkeypatch.setattr(_validation_scores, "row_blocks", row_blocks)
    found = head.fit(X, Y, sample_weight=weight).scores_
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_splitter_gets_the_sparse_targets_with_their_unknown_ones():
    X, Y, _ = draw_problem(3, unknown=0.2)
    seen = []

    class Splitter(KFold):
        def split(self, X, y=None, groups=None):
            seen.append(y)
            return super().split(X, y, groups)

    given = FORMS["duplicates"](Y, float)
    MultiLabelLogisticRegressionCV(CS, cv=Splitter(3)).fit(X, given)
    (y,) = seen
    assert isinstance(y, sparse.csr_array)
    np.testing.assert_array_equal(y.toarray(), Y)


def test_known_sparse_targets_stay_sparse_up_to_the_solver(monkeypatch):
    X, Y, _ = draw_problem(0)
    seen = []
    real = _logistic_cv.LabelData

    def look(targets, *args):
        seen.append(targets.positive)
        return real(targets, *args)

    monkeypatch.setattr(_logistic_cv, "LabelData", look)
    MultiLabelLogisticRegressionCV(CS, cv=3).fit(X, sparse.coo_array(Y))
    assert [positive.dtype for positive in seen] == [bool, bool]
    assert all(map(sparse.issparse, seen))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [2, 0.5, -1.0])
def test_other_values_are_refused_by_their_place(form, value):
    X, Y, _ = draw_problem(0)
    Y[4, 3] = value
    head = MultiLabelLogisticRegressionCV(CS, cv=3)
    with pytest.raises(ValueError, match=r"y must hold only 0 and 1.*\(row 4, col"):
        head.fit(X, FORMS[form](Y, float))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_score_is_that_of_the_dense_targets(form, unknown):
    X, Y, weight = draw_problem(4, unknown=unknown)
    Y[7] = np.nan if unknown else 0.0
    head = MultiLabelLogisticRegression().fit(X, Y)
    given = FORMS[form](Y, float)
    assert head.score(X, given) == head.score(X, Y)
    found, expected = (head.score(X, y, sample_weight=weight) for y in (given, Y))
    assert found == expected
    only_unknown = np.isnan(Y).all(axis=1).astype(float)
    with pytest.raises(ValueError, match="for a row with a known label|non-zero"):
        head.score(X, given, sample_weight=only_unknown)
