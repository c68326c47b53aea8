import re
from pathlib import Path

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


DARKNET = """classes = 2
train = data/train.txt
valid=data/valid.txt

# a comment
names = data/obj.names
backup = backup/
"""


@pytest.fixture
def darknet(tmp_path):
    # A folder above of this name holds no texts of its own.
    root = tmp_path / "images" / "export"
    files = {
        "obj.data": DARKNET,
        "obj.names": "cat\ndog\n\n",
        "train.txt": "data/obj_train_data/a.jpg\r\ndata/obj_train_data/x/a.jpg\r\n",
        "valid.txt": "data/obj_valid_data/b.png\n",
        "obj_train_data/a.txt": "1 .5 .5 .1 .1\r\n",
        "obj_train_data/a.jpg": "",
        "obj_train_data/x/a.txt": "",
        "obj_train_data/x/a.jpg": "",
        "obj_valid_data/b.png": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    return root


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("prefix", ["data/", "", "./"])
def test_load_yolo_reads_the_description_of_darknet(darknet, prefix, encoding):
    for name in ("obj.data", "train.txt", "valid.txt"):
        text = re.sub("(?<!_)data/", prefix, (darknet / name).read_text())
        (darknet / name).write_text(text, encoding=encoding)
    found = load_yolo(darknet / "obj.data")
    assert found.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.target, [[0, 1], [0, 0], [NAN, NAN]])
    assert found.split.tolist() == ["train", "train", "val"]
    assert load_yolo(darknet / "obj.data", split="train").target.shape == (2, 2)


def test_load_yolo_keeps_what_darknet_lists_without_pictures(darknet):
    (darknet / "obj_train_data" / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"a.jpg' \(train.txt, line 1\)"):
        load_yolo(darknet / "obj.data")
    found = load_yolo(darknet / "obj.data", split="train", missing_files="keep")
    assert sorted(found.target.tolist()) == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("old", "new", "error", "match"),
    [
        ("classes = 2", "classes = 3", ValueError, r"Got 2 for 3 \(obj.data\)"),
        ("backup = backup/", "backup", ValueError, r"'backup' \(obj.data, line 7\)"),
        ("valid", "train", ValueError, "no key twice.*line 3"),
        ("obj.names", "voc.names", FileNotFoundError, "Got 'data/voc.names'"),
        ("names =", "labels =", ValueError, "must name the file of the classes"),
        ("valid.txt", "v.txt", FileNotFoundError, "Got 'data/v.txt'"),
    ],
)
def test_load_yolo_names_what_darknet_lacks(darknet, old, new, error, match):
    (darknet / "obj.data").write_text(DARKNET.replace(old, new))
    with pytest.raises(error, match=match):
        load_yolo(darknet / "obj.data")


def test_load_yolo_names_an_empty_line_of_names(darknet):
    (darknet / "obj.names").write_text("cat\n\ndog\n")
    with pytest.raises(ValueError, match=r"empty one \(obj.names, line 2\)"):
        load_yolo(darknet / "obj.data")


@pytest.mark.parametrize(
    "names",
    [
        "[cat, dog]",
        "{0: cat, 1: dog}",
        "{'0': cat, '1': dog}",
        '{"0": "cat", "1": "dog"}',
        "*names",
        "{<<: *more, 1: dog}",
    ],
)
def test_load_yolo_reads_names_in_every_form(root, names):
    text = "x: &names [cat, dog]\ny: &more {0: cat}\ntrain: images/train\nnc: 2\n"
    (root / "data.yaml").write_bytes(f"{text}names: {names}\n".encode("utf-16"))
    assert load_yolo(root / "data.yaml").target_names == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("names: !!python/object/apply:os.getcwd []", r"tag .*\(data.yaml, line 2\)"),
        ("names: " + "[" * 5000 + "]" * 5000, r"without end \(data.yaml\)"),
        ("names: [cat]\nnames: [dog]", r"'names' twice \(data.yaml, line 3\)"),
        ("names:\n  0: cat\n  0: dog", r"'0' twice \(data.yaml, line 4\)"),
        ("names: {0: cat, '0': dog}", "Got '0': 'dog'"),
        ("names: [cat, dog]\nnc: 3", r"Got 2 for 3 \(data.yaml\)"),
        ("names: [c\x07at]", r"special characters .*\(data.yaml, line 2\)"),
        ("names: [cat, dog]\n---\nnames: [dog]", r"data.yaml, line 3\)"),
    ],
)
def test_load_yolo_names_yaml_that_is_none(root, text, match):
    (root / "data.yaml").write_text("train: images/train\n" + text)
    with pytest.raises(ValueError, match=match):
        load_yolo(root / "data.yaml")


@pytest.mark.parametrize("name", ["data.yaml", "labels/train/a.txt"])
def test_load_yolo_names_a_text_in_another_encoding(root, name):
    path = root / name
    path.write_bytes(path.read_bytes() + "# Käse\n".encode("latin-1"))
    with pytest.raises(ValueError, match=rf"in UTF-8.*\({path.name}, line"):
        load_yolo(root / "data.yaml")


def test_load_yolo_leaves_hidden_texts_out(root):
    before = load_yolo(root / "data.yaml")
    # What macOS puts beside every file on a disk of another system.
    for name in ("images/train/._a.jpg", "labels/train/._a.txt"):
        (root / name).write_bytes(b"\0\5\x16\7")
    (root / "labels/train/.old").mkdir()
    (root / "labels/train/.old/z.txt").write_text("0 .5 .5 .2 .2")
    found = load_yolo(root / "data.yaml")
    np.testing.assert_array_equal(found.target, before.target)


def test_load_yolo_names_texts_without_a_picture_in_linked_folders(root, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "z.txt").write_text("0 .5 .5 .2 .2")
    (root / "labels/train/linked").symlink_to(more)
    with pytest.raises(FileNotFoundError, match=r"linked.z' \(z.txt\)"):
        load_yolo(root / "data.yaml")


def test_load_yolo_names_the_description_in_a_folder(root):
    with pytest.raises(IsADirectoryError, match="which holds 'data.yaml'"):
        load_yolo(root)


def test_load_yolo_follows_links_that_do_not_lead_back(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "e.jpg").touch()
    try:
        (root / "images" / "train" / "loop").symlink_to(root / "images")
        (root / "images" / "train" / "other").symlink_to(other)
    except OSError:
        pytest.skip("no links on this system")
    found = load_yolo(root / "data.yaml", split="train")
    names = [path.replace("\\", "/").split("/")[-1] for path in found.data[:, 0]]
    assert names == ["a.jpg", "b.jpg", "c.jpg", "e.jpg"]


@pytest.mark.parametrize("place", ["images", "list.txt"])
@pytest.mark.parametrize(
    ("picture", "text"),
    [
        ("images/caf\u00e9.jpg", "labels/cafe\u0301.txt"),
        ("images/cafe\u0301.jpg", "labels/caf\u00e9.txt"),
        ("images/x/images/b.jpg", "labels/x/images/b.txt"),
        ("images/x/images/b.jpg", "images/x/labels/b.txt"),
        ("images/a.JPG", "labels/a.TXT"),
        ("images/a.b.jpg", "labels/a.b.txt"),
    ],
    ids=ascii,
)
def test_load_yolo_reads_the_text_of_a_name_in_another_spelling(
    tmp_path, picture, text, place
):
    (tmp_path / "data.yaml").write_text(f"{{train: {place}, names: [cat, dog]}}")
    (tmp_path / "list.txt").write_text(picture, encoding="utf-8")
    for name, content in ((picture, ""), (text, "1 .5 .5 1 1")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    found = load_yolo(tmp_path / "data.yaml", missing_labels="absent")
    assert found.data[:, 0].tolist() == [str(tmp_path / picture)]
    assert found.target.tolist() == [[0, 1]]


def test_load_yolo_keeps_the_text_of_a_picture_that_is_gone(tmp_path):
    (tmp_path / "data.yaml").write_text("{train: images, names: [cat, dog]}")
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 1 1")
    (tmp_path / "labels" / "a.b.txt").write_text("1 .5 .5 1 1")
    found = load_yolo(tmp_path / "data.yaml", missing_files="keep")
    assert [Path(name).name for name in found.data[:, 0]] == ["a.jpg", "a.b"]
    assert found.target.tolist() == [[1, 0], [0, 1]]


def test_names_are_composed_and_others_in_case_told(root):
    text = DESCRIPTION.replace("0: cat", "0: cafe\u0301\n  2: Dog")
    (root / "data.yaml").write_text(text, encoding="utf-8")
    with pytest.warns(UserWarning, match="case or width alone .* 'Dog' and 'dog'"):
        found = load_yolo(root / "data.yaml")
    assert found.target_names == ["caf\u00e9", "dog", "Dog"]


@pytest.mark.parametrize(
    "text",
    [
        "train: images/train\nvalidation: images/val",
        "Train: images/train\nValidation: images/val",
        "train: .\\images\\train\\\nvalid: .\\images\\val\\",
        "path: .\\images\ntrain: train\nval: val",
    ],
)
def test_load_yolo_reads_splits_as_annotation_tools_name_them(root, text):
    expected = load_yolo(root / "data.yaml")
    (root / "data.yaml").write_text(f"{text}\nnames: [cat, dog]\n")
    found = load_yolo(root / "data.yaml")
    assert [Path(path) for path in found.data[:, 0]] == [
        Path(path) for path in expected.data[:, 0]
    ]
    np.testing.assert_array_equal(found.target, expected.target)
    assert found.split.tolist() == ["train"] * 3 + ["val"]
    found = load_yolo(root / "data.yaml", split="validation")
    assert found.split.tolist() == ["val"]


@pytest.mark.parametrize("form", ["yaml", "data"])
def test_load_yolo_tells_of_lists_that_are_no_usual_split(root, form):
    for name in ("train", "val"):
        (root / f"{name}.txt").write_text(f"images/{name}/a.jpg\n")
    (root / "images" / "val" / "a.jpg").touch()
    (root / "obj.names").write_text("cat\ndog\n")
    (root / "obj.data").write_text(
        "train = data/train.txt\nbatch 2 = data/val.txt\nnames = data/obj.names\n"
    )
    (root / "obj.yaml").write_text(
        "train: train.txt\nbatch 2: val.txt\nnames: [cat, dog]\n"
    )
    path = root / f"obj.{form}"
    with pytest.warns(UserWarning, match=r"not read: 'batch 2'\. split=\['train', 'b"):
        found = load_yolo(path)
    assert found.split.tolist() == ["train"]
    found = load_yolo(path, split=["train", "batch 2"], missing_labels="absent")
    assert found.split.tolist() == ["train", "batch 2"]
    assert found.target.tolist() == [[1, 1], [0, 0]]


def test_load_yolo_says_how_to_go_without_a_split_that_is_not_there(root):
    with (root / "data.yaml").open("a") as file:
        file.write("test: ../test/images\n")
    with pytest.raises(FileNotFoundError, match=r"split=\['train', 'val'\] loads"):
        load_yolo(root / "data.yaml")


@pytest.mark.parametrize("missing_labels", ["unknown", "absent"])
def test_load_yolo_tells_that_no_picture_has_a_text(root, missing_labels):
    (root / "labels").rename(root / "Labels")
    with pytest.warns(UserWarning, match="Got none for 4 pictures"):
        load_yolo(root / "data.yaml", missing_labels=missing_labels)


def test_load_yolo_advises_no_parameter_that_it_has_not(root):
    (root / "images" / "list.txt").write_text("x.jpg\ny.jpg\n")
    (root / "data.yaml").write_text("{train: images/list.txt, names: [cat, dog]}")
    with pytest.raises(FileNotFoundError, match=r"none of 2: 'x.jpg'") as error:
        load_yolo(root / "data.yaml")
    assert "images=" not in str(error.value)


def test_load_yolo_knows_a_link_for_the_picture_that_it_leads_to(root):
    (root / "images" / "val" / "link.jpg").symlink_to(root / "images/train/a.jpg")
    with pytest.raises(ValueError, match="Splits must not share images"):
        load_yolo(root / "data.yaml")


def test_load_yolo_tells_of_pictures_that_share_a_text(root):
    (root / "images" / "train" / "a.png").touch()
    (root / "images" / "train" / "b.webp").touch()
    with pytest.warns(
        UserWarning, match=r"a\.jpg' and '.*a\.png' for '.*a\.txt', and 1"
    ):
        found = load_yolo(root / "data.yaml", split="train")
    expected = [[1, 1], [1, 1], [0, 0], [0, 0], [NAN, NAN]]
    np.testing.assert_array_equal(found.target, expected)
    # A list may name one of them.
    (root / "train.txt").write_text("images/train/a.jpg\n")
    (root / "data.yaml").write_text("{train: train.txt, names: [cat, dog]}")
    assert load_yolo(root / "data.yaml").target.tolist() == [[1, 1]]


@pytest.mark.parametrize("split", ["C:\\me\\images\\train", "/me/images/train"])
def test_load_yolo_tells_the_end_of_a_path_of_another_machine(root, split):
    (root / "data.yaml").write_text(f"train: {split}\nnames: [cat, dog]\n")
    match = "The end 'images/train' is: leave out what stands before it"
    with pytest.raises(FileNotFoundError, match=match):
        load_yolo(root / "data.yaml")


def test_load_yolo_names_the_line_of_an_address(root):
    (root / "train.txt").write_text("images/train/a.jpg\nhttps://host/b.jpg\n")
    (root / "data.yaml").write_text("{train: train.txt, names: [cat, dog]}")
    with pytest.raises(ValueError, match=r"name of a file.*\(train.txt, line 2\)"):
        load_yolo(root / "data.yaml")


def test_load_yolo_says_what_to_do_with_a_list_of_classes(root):
    # Label Studio writes images, labels, classes.txt and notes.json.
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("cat\ndog\n")
    match = "There is 'classes.txt': write a data.yaml beside it"
    with pytest.raises(IsADirectoryError, match=match):
        load_yolo(root)
    with pytest.raises(ValueError, match=match):
        load_yolo(root / "classes.txt")
