import codecs
import json
import shutil
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.datasets import load_coco

# Ids with gaps, not in order, as in COCO.
CATEGORIES = [
    {"supercategory": "animal", "id": 18, "name": "dog"},
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "indoor", "id": 90, "name": "toothbrush"},
]
# image id -> category of each object; 36 has none, 25 has two dogs and a crowd.
OBJECTS = {139: [1], 25: [18, 18, 1], 36: []}
CAPTIONS = {
    139: ["A woman at a table.\n", "A kitchen "],
    25: ["Two dogs  and many people"],
}


def write_split(root, split, objects=OBJECTS, captions=CAPTIONS, categories=CATEGORIES):
    """Write one split as COCO ships it."""
    for folder in ("annotations", split):
        (root / folder).mkdir(parents=True, exist_ok=True)
    images, boxes, texts = [], [], []
    for number, (image, found) in enumerate(objects.items()):
        name = f"{image:012d}.jpg"
        Image.new("RGB", (64, 48), (0, 90 * number, 0)).save(root / split / name)
        common = {"license": 4, "height": 48, "width": 64, "flickr_url": "http://f"}
        images.append({"file_name": name, "id": image} | common)
        for category in found:
            crowd = int(len(boxes) == 3)
            outline = {"counts": [1, 2], "size": [48, 64]} if crowd else [[1.5, 2, 3]]
            boxes.append(
                {
                    "segmentation": outline,
                    "area": 702.1,
                    "iscrowd": crowd,
                    "image_id": image,
                    "bbox": [1.0, 2.0, 3.0, 4.0],
                    "category_id": category,
                    "id": 900100 + len(boxes),
                }
            )
        # The file is not in order of the ids.
        for place, text in enumerate(captions.get(image, [])):
            texts.insert(0, {"image_id": image, "id": 700 + place, "caption": text})
    info = {"info": {"year": 2017}, "licenses": [{"id": 4, "name": "CC BY"}]}
    files = {
        "instances": info
        | {"images": images, "annotations": boxes, "categories": categories},
        "captions": info | {"images": images, "annotations": texts},
    }
    for name, content in files.items():
        path = root / "annotations" / f"{name}_{split}.json"
        path.write_text(json.dumps(content))
    return root


@pytest.fixture
def coco(tmp_path):
    return write_split(tmp_path, "val2017")


def change(root, name, edit):
    """Edit a file of annotations."""
    path = root / "annotations" / f"{name}_val2017.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content))


def test_load_coco_reads_rows_in_order_of_the_file(coco):
    found = load_coco(coco)
    assert found.target_names == ["person", "dog", "toothbrush"]
    assert found.target.dtype == np.int64
    assert found.target.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert found.data.shape == (3, 2) and found.data.dtype == object
    folder = coco / "val2017"
    names = ["000000000139.jpg", "000000000025.jpg", "000000000036.jpg"]
    assert found.data[:, 0].tolist() == [str(folder / name) for name in names]
    first = ["A woman at a table.", "Two dogs and many people", None]
    assert found.data[:, 1].tolist() == first
    assert found.groups.tolist() == [139, 25, 36]
    assert set(found.split) == {"val2017"}
    assert found.frame is None


def test_load_coco_joins_captions(coco):
    texts = load_coco(coco, captions="joined").data[:, 1]
    assert texts[0] == "A woman at a table. A kitchen"
    assert texts[2] is None


def test_load_coco_makes_a_row_of_each_caption(coco):
    found = load_coco(coco, captions="each")
    assert found.groups.tolist() == [139, 139, 25, 36]
    assert found.data[:2, 1].tolist() == ["A woman at a table.", "A kitchen"]
    assert found.data[0, 0] == found.data[1, 0]
    assert found.target.tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_load_coco_does_without_captions(coco):
    (coco / "annotations" / "captions_val2017.json").unlink()
    assert load_coco(coco, captions=None).data[:, 1].tolist() == [None] * 3
    with pytest.raises(FileNotFoundError, match="captions=None does without"):
        load_coco(coco)


def test_load_coco_drops_images_without_objects(coco):
    assert load_coco(coco, unlabelled="drop").groups.tolist() == [139, 25]
    change(coco, "instances", lambda c: c["annotations"].clear())
    with (
        pytest.warns(UserWarning, match="some of their 3 categories"),
        pytest.raises(ValueError, match="must have images with objects. Got none"),
    ):
        load_coco(coco, unlabelled="drop")
    change(coco, "instances", lambda c: c["images"].clear())
    with pytest.raises(ValueError, match="must have images. Got none"):
        load_coco(coco, captions=None)


def test_load_coco_drops_splits_without_objects(coco):
    write_split(coco, "test2017", {9: []}, {})
    with pytest.warns(UserWarning, match="some of their 3 categories"):
        found = load_coco(coco, unlabelled="drop")
    assert found.split.tolist() == ["val2017"] * 2


def test_load_coco_refuses_captions_of_other_images(coco):
    change(coco, "captions", lambda c: c["annotations"][1].update(image_id=7))
    with pytest.raises(ValueError, match=r"Got image_id 7 \(entry 1\)"):
        load_coco(coco)


def test_load_coco_merges_categories_of_one_name(coco):
    # A group of categories is listed too in some exports, and no object has it.
    group = {"id": 0, "name": "dog", "supercategory": "none"}
    change(coco, "instances", lambda c: c["categories"].insert(0, group))
    found = load_coco(coco)
    assert found.target_names == ["dog", "person", "toothbrush"]
    assert found.target.tolist() == [[0, 1, 0], [1, 1, 0], [0, 0, 0]]
    write_split(coco, "train2017", {9: []}, {}, [group, *CATEGORIES])
    with pytest.warns(UserWarning, match="some of their 3 categories"):
        assert load_coco(coco).target_names == found.target_names


def test_load_coco_skips_a_byte_order_mark(coco):
    for path in (coco / "annotations").iterdir():
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert load_coco(coco).target_names == ["person", "dog", "toothbrush"]


def test_load_coco_reads_all_splits_or_those_named(coco):
    write_split(coco, "train2017", {9: [90], 12: [1]}, {})
    both = load_coco(coco)
    assert both.split.tolist() == ["train2017"] * 2 + ["val2017"] * 3
    assert both.groups.tolist() == [9, 12, 139, 25, 36]
    assert load_coco(coco, split="train2017").target.tolist() == [[0, 0, 1], [1, 0, 0]]
    swapped = load_coco(coco, split=["val2017", "train2017"])
    assert swapped.groups.tolist() == [139, 25, 36, 9, 12]


def test_load_coco_refuses_splits_that_share_images(coco):
    write_split(coco, "val2014", {25: [1]}, {})
    name = "000000000025.jpg"
    shutil.copy(coco / "val2017" / name, coco / "val2014" / name)
    with pytest.raises(ValueError, match="Got the id 25 in 'val2014' and 'val2017'"):
        load_coco(coco)
    assert len(load_coco(coco, split="val2014").data) == 1
    shutil.rmtree(coco / "val2014")  # unseen files are judged by their names
    with pytest.raises(ValueError, match="Got the id 25 in 'val2014' and 'val2017'"):
        load_coco(coco, missing_files="keep")


def test_load_coco_tells_images_of_one_id_apart(coco):
    # Tools count images from 1 in each file, often with the same file names.
    write_split(coco, "train2017", {25: [1], 139: [90]}, {139: ["one", "two"]})
    found = load_coco(coco, captions="each")
    assert found.split.tolist() == ["train2017"] * 3 + ["val2017"] * 4
    assert found.groups.tolist() == [0, 1, 1, 2, 2, 3, 4]
    assert found.target[:, 2].tolist() == [0, 1, 1, 0, 0, 0, 0]
    assert found.data[[1, 3], 1].tolist() == ["one", "A woman at a table."]
    folders = [Path(path).parent.name for path in found.data[:, 0]]
    assert folders == found.split.tolist()


def test_load_coco_refuses_splits_of_other_categories(coco):
    write_split(coco, "train2017", {9: [1]}, {}, CATEGORIES[1:])
    with pytest.raises(ValueError, match="Splits must have the same categories"):
        load_coco(coco)


@pytest.mark.parametrize("place", ["images/val2017", "images", "elsewhere"])
def test_load_coco_finds_pictures_in_other_folders(coco, place):
    (coco / place).parent.mkdir(exist_ok=True)
    (coco / "val2017").rename(coco / place)
    images = coco / place if place == "elsewhere" else None
    found = load_coco(coco, images=images)
    assert found.data[0, 0] == str(coco / place / "000000000139.jpg")


@pytest.mark.parametrize("place", [".", "images"])
def test_load_coco_finds_pictures_whose_names_hold_the_folder(coco, place):
    def add_folder(content):
        for image in content["images"]:
            image["file_name"] = f"val2017/{image['file_name']}"

    change(coco, "instances", add_folder)
    if place == "images":
        (coco / "images").mkdir()
        (coco / "val2017").rename(coco / "images" / "val2017")
    path = load_coco(coco).data[0, 0]
    assert path == str(coco / place / "val2017" / "000000000139.jpg")


def test_load_coco_expands_the_home_folder(coco, monkeypatch):
    monkeypatch.setenv("HOME", str(coco))
    monkeypatch.setenv("USERPROFILE", str(coco))
    for images in ("~/val2017", "~/nowhere"):
        found = load_coco(coco, images=images, missing_files="keep")
        expected = coco / images[2:] / "000000000139.jpg"
        assert found.data[0, 0] == str(expected)


@pytest.mark.parametrize("missing_files", ["raise", "keep"])
def test_load_coco_names_the_image_that_is_a_url(coco, missing_files):
    url = "https://a.org/1.jpg"
    change(coco, "instances", lambda c: c["images"][1].update(file_name=url))
    with pytest.raises(
        ValueError,
        match="fetch the pictures first.*a.org/1.jpg' .image 25 of 'val2017'",
    ):
        load_coco(coco, missing_files=missing_files)


def test_load_coco_names_missing_pictures(coco):
    (coco / "val2017" / "000000000025.jpg").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"none for '000000000025.jpg' \(1 of 3 images\)"
    ):
        load_coco(coco)
    with pytest.warns(UserWarning, match="1 of 3 images was not found") as caught:
        assert load_coco(coco, missing_files="drop").groups.tolist() == [139, 36]
    assert caught[0].filename == __file__
    assert load_coco(coco, missing_files="keep").groups.tolist() == [139, 25, 36]


def test_load_coco_without_any_picture_doubts_the_folder(coco):
    for path in (coco / "val2017").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="Got none of 3.*Give the folder"):
        load_coco(coco, missing_files="drop")
    (coco / "val2017").rmdir()
    with pytest.raises(FileNotFoundError, match="images' or .*none of 3.*as images="):
        load_coco(coco)
    with pytest.raises(NotADirectoryError, match=r"pictures of 'val2017' \(images="):
        load_coco(coco, images=coco / "val2017")
    unseen = load_coco(coco, missing_files="keep").data[0, 0]
    assert unseen == str(coco / "val2017" / "000000000139.jpg")


def test_load_coco_as_frame_agrees_with_arrays(coco):
    X, Y = load_coco(coco, return_X_y=True)
    frame = load_coco(coco, as_frame=True)
    assert list(frame.frame.columns) == ["image", "text", *frame.target_names]
    # pandas writes the absent caption in its own way.
    data = frame.data.astype(object).where(frame.data.notna(), None)
    np.testing.assert_array_equal(data.to_numpy(), X)
    np.testing.assert_array_equal(frame.target.to_numpy(), Y)


def test_load_coco_as_frame_without_pandas_names_the_extra(coco, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"load_coco.*sklearn-clip\[pandas\]"):
        load_coco(coco, as_frame=True)


def test_load_coco_rows_are_featurized(coco):
    X = CLIPFeaturizer("clipart-tiny", cache=None).fit_transform(load_coco(coco).data)
    assert X.shape[0] == 3 and np.isfinite(X).all()


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("instances", lambda c: c.pop("categories"), "Got no list 'categories'"),
        ("instances", lambda c: c["images"][1].pop("id"), r"'id'.* \(entry 1\)"),
        (
            "instances",
            lambda c: c["annotations"][0].update(image_id=7),
            r"Got image_id 7 \(annotation 900100\)",
        ),
        (
            "instances",
            lambda c: c["annotations"][2].update(category_id=12),
            r"Got category_id 12 \(annotation 900102\)",
        ),
        (
            "instances",
            lambda c: c["categories"][0].update(name="person"),
            "distinct ids and names",
        ),
        (
            "instances",
            lambda c: c["categories"][0].update(id=1),
            "distinct ids and names",
        ),
        (
            "instances",
            lambda c: c["categories"][2].update(id="90"),
            r"'id'.*all be numbers, or all texts. Got '90' \(entry 2\)",
        ),
        (
            "instances",
            lambda c: c["images"][1].update(file_name=7),
            r"'file_name'.*a text. Got 7 \(entry 1\)",
        ),
        (
            "instances",
            lambda c: c["annotations"][1].update(category_id=[1]),
            r"'category_id'.*a number or a text. Got \[1\] \(entry 1\)",
        ),
        (
            "instances",
            lambda c: c["images"].insert(1, 7),
            r"'images' in .* must have 'id'. Got 7 \(entry 1\)",
        ),
        (
            "captions",
            lambda c: c["annotations"][2].update(caption=None),
            r"'caption'.*a text. Got None \(entry 2\)",
        ),
        ("instances", lambda c: c["images"][0].update(id=25), "have distinct ids"),
        ("captions", lambda c: c["annotations"][0].pop("caption"), "have 'caption'"),
    ],
)
def test_load_coco_names_what_is_wrong_in_a_file(coco, name, edit, message):
    change(coco, name, edit)
    with pytest.raises(ValueError, match=message):
        load_coco(coco)


def test_load_coco_names_a_file_that_is_no_json(coco):
    (coco / "annotations" / "instances_val2017.json").write_text('{"images": [')
    with pytest.raises(ValueError, match="instances_val2017.json' must be a JSON file"):
        load_coco(coco)


def test_load_coco_tells_of_a_file_nested_without_end(coco):
    file = coco / "annotations" / "instances_val2017.json"
    file.write_text('{"images": ' + "[" * 100_000)
    with pytest.raises(ValueError, match="instances_val2017.json' must be"):
        load_coco(coco)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"split": "test2017"}, "which has 'val2017'. Got 'test2017'"),
        ({"split": []}, "split must name files"),
        ({"captions": "all"}, "captions must be 'first', 'joined', 'each' or None"),
        ({"unlabelled": "unknown"}, "unlabelled must be 'keep' or 'drop'"),
        ({"missing_files": "skip"}, "missing_files must be 'raise', 'drop' or 'keep'"),
    ],
)
def test_load_coco_refuses_bad_parameters(coco, parameters, message):
    with pytest.raises(ValueError, match=message):
        load_coco(coco, **parameters)


def test_load_coco_without_annotations_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match="root must hold annotations/"):
        load_coco(tmp_path)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train/_annotations.coco.json", "train"),
        ("result.json", "result"),
        ("annotations/valid.json", "valid"),
    ],
)
def test_load_coco_says_where_a_file_of_another_name_belongs(tmp_path, name, split):
    write_split(tmp_path, "val2017")
    right = tmp_path / "annotations" / "instances_val2017.json"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    right.rename(tmp_path / name)
    (tmp_path / "annotations" / "captions_val2017.json").unlink()
    (tmp_path / "a.json").write_text('{"version": "5.0", "flags": {}, "shapes": []}')
    match = f"There is '{name}': copy it to 'annotations/instances_{split}.json'"
    with pytest.raises(FileNotFoundError, match=match):
        load_coco(tmp_path, captions=None)
    with pytest.raises(FileNotFoundError, match="the file .*folder that holds 'annot"):
        load_coco(tmp_path / name, captions=None)


def test_load_coco_holds_its_targets_once(tmp_path):
    names = [f"thing {number}" for number in range(500)]
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(2000)],
        "annotations": [{"id": 1, "image_id": 3, "category_id": 7}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
    }
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations" / "instances_all.json"
    path.write_text(json.dumps(content))
    tracemalloc.start()
    found = load_coco(tmp_path, captions=None, missing_files="keep")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.target.shape == (2000, 500)
    assert np.argwhere(found.target).tolist() == [[3, 7]]
    assert peak < 1.6 * found.target.nbytes
