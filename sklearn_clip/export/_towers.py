"""The towers of a model as graphs, in fp32: bytes or tokens in, vectors out."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from sklearn_clip._shared import trace_to_onnx
from sklearn_clip.embedding.backbone._attention import with_plain_attention
from sklearn_clip.embedding.backbone._export import TextGraph
from sklearn_clip.embedding.engines._trial_items import varied_pictures, varied_texts
from sklearn_clip.embedding.images._preparation import PixelPlan
from sklearn_clip.export._graph_builder import OPSET
from sklearn_clip.export._sessions import Session

if TYPE_CHECKING:
    import onnx

    from sklearn_clip.embedding.backbone._backbone import Backbone

# Bytes of weights from which the exporter is given a file: protobuf holds no more than
# 2 GiB in one piece.
_LARGEST_IN_MEMORY = 2**30
# Pictures and texts on which a graph is tried; texts of every length are among eight.
_N_PICTURES, _N_TEXTS = 2, 8
# How far its vectors may be off torch's, of the longest.
_TOLERANCE = 1e-4


@dataclass
class Tower:
    """A tower as a graph.

    Parameters
    ----------
    graph : onnx.ModelProto
        Of one input and one output (n, embedding_dim).
    plan : PixelPlan or None, default=None
        How pictures are resized.
    padding : int or None, default=None
        Token that may be cut off the ends of texts; None if the graph needs all.
    """

    graph: onnx.ModelProto
    plan: PixelPlan | None = None
    padding: int | None = None


def write_image_tower(backbone: Backbone) -> Tower:
    """Write the image tower as a graph of pixels, uint8 of shape (n, h, w, 3).

    Parameters
    ----------
    backbone : Backbone
        The model, in fp32 on the CPU, run by torch.

    Returns
    -------
    Tower
        The graph.

    Raises
    ------
    ValueError
        If it cannot be converted, or gives other vectors.
    """
    tower = backbone.torch_towers.make("image", "fp32")
    if tower.plan is None:
        raise ValueError(
            "The image tower cannot be written: its preprocessing has a step that no "
            "file describes. Give the featurizer preprocess= in plain values."
        )
    module, example = tower.as_module()
    module.model = with_plain_attention(module.model)
    drawn = varied_pictures(_N_PICTURES, size=tower.plan.size)
    batch = tower.collate([tower.prepare(Image.fromarray(p)) for p in drawn])
    try:
        graph = _convert(module, example, any_length=False)
        run = _open(graph)
        # Each by itself, and all together: no vector may depend on the batch.
        found = [run(batch.numpy()), *map(run, batch[:, None].numpy())]
        _compare(found, tower.encode(batch))
    except Exception as exc:  # the exporter fails in the ways of many libraries
        raise _refusal("image", exc) from exc
    return Tower(graph, plan=tower.plan)


def write_text_tower(backbone: Backbone) -> Tower:
    """Write the text tower as a graph of tokens, int64 of shape (n, length).

    Parameters
    ----------
    backbone : Backbone
        The model, in fp32 on the CPU, run by torch.

    Returns
    -------
    Tower
        The graph. It takes texts of any length where the tower itself does without
        padding; what is behind a text's end takes three to five times as long as the
        text.

    Raises
    ------
    ValueError
        If it cannot be converted, or gives other vectors.
    """
    tower = backbone.torch_towers.make("text", "fp32")
    texts = varied_texts(_N_TEXTS)
    tokens = np.asarray(backbone.tokenizer(texts), dtype=np.int64)
    expected = tower.encode(texts)
    try:
        return _write_cut_texts(tower, tokens, expected)
    except Exception:  # the exporter fails in the ways of many libraries
        pass
    try:
        model = with_plain_attention(tower.model)
        graph = _convert(_WholeTexts(model), torch.from_numpy(tokens[:2]))
        _compare([_open(graph)(tokens)], expected)
    except Exception as exc:
        raise _refusal("text", exc) from exc
    return Tower(graph)


def _write_cut_texts(tower, tokens, expected):
    """Write a tower for texts of any length; each has to come out at its own."""
    if tower.padding is None:
        raise ValueError("it needs its padding")
    example = torch.from_numpy(tokens[:2, : tokens.shape[1] // 2])
    module = TextGraph(with_plain_attention(tower.model))
    graph = _convert(module, example, any_length=True)
    run = _open(graph)
    ends = [max(np.flatnonzero(row != tower.padding), default=0) + 1 for row in tokens]
    cut = [run(row[None, :end]) for row, end in zip(tokens, ends, strict=True)]
    _compare([run(tokens), *cut], expected)
    return Tower(graph, padding=tower.padding)


class _WholeTexts(torch.nn.Module):
    """The text tower for tokens of its whole context."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens):
        return self.model.encode_text(tokens, normalize=False)


def _convert(module, example, any_length=False):
    """Have torch write a graph, whose weights protobuf may not hold in one piece."""
    import onnx

    names = "items", "vectors"
    trace = partial(
        trace_to_onnx, module, example, names=names, opset=OPSET, any_length=any_length
    )
    if sum(weight.nbytes for weight in module.parameters()) < _LARGEST_IN_MEMORY:
        file = io.BytesIO()
        trace(file)
        return onnx.load_model_from_string(file.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tower.onnx"
        trace(str(path))
        return onnx.load(path)


def _open(graph):
    """Make a function of arrays of a graph."""
    session = Session(graph)
    return lambda items: session.run({"items": items})["vectors"]


def _compare(found, expected):
    """Check vectors: of all items together, and of each by itself."""
    together, *alone = found
    largest = np.linalg.norm(expected, axis=1).max()
    for vectors in (together, np.concatenate(alone)) if alone else (together,):
        error = np.abs(vectors - expected).max()
        if not error <= _TOLERANCE * largest:
            raise ValueError(f"its vectors are off by {error / largest:.1e}")


def _refusal(kind, exc):
    reason = (str(exc).splitlines() or [type(exc).__name__])[0]
    return ValueError(
        f"The {kind} tower cannot be written as a graph: {reason:.200}. Take another "
        f"model, or a fusion that does without its {kind} tower."
    )
