"""Products with the feature matrix, in NumPy, SciPy or torch."""

import sys

import numpy as np
from scipy import sparse

from sklearn_clip._shared import warn_user

# Rows cast to float64 at a time: 16 MB of a 1,024-dimensional X.
_ROWS_IN_DOUBLE = 2048
# Multiplications of one product below which a GPU is not worth the import of torch.
_WORTH_A_GPU = 1e8


class NumpyProducts:
    """Products with a NumPy array or a CSR matrix.

    Arrays of one column per label are called "on the device" below; here that is
    plain memory. Vectors of one number per label stay in float64 NumPy arrays.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features), float32 or float64
        Features.
    """

    xp = np

    def __init__(self, X):
        self.X = X
        self.n_samples, self.n_features = X.shape
        self.dtype = X.dtype
        self.eps = float(np.finfo(X.dtype).eps)
        squares = X.multiply(X) if sparse.issparse(X) else np.einsum("ij,ij->i", X, X)
        self.mean_square = float(squares.sum()) / max(1, self.n_samples)
        self._double = None

    def forward(self, V):
        """Compute ``X @ V`` in the precision of X."""
        return self.X @ V

    def backward(self, U):
        """Compute ``X.T @ U`` in the precision of X."""
        return self.X.T @ U

    def forward_double(self, V):
        """Compute ``X @ V`` in float64 for a float64 `V`."""
        return np.concatenate([block @ V for _, block in self._blocks()])

    def backward_double(self, U):
        """Compute ``X.T @ U`` in float64 for a float64 `U`."""
        return sum(block.T @ U[rows] for rows, block in self._blocks())

    def _blocks(self):
        """Pairs of rows and float64 features: casting all would triple the memory."""
        for start in range(0, self.n_samples, _ROWS_IN_DOUBLE):
            rows = slice(start, start + _ROWS_IN_DOUBLE)
            yield rows, self.X[rows].astype(np.float64)

    def score_rows(self, rows, V):
        """Compute ``X[rows] @ V``, on the host."""
        return self.X[rows] @ self.put(V)

    def put(self, array, *, double=False):
        """Bring an array to the device, in the precision of X or in float64."""
        return np.asarray(array, dtype=np.float64 if double else self.dtype)

    def host(self, array):
        """Bring an array from the device as float64."""
        return np.asarray(array, dtype=np.float64)

    def total(self, array):
        """Sum over rows, in float64, one number per label."""
        return array.sum(axis=0, dtype=np.float64)

    def peak(self, array):
        """Largest magnitude over rows, one number per label."""
        return self.host(np.maximum(array.max(axis=0), -array.min(axis=0)))

    def zeros(self, n_rows, n_columns):
        """Array of zeros on the device."""
        return np.zeros((n_rows, n_columns), dtype=self.dtype)

    def sigmoid(self, Z):
        """Compute ``1 / (1 + exp(-Z))``."""
        # exp overflows to infinity where the probability is 0 anyway.
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-Z))


class TorchProducts:
    """The same on a torch device, for a dense X.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Features.
    device : torch.device or str
        Where the arithmetic happens.
    """

    def __init__(self, X, device):
        import torch

        self.xp = torch
        self.device = device
        self.n_samples, self.n_features = X.shape
        self.X = torch.tensor(X, device=device)
        self.dtype = self.X.dtype
        self.eps = float(torch.finfo(self.dtype).eps)
        squares = (self.X * self.X).sum(dtype=torch.float64)
        self.mean_square = float(squares) / max(1, self.n_samples)

    def forward(self, V):
        """Compute ``X @ V`` in the precision of X."""
        return self.X @ V

    def backward(self, U):
        """Compute ``X.T @ U`` in the precision of X."""
        return self.X.T @ U

    def forward_double(self, V):
        """Compute ``X @ V`` in float64 for a float64 `V`."""
        blocks = self.X.split(_ROWS_IN_DOUBLE)
        return self.xp.cat([block.double() @ V for block in blocks])

    def backward_double(self, U):
        """Compute ``X.T @ U`` in float64 for a float64 `U`."""
        pairs = zip(
            self.X.split(_ROWS_IN_DOUBLE), U.split(_ROWS_IN_DOUBLE), strict=True
        )
        return sum(block.double().T @ part for block, part in pairs)

    def score_rows(self, rows, V):
        """Compute ``X[rows] @ V``, on the host."""
        return (self.X[rows] @ self.put(V)).cpu().numpy()

    def put(self, array, *, double=False):
        """Bring an array to the device, in the precision of X or in float64."""
        dtype = self.xp.float64 if double else self.dtype
        return self.xp.as_tensor(array, dtype=dtype, device=self.device)

    def host(self, array):
        """Bring an array from the device as float64."""
        return array.to("cpu", self.xp.float64).numpy()

    def total(self, array):
        """Sum over rows, in float64, one number per label."""
        return self.host(array.sum(dim=0, dtype=self.xp.float64))

    def peak(self, array):
        """Largest magnitude over rows, one number per label."""
        return self.host(array.abs().amax(dim=0))

    def zeros(self, n_rows, n_columns):
        """Array of zeros on the device."""
        return self.xp.zeros(n_rows, n_columns, dtype=self.dtype, device=self.device)

    def sigmoid(self, Z):
        """Compute ``1 / (1 + exp(-Z))``."""
        return Z.sigmoid()


def make_products(X, device, n_columns):
    """Choose where the products with X are computed.

    On a CPU that is NumPy: torch takes as long for them, and seconds to import.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features), float32 or float64
        Features.
    device : str
        ``"auto"``, ``"cpu"`` or a CUDA device. ``"auto"`` is CUDA where torch has it
        and the problem is large enough, else the CPU.
    n_columns : int
        Number of labels solved together.

    Returns
    -------
    NumpyProducts or TorchProducts
        A sparse X stays on the CPU.

    Raises
    ------
    ValueError
        If the device is not one of the above, or this machine does not have it.
    """
    if device not in ("auto", "cpu") and not device.startswith("cuda"):
        raise ValueError(
            "device must be 'auto', 'cpu' or a CUDA device such as 'cuda' or 'cuda:1'. "
            f"Got {device!r}."
        )
    if device == "cpu" or sparse.issparse(X):
        return NumpyProducts(X)
    small = float(X.shape[0]) * X.shape[1] * n_columns < _WORTH_A_GPU
    if device == "auto" and (small or not _has_cuda()):
        return NumpyProducts(X)
    try:
        return TorchProducts(X, "cuda" if device == "auto" else device)
    except (RuntimeError, AssertionError) as exc:
        cause = str(exc).splitlines()[0][:200]
        if device != "auto":
            raise ValueError(
                f"device={device!r} cannot be used on this machine ({cause}). "
                "device='auto' takes what there is."
            ) from exc
        warn_user(
            f"A CUDA GPU is present but cannot be used ({cause}): the CPU is used "
            "instead. Silence this with device='cpu'.",
        )
        return NumpyProducts(X)


def _has_cuda():
    """Tell whether torch sees a CUDA GPU."""
    if "torch" not in sys.modules:
        try:
            import torch  # noqa: F401 - an installation may be broken
        except (ImportError, OSError):
            return False
    return sys.modules["torch"].cuda.is_available()
