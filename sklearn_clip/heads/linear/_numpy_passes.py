"""What the solver needs of all rows, in one pass over them, on the CPU.

Rows are read in chunks, so that what is made of a chunk stays in the processor's cache
until it is used up: besides X, only the Hessian weights of a block of labels are held
for all rows. Threads share the chunks among them.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_clip.heads.linear._evaluation import Evaluation, HessianWeights

# Entries (row and column) of a chunk: three arrays of 1 MB in float32.
_CHUNK_ENTRIES = 2**18
_MOST_ROWS = 8192  # of a chunk, and of those that are cast to float64
# Multiplications of a pass below which threads cost more than they save.
_WORTH_THREADS = 2e7
_LIMITING = Lock()
# Factors 1 + e^-|z|, at most 2, of which one logarithm is taken.
_FACTORS = 64


class NumpyPasses:
    """Passes over the rows of a NumPy or CSR matrix: part of `NumpyProducts`."""

    _pool = None
    _n_threads = 1

    def _measure(self):
        """Mean of the rows, their mean square, and a bound on how far from it they are.

        One pass: distances are from the mean of the first rows, which is nearby.
        """
        if sparse.issparse(self.X):
            self._measure_stored()
            return
        self.sum, square, reach, about = np.zeros(self.n_features), 0.0, 0.0, None
        for rows in self._chunks(self.n_features):
            part = self.X[rows]
            self.sum += part.sum(axis=0, dtype=np.float64)
            square += float(np.einsum("ij,ij->i", part, part).sum(dtype=np.float64))
            if about is None:
                about = part.mean(axis=0)
            away = part - about
            furthest = np.einsum("ij,ij->i", away, away)
            reach = max(reach, float(furthest.max(initial=0)))
        self.mean = self.sum / max(1, self.n_samples)
        self.mean_square = square / max(1, self.n_samples)
        self.reach = np.sqrt(reach) + np.linalg.norm(self.mean - about)

    def _measure_stored(self):
        """Measure what is stored: with its zeros a chunk may have gigabytes."""
        self.sum, squares = np.zeros(self.n_features), np.zeros(self.n_samples)
        for rows in self._chunks(1):
            part = self.X[rows].astype(np.float64)
            part.sum_duplicates()
            self.sum += part.T @ np.ones(part.shape[0])
            part.data **= 2
            squares[rows] = part @ np.ones(self.n_features)
        self.mean = self.sum / max(1, self.n_samples)
        self.mean_square = squares.sum() / max(1, self.n_samples)
        square = self.mean @ self.mean
        away = squares + square
        # It cancels where all rows are far from 0 and near to each other.
        rounding = 1e-12 * away.max(initial=0)
        for rows in self._chunks(1):
            away[rows] -= 2 * (self.X[rows] @ self.mean)
        self.reach = np.sqrt(max(away.max(initial=0), 0) + rounding)

    def _dense(self, rows):
        part = self.X[rows]
        return part.toarray() if sparse.issparse(part) else part

    @contextmanager
    def working(self, n_columns):
        """Share passes among threads, as many as the matrix library would use."""
        work = float(self.n_samples) * self.n_features * n_columns
        limits = None
        if work > _WORTH_THREADS:
            # Fits beside this one, in other threads, are not to take its limit for what
            # was there before, and restore it.
            with _LIMITING:
                pools = threadpool_info()
                counts = [p["num_threads"] for p in pools if p["user_api"] == "blas"]
                n_chunks = len(list(self._chunks(1)))
                self._n_threads = min(max(counts, default=1), n_chunks)
                if self._n_threads > 1:
                    # Each thread multiplies by itself: the library's would only wait.
                    limits = threadpool_limits(1, user_api="blas")
        if limits is None:
            yield
            return
        try:
            with ThreadPoolExecutor(self._n_threads) as self._pool:
                yield
        finally:
            self._pool, self._n_threads = None, 1
            with _LIMITING:
                limits.restore_original_limits()

    def _chunks(self, n_columns):
        """Slices of rows, of a number that threads share evenly."""
        most = max(256, min(_MOST_ROWS, _CHUNK_ENTRIES // max(1, n_columns)))
        count = -(-self.n_samples // most)
        if self._n_threads > 1:
            count = -(-count // self._n_threads) * self._n_threads
        step = max(1, -(-self.n_samples // max(1, count)))
        for start in range(0, self.n_samples, step):
            yield slice(start, min(start + step, self.n_samples))

    def _share(self, work, n_columns):
        """Add up what threads make of their chunks, each neighbours of the others'."""
        chunks = list(self._chunks(n_columns))
        if self._pool is None:
            return work(chunks)
        jobs = [
            self._pool.submit(work, chunks[thread :: self._n_threads])
            for thread in range(self._n_threads)
        ]
        first, *others = [job.result() for job in jobs]
        for other in others:
            first.add(other)
        return first

    def evaluate(
        self,
        coef,
        intercept,
        targets,
        *,
        double=False,
        largest=False,
        precise=False,
        centre=False,
    ):
        """Compute the loss, its slope and its curvature.

        Parameters
        ----------
        coef : ndarray of shape (n_features, n_columns), float64
            Coefficients.
        intercept : ndarray of shape (n_columns,)
            Intercepts.
        targets : TargetBlock
            Targets and weights of the columns.
        double : bool, default=False
            Whether to compute in float64, whatever X is.
        largest : bool, default=False
            Whether the largest error is asked for.
        precise : bool, default=False
            Whether a small loss of float32 is to be as precise as a large one, which
            takes longer.
        centre : bool, default=False
            Whether to compute `weighted`, which is a product more, and saves as many.

        Returns
        -------
        Evaluation
            What it says.
        """
        dtype = np.dtype(np.float64) if double else self.dtype
        n_columns, precise = len(intercept), precise or dtype == np.float64
        D = np.empty((self.n_samples, n_columns), dtype=self.dtype)
        V = coef.astype(dtype) if coef.any() else None
        b = intercept.astype(dtype)

        def work(chunks):
            sums = _Sums(self.n_features, n_columns)
            sums.weighted = np.zeros_like(sums.slope) if centre else 0.0
            space = _Space(chunks, n_columns, dtype)
            for rows in chunks:
                X = self.X[rows].astype(dtype, copy=False)
                Z, T, P = space.of(rows)
                if V is None:  # the usual start needs no product
                    Z[:] = b
                else:
                    _product(X, V, Z)
                    Z += b
                ones, S = targets.rows(rows, dtype)
                _logistic(Z, T, P, D[rows], ones, S, sums, precise)
                # P is p - y by now, then r.
                sums.curvature += _total(D[rows])
                if largest:
                    seen = _peak(P if S is None else P * (S > 0))
                    np.maximum(sums.largest, seen, out=sums.largest)
                if S is not None:
                    P *= S
                sums.residual += _total(P)
                sums.slope += X.T @ P
                if centre:
                    sums.weighted += X.T @ D[rows].astype(dtype, copy=False)
            return sums

        sums = self._share(work, n_columns)
        return Evaluation(**sums.__dict__, D=HessianWeights(D))

    def curve(self, Q, q, D, *, double=False):
        """Compute ``X.T t`` and the sum of t for ``t = D (X Q + q)``, by columns.

        Parameters
        ----------
        Q : ndarray of shape (n_features, n_columns), float64
            Directions.
        q : ndarray of shape (n_columns,)
            Their intercepts.
        D : HessianWeights
            Those of the columns.
        double : bool, default=False
            Whether to compute in float64, whatever X is.

        Returns
        -------
        ndarray of shape (n_features, n_columns), ndarray of shape (n_columns,)
            The products with X and the sums, in float64.
        """
        dtype = np.dtype(np.float64) if double else self.dtype
        n_columns, Q, b = len(q), Q.astype(dtype), q.astype(dtype)

        def work(chunks):
            sums = _Sums(self.n_features, n_columns)
            space = _Space(chunks, n_columns, dtype, count=1)
            for rows in chunks:
                X = self.X[rows].astype(dtype, copy=False)
                (T,) = space.of(rows)
                _product(X, Q, T)
                T += b
                T *= D.rows(rows)
                sums.residual += _total(T)
                sums.slope += X.T @ T
            return sums

        sums = self._share(work, n_columns)
        return sums.slope, sums.residual

    def span(self, Q, q, targets=None):
        """Largest and least ``X Q + q`` over rows, times ``2 y - 1`` with targets.

        Parameters
        ----------
        Q : ndarray of shape (n_features, n_columns)
            Directions.
        q : ndarray of shape (n_columns,)
            Their intercepts.
        targets : TargetBlock or None, default=None
            Whose rows without a weight count as 0.

        Returns
        -------
        most, least : ndarray of shape (n_columns,)
            At least and at most 0.
        """
        n_columns, Q, b = len(q), self.put(Q), q.astype(self.dtype)

        def work(chunks):
            found = _Span(n_columns)
            space = _Space(chunks, n_columns, self.dtype, count=1)
            for rows in chunks:
                (Z,) = space.of(rows)
                _product(self.X[rows], Q, Z)
                Z += b
                if targets is not None:
                    ones, S = targets.rows(rows, self.dtype)
                    ones.turn_others(Z)
                    if S is not None:
                        Z *= S > 0
                np.maximum(found.most, Z.max(axis=0, initial=0), out=found.most)
                np.minimum(found.least, Z.min(axis=0, initial=0), out=found.least)
            return found

        found = self._share(work, n_columns)
        return found.most, found.least

    def sum_of_positives(self, targets):
        """Compute ``X.T (s y)`` and the sums of ``s y``, in float64."""
        n_columns = targets.n_columns

        def work(chunks):
            sums = _Sums(self.n_features, n_columns)
            for rows in chunks:
                ones, S = targets.rows(rows, self.dtype)
                Y = ones.weighted(S, self.dtype)
                sums.residual += np.asarray(Y.sum(axis=0, dtype=np.float64)).ravel()
                part = Y.T @ self.X[rows]
                sums.slope += (part.toarray() if sparse.issparse(part) else part).T
            return sums

        sums = self._share(work, n_columns)
        return sums.slope, sums.residual

    def gram_image(self, test, mean):
        """Multiply by the rows' outer products with themselves, about a mean.

        Parameters
        ----------
        test : ndarray of shape (n_features, n_columns), or None
            What is multiplied; None is the identity.
        mean : ndarray of shape (n_features,)
            What is taken from the rows.

        Returns
        -------
        ndarray of shape (n_features, n_columns), float64
            ``X.T (X - mean) test``.
        """
        n_columns = self.n_features if test is None else test.shape[1]
        V = None if test is None else self.put(test)
        shift = self.put(mean if test is None else mean @ test)

        def work(chunks):
            sums = _Sums(self.n_features, n_columns)
            for rows in chunks:
                X = self.X[rows]
                # From the scores, not from their products with X: those of a mean far
                # from 0 would drown the others.
                Z = (self._dense(rows) if V is None else X @ V) - shift
                sums.slope += X.T @ Z
            return sums

        with self.working(n_columns):
            return self._share(work, n_columns).slope


class _Sums:
    """What a thread adds up over its chunks, by columns."""

    def __init__(self, n_features, n_columns):
        self.loss, self.residual, self.curvature, self.largest = np.zeros(
            (4, n_columns)
        )
        self.slope, self.weighted = np.zeros((n_features, n_columns)), 0.0

    def add(self, other):
        for name in ("loss", "residual", "curvature", "slope", "weighted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.largest = np.maximum(self.largest, other.largest)


class _Span:
    """Largest and least values of the columns, and 0."""

    def __init__(self, n_columns):
        self.most, self.least = np.zeros((2, n_columns))

    def add(self, other):
        self.most = np.maximum(self.most, other.most)
        self.least = np.minimum(self.least, other.least)


class _Space:
    """Arrays that a thread uses for one chunk after the other."""

    def __init__(self, chunks, n_columns, dtype, count=3):
        longest = max((c.stop - c.start for c in chunks), default=0)
        self._arrays = np.empty((count, longest, n_columns), dtype=dtype)

    def of(self, rows):
        return self._arrays[:, : rows.stop - rows.start]


def _product(X, V, out):
    """Write ``X @ V`` to `out`; SciPy cannot."""
    if sparse.issparse(X):
        out[:] = X @ V
    else:
        np.matmul(X, V, out=out)


def _logistic(Z, T, P, D, ones, S, sums, precise):
    """Add up the loss; write p - y to `P` and ``s p (1 - p)`` to `D`.

    With ``t = e^-|z|``, which overflows for no z: the loss is ``max(z, 0) - y z +
    log(1 + t)``, the smaller of p and 1 - p is ``t / (1 + t)`` and the other 1 / (1 +
    t).
    """
    np.copysign(Z, np.array(-1, dtype=Z.dtype), out=T)
    np.exp(T, out=T)
    np.maximum(Z, 0, out=P)
    ones.subtract_from(P, Z)  # entry by entry: the sums may be far larger than J
    if precise or S is not None:
        P += np.log1p(T)
        if S is not None:
            P *= S
    sums.loss += _total(P)
    np.add(T, 1, out=P)
    if not precise and S is None:
        sums.loss += _total_log(P)
    np.reciprocal(P, out=P)
    T *= P
    np.multiply(T, P, out=D, casting="same_kind")
    if S is not None:
        D *= S
    ones.take_errors(P, T, Z < 0)


def _total(array):
    """Add up the columns of a chunk, in its precision; chunks are added in float64."""
    return np.ones(len(array), dtype=array.dtype) @ array


def _total_log(factors):
    """Sum of the logarithms of numbers in [1, 2], few at a time by their product.

    The logarithm of a product costs as much as that of one factor. In float32 the sum
    is off by some 1e-7 for the square root of the number of rows.
    """
    whole = len(factors) // _FACTORS * _FACTORS
    groups = factors[:whole].reshape(-1, _FACTORS, factors.shape[1])
    found = np.log(np.multiply.reduce(groups, axis=1)).sum(axis=0, dtype=np.float64)
    return found + np.log(factors[whole:]).sum(axis=0, dtype=np.float64)


def _peak(array):
    """Largest magnitude of columns."""
    return np.maximum(array.max(axis=0), -array.min(axis=0))
