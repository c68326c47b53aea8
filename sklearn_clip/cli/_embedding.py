"""Featurizers of the command: their model, the store behind them, a bar before them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sklearn_clip._shared import (
    counted,
    inner_featurizers,
    is_exported,
    nested_estimators,
)
from sklearn_clip._shared._cache_home import cache_home
from sklearn_clip.cli._rows import Rows
from sklearn_clip.cli._talk import Talk

# Rows that are worked on together: what a bar moves by.
BLOCK = 512
_STORE_BYTES = 10 * 10**9
# Warnings of rows that cannot be read.
_OF_ROWS = (r"[\d,]+ images? could not be read", r"[\d,]+ of [\d,]+ rows show")


def open_store(store: str | None) -> Any:
    """Open the folder that keeps embeddings.

    Parameters
    ----------
    store : str or None
        A folder; "none" keeps nothing beyond this run; None is one in the user's cache.

    Returns
    -------
    EmbeddingStore or str
        What `CLIPFeaturizer` takes as `cache`.
    """
    if store == "none":
        return "auto"
    from sklearn_clip.embedding import EmbeddingStore

    if store is not None:
        return EmbeddingStore(store)
    folder = cache_home("SKLEARN_CLIP_STORE", "embeddings")
    return EmbeddingStore(folder, max_bytes=_STORE_BYTES)


def make_featurizer(model: str | None, pretrained: str | None, **options: Any) -> Any:
    """Make a featurizer that marks pictures it cannot read.

    Parameters
    ----------
    model, pretrained : str or None
        As of `CLIPFeaturizer`; None is its default.
    **options : dict
        Other parameters.

    Returns
    -------
    CLIPFeaturizer
        Not fitted.
    """
    from sklearn_clip._featurizer import CLIPFeaturizer

    named = {"model_name": model, "pretrained": pretrained}
    given = {name: value for name, value in named.items() if value is not None}
    return CLIPFeaturizer(**given, **options, on_error="zero")


def prepare_tagger(tagger: Any, store: Any) -> tuple[list[Any], Any]:
    """Have a tagger read pictures as the command does.

    Paths are those that the command has found, not below a folder of the training, and
    a picture that cannot be read or is missing is told, and stops nothing. What a
    tagger takes of a row (`Rows.find_bare`) must be asked before.

    Parameters
    ----------
    tagger : estimator instance
        A fitted tagger, which is changed; one in an ONNX file was opened like that.
    store : EmbeddingStore or str
        Where embeddings are kept.

    Returns
    -------
    clips : list of CLIPFeaturizer or OnnxTagger
        What has `failed_rows_`: its featurizers, or itself.
    tuner : CLIPFineTuner or None
        What else reads its pictures, which raises where one cannot be read.
    """
    if is_exported(tagger):
        return [tagger], None
    clips = list(inner_featurizers(tagger))
    for clip in clips:
        clip.set_params(on_error="zero", missing="zero", cache=store, image_root=None)
    parts = nested_estimators(tagger)
    tuner = next((part for part in parts if hasattr(part, "image_root")), None)
    if tuner is not None:
        tuner.set_params(image_root=None)
    return clips, tuner


def find_broken(rows: Rows, tuner: Any) -> list[tuple[int, str]]:
    """Find pictures that what does not embed them by itself could not read.

    Parameters
    ----------
    rows : Rows
        The rows.
    tuner : CLIPFineTuner, OnnxTagger or CLIPFeaturizer
        What reads them.

    Returns
    -------
    list of tuple (row, reason)
        Their rows.
    """
    from sklearn_clip.embedding import find_unreadable

    if tuner.image is None:
        return []
    cells = [[path] if path else [] for path in rows.images]
    return [(row, reason) for row, _, reason in find_unreadable(cells)]


@contextmanager
def told_of_each_row() -> Iterator[None]:
    """Leave out warnings of rows that cannot be read: it is said of each of them."""
    with warnings.catch_warnings():
        for said in _OF_ROWS:
            warnings.filterwarnings("ignore", message=said)
        yield


def embed_rows(clip: Any, rows: Rows, talk: Talk) -> list[tuple[int, str]]:
    """Embed rows into the store, a block at a time.

    Parameters
    ----------
    clip : CLIPFeaturizer
        With ``on_error="zero"``.
    rows : Rows
        The rows.
    talk : Talk
        Shows the bar.

    Returns
    -------
    list of tuple (row, reason)
        The rows whose picture cannot be read.
    """
    failed: list[tuple[int, str]] = []
    blocks = [
        range(start, min(start + BLOCK, len(rows)))
        for start in range(0, len(rows), BLOCK)
    ]
    for block in talk.follow(blocks, len(rows), "Embedding"):
        with told_of_each_row():
            clip.precompute(rows.as_X(clip, slice(block.start, block.stop)))
        failed += [(block.start + row, reason) for row, _, reason in clip.failed_rows_]
    return failed


def leave_out_unreadable(
    clip: Any, rows: Rows, talk: Talk, bare: dict[int, str]
) -> tuple[Rows, Any]:
    """Embed rows, and take those that show something that can be read.

    Parameters
    ----------
    clip : CLIPFeaturizer, CLIPFineTuner or OnnxTagger
        What reads them; only a featurizer embeds them.
    rows, talk
        As for `embed_rows`.
    bare : dict of {int: str}
        Rows that cannot be looked at, of `Rows.find_bare`.

    Returns
    -------
    rows, kept
        As of `leave_out`.

    Raises
    ------
    ValueError
        If none is left.
    """
    embeds = hasattr(clip, "precompute")
    failed = embed_rows(clip, rows, talk) if embeds else find_broken(rows, clip)
    return leave_out(rows, dict(failed) | bare, talk)


def leave_out(rows: Rows, failed: dict[int, str], talk: Talk) -> tuple[Rows, Any]:
    """Take the rows that are left, and name the others.

    Parameters
    ----------
    rows : Rows
        The rows.
    failed : dict of {int: str}
        Why those cannot be looked at that are left out.
    talk : Talk
        Names them.

    Returns
    -------
    rows : Rows
        The rows that are left.
    kept : ndarray of int
        Their positions.

    Raises
    ------
    ValueError
        If none is left.
    """
    told = sorted(failed.items())
    for row, reason in told[:10]:
        talk.say(f"left out: {rows.names[row]}: {reason}")
    if told:
        lost = counted(len(told), "row")
        talk.say(f"Left out, as there is nothing that can be read: {lost}.")
    kept = np.setdiff1d(np.arange(len(rows)), list(failed))
    if not len(kept):
        raise ValueError(
            f"At least one row must be readable. Got none: {told[0][1]} "
            f"({rows.names[told[0][0]]})."
        )
    return rows.take(kept), kept
