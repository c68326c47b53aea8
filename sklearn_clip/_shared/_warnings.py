"""Warnings that name the line of the user, however deep they arise."""

import sys
import warnings

# What calls this package on behalf of the user, itself included.
_BETWEEN = frozenset({"contextlib", "joblib", "sklearn", "sklearn_clip", "skorch"})


def warn_user(message, category=UserWarning):
    """Issue a warning that points to the first line that is not of a library.

    Parameters
    ----------
    message : str
        What is wrong and what can be done.
    category : type, default=UserWarning
        Class of the warning.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
