"""Trees, forests and boosted trees: which leaf a row falls into, and its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from sklearn_clip.export.heads._answers import (
    Answer,
    Refusal,
    both_classes,
    positive_codes,
)
from sklearn_clip.export.heads._graph_arrays import GraphArray

_ML = "ai.onnx.ml"


class Tree(NamedTuple):
    """A binary tree; a row goes left where its feature is at most the threshold.

    Attributes
    ----------
    left, right : ndarray of shape (n_nodes,), dtype=int
        Children; anything at a leaf.
    is_leaf : ndarray of shape (n_nodes,), dtype=bool
        Which nodes are leaves.
    feature : ndarray of shape (n_nodes,), dtype=int
        Column that a node looks at.
    threshold : ndarray of shape (n_nodes,), dtype=float64
        What it is compared with.
    missing_left : ndarray of shape (n_nodes,), dtype=bool
        Whether NaN goes left.
    values : ndarray of shape (n_nodes, n_values)
        What a leaf says.
    """

    left: NDArray[Any]
    right: NDArray[Any]
    is_leaf: NDArray[np.bool_]
    feature: NDArray[Any]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    values: NDArray[Any]


def _read_tree(tree, values):
    """Read a `tree_` of scikit-learn."""
    is_leaf = tree.children_left == -1
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return Tree(
        tree.children_left,
        tree.children_right,
        is_leaf,
        tree.feature,
        tree.threshold,
        missing.astype(bool),
        values,
    )


def sum_of_leaves(rows: GraphArray, trees: Sequence[Tree]) -> GraphArray:
    """Add what the leaves say that a row falls into, in float64.

    The trees tell the numbers of leaves, which float32 holds exactly, and the values
    are looked up and added here: an ensemble of ONNX adds them in float32, in which
    equal votes need not be equal.

    Parameters
    ----------
    rows : GraphArray
        The rows, float32 or float64.
    trees : sequence of Tree
        At least one.

    Returns
    -------
    GraphArray
        Sums, (n_rows, n_values).
    """
    found = rows.builder.add(
        "TreeEnsembleRegressor",
        rows.name,
        domain=_ML,
        **_ensemble(trees, rows.dtype),
    )
    starts = np.cumsum([0, *(tree.is_leaf.sum() for tree in trees[:-1])])
    leaves = GraphArray(rows.builder, found, np.float32, len(trees)).cast(np.int64)
    leaves = leaves + starts.astype(np.int64)
    table = np.concatenate([tree.values[tree.is_leaf] for tree in trees])
    table = _compact(table)
    # (n_rows, n_trees, n_values)
    said = rows.builder.add("Gather", rows.constant(table), leaves.name, axis=0)
    said = GraphArray(rows.builder, said, table.dtype, table.shape[1])
    return said.cast(np.float64).sum_middle()


def _compact(table):
    """Store values in the least precision that holds them exactly."""
    for dtype in (np.uint8, np.float32):
        with np.errstate(all="ignore"):
            stored = table.astype(dtype)
        if (stored == table).all():
            return stored
    return table.astype(np.float64)


def _ensemble(trees, dtype):
    """Attributes of the ensemble that gives the number of each tree's leaf."""
    tree_ids = np.concatenate([np.full(len(t.left), n) for n, t in enumerate(trees)])
    node_ids = np.concatenate([np.arange(len(tree.left)) for tree in trees])
    whole = Tree(*(np.concatenate(part) for part in zip(*trees, strict=True)))
    is_leaf = whole.is_leaf
    number = np.concatenate([np.cumsum(t.is_leaf) - 1 for t in trees])[is_leaf]
    thresholds = np.where(is_leaf, 0.0, whole.threshold)
    attributes = {
        "n_targets": len(trees),
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": node_ids.tolist(),
        "nodes_featureids": np.where(is_leaf, 0, whole.feature).tolist(),
        "nodes_modes": np.where(is_leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(is_leaf, 0, whole.left).tolist(),
        "nodes_falsenodeids": np.where(is_leaf, 0, whole.right).tolist(),
        "nodes_missing_value_tracks_true": np.where(
            is_leaf, 0, whole.missing_left
        ).tolist(),
        "target_treeids": tree_ids[is_leaf].tolist(),
        "target_nodeids": node_ids[is_leaf].tolist(),
        "target_ids": tree_ids[is_leaf].tolist(),
    }
    if dtype == np.float64:
        return attributes | {
            "nodes_values_as_tensor": numpy_helper.from_array(thresholds),
            "target_weights_as_tensor": numpy_helper.from_array(
                number.astype(np.float64)
            ),
        }
    # x <= t, for x of float32, says the same as x <= the greatest float32 up to t.
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
    down = np.nextafter(rounded, np.float32(-np.inf))
    rounded = np.where(rounded > thresholds, down, rounded)
    return attributes | {
        "nodes_values": rounded.tolist(),
        "target_weights": number.astype(np.float32).tolist(),
    }


def _probability_trees(trees, per_label):
    """Read trees of classes; their values become P(label = 1)."""
    read = []
    for tree in trees:
        codes = [positive_codes(tree, classes) for classes in per_label]
        # (n_nodes, n_outputs, n_classes) of shares
        shares = tree.tree_.value
        columns = [
            np.zeros(len(shares)) if code is None else shares[:, label, code]
            for label, code in enumerate(codes)
        ]
        read.append(_read_tree(tree.tree_, np.column_stack(columns)))
    return read


def _classes_per_label(estimator):
    several = isinstance(estimator.classes_, list)
    return estimator.classes_ if several else [estimator.classes_]


def write_tree(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a decision tree of one or several labels."""
    return _vote([estimator], _classes_per_label(estimator), rows)


def write_forest(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a forest of one or several labels."""
    return _vote(estimator.estimators_, _classes_per_label(estimator), rows)


def _vote(trees, per_label, rows):
    # Trees look at rows in float32, whatever they are given.
    total = sum_of_leaves(rows.cast(np.float32), _probability_trees(trees, per_label))
    mean = total / float(len(trees))
    # Of equal probabilities, class 0 comes first.
    labels = total * 2.0 > float(len(trees))
    return Answer(mean, None, labels, np.full(len(per_label), 0.5))


def write_gradient_boosting(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a GradientBoostingClassifier of one label."""
    both_classes(estimator)
    start = estimator.init_
    if isinstance(start, str):  # "zero"
        baseline = 0.0
    elif type(start).__name__ == "DummyClassifier" and start.strategy == "prior":
        eps = np.finfo(np.float64).eps
        prior = np.clip(start.class_prior_[1], eps, 1 - eps)
        baseline = np.log(prior / (1 - prior))
    else:
        raise Refusal(
            "GradientBoostingClassifier must start from the share of positives or from "
            f"zero. Got init={start!r}. Fit it with init=None instead."
        )
    exponential = estimator.loss == "exponential"
    # Its link is half the logit.
    baseline = baseline / 2 if exponential else baseline
    trees = [
        _read_tree(tree.tree_, estimator.learning_rate * tree.tree_.value[:, 0])
        for tree in estimator.estimators_[:, 0]
    ]
    decisions = sum_of_leaves(rows.cast(np.float32), trees) + float(baseline)
    logits = decisions * 2.0 if exponential else decisions
    return Answer(logits.sigmoid(), decisions, decisions >= 0.0, np.array([0.5]))


def write_histogram_boosting(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a HistGradientBoostingClassifier of one label."""
    both_classes(estimator)
    if estimator.is_categorical_ is not None:
        raise Refusal(
            "HistGradientBoostingClassifier was fitted with categorical features, "
            "which vectors of a tower are not. Fit it with categorical_features=None "
            "instead."
        )
    trees = []
    for (predictor,) in estimator._predictors:
        nodes = predictor.nodes
        trees.append(
            Tree(
                nodes["left"].astype(np.int64),
                nodes["right"].astype(np.int64),
                nodes["is_leaf"].astype(bool),
                nodes["feature_idx"].astype(np.int64),
                nodes["num_threshold"],
                nodes["missing_go_to_left"].astype(bool),
                nodes["value"].reshape(-1, 1),
            )
        )
    baseline = float(np.ravel(estimator._baseline_prediction)[0])
    decisions = sum_of_leaves(rows, trees) + baseline
    return Answer(decisions.sigmoid(), decisions, decisions > 0.0, np.array([0.5]))
