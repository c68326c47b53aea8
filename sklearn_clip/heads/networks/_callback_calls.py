"""Calls of callbacks: the classes they score, and errors that say what to do."""

from contextlib import contextmanager

from skorch.callbacks import BatchScoring, EpochScoring
from skorch.exceptions import SkorchException

# What a call may raise that misses a value in the history, or a label.
EXPLAINED = (KeyError, ValueError, SkorchException)


@contextmanager
def scored_in_classes(callback, decode):
    """Let a scoring callback see the targets that `fit` was given, for one call.

    skorch scores what the loss sees, 0 and 1 in a column, against what `predict`
    gives, which are classes of any name after a 1-D `y`.

    Parameters
    ----------
    callback : Callback
        Any; only those that score are touched.
    decode : callable
        Turns targets of shape (n_samples, 1) into classes of shape (n_samples,).
    """
    if not isinstance(callback, (BatchScoring, EpochScoring)):
        yield
        return
    extract = callback.target_extractor
    callback.target_extractor = lambda y: decode(extract(y))
    try:
        yield
    finally:
        callback.target_extractor = extract


def explain(exc, name, callback, *, history, validated, unknown):
    """Say what to do about an error of a callback.

    Parameters
    ----------
    exc : Exception
        One of `EXPLAINED`.
    name : str
        The callback's name.
    callback : Callback
        The callback.
    history : History
        History of the net.
    validated : bool
        Whether there are validation rows.
    unknown : bool
        Whether some labels are unknown.

    Returns
    -------
    str or None
        None where the error says enough.
    """
    text = str(exc.args[0]) if exc.args else ""
    scoring = isinstance(callback, (BatchScoring, EpochScoring))
    if scoring and unknown and "contains NaN" in text:
        return (
            f"scoring of the callback {name!r} must leave unknown labels out, since y "
            "holds NaN. Use one that does, such as EpochScoring("
            "sklearn_clip.metrics.gap_scorer, lower_is_better=False, "
            "name='valid_gap')."
        )
    if "not found in history" not in text or not len(history):
        return None
    found = ", ".join(
        sorted(key for key in history[-1] if key != "batches" and "count" not in key)
    )
    way_out = (
        "Put a scoring of that name before it in callbacks."
        if validated
        else "There are no validation rows: ask for them by train_split="
        "skorch.dataset.ValidSplit(10), or by early_stopping='loss'."
    )
    missed = text.split(" Make sure")[0].split(". A Scoring")[0].rstrip(".")
    return (
        f"The callback {name!r} must find what it monitors in the history. {missed}, "
        f"which has {found}. {way_out}"
    )
