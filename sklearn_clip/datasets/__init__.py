"""Multi-label data sets of pictures with texts."""

from sklearn_clip.datasets._archive import get_data_home
from sklearn_clip.datasets._clipart import load_clipart
from sklearn_clip.datasets._openclipart import load_openclipart

__all__ = ["get_data_home", "load_clipart", "load_openclipart"]
