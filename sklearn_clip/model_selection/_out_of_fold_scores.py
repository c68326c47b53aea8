"""Scores of all rows, each by a classifier that has not seen it."""

from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from sklearn_clip._shared import (
    TargetsLike,
    check_indicator,
    check_same_length,
    warn_user,
)
from sklearn_clip.model_selection._out_of_fold import (
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
        out several times get the mean of their scores.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows of one group are held out together; for `cv` an int or a splitter.
    method : {"auto", "predict_proba", "decision_function"}, default="auto"
        "auto" takes the first of the two that the fitted classifier has.
    params : dict or None, default=None
        Parameters of `fit`, those of length n_samples cut to the rows of each fold.
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
        If a value is not among those named, `Y` is no indicator matrix, or folds give
        scores of different kinds.
    TypeError
        If the estimator is frozen: its scores of all rows are its own.

    Warns
    -----
    UserWarning
        If rows were never held out.

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
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}. Got {method!r}.")
    if isinstance(cv, str):
        raise ValueError(
            "cv must be a number, a splitter or an iterable of splits: a clone is "
            f"fitted on a part of the rows. Got {cv!r}."
        )
    if counts_as_fitted(estimator):
        raise TypeError(
            "estimator must be one that can be fitted again; the scores of a frozen "
            f"one are those of its own methods. Got {type(estimator).__name__}."
        )
    targets, names = check_indicator(Y)
    (X,) = indexable(X)
    check_same_length(X, targets)
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        cv = MultiLabelStratifiedGroupKFold(
            5 if cv is None else cv, random_state=random_state
        )
    splits = make_splits(
        cv,
        X,
        targets,
        random_state=random_state,
        split_params={} if groups is None else {"groups": groups},
        names=names,
    )
    folds = Parallel(n_jobs=n_jobs)(
        delayed(score_fold)(
            estimator,
            X,
            targets,
            train,
            test,
            fit_params=params or {},
            keep=False,
            method=None if method == "auto" else method,
        )
        for train, test in splits
    )
    methods = {fold.method for fold in folds}
    if len(methods) > 1:
        raise ValueError(
            f"All folds must give scores of one kind. Got {sorted(methods)}; pass one "
            "of them as method."
        )
    total, times = np.zeros(targets.shape), np.zeros(len(targets))
    for fold in folds:
        np.add.at(total, fold.rows, fold.scores)
        np.add.at(times, fold.rows, 1)
    never = times == 0
    if never.any():
        warn_user(
            f"{never.sum()} of {len(never)} rows were never held out by cv: their "
            "scores are NaN."
        )
        times[never] = np.nan
    return total / times[:, None]
