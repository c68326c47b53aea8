import re
from pathlib import Path

import numpy as np
import pytest

from sklearn_clip.datasets import load_folders, load_voc

NAN = np.nan
OBJECT = "<object><name>{}</name><difficult>{}</difficult></object>\n"


def write_xml(root, name, *objects):
    folder = root / "Annotations"
    folder.mkdir(exist_ok=True)
    body = "".join(OBJECT.format(*each) for each in objects)
    text = f"<annotation>\n<filename>{name}.jpg</filename>\n{body}</annotation>\n"
    (folder / f"{name}.xml").write_text(text)


@pytest.fixture
def root(tmp_path):
    write_xml(tmp_path, "000001", ("cat", 0), ("cat", 1), ("dog", 1))
    write_xml(tmp_path, "000002")
    write_xml(tmp_path, "000003", ("dog", 0))
    (tmp_path / "JPEGImages").mkdir()
    for i in range(1, 5):
        (tmp_path / "JPEGImages" / f"00000{i}.jpg").touch()
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("000001\n000003\n000004\n")
    (lists / "cat_train.txt").write_text("000001  1\n000003 -1\n")
    (lists / "dog_train.txt").write_text("000001  0\n000003  1\n")
    return tmp_path


def test_load_voc_reads_objects(root):
    found = load_voc(root)
    assert found.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.target, [[1, NAN], [0, 0], [0, 1]])
    assert found.ids.tolist() == ["000001", "000002", "000003"]
    assert load_voc(root, difficult="present").target.tolist() == [
        [1, 1],
        [0, 0],
        [0, 1],
    ]


def test_load_voc_empty_files_are_what_is_asked(root):
    assert len(load_voc(root, unlabelled="drop").target) == 2
    unknown = load_voc(root, unlabelled="unknown").target
    assert np.isnan(unknown[1]).all()


@pytest.mark.parametrize("labels", ["objects", "lists"])
def test_load_voc_a_picture_without_marks_is_unknown(root, labels):
    found = load_voc(root, split="train", labels=labels)
    np.testing.assert_array_equal(found.target, [[1, NAN], [0, 1], [NAN, NAN]])


def test_load_voc_zero_of_a_list_is_not_absent(root):
    found = load_voc(root, split="train", labels="lists", difficult="present")
    np.testing.assert_array_equal(found.target, [[1, 1], [0, 1], [NAN, NAN]])


def test_load_voc_reads_files_beside_the_pictures(root, tmp_path):
    folder = tmp_path / "JPEGImages"
    for path in (tmp_path / "Annotations").glob("*.xml"):
        path.rename(folder / path.name)
    assert load_voc(folder).target_names == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("<annotation>\n<object>", r"whole XML.*\(000001.xml, line 2\)"),
        ("<coco/>", r"begin with <annotation>. Got <coco> \(000001.xml, line 1\)"),
        ("<annotation>\n<object/></annotation>", r"have a name.*000001.xml, line 2\)"),
        (
            "<annotation>" + OBJECT.format("cat", "maybe") + "</annotation>",
            r"Got 'maybe' of 'cat' \(000001.xml, line 1\)",
        ),
        ('<!DOCTYPE a [<!ENTITY b "c">]>\n<annotation/>', r"no DOCTYPE.*000001.xml"),
    ],
)
def test_load_voc_names_the_line_of_a_bad_file(root, text, match):
    (root / "Annotations" / "000001.xml").write_text(text)
    with pytest.raises(ValueError, match=match):
        load_voc(root)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("000001 2", r"Got '000001 2' \(cat_train.txt, line 1\)"),
        ("000001", r"Got '000001' \(cat_train.txt, line 1\)"),
        ("000009 1", r"stand in train.txt. Got '000009' \(cat_train.txt, line 1\)"),
        ("000001 1\n000001 1", r"'000001' again \(cat_train.txt, line 2\)"),
    ],
)
def test_load_voc_names_the_line_of_a_bad_list(root, line, match):
    (root / "ImageSets" / "Main" / "cat_train.txt").write_text(line)
    with pytest.raises(ValueError, match=match):
        load_voc(root, split="train", labels="lists")


def test_load_voc_refuses_what_is_not_there(root):
    with pytest.raises(FileNotFoundError, match="which has 'cat_train', 'dog_train'"):
        load_voc(root, split="val")
    with pytest.raises(ValueError, match="is it the list of a class"):
        load_voc(root, split="cat_train")
    with pytest.raises(ValueError, match="needs the name of a list"):
        load_voc(root, labels="lists")
    with pytest.raises(ValueError, match=r"classes. Got 'dog' \(000001.xml, line 5\)"):
        load_voc(root, classes=["cat"])
    (root / "JPEGImages" / "000001.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"JPEGImages.000001' \(000001.xml\)"):
        load_voc(root)
    with pytest.warns(UserWarning, match="1 of 3 images was not found"):
        assert len(load_voc(root, missing_files="drop").target) == 2
    assert len(load_voc(root, missing_files="keep").target) == 3


def test_load_voc_reads_folders_below_with_pictures_of_equal_names(tmp_path):
    for folder, label in (("x", "cat"), ("y", "dog")):
        for place in ("Annotations", "JPEGImages"):
            (tmp_path / place / folder).mkdir(parents=True)
        write_xml(tmp_path, f"{folder}/a", (label, 0))
        (tmp_path / "JPEGImages" / folder / "a.jpg").touch()
    (tmp_path / "Annotations" / "x" / "a.xml").rename(
        tmp_path / "Annotations" / "x" / "a.XML"
    )
    found = load_voc(tmp_path)
    assert found.ids.tolist() == ["x/a", "y/a"]
    assert found.target.tolist() == [[1, 0], [0, 1]]
    assert [Path(path).parent.name for path in found.data[:, 0]] == ["x", "y"]
    write_xml(tmp_path, "x/a")
    with pytest.raises(ValueError, match="'x/a.XML and x/a.xml'"):
        load_voc(tmp_path)


def test_load_voc_takes_the_picture_that_the_file_names(root):
    (root / "JPEGImages" / "000001.png").touch()
    assert Path(load_voc(root).data[0, 0]).name == "000001.jpg"
    path = root / "Annotations" / "000001.xml"
    path.write_text(path.read_text().replace("<filename>000001.jpg</filename>", ""))
    match = r"000001.jpg or 000001.png \(000001.xml\)"
    with pytest.raises(ValueError, match=match):
        load_voc(root)
    (root / "JPEGImages" / "000003.jpg").rename(root / "JPEGImages" / "other.jpg")
    path.unlink()
    path = root / "Annotations" / "000003.xml"
    path.write_text(path.read_text().replace("000003.jpg", "other.jpg"))
    assert Path(load_voc(root).data[-1, 0]).name == "other.jpg"


XML = '<?xml version="1.0" encoding="{}"?><annotation>{}</annotation>'
KÄSE = OBJECT.format("Käse", 0)


@pytest.mark.parametrize(
    "content",
    [
        XML.format("utf-16", KÄSE).encode("utf-16"),
        b"\xef\xbb\xbf" + XML.format("utf-8", KÄSE).encode(),
        XML.format("iso-8859-1", KÄSE).encode("latin-1"),
        XML.format("utf-8", KÄSE.replace("ä", "&#228;")).encode(),
        XML.format("utf-8", KÄSE.replace("Käse", "<![CDATA[Käse]]>")).encode(),
        f'<annotation xmlns="urn:x">{KÄSE}</annotation>'.encode(),
        f'<v:annotation xmlns:v="urn:x">{KÄSE}</v:annotation>'.replace(
            "name>", "v:name>"
        )
        .replace("object>", "v:object>")
        .encode(),
        ("<annotation>" + "<a>" * 20_000 + "</a>" * 20_000 + KÄSE).encode()
        + b"</annotation>",
        f"<annotation>\r\n{KÄSE}\r\n</annotation>\r\n".encode(),
    ],
)
def test_load_voc_reads_xml_of_every_kind(tmp_path, content):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "a.xml").write_bytes(content)
    assert load_voc(tmp_path).target_names == ["Käse"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"whole XML.*a.xml"),
        (XML.format("gbk", KÄSE).encode("utf-8"), r"be in UTF-8.*a.xml"),
        (XML.format("no-such", KÄSE).encode(), r"a.xml"),
        (b"<annotation>&foo;</annotation>", r"undefined entity.*a.xml, line 1"),
        (b"<annotation>\n\xff</annotation>", r"invalid token.*a.xml, line 2"),
    ],
)
def test_load_voc_names_xml_that_is_none(tmp_path, content, match):
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        load_voc(tmp_path)


@pytest.mark.parametrize(
    ("classes", "error", "match"),
    [
        (["cat", "Cat ", "cat"], ValueError, "distinct. Got 'cat' twice"),
        ([], ValueError, "must name a label"),
        ("cat", TypeError, "a list of texts"),
        ([" "], ValueError, "must not be blank"),
    ],
)
@pytest.mark.parametrize("load", [load_voc, load_folders])
def test_classes_must_be_distinct_names(root, load, classes, error, match):
    with pytest.raises(error, match=match):
        load(root, classes=classes)


def test_load_voc_refuses_a_class_without_a_list(root):
    parameters = {"split": "train", "labels": "lists"}
    assert load_voc(root, classes=["dog"], **parameters).target_names == ["dog"]
    with pytest.raises(ValueError, match=r"Got 'catt', .*'catt_train.txt'"):
        load_voc(root, classes=["catt"], **parameters)


def test_load_voc_names_a_list_in_another_encoding(root):
    path = root / "ImageSets" / "Main" / "train.txt"
    path.write_bytes("000001\nKäse\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"in UTF-8. Got .*\(train.txt, line 2\)"):
        load_voc(root, split="train")


def test_load_voc_refuses_two_files_for_a_picture(root):
    file = root / "Annotations" / "000003.xml"
    (root / "Annotations" / "copy.xml").write_text(file.read_text())
    with pytest.raises(ValueError, match="one file of labels. Got '000003' and 'copy'"):
        load_voc(root)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("C:\\me\\set\\JPEGImages\\picture.jpg", "picture.jpg"),
        ("/home/me/set/JPEGImages/picture.jpg", "picture.jpg"),
        ("\\\\server\\set\\below\\picture.jpg", "below/picture.jpg"),
    ],
)
def test_load_voc_says_what_is_wrong_with_the_name_in_a_file(tmp_path, name, end):
    write_xml(tmp_path, "0", ("cat", 0))
    path = tmp_path / "Annotations" / "0.xml"
    path.write_text(path.read_text().replace("0.jpg", name))
    picture = tmp_path / "JPEGImages" / end
    picture.parent.mkdir(parents=True)
    picture.touch()
    match = (
        rf"Got none of 1: '.*0' or {re.escape(repr(name))} \(0.xml\).*the end '{end}'"
    )
    with pytest.raises(FileNotFoundError, match=match):
        load_voc(tmp_path)
    path.write_text(path.read_text().replace(name, end.replace("/", "\\")))
    assert load_voc(tmp_path).data[:, 0].tolist() == [str(picture)]


def test_load_voc_names_the_file_of_an_address(tmp_path):
    write_xml(tmp_path, "0", ("cat", 0))
    path = tmp_path / "Annotations" / "0.xml"
    path.write_text(path.read_text().replace("0.jpg", "https://host/0.jpg"))
    with pytest.raises(ValueError, match=r"name of a file.*\(0.xml\)"):
        load_voc(tmp_path)


def test_load_voc_refuses_an_object_of_two_names(root):
    path = root / "Annotations" / "000003.xml"
    path.write_text(path.read_text().replace("</name>", "</name><name>cat</name>"))
    with pytest.raises(ValueError, match=r"one name. Got 'dog' and 'cat' \(000003.xml"):
        load_voc(root)


def test_load_voc_leaves_out_what_labelme_marks_as_deleted(tmp_path):
    # As LabelMe writes objects; so does CVAT, of which none is deleted.
    objects = "".join(
        f"<object><name>{name}</name><deleted>{deleted}</deleted><verified>0</verified>"
        "<occluded>no</occluded><attributes></attributes><parts><hasparts></hasparts>"
        f"<ispartof></ispartof></parts><id>{i}</id><type>bounding_box</type></object>"
        for i, (name, deleted) in enumerate([("cat", 0), ("dog", 1), ("cat", 1)])
    )
    for name, content in (("a", objects), ("b", objects.replace("cat", "dog"))):
        (tmp_path / f"{name}.jpg").touch()
        (tmp_path / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><folder>users/x</folder>"
            f"{content}</annotation>"
        )
    found = load_voc(tmp_path)
    assert found.target_names == ["cat", "dog"]
    assert found.target.tolist() == [[1, 0], [0, 1]]


def test_load_folders_tells_of_splits(tmp_path):
    for i, name in enumerate(["train/cat/a.jpg", "train/dog/b.jpg", "Val/cat/c.jpg"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(i))
    with pytest.warns(UserWarning, match="Got 'Val', 'train' in .*Load each of these"):
        found = load_folders(tmp_path)
    assert found.target_names == ["Val/cat", "train/cat", "train/dog"]
    assert load_folders(tmp_path / "train").target_names == ["cat", "dog"]
