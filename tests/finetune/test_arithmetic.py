"""What training passes run in, and what of them stays in fp32 on a CPU."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_clip import embedding
from sklearn_clip.finetune._arithmetic import choose_precision, forward_arithmetic

CPU = torch.device("cpu")


class Towers(nn.Module):
    """Weights of the names that matter."""

    def __init__(self, width):
        super().__init__()
        self.visual = nn.Linear(512, 512)
        self.transformer = nn.Linear(width, 4 * width)


@pytest.mark.parametrize(
    ("kind", "fast", "width", "expected"),
    [
        ("cpu", "bf16", 512, "bf16"),
        ("cpu", "bf16", 128, "fp32"),
        ("cpu", "fp32", 512, "fp32"),
        ("cuda", "bf16", 128, "bf16"),
        ("cuda", "fp16", 512, "fp16"),
    ],
)
def test_auto_is_what_the_device_is_fastest_in(
    monkeypatch, kind, fast, width, expected
):
    both = {"image": "bf16", "text": fast}
    monkeypatch.setattr(embedding, "fast_precision", lambda device: both)
    model, device = Towers(width), torch.device(kind)
    assert choose_precision("auto", device, model) == expected
    assert choose_precision("fp32", device, model) == "fp32"


def test_steps_that_bf16_slows_down_stay_in_fp32_where_gradients_are():
    pixels = torch.randn(2, 4, 8, 8)
    halfway = torch.randn(2, 4, 8, 8, requires_grad=True)
    weight = torch.randn(4, 4, 2, 2, requires_grad=True)
    query = torch.randn(2, 2, 5, 8, dtype=torch.bfloat16, requires_grad=True)
    with forward_arithmetic(CPU, torch.bfloat16):
        dtypes = {
            "first convolution": F.conv2d(pixels, weight).dtype,
            "convolution": F.conv2d(halfway, weight).dtype,
            "frozen convolution": F.conv2d(pixels, weight.detach()).dtype,
            "in groups": F.conv2d(halfway, weight[:, :1], groups=4).dtype,
            "in groups, by place": torch.conv2d(
                halfway, weight[:, :1], None, 1, 0, 1, 4
            ).dtype,
            "first convolution, by name": F.conv2d(weight=weight, input=pixels).dtype,
            "product": F.linear(pixels, torch.randn(3, 8)).dtype,
            "attention": F.scaled_dot_product_attention(query, query, query).dtype,
            "frozen attention": F.scaled_dot_product_attention(
                *[query.detach()] * 3
            ).dtype,
        }
        by_name = F.scaled_dot_product_attention(query=query, key=query, value=query)
        with torch.no_grad():
            found = F.scaled_dot_product_attention(query, query, query)
    exact = [name for name, dtype in dtypes.items() if dtype == torch.float32]
    assert exact == [
        "first convolution",
        "in groups",
        "in groups, by place",
        "first convolution, by name",
        "attention",
    ]
    assert by_name.dtype == torch.float32
    assert found.dtype == dtypes["product"] == torch.bfloat16


def test_fp32_is_as_torch_is_and_bf16_forgets_what_it_has_cast():
    x, weight = torch.ones(1, 8), torch.ones(3, 8, requires_grad=True)
    with torch.autocast("cpu", enabled=False):
        with forward_arithmetic(CPU, torch.float32):
            assert F.linear(x, weight).dtype == torch.float32
        for value in (1.0, 2.0):
            weight.data.fill_(value)
            with forward_arithmetic(CPU, torch.bfloat16):
                found = F.linear(x, weight)
            assert found.dtype == torch.bfloat16
            assert found.tolist() == [[8 * value] * 3]
