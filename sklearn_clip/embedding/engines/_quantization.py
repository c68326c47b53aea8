"""A tower in numbers of 8 bits, as long as its vectors stay those of fp32.

Quantisation is static: the range of each activation is fixed beforehand, so that a
vector does not depend on the batch, as it does where ranges follow the data.
"""

import contextlib
import logging

import numpy as np

from sklearn_clip.embedding.engines._processor import adds_products_in_16_bits
from sklearn_clip.embedding.engines._quiet_imports import import_quietly

# Below it no few layers are at fault: of trained convolutional towers it was 0.6 to
# 0.9, whichever layers were left out.
_HOPELESS = 0.97
# Exponent of SmoothQuant (arXiv 2211.10438): how much of the spread between channels
# goes from activations to weights. nncf's own, 0.95, was made for language models: a
# channel that lay still in the calibration gets so large a factor there that the first
# picture to move it (stripes a pixel wide) comes out at a cosine of 0.97.
_SMOOTHING = 0.3
# Layers are looked at in at most so many groups, on so many of the worst items.
_GROUPS = 32
_WORST_ITEMS = 2
# Costs of layers add up only roughly: part of the bound that those which stay may
# spend, each tried in turn.
_ALLOWANCES = (0.8, 0.5, 0.25)
# Where more of the groups than this stays as it is, 8 bits gain nothing.
_LARGEST_SHARE = 0.5
_BATCH = 8


def quantize(
    graph, calibration, trial, expected, *, least_cosine=0.999, precision="f32"
):
    """Quantise a tower to 8 bits where that keeps its vectors, layer by layer.

    The cheapest way is tried first: all layers, with ranges from the least to the
    greatest value seen. Where that is not near enough, channels of activations are
    evened out; and where that is not, the layers that cost most of the cosine stay as
    they are, unless they are most.

    Parameters
    ----------
    graph : openvino.Model
        The tower, of one input (n, ...) and one output (n, d). It is not changed.
    calibration : sequence of ndarray
        Inputs, each of one item without the axis of the batch, whose activations set
        the ranges. 16 varied ones did as well as 128. Those of texts may differ in
        length.
    trial : sequence of ndarray
        Other inputs, on which the quantised tower is judged.
    expected : ndarray of shape (n_trial, d)
        Vectors of `trial` in fp32.
    least_cosine : float, default=0.999
        What the worst of `trial` must reach.
    precision : {"f32", "bf16", "f16"}, default="f32"
        Arithmetic of what is not quantised, by OpenVINO's name: that with which the
        graph will be compiled.

    Returns
    -------
    quantized : openvino.Model or None
        None where no graph that is worth it reaches `least_cosine`.
    cosine : float
        That of the worst item with the best graph that was tried.
    spared : tuple of str
        Names of the nodes whose inputs are not quantised though they could be.
    """
    judge = _Judge(trial, expected, precision)
    best = _Attempt(_calibrate(graph, calibration, smoothing=None), judge)
    if best.cosine >= least_cosine:
        return best.packed, best.cosine, ()
    if _is_mostly_products(graph):
        evened = _Attempt(_calibrate(graph, calibration, _SMOOTHING), judge)
        if not best.cosine >= evened.cosine:
            best = evened
        if best.cosine >= least_cosine:
            return best.packed, best.cosine, ()
    # Written so that a cosine that is no number is hopeless, too.
    if not best.cosine >= _HOPELESS:
        return None, best.cosine, ()
    return _spare_costliest(best, judge, least_cosine)


class _Judge:
    """Compiles graphs and compares their vectors with those of fp32."""

    def __init__(self, trial, expected, precision):
        openvino = import_quietly("openvino")
        self._core = openvino.Core()
        self.trial = trial
        self.expected = np.asarray(expected, dtype=np.float64)
        self._precision = precision

    def compile(self, graph, precision=None):
        precision = precision or self._precision
        return self._core.compile_model(
            graph, "CPU", {"INFERENCE_PRECISION_HINT": precision}
        )

    def cosines(self, graph):
        """Return the cosine of each trial item."""
        compiled = self.compile(graph)
        vectors = np.empty(self.expected.shape)
        for places in _alike(self.trial):
            vectors[places] = compiled(np.stack([self.trial[i] for i in places]))[0]
        return _cosines(vectors, self.expected)


class _Attempt:
    """A quantised graph, as it is kept, and how near it comes."""

    def __init__(self, graph, judge):
        self.graph = graph
        self.packed = _pack_weights(graph)
        self.cosines = judge.cosines(self.packed)
        self.cosine = float(self.cosines.min())


def _alike(items):
    """List batches of items of one shape, as places: texts differ in length."""
    places = {}
    for place, item in enumerate(items):
        places.setdefault(np.shape(item), []).append(place)
    return [
        same[start : start + _BATCH]
        for same in places.values()
        for start in range(0, len(same), _BATCH)
    ]


def _cosines(vectors, expected):
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (vectors * expected).sum(axis=1) / lengths


def _is_mostly_products(graph):
    """Whether most layers are matrix products, which alone are evened out."""
    kinds = [node.get_type_name() for node in graph.get_ordered_ops()]
    convolutions = kinds.count("Convolution") + kinds.count("GroupConvolution")
    return kinds.count("MatMul") > convolutions


def _calibrate(graph, calibration, smoothing):
    """Quantise all layers with the ranges that the calibration shows."""
    nncf = import_quietly("nncf")
    from nncf.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        AdvancedSmoothQuantParameters,
        OverflowFix,
    )
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    alpha = -1 if smoothing is None else smoothing  # -1 switches it off
    halve = adds_products_in_16_bits()
    advanced = AdvancedQuantizationParameters(
        # nncf's own is to halve the weights of the first layer alone: the worst cosine
        # of ViT-B-32 is 0.986 by it on a CPU with AVX2, and 0.9995 with all halved.
        overflow_fix=OverflowFix.ENABLE if halve else None,
        # The default, a mean over items of their greatest value, cuts off what the
        # more contrasty half of the pictures needs.
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
        smooth_quant_alphas=AdvancedSmoothQuantParameters(matmul=alpha, convolution=-1),
        # It changed no cosine, at a third of the time.
        disable_bias_correction=True,
        backend_params={"compress_weights": False},
    )
    items = [np.asarray(item)[None] for item in calibration]
    with _silent_nncf():
        return nncf.quantize(
            graph,
            nncf.Dataset(items),
            subset_size=len(items),
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER,
            # To quantise what goes into an attention of one node made nothing faster,
            # and its noise came on top.
            ignored_scope=nncf.IgnoredScope(
                types=["ScaledDotProductAttention"], validate=False
            ),
            advanced_parameters=advanced,
        )


def _pack_weights(graph):
    """Copy a graph with its quantised weights as bytes, a quarter of the size."""
    # Private, yet what nncf itself ends with: with bytes no layer can be spared.
    from openvino._offline_transformations import (
        compress_quantize_weights_transformation,
    )

    graph = graph.clone()
    compress_quantize_weights_transformation(graph)
    return graph


@contextlib.contextmanager
def _silent_nncf():
    """Keep nncf's log and its progress bars off the user's screen."""
    import rich

    logger, console = logging.getLogger("nncf"), rich.get_console()
    before = logger.level, console.quiet
    logger.setLevel(logging.ERROR)
    console.quiet = True
    try:
        yield
    finally:
        logger.setLevel(before[0])
        console.quiet = before[1]


def _spare_costliest(attempt, judge, least_cosine):
    """Take the quantisers off that cost most, as few as bring the others up."""
    groups, costs = _measure_costs(attempt, judge)
    order = np.argsort(costs)
    # Noise of one layer hardly knows of another's: what each takes off the cosine adds
    # up, at first order, to what all take off.
    remaining = np.cumsum(costs[order])
    best, tried = attempt.cosine, {len(groups)}
    for allowance in _ALLOWANCES:
        kept = int((remaining <= allowance * (1 - least_cosine)).sum())
        if kept < (1 - _LARGEST_SHARE) * len(groups):
            break
        if kept in tried:
            continue
        tried.add(kept)
        spared = np.sort(np.concatenate([groups[i] for i in order[kept:]]))
        graph, names = _without(attempt.graph, spared)
        without = _Attempt(graph, judge)
        best = max(best, without.cosine)
        if without.cosine >= least_cosine:
            return without.packed, without.cosine, names
    return None, best, ()


def _quantizers(graph):
    """Nodes that round activations or weights, in the order of what they feed."""
    nodes = graph.get_ordered_ops()
    places = {node.get_friendly_name(): place for place, node in enumerate(nodes)}

    def first_place(quantizer):
        return min(places[name] for name in _fed_by(quantizer))

    quantizers = [node for node in nodes if node.get_type_name() == "FakeQuantize"]
    return sorted(quantizers, key=first_place)


def _fed_by(quantizer):
    targets = quantizer.output(0).get_target_inputs()
    return [target.get_node().get_friendly_name() for target in targets]


def _without(graph, positions):
    """Copy a graph without some of its quantisers, and name what they fed."""
    graph = graph.clone()
    quantizers = _quantizers(graph)
    names = []
    for position in positions:
        quantizer = quantizers[position]
        names += sorted(_fed_by(quantizer))
        for target in quantizer.output(0).get_target_inputs():
            target.replace_source_output(quantizer.input_value(0))
    graph.validate_nodes_and_infer_types()
    return graph, tuple(dict.fromkeys(names))


def _measure_costs(attempt, judge):
    """Measure what neighbouring quantisers take off the cosine by themselves.

    Returns
    -------
    groups : list of ndarray
        Positions of the quantisers of each group.
    costs : ndarray of shape (n_groups,)
        What the group alone takes off the worst items' cosine.
    """
    n_quantizers = len(_quantizers(attempt.graph))
    groups = np.array_split(np.arange(n_quantizers), min(n_quantizers, _GROUPS))
    worst = np.argsort(attempt.cosines)[:_WORST_ITEMS]
    items = [np.asarray(judge.trial[i])[None] for i in worst]
    # In fp32, or the noise of bf16 would hide that of one layer.
    compiled = judge.compile(_with_switches(attempt.graph), "f32")

    def encode(positions):
        switches = np.zeros(n_quantizers, dtype=np.float32)
        switches[positions] = 1
        vectors = [compiled([item, switches])[0].copy() for item in items]
        return np.concatenate(vectors)

    exact = judge.expected[worst]
    costs = [1 - _cosines(encode(group), exact).min() for group in groups]
    return groups, np.array(costs)


def _with_switches(graph):
    """Copy a graph; a second input of zeros and ones says which quantisers act.

    So one compiled graph, which is what takes long, does for every group.
    """
    from openvino import Type
    from openvino import opset13 as ops

    graph = graph.clone()
    quantizers = _quantizers(graph)
    switches = ops.parameter([len(quantizers)], Type.f32, name="switches")
    for position, quantizer in enumerate(quantizers):
        source, rounded = quantizer.input_value(0), quantizer.output(0)
        targets = list(rounded.get_target_inputs())
        switch = ops.gather(switches, ops.constant(position), ops.constant(0))
        # source + switch * (rounded - source)
        noise = ops.multiply(ops.subtract(rounded, source), switch)
        chosen = ops.add(source, noise)
        for target in targets:
            target.replace_source_output(chosen.output(0))
    graph.add_parameters([switches])
    graph.validate_nodes_and_infer_types()
    return graph
