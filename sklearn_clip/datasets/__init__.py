"""Multi-label data sets of pictures with texts."""

from sklearn_clip.datasets._openclipart import load_openclipart

__all__ = ["load_openclipart"]
