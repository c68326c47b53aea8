"""Which map, and how far labels share one: whatever does best out of fold."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from sklearn_clip._shared import row_blocks
from sklearn_clip.calibration._evidence import (
    N_NODES,
    SMOOTHINGS,
    gather_nodes,
    to_logits,
)
from sklearn_clip.calibration._label_maps import (
    apply_maps,
    apply_own,
    evidence_counts,
    fit_maps,
    fit_steps,
    mix,
    own_weights,
)
from sklearn_clip.calibration._monotone import MONOTONE, apply_steps
from sklearn_clip.calibration._parametric import (
    PARAMETRIC,
    fit_common,
    fit_labels,
    label_losses,
)

METHODS = (*PARAMETRIC, *MONOTONE)
# Candidates, in positives: a label with as many goes half of its way.
COUNTS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)
# Taken where there are too few rows to choose.
USUAL_COUNT = 10.0
# Probabilities of exactly 0 and 1 are judged as these, as scikit-learn's log loss does.
_EDGE = np.finfo(np.float64).eps


class Choice(NamedTuple):
    """What was chosen.

    Attributes
    ----------
    method : str
        A map, or "identity".
    shrinkage : float
        Positives that the common map weighs as much as.
    log_losses : dict
        Of every method that was tried, its mean log loss of an entry on parts of the
        rows that it was not fitted on, at its best count.
    """

    method: str
    shrinkage: float
    log_losses: dict


def entry_losses(probabilities, evidence):
    """Weighted log loss of every entry.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_labels)
        Probabilities.
    evidence : ScoredEvidence
        What is known of the rows.

    Returns
    -------
    ndarray of shape (n, n_labels)
        The losses; 0 where nothing is known.
    """
    losses = np.empty(evidence.shape)
    for rows in row_blocks(*evidence.shape):
        positive, negative = evidence.sides((rows, slice(None)))
        q = np.clip(probabilities[rows], _EDGE, 1 - _EDGE)
        losses[rows] = -positive * np.log(q) - negative * np.log1p(-q)
    return losses


def choose_smoothing(evidence):
    """Choose how far probabilities are kept from 0 and 1 before their logit is taken.

    Parameters
    ----------
    evidence : ScoredEvidence
        Probabilities, and the weight for and against each.

    Returns
    -------
    float
        The one of `SMOOTHINGS` whose logits give the least log loss to sigmoids of the
        labels, drawn towards each other by the usual count.

    Notes
    -----
    A share of k votes is smoothed by Laplace's rule of succession where 1 / k is added
    to both sides; a small number leaves the logit of a probability as it is, a large
    one makes it a straight line, which is the sigmoid of the probability itself. One
    sigmoid for all labels cannot tell: where they differ, it is flattered by a map that
    is flat at its ends.
    """
    finest = evidence._replace(smoothing=SMOOTHINGS[0])
    (nodes,) = gather_nodes(finest, [slice(None)], N_NODES // 2)
    chances = expit(nodes.logits)
    losses, common = [], None
    for smoothing in SMOOTHINGS:
        smoothed = nodes._replace(logits=to_logits(chances, smoothing))
        common, information = fit_common(smoothed, "sigmoid", start=common)
        maps = fit_labels(smoothed, "sigmoid", common, information, USUAL_COUNT)
        losses.append(label_losses(smoothed, "sigmoid", maps).sum())
    return SMOOTHINGS[int(np.argmin(losses))]


def choose_map(evidence, parts, methods, counts):
    """Choose the method and how far labels share one map.

    Parameters
    ----------
    evidence : ScoredEvidence
        Scores of rows that the classifier has not seen, and what is known of them.
    parts : list of tuple of ndarray (train, test)
        Each is judged by the maps of the others, if something is known of both. Empty
        where there is nothing to choose or too little to choose by: the first method
        and the usual count.
    methods : tuple of str
        Those to choose from. "identity", which leaves probabilities as they are, is
        kept unless another is better by more than the standard error of their
        difference over rows.
    counts : tuple of float
        Pseudo-counts of the shrinkage to choose from.

    Returns
    -------
    Choice
        The best.
    """
    known = evidence.known.any(axis=1)
    parts = [part for part in parts if all(known[side].any() for side in part)]
    if not parts:
        usual = USUAL_COUNT if len(counts) > 1 else counts[0]
        return Choice(methods[0], 0.0 if methods[0] == "identity" else usual, {})
    total = sum(
        side.sum() for _, test in parts for side in evidence.rows(test).support()
    )
    nodes = None
    if set(methods) & set(PARAMETRIC):
        sides = [rows for part in parts for rows in part]
        nodes = gather_nodes(evidence, sides)
        nodes = list(zip(nodes[::2], nodes[1::2], strict=True))
    best, log_losses = {}, {}
    for method in methods:
        if method == "identity":
            losses = [_identity_loss(evidence, parts)]
        elif method in MONOTONE:
            losses = _monotone_losses(evidence, parts, method, counts)
        else:
            losses = _parametric_losses(nodes, method, counts)
        at = int(np.argmin(losses))
        best[method] = counts[at] if method != "identity" else 0.0
        log_losses[method] = float(losses[at] / total)
    method = min(methods, key=lambda name: log_losses[name])
    chosen = Choice(method, best[method], log_losses)
    if "identity" in methods and method != "identity":
        gains = _row_gains(evidence, parts, chosen)
        if gains.sum() <= gains.std() * np.sqrt(len(gains)):
            return Choice("identity", 0.0, log_losses)
    return chosen


def _identity_loss(evidence, parts):
    judged = (evidence.rows(test) for _, test in parts)
    return sum(entry_losses(own.scores, own).sum() for own in judged)


def _parametric_losses(nodes, method, counts):
    """Log loss of all parts at each count; what was found at one starts the next."""
    losses = np.zeros(len(counts))
    for train, test in nodes:
        common, information = fit_common(train, method)
        found = None
        for at, count in reversed(list(enumerate(counts))):
            found = fit_labels(train, method, common, information, count, start=found)
            losses[at] += label_losses(test, method, found).sum()
    return losses


def _monotone_losses(evidence, parts, method, counts):
    losses = np.zeros(len(counts))
    for train, test in parts:
        seen, judged = evidence.rows(train), evidence.rows(test)
        steps, common = fit_steps(seen, method)
        known = evidence_counts(seen, common)
        del seen
        own = apply_own(steps, judged.scores, method)
        of_all = apply_steps(common, judged.scores, "isotonic")
        for at, count in enumerate(counts):
            mixed = mix(own, of_all, own_weights(known, count))
            losses[at] += entry_losses(mixed, judged).sum()
    return losses


def _row_gains(evidence, parts, chosen):
    """Log loss that the chosen maps, fitted on other rows, take off each row."""
    gains = []
    for train, test in parts:
        maps = fit_maps(evidence.rows(train), chosen.method, chosen.shrinkage)
        judged = evidence.rows(test)
        found = apply_maps(maps, judged.scores, chosen.method, evidence.smoothing)
        gain = entry_losses(judged.scores, judged)
        gain -= entry_losses(found, judged)
        gains.append(gain.sum(axis=1))
    return np.concatenate(gains)
