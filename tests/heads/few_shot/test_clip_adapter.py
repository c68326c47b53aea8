"""CLIP-Adapter: the formula, how long it trains, and what few rows add on clip art."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from unit_rows import unit

from sklearn_clip import CLIPFeaturizer, MultiLabelNet
from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import CLIPAdapterClassifier, CLIPAdapterHead
from sklearn_clip.heads.few_shot import _clip_adapter
from sklearn_clip.zero_shot import Background


def make_adapter(prompts, **params):
    return CLIPAdapterClassifier(
        prompts, **{"probe": False, "device": "cpu", "random_state": 0} | params
    )


def test_score_is_the_formula(data):
    X, Y, prompts = data
    model = make_adapter(prompts, alpha=0.3, n_epochs=3).fit(X, Y)
    assert model.down_.shape == (4, 16) and model.up_.shape == (16, 4)
    new = unit(np.random.default_rng(1).normal(size=(6, 16)))
    expected = np.zeros((6, 5))
    for i, f in enumerate(new):
        hidden = np.maximum(model.down_ @ f, 0)
        adapted = 0.7 * f + 0.3 * np.maximum(model.up_ @ hidden, 0)
        for label, w in enumerate(model.label_vectors_):
            expected[i, label] = adapted @ w / np.linalg.norm(adapted)
    found = model.decision_function(new)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(model.decision_function(5 * new), found, atol=1e-6)


def test_head_computes_what_the_classifier_does(data):
    X, Y, prompts = data
    model = make_adapter(prompts, n_epochs=2).fit(X, Y)
    head = CLIPAdapterHead(16, 5, init=model.label_vectors_, scale=None)
    head.down.weight.data = torch.tensor(model.down_)
    head.up.weight.data = torch.tensor(model.up_)
    cosines = head(torch.tensor(X, dtype=torch.float32)).detach()
    np.testing.assert_allclose(model.decision_function(X), cosines, atol=1e-6)


@pytest.mark.parametrize("params", [{"n_epochs": 0}, {"n_epochs": 3, "alpha": 0}])
def test_untrained_or_unadapted_rows_meet_the_label_vectors_as_they_are(data, params):
    X, Y, prompts = data
    model = make_adapter(prompts, **params).fit(X, Y)
    scores = model.decision_function(X)
    np.testing.assert_allclose(scores, X @ model.label_vectors_.T, atol=1e-6)
    is_zero_shot = np.allclose(scores, X @ prompts.T, atol=1e-6)
    assert is_zero_shot == (params["n_epochs"] == 0)


def test_epochs_are_chosen_by_rows_that_were_not_trained_on(data):
    X, Y, prompts = data
    model = make_adapter(prompts, lr=1e-2).fit(X, Y)
    scores = model.validation_scores_
    assert model.n_epochs_ == scores.argmax() > 0
    zero_shot = average_precision_score(Y, X @ prompts.T, average="macro")
    assert scores[0] == pytest.approx(zero_shot)
    assert len(scores) == min(model.n_epochs_ + 15, 40) + 1
    # Labels that have nothing to do with the rows: of rows trained on they are learnt,
    # held-out ones tell that there is nothing to learn.
    noise = np.random.default_rng(2).permutation(Y)
    model = make_adapter(prompts, lr=0.05).fit(X, noise)
    learnt = make_adapter(prompts, lr=0.05, n_epochs=40).fit(X, noise)
    of_seen_rows = average_precision_score(noise, learnt.decision_function(X))
    assert of_seen_rows > model.validation_scores_.max() + 0.1


@pytest.mark.parametrize("scale", [None, 5.0, 50.0])
def test_held_out_rows_are_scored_as_new_ones_are(problem, monkeypatch, scale):
    X, Y, prompts, words = problem
    background = None if scale is None else Background(words, scale, {2: [3]})
    model = make_adapter(prompts, lr=1e-2, background=background, max_epochs=3)
    compared = []

    def scores(net, rows):
        found = of_net(net, rows)
        expected = model._score(rows, model.alpha, *_clip_adapter._weights(net))
        np.testing.assert_allclose(found, expected, atol=2e-6)
        compared.append(len(rows))
        return found

    of_net = _clip_adapter._scores
    monkeypatch.setattr(_clip_adapter, "_scores", scores)
    model.fit(X, Y)
    assert sum(compared) == 3 * len(X)


def test_rows_of_unknown_labels_alone_change_nothing(data):
    X, Y, prompts = data
    hidden = np.vstack([Y, np.full((20, 5), np.nan)])
    more = np.vstack([X, -X[:20]])
    params = {"n_epochs": 3, "batch_size": 100}  # rounding grows from step to step
    part = make_adapter(prompts, **params).fit(X, Y)
    model = make_adapter(prompts, **params).fit(more, hidden)
    found, expected = model.predict_proba(X), part.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    chosen = make_adapter(prompts, max_epochs=3).fit(more, hidden)
    assert np.isfinite(chosen.predict_proba(more)).all()


@pytest.mark.parametrize("n_rows", [1, 2, 5, 10])
def test_few_positives_leave_it_zero_shot(data, n_rows):
    X, Y, prompts = data
    model = make_adapter(prompts).fit(X[:n_rows], Y[:n_rows])
    assert (model.n_epochs_, model.alpha_) == (0, 0)
    assert not hasattr(model, "validation_scores_")
    np.testing.assert_allclose(model.decision_function(X), X @ prompts.T, atol=1e-6)
    assert np.isfinite(model.predict_proba(X)).all()


def test_label_without_positives_is_let_alone_by_the_choice(data):
    X, Y, prompts = data
    Y[:, 3] = 0
    model = make_adapter(prompts, max_epochs=3).fit(X, Y)
    assert np.isfinite(model.validation_scores_).all()
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.predict(X)[:, 3].sum() == 0


def test_seed_decides_everything_and_torch_keeps_its_own(data):
    X, Y, prompts = data
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, again, other = (
        make_adapter(prompts, random_state=seed, max_epochs=5).fit(X, Y)
        for seed in (1, 1, 2)
    )
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))
    assert clone(first).get_params()["random_state"] == 1


def test_head_is_a_module_of_the_net_with_any_loss(data):
    X, Y, prompts = data
    net = MultiLabelNet(
        "adapter",
        module__init=prompts,
        module__bias=np.linspace(-4, -2, 5),
        criterion="asl",
        max_epochs=2,
        device="cpu",
        random_state=0,
    ).fit(X, Y)
    assert net.predict_proba(X).shape == Y.shape


@pytest.mark.parametrize(
    "params, match",
    [
        ({"alpha": 1.2}, r"alpha must be in \[0, 1\]. Got 1.2"),
        ({"reduction": 0}, "reduction must be at least 1. Got 0"),
    ],
)
def test_head_refuses_what_is_out_of_range(params, match):
    with pytest.raises(ValueError, match=match):
        CLIPAdapterHead(8, 3, **params)


def test_four_rows_a_label_beat_the_prompts_alone_on_clip_art():
    data = load_clipart(split="train")
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    order = np.random.default_rng(0).permutation(len(data.target))
    chosen = set()
    for label in data.target.T:
        chosen.update(order[label[order] == 1][:4])
    shots = np.array(sorted(chosen))
    rest = np.setdiff1d(order, shots)[:700]
    prompts = clip.encode_texts([f"clip art of {name}" for name in data.target_names])
    X, new = (clip.encode_images(list(data.data[r, 0])) for r in (shots, rest))
    Y, truth = data.target[shots], data.target[rest]
    some = truth.any(axis=0)
    model = make_adapter(prompts).fit(X, Y)
    found, alone = (
        average_precision_score(truth[:, some], scores[:, some])
        for scores in (model.decision_function(new), new @ prompts.T)
    )
    assert found > alone + 0.03
    ten = make_adapter(prompts).fit(X[:10], Y[:10])
    np.testing.assert_allclose(ten.decision_function(new), new @ prompts.T, atol=1e-6)


@pytest.mark.parametrize("n", [1, 5])
def test_head_takes_one_row_or_an_empty_one_and_passes_gradients(n):
    head = CLIPAdapterHead(12, 3)
    x = torch.randn(n, 12, generator=torch.Generator().manual_seed(0))
    x[0] = 0  # a missing modality
    logits = head(x)
    assert logits.shape == (n, 3)
    torch.testing.assert_close(logits[0], torch.full((3,), -3.0))
    logits.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_alpha_above_one_is_refused(data):
    X, Y, prompts = data
    with pytest.raises(ValueError, match="'alpha' parameter .* must be a float in"):
        make_adapter(prompts, alpha=1.5).fit(X, Y)
