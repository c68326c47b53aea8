"""Warnings that name the line of the user, however deep they arise."""

import sys
import threading
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

# Functions that fit on one fold, or again on all rows, for a fit further out.
_PARTS_OF_A_FIT = frozenset(
    {
        ("sklearn.model_selection._validation", "_fit_and_predict"),
        ("sklearn.model_selection._validation", "_fit_and_score"),
        ("sklearn_clip.heads.few_shot._probe", "_held_out"),
        ("sklearn_clip.model_selection._out_of_fold", "fit_all"),
        ("sklearn_clip.model_selection._out_of_fold", "score_fold"),
    }
)

_given = threading.local()


def warnings_given():
    """Count what `warn_user` was called with in this thread so far.

    Returns
    -------
    int
        The number, whatever filters made of them.
    """
    return getattr(_given, "count", 0)


def is_part_of_a_fit():
    """Tell whether this is done for one fold or candidate of a fit further out.

    What is said of the targets there has been said of all of them, or will be.

    Returns
    -------
    bool
        True also in the worker processes of a search.
    """
    frame = sys._getframe(1)
    while frame is not None:
        place = frame.f_globals.get("__name__"), frame.f_code.co_name
        if place in _PARTS_OF_A_FIT:
            return True
        frame = frame.f_back
    return False


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
    _given.count = warnings_given() + 1
    frame, level, ours = sys._getframe(1), 2, 2
    while frame is not None and _package(frame) in _BETWEEN:
        if _package(frame) == "sklearn_clip":
            ours = level
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=ours if frame is None else level)


def _package(frame):
    return (frame.f_globals.get("__name__") or "").partition(".")[0]
