"""Linear classifiers: a matrix product, and a link to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_clip.export.heads._answers import Answer, both_classes
from sklearn_clip.export.heads._graph_arrays import GraphArray


class Linear(NamedTuple):
    """Linear decision values of labels, cut at 0.

    Attributes
    ----------
    coef : ndarray of shape (n_labels, n_features)
        Coefficients.
    intercept : ndarray of shape (n_labels,)
        Intercepts.
    link : callable or None
        From decision values to probabilities, 0.5 at 0; None for no probabilities.
    """

    coef: np.ndarray
    intercept: np.ndarray
    link: Callable[[GraphArray], GraphArray] | None

    def write(self, rows: GraphArray) -> Answer:
        """Put them into the graph.

        Parameters
        ----------
        rows : GraphArray
            The rows.

        Returns
        -------
        Answer
            A label is predicted where its decision value is above 0.
        """
        decisions = rows @ self.coef.T + self.intercept
        return Answer(
            None if self.link is None else self.link(decisions),
            decisions,
            decisions > 0.0,
            np.full(len(self.coef), 0.0 if self.link is None else 0.5),
        )


def _doubled_sigmoid(decisions):
    """Compute the softmax of (-z, z), which is the sigmoid of 2 z."""
    return (decisions * 2.0).sigmoid()


def _modified_huber(decisions):
    """Compute the probabilities that go with this loss: (1 + clip(z, -1, 1)) / 2."""
    return (decisions.maximum(-1.0).minimum(1.0) + 1.0) / 2.0


def _read(estimator, link):
    coef = estimator.coef_
    coef = coef.toarray() if sparse.issparse(coef) else np.asarray(coef)
    coef = np.atleast_2d(coef)
    intercept = np.broadcast_to(np.asarray(estimator.intercept_), len(coef))
    return Linear(coef, intercept, link)


def read_decisions(estimator: Any) -> Linear:
    """Read a classifier that has no probabilities."""
    return _read(estimator, None)


def read_logistic(estimator: Any) -> Linear:
    """Read a classifier whose probabilities are the sigmoid of its decision values."""
    # Before 1.8, LogisticRegression could be asked for a softmax of two classes.
    softmax = getattr(estimator, "multi_class", None) == "multinomial"
    return _read(estimator, _doubled_sigmoid if softmax else GraphArray.sigmoid)


def read_sgd(estimator: Any) -> Linear:
    """Read an SGDClassifier, whose loss says whether there are probabilities."""
    links = {"log_loss": GraphArray.sigmoid, "modified_huber": _modified_huber}
    return _read(estimator, links.get(estimator.loss))


def linear_writer(read: Callable[[Any], Linear]) -> Callable[..., Answer]:
    """Make the writer of classifiers whose coefficients a function reads."""

    def write_linear(estimator, rows, write):
        # Ours have two classes of each label, RidgeClassifier knows what y was, and
        # others take one label.
        binarizer = getattr(estimator, "_label_binarizer", None)
        many = getattr(binarizer, "y_type_", "") == "multilabel-indicator"
        if not many and np.ndim(estimator.classes_) < 2:
            both_classes(estimator)
        return read(estimator).write(rows)

    return write_linear
