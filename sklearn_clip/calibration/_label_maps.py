"""The maps of all labels, fitted and drawn towards the one for all of them."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from sklearn_clip.calibration._evidence import (
    gather_nodes,
    label_blocks,
    to_logits,
)
from sklearn_clip.calibration._monotone import (
    MONOTONE,
    Steps,
    apply_steps,
    fit_isotonic,
    fit_venn_abers,
)
from sklearn_clip.calibration._parametric import fit_common, fit_labels, unpack


class LabelMaps(NamedTuple):
    """Fitted maps; the attributes of a calibrator of these names hold them.

    Attributes
    ----------
    coef : ndarray of shape (n_labels, 2), or None
        Of a map with parameters: those of ``ln p`` and ``-ln(1 - p)``.
    intercept : ndarray of shape (n_labels,), or None
        Of a map with parameters.
    steps : list of n_labels Steps, or None
        Of a map without.
    common_steps : Steps or None
        The map of all labels together.
    own_weight : ndarray of shape (n_labels,), or None
        What a label's own steps weigh beside the common ones, in [0, 1].
    """

    coef: np.ndarray | None = None
    intercept: np.ndarray | None = None
    steps: list | None = None
    common_steps: Steps | None = None
    own_weight: np.ndarray | None = None


def evidence_counts(evidence, common):
    """Count how many positives, or negatives if there are fewer, speak of each label.

    Parameters
    ----------
    evidence : ScoredEvidence
        Scores, and what is known of the rows.
    common : Steps
        The map for all labels.

    Returns
    -------
    ndarray of shape (n_labels,)
        Those that there are, or that the common map expects if that is more: a label
        without any among rows where it expects some is known not to follow it.
    """
    counts = np.empty(evidence.shape[1])
    for block in label_blocks(evidence.shape):
        scores = evidence.scores[:, block]
        positive, negative = evidence.sides((slice(None), block))
        total = positive + negative
        expected = np.einsum("nl,nl->l", total, apply_steps(common, scores, "isotonic"))
        fewer = np.minimum(expected, total.sum(axis=0) - expected)
        known = np.minimum(positive.sum(axis=0), negative.sum(axis=0))
        counts[block] = np.maximum(known, fewer)
    return counts


def own_weights(counts, shrinkage):
    """Weigh the own maps beside the common one: ``n / (n + m)``."""
    if np.isinf(shrinkage):
        return np.zeros(len(counts))
    return counts / np.maximum(counts + shrinkage, np.finfo(np.float64).tiny)


def fit_steps(evidence, method):
    """Fit maps without parameters.

    Parameters
    ----------
    evidence : ScoredEvidence
        Scores, and what is known of the rows.
    method : {"isotonic", "venn-abers"}
        The map.

    Returns
    -------
    steps : list of n_labels Steps
        Their maps.
    common : Steps
        The isotonic map of all labels together: of so many rows one more, on which
        Venn-Abers turns, moves nothing.
    """
    scores, yes, no, weight, _ = evidence
    if method == "venn-abers":
        steps = fit_venn_abers(evidence)
    else:
        columns = zip(scores.T, yes.T, no.T, strict=True)
        steps = [fit_isotonic(*label, weight) for label in columns]
    if weight is not None:
        weight = weight.repeat(scores.shape[1])
    return steps, fit_isotonic(scores.ravel(), yes.ravel(), no.ravel(), weight)


def fit_maps(evidence, method, count):
    """Fit the maps of all labels.

    Parameters
    ----------
    evidence : ScoredEvidence
        Scores, and what is known of the rows.
    method : str
        A map, or "identity".
    count : float
        Positives that the common map weighs as much as.

    Returns
    -------
    LabelMaps
        The maps.
    """
    if method == "identity":
        n_labels = evidence.shape[1]
        return LabelMaps(np.ones((n_labels, 2)), np.zeros(n_labels))
    if method in MONOTONE:
        steps, common = fit_steps(evidence, method)
        weight = own_weights(evidence_counts(evidence, common), count)
        return LabelMaps(steps=steps, common_steps=common, own_weight=weight)
    # What is found on nodes lies close by, at a fraction of the cost.
    (nodes,) = gather_nodes(evidence, [slice(None)])
    common, information = fit_common(nodes, method)
    if np.isinf(count):
        common, _ = fit_common(evidence, method, start=common)
    near = fit_labels(nodes, method, common, information, count)
    parameters = fit_labels(evidence, method, common, information, count, start=near)
    return LabelMaps(*unpack(parameters, method))


def apply_maps(maps, scores, method, smoothing):
    """Turn scores into calibrated probabilities.

    Parameters
    ----------
    maps : LabelMaps
        The maps.
    scores : ndarray of shape (n, n_labels)
        Scores.
    method : str
        What `maps` are of.
    smoothing : float or None
        As of `to_logits`.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype=float64
        Probabilities in [0, 1].
    """
    if method == "identity":
        return np.clip(scores, 0.0, 1.0)
    if method in MONOTONE:
        common = apply_steps(maps.common_steps, scores, "isotonic")
        return mix(apply_own(maps.steps, scores, method), common, maps.own_weight)
    logits = to_logits(scores, smoothing)
    eta = maps.coef[:, 0] * log_expit(logits) - maps.coef[:, 1] * log_expit(-logits)
    return expit(eta + maps.intercept)


def apply_own(steps, scores, method):
    """Apply the own map of every label; 0 where a label has none."""
    own = np.zeros(scores.shape)
    for label, map_of_label in enumerate(steps):
        if len(map_of_label.knots):
            own[:, label] = apply_steps(map_of_label, scores[:, label], method)
    return own


def mix(own, common, weight):
    """Mean of own and common probabilities."""
    return weight * own + (1 - weight) * common
