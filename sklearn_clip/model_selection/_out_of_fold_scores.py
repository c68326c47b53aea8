"""Scores of all rows, each by a classifier that has not seen it."""

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from sklearn_clip._shared import (
    TargetsLike,
    check_indicator,
    check_same_length,
    group_numbers,
    warn_of_row_order,
    warn_user,
)
from sklearn_clip.model_selection._out_of_fold import (
    check_frozen_order,
    counts_as_fitted,
    make_splits,
    score_fold,
)
from sklearn_clip.model_selection._splitters import MultiLabelStratifiedGroupKFold

_METHODS = ("auto", "predict_proba", "decision_function")


def out_of_fold_scores(
    estimator: Any,
    X: Any,
    Y: TargetsLike,
    *,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    method: Literal["auto", "predict_proba", "decision_function"] = "auto",
    params: dict[str, Any] | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> NDArray[np.float64]:
    """Score every row with a clone that was fitted on other rows.

    Unlike :func:`sklearn.model_selection.cross_val_predict` it takes unknown labels
    (NaN) in `Y`, which that numbers anew, and every shape that scores of multi-label
    classifiers have.

    Parameters
    ----------
    estimator : estimator instance
        Multi-label classifier with `predict_proba` or `decision_function`.
    X : array-like of length n_samples
        Rows, as the estimator takes them.
    Y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1; NaN where a label is unknown, which the estimator has to take.
    cv : int, float, splitter or iterable, default=5
        An int is that many folds stratified by label, or with `groups` such that keep
        groups whole; a float holds out one part of that size; None means 5. Rows held
        out several times, as by :class:`~sklearn.model_selection.RepeatedKFold`, get
        the mean of their scores.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows of one group are held out together, whatever `cv` is.
    method : {"auto", "predict_proba", "decision_function"}, default="auto"
        What the scores are: probabilities in [0, 1], or decision values of any size,
        which are cut at 0. "auto" takes the first of the two that the fitted
        classifier has; name one where the difference matters.
    params : dict or None, default=None
        Parameters of `fit`, such as ``{"sample_weight": weights}``, those of length
        n_samples cut to the rows of each fold. They go to the estimator's `fit` as they
        are: in a Pipeline to a step, as ``{"head__sample_weight": weights}``, or, with
        metadata routing enabled, to the steps that request them.
    n_jobs : int or None, default=None
        Folds fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling for an int or float `cv`.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        P(label = 1) or decision values; NaN in rows that were never held out.

    Raises
    ------
    ValueError
        If a value is not among those named, `Y` is no indicator matrix, `cv` parts
        `groups`, or folds give scores of different kinds.
    TypeError
        If the estimator, or the last step of a Pipeline, is frozen or
        `PrecomputedScores`: its scores of all rows are its own.

    Warns
    -----
    UserWarning
        If rows were never held out, or a split holds out rows that it trains on.

    See Also
    --------
    sklearn_clip.heads.PrecomputedScores : Stands for the classifier where they are.
    sklearn_clip.metrics.multilabel_report : Judges them.
    sklearn_clip.review.find_label_issues : Finds labels that they contradict.

    Notes
    -----
    Few classifiers take unknown labels: `MultiLabelLogisticRegression`,
    `MultiLabelNet` and the meta-estimators of this package around them do.
    :class:`~sklearn.multioutput.ClassifierChain` and
    :class:`~sklearn.multioutput.MultiOutputClassifier` refuse them.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip import MultiLabelLogisticRegression
    >>> from sklearn_clip.model_selection import out_of_fold_scores
    >>> X, Y = make_multilabel_classification(random_state=0)
    >>> head = MultiLabelLogisticRegression()
    >>> out_of_fold_scores(head, X, Y, random_state=0).shape
    (100, 5)
    """
    if not isinstance(method, str) or method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}. Got {method!r}.")
    targets, names = check_indicator(Y, keep_sparse=True)
    check_frozen_order(estimator, Y)
    warn_of_row_order(X, Y, ("X", "Y"))
    scores, _ = score_held_out(
        estimator,
        X,
        targets,
        cv=cv,
        groups=groups,
        names=names,
        method=None if method == "auto" else method,
        params=params,
        n_jobs=n_jobs,
        random_state=random_state,
    )
    never = np.isnan(scores[:, 0])
    if never.any():
        warn_user(
            f"{never.sum()} of {len(never)} rows were never held out by cv: their "
            "scores are NaN."
        )
    return scores


def score_held_out(
    estimator,
    X,
    Y,
    *,
    cv,
    groups,
    names,
    method=None,
    params=None,
    n_jobs=None,
    random_state=None,
):
    """Score rows with clones fitted on others, for `out_of_fold_scores` and reviews.

    Parameters
    ----------
    estimator, X, cv, groups, params, n_jobs, random_state
        As for `out_of_fold_scores`.
    Y : {ndarray, csr_array} of shape (n_samples, n_labels)
        Targets, checked. As for `fit_and_score`.
    names : ndarray of shape (n_labels,) or None
        Names of the labels, for warnings.
    method : {"predict_proba", "decision_function"} or None, default=None
        None takes the first of the two that exists.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_labels)
        The mean of the scores of each row; NaN where there is none.
    method : {"predict_proba", "decision_function"}
        Where they come from.

    Raises
    ------
    TypeError, ValueError
        As `out_of_fold_scores`.
    """
    _check_cv(cv)
    last = estimator
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    if counts_as_fitted(last):
        raise TypeError(
            "estimator must be one that can be fitted again; the scores of a frozen "
            f"one are those of its own methods. Got {type(last).__name__}."
        )
    (X,) = indexable(X)
    check_same_length(X, Y)
    group_of = None if groups is None else group_numbers(groups, Y.shape[0])[0]
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        cv = MultiLabelStratifiedGroupKFold(
            5 if cv is None else cv, random_state=random_state
        )
    splits = make_splits(
        cv,
        X,
        Y,
        random_state=random_state,
        split_params={} if groups is None else {"groups": groups},
        names=names,
    )
    if group_of is not None:
        _refuse_parted_groups(splits, group_of)
    folds = Parallel(n_jobs=n_jobs)(
        delayed(score_fold)(
            estimator,
            X,
            Y,
            train,
            test,
            fit_params=params or {},
            keep=False,
            method=method,
        )
        for train, test in splits
    )
    methods = {fold.method for fold in folds}
    if len(methods) > 1:
        raise ValueError(
            f"All folds must give scores of one kind. Got {sorted(methods)}; pass one "
            "of them as method."
        )
    total, times = np.zeros(Y.shape), np.zeros((Y.shape[0], 1))
    for fold in folds:
        np.add.at(total, fold.rows, fold.scores)
        np.add.at(times, fold.rows, 1)
    times[times == 0] = np.nan
    return total / times, methods.pop()


def _check_cv(cv):
    """Check a number of folds, or a share; meta-estimators have constraints."""
    if isinstance(cv, str):
        raise ValueError(
            "cv must be a number, a splitter or an iterable of splits: a clone is "
            f"fitted on a part of the rows. Got {cv!r}."
        )
    if not isinstance(cv, Real):
        return
    whole = isinstance(cv, Integral) and not isinstance(cv, bool)
    if cv < 2 if whole else not 0 < cv < 1:
        raise ValueError(
            "cv must be an int of at least 2, a number of folds, or a float in "
            f"(0, 1), the share of rows that is held out. Got {cv!r}."
        )


def _refuse_parted_groups(splits, group_of):
    """Refuse splits that fit on rows of a group and score others of it."""
    for train, test in splits:
        parted = np.isin(group_of[test], group_of[train])
        if parted.any():
            row = int(test[np.argmax(parted)])
            other = int(train[np.argmax(group_of[train] == group_of[row])])
            raise ValueError(
                "cv must hold out groups as a whole: pass a number of folds, or a "
                "splitter like GroupKFold. Got a split that scores row "
                f"{row} and is fitted on row {other} of the same group."
            )
