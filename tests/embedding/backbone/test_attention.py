"""Attention in the place of torch's: the same, without copies of its weights."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone._attention import (
    FusedAttention,
    PlainAttention,
    with_fused_attention,
)

N, LENGTH, WIDTH, HEADS = 3, 7, 32, 4


@pytest.fixture(params=[True, False], ids=["bias", "no bias"])
def attention(request):
    torch.manual_seed(0)
    made = nn.MultiheadAttention(WIDTH, HEADS, bias=request.param, batch_first=True)
    return made.eval()


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


CAUSAL = torch.full((LENGTH, LENGTH), float("-inf")).triu(1)
MASKS = {
    "causal": CAUSAL,
    "bool": CAUSAL < 0,
    "of each head": CAUSAL + draw(N * HEADS, LENGTH, LENGTH),
    "none": None,
}


@pytest.mark.parametrize("mask", MASKS)
@torch.inference_mode()
def test_fused_attention_is_that_of_torch(attention, mask):
    x, options = draw(N, LENGTH, WIDTH), {"need_weights": False}
    options["attn_mask"] = MASKS[mask]
    expected, _ = attention(x, x, x, **options)
    found, weights = FusedAttention(attention)(x, x, x, **options)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert weights is None
    others = draw(2, N, LENGTH, WIDTH)
    expected, _ = attention(x, *others, **options)
    found, _ = FusedAttention(attention)(x, *others, **options)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@torch.inference_mode()
def test_what_is_not_done_is_left_to_torch(attention):
    x, padding = draw(N, LENGTH, WIDTH), torch.zeros(N, LENGTH, dtype=torch.bool)
    padding[1, 4:] = True
    for given in (
        {"attn_mask": CAUSAL},
        {"attn_mask": CAUSAL < 0, "key_padding_mask": padding, "need_weights": False},
        {"attn_mask": CAUSAL, "average_attn_weights": False, "is_causal": True},
    ):
        expected, found = (
            attention(x, x, x, **given),
            FusedAttention(attention)(x, x, x, **given),
        )
        torch.testing.assert_close(found, expected)
    one = {"attn_mask": CAUSAL, "need_weights": False}
    expected, _ = attention(x[0], x[0], x[0], **one)
    torch.testing.assert_close(
        FusedAttention(attention)(*[x[0]] * 3, **one)[0], expected
    )


@pytest.mark.parametrize("mask", MASKS)
def test_gradients_are_those_of_torch(attention, mask):
    options = {"need_weights": False, "attn_mask": MASKS[mask]}
    grads = []
    for module in (attention, FusedAttention(attention)):
        x = draw(N, LENGTH, WIDTH).requires_grad_()
        found, _ = module(x, x, x, **options)
        (found * draw(N, LENGTH, WIDTH)).sum().backward()
        grads.append([x.grad, *(w.grad for w in attention.parameters())])
        attention.zero_grad()
    for found, expected in zip(*grads, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_causal_attention_without_its_mask_is_refused_as_by_torch(attention):
    x = draw(N, LENGTH, WIDTH)
    for module in (attention, FusedAttention(attention)):
        with pytest.raises(RuntimeError, match="attn_mask"):
            module(x, x, x, need_weights=False, is_causal=True)


def test_weights_are_shared_and_the_module_is_left(attention):
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), attention)
    fused = with_fused_attention(model)
    assert type(model[1]) is nn.MultiheadAttention
    assert type(fused[1]) is FusedAttention
    assert {id(p) for p in fused.parameters()} == {id(p) for p in model.parameters()}
    assert set(fused.state_dict()) == set(model.state_dict())
    assert with_fused_attention(model[0]) is model[0]
    odd = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, add_bias_kv=True)
    assert with_fused_attention(odd) is odd
    drops = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, dropout=0.1)
    assert with_fused_attention(drops) is drops
    assert not isinstance(fused[1], PlainAttention)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_texts_are_projected_by_one_product(model_folder, precision):
    tower = load_backbone(model_folder, precision=precision)._towers["text"]
    tokens = tower.collate(["a red bicycle", "two dogs play in the snow"])
    tower.encode(tokens)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as run:
        tower.encode(tokens)
    shapes = [e.input_shapes for e in run.events() if e.name == "aten::bmm"]
    width = tower.model.transformer.width
    assert not any(shape[1][1:] == [width, 3 * width] for shape in shapes)
