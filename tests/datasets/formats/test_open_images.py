import numpy as np
import pandas as pd
import pytest

from sklearn_clip.datasets import load_open_images

# The header of the published files of image-level labels.
LABELS = """ImageID,Source,LabelName,Confidence
000a,verification,/m/cat,1
000a,verification,/m/dog,0
000b,crowdsource-verification,/m/dog,1
000b,machine,/m/cat,0.7
000c,machine,/m/tree,0.4
"""
# That of boxes, from version 4 on.
BOXES = """ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,\
IsTruncated,IsGroupOf,IsDepiction,IsInside
000a,xclick,/m/cat,1,0.1,0.2,0.3,0.4,0,0,0,0,0
000a,xclick,/m/cat,1,0.5,0.6,0.3,0.4,1,0,0,0,0
000b,xclick,/m/dog,1,0.5,0.6,0.3,0.4,0,0,1,0,0
"""
NAMES = "/m/cat,Cat\n/m/dog,Dog\n/m/tree,Tree\n"
NAN = np.nan


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in "abc":
        (folder / f"000{name}.jpg").touch()
    return folder


def write(images, text, name="labels.csv"):
    path = images.parent / name
    path.write_text(text, encoding="utf-8")
    return path


def test_load_open_images_tells_absent_from_unknown(images):
    path = write(images, LABELS)
    names = write(images, NAMES, "names.csv")
    found = load_open_images(path, images, descriptions=names, min_confidence=0.5)
    assert found.target_names == ["Cat", "Dog"]
    expected = [[1, 0], [1, 1], [NAN, NAN]]
    np.testing.assert_array_equal(found.target, expected)
    assert found.lines.tolist() == [2, 4, 6]
    found = load_open_images(
        path, images, min_confidence=0.5, unlabelled="drop", as_frame=True
    )
    np.testing.assert_array_equal(found.target.to_numpy(), expected[:2])
    assert found.frame.columns.tolist() == ["image", "text", "/m/cat", "/m/dog"]


def test_load_open_images_chooses_sources(images):
    path = write(images, LABELS)
    sources = ["verification", "crowdsource-verification"]
    found = load_open_images(path, images, sources=sources)
    np.testing.assert_array_equal(found.target, [[1, 0], [NAN, 1]])
    with pytest.raises(ValueError, match=r"Got \['Machine'\]\. Is 'machine' meant"):
        load_open_images(path, images, sources=["Machine"])
    with pytest.raises(TypeError, match="sources must be a list"):
        load_open_images(path, images, sources="machine")


def test_load_open_images_reads_boxes(images):
    found = load_open_images(write(images, BOXES), images)
    np.testing.assert_array_equal(found.target, [[1, NAN], [NAN, 1]])


def test_load_open_images_reads_a_frame(images):
    frame = pd.DataFrame(
        {"ImageID": ["000a", "000b"], "LabelName": ["x", "y"], "Confidence": [1.0, 0]}
    )
    found = load_open_images(frame, images)
    np.testing.assert_array_equal(found.target, [[1, NAN], [NAN, 0]])


def test_load_open_images_reads_descriptions_with_a_header(images):
    names = write(images, "LabelName,DisplayName\n" + NAMES, "names.csv")
    found = load_open_images(write(images, BOXES), images, descriptions=names)
    assert found.target_names == ["Cat", "Dog"]


def test_load_open_images_lines_may_disagree_where_asked(images):
    path = write(images, BOXES.replace("cat,1,0.5", "cat,0,0.5"))
    with pytest.raises(ValueError, match=r"'/m/cat' both .*line 2 and labels.csv.*3"):
        load_open_images(path, images)
    found = load_open_images(path, images, disagreement="unknown")
    np.testing.assert_array_equal(found.target, [[NAN, NAN], [NAN, 1]])


@pytest.mark.parametrize(
    ("text", "names", "match"),
    [
        (LABELS, None, r"Got '0.7' in the column 'Confidence' \(labels.csv, line 5\)"),
        (BOXES.replace("cat,1", "cat,2"), None, r"Got '2' .*line 2\)"),
        (BOXES.replace("Confidence", "Score"), None, "Got none called 'Confidence'"),
        (
            BOXES,
            "/m/cat,Cat\n",
            r"descriptions. Got '/m/dog' \(labels.csv, line 4\)",
        ),
        (BOXES, "/m/cat\n", r"id of a label and its name. Got '/m/cat' .*line 1\)"),
        (BOXES, NAMES + "/m/cat,Car\n", r"one name. Got 'Cat' and 'Car' .*line 4\)"),
    ],
)
def test_load_open_images_names_the_line(images, text, names, match):
    if names is not None:
        names = write(images, names, "names.csv")
    with pytest.raises(ValueError, match=match):
        load_open_images(write(images, text), images, descriptions=names)


def test_load_open_images_checks_choices_and_files(images):
    path = write(images, BOXES)
    with pytest.raises(ValueError, match="min_confidence must be in"):
        load_open_images(path, images, min_confidence=0)
    with pytest.raises(ValueError, match="Labels must be among classes. Got '/m/dog'"):
        load_open_images(path, images, classes=["/m/cat"])
    (images / "000b.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"'000b' \(line 4\)"):
        load_open_images(path, images)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_load_open_images_reads_descriptions_in_unicode(tmp_path, encoding):
    (tmp_path / "x.jpg").touch()
    table = tmp_path / "labels.csv"
    table.write_text("ImageID,LabelName,Confidence\r\nx,/m/1,1\r\n")
    names = tmp_path / "names.csv"
    names.write_bytes('/m/1,"Käse, alt"\r\n'.encode(encoding))
    found = load_open_images(table, tmp_path, descriptions=names)
    assert found.target_names == ["Käse, alt"]
    names.write_bytes("/m/2,Tee\n/m/1,Käse\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"in UTF-8.*\(names.csv, line 2\)"):
        load_open_images(table, tmp_path, descriptions=names)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (LABELS.replace(",", ";"), r"none called 'ImageID'.*stands ';': save it with"),
        (LABELS.replace(",", "\t"), r"Between its cells stands '\\t': save it"),
        (LABELS.replace("/m/dog", '"/m/dog" x', 1), "breaks off.*Mend the file"),
    ],
)
def test_load_open_images_advises_what_it_has(images, text, match):
    with pytest.raises(ValueError, match=match):
        load_open_images(write(images, text), images, min_confidence=0.5)


def test_load_open_images_names_its_own_parameter(images):
    with pytest.raises(TypeError, match="annotations must be a path.* Got int"):
        load_open_images(5, images)
    path = images.parent / "labels.csv"
    path.write_bytes(LABELS.replace("/m/cat", "/m/ch\xe4t").encode("latin-1"))
    with pytest.raises(ValueError, match=r"line 2\). Save the file as UTF-8"):
        load_open_images(path, images, min_confidence=0.5)


def test_load_open_images_refuses_descriptions_that_break_off(images):
    names = write(images, NAMES.replace("Dog", '"Dog'), "names.csv")
    with pytest.raises(ValueError, match=r"breaks off: .*\(names.csv, line 3\)"):
        load_open_images(write(images, LABELS), images, descriptions=names)


def test_load_open_images_names_the_lines_that_disagree_among_many(images):
    text = LABELS + "000a,verification,/m/tree,1\n000a,crowd,/m/dog,1\n"
    with pytest.raises(ValueError, match=r"'/m/dog' both .*\(line 3 and .*, line 8\)"):
        load_open_images(write(images, text), images, min_confidence=0.5)
