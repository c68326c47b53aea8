"""A fitted tagger written as one ONNX file."""

from __future__ import annotations

import os
from typing import Any

from sklearn_clip._shared import import_optional
from sklearn_clip.export._description import KEY, Probe


def to_onnx(
    tagger: Any,
    path: str | os.PathLike[str],
    *,
    weights: str = "float32",
    X: Any = None,
    Y: Any = None,
    max_changed: float = 0.02,
    overwrite: bool = False,
):
    import_optional("onnx", extra="onnx", purpose="Writing a tagger as one file")
    import_optional("onnxruntime", extra="onnx", purpose="Writing a tagger as one file")
    from sklearn_clip.export._check import (
        RunnableFile,
        answer,
        compare,
        draw_probe,
        draw_rows,
        run_probe,
    )
    from sklearn_clip.export._graph import write_graph
    from sklearn_clip.export._parts import take_apart
    from sklearn_clip.export._sessions import Session
    from sklearn_clip.export._writing import UnfinishedFile, check_path

    place = check_path(path, overwrite=overwrite)
    parts = take_apart(tagger)
    written = write_graph(parts, weights)
    rows = draw_rows(parts.source) if X is None else X
    with UnfinishedFile(written.graph, place) as unfinished:
        file = RunnableFile(Session(unfinished.file), parts.source, written.feeding)
        head = written.head
        asked = head.n_labels, head.response
        exact = answer(parts.twin, rows, *asked)
        own = answer(tagger, rows, *asked)
        found = file.answer(rows)
        print(
            compare(exact, found, head.thresholds).difference,
            compare(own, exact, head.thresholds).difference,
        )
        probe = draw_probe(parts.source)
        probe = Probe(**probe, expected=run_probe(file, probe))
        description = written.describe(tagger, probe, None)
        return unfinished.finish({KEY: description.to_json()})
