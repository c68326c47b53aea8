"""Files as datumaro 1.13.12 writes them; tools/label_formats.py makes them anew."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sklearn_clip.datasets import load_open_images, load_voc, load_yolo

DATA = Path(__file__).parent / "data"
NAN = np.nan


@pytest.fixture
def copy(tmp_path):
    def make(name, folder):
        shutil.copytree(DATA / name, tmp_path / name)
        for split, pictures in (("train", ("a", "sub b", "none")), ("val", "d")):
            for picture in pictures:
                path = tmp_path / name / folder.format(split) / f"{picture}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return tmp_path / name

    return make


@pytest.mark.parametrize("table", ["human-imagelabels", "bbox"])
def test_load_open_images_reads_what_datumaro_writes(copy, table):
    root = copy("open_images", "images/{}")
    found = load_open_images(
        root / "annotations" / f"train-annotations-{table}.csv",
        root / "images" / "train",
        descriptions=root / "annotations" / "class-descriptions.csv",
    )
    assert found.target_names == ["cat", "dog", "tree"]
    np.testing.assert_array_equal(found.target, [[1, 1, NAN], [NAN, NAN, 1]])


def test_load_yolo_reads_what_datumaro_writes(copy):
    root = copy("yolo_ultralytics", "images/{}")
    found = load_yolo(root / "data.yaml")
    assert found.target_names == ["cat", "dog", "tree"]
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert found.split.tolist() == ["train", "train", "train", "val"]


def test_load_yolo_reads_what_datumaro_writes_for_darknet(copy):
    root = copy("yolo", "obj_{}_data")
    found = load_yolo(root / "obj.data")
    assert found.target_names == ["cat", "dog", "tree"]
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert found.split.tolist() == ["train", "train", "train", "val"]


def test_load_voc_reads_what_datumaro_writes(copy):
    root = copy("voc", "JPEGImages")
    found = load_voc(root, split="train")
    assert found.target_names == ["cat", "dog", "tree"]
    # It writes no file for the picture that was looked at and has nothing.
    expected = [[1, NAN, 0], [0, 0, 1], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(found.target, expected)
    lists = load_voc(
        root, split="train", labels="lists", classes=["cat", "dog", "tree"]
    )
    # The script gives it the label of the image beside the difficult object: 1.
    np.testing.assert_array_equal(lists.target, [[1, 1, 0], [0, 0, 1], [NAN] * 3])
