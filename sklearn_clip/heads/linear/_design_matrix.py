"""The feature matrix on the CPU or a GPU, and the products with it."""

import sys

import numpy as np
from scipy import sparse

from sklearn_clip._shared import warn_user
from sklearn_clip.heads.linear._numpy_passes import NumpyPasses
from sklearn_clip.heads.linear._torch_passes import TorchPasses

# Multiplications of one product below which a GPU is not worth the import of torch.
_WORTH_A_GPU = 1e8


class NumpyProducts(NumpyPasses):
    """Products with a NumPy array, which may be a memory map, or a CSR matrix.

    Arrays of one column per label are called "on the device" below; here that is
    plain memory. Vectors of one number per label stay in float64 NumPy arrays.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features), float32 or float64
        Features.
    """

    def __init__(self, X):
        # A view of the same memory: a memmap pays for its class at every slice.
        self.X = X if sparse.issparse(X) else np.asarray(X)
        self.n_stored = X.nnz if sparse.issparse(X) else X.size
        self.n_samples, self.n_features = X.shape
        self.dtype = X.dtype
        self.eps = float(np.finfo(X.dtype).eps)
        self._measure()

    def score_rows(self, rows, V):
        """Compute ``X[rows] @ V``, on the host."""
        return self.X[rows] @ self.put(V)

    def put(self, array):
        """Bring an array to the device, in the precision of X."""
        return np.asarray(array, dtype=self.dtype)

    def host(self, array):
        """Bring an array from the device as float64."""
        return np.asarray(array, dtype=np.float64)


class TorchProducts(TorchPasses):
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
        self.n_stored = X.size
        self.dtype = self.X.dtype
        self.eps = float(torch.finfo(self.dtype).eps)
        self._measure()

    def score_rows(self, rows, V):
        """Compute ``X[rows] @ V``, on the host."""
        return (self.X[rows] @ self.put(V)).cpu().numpy()

    def put(self, array):
        """Bring an array to the device, in the precision of X."""
        return self.xp.as_tensor(array, dtype=self.dtype, device=self.device)

    def host(self, array):
        """Bring an array from the device as float64."""
        return array.to("cpu", self.xp.float64).numpy()

    def total(self, array):
        """Sum over rows, in float64, one number per label."""
        return self.host(array.sum(dim=0, dtype=self.xp.float64))

    def zeros(self, n_rows, n_columns):
        """Array of zeros on the device."""
        return self.xp.zeros(n_rows, n_columns, dtype=self.dtype, device=self.device)


def make_products(X, device, n_columns):
    """Choose where the products with X are computed.

    On a CPU that is NumPy: torch takes as long for them, and seconds to import.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features), float32 or float64
        Features.
    device : str or torch.device
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
    name = str(device)
    if name not in ("auto", "cpu", "cpu:0") and not name.startswith("cuda"):
        raise ValueError(
            "device must be 'auto', 'cpu' or a CUDA device such as 'cuda' or 'cuda:1'. "
            f"Got {device!r}."
        )
    if name.startswith("cpu") or sparse.issparse(X):
        return NumpyProducts(X)
    small = float(X.shape[0]) * X.shape[1] * n_columns < _WORTH_A_GPU
    if name == "auto" and (small or not _has_cuda()):
        return NumpyProducts(X)
    try:
        return TorchProducts(X, "cuda" if name == "auto" else name)
    except (RuntimeError, AssertionError) as exc:
        cause = str(exc).splitlines()[0][:200]
        if name != "auto":
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
