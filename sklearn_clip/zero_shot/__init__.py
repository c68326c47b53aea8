"""Zero-shot: labels in words, and no training."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

# Encoding needs torch: names are imported when they are used.
_HOMES = {
    "BACKGROUND": "_background",
    "Background": "_background",
    "TEMPLATES": "_background",
    "ZeroShotClassifier": "_classifier",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip.zero_shot._background import (
        BACKGROUND as BACKGROUND,
        TEMPLATES as TEMPLATES,
        Background as Background,
    )
    from sklearn_clip.zero_shot._classifier import (
        ZeroShotClassifier as ZeroShotClassifier,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
