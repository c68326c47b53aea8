"""What the file of a tagger says of itself, as JSON in its metadata."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# Key of the metadata, and the form of what stands there.
KEY = "sklearn_clip"
FORMAT = 1


@dataclass(frozen=True)
class Probe:
    """One row whose probabilities are known.

    Parameters
    ----------
    image : bytes or None
        A picture, as a file of PNG; it is resized as any other. None where the tagger
        sees no pictures.
    text : str or None
        A text; None where the tagger reads none.
    expected : tuple of float
        What the file gives for the row, of every label.
    """

    image: bytes | None
    text: str | None
    expected: tuple[float, ...]


@dataclass(frozen=True)
class Description:
    """All that is to be known of a tagger beside its graph.

    Parameters
    ----------
    version : str
        Version of the package that wrote it.
    tagger : str
        The estimator, in one line, without the folders it names.
    label_names : tuple
        Names of the labels, in the order of the columns: str, or what else JSON keeps.
    response : {"predict_proba", "decision_function"}
        What the scores are, which bear the name ``"probabilities"`` or ``"decisions"``
        in the graph.
    thresholds : tuple of float or None
        From which score on a label is given; None is never.
    rules : dict
        ``"top_k"``, ``"max_labels"`` and ``"at_least_one"``, as far as they are set.
    model : dict
        ``"model_name"``, ``"pretrained"``, which is None where the name stands for the
        weights too, and ``"fingerprint"``. Of paths the last part.
    modalities : tuple of {"image", "text"}
        What the graph takes.
    columns : dict
        ``"image"`` and ``"text"``: where the rows have them, as of the featurizer.
    image_root : str or None
        Folder before relative paths.
    missing, on_error, long_text : str
        As of the featurizer.
    pixels : dict or None
        The values of a `PixelPlan`: how pictures are resized.
    tokenizer : dict or None
        How texts become tokens; ``"kind"`` is ``"byte_pairs"``, beside what a
        `BytePairTokenizer` is made of, or ``"tokenizers"``.
    context_length : int or None
        Tokens that a text is cut to.
    padding : int or None
        Token that may be cut off the ends of texts; None if the tower needs all.
    weights : {"float32", "float16", "int8"}
        How the weights of the towers are kept.
    loss : dict or None
        What that costs.
    probe : Probe
        A row to try.
    """

    version: str
    tagger: str
    label_names: tuple[Any, ...]
    response: str
    thresholds: tuple[float | None, ...]
    rules: Mapping[str, Any]
    model: Mapping[str, Any]
    modalities: tuple[str, ...]
    columns: Mapping[str, Any]
    image_root: str | None
    missing: str
    on_error: str
    long_text: str
    pixels: Mapping[str, Any] | None
    tokenizer: Mapping[str, Any] | None
    context_length: int | None
    padding: int | None
    weights: str
    loss: Mapping[str, Any] | None
    probe: Probe = field(repr=False)

    def to_json(self) -> str:
        """Write it as JSON.

        Returns
        -------
        str
            One object.
        """
        said = {name.name: getattr(self, name.name) for name in fields(self)}
        probe = asdict(self.probe)
        if self.probe.image is not None:
            probe["image"] = base64.b64encode(self.probe.image).decode()
        said = {"format": FORMAT, **said, "probe": probe}
        # NaN and infinity are no JSON: none gets in unseen.
        text = json.dumps(said, ensure_ascii=False, allow_nan=False)
        # Half a letter, as of names of files that are no text, is JSON as \udcff alone.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")

    @classmethod
    def from_json(cls, text: str) -> Description:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str
            The JSON.

        Returns
        -------
        Description
            The description.

        Raises
        ------
        ValueError
            If it is none, or one of another format.
        """
        try:
            said = json.loads(text)
            if said.pop("format") != FORMAT:
                raise ValueError(f"format must be {FORMAT}")
            probe = said.pop("probe")
            if probe["image"] is not None:
                probe["image"] = base64.b64decode(probe["image"], validate=True)
            probe["expected"] = tuple(probe["expected"])
            known = {name.name for name in fields(cls)}
            lists = ("label_names", "thresholds", "modalities")
            said |= {name: tuple(said[name]) for name in lists}
            # What a later version adds is of no concern to this one.
            values = {name: said[name] for name in known & said.keys()}
            return cls(**values, probe=Probe(**probe))
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ValueError(
                "The file must say of itself what to_onnx of sklearn_clip.export "
                f"writes, in format {FORMAT}. Got something else ({exc!r:.120}). "
                "Export the tagger again, or update sklearn-clip."
            ) from exc
