#!/usr/bin/env bash
# sahi 0.12.8
#
# Behaviour: Coco.get_subsampled_coco(category_id=...) takes every nth picture of those
# that contain the category, and all others. Category 0 it takes for no category: every
# nth picture of the whole data set is left. Ids from 0 on are those that this package
# and its converters give themselves. get_upsampled_coco knows the category 0.
#
# Guess: the same pictures are left, whichever number the category has.
#
# Seen: pictures of the cat and of the dog, of 4 and 4, after thinning the cats by 2
#   cat is 1, dog is 2   2 and 4
#   cat is 0, dog is 1   2 and 2
#   after get_upsampled_coco(2) of the cats: 8 and 4 in both
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 shapely==2.1.2 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps sahi==0.12.8

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

from sahi.utils.coco import Coco, CocoAnnotation, CocoCategory, CocoImage

print("sahi", version("sahi"))


def count(first, change):
    coco = Coco()
    for number, name in enumerate(["cat", "dog"], start=first):
        coco.add_category(CocoCategory(id=number, name=name))
        for i in range(4):
            box = CocoAnnotation(
                bbox=[10, 10, 20, 20], category_id=number, category_name=name
            )
            image = CocoImage(f"{name}{i}.jpg", height=100, width=100)
            image.add_annotation(box)
            coco.add_image(image)
    changed = getattr(coco, change)(2, category_id=first)
    names = [image.annotations[0].category_name for image in changed.images]
    return names.count("cat"), names.count("dog")


seen = {}
for change in ("get_subsampled_coco", "get_upsampled_coco"):
    for first in (1, 0):
        seen[change, first] = cats, dogs = count(first, change)
        print(f"{change:<20} cat is {first}, dog is {first + 1}   {cats} and {dogs}")

if list(seen.values()) != [(2, 4), (2, 2), (8, 4), (8, 4)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
