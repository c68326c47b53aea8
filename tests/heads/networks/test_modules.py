import numpy as np
import pytest
import torch

from sklearn_clip.heads import (
    AttentionHead,
    CLIPAdapterHead,
    CosineHead,
    GatedHead,
    GMLPHead,
    LinearHead,
    MLPHead,
)
from sklearn_clip.heads.networks._modules import InputNorm
from sklearn_clip.heads.networks._token_modules import GMLPBlock, SpatialGating

HEADS = [
    LinearHead,
    MLPHead,
    GMLPHead,
    GatedHead,
    AttentionHead,
    CosineHead,
    CLIPAdapterHead,
]
TOKEN_HEADS = [GMLPHead, GatedHead, AttentionHead]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("n", [1, 5])
def test_head_gives_one_logit_per_label_and_a_gradient_for_each_weight(head, n):
    net = head(n_features=12, n_labels=3)
    logits = net(torch.randn(n, 12))
    assert logits.shape == (n, 3)
    logits.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("head", HEADS)
def test_row_of_zeros_for_a_missing_modality_gives_finite_logits(head):
    x = torch.randn(6, 12)
    x[0] = 0
    x[1, 6:] = 0
    net = head(n_features=12, n_labels=3)
    assert net(x).isfinite().all()
    assert net.eval()(x).isfinite().all()


@pytest.mark.parametrize("head", HEADS)
def test_eval_output_of_a_row_does_not_depend_on_its_batch(head):
    x = torch.randn(6, 12)
    net = head(n_features=12, n_labels=3)
    net(x)
    net.eval()
    torch.testing.assert_close(net(x)[2:3], net(x[2:3]))


def test_input_norm_standardises_by_the_mean_of_all_batches():
    norm = InputNorm(2)
    for batch in (torch.tensor([[0.0, 10.0], [2.0, 10.0]]), torch.full((3, 2), 5.0)):
        norm(batch)
    torch.testing.assert_close(norm.running_mean, torch.tensor([3.0, 7.5]))
    torch.testing.assert_close(norm.running_var, torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize(
    "hidden, widths", [(4, [4]), ((8, 4), [8, 4]), ((), []), ([6], [6])]
)
def test_mlp_has_the_hidden_layers_asked_for(hidden, widths):
    net = MLPHead(12, 3, hidden=hidden)
    found = [m.out_features for m in net.modules() if isinstance(m, torch.nn.Linear)]
    assert found == [*widths, 3]


@pytest.mark.parametrize(
    "norm, kind", [("layer", torch.nn.LayerNorm), ("batch", torch.nn.BatchNorm1d)]
)
def test_mlp_norm_and_dropout_are_those_asked_for(norm, kind):
    net = MLPHead(12, 3, hidden=(8, 4), norm=norm, dropout=0.25)
    kinds = [type(module) for module in net.layers]
    assert kinds.count(kind) == 2
    assert [m.p for m in net.layers if isinstance(m, torch.nn.Dropout)] == [0.25, 0.25]
    plain = MLPHead(12, 3, hidden=(8, 4), norm=None)
    assert kind not in [type(module) for module in plain.layers]


def test_mlp_refuses_an_unknown_norm_and_a_width_of_zero():
    with pytest.raises(ValueError, match="norm must be 'layer', 'batch' or None. Got"):
        MLPHead(12, 3, norm="group")
    with pytest.raises(ValueError, match="hidden must hold positive widths. Got"):
        MLPHead(12, 3, hidden=(8, 0))


@pytest.mark.parametrize("head", TOKEN_HEADS)
def test_token_head_refuses_a_width_it_cannot_split(head):
    with pytest.raises(ValueError, match=r"multiple of n_modalities=2.*Got 13 feat"):
        head(n_features=13, n_labels=3)


@pytest.mark.parametrize("head", TOKEN_HEADS)
def test_token_head_takes_three_modalities(head):
    net = head(n_features=12, n_labels=3, n_modalities=3)
    assert net(torch.randn(4, 12)).shape == (4, 3)


@pytest.mark.parametrize("head", [AttentionHead, GatedHead])
def test_modalities_are_told_apart(head):
    # Were the tokens treated alike, swapping image and text would change nothing.
    net = head(n_features=12, n_labels=3).eval()
    x = torch.randn(4, 12)
    assert not torch.allclose(net(x), net(x.roll(6, dims=1)), atol=1e-4)


def test_gmlp_block_follows_its_formula():
    block = GMLPBlock(2, 4, expansion=2)
    norm, first, _, gating, second = block.layers
    torch.nn.init.normal_(gating.mix.weight)
    x = torch.randn(3, 2, 4)
    inner = torch.nn.functional.gelu(first(norm(x)))
    u, v = inner[..., :4], gating.norm(inner[..., 4:])
    weight, bias = gating.mix.weight, gating.mix.bias
    mixed = torch.einsum("st,ntc->nsc", weight, v) + bias[:, None]
    torch.testing.assert_close(block(x), x + second(u * mixed))


def test_spatial_gating_starts_by_passing_its_first_half_on():
    gating = SpatialGating(2, 8)
    x = torch.randn(3, 2, 8)
    torch.testing.assert_close(gating(x), x[..., :4], atol=0.05, rtol=0.05)


def test_gmlp_mixes_its_tokens():
    net = GMLPHead(12, 3).eval()
    torch.nn.init.normal_(net.blocks[1].layers[3].mix.weight)
    tokens = torch.randn(1, 2, 256)
    other = tokens.clone()
    other[:, 1] = torch.randn(256)
    assert not torch.allclose(net.blocks(tokens)[:, 0], net.blocks(other)[:, 0])


def test_gmlp_refuses_a_single_modality():
    with pytest.raises(ValueError, match="n_modalities must be at least 2 .* Got 1"):
        GMLPHead(12, 3, n_modalities=1)


@pytest.mark.parametrize("head", [GMLPHead, GatedHead, AttentionHead])
def test_parts_may_have_widths_of_their_own(head):
    torch.manual_seed(0)
    net = head(13, 3, n_modalities=(9, 4), width=16).eval()
    rows = torch.randn(5, 13)
    tokens = net.tokens(rows)
    assert net(rows).shape == (5, 3) and tokens.shape == (5, 2, 16)
    rows[:, :9] += 1  # of which the second token knows nothing
    changed = net.tokens(rows)
    torch.testing.assert_close(changed[:, 1], tokens[:, 1])
    assert not torch.allclose(changed[:, 0], tokens[:, 0])
    torch.manual_seed(1)
    one = head(12, 3, n_modalities=2, width=16).eval()
    torch.manual_seed(1)
    other = head(12, 3, n_modalities=[6, 6], width=16).eval()
    torch.testing.assert_close(one(rows[:, :12]), other(rows[:, :12]))


@pytest.mark.parametrize("widths", [(9, 5), (13, 0), (), (14, -1), (12,)])
def test_widths_that_are_not_those_of_the_rows_are_refused(widths):
    with pytest.raises(ValueError, match="must name the width of every part.*13 feat"):
        GatedHead(13, 3, n_modalities=widths)


def test_gated_weights_sum_to_one_and_depend_on_both_modalities():
    net = GatedHead(12, 3).eval()
    x = torch.randn(4, 12)
    weights = net.weigh(x)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    for changed in (slice(0, 6), slice(6, 12)):
        other = x.clone()
        other[:, changed] = torch.randn(4, 6)
        assert not torch.allclose(weights, net.weigh(other), atol=1e-4)


def test_gated_head_with_all_weight_on_one_modality_ignores_the_other():
    net = GatedHead(12, 3).eval()
    torch.nn.init.zeros_(net.gate.weight)
    net.gate.bias.data = torch.tensor([50.0, -50.0])
    x = torch.randn(4, 12)
    other = x.clone()
    other[:, 6:] = torch.randn(4, 6)
    torch.testing.assert_close(net(x), net(other))


def test_attention_refuses_heads_that_do_not_divide_the_width():
    with pytest.raises(ValueError, match="multiple of n_heads=3. Got 16"):
        AttentionHead(12, 3, width=16, n_heads=3)


def test_cosine_head_starts_as_the_zero_shot_classifier_of_its_prompts():
    prompts = np.random.default_rng(0).normal(size=(3, 12))
    net = CosineHead(12, 3, init=prompts, scale=10, bias=-2)
    x = torch.randn(4, 12)
    unit = prompts / np.linalg.norm(prompts, axis=1, keepdims=True)
    rows = x / x.norm(dim=1, keepdim=True)
    expected = 10 * rows @ torch.tensor(unit.T, dtype=torch.float32) - 2
    torch.testing.assert_close(net(x), expected)
    torch.testing.assert_close(net(5 * x), expected)


def test_cosine_scale_is_capped_and_can_come_down_again():
    net = CosineHead(12, 3, scale=100)
    net.log_scale.data += 3
    assert net(torch.randn(4, 12)).isfinite().all()
    assert net.log_scale.exp().item() == pytest.approx(100)
    net(torch.randn(4, 12)).square().sum().backward()
    assert net.log_scale.grad > 0


def test_cosine_head_without_scale_puts_out_cosines():
    net = CosineHead(12, 3, scale=None)
    assert net(torch.randn(4, 12)).abs().max() <= 1
    assert [name for name, _ in net.named_parameters()] == ["vectors"]


@pytest.mark.parametrize(
    "init, match",
    [
        (np.ones((3, 6)), r"shape .* = \(3, 12\). Got \(3, 6\)"),
        (np.zeros((3, 12)), r"not zero. Got another one \(label 0\)"),
        (np.full((3, 12), np.nan), "finite vectors"),
    ],
)
def test_cosine_head_refuses_label_vectors_it_cannot_use(init, match):
    with pytest.raises(ValueError, match=match):
        CosineHead(12, 3, init=init)


@pytest.mark.parametrize("scale", [0, -1, 101])
def test_cosine_head_refuses_a_scale_out_of_range(scale):
    with pytest.raises(ValueError, match=r"scale must be None or in \(0, 100\]. Got"):
        CosineHead(12, 3, scale=scale)


def test_cosine_head_takes_a_tensor_without_sharing_it():
    prompts = torch.randn(3, 12, requires_grad=True)
    net = CosineHead(12, 3, init=prompts)
    assert net.vectors.data_ptr() != prompts.data_ptr()
