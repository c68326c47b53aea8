"""Scores of rows that the classifier has not seen: splits, fits and fit parameters."""

import warnings
from functools import partial
from math import ceil
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold, check_cv
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklearn_clip._shared import (
    _check_method_params,
    _num_samples,
    _safe_indexing,
    check_label_order,
    counted,
    positive_scores,
    shown_first,
    warn_user,
)
from sklearn_clip.model_selection._splitters import (
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
)
from sklearn_clip.model_selection._train_test import (
    hold_out_at_random,
    multilabel_train_test_split,
)

# With as many positives a label needs no help, from stratification or from others.
ENOUGH_POSITIVES = 300
_N_PARTS = 5
# The base of all searches, halving ones too, which has no public name.
_SEARCH = GridSearchCV.__bases__[0]


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


def make_splits(cv, X, Y, *, random_state, split_params, names=None, at_random=False):
    """Turn every accepted `cv` but "prefit" into a list of (train, test) rows.

    A float holds out rows by their labels, or any `at_random`.

    Raises
    ------
    ValueError
        If a float leaves no row to fit on, an iterable yields no split, or by the
        splitter.

    Warns
    -----
    UserWarning
        If a split holds out rows that it trains on.
    """
    rows = np.arange(_num_samples(X))
    if isinstance(cv, Real) and not isinstance(cv, Integral):
        if ceil(cv * len(rows)) >= len(rows):
            raise ValueError(
                f"cv must leave rows to fit on beside those held out. Got {cv!r} for "
                f"{len(rows)} rows."
            )
        how = {"random_state": random_state, **split_params}
        if at_random:
            return [hold_out_at_random(cv, len(rows), **how)]
        train, test, _, _ = multilabel_train_test_split(rows, y=Y, test_size=cv, **how)
        return [(train, test)]
    if cv is None or isinstance(cv, Integral):
        n_splits = 5 if cv is None else cv
        if n_splits > len(rows):
            said = "its default, 5 folds," if cv is None else f"{n_splits} folds"
            raise ValueError(
                f"cv must be at most the number of rows. Got {said} and n_samples="
                f"{len(rows)}: pass fewer folds, or more rows."
            )
        splitter = MultiLabelStratifiedKFold(n_splits, random_state=random_state)
    else:
        splitter = check_cv(cv, Y, classifier=False)
    # Indexing `rows` makes row numbers of boolean masks, which an iterable may hold.
    split = splitter.split
    if isinstance(splitter, MultiLabelStratifiedKFold | MultiLabelStratifiedGroupKFold):
        split = partial(splitter.split_named, names=names)
    splits = [(rows[train], rows[test]) for train, test in split(X, Y, **split_params)]
    check_splits(splits)
    return splits


def check_splits(splits):
    """Check what a `cv` has yielded, which may be anyone's.

    Parameters
    ----------
    splits : list of tuple of ndarray (train, test)
        Row numbers.

    Raises
    ------
    ValueError
        If there is none.

    Warns
    -----
    UserWarning
        If a split holds out rows that it trains on.
    """
    if not splits:
        raise ValueError(
            "cv must yield at least one split. Got none; a generator yields its splits "
            "only once."
        )
    for number, (train, test) in enumerate(splits):
        seen = np.intersect1d(train, test)
        if len(seen):
            warn_user(
                f"Split {number} of cv holds out {counted(len(seen), 'row')} that it "
                f"trains on (rows [{shown_first(seen, 10)}]): their scores are too "
                "good. Leave them out of one of the two."
            )
            return


def weight_parameter(estimator):
    """Name of the `fit` parameter that takes row weights, or None without one.

    In a Pipeline it is the last step's, written ``step__sample_weight``; a search hands
    on what it is given to the estimator that it searches over.
    """
    if isinstance(estimator, _SEARCH):
        return weight_parameter(estimator.estimator)
    if isinstance(estimator, Pipeline):
        step, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{step}__{inner}"
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    return None


def route_fit_params(meta, params, *, learns):
    """Sort what `fit` was given into parameters of the estimator and of the splitter.

    Parameters
    ----------
    meta : estimator instance
        The router, with an `estimator` that is to be fitted.
    params : dict
        Everything given to `fit` beside `X` and `Y`.
    learns : str
        What it learns itself, for the warning of weights that nobody else takes.

    Returns
    -------
    fit_params, split_params : dict
        With metadata routing enabled, what each has requested. Otherwise `groups` is
        the splitter's and the rest the estimator's.
    """
    params = {name: value for name, value in params.items() if value is not None}
    weight, name = params.get("sample_weight"), weight_parameter(meta.estimator)
    untaken = (
        f"{type(meta.estimator).__name__} takes no sample_weight in fit: the weights "
        f"are used for the {learns} only."
    )
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(meta, "fit", **params)
        if not (weight is None or name or "sample_weight" in routed.estimator.fit):
            warn_user(untaken)
        return dict(routed.estimator.fit), dict(routed.splitter.split)
    split_params = {"groups": params.pop("groups")} if "groups" in params else {}
    params.pop("sample_weight", None)
    if weight is not None and name is None:
        warn_user(
            f"{untaken} With metadata routing enabled they reach estimators that "
            "request them further in."
        )
    elif weight is not None:
        params[name] = weight
    return params, split_params


def counts_as_fitted(estimator):
    """Whether an estimator is frozen, or gives scores that are there already."""
    # An attribute, as the room of PrecomputedScores imports this one.
    scores = getattr(estimator, "_counts_as_fitted", False)
    return scores or isinstance(estimator, FrozenEstimator)


def check_frozen_order(estimator, y):
    """Check the columns of targets against the labels of a frozen classifier, if any.

    Parameters
    ----------
    estimator : estimator instance
        A classifier that is not fitted, or frozen, or holds a frozen one: as the last
        step of a Pipeline, or inside a meta-estimator or search.
    y : object
        Targets, as they were given.

    Raises
    ------
    ValueError
        If `y` is a table of other labels, or in another order.
    """
    while estimator is not None and not isinstance(estimator, FrozenEstimator):
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            estimator = getattr(estimator, "estimator", None)
    check_label_order(estimator, y)


def targets_for(estimator, Y):
    """Make targets dense, unless the estimator keeps sparse ones sparse.

    Parameters
    ----------
    estimator : estimator instance
        What is to be fitted.
    Y : {ndarray, csr_array} of shape (n_samples, n_labels)
        Targets of 0, 1 and NaN.

    Returns
    -------
    {ndarray, csr_array} of shape (n_samples, n_labels)
        The targets.
    """
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    # An attribute, as the rooms of these estimators import this one.
    keeps = getattr(estimator, "_keeps_sparse_targets", False)
    if isinstance(estimator, OneVsRestClassifier):
        keeps = Y.dtype.kind == "i"  # of NaN it makes labels
    return Y.toarray() if sparse.issparse(Y) and not keeps else Y


def count_values(Y):
    """Count the zeros and the ones of every label.

    Parameters
    ----------
    Y : {ndarray, csr_array} of shape (n_samples, n_labels)
        Targets of 0, 1 and NaN.

    Returns
    -------
    zeros, ones : ndarray of shape (n_labels,)
        How many there are.
    """
    if not sparse.issparse(Y):
        return tuple(np.count_nonzero(value == Y, axis=0) for value in (0, 1))
    one, gap = (
        np.bincount(Y.indices[kind], minlength=Y.shape[1])
        for kind in (Y.data == 1, np.isnan(Y.data))
    )
    return Y.shape[0] - one - gap, one


def is_prefit(meta):
    """Whether the estimator of a meta-estimator is never fitted by it."""
    prefit = isinstance(meta.cv, str) and meta.cv == "prefit"
    return prefit or counts_as_fitted(meta.estimator)


def _leave_out_weightless(weight, splits, learns):
    """Hold out only rows that weigh something, and splits that have some of them.

    Others would be candidates for a threshold, and count where parts are stratified.
    """
    if weight is None:
        return splits
    weight = np.asarray(weight)
    splits = [(train, test[weight[test] > 0]) for train, test in splits]
    splits = [(train, test) for train, test in splits if len(test)]
    if not splits:
        raise ValueError(
            "sample_weight must be above 0 for a row that cv holds out: the "
            f"{learns} are learnt on those. Got only zeros there."
        )
    return splits


def fit_and_score(meta, X, Y, params, names=None, *, learns, at_random=False):
    """Fit the estimator of a meta-estimator and score rows it was not fitted on.

    Parameters
    ----------
    meta : estimator instance
        Its `estimator`, `cv`, `n_jobs` and `random_state`, and its `refit` if it has
        one, say how.
    X : array-like of length n_samples
        Rows.
    Y : {ndarray, csr_array} of shape (n_samples, n_labels)
        Targets. Sparse ones are made dense for an estimator that does not keep them so.
    params : dict
        Everything else that `fit` was given.
    names : ndarray of shape (n_labels,) or None, default=None
        Names of the labels, for warnings.
    learns : str
        What the meta-estimator learns from the scores, in the plural, for warnings.
    at_random : bool, default=False
        Whether a float `cv` holds out rows whatever their labels are, as a guarantee
        for new rows needs.

    Returns
    -------
    estimator : estimator instance
        A clone, fitted on all rows, or on the training part with ``refit=False``; the
        estimator itself where it is prefit or frozen.
    folds : list of FoldScores
        The held-out scores.

    Raises
    ------
    ValueError
        If `refit` is False and `cv` has several splits, or all rows that are held out
        weigh nothing.
    TypeError
        If a prefit or frozen estimator is given parameters of its `fit`.
    sklearn.exceptions.NotFittedError
        If a prefit or frozen estimator is not fitted.
    """
    if is_prefit(meta):
        estimator = meta.estimator
        if getattr(estimator, "_counts_as_fitted", False):
            estimator = clone(estimator).fit(X, targets_for(estimator, Y))
            estimator._learn_names(names, X)
        check_is_fitted(estimator)
        unused = sorted(params.keys() - {"sample_weight"})
        if unused:
            raise TypeError(
                "fit must get no parameters of the estimator's fit where it is "
                f"prefit or frozen: nothing is fitted. Got {unused}."
            )
        whole = [(None, np.arange(Y.shape[0]))]
        [(_, rows)] = _leave_out_weightless(params.get("sample_weight"), whole, learns)
        if len(rows) < Y.shape[0]:
            X = _safe_indexing(X, rows)
        scores, method = positive_scores(estimator, X, Y.shape[1])
        return estimator, [FoldScores(rows, scores, method)]
    fit_params, split_params = route_fit_params(meta, params, learns=learns)
    splits = make_splits(
        meta.cv,
        X,
        Y,
        random_state=meta.random_state,
        split_params=split_params,
        names=names,
        at_random=at_random,
    )
    refit = getattr(meta, "refit", True)
    if not refit and len(splits) > 1:
        # Not all that keep the one estimator have the choice.
        chosen = "refit" in meta.get_params(deep=False)
        what = "refit=False" if chosen else type(meta).__name__
        raise ValueError(
            f"{what} keeps the estimator of the one training part, so cv must "
            f"give a single split, for example cv=0.2. Got {len(splits)} splits."
        )
    splits = _leave_out_weightless(params.get("sample_weight"), splits, learns)
    folds = Parallel(n_jobs=meta.n_jobs)(
        delayed(score_fold)(
            meta.estimator,
            X,
            Y,
            train,
            test,
            fit_params=fit_params,
            keep=not refit,
        )
        for train, test in splits
    )
    if refit:
        return fit_all(meta.estimator, X, Y, fit_params), folds
    return folds[0].estimator, folds


def fit_all(estimator, X, Y, fit_params):
    """Fit a clone on all rows."""
    return clone(estimator).fit(X, targets_for(estimator, Y), **fit_params)


def score_fold(estimator, X, Y, train, test, *, fit_params, keep, method=None):
    """Fit a clone on the rows `train` and score the rows `test`.

    Parameters
    ----------
    estimator : estimator instance
        The classifier; it is cloned.
    X : array-like of length n_samples
        All rows.
    Y : {ndarray, csr_array} of shape (n_samples, n_labels)
        Targets of all rows.
    train, test : ndarray of int
        Row numbers.
    fit_params : dict
        Parameters of `fit` for all rows; the part of `train` is taken.
    keep : bool
        Whether to return the fitted clone.
    method : {"predict_proba", "decision_function"} or None, default=None
        Where the scores come from; None takes the first of the two that exists.

    Returns
    -------
    fold : FoldScores
        The held-out scores.
    """
    params = _check_method_params(X, fit_params, indices=train)
    fitted = clone(estimator)
    try:
        own = targets_for(estimator, Y[train])
        fitted.fit(_safe_indexing(X, train), own, **params)
    except Exception as exc:
        constant = np.flatnonzero(np.minimum(*count_values(Y[train])) == 0)
        if len(constant):
            exc.add_note(
                f"In this fold's training rows {len(constant)} label(s) hold one value "
                f"only (columns [{shown_first(constant, 10)}]), which some classifiers "
                "cannot fit. OneVsRestClassifier can; an integer cv, which is "
                "stratified, avoids it for labels with more than one positive."
            )
        if np.isnan(Y.data if sparse.issparse(Y) else Y).any():
            exc.add_note(
                "y holds unknown labels (NaN), which few classifiers take: "
                "MultiLabelLogisticRegression and MultiLabelNet do."
            )
        raise
    held_out = _safe_indexing(X, test)
    scores, method = positive_scores(fitted, held_out, Y.shape[1], method=method)
    return FoldScores(test, scores, method, fitted if keep else None)


def take_rows(values, rows):
    """Take rows of an array; no copy is made where they are all of it, in order."""
    whole = len(rows) == values.shape[0] and np.array_equal(rows, np.arange(len(rows)))
    return values if whole else values[rows]


def split_rows(row_numbers, targets):
    """Parts of the scored rows, each to be judged by what the others teach.

    Parameters
    ----------
    row_numbers : list of ndarray
        Rows that were held out in each fold, in the order of their scores.
    targets : {ndarray, csr_array} of shape (n_rows, n_labels)
        Targets of all scored rows of all folds, 0, 1 and NaN.

    Returns
    -------
    parts : list of tuple of ndarray (train, test)
        Positions among the scored rows: the folds. With one fold, or where a fold holds
        every row there is, five parts of the distinct rows, stratified by the labels
        with fewer positives than `ENOUGH_POSITIVES`, or halves if there is none of
        them. Empty if there are fewer than two rows.
    """
    rows = np.concatenate(row_numbers)
    if len(row_numbers) > 1:
        ends = np.cumsum([len(part) for part in row_numbers])
        # A row may be held out in several folds: it is never on both sides.
        parts = [
            (np.flatnonzero(~np.isin(rows, part)), np.arange(end - len(part), end))
            for part, end in zip(row_numbers, ends, strict=True)
            if len(part)
        ]
        if all(len(train) for train, _ in parts):
            return parts
    distinct, first = np.unique(rows, return_index=True)
    if len(distinct) < 2:
        return []
    targets = take_rows(targets, first)
    folds = MultiLabelStratifiedKFold(min(_N_PARTS, len(distinct)), random_state=0)
    # Chance spreads as many evenly, and of a label without any there is nothing to
    # spread: both would only make the dealing long.
    positives = count_values(targets)[1]
    rare = (positives > 0) & (positives < ENOUGH_POSITIVES)
    if positives.any() and not rare.any():
        # What one half teaches is good enough to judge the other with: a quarter
        # of the work of five parts.
        folds = KFold(2, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # Labels with fewer positives than parts are what shrinkage is for.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(folds.split(targets, targets[:, rare] if rare.any() else targets))
    return [
        tuple(np.flatnonzero(np.isin(rows, distinct[side])) for side in split)
        for split in splits
    ]
