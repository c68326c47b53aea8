"""Fitting the wrapped classifier, and scoring rows that it was not fitted on."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import _check_method_params
from sklearn_clip.heads.regions._part_scores import (
    N_TRIED,
    PartScores,
    blocks,
    find_method,
    score_parts,
    score_regions,
)
from sklearn_clip.model_selection._out_of_fold import (
    is_prefit,
    make_splits,
    route_fit_params,
)


def fit_and_score_parts(meta, layout, X, targets, params, names):
    """Fit the classifier of a RegionClassifier, and score rows it has not seen.

    Parameters
    ----------
    meta : RegionClassifier
        Its parameters say how.
    layout : RowLayout
        How rows are made up.
    X : ndarray of shape (n, n_features)
        Rows.
    targets : ndarray of shape (n, n_labels)
        0, 1 and NaN.
    params : dict
        Everything else that `fit` was given.
    names : ndarray of shape (n_labels,) or None
        Names of the labels, for warnings.

    Returns
    -------
    estimator : estimator instance
        A clone, fitted on all rows; the estimator itself where it is prefit or frozen.
    parts : PartScores or None
        Scores of held-out rows; None where the weight is given, as nothing is chosen
        by them.
    rows : ndarray of int or None
        The rows that they are of.

    Raises
    ------
    ValueError
        If a prefit or frozen estimator is to be fitted on regions.
    TypeError
        If it is given parameters of its `fit`.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    wanted = isinstance(meta.weight, str)
    if is_prefit(meta):
        _check_prefit(meta, params)
        rows = np.arange(len(X)) if wanted else None
        scores = _score(meta.estimator, layout, X, targets, meta) if wanted else None
        return meta.estimator, scores, rows
    fit_params, split_params = route_fit_params(meta, params, learns="weight")
    parts = rows = None
    if wanted:
        splits = make_splits(
            meta.cv,
            X,
            targets,
            random_state=meta.random_state,
            split_params=split_params,
            names=names,
        )
        folds = Parallel(n_jobs=meta.n_jobs)(
            delayed(_score_fold)(meta, layout, X, targets, train, test, fit_params)
            for train, test in splits
        )
        rows = np.concatenate([test for _, test in splits])
        parts = PartScores(*map(np.concatenate, zip(*folds, strict=True)))
    fitted = _fit(meta, layout, X, targets, fit_params)
    return fitted, parts, rows


def _check_prefit(meta, params):
    """Check what makes no sense where nothing is fitted."""
    check_is_fitted(meta.estimator)
    if meta.fit_on == "all":
        raise ValueError(
            "fit_on='all' fits the estimator, and must not be given where it is "
            "prefit or frozen. Leave it at 'global', which then fits nothing."
        )
    unused = sorted(params.keys() - {"sample_weight"})
    if unused:
        raise TypeError(
            "fit must get no parameters of the estimator's fit where it is "
            f"prefit or frozen: nothing is fitted. Got {unused}."
        )


def _score_fold(meta, layout, X, Y, train, test, fit_params):
    """Fit a clone on the rows `train`, and score the rows `test` and their regions."""
    params = _check_method_params(X, fit_params, indices=train)
    fitted = _fit(meta, layout, X[train], Y[train], params)
    return _score(fitted, layout, X[test], Y[test], meta)


def _score(fitted, layout, X, Y, meta):
    """Score rows and their regions with a fitted classifier."""
    n_labels = Y.shape[1]
    method = find_method(fitted, layout.whole(X[:N_TRIED]), n_labels)
    return score_parts(fitted, layout, X, n_labels, method, meta.pooling)


def _fit(meta, layout, X, Y, params):
    """Fit a clone on whole pictures, or on these and the regions that show a label.

    `params` of the length of X go with the rows.
    """
    whole = layout.whole(X)
    fitted = clone(meta.estimator).fit(whole, Y, **params)
    if meta.fit_on == "global":
        return fitted
    rows, regions, targets = _find_witnesses(fitted, layout, X, Y)
    origin = np.concatenate([np.arange(len(X)), rows])
    return clone(meta.estimator).fit(
        np.vstack([whole, layout.pick(X, rows, regions)]),
        np.vstack([Y, targets]),
        **_check_method_params(whole, params, indices=origin),
    )


def _find_witnesses(fitted, layout, X, Y):
    """Choose the regions that stand for the labels of their pictures.

    A label of a picture is true of at least one of its parts (multiple-instance
    learning): its witness is the region that the classifier of whole pictures gives
    the highest score. A picture without a label has none in any part, and its region
    of the highest score of all says most about that.

    Returns
    -------
    rows, regions : ndarray of shape (n_witnesses,)
        The regions, and the rows that they belong to.
    targets : ndarray of shape (n_witnesses, n_labels)
        Theirs: those of the picture, but of its labels those alone that the region is
        the witness of, or that the classifier would predict for it.
    """
    n_labels = Y.shape[1]
    method = find_method(fitted, layout.whole(X[:N_TRIED]), n_labels)
    found = []
    for block in blocks(layout, len(X), n_labels):
        scores = score_regions(fitted, layout, X[block], n_labels, method)
        seen = layout.seen(X[block])
        scores[~seen] = -np.inf
        positive = Y[block] == 1
        best = scores.argmax(axis=1)
        wanted = np.zeros(scores.shape[:2], dtype=bool)
        row, label = np.nonzero(positive)
        wanted[row, best[row, label]] = True
        without = np.flatnonzero(~positive.any(axis=1))
        wanted[without, scores[without].max(axis=2).argmax(axis=1)] = True
        row, region = np.nonzero(wanted & seen)
        own = (best[row] == region[:, None]) | (scores[row, region] > 0)
        targets = np.where(positive[row] & ~own, 0, Y[block][row])
        found.append((block.start + row, region, targets))
    return (np.concatenate(part) for part in zip(*found, strict=True))
