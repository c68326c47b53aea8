"""The model for photographs that ships: its files, its words, and what it must reach.

The figures are those of ``tools/evaluate_photo.py`` with a fixed C.
"""

import json
import runpy
import zipfile
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file
from sklearn.model_selection import GroupKFold

import sklearn_clip
from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.metrics import average_precision_per_label

FOLDER = Path(sklearn_clip.__file__).parent / "models" / "photo-tiny"
TOOL = Path(__file__).parents[2] / "tools" / "evaluate_photo.py"
C = 100.0


def mean_ap(target, scores):
    return np.mean(average_precision_per_label(target, scores))


def zero_shot(model, data):
    clip = CLIPFeaturizer(model, text=None)
    classifier = ZeroShotClassifier(list(data.target_names), clip).fit()
    return mean_ap(data.target, classifier.decision_function(data.data[:, 0]))


def logistic(features, data):
    scores = np.zeros(data.target.shape)
    folds = GroupKFold(5, shuffle=True, random_state=0)
    for fit, hold in folds.split(features, groups=data.groups):
        head = MultiLabelLogisticRegression(C=C).fit(features[fit], data.target[fit])
        scores[hold] = head.predict_proba(features[hold])
    return mean_ap(data.target, scores)


@pytest.fixture(scope="module")
def photos():
    return load_photos()


@pytest.fixture(scope="module")
def clip():
    return CLIPFeaturizer("photo-tiny")


@pytest.fixture(scope="module")
def images(clip, photos):
    return clip.encode_images(list(photos.data[:, 0]))


@pytest.fixture
def cosine(clip):
    def between(*texts):
        first, second = clip.encode_texts(list(texts))
        return float(first @ second)

    return between


def test_zipped_files_are_small(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in FOLDER.iterdir():
            archive.write(path, path.name)
    assert (tmp_path / "m.zip").stat().st_size < 12e6


def test_folder_has_config_weights_and_card():
    config = json.loads((FOLDER / "open_clip_config.json").read_text(encoding="utf-8"))
    assert config["model_cfg"]["vision_cfg"]["timm_proj"] == "mlp"
    assert "bpe_path" not in json.dumps(config)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for word in ("ImageNet", "Apache", "PDDL", "WordNet", "Intended use", "people"):
        assert word in card


def test_weights_are_finite_and_tables_half_precision():
    weights = load_file(FOLDER / "open_clip_model.safetensors")
    for name, weight in weights.items():
        assert weight.isfinite().all(), name
        assert weight.dim() < 2 or weight.dtype == torch.float16, name


def test_open_clip_gives_the_same_vectors_without_network(monkeypatch, clip, photos):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    name = f"local-dir:{FOLDER}"
    model, _, _ = open_clip.create_model_and_transforms(name)
    words = ["a dog", "snow on the mountains", "skyscrapers"]
    with torch.no_grad():
        plain = model.eval().encode_text(open_clip.get_tokenizer(name)(words))
    plain = torch.nn.functional.normalize(plain, dim=1).numpy()
    assert plain.shape == (3, 840)
    np.testing.assert_allclose((clip.encode_texts(words) * plain).sum(1), 1, atol=1e-3)


def test_prompt_leaves_a_word_as_it_is(cosine):
    assert cosine("castle", "a photo of a castle.") > 0.99
    assert cosine("castle", "an image of the castle") > 0.99


def test_words_that_stand_for_like_things_lie_together(cosine):
    assert cosine("dog", "puppy") > cosine("dog", "car") + 0.3
    assert cosine("castle", "castles") > 0.5
    # In two or more tokens.
    assert cosine("computer", "laptop") > cosine("computer", "meadow") + 0.1
    assert cosine("skyscraper", "building") > cosine("skyscraper", "trout") + 0.1


def test_text_is_the_mean_of_its_words(clip):
    there, back, one, other = clip.encode_texts(
        ["red lighthouse", "lighthouse red", "red", "lighthouse"]
    )
    np.testing.assert_allclose(there, back, atol=1e-2)
    assert there @ one > 0.3
    assert there @ other > 0.3


def test_text_of_no_known_word_is_zero(clip):
    np.testing.assert_array_equal(clip.encode_texts(["собака"]), 0)


def test_zero_shot_knows_photographs(photos):
    found = zero_shot("photo-tiny", photos)
    assert found >= 0.62
    assert found >= zero_shot("clipart-tiny", photos) + 0.25


def test_every_label_but_that_of_greys_is_told_above_chance(clip, images, photos):
    texts = clip.encode_texts(list(photos.target_names))
    found = average_precision_per_label(photos.target, images @ texts.T)
    share = np.nanmean(photos.target, axis=0)
    below = np.array(photos.target_names)[found < 2 * share]
    assert set(below) <= {"black and white", "plant"}


def test_classifier_on_it_beats_histograms_and_clipart_tiny(images, photos):
    paths = list(photos.data[:, 0])
    histograms = runpy.run_path(str(TOOL))["histograms"]
    found = logistic(images, photos)
    assert found >= logistic(np.stack([histograms(p) for p in paths]), photos) + 0.12
    drawn = CLIPFeaturizer("clipart-tiny").encode_images(paths)
    assert found >= logistic(drawn, photos) + 0.12


def test_classifier_of_titles_beats_clipart_tiny_on_drawings(clip):
    drawings = load_clipart()
    titles = list(drawings.data[:, 1])
    other = CLIPFeaturizer("clipart-tiny").encode_texts(titles)
    found = logistic(clip.encode_texts(titles), drawings)
    assert found >= logistic(other, drawings) + 0.08
