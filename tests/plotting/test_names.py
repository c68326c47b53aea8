"""Names of labels: their width, how they are cut, and fonts that have them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from left_titles import left_titles
from PIL import Image

from sklearn_clip.plotting import (
    LabelCooccurrenceDisplay,
    LabelGridDisplay,
    LabelScoreDisplay,
    MultiLabelPrecisionRecallDisplay,
    ThresholdCurveDisplay,
    _axes,
)
from sklearn_clip.plotting._axes import families, short_name, text_width

LONG = "哺乳动物的很长的名字用来测试图表是否还能读而且还要更长一点点"


@pytest.mark.parametrize(
    "text, width",
    [("cat", 3), ("动物", 4), ("ｃａｔ", 6), ("e\u0301", 1), ("قطة", 3), ("", 0)],
)
def test_wide_characters_count_twice_and_marks_not_at_all(text, width):
    assert text_width(text) == width


@given(st.text(st.sampled_from("ab 动ｃ\u0301ق"), max_size=40), st.integers(4, 30))
def test_short_name_is_no_wider_than_asked_and_keeps_what_fits(text, width):
    short = short_name(text, width)
    assert text_width(short) <= width
    whole = " ".join(text.split())
    assert (short == whole) == (text_width(whole) <= width) or "…" in short


def test_long_names_of_wide_characters_keep_both_ends():
    short = short_name(LONG, 20)
    assert (short[:3], short[-2:]) == (LONG[:3], LONG[-2:])
    assert 18 <= text_width(short) <= 20


def test_fonts_that_lack_a_character_are_helped_out(pyplot):
    # Computer Modern comes with matplotlib and has neither Cyrillic nor Arabic.
    pyplot.rcParams["font.family"] = ["cmr10"]
    try:
        assert families("cat") == ["cmr10", "DejaVu Sans"]
        assert families("кошка", "قطة") == ["cmr10", "DejaVu Sans"]
    finally:
        pyplot.rcdefaults()


def test_installed_font_that_has_a_character_is_found(monkeypatch):
    from matplotlib.font_manager import fontManager
    from matplotlib.ft2font import FT2Font

    # A small g in script letters: DejaVu Sans lacks it, STIX, at matplotlib's side, has
    # it, and "Last Resort" has a box for every character there is.
    shipped = [font for font in fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(fontManager, "ttflist", shipped)
    _axes._fallback_families.cache_clear()
    (family,) = families("\u210a")[2:]
    _axes._fallback_families.cache_clear()
    assert not family.startswith("Last Resort")
    (path,) = {
        f.fname
        for f in shipped
        if (f.name, f.style, f.weight) == (family, "normal", 400)
    }
    assert FT2Font(path).get_char_index(0x210A)


def test_characters_that_no_font_has_do_not_stop_a_drawing():
    assert families("\U0010fffd")[-1] == "DejaVu Sans"


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")
@pytest.mark.parametrize(
    "name", [LONG, "an extraordinary label of sixty characters " * 2]
)
def test_long_names_in_any_script_do_not_overlap(name, overlaps):
    rng = np.random.default_rng(0)
    Y, P = rng.random((12, 6)) < 0.5, rng.random((12, 6))
    names = [f"{name} {number}" for number in range(6)]
    pictures = [(Image.new("RGB", (9, 9)), name) for _ in range(12)]
    grid = LabelGridDisplay.from_predictions(pictures, Y, P > 0.5, label_names=names)
    texts = [text for ax in grid.axes_ for text in ax.texts]
    assert overlaps(grid.figure_, texts) == ([], [])
    curves = ThresholdCurveDisplay.from_predictions(Y, P, label_names=names)
    titles = left_titles(curves.axes_)
    assert overlaps(curves.figure_, titles) == ([], [])
    heat = LabelCooccurrenceDisplay.from_labels(Y, label_names=names)
    texts = [*heat.ax_.get_xticklabels(), *heat.ax_.get_yticklabels()]
    assert overlaps(heat.figure_, texts) == ([], [])
    assert heat.ax_.get_window_extent().width > 100
    bars = LabelScoreDisplay.from_predictions(Y, P > 0.5, label_names=names)
    assert overlaps(bars.figure_, bars.ax_.get_yticklabels()) == ([], [])
    recall = MultiLabelPrecisionRecallDisplay.from_predictions(Y, P, label_names=names)
    texts = recall.ax_.get_legend().get_texts()
    assert overlaps(recall.figure_, texts) == ([], [])
