"""Zero-shot: labels in words, and no training."""

from sklearn_clip._lazy import lazy_names

# Encoding needs torch: names are imported when they are used.
_HOMES = {
    "BACKGROUND": "_background",
    "Background": "_background",
    "TEMPLATES": "_background",
    "ZeroShotClassifier": "_classifier",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
