"""A low-rank picture of X.T @ X that all labels share, to precondition with."""

import numpy as np


class NystromSketch:
    """Leading eigenpairs of ``X.T @ X``, and the preconditioner made of them.

    Around its minimum the loss of a label has the Hessian ``X.T D X + rho I`` with D
    the diagonal of the weights ``s p (1 - p)``. With D replaced by its mean ``a`` the
    eigenvectors ``U`` are those of ``X.T X`` for every label, so that one randomised
    Nystrom approximation [1]_ serves them all:

        M^-1 = U diag(1 / (a l + rho)) U.T + (I - U U.T) / (a l_k + rho),

    with the directions beyond the `rank` largest eigenvalues ``l`` taken for as long as
    the last of them. It costs a few products with X, and it halves the number of those
    of a fit or better (see `sketch_rank`).

    Parameters
    ----------
    products : NumpyProducts or TorchProducts
        Products with X.
    rank : int
        Number of eigenpairs, at most ``min(n_samples, n_features)``.
    centre : bool
        Whether the column means are taken from X, as an intercept does.

    References
    ----------
    .. [1] Z. Frangella, J. A. Tropp, M. Udell, "Randomized Nystrom preconditioning",
       SIAM J. Matrix Anal. Appl. 44(2), 2023. :arxiv:`2110.02820`
    """

    def __init__(self, products, rank, *, centre):
        self.products = products
        full = rank == products.n_features
        # Any full-rank test matrix serves; this one is nearly orthogonal. What the
        # fit returns depends on its seed by less than the tolerance.
        noise = np.random.default_rng(0).standard_normal((products.n_features, rank))
        test = None if full else noise / np.sqrt(products.n_features)
        # A = X.T X / n, its columns centred as the elimination of the intercept does
        # (with D replaced by its mean). It takes one pass over the rows.
        image = products.gram_image(test, products.mean * centre)
        image /= max(1, products.n_samples)
        values, vectors = _eigenpairs(image) if full else _nystrom(image, test)
        self.values, self.vectors = values, products.put(vectors)
        self.full = full
        # Of fewer rows than features nothing is beyond, but the two parts of M^-1 below
        # would cancel in float32 if they were too far apart.
        self.beyond = max(values.min(), 1e-5 * values.max())
        self.least = max(self.beyond, 1e-6 * products.mean_square, 1e-30)

    def precondition(self, R, weight, rho):
        """Multiply by the inverse of the preconditioner.

        Parameters
        ----------
        R : device array of shape (n_features, n_columns)
            Residuals.
        weight : ndarray of shape (n_columns,)
            Sum over rows of the Hessian weights D of each label.
        rho : ndarray of shape (n_columns,)
            Weight of the penalty.

        Returns
        -------
        device array of shape (n_features, n_columns)
            The product.
        """
        # a l + rho with a l = sum D times an eigenvalue of X.T X / n.
        inner, put = self.vectors.T @ R, self.products.put
        # Without a penalty, nothing holds the directions in which X does not vary: the
        # rounding errors of R in them must not be blown up.
        least = np.where(rho > 0, 0, self.least)
        known = weight * np.maximum(self.values[:, None], least) + rho
        # U.T R rounds by eps |R|, which is not to become more than R itself.
        known = np.maximum(known, 100 * self.products.eps**2 * known.max(axis=0))
        if self.full:
            return self.vectors @ (inner * put(1 / known))
        # (I - U U.T) R by one number, which is R by it less U U.T R by it.
        rest = 1 / (weight * np.maximum(self.beyond, least) + rho)
        return put(rest) * R + self.vectors @ (inner * put(1 / known - rest))


def _eigenpairs(matrix):
    """Eigenvalues, not below 0, and eigenvectors of a symmetric matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.maximum(values, 0), vectors


def _nystrom(image, test):
    """Eigenpairs of ``A test (test.T A test)^-1 (A test).T``, given ``A test``."""
    # A shift of A keeps the small matrix positive definite. It bounds how far the
    # squared condition numbers below spoil the orthogonality of the vectors.
    shift = 1e-7 * np.linalg.norm(image) + np.finfo(np.float32).tiny
    # With test.T A test = V diag(l) V.T the approximation is F F.T, F = A test V
    # l^-1/2, whose eigenpairs are those of the small F.T F (Algorithm 2.1 of [1] takes
    # a Cholesky factor and an SVD; two eigh of rank x rank are as good here, since a
    # preconditioner need not be exact). F is of A without the shift: directions in
    # which X does not vary are left out of it, and without a penalty nothing else
    # would take what a step does there back.
    values, vectors = _eigenpairs(test.T @ (image + shift * test))
    factor = image @ (vectors / np.sqrt(np.maximum(values, shift * 1e-3)))
    values, vectors = _eigenpairs(factor.T @ factor)
    return values, factor @ (vectors / np.sqrt(np.maximum(values, shift * 1e-3)))


def sketch_rank(products, n_columns):
    """Rank of the sketch: all of few features or for many labels, else 64 to 256.

    At n = 8,000, d = 1,024 and 80 labels, ranks of 64, 128, 256 and all take 1.3, 1.0,
    1.0 and 1.7 of the time at C = 1, and 1.6, 1.2, 1.0 and 1.1 at C = 30. Of a sparse X
    the sketch must not cost more than X: at n = 1,481, d = 18,873 with 50 entries a row
    and 43 labels, ranks of 4, 8, 32 and 172 take 1.0, 1.0, 2.3 and 3.2 of the time at C
    = 1, and 1.0, 1.0, 1.6 and 3.3 at C = 100.

    Parameters
    ----------
    products : NumpyProducts or TorchProducts
        Products with X.
    n_columns : int
        Number of columns that are solved.

    Returns
    -------
    int
        The rank.
    """
    n_samples, n_features = products.n_samples, products.n_features
    small = min(n_samples, n_features)
    # All eigenvectors of X.T X cost some n_features^3, a pass of all labels as much as
    # n_samples n_features n_columns: where they are a share of that, they pay.
    cheap = n_features**2 <= 0.15 * n_samples * n_columns
    if small <= 128 or cheap:
        return small
    # A step of the preconditioner multiplies with twice rank x n_features entries, a
    # pass with twice those that are stored.
    most = max(8, 2 * products.n_stored // n_features)
    return min(small, most, int(np.clip(4 * n_columns, 64, 256)))
