"""What a caller has switched on in torch changes nothing that is computed here."""

import contextlib
import multiprocessing
import os
import tempfile
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    MultiLabelLogisticRegression,
    MultiLabelNet,
)
from sklearn_clip._shared import _torch_modes, own_modes
from sklearn_clip.embedding.backbone import _loading


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def matmul_precision(word):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(word)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


MODES = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "inference": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    # A device on which nothing can be computed: whoever asks for none fails.
    "device": lambda: torch.device("meta"),
    # Products in TF32 on a GPU, in bfloat16 on a CPU that has units for it.
    "medium": lambda: matmul_precision("medium"),
}


@pytest.fixture
def anew(model_folder):
    """Have the model loaded anew, and keep what is loaded here from other tests."""
    before = dict(_loading._loaded)

    def forget():
        _loading._loaded.clear()

    forget()
    yield forget
    forget()
    _loading._loaded.update(before)


@pytest.fixture(scope="module")
def plain():
    """What comes of each computation where nothing is switched on."""
    return {}


def rows_of(make_pictures):
    pictures = make_pictures(12)
    return pictures, np.arange(36).reshape(12, 3) % 5 % 2


def embed(model_folder, make_pictures):
    options = {"cache": None, "engine": "torch", "device": "cpu", "precision": "fp32"}
    pictures, _ = rows_of(make_pictures)
    clip = CLIPFeaturizer(model_folder, **options)
    return clip.encode_images(pictures), clip.encode_texts(["a cat", "two"])


def embed_places(model_folder, make_pictures):
    options = {"cache": None, "engine": "torch", "device": "cpu", "precision": "fp32"}
    pictures, _ = rows_of(make_pictures)
    clip = CLIPFeaturizer(
        model_folder, text=None, fusion="image", regions="tokens", **options
    )
    return (clip.fit_transform(pictures),)


def write_tagger(model_folder, make_pictures):
    """Write the graphs of a tower and of a net."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from sklearn_clip.export import to_onnx

    options = {"cache": None, "engine": "torch", "device": "cpu", "precision": "fp32"}
    pictures, Y = rows_of(make_pictures)
    tagger = make_pipeline(
        CLIPFeaturizer(model_folder, text=None, fusion="image", **options),
        MultiLabelNet(max_epochs=2, device="cpu", random_state=0),
    ).fit(pictures, Y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tagger.onnx"
        to_onnx(tagger, path)
        return (np.frombuffer(path.read_bytes(), dtype=np.uint8),)


def embed_by_engine(model_folder, make_pictures):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    pictures, _ = rows_of(make_pictures)
    options = {"cache": None, "device": "cpu", "precision": "fp32"}
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_CLIP_ENGINES", home)  # the tower is converted anew
        clip = CLIPFeaturizer(model_folder, engine="onnxruntime", **options)
        return clip.encode_images(pictures), clip.encode_texts(["a cat", "two"])


def train_net(model_folder, make_pictures):
    X = np.random.default_rng(0).normal(size=(60, 8))
    Y = (X[:, :3] > 0).astype(int)
    MultiLabelNet(max_epochs=2, device="cpu").fit(X, Y)  # without a seed, it ends
    net = MultiLabelNet(max_epochs=2, device="cpu", random_state=0)
    return (net.fit(X, Y).partial_fit(X, Y).predict_proba(X),)


def fine_tune(model_folder, make_pictures):
    pictures, Y = rows_of(make_pictures)
    options = {"max_epochs": 1, "device": "cpu", "precision": "fp32"}
    tuner = CLIPFineTuner(
        ["a", "b", "c"],
        model_folder,
        random_state=0,
        early_stopping=None,
        batch_size=6,
        **options,
    )
    return (tuner.fit(pictures, Y).predict_proba(pictures),)


def fit_logistic(model_folder, make_pictures):
    X = np.random.default_rng(0).normal(size=(60, 8))
    Y = (X[:, :3] > 0).astype(int)
    return (MultiLabelLogisticRegression().fit(X, Y).coef_,)


COMPUTATIONS = [
    embed,
    embed_places,
    embed_by_engine,
    train_net,
    fine_tune,
    fit_logistic,
    write_tagger,
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compute", COMPUTATIONS)
def test_modes_change_nothing(compute, mode, model_folder, make_pictures, anew, plain):
    if compute not in plain:
        plain[compute] = compute(model_folder, make_pictures)
        anew()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with MODES[mode]():
            found = compute(model_folder, make_pictures)
    for ours, theirs in zip(found, plain[compute], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", MODES)
def test_modes_are_those_of_the_caller_afterwards(mode):
    def state():
        made = torch.ones(2, requires_grad=not torch.is_inference_mode_enabled())
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        kept = (made * 2).requires_grad, torch.is_inference_mode_enabled()
        word = torch.get_float32_matmul_precision()
        return made.dtype, made.device.type, product.dtype, kept, word

    plain = state()
    with MODES[mode]():
        before = state()
        assert before != plain
        with own_modes():
            assert state() == plain
        assert state() == before
    assert state() == plain


def test_default_dtype_comes_back_when_the_last_thread_is_done():
    barrier, seen = threading.Barrier(2), []

    def compute(first):
        with own_modes():
            barrier.wait(60)
            if not first:
                barrier.wait(60)  # the first has left
                seen.append(torch.get_default_dtype())
        if first:
            barrier.wait(60)

    with default_dtype(torch.float64):
        threads = [threading.Thread(target=compute, args=(f,)) for f in (True, False)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [torch.float32]
        assert torch.get_default_dtype() == torch.float64


@pytest.mark.skipif(
    not hasattr(torch.backends.mkldnn, "matmul"), reason="from torch 2.9 on"
)
@pytest.mark.parametrize("operation", ["matmul", "conv", "rnn"])
def test_precision_of_one_backend_is_put_back(operation):
    """Torch has no common word for these, and refuses to name one."""
    backend = getattr(torch.backends.mkldnn, operation)
    before = backend.fp32_precision
    backend.fp32_precision = "bf16"
    try:
        with own_modes():
            assert backend.fp32_precision == "ieee"
            assert torch.get_float32_matmul_precision() == "highest"
        assert backend.fp32_precision == "bf16"
    finally:
        backend.fp32_precision = before


def test_convolutions_of_a_gpu_are_in_float32():
    """By default torch has them in TF32, which keeps 10 bits."""
    cudnn = torch.backends.cudnn
    if hasattr(cudnn, "conv"):
        owner, name, exact = cudnn.conv, "fp32_precision", "ieee"
    else:
        owner, name, exact = cudnn, "allow_tf32", False
    before = getattr(owner, name)
    with own_modes():
        assert getattr(owner, name) == exact
        with own_modes():
            torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3))
        assert getattr(owner, name) == exact
    assert getattr(owner, name) == before != exact
    assert cudnn.allow_tf32 in (True, False)  # torch raises where words contradict


def use_all_cores():
    """Have this thread compute with others, as a model of the user's may."""
    square = torch.ones(600, 600)
    return (square @ square).exp()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("compute", COMPUTATIONS)
def test_forked_child_waits_for_no_thread_of_its_parent(
    compute, model_folder, make_pictures, anew
):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    use_all_cores()
    child = multiprocessing.get_context("fork").Process(
        target=compute, args=(model_folder, make_pictures)
    )
    child.start()
    child.join(100)
    torch.set_num_threads(before)
    ended = child.exitcode
    child.kill()
    assert ended == 0


def test_thread_that_forked_gets_its_number_of_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_torch_modes, "_survivor", threading.get_ident())
        with own_modes():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    with own_modes():
        assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
