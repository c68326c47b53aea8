"""Thresholds as such: where each lies, what it counts, what a user may set."""

from typing import NamedTuple

import numpy as np

from sklearn_clip._shared import by_name


class ScoredRows(NamedTuple):
    """Scores of rows that the classifier has not seen, and what is known of them.

    Attributes
    ----------
    scores : ndarray of shape (n_rows, n_labels), dtype=float64
        Finite scores.
    targets : ndarray of shape (n_rows, n_labels), dtype=bool
        True where the row is known to have the label.
    known : ndarray of shape (n_rows, n_labels), dtype=bool, or None
        False where the target is unknown; None where all are known.
    sample_weight : ndarray of shape (n_rows,) or None
        Non-negative row weights.
    probability : bool
        Whether scores lie in [0, 1].
    """

    scores: np.ndarray
    targets: np.ndarray
    known: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    probability: bool = True

    @property
    def default(self):
        """The usual cut: of equally good cuts the one nearest to it is taken."""
        return 0.5 if self.probability else 0.0

    @property
    def weight(self):
        """Weights of the entries, of a shape that broadcasts, or None if all are 1."""
        if self.known is None:
            row = self.sample_weight
            return None if row is None else row[:, None]
        if self.sample_weight is None:
            return self.known.astype(np.float64)
        return self.known * self.sample_weight[:, None]

    def take(self, rows):
        """Keep some of the rows."""
        return self._replace(
            scores=self.scores[rows],
            targets=self.targets[rows],
            known=None if self.known is None else self.known[rows],
            sample_weight=None
            if self.sample_weight is None
            else self.sample_weight[rows],
        )

    def columns(self, labels):
        """Keep some of the labels."""
        return self._replace(
            scores=self.scores[:, labels],
            targets=self.targets[:, labels],
            known=None if self.known is None else self.known[:, labels],
        )

    def support(self):
        """Weighted number of known entries with and without each label."""
        weight = self.sample_weight
        weight = np.ones(len(self.scores)) if weight is None else weight
        negatives = ~self.targets if self.known is None else self.known & ~self.targets
        return weight @ self.targets, weight @ negatives

    def without_unknown(self):
        """Move scores of unknown entries onto the lowest known one of the label.

        They have no weight, so that they then neither count nor make a cut of their
        own. A label of which nothing is known takes the lowest score of all others.
        """
        if self.known is None:
            return self
        lowest = np.where(self.known, self.scores, np.inf).min(axis=0)
        lowest = np.where(np.isinf(lowest), lowest.min(), lowest)
        return self._replace(scores=np.where(self.known, self.scores, lowest))


class ThresholdCurves(NamedTuple):
    """Every cut of every label, from "predict nothing" to "predict everything".

    Position ``k`` on the last axis predicts the ``k`` rows of highest score.

    Attributes
    ----------
    tp, fp : ndarray of shape (n_labels, n_rows + 1)
        Weighted true and false positives.
    positives, negatives : ndarray of shape (n_labels, 1)
        Weighted number of rows with and without the label.
    thresholds : ndarray of shape (n_labels, n_rows + 1)
        The threshold that predicts exactly these rows.
    valid : ndarray of shape (n_labels, n_rows + 1), dtype=bool
        False where the position would separate rows of equal score.
    order : ndarray of shape (n_labels, n_rows)
        Row numbers by falling score.
    """

    tp: np.ndarray
    fp: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    thresholds: np.ndarray
    valid: np.ndarray
    order: np.ndarray


def place_thresholds(ranked, *, probability):
    """Thresholds between neighbours of each sorted row, as far from both as can be.

    Parameters
    ----------
    ranked : ndarray of shape (n_labels, n_rows), dtype=float64
        Finite scores, falling along each row.
    probability : bool
        Whether scores are probabilities, so that 0 and 1 bound the outermost cuts.

    Returns
    -------
    thresholds : ndarray of shape (n_labels, n_rows + 1)
        ``score >= thresholds[l, k]`` holds for exactly ``ranked[l, :k]`` wherever the
        scores on both sides of the cut differ.
    """
    top, bottom = ranked[:, :1], ranked[:, -1:]
    if probability:
        above, below = np.maximum(top, 1.0), np.minimum(bottom, 0.0)
    else:
        # No natural bound: half the range of the scores is left as a margin.
        with np.errstate(over="ignore"):
            reach = np.where(top > bottom, top - bottom, np.maximum(abs(top), 1.0))
            above, below = top + reach, bottom - reach
    edges = np.concatenate([above, ranked, below], axis=1)
    upper, lower = edges[:, :-1], edges[:, 1:]
    # Halving before adding cannot overflow. Where the midpoint rounds onto the lower
    # neighbour (adjacent floats, subnormals), the upper one is the exact cut.
    thresholds = 0.5 * upper + 0.5 * lower
    thresholds = np.where(
        (thresholds > lower) & (thresholds <= upper), thresholds, upper
    )
    # Nothing fits between a top score of 1 and the bound 1: such a label is cut off
    # at infinity.
    thresholds[:, 0] = np.where(thresholds[:, 0] > top[:, 0], thresholds[:, 0], np.inf)
    return thresholds


def trace_curves(scores, targets, *, sample_weight=None, probability):
    """Count the confusion of every cut of every label.

    Parameters
    ----------
    scores : ndarray of shape (n_labels, n_rows), dtype=float64
        Finite scores; note that labels come first.
    targets : ndarray of shape (n_labels, n_rows), dtype=bool
        True where the row has the label.
    sample_weight : ndarray broadcastable to (n_labels, n_rows) or None
        Row weights; None counts every row as 1.
    probability : bool
        See :func:`place_thresholds`.

    Returns
    -------
    curves : CutCurves
        The counts, the thresholds and which of them exist.
    """
    n_labels, n_rows = scores.shape
    order = np.argsort(-scores, axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    hits = np.take_along_axis(targets, order, axis=1)
    tp, fp = np.zeros((2, n_labels, n_rows + 1))
    if sample_weight is None:
        np.cumsum(hits, axis=1, out=tp[:, 1:])
        np.subtract(np.arange(n_rows + 1), tp, out=fp)
    else:
        weight = np.broadcast_to(sample_weight, scores.shape)
        weight = np.take_along_axis(weight, order, axis=1)
        np.cumsum(weight * hits, axis=1, out=tp[:, 1:])
        np.cumsum(weight * ~hits, axis=1, out=fp[:, 1:])
    valid = np.ones((n_labels, n_rows + 1), dtype=bool)
    np.not_equal(ranked[:, 1:], ranked[:, :-1], out=valid[:, 1:-1])
    thresholds = place_thresholds(ranked, probability=probability)
    return ThresholdCurves(tp, fp, tp[:, -1:], fp[:, -1:], thresholds, valid, order)


def pick_thresholds(values, thresholds, valid, default, tolerance=0.0):
    """Position of the best cut of each row; of equal ones the nearest to `default`.

    Of two cuts as near, the first is taken, which predicts fewer rows.
    """
    values = np.where(valid, values, -np.inf)
    best = values.max(axis=-1, keepdims=True)
    distance = np.where(
        values >= best - tolerance, np.abs(thresholds - default), np.inf
    )
    # Where only an infinite cut is left every distance is infinite, and argmin gives
    # position 0, "predict nothing": no other cut of finite scores can be infinite.
    return distance.argmin(axis=-1)


def take_positions(values, positions):
    """Element of each row at its position."""
    return np.take_along_axis(values, positions[:, None], axis=1)[:, 0]


def override_thresholds(thresholds, new, *, label_names, probability):
    """Replace cuts by those a user has written.

    Parameters
    ----------
    thresholds : ndarray of shape (n_labels,)
        The present cuts.
    new : float, array-like of shape (n_labels,) or dict of {label name: cut}
        One cut for all, one for each, or those to change. A Series that has names is
        read as a dict.
    label_names : list
        Name of every label.
    probability : bool
        Whether a finite cut must lie in [0, 1].

    Returns
    -------
    thresholds : ndarray of shape (n_labels,), dtype=float64
        The new cuts, a new array.

    Raises
    ------
    ValueError
        If a name is unknown, the number of cuts is wrong, or a cut is NaN or out of
        range.
    """
    new = by_name(new)
    if isinstance(new, dict):
        thresholds = thresholds.copy()
        for name, threshold in new.items():
            if name not in label_names:
                more = " ..." if len(label_names) > 10 else ""
                raise ValueError(
                    f"The keys of thresholds must be label names. Got {name!r}; "
                    f"the labels are {label_names[:10]}{more}."
                )
            thresholds[label_names.index(name)] = threshold
    else:
        new = np.asarray(new, dtype=np.float64)
        if new.shape not in ((), thresholds.shape):
            raise ValueError(
                f"thresholds must have shape {thresholds.shape}, one cut per label. "
                f"Got {new.shape}."
            )
        thresholds = np.broadcast_to(new, thresholds.shape).copy()
    wrong = np.isnan(thresholds)
    rule = "be a number"
    if probability:
        wrong |= (thresholds < 0) | ((thresholds > 1) & np.isfinite(thresholds))
        rule = "lie in [0, 1], or be infinite for a label that is never predicted"
    if wrong.any():
        label = np.flatnonzero(wrong)[0]
        raise ValueError(
            f"Each threshold must {rule}. "
            f"Got {thresholds[label]} (label {label_names[label]!r})."
        )
    return thresholds
