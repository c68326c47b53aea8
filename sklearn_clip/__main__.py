"""``python -m sklearn_clip`` is the command ``sklearn-clip``."""

from sklearn_clip.cli import main

main()
