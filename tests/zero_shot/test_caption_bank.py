"""A bank of captions: what it finds of names, and where it moves vectors."""

import numpy as np
import pandas as pd
import pytest

from sklearn_clip import CLIPFeaturizer
from sklearn_clip._shared import _entries
from sklearn_clip.zero_shot import _captions
from sklearn_clip.zero_shot._captions import (
    CaptionBank,
    embed_captions,
    find_names,
    move_labels,
    read_captions,
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make_bank(n=50, d=6, scale=8.0, way=0.3, seed=0):
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(n, d)) + 1).astype(np.float16)
    row_mean = rng.normal(size=d).astype(np.float32) / 5
    return CaptionBank(vectors, vectors.mean(axis=0).astype("f"), row_mean, scale, way)


def move_by_hand(bank, rows):
    captions = bank.vectors.astype(float)
    centred = unit(captions - bank.mean).astype(float)
    alike = bank.scale * unit(rows - bank.row_mean).astype(float) @ centred.T
    weights = np.exp(alike - alike.max(axis=1, keepdims=True))
    near = weights / weights.sum(axis=1, keepdims=True) @ captions
    near = unit(near - bank.mean + bank.row_mean)
    return unit((1 - bank.way) * rows + bank.way * near)


@pytest.mark.parametrize(("blocks", "captions"), [(1 << 22, 4096), (20, 7), (1, 1)])
@pytest.mark.parametrize("scale", [0.0, 8.0, 5000.0])
def test_rows_move_to_the_weighted_mean(monkeypatch, blocks, captions, scale):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", blocks)
    monkeypatch.setattr(_captions, "_CAPTIONS", captions)
    bank = make_bank(scale=scale)
    rows = unit(np.random.default_rng(1).normal(size=(9, 6)))
    before = rows.copy()
    found = bank.move(rows)
    np.testing.assert_allclose(found, move_by_hand(bank, rows), atol=2e-5)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_every_part_of_a_row_moves_and_what_is_not_there_stays():
    bank = make_bank()
    parts = unit(np.random.default_rng(1).normal(size=(4, 3, 6)))
    parts[1, 2] = 0
    parts[2] = 0
    parts[3, 0, 1] = np.nan
    found = bank.move(parts.reshape(4, 18)).reshape(4, 3, 6)
    np.testing.assert_allclose(found[0], move_by_hand(bank, parts[0]), atol=2e-5)
    assert not found[1, 2].any() and not found[2].any()
    np.testing.assert_array_equal(found[3, 0], parts[3, 0])
    np.testing.assert_allclose(
        found[3, 1:], move_by_hand(bank, parts[3, 1:]), atol=2e-5
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dog", "A dog."),
        ("dog", "two DOGS, running"),
        ("Dog", "the dog's bowl"),
        ("box", "boxes"),
        ("berry", "red berries"),
        ("flowers", "a flower"),
        ("traffic light", "Traffic lights at night"),
        ("traffic-light", "traffic light"),
        ("t-shirt", "T-shirts"),
        ("C++", "learn C++ now"),
        ("map_symbol", "a map symbol"),
        ("Straße", "eine STRASSE"),
        ("café", "cafe\u0301 at night"),
        ("ＰＣ", "old pc"),
        ("Öl", "ein öl"),
        ("größe_l", "Größe L"),
        ("गाय", "घास पर गाय"),
        ("قَهْوَة", "كوب قَهْوَة"),
        ("İstanbul", "İstanbul'da"),
        ("می\u200cخواهم", "نان می\u200cخواهم"),
        ("狗", "一只狗在跑"),
        ("パンダ", "木の上のパンダ"),
        ("กาแฟ", "แก้วกาแฟร้อน"),
        ("熊猫 panda", "大熊猫panda"),
    ],
)
def test_name_is_found(name, text):
    assert find_names([[name]], ["nothing", text]) == [[1]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cat", "a catalogue of concatenation"),
        ("dog", "hotdog"),
        ("traffic light", "light traffic"),
        ("traffic light", "traffic and light"),
        ("news", "a new car"),
        ("bus", "bu"),
        ("glass", "gla"),
        ("C", "C++"),
        ("dress", "dres"),
        ("!!!", "a !!! b"),
        ("गाय", "गोय"),
        ("की", "किताब"),
        ("stanbul", "İstanbul"),
        ("猫", "狗"),
    ],
)
def test_name_is_not_found(name, text):
    assert find_names([[name]], [text]) == [[]]


def test_each_description_counts_and_a_text_only_once():
    texts = ["a crane bird", "wading birds and a wading bird", "a crane", ""]
    names = [["crane bird", "wading bird"], ["crane"], ["bird"]]
    assert find_names(names, texts) == [[0, 1], [0, 2], [0, 1]]


def test_label_moves_towards_the_captions_that_contain_it():
    rng = np.random.default_rng(0)
    bank = make_bank(n=40, way=0.4)
    labels = unit(rng.normal(size=(3, 6)))
    texts = ["a dog"] * 10 + ["cats"] * 30
    found = move_labels(labels, [["dog"], ["cat"], ["sea"]], texts, bank)
    between = labels.mean(axis=0) - bank.mean
    for label, rows, way in ((0, slice(0, 10), 0.2), (1, slice(10, 40), 0.3)):
        mean = unit(bank.vectors[rows].astype(float).mean(axis=0) + between)
        expected = unit((1 - way) * labels[label] + way * mean)
        np.testing.assert_allclose(found[label], expected, atol=1e-3)
    np.testing.assert_allclose(found[2], labels[2], atol=1e-6)
    assert found.dtype == np.float32


def test_bank_is_half_precision_and_moves_less_of_few_captions_or_rows(clip, pictures):
    rows = clip.encode_images(pictures)
    texts = [f"text {i}" for i in range(100)]
    bank = embed_captions(clip, texts, np.tile(rows, (9, 1)), 20.0)
    assert bank.vectors.dtype == np.float16 and bank.vectors.shape == (100, 64)
    assert bank.way == pytest.approx(0.35 / 2)
    assert bank.scale == 10
    np.testing.assert_allclose(bank.row_mean, rows.mean(axis=0), atol=1e-6)
    few = embed_captions(clip, texts, rows, 20.0)
    assert few.way == pytest.approx(0.35 * 12 / 112)


FORMS = {
    "list": ["a", None, "b", "a", " "],
    "array": np.array(["a", "b", "a"], dtype=object),
    "series": pd.Series(["a", np.nan, "b"], index=[7, 8, 9]),
    "frame": pd.DataFrame({"text": ["a", "b", None], "other": 1}),
}


@pytest.mark.parametrize("form", list(FORMS))
def test_captions_of_every_form_are_read_once_each(form):
    found = read_captions(FORMS[form], None, CLIPFeaturizer(text=None))
    assert found == ["a", "b"]


def test_texts_of_the_rows_are_read_though_the_featurizer_reads_images(pictures):
    frame = pd.DataFrame({"image": pictures, "text": "a b", "title": "c"})
    rows = [{"image": None, "text": "a b"}, {"image": None}]
    for X in (frame, rows):
        assert read_captions(None, X, CLIPFeaturizer(text=None)) == ["a b"]
    named = CLIPFeaturizer(text="title", fusion="image")
    assert read_captions(None, frame, named) == ["c"]
    pairs = [("a.png", "x"), ("b.png", None)]
    assert read_captions(None, pairs, CLIPFeaturizer(fusion="image")) == ["x"]
    assert read_captions(None, ["p", "q"], CLIPFeaturizer(image=None)) == ["p", "q"]


def test_no_captions_are_refused(pictures):
    clip = CLIPFeaturizer(text=None)
    with pytest.raises(ValueError, match="'captions' needs texts.*images alone"):
        read_captions(None, pictures, clip)
    with pytest.raises(ValueError, match="at least one text. Got none"):
        read_captions([None, ""], pictures, clip)
    with pytest.raises(TypeError, match=r"must be a str. Got 5 .*\(row 1\)"):
        read_captions(["a", 5], pictures, clip)
