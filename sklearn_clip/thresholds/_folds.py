"""Scores of rows that the classifier has not seen: splits, fits and fit parameters."""

from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from sklearn_clip._shared import (
    _check_method_params,
    _num_samples,
    _safe_indexing,
    positive_scores,
    shown_first,
    warn_user,
)
from sklearn_clip.model_selection import (
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
    multilabel_train_test_split,
)


class FoldScores(NamedTuple):
    """Scores of the held-out rows of one split.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
        Row numbers in the whole of `X`.
    scores : ndarray of shape (n_rows, n_labels)
        P(label = 1) or decision values.
    method : {"predict_proba", "decision_function"}
        Where the scores come from.
    estimator : estimator instance or None
        The classifier fitted on the other rows, if it is to be kept.
    """

    rows: np.ndarray
    scores: np.ndarray
    method: str
    estimator: Any = None


def make_splits(cv, X, Y, *, random_state, split_params, names=None):
    """Turn every accepted `cv` but "prefit" into a list of (train, test) rows.

    Raises
    ------
    ValueError
        If an iterable yields no split, or by the splitter.
    """
    rows = np.arange(_num_samples(X))
    if isinstance(cv, float):
        train, test, _, _ = multilabel_train_test_split(
            rows, y=Y, test_size=cv, random_state=random_state, **split_params
        )
        return [(train, test)]
    if cv is None or isinstance(cv, Integral):
        n_splits = 5 if cv is None else cv
        splitter = MultiLabelStratifiedKFold(n_splits, random_state=random_state)
    else:
        splitter = check_cv(cv, Y, classifier=False)
    # Indexing `rows` makes row numbers of boolean masks, which an iterable may hold.
    split = splitter.split
    if isinstance(splitter, MultiLabelStratifiedKFold | MultiLabelStratifiedGroupKFold):
        split = partial(splitter.split_named, names=names)
    splits = [(rows[train], rows[test]) for train, test in split(X, Y, **split_params)]
    if not splits:
        raise ValueError("cv must yield at least one split. Got none.")
    return splits


def weight_parameter(estimator):
    """Name of the `fit` parameter that takes row weights, or None without one.

    In a Pipeline it is the last step's, written ``step__sample_weight``; a search hands
    on what it is given to the estimator that it searches over.
    """
    if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
        return weight_parameter(estimator.estimator)
    if isinstance(estimator, Pipeline):
        step, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{step}__{inner}"
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    return None


def route_fit_params(optimizer, params):
    """Sort what `fit` was given into parameters of the estimator and of the splitter.

    Parameters
    ----------
    optimizer : ThresholdOptimizer
        The router, with an `estimator` that is to be fitted.
    params : dict
        Everything given to `fit` beside `X` and `Y`.

    Returns
    -------
    fit_params, split_params : dict
        With metadata routing enabled, what each has requested. Otherwise `groups` is
        the splitter's and the rest the estimator's.
    """
    params = {name: value for name, value in params.items() if value is not None}
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(optimizer, "fit", **params)
        return dict(routed.estimator.fit), dict(routed.splitter.split)
    split_params = {"groups": params.pop("groups")} if "groups" in params else {}
    weight = params.pop("sample_weight", None)
    if weight is not None:
        name = weight_parameter(optimizer.estimator)
        if name is None:
            warn_user(
                f"{type(optimizer.estimator).__name__} takes no sample_weight in fit: "
                "the weights are used for the thresholds only. With metadata routing "
                "enabled they reach estimators that request them further in.",
            )
        else:
            params[name] = weight
    return params, split_params


def fit_and_score(optimizer, X, Y, params, names=None):
    """Fit an optimizer's estimator and score rows that it was not fitted on.

    Parameters
    ----------
    optimizer : ThresholdOptimizer
        Its `cv`, `refit`, `n_jobs` and `random_state` say how.
    X : array-like of length n_samples
        Rows.
    Y : ndarray of shape (n_samples, n_labels)
        Targets.
    params : dict
        Everything else that `fit` was given.
    names : ndarray of shape (n_labels,) or None, default=None
        Names of the labels, for warnings.

    Returns
    -------
    estimator : estimator instance
        A clone, fitted on all rows, or on the training part with ``refit=False``.
    folds : list of FoldScores
        The held-out scores.

    Raises
    ------
    ValueError
        If `refit` is False and `cv` has several splits.
    """
    fit_params, split_params = route_fit_params(optimizer, params)
    splits = make_splits(
        optimizer.cv,
        X,
        Y,
        random_state=optimizer.random_state,
        split_params=split_params,
        names=names,
    )
    if not optimizer.refit and len(splits) > 1:
        raise ValueError(
            "refit=False keeps the estimator of the one training part, so cv must "
            f"give a single split, for example cv=0.2. Got {len(splits)} splits."
        )
    folds = Parallel(n_jobs=optimizer.n_jobs)(
        delayed(score_fold)(
            optimizer.estimator,
            X,
            Y,
            train,
            test,
            fit_params=fit_params,
            keep=not optimizer.refit,
        )
        for train, test in splits
    )
    if optimizer.refit:
        return fit_all(optimizer.estimator, X, Y, fit_params), folds
    return folds[0].estimator, folds


def fit_all(estimator, X, Y, fit_params):
    """Fit a clone on all rows."""
    return clone(estimator).fit(X, Y, **fit_params)


def fit_sizes(optimizer, X, Y, rows, indicators, params):
    """Fit an optimizer's estimator twice: to labels, and to labels with set sizes.

    Parameters
    ----------
    optimizer : ThresholdOptimizer
        Its `estimator` is cloned.
    X : array-like of length n_samples
        Rows.
    Y : ndarray of shape (n_samples, n_labels)
        Targets.
    rows : ndarray of int
        Rows whose set size is known.
    indicators : ndarray of shape (len(rows), n_pairs)
        Targets of the second fit, see :func:`joint_targets`.
    params : dict
        Everything else that `fit` was given.

    Returns
    -------
    estimator, size_estimator : estimator instances
        Both, fitted.
    """
    fit_params, _ = route_fit_params(optimizer, params)
    estimator = fit_all(optimizer.estimator, X, Y, fit_params)
    if len(rows) < len(Y):
        fit_params = _check_method_params(X, fit_params, indices=rows)
        X = _safe_indexing(X, rows)
    return estimator, fit_all(optimizer.estimator, X, indicators, fit_params)


def score_fold(estimator, X, Y, train, test, *, fit_params, keep):
    """Fit a clone on the rows `train` and score the rows `test`.

    Parameters
    ----------
    estimator : estimator instance
        The classifier; it is cloned.
    X : array-like of length n_samples
        All rows.
    Y : ndarray of shape (n_samples, n_labels)
        Targets of all rows.
    train, test : ndarray of int
        Row numbers.
    fit_params : dict
        Parameters of `fit` for all rows; the part of `train` is taken.
    keep : bool
        Whether to return the fitted clone.

    Returns
    -------
    fold : FoldScores
        The held-out scores.
    """
    params = _check_method_params(X, fit_params, indices=train)
    fitted = clone(estimator)
    try:
        fitted.fit(_safe_indexing(X, train), Y[train], **params)
    except Exception as exc:
        some = (Y[train] == 0).any(axis=0), (Y[train] == 1).any(axis=0)
        constant = np.flatnonzero(~(some[0] & some[1]))
        if len(constant):
            exc.add_note(
                f"In this fold's training rows {len(constant)} label(s) hold one value "
                f"only (columns [{shown_first(constant, 10)}]), which some classifiers "
                "cannot fit. OneVsRestClassifier can; an integer cv, which is "
                "stratified, avoids it for labels with more than one positive."
            )
        if np.isnan(Y).any():
            exc.add_note(
                "y holds unknown labels (NaN), which few classifiers take: "
                "MultiLabelLogisticRegression and MultiLabelNet do."
            )
        raise
    held_out = _safe_indexing(X, test)
    scores, method = positive_scores(fitted, held_out, Y.shape[1])
    return FoldScores(test, scores, method, fitted if keep else None)
