"""What labels are decided from: cuts of counts, expected counts, or sets of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import (
    _check_method_params,
    _safe_indexing,
    positive_scores,
    shown_first,
    warn_user,
)
from sklearn_clip.model_selection._out_of_fold import fit_all, route_fit_params
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._row_sets import best_learnt_sets
from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE


def resolve_decision(optimizer: Any) -> str:
    """Read `decision` of an optimizer, and check what goes with it.

    Parameters
    ----------
    optimizer : ThresholdOptimizer
        Its parameters say what is decided.

    Returns
    -------
    decision : {"cut", "expected"}
        What "auto" stands for, else as given.

    Raises
    ------
    ValueError
        If parameters do not go together.
    """
    bounded = optimizer.min_precision is not None or optimizer.min_recall is not None
    by_row = optimizer.average == "samples"
    one_for_all = optimizer.strategy != "per_label"
    reason = None
    if bounded:
        reason = "there must be no min_precision or min_recall, which are kept by cuts"
    elif by_row and one_for_all:
        reason = (
            "strategy must be 'per_label' under a samples average, where a set is "
            "chosen for each row"
        )
    elif by_row and callable(optimizer.metric):
        reason = (
            "metric must be a named one under a samples average, whose expectation is "
            "known"
        )
    if optimizer.exactly_k is not None:
        _check_exactly(optimizer, bounded)
    decision = optimizer.decision
    if decision == "auto":
        decision = "expected" if by_row and reason is None else "cut"
    elif decision == "expected" and reason is not None:
        raise ValueError(f"With decision='expected' {reason}. Pass decision='cut'.")
    if optimizer.transductive and (decision == "cut" or by_row):
        raise ValueError(
            "transductive=True must come with decision='expected' and an average over "
            "labels or entries: counts need targets, and sets of rows do not depend on "
            f"other rows. Got decision={optimizer.decision!r} and "
            f"average={optimizer.average!r}."
        )
    if optimizer.set_sizes == "learnt":
        if optimizer.exactly_k is not None:
            raise ValueError(
                "set_sizes='learnt' must come without exactly_k, which gives every row "
                f"a set of one size. Got exactly_k={optimizer.exactly_k}."
            )
        if decision == "cut" or not by_row:
            raise ValueError(
                "set_sizes='learnt' must come with average='samples' and "
                f"decision='expected'. Got average={optimizer.average!r} and "
                f"decision={optimizer.decision!r}."
            )
        if optimizer.metric == "jaccard":
            raise ValueError(
                "metric must not be 'jaccard' with set_sizes='learnt', which does not "
                "give its expectation. Pass set_sizes='independent'."
            )
    return decision


def _check_exactly(optimizer, bounded):
    """Refuse what does not go with a fixed number of labels."""
    others = {
        "min_precision or min_recall": bounded,
        "max_labels": optimizer.max_labels is not None,
        f"strategy={optimizer.strategy!r}": optimizer.strategy != "per_label",
    }
    for name, given in others.items():
        if given:
            raise ValueError(
                "exactly_k gives every row that many labels, whatever their scores, so "
                f"it must come without {name}. Pass exactly_k=None, or leave that out."
            )


def joint_targets(
    targets: NDArray[Any], sample_weight: NDArray[Any] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Targets of the problems that tell labels and set sizes together.

    Parameters
    ----------
    targets : ndarray of shape (n_rows, n_labels)
        0, 1 and NaN.
    sample_weight : ndarray of shape (n_rows,) or None, default=None
        Row weights.

    Returns
    -------
    rows : ndarray of shape (n_known,)
        Rows that weigh something, all of whose labels are known: of others the size is
        not.
    pairs : ndarray of shape (n_pairs, 2)
        Label and size of every problem; those that occur.
    indicators : ndarray of shape (n_known, n_pairs)
        1 where the row has the label and that many labels.

    Raises
    ------
    ValueError
        If no row that weighs something is known to have a label, and all its others.
    """
    counts = ~np.isnan(targets).any(axis=1)
    if sample_weight is not None:
        # Of a set that no weight speaks for a classifier still says it may be.
        counts &= sample_weight > 0
    rows = np.flatnonzero(counts)
    known = targets[rows] == 1
    size = known.sum(axis=1)
    if not size.any():
        raise ValueError(
            "y must have rows all of whose labels are known, some of them 1, and whose "
            "sample_weight is above 0, for set_sizes='learnt'. Got none. Pass "
            "set_sizes='independent'."
        )
    at, label = np.nonzero(known)
    pairs, column = np.unique(
        np.stack([label, size[at]], axis=1), axis=0, return_inverse=True
    )
    indicators = np.zeros((len(rows), len(pairs)), dtype=np.int64)
    indicators[at, column.reshape(-1)] = 1
    return rows, pairs, indicators


def predict_learnt_sets(
    estimator: Any,
    pairs: NDArray[np.intp],
    X: Any,
    n_labels: int,
    objective: Objective,
    **rules: Any,
) -> NDArray[np.bool_]:
    """Choose the set of every row from a classifier of labels and set sizes.

    Parameters
    ----------
    estimator : estimator instance
        The classifier, fitted to the indicators of :func:`joint_targets`.
    pairs : ndarray of shape (n_pairs, 2)
        What they tell.
    X : array-like of length n_rows
        Rows.
    n_labels : int
        Number of labels.
    objective : Objective
        The metric.
    **rules : dict
        `at_least_one` and `limit`, as of :func:`best_learnt_sets`.

    Returns
    -------
    sets : ndarray of shape (n_rows, n_labels), dtype=bool
        The sets.
    """
    scores, _ = positive_scores(estimator, X, len(pairs), method="predict_proba")
    sizes, column = np.unique(pairs[:, 1], return_inverse=True)
    sets = np.empty((len(scores), n_labels), dtype=bool)
    width = max(1, BLOCK_SIZE // (n_labels * len(sizes)))
    for start in range(0, len(scores), width):
        block = slice(start, start + width)
        joint = np.zeros((len(scores[block]), n_labels, len(sizes)))
        joint[:, pairs[:, 0], column] = scores[block]
        sets[block] = best_learnt_sets(joint, sizes, objective, **rules)
    return sets


def warn_of_constant(
    scores: list[NDArray[Any]], known: NDArray[np.bool_], names: list[Any]
) -> None:
    """Warn of labels whose scores are all the same, which no cut can tell apart.

    Parameters
    ----------
    scores : list of ndarray of shape (n_rows, n_labels)
        Scores of rows that the classifier has not seen, of every fold.
    known : ndarray of shape (n_labels,), dtype=bool
        Whether the label has known rows with and without it: others give a classifier
        nothing to tell, and are not warned of.
    names : list
        Names of the labels.
    """
    # A prior differs from fold to fold, and tells no row of a fold from another.
    same = [each.max(axis=0) == each.min(axis=0) for each in scores if len(each) > 1]
    constant = np.flatnonzero(known & np.all(same, axis=0)) if same else ()
    if len(constant):
        shown = shown_first([names[label] for label in constant], 10)
        warn_user(
            f"The scores of {len(constant)} label(s) are the same in every row "
            f"([{shown}]): no threshold can tell their rows apart. The classifier may "
            "be regularised too much, or may know nothing of them."
        )


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
    fit_params, _ = route_fit_params(optimizer, params, learns="thresholds")
    estimator = fit_all(optimizer.estimator, X, Y, fit_params)
    if len(rows) < len(Y):
        fit_params = _check_method_params(X, fit_params, indices=rows)
        X = _safe_indexing(X, rows)
    return estimator, fit_all(optimizer.estimator, X, indicators, fit_params)
