"""Files in the format of COCO as other tools write them: meaning and mistakes."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image

from sklearn_clip import MultiLabelLogisticRegression
from sklearn_clip.datasets import load_coco
from sklearn_clip.metrics import macro_average_precision_score

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
NAMES = {3: "person", 7: "dog", 9: "hat", 12: "cup"}


def write(root, images, objects, categories=NAMES, split="val"):
    """Write images (dicts), objects (image id, category id) and draw the pictures."""
    for folder in ("annotations", split):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for image in images:
        name = image.get("file_name")
        if isinstance(name, str) and name and "\\" not in name:
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 6), (40 * len(name) % 256, 0, 0)).save(path, "PNG")
    content = {
        "info": {"description": "exported"},
        "licenses": [],
        "images": images,
        "annotations": [
            {
                "id": number + 1,
                "image_id": image,
                "category_id": category,
                "bbox": [0, 0, 4, 3],
                "area": 12,
                "segmentation": [[0, 0, 4, 0, 4, 3]],
                "iscrowd": 0,
            }
            for number, (image, category) in enumerate(objects)
        ],
        "categories": [
            {"id": key, "name": name, "supercategory": ""}
            for key, name in categories.items()
        ],
    }
    path = root / "annotations" / f"instances_{split}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return root


def change(root, edit, split="val"):
    path = root / "annotations" / f"instances_{split}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    changed = edit(content)
    changed = changed if isinstance(changed, dict | list) else content
    path.write_text(json.dumps(changed))


def read(root, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_coco(root, captions=None, **parameters)


def named(number, name=None, **keys):
    return {"id": number, "file_name": name or f"{number}.png", **keys}


PLAIN = [named(1), named(2), named(5)]
NAN = np.nan


@pytest.fixture
def lvis(tmp_path):
    """A file of LVIS v1: an address for a name, three lists of categories."""
    root = tmp_path / "lvis"
    (root / "annotations").mkdir(parents=True)
    lists = {  # image -> (absent, marked in part)
        "val2017/000000000001": ([9], [7]),
        "train2017/000000000002": ([3, 12], []),
        "train2017/000000000005": ([], []),
        "train2017/000000000008": ([7], [12]),
    }
    images = []
    for name, (absent, in_part) in lists.items():
        path = root / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(path)
        images.append(
            {
                "id": int(name[-1]),
                "height": 6,
                "width": 8,
                "license": 1,
                "date_captured": "2013-11-14 16:28:13",
                "flickr_url": "http://farm8.staticflickr.com/1/1_z.jpg",
                "coco_url": f"http://images.cocodataset.org/{name}.jpg",
                "neg_category_ids": absent,
                "not_exhaustive_category_ids": in_part,
            }
        )
    objects = [(1, 7), (1, 7), (1, 3), (2, 9), (8, 9)]
    annotations = [
        {"id": number, "image_id": image, "category_id": category, "area": 1.5}
        for number, (image, category) in enumerate(objects)
    ]
    categories = [
        {
            "id": key,
            "name": name,
            "synset": f"{name}.n.01",
            "synonyms": [name],
            "def": "what it is",
            "frequency": "f",
            "image_count": 1,
            "instance_count": 1,
        }
        for key, name in NAMES.items()
    ]
    content = {
        "info": {},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    path = root / "annotations" / "instances_lvis_v1_val.json"
    path.write_text(json.dumps(content))
    return root


LVIS = [
    [1, 1, 0, NAN],  # the dogs are marked in part, and are there
    [0, NAN, 1, 0],
    [NAN] * 4,
    [NAN, 0, 1, NAN],  # a cup is said to be marked in part, and none is
]


def test_lvis_leaves_unknown_what_nobody_has_looked_for(lvis):
    found = read(lvis)
    assert found.target_names == list(NAMES.values())
    assert found.target.dtype == np.float64
    np.testing.assert_array_equal(found.target, LVIS)
    assert found.groups.tolist() == [1, 2, 5, 8]
    folders = [path.split("/")[-2] for path in found.data[:, 0]]
    assert folders == ["val2017", "train2017", "train2017", "train2017"]
    kept = read(lvis, unlabelled="drop")
    np.testing.assert_array_equal(kept.target, [LVIS[0], LVIS[1], LVIS[3]])
    frame = read(lvis, as_frame=True).frame
    np.testing.assert_array_equal(frame[list(NAMES.values())], LVIS)


def test_lvis_targets_are_fitted_and_judged(lvis):
    Y = np.repeat(read(lvis).target, 3, axis=0)
    X = np.nan_to_num(Y, nan=0.5)
    model = MultiLabelLogisticRegression().fit(X[:, :3], Y[:, :3])
    scores = model.predict_proba(X[:, :3])
    assert macro_average_precision_score(Y[:, :3], scores) == 1


@pytest.mark.parametrize("key", ["neg_category_ids", "not_exhaustive_category_ids"])
def test_one_image_with_a_list_of_lvis_makes_a_federated_file(tmp_path, key):
    images = [named(1), named(2, **{key: []})]
    found = read(write(tmp_path, images, [(1, 3), (2, 7)]))
    expected = [[1, NAN, NAN, NAN], [NAN, 1, NAN, NAN]]
    np.testing.assert_array_equal(found.target, expected)


def test_a_federated_file_of_which_all_is_known_has_integers(tmp_path):
    images = [named(1, neg_category_ids=[7, 9, 12])]
    found = read(write(tmp_path, images, [(1, 3)]))
    assert found.target.dtype == np.int64 and found.target.tolist() == [[1, 0, 0, 0]]


def test_plain_and_federated_splits_keep_their_meaning(tmp_path):
    write(tmp_path, [named(1)], [(1, 3)], split="plain")
    write(tmp_path, [named(2, neg_category_ids=[7])], [(2, 3)], split="some")
    found = read(tmp_path)
    np.testing.assert_array_equal(found.target, [[1, 0, 0, 0], [1, 0, NAN, NAN]])


def test_categories_seen_but_not_marked_are_present(tmp_path):
    images = [named(1, pos_category_ids=[9], neg_category_ids=[7]), named(2)]
    found = read(write(tmp_path, images, [(1, 3)]))
    np.testing.assert_array_equal(found.target, [[1, 0, 1, NAN], [NAN] * 4])
    plain = [named(1, pos_category_ids=[9]), named(2)]
    found = read(write(tmp_path, plain, [(1, 3)]))
    assert found.target.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"neg_category_ids": [7]}, r"Got 'dog', which has objects.*\(image 2 of "),
        (
            {"neg_category_ids": [9], "not_exhaustive_category_ids": [9]},
            r"Got 'hat', .* stands in another list \(image 2",
        ),
        ({"neg_category_ids": [8]}, r"ids of categories. Got 8 \(image 2 of"),
        ({"neg_category_ids": ["9"]}, r"Got '9' \(image 2 .* There is 9: a number is"),
        ({"not_exhaustive_category_ids": 9}, r"a list of ids.* Got 9 \(image 2"),
        ({"neg_category_ids": [[9]]}, r"Got \[9\] \(image 2"),
    ],
)
def test_lists_that_contradict_the_file_are_named(tmp_path, lists, message):
    write(tmp_path, [named(1), named(2, **lists)], [(2, 7)])
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


SAME = [
    ("a.png", "a.png"),
    ("a.png", "./a.png"),
    ("a.png", "a"),
    ("b/a.png", "b\\a.png"),
    (f"{COMPOSED}.png", f"{DECOMPOSED}.png"),
]


@pytest.mark.parametrize(("name", "other"), SAME, ids=ascii)
def test_a_file_under_two_ids_is_refused_or_merged(tmp_path, name, other):
    images = [named(1, name), named(4, "z.png"), named(2, other)]
    write(tmp_path, images, [(1, 3), (4, 12), (2, 7)])
    if other != name:
        (tmp_path / "val" / other).unlink(missing_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "val" / name)
    with pytest.raises(ValueError, match=r"Got the ids 1 and 2 for .*duplicates='mer"):
        read(tmp_path)
    found = read(tmp_path, duplicates="merge")
    assert found.groups.tolist() == [1, 4]
    assert found.target.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]


def test_merged_images_keep_the_captions_of_both(tmp_path):
    write(tmp_path, [named(1, "a.png"), named(2, "a.png")], [(1, 3)])
    texts = [(5, 2, "two"), (6, 1, "one"), (7, 2, "one")]
    entries = [
        {"id": key, "image_id": image, "caption": text} for key, image, text in texts
    ]
    path = tmp_path / "annotations" / "captions_val.json"
    path.write_text(json.dumps({"annotations": entries}))
    for captions, expected in (
        ("first", ["one"]),
        ("joined", ["one two"]),
        ("each", ["one", "two"]),
    ):
        found = load_coco(tmp_path, captions=captions, duplicates="merge")
        assert found.data[:, 1].tolist() == expected
        assert found.target.tolist() == [[1, 0, 0, 0]] * len(expected)
        assert set(found.groups) == {1}


def test_merged_images_of_lvis_must_agree(tmp_path):
    images = [
        named(1, "a.png", neg_category_ids=[9]),
        named(2, "a.png", neg_category_ids=[12]),
    ]
    write(tmp_path, images, [(1, 3), (2, 7)])
    found = read(tmp_path, duplicates="merge")
    assert found.target.tolist() == [[1, 1, 0, 0]]
    write(tmp_path, images, [(1, 3), (2, 9)])
    with pytest.raises(ValueError, match="must agree. Got 'hat' .* ids 1 and 2"):
        read(tmp_path, duplicates="merge")


def test_splits_that_share_a_file_under_other_ids_are_refused(tmp_path):
    write(tmp_path, [named(1, "a.png")], [(1, 3)], split="train")
    write(tmp_path, [named(7, "a.png"), named(8)], [(7, 3)], split="val")
    assert read(tmp_path).groups.tolist() == [1, 7, 8]  # each in a folder of its own
    with pytest.raises(ValueError, match=r"Got the '.*a.png' in 'train' and 'val'"):
        read(tmp_path, images=tmp_path / "val")
    with pytest.raises(ValueError, match=r"Got the '.*a.png' in 'train' and 'val'"):
        read(tmp_path, images=tmp_path / "unseen", missing_files="keep")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda c: c["images"][2].update(id=1),
            r"distinct ids. Got 1 for '1.png' and '5.png' \(entries 0 and 2\)",
        ),
        (
            lambda c: c["categories"][2].update(id=7),
            "Got the id 7 for 'dog' and 'hat'",
        ),
        (
            lambda c: c["categories"][2].update(name="dog"),
            "Got 'dog' for the ids 7 and 9, which both have objects",
        ),
        (
            lambda c: c["annotations"][0].update(image_id="1"),
            r"Got image_id '1' \(annotation 1\)\. There is 1: a number is not a text",
        ),
        (
            lambda c: c["annotations"][1].update(category_id="7"),
            r"Got category_id '7' \(annotation 2\)\. There is 7: a number is",
        ),
        (
            lambda c: c["images"][1].pop("file_name"),
            r"must have 'file_name'. Got {'id': 2} \(entry 1\)",
        ),
        (
            lambda c: c["images"][1].update(file_name=None),
            r"a text. Got None \(entry 1\). Its id: 2",
        ),
        (
            lambda c: c["images"][1].update(file_name=" "),
            r"name a file. Got ' ' \(entry 1\). Its id: 2",
        ),
        (
            lambda c: c["categories"][1].update(name=" "),
            r"name a label. Got ' ' \(entry 1\). Its id: 7",
        ),
        (
            lambda c: c["images"][1].update(id=float("nan")),
            r"a number or a text. Got nan \(entry 1\)",
        ),
        (
            lambda c: c.update(categories=[], annotations=[]),
            "must have labels. Got none",
        ),
        (lambda c: c["annotations"], "no list 'images'. A list of entries is what det"),
        (
            lambda c: {
                "images": c["images"],
                "annotations": [{"id": 1, "image_id": 1, "caption": "a dog"}],
            },
            r"no list 'categories'. It holds captions, which belong into captions_",
        ),
        (lambda c: c["images"].clear(), r"Got image_id 1 \(annotation 1\)"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, edit, message):
    write(tmp_path, PLAIN, [(1, 3), (2, 7), (5, 9)])
    change(tmp_path, edit)
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_captions_of_ids_of_another_type_are_told(tmp_path):
    write(tmp_path, PLAIN, [(1, 3)])
    entries = [{"id": 1, "image_id": "5", "caption": "a dog"}]
    path = tmp_path / "annotations" / "captions_val.json"
    path.write_text(json.dumps({"annotations": entries}))
    with pytest.raises(ValueError, match=r"Got image_id '5' .* There is 5: a number"):
        load_coco(tmp_path)


def test_ids_that_are_texts_are_ids(tmp_path):
    images = [named("x1", "1.png"), named("y", "2.png")]
    categories = {"b": "dog", "a": "hat"}
    found = read(write(tmp_path, images, [("y", "b")], categories))
    assert found.target_names == ["hat", "dog"]
    assert found.groups.tolist() == ["x1", "y"]
    assert found.target.tolist() == [[0, 0], [0, 1]]


def test_a_number_and_a_text_are_no_group(tmp_path):
    write(tmp_path, [named(1)], [(1, 3)], split="train")
    write(tmp_path, [named("1", "1.png")], [("1", 3)], split="val")
    assert len(set(read(tmp_path).groups)) == 2


def test_repeated_ids_of_annotations_are_told_and_read(tmp_path):
    write(tmp_path, PLAIN, [(1, 3), (2, 7), (5, 9)])
    change(tmp_path, lambda c: c["annotations"][2].update(id=1))
    with pytest.warns(UserWarning, match="Got 1 for the entries 0 and 2") as caught:
        found = load_coco(tmp_path, captions=None)
    assert caught[0].filename == __file__
    assert found.target.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]


def test_annotations_need_no_ids(tmp_path):
    write(tmp_path, PLAIN, [(1, 3), (5, 9)])

    def leave_out_ids(content):
        for entry in content["annotations"]:
            del entry["id"]

    change(tmp_path, leave_out_ids)
    assert read(tmp_path).target.sum() == 2


def test_crowds_are_objects_and_images_without_any_have_no_label(tmp_path):
    write(tmp_path, PLAIN, [(1, 3)])
    change(tmp_path, lambda c: c["annotations"][0].update(iscrowd=1))
    assert read(tmp_path).target.tolist() == [[1, 0, 0, 0], [0] * 4, [0] * 4]


def test_categories_are_named_as_they_look(tmp_path):
    write(tmp_path, [named(1)], [(1, 2)], {1: f"{DECOMPOSED} ", 2: "red\u00a0wine"})
    write(tmp_path, [named(2)], [(2, 1)], {1: COMPOSED, 2: "red wine"}, split="train")
    found = read(tmp_path)
    assert found.target_names == [COMPOSED, "red wine"]
    assert found.target.tolist() == [[1, 0], [0, 1]]
    write(tmp_path, [named(1)], [(1, 1), (1, 2)], {1: DECOMPOSED, 2: COMPOSED})
    with (
        pytest.warns(UserWarning, match="look alike are one label"),
        pytest.raises(ValueError, match=f"Got '{COMPOSED}' for the ids 1 and 2"),
    ):
        load_coco(tmp_path, captions=None)


def test_pictures_are_found_in_the_spelling_of_another_system(tmp_path):
    names = [f"{COMPOSED}.png", r"cat\2.png", "my%20photo.png"]
    images = [named(number, name) for number, name in enumerate(names)]
    write(tmp_path, images, [(0, 3)])
    for name in ("cat/2.png", "my photo.png", f"{DECOMPOSED}.png"):
        (tmp_path / "val" / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "val" / name)
    for name in (names[0], names[2]):
        (tmp_path / "val" / name).unlink(missing_ok=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "val" / f"{DECOMPOSED}.png")
    found = read(tmp_path)
    assert found.data[1, 0] == str(tmp_path / "val" / "cat" / "2.png")
    assert found.data[2, 0] == str(tmp_path / "val" / "my photo.png")


def test_paths_of_another_computer_are_named_as_the_cause(tmp_path):
    images = [named(1, r"C:\work\val\1.png"), named(2, r"C:\work\val\2.png")]
    write(tmp_path, images, [(1, 3)])
    Image.new("RGB", (8, 6)).save(tmp_path / "val" / "1.png")
    with pytest.raises(FileNotFoundError, match="the end '1.png' is there") as exc:
        read(tmp_path)
    assert "images=..." not in str(exc.value)


def test_duplicates_is_one_of_two_words(tmp_path):
    with pytest.raises(ValueError, match="duplicates must be 'raise' or 'merge'"):
        load_coco(tmp_path, duplicates="keep")


@pytest.mark.parametrize("name", ["C:\\me\\val\\{}", "/home/me/val/{}"])
def test_load_coco_tells_the_end_of_a_path_of_another_machine(tmp_path, name):
    # The pictures lie in the last of the folders that are looked through.
    write(tmp_path, [{"id": 1, "file_name": "a.jpg"}], [(1, 3)])
    (tmp_path / "val").rename(tmp_path / "pictures")
    path = tmp_path / "annotations" / "instances_val.json"
    given = name.format("a.jpg").replace("val", "pictures")
    path.write_text(path.read_text().replace('"a.jpg"', json.dumps(given)))
    with pytest.raises(FileNotFoundError, match="the end 'pictures/a.jpg' is there"):
        load_coco(tmp_path, captions=None)
    with pytest.raises(FileNotFoundError, match="the end 'a.jpg' is there"):
        load_coco(tmp_path, captions=None, images=tmp_path / "pictures")


def test_a_row_for_the_project_is_told_and_kept(tmp_path):
    # As Roboflow writes categories: the first is the project, of which all are kinds.
    names = {0: "pets-x1ab", 1: "cat", 2: "dog"}
    images = [{"id": 0, "file_name": "a_jpg.rf.0c1d.jpg"}]
    write(tmp_path, images, [(0, 1), (0, 2)], names)

    def add_kinds(content):
        for entry in content["categories"]:
            entry["supercategory"] = "pets-x1ab" if entry["id"] else "none"

    change(tmp_path, add_kinds)
    with pytest.warns(UserWarning, match="Got 'pets-x1ab', which is in none and sta"):
        found = load_coco(tmp_path, captions=None)
    assert found.target_names == ["pets-x1ab", "cat", "dog"]
    assert found.target.tolist() == [[0, 1, 1]]
    # Whoever has marked one means it; in another split will do.
    write(tmp_path, [{"id": 1, "file_name": "b.jpg"}], [(1, 0)], names, split="train")
    change(tmp_path, add_kinds, split="train")
    assert read(tmp_path).target.tolist() == [[1, 0, 0], [0, 1, 1]]


def test_a_category_that_is_its_own_kind_is_no_group(tmp_path):
    write(tmp_path, [{"id": 1, "file_name": "a.jpg"}], [(1, 7)])

    def add_kinds(content):  # as in COCO
        for entry in content["categories"]:
            entry["supercategory"] = entry["name"]

    change(tmp_path, add_kinds)
    assert read(tmp_path).target.tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("ids", "groups"),
    [
        ([2**63 + 1, 2**63 + 2], [2**63 + 1, 2**63 + 2]),
        # NumPy has these as floats, of which the first two are one.
        ([2**63 + 1, 2**63 + 2, 5], [0, 1, 2]),
        ([2**64, 2**64 + 1, 5], [0, 1, 2]),
        ([2**62 + 1, 2**62 + 2, -5], [2**62 + 1, 2**62 + 2, -5]),
    ],
)
def test_images_of_large_ids_are_groups_of_their_own(tmp_path, ids, groups):
    images = [{"id": id_, "file_name": f"{i}.jpg"} for i, id_ in enumerate(ids)]
    write(tmp_path, images, [(id_, 3) for id_ in ids])
    found = read(tmp_path)
    assert found.groups.tolist() == groups
    assert found.groups.dtype.kind in "iu"
