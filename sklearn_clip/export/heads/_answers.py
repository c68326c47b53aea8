"""What a classifier answers, in a graph, and the refusal of what has no place there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sklearn_clip._shared import shown_first
from sklearn_clip.export.heads._graph_arrays import GraphArray, concatenate

SCORES_ALONE = (
    "PrecomputedScores holds no classifier that could be exported. Fit what stands "
    "around it on the classifier that gave the scores, or hand over the thresholds: "
    "ThresholdOptimizer(FrozenEstimator(classifier)).fit(X, Y)"
    ".set_thresholds(tuned.thresholds_)."
)


class Refusal(ValueError):
    """A classifier or a step cannot be written; the message says why and what can."""


class Answer(NamedTuple):
    """What the methods of a classifier give for rows, one column per label.

    Attributes
    ----------
    probabilities, decisions : GraphArray or None
        P(label = 1) and the decision values; None where the classifier has no such
        method.
    labels : GraphArray
        What `predict` gives, as bool.
    cuts : ndarray of shape (n_labels,), dtype=float64
        The probabilities, or the decision values where there are none, at which
        `predict` changes.
    """

    probabilities: GraphArray | None
    decisions: GraphArray | None
    labels: GraphArray
    cuts: np.ndarray

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.labels.width

    def only(self, estimator: Any) -> Answer:
        """Leave out the scores of methods that an estimator does not have.

        Parameters
        ----------
        estimator : estimator instance
            The estimator.

        Returns
        -------
        Answer
            The rest.
        """
        return self._replace(
            probabilities=(
                self.probabilities if hasattr(estimator, "predict_proba") else None
            ),
            decisions=(
                self.decisions if hasattr(estimator, "decision_function") else None
            ),
        )

    def columns(self, order: np.ndarray) -> Answer:
        """Put the labels into another order.

        Parameters
        ----------
        order : ndarray of shape (n_labels,)
            The present column of each label.

        Returns
        -------
        Answer
            The same labels.
        """
        order = np.asarray(order)
        if (order == np.arange(self.n_labels)).all():
            return self
        probabilities, decisions = self.probabilities, self.decisions
        return Answer(
            None if probabilities is None else probabilities.columns(order),
            None if decisions is None else decisions.columns(order),
            self.labels.columns(order),
            self.cuts[order],
        )

    def scores(self, method: str) -> GraphArray:
        """Get what one of the methods gives.

        Parameters
        ----------
        method : {"predict_proba", "decision_function"}
            Its name.

        Returns
        -------
        GraphArray
            Scores of every label.
        """
        found = self.probabilities if method == "predict_proba" else self.decisions
        if found is None:
            raise Refusal(
                f"a classifier in it gives no {method}, which it is asked for."
            )
        return found


def join(answers: Sequence[Answer]) -> Answer:
    """Put the answers of several classifiers beside each other.

    Parameters
    ----------
    answers : sequence of Answer
        One or several labels each.

    Returns
    -------
    Answer
        Of all labels; scores that one of them lacks are left out.
    """
    probabilities, decisions, labels, cuts = zip(*answers, strict=True)
    return Answer(
        None if None in probabilities else concatenate(probabilities),
        None if None in decisions else concatenate(decisions),
        concatenate(labels),
        np.concatenate(cuts),
    )


def constant_answer(rows: GraphArray, present: np.ndarray) -> Answer:
    """Answer the same for every row: what a classifier has seen of constant labels.

    Parameters
    ----------
    rows : GraphArray
        The rows.
    present : ndarray of shape (n_labels,), dtype=bool
        Which labels every row has.

    Returns
    -------
    Answer
        Probabilities of 0 and 1, decision values of -1 and 1.
    """
    present = np.asarray(present, dtype=bool)
    return Answer(
        rows.full(present.astype(np.float64)),
        rows.full(np.where(present, 1.0, -1.0)),
        rows.full(present),
        np.full(len(present), 0.5),
    )


def both_classes(estimator: Any, classes: Any = None) -> None:
    """Check that a binary classifier knows 0 and 1.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier of one label.
    classes : array-like or None, default=None
        Its classes; None takes its `classes_`.

    Raises
    ------
    Refusal
        If its classes are others.
    """
    classes = np.asarray(estimator.classes_ if classes is None else classes)
    if classes.ravel().tolist() != [0, 1]:
        raise Refusal(
            f"{type(estimator).__name__} was fitted on the classes "
            f"[{shown_first(classes, 5)}]. Fit it on 0 and 1, one column per label, as "
            "labels_to_frame makes them."
        )


def positive_codes(estimator: Any, classes: Any) -> int | None:
    """Find which code of a label's classes stands for 1.

    Parameters
    ----------
    estimator : estimator instance
        A classifier, for the error.
    classes : ndarray of shape (n_classes,)
        Classes of one label.

    Returns
    -------
    int or None
        The code; None if the label was 0 in all rows of training.

    Raises
    ------
    Refusal
        If there are other classes than 0 and 1.
    """
    found = np.asarray(classes).tolist()
    if found == [0]:
        return None
    if found == [1]:
        return 0
    both_classes(estimator, classes)
    return 1
