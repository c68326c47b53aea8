"""What is said of items that are missing, cannot be read, or are read with a doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_clip._shared import ImageDecodeError, warn_user
from sklearn_clip.embedding._rows import Cells
from sklearn_clip.embedding.images._decoder_warnings import Remark, listen
from sklearn_clip.embedding.images._decoding import describe_image, explain_failure

Result = TypeVar("Result")


def attempt(
    function: Callable[[Any], Result], item: Any
) -> tuple[Result | None, str | None, list[Remark]]:
    """Do something with an image that may be broken.

    Parameters
    ----------
    function : callable
        Takes the item.
    item : object
        The image.

    Returns
    -------
    result : object
        What the function returned; None if it could not.
    reason : str or None
        Why it could not.
    remarks : list of tuple (category, text)
        What was warned of meanwhile.

    Raises
    ------
    MemoryError
        If anything but the image itself lacks memory.
    """
    with listen() as remarks:
        try:
            return function(item), None, remarks
        except MemoryError:
            raise
        except Exception as exc:  # readers raise nearly anything on mutated files
            return None, explain_failure(exc), remarks


def refuse_missing(cells: Cells, present: Mapping[str, NDArray[np.bool_]]) -> None:
    """Raise if an item is missing.

    Parameters
    ----------
    cells : Cells
        The rows.
    present : dict of {"image", "text"} to ndarray of shape (n,), dtype bool
        Which rows have an item of the modality.

    Raises
    ------
    ValueError
        If a row has none.
    """
    for modality, there in present.items():
        if not there.all():
            rows = np.flatnonzero(~there)
            named = ", ".join(cells.name_row(row) for row in rows[:5])
            more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
            raise ValueError(
                f"No row may lack its {modality} with missing='raise'. Got none for "
                f"{named}{more}. Use missing='zero' to allow it."
            )


def report_unreadable(
    failures: list[tuple[int, Any, str]],
    cells: Cells,
    *,
    on_error: Literal["raise", "zero", "nan"],
    of_rows: bool = True,
) -> None:
    """Raise or warn because of images that could not be read.

    Parameters
    ----------
    failures : list of tuple (row, source, reason)
        The images, at least one.
    cells : Cells
        The rows.
    on_error : {"raise", "zero", "nan"}
        Raise, or warn what takes their place.
    of_rows : bool, default=True
        Whether the images came in rows, which `check_images` takes.

    Raises
    ------
    ImageDecodeError
        If `on_error` says so.
    """
    row, source, reason = failures[0]
    first = f"{cells.name_row(row)}, {describe_image(source)}: {reason}"
    if on_error == "raise":
        find = "List every broken image with check_images(X), or g" * of_rows
        raise ImageDecodeError(
            f"An image could not be read: {first}. {find or 'G'}o on without them "
            "with on_error='zero' or 'nan'.",
            failures,
        )
    warn_user(
        f"{len(failures)} image{'s' if len(failures) > 1 else ''} could not be read "
        f"(first: {first}). A row without another image gets {on_error} in its place. "
        "See failed_rows_.",
    )


def report_remarks(
    remarks: Sequence[tuple[int, Any, list[Remark]]], cells: Cells
) -> None:
    """Warn once of the images whose readers had something to remark.

    Parameters
    ----------
    remarks : list of tuple (row, source, list of (category, text))
        The images and what was said of each.
    cells : Cells
        The rows.
    """
    bombs = [_texts_of_kind(item, bombs=True) for item in remarks]
    others = [_texts_of_kind(item, bombs=False) for item in remarks]
    # A category of its own, of which people make an error to set a limit.
    for category, found in (
        (Image.DecompressionBombWarning, [item for item in bombs if item[2]]),
        (UserWarning, [item for item in others if item[2]]),
    ):
        if not found:
            continue
        row, source, texts = found[0]
        more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
        rows = sorted({row for row, _, _ in found} - {row})
        also = f"; also row{'s' if len(rows) > 1 else ''} " if rows else ""
        also += ", ".join(map(str, rows[:5])) + " ..." * (len(rows) > 5)
        warn_user(
            f"{len(found)} image{'s were' if len(found) > 1 else ' was'} read with a "
            f"warning (first: {cells.name_row(row)}, {describe_image(source)}: "
            f"{texts[0].rstrip('. ')}{more}{also}). See whether they look as they "
            "should.",
            category,
        )


def _texts_of_kind(item, *, bombs):
    """Keep the texts of one image that are, or are not, about too many pixels."""
    row, source, said = item
    bomb = Image.DecompressionBombWarning
    return row, source, [text for kind, text in said if issubclass(kind, bomb) is bombs]
