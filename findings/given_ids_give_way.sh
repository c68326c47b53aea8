#!/usr/bin/env bash
# globox 2.9.0 (numpy 2.4.6)
#
# Behaviour: save_coco(label_to_id=...) takes the ids that it is given only together with
# ids for all images. Alone they are passed over without a word: a set that was read from
# a COCO file keeps the ids of that file, and with auto_ids=True, which makes the ids of
# images, labels are numbered by the alphabet from 0.
#
# Guess: labels have the ids that were given for them.
#
# Seen, with label_to_id={"owl": 1, "cat": 2} where the file had cat 7 and owl 9:
#   made by hand, auto_ids=True     cat 0, owl 1
#   read from the file              cat 7, owl 9
#   with ids of images too          owl 1, cat 2
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet globox==2.9.0 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

from globox import Annotation, AnnotationSet, BoundingBox

print(", ".join(f"{name} {version(name)}" for name in ("globox", "numpy")))


def written(annotations, **ids):
    annotations.save_coco("written.json", **ids)
    categories = json.loads(Path("written.json").read_text())["categories"]
    return {entry["name"]: entry["id"] for entry in categories}


boxes = [
    BoundingBox.create(label=label, coords=(left, 10.0, left + 20.0, 40.0))
    for label, left in (("cat", 0.0), ("owl", 50.0))
]
by_hand = AnnotationSet([Annotation("a.jpg", image_size=(100, 80), boxes=boxes)])
by_hand.save_coco(
    "file.json", label_to_id={"cat": 7, "owl": 9}, imageid_to_id={"a.jpg": 1}
)
from_file = AnnotationSet.from_coco("file.json")

ids = {"owl": 1, "cat": 2}
seen = {
    "made by hand, auto_ids=True": written(by_hand, label_to_id=ids, auto_ids=True),
    "read from the file": written(from_file, label_to_id=ids),
    "with ids of images too": written(
        from_file, label_to_id=ids, imageid_to_id={"a.jpg": 1}
    ),
}
for name, found in seen.items():
    print(f"{name:<31}", ", ".join(f"{label} {id_}" for label, id_ in found.items()))

if list(seen.values()) != [{"cat": 0, "owl": 1}, {"cat": 7, "owl": 9}, ids]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
