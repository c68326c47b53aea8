import io
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_clip.datasets import _label_cells, load_csv_tags


@pytest.fixture
def images(tmp_path):
    for name in "abc":
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.jpg")
    return tmp_path


def load(cells, images, **parameters):
    """Read label cells of the images a, b, c."""
    lines = [f'{name},"{cell}"\n' for name, cell in zip("abc", cells, strict=True)]
    text = "image,labels\n" + "".join(lines)
    return load_csv_tags(io.StringIO(text), images, **parameters)


@pytest.mark.parametrize("form", ["{} ", " {} ", " {}"])
@pytest.mark.parametrize("sign", [",", ";", "|"])
def test_cells_with_a_space_after_the_separator_are_refused(images, form, sign):
    between = form.format(sign)
    cells = [f"cat{between}dog", f"dog{between}cat", f"cat{between}red car"]
    message = rf"3 of 3 .*line 2\): is separator='\{sign}' meant\?.*layout='pairs'"
    with pytest.raises(ValueError, match=message):
        load(cells, images)
    found = load(cells, images, separator=sign)
    assert found.target_names == ["cat", "dog", "red car"]


def test_few_cells_with_signs_at_labels_are_told(images):
    cells = ["a b", "a b, c", "b c"]
    lines = "".join(f'a,"{cell}"\n' for cell in [*cells, "a c", "b a"])
    table = io.StringIO(f"image,labels\n{lines}")
    with pytest.warns(UserWarning, match=r"'b,' .*1 of 5 .*line 3") as caught:
        load_csv_tags(table, images, duplicates="keep")
    assert caught[0].filename == __file__


def test_cells_that_hold_signs_inside_labels_are_read(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load(["1,5 a", "a|b 2", "3;4 a"], images)
        load(["a, ; b", "c; b, d", ""], images, separator=";")
    assert found.target_names == ["1,5", "2", "3;4", "a", "a|b"]


@pytest.mark.parametrize(("sign", "other"), [(",", ";"), (",", "|"), (";", "|")])
def test_cells_of_another_separator_alone_are_told(images, sign, other):
    cells = [f"cat{sign} dog", f"dog{other} cat", "dog"]
    said = rf"1 of 3 .* hold '\{other}' and not .* '{sign}'.*line 3.*cells are lists"
    with pytest.warns(UserWarning, match=said):
        found = load(cells, images, separator=sign)
    assert found.target_names == ["cat", "dog", f"dog{other} cat"]


def test_a_comma_in_labels_is_none_that_parts_them(images):
    cells = ["Paris, France; night", "Rome, Italy", "Bonn, Germany"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(cells, images, separator=";").target_names) == 4
        load(
            ["animal|dog, red", "animal|cat", ""], images, separator=",", hierarchy="|"
        )


def test_cells_of_another_separator_are_told_beside_some_with_white_space(images):
    cells = ["cat;dog", "dog;cat", "red car;dog"]
    with pytest.warns(UserWarning, match=r"2 of 3 .*';'.*line 2\).*separator=';'"):
        load(cells, images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(cells, images, separator=";")


UNCERTAIN = ["['cat' 'dog']", "{cat,dog}", "frozenset({'cat'})", "[cat, dog]"]
UNCERTAIN += ["['cat', None]", "['cat', ['dog']]", "['cat', '']", "[1.5]", "[007]"]


@pytest.mark.parametrize(
    "cell",
    [
        "['cat', 'dog']",
        "[]",
        "('cat', 'dog')",
        "('cat',)",
        "(1, 2)",
        "()",
        "{'cat', 'dog'}",
        "set()",
        *UNCERTAIN,
    ],
)
def test_printed_collections_are_refused(images, cell):
    message = "the printed collection .*line 2.*literal_eval"
    with pytest.raises(ValueError, match=message):
        load([cell, "cat", "dog"], images)
    if cell in UNCERTAIN:  # and no two readers would agree about it
        for cells in ([cell] * 3, [cell, "['cat']", "['dog']"]):
            with pytest.raises(ValueError, match=message):
                load(cells, images)


@pytest.mark.parametrize("separator", [" ", ","])
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["['cat', 'dog']", "[]", ""], [[1, 1], [0, 0], [0, 0]]),
        (["('dog', 'cat')", "('cat',)", "()"], [[1, 1], [1, 0], [0, 0]]),
        (["{'dog', 'cat'}", "{'cat'}", "set()"], [[1, 1], [1, 0], [0, 0]]),
        (["['cat','dog',]", "[ 'cat' ]", "[ ]"], [[1, 1], [1, 0], [0, 0]]),
    ],
)
def test_columns_of_printed_lists_are_read_as_such(images, cells, expected, separator):
    with pytest.warns(UserWarning, match="lists that were printed"):
        found = load(cells, images, separator=separator)
    assert found.target_names == ["cat", "dog"]
    assert found.target.tolist() == expected


def test_printed_lists_hold_what_they_like(images):
    names = ["it's", 'a "b"', "red, ball", "Käse", "back\\slash", "10"]
    frame = pd.DataFrame({"image": ["a", "b"], "labels": [names, names[:1]]})
    for text in (
        frame.to_csv(index=False),
        frame.assign(labels=frame.labels.map(json.dumps)).to_csv(index=False),
    ):
        with pytest.warns(UserWarning, match="lists that were printed"):
            found = load_csv_tags(io.StringIO(text), images)
        assert found.target_names == sorted(names)
        assert found.target.sum(axis=1).tolist() == [6, 1]


@pytest.mark.parametrize("empty", ["[]", "()", "[ ]", "set()"])
def test_printed_list_of_nothing_is_no_empty_cell(images, empty):
    """The guide tells them apart: one was a list, the other None."""
    cells = ["['cat', 'dog']", empty, ""]
    with pytest.warns(UserWarning, match="lists that were printed"):
        found = load(cells, images, unlabelled="unknown")
    np.testing.assert_array_equal(found.target, [[1, 1], [0, 0], [np.nan] * 2])
    with pytest.warns(UserWarning, match="lists that were printed"):
        found = load(cells, images, unlabelled="drop")
    assert found.target.tolist() == [[1, 1], [0, 0]]


def test_printed_lists_of_ids_have_names_and_are_unknown_where_that_is_said(images):
    names = {1: "cat", -2: "dog"}
    with pytest.warns(UserWarning, match="The 2 label cells"):
        found = load(
            ["[1, -2]", "", "[1]"], images, label_names=names, unlabelled="drop"
        )
    assert found.target.tolist() == [[1, 1], [1, 0]]
    with pytest.warns(UserWarning, match="lists that were printed"):
        found = load(["['a']", "?", "[]"], images, na_values=["?"])
    np.testing.assert_array_equal(found.target, [[1], [np.nan], [0]])


@pytest.mark.parametrize(
    "cell",
    [
        "['a'" + " " * 20_000 + "x]",
        "[" + "'a' " * 20_000 + "]",
        "[" * 9_999 + "]" * 9_999,
    ],
)
def test_long_cells_that_are_no_printed_lists_are_refused_at_once(images, cell):
    with pytest.raises(ValueError, match="the printed collection"):
        load([cell, "[]", "[]"], images)


def test_a_printed_list_is_no_label_of_a_pair(images):
    with pytest.raises(ValueError, match="layout='cells' reads lists"):
        load(["['cat', 'dog']", "cat", "cat"], images, layout="pairs")


def test_labels_in_brackets_are_no_collection(images):
    found = load(["(18+)", "(a) (b)", "set"], images)
    assert found.target_names == ["(18+)", "(a)", "(b)", "set"]


def test_words_for_nan_are_labels_in_cells_unless_named(images):
    cells = ["nan", "cat", ""]
    assert load(cells, images).target.tolist() == [[0, 1], [1, 0], [0, 0]]
    found = load(cells, images, na_values=["nan"])
    np.testing.assert_array_equal(found.target, [[np.nan], [1], [0]])


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        (COMPOSED, DECOMPOSED),
        ("dog", "\ufeffdog"),
        ("dog", "do\u00adg\u200b"),
        ("red wine", "red\u00a0wine"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("layout", ["cells", "pairs"])
def test_labels_that_look_alike_are_one_and_that_is_told(images, name, other, layout):
    with pytest.warns(UserWarning, match="look alike are one label") as caught:
        found = load([name, other, "z"], images, layout=layout, separator=";")
    assert found.target_names == [name, "z"]
    assert found.target.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells = [other, other, "z"]
        found = load(cells, images, layout=layout, separator=";", classes=["z", name])
    assert found.target.tolist() == [[0, 1], [0, 1], [1, 0]]


def test_labels_that_differ_in_case_are_hinted_at(images):
    with pytest.warns(UserWarning, match="Got 'Dog' and 'dog'"):
        assert load(["dog", "Dog", ""], images).target_names == ["Dog", "dog"]
    message = r"Got 'Dog' .*line 3\)\. Is 'dog' meant\? other_labels="
    with pytest.raises(ValueError, match=message):
        load(["dog", "Dog", ""], images, classes=["dog"])
    ignored = {"classes": ["dog"], "other_labels": "ignore"}
    with pytest.raises(ValueError, match=r"such as 'DOG' .*Is 'dog' meant\?"):
        load(["DOG", "DOG", ""], images, **ignored)


def test_white_space_that_only_looks_like_the_separator_is_told(images):
    with pytest.warns(UserWarning, match=r"Got 'cat\\xa0dog' \(the CSV text, line 3"):
        found = load(["cat dog", "cat\u00a0dog", "dog"], images)
    assert found.target_names == ["cat", "cat dog", "dog"]


def test_columns_are_named_as_they_look(images):
    def read(header, row, **parameters):
        table = io.StringIO(f"{header}\na,{row}\n")
        return load_csv_tags(table, images, layout="columns", **parameters)

    found = read(f"\ufeff\ufeffimage,{DECOMPOSED},tea\u200b", "1,0\u200b")
    assert found.target_names == [COMPOSED, "tea"]
    assert found.target.tolist() == [[1, 0]]
    found = read(f"image\u200b,{DECOMPOSED},tea", "1,0", classes=["tea", DECOMPOSED])
    assert found.target_names == ["tea", DECOMPOSED]
    with pytest.raises(ValueError, match=f"distinct names. Got '{COMPOSED}' twice"):
        read(f"image,{DECOMPOSED},{COMPOSED}", "1,0")
    with pytest.raises(ValueError, match=f"distinct. Got '{COMPOSED}' twice"):
        read(f"image,{DECOMPOSED}", "1", classes=[COMPOSED, DECOMPOSED])
    with pytest.raises(ValueError, match=r"Got 'image'.* Is 'Image' meant\?"):
        read("Image,tea", "1")
    with pytest.warns(UserWarning, match="Got 'Tea' and 'tea'"):
        read("image,tea,Tea", "1,0")


def test_groups_and_captions_that_look_alike_are_the_same(images):
    def read(rows, **parameters):
        table = io.StringIO("image,labels,shop,title\n" + rows)
        return load_csv_tags(table, images, group="shop", text="title", **parameters)

    found = read(f"a,x,{COMPOSED},\nb,y,{DECOMPOSED},\nc,y,{COMPOSED}\u200b,\n")
    assert found.groups.tolist() == [COMPOSED] * 3
    rows = f"a,x,{COMPOSED},{COMPOSED}\na,y,{DECOMPOSED},{DECOMPOSED}\n"
    found = read(rows, layout="pairs")
    assert found.target.tolist() == [[1, 1]]
    assert found.data[:, 1].tolist() == [COMPOSED]


@pytest.mark.parametrize(
    ("mark", "way"),
    [
        ("yes", "Write 1 in its place"),
        ("N", "Write 0 in its place"),
        ("?", r"na_values=\['\?'\] makes it unknown"),
        ("X", "Write 1 in its place, and 0 where .* absent"),
    ],
)
def test_words_for_yes_and_no_are_not_called_unknown(images, mark, way):
    table = io.StringIO(f"image,cat\na,1\nb,{mark}\n")
    with pytest.raises(ValueError, match=rf"line 3\)\. {way}; other columns"):
        load_csv_tags(table, images, layout="columns")
    table = io.StringIO(f"image,labels,seen\na,cat,1\nb,cat,{mark}\n")
    with pytest.raises(ValueError, match=rf"line 3\)\. {way}\."):
        load_csv_tags(table, images, layout="pairs", value="seen")


def test_each_spelling_in_columns_of_labels_is_read_once(images, monkeypatch):
    read = []

    def number(cell):
        read.append(cell)
        return _label_cells._WORDS.get(cell, float(cell))

    monkeypatch.setattr(_label_cells, "_as_number", number)
    header = ",".join(f"label {i}" for i in range(50))
    rows = [",".join([mark] * 49 + [""]) for mark in ("0", "1", "1.0")]
    lines = [f"{name},{row}\n" for name, row in zip("abc", rows, strict=True)]
    text = f"image,{header}\n" + "".join(lines)
    found = load_csv_tags(io.StringIO(text), images, layout="columns")
    assert sorted(read) == ["0", "1", "1.0"]
    assert found.target[:, :49].tolist() == [[0] * 49, [1] * 49, [1] * 49]
    assert np.isnan(found.target[:, 49]).all()


def test_a_cell_that_is_no_mark_is_named_where_it_stands_after_many_that_are(images):
    text = "image,x,y\na,0,1\nb,1,0\nc,1,2\n"
    match = r"Got '2' in the column 'y' \(the CSV text, line 4\)"
    with pytest.raises(ValueError, match=match):
        load_csv_tags(io.StringIO(text), images, layout="columns")
