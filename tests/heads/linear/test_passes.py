"""Passes over the rows: what they add up, in chunks, by threads, on either library."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.heads._targets import check_targets
from sklearn_clip.heads.linear import _newton as newton
from sklearn_clip.heads.linear import _numpy_passes as passes
from sklearn_clip.heads.linear._design_matrix import NumpyProducts, TorchProducts
from sklearn_clip.heads.linear._label_data import LabelData
from sklearn_clip.heads.linear._torch_passes import TorchPasses

LIBRARIES = {
    "numpy": NumpyProducts,
    "sparse": lambda X: NumpyProducts(sparse.csr_array(X)),
    "torch": lambda X: TorchProducts(X, "cpu"),
}
# How weights come about: none, unknown labels, rows, classes.
WEIGHTS = ("none", "unknown", "rows", "classes")


@pytest.fixture(params=[0.01, 0.4], ids=["few ones", "many ones"])
def problem(request):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 5)).astype(np.float32)
    Y = (rng.random((700, 9)) < request.param).astype(float)
    return X, Y, rng.normal(size=(5, 9)), rng.normal(size=9) - 2


@pytest.fixture(params=[None, 50], ids=["one chunk", "many chunks"])
def chunks(request, monkeypatch):
    if request.param is not None:
        for kind in (passes.NumpyPasses, TorchPasses):
            monkeypatch.setattr(kind, "_chunks", _short_chunks)


def _short_chunks(self, n_columns):
    return (slice(i, min(i + 50, 700)) for i in range(0, 700, 50))


def block_and_weights(Y, how):
    rng = np.random.default_rng(1)
    rows, classes = None, None
    if how == "unknown":
        Y = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    rows = rng.random(len(Y)) if how == "rows" else None
    classes = {0: 1, 1: 3} if how == "classes" else None
    data = LabelData(check_targets(Y), rows, classes)
    block, scale = data.block(np.arange(Y.shape[1]))
    S = np.where(np.isnan(Y), 0, 1.0) * np.where(Y == 1, 3 if classes else 1, 1)
    S = S if rows is None else S * rows[:, None]
    return block, S / scale, np.nan_to_num(Y)


@pytest.mark.parametrize("how", WEIGHTS)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("precise", [False, True])
def test_evaluation_is_that_of_the_formulas(problem, chunks, library, how, precise):
    X, Y, V, b = problem
    block, S, Y = block_and_weights(Y, how)
    Z = X.astype(float) @ V + b
    P = expit(Z)
    D = S * P * (1 - P)
    products = LIBRARIES[library](X)
    seen = products.evaluate(V, b, block, precise=precise, largest=True, centre=True)
    loss = (S * (np.logaddexp(0, Z) - Y * Z)).sum(axis=0)
    np.testing.assert_allclose(seen.loss, loss, rtol=1e-5)
    residual = S * (P - Y)
    np.testing.assert_allclose(seen.slope, X.T @ residual, atol=1e-3)
    np.testing.assert_allclose(seen.residual, residual.sum(axis=0), atol=1e-3)
    np.testing.assert_allclose(seen.curvature, D.sum(axis=0), rtol=1e-4)
    np.testing.assert_allclose(seen.weighted, X.T @ D, atol=1e-3)
    peak = (np.abs(P - Y) * (S > 0)).max(axis=0)
    np.testing.assert_allclose(seen.largest, peak, rtol=1e-4)
    Q, q = np.random.default_rng(2).normal(size=V.shape), b + 1
    T = D * (X @ Q + q)
    left, weights = np.arange(9), seen.D
    for kept in (None, [0, 2, 5, 8], [1, 3]):
        if kept is not None:
            left, weights = left[kept], weights.select(np.array(kept))
        product, total = products.curve(Q[:, left], q[left], weights)
        np.testing.assert_allclose(product, X.T @ T[:, left], atol=1e-3)
        np.testing.assert_allclose(total, T[:, left].sum(axis=0), atol=1e-3)


@pytest.mark.parametrize("how", WEIGHTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_spans_and_sums_of_positives_are_those_of_the_formulas(
    problem, chunks, library, how
):
    X, Y, V, b = problem
    block, S, Y = block_and_weights(Y, how)
    products = LIBRARIES[library](X)
    Z = X @ V + b
    for targets, signed in (None, Z), (block, Z * (2 * Y - 1) * (S > 0)):
        most, least = products.span(V, b, targets)
        np.testing.assert_allclose(most, signed.max(axis=0).clip(min=0), rtol=1e-4)
        np.testing.assert_allclose(least, signed.min(axis=0).clip(max=0), rtol=1e-4)
    sums, counts = products.sum_of_positives(block)
    np.testing.assert_allclose(sums, X.T @ (S * Y), atol=1e-3)
    np.testing.assert_allclose(counts, (S * Y).sum(axis=0), rtol=1e-5)


def test_threads_add_up_to_the_same(problem, chunks):
    X, Y, V, b = problem
    block, _, _ = block_and_weights(Y, "none")
    products = NumpyProducts(X)
    alone = products.evaluate(V, b, block)
    with passes.ThreadPoolExecutor(3) as pool:
        products._pool, products._n_threads = pool, 3
        together = products.evaluate(V, b, block)
    for name in ("loss", "slope", "residual", "curvature"):
        np.testing.assert_allclose(
            getattr(together, name), getattr(alone, name), rtol=1e-5, atol=1e-4
        )
    np.testing.assert_allclose(together.D.table, alone.D.table, rtol=1e-5)


def test_a_small_loss_is_precise_where_that_is_asked_for():
    X = np.full((5000, 1), 14.0, dtype=np.float32)
    block, _ = LabelData(check_targets(np.ones((5000, 1)))).block(np.arange(1))
    V, b = np.ones((1, 1)), np.zeros(1)
    expected = 5000 * np.log1p(np.exp(-14.0))
    seen = NumpyProducts(X).evaluate(V, b, block, precise=True)
    np.testing.assert_allclose(seen.loss, expected, rtol=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_rows_are_measured(problem, chunks, library):
    X = problem[0] + np.float32(100)
    products = LIBRARIES[library](X)
    np.testing.assert_allclose(products.mean, X.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(products.sum, X.sum(axis=0, dtype=float), rtol=1e-5)
    square = (X.astype(float) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(products.mean_square, square, rtol=1e-5)
    furthest = np.linalg.norm(X - X.mean(axis=0), axis=1).max()
    assert furthest * 0.999 <= products.reach <= 2 * furthest


def test_rows_that_are_mostly_zeros_are_measured_by_what_is_stored():
    rng = np.random.default_rng(0)
    shape, n_stored = (3000, 500_000), 30_000
    data = rng.normal(size=2 * n_stored) + 3
    places = tuple(rng.integers(most, size=2 * n_stored) for most in shape)
    X = sparse.csr_array((data, places), shape=shape)
    tracemalloc.start()
    products = NumpyProducts(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # with its zeros it has 12 GB
    mean = X.mean(axis=0)
    np.testing.assert_allclose(products.mean, mean)
    squares = X.multiply(X).sum(axis=1)
    assert products.mean_square == pytest.approx(squares.mean())
    furthest = np.sqrt((squares - 2 * X @ mean + mean @ mean).max())
    assert furthest <= products.reach <= 1.001 * furthest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cells_that_are_stored_twice_count_as_their_sum(dtype):
    data, columns = np.array([1, 2, 4, -3], dtype=dtype), [0, 0, 1, 1]
    X = sparse.csr_array((data, columns, [0, 2, 4]), shape=(2, 2))
    products, plain = NumpyProducts(X), NumpyProducts(X.toarray())
    assert X.nnz == 4  # it is the user's
    np.testing.assert_array_equal(products.mean, plain.mean)
    assert products.mean_square == plain.mean_square
    assert products.reach == pytest.approx(plain.reach)


@pytest.mark.parametrize("far", [0, 1000])
@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("library", LIBRARIES)
def test_gram_image_is_that_of_the_formula(problem, chunks, library, centre, far):
    X = problem[0] + np.float32(far)
    products = LIBRARIES[library](X)
    exact = X.astype(float)
    mean = centre * exact.mean(axis=0)
    covariance = exact.T @ (exact - mean) / len(X)
    test = np.random.default_rng(4).normal(size=(5, 3))
    # A mean far from 0 is not to drown what is about it.
    near = 1e-5 * max(1, far) if centre else 1e-6 * np.abs(covariance).max()
    found = products.gram_image(None, mean) / len(X)
    np.testing.assert_allclose(found, covariance, atol=near * 30)
    found = products.gram_image(test, mean) / len(X)
    np.testing.assert_allclose(found, covariance @ test, atol=near * 100)


@pytest.mark.filterwarnings("ignore:.*did not converge")
@pytest.mark.parametrize("n_labels", [3, 200], ids=["low rank", "full rank"])
def test_fit_of_a_memory_map_holds_less_than_its_rows(tmp_path, n_labels):
    rng = np.random.default_rng(0)
    file = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (40000, 160))
    file[:] = rng.normal(size=file.shape)
    tags = rng.integers(0, n_labels, size=40000)
    Y = sparse.csr_array(
        (np.ones(40000, dtype=bool), (np.arange(40000), tags)),
        shape=(40000, n_labels),
    )
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    head = MultiLabelLogisticRegression(tol=0.5, max_iter=2, device="cpu")
    head.fit(X[:100], Y[:100])  # what is imported at the first fit does not count
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newton, "_block_width", lambda products: 5)
        tracemalloc.start()
        try:
            head.fit(X, Y)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Hessian weights of a block, targets, coefficients, and chunks of some MB.
    assert peak < X.nbytes / 2
