"""A file against the tagger that it was written from, and whether it may be kept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import positive_scores
from sklearn_clip.export._check import Answers, RunnableFile
from sklearn_clip.export._graph import WrittenTagger
from sklearn_clip.export._report import ExportReport, LabelChange
from sklearn_clip.metrics import macro_average_precision_score

# How far scores of a float32 file may be off: of probabilities, and, of decision
# values, of the largest one or 1.
_TOLERANCE = 1e-4
_MOST_CHANGES = 10


@dataclass(frozen=True)
class Comparison:
    """What changed from one set of answers to another.

    Parameters
    ----------
    difference : float
        Largest difference of scores.
    changed : ndarray of shape (n_rows, n_labels), dtype bool
        Labels that are others.
    distances : ndarray of shape (n_rows, n_labels)
        How far each score was from where its label would change.
    """

    difference: float
    changed: NDArray[np.bool_]
    distances: NDArray[Any]

    @property
    def share_changed(self) -> float:
        """Share of the labels of all rows that changed."""
        return float(self.changed.mean()) if self.changed.size else 0.0


def compare(
    before: Answers, after: Answers, cuts: NDArray[Any], *, has_rules: bool
) -> Comparison:
    """Compare answers to the same rows.

    Parameters
    ----------
    before, after : Answers
        The answers.
    cuts : ndarray of shape (n_labels,)
        Scores at which labels change.
    has_rules : bool
        Whether labels compete, so that one changes where another one passes it, too.

    Returns
    -------
    Comparison
        The differences.
    """
    scores = before.scores.astype(np.float64)
    difference = np.abs(after.scores - scores)
    distances = np.abs(scores - cuts)
    if has_rules and scores.shape[1] > 1:
        order = np.argsort(scores, axis=1)
        gaps = np.diff(np.take_along_axis(scores, order, axis=1), axis=1)
        gaps = np.pad(gaps, ((0, 0), (1, 1)), constant_values=np.inf)
        nearest = np.empty_like(scores)
        to_neighbour = np.minimum(gaps[:, :-1], gaps[:, 1:])
        np.put_along_axis(nearest, order, to_neighbour, axis=1)
        distances = np.minimum(distances, nearest)
    changed = after.labels != before.labels
    return Comparison(float(difference.max(initial=0.0)), changed, distances)


def ask(tagger: Any, X: Any, written: WrittenTagger) -> Answers:
    """Ask a tagger for scores and labels.

    Parameters
    ----------
    tagger : estimator instance
        It is fitted.
    X : DataFrame, list or ndarray of n rows
        Rows.
    written : WrittenTagger
        What is known of its head.

    Returns
    -------
    Answers
        Of the tagger.
    """
    head = written.head
    with warnings.catch_warnings():
        # Of rows that show nothing, among which are those that are to.
        warnings.simplefilter("ignore")
        scores, _ = positive_scores(tagger, X, head.n_labels, method=head.response)
        labels = tagger.predict(X)
    if hasattr(labels, "toarray"):
        labels = labels.toarray()
    return Answers(scores, np.asarray(labels).reshape(scores.shape) != 0)


@dataclass(frozen=True)
class Findings:
    """How near a file comes to its tagger.

    Parameters
    ----------
    of_file : Comparison
        Of the file to the tagger in torch's fp32.
    of_arithmetic : Comparison
        Of the tagger in torch's fp32 to the tagger as it is.
    largest : float
        Largest score.
    changes : tuple of LabelChange
        Labels that the file changes, those nearest to their cuts first.
    average_precision : tuple of (float, float) or None
        Before and after.
    """

    of_file: Comparison
    of_arithmetic: Comparison
    largest: float
    changes: tuple[LabelChange, ...]
    average_precision: tuple[float, float] | None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.of_file.changed)

    def as_loss(self) -> dict[str, Any]:
        """Say in plain values, which the file keeps, what fewer bits cost.

        Returns
        -------
        dict
            ``"n_rows"``, ``"difference"``, ``"share_changed"`` and
            ``"average_precision"``, None or before and after.
        """
        return {
            "n_rows": self.n_rows,
            "difference": self.of_file.difference,
            "share_changed": self.of_file.share_changed,
            "average_precision": self.average_precision,
        }

    def report(self, weights: str, files: tuple[Path, ...]) -> ExportReport:
        """Report to the user.

        Parameters
        ----------
        weights : {"float32", "float16", "int8"}
            How the weights of the towers are kept.
        files : tuple of Path
            What was written.

        Returns
        -------
        ExportReport
            All that was found.
        """
        return ExportReport(
            files[0],
            files,
            sum(file.stat().st_size for file in files),
            weights,
            changes=self.changes,
            own_difference=self.of_arithmetic.difference,
            own_share_changed=self.of_arithmetic.share_changed,
            **self.as_loss(),
        )


def compare_all(
    file: RunnableFile, tagger: Any, written: WrittenTagger, X: Any, Y: Any
) -> Findings:
    """Run rows by the file and by the tagger.

    Parameters
    ----------
    file : RunnableFile
        The file.
    tagger : estimator instance
        What it was written from.
    written : WrittenTagger
        Its parts.
    X : DataFrame, list or ndarray of n rows
        Rows.
    Y : array-like of shape (n, n_labels) or None
        Their labels.

    Returns
    -------
    Findings
        The differences.
    """
    head = written.head
    cuts, has_rules = head.thresholds, any(head.rules.values())
    own, exact = ask(tagger, X, written), ask(written.parts.twin, X, written)
    found = file.answer(X)
    of_file = compare(exact, found, cuts, has_rules=has_rules)
    names = written.label_names
    places = np.argwhere(of_file.changed)
    nearest = np.argsort(of_file.distances[of_file.changed], kind="stable")
    changes = tuple(
        LabelChange(
            int(row),
            str(names[label]),
            float(exact.scores[row, label]),
            float(found.scores[row, label]),
            float(cuts[label]),
        )
        for row, label in places[nearest[:_MOST_CHANGES]]
    )
    precision = None
    if Y is not None:
        with warnings.catch_warnings():
            # Labels without positives are left out before and after.
            warnings.simplefilter("ignore")
            before, after = (
                float(macro_average_precision_score(Y, answers.scores))
                for answers in (exact, found)
            )
        # JSON has no NaN, which it is where no label has a positive.
        precision = None if np.isnan(before) else (before, after)
    return Findings(
        of_file,
        compare(own, exact, cuts, has_rules=has_rules),
        float(np.abs(exact.scores).max(initial=0.0)),
        changes,
        precision,
    )


def judge(
    found: Findings, written: WrittenTagger, *, max_changed: float, drawn: bool
) -> None:
    """Refuse a file that is too far off its tagger.

    Parameters
    ----------
    found : Findings
        From `compare_all`.
    written : WrittenTagger
        Its parts.
    max_changed : float
        Share of labels that weights in fewer bits may change.
    drawn : bool
        Whether the rows are none of the user's.

    Raises
    ------
    ValueError
        If it is.
    """
    said = "; ".join(map(str, found.changes[:3]))
    if written.weights == "float32":
        _refuse_other_answers(found, written, said)
        return
    share = found.of_file.share_changed
    if not share <= max_changed:
        loss = ""
        if found.average_precision is not None:
            before, after = found.average_precision
            loss = f", mAP from {before:.4f} to {after:.4f}"
        hint = "pass X, rows like those to come, or " if drawn else ""
        raise ValueError(
            f"weights={written.weights!r} may change a share of {max_changed:g} of the "
            f"labels. Got {share:.4f} on {found.n_rows} "
            f"{'drawn ' if drawn else ''}rows{loss} ({said}). Keep more bits, {hint}"
            "allow more with max_changed."
        )


def _refuse_other_answers(found, written, said):
    """Refuse a float32 file that has other scores, or labels away from their cuts."""
    bound = _TOLERANCE
    if written.head.response != "predict_proba":
        bound *= max(1.0, found.largest)
    file = found.of_file
    far = file.changed & (file.distances > bound)
    if file.difference <= bound and not far.any():
        return
    rows = f"{found.n_rows} rows{': ' + said if said else ''}"
    raise ValueError(
        f"The file must give the scores of the tagger, to {bound:.1g}. Got a "
        f"difference of {file.difference:.2g} and {int(far.sum())} other labels on "
        f"{rows}. Nothing was written. A classifier whose scores jump may do so where "
        "a row lies on an edge: try other rows as X. If it stays, please report it, "
        "with the classifier and the versions installed."
    )
