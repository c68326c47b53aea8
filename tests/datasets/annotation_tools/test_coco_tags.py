import json
import shutil
from pathlib import Path

import pytest

from sklearn_clip.datasets import load_coco

DATA = Path(__file__).parent / "data" / "datumaro" / "coco" / "annotations"
OPTIONS = {"captions": None, "missing_files": "keep"}


@pytest.fixture
def root(tmp_path):
    shutil.copytree(DATA, tmp_path / "annotations")
    return tmp_path


def test_load_coco_reads_tags_beside_objects(root):
    found = load_coco(root, **OPTIONS)
    assert found.target_names == ["cat", "dog", "tree"]
    # The tags of the first two, the box of the last.
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_load_coco_reads_tags_alone(root):
    (root / "annotations" / "instances_train.json").unlink()
    found = load_coco(root, **OPTIONS)
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_load_coco_matches_tags_by_name(root):
    path = root / "annotations" / "labels_train.json"
    tags = json.loads(path.read_text())
    for entry in tags["images"]:
        entry["id"] += 10
    for entry in tags["annotations"]:
        entry["image_id"] += 10
        entry["category_id"] = 4 - entry["category_id"]
    for entry in tags["categories"]:
        entry["id"] = 4 - entry["id"]
    path.write_text(json.dumps(tags))
    found = load_coco(root, **OPTIONS)
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_load_coco_warns_where_no_image_has_a_category(root):
    (root / "annotations" / "labels_train.json").unlink()
    path = root / "annotations" / "instances_train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": []}))
    with pytest.warns(UserWarning, match=r"Got none in 4 images.*labels_train\.json"):
        found = load_coco(root, **OPTIONS)
    assert not found.target.any()


def test_load_coco_images_of_tags_must_be_its_own(root):
    path = root / "annotations" / "labels_train.json"
    tags = json.loads(path.read_text())
    tags["images"][0]["file_name"] = "other.jpg"
    path.write_text(json.dumps(tags))
    with pytest.raises(ValueError, match=r"id 1 for 'other\.jpg' and 'a\.jpg'"):
        load_coco(root, **OPTIONS)
