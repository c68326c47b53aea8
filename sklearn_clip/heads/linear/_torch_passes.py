"""What the solver needs of all rows, in one pass over them, on a torch device."""

from contextlib import contextmanager

import numpy as np

from sklearn_clip.heads.linear._evaluation import Evaluation, HessianWeights

# Entries (row and column) of a chunk: some five arrays of 256 MB in float32.
_CHUNK_ENTRIES = 2**26


class TorchPasses:
    """Passes over the rows of a tensor: part of `TorchProducts`, see `NumpyPasses`."""

    def _measure(self):
        """Mean of the rows, their mean square, and how far from the mean they are."""
        double = self.xp.float64
        self.sum = self.host(self.X.sum(dim=0, dtype=double))
        self.mean = self.sum / max(1, self.n_samples)
        squares, reach, about = 0.0, 0.0, self.put(self.mean)
        for rows in self._chunks(self.n_features):
            X = self.X[rows]
            squares += float((X * X).sum(dtype=double))
            reach = max(reach, float((X - about).norm(dim=1).max()))
        self.mean_square = squares / max(1, self.n_samples)
        self.reach = reach

    @contextmanager
    def working(self, n_columns):
        """Do nothing: the device shares the work by itself."""
        yield

    def _chunks(self, n_columns):
        step = max(1, _CHUNK_ENTRIES // max(1, n_columns, self.n_features))
        for start in range(0, self.n_samples, step):
            yield slice(start, min(start + step, self.n_samples))

    def _to_device(self, array, dtype):
        return self.xp.as_tensor(array, dtype=dtype, device=self.device)

    def _targets(self, targets, rows, dtype):
        """Where labels are 1, and the weights or None, on the device."""
        double = dtype == self.xp.float64
        ones, S = targets.rows(rows, np.float64 if double else np.float32)
        Y = self._to_device(ones.dense(), self.xp.bool)
        return Y, None if S is None else self._to_device(S, dtype)

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
        """Compute the loss, precise anyway, its slope and its curvature."""
        xp = self.xp
        dtype = xp.float64 if double else self.dtype
        V, b = self._to_device(coef, dtype), self._to_device(intercept, dtype)
        D = self.zeros(self.n_samples, len(intercept))
        sums = 0
        for rows in self._chunks(len(intercept)):
            X = self.X[rows].to(dtype)
            Y, S = self._targets(targets, rows, dtype)
            Z = X @ V + b
            loss = xp.log1p((-Z.abs()).exp()) + xp.where(Y, -Z, Z).clip(min=0)
            # p - y, and p (1 - p), without a difference: 1 - p of z is p of -z.
            P, Q = Z.sigmoid(), (-Z).sigmoid()
            weight, residual = P * Q, xp.where(Y, -Q, P)
            peak = residual.abs() if S is None else residual.abs() * (S > 0)
            if S is not None:
                loss, weight, residual = loss * S, weight * S, residual * S
            D[rows] = weight.to(self.dtype)
            found = (
                self.total(loss),
                self.host(X.T @ residual),
                self.host(X.T @ weight) if centre else 0.0,
                self.total(residual),
                self.total(weight),
            )
            sums = _add(sums, (*found, self.host(peak.amax(dim=0))))
        return Evaluation(*sums, D=HessianWeights(D))

    def curve(self, Q, q, D, *, double=False):
        """Compute ``X.T t`` and the sum of t for ``t = D (X Q + q)``, by columns."""
        dtype = self.xp.float64 if double else self.dtype
        Q, b = self._to_device(Q, dtype), self._to_device(q, dtype)
        product, total = 0, 0
        index = D.index
        if index is not None:
            index = self.xp.as_tensor(index, device=self.device)
        for rows in self._chunks(len(q)):
            X = self.X[rows].to(dtype)
            weights = D.table[rows]
            T = (weights if index is None else weights[:, index]) * (X @ Q + b)
            product = product + self.host(X.T @ T)
            total = total + self.total(T)
        return product, total

    def span(self, Q, q, targets=None):
        """Largest and least ``X Q + q`` over rows, times ``2 y - 1`` with targets."""
        most, least = np.zeros((2, len(q)))
        Q, b = self.put(Q), self.put(q)
        for rows in self._chunks(len(q)):
            Z = self.X[rows] @ Q + b
            if targets is not None:
                Y, S = self._targets(targets, rows, self.dtype)
                Z = self.xp.where(Y, Z, -Z)
                Z = Z if S is None else Z * (S > 0)
            most = np.maximum(most, self.host(Z.amax(dim=0)))
            least = np.minimum(least, self.host(Z.amin(dim=0)))
        return most, least

    def sum_of_positives(self, targets):
        """Compute ``X.T (s y)`` and the sums of ``s y``, in float64."""
        sums = 0
        for rows in self._chunks(targets.n_columns):
            Y, S = self._targets(targets, rows, self.dtype)
            Y = Y.to(self.dtype) if S is None else Y * S
            sums = _add(sums, (self.host(self.X[rows].T @ Y), self.total(Y), 0))
        return sums[:2]

    def gram_image(self, test, mean):
        """Compute ``X.T (X - mean) test``; None is the identity."""
        V = None if test is None else self.put(test)
        shift = self.put(mean if test is None else mean @ test)
        image = 0
        for rows in self._chunks(self.n_features if V is None else V.shape[1]):
            X = self.X[rows]
            image = image + self.host(X.T @ ((X if V is None else X @ V) - shift))
        return image


def _add(sums, found):
    """Add up results of chunks; of the last of each the larger counts."""
    if isinstance(sums, int):
        return found
    *old, most = sums
    *new, now = found
    return (*(a + b for a, b in zip(old, new, strict=True)), np.maximum(most, now))
