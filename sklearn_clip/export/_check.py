"""A file at work on rows: those it is tried on, and the one that it keeps."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_clip.embedding import Cells
from sklearn_clip.embedding.engines._trial_items import varied_pictures, varied_texts
from sklearn_clip.export._row_source import RowSource
from sklearn_clip.export._sessions import Session

# Rows that are run at once.
_BLOCK = 32
_N_ROWS = 16
# Height and width of the pictures that are drawn: not square, so that the resizing
# counts.
_DRAWN = (96, 128)
_PROBE_TEXT = "a photo of a cat"


@dataclass(frozen=True)
class Answers:
    """What a tagger gives for rows.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Probabilities, or decision values.
    labels : ndarray of shape (n_rows, n_labels), dtype bool
        The labels.
    """

    scores: NDArray[Any]
    labels: NDArray[np.bool_]


@dataclass(frozen=True)
class RunnableFile:
    """A graph that is about to be handed over, with what its inputs are made of.

    Parameters
    ----------
    session : Session
        The graph.
    source : RowSource
        What reads rows.
    feeding : dict
        What `RowSource.feed` takes beside the rows.
    """

    session: Session
    source: RowSource
    feeding: dict[str, Any]

    def answer(self, X: Any) -> Answers:
        """Run rows.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, as the tagger takes them.

        Returns
        -------
        Answers
            Of the file.
        """
        found = [self._run(part) for part in _blocks(self.source.split(X))]
        scores, labels = map(np.concatenate, zip(*found, strict=True))
        return Answers(scores, labels)

    def _run(self, cells):
        found = self.session.run(self.source.feed(cells, **self.feeding))
        labels = found.pop("labels")
        (scores,) = found.values()
        return scores, labels


def _blocks(cells: Cells) -> Iterator[Cells]:
    """Cut rows into blocks."""
    for start in range(0, max(cells.n_rows, 1), _BLOCK):
        rows = slice(start, start + _BLOCK)
        parts = {
            modality: None if column is None else column[rows]
            for modality, column in (("image", cells.image), ("text", cells.text))
        }
        n_rows = min(_BLOCK, cells.n_rows - start)
        yield Cells(n_rows, parts["image"], parts["text"])


def draw_rows(source: RowSource) -> Any:
    """Make varied rows to compare on, some without a picture or a text.

    Parameters
    ----------
    source : RowSource
        What reads them.

    Returns
    -------
    list or ndarray
        The rows, as the tagger takes them.
    """
    drawn = varied_pictures(_N_ROWS, size=_DRAWN)
    items = {
        "image": [Image.fromarray(pixels) for pixels in drawn],
        "text": varied_texts(_N_ROWS),
    }
    rows = [{m: items[m][i] for m in source.modalities} for i in range(_N_ROWS)]
    if source.missing == "zero":
        for place, modality in enumerate(source.modalities):
            rows[place] = rows[place] | {modality: None}
        rows[-1] = dict.fromkeys(source.modalities)
    return _as_rows(rows, source)


def _as_rows(rows, source):
    """Bring rows to a form in which the tagger finds its columns."""
    if all(isinstance(source.columns[m], str) for m in source.modalities):
        return [{source.columns[m]: v for m, v in row.items()} for row in rows]
    table = np.full((len(rows), 2), None, dtype=object)
    for number, row in enumerate(rows):
        for modality, item in row.items():
            place = source.columns[modality]
            default = ("image", "text").index(modality)
            table[number, place if isinstance(place, int) else default] = item
    return table


def draw_probe(source: RowSource) -> dict[str, Any]:
    """Draw the row that the file keeps.

    Parameters
    ----------
    source : RowSource
        What reads it.

    Returns
    -------
    dict
        ``"image"``, a PNG, and ``"text"``; None where the tagger needs none.
    """
    probe = dict.fromkeys(("image", "text"))
    if "image" in source.modalities:
        file = io.BytesIO()
        # Of many kinds, the one that looks most like a photograph.
        Image.fromarray(varied_pictures(3, size=_DRAWN)[2]).save(file, "PNG")
        probe["image"] = file.getvalue()
    if "text" in source.modalities:
        probe["text"] = _PROBE_TEXT
    return probe


def run_probe(file: RunnableFile, probe: dict[str, Any]) -> tuple[float, ...]:
    """Run the row that the file keeps.

    Parameters
    ----------
    file : RunnableFile
        The graph.
    probe : dict
        From `draw_probe`.

    Returns
    -------
    tuple of float
        Score of every label.
    """
    row = {m: item for m, item in probe.items() if m in file.source.modalities}
    scores = file.answer(_as_rows([row], file.source)).scores[0]
    return tuple(float(score) for score in scores)
