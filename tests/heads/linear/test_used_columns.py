"""Sparse features of which most columns are empty, as hashed words are."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from sklearn_clip import MultiLabelLogisticRegression, MultiLabelLogisticRegressionCV

N_COLUMNS = 400


@pytest.fixture
def problem():
    """Features in 30 of 400 columns, and labels."""
    rng = np.random.default_rng(0)
    used = np.sort(rng.choice(N_COLUMNS, 30, replace=False))
    narrow = rng.normal(size=(150, 30)) * (rng.random((150, 30)) < 0.3)
    wide = np.zeros((150, N_COLUMNS))
    wide[:, used] = narrow
    Y = (narrow[:, :4] + 0.3 * rng.normal(size=(150, 4)) > 0.2).astype(int)
    return wide, narrow, used, Y


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.1, 100.0, np.inf])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
def test_empty_columns_have_no_effect(problem, container, C, fit_intercept):
    wide, narrow, used, Y = problem
    Y = np.where(np.arange(150)[:, None] % 7 == 0, 1 - Y, Y)  # not to be separated
    head = MultiLabelLogisticRegression(C=C, tol=1e-9, fit_intercept=fit_intercept)
    expected = head.fit(container(narrow), Y).coef_
    found = head.fit(container(wide), Y).coef_
    np.testing.assert_array_equal(found[:, used], expected)
    np.testing.assert_array_equal(np.delete(found, used, axis=1), 0)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(
        head.predict_proba(container(wide)), head.predict_proba(wide)
    )
    dense = head.fit(wide, Y).coef_
    np.testing.assert_allclose(found, dense, atol=1e-6)


def test_features_are_left_as_they_are_stored(problem):
    wide, narrow, used, Y = problem
    X = sparse.csr_matrix(wide)
    # Columns the other way round, an entry in two parts and one stored zero.
    X.indices, X.data = X.indices.copy(), X.data.copy()
    for row in range(150):
        part = slice(X.indptr[row], X.indptr[row + 1])
        X.indices[part], X.data[part] = X.indices[part][::-1], X.data[part][::-1]
    X = sparse.csr_matrix(
        (
            np.r_[X.data[0] / 2, X.data[0] / 2, X.data[1:], 0.0],
            np.r_[X.indices[0], X.indices, np.setdiff1d(np.arange(5), used)[0]],
            np.r_[0, X.indptr[1:-1] + 1, X.indptr[-1] + 2],
        ),
        shape=X.shape,
    )
    np.testing.assert_allclose(X.toarray(), wide)
    before = [part.copy() for part in (X.data, X.indices, X.indptr)]
    head = MultiLabelLogisticRegression(tol=1e-9)
    found = head.fit(X, Y).coef_
    expected = head.fit(wide, Y).coef_
    np.testing.assert_allclose(found, expected, atol=1e-7)
    for part, old in zip((X.data, X.indices, X.indptr), before, strict=True):
        np.testing.assert_array_equal(part, old)


def test_features_without_an_entry_give_the_frequencies():
    Y = np.arange(40)[:, None] < [10, 30]
    X = sparse.csr_array((40, 1000))
    head = MultiLabelLogisticRegression().fit(X, Y)
    assert head.coef_.shape == (2, 1000)
    assert not head.coef_.any()
    np.testing.assert_allclose(head.predict_proba(X)[0], [0.25, 0.75], rtol=1e-5)


def test_fit_goes_on_from_the_last_one(problem):
    wide, _, _, Y = problem
    X = sparse.csr_array(wide)
    head = MultiLabelLogisticRegression(C=5, warm_start=True).fit(X, Y)
    first = head.coef_
    head.fit(X, Y)
    assert head.n_iter_.max() <= 1
    np.testing.assert_allclose(head.coef_, first, atol=1e-3)
    # Of other columns than before, and of all.
    shifted = np.roll(wide, 1, axis=1)
    alone = MultiLabelLogisticRegression(C=5, tol=1e-8).fit(shifted, Y)
    for again in (sparse.csr_array(shifted), shifted):
        head.set_params(tol=1e-8).fit(again, Y)
        np.testing.assert_allclose(head.coef_, alone.coef_, atol=1e-6)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("per_label", [True, False])
@pytest.mark.parametrize("scored", [True, False])
def test_search_sees_the_features_as_they_were_given(problem, scored, per_label, refit):
    wide, _, _, Y = problem
    shapes = set()

    def scorer(head, X, y):
        shapes.add((X.shape[1], head.coef_.shape[1], head.n_features_in_))
        return head.score(X, y)

    search = MultiLabelLogisticRegressionCV(
        [0.1, 1.0, 10.0],
        cv=3,
        per_label=per_label,
        refit=refit,
        scoring=scorer if scored else None,
        random_state=0,
    )
    expected = search.fit(wide, Y).coef_, search.C_
    shapes.clear()
    search.fit(sparse.csr_array(wide), Y)
    np.testing.assert_array_equal(search.C_, expected[1])
    np.testing.assert_allclose(search.coef_, expected[0], atol=1e-3)
    assert shapes == ({(N_COLUMNS, N_COLUMNS, N_COLUMNS)} if scored else set())


def test_callbacks_see_every_column(problem):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9")
    seen = []

    class Callback:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator, **data):
            seen.append(fitted_estimator.coef_)

    wide, _, used, Y = problem
    head = MultiLabelLogisticRegression().set_callbacks(Callback())
    head.fit(sparse.csr_array(wide), Y)
    assert len(seen) > 2
    for coef in seen:
        assert coef.shape == (4, N_COLUMNS)
        assert not np.delete(coef, used, axis=1).any()
    np.testing.assert_allclose(seen[-2], head.coef_, atol=1e-6)


def test_a_million_hashed_columns_cost_their_coefficients_alone():
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(300)]
    texts = [" ".join(rng.choice(words, 6)) for _ in range(120)]
    Y = np.array([[word in text.split() for word in words[:8]] for text in texts])
    Y[:2] = [[True], [False]]
    X = HashingVectorizer().fit_transform(texts)
    assert X.shape[1] == 2**20
    tracemalloc.start()
    head = MultiLabelLogisticRegression(C=10).fit(X, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 64 MiB of coefficients, which a solver of all columns holds a dozen times.
    assert head.coef_.nbytes == 2**26
    assert peak < 1.5 * head.coef_.nbytes
    expected = X @ head.coef_.T + head.intercept_
    for rows in ([3], slice(None)):
        tracemalloc.start()
        found = head.decision_function(X[rows])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_allclose(found, expected[rows])
        assert peak < head.coef_.nbytes / 8
