"""Write the test data of Open Images, Pascal VOC and YOLO with a real tool.

In an environment of its own, for it is no dependency of the package::

    pip install datumaro==1.13.12
    python tools/label_formats.py tests/datasets/formats/data

The pictures are not kept: the tests make empty files of their names.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from datumaro.components.annotation import Bbox, Label
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image

CLASSES = ["cat", "dog", "tree"]
FORMATS = ("open_images", "voc", "yolo", "yolo_ultralytics")


def items():
    """Three pictures with objects, one that was looked at and has none."""
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    boxes = {
        "a": [(0, False), (1, True)],
        "sub b": [(2, False)],
        "none": [],
        "d": [(0, False)],
    }
    for name, found in boxes.items():
        annotations = [
            Bbox(1, 1, 4, 4, label=label, attributes={"difficult": hard})
            for label, hard in found
        ]
        annotations += [Label(label) for label, _ in found]
        yield DatasetItem(
            name,
            subset="val" if name == "d" else "train",
            media=Image.from_numpy(pixels),
            annotations=annotations,
        )


def main(arguments=None):
    """Write a folder for each format."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args(arguments).output
    for name in FORMATS:
        shutil.rmtree(output / name, ignore_errors=True)
        data = Dataset.from_iterable(list(items()), categories=CLASSES)
        data.export(str(output / name), name, save_media=True)
        for path in (output / name).rglob("*"):
            if path.suffix in (".jpg", ".png"):
                path.unlink()


if __name__ == "__main__":
    main()
