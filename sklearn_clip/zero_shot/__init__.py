"""Zero-shot: labels in words, and no training."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

# Encoding needs torch: names are imported when they are used.
_HOMES = {
    "BACKGROUND": "_background",
    "Background": "_background",
    "TEMPLATES": "_background",
    "LabelSuggestion": "_suggestions",
    "LabelSuggestions": "_suggestions",
    "ZeroShotClassifier": "_classifier",
    "suggest_labels": "_suggestions",
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
    from sklearn_clip.zero_shot._suggestions import (
        LabelSuggestion as LabelSuggestion,
        LabelSuggestions as LabelSuggestions,
        suggest_labels as suggest_labels,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
