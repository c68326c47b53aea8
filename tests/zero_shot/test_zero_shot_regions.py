"""Zero-shot scores of pictures whose regions have vectors of their own."""

import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, logsumexp
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import macro_average_precision_score

WORDS = ["dog", "cat", "sea", "map"]
POOLINGS = ("softmax", "max", "mean_top_k")


def pool_by_hand(scores, pooling):
    if pooling == "max":
        return scores.max(axis=0)
    if pooling == "mean_top_k":
        return np.sort(scores, axis=0)[-2:].mean(axis=0)
    return 0.7 * np.log(np.exp(scores / 0.7).mean(axis=0))


@pytest.fixture
def regional(make_featurizer):
    return make_featurizer(text=None, regions="pyramid")


def part_scores(clip, pictures, **parameters):
    """Scores of pictures and their regions, each as a picture of its own."""
    plain = clone(clip).set_params(regions=None)
    model = ZeroShotClassifier(WORDS, plain, **parameters).fit()
    _, boxes = clip.encode_regions(pictures)
    vectors, _ = clip.encode_regions(pictures)
    whole = model.decision_function(pictures)
    scorer = model._scorer()
    return model, whole, [scorer.score(regions) for regions in vectors], boxes


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("scoring", ["contrast", "cosine"])
@pytest.mark.parametrize("weight", [0, 0.5, 2])
def test_score_is_the_formula(regional, pictures, pooling, scoring, weight):
    model = ZeroShotClassifier(
        WORDS, regional, scoring=scoring, region_pooling=pooling, region_weight=weight
    ).fit()
    plain, whole, regions, boxes = part_scores(regional, pictures, scoring=scoring)
    assert len(boxes) == len(regions[0]) == 13
    found = model.decision_function(pictures)
    scale = plain.logit_scale_ if scoring == "cosine" else 1.0
    for scores, g, parts in zip(found, whole, regions, strict=True):
        p = pool_by_hand(scale * parts.astype(float), pooling)
        odds = (np.exp(scale * g.astype(float)) + weight * np.exp(p)) / (1 + weight)
        np.testing.assert_allclose(scale * scores, np.log(odds), atol=2e-4)
    if scoring == "contrast":
        np.testing.assert_allclose(model.predict_proba(pictures), expit(found))


def test_labels_compete_after_regions_are_pooled(regional, pictures):
    model = ZeroShotClassifier(WORDS, regional, scoring="softmax").fit()
    P = model.predict_proba(pictures)
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-5)
    cosine = ZeroShotClassifier(WORDS, regional, scoring="cosine", top_k=1).fit()
    logits = cosine.decision_function(pictures) * model.logit_scale_
    expected = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    np.testing.assert_allclose(P, expected, atol=1e-4)


def test_sigmoid_of_a_model_with_a_bias_takes_regions(siglip_folder, pictures):
    clip = CLIPFeaturizer(siglip_folder, text=None, regions="2x2", cache=None)
    model = ZeroShotClassifier(WORDS, clip, scoring="sigmoid").fit()
    P = model.predict_proba(pictures)
    assert ((P > 0) & (P < 1)).all()
    plain = clone(model).set_params(featurizer__regions=None).fit()
    assert np.abs(P - plain.predict_proba(pictures)).max() > 0


def test_calibration_learns_from_what_regions_say(regional, pictures, targets):
    model = ZeroShotClassifier(WORDS, regional, calibrate=True).fit(pictures, targets)
    before = ZeroShotClassifier(WORDS, regional).fit().decision_function(pictures)
    found = model.decision_function(pictures)
    np.testing.assert_allclose(
        found, before * model.slope_ + model.intercept_, atol=1e-4
    )


def test_missing_pictures_show_nothing(regional, pictures):
    model = ZeroShotClassifier(WORDS, regional).fit()
    rows = [pictures[0], None, pictures[1]]
    with pytest.warns(UserWarning, match="row 1"):
        P = model.predict_proba(rows)
    assert (P[1] < 1e-30).all()
    expected = model.predict_proba([pictures[0], pictures[1]])
    np.testing.assert_allclose(P[[0, 2]], expected, atol=1e-6)
    spoilt = clone(model).set_params(featurizer__on_error="nan").fit()
    with pytest.warns(UserWarning):
        P = spoilt.predict_proba([pictures[0], b"no picture"])
    assert np.isnan(P[1]).all() and np.isfinite(P[0]).all()


def test_report_and_new_classes_take_regions(regional, pictures, targets):
    model = ZeroShotClassifier(WORDS, regional).fit()
    assert "macro avg" in model.prompt_report(pictures, targets, output="text")
    model.add_classes(["old boat"])
    assert model.predict(pictures).shape == (12, 5)


def test_frozen_featurizers_and_pickles_keep_regions(regional, pictures):
    frozen = FrozenEstimator(regional)
    model = ZeroShotClassifier(WORDS, frozen, region_pooling="max").fit()
    found = model.decision_function(pictures)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).decision_function(pictures), found
    )


def test_what_was_saved_before_there_were_regions_is_read(clip, pictures):
    model = ZeroShotClassifier(WORDS, clip).fit()
    expected = model.decision_function(pictures)
    state = model.__getstate__()
    for name in ("region_pooling", "region_weight"):
        del state[name]
    old = ZeroShotClassifier.__new__(ZeroShotClassifier)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.decision_function(pictures), expected)
    assert old.get_params()["region_weight"] == 1.5


@pytest.mark.parametrize(
    "parameters", [{"region_pooling": "mean"}, {"region_weight": -1}]
)
def test_other_poolings_and_weights_are_refused(clip, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        ZeroShotClassifier(WORDS, clip, **parameters).fit()


def test_fusions_that_regions_do_not_go_with_are_refused(make_featurizer):
    clip = make_featurizer(regions="2x2", fusion="mean")
    with pytest.raises(ValueError, match="images alone.*text=None"):
        ZeroShotClassifier(WORDS, clip).fit()
    concat = make_featurizer(regions="2x2")
    with pytest.raises(ValueError, match="text=None"):
        ZeroShotClassifier(WORDS, concat).fit()


def test_regions_find_what_stands_beside_something_else():
    """Pairs of drawings: both are found more often than in the picture as a whole."""
    data = load_clipart(split="test")
    rng = np.random.default_rng(0)
    pairs = [rng.choice(len(data.data), 2, replace=False) for _ in range(60)]
    pictures = []
    for pair in pairs:
        picture = Image.new("RGB", (256, 128), "white")
        for place, row in enumerate(pair):
            drawing = Image.open(data.data[row][0]).convert("RGBA")
            picture.paste(drawing, (128 * place, 0), drawing)
        pictures.append(picture)
    Y = data.target[np.array(pairs)].max(axis=1)
    common = Y.sum(axis=0) >= 4
    found = []
    for regions in (None, "2x2"):
        clip = CLIPFeaturizer("clipart-tiny", text=None, regions=regions)
        names = [n for n, some in zip(data.target_names, common, strict=True) if some]
        scores = ZeroShotClassifier(names, clip).fit().decision_function(pictures)
        found.append(macro_average_precision_score(Y[:, common], scores))
    assert found[1] > found[0] + 0.02
