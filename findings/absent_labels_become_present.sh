#!/usr/bin/env bash
# datumaro 1.13.12 (numpy 2.2.6)
#
# Behaviour: Open Images lists with Confidence 0 the labels of which a person has said
# that they are not in the picture. The reader makes each of them a Label with the
# attribute score 0.0, like one that is there with 1.0. Formats without scores (CVAT,
# ImageNet's lists) then write it as a label of the picture: one verified to show no cat
# is a picture of a cat. CVAT's writer warns of an undeclared attribute that it skips, for
# labels that are there in the same words; that of ImageNet's lists says nothing.
#
# Guess: Confidence 0 is left out, or is dropped where a format cannot say it.
#
# Seen, of pictures a (cat 1), b (cat 0), c (cat 0, dog 1):
#   read             a: cat 1.0  b: cat 0.0  c: cat 0.0, dog 1.0
#   by cvat          a: cat  b: cat  c: cat, dog
#   by imagenet_txt  a: cat  b: cat  c: cat, dog
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datumaro==1.13.12 numpy==2.2.6

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import datumaro
import numpy as np
from PIL import Image

print(f"datumaro {version('datumaro')}, numpy {np.__version__}")

NAMES = {"/m/01yrx": "cat", "/m/0bt9lr": "dog"}
work = Path(sys.argv[1])
source = work / "open_images"
pictures, tables = source / "images" / "train", source / "annotations"
pictures.mkdir(parents=True)
tables.mkdir()
for name in "abc":
    Image.new("RGB", (8, 8)).save(pictures / f"{name}.jpg")
(tables / "class-descriptions.csv").write_text("/m/01yrx,cat\n/m/0bt9lr,dog\n")
images = "ImageID,Subset\na,train\nb,train\nc,train\n"
(tables / "train-images-with-rotation.csv").write_text(images)
(tables / "train-annotations-human-imagelabels.csv").write_text(
    "ImageID,Source,LabelName,Confidence\n"
    "a,verification,/m/01yrx,1\n"
    "b,verification,/m/01yrx,0\n"
    "c,verification,/m/01yrx,0\n"
    "c,verification,/m/0bt9lr,1\n"
)


def told(dataset, *, scores=False):
    labels = dataset.categories()[datumaro.AnnotationType.label]
    names = [NAMES[label.name] for label in labels]
    rows = {}
    for item in dataset:
        found = [
            f"{names[label.label]} {label.attributes['score']}" if scores
            else names[label.label]
            for label in item.annotations
        ]
        rows[item.id] = ", ".join(sorted(found))
    return "  ".join(f"{name}: {rows[name]}" for name in sorted(rows))


dataset = datumaro.Dataset.import_from(str(source), "open_images")
seen = [told(dataset, scores=True)]
print(f"read             {seen[0]}")
for form in ("cvat", "imagenet_txt"):
    folder = str(work / form)
    dataset.export(folder, form, save_media=True)
    seen.append(told(datumaro.Dataset.import_from(folder, form)))
    print(f"by {form:<13} {seen[-1]}")

read = "a: cat 1.0  b: cat 0.0  c: cat 0.0, dog 1.0"
if seen != [read, *["a: cat  b: cat  c: cat, dog"] * 2]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
