"""The command ``export``: a tagger as one ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn_clip._shared import inner_featurizers
from sklearn_clip.cli._embedding import find_broken, leave_out
from sklearn_clip.cli._files import check_target
from sklearn_clip.cli._rows import Rows, read_rows
from sklearn_clip.cli._tagger_files import load_tagger
from sklearn_clip.cli._talk import Talk


def run(
    *,
    tagger: Path,
    onnx: Path,
    weights: str,
    rows: Path | None,
    images: Path | None,
    image: str | None,
    text: Sequence[str],
    max_changed: float,
    trust: bool,
    quiet: bool,
) -> None:
    """Write an ONNX file.

    Parameters are the options of the command.
    """
    from sklearn_clip.export import to_onnx

    talk = Talk(quiet)
    check_target(onnx, "--onnx", tagger, rows)
    if rows is None and (images or image or text):
        raise ValueError("--images, --image and --text are of --rows. Got no --rows.")
    model = load_tagger(tagger, trust)
    found = None if rows is None else read_rows(rows, images, image, text)
    talk.say_if(None if found is None else found.note)
    report = to_onnx(
        model,
        onnx,
        weights=weights,  # type: ignore[arg-type]  # one of those offered
        X=None if found is None else _read(found, model, talk),
        max_changed=max_changed,
        overwrite=True,
    )
    talk.say(str(report))
    talk.say(f"{onnx}: {onnx.stat().st_size / 1e6:.1f} MB")


def _read(rows: Rows, model: Any, talk: Talk) -> Any:
    """Take the rows that can be read, in a form that the tagger takes."""
    clip = next(inner_featurizers(model), model)
    # Whatever folder the tagger puts before relative paths.
    rows.images = [path and os.path.abspath(path) for path in rows.images]
    bare = rows.find_bare(model)
    broken = find_broken(rows, clip) if hasattr(clip, "image") else []
    return leave_out(rows, dict(broken) | bare, talk)[0].as_X(model)
