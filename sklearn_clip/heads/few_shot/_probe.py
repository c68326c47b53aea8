r"""A linear probe beside the prompts, and how much the rows trust each of them.

The prompts may say everything of a label or nothing, as where its name is in a language
that the encoder does not know. A probe is right whatever the names, but from few rows
alone it is weak. The logit of label l is modelled as

    a f(x)_l / s_f + b g(x)_l / s_g + c_l

with the scores f by the prompts, g by the probe, their spreads s, and weights a, b >= 0
that all labels share: with b = 0 it is zero-shot, with a = 0 the probe, as is known of
mixtures of both (LP++). Two numbers for all labels can be learnt from few rows, where
g is out of fold.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from sklearn_clip.heads.linear._logistic import MultiLabelLogisticRegression
from sklearn_clip.model_selection import MultiLabelStratifiedKFold

# Of the probe, for rows of length 1; the study compares with the same.
_C = 5.0
# Folds up to so many rows, where a fifth of them would be missed, and beyond.
_FEW_ROWS, _MANY_FOLDS, _N_FOLDS = 200, 20, 5
# Prior of (a, b): the means are 0 and 2 m / (m + 20), with m the positives of which
# something can be held out; of the precisions. Where a is 0, any b > 0 gives the order
# of the probe; where the prompts say much and m is small, they are not to be drowned.
_PROBE_MEAN, _HALF_TRUSTED = 2.0, 20.0
_PRIOR_PRECISION = np.array([3.0, 20.0])
# Standard errors of a that count as chance.
_CHANCE = 2.0
_OFFSET_PENALTY = 1.0
# Entries (row and label) that the two weights are learnt from, at most.
_MOST_ENTRIES = 2**22


class Mixture(NamedTuple):
    """Weights of prompts and probe, in units of the logit.

    Attributes
    ----------
    prompt_weight : float
        Factor of the scores by the prompts; 0 where these mean nothing.
    coef : ndarray of shape (n_labels, n_features)
        Of the probe, its weight multiplied in.
    intercept : ndarray of shape (n_labels,)
        Centres the scores of every label over the labelled rows.
    held_out : ndarray of shape (n_samples, n_labels)
        Scores of the labelled rows, by probes that have not seen them.
    """

    prompt_weight: float
    coef: np.ndarray
    intercept: np.ndarray
    held_out: np.ndarray


def mix(X, prompted, positive, known):
    """Fit the probe, and weigh it against the prompts.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of length 1.
    prompted : ndarray of shape (n_samples, n_labels)
        Their scores by the prompts.
    positive, known : ndarray of shape (n_samples, n_labels)
        1.0 and 0.0, and whether the label is known.

    Returns
    -------
    Mixture or None
        None if no label has two positives, of which one can be held out.
    """
    counts = positive.sum(axis=0)
    if len(X) < 2 or counts.max() < 2:
        return None
    Y = np.where(known, positive, np.nan)
    probe = _fit_probe(X, Y)
    by_probe = _held_out(X, Y)
    centre = prompted.mean(axis=0)
    by_prompts = prompted - centre
    # Who is the only positive of a label, was held out of a probe that knew none: its
    # prompt tells of it, the probe does not.
    alone = (positive == 1) & (counts == 1)
    spreads = np.array([part.std() or 1.0 for part in (by_prompts, by_probe)])
    parts = np.stack(
        [by_prompts / spreads[0], np.where(alone, 0, by_probe) / spreads[1]]
    )
    step = -(-positive.size // _MOST_ENTRIES)
    a, b = weigh(parts[:, ::step], positive[::step], known[::step]) / spreads
    coef = b * probe.coef_
    return Mixture(
        float(a),
        coef,
        -coef @ X.mean(axis=0) - a * centre,
        a * by_prompts + b * by_probe,
    )


def _fit_probe(X, Y):
    return MultiLabelLogisticRegression(C=_C).fit(X, Y)


def _held_out(X, Y):
    """Scores of all rows by probes of the other folds, less their training means.

    A fold that holds a positive out has one less to train on, and a lower intercept:
    with few rows, that alone would rank the positives last.
    """
    n_folds = _MANY_FOLDS if len(X) <= _FEW_ROWS else _N_FOLDS
    folds = MultiLabelStratifiedKFold(min(n_folds, len(X)), random_state=0)
    scores = np.empty(Y.shape)
    for train, test in folds.split(X, Y):
        probe = _fit_probe(X[train], Y[train])
        scores[test] = (X[test] - X[train].mean(axis=0)) @ probe.coef_.T
    return scores


def weigh(parts, positive, known):
    """Learn the weights that all labels share from standardised scores.

    Penalised logistic regression with one offset per label. Every label counts the
    same, by the weight of its entries, as it does in a macro average. The weight of
    the prompts is then shrunk by what chance alone would have given it,

        a max(0, 1 - (2 se(a) / a)^2),

    the positive part of James and Stein, with the standard error of the sandwich.

    Parameters
    ----------
    parts : ndarray of shape (2, n_samples, n_labels)
        Scores by the prompts and by the probe.
    positive, known : ndarray of shape (n_samples, n_labels)
        1.0 and 0.0, and whether the label is known.

    Returns
    -------
    ndarray of shape (2,)
        Weights, at least 0.
    """
    counts = (positive * known).sum(axis=0)
    judged = counts[counts >= 2].sum()
    mean = np.array([0.0, _PROBE_MEAN * judged / (judged + _HALF_TRUSTED)])
    share = counts.sum() / max((counts > 0).sum(), 1)
    weights = known * share / np.maximum(counts, 1)
    sign = 2 * positive - 1

    def loss(parameters):
        slopes, common, offsets = parameters[:2], parameters[2], parameters[3:]
        margins = sign * (np.tensordot(slopes, parts, 1) + common + offsets)
        far = slopes - mean
        value = -(weights * log_expit(margins)).sum()
        value += 0.5 * (_PRIOR_PRECISION @ far**2 + _OFFSET_PENALTY * offsets @ offsets)
        pull = -sign * expit(-margins) * weights
        gradient = [
            np.tensordot(parts, pull, 2) + _PRIOR_PRECISION * far,
            [pull.sum()],
            pull.sum(axis=0) + _OFFSET_PENALTY * offsets,
        ]
        return value, np.concatenate(gradient)

    n_labels = positive.shape[1]
    bounds = [(0, None)] * 2 + [(None, None)] * (n_labels + 1)
    start = np.concatenate([mean, np.zeros(n_labels + 1)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = found[:2].copy()
    if slopes[0] > 0:
        logits = np.tensordot(slopes, parts, 1) + found[2] + found[3:]
        error = _standard_errors(parts, expit(logits), positive, weights)[0]
        slopes[0] *= max(0.0, 1 - (_CHANCE * error / slopes[0]) ** 2)
    return slopes


def _standard_errors(parts, probabilities, positive, weights):
    """Roots of the diagonal of H^-1 J H^-1: Hessian H, and J = sum of score score^T."""
    curvature = weights * probabilities * (1 - probabilities)
    hessian = np.diag(_PRIOR_PRECISION).astype(float)
    hessian += np.tensordot(parts * curvature, parts, ([1, 2], [1, 2]))
    residuals = parts * (weights * (positive - probabilities))
    noise = np.tensordot(residuals, residuals, ([1, 2], [1, 2]))
    inverse = np.linalg.inv(hessian)
    return np.sqrt(np.diag(inverse @ noise @ inverse))
