import numpy as np
import pytest

from sklearn_clip.datasets import load_yolo

NAN = np.nan
DESCRIPTION = """path: .
train: images/train
val: images/val
names:
  0: cat
  1: dog
"""


@pytest.fixture
def root(tmp_path):
    texts = {
        "train/a": "1 0.5 0.5 0.2 0.2\n0 0.1 0.1 0.1 0.1\n1 0.3 0.3 0.1 0.1\n",
        "train/b": "",
        "train/c": None,
        "val/d": "0 0.1 0.1 0.5 0.1 0.5 0.5\n",  # a polygon
    }
    for name, text in texts.items():
        for folder in ("images", "labels"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / f"{name}.jpg").touch()
        if text is not None:
            (tmp_path / "labels" / f"{name}.txt").write_text(text)
    (tmp_path / "data.yaml").write_text(DESCRIPTION)
    return tmp_path


def test_load_yolo_reads_texts(root):
    found = load_yolo(root / "data.yaml")
    assert found.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.target, [[1, 1], [0, 0], [NAN, NAN], [1, 0]])
    assert found.split.tolist() == ["train"] * 3 + ["val"]
    assert load_yolo(root / "data.yaml", split="val").target.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"unlabelled": "unknown"}, [[1, 1], [NAN, NAN], [NAN, NAN]]),
        ({"unlabelled": "drop"}, [[1, 1], [NAN, NAN]]),
        ({"missing_labels": "absent"}, [[1, 1], [0, 0], [0, 0]]),
        ({"missing_labels": "drop"}, [[1, 1], [0, 0]]),
        ({"unlabelled": "unknown", "missing_labels": "drop"}, [[1, 1], [NAN, NAN]]),
    ],
)
def test_load_yolo_empty_and_missing_texts_are_what_is_asked(
    root, parameters, expected
):
    found = load_yolo(root / "data.yaml", split="train", **parameters)
    np.testing.assert_array_equal(found.target, expected)


@pytest.mark.parametrize(
    "description",
    [
        "train: [images/train]\nnames: [cat, dog]\n",
        "train: ../images/train\nnames: [cat, dog]\nnc: 2\n",
        "path: /of/another/machine\ntrain: images/train\nnames: {1: dog, 0: cat}\n",
        "train: train.txt\nnames: [cat, dog]\n",
    ],
)
def test_load_yolo_finds_pictures_as_tools_name_them(root, description):
    (root / "data.yaml").write_text(description)
    names = [f"./images/train/{name}.jpg\n" for name in "abc"]
    (root / "train.txt").write_text("".join(names))
    found = load_yolo(root / "data.yaml")
    assert found.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.target, [[1, 1], [0, 0], [NAN, NAN]])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 .1 .1 .1 .1\n2 .1 .1 .1 .1\n", r"0 to 1. Got '2' \(a.txt, line 2\)"),
        ("-1 .1 .1 .1 .1\n", r"Got '-1' \(a.txt, line 1\)"),
        ("0.5 .1\n", r"Got '0.5' \(a.txt, line 1\)"),
        ("nan .1\n", r"Got 'nan' \(a.txt, line 1\)"),
        ("cat .1 .1\n", r"Got 'cat .1 .1' \(a.txt, line 1\)"),
    ],
)
def test_load_yolo_names_the_line_of_a_bad_text(root, text, match):
    (root / "labels" / "train" / "a.txt").write_text(text)
    with pytest.raises(ValueError, match=match):
        load_yolo(root / "data.yaml")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("names: [cat\n", r"must be a YAML file.*data.yaml, line"),
        ("classes = 2", "which has no keys"),
        ("train: images/train\n", "'names' must be a list of the classes"),
        ("train: images/train\nnames: [cat, cat]", "Got 'cat' twice"),
        ("train: images/train\nnames: [cat, no]", "makes False of the name of class 1"),
        ("train: images/train\nnames: {a: cat}", "Got 'a': 'cat'"),
        (
            "names: [cat, dog]",
            "of 'data.yaml', which has none",
        ),
    ],
)
def test_load_yolo_refuses_a_bad_description(root, text, match):
    (root / "data.yaml").write_text(text)
    with pytest.raises(ValueError, match=match):
        load_yolo(root / "data.yaml")


def test_load_yolo_loses_no_text_and_no_line(root):
    (root / "labels" / "train" / "e.txt").write_text("0 .1 .1 .1 .1\n")
    with pytest.raises(FileNotFoundError, match=r"'e' \(e.txt\)"):
        load_yolo(root / "data.yaml")
    with pytest.warns(UserWarning, match="1 of 4 images was not found"):
        load_yolo(root / "data.yaml", split="train", missing_files="drop")
    found = load_yolo(root / "data.yaml", split="train", missing_files="keep")
    assert found.target[-1].tolist() == [1, 0]
    (root / "data.yaml").write_text("train: train\nnames: [cat, dog]\n")
    with pytest.raises(FileNotFoundError, match="'train' must name a folder or a list"):
        load_yolo(root / "data.yaml")


def test_load_yolo_refuses_a_picture_in_two_splits(root):
    (root / "data.yaml").write_text(DESCRIPTION.replace("images/val", "images/train"))
    with pytest.raises(ValueError, match="must not share images.*'train' and 'val'"):
        load_yolo(root / "data.yaml")
