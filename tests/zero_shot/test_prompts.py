"""Labels in words: what is accepted, and what their embeddings are."""

import numpy as np
import pandas as pd
import pytest

from sklearn_clip.embedding import (
    _prompts,
    embed_prompts,
    fill_template,
    read_classes,
    read_templates,
)
from sklearn_clip.zero_shot import BACKGROUND, TEMPLATES
from sklearn_clip.zero_shot._background import own_words, read_background


@pytest.mark.parametrize(
    "form", [["cat", "dog"], ("cat", "dog"), np.array(["cat", "dog"]), {"cat": "cat"}]
)
def test_classes_are_names_in_order(form):
    names, descriptions = read_classes(form)
    assert names == ["cat", "dog"][: len(names)] and all(type(n) is str for n in names)
    assert descriptions == [[name] for name in names]


def test_classes_may_be_an_index_or_have_descriptions():
    assert read_classes(pd.Index(["b", "a"]))[0] == ["b", "a"]
    names, texts = read_classes({"crane": ["a bird", "a machine"], "cat": "a cat"})
    assert names == ["crane", "cat"]
    assert texts == [["a bird", "a machine"], ["a cat"]]


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ("cat", TypeError, "classes must be a list of names.*Got 'cat'"),
        ({"cat", "dog"}, TypeError, "classes must be a list of names"),
        (
            pd.DataFrame({"name": ["cat", "dog"]}),
            TypeError,
            "classes must be a list of names",
        ),
        ([], ValueError, "at least one label"),
        (["cat", "cat"], ValueError, "distinct. Got 'cat' more than once"),
        (["cat", " "], ValueError, r"A name in classes \(position 1\) must not be"),
        (["cat", 3], TypeError, r"position 1\) must be a str. Got 3 of type int"),
        ({"cat": []}, ValueError, "Got none for 'cat'"),
        ({"cat": ["a", None]}, TypeError, "A description of 'cat'.*Got None"),
        ({"cat": "a", "dog": None}, TypeError, "A description of 'dog'.*Got None"),
        ({"cat": "a", "dog": np.nan}, TypeError, "A description of 'dog'.*Got nan"),
    ],
)
def test_classes_without_order_or_words_are_refused(classes, error, message):
    with pytest.raises(error, match=message):
        read_classes(classes)


def test_every_set_of_templates_has_places_for_the_label():
    for name in TEMPLATES:
        prompts = [fill_template(t, "dog") for t in read_templates(name)]
        assert all("dog" in p and "{" not in p for p in prompts)
        assert len(set(prompts)) == len(prompts)
    assert read_templates("none") == ["{}"]


def test_template_is_filled_whatever_braces_there_are():
    assert fill_template("This is a photo of a {label}.", "x") == (
        "This is a photo of a x."
    )
    assert fill_template("a {} of {0}", "{label}") == "a {label} of {0}"


@pytest.mark.parametrize(
    ("templates", "error", "message"),
    [
        ("photos", ValueError, "must be one of 'default', .*Got 'photos'"),
        (["a photo"], ValueError, r"must have \{\} where the label.*Got 'a photo'"),
        ([], ValueError, "at least one template"),
        ([3], TypeError, "A template must be a str. Got 3"),
    ],
)
def test_templates_without_a_place_are_refused(templates, error, message):
    with pytest.raises(error, match=message):
        read_templates(templates)


def test_background_is_the_default_or_distinct_texts():
    assert read_background("default") == list(BACKGROUND)
    assert len(set(BACKGROUND)) == len(BACKGROUND)
    assert read_background(["a", "b", "a"]) == ["a", "b"]
    with pytest.raises(ValueError, match="'default' or a list.*Got 'thing'"):
        read_background("thing")
    with pytest.raises(ValueError, match="at least one text"):
        read_background([])


def test_words_of_a_label_are_no_alternative_to_it():
    found = own_words([["cat"], ["Food ", "drink"]], ["drink", "sky", "food"])
    assert found == {1: [0, 2]}
    # Letters with marks in one sign or in two, and signs that do not show.
    found = own_words([["Cafe\u0301"]], ["bar", "caf\u00e9", "ca\u00adf\u00e9"])
    assert found == {0: [1, 2]}
    with pytest.raises(ValueError, match=r"none of the label's own.*\['sky'\]"):
        own_words([["Sky"]], ["sky"])


@pytest.mark.parametrize("block", [1, 3, 4096])
def test_embedding_is_the_mean_over_prompts_scaled_to_one(
    make_featurizer, monkeypatch, block
):
    monkeypatch.setattr(_prompts, "_BLOCK", block)
    clip = make_featurizer(text=None)
    descriptions, templates = [["cat"], ["a dog", "puppy"], ["sea"]], ["{}", "a {} b"]
    found = embed_prompts(clip, descriptions, templates)
    for row, texts in zip(found, descriptions, strict=True):
        prompts = [p.format(text) for text in texts for p in templates]
        mean = clip.encode_texts(prompts).mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)
    assert found.dtype == np.float32
