"""The probe beside the prompts: its weights, and that it never loses to either end."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from unit_rows import unit

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import CLIPAdapterClassifier
from sklearn_clip.heads.few_shot._probe import weigh
from sklearn_clip.metrics import macro_average_precision_score


def make_heads(prompts, **params):
    return [
        TipAdapterClassifier(prompts, **params),
        CLIPAdapterClassifier(prompts, device="cpu", random_state=0, **params),
    ]


def test_score_is_the_formula(data):
    X, Y, prompts = data
    new = np.random.default_rng(1).normal(size=(6, 16))
    probe = MultiLabelLogisticRegression(C=5).fit(X, Y).coef_
    for head in make_heads(prompts):
        head.fit(X, Y)
        share = head.probe_coef_ / probe  # one weight for all labels
        np.testing.assert_allclose(share, share[0, 0], rtol=1e-3)
        assert head.prompt_weight_ > 0 and share[0, 0] > 0
        expected = [
            [
                head.prompt_weight_ * (f @ w) + f @ v + c
                for w, v, c in zip(
                    prompts, head.probe_coef_, head.probe_intercept_, strict=True
                )
            ]
            for f in unit(new)
        ]
        np.testing.assert_allclose(head.decision_function(new), expected, atol=1e-5)


def test_weights_are_those_of_a_plain_search():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, 40, 3))
    Y = (rng.random((40, 3)) < expit(parts[0] + parts[1] - 1)).astype(float)
    known = rng.random((40, 3)) < 0.9
    Y[~known] = 0
    counts = Y.sum(axis=0)
    mean = np.array([0, 2 * Y.sum() / (Y.sum() + 20)])

    def loss(p):
        total = 1.5 * (p[0] - mean[0]) ** 2 + 10 * (p[1] - mean[1]) ** 2
        for label in range(3):
            for row in np.flatnonzero(known[:, label]):
                z = p[:2] @ parts[:, row, label] + p[2] + p[3 + label]
                y = Y[row, label]
                cost = np.log1p(np.exp(z)) - y * z
                total += cost * counts.mean() / counts[label]
        return total + 0.5 * (p[3:] ** 2).sum()

    best = minimize(loss, np.zeros(6), tol=1e-10).x
    a, b = weigh(parts, Y, known)
    assert b == pytest.approx(best[1], abs=1e-3)
    # The weight of the prompts is that, less what chance would have given it.
    jacobian, hessian = [], np.diag([3.0, 20.0])
    for label in range(3):
        for row in np.flatnonzero(known[:, label]):
            x, weight = parts[:, row, label], counts.mean() / counts[label]
            p = expit(best[:2] @ x + best[2] + best[3 + label])
            jacobian.append(weight * (Y[row, label] - p) * x)
            hessian += weight * p * (1 - p) * np.outer(x, x)
    inverse, noise = np.linalg.inv(hessian), np.array(jacobian)
    error = np.sqrt((inverse @ noise.T @ noise @ inverse)[0, 0])
    assert a == pytest.approx(best[0] * (1 - (2 * error / best[0]) ** 2), abs=1e-3)


def test_prompts_that_mean_nothing_get_no_weight(data):
    X, Y, _ = data
    prompts = unit(np.random.default_rng(4).normal(size=(5, 16)))
    logistic = MultiLabelLogisticRegression(C=5).fit(X, Y).decision_function(X)
    for head in make_heads(prompts):
        assert head.fit(X, Y).prompt_weight_ < 2
        found = head.decision_function(X)
        for label in range(5):
            together = np.corrcoef(found[:, label], logistic[:, label])[0, 1]
            assert together > 0.98


@pytest.fixture(scope="module")
def clipart(light_engine):
    train, test = (load_clipart(split=s, as_frame=True) for s in ("train", "test"))
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    rows, new = train.data[:500], test.data[:300]
    Y, Y_new = train.target[:500].to_numpy(), test.target[:300].to_numpy()
    some = Y.any(axis=0) & Y_new.any(axis=0)
    names = np.array(train.target_names)[some]
    X, X_new = clip.fit_transform(rows), clip.transform(new)
    return clip, names, X, Y[:, some], X_new, Y_new[:, some]


@pytest.mark.parametrize("words", ["own", "shuffled"])
@pytest.mark.parametrize("k", [1, 2, 4, 16])
def test_never_far_below_the_better_end_on_clip_art(clipart, words, k):
    clip, names, X, Y, X_new, Y_new = clipart
    if words == "shuffled":
        names = np.random.default_rng(1).permutation(names)
    zero_shot = ZeroShotClassifier(names, clip).fit()
    options = {"background": zero_shot.background_}
    prompts = zero_shot.label_embeddings_
    found = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(Y))
        shots = np.unique(np.concatenate([order[y[order] == 1][:k] for y in Y.T]))
        heads = [
            TipAdapterClassifier(prompts, alpha=0.0, beta=1.0, **options),
            MultiLabelLogisticRegression(C=5),
            *make_heads(prompts, **options),
        ]
        found.append(
            [
                macro_average_precision_score(
                    Y_new, head.fit(X[shots], Y[shots]).decision_function(X_new)
                )
                for head in heads
            ]
        )
    zero, logistic, *few = np.mean(found, axis=0)
    assert min(few) >= max(zero, logistic) - 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unusual_rows_and_targets_work(data, dtype):
    X, Y, prompts = data
    X, holes = X.astype(dtype), Y.astype(float)
    X[5] = 0
    holes[::3, 0], holes[7] = np.nan, np.nan
    holes[:, 3] = 0
    for head in make_heads(prompts):
        assert np.isfinite(head.fit(X, holes).predict_proba(X)).all()
        dense = head.fit(X, Y).predict_proba(X)
        thin = head.fit(X, sparse.csr_array(Y)).predict_proba(X)
        np.testing.assert_array_equal(thin, dense)
        alone = head.fit(X[:1], Y[:1])  # nothing to hold out
        assert alone.probe_coef_ is None and alone.prompt_weight_ == 1
        np.testing.assert_allclose(alone.decision_function(X), X @ prompts.T, atol=1e-6)


def test_models_saved_before_the_probe_score_as_they_did(data):
    X, Y, prompts = data
    for head in make_heads(prompts, probe=False):
        expected = head.fit(X, Y).decision_function(X)
        state = head.__getstate__().copy()
        for name in ("probe", "prompt_weight_", "probe_coef_", "probe_intercept_"):
            del state[name]
        old = type(head).__new__(type(head))
        old.__setstate__(state)
        again = pickle.loads(pickle.dumps(old))
        assert again.probe is False
        np.testing.assert_array_equal(again.decision_function(X), expected)


def test_probe_joins_a_given_memory_and_a_trained_adapter(data):
    X, Y, prompts = data
    tip = TipAdapterClassifier(prompts, alpha=1.0, beta=3.0, probe=True).fit(X, Y)
    plain = TipAdapterClassifier(prompts, alpha=1.0, beta=3.0, probe=False).fit(X, Y)
    assert plain.probe_coef_ is None
    expected = tip.prompt_weight_ * plain.decision_function(X)
    expected += X @ tip.probe_coef_.T + tip.probe_intercept_
    np.testing.assert_allclose(tip.decision_function(X), expected)
    adapter = CLIPAdapterClassifier(
        prompts, n_epochs=2, probe=True, device="cpu", random_state=0
    ).fit(X, Y)
    assert adapter.n_epochs_ == 2 and adapter.probe_coef_ is not None
    assert np.isfinite(adapter.predict_proba(X)).all()


@pytest.mark.parametrize("head", [TipAdapterClassifier, CLIPAdapterClassifier])
@pytest.mark.parametrize("probe", ["auto", False])
def test_one_positive_a_label_does_not_make_all_labels_absent(head, probe):
    prompts = np.eye(4, 8)
    X = prompts + np.random.default_rng(0).normal(size=prompts.shape) / 10
    model = head(prompts, probe=probe).fit(X, np.eye(4, dtype=int))
    probability = model.predict_proba(X)
    assert 0.1 < probability.mean() < 0.5
    assert (np.diag(probability) > 0.3).all()
