"""Multi-label classification of images and texts with CLIP, in scikit-learn.

The way of the data, and the room each step lives in::

    rows -> images -> backbone <-> store -> fusion -> features   (embedding, fusion)
    features -> any multi-label classifier -> scores
    scores -> labels                                             (thresholds)
"""

import importlib

__version__ = "0.1.0.dev0"

# Public names and where they live. They are imported at first use, so that importing
# the package imports neither torch nor open_clip.
_HOMES = {
    "CLIPFeaturizer": "_featurizer",
    "EmbeddingStore": "embedding",
    "ImageDecodeError": "_shared",
    "ModelMismatchError": "_shared",
    "ThresholdOptimizer": "thresholds",
    "WeightsUnavailableError": "_shared",
}
_ROOMS = ("datasets", "embedding", "fusion", "thresholds")

__all__ = ["__version__", *_HOMES, *_ROOMS]


def __getattr__(name):
    """Import a public name or a room when it is first used."""
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
