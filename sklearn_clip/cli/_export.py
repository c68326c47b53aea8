"""The command ``export``: a tagger as one ONNX file."""

from __future__ import annotations

from pathlib import Path

from sklearn_clip.cli._files import check_target
from sklearn_clip.cli._tagger_files import load_tagger
from sklearn_clip.cli._talk import Talk


def run(*, tagger: Path, onnx: Path, weights: str, trust: bool, quiet: bool) -> None:
    """Write an ONNX file.

    Parameters are the options of the command.
    """
    from sklearn_clip.export import to_onnx

    talk = Talk(quiet)
    check_target(onnx, "--onnx", tagger)
    model = load_tagger(tagger, trust)
    report = to_onnx(model, onnx, weights=weights, overwrite=True)  # type: ignore[arg-type]
    talk.say(str(report))
    talk.say(f"{onnx}: {onnx.stat().st_size / 1e6:.1f} MB")
