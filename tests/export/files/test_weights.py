"""Weights in fewer bits: what they cost is said, bound, and seen in the size."""

import numpy as np
import pytest
from exported_taggers import OpenedFile, ask
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)
from sklearn_clip.export import to_onnx
from sklearn_clip.export._check import draw_rows
from sklearn_clip.export._parts import take_apart


@pytest.fixture(scope="module")
def tagger(clip_art):
    X, Y = clip_art
    clip = CLIPFeaturizer("clipart-tiny", image=0, text=1)
    head = ThresholdOptimizer(MultiLabelLogisticRegression(C=10), cv=2)
    return make_pipeline(clip, head).fit(X[:120], Y[:120])


@pytest.mark.parametrize(
    ("weights", "largest", "off"), [("float16", 0.52, 2e-3), ("int8", 0.29, 5e-2)]
)
def test_file_is_smaller_and_nearly_as_good(
    weights, largest, off, tagger, clip_art, tmp_path
):
    X, Y = clip_art
    whole = to_onnx(tagger, tmp_path / "w.onnx")
    report = to_onnx(
        tagger,
        tmp_path / "t.onnx",
        weights=weights,
        X=X[120:],
        Y=Y[120:],
        max_changed=0.05,
    )
    assert report.n_bytes < largest * whole.n_bytes
    assert 0 < report.difference < off
    before, after = report.average_precision
    assert after > before - 0.02
    opened = OpenedFile(tmp_path / "t.onnx")
    scores, labels = opened.run_rows(X[120:])
    expected, expected_labels = ask(tagger, X[120:], scores.shape[1])
    assert np.abs(scores - expected).max() == pytest.approx(report.difference, abs=1e-5)
    assert (labels != expected_labels).mean() == pytest.approx(report.share_changed)
    assert opened.says.weights == weights
    assert opened.says.loss == {
        "n_rows": 40,
        "difference": report.difference,
        "share_changed": report.share_changed,
        "average_precision": [before, after],
    }
    assert weights in str(report)
    assert "mAP" in str(report)


@pytest.mark.parametrize("weights", ["float32", "float16", "int8"])
def test_row_does_not_depend_on_its_batch(weights, tagger, clip_art, tmp_path):
    X, _ = clip_art
    to_onnx(tagger, tmp_path / "t.onnx", weights=weights, max_changed=1)
    opened = OpenedFile(tmp_path / "t.onnx")
    together, _ = opened.run_rows(X[:8])
    alone = np.concatenate([opened.run_rows(X[i : i + 1])[0] for i in range(8)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_bound_on_changed_labels_is_kept_and_said(tagger, clip_art, tmp_path):
    X, Y = clip_art
    exact = ask(tagger, X[:60], Y.shape[1])[0]
    # Cuts amid the scores: the slightest noise changes labels.
    tight = ThresholdOptimizer(tagger, cv="prefit").fit(X, Y)
    tight.set_thresholds(np.sort(exact, axis=0)[30])
    with pytest.raises(
        ValueError,
        match=r"weights='int8' may change a share of 0 of the labels. Got 0\.\d+ on 60 "
        r"rows, mAP from .* to .*row \d+, label .* instead of .* max_changed",
    ):
        to_onnx(
            tight,
            tmp_path / "t.onnx",
            weights="int8",
            X=X[:60],
            Y=Y[:60],
            max_changed=0,
        )
    drawn = draw_rows(take_apart(tagger).source)
    drawn_cuts = np.sort(ask(tagger, drawn, Y.shape[1])[0], axis=0)[12]
    of_drawn = ThresholdOptimizer(tagger, cv="prefit").fit(X, Y)
    of_drawn.set_thresholds(drawn_cuts)
    with pytest.raises(ValueError, match="drawn rows .*pass X, rows like those"):
        to_onnx(of_drawn, tmp_path / "t.onnx", weights="int8", max_changed=0)
    assert list(tmp_path.iterdir()) == []
    report = to_onnx(
        tight, tmp_path / "t.onnx", weights="int8", X=X[:60], max_changed=1
    )
    assert report.share_changed > 0
    assert 0 < len(report.changes) <= 10
    gaps = [abs(change.before - change.cut) for change in report.changes]
    assert gaps == sorted(gaps)


def test_labels_without_a_positive_have_no_precision(tagger, clip_art, tmp_path):
    X, Y = clip_art
    report = to_onnx(
        tagger,
        tmp_path / "t.onnx",
        weights="float16",
        X=X[:4],
        Y=0 * Y[:4],
        max_changed=1,
    )
    assert report.average_precision is None


def make_graph(nodes, constants, shape):
    import onnx
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info("items", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def run_graph(model, items):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"items": items})[0]


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("operator", ["MatMul", "Gemm", "Conv"])
def test_every_channel_has_a_scale_of_its_own(operator, turned):
    from onnx import helper

    from sklearn_clip.export._weights import shrink

    rng = np.random.default_rng(0)
    channels = np.logspace(-4, 2, 64, dtype=np.float32)
    matrix = rng.normal(size=(96, 64)).astype(np.float32) * channels
    matrix[:, 5] = 0
    largest = np.abs(matrix).max(axis=0)
    attributes = {}
    items = rng.normal(size=(3, 96)).astype(np.float32)
    if operator == "Gemm" and turned:
        matrix, attributes = matrix.T, {"transB": 1}
    if operator == "Conv":
        matrix = matrix.T.reshape(64, 96, 1, 1)
        items = items[:, :, None, None]
    node = helper.make_node(operator, ["items", "w"], ["vectors"], **attributes)
    model = make_graph([node], {"w": np.ascontiguousarray(matrix)}, items.shape)
    expected = run_graph(model, items)
    size = model.ByteSize()
    found = run_graph(shrink(model, "int8"), items)
    assert model.ByteSize() < 0.3 * size
    # Each weight is off by half a step at the most, of 127 to the channel's largest.
    bound = np.abs(items).sum(axis=1).reshape(-1, 1) * largest / 254
    error = np.abs(found - expected).reshape(bound.shape)
    assert (error <= 1.001 * bound).all()
    assert error.max() > 0


def test_table_is_looked_up_as_bytes():
    import onnx
    from onnx import helper

    from sklearn_clip.export._weights import shrink

    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 32)).astype(np.float32)
    table *= np.logspace(-4, 2, 200, dtype=np.float32)[:, None]
    nodes = [
        helper.make_node("Cast", ["items"], ["places"], to=onnx.TensorProto.INT64),
        helper.make_node("Gather", ["table", "places"], ["vectors"]),
    ]
    model = make_graph(nodes, {"table": table}, [2, 3])
    items = np.array([[0, 199, 7], [7, 100, 3]], dtype=np.float32)
    found = run_graph(shrink(model, "int8"), items)
    expected = table[items.astype(int)]
    assert found.shape == (2, 3, 32)
    scale = np.abs(expected).max(axis=2, keepdims=True)
    assert (np.abs(found - expected) / scale).max() < 0.01
    # No node makes float32 of the whole table.
    assert "DequantizeLinear" not in {node.op_type for node in model.graph.node}


def test_tensor_of_two_uses_and_one_beyond_half_precision_stay():
    from onnx import helper

    from sklearn_clip.export._weights import shrink

    matrix = np.eye(64, dtype=np.float32) * 1e5
    nodes = [
        helper.make_node("MatMul", ["items", "w"], ["a"]),
        helper.make_node("Transpose", ["w"], ["turned"]),
        helper.make_node("MatMul", ["a", "turned"], ["vectors"]),
    ]
    items = np.ones((1, 64), dtype=np.float32)
    for weights in ("int8", "float16"):
        model = make_graph(nodes, {"w": matrix}, items.shape)
        expected = run_graph(model, items)
        assert np.array_equal(run_graph(shrink(model, weights), items), expected)
