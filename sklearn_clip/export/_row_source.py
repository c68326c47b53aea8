"""What makes features of rows: columns, model and fusion, and arrays for a graph."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip import embedding
from sklearn_clip._shared import last_part
from sklearn_clip.embedding.backbone._names import weights_tag
from sklearn_clip.embedding.images._preparation import PixelPlan, Preparation
from sklearn_clip.export._fusion import check_fusion
from sklearn_clip.finetune._rows import read_fusion
from sklearn_clip.fusion import Fusion, make_fusion


@dataclass(frozen=True)
class RowSource:
    """How rows become features.

    Parameters
    ----------
    backbone : Backbone
        The model, in fp32 on the CPU, run by torch.
    fusion : Fusion
        What makes one row of image and text.
    columns : dict
        ``"image"`` and ``"text"``, as of the featurizer.
    model : dict
        ``"model_name"``, ``"pretrained"``, which is None where the name stands for the
        weights too, and ``"fingerprint"``. Of paths the last part.
    image_root : str or None
        Folder before relative paths.
    normalize, add_missing_indicator : bool
        As of the featurizer.
    missing, on_error, long_text : str
        As of the featurizer.
    """

    backbone: embedding.Backbone
    fusion: Fusion
    columns: dict[str, Any]
    model: dict[str, Any]
    image_root: str | None
    normalize: bool = True
    add_missing_indicator: bool = False
    missing: str = "zero"
    on_error: str = "raise"
    long_text: str = "truncate"

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the fusion needs."""
        return self.fusion.modalities

    @property
    def n_features(self) -> int:
        """Width of the features."""
        widths = dict.fromkeys(map(self.backbone.width, self.modalities))
        n_features = len(self.fusion.feature_names(*widths))
        return n_features + self.add_missing_indicator * len(self.modalities)

    def split(self, X: Any) -> embedding.Cells:
        """Read rows as the featurizer does, which is fitted and changes no more.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows.

        Returns
        -------
        Cells
            Their items.
        """
        return embedding.split_rows(
            X, modalities=self.modalities, **self.columns, exported=True
        )

    def feed(
        self, cells: embedding.Cells, plan: PixelPlan | None, padding: int | None
    ) -> dict[str, NDArray[Any]]:
        """Make the arrays that the graph takes of rows.

        Parameters
        ----------
        cells : Cells
            From `split`, of rows whose images can all be read.
        plan : PixelPlan or None
            How pictures are resized.
        padding : int or None
            Token that may be cut off the ends of texts.

        Returns
        -------
        dict of str to ndarray
            By name of the input.
        """
        fed: dict[str, NDArray[Any]] = {"n_rows": np.array(cells.n_rows, np.int32)}
        if "image" in self.modalities:
            fed |= self._feed_images(cells.image, plan)
        if "text" in self.modalities:
            fed |= self._feed_texts(cells.text, padding)
        return fed

    def _feed_images(self, column, plan):
        prepare = Preparation(plan)

        def decode(item):
            root, side = self.image_root, plan.draft_side
            return embedding.decode_image(item, root, draft_side=side)

        pixels, rows = [np.zeros((*plan.size, 3), np.uint8)], [-1]
        for row, cell in enumerate(column):
            for item in cell:
                picture, reason, _ = embedding.attempt(decode, item)
                if reason is None:  # others are left out, as by on_error="zero"
                    pixels.append(prepare(picture))
                    rows.append(row)
        return _fed("pixels", "image_rows", pixels, rows)

    def _feed_texts(self, column, padding):
        texts, rows = ["a"], [-1]
        for row, cell in enumerate(column):
            for text in cell:
                chunks = [text]
                if self.long_text == "mean":
                    chunks = self.backbone.chunk_text(text)
                texts += chunks
                rows += [row] * len(chunks)
        tokens = np.asarray(self.backbone.tokenizer(texts), dtype=np.int32)
        if padding is not None:
            used = np.flatnonzero((tokens != padding).any(axis=0))
            tokens = tokens[:, : used[-1] + 1]
        return _fed("token_ids", "text_rows", list(tokens), rows)


def _fed(name, rows_name, items, rows):
    """Two inputs of the graph; the first item, of no row, goes where there are others.

    The graph wants one item at the least.
    """
    if len(items) > 1:
        items, rows = items[1:], rows[1:]
    return {name: np.stack(items), rows_name: np.array(rows, dtype=np.int32)}


def read_featurizer(clip: Any) -> RowSource:
    """Read a featurizer, and check that it can be written.

    Parameters
    ----------
    clip : CLIPFeaturizer
        The featurizer.

    Returns
    -------
    RowSource
        What it does.

    Raises
    ------
    TypeError
        If its fusion is the user's own.
    ValueError
        If it fills broken images with NaN, or gives regions.
    ModelMismatchError
        If the model is not the one the featurizer was saved with.
    """
    clip._validate_params()
    available = tuple(m for m in ("image", "text") if getattr(clip, m) is not None)
    fusion = make_fusion(clip.fusion, available)
    check_fusion(fusion)
    if clip.on_error == "nan":
        raise ValueError(
            "on_error='nan' has no place in a file: a row of NaN cannot be said in "
            "what its graph takes. Set on_error='zero' or 'raise' on the featurizer "
            "first: clip.set_params(on_error='zero')."
        )
    if clip.regions is not None:
        raise ValueError(
            f"regions={clip.regions!r} has no place in a file: its graph takes each "
            "picture once, as a whole. Fit on rows without regions first: "
            "clip.set_params(regions=None)."
        )
    backbone = embedding.load_backbone(
        clip.model_name,
        clip.pretrained,
        preprocess=clip.preprocess,
        device="cpu",
        precision="fp32",
        engine="torch",
        output=clip.features,
        towers=fusion.modalities,
    )
    record = clip._record()
    if record is not None:
        embedding.check_same_model(record, backbone, fusion.modalities)
    return RowSource(
        backbone,
        fusion,
        _columns_of(clip),
        _name_model(clip, backbone),
        _as_folder(clip.image_root),
        normalize=bool(clip.normalize),
        add_missing_indicator=bool(clip.add_missing_indicator),
        missing=clip.missing,
        on_error=clip.on_error,
        long_text=clip.long_text,
    )


def read_tuner(tuner: Any) -> RowSource:
    """Read a fitted fine-tuner.

    Parameters
    ----------
    tuner : CLIPFineTuner
        It has a tuned model of its own.

    Returns
    -------
    RowSource
        What it does with rows.

    Raises
    ------
    TypeError
        If its fusion is the user's own.
    """
    fusion = read_fusion(tuner.fusion, tuner.image, tuner.text)
    check_fusion(fusion)
    # Of a model that another device wants, the layout in memory is changed.
    own = copy.deepcopy(tuner.model_)
    source = embedding.ModelInMemory(own, tuner._tokenizer, tuner._config)
    backbone = embedding.Backbone(lambda: source, "cpu", "fp32")
    return RowSource(
        backbone.load(fusion.modalities),
        fusion,
        _columns_of(tuner),
        _name_model(tuner, backbone),
        _as_folder(tuner.image_root),
    )


def _name_model(reader, backbone):
    """Say which model it is, but not where on this machine it lies."""
    return {
        "model_name": last_part(reader.model_name),
        "pretrained": last_part(weights_tag(reader.model_name, reader.pretrained)),
        "fingerprint": backbone.fingerprint,
    }


def _columns_of(reader):
    """Name the columns of rows as JSON can: it knows no numbers of NumPy."""
    named = {"image": reader.image, "text": reader.text}
    return {m: c.item() if isinstance(c, np.integer) else c for m, c in named.items()}


def _as_folder(root):
    return None if root is None else os.fspath(root)
