#!/usr/bin/env bash
# globox 2.9.0 with pycocotools 2.0.11 (numpy 2.4.6)
#
# Behaviour: save_coco numbers the boxes from 0. In COCOeval a match is the id of the box
# that was found, and 0 is no match, so that the first box of the file is missed by
# whatever finds it, and the prediction that finds it is a false one. A label of which it
# is the only box has an average precision of 0.
#
# Guess: ids of boxes are names; perfect predictions have an average precision of 1.
#
# Seen, of the boxes themselves as predictions, where boxes 0, 1 to 2 and 3 to 6 are of a
# cat, dogs and birds:
#   average precision     cat    dog   bird    all
#   pycocotools          0.00   1.00   1.00   0.67
#   with ids from 1      1.00   1.00   1.00   1.00
#   globox               1.00   1.00   1.00   1.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet globox==2.9.0 pycocotools==2.0.11 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import json
import sys
from importlib.metadata import version
from pathlib import Path

from globox import Annotation, AnnotationSet, BoundingBox, COCOEvaluator
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

packages = ("globox", "pycocotools", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

names = ["cat", "dog", "bird"]


def pictures(confidence=None):
    annotations = AnnotationSet()
    for number, labels in enumerate(("cat dog", "dog bird bird", "bird bird")):
        boxes = [
            BoundingBox.create(
                label=label,
                coords=(20.0 * place, 10.0, 20.0 * place + 15, 40.0),
                confidence=confidence,
            )
            for place, label in enumerate(labels.split())
        ]
        annotations.add(Annotation(f"{number}.jpg", image_size=(100, 80), boxes=boxes))
    return annotations


ids = {name: number for number, name in enumerate(names, start=1)}
image_ids = {f"{number}.jpg": number for number in (0, 1, 2)}
pictures().save_coco("truth.json", label_to_id=ids, imageid_to_id=image_ids)
written = json.loads(Path("truth.json").read_text())
print("ids of the boxes", [box["id"] for box in written["annotations"]])


def precisions(first_id):
    boxes = [
        {**box, "id": number}
        for number, box in enumerate(written["annotations"], start=first_id)
    ]
    Path("numbered.json").write_text(json.dumps({**written, "annotations": boxes}))
    keys = ("image_id", "category_id", "bbox")
    found = [{**{key: box[key] for key in keys}, "score": 0.9} for box in boxes]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO("numbered.json")
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # (overlaps, recalls, categories, areas, most boxes)
    by_label = evaluation.eval["precision"][:, :, :, 0, -1].mean(axis=(0, 1))
    return [*by_label.tolist(), evaluation.stats[0].item()]


own = COCOEvaluator(ground_truths=pictures(), predictions=pictures(confidence=0.9))
seen = {
    "pycocotools": precisions(written["annotations"][0]["id"]),
    "with ids from 1": precisions(1),
    "globox": [*(own.evaluate(iou_threshold=0.5)[name].ap for name in names), own.ap()],
}
print("average precision  ", "".join(f"{name:>7}" for name in [*names, "all"]))
for name, values in seen.items():
    print(f"{name:<19}", "".join(f"{value:7.2f}" for value in values))

expected = [[0, 1, 1, 0.67], [1] * 4, [1] * 4]
if [[round(value, 2) for value in values] for values in seen.values()] != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
