#!/usr/bin/env bash
# pylabel 0.1.55 (pandas 2.3.3, scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: splitter.GroupShuffleSplit takes every row for a group of its own, and the
# rows are boxes. What group_col names changes nothing. So the boxes of a picture come
# to different parts, and a picture of some boxes is one of training and one of the
# test, whose figures are then too good. StratifiedGroupShuffleSplit keeps pictures
# whole.
#
# Guess: all boxes of a picture are in one part, as with scikit-learn's class of this
# name.
#
# Seen: of 40 pictures of 5 boxes each, those with boxes in more than one part
#   GroupShuffleSplit                        40
#   the same, group_col="cat_name"           40, with the same boxes in each part
#   StratifiedGroupShuffleSplit               0
#   scikit-learn, grouped by file names       0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==2.3.3 numpy==2.4.6 scikit-learn==1.9.1 \
    matplotlib==3.10.9 opencv-python-headless==5.0.0.93 jupyter-bbox-widget==0.7.0 \
    pyyaml==6.0.4 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps pylabel==0.1.55 bbox-visualizer==1.0.1

cd "$work"
TQDM_DISABLE=1 "$work/venv/bin/python" -W ignore - <<'PYTHON'
import json
import sys
from importlib.metadata import version

import numpy as np
from pylabel import importer
from sklearn.model_selection import GroupShuffleSplit

packages = ("pylabel", "pandas", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

names = {1: "cat", 2: "dog"}
categories = [dict(id=i, name=n, supercategory="animal") for i, n in names.items()]
images, boxes = [], []
for i in range(1, 41):
    images.append(dict(id=i, file_name=f"{i}.jpg", width=90, height=90))
    for k in range(5):
        box = dict(bbox=[10 * k, 10, 8, 8], area=64, iscrowd=0, segmentation=[])
        boxes.append(dict(id=len(boxes) + 1, image_id=i, category_id=1 + k % 2, **box))
with open("coco.json", "w") as file:
    json.dump(dict(images=images, annotations=boxes, categories=categories), file)


def split(kind, **options):
    dataset = importer.ImportCoco("coco.json")
    np.random.seed(0)
    getattr(dataset.splitter, kind)(**options)
    parts = dataset.df.groupby("img_filename")["split"].nunique()
    places = dataset.df[["img_filename", "ann_bbox_xmin", "split"]]
    return int((parts > 1).sum()), sorted(map(tuple, places.to_numpy().tolist()))


by_file, boxes_by_file = split("GroupShuffleSplit", random_state=0)
by_name, boxes_by_name = split(
    "GroupShuffleSplit", random_state=0, group_col="cat_name"
)
stratified, _ = split("StratifiedGroupShuffleSplit")
files = importer.ImportCoco("coco.json").df.img_filename.to_numpy()
one = GroupShuffleSplit(1, train_size=0.5, random_state=0)
train, test = next(one.split(files, groups=files))
own = len(set(files[train]) & set(files[test]))
print("GroupShuffleSplit                    ", by_file)
print('the same, group_col="cat_name"       ', by_name)
print("the same boxes in each part          ", boxes_by_file == boxes_by_name)
print("StratifiedGroupShuffleSplit          ", stratified)
print("scikit-learn, grouped by file names  ", own)

if by_file < 25 or boxes_by_file != boxes_by_name or stratified or own:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
