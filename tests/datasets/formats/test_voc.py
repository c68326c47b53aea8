import numpy as np
import pytest

from sklearn_clip.datasets import load_voc

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
    with pytest.raises(ValueError, match=r"among classes. Got 'dog' \('000001'\)"):
        load_voc(root, classes=["cat"])
    (root / "JPEGImages" / "000001.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="'000001'"):
        load_voc(root)
    with pytest.warns(UserWarning, match="1 of 3 images was not found"):
        assert len(load_voc(root, missing_files="drop").target) == 2
    assert len(load_voc(root, missing_files="keep").target) == 3
