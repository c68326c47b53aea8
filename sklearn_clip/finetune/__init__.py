"""Fine-tuning: CLIP itself learns the labels, in words, on labelled images."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

# Training needs torch: names are imported when they are used.
_HOMES = {"CLIPFineTuner": "_fine_tuner"}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip.finetune._fine_tuner import CLIPFineTuner as CLIPFineTuner
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
