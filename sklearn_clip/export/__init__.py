"""A fitted tagger as one ONNX file, and what runs it without torch."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

# What runs the file imports neither torch nor scikit-learn: names are imported when
# they are used.
_HOMES = {
    "ExportReport": "_report",
    "OnnxTagger": "_tagger",
    "to_onnx": "_to_onnx",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip.export._report import ExportReport as ExportReport
    from sklearn_clip.export._tagger import OnnxTagger as OnnxTagger
    from sklearn_clip.export._to_onnx import to_onnx as to_onnx
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
