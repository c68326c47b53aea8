"""Fusions: an image vector and a text vector of a row to one feature row."""

from sklearn_clip.fusion._fusions import (
    CallableFusion,
    ConcatFusion,
    ConcatProductFusion,
    Fusion,
    ImageFusion,
    InteractionFusion,
    MaxFusion,
    MeanFusion,
    ProductFusion,
    TextFusion,
    make_fusion,
)

__all__ = [
    "CallableFusion",
    "ConcatFusion",
    "ConcatProductFusion",
    "Fusion",
    "ImageFusion",
    "InteractionFusion",
    "MaxFusion",
    "MeanFusion",
    "ProductFusion",
    "TextFusion",
    "make_fusion",
]
