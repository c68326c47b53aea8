import io
import warnings

import numpy as np
import pytest
from PIL import Image

from sklearn_clip.datasets import load_csv_tags


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


@pytest.mark.parametrize(
    "cell",
    [
        "['cat', 'dog']",
        "['cat' 'dog']",
        "[]",
        "('cat', 'dog')",
        "('cat',)",
        "(1, 2)",
        "()",
        "{'cat', 'dog'}",
        "{cat,dog}",
        "set()",
        "frozenset({'cat'})",
    ],
)
def test_printed_collections_are_refused(images, cell):
    message = "the printed collection .*line 2.*literal_eval"
    for cells in ([cell, "cat", "dog"], [cell] * 3):
        with pytest.raises(ValueError, match=message):
            load(cells, images)


def test_labels_in_brackets_are_no_collection(images):
    found = load(["(18+)", "(a) (b)", "set"], images)
    assert found.target_names == ["(18+)", "(a)", "(b)", "set"]


def test_words_for_nan_are_labels_in_cells_unless_named(images):
    cells = ["nan", "cat", ""]
    assert load(cells, images).target.tolist() == [[0, 1], [1, 0], [0, 0]]
    found = load(cells, images, na_values=["nan"])
    np.testing.assert_array_equal(found.target, [[np.nan], [1], [0]])
