"""What the loaders share: choices among words, the form in which data are returned."""

from typing import Any, TypeAlias

import numpy as np
from sklearn.utils import Bunch

from sklearn_clip._shared import import_optional, row_blocks

# What a loader returns: a Bunch, or on demand (data, target). Were the pair named here,
# checkers would refuse `.data` of the Bunch, which nearly all ask for.
Loaded: TypeAlias = Bunch | Any


def make_bunch(
    images, texts, target, target_names, *, as_frame, return_X_y, caller, **attributes
):
    """Arrange rows and labels as every loader returns them.

    Parameters
    ----------
    images : list of str
        Paths.
    texts : list of str or None
        As many texts; None where a row has none.
    target : ndarray of shape (n, n_labels) or None
        Labels, in the order of the rows.
    target_names : list of str
        Names of the columns of `target`.
    as_frame, return_X_y : bool
        The parameters of the loader.
    caller : str
        Name of the loader, for the error where pandas is not installed.
    **attributes : object
        Further attributes of the Bunch.

    Returns
    -------
    Bunch, or tuple of (data, target)
        As the parameters ask for.

    Raises
    ------
    ValueError
        If a label would be a second column ``image`` or ``text`` of the frame.
    """
    data = np.empty((len(images), 2), dtype=object)
    data[:, 0], data[:, 1] = images, texts
    frame = None
    if as_frame:
        purpose = f"{caller}(as_frame=True)"
        pandas = import_optional("pandas", extra="pandas", purpose=purpose)
        data = frame = pandas.DataFrame(data, columns=["image", "text"])
        if target is not None:
            target = pandas.DataFrame(target, columns=target_names, copy=False)
        if target is not None and not return_X_y:
            double = [name for name in target_names if name in data.columns]
            if double:
                raise ValueError(
                    "Labels in a frame must not be called as a column of the data. Got "
                    f"{double[0]!r} in {caller}(as_frame=True). as_frame=False does "
                    "without the frame, return_X_y=True gives two apart."
                )
            frame = pandas.concat([data, target], axis=1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data, target=target, target_names=target_names, frame=frame, **attributes
    )


def zero_targets(n_rows, n_labels, *, known):
    """Make a table of zeros, of integers where nothing will be unknown.

    One of floats that is made integers at the end is gone through once more.
    """
    return np.zeros((n_rows, n_labels), dtype=np.int64 if known else np.float64)


def as_integers(target):
    """Make integers of 0 and 1 where none of them is unknown.

    Those of floats are written over them: large tables have no room for both.
    """
    if target.dtype == np.int64 or any(
        np.isnan(target[rows]).any() for rows in row_blocks(*target.shape)
    ):
        return target
    if target.dtype != np.float64:
        return target.astype(np.int64)
    integers = target.view(np.int64)
    for rows in row_blocks(*target.shape):
        integers[rows] = target[rows]
    return integers


def check_choice(name, value, choices):
    """Raise ValueError if a parameter is not among its choices."""
    if not isinstance(value, str | None) or value not in choices:
        *others, last = [repr(choice) for choice in choices]
        raise ValueError(
            f"{name} must be {', '.join(others)} or {last}. Got {value!r}."
        )
