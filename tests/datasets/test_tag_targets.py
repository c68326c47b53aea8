"""Labels that are ids, paths, or looked for in vain."""

import io

import numpy as np
import pytest

from sklearn_clip.datasets import load_csv_tags

PAIRS = """image,label,Confidence
0,cat,1
0,dog,0
1,cat,0
2,dog,
"""


@pytest.fixture
def images(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    return tmp_path


def load(table, images, **parameters):
    return load_csv_tags(io.StringIO(table), images, **parameters)


def load_pairs(table, images, **parameters):
    return load(table, images, layout="pairs", labels="label", **parameters)


def test_load_csv_tags_value_tells_absent_from_unknown(images):
    found = load_pairs(PAIRS, images, value="Confidence")
    assert found.target_names == ["cat", "dog"]
    expected = [[1, 0], [0, np.nan], [np.nan, np.nan]]
    np.testing.assert_array_equal(found.target, expected)
    dropped = load_pairs(PAIRS, images, value="Confidence", unlabelled="drop")
    np.testing.assert_array_equal(dropped.target, expected[:2])


@pytest.mark.parametrize("zero", ["0", "0.0", "-1", "false", "No"])
@pytest.mark.parametrize("column", ["Confidence", "is present", "value"])
def test_load_csv_tags_refuses_values_nobody_reads(images, zero, column):
    table = PAIRS.replace("Confidence", column).replace("cat,0", f"cat,{zero}")
    table = table.replace("dog,0", "dog,1")
    with pytest.raises(ValueError, match=rf"Got '{zero}' .*line 4\).*value='{column}'"):
        load_pairs(table, images)


def test_load_csv_tags_reads_past_values_that_are_all_present(images):
    table = PAIRS.replace(",0\n", ",1\n")
    assert load_pairs(table, images).target.tolist() == [[1, 1], [1, 0], [0, 1]]


def test_load_csv_tags_names_values_and_lines_that_contradict(images):
    with pytest.raises(ValueError, match=r"Got '0.5' in the column 'Confidence' .*3\)"):
        load_pairs(PAIRS.replace("dog,0", "dog,0.5"), images, value="Confidence")
    with pytest.raises(ValueError, match=r"'cat' both .*\(line 2 and .*line 6\)"):
        load_pairs(PAIRS + "0,cat,0\n", images, value="Confidence")
    with pytest.raises(ValueError, match=r"value is for layout='pairs'"):
        load(PAIRS, images, value="Confidence", labels="label")


def test_load_csv_tags_refuses_labels_that_the_layout_does_not_read(images):
    """They were not looked at, so that a column of stock became a label."""
    table = "image,dog,cat,in_stock\n0,1,0,1\n1,0,1,1\n2,0,0,1\n"
    chosen = load(table, images, layout="columns", classes=["dog", "cat"])
    assert chosen.target_names == ["dog", "cat"]
    for labels in (["dog", "cat"], "dog"):
        with pytest.raises(ValueError, match=r"labels is for .*'columns' classes=\["):
            load(table, images, layout="columns", labels=labels)


def test_load_csv_tags_says_what_to_do_with_several_columns_of_labels(images):
    table = "image,colour,kind\n0,red,new\n1,,old\n2,blue,new\n"
    with pytest.raises(TypeError, match=r"one column.*classes=.*get_dummies"):
        load(table, images, labels=["colour", "kind"])


def test_load_csv_tags_hierarchy_gives_ancestors(images):
    table = "image,labels\n0,Apparel - Shoes - Red|Toy\n1,Apparel -  Shoes\n2,\n"
    found = load(table, images, hierarchy=" - ", separator="|")
    assert found.target_names == [
        "Apparel",
        "Apparel - Shoes",
        "Apparel - Shoes - Red",
        "Toy",
    ]
    assert found.target.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match=r"separator=' ' must not part the paths"):
        load(table, images, hierarchy=" - ")
    with pytest.raises(ValueError, match=r"no empty part. Got 'a\|' .*line 2"):
        load("image,labels\n0,a|\n", images, hierarchy="|")
    with pytest.raises(ValueError, match=r"hierarchy is for"):
        load("image,a\n0,1\n", images, hierarchy="|", layout=None)


def test_load_csv_tags_absent_is_all_that_stands_below(images):
    table = "image,label,value\n0,a,0\n1,a|b,1\n2,a|b,0\n2,c,1\n"
    found = load_pairs(table, images, value="value", hierarchy="|")
    assert found.target_names == ["a", "a|b", "c"]
    nan = np.nan
    np.testing.assert_array_equal(found.target, [[0, 0, nan], [1, 1, nan], [nan, 0, 1]])
    with pytest.raises(ValueError, match=r"'a' absent and 'a', 'a\|b' present"):
        load_pairs(table + "1,a,0\n", images, value="value", hierarchy="|")


def test_load_csv_tags_label_names_gives_names_to_ids(images):
    names = {1: "cat", "2": "dog", 10: "tree"}
    found = load("image,labels\n0,1 10\n1,2\n2,\n", images, label_names=names)
    assert found.target_names == ["cat", "dog", "tree"]
    assert found.target.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    columns = load("image,2,1\n0,1,0\n", images, label_names=names, layout="columns")
    assert columns.target_names == ["dog", "cat"]
    with pytest.raises(ValueError, match=r"name in label_names. Got '3' .*line 2"):
        load("image,labels\n0,3\n", images, label_names=names)
    with pytest.raises(TypeError, match="label_names must be a dict.*list"):
        load("image,labels\n0,0\n", images, label_names=["cat"])
    with pytest.raises(ValueError, match="a name of its own. Got 'cat' twice"):
        load(
            "image,1,2\n0,1,0\n",
            images,
            label_names={1: "cat", 2: "cat"},
            layout="columns",
        )


def test_load_csv_tags_sorts_ids_as_numbers(images):
    found = load("image,labels\n0,10 9 100\n", images)
    assert found.target_names == ["9", "10", "100"]
    assert load("image,labels\n0,10 9 x\n", images).target_names == ["10", "9", "x"]


def test_load_csv_tags_joins_several_texts(images):
    table = "image,labels,title,note\n0,a,Red,shoe\n1,a,,hat\n2,b,,\n"
    found = load(table, images, text=["title", "note"])
    assert found.data[:, 1].tolist() == ["Red shoe", "hat", None]


def test_load_csv_tags_reads_texts_alone():
    table = "id,title,labels\n1,red shoe,a b\n2,hat,b\n3,hat,\n"
    found = load(table, None, text="title")
    assert found.data.tolist() == [[None, "red shoe"], [None, "hat"], [None, "hat"]]
    assert found.target.tolist() == [[1, 1], [0, 1], [0, 0]]
    assert found.groups.tolist() == [0, 1, 1]  # the same text is one group
    pairs = "id,title,label\n1,hat,a\n2,hat,b\n1,hat,c\n"
    found = load_pairs(pairs, None, text="title", image="id")
    assert found.target.tolist() == [[1, 0, 1], [0, 1, 0]]
    with pytest.raises(ValueError, match="Without images text must name"):
        load(table, None)
    with pytest.raises(ValueError, match=r"must have its text. Got none .*line 3"):
        load("title,labels\na,b\n,c\n", None, text="title")


PATHS = "image,labels\n0,animal|cat;red\n1,animal\n2,animal|dog\n"
LISTED = ["animal|cat", "|animal | dog", "red"]


def test_load_csv_tags_leaves_out_ancestors_that_are_not_listed(images):
    parameters = {"separator": ";", "hierarchy": "|", "classes": LISTED}
    table = PATHS.replace("1,animal\n", "1,red;animal|dog;animal\n")
    found = load(table, images, **parameters)
    assert found.target.tolist() == [[1, 0, 1], [0, 1, 1], [0, 1, 0]]
    # One that no label of its row stands below was given by somebody.
    with pytest.raises(ValueError, match=r"among classes. Got 'animal' .*line 3\)"):
        load(PATHS, images, **parameters)
    found = load(PATHS, images, **parameters, other_labels="ignore")
    assert found.target.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_load_csv_tags_absence_of_an_ancestor_holds_where_it_is_not_listed(images):
    table = "image,label,value\n0,animal,0\n0,red,1\n1,animal|dog,1\n"
    parameters = {"value": "value", "hierarchy": "|", "classes": LISTED}
    with pytest.raises(ValueError, match=r"among classes. Got 'animal' .*line 2\)"):
        load_pairs(table, images, **parameters)
    found = load_pairs(table, images, **parameters, other_labels="ignore")
    nan = np.nan
    np.testing.assert_array_equal(found.target, [[0, 0, 1], [nan, 1, nan]])


@pytest.mark.parametrize(
    ("hierarchy", "cell", "expected"),
    [
        ("|", "|animal|cat", ["animal", "animal|cat"]),  # the root, as digiKam has it
        ("/", "/ animal / cat", ["animal", "animal/cat"]),
        (" > ", "animal\u00a0> cat", ["animal", "animal > cat"]),
        ("\u00a0> ", "animal > cat", ["animal", "animal > cat"]),
        ("  -  ", "T-Shirt - red", ["T-Shirt", "T-Shirt - red"]),
        ("|", "a\u0308|b", ["\u00e4", "\u00e4|b"]),
        ("||", "a||b|c", ["a", "a||b|c"]),
    ],
)
def test_load_csv_tags_spells_paths_as_they_look(images, hierarchy, cell, expected):
    table = f"image,labels\n0,{cell}\n"
    found = load(table, images, hierarchy=hierarchy, separator=";")
    assert found.target_names == expected


def test_load_csv_tags_sorts_ids_of_any_length_as_numbers(images):
    long = "1" * 5000
    found = load(f"image,labels\n0,{long} 10 9\n1,010\n", images)
    assert found.target_names == ["9", "010", "10", long]


@pytest.mark.parametrize(("hierarchy", "error"), [(" ", ValueError), (1, TypeError)])
def test_load_csv_tags_refuses_a_separator_that_is_none(images, hierarchy, error):
    with pytest.raises(error, match="hierarchy must"):
        load(PATHS, images, separator=";", hierarchy=hierarchy)


COLUMNS = """image,animal | cat,animal|dog|poodle,red
0,1,0,0
1,0,,1
2,0,0,
"""


def test_load_csv_tags_hierarchy_gives_columns_of_ancestors(images):
    found = load(COLUMNS, images, layout="columns", hierarchy="|")
    names = ["animal", "animal|cat", "animal|dog", "animal|dog|poodle", "red"]
    assert found.target_names == names
    nan = np.nan
    expected = [[1, 1, 0, 0, 0], [nan, 0, nan, nan, 1], [0, 0, 0, 0, nan]]
    np.testing.assert_array_equal(found.target, expected)
    listed = ["red", "animal|cat"]
    table = COLUMNS.replace(" | ", "|")
    found = load(table, images, layout="columns", hierarchy="|", classes=listed)
    assert found.target_names == listed
    np.testing.assert_array_equal(found.target, [[0, 1], [1, 0], [nan, 0]])


def test_load_csv_tags_columns_that_are_absent_reach_labels_without_one(images):
    table = "image,a,a|b|c,d|e,d|e|f\n0,0,,0,\n1,,0,,0\n"
    found = load(table, images, layout="columns", hierarchy="|")
    assert found.target_names == ["a", "a|b", "a|b|c", "d", "d|e", "d|e|f"]
    nan = np.nan
    expected = [[0, 0, 0, 0, 0, 0], [nan, 0, 0, nan, nan, 0]]
    np.testing.assert_array_equal(found.target, expected)


def test_load_csv_tags_columns_of_a_hierarchy_agree(images):
    table = "image,a,a|b,a|c\n0,0,,0\n1,,1,\n2,,0,0\n"
    found = load(table, images, layout="columns", hierarchy="|")
    assert found.target_names == ["a", "a|b", "a|c"]
    nan = np.nan
    # In the last a may be there as another than b and c, for it is a column.
    expected = [[0, 0, 0], [1, 1, nan], [nan, 0, 0]]
    np.testing.assert_array_equal(found.target, expected)
    with pytest.raises(ValueError, match=r"'a' absent and 'a\|c' present .*line 3\)"):
        load(table.replace("1,,1,", "1,0,,1"), images, layout="columns", hierarchy="|")
    named = load(
        "image,1,2\n0,1,0\n",
        images,
        layout="columns",
        hierarchy="|",
        label_names={1: "a|b", 2: "a|c"},
    )
    assert named.target_names == ["a", "a|b", "a|c"]
    assert named.target.tolist() == [[1, 1, 0]]


@pytest.mark.parametrize("marks", ["10", "1-", ("True", "False"), ("yes", "no")])
def test_load_csv_tags_tells_of_a_column_of_yes_and_no(images, marks):
    yes, no = ("1", "-1") if marks == "1-" else marks
    table = f"image,label,vorhanden\n0,cat,{yes}\n0,dog,{no}\n1,cat,\n"
    with pytest.warns(UserWarning, match=rf"'vorhanden' .*Got '{no}' .*line 3.*value="):
        found = load_pairs(table, images)
    assert found.target.tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize(
    "column",
    [
        "is_crowd,1,0,1",
        "IsOccluded,1,0,0",
        "Is Train,1,0,0",
        "LabelID,1,0,1",
        "worker,0,1,2",
        "all,1,1,1",
        "none,0,0,0",
        "area,0,0.5,1",
        "note,no,maybe,yes",
        "empty,,,",
    ],
)
def test_load_csv_tags_reads_past_columns_that_say_something_else(images, column):
    name, *cells = column.split(",")
    rows = zip((0, 0, 1), ("cat", "dog", "cat"), cells, strict=True)
    table = f"image,label,{name}\n" + "".join("{},{},{}\n".format(*row) for row in rows)
    assert load_pairs(table, images).target.tolist() == [[1, 1], [1, 0]]
