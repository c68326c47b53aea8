"""Cross-validation splitters that keep the share of every label."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sklearn_clip._shared import (
    check_same_length,
    column_names,
    group_numbers,
    is_part_of_a_fit,
    shown,
    warn_of_row_order,
    warn_user,
)
from sklearn_clip.model_selection._iterative_stratification import stratify
from sklearn_clip.model_selection._targets import read_targets


def _warn_of_few(columns, n_splits, names, what):
    """Say which labels cannot have a positive in every fold."""
    counts = (columns.counts > 0).sum(axis=0)
    few = np.flatnonzero((columns.cost == 1) & (counts < n_splits))
    if not len(few) or is_part_of_a_fit():
        return
    labels = [
        f"{f'column {label}' if names is None else shown(names[label])} ({counts[at]})"
        for at, label in zip(few[:5], columns.labels[few[:5]], strict=True)
    ]
    warn_user(
        f"{len(few)} label(s) have fewer {what} than the {n_splits} folds: "
        f"{', '.join(labels)}{', ...' * (len(few) > 5)}. Where a fold has none, what "
        "is scored or chosen there for the label rests on nothing. Ask for fewer "
        "folds, or leave these labels out."
    )


class _MultiLabelKFold(BaseCrossValidator):
    """Parameters and splits of both splitters."""

    def __init__(self, n_splits=5, *, shuffle=True, random_state=None):
        if not isinstance(n_splits, Integral) or n_splits < 2:
            raise ValueError(
                f"n_splits must be an integer of at least 2. Got {n_splits!r}."
            )
        if not isinstance(shuffle, bool | np.bool_):
            raise TypeError(f"shuffle must be True or False. Got {shuffle!r}.")
        if not shuffle and random_state is not None:
            raise ValueError(
                "random_state must be None where shuffle is False: it would have no "
                f"effect. Got {random_state!r}. Leave shuffle=True to use it."
            )
        self.n_splits = int(n_splits)
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X : object, default=None
            Ignored.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return self.n_splits

    def split(self, X, y, groups=None):
        """Yield row numbers of the training and the test part of every fold.

        Parameters
        ----------
        X : array-like of length n_samples or None
            Rows; only their number is looked at.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            Targets of 0 and 1 (or False and True); NaN, None and NA are unknown. 1-D
            for one label, then of any two classes.
        groups : array-like of shape (n_samples,), default=None
            Group of every row, for the splitter with groups.

        Yields
        ------
        train : ndarray of int
            Rows of the other folds, ascending.
        test : ndarray of int
            Rows of the fold, ascending.

        Raises
        ------
        ValueError
            If `y` has another shape or holds other values, or if there are fewer rows
            (or groups) than folds.

        Warns
        -----
        UserWarning
            If labels that have positives have fewer of them (or have them in fewer
            groups) than there are folds, and this is not part of a search or of
            another fit, which has said so of all rows.
        """
        return self.split_named(X, y, groups, column_names(y))

    def split_named(self, X, y, groups=None, names=None):
        """Split as `split` does; a warning calls the labels by given names.

        Parameters
        ----------
        X, y, groups : object
            As for `split`.
        names : sequence of length n_labels or None, default=None
            Names of the labels; None numbers them.

        Yields
        ------
        train, test : ndarray of int
            As from `split`.
        """
        columns = read_targets(y)
        if X is not None:
            check_same_length(X, y)
            warn_of_row_order(X, y)
        rng = check_random_state(self.random_state if self.shuffle else 0)
        fold_of = self._assign(columns, groups, rng, names)
        for fold in range(self.n_splits):
            test = fold_of == fold
            yield np.flatnonzero(~test), np.flatnonzero(test)

    def _check_enough(self, number, what):
        if number < self.n_splits:
            raise ValueError(
                f"n_splits must be at most the number of {what}. "
                f"Got n_splits={self.n_splits} and n_{what}={number}. "
                "Ask for fewer folds."
            )


class MultiLabelStratifiedKFold(_MultiLabelKFold):
    """K folds in which every label has about the same share of positives.

    scikit-learn's :class:`~sklearn.model_selection.StratifiedKFold` refuses several
    labels a row, and plain :class:`~sklearn.model_selection.KFold` leaves folds without
    a positive of a rare label, whose score is then undefined.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=True
        Whether rows that carry the same labels are dealt out in random order. False
        deals them in the order of `y`, the same at every call.
    random_state : int, RandomState instance or None, default=None
        Seed. With an int every call of `split` gives the same folds.

    See Also
    --------
    MultiLabelStratifiedGroupKFold : The same for rows that must not be torn apart.
    multilabel_train_test_split : One split.

    Notes
    -----
    Fold sizes differ by at most one row, always. A label with at least `n_splits`
    positives has one in every fold, wherever a search finds such folds. There need not
    be any: three rows that carry two of three labels each cannot be halved so. A
    warning names the labels that are left. A label with fewer positives than folds is
    spread over as many folds as other labels allow; in the rest it has none, and its
    scores there are undefined. A warning names these labels too, but not those without
    any positive, which no number of folds can help. The known negatives of a label are
    treated like positives, after those, where they are rarer; unknown entries are
    spread evenly.

    The folds are dealt as in iterative stratification [1]_: rare labels first, each row
    to the fold that lacks its labels most. Here all labels of the row count, each by
    the inverse of its frequency, so that the chi-square distance of the folds' label
    counts from equal shares grows least. A repair step then exchanges rows between
    folds for the positives that are missing.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the stratification of multi-label
       data", ECML PKDD 2011. :doi:`10.1007/978-3-642-23808-6_10`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.model_selection import MultiLabelStratifiedKFold
    >>> Y = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 0], [1, 0]])
    >>> folds = MultiLabelStratifiedKFold(2, random_state=0)
    >>> for train, test in folds.split(Y, Y):
    ...     print(Y[test].sum(axis=0))
    [2 1]
    [2 1]
    """

    def _assign(self, columns, groups, rng, names):
        """Fold of every row."""
        n_rows = columns.counts.shape[0]
        if groups is not None:
            warn_user(
                "The groups are ignored by MultiLabelStratifiedKFold. "
                "MultiLabelStratifiedGroupKFold keeps them together.",
            )
        self._check_enough(n_rows, "samples")
        capacity = np.full(self.n_splits, n_rows // self.n_splits)
        capacity[: n_rows % self.n_splits] += 1
        _warn_of_few(columns, self.n_splits, names, "positives")
        return stratify(
            columns,
            np.ones(n_rows),
            np.full(self.n_splits, 1 / self.n_splits),
            rng,
            capacity=capacity,
            shuffle=self.shuffle,
        )


class MultiLabelStratifiedGroupKFold(_MultiLabelKFold):
    """K folds that tear no group apart and keep the share of every label.

    For rows that must stay on one side of a split: photos of one product, pages of one
    author, near copies as :func:`near_duplicate_groups` finds them.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=True
        Whether groups that carry the same labels are dealt out in random order. False
        deals them in sorted order, the same at every call.
    random_state : int, RandomState instance or None, default=None
        Seed. With an int every call of `split` gives the same folds.

    See Also
    --------
    MultiLabelStratifiedKFold : The same without groups.
    near_duplicate_groups : Groups from embeddings.

    Notes
    -----
    No group is ever split and no fold is empty. The number of rows is shared out like
    one more label, so that folds are about as even as groups and labels allow; a group
    larger than a fold makes a larger fold. A label with positives in at least
    `n_splits` groups has one in every fold, wherever a search finds such folds; a
    warning names the labels that are left. :class:`MultiLabelStratifiedKFold` says how
    folds are dealt; here groups that are large, or hold much of a label, come first.

    `split` requests `groups` by default, so that with metadata routing enabled they
    reach it through ``cross_validate(..., params={"groups": groups})``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.model_selection import MultiLabelStratifiedGroupKFold
    >>> Y = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [0, 0]])
    >>> groups = ["a", "a", "b", "b", "c", "d"]
    >>> folds = MultiLabelStratifiedGroupKFold(2, random_state=0)
    >>> for train, test in folds.split(Y, Y, groups):
    ...     print(sorted({groups[row] for row in test}))
    ['c', 'd']
    ['a', 'b']
    """

    # scikit-learn's way of saying that `split` takes groups without being asked to.
    __metadata_request__split = {"groups": True}

    def _assign(self, columns, groups, rng, names):
        """Fold of every row."""
        group_of, n_groups = group_numbers(groups, columns.counts.shape[0])
        self._check_enough(n_groups, "groups")
        columns = columns.by_group(group_of, n_groups)
        _warn_of_few(columns, self.n_splits, names, "groups with a positive")
        fold_of_group = stratify(
            columns,
            np.bincount(group_of),
            np.full(self.n_splits, 1 / self.n_splits),
            rng,
            shuffle=self.shuffle,
        )
        return fold_of_group[group_of]
