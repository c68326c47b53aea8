"""Labels that a machine gave: how sure it was decides what they are."""

import io
import json
import warnings

import numpy as np
import pytest

from sklearn_clip.datasets import (
    load_coco,
    load_csv_tags,
    load_open_images,
    load_yolo,
)

NAN = np.nan
# Two pictures: a has a sure dog, an unsure one and an unsure cat; b nothing but a cat.
EXPECTED = [[NAN, 1], [1, 0]]
ALL, NONE = [[1, 1], [1, 0]], [[NAN, NAN], [NAN, 0]]


@pytest.fixture
def pictures(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / f"{name}.jpg").touch()
    return tmp_path


@pytest.fixture
def yolo(pictures):
    texts = {
        "a": "1 .5 .5 .2 .2 0.91\n1 .1 .1 .1 .1 0.2\n0 .3 .3 .1 .1 0.25\n",
        "b": "0 .5 .5 .2 .2 .5\n",
    }
    (pictures / "labels").mkdir()
    for name, text in texts.items():
        (pictures / "labels" / f"{name}.txt").write_text(text)
    (pictures / "data.yaml").write_text("{train: images, names: [cat, dog]}")
    return pictures


def read_yolo(root, **parameters):
    return load_yolo(root / "data.yaml", **parameters)


@pytest.fixture
def coco(pictures):
    boxes = [(1, 2, 0.91), (1, 2, 0.2), (1, 1, 0.25), (2, 1, 0.5)]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 70 + i, "image_id": image, "category_id": category, "score": score}
            for i, (image, category, score) in enumerate(boxes)
        ],
    }
    (pictures / "annotations").mkdir()
    write_coco(pictures, content)
    return pictures


def coco_path(root):
    return root / "annotations" / "instances_val.json"


def write_coco(root, content):
    coco_path(root).write_text(json.dumps(content))


def read_coco(root, **parameters):
    return load_coco(root, captions=None, **parameters)


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_boxes_are_labels_from_a_confidence_on(request, form):
    root, read = request.getfixturevalue(form), {"yolo": read_yolo, "coco": read_coco}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for least, expected in ((0.5, EXPECTED), (0.251, EXPECTED), (0.25, ALL)):
            found = read[form](root, min_confidence=least)
            assert found.target_names == ["cat", "dog"]
            np.testing.assert_array_equal(found.target, expected)
        assert read[form](root, min_confidence=0).target.dtype == np.int64
    with pytest.warns(UserWarning, match=r"the confidence 0\.91 \(.*min_confidence=0"):
        np.testing.assert_array_equal(read[form](root).target, ALL)
    with pytest.warns(
        UserWarning, match=r"of min_confidence=1\. Got 0\.91 at most, in 4"
    ):
        np.testing.assert_array_equal(read[form](root, min_confidence=1).target, NONE)


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_boxes_that_are_all_sure_need_no_word(request, form):
    root = request.getfixturevalue(form)
    if form == "yolo":
        for text in (root / "labels").iterdir():
            lines = [line.split()[:5] for line in text.read_text().splitlines()]
            text.write_text("\n".join(" ".join([*line, "1"]) for line in lines))
    else:
        content = json.loads(coco_path(root).read_text())
        for box in content["annotations"]:
            box["score"] = 1.0
        write_coco(root, content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {"yolo": read_yolo, "coco": read_coco}[form](root).target.tolist() == ALL


def test_numbers_beyond_one_are_no_confidences(yolo):
    """A tracker writes the number of the track there."""
    text = yolo / "labels" / "a.txt"
    text.write_text("1 .5 .5 .2 .2 17\n0 .1 .1 .1 .1 3\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_yolo(yolo).target.tolist() == ALL
    with pytest.raises(
        ValueError, match=r"Got 17 \(a\.txt, line 1\).*min_confidence=N"
    ):
        read_yolo(yolo, min_confidence=0.5)


def test_outlines_and_poses_have_no_confidence(yolo):
    (yolo / "labels" / "a.txt").write_text(
        "1 .5 .5 .2 .2 .3 .3\n0 .5 .5 .2 .2 .1 .1 2\n"
    )
    (yolo / "labels" / "b.txt").write_text("0 .5 .5 .2 .2\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_yolo(yolo, min_confidence=0.9).target.tolist() == ALL


def test_load_yolo_picture_of_unsure_boxes_is_not_an_empty_one(yolo):
    (yolo / "labels" / "b.txt").write_text("0 .5 .5 .2 .2 .1\n")
    for unlabelled in ("keep", "drop", "unknown"):
        found = read_yolo(yolo, min_confidence=0.5, unlabelled=unlabelled)
        np.testing.assert_array_equal(found.target, [[NAN, 1], [NAN, 0]])


def test_load_coco_keeps_unsure_objects_of_a_file_apart(coco):
    """Those with a score stand beside tags without, and in two images of a file."""
    content = json.loads(coco_path(coco).read_text())
    tags = content | {"annotations": [{"id": 1, "image_id": 1, "category_id": 1}]}
    path = coco / "annotations" / "labels_val.json"
    path.write_text(json.dumps(tags))
    found = read_coco(coco, min_confidence=0.9)
    np.testing.assert_array_equal(found.target, [[1, 1], [NAN, 0]])
    assert len(read_coco(coco, min_confidence=0.9, unlabelled="drop").target) == 2
    tags["annotations"][0]["score"] = 0.1
    path.write_text(json.dumps(tags))
    found = read_coco(coco, min_confidence=0.9)
    np.testing.assert_array_equal(found.target, [[NAN, 1], [NAN, 0]])
    path.unlink()
    content["images"].append({"id": 3, "file_name": "b.jpg"})
    content["annotations"].append({"image_id": 3, "category_id": 2, "score": 0.4})
    write_coco(coco, content)
    found = read_coco(coco, min_confidence=0.5, duplicates="merge")
    np.testing.assert_array_equal(found.target, [[NAN, 1], [1, NAN]])


def test_load_coco_unsure_objects_leave_what_people_saw_absent(coco):
    content = json.loads(coco_path(coco).read_text())
    for image in content["images"]:
        image["neg_category_ids"] = [2] if image["id"] == 2 else []
    content["annotations"].append({"image_id": 2, "category_id": 2, "score": 0.3})
    write_coco(coco, content)
    with pytest.raises(ValueError, match="'dog', which has objects"):
        read_coco(coco, min_confidence=0.1)
    found = read_coco(coco, min_confidence=0.5)
    np.testing.assert_array_equal(found.target, [[NAN, 1], [1, 0]])


PAIRS = "image,label,{}\na,dog,0.91\na,dog,0.2\na,cat,0.25\nb,cat,0.5\nb,dog,0\n"


def load_pairs(root, name, table=PAIRS, **parameters):
    text = io.StringIO(table.format(name))
    return load_csv_tags(
        text, root / "images", layout="pairs", labels="label", **parameters
    )


def test_load_csv_tags_lines_are_labels_from_a_confidence_on(pictures):
    """A label that the machine did not name is absent, as without the column."""
    lines = PAIRS.replace("b,dog,0\n", "")
    for least, expected in ((0.5, EXPECTED), (0.25, ALL), (0.9, [[1], [0]])):
        found = load_pairs(pictures, "p", lines, confidence="p", min_confidence=least)
        np.testing.assert_array_equal(found.target, expected)
    named = {"classes": ["cat", "dog"], "confidence": "p", "min_confidence": 0.9}
    found = load_pairs(pictures, "p", lines, **named)
    np.testing.assert_array_equal(found.target, [[NAN, 1], [NAN, 0]])
    for unlabelled in ("drop", "unknown"):
        found = load_pairs(pictures, "p", lines, unlabelled=unlabelled, **named)
        np.testing.assert_array_equal(found.target, [[NAN, 1], [NAN, 0]])
    with pytest.raises(
        ValueError, match="must have labels of min_confidence. Got none"
    ):
        load_pairs(pictures, "p", lines, confidence="p", min_confidence=0.95)


def test_load_csv_tags_unsure_labels_are_one_however_they_are_spelled(pictures):
    lines = "image,label,p\na,caf\u00e9,0.9\na,dog,0.9\nb,cafe\u0301,0.2\n"
    found = load_pairs(pictures, "", lines, confidence="p", min_confidence=0.5)
    np.testing.assert_array_equal(found.target, [[1, 1], [NAN, 0]])


def test_load_csv_tags_is_unsure_of_all_above_an_unsure_label(pictures):
    lines = "image,label,p\na,pet/dog,0.9\na,pet/cat,0.2\nb,pet/dog,0.1\n"
    found = load_pairs(
        pictures, "", lines, confidence="p", min_confidence=0.5, hierarchy="/"
    )
    assert found.target_names == ["pet", "pet/dog"]
    np.testing.assert_array_equal(found.target, [[1, 1], [NAN, NAN]])


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        ("", r"in \[0, 1\]\. Got '' in the column 'p' .*line 2\)\.$"),
        ("sure", r"Got 'sure'"),
        ("-0.1", r"Got '-0\.1'"),
        ("91", r"Got '91' .*Divide percentages by 100"),
    ],
)
def test_load_csv_tags_names_a_confidence_that_is_none(pictures, cell, match):
    with pytest.raises(ValueError, match=match):
        load_pairs(
            pictures,
            "p",
            PAIRS.replace("0.91", cell),
            confidence="p",
            min_confidence=0.5,
        )


def test_load_csv_tags_values_are_labels_from_a_confidence_on(pictures):
    """A label that nobody looked for is unknown, as with other values."""
    for least, expected in ((0.5, EXPECTED), (0.25, ALL)):
        found = load_pairs(pictures, "p", value="p", min_confidence=least)
        np.testing.assert_array_equal(found.target, expected)
    with pytest.raises(ValueError, match=r"Got '0\.91'.*min_confidence=0\.5 makes"):
        load_pairs(pictures, "p", value="p")
    percent = PAIRS.replace("0.91", "91")
    with pytest.raises(ValueError, match=r"Got '91'.*percentages are divided by 100"):
        load_pairs(pictures, "p", percent, value="p", min_confidence=0.5)


@pytest.mark.parametrize("name", ["Confidence", "score", "prob", "Label Confidence"])
def test_load_csv_tags_refuses_confidences_nobody_reads(pictures, name):
    table = PAIRS.replace("b,dog,0\n", "")
    match = (
        rf"Got '0\.91' in the column '{name}' .*line 2\).*confidence='{name}'.*min_c"
    )
    with pytest.raises(ValueError, match=match):
        load_pairs(pictures, name, table)
    found = load_pairs(pictures, name, table, confidence=name, min_confidence=0.5)
    np.testing.assert_array_equal(found.target, EXPECTED)


def test_load_csv_tags_looks_at_the_columns_beside_a_confidence(pictures):
    """Guesses that somebody has checked since; those of a second model are no harm."""
    lines = "image,label,score,{}\na,dog,0.91,{}\na,cat,0.8,{}\nb,cat,0.5,{}\n"
    cut = {"confidence": "score", "min_confidence": 0.5}
    with pytest.raises(ValueError, match=r"Got '0' in the column 'verified'"):
        load_pairs(pictures, "", lines.format("verified", 1, 0, 1), **cut)
    with pytest.warns(UserWarning, match="column 'checked' .* is yes and no"):
        load_pairs(pictures, "", lines.format("checked", 1, 0, 1), **cut)
    found = load_pairs(pictures, "", lines.format("probability", 0.7, 0.1, 0.2), **cut)
    assert found.target.tolist() == ALL


def test_load_csv_tags_reads_past_numbers_that_are_no_confidences(pictures):
    for name, values in (
        ("confidence", ("1", "1.0", "1", "1")),
        ("confidence", ("high", "0.2", "low", "low")),
        ("confidence", ("5", "3", "1", "4")),  # of people, on a scale
        ("score", ("7", "8.5", "3", "1")),
        ("weight", ("0.5", "0.2", "0.1", "0.3")),
    ):
        lines = zip(("a,dog", "a,dog", "a,cat", "b,cat"), values, strict=True)
        table = f"image,label,{name}\n" + "".join(f"{a},{b}\n" for a, b in lines)
        assert load_pairs(pictures, name, table).target.tolist() == ALL
    percent = "image,label,Confidence\na,dog,98.2\na,cat,55\nb,cat,100\n"
    with pytest.raises(ValueError, match=r"'98\.2'.*once percentages are divided"):
        load_pairs(pictures, "", percent)


def test_load_csv_tags_columns_are_labels_from_a_confidence_on(pictures):
    table = "image,cat,dog\na,0.25,0.91\nb,0.5,0\n"
    folder = pictures / "images"
    found = load_csv_tags(
        io.StringIO(table), folder, layout="columns", min_confidence=0.5
    )
    np.testing.assert_array_equal(found.target, EXPECTED)
    with pytest.raises(ValueError, match=r"Got '0\.25'.*min_confidence=0\.5 makes"):
        load_csv_tags(io.StringIO(table), folder, layout="columns")


def test_load_open_images_takes_all_that_a_machine_said(pictures):
    table = pictures / "labels.csv"
    table.write_text(
        "ImageID,LabelName,Confidence\na,dog,0.91\na,cat,0.25\nb,cat,0.5\nb,dog,0\n"
    )
    for least, expected in ((0.5, EXPECTED), (1e-9, ALL), (1, [[NAN], [0]])):
        found = load_open_images(table, pictures / "images", min_confidence=least)
        np.testing.assert_array_equal(found.target, expected)


@pytest.mark.parametrize("value", [-0.1, 1.5, NAN, "0.5", True, False, [0.5]])
def test_min_confidence_is_a_share(yolo, coco, value):
    for read in (
        lambda **given: read_yolo(yolo, **given),
        lambda **given: read_coco(coco, **given),
    ):
        with pytest.raises(ValueError, match=r"min_confidence must be in \[0, 1\]"):
            read(min_confidence=value)


@pytest.mark.parametrize("value", [0, -0.1, 1.5, NAN, "0.5", True])
def test_min_confidence_of_a_table_is_above_what_says_absent(pictures, value):
    for read in (
        lambda **given: load_pairs(pictures, "p", value="p", **given),
        lambda **given: load_open_images(pictures / "none.csv", pictures, **given),
    ):
        with pytest.raises(ValueError, match=r"min_confidence must be in \(0, 1\]"):
            read(min_confidence=value)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"min_confidence": 0.5}, "min_confidence is for .*layout='pairs'"),
        ({"confidence": "p"}, r"confidence='p' needs min_confidence.* 0\.5 is"),
        ({"confidence": "p", "value": "p", "min_confidence": 0.5}, "in the place of v"),
        ({"confidence": "q", "min_confidence": 0.5}, "confidence must name .*'q'"),
    ],
)
def test_load_csv_tags_asks_for_what_confidences_need(pictures, parameters, match):
    with pytest.raises(ValueError, match=match):
        load_pairs(pictures, "p", **parameters)
    with pytest.raises(ValueError, match="confidence is for layout='pairs'"):
        load_csv_tags(io.StringIO(PAIRS), pictures, confidence="p", min_confidence=0.5)
