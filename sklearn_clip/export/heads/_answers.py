"""What a classifier answers, in a graph, and the refusal of what has no place there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sklearn_clip.export.heads._graph_arrays import GraphArray, concatenate


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
            raise Refusal(f"it has no {method}.")
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
