"""Ranked cells of a table of labels, as what the functions of this room return."""

from dataclasses import dataclass

import numpy as np

from sklearn_clip._shared import counted, import_optional

_SHOWN = 10


class _Cells:
    """Length, printing and the frame, of tables with one row for each cell."""

    def __len__(self):
        return len(self.rows)

    def _columns(self):
        """Columns that both tables have."""
        rows = self.rows if self.index is None else self.index[self.rows]
        names = self.labels if self.label_names is None else self.names
        return {"row": rows, "label": names, "score": self.scores}

    @property
    def names(self):
        """Name of the label of each cell, ndarray of shape (n_cells,).

        The number of its column, where the labels have no names.
        """
        if self.label_names is None:
            return self.labels
        return self.label_names[self.labels]

    def to_frame(self):
        """Put the table in a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            One row for each cell, the first to be looked at first. Rows and labels go
            by their names where they have any.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", extra="pandas", purpose="to_frame")
        return pandas.DataFrame(self._columns())

    def _lines(self):
        """Write the first cells, a line each."""
        columns = self._columns()
        for number in range(min(_SHOWN, len(self))):
            row, label, score = (
                columns[name][number] for name in ("row", "label", "score")
            )
            yield f"  {score:.3f}  row {row}, {label}: {self.reasons[number]}"
        if len(self) > _SHOWN:
            yield f"  and {len(self) - _SHOWN:,} more"


@dataclass(frozen=True, eq=False, repr=False)
class LabelIssues(_Cells):
    """Cells that look wrong, of :func:`find_label_issues`; ``print`` shows the first.

    All parameters are stored as attributes. The cells are ranked, the most suspicious
    one first.

    Parameters
    ----------
    rows : ndarray of shape (n_cells,), dtype=int64
        Row of each cell, by position.
    labels : ndarray of shape (n_cells,), dtype=int64
        Column of each cell.
    directions : ndarray of shape (n_cells,), dtype=object
        "missing" where the label is 0 and seems to belong to the row, "false" where it
        is 1 and seems not to.
    scores : ndarray of shape (n_cells,), dtype=float64
        Estimated probability in [0, 1] that the cell is wrong.
    predicted : ndarray of shape (n_cells,), dtype=float64
        What the classifier, which has not seen the row, says of the label.
    votes : ndarray of shape (n_cells,), dtype=float64
        Share in [0, 1] of the nearest rows that have the label, the near ones counting
        more; NaN without vectors, or where no near row says anything of it.
    nearest : ndarray of shape (n_cells, n_nearest), dtype=int64
        The nearest rows for which the suspicion is the truth: that have a label which
        is "missing", or lack one that is "false". -1 fills up where there are fewer.
    false_rate : ndarray of shape (n_labels,), dtype=float64
        Estimated share of the rows without the label that were given it; with
        `annotators`, the mean over their rows.
    missing_rate : ndarray of shape (n_labels,), dtype=float64
        Estimated share of the rows with the label that were not given it.
    n_expected : float
        Estimated number of wrong cells in the whole table.
    label_names : ndarray of shape (n_labels,), dtype=object, or None
        Names of the labels.
    index : ndarray of shape (n_rows,), dtype=object, or None
        Names of the rows, the index of a DataFrame.

    See Also
    --------
    find_label_issues : Makes the table.
    """

    rows: np.ndarray
    labels: np.ndarray
    directions: np.ndarray
    scores: np.ndarray
    predicted: np.ndarray
    votes: np.ndarray
    nearest: np.ndarray
    false_rate: np.ndarray
    missing_rate: np.ndarray
    n_expected: float
    label_names: np.ndarray | None = None
    index: np.ndarray | None = None

    @property
    def reasons(self):
        """Why each cell is suspicious, in words, list of str."""
        found = []
        for number, direction in enumerate(self.directions):
            lacks = direction == "missing"
            text = (
                f"{'not given' if lacks else 'given'}, but the classifier says "
                f"{self.predicted[number]:.2g}"
            )
            vote = self.votes[number]
            if not np.isnan(vote):
                text += f" and {vote:.0%} of the nearest rows have it"
            found.append(text)
        return found

    def _columns(self):
        nearest = self.nearest
        named = [
            [int(row) if self.index is None else self.index[row] for row in near]
            for near in (near[near >= 0] for near in nearest)
        ]
        return super()._columns() | {
            "direction": self.directions,
            "predicted": self.predicted,
            "votes": self.votes,
            "nearest": named,
            "reason": self.reasons,
        }

    def __repr__(self):
        """Say the figures and the first cells in a few lines."""
        missing = np.count_nonzero(self.directions == "missing")
        lines = [
            f"{counted(len(self), 'suspicious cell')}: {missing:,} missing, "
            f"{len(self) - missing:,} false; about {self.n_expected:.0f} cells of the "
            "table seem wrong"
        ]
        return "\n".join([*lines, *self._lines()])


@dataclass(frozen=True, eq=False, repr=False)
class LabelQueries(_Cells):
    """Cells to ask about, of :func:`suggest_queries`; ``print`` shows the first.

    All parameters are stored as attributes. Any first part of the table is a good
    choice of so many cells: the labels take turns.

    Parameters
    ----------
    rows : ndarray of shape (n_cells,), dtype=int64
        Row of each cell, by position.
    labels : ndarray of shape (n_cells,), dtype=int64
        Column of each cell.
    scores : ndarray of shape (n_cells,), dtype=float64
        What the estimator says of it.
    kinds : ndarray of shape (n_cells,), dtype=object
        Why it is asked: "likely", "uncertain" or "random".
    label_names : ndarray of shape (n_labels,), dtype=object, or None
        Names of the labels.
    index : ndarray of shape (n_rows,), dtype=object, or None
        Names of the rows, the index of a DataFrame.

    See Also
    --------
    suggest_queries : Makes the table.
    """

    rows: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    kinds: np.ndarray
    label_names: np.ndarray | None = None
    index: np.ndarray | None = None

    @property
    def reasons(self):
        """Why each cell is asked, in words, list of str."""
        words = {
            "likely": "a likely positive of a label that needs some",
            "uncertain": "close to the cut of the label",
            "random": "drawn at random, to see what nobody expects",
        }
        return [words[kind] for kind in self.kinds]

    def _columns(self):
        return super()._columns() | {"kind": self.kinds, "reason": self.reasons}

    def __repr__(self):
        """Say the figures and the first cells in a few lines."""
        n_rows, n_labels = len(np.unique(self.rows)), len(np.unique(self.labels))
        lines = [
            f"{counted(len(self), 'cell')} to ask, of {counted(n_rows, 'row')}, "
            f"{counted(n_labels, 'label')}"
        ]
        return "\n".join([*lines, *self._lines()])
