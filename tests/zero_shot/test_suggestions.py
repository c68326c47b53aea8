"""Words suggested as labels."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.frozen import FrozenEstimator

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier, suggest_labels
from sklearn_clip._shared import _entries
from sklearn_clip.datasets import load_clipart
from sklearn_clip.zero_shot import LabelSuggestion, LabelSuggestions

WORDS = ["cat", "dog", "sea", "food", "harp", "teapot"]


@pytest.mark.parametrize("block", [6, 30, 1 << 22])
def test_figures_are_those_of_the_probabilities(clip, pictures, monkeypatch, block):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", block)
    found = suggest_labels(clip, pictures, WORDS, redundancy=1)
    odds = ZeroShotClassifier(WORDS, clip).fit().decision_function(pictures)
    assert isinstance(found, LabelSuggestions) and isinstance(found, tuple)
    assert sorted(found.names) == sorted(WORDS)
    worth = [one.rows for one in found]
    assert worth == sorted(worth, reverse=True)
    for one in found:
        own = odds[:, WORDS.index(one.name)]
        assert one.rows == pytest.approx(expit(own).sum(), rel=1e-4)
        assert one.sure == (own >= 0).sum()
        assert one.examples == tuple(np.argsort(-own, kind="stable")[:3])
        assert one.margin == pytest.approx(np.sort(own)[-3:].mean(), abs=1e-4)
        assert one.texts is None


def test_plurals_and_spellings_do_not_fill_the_list(clip, pictures):
    words = ["cat", "Cat", " cats", "CAT ", "dog", "dogs", "sea", "sea"]
    found = suggest_labels(clip, pictures, words, redundancy=1)
    assert sorted(found.names, key=str.lower) in (
        [cat, "dog", "sea"] for cat in ("cat", "Cat", "CAT ")
    )


def test_words_of_one_meaning_do_not_fill_the_list(clipart):
    clip, X, _ = clipart
    words = ["ship", "boat", "sailing ship", "ships and boats", "flag", "bird"]
    several = suggest_labels(clip, X, words, redundancy=1).names
    apart = suggest_labels(clip, X, words, redundancy=0.5).names
    assert set(several) == set(words)
    assert set(apart) < set(words) and {"flag", "bird"} <= set(apart)
    # The best of the alike ones stays.
    assert apart[0] == several[0]


def test_labels_are_found_among_many_words(clipart):
    clip, X, Y = clipart
    names = list(Y.columns)
    nouns = ["tax", "reason", "future", "opinion", "method", "theory", "budget"]
    nouns += ["theology", "grammar", "inflation", "committee", "verdict", "rumour"]
    nouns += ["warranty", "tenure", "syntax", "stanza", "quota", "pension", "lease"]
    found = suggest_labels(clip, X, nouns + names, n_labels=20).names
    assert len(set(names) & set(found)) >= 16


def test_words_come_from_texts_that_the_featurizer_does_not_read(clip, pictures):
    texts = ["A red harp.", "the red harp", "red harps", "1234 1234", None, "sea x y"]
    X = pd.DataFrame({"image": pictures, "text": texts * 2})
    found = suggest_labels(clip, X, redundancy=1)
    assert set(found.names) <= {"red", "harp", "harps", "red harp", "red harps", "sea"}
    assert {one.name: one.texts for one in found if one.name in ("red", "sea")} == {
        "red": 6,
        "sea": 2,
    }
    with pytest.raises(ValueError, match="at least 2 texts of the rows contain"):
        suggest_labels(clip, X[:1])
    with pytest.raises(ValueError, match="vocabulary=None needs texts.*images alone"):
        suggest_labels(clip, pictures)


def test_words_that_pictures_do_not_show_come_last():
    data = load_clipart(split="train", as_frame=True).data
    flags = data[data["text"].str.contains("flag", case=False, na=False)]
    others = data.drop(flags.index)
    X = pd.concat([flags[:60], others[:200]]).reset_index(drop=True)
    # A word that is put into texts by chance, and names what many drawings are like.
    X["text"] = X["text"].fillna("") + np.where(X.index % 3 == 0, " sign", "")
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    names = suggest_labels(clip, X, n_labels=1000).names
    assert names.index("flag") < 10
    assert "sign" not in names or names.index("sign") > names.index("flag")


def test_descriptions_stand_for_words(clip, pictures):
    words = {"crane": ["wading bird", "a crane, a bird"], "sea": "the sea"}
    found = suggest_labels(clip, pictures, words, templates="none")
    odds = ZeroShotClassifier(words, clip, templates="none").fit()
    expected = odds.predict_proba(pictures).sum(axis=0)
    figures = {one.name: one.rows for one in found}
    np.testing.assert_allclose([figures["crane"], figures["sea"]], expected, rtol=1e-4)


def test_rows_that_show_nothing_are_no_examples(clip, pictures):
    X = [None, *pictures, None]
    with pytest.warns(UserWarning, match="2 of 14 rows show nothing"):
        found = suggest_labels(clip, X, WORDS, n_examples=20, redundancy=1)
    alone = suggest_labels(clip, pictures, WORDS, n_examples=20, redundancy=1)
    for one, other in zip(found, alone, strict=True):
        assert one.examples == tuple(row + 1 for row in other.examples)
        assert one.rows == pytest.approx(other.rows, rel=1e-5)
    with (
        pytest.warns(UserWarning, match="1 of 1 rows"),
        pytest.raises(ValueError, match="X must hold a row that shows something"),
    ):
        suggest_labels(clip, [None], WORDS)


@pytest.mark.parametrize("regions", ["2x2", None])
def test_regions_and_frozen_featurizers_work(make_featurizer, pictures, regions):
    clip = make_featurizer(text=None, regions=regions).fit(pictures)
    found = suggest_labels(FrozenEstimator(clip), pictures, WORDS, n_labels=3)
    assert found.names == suggest_labels(clip, pictures, WORDS, n_labels=3).names
    assert len(found) == 3


def test_table_shows_itself(clip, pictures):
    found = suggest_labels(clip, pictures, ["cat", "grand piano"], redundancy=1)
    lines = repr(found).splitlines()
    assert len(lines) == 3 and lines[0].split() == [
        "name",
        "rows",
        "sure",
        "margin",
        "examples",
    ]
    assert len({len(line.split("  ")[0]) for line in lines[1:]}) >= 1
    frame = found.to_frame()
    assert list(frame.columns) == list(LabelSuggestion.__dataclass_fields__)
    assert list(frame["name"]) == found.names
    assert len(suggest_labels(clip, pictures, ["cat"], n_examples=0).to_frame()) == 1


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"vocabulary": []}, ValueError, "vocabulary must hold at least one"),
        ({"vocabulary": "cat"}, TypeError, "vocabulary must be a list of words"),
        (
            {"vocabulary": pd.DataFrame({"word": WORDS})},
            TypeError,
            "vocabulary must be a list of words",
        ),
        (
            {"vocabulary": ["cat", 5]},
            TypeError,
            r"A word in vocabulary \(position 1\) must be a str. Got 5",
        ),
        ({"vocabulary": ["cat", " "]}, ValueError, "must not be empty"),
        ({"n_labels": 0}, ValueError, "n_labels must be a whole number from 1"),
        ({"n_examples": 1.5}, ValueError, "n_examples one from 0 on.*1.5"),
        ({"redundancy": 0}, ValueError, "redundancy must be a cosine above 0"),
    ],
)
def test_bad_input_is_said(clip, pictures, parameters, error, message):
    with pytest.raises(error, match=message):
        suggest_labels(clip, pictures, **{"vocabulary": WORDS} | parameters)
