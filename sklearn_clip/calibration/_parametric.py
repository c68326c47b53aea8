"""Maps with parameters, of all labels at once: temperature, sigmoid and beta."""

import numpy as np
from scipy.special import log_expit

from sklearn_clip.calibration._evidence import label_blocks

# Entries handled at a time: 128 K of them, 1 MB an array, stay in a cache.
_BLOCK_SIZE = 1 << 17
# Entries of which what all labels share is written out once, in some 40 bytes each.
_MOST_KEPT = 1 << 22
_MAX_STEPS = 50
_MAX_HALVINGS = 60
_TOLERANCE = 1e-8
# Weight, in positives, of the common map where a label is to have its own alone: it
# decides what the label's rows leave open, as its slope where they all lie at one side.
_TRACE = 1e-3
PARAMETRIC = ("temperature", "sigmoid", "beta")


def features_of(logits, method):
    """Terms of which the calibrated logit is a sum, each times a parameter.

    Parameters
    ----------
    logits : ndarray
        Logits of the scores.
    method : {"temperature", "sigmoid", "beta"}
        The map.

    Returns
    -------
    list of ndarray or float
        The logit z; z and 1; ``ln p``, ``-ln(1 - p)`` and 1.
    """
    if method == "temperature":
        return [logits]
    if method == "sigmoid":
        return [logits, 1.0]
    return [log_expit(logits), -log_expit(-logits), 1.0]


def unpack(parameters, method):
    """Write the parameters of any map as those of the beta map.

    Parameters
    ----------
    parameters : ndarray of shape (n_labels, n_parameters)
        One for each of `features_of`.
    method : {"temperature", "sigmoid", "beta"}
        The map.

    Returns
    -------
    coef : ndarray of shape (n_labels, 2)
        Of ``ln p`` and of ``-ln(1 - p)``; equal but for "beta".
    intercept : ndarray of shape (n_labels,)
        Intercepts.
    """
    if method == "beta":
        return parameters[:, :2].copy(), parameters[:, 2].copy()
    intercept = np.zeros(len(parameters))
    if method == "sigmoid":
        intercept = parameters[:, 1].copy()
    return np.repeat(parameters[:, :1], 2, axis=1), intercept


def start_of(method):
    """Parameters that leave the scores as they are."""
    starts = {"temperature": [1.0], "sigmoid": [1.0, 0.0], "beta": [1.0, 1.0, 0.0]}
    return np.array(starts[method])


def combine(features, parameters):
    """Calibrated logits.

    Parameters
    ----------
    features : list of ndarray of shape (n, n_labels) or float
        From `features_of`.
    parameters : ndarray of shape (n_labels, n_parameters)
        Parameters.

    Returns
    -------
    ndarray of shape (n, n_labels)
        The logits.
    """
    return sum(term * parameters[:, at] for at, term in enumerate(features))


def label_losses(evidence, method, parameters):
    """Log loss of every label.

    Parameters
    ----------
    evidence : Evidence
        Scores and what is known.
    method : {"temperature", "sigmoid", "beta"}
        The map.
    parameters : ndarray of shape (n_labels, n_parameters)
        Its parameters.

    Returns
    -------
    ndarray of shape (n_labels,)
        The losses, summed over rows.
    """
    eta = combine(features_of(evidence.logits, method), parameters)
    return _losses(evidence, eta, np.exp(-np.abs(eta)))


def _losses(evidence, eta, small):
    """Log loss of every label, given ``exp(-|eta|)``."""
    # -y ln q - (1 - y) ln(1 - q) = ln(1 + e^eta) - y eta, and the logarithm is
    # max(eta, 0) + ln(1 + e^-|eta|).
    softplus = np.maximum(eta, 0.0) + np.log(1.0 + small)
    total = evidence.positive + evidence.negative
    return np.einsum("nl,nl->l", total, softplus) - np.einsum(
        "nl,nl->l", evidence.positive, eta
    )


def _terms(evidence, features, parameters):
    """Log loss of every label, its gradient and its Hessian in the parameters."""
    eta = combine(features, parameters)
    small = np.exp(-np.abs(eta))
    total = evidence.positive + evidence.negative
    q = np.where(eta >= 0, 1.0, small) / (1.0 + small)
    pull = total * q - evidence.positive
    curve = total * (small / (1.0 + small) ** 2)  # q (1 - q)
    size = len(features)
    gradient = np.empty((eta.shape[1], size))
    hessian = np.empty((eta.shape[1], size, size))
    for row, term in enumerate(features):
        gradient[:, row] = _weighted_sum(pull, term)
        weighted = curve * term
        for column in range(row + 1):
            both = _weighted_sum(weighted, features[column])
            hessian[:, row, column] = hessian[:, column, row] = both
    return _losses(evidence, eta, small), gradient, hessian


def _weighted_sum(weights, term):
    """Sum over rows of weights times a feature, which may be the number 1."""
    if np.ndim(term) == 0:
        return weights.sum(axis=0)
    return np.einsum("nl,nl->l", weights, term)


def fit_common(evidence, method, *, start=None):
    """Fit one map for all labels.

    Parameters
    ----------
    evidence : Evidence or ScoredEvidence
        Scores and what is known.
    method : {"temperature", "sigmoid", "beta"}
        The map.
    start : ndarray of shape (n_parameters,) or None, default=None
        Where to start; None leaves the scores as they are there.

    Returns
    -------
    parameters : ndarray of shape (n_parameters,)
        Of least log loss, slopes at least 0.
    information : ndarray of shape (n_parameters, n_parameters)
        The Hessian of the log loss there, divided by the weight of the positives or of
        the negatives, of which there are fewer: what one positive tells.
    """

    def write_out():
        for block in label_blocks(evidence.shape, _BLOCK_SIZE):
            part = evidence.columns(block)
            yield part, features_of(part.logits, method)

    # Of more entries all is written out anew for every step.
    few = evidence.shape[0] * evidence.shape[1] <= _MOST_KEPT
    parts = list(write_out()) if few else None

    def terms(parameters):
        found = []
        for part, features in parts or write_out():
            many = np.repeat(parameters, part.logits.shape[1], axis=0)
            found.append(_terms(part, features, many))
        return tuple(
            sum(part[at].sum(axis=0, keepdims=True) for part in found)
            for at in range(3)
        )

    size = len(start_of(method))
    # A trace of a prior: one label whose rows are all at one side has a finite map.
    weight = min(side.sum() for side in evidence.support())
    centre, trace = start_of(method), _TRACE * np.eye(size)
    start = centre if start is None else start
    parameters = _minimise(terms, start[None], centre, trace[None])
    information = terms(parameters)[2][0] / max(weight, 1.0)
    return parameters[0], information + trace


def fit_labels(evidence, method, common, information, count, *, start=None):
    """Fit the map of every label, drawn towards the common one.

    Parameters
    ----------
    evidence : Evidence or ScoredEvidence
        Scores and what is known.
    method : {"temperature", "sigmoid", "beta"}
        The map.
    common : ndarray of shape (n_parameters,)
        Parameters of the map for all labels.
    information : ndarray of shape (n_parameters, n_parameters)
        What one positive tells of them, from `fit_common`.
    count : float
        Positives that the common map weighs as much as; infinite: all labels have it.
    start : ndarray of shape (n_labels, n_parameters) or None, default=None
        Where to start.

    Returns
    -------
    ndarray of shape (n_labels, n_parameters)
        The parameters.

    Notes
    -----
    Least is the log loss and ``(t - c)' P (t - c) / 2``, with the common parameters c
    and P the information of `count` positives: what so many further positives, and
    their share of negatives, that follow the common map would add, to second order.
    """
    n_labels = evidence.shape[1]
    if np.isinf(count):
        return np.tile(common, (n_labels, 1))
    start = np.tile(common, (n_labels, 1)) if start is None else start
    counts = np.full(n_labels, max(count, _TRACE))
    if count == 0:
        # Nothing else tells which way a label goes that has no positive or no negative.
        counts[np.minimum(*evidence.support()) == 0] = 1.0
    precision = counts[:, None, None] * information
    found = np.empty_like(start)
    for block in label_blocks(evidence.shape, _BLOCK_SIZE):
        part = evidence.columns(block)
        if count == 0:
            part = _soften(part)
        features = features_of(part.logits, method)

        def terms(parameters, part=part, features=features):
            return _terms(part, features, parameters)

        found[block] = _minimise(terms, start[block], common, precision[block])
    return found


def _soften(evidence):
    """Replace targets of 1 and 0 as Platt does [1]_, lest slopes grow without end.

    Of n positives one more is still unlike them with probability 1 / (n + 2).

    References
    ----------
    .. [1] J. C. Platt, "Probabilistic outputs for support vector machines and
       comparisons to regularized likelihood methods", Advances in Large Margin
       Classifiers, 1999.
    """
    n_positive, n_negative = evidence.support()
    one, zero = (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2)
    positive = evidence.positive * one + evidence.negative * zero
    total = evidence.positive + evidence.negative
    return evidence._replace(positive=positive, negative=total - positive)


def _minimise(terms, start, centre, precision):
    """Newton's method for many small problems at once, slopes held at 0 or above.

    A step is halved for the problems whose loss it does not lower.
    """

    def penalised(parameters):
        loss, gradient, hessian = terms(parameters)
        apart = parameters - centre
        pull = np.einsum("ljk,lk->lj", precision, apart)
        penalty = 0.5 * (apart * pull).sum(axis=1)
        return loss + penalty, gradient + pull, hessian + precision

    parameters, found = start, penalised(start)
    for _ in range(_MAX_STEPS):
        loss, gradient, hessian = found
        step = _newton_step(parameters, gradient, hessian)
        # What the quadratic model promises is about half of it.
        active = -(gradient * step).sum(axis=1) > _TOLERANCE * (1 + np.abs(loss))
        if not active.any():
            break
        length = np.where(active, 1.0, 0.0)
        for _ in range(_MAX_HALVINGS):
            trial = parameters + length[:, None] * step
            found = penalised(trial)
            worse = active & ~(found[0] <= loss)
            if not worse.any():
                break
            length[worse] /= 2
        # Of a step that never helps nothing is left by now.
        parameters = trial
    return parameters


def _newton_step(parameters, gradient, hessian):
    """Go to the least of the quadratic model where no slope is below 0."""
    size = parameters.shape[1]
    slopes = np.arange(size) < max(1, size - 1)
    held = np.zeros(parameters.shape, dtype=bool)
    for _ in range(size):
        # Held slopes go to 0, the others to their best beside that: for the free ones
        # F and the held ones C, H_FF s_F = -g_F - H_FC s_C.
        fixed = np.where(held, -parameters, 0.0)
        right = -gradient - np.einsum("ljk,lk->lj", hessian, fixed)
        both = held[:, :, None] | held[:, None, :]
        system = np.where(both, np.eye(size), hessian)
        right = np.where(held, fixed, right)
        step = np.linalg.solve(system, right[:, :, None])[:, :, 0]
        crossing = slopes & ~held & (parameters + step < 0)
        if not crossing.any():
            break
        held |= crossing
    step = np.where(held, -parameters, step)
    return np.where(slopes, np.maximum(step, -parameters), step)
