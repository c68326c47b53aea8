"""One split of multi-label data into a training and a test part."""

from __future__ import annotations

from math import ceil, floor
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state, indexable

from sklearn_clip._shared import (
    TargetsLike,
    _safe_indexing,
    group_numbers,
    warn_of_row_order,
)
from sklearn_clip.model_selection._iterative_stratification import stratify
from sklearn_clip.model_selection._targets import read_targets


def _number_of_rows(size, what, round_share, n_rows):
    """Read a size as a number of rows that leaves the other part one."""
    is_number = isinstance(size, Real) and not isinstance(size, bool)
    if isinstance(size, Integral) and is_number:
        number = int(size)
    elif is_number and 0 < size < 1:
        number = round_share(size * n_rows)
    else:
        number = 0
    if not 0 < number < n_rows:
        raise ValueError(
            f"{what} must be a share in (0, 1) or a number of rows, and leave both "
            f"parts at least one row. Got {size!r} for {n_rows} rows."
        )
    return number


def _number_of_test_rows(test_size, train_size, n_rows):
    """Rows of the test part."""
    if train_size is None:
        test_size = 0.25 if test_size is None else test_size
        return _number_of_rows(test_size, "test_size", ceil, n_rows)
    n_train = _number_of_rows(train_size, "train_size", floor, n_rows)
    if test_size is None:
        return n_rows - n_train
    n_test = _number_of_rows(test_size, "test_size", ceil, n_rows)
    sizes = (test_size, train_size)
    share = sum(s / n_rows if isinstance(s, Integral) else s for s in sizes)
    if abs(share - 1) > 1e-9:
        raise ValueError(
            "test_size and train_size must be all rows together. Got "
            f"{test_size=} and {train_size=} for {n_rows} rows. Give one of them, or "
            "take out the other rows before."
        )
    return n_test


def hold_out_at_random(
    share: float,
    n_rows: int,
    *,
    random_state: int | np.random.RandomState | None = None,
    groups: ArrayLike | None = None,
) -> tuple[Any, Any]:
    """Hold out rows of which none is more likely to be than another.

    Rows that are dealt by their labels are no sample of those to come: of a label that
    two rows have one is held out, always, and of one that a single row has none.

    Parameters
    ----------
    share : float in (0, 1)
        Share of the rows (groups) to hold out.
    n_rows : int
        Number of rows.
    random_state : int, RandomState instance or None, default=None
        Seed.
    groups : array-like of shape (n_rows,) or None, default=None
        Group of every row; no group is torn apart.

    Returns
    -------
    train, test : ndarray of int
        Rows of both parts, ascending.

    Raises
    ------
    ValueError
        If a part is left empty, or there is but one group.
    """
    unit, n_units = np.arange(n_rows), n_rows
    if groups is not None:
        unit, n_units = _read_groups(groups, n_rows)
    n_test = _number_of_rows(share, "test_size", ceil, n_units)
    drawn = check_random_state(random_state).permutation(n_units)[:n_test]
    held_out = np.isin(unit, drawn)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _read_groups(groups, n_rows):
    """Give numbers to groups, of which there must be two."""
    group_of, n_groups = group_numbers(groups, n_rows)
    if n_groups < 2:
        raise ValueError("groups must name at least two groups. Got one.")
    return group_of, n_groups


def multilabel_train_test_split(
    *arrays: Any,
    y: TargetsLike | None = None,
    test_size: float | None = None,
    train_size: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    groups: ArrayLike | None = None,
) -> list[Any]:
    """Split rows into a training and a test part with equal shares of every label.

    Parameters
    ----------
    *arrays : sequence of array-like of length n_samples
        What is to be split: arrays, sparse matrices, DataFrames (which keep their
        index), lists.
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
            (n_samples,), default=None
        Targets of 0 and 1 (or False and True), NaN for unknown; 1-D for one label. They
        are split as well, and have to be given, by name.
    test_size : float, int or None, default=None
        Share of the rows in the test part, in (0, 1), or their number. None takes the
        rows that `train_size` leaves, else a share of 0.25.
    train_size : float, int or None, default=None
        The same of the training part; None takes the rows that `test_size` leaves.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice among rows that carry the same labels.
    groups : array-like of shape (n_samples,), default=None
        Group of every row; no group is torn apart. The sizes are then met as nearly as
        groups and labels allow.

    Returns
    -------
    splits : list of length 2 * (len(arrays) + 1)
        Training and test part of each of `arrays`, then those of `y`. Rows keep their
        order.

    Raises
    ------
    ValueError
        If `y` is not given, lengths differ, `y` has another shape or holds other
        values, the sizes leave a part empty or rows in neither, or there is but one
        group.

    See Also
    --------
    MultiLabelStratifiedKFold : Several folds; says how rows are dealt.

    Notes
    -----
    A label with two positives (with groups: in two groups) has one in both parts
    wherever the search for such a split succeeds; a warning names the labels where it
    does not.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.model_selection import multilabel_train_test_split
    >>> X = np.arange(8)
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 0], [1, 0], [0, 1], [0, 1]])
    >>> X_train, X_test, Y_train, Y_test = multilabel_train_test_split(
    ...     X, y=Y, test_size=0.5, random_state=0
    ... )
    >>> print(Y_train.sum(axis=0), Y_test.sum(axis=0))
    [2 2] [2 2]
    """
    if y is None:
        raise ValueError(
            "y must be the targets that the split keeps the shares of, by name: "
            "multilabel_train_test_split(X, y=Y). Got None. Their parts come last, as "
            "those of scikit-learn's train_test_split(X, Y) do."
        )
    *arrays, y = indexable(*arrays, y)
    for number, array in enumerate(arrays):
        warn_of_row_order(array, y, (f"arrays[{number}]", "y"))
    columns = read_targets(y)
    n_rows = columns.counts.shape[0]
    n_test = _number_of_test_rows(test_size, train_size, n_rows)
    rng = check_random_state(random_state)
    capacity = np.array([n_rows - n_test, n_test])
    if groups is None:
        part = stratify(
            columns, np.ones(n_rows), capacity / n_rows, rng, capacity=capacity
        )
    else:
        group_of, n_groups = _read_groups(groups, n_rows)
        columns = columns.by_group(group_of, n_groups)
        sizes = np.bincount(group_of)
        part = stratify(columns, sizes, capacity / n_rows, rng)[group_of]
    train, test = np.flatnonzero(part == 0), np.flatnonzero(part == 1)
    return [
        _safe_indexing(array, rows) for array in (*arrays, y) for rows in (train, test)
    ]
