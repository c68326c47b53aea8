"""Two independent labellings of the photographs: read, compared, settled."""

import csv

import numpy as np

_VALUES = {"1": 1.0, "0": 0.0, "?": np.nan}


def read_labelling(path):
    """Read what one labelling says of every picture.

    Parameters
    ----------
    path : str or path-like
        CSV with the columns ``file`` and one a label; the cells are ``1``, ``0`` and,
        where a person would hesitate, ``?``.

    Returns
    -------
    files : list of str
        Names of the pictures, in the order of the rows.
    names : list of str
        Names of the labels.
    values : ndarray of shape (n, n_labels), dtype float64
        1, 0 or NaN.

    Raises
    ------
    ValueError
        If a cell holds anything else.
    """
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    values = np.empty((len(rows), len(header) - 1))
    for i, row in enumerate(rows):
        for j, cell in enumerate(row[1:]):
            if cell not in _VALUES:
                raise ValueError(
                    f"Labels must be 1, 0 or ?. Got {cell!r} for {header[j + 1]!r} of "
                    f"{row[0]!r} in '{path}'."
                )
            values[i, j] = _VALUES[cell]
    return [row[0] for row in rows], header[1:], values


def settle(first, second, settlements):
    """Take what both say, and what was settled where they differ.

    Parameters
    ----------
    first, second : tuple
        Two results of `read_labelling`.
    settlements : str or path-like
        CSV with the columns ``file``, ``label`` and ``value`` (``1``, ``0``, ``?``):
        one row for every cell in which the two differ, and no other.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype float64
        1, 0 or NaN.

    Raises
    ------
    ValueError
        If the two are not of the same pictures and labels, a difference is not
        settled, or a settlement is of no difference.
    """
    files, names, values = first
    if (files, names) != second[:2]:
        raise ValueError("The two must label the same pictures with the same labels.")
    differ = ~_same(values, second[2])
    with open(settlements, encoding="utf-8", newline="") as file:
        rows = {
            (row["file"], row["label"]): row["value"] for row in csv.DictReader(file)
        }
    cells = [(files[i], names[j]) for i, j in np.argwhere(differ)]
    if set(cells) != set(rows):
        odd = sorted(set(cells) ^ set(rows))[0]
        raise ValueError(
            f"'{settlements}' must settle every difference of the two and nothing "
            f"else. Got it wrong for {odd[1]!r} of {odd[0]!r}."
        )
    settled = values.copy()
    settled[differ] = [_VALUES[rows[cell]] for cell in cells]
    return settled


def _same(one, other):
    return (one == other) | (np.isnan(one) & np.isnan(other))


def agreement(first, second):
    """Say how far two labellings agree, label by label.

    Parameters
    ----------
    first, second : ndarray of shape (n, n_labels)
        1, 0 or NaN.

    Returns
    -------
    raw : ndarray of shape (n_labels,)
        Share of the pictures of which both say the same, hesitation being one of
        three answers.
    kappa : ndarray of shape (n_labels,)
        Cohen's kappa of the three answers: 1 if they always agree, 0 if no more than
        two do that answer at random, each with its own shares. 1 where both give one
        and the same answer throughout.
    """
    raw = _same(first, second).mean(axis=0)
    # p_e = sum over the answers of the product of both people's shares of it.
    chance = sum(
        _same(first, answer).mean(axis=0) * _same(second, answer).mean(axis=0)
        for answer in map(np.full_like, [first] * 3, _VALUES.values())
    )
    with np.errstate(invalid="ignore"):
        kappa = np.where(chance < 1, (raw - chance) / (1 - chance), 1.0)
    return raw, kappa
