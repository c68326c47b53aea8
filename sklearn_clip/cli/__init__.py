"""The command ``sklearn-clip``: train, tag, check, report and export without Python."""

from sklearn_clip.cli._run import main

__all__ = ["main"]
