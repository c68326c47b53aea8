"""Labels of several annotators: what each says, and what they say together."""

import numpy as np

from sklearn_clip._shared import row_blocks

MERGES = ("majority", "any", "all", "mean")


def merge_votes(votes, merge):
    """Make one target of what several annotators say.

    Parameters
    ----------
    votes : ndarray of shape (n_annotators, n, n_labels)
        1, 0 and NaN where an annotator says nothing.
    merge : {"majority", "any", "all", "mean"}
        Over those who say something: what more than half of them say (NaN where they
        are even), 1 if any says so, 1 if all say so, or their share in [0, 1].

    Returns
    -------
    ndarray of shape (n, n_labels)
        NaN where none says anything.
    """
    if len(votes) == 1:  # of one annotator all merges are what that one says
        return votes[0].copy()
    target = np.empty(votes.shape[1:])
    for rows in row_blocks(votes.shape[1], votes.shape[0] * votes.shape[2]):
        target[rows] = _merge(votes[:, rows], merge)
    return target


def _merge(votes, merge):
    said = ~np.isnan(votes)
    number = said.sum(axis=0)
    ones = np.where(said, votes, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is what nobody knows: NaN
        share = ones / number
    if merge == "mean":
        return share
    if merge == "any":
        target = np.ceil(share)
    elif merge == "all":
        target = np.floor(share)
    else:
        target = np.where(share == 0.5, np.nan, (share > 0.5).astype(float))
    return np.where(number > 0, target, np.nan)
