"""Labels that look wrong."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_clip._shared import (
    TableLike,
    TargetsLike,
    check_indicator,
    check_same_length,
    group_numbers,
    warn_of_row_order,
)
from sklearn_clip.model_selection._out_of_fold import check_frozen_order
from sklearn_clip.review._inputs import (
    as_log_odds,
    as_vectors,
    check_scores,
    is_estimator,
    row_index,
    score_out_of_fold,
)
from sklearn_clip.review._neighbors import (
    agreeing_rows,
    neighbour_votes,
    unit_vectors,
)
from sklearn_clip.review._noise_model import fit_noise_model
from sklearn_clip.review._tables import LabelIssues

# A cell as probably wrong as right is listed.
_LISTED = 0.5


def find_label_issues(
    estimator_or_scores: Any,
    X: Any,
    Y: TargetsLike,
    *,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    n: int | None = None,
    vectors: TableLike | None = None,
    annotators: ArrayLike | None = None,
    n_nearest: int = 3,
    random_state: Any = None,
) -> LabelIssues:
    """Find the cells of a table of labels that are probably wrong.

    A cell is one label of one row. It is suspicious if a classifier that has not seen
    the row says otherwise, and the rows that lie near do; how much so is a matter of
    how often that label goes missing, or is given falsely, which is estimated from the
    table itself. Unknown cells are never listed.

    Parameters
    ----------
    estimator_or_scores : estimator instance or array-like of shape (n_rows, n_labels)
        A multi-label classifier, which is cloned and fitted on folds; or scores that
        are there already, of rows the classifier was not fitted on: probabilities in
        [0, 1], or other numbers that grow with them.
    X : array-like of length n_rows, or None
        Rows. None with scores alone.
    Y : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_labels)
        Labels as they were given: 0, 1, and NaN where one is unknown.
    cv : int, splitter or iterable, default=5
        Folds, in which every row is held out. A number means
        :class:`MultiLabelStratifiedKFold`, or the one with groups. Not used with
        scores.
    groups : array-like of shape (n_rows,) or None, default=None
        Rows of one group, such as near copies, stay in one fold and are no witnesses
        of each other.
    n : int or None, default=None
        How many cells to list. None lists those that are more probably wrong than
        right.
    vectors : {array-like, sparse matrix} of shape (n_rows, d) or None, default=None
        Where rows lie. None takes `X` if it is a table of numbers, else what the steps
        before the classifier of a Pipeline make of it; without either the scores
        decide alone.
    annotators : array-like of shape (n_rows,) or None, default=None
        Who gave the labels of each row. With it the labels of one who often gives them
        falsely are suspected sooner.
    n_nearest : int, default=3
        How many agreeing rows to name for each cell.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds.

    Returns
    -------
    LabelIssues
        The cells, the most suspicious one first, with direction, score, nearest
        agreeing rows and reasons; ``to_frame()`` makes a DataFrame.

    Raises
    ------
    ValueError
        If lengths differ, scores hold NaN, a row is never held out, `n` or
        `n_nearest` is negative, or by the splitter.

    See Also
    --------
    suggest_queries : Which unknown cells to ask about.
    sklearn_clip.plotting.LabelGridDisplay : Pictures with their labels.

    Notes
    -----
    The truth is read as a logistic function, per label, of the classifier's log-odds
    and of the votes of the ten nearest rows of which any label is known, and what was
    written down as a noisy copy of it with two rates: one of labels given falsely, read
    off where the classifier sees the label least, and one of labels missing, found by
    expectation and maximisation. It is the four-parameter logistic model of item
    responses [1]_. The score is the posterior probability of an error. In
    `benchmarks/STUDIES.md` the ranking is compared with that of confident learning
    [2]_.

    Rare and frequent labels, missing and false ones stand in one order. It takes
    memory for some ten numbers per cell, and time for all pairs of rows.

    References
    ----------
    .. [1] Barton and Lord, "An upper asymptote for the three-parameter logistic
       item-response model", ETS Research Report 81-20, 1981,
       :doi:`10.1002/j.2333-8504.1981.tb01255.x`.
    .. [2] Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in
       dataset labels", JAIR 70, 2021, :arxiv:`1911.00068`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip import MultiLabelLogisticRegression
    >>> from sklearn_clip.review import find_label_issues
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 4))
    >>> Y = (X[:, :2] > 0.8).astype(int)
    >>> seven = np.argmax(X[:, 1])
    >>> Y[seven, 1] = 0
    >>> head = MultiLabelLogisticRegression()
    >>> issues = find_label_issues(head, X, Y, n=1, random_state=0)
    >>> bool(issues.rows[0] == seven), int(issues.labels[0]), issues.directions[0]
    (True, 1, 'missing')
    """
    _check_count(n, "n", "or None")
    _check_count(n_nearest, "n_nearest", "")
    given, names = check_indicator(Y)
    if X is not None:
        check_same_length(X, given)
        warn_of_row_order(X, Y)
    group_of, writers = _read_groups(groups, annotators, len(given))
    estimator = estimator_or_scores if is_estimator(estimator_or_scores) else None
    if estimator is None:
        scores = check_scores(estimator_or_scores, given.shape, "The scores", names)
        warn_of_row_order(Y, estimator_or_scores, ("Y", "scores"))
        method = None
    elif X is None:
        raise ValueError("X must hold the rows to fit the estimator on. Got None.")
    else:
        check_frozen_order(estimator, Y)
        scores, method = score_out_of_fold(
            estimator,
            X,
            given,
            cv=cv,
            groups=groups,
            names=names,
            random_state=random_state,
        )
    given = given.astype(np.float64)
    evidence = [as_log_odds(scores, given, method)]
    votes = np.full(given.shape, np.nan)
    near = as_vectors(vectors, X, given, estimator)
    if near is not None:
        check_same_length(given, near)
        near = unit_vectors(near)
        votes = neighbour_votes(near, given, group_of)
        evidence.append(_as_evidence(votes, given))
    model = fit_noise_model(given, evidence, writers)
    rows, labels = _first_cells(model.wrong, n)
    right = 1 - given[rows, labels]
    return LabelIssues(
        rows=rows,
        labels=labels,
        directions=np.where(right == 1, "missing", "false").astype(object),
        scores=model.wrong[rows, labels],
        predicted=scores[rows, labels],
        votes=votes[rows, labels],
        nearest=agreeing_rows(near, given, group_of, rows, labels, right, n_nearest),
        false_rate=model.false_rate,
        missing_rate=model.missing_rate,
        n_expected=float(np.nansum(model.wrong)),
        label_names=names,
        index=row_index(X),
    )


def _check_count(value, name, or_none):
    if value is None and or_none:
        return
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise ValueError(
            f"{name} must be a number of at least 0{or_none and ' ' + or_none}. Got "
            f"{value!r}."
        )


def _read_groups(groups, annotators, n_rows):
    """Give numbers to groups, one to each row without any, and to annotators."""
    group_of = np.arange(n_rows)
    if groups is not None:
        group_of = group_numbers(groups, n_rows)[0]
    if annotators is None:
        return group_of, None
    try:
        return group_of, group_numbers(annotators, n_rows)[0]
    except ValueError as exc:
        said = str(exc).replace("groups must", "They must")
        said = said.replace(
            "Give a row that belongs to no other a group of its own",
            "Give all rows of which it is not known one name more",
        )
        raise ValueError(f"annotators must name who labelled each row. {said}") from exc


def _as_evidence(votes, given):
    """Log-odds of a vote of ten, drawn in a little; of what is usual without votes."""
    share = np.nanmean(np.where(np.isnan(given).all(axis=0), 0.0, given), axis=0)
    votes = np.where(np.isnan(votes), share, votes)
    # 0.3 for a vote of none in ten: it is odds of one in thirty, not of nothing.
    return np.log((9 * votes + 0.3) / (9 * (1 - votes) + 0.3))


def _first_cells(wrong, n):
    """Rows and labels of the cells that are listed, in order."""
    flat = wrong.ravel()
    least = _LISTED if n is None else 0.0
    found = np.count_nonzero(flat >= least)
    if n is not None and 0 < n < found:
        # The n-th highest, so that few cells are sorted.
        least = -np.partition(-flat, n - 1)[n - 1]
    cells = np.flatnonzero(flat >= least)
    order = np.argsort(-flat[cells], kind="stable")
    return np.unravel_index(cells[order[:n]], wrong.shape)
