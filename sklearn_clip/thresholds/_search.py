"""Exact cuts: scores and targets in, one threshold per label out.

Everything here is a pure function of arrays. A cut ``t`` predicts a label where
``score >= t``; rows with equal scores stand or fall together, so a label with ``g``
distinct scores has ``g + 1`` cuts that differ. All of them are candidates.

Every metric offered is a ratio of two functions that are linear in the confusion
counts (tp, fp, fn, tn). That is what makes an exact search possible when all labels
share one ratio (``average="micro"``).
"""

import numpy as np

from sklearn_clip.thresholds._cuts import place_cuts, trace_curves

METRICS = ("f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy")
AVERAGES = ("macro", "weighted", "micro")
STRATEGIES = ("per_label", "global")

# Labels are searched in blocks of about this many scores, to bound the memory.
_BLOCK_SIZE = 2**20


def metric_fraction(metric, tp, fp, positives, negatives, *, beta=1.0, totals=None):
    """Numerator and denominator of a metric, both linear in the counts.

    Parameters
    ----------
    metric : {"f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"}
        Name of the metric.
    tp, fp, positives, negatives : array-like
        Weighted counts, of shapes that broadcast.
    beta : float, default=1.0
        Weight of recall in F-beta.
    totals : tuple of (positives, negatives) or None, default=None
        The class sizes that balance accuracy: those of all labels together under
        micro averaging. None takes `positives` and `negatives`.

    Returns
    -------
    numerator, denominator : ndarray
        Their ratio is the metric, 0 / 0 is to be read as 0.
    """
    tn = negatives - fp
    if metric == "accuracy":
        return tp + tn, positives + negatives + np.zeros_like(tp)
    if metric == "jaccard":
        return tp, positives + fp
    if metric == "balanced_accuracy":
        # (tp/P + tn/N) / 2 = (N tp + P tn) / (2 P N). With one class only it is the
        # recall of that class, which the weights 1 and 1 give.
        total_p, total_n = (positives, negatives) if totals is None else totals
        both = (total_p > 0) & (total_n > 0)
        weight_p = np.where(both, total_n, 1.0)
        weight_n = np.where(both, total_p, 1.0)
        whole = weight_p * positives + weight_n * negatives
        return weight_p * tp + weight_n * tn, whole + np.zeros_like(tp)
    # F-beta = (1 + b^2) tp / ((1 + b^2) tp + b^2 fn + fp), and fn = positives - tp.
    squared = beta * beta if metric == "fbeta" else 1.0
    return (1.0 + squared) * tp, squared * positives + tp + fp


def _ratio(numerator, denominator):
    """Divide, with 0 / 0 = 0."""
    out = np.zeros(np.broadcast(numerator, denominator).shape)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def _label_weights(positives, average):
    """Share of each label in the mean over labels."""
    if average == "macro":
        return np.full(len(positives), 1.0 / len(positives))
    return _ratio(positives, positives.sum())


def metric_score(
    targets, predictions, *, metric, average, beta=1.0, sample_weight=None
):
    """Score 0/1 predictions with the convention 0 / 0 = 0.

    Parameters
    ----------
    targets, predictions : ndarray of shape (n_rows, n_labels), dtype=bool
        True and predicted labels.
    metric, average, beta
        As in :func:`find_cuts`.
    sample_weight : ndarray of shape (n_rows,) or None, default=None
        Row weights.

    Returns
    -------
    score : float
        The value of the metric, in [0, 1].
    """
    weight = np.ones(len(targets)) if sample_weight is None else sample_weight
    counts = np.stack(
        [
            weight @ (targets & predictions),
            weight @ (~targets & predictions),
            weight @ targets,
            weight @ ~targets,
        ]
    )
    if average == "micro":
        return float(_ratio(*metric_fraction(metric, *counts.sum(axis=1), beta=beta)))
    values = _ratio(*metric_fraction(metric, *counts, beta=beta))
    return float(values @ _label_weights(counts[2], average))


def _pick(values, cuts, valid, default, tolerance=0.0):
    """Position of the best cut of each row; of equal ones the nearest to `default`.

    Of two cuts as near, the first is taken, which predicts fewer rows.
    """
    values = np.where(valid, values, -np.inf)
    best = values.max(axis=-1, keepdims=True)
    distance = np.where(values >= best - tolerance, np.abs(cuts - default), np.inf)
    # Where only an infinite cut is left every distance is infinite, and argmin gives
    # position 0, "predict nothing": no other cut of finite scores can be infinite.
    return distance.argmin(axis=-1)


def _take(values, positions):
    """Element of each row at its position."""
    return np.take_along_axis(values, positions[:, None], axis=1)[:, 0]


def _blocks(scores, targets, sample_weight, probability):
    """Yield the curves of a few labels at a time, with the slice of these labels."""
    n_rows, n_labels = scores.shape
    width = max(1, _BLOCK_SIZE // n_rows)
    for start in range(0, n_labels, width):
        block = slice(start, min(start + width, n_labels))
        yield (
            block,
            trace_curves(
                np.ascontiguousarray(scores[:, block].T),
                np.ascontiguousarray(targets[:, block].T),
                sample_weight=sample_weight,
                probability=probability,
            ),
        )


def separable_cuts(blocks, n_labels, *, metric, beta, default):
    """Maximise each label's own metric, which also maximises any mean of them."""
    cuts = np.empty(n_labels)
    for block, curves in blocks:
        values = _ratio(*metric_fraction(metric, *curves[:4], beta=beta))
        picked = _pick(values, curves.cuts, curves.valid, default)
        cuts[block] = _take(curves.cuts, picked)
    return cuts


def pooled_ratio_cuts(curves, *, metric, beta, totals, default):
    """Maximise the metric of the counts summed over labels, by Dinkelbach's method.

    The objective is a ratio ``sum_l A_l(k_l) / sum_l B_l(k_l)`` of linear functions of
    the counts. For a given value ``q``, ``max_k sum_l A_l(k_l) - q B_l(k_l)`` falls
    apart into one maximum per label; it is positive exactly if some choice has a ratio
    above ``q``, and then the ratio of its maximiser is such a one. So ``q`` climbs
    from 0, faster than linearly, and the first ``q`` that does not climb is the
    maximum over all combinations of cuts [1]_.

    Parameters
    ----------
    curves : CutCurves
        All cuts of all labels that have a positive.
    metric, beta
        As in :func:`find_cuts`.
    totals : tuple of (positives, negatives)
        Class sizes over all labels, those without a positive included.
    default : float
        Of equally good cuts the one nearest to this is taken.

    Returns
    -------
    cuts : ndarray of shape (n_labels,)
        The best combination of cuts.

    References
    ----------
    .. [1] W. Dinkelbach, "On nonlinear fractional programming", Management Science
       13(7), 1967. :doi:`10.1287/mnsc.13.7.492`
    """
    above, below = metric_fraction(metric, *curves[:4], beta=beta, totals=totals)

    def ratio_at(picked):
        return float(_ratio(_take(above, picked).sum(), _take(below, picked).sum()))

    best, picked = 0.0, None
    while True:
        gain = above - best * below
        climbed = np.where(curves.valid, gain, -np.inf).argmax(axis=1)
        ratio = ratio_at(climbed)
        if picked is None or ratio > best:
            picked = climbed
        if not ratio > best:
            break
        best = ratio
    # At the maximum, cuts of one label are equally good if their gains are equal up
    # to the rounding of `best`. The tidier choice is kept only if it costs nothing.
    rounding = 1e-12 * np.abs(below).max()
    tidy = _pick(gain, curves.cuts, curves.valid, default, tolerance=rounding)
    return _take(curves.cuts, tidy if ratio_at(tidy) >= best else picked)


def shared_cut(scores, targets, *, metric, average, beta, weight, probability, default):
    """One cut for all labels that maximises the mean of their metrics.

    Lower the cut through all scores of all labels, highest first: each score passed
    changes the metric of its own label only. The sum of these changes, up to the last
    of each run of equal scores, is the mean at that cut, so one sort of all scores
    finds the maximum (to the rounding of that sum, about 1e-13).
    """
    n_labels = scores.shape[1]
    changes = np.empty((n_labels, len(scores)))
    support = _weighted_support(targets, weight)
    shares = _label_weights(support, average)
    start = 0.0
    for block, curves in _blocks(scores, targets, weight, probability):
        values = _ratio(*metric_fraction(metric, *curves[:4], beta=beta))
        steps = np.diff(values, axis=1) * shares[block, None]
        np.put_along_axis(changes[block], curves.order, steps, axis=1)
        start += values[:, 0] @ shares[block]
    pooled = np.ascontiguousarray(scores.T).reshape(1, -1)
    order = np.argsort(-pooled, axis=1)
    ranked = np.take_along_axis(pooled, order, axis=1)
    values = start + np.cumsum(np.concatenate([[0.0], changes.ravel()[order[0]]]))
    valid = np.ones_like(values, dtype=bool)
    valid[1:-1] = ranked[0, 1:] != ranked[0, :-1]
    cuts = place_cuts(ranked, probability=probability)
    return cuts[0, _pick(values, cuts[0], valid, default, tolerance=1e-12)]


def _weighted_support(targets, weight):
    """Weighted number of rows with each label."""
    return targets.sum(axis=0) if weight is None else weight @ targets


def _find_shared(scores, targets, *, metric, average, beta, weight, **place):
    """One cut for all labels, for any average."""
    if average == "micro":
        # Counts summed over labels under one cut are the counts of one long label.
        pooled = trace_curves(
            scores.reshape(1, -1),
            targets.reshape(1, -1),
            sample_weight=None
            if weight is None
            else np.repeat(weight, scores.shape[1]),
            probability=place["probability"],
        )
        blocks = [(slice(0, 1), pooled)]
        return separable_cuts(
            blocks, 1, metric=metric, beta=beta, default=place["default"]
        )[0]
    return shared_cut(
        scores,
        targets,
        metric=metric,
        average=average,
        beta=beta,
        weight=weight,
        **place,
    )


def _cuts_without_positives(scores, shared, *, probability):
    """Give labels that have no positive the shared cut, above all they have seen.

    Every row seen is a negative. If none reaches the shared cut it stands, else the
    cut moves above the label's highest score, where it costs no false positive.
    """
    top = scores.max(axis=0, keepdims=True).T
    bottom = scores.min(axis=0, keepdims=True).T
    never = place_cuts(np.hstack([top, bottom]), probability=probability)[:, 0]
    return np.where(top[:, 0] < shared, shared, never)


def label_curves(scores, targets, *, metric, beta=1.0, sample_weight=None, probability):
    """Compute the metric of every label at every one of its cuts.

    Parameters
    ----------
    scores, targets, metric, beta, sample_weight, probability
        As in :func:`find_cuts`.

    Returns
    -------
    curves : list of n_labels dicts
        ``"thresholds"``, the finite cuts in ascending order, and ``"scores"``, the
        label's metric at each.
    """
    scores = np.asarray(scores, dtype=np.float64)
    found = []
    for _, curves in _blocks(scores, targets, sample_weight, probability):
        values = _ratio(*metric_fraction(metric, *curves[:4], beta=beta))
        kept = curves.valid & np.isfinite(curves.cuts)
        found += [
            {"thresholds": cuts[keep][::-1].copy(), "scores": value[keep][::-1].copy()}
            for cuts, value, keep in zip(curves.cuts, values, kept, strict=True)
        ]
    return found


def find_cuts(
    scores,
    targets,
    *,
    metric="f1",
    average="macro",
    strategy="per_label",
    beta=1.0,
    sample_weight=None,
    probability=True,
):
    """Choose the thresholds that maximise a metric on these very scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Finite scores; float32 is compared as the float64 of the same value.
    targets : ndarray of shape (n_rows, n_labels), dtype=bool
        True where the row has the label.
    metric : {"f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"}
        What is maximised, with 0 / 0 = 0.
    average : {"macro", "weighted", "micro"}
        Mean over labels, mean weighted by the number of positives, or the metric of
        the counts summed over labels.
    strategy : {"per_label", "global"}
        One cut for each label or one for all.
    beta : float, default=1.0
        Weight of recall in ``metric="fbeta"``.
    sample_weight : ndarray of shape (n_rows,) or None, default=None
        Non-negative row weights.
    probability : bool, default=True
        Whether scores lie in [0, 1]. Of cuts of equal value the one nearest to 0.5
        is taken, or to 0 if the scores are not probabilities.

    Returns
    -------
    cuts : ndarray of shape (n_labels,)
        The label is predicted where ``score >= cut``. Infinite for a label that is
        best never predicted although a score of exactly 1 occurs.
    """
    scores = np.asarray(scores, dtype=np.float64)
    n_labels = scores.shape[1]
    place = {"probability": probability, "default": 0.5 if probability else 0.0}
    what = {"metric": metric, "beta": beta}
    shared = {**what, **place, "average": average, "weight": sample_weight}
    if strategy == "global":
        return np.full(n_labels, _find_shared(scores, targets, **shared))

    support = _weighted_support(targets, sample_weight)
    known = support > 0
    if not known.any():
        cut = place["default"]
        return _cuts_without_positives(scores, cut, probability=probability)
    cuts = np.empty(n_labels)
    inner, aims = scores[:, known], targets[:, known]
    if average == "micro":
        curves = trace_curves(
            np.ascontiguousarray(inner.T),
            np.ascontiguousarray(aims.T),
            sample_weight=sample_weight,
            probability=probability,
        )
        # Labels left out here still count as negatives where classes are balanced.
        missed = _weighted_support(~targets, sample_weight)
        found = pooled_ratio_cuts(
            curves,
            totals=(support.sum(), missed.sum()),
            default=place["default"],
            **what,
        )
    else:
        blocks = _blocks(inner, aims, sample_weight, probability)
        found = separable_cuts(blocks, inner.shape[1], default=place["default"], **what)
    cuts[known] = found
    if not known.all():
        cut = _find_shared(inner, aims, **shared)
        cuts[~known] = _cuts_without_positives(
            scores[:, ~known], cut, probability=probability
        )
    return cuts
