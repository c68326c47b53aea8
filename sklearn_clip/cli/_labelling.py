"""Rows to results, a block at a time: what tagging and zero-shot labelling share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_clip._shared import counted, is_exported, positive_scores
from sklearn_clip.cli._embedding import (
    BLOCK,
    find_broken,
    prepare_tagger,
    told_of_each_row,
)
from sklearn_clip.cli._results import Result, ResultFile
from sklearn_clip.cli._rows import Rows
from sklearn_clip.cli._run import SOME_ROWS_FAILED
from sklearn_clip.cli._talk import Talk
from sklearn_clip.labels._predictions import name_labels


def label_rows(
    tagger: Any,
    rows: Rows,
    *,
    store: Any,
    out: str,
    top_k: int | None,
    probabilities: bool,
    xmp: bool,
    talk: Talk,
) -> int:
    """Label rows and write what was found.

    Parameters
    ----------
    tagger : estimator instance
        A fitted tagger.
    rows : Rows
        The rows.
    store : EmbeddingStore or str
        Where embeddings are kept.
    out : str
        File of the results, "-" for stdout.
    top_k : int or None
        How many labels to name, whatever the cuts; None names those that are given.
    probabilities : bool
        Whether to write the scores of all labels.
    xmp : bool
        Whether to write sidecars.
    talk : Talk
        Says how far it is.

    Returns
    -------
    int
        0, or 1 if some rows could not be labelled.
    """
    rows.as_X(tagger, slice(0, 1))  # what it cannot take is said before all work
    bare = rows.find_bare(tagger)
    clips, tuner = prepare_tagger(tagger, store)
    names = name_labels(tagger)
    n_failed = 0
    with ResultFile(out, names, probabilities) as file:
        blocks = [
            range(start, min(start + BLOCK, len(rows)))
            for start in range(0, len(rows), BLOCK)
        ]
        for block in talk.follow(blocks, len(rows), "Tagging"):
            part = slice(block.start, block.stop)
            with told_of_each_row():
                results, given = _label_block(
                    *(tagger, clips, tuner, rows.take(block), names, top_k),
                    bare={row - block.start: bare[row] for row in block if row in bare},
                    cuts=top_k is None or xmp,
                )
            if xmp:
                _write_keywords(
                    rows.images[part], results, given, names, first=block.start
                )
            for result in results:
                n_failed += result.error is not None
                if not probabilities:
                    result.scores = None
                file.write(result)
    labelled = counted(len(rows) - n_failed, "row")
    talk.say(f"{labelled} labelled, {n_failed:,} could not be.")
    return SOME_ROWS_FAILED if n_failed else 0


def _label_block(
    tagger: Any,
    clips: list[Any],
    tuner: Any,
    block: Rows,
    names: list[str],
    top_k: int | None,
    *,
    bare: dict[int, str],
    cuts: bool,
) -> tuple[list[Result], Any]:
    """Label some rows; also give the table of what is given."""
    broken = {} if tuner is None else dict(find_broken(block, tuner))
    for row in broken:
        block.images[row] = None
    X = block.as_X(tagger)
    if is_exported(tagger):  # which keeps no embeddings for a second look
        scores, given = tagger._tag(X)
    else:
        scores, _ = positive_scores(tagger, X, len(names))
        given = np.zeros(scores.shape, dtype=bool)
    failed = _failures(clips)
    if cuts and not is_exported(tagger):  # which not every tagger has
        told = tagger.predict(X)
        dense = told.toarray() if hasattr(told, "toarray") else np.asarray(told)
        given = np.reshape(dense, scores.shape) == 1
        # A file that was still being written may be read by now, and one be gone.
        failed |= _failures(clips)
    failed = bare | broken | failed
    results = []
    for place, name in enumerate(block.names):
        error = failed.get(place)
        if error is not None:
            given[place] = False
            results.append(Result(name, None, None, error))
            continue
        order = np.argsort(-scores[place], kind="stable")
        chosen = order[given[place][order]] if top_k is None else order[:top_k]
        labels = [(names[label], float(scores[place, label])) for label in chosen]
        results.append(Result(name, labels, scores[place].tolist(), None))
    return results, given


def _failures(clips: list[Any]) -> dict[int, str]:
    """Rows that featurizers could not read; the template of another never ran."""
    found = (getattr(clip, "failed_rows_", []) for clip in clips)
    return {row: why for rows in found for row, _, why in rows}


def _write_keywords(
    images: list[str | None],
    results: list[Result],
    given: Any,
    names: list[str],
    *,
    first: int,
) -> None:
    """Write sidecars; one that cannot be written is an error of its row."""
    from sklearn_clip.datasets.keywords._write import write_each

    places, paths = [], []
    for place, (image, result) in enumerate(zip(images, results, strict=True)):
        if image is not None and result.error is None:
            places.append(place)
            paths.append(image)
    failed = write_each(
        paths, given[places].astype(int), label_names=names, first=first
    )
    for place, why in failed.items():
        results[places[place]].error = f"keywords not written: {why}"
