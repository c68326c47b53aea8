"""The command ``tag``: labels for the pictures of a folder, or the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sklearn_clip._shared import inner_featurizers, is_exported
from sklearn_clip.cli._embedding import open_store
from sklearn_clip.cli._labelling import label_rows
from sklearn_clip.cli._results import check_out
from sklearn_clip.cli._rows import read_rows
from sklearn_clip.cli._tagger_files import load_tagger
from sklearn_clip.cli._talk import Talk


def run(
    *,
    tagger: Path,
    rows: Path,
    images: Path | None,
    image: str | None,
    text: Sequence[str],
    out: str,
    top_k: int | None,
    probabilities: bool,
    xmp: bool,
    trust: bool,
    store: str | None,
    quiet: bool,
) -> int:
    """Label rows with a tagger file.

    Parameters are the options of the command.

    Returns
    -------
    int
        The code it ends with.
    """
    talk = Talk(quiet)
    check_out(out, rows, tagger)
    model = load_tagger(tagger, trust)
    found = read_rows(rows, images, image, text)
    talk.say_if(found.note)
    clip = next(inner_featurizers(model), model if is_exported(model) else None)
    needs_text = clip is not None and clip.text is not None
    if needs_text and found.texts is None:
        way = "" if found.image_column is None else " Name their column with --text."
        talk.say(
            f"Note: the tagger was trained with texts, and these rows have none.{way}"
        )
    return label_rows(
        model,
        found,
        store=open_store(store),
        out=out,
        top_k=top_k,
        probabilities=probabilities,
        xmp=xmp,
        talk=talk,
    )
