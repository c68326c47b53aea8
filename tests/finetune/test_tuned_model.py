"""Prompts and pictures to logits, against open_clip's own passes."""

import numpy as np
import open_clip
import pytest
import torch
from scipy.special import expit

from sklearn_clip.embedding import load_backbone
from sklearn_clip.finetune._model import TunedModel, copy_model, matching_bias

TEXTS = ["a cat", "a photo of a very small dog by the sea", "x"]


@pytest.fixture
def backbone(model_folder):
    return load_backbone(model_folder, device="cpu", precision="fp32")


@pytest.fixture
def tuned(backbone):
    found = TunedModel(copy_model(backbone), backbone.tokenizer, "cpu", 100.0)
    found.set_logits(0.1, -2.0)
    found.train(False)
    return found


def test_texts_without_padding_have_the_vectors_and_gradients_of_padded_ones(tuned):
    tokens = open_clip.get_tokenizer("ViT-B-32")(TEXTS)
    module = tuned.module.requires_grad_(True)
    assert tuned._trims
    grads = []
    for vectors in (
        tuned.encode_texts(TEXTS),
        module.encode_text(tokens, normalize=True),
    ):
        module.zero_grad()
        (vectors * torch.arange(64.0)).sum().backward()
        grads.append(module.positional_embedding.grad.clone())
        grads.append(vectors.detach())
    torch.testing.assert_close(grads[0], grads[2], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(grads[1], grads[3], atol=1e-5, rtol=1e-4)


def test_pictures_have_the_vectors_of_the_backbone(tuned, backbone, make_pictures):
    pixels = [backbone.prepare_image(picture) for picture in make_pictures(3)]
    with torch.no_grad():
        found = tuned.encode_images(torch.stack(pixels)).numpy()
    expected = backbone.encode_images(pixels)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_logits_are_cosines_over_temperature_plus_bias(tuned):
    images, labels = torch.eye(3)[:2], torch.eye(3)
    expected = torch.tensor([[8.0, -2, -2], [-2, 8.0, -2]])
    torch.testing.assert_close(tuned.logits(images, labels).detach(), expected)


def test_temperature_is_capped(tuned):
    tuned.module.logit_scale.data.fill_(9.0)
    tuned.cap()
    assert tuned.module.logit_scale.exp().item() == pytest.approx(100)


def test_bias_makes_probabilities_as_high_as_targets():
    rng = np.random.default_rng(0)
    cosines = rng.uniform(0.1, 0.3, (50, 4)).astype(np.float32)
    targets = (rng.random((50, 4)) < 0.2).astype(np.float32)
    targets[:5] = np.nan
    bias = matching_bias(cosines, targets, 20.0)
    mean = expit(20.0 * cosines[5:] + bias).mean()
    assert mean == pytest.approx(targets[5:].mean(), abs=1e-6)
    assert np.isfinite(matching_bias(cosines, targets * 0, 20.0))
