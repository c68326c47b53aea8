"""What is said of items that are missing or cannot be read."""

import numpy as np

from sklearn_clip._shared import ImageDecodeError, warn_user
from sklearn_clip.embedding._images import describe_image


def refuse_missing(cells, present):
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


def report_unreadable(failures, cells, *, on_error, of_rows=True):
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
