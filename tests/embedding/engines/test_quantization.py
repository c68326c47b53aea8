"""Towers in numbers of 8 bits: true to fp32, or refused; the same in every batch."""

import warnings

import numpy as np
import pytest
import torch
from extras import require
from open_clip.transformer import TextTransformer, VisionTransformer
from torch import nn

from sklearn_clip.embedding.engines import _quantization
from sklearn_clip.embedding.engines._quantization import quantize
from sklearn_clip.embedding.engines._quiet_imports import import_quietly
from sklearn_clip.embedding.engines._trial_items import varied_pictures

pytestmark = pytest.mark.any_processor

require("openvino", "nncf")
openvino = import_quietly("openvino")

SIDE, WIDTH = 64, 64


class OnBytes(nn.Module):
    """A tower as engines see it: bytes in, vectors out."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower.eval()

    def forward(self, pixels):
        return self.tower((pixels.permute(0, 3, 1, 2).float() - 114) / 68)


def make_transformer(layers=2):
    torch.manual_seed(0)
    return VisionTransformer(SIDE, 16, WIDTH, layers, 4, 4.0, output_dim=32)


def make_convolutional(offset):
    """Make a tower, one channel of which lies `offset` beside the others."""
    torch.manual_seed(0)
    steps = [(3, 2), (16, 2), (16, 1), (16, 1), (16, 1)]
    convolutions = [nn.Conv2d(n, 16, 3, stride) for n, stride in steps]
    with torch.no_grad():
        convolutions[1].bias[0] += offset
        convolutions[2].weight[:, 0] /= max(offset, 1)
    layers = [layer for one in convolutions for layer in (one, nn.ReLU())]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())


def convert(tower):
    """Return the graph of a tower and a function for its vectors in fp32."""
    module = OnBytes(tower)
    example = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own tracing
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


def compile_graph(graph):
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(graph, "CPU", exact)


def run(graph, batch):
    return compile_graph(graph)(np.stack(batch))[0].copy()


def count(graph, kind):
    return [node.get_type_name() for node in graph.get_ordered_ops()].count(kind)


def worst_cosine(left, right):
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return ((left * right).sum(1) / lengths).min()


@pytest.fixture(scope="module")
def transformer():
    graph, encode = convert(make_transformer())
    trial = draw(24, "trial")
    found = quantize(graph, draw(16, "calibration"), trial, encode(trial))
    return graph, encode, found


def test_transformer_is_quantised_and_true(transformer):
    graph, encode, (quantized, cosine, spared) = transformer
    trial = draw(24, "trial")
    assert count(graph, "FakeQuantize") == 0  # it is left as it was
    assert count(quantized, "FakeQuantize") > 5
    assert spared == ()
    assert cosine >= 0.999
    assert cosine == pytest.approx(worst_cosine(run(quantized, trial), encode(trial)))


def test_vector_does_not_depend_on_its_batch(transformer):
    _, _, (quantized, _, _) = transformer
    pictures = draw(32, "trial")
    compiled = compile_graph(quantized)
    whole = compiled(np.stack(pictures))[0].copy()
    for size in (1, 8):
        batches = (np.stack(pictures[i : i + size]) for i in range(0, 32, size))
        parts = [compiled(batch)[0].copy() for batch in batches]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_kept_graph_is_of_bytes_and_gives_the_same_vectors(transformer, tmp_path):
    graph, _, (quantized, _, _) = transformer
    for name, model in [("exact", graph), ("bytes", quantized)]:
        openvino.save_model(model, tmp_path / f"{name}.xml", compress_to_fp16=False)
    exact, small = (tmp_path / f"{name}.bin" for name in ("exact", "bytes"))
    assert small.stat().st_size < exact.stat().st_size / 2.5
    again = openvino.Core().read_model(tmp_path / "bytes.xml")
    pictures = draw(8, "trial")
    np.testing.assert_array_equal(run(again, pictures), run(quantized, pictures))


def test_same_calibration_gives_the_same_graph(transformer):
    _, _, (first, _, _) = transformer
    second, _, _ = try_to_quantize(make_transformer())
    pictures = draw(8, "trial")
    np.testing.assert_array_equal(run(first, pictures), run(second, pictures))


@pytest.mark.parametrize("offset", [30, 60])
def test_layer_that_costs_most_is_spared(offset):
    graph, encode = convert(make_convolutional(offset))
    trial = draw(24, "trial")
    quantized, cosine, spared = quantize(
        graph, draw(16, "calibration"), trial, encode(trial)
    )
    layers = [
        node.get_friendly_name()
        for node in graph.get_ordered_ops()
        if node.get_type_name() == "Convolution"
    ]
    assert spared == (layers[2],)
    assert cosine >= 0.999
    assert cosine == pytest.approx(worst_cosine(run(quantized, trial), encode(trial)))
    assert count(quantized, "FakeQuantize") >= 4


def test_hopeless_tower_is_refused_at_once(monkeypatch):
    def fail(*_):
        raise AssertionError("layers were looked at")

    monkeypatch.setattr(_quantization, "_measure_costs", fail)
    quantized, cosine, spared = try_to_quantize(make_convolutional(1000))
    assert quantized is None
    assert cosine < 0.97
    assert spared == ()


def test_bound_that_eight_bits_cannot_reach_is_refused():
    quantized, cosine, spared = try_to_quantize(
        make_convolutional(0), least_cosine=1 - 1e-9
    )
    assert quantized is None
    assert 0.999 < cosine < 1 - 1e-9
    assert spared == ()


def test_transformer_with_loud_channels_is_evened_out():
    """As trained ones have them: few channels after a norm, far above the others."""
    tower = make_transformer()
    with torch.no_grad():
        for block in tower.transformer.resblocks:
            for norm, weight in [
                (block.ln_1, block.attn.in_proj_weight),
                (block.ln_2, block.mlp.c_fc.weight),
            ]:
                norm.weight[:3] *= 40
                weight[:, :3] /= 40
    graph, encode = convert(tower)
    trial, calibration = draw(24, "trial"), draw(16, "calibration")
    judge = _quantization._Judge(trial, encode(trial), "f32")
    plain = _quantization._calibrate(graph, calibration, smoothing=None)
    assert judge.cosines(plain).min() < 0.999
    quantized, cosine, _ = quantize(graph, calibration, trial, encode(trial))
    assert quantized is not None
    assert cosine >= 0.999


def test_tower_whose_vectors_have_no_direction_is_refused():
    graph, _ = convert(make_convolutional(0))
    trial = draw(16, "trial")
    nothing = np.zeros((16, 64), dtype=np.float32)
    quantized, cosine, _ = quantize(graph, draw(16, "calibration"), trial, nothing)
    assert quantized is None
    assert np.isnan(cosine)


def test_tower_of_tokens_is_quantised():
    torch.manual_seed(0)
    module = TextTransformer(
        context_length=16, vocab_size=500, width=64, heads=4, layers=2, output_dim=32
    ).eval()
    tokens = torch.randint(1, 499, (40, 16), generator=torch.manual_seed(0))
    tokens[:, -1] = 499  # the end, which is the greatest number
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = openvino.convert_model(module, example_input=tokens[:2])
        expected = module(tokens[16:]).numpy()
    quantized, cosine, _ = quantize(
        graph, list(tokens[:16].numpy()), list(tokens[16:].numpy()), expected
    )
    assert quantized is not None
    assert cosine >= 0.999
    found = run(quantized, list(tokens[16:].numpy()))
    assert cosine == pytest.approx(worst_cosine(found, expected))


def convert_texts(offset=0):
    """Return the graph of a tower for texts of any length, and one for its vectors.

    One channel within the first block lies `offset` beside the others.
    """
    torch.manual_seed(0)
    module = TextTransformer(
        context_length=16, vocab_size=500, width=64, heads=4, layers=2, output_dim=32
    ).eval()
    with torch.no_grad():  # the mask and the positions are those of any length
        module.attn_mask = None
        positions = module.positional_embedding
        module.positional_embedding = nn.Parameter(positions.mean(0, keepdim=True))
        mlp = module.transformer.resblocks[0].mlp
        mlp.c_fc.bias[0] += offset
        mlp.c_proj.weight[:, 0] /= max(offset, 1)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.ones(2, 16, dtype=torch.int64)
        graph = openvino.convert_model(module, example_input=example)
    graph.reshape([-1, -1])

    def encode(texts):
        with torch.inference_mode():
            rows = [module(torch.from_numpy(text)[None]) for text in texts]
        return torch.cat(rows).numpy()

    return graph, encode


def write_texts(lengths, seed):
    random = np.random.default_rng(seed)
    texts = [random.integers(1, 499, length) for length in lengths]
    for text in texts:
        text[-1] = 499  # the end, which is the greatest number
    return texts


@pytest.mark.parametrize("lengths", [[4, 8, 16], [5]])
def test_tower_for_texts_of_any_length_is_quantised(lengths):
    graph, encode = convert_texts()
    calibration = write_texts(lengths * 8, seed=0)
    trial = write_texts(lengths * 12, seed=1)
    expected = encode(trial)
    quantized, cosine, _ = quantize(graph, calibration, trial, expected)
    assert quantized is not None
    assert cosine >= 0.999
    compiled = compile_graph(quantized)
    found = np.concatenate([compiled(text[None])[0].copy() for text in trial])
    assert cosine == pytest.approx(worst_cosine(found, expected))


def test_texts_of_several_lengths_are_judged_each_by_its_own_vector():
    graph, encode = convert_texts()
    trial = write_texts([4, 16, 8, 4, 12, 16, 8, 8, 4, 4, 4, 4, 4, 4, 4, 4], seed=1)
    judge = _quantization._Judge(trial, encode(trial), "f32")
    np.testing.assert_allclose(judge.cosines(graph), 1, atol=1e-6)


def test_layer_of_a_tower_of_tokens_is_spared(monkeypatch):
    monkeypatch.setattr(_quantization, "_is_mostly_products", lambda graph: False)
    graph, encode = convert_texts(offset=60)
    trial = write_texts([4, 16, 8] * 8, seed=1)
    calibration, expected = write_texts([4, 8, 16] * 5, seed=0), encode(trial)
    judge = _quantization._Judge(trial, expected, "f32")
    plain = _quantization._calibrate(graph, calibration, smoothing=None)
    assert judge.cosines(plain).min() < 0.99
    quantized, cosine, spared = quantize(
        graph, calibration, trial, expected, least_cosine=0.998
    )
    assert quantized is not None
    assert cosine >= 0.998
    assert any("resblocks.0.mlp.c_proj" in name for name in spared)


@pytest.mark.parametrize(("in_16_bits", "largest"), [(True, 64), (False, 128)])
def test_weights_take_half_the_range_where_products_overflow_16_bits(
    monkeypatch, in_16_bits, largest
):
    monkeypatch.setattr(_quantization, "adds_products_in_16_bits", lambda: in_16_bits)
    graph, _ = convert(make_transformer())
    small = _quantization._pack_weights(
        _quantization._calibrate(graph, draw(4, "calibration"), smoothing=None)
    )
    weights = [
        node.data
        for node in small.get_ordered_ops()
        if node.get_type_name() == "Constant" and node.get_element_type().size == 1
    ]
    greatest = [np.abs(values.astype(int)).max() for values in weights if values.ndim]
    greatest = [value for value in greatest if value > 1]
    assert len(greatest) >= 9  # the patches, and four of each block
    assert max(greatest) <= largest
    if not in_16_bits:  # but for the first layer, which nncf halves in any case
        assert sum(value > 64 for value in greatest) >= len(greatest) - 1


def test_nncf_prints_and_logs_nothing(capfd, caplog):
    try_to_quantize(make_convolutional(0))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
