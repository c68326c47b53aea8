"""Fitted classifiers and the steps before them, written as operators of ONNX."""

from sklearn_clip.export.heads._head import (
    WrittenHead,
    write_head,
    write_transformer,
)

__all__ = ["WrittenHead", "write_head", "write_transformer"]
