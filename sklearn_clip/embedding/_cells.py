"""The cells of a call to vectors: every modality, what is missing, what is broken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.embedding._columns import embed_column
from sklearn_clip.embedding._failures import (
    refuse_missing,
    report_remarks,
    report_unreadable,
)
from sklearn_clip.embedding._rows import Cells

if TYPE_CHECKING:
    from sklearn_clip.embedding.backbone._backbone import Backbone

Masks = dict[str, NDArray[np.bool_]]


def find_present(
    cells: Cells,
    modalities: Collection[str],
    missing: Literal["zero", "raise"],
) -> Masks:
    """Tell which rows have an item.

    Parameters
    ----------
    cells : Cells
        The rows.
    modalities : collection of {"image", "text"}
        The columns that are needed.
    missing : {"zero", "raise"}
        Whether a row may have none.

    Returns
    -------
    dict of {"image", "text"} to ndarray of shape (n,), dtype bool
        Which rows have an item of the modality.

    Raises
    ------
    ValueError
        If a row has none and must.
    """
    present = {
        m: np.array([len(cell) > 0 for cell in getattr(cells, m)], dtype=bool)
        for m in modalities
    }
    if missing == "raise":
        refuse_missing(cells, present)
    return present


def embed_cells(
    cells: Cells,
    present: Masks,
    backbone: Backbone,
    *,
    on_error: Literal["raise", "zero", "nan"],
    long_text: Literal["truncate", "mean"] = "truncate",
    parts: Sequence[Any] | None = None,
    of_rows: bool = True,
    failed: list[tuple[int, Any, str]],
    **options: Any,
) -> tuple[dict[str, NDArray[np.float32]], Masks, Masks]:
    """Embed the needed columns.

    Parameters
    ----------
    cells : Cells
        The rows.
    present : dict of {"image", "text"} to ndarray of shape (n,), dtype bool
        From `find_present`.
    backbone : Backbone
        The model.
    on_error : {"raise", "zero", "nan"}
        What becomes of images that cannot be read.
    long_text : {"truncate", "mean"}, default="truncate"
        What becomes of texts beyond the context.
    parts : sequence of (tuple of float, or None), or None, default=None
        Of images alone; see `embed`.
    of_rows : bool, default=True
        Whether the images came in rows, which `check_images` takes.
    failed : list
        Gets a tuple (row, source, reason) for every image that could not be read.
    **options
        Handed on to `embed_column`.

    Returns
    -------
    vectors : dict of {"image", "text"} to ndarray
        Vectors of shape (n, embedding_dim); of images, with `parts` or tokens, of shape
        (n, n_parts, embedding_dim).
    present : dict of {"image", "text"} to ndarray of shape (n,), dtype bool
        What a fusion is to take for present: an unreadable image too, where its NaN has
        to show.
    absent : dict of {"image", "text"} to ndarray of shape (n,), dtype bool
        What is missing or could not be read.

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and ``on_error="raise"``.
    """
    vectors, seen, absent = {}, {}, {}
    for modality, there in present.items():
        column = getattr(cells, modality)
        extra: dict[str, Any] = {"parts": parts} if modality == "image" else {}
        if modality == "text" and long_text == "mean":
            column = [
                [c for t in cell for c in backbone.chunk_text(t)] for cell in column
            ]
        remarks: list[Any] = []
        vectors[modality], unread, failures = embed_column(
            column,
            "image" if modality == "image" else "text",
            backbone,
            remarks=remarks,
            stop_on_failure=on_error == "raise",
            **extra,
            **options,
        )
        report_remarks(remarks, cells)
        if failures:
            failed += failures
            report_unreadable(failures, cells, on_error=on_error, of_rows=of_rows)
        absent[modality] = ~there | unread
        if on_error == "nan":
            vectors[modality][unread] = np.nan
            seen[modality] = there
        else:
            seen[modality] = ~absent[modality]
    return vectors, seen, absent
