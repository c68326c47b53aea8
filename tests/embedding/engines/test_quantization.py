"""Towers in numbers of 8 bits: true to fp32, or refused; the same in every batch."""

import numpy as np
import pytest
import torch
from open_clip.transformer import VisionTransformer
from torch import nn

from sklearn_clip.embedding.engines import _quantization
from sklearn_clip.embedding.engines._quantization import quantize
from sklearn_clip.embedding.engines._trial_items import varied_pictures

openvino = pytest.importorskip("openvino", reason="sklearn-clip[openvino]")
pytest.importorskip("nncf", reason="sklearn-clip[openvino]")

SIDE, WIDTH = 64, 64


class OnBytes(nn.Module):
    """A tower as engines see it: bytes in, vectors out."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower.eval()

    def forward(self, pixels):
        return self.tower((pixels.permute(0, 3, 1, 2).float() - 114) / 68)


class Shift(nn.Module):
    """Add a constant far larger than what it is added to."""

    def __init__(self, by):
        super().__init__()
        self.register_buffer("by", by)

    def forward(self, activations):
        return activations + self.by


def make_transformer(layers=2):
    torch.manual_seed(0)
    return VisionTransformer(SIDE, 16, WIDTH, layers, 4, 4.0, output_dim=32)


def make_convolutional(depth=12):
    """Layers that are each coarse in 8 bits: their values lie close together."""
    torch.manual_seed(0)
    layers, channels = [], 3
    for _ in range(depth):
        layers += [nn.Conv2d(channels, 16, 3, padding=1), Shift(torch.tensor(30.0))]
        layers += [nn.ReLU(), Shift(torch.tensor(-30.0))]
        channels = 16
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def convert(tower):
    """Return the graph of a tower and a function for its vectors in fp32."""
    module = OnBytes(tower)
    example = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    with torch.inference_mode(), pytest.warns() as _:
        graph = openvino.convert_model(module, example_input=example)

    def encode(pictures):
        with torch.inference_mode():
            return module(torch.from_numpy(np.stack(pictures))).numpy()

    return graph, encode


def draw(n, part):
    return list(varied_pictures(n, part, (SIDE, SIDE)))


def try_to_quantize(tower, **options):
    graph, encode = convert(tower)
    trial = draw(24, "trial")
    return quantize(graph, draw(16, "calibration"), trial, encode(trial), **options)


def run(graph, batch):
    compiled = openvino.Core().compile_model(
        graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return compiled(np.stack(batch))[0].copy()


def count(graph, kind):
    return [node.get_type_name() for node in graph.get_ordered_ops()].count(kind)


def worst_cosine(left, right):
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return ((left * right).sum(1) / lengths).min()


def test_transformer_is_quantised_and_true():
    graph, encode = convert(make_transformer())
    before = count(graph, "FakeQuantize")
    trial = draw(24, "trial")
    quantized, cosine, spared = quantize(
        graph, draw(16, "calibration"), trial, encode(trial)
    )
    assert before == count(graph, "FakeQuantize") == 0  # the graph is left as it was
    assert count(quantized, "FakeQuantize") > 5
    assert spared == ()
    assert cosine >= 0.999
    assert cosine == pytest.approx(worst_cosine(run(quantized, trial), encode(trial)))


def test_vector_does_not_depend_on_its_batch():
    quantized, _, _ = try_to_quantize(make_transformer())
    pictures = draw(32, "trial")
    whole = run(quantized, pictures)
    for size in (1, 8):
        parts = [run(quantized, pictures[i : i + size]) for i in range(0, 32, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_kept_graph_gives_the_same_vectors(tmp_path):
    quantized, _, _ = try_to_quantize(make_transformer())
    openvino.save_model(quantized, tmp_path / "tower.xml", compress_to_fp16=False)
    again = openvino.Core().read_model(tmp_path / "tower.xml")
    pictures = draw(8, "trial")
    np.testing.assert_array_equal(run(again, pictures), run(quantized, pictures))


def test_same_calibration_gives_the_same_graph():
    first, second = (try_to_quantize(make_transformer())[0] for _ in range(2))
    pictures = draw(8, "trial")
    np.testing.assert_array_equal(run(first, pictures), run(second, pictures))
