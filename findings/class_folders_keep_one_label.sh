#!/usr/bin/env bash
# supervision 0.31.2 (numpy 2.4.6, opencv-python-headless 5.0.0.93)
#
# Behaviour: a ClassificationDataset takes pictures of several classes. Written as a
# folder for each class, every picture stands in one of them, and its other labels are
# gone without a word. Which one it is depends on whether the classes have confidences:
# without, it is the first; with equal ones, the last.
#
# Guess: the picture is copied to the folder of each of its classes, or refused.
#
# Seen, of a.png (cat and dog) and b.png (dog):
#   without confidences      ['cat/a.png', 'dog/b.png']
#   all confidences are 1.0  ['dog/a.png', 'dog/b.png']
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    supervision==0.31.2 numpy==2.4.6 opencv-python-headless==5.0.0.93

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import supervision
from PIL import Image

print(f"supervision {version('supervision')}, numpy {np.__version__}")

work = Path(sys.argv[1])
for name in "ab":
    Image.new("RGB", (8, 8)).save(work / f"{name}.png")
paths = [str(work / f"{name}.png") for name in "ab"]


def folders(out, confidences):
    """What is written of a.png (cat and dog) and b.png (dog)."""
    labels = {
        path: supervision.Classifications(
            class_id=np.array(classes),
            confidence=np.ones(len(classes)) if confidences else None,
        )
        for path, classes in zip(paths, ([0, 1], [1]))
    }
    dataset = supervision.ClassificationDataset(["cat", "dog"], paths, labels)
    dataset.as_folder_structure(str(out))
    return sorted(str(p.relative_to(out)) for p in out.glob("*/*"))


without = folders(work / "without", confidences=False)
equal = folders(work / "equal", confidences=True)
print(f"without confidences      {without}")
print(f"all confidences are 1.0  {equal}")

expected = ["cat/a.png", "dog/b.png"], ["dog/a.png", "dog/b.png"]
if (without, equal) != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
