"""Warnings that name the line of the user, however deep they arise."""

import sys
import warnings

# What calls this package on behalf of the user, or at the bottom of a thread.
_BETWEEN = frozenset(
    {
        "concurrent",
        "contextlib",
        "joblib",
        "multiprocessing",
        "sklearn",
        "sklearn_clip",
        "skorch",
        "threading",
    }
)


def warn_user(message, category=UserWarning):
    """Issue a warning that points to the first line that is not of a library.

    In a thread or a worker process, where there is none, it points to the outermost
    function of this package.

    Parameters
    ----------
    message : str
        What is wrong and what can be done.
    category : type, default=UserWarning
        Class of the warning.
    """
    frame, level, ours = sys._getframe(1), 2, 2
    while frame is not None and _package(frame) in _BETWEEN:
        if _package(frame) == "sklearn_clip":
            ours = level
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=ours if frame is None else level)


def _package(frame):
    return (frame.f_globals.get("__name__") or "").partition(".")[0]
