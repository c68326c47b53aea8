"""Multi-label data sets of pictures with texts."""

from sklearn_clip.datasets._archive import get_data_home
from sklearn_clip.datasets._clipart import load_clipart
from sklearn_clip.datasets._coco import load_coco
from sklearn_clip.datasets._openclipart import load_openclipart
from sklearn_clip.datasets._photos import load_photos
from sklearn_clip.datasets._tags import load_csv_tags
from sklearn_clip.datasets.keywords import load_photo_keywords, write_photo_keywords

__all__ = [
    "get_data_home",
    "load_clipart",
    "load_coco",
    "load_csv_tags",
    "load_openclipart",
    "load_photo_keywords",
    "load_photos",
    "write_photo_keywords",
]
