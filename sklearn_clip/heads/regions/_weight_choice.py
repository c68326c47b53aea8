"""How much the regions of a picture count beside the whole of it."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip._shared import add_regions
from sklearn_clip.metrics import macro_average_precision_score

# Of the odds of the regions; 0 leaves the pictures alone.
WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
# Mean average precision that may be lost on rows like those of `fit`.
TOLERANCE = 0.005


def choose_weight(parts, factors, targets, sample_weight=None):
    """Choose the largest weight that loses next to nothing on rows like these.

    What is to be tagged later may hold more things at once than what was labelled, and
    rows of `fit` that hold one thing each hardly tell weights apart. So it is not the
    best weight on them that is taken, which would be small, but the largest that
    stays within `TOLERANCE` of the weight 0.

    Parameters
    ----------
    parts : PartScores
        Scores of held-out rows.
    factors : ndarray of shape (n, 1)
        How much more than usual the regions of a row are to count.
    targets : ndarray of shape (n, n_labels)
        0, 1 and NaN.
    sample_weight : ndarray of shape (n,) or None, default=None
        Row weights.

    Returns
    -------
    weight : float
        One of `WEIGHTS`; 0 where no label has a positive to judge it by.
    scores : dict of float to float
        Mean average precision by weight; empty where there is none.
    """
    judged = ((targets == 1).any(axis=0)) & ((targets == 0).any(axis=0))
    if not judged.any():
        return 0.0, {}
    with warnings.catch_warnings():
        # Weights of 0 may leave a label without a positive.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        found = {
            weight: macro_average_precision_score(
                targets[:, judged],
                add_regions(*parts, weight * factors)[:, judged],
                sample_weight=sample_weight,
            )
            for weight in WEIGHTS
        }
    if np.isnan(found[0.0]):
        return 0.0, {}
    good = [w for w, score in found.items() if score >= found[0.0] - TOLERANCE]
    return max(good), {weight: float(score) for weight, score in found.items()}
