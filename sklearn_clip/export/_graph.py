"""The graph of a whole tagger, put together, and what the file says of it."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_clip._shared import public_repr
from sklearn_clip.export._description import Description, Probe
from sklearn_clip.export._fusion import (
    fuse_rows,
    missing_flags,
    pool_rows,
)
from sklearn_clip.export._graph_builder import GraphBuilder
from sklearn_clip.export._parts import Parts
from sklearn_clip.export._tokens import describe_tokens
from sklearn_clip.export._towers import write_image_tower, write_text_tower
from sklearn_clip.export._weights import shrink
from sklearn_clip.export.heads import WrittenHead, write_head, write_transformer

if TYPE_CHECKING:
    import onnx

_LOWEST = float(np.finfo(np.float64).min)
_INT64 = 7  # of `onnx.TensorProto`


@dataclass(frozen=True)
class WrittenTagger:
    """What is known of a tagger that has become a graph.

    Parameters
    ----------
    head : WrittenHead
        What is known of the head.
    parts : Parts
        The tagger.
    feeding : dict
        What `RowSource.feed` takes beside the rows.
    weights : str
        How their weights are kept.
    """

    head: WrittenHead
    parts: Parts
    feeding: dict[str, Any]
    weights: str

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels: their numbers, where they have none."""
        if self.head.label_names is None:
            return tuple(map(str, range(self.head.n_labels)))
        return tuple(self.head.label_names)

    def _as_number(self, cut):
        """Write a cut as JSON has it: None is never, below all scores is always."""
        if np.isneginf(cut):
            return 0.0 if self.head.response == "predict_proba" else _LOWEST
        return None if np.isposinf(cut) else float(cut)

    def describe(self, tagger: Any, probe: Probe, loss: Any) -> Description:
        """Say what the file is.

        Parameters
        ----------
        tagger : estimator instance
            What it was written from.
        probe : Probe
            A row to try.
        loss : dict or None
            What the weights cost.

        Returns
        -------
        Description
            All that is to be known beside the graph.
        """
        source, head = self.parts.source, self.head
        plan = self.feeding["plan"]
        reads = "text" in source.modalities
        return Description(
            # Of the package that this module is in; it imports all rooms itself.
            version=sys.modules["sklearn_clip"].__version__,
            tagger=" ".join(public_repr(tagger).split()),
            label_names=self.label_names,
            response=head.response,
            thresholds=tuple(map(self._as_number, head.thresholds)),
            rules={rule: value for rule, value in head.rules.items() if value},
            model=source.model,
            modalities=source.modalities,
            columns=source.columns,
            image_root=source.image_root,
            missing=source.missing,
            on_error=source.on_error,
            long_text=source.long_text,
            pixels=None if plan is None else asdict(plan),
            tokenizer=describe_tokens(source.backbone) if reads else None,
            context_length=source.backbone.context_length if reads else None,
            padding=self.feeding["padding"],
            weights=self.weights,
            loss=loss,
            probe=probe,
        )


def write_graph(parts: Parts, weights: str) -> tuple[onnx.ModelProto, WrittenTagger]:
    """Write a tagger as a graph.

    Parameters
    ----------
    parts : Parts
        The tagger.
    weights : {"float32", "float16", "int8"}
        How the weights of the towers are kept.

    Returns
    -------
    graph : onnx.ModelProto
        Without metadata.
    written : WrittenTagger
        What is known of it.

    Raises
    ------
    ValueError
        If a part of it cannot be written; the message says which and why.
    """
    source = parts.source
    # The head first: it is what may not be written, and the towers take long.
    classifier, head = _write_classifier(parts)
    writers = {"image": write_image_tower, "text": write_text_tower}
    towers = {m: writers[m](source.backbone) for m in source.modalities}
    for tower in towers.values():
        shrink(tower.graph, weights)
    builder = GraphBuilder("tagger")
    inputs = {}
    for modality, tower in towers.items():
        inputs[modality] = _declare(builder, modality, tower)
    n_rows = builder.input("n_rows", "int32", [])
    blocks = {}
    for modality, (items, rows) in inputs.items():
        (vectors,) = builder.include(towers[modality].graph, {"items": items})
        blocks[modality] = pool_rows(
            builder, vectors, rows, n_rows, normalize=source.normalize
        )
    features = fuse_rows(builder, source.fusion, blocks)
    if source.add_missing_indicator:
        features = missing_flags(
            builder, features, [blocks[m] for m in source.modalities]
        )
    scores, labels = builder.include(classifier, {"features": features})
    name = "probabilities" if head.response == "predict_proba" else "decisions"
    shape = ["n_rows", head.n_labels]
    builder.output(name, "float32", shape, scores)
    builder.output("labels", "bool", shape, labels)
    image, text = towers.get("image"), towers.get("text")
    feeding = {
        "plan": None if image is None else image.plan,
        "padding": None if text is None else text.padding,
    }
    return builder.finish({}), WrittenTagger(head, parts, feeding, weights)


def _declare(builder, modality, tower):
    """Declare the inputs of a modality; none is of int64, a BigInt in JavaScript."""
    if modality == "image":
        items = builder.input("pixels", "uint8", ["n_images", *tower.plan.size, 3])
        return items, builder.input("image_rows", "int32", ["n_images"])
    tokens = builder.input("token_ids", "int32", ["n_texts", "length"])
    rows = builder.input("text_rows", "int32", ["n_texts"])
    return builder.add("Cast", tokens, to=_INT64), rows


def _write_classifier(parts):
    """Write what follows the features as a graph of its own."""
    builder = GraphBuilder("classifier")
    n_features = parts.source.n_features
    features = builder.input("features", "float32", ["n_rows", n_features])
    for name, step in parts.steps:
        features, n_features = write_transformer(
            builder, step, features, n_features, where=f"The step {name!r}"
        )
    head = write_head(builder, parts.head, features, n_features, where=parts.where)
    shape = ["n_rows", head.n_labels]
    builder.output("scores", "float32", shape, head.scores)
    builder.output("labels", "bool", shape, head.labels)
    return builder.finish({}), head
