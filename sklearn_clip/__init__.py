"""Multi-label classification of images and texts with CLIP, in scikit-learn.

The way of the data, and the room each step lives in::

    rows -> images -> backbone <-> store -> fusion -> head -> thresholds -> labels
"""

__version__ = "0.1.0.dev0"
