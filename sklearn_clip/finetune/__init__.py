"""Fine-tuning: CLIP itself learns the labels, in words, on labelled images."""

from sklearn_clip._lazy import lazy_names

# Training needs torch: names are imported when they are used.
_HOMES = {"CLIPFineTuner": "_fine_tuner"}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
