"""Labels from scores in a graph: cuts, and the rules after them."""

from __future__ import annotations

import numpy as np

from sklearn_clip.export.heads._graph_arrays import GraphArray


def reach(scores: GraphArray, cuts: np.ndarray) -> GraphArray:
    """Tell which scores are at least their cuts, as float64 would.

    Parameters
    ----------
    scores : GraphArray
        Scores, float32 or float64.
    cuts : ndarray of shape (n_labels,)
        A cut for every column; infinite means never.

    Returns
    -------
    GraphArray
        Where the scores reach them, as bool.
    """
    cuts = np.asarray(cuts, dtype=np.float64)
    if scores.dtype == np.float32:
        # s >= c, for s of float32, says the same as s >= the least float32 from c on.
        with np.errstate(over="ignore"):
            rounded = cuts.astype(np.float32)
        up = np.nextafter(rounded, np.float32(np.inf))
        cuts = np.where(rounded < cuts, up, rounded)
    reached = scores >= cuts
    never = np.isposinf(cuts)
    return reached & ~never if never.any() else reached


def decode(
    scores: GraphArray,
    cuts: np.ndarray,
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> GraphArray:
    """Predict labels from scores; `sklearn_clip.thresholds` says what the rules are.

    Parameters
    ----------
    scores : GraphArray
        Scores.
    cuts : ndarray of shape (n_labels,)
        A label is predicted where its score is at least its cut; infinite means never.
    at_least_one : bool, default=False
        Whether a row whose scores reach no cut gets the label of highest score, among
        those with a finite cut.
    limit : int or None, default=None
        Most labels of a row; those of the highest scores are kept.

    Returns
    -------
    GraphArray
        The labels, as bool.
    """
    cuts = np.asarray(cuts, dtype=np.float64)
    predicted = reach(scores, cuts)
    if limit is not None and limit < scores.width:
        predicted = predicted & _highest(scores.where(predicted, -np.inf), limit)
    allowed = cuts < np.inf
    if at_least_one and allowed.any():
        candidates = (
            scores if allowed.all() else scores.where(scores.full(allowed), -np.inf)
        )
        best = candidates.argmax().equals(np.arange(scores.width))
        count = predicted.cast(np.float32).reduce("ReduceSum")
        predicted = predicted | (best & ~(count > 0.0))
    return predicted


def _highest(scores, k):
    """Mark the k highest scores of every row; of equal ones, the first columns."""
    builder = scores.builder
    # Of equal entries it takes the first, as the stable sort does.
    order = scores.first(k, largest=True)
    none = scores.full(np.zeros(scores.width, dtype=bool))
    marks = builder.add(
        "Expand", builder.constant(np.array([[True]])), builder.add("Shape", order.name)
    )
    name = builder.add("ScatterElements", none.name, order.name, marks, axis=1)
    return GraphArray(builder, name, bool, scores.width)
