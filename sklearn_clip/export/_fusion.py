"""Vectors of items to one feature row each, as a graph: averaged, and fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_clip.fusion import (
    CallableFusion,
    ConcatFusion,
    ConcatProductFusion,
    Fusion,
    ImageFusion,
    InteractionFusion,
    MaxFusion,
    MeanFusion,
    ProductFusion,
    TextFusion,
)

if TYPE_CHECKING:
    from sklearn_clip.export._graph_builder import GraphBuilder


@dataclass(frozen=True)
class Block:
    """Names in a graph of the rows of one modality.

    Parameters
    ----------
    vectors : str
        float32 of shape (n_rows, d); zeros where a row has no item.
    present : str
        bool of shape (n_rows, 1).
    """

    vectors: str
    present: str


def check_fusion(fusion: Fusion) -> None:
    """Refuse a fusion that no graph is known for.

    Parameters
    ----------
    fusion : Fusion
        The fusion.

    Raises
    ------
    TypeError
        If it is not one of those that come with the package.
    """
    if type(fusion) not in _WRITERS:
        name = type(fusion).__name__
        if isinstance(fusion, CallableFusion):
            name = f"the function {getattr(fusion.function, '__name__', '')!r}"
        raise TypeError(
            "fusion must be one of those that come with the package, for a file to "
            f"hold it: what your own code does is unknown. Got {name}. Take one of "
            f"{', '.join(sorted(_NAMES))}, with the head fitted on it."
        )


def unit_rows(builder: GraphBuilder, rows: str) -> str:
    """Scale rows to length 1; a row of zeros stays.

    Parameters
    ----------
    builder : GraphBuilder
        Of the graph.
    rows : str
        float32 of shape (n, d).

    Returns
    -------
    str
        The rows.
    """
    return builder.add("Div", rows, _or_one(builder, _row_norms(builder, rows)))


def _row_norms(builder, rows):
    """Give the length of each row, as a column."""
    axes = builder.constant([1], np.int64)
    return builder.add("ReduceL2", rows, axes, keepdims=1)


def _or_one(builder, norms):
    """Put 1 in the place of 0."""
    zero = builder.constant(0, np.float32)
    is_zero = builder.add("Equal", norms, zero)
    return builder.add("Where", is_zero, builder.constant(1, np.float32), norms)


def pool_rows(
    builder: GraphBuilder, vectors: str, rows: str, n_rows: str, *, normalize: bool
) -> Block:
    """Average the vectors of each row's items.

    Parameters
    ----------
    builder : GraphBuilder
        Of the graph.
    vectors : str
        float32 of shape (n_items, d).
    rows : str
        int32 of shape (n_items,): the row of each item, -1 for none.
    n_rows : str
        int32 of shape (): number of rows.
    normalize : bool
        L2-normalise the items before the mean, and the mean after it.

    Returns
    -------
    Block
        The rows.
    """
    zero, one = (builder.constant(value, np.int32) for value in (0, 1))
    numbers = builder.add("Range", zero, n_rows, one)
    last, first = (builder.constant([axis], np.int64) for axis in (1, 0))
    # Entry (r, i) is 1 where item i is of row r: the sums are a product of matrices.
    owns = builder.add(
        "Equal",
        builder.add("Unsqueeze", numbers, last),
        builder.add("Unsqueeze", rows, first),
    )
    owns = builder.add("Cast", owns, to=1)  # float32
    counts = builder.add("ReduceSum", owns, last, keepdims=1)
    if normalize:
        vectors = unit_rows(builder, vectors)
    sums = builder.add("MatMul", owns, vectors)
    single = builder.constant(1, np.float32)
    mean = builder.add("Div", sums, builder.add("Max", counts, single))
    if normalize:
        # Of one item the mean is a unit row; scaled once more, its last bit may change.
        several = builder.add("Greater", counts, single)
        mean = builder.add("Where", several, unit_rows(builder, mean), mean)
    present = builder.add("Greater", counts, builder.constant(0, np.float32))
    return Block(mean, present)


def fuse_rows(builder: GraphBuilder, fusion: Fusion, blocks: dict[str, Block]) -> str:
    """Fuse rows.

    Parameters
    ----------
    builder : GraphBuilder
        Of the graph.
    fusion : Fusion
        One that `check_fusion` lets pass.
    blocks : dict of str to Block
        The rows of each modality that the fusion needs.

    Returns
    -------
    str
        float32 of shape (n_rows, k): the features.
    """
    return _WRITERS[type(fusion)](
        builder, fusion, *(blocks.get(m) for m in ("image", "text"))
    )


def missing_flags(builder: GraphBuilder, features: str, blocks: list[Block]) -> str:
    """Append one 0/1 column for each modality, 1 where the item is missing.

    Parameters
    ----------
    builder : GraphBuilder
        Of the graph.
    features : str
        float32 of shape (n_rows, k).
    blocks : list of Block
        The rows of each modality, in the order of the fusion.

    Returns
    -------
    str
        float32 of shape (n_rows, k + n_blocks).
    """
    flags = [
        builder.add("Cast", builder.add("Not", block.present), to=1) for block in blocks
    ]
    return builder.add("Concat", features, *flags, axis=1)


def _write_image(builder, fusion, image, text):
    return image.vectors


def _write_text(builder, fusion, image, text):
    return text.vectors


def _write_concat(builder, fusion, image, text):
    return builder.add("Concat", image.vectors, text.vectors, axis=1)


def _write_mean(builder, fusion, image, text):
    # Where one is missing the other has all the weight.
    both = builder.add("And", image.present, text.present)
    given = builder.constant(fusion.weight, np.float32)
    alone = builder.add("Cast", image.present, to=1)
    weight = builder.add("Where", both, given, alone)
    rest = builder.add("Sub", builder.constant(1, np.float32), weight)
    return builder.add(
        "Add",
        builder.add("Mul", weight, image.vectors),
        builder.add("Mul", rest, text.vectors),
    )


def _write_max(builder, fusion, image, text):
    largest = builder.add("Max", image.vectors, text.vectors)
    largest = builder.add("Where", image.present, largest, text.vectors)
    return builder.add("Where", text.present, largest, image.vectors)


def _write_product(builder, fusion, image, text):
    product = builder.add("Mul", image.vectors, text.vectors)
    if not fusion.block_norm:
        return product
    norms = _row_norms(builder, product)
    both = builder.add("Mul", *(_row_norms(builder, b.vectors) for b in (image, text)))
    scale = builder.add("Div", builder.add("Sqrt", both), _or_one(builder, norms))
    return builder.add("Mul", product, scale)


def _write_concat_product(builder, fusion, image, text):
    product = _write_product(builder, fusion, image, text)
    return builder.add("Concat", image.vectors, text.vectors, product, axis=1)


def _write_interaction(builder, fusion, image, text):
    product = _write_product(builder, fusion, image, text)
    axes = builder.constant([1], np.int64)
    norms = (_row_norms(builder, block.vectors) for block in (image, text))
    norms = _or_one(builder, builder.add("Mul", *norms))
    plain = builder.add("Mul", image.vectors, text.vectors)
    cosine = builder.add("ReduceSum", plain, axes, keepdims=1)
    cosine = builder.add("Div", cosine, norms)
    distance = builder.add("Abs", builder.add("Sub", image.vectors, text.vectors))
    parts = image.vectors, text.vectors, product, distance, cosine
    return builder.add("Concat", *parts, axis=1)


# By the class itself: one that inherits may fuse otherwise.
_WRITERS = {
    ImageFusion: _write_image,
    TextFusion: _write_text,
    ConcatFusion: _write_concat,
    MeanFusion: _write_mean,
    MaxFusion: _write_max,
    ProductFusion: _write_product,
    ConcatProductFusion: _write_concat_product,
    InteractionFusion: _write_interaction,
}
_NAMES = (
    *("image", "text", "concat", "mean", "max"),
    *("product", "concat_product", "interaction"),
)
