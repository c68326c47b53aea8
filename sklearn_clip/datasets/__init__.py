"""Multi-label data sets of pictures with texts."""

from sklearn_clip.datasets._archive import get_data_home
from sklearn_clip.datasets._clipart import load_clipart
from sklearn_clip.datasets._coco import load_coco
from sklearn_clip.datasets._openclipart import load_openclipart
from sklearn_clip.datasets._photos import load_photos
from sklearn_clip.datasets._tags import load_csv_tags
from sklearn_clip.datasets.annotation_tools._cvat import load_cvat
from sklearn_clip.datasets.annotation_tools._cvat_writing import write_cvat_tags
from sklearn_clip.datasets.annotation_tools._label_studio import load_label_studio
from sklearn_clip.datasets.annotation_tools._label_studio_writing import (
    write_label_studio,
)
from sklearn_clip.datasets.formats._folders import load_folders
from sklearn_clip.datasets.formats._open_images import load_open_images
from sklearn_clip.datasets.formats._voc import load_voc
from sklearn_clip.datasets.formats._yolo import load_yolo
from sklearn_clip.datasets.keywords import load_photo_keywords, write_photo_keywords

__all__ = [
    "get_data_home",
    "load_clipart",
    "load_coco",
    "load_csv_tags",
    "load_cvat",
    "load_folders",
    "load_label_studio",
    "load_open_images",
    "load_openclipart",
    "load_photo_keywords",
    "load_photos",
    "load_voc",
    "load_yolo",
    "write_cvat_tags",
    "write_label_studio",
    "write_photo_keywords",
]
