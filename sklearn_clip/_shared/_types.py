"""Names of the types that public functions take, beside those of NumPy."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike


class SparseMatrix(Protocol):
    """A matrix or array of `scipy.sparse`, which itself has no types."""

    def toarray(self) -> Any:
        """Make it dense."""


# Tables of numbers. What a DataFrame, a tensor or a Series is to NumPy, it is here too.
TableLike: TypeAlias = ArrayLike | SparseMatrix
# Targets, whose lists may hold None or NA where a label is unknown.
TargetsLike: TypeAlias = TableLike | Sequence[object]
