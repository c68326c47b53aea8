"""What every reader of labels does alike: classes, other labels, unknown rows."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from sklearn_clip.datasets import (
    load_csv_tags,
    load_cvat,
    load_label_studio,
    load_open_images,
    load_photo_keywords,
    load_voc,
    write_photo_keywords,
)

# Of three pictures: the labels that are present.
TAGS = [["cat", "dog"], ["dog"], ["cat"]]
NAMES = ["0.jpg", "1.jpg", "2.jpg"]


def write_csv(folder):
    path = folder / "tags.csv"
    lines = [f"{name},{' '.join(tags)}" for name, tags in zip(NAMES, TAGS, strict=True)]
    path.write_text("image,labels\n" + "\n".join(lines))
    return load_csv_tags, (path, folder)


def write_pairs(folder):
    path = folder / "labels.csv"
    lines = [
        f"{number},{tag},{int(tag in tags)}"
        for number, tags in enumerate(TAGS)
        for tag in ("cat", "dog")
    ]
    path.write_text("ImageID,LabelName,Confidence\n" + "\n".join(lines))
    return load_open_images, (path, folder)


def write_cvat(folder):
    path = folder / "annotations.xml"
    images = [
        f'<image id="{number}" name="{name}">'
        + "".join(f'<tag label="{tag}"/>' for tag in tags)
        + "</image>"
        for number, (name, tags) in enumerate(zip(NAMES, TAGS, strict=True))
    ]
    labels = "<label><name>cat</name></label><label><name>dog</name></label>"
    path.write_text(
        f"<annotations><meta><task><labels>{labels}</labels></task></meta>"
        f"{''.join(images)}</annotations>"
    )
    return load_cvat, (path, folder)


def write_label_studio(folder):
    path = folder / "export.json"
    tasks = [
        {
            "id": number,
            "data": {"image": name},
            "annotations": [
                {
                    "completed_by": 1,
                    "result": [
                        {
                            "from_name": "tags",
                            "to_name": "img",
                            "type": "choices",
                            "value": {"choices": tags},
                        }
                    ],
                }
            ],
        }
        for number, (name, tags) in enumerate(zip(NAMES, TAGS, strict=True))
    ]
    path.write_text(json.dumps(tasks))
    return load_label_studio, (path, folder)


def write_keywords(folder):
    write_photo_keywords(folder, NAMES, TAGS)
    return load_photo_keywords, (folder,)


def write_voc(folder):
    for name, tags in zip(NAMES, TAGS, strict=True):
        objects = "".join(f"<object><name>{tag}</name></object>" for tag in tags)
        path = (folder / name).with_suffix(".xml")
        path.write_text(f"<annotation>{objects}</annotation>")
    return load_voc, (folder,)


READERS = [
    write_csv,
    write_pairs,
    write_cvat,
    write_label_studio,
    write_keywords,
    write_voc,
]


@pytest.fixture(params=READERS, ids=lambda write: write.__name__.removeprefix("write_"))
def load(request, tmp_path):
    for number, name in enumerate(NAMES):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / name)
    reader, given = request.param(tmp_path)
    return lambda **more: reader(*given, **more)


def test_classes_give_the_columns_and_their_order(load):
    found = load(classes=["dog", "cat"])
    assert found.target_names == ["dog", "cat"]
    assert_array_equal(found.target, [[1, 1], [1, 0], [0, 1]])
    assert_array_equal(load(classes=iter(["dog", "cat"])).target, found.target)
    assert load(classes=["cow", "dog", "cat"]).target.shape == (3, 3)


def test_labels_that_are_not_listed_are_refused_or_left_out(load):
    with pytest.raises(ValueError, match="among classes. Got 'dog'.*other_labels="):
        load(classes=["cat"])
    found = load(classes=["cat"], other_labels="ignore")
    # The second has been looked at, whatever was seen there.
    assert_array_equal(found.target, [[1], [0], [1]])


@pytest.mark.parametrize("unlabelled", ["keep", "drop"])
def test_a_row_of_other_labels_is_no_row_without_labels(load, unlabelled):
    found = load(classes=["cat"], other_labels="ignore", unlabelled=unlabelled)
    assert_array_equal(found.target, [[1], [0], [1]])
    assert not np.isnan(found.target).any()


def test_a_label_left_out_that_differs_in_case_from_one_that_is_not_is_told(load):
    said = "left out .* in case or width alone .* Got 'dog' beside 'Dog'"
    with pytest.warns(UserWarning, match=said):
        found = load(classes=["cat", "Dog"], other_labels="ignore")
    assert_array_equal(found.target[:, 0], [1, 0, 1])
    assert not (found.target[:, 1] == 1).any()


def test_classes_of_which_none_occurs_are_a_slip(load):
    with pytest.raises(ValueError, match="among classes. Got none, but such as '"):
        load(classes=["Cat"], other_labels="ignore")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"classes": "cat"}, TypeError, "classes must be a list of texts. Got 'cat'"),
        ({"classes": 3}, TypeError, "classes must be a list of texts. Got 3"),
        ({"classes": []}, ValueError, "classes must name a label"),
        ({"classes": ["cat", " "]}, ValueError, "classes must not be blank"),
        ({"classes": ["cat", "cat"]}, ValueError, "classes must be distinct"),
        ({"other_labels": "drop"}, ValueError, "other_labels must be .*'drop'"),
        ({"unlabelled": "absent"}, ValueError, "unlabelled must be .*'absent'"),
        ({"missing_files": None}, ValueError, "missing_files must be .*None"),
    ],
)
def test_parameters_are_checked_alike(load, given, error, words):
    with pytest.raises(error, match=words):
        load(**given)


def test_a_set_of_classes_is_sorted(load):
    # Texts in a set have another order in every process.
    names = ["cat", "dog", *(f"other {letter}" for letter in "uvwxyz")]
    bunch = load(classes=set(names))
    assert list(bunch.target_names) == names
    assert_array_equal(bunch.target, load(classes=names).target)
