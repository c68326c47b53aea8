"""Keywords that photo managers keep in and beside pictures, read and written."""

from sklearn_clip.datasets.keywords._load import load_photo_keywords
from sklearn_clip.datasets.keywords._write import write_photo_keywords

__all__ = ["load_photo_keywords", "write_photo_keywords"]
