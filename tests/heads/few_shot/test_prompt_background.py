"""Heads over label prompts, from which general words are told apart."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from unit_rows import unit

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelNet,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import CLIPAdapterClassifier, CLIPAdapterHead
from sklearn_clip.metrics import macro_average_precision_score
from sklearn_clip.zero_shot import Background


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
    assert model.background_.own  # some labels are general words
    expected = model.decision_function(new) / model.logit_scale_
    for head in zero_shot_heads(model.label_embeddings_, background=model.background_):
        found = head.fit(X, Y).decision_function(X_new)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_descriptions_that_are_general_words_are_no_alternative(clipart):
    model, X, _, X_new, new = clipart
    names = {"person": ["person", "human being"], "dog": "dog", "sky": [" Sky ", "air"]}
    several = ZeroShotClassifier(names, model.featurizer).fit()
    assert set(several.background_.own) == {0, 2}
    several.add_classes(["food"])
    assert set(several.background_.own) == {0, 2, 3}
    expected = several.decision_function(new) / several.logit_scale_
    targets = np.zeros((len(X), 4))
    targets[:4] = np.eye(4)
    for head in zero_shot_heads(
        several.label_embeddings_, background=several.background_
    ):
        found = head.fit(X, targets).decision_function(X_new)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_only_one_scoring_has_a_background():
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    model = ZeroShotClassifier(["bird", "car"], clip, scoring="softmax").fit()
    assert model.background_ is None
    TipAdapterClassifier(model.label_embeddings_, background=model.background_).fit(
        model.label_embeddings_, np.eye(2, dtype=int)
    )


def test_trained_scores_are_the_formula_and_those_of_the_head(problem):
    X, Y, prompts, background = problem
    model = CLIPAdapterClassifier(
        prompts,
        alpha=0.3,
        n_epochs=3,
        device="cpu",
        random_state=0,
        background=Background(3 * background, 20),  # of any length
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
        background=Background(background, 20),
    )
    head.down.weight.data = torch.tensor(model.down_)
    head.up.weight.data = torch.tensor(model.up_)
    logits = head(torch.tensor(new, dtype=torch.float32)).detach()
    np.testing.assert_allclose(logits, 10 * expected - 1, atol=1e-5)
    assert "background" not in dict(head.named_parameters())


def test_training_knows_the_background_and_its_scale(problem):
    X, Y, prompts, background = problem
    trained = [
        CLIPAdapterClassifier(
            prompts, n_epochs=3, device="cpu", random_state=0, background=words
        ).fit(X, Y)
        for words in (None, Background(background, 5.0), Background(background, 50.0))
    ]
    starts = [model.intercept_ for model in trained]  # what calibration alone moves
    assert not np.allclose(starts[0], starts[1])
    gaps = [
        np.abs(one.down_ - other.down_).max()
        for one, other in zip(trained, trained[1:] + trained[:1], strict=True)
    ]
    assert min(gaps) > 1e-4
    by_hand = MultiLabelNet(
        "adapter",
        module__init=prompts,
        module__background=Background(background, 5.0),
        max_epochs=1,
        device="cpu",
        random_state=0,
    ).fit(X, Y)
    assert by_hand.module_.background_scale == 5.0


def test_memory_is_added_to_what_stands_out(problem):
    X, Y, prompts, background = problem
    options = {"background": Background(background, 20.0)}
    without = TipAdapterClassifier(prompts, alpha=0.0, beta=2.0, **options).fit(X, Y)
    alone = TipAdapterClassifier(prompts, alpha=0.5, beta=2.0).fit(X, Y)
    both = TipAdapterClassifier(prompts, alpha=0.5, beta=2.0, **options).fit(X, Y)
    expected = without.decision_function(X) + alone.decision_function(X) - X @ prompts.T
    np.testing.assert_allclose(both.decision_function(X), expected, atol=1e-12)


def test_a_label_is_not_told_apart_from_itself(problem):
    X, Y, prompts, background = problem
    with_own = Background(np.vstack([background, prompts[2:3]]), 9.0, {2: [7]})
    background = Background(background, 9.0)
    for head, plain in zip(
        zero_shot_heads(prompts, background=with_own),
        zero_shot_heads(prompts, background=background),
        strict=True,
    ):
        found = head.fit(X, Y).decision_function(X)
        expected = plain.fit(X, Y).decision_function(X)
        np.testing.assert_allclose(found[:, 2], expected[:, 2], atol=1e-6)
        assert (found[:, [0, 1, 3, 4]] < expected[:, [0, 1, 3, 4]]).all()
    kept, head = (
        CLIPAdapterHead(16, 5, init=prompts, alpha=0, background=words)
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
        model.label_embeddings_, background=model.background_
    ).fit(X[chance], Y[chance])
    found = macro_average_precision_score(
        Y_new[:, some], head.predict_proba(X_new)[:, some]
    )
    assert found >= start - 0.002


@pytest.mark.parametrize(
    "background, match",
    [
        (Background(np.ones((3, 8))), r"\(n_background, 16\), .*Got \(3, 8\)"),
        (Background(np.ones((0, 16))), r"at least one, .*Got \(0, 16\)"),
        (Background(np.ones(16)), r"Got \(16,\)"),
        (Background(np.zeros((2, 16))), r"not zero. Got another one \(row 0\)"),
        (Background(np.ones((2, 16)), 0), "logit_scale .* above 0. Got 0"),
        (Background(np.ones((2, 16)), np.inf), "logit_scale .* above 0. Got inf"),
        (Background(np.ones((2, 16)), own={5: [0]}), "below 5 .*Got .*of label 5"),
        (Background(np.ones((2, 16)), own={3: [2]}), r"below 2. Got \[2\] of label 3"),
        (
            Background(np.ones((2, 16)), own={3: [0, 1]}),
            "a word that is not the label's own. Got 2, all of them of label 3",
        ),
    ],
)
def test_background_that_cannot_be_used_is_refused(problem, background, match):
    X, Y, prompts, _ = problem
    for head in zero_shot_heads(prompts, background=background):
        with pytest.raises(ValueError, match=match):
            head.fit(X, Y)
    with pytest.raises(ValueError, match=match):
        CLIPAdapterHead(16, 5, background=background)


def test_heads_without_training_load_no_torch():
    code = (
        "import sys; from sklearn_clip import TipAdapterClassifier; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "own, error, match",
    [
        (None, TypeError, "own of background must be a dict .*Got NoneType"),
        ({0: 3}, ValueError, "lists of rows below 2. Got 3 of label 0"),
        ({"a": [1]}, ValueError, r"Got \[1\] of label 'a'.*take its background_"),
    ],
)
def test_own_words_that_cannot_be_are_refused(problem, own, error, match):
    X, Y, prompts, _ = problem
    head = TipAdapterClassifier(
        prompts, background=Background(np.ones((2, 16)), 9, own)
    )
    with pytest.raises(error, match=match):
        head.fit(X, Y)


def test_words_may_be_a_tensor(problem):
    *_, prompts, background = problem
    words = torch.tensor(background, requires_grad=True)
    head = CLIPAdapterHead(16, 5, init=prompts, background=Background(words))
    np.testing.assert_allclose(head.background, background, atol=1e-6)


def test_words_alone_are_no_background(problem):
    X, Y, prompts, background = problem
    for head in zero_shot_heads(prompts, background=background):
        with pytest.raises(TypeError, match="such as background_ of .*Got ndarray"):
            head.fit(X, Y)
    with pytest.raises(TypeError, match="background must be a .*Got ndarray"):
        CLIPAdapterHead(16, 5, background=background)


def test_background_survives_clone_pickle_and_search(problem):
    X, Y, prompts, background = problem
    words = Background(background, 20.0, {1: [3]})
    head = TipAdapterClassifier(prompts, background=words)
    expected = head.fit(X, Y).decision_function(X)
    for again in (clone(head).fit(X, Y), pickle.loads(pickle.dumps(head))):
        np.testing.assert_array_equal(again.decision_function(X), expected)
    search = GridSearchCV(
        TipAdapterClassifier(prompts), {"background": [None, words]}, cv=KFold(2)
    ).fit(X, Y)
    assert len(search.cv_results_["params"]) == 2
