"""Arrays of a graph that are computed with as NumPy's are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import helper

from sklearn_clip.export._graph_builder import GraphBuilder

# Entries of a constant for which it pays to look for a shorter form.
_LARGE = 1024


def _tensor_type(dtype):
    """Find the number by which ONNX calls a type."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


class GraphArray:
    """A matrix that a graph computes: its name, and what follows from it.

    Operators put nodes into the graph. They compute in the precision in which NumPy
    would: with float64 constants in float64. What a classifier compares in float64 is
    then compared in float64 here, and ends on the same side of a cut.

    Parameters
    ----------
    builder : GraphBuilder
        The graph.
    name : str
        What the matrix is called there.
    dtype : dtype
        Type of its entries: bool, float32, float64 or int64.
    width : int
        Number of its columns; the rows may be any number.
    """

    # NumPy leaves `array @ self` to this class.
    __array_ufunc__ = None

    def __init__(self, builder: GraphBuilder, name: str, dtype: Any, width: int):
        self.builder = builder
        self.name = name
        self.dtype = np.dtype(dtype)
        self.width = width

    def _make(self, operator, *inputs, dtype=None, width=None, **attributes):
        """Add a node over names; by default its result is like this array."""
        name = self.builder.add(operator, *inputs, **attributes)
        return GraphArray(
            self.builder,
            name,
            self.dtype if dtype is None else dtype,
            self.width if width is None else width,
        )

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Put an array into the graph and name it.

        What float32 holds exactly, such as vectors of towers, is stored in that.
        """
        array = np.asarray(values, dtype=dtype)
        if array.dtype == np.float64 and array.size >= _LARGE:
            with np.errstate(over="ignore"):
                shorter = array.astype(np.float32)
            if np.array_equal(shorter, array, equal_nan=True):
                name = self.builder.constant(shorter)
                return self.builder.add("Cast", name, to=_tensor_type(np.float64))
        return self.builder.constant(array)

    def integers(self, *values: int) -> str:
        """Put axes, counts or ends into the graph and name them."""
        return self.builder.constant(np.array(values, dtype=np.int64))

    def cast(self, dtype: Any) -> GraphArray:
        """Convert the entries."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self._make("Cast", self.name, to=_tensor_type(dtype), dtype=dtype)

    def _with(self, other):
        """Bring an operand, or a constant, and this array to their common precision."""
        if isinstance(other, GraphArray):
            dtype = np.result_type(self.dtype, other.dtype)
            width = max(self.width, other.width)
            return self.cast(dtype), other.cast(dtype).name, width
        if isinstance(other, bool | int | float):  # has no precision of its own
            return self, self.constant(np.asarray(other, dtype=self.dtype)), self.width
        other = np.asarray(other)
        dtype = np.result_type(self.dtype, other.dtype)
        width = max(self.width, other.shape[-1] if other.ndim else 1)
        return self.cast(dtype), self.constant(other, dtype), width

    def _binary(self, operator, other, *, turned=False, dtype=None):
        left, right, width = self._with(other)
        names = (right, left.name) if turned else (left.name, right)
        return left._make(operator, *names, width=width, dtype=dtype)

    def __add__(self, other):
        return self._binary("Add", other)

    __radd__ = __add__

    def __sub__(self, other):
        return self._binary("Sub", other)

    def __rsub__(self, other):
        return self._binary("Sub", other, turned=True)

    def __mul__(self, other):
        return self._binary("Mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._binary("Div", other)

    def __rtruediv__(self, other):
        return self._binary("Div", other, turned=True)

    def __neg__(self):
        return self._make("Neg", self.name)

    def __matmul__(self, matrix: np.ndarray) -> GraphArray:
        """Multiply with a constant matrix of shape (width, n_columns)."""
        left, right, _ = self._with(np.asarray(matrix))
        return left._make("MatMul", left.name, right, width=np.shape(matrix)[1])

    def __gt__(self, other):
        return self._binary("Greater", other, dtype=bool)

    def __ge__(self, other):
        return self._binary("GreaterOrEqual", other, dtype=bool)

    def __lt__(self, other):
        return self._binary("Less", other, dtype=bool)

    def __and__(self, other):
        return self._binary("And", other)

    def __or__(self, other):
        return self._binary("Or", other)

    def __invert__(self):
        return self._make("Not", self.name)

    def equals(self, other: Any) -> GraphArray:
        """Compare entries; ``==`` is left to Python."""
        return self._binary("Equal", other, dtype=bool)

    def apply(self, operator: str, dtype: Any = None) -> GraphArray:
        """Apply an operator of ONNX to every entry."""
        return self._make(operator, self.name, dtype=dtype)

    def maximum(self, other: Any) -> GraphArray:
        """Take the greater of two entries."""
        return self._binary("Max", other)

    def minimum(self, other: Any) -> GraphArray:
        """Take the lesser of two entries."""
        return self._binary("Min", other)

    def power(self, exponent: float) -> GraphArray:
        """Raise every entry to a power."""
        return self._binary("Pow", float(exponent))

    def sigmoid(self) -> GraphArray:
        """Compute 1 / (1 + exp(-z)).

        ONNX Runtime's own Sigmoid of float32 is 0 from z = -18 down, and twice too
        large at -17: cuts of rare labels lie there.
        """
        return (self.__neg__().apply("Exp") + 1.0).apply("Reciprocal")

    def reduce(self, operator: str) -> GraphArray:
        """Reduce every row to one column, by ReduceSum, ReduceMax, ReduceL2, ..."""
        return self._make(operator, self.name, self.integers(1), keepdims=1, width=1)

    def sum_middle(self) -> GraphArray:
        """Add along the second of three axes, which is gone then."""
        return self._make("ReduceSum", self.name, self.integers(1), keepdims=0)

    def logsumexp(self) -> GraphArray:
        """Compute log sum exp of every row, safe from overflow."""
        top = self.reduce("ReduceMax")
        return (self - top).apply("Exp").reduce("ReduceSum").apply("Log") + top

    def argmax(self) -> GraphArray:
        """Find the column of every row's greatest entry, the first of equal ones."""
        return self._make(
            "ArgMax", self.name, axis=1, keepdims=1, dtype=np.int64, width=1
        )

    def padded(self) -> GraphArray:
        """Append a row of zeros, for what fails where there are no rows at all."""
        zeros = self.constant(np.zeros((1, self.width), dtype=self.dtype))
        return self._make("Concat", self.name, zeros, axis=0)

    def without_last(self) -> GraphArray:
        """Take the row off again that `padded` has appended."""
        start, end, axis = (self.integers(number) for number in (0, -1, 0))
        return self._make("Slice", self.name, start, end, axis)

    def first(self, k: int, *, largest: bool) -> GraphArray:
        """Find the columns of the k largest or smallest entries of every row.

        Parameters
        ----------
        k : int
            How many.
        largest : bool
            Whether they are the largest ones.

        Returns
        -------
        GraphArray
            Numbers of columns, (n_rows, k); of equal entries, the first columns.
        """
        # TopK of ONNX Runtime 1.20 takes no matrix without rows.
        rows = self.padded()
        _, order = self.builder.add_several(
            "TopK", rows.name, self.integers(k), n=2, axis=1, largest=int(largest)
        )
        return GraphArray(self.builder, order, np.int64, k).without_last()

    def columns(self, chosen: Sequence[int] | np.ndarray) -> GraphArray:
        """Take columns by their numbers."""
        chosen = np.asarray(chosen, dtype=np.int64)
        indices = self.constant(chosen)
        return self._make("Gather", self.name, indices, axis=1, width=len(chosen))

    def where(self, condition: GraphArray, other: Any) -> GraphArray:
        """Keep the entries where a condition holds, and take others elsewhere."""
        kept, rest, width = self._with(other)
        return kept._make("Where", condition.name, kept.name, rest, width=width)

    def full(self, values: np.ndarray) -> GraphArray:
        """Repeat one row of constants, once per row of this array."""
        row = np.asarray(values).reshape(1, -1)
        # Shape of the rows alone, to which the width is appended.
        count = self.builder.add("Shape", self.name, start=0, end=1)
        width = self.integers(row.shape[1])
        shape = self.builder.add("Concat", count, width, axis=0)
        return self._make(
            "Expand",
            self.constant(row),
            shape,
            dtype=row.dtype,
            width=row.shape[1],
        )


def concatenate(parts: Sequence[GraphArray]) -> GraphArray:
    """Put matrices beside each other, in their common precision.

    Parameters
    ----------
    parts : sequence of GraphArray
        At least one.

    Returns
    -------
    GraphArray
        All their columns.
    """
    if len(parts) == 1:
        return parts[0]
    dtype = np.result_type(*(part.dtype for part in parts))
    names = [part.cast(dtype).name for part in parts]
    first = parts[0]
    name = first.builder.add("Concat", *names, axis=1)
    return GraphArray(first.builder, name, dtype, sum(part.width for part in parts))
