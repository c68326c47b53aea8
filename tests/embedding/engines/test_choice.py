"""Which engine and precision are tried, and what does not go together."""

import pytest
import torch

from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.engines import _choice
from sklearn_clip.embedding.engines._choice import (
    check_engine,
    list_graphs,
    resolve_engine,
)
from sklearn_clip.embedding.engines._processor import _KINDS

ALL_KINDS = [*_KINDS, "other"]
SMALL, HALF, EXACT = [("openvino", p) for p in ("int8", "bf16", "fp32")]
OTHER_EXACT = ("onnxruntime", "fp32")


@pytest.fixture
def on(monkeypatch):
    """Be on a kind of CPU, with some engines installed."""

    def be(kind, installed=("torch", "onnxruntime", "openvino"), quantizer="nncf"):
        monkeypatch.setattr(_choice, "processor_kind", lambda: kind)
        there = {*installed, "onnx", quantizer}
        monkeypatch.setattr(_choice, "find_spec", lambda m: m if m in there else None)

    return be


@pytest.mark.parametrize(
    ("kind", "image", "text"),
    [
        ("bf16", [SMALL, HALF, EXACT], [HALF, EXACT]),
        ("vnni", [SMALL, EXACT], [SMALL, EXACT]),
        ("avx2", [EXACT, OTHER_EXACT], [EXACT, OTHER_EXACT]),
        ("other", [], []),
    ],
)
def test_auto_tries_what_was_measured_fastest(on, kind, image, text):
    on(kind)
    assert list_graphs("auto", "auto", "image") == image
    assert list_graphs("auto", "auto", "text") == text
    # Named, an engine runs also where nothing was measured, and no other one does.
    for tower, choices in [("image", image), ("text", text)]:
        own = [choice for choice in choices if choice[0] == "openvino"]
        assert list_graphs("openvino", "auto", tower) == (own or [EXACT])
        assert list_graphs("onnxruntime", "auto", tower) == [OTHER_EXACT]


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("tower", ["image", "text"])
def test_named_precision_is_that_of_an_engine_that_is_measured_and_installed(
    on, kind, tower
):
    on(kind)
    both = list_graphs("auto", "fp32", tower)
    exact = {"avx2": [EXACT, OTHER_EXACT], "other": []}
    assert both == exact.get(kind, [EXACT])
    assert list_graphs("auto", "bf16", tower) == ([] if kind == "other" else [HALF])
    on(kind, installed=("torch", "onnxruntime"))
    for precision in ("auto", "fp32"):
        found = list_graphs("auto", precision, tower)
        assert found == ([OTHER_EXACT] if kind == "avx2" else [])
    assert list_graphs("auto", "bf16", tower) == []


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("tower", ["image", "text"])
def test_what_is_not_installed_is_skipped(on, kind, tower):
    on(kind, installed=("torch",))
    for precision in ("auto", "fp32", "bf16"):
        assert list_graphs("auto", precision, tower) == []


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("tower", ["image", "text"])
def test_named_engine_and_precision_are_taken(on, kind, tower):
    on(kind)
    for precision in ("bf16", "fp32"):
        assert list_graphs("openvino", precision, tower) == [("openvino", precision)]
    assert list_graphs("onnxruntime", "fp32", tower) == [OTHER_EXACT]
    assert list_graphs("auto", "fp16", tower) == []
    assert list_graphs("torch", "auto", tower) == []


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("tower", ["image", "text"])
def test_8_bits_by_name_are_not_replaced(on, kind, tower):
    on(kind)
    for engine in ("auto", "openvino"):
        assert list_graphs(engine, "int8", tower) == [SMALL]


def test_8_bits_need_what_makes_them(on, monkeypatch):
    on("bf16", quantizer=None)
    for tower in ("image", "text"):
        assert list_graphs("auto", "auto", tower) == [HALF, EXACT]
    monkeypatch.setattr(_choice, "find_spec", lambda m: None if m == "nncf" else m)
    with pytest.raises(ImportError, match="precision='int8' needs nncf.*clip.openvino"):
        check_engine("auto", "int8")


def test_variable_names_what_auto_stands_for(monkeypatch):
    monkeypatch.setenv("SKLEARN_CLIP_ENGINE", "onnxruntime")
    assert resolve_engine("auto") == "onnxruntime"
    assert resolve_engine("openvino") == "openvino"
    for unset in ("", "auto"):
        monkeypatch.setenv("SKLEARN_CLIP_ENGINE", unset)
        assert resolve_engine("auto") == "auto"


@pytest.mark.parametrize(
    ("engine", "precision", "text"),
    [
        ("torch", "int8", "'auto' or one of 'bf16', 'fp16', 'fp32' .* 'openvino' has"),
        ("onnxruntime", "bf16", "with engine='onnxruntime'. Got 'bf16', which 'torch'"),
        ("onnxruntime", "fp16", "Got 'fp16', which 'torch' has"),
        ("onnxruntime", "int8", "Got 'int8', which 'openvino' has"),
        ("openvino", "fp16", "with engine='openvino'. Got 'fp16', which 'torch' has"),
        ("tensorrt", "fp32", "engine must be one of 'auto', 'torch'.* Got 'tensorrt'"),
    ],
)
def test_what_does_not_go_together_is_refused(on, engine, precision, text):
    on("bf16")
    with pytest.raises(ValueError, match=text):
        load_backbone("clipart-tiny", engine=engine, precision=precision)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", torch.device("meta")])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engine_of_cpus_refuses_another_device(on, device, engine):
    on("bf16")
    with pytest.raises(
        ValueError, match=f"'cpu' with engine='{engine}'.*engine='torch"
    ):
        load_backbone("clipart-tiny", engine=engine, device=device)


def test_8_bits_are_refused_on_another_device(monkeypatch):
    monkeypatch.delenv("SKLEARN_CLIP_ENGINE")
    monkeypatch.setattr(_choice, "find_spec", lambda module: module)
    with pytest.raises(ValueError, match="precision='int8' is for CPUs.*meta"):
        load_backbone("clipart-tiny", engine="auto", device="meta", precision="int8")


@pytest.mark.parametrize(
    ("engine", "module", "extra"),
    [
        ("openvino", "openvino", "openvino"),
        ("onnxruntime", "onnxruntime", "onnx"),
        ("onnxruntime", "onnx", "onnx"),
    ],
)
def test_engine_that_is_not_installed_names_its_extra(
    monkeypatch, engine, module, extra
):
    def find(name):
        return None if name == module else name

    monkeypatch.setattr(_choice, "find_spec", find)
    text = rf"needs {module}, which is not .*sklearn-clip\[{extra}\]\".*engine='auto'"
    with pytest.raises(ImportError, match=text):
        check_engine(engine, "auto")
    if engine == "openvino":  # which alone has 8 bits
        with pytest.raises(ImportError, match=text):
            check_engine("auto", "int8")


@pytest.mark.parametrize(
    ("named", "options", "text"),
    [
        ("tensorflow", {}, "Got 'tensorflow'"),
        ("torch", {"precision": "int8"}, "Got 'int8'"),
        ("onnxruntime", {"precision": "bf16"}, "Got 'bf16'"),
        ("openvino", {"device": "cuda"}, "Got 'cuda'"),
    ],
)
def test_error_names_the_variable_where_that_names_the_engine(
    on, monkeypatch, named, options, text
):
    on("bf16")
    monkeypatch.setenv("SKLEARN_CLIP_ENGINE", named)
    variable = f"variable SKLEARN_CLIP_ENGINE={named}"
    with pytest.raises(ValueError, match=f"{text}.*{variable}"):
        load_backbone("clipart-tiny", **{"engine": "auto"} | options)


@pytest.mark.parametrize("device", ["cpu", "cpu:0", torch.device("cpu", 0)])
def test_cpu_has_several_names(device):
    found = load_backbone("clipart-tiny", engine="torch", device=device)
    assert found.on_cpu
    assert found is load_backbone("clipart-tiny", engine="torch", device="cpu")
