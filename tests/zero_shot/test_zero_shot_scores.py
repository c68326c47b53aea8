"""Scores of every kind, and the labels that are made of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
from sklearn_clip.embedding import load_backbone

NAMES = ["cat", "dog", "sea", "food"]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_cosine_is_that_of_image_and_averaged_prompts(clip, pictures):
    model = ZeroShotClassifier(
        {"cat": ["cat", "kitten"], "dog": "dog"},
        clip,
        scoring="cosine",
        templates=["a {}", "the {label}!"],
    ).fit()
    prompts = [
        clip.encode_texts(["a cat", "the cat!", "a kitten", "the kitten!"]),
        clip.encode_texts(["a dog", "the dog!"]),
    ]
    labels = unit(np.stack([texts.mean(axis=0) for texts in prompts]))
    expected = clip.encode_images(pictures) @ labels.T
    np.testing.assert_allclose(model.decision_function(pictures), expected, atol=1e-5)


def test_contrast_is_a_softmax_with_the_background_alone(clip, pictures):
    background = ["thing", "dog", "sky"]
    model = ZeroShotClassifier(
        NAMES, clip, background=background, templates="none"
    ).fit()
    images = clip.encode_images(pictures)
    masses = {
        name: np.exp(model.logit_scale_ * images @ clip.encode_texts([name])[0])
        for name in NAMES + background
    }
    found = model.predict_proba(pictures)
    for j, name in enumerate(NAMES):
        rest = sum(masses[b] for b in background if b != name)
        np.testing.assert_allclose(
            found[:, j], masses[name] / (masses[name] + rest), rtol=1e-4
        )
    alone = ZeroShotClassifier(
        ["sea"], clip, background=background, templates="none"
    ).fit()
    np.testing.assert_allclose(
        alone.predict_proba(pictures)[:, 0], found[:, 2], rtol=1e-4
    )


def test_softmax_labels_compete(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip, scoring="softmax").fit()
    np.testing.assert_allclose(model.predict_proba(pictures).sum(axis=1), 1, atol=1e-5)
    with pytest.raises(ValueError, match=r"two labels that compete. Got \['cat'\]"):
        ZeroShotClassifier(["cat"], clip, scoring="softmax").fit()


def test_sigmoid_uses_the_models_scale_and_bias(siglip_folder, pictures):
    clip = CLIPFeaturizer(siglip_folder, text=None, cache=None)
    model = ZeroShotClassifier(NAMES, clip, scoring="sigmoid", templates="none").fit()
    assert (model.logit_scale_, model.logit_bias_) == pytest.approx((8.0, -4.0))
    cosines = clip.encode_images(pictures) @ clip.encode_texts(NAMES).T
    expected = 1 / (1 + np.exp(4.0 - 8.0 * cosines))
    np.testing.assert_allclose(model.predict_proba(pictures), expected, atol=1e-5)


def test_scale_is_told_before_the_weights_are_rounded(siglip_folder):
    backbone = load_backbone(siglip_folder, precision="bf16")
    assert backbone.logit_scale == pytest.approx(8.0, rel=1e-6)
    assert load_backbone(siglip_folder).logit_bias == -4.0


def test_sigmoid_without_a_bias_asks_for_calibration(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, scoring="sigmoid")
    with pytest.raises(ValueError, match="trained with a bias.*calibrate=True"):
        model.fit()
    with pytest.raises(NotFittedError):
        model.predict(pictures)
    assert load_backbone(clip.model_name).logit_bias is None
    model.set_params(calibrate=True).fit(pictures, targets)
    assert np.isfinite(model.predict_proba(pictures)).all()


def test_logit_scale_may_be_given(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip).fit()
    again = ZeroShotClassifier(NAMES, clip, logit_scale=model.logit_scale_).fit()
    np.testing.assert_array_equal(
        model.predict_proba(pictures), again.predict_proba(pictures)
    )
    flat = ZeroShotClassifier(NAMES, clip, logit_scale=1e-6, background=["a", "b"])
    np.testing.assert_allclose(flat.fit().predict_proba(pictures), 1 / 3, atol=1e-4)


def test_cosine_is_no_probability_and_has_its_own_threshold(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, scoring="cosine").fit()
    assert not hasattr(model, "predict_proba") and np.isnan(model.thresholds_).all()
    with pytest.raises(ValueError, match="threshold must be given for scoring='cos"):
        model.predict(pictures)
    cosines = model.decision_function(pictures)
    threshold = float(np.median(cosines))
    model.set_params(threshold=threshold).fit()
    np.testing.assert_array_equal(model.predict(pictures), cosines >= threshold)
    model.set_params(threshold="auto", top_k=1).fit()
    np.testing.assert_array_equal(
        model.predict(pictures).argmax(axis=1), cosines.argmax(axis=1)
    )
    model.set_params(calibrate=True, top_k=None).fit(pictures, targets)
    assert model.predict_proba(pictures).shape == (12, 4)
    assert (model.thresholds_ > 0).all()


def test_threshold_top_k_and_at_least_one_decide(clip, pictures):
    scores = ZeroShotClassifier(NAMES, clip).fit().predict_proba(pictures)

    def predict(**parameters):
        return ZeroShotClassifier(NAMES, clip, **parameters).fit().predict(pictures)

    two = predict(threshold=None, top_k=2)
    assert (two.sum(axis=1) == 2).all()
    np.testing.assert_array_equal(
        two.nonzero()[1], np.sort(np.argsort(-scores, axis=1)[:, :2], axis=1).ravel()
    )
    none = predict(threshold=1.0)
    assert none.sum() == 0
    one = predict(threshold=dict.fromkeys(NAMES, 0.999999), at_least_one=True)
    np.testing.assert_array_equal(one.argmax(axis=1), scores.argmax(axis=1))
    assert (one.sum(axis=1) == 1).all()
    never = predict(threshold={"dog": np.inf, "cat": 0.0})
    assert never[:, 0].all() and not never[:, 1].any()
    np.testing.assert_array_equal(never[:, 2:], scores[:, 2:] >= 0.2)
    np.testing.assert_array_equal(
        predict(threshold=pd.Series({"dog": np.inf, "cat": 0.0})), never
    )
    cuts = pd.Series(np.linspace(0.1, 0.4, len(NAMES)), index=NAMES)
    np.testing.assert_array_equal(
        predict(threshold=cuts[::-1]), predict(threshold=cuts.to_numpy())
    )


def test_top_k_is_read_at_every_prediction_and_threshold_at_fit(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip, threshold=None, top_k=1).fit()
    assert (model.predict(pictures).sum(axis=1) == 1).all()
    model.set_params(top_k=2, threshold=1.0)
    assert (model.predict(pictures).sum(axis=1) == 2).all()
    model.set_params(top_k=None)
    with pytest.raises(ValueError, match="top_k must be given.*Got threshold=1.0"):
        model.predict(pictures)
    assert model.fit().predict(pictures).sum() == 0
    cosines = ZeroShotClassifier(NAMES, clip, scoring="cosine", top_k=3).fit()
    with pytest.raises(ValueError, match="top_k must be given.*Got threshold='auto'"):
        cosines.set_params(top_k=None).predict(pictures)
    later = ZeroShotClassifier(NAMES, clip, scoring="cosine").fit()
    later.set_params(top_k=3)
    np.testing.assert_array_equal(
        later.predict(pictures), cosines.set_params(top_k=3).predict(pictures)
    )
    with pytest.raises(ValueError, match="threshold must be given"):
        later.set_params(top_k=None).predict(pictures)
