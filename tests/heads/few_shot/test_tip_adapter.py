"""Tip-Adapter: the formula, what is chosen, and what few rows add on clip art."""

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from unit_rows import unit

from sklearn_clip import CLIPFeaturizer, TipAdapterClassifier
from sklearn_clip.datasets import load_clipart


def test_score_is_the_formula(data):
    X, Y, prompts = data
    model = TipAdapterClassifier(prompts, alpha=0.7, beta=3.0).fit(X, Y)
    new = unit(np.random.default_rng(1).normal(size=(6, 16)))
    expected = np.zeros((6, 5))
    for i, f in enumerate(new):
        for label in range(5):
            positives = X[Y[:, label] == 1]
            affinity = np.exp(-3.0 * (1 - positives @ f)).mean()
            expected[i, label] = prompts[label] @ f + 0.7 * affinity
    np.testing.assert_allclose(model.decision_function(new), expected, rtol=1e-10)
    np.testing.assert_allclose(
        model.decision_function(5 * new), expected, rtol=1e-10
    )  # of any length


def test_without_the_memory_it_is_zero_shot(data):
    X, Y, prompts = data
    model = TipAdapterClassifier(prompts, alpha=0, beta=1.0).fit(X, Y)
    np.testing.assert_allclose(model.decision_function(X), X @ prompts.T)


def test_memory_is_weighed_without_a_rows_own_entry(data):
    X, Y, prompts = data
    rng = np.random.default_rng(2)
    model = TipAdapterClassifier(prompts, probe=False).fit(X, Y)
    assert model.alpha_ > 0
    # Labels that have nothing to do with the rows: the memory is of no use, though
    # every row would find itself in it.
    noise = (rng.random((80, 5)) < 0.3).astype(int)
    model = TipAdapterClassifier(prompts, probe=False).fit(X, noise)
    order = model.decision_function(X)
    assert average_precision_score(noise, order, average="macro") < 0.75


def test_unknown_labels_are_left_out_of_the_memory_and_the_choice(data):
    X, Y, prompts = data
    hidden = Y.astype(float)
    hidden[::3, 0] = np.nan
    model = TipAdapterClassifier(prompts, alpha=1.0, beta=2.0).fit(X, hidden)
    rows = np.arange(80) % 3 != 0
    part = TipAdapterClassifier(prompts, alpha=1.0, beta=2.0).fit(X[rows], Y[rows])
    np.testing.assert_allclose(
        model.decision_function(X)[:, 0], part.decision_function(X)[:, 0]
    )
    assert np.isfinite(model.predict_proba(X)).all()


def test_memory_is_asked_in_blocks_of_rows(data, monkeypatch):
    X, Y, prompts = data
    X, Y = np.tile(X, (10, 1)) + np.arange(800)[:, None] / 1e4, np.tile(Y, (10, 1))
    model = TipAdapterClassifier(prompts, alpha=1.0, probe=False)
    whole = model.fit(X, Y).decision_function(X)
    chosen = model.beta_
    monkeypatch.setattr("sklearn_clip._shared._entries.BLOCK_SIZE", 1 << 14)
    tracemalloc.start()
    parted = model.fit(X, Y).decision_function(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(X) ** 2 * 8 / 4  # of one table of all pairs
    assert model.beta_ == chosen
    np.testing.assert_allclose(parted, whole, rtol=1e-12)


def test_label_without_positives_is_scored_by_its_prompt(data):
    X, Y, prompts = data
    Y[:, 3] = 0
    model = TipAdapterClassifier(prompts, alpha=1.0, beta=1.0).fit(X, Y)
    np.testing.assert_allclose(model.decision_function(X)[:, 3], X @ prompts[3])
    assert np.isfinite(model.intercept_).all()


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_a_few_rows_are_enough_to_fit(data, n_rows):
    X, Y, prompts = data
    model = TipAdapterClassifier(prompts).fit(X[:n_rows], Y[:n_rows])
    assert np.isfinite(model.predict_proba(X)).all()


def test_four_rows_a_label_beat_the_prompts_alone_on_clip_art():
    data = load_clipart(split="train")
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(data.target))
    chosen = set()
    for label in data.target.T:
        chosen.update(order[label[order] == 1][:4])
    shots = np.array(sorted(chosen))
    rest = np.setdiff1d(order, shots)[:500]
    names = [f"clip art of {name}" for name in data.target_names]
    prompts = clip.encode_texts(names)
    X, new = (clip.encode_images(list(data.data[r, 0])) for r in (shots, rest))
    model = TipAdapterClassifier(prompts).fit(X, data.target[shots])
    found = average_precision_score(
        data.target[rest], model.decision_function(new), average="macro"
    )
    alone = average_precision_score(data.target[rest], new @ prompts.T, average="macro")
    assert found > alone + 0.02


@pytest.mark.parametrize("seed", range(6))
def test_a_few_lone_rows_never_do_harm(seed):
    rng = np.random.default_rng(seed)
    n_labels = 30
    prompts, labels = rng.normal(size=(n_labels, 24)), np.eye(n_labels, dtype=int)
    # One row a label, of three labels two; then ten of each to judge by.
    Y = np.vstack([labels, labels[:3], np.repeat(labels, 10, axis=0)])
    X = Y @ prompts + 2 * rng.normal(size=(len(Y), 24))
    few, rest = slice(None, n_labels + 3), slice(n_labels + 3, None)
    found, zero_shot = (
        average_precision_score(
            Y[rest], model.fit(X[few], Y[few]).predict_proba(X[rest])
        )
        for model in (
            TipAdapterClassifier(prompts),
            TipAdapterClassifier(prompts, alpha=0.0, beta=1.0),
        )
    )
    assert zero_shot > 0.4
    assert found >= zero_shot - 0.01
