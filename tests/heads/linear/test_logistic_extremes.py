"""Outliers, offsets, wild scales and few steps: the fit keeps its promise."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from logistic_problems import make_data, objective, oracle
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.heads.linear import _newton as newton
from sklearn_clip.heads.linear import _numpy_passes as passes
from sklearn_clip.heads.linear._design_matrix import NumpyProducts
from sklearn_clip.heads.linear._label_data import Ones, _in_its_best_form
from sklearn_clip.heads.linear._nystrom import NystromSketch


def make_outliers(X, length=1e4, every=30):
    X = X.copy()
    X[::every] *= length / np.linalg.norm(X[::every], axis=1, keepdims=True)
    return X


def excess(head, X, y, label, **parameters):
    """What the objective is above its minimum, as a share."""
    best = oracle(X, y, solver="newton-cholesky", **parameters)
    C = parameters["C"]
    mine = objective(X, y, head.coef_[label], head.intercept_[label], C)
    return mine / objective(X, y, best.coef_[0], best.intercept_[0], C) - 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("offset", [0, 100])
def test_the_first_intercepts_are_finite_whatever_the_scale(dtype, C, offset):
    X, Y = make_data(600, 3, 40, dtype=dtype)
    X = make_outliers(X + dtype(offset))
    Y[:], Y[np.arange(40), np.arange(40)] = 0, 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        head = MultiLabelLogisticRegression(C=C).fit(X, Y)
    assert np.isfinite(head.coef_).all()
    assert np.isfinite(head.intercept_).all()


def test_levels_stay_near_the_frequency_of_wild_scores():
    X, _ = make_data(200, 4, dtype=np.float64)
    products = NumpyProducts(X)
    sketch = NystromSketch(products, 4, centre=True)
    settings = newton.Settings(products, sketch, True, 1e-4, 100, True)
    coef = np.outer(np.ones(4), [0.0, 1e2, 1e6, 1e12])
    for prior in (-700.0, -7.0, 0.0, 7.0, 700.0):
        shift = newton._level(settings, coef, np.full(4, prior))
        assert np.isfinite(shift).all()
        assert shift[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_is_optimal_with_outliers_that_lose_their_weight(seed, dtype):
    # Where p nears y, rows that make most of X.T X have no part in the Hessian.
    X, Y = make_data(150, 2 + seed, 6, seed=seed, dtype=np.float64)
    X = make_outliers(X, every=20).astype(dtype)
    head = MultiLabelLogisticRegression(C=1.0).fit(X, Y)
    for label, y in enumerate(Y.T):
        assert excess(head, X, y, label, C=1.0) < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_float32_does_not_wander_about_a_small_minimum(seed):
    rng = np.random.default_rng(seed)
    X = make_outliers(rng.normal(size=(60, 200)), 1e3, 5).astype(np.float32)
    Y = (rng.random((60, 20)) < 0.3).astype(int)
    Y[0], Y[1] = 1, 0
    weight = rng.random(60)
    weight[3] = 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MultiLabelLogisticRegression(C=100).fit(X, Y, weight)  # no ConvergenceWarning


def test_an_offset_does_not_hide_how_far_a_fit_has_to_go():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(160, 4)) * np.logspace(0, -2, 4) + 100
        X[3] *= 50
        y = (rng.random(160) < 0.05 + 0.1 * (X[:, 0] > 100)).astype(int)
        head = MultiLabelLogisticRegression(C=1.0, tol=1e-3).fit(X, y[:, None])
        assert excess(head, X, y, 0, C=1.0) < 1e-5


@pytest.mark.parametrize("max_iter", [1, 2, 3, 4])
@pytest.mark.parametrize("C", [1.0, 1e4])
def test_the_last_step_is_no_longer_than_good(C, max_iter):
    X, Y = make_data(300, 60, 10)
    values = []
    for steps in (max_iter, max_iter + 1):
        head = MultiLabelLogisticRegression(C=C, max_iter=steps)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            head.fit(X, Y)
        assert head.n_iter_.max() <= steps
        values.append(
            [
                objective(X, y, head.coef_[k], head.intercept_[k], C)
                for k, y in enumerate(Y.T)
            ]
        )
    start = [C * 300 * _entropy(y.mean()) for y in Y.T]
    assert (np.array(values[0]) < start).all()
    assert (np.array(values[1]) < np.array(values[0]) * (1 + 1e-9)).all()


def _entropy(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


@pytest.mark.parametrize("rate", [0.01, 0.5])
def test_errors_near_one_are_exact_in_float32(rate):
    rng = np.random.default_rng(0)
    Y = rng.random((200, 5)) < rate
    z = rng.normal(0, 15, size=Y.shape)
    small = np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z)))
    P = (1 - small).astype(np.float32)

    table = _in_its_best_form(Y)
    ones = Ones(table if isinstance(table, np.ndarray) else table.tocsr())
    ones.take_errors(P, small.astype(np.float32), z < 0)
    sign = np.where(Y, -1, 1)
    exact = sign / (1 + np.exp(-sign * z))
    np.testing.assert_allclose(P, exact, rtol=1e-6)


def test_a_float32_preconditioner_stays_positive():
    X, _ = make_data(100, 20, dtype=np.float32)
    X = make_outliers(X + np.float32(100), every=50)
    products = NumpyProducts(X)
    sketch = NystromSketch(products, 20, centre=True)
    R = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    R += 1e4 * np.asarray(sketch.vectors[:, -1:])
    made = sketch.precondition(R, np.full(30, 25.0), np.full(30, 1e-10))
    assert ((R * made).sum(axis=0, dtype=float) > 0).all()


@pytest.fixture
def two_threads(monkeypatch):
    """Threads whatever the processor; the libraries' own limits are only watched."""
    monkeypatch.setattr(
        passes, "threadpool_info", lambda: [{"user_api": "blas", "num_threads": 2}]
    )
    monkeypatch.setattr(passes, "_WORTH_THREADS", 0)
    monkeypatch.setattr(passes, "_MOST_ROWS", 256)
    return [pool["num_threads"] for pool in threadpool_info()]


def counts():
    return [pool["num_threads"] for pool in threadpool_info()]


def test_threads_find_the_same(two_threads):
    X, Y = make_data(1000, 30, 8)
    found = MultiLabelLogisticRegression().fit(X, Y).coef_
    again = MultiLabelLogisticRegression().fit(X, Y).coef_
    np.testing.assert_array_equal(found, again)
    assert counts() == two_threads


def test_an_error_in_a_thread_comes_out_and_leaves_nothing(two_threads, monkeypatch):
    X, Y = make_data(1000, 30, 8)
    before = threading.active_count()

    def fail(X, V, out):
        raise MemoryError("no room in this thread")

    monkeypatch.setattr(passes, "_product", fail)
    with pytest.raises(MemoryError, match="no room"):
        MultiLabelLogisticRegression().fit(X, Y)
    assert threading.active_count() == before
    assert counts() == two_threads


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to itself")
def test_an_interrupt_leaves_nothing(two_threads, monkeypatch):
    X, Y = make_data(1000, 30, 8)
    product, sent = passes._product, []

    def interrupt(X, V, out):
        if not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))
        time.sleep(0.01)
        product(X, V, out)

    monkeypatch.setattr(passes, "_product", interrupt)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        MultiLabelLogisticRegression(tol=1e-8).fit(X, Y)
    # A thread that the signal met on its way into the pool is not waited for; it ends
    # as soon as it finds the pool closed.
    end = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert counts() == two_threads


def test_fits_in_threads_leave_the_library_its_threads(two_threads):
    X, Y = make_data(600, 20, 8)
    expected = MultiLabelLogisticRegression().fit(X, Y).coef_
    found = []
    jobs = [
        threading.Thread(
            target=lambda: found.append(MultiLabelLogisticRegression().fit(X, Y).coef_)
        )
        for _ in range(6)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(found) == 6
    for coef in found:
        np.testing.assert_array_equal(coef, expected)


LAYOUTS = {
    "columns first": np.asfortranarray,
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "backwards": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "other byte order": lambda X: X.astype(X.dtype.newbyteorder()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_the_rows_makes_no_difference(layout):
    X, Y = make_data(300, 20, 4)
    expected = MultiLabelLogisticRegression().fit(X, Y).coef_
    X = LAYOUTS[layout](X)
    X.flags.writeable = False
    found = MultiLabelLogisticRegression().fit(X, Y).coef_
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e19), (np.float64, 1e300)])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_numbers_whose_squares_are_infinite_are_refused(dtype, size, form):
    X = np.random.default_rng(0).normal(size=(30, 4)).astype(dtype)
    Y = (X[:, :2] > 0).astype(int)
    with pytest.raises(ValueError, match=r"X must hold numbers of at most .* Scale it"):
        MultiLabelLogisticRegression().fit(form(X * dtype(size)), Y)
