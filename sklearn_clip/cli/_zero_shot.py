"""The command ``zero-shot``: labels by words alone."""

from __future__ import annotations

from pathlib import Path

from sklearn_clip.cli._embedding import make_featurizer, open_store
from sklearn_clip.cli._labelling import label_rows
from sklearn_clip.cli._results import check_out
from sklearn_clip.cli._rows import read_rows
from sklearn_clip.cli._talk import Talk


def run(
    *,
    rows: Path,
    labels: str | None,
    labels_file: Path | None,
    images: Path | None,
    image: str | None,
    out: str,
    top_k: int | None,
    probabilities: bool,
    xmp: bool,
    model: str | None,
    pretrained: str | None,
    store: str | None,
    quiet: bool,
) -> int:
    """Label rows by words.

    Parameters are the options of the command.

    Returns
    -------
    int
        The code it ends with.
    """
    from sklearn_clip.zero_shot import ZeroShotClassifier

    talk = Talk(quiet)
    check_out(out, rows, labels_file)
    words = _read_words(labels, labels_file)
    if labels is not None and len(words) == 1 and set(words[0]) & set(";|"):
        talk.say(f"One label, {words[0]!r}: commas stand between labels.")
    found = read_rows(rows, images, image, None)
    talk.say_if(found.note)
    cache = open_store(store)
    clip = make_featurizer(model, pretrained, text=None, cache=cache)
    tagger = ZeroShotClassifier(words, clip).fit()
    return label_rows(
        tagger,
        found,
        store=cache,
        out=out,
        top_k=top_k,
        probabilities=probabilities,
        xmp=xmp,
        talk=talk,
    )


def _read_words(labels: str | None, labels_file: Path | None) -> list[str]:
    """Words between commas, or of the lines of a file; each once."""
    if (labels is None) == (labels_file is None):
        raise ValueError("Give the labels by --labels or by --labels-file.")
    if labels_file is not None:
        if not labels_file.is_file():
            raise FileNotFoundError(f"There is no file {str(labels_file)!r}.")
        try:
            lines = labels_file.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as exc:
            raise ValueError(
                f"--labels-file must be text in UTF-8. Got {exc.reason} at byte "
                f"{exc.start} of {str(labels_file)!r}."
            ) from exc
    else:
        lines = (labels or "").split(",")
    words = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not words:
        raise ValueError("There must be at least one label. Got none.")
    return words
