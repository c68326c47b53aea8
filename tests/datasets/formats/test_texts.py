"""Files of labels in odd encodings, packed, broken off, or of another kind."""

import codecs
import gzip
import json
import weakref

import pytest
from numpy.testing import assert_array_equal

from sklearn_clip.datasets import load_coco, load_cvat, load_label_studio
from sklearn_clip.datasets.formats import _xml
from sklearn_clip.datasets.formats._xml import parse_xml

TASK = {
    "id": 1,
    "data": {"image": "a.jpg"},
    "annotations": [
        {
            "completed_by": 1,
            "result": [
                {"from_name": "x", "type": "choices", "value": {"choices": ["Fuß"]}}
            ],
        }
    ],
}
ITEM = {"id": "a", "annotations": [{"type": "label", "label_id": 0}]}
IMAGE = {"id": 1, "file_name": "a.jpg"}
OBJECT = {"id": 1, "image_id": 1, "category_id": 1}


def read_tasks(folder, content):
    path = folder / "tasks.json"
    path.write_bytes(content)
    return load_label_studio(path, folder)


def read_items(folder, content):
    path = folder / "items.json"
    path.write_bytes(content)
    return load_cvat(path, folder)


def read_objects(folder, content):
    path = folder / "annotations" / "instances_all.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return load_coco(folder, captions=None)


CASES = {
    "label studio": (read_tasks, [TASK]),
    "datumaro": (
        read_items,
        {"categories": {"label": {"labels": [{"name": "Fuß"}]}}, "items": [ITEM]},
    ),
    "coco": (
        read_objects,
        {
            "images": [IMAGE],
            "annotations": [OBJECT],
            "categories": [{"id": 1, "name": "Fuß"}],
        },
    ),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.jpg").touch()
    return tmp_path


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    read, content = request.param
    return read, json.dumps(content, ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_read_in_every_marked_encoding(folder, case, encoding):
    read, text = case
    found = read(folder, f"\n{text}\n".encode(encoding))
    assert found.target_names == ["Fuß"]
    assert_array_equal(found.target, [[1]])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: text.encode("latin-1"), r"in UTF-8. Got .*xdf.* line 1\). Save"),
        (lambda text: f"{text}\n{text}".encode(), "JSON file.*JSON lines.*brackets"),
        (lambda text: text[:-1].encode(), "must be a JSON file. Got: Expecting"),
        (lambda text: text.encode() + b"\0", "must be a JSON file. Got: Extra data"),
    ],
    ids=["latin-1", "lines", "cut off", "zero"],
)
def test_json_that_cannot_be_read_says_what_to_do(folder, case, change, match):
    read, text = case
    with pytest.raises(ValueError, match=match):
        read(folder, change(text))


@pytest.mark.parametrize("read", [read_tasks, read_items, read_objects])
def test_a_packed_file_is_named_as_one(folder, read):
    with pytest.raises(ValueError, match=r"archive|unpack"):
        read(folder, gzip.compress(b"{}"))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"annotations": [', '"annotations": [], "annotations": [', "annotations"),
        ('"category_id": 1', '"category_id": 1, "category_id": 2', "category_id"),
    ],
)
def test_load_coco_refuses_a_key_twice(folder, old, new, key):
    text = json.dumps(CASES["coco"][1])
    assert text.count(old) == 1
    with pytest.raises(ValueError, match=f"'{key}' twice in one object"):
        read_objects(folder, text.replace(old, new).encode())
    # What is not read may stand there twice.
    text = text.replace('"name"', '"colour": 1, "colour": 2, "name"')
    assert_array_equal(read_objects(folder, text.encode()).target, [[1]])


def test_xml_says_what_to_do_with_bytes_that_are_none():
    with pytest.raises(ValueError, match=r"\(x, line 2\). It is not in UTF-8"):
        parse_xml("<a>\nFuß</a>".encode("latin-1"), "x")
    with pytest.raises(ValueError, match="It is an archive: unpack it"):
        parse_xml(gzip.compress(b"<a/>"), "x")
    with pytest.raises(ValueError, match=r"'mismatched tag' \(x, line 1\)\.$"):
        parse_xml("<a>Fuß".encode() + b"</b>", "x")
    text = '<?xml version="1.0" encoding="latin-1"?><a>Fuß</a>'
    assert parse_xml(text.encode("latin-1"), "x").text == "Fuß"
    assert parse_xml(codecs.BOM_UTF8 + b"<a>x</a>", "x").text == "x"


def test_xml_keeps_texts_and_drops_the_blanks_between_elements():
    content = "<a>\n  " + "<b> x &amp; y </b>\n  " * 50 + "z</a>"
    found = parse_xml(content, "x")
    # Kept, each of them would be joined to all before: the square of their number.
    assert found.text == "\n  \n  z"
    assert [child.text for child in found.children] == [" x & y "] * 50


def test_xml_parsers_are_gone_with_their_file(monkeypatch):
    made = []

    class Kept(_xml.Element):  # without slots it can be referred to
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(weakref.ref(self))

    monkeypatch.setattr(_xml, "Element", Kept)
    parse_xml("<a><b/></a>", "x")
    assert len(made) == 3
    assert not any(made_one() for made_one in made)


@pytest.mark.parametrize(
    ("case", "old", "new"),
    [
        ("label studio", '"completed_by": 1', '"completed_by": 1, "completed_by": 2'),
        ("label studio", '"choices": ["', '"choices": ["b"], "choices": ["'),
        ("datumaro", '"label_id": 0', '"label_id": 1, "label_id": 0'),
        ("datumaro", '"items": [', '"items": [], "items": ['),
    ],
)
def test_json_with_a_key_twice_is_refused(folder, case, old, new):
    read, content = CASES[case]
    text = json.dumps(content)
    assert text.count(old) == 1
    key = new.split('"')[1]
    with pytest.raises(ValueError, match=f"JSON file. Got: '{key}' twice in one ob.*"):
        read(folder, text.replace(old, new).encode())


def test_a_cell_of_label_studio_with_a_key_twice_is_refused(folder):
    path = folder / "tasks.csv"
    cell = '"{""choices"": [""a""], ""choices"": [""b""]}"'
    path.write_text(f"image,id,x,annotation_id\na.jpg,1,{cell},1\n")
    with pytest.raises(ValueError, match="'choices' twice in one object, with"):
        load_label_studio(path, folder, control="x")
