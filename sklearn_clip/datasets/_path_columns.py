"""Columns of labels that are paths: what stands above and below them."""

import numpy as np

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets._hierarchy import ancestors


def add_ancestors(table, lines, target, names, hierarchy, *, chosen):
    """Make targets of columns of paths say the same of what stands above and below.

    A label is 1 where one below it is. One that has no column of its own is 0 where all
    below it are; in one that has a column, 0 makes all below it 0.

    Parameters
    ----------
    table : Table
    lines : list of int
        Line of each row.
    target : ndarray of shape (n, n_columns)
        0, 1 and NaN.
    names : list of str
        Labels of the columns.
    hierarchy : str
        What stands between the parts of a label.
    chosen : bool
        Whether a user listed the columns: then none is added.

    Returns
    -------
    target : ndarray of shape (n, n_labels)
        float64.
    names : list of str
        Labels, each after those it stands below.

    Raises
    ------
    ValueError
        If a label is 0 where one below it is 1.
    """
    own = {clean_name(name): i for i, name in enumerate(names)}
    labels, below = {}, {}
    for i, name in enumerate(names):
        for label in sorted(ancestors(name, hierarchy), key=len):
            below.setdefault(clean_name(label), []).append(i)
            if not chosen or label == name:
                labels.setdefault(clean_name(label), label)
    target = target.copy()
    for look, i in own.items():
        rows = np.ix_(target[:, i] == 0, below[look])
        target[rows] = np.where(np.isnan(target[rows]), 0, target[rows])
    result = np.empty((len(target), len(labels)))
    for values, look in zip(result.T, labels, strict=True):
        found = target[:, below[look]]
        is_there = (found == 1).any(axis=1)
        # NaN unless one is 1 or all are 0.
        values[:] = np.where(is_there, 1, np.where((found == 0).all(axis=1), 0, np.nan))
        if look not in own:
            continue
        said = target[:, own[look]]
        wrong = np.flatnonzero((said == 0) & is_there)
        if len(wrong):
            child = next(i for i in below[look] if target[wrong[0], i] == 1)
            raise ValueError(
                "A label that is absent must not be present, nor one below it. Got "
                f"{labels[look]!r} absent and {names[child]!r} present "
                f"({table.place(lines[wrong[0]])})."
            )
        values[:] = np.where(np.isnan(said), values, said)
    return result, list(labels.values())
