"""Heads over label prompts, from which general words are told apart."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from sklearn_clip import CLIPFeaturizer, TipAdapterClassifier, ZeroShotClassifier
from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import CLIPAdapterClassifier, CLIPAdapterHead
from sklearn_clip.metrics import macro_average_precision_score


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def data():
    """Rows near the sum of their labels' directions, prompts, and a background."""
    rng = np.random.default_rng(0)
    directions = unit(rng.normal(size=(5, 16)))
    Y = (rng.random((80, 5)) < [0.4, 0.3, 0.2, 0.1, 0.05]).astype(int)
    Y[:4, 4] = 1
    X = unit(Y @ directions + rng.normal(size=(80, 16)) * 0.15)
    prompts = unit(directions + rng.normal(size=(5, 16)) * 0.25)
    return X, Y, prompts, unit(rng.normal(size=(7, 16)))


def zero_shot_heads(prompts, **options):
    return [
        TipAdapterClassifier(prompts, alpha=0.0, beta=1.0, **options),
        CLIPAdapterClassifier(
            prompts, n_epochs=0, device="cpu", random_state=0, **options
        ),
    ]


@pytest.fixture(scope="module")
def clipart():
    train, test = (load_clipart(split=s, as_frame=True) for s in ("train", "test"))
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    model = ZeroShotClassifier(train.target_names, clip).fit()
    parts = (train.data[:200], train.target[:200].to_numpy(), test.data[:200])
    rows, Y, new = parts
    return model, clip.transform(rows), Y, clip.transform(new), new


def test_without_training_the_scores_are_those_of_zero_shot(clipart):
    model, X, Y, X_new, new = clipart
    expected = model.decision_function(new) / model.logit_scale_
    for head in zero_shot_heads(
        model.label_embeddings_,
        background_embeddings=model.background_embeddings_,
        logit_scale=model.logit_scale_,
    ):
        found = head.fit(X, Y).decision_function(X_new)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_only_one_scoring_has_a_background():
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    model = ZeroShotClassifier(["bird", "car"], clip, scoring="softmax").fit()
    assert model.background_embeddings_ is None
    TipAdapterClassifier(
        model.label_embeddings_, background_embeddings=model.background_embeddings_
    ).fit(model.label_embeddings_, np.eye(2, dtype=int))


def test_trained_scores_are_the_formula_and_those_of_the_head(data):
    X, Y, prompts, background = data
    model = CLIPAdapterClassifier(
        prompts,
        alpha=0.3,
        n_epochs=3,
        device="cpu",
        random_state=0,
        background_embeddings=3 * background,  # of any length
        logit_scale=20,
    ).fit(X, Y)
    expected = np.zeros((6, 5))
    new = unit(np.random.default_rng(1).normal(size=(6, 16)))
    for i, f in enumerate(new):
        hidden = np.maximum(model.down_ @ f, 0)
        adapted = 0.7 * f + 0.3 * np.maximum(model.up_ @ hidden, 0)
        adapted /= np.linalg.norm(adapted)
        common = logsumexp(20 * background @ adapted) / 20
        expected[i] = model.label_vectors_ @ adapted - common
    np.testing.assert_allclose(model.decision_function(new), expected, atol=1e-6)
    head = CLIPAdapterHead(
        16,
        5,
        init=model.label_vectors_,
        alpha=0.3,
        scale=10,
        bias=-1,
        background=background,
        background_scale=20,
    )
    head.down.weight.data = torch.tensor(model.down_)
    head.up.weight.data = torch.tensor(model.up_)
    logits = head(torch.tensor(new, dtype=torch.float32)).detach()
    np.testing.assert_allclose(logits, 10 * expected - 1, atol=1e-5)
    assert "background" not in dict(head.named_parameters())


def test_memory_is_added_to_what_stands_out(data):
    X, Y, prompts, background = data
    options = {"background_embeddings": background, "logit_scale": 20.0}
    without = TipAdapterClassifier(prompts, alpha=0.0, beta=2.0, **options).fit(X, Y)
    alone = TipAdapterClassifier(prompts, alpha=0.5, beta=2.0).fit(X, Y)
    both = TipAdapterClassifier(prompts, alpha=0.5, beta=2.0, **options).fit(X, Y)
    expected = without.decision_function(X) + alone.decision_function(X) - X @ prompts.T
    np.testing.assert_allclose(both.decision_function(X), expected, atol=1e-12)


def test_a_label_is_not_told_apart_from_itself(data):
    X, Y, prompts, background = data
    with_own = np.vstack([background, prompts[2:3]])
    for head, plain in zip(
        zero_shot_heads(prompts, background_embeddings=with_own, logit_scale=9.0),
        zero_shot_heads(prompts, background_embeddings=background, logit_scale=9.0),
        strict=True,
    ):
        found = head.fit(X, Y).decision_function(X)
        expected = plain.fit(X, Y).decision_function(X)
        np.testing.assert_allclose(found[:, 2], expected[:, 2], atol=1e-6)
        assert (found[:, [0, 1, 3, 4]] < expected[:, [0, 1, 3, 4]]).all()
    kept, head = (
        CLIPAdapterHead(
            16, 5, init=prompts, alpha=0, background=words, background_scale=9.0
        )
        for words in (background, with_own)
    )
    rows = torch.tensor(X, dtype=torch.float32)
    difference = (kept(rows) - head(rows)).abs().amax(dim=0)
    assert difference[2] < 1e-5 < difference[[0, 1, 3, 4]].min()


def test_ladder_does_not_dip_below_zero_shot_on_clip_art(clipart):
    model, X, Y, X_new, new = clipart
    test = load_clipart(split="test", as_frame=True)
    Y_new = test.target[:200].to_numpy()
    some = Y_new.sum(axis=0) > 0
    chance = np.random.default_rng(0).permutation(len(X))[:30]
    start = macro_average_precision_score(
        Y_new[:, some], model.predict_proba(new)[:, some]
    )
    head = TipAdapterClassifier(
        model.label_embeddings_,
        background_embeddings=model.background_embeddings_,
        logit_scale=model.logit_scale_,
    ).fit(X[chance], Y[chance])
    found = macro_average_precision_score(
        Y_new[:, some], head.predict_proba(X_new)[:, some]
    )
    assert found >= start - 0.002


@pytest.mark.parametrize(
    "background, match",
    [
        (np.ones((3, 8)), r"shape \(n_background, 16\), as wide as X. Got \(3, 8\)"),
        (np.ones(16), r"Got \(16,\)"),
        (np.zeros((2, 16)), r"not zero. Got another one \(row 0\)"),
        (None, "hold a vector that is not the label's own. Got 2, all .* of label 3"),
    ],
)
def test_background_that_cannot_be_used_is_refused(data, background, match):
    X, Y, prompts, _ = data
    background = prompts[[3, 3]] if background is None else background
    for head in zero_shot_heads(prompts, background_embeddings=background):
        with pytest.raises(ValueError, match=match):
            head.fit(X, Y)


@pytest.mark.parametrize(
    "params, match",
    [
        ({"background": np.ones((2, 5))}, r"background must have shape .*any, 16\)"),
        ({"background": np.zeros((2, 16))}, r"background must hold .* \(row 0\)"),
        ({"background_scale": 0}, "background_scale must be above 0. Got 0"),
    ],
)
def test_head_refuses_a_background_it_cannot_use(params, match):
    with pytest.raises(ValueError, match=match):
        CLIPAdapterHead(16, 5, **params)
