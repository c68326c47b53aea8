import numpy as np
import pytest
import torch
from exported_heads import ExportedHead, assert_exported_alike, make_problem
from torch import nn

from sklearn_clip import MultiLabelNet, ThresholdOptimizer
from sklearn_clip.heads import CLIPAdapterClassifier, TipAdapterClassifier
from sklearn_clip.zero_shot import Background

N_LABELS = 4


@pytest.fixture(scope="module")
def problem():
    return make_problem(n_labels=N_LABELS)


@pytest.fixture(scope="module")
def rows(problem):
    X, _ = problem
    return np.vstack([X, 5 * X[::2], np.zeros((1, X.shape[1]))]).astype(np.float32)


@pytest.fixture(scope="module")
def prompts():
    return np.random.default_rng(1).normal(size=(N_LABELS, 12))


@pytest.fixture(scope="module")
def background():
    words = np.random.default_rng(2).normal(size=(6, 12)).astype(np.float32)
    return Background(words, 20.0, {1: [0, 2], 3: [4]})


def net(module="mlp", **params):
    params = {"max_epochs": 2, "random_state": 0, "device": "cpu", "lr": 0.01} | params
    return MultiLabelNet(module, **params)


MODULES = ["linear", "mlp", "gmlp", "gated", "attention", "cosine", "adapter"]


@pytest.mark.parametrize("module", MODULES)
def test_module_says_the_same(module, problem, rows):
    assert_exported_alike(net(module).fit(*problem), rows)


@pytest.mark.parametrize(
    "loss", ["asl", "soft_f1", "distribution_balanced", "tempered_bce", "zlpr"]
)
def test_probabilities_of_a_loss_say_the_same(loss, problem, rows):
    params = (
        {"criterion__beta": 2.0, "criterion__eta": 0.5} if loss == "soft_f1" else {}
    )
    module = {"module": "mlp"}
    if loss == "tempered_bce":
        module = {"module": "cosine", "module__scale": None}
    assert_exported_alike(net(**module, criterion=loss, **params).fit(*problem), rows)


def test_own_nonlinearity_says_the_same(problem, rows):
    for own in (None, nn.Hardsigmoid(), torch.sigmoid):
        model = net(predict_nonlinearity=own).fit(*problem)
        assert_exported_alike(model, rows)


def test_net_of_one_target_says_the_same(problem, rows):
    X, Y = problem
    assert assert_exported_alike(net().fit(X, Y[:, 0]), rows).n_labels == 1
    assert assert_exported_alike(net().fit(X, Y[:, :1]), rows).n_labels == 1


def test_net_of_unknown_labels_says_the_same(problem, rows):
    X, Y = problem
    Y = Y.astype(float)
    Y[::3, 1], Y[:, 2] = np.nan, 0
    assert_exported_alike(net().fit(X, Y), rows)


def test_cuts_of_rare_labels_say_the_same(problem, rows):
    X, Y = problem
    model = net("linear", lr=0.5, max_epochs=20).fit(X, Y)
    tuned = ThresholdOptimizer(model, cv="prefit", max_labels=2).fit(X, Y)
    tuned.set_thresholds([1e-9, 1e-30, 1 - 1e-7, 0.5])
    # ONNX Runtime's Sigmoid is 0 where these cuts lie.
    probabilities = model.predict_proba(rows)
    assert ((probabilities > 0) & (probabilities < 1e-8)).any()
    assert_exported_alike(tuned, rows)


class Residual(nn.Module):
    def __init__(self, n_features, n_labels, width=8):
        super().__init__()
        self.up = nn.Linear(n_features, width)
        self.out = nn.Linear(width, n_labels)

    def forward(self, x):
        hidden = torch.tanh(self.up(x))
        return self.out(hidden + torch.sigmoid(hidden) * hidden)


class OfTheBatch(Residual):
    def forward(self, x):
        return super().forward(x) / len(x)


class OfTheValues(Residual):
    def forward(self, x):
        outputs = super().forward(x)
        return outputs if outputs.sum() > 0 else -outputs


class WithoutOperator(Residual):
    def forward(self, x):
        return super().forward(torch.special.bessel_j0(x))


def test_module_of_a_user_says_the_same(problem, rows):
    assert_exported_alike(net(Residual, module__width=5).fit(*problem), rows)


@pytest.mark.parametrize("module", [OfTheBatch, OfTheValues])
def test_module_that_is_not_its_trace_is_refused(module, problem):
    X, Y = problem
    with pytest.raises(ValueError, match=f"{module.__name__} does other than its trac"):
        ExportedHead(net(module).fit(X, Y), X.shape[1])


def test_module_without_operators_of_onnx_is_refused(problem):
    X, Y = problem
    model = net(WithoutOperator).fit(X[:, :3], Y)
    with pytest.raises(ValueError, match="cannot write the module WithoutOperator"):
        ExportedHead(model, 3)


def test_exporting_leaves_the_net_as_it_was(problem, rows):
    X, Y = problem
    model = net("cosine").fit(X, Y)
    before = model.predict_proba(rows)
    ExportedHead(model, X.shape[1])
    assert all(part.requires_grad for part in model.module_.parameters())
    np.testing.assert_array_equal(model.predict_proba(rows), before)
    assert torch.backends.mha.get_fastpath_enabled()
    model.partial_fit(X, Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"probe": False},
        {"alpha": 0},
        {"alpha": 2, "beta": 3},
        {"alpha": 2, "probe": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("with_words", [False, True])
def test_tip_adapter_says_the_same(
    params, with_words, dtype, problem, rows, prompts, background
):
    X, Y = problem
    words = background if with_words else None
    model = TipAdapterClassifier(prompts, background=words, **params)
    assert_exported_alike(model.fit(X.astype(dtype), Y), rows)


@pytest.mark.parametrize(
    "params",
    [{}, {"n_epochs": 0}, {"n_epochs": 3}, {"n_epochs": 3, "probe": True}],
    ids=str,
)
@pytest.mark.parametrize("with_words", [False, True])
def test_clip_adapter_says_the_same(
    params, with_words, problem, rows, prompts, background
):
    words = background if with_words else None
    model = CLIPAdapterClassifier(
        prompts, background=words, device="cpu", random_state=0, **params
    )
    assert_exported_alike(model.fit(*problem), rows)


@pytest.mark.parametrize("with_words", [False, True])
def test_adapter_net_says_the_same(with_words, problem, rows, prompts, background):
    words = background if with_words else None
    model = net("adapter", module__init=prompts, module__background=words)
    assert_exported_alike(model.fit(*problem), rows)
