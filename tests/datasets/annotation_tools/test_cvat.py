from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_clip.datasets import load_cvat

DATA = Path(__file__).parent / "data" / "datumaro"
EXPORTS = ["cvat/train.xml", "datumaro/annotations/train.json"]
NAN = np.nan


def write(folder, images, meta="<task>{}</task>"):
    labels = "<labels><label><name>cat</name></label><label><name>dog</name></label>"
    path = folder / "annotations.xml"
    path.write_text(
        "<annotations>\n<version>1.1</version>\n<meta>"
        f"{meta.format(labels + '</labels>')}</meta>\n{images}\n</annotations>"
    )
    return path


@pytest.mark.parametrize("name", EXPORTS)
def test_load_cvat_reads_what_datumaro_writes(name):
    found = load_cvat(DATA / name, None)
    assert found.target_names == ["cat", "dog", "tree"]
    assert [Path(id_).with_suffix("").as_posix() for id_ in found.ids] == [
        "a",
        "sub/b",
        "none",
        "boxed",
    ]
    assert_array_equal(found.target, [[1, 1, 0], [0, 0, 1], [0] * 3, [0] * 3])
    found = load_cvat(DATA / name, None, unlabelled="unknown", shapes="include")
    assert_array_equal(found.target[2:], [[NAN] * 3, [0, 1, 0]])
    assert len(load_cvat(DATA / name, None, unlabelled="drop").target) == 2


@pytest.mark.parametrize(
    "meta",
    [
        "<task><name>x</name>{}</task>",
        "<project>{}<tasks><task><name>x</name></task></tasks></project>",
        "<job><id>3</id>{}</job>",
    ],
)
def test_load_cvat_reads_every_header(tmp_path, meta):
    path = write(
        tmp_path, '<image id="0" name="a.jpg"><tag label="dog"/></image>', meta
    )
    found = load_cvat(path, None)
    assert found.target_names == ["cat", "dog"]
    assert found.target.tolist() == [[0, 1]]


def test_load_cvat_keeps_attributes_as_texts_and_tags_once(tmp_path):
    tag = '<tag label="cat"><attribute name="age">007</attribute></tag>'
    path = write(
        tmp_path, f'<image id="0" name="a.jpg">{tag}<tag label="cat"/></image>'
    )
    found = load_cvat(path, None)
    assert found.target.tolist() == [[1, 0]]
    assert found.attributes == [{"cat": {"age": "007"}}]


def test_load_cvat_keeps_subsets_and_folders(tmp_path):
    for name in ("train/x/a.jpg", "val/x/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    images = "".join(
        f'<image id="{i}" name="x/a.jpg" subset="{subset}"><tag label="{tag}"/></image>'
        for i, (subset, tag) in enumerate([("train", "cat"), ("val", "dog")])
    )
    path = write(tmp_path, images)
    found = load_cvat(path, tmp_path)
    assert found.split.tolist() == ["train", "val"]
    assert found.data[1, 0] == str(tmp_path / "val" / "x" / "a.jpg")
    assert load_cvat(path, None).ids.tolist() == ["x/a.jpg", "x/a.jpg"]


def test_load_cvat_a_picture_twice_is_what_is_asked(tmp_path):
    images = "".join(
        f'<image id="0" name="a.jpg"><tag label="{tag}"/></image>\n'
        for tag in ("cat", "dog")
    )
    path = write(tmp_path, images)
    with pytest.raises(ValueError, match=r"line 4.*line 5"):
        load_cvat(path, None)
    assert load_cvat(path, None, duplicates="merge").target.tolist() == [[1, 1]]


def test_load_cvat_finds_pictures(tmp_path):
    path = write(tmp_path, '<image name="a.jpg"/><image name="b.jpg"/>')
    (tmp_path / "a.jpg").touch()
    with pytest.raises(FileNotFoundError, match=r"'b\.jpg' \(annotations.xml, line 4"):
        load_cvat(path, tmp_path)
    found = load_cvat(path, tmp_path, missing_files="keep")
    assert found.target.shape == (2, 2)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ('<image name="a.jpg"><tag label="kat"/></image>', r"'kat' \(.*line 4"),
        ('<image name="a.jpg"><tag/></image>', r"must have a label.*line 4"),
        ("<image/>", r"must have a name.*line 4"),
        ('<track id="0" label="cat"/>', r"for images 1\.1.*line 4"),
        ("<image", r"whole XML"),
        ("", r"must have images"),
    ],
)
def test_load_cvat_names_the_line(tmp_path, content, match):
    with pytest.raises(ValueError, match=match):
        load_cvat(write(tmp_path, content), None)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotations/>", "DOCTYPE"),
        ("<annotation/>", "load_voc"),
        ('{"images": []}', "load_coco"),
        ("[]", "Datumaro format"),
        ("{", "must be a JSON file"),
        (
            '{"categories": {"label": {"labels": [{"name": "a"}]}}, "items": '
            '[{"id": "b", "annotations": [{"type": "label", "label_id": 1}]}]}',
            r"1 \(.*item 0",
        ),
    ],
)
def test_load_cvat_refuses_other_files(tmp_path, content, match):
    path = tmp_path / "export"
    path.write_text(content)
    with pytest.raises(ValueError, match=match):
        load_cvat(path, None)
