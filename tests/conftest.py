"""What the tests share: a small real CLIP model in a folder, pictures, a counter."""

import json
import signal

import numpy as np
import pytest
from PIL import Image

# Loaded as they are needed, and not collected as modules with doctests: of several
# folders given at once the second would be taken for the first.
collect_ignore_glob = ["*conftest.py"]

ARCHITECTURE = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 64,
        "heads": 2,
        "layers": 2,
    },
}


def pytest_addoption(parser):
    """Let a run behave as on another processor."""
    parser.addoption(
        "--bf16-units",
        choices=["machine", "on", "off"],
        default="machine",
        help="what the package is told about the CPU's bf16 units (default: the truth)",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Write an expected failure down without its source, which takes longer to find."""
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("xfail"):
            patch.setattr(item.config.option, "tbstyle", "native")
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def interrupts():
    """Have SIGINT interrupt, here and in child processes.

    A shell that starts the tests in the background may have it ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def engines(tmp_path_factory):
    """Leave the user's cache alone, and have "auto" mean torch.

    Otherwise each of hundreds of small models would be prepared for another engine.
    """
    folder = tmp_path_factory.mktemp("engines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_CLIP_ENGINES", str(folder))
        patch.setenv("SKLEARN_CLIP_ENGINE", "torch")
        yield folder


@pytest.fixture(scope="session")
def prepared(engines):
    """Prepare the small model for an engine that starts without torch, if there is one.

    Returns its name.
    """
    from sklearn_clip import CLIPFeaturizer
    from sklearn_clip.embedding.engines._choice import is_installed

    if not is_installed("onnxruntime"):
        return "torch"
    clip = CLIPFeaturizer("clipart-tiny", engine="onnxruntime", cache=None)
    clip.encode_images([Image.new("RGB", (8, 8))])
    clip.encode_texts(["a drawing"])
    return "onnxruntime"


@pytest.fixture(scope="module")
def light_engine(prepared):
    """Have "auto" mean the engine that is prepared, here and in child processes.

    A process that needs torch to embed a picture imports it for some seconds, and
    then takes four times as long for each. For what is not about the engine.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_CLIP_ENGINE", prepared)
        yield


@pytest.fixture(scope="session", autouse=True)
def bf16_units(request):
    """Tell the package that the CPU has bf16 units or not, if a run asks for it.

    bf16 computes the same numbers without the units, in more time.
    """
    told = request.config.getoption("--bf16-units")
    with pytest.MonkeyPatch.context() as patch:
        if told != "machine":
            import torch

            from sklearn_clip.embedding.backbone._precision import BF16_UNITS

            for unit in BF16_UNITS:
                name = f"_is_{unit}_supported"
                patch.setattr(torch.cpu, name, lambda: told == "on", raising=False)
        yield


@pytest.fixture
def feeds_gpu(monkeypatch):
    """Have pictures decoded as for a GPU; list who was asked."""
    from sklearn_clip.embedding import _processes

    asked = []
    submit = _processes.Processes.submit

    def listen(self, function, work, items, *room):
        asked.append((function.__name__, len(items)))
        return submit(self, function, work, items, *room)

    monkeypatch.setattr(_processes, "_feeds_gpu", lambda *where: True)
    monkeypatch.setattr(_processes, "LEAST_PICTURES", 6)
    monkeypatch.setattr(_processes, "_LEAST_CORES", 1)
    monkeypatch.setattr(_processes, "_MOST", 2)
    monkeypatch.setattr(_processes.Processes, "submit", listen)
    yield asked
    for count in list(_processes._executors):
        _processes.close_processes(count)


@pytest.fixture
def shared_precision(request):
    """Precision of a featurizer that goes to processes which are not told so."""
    told = request.config.getoption("--bf16-units")
    return "auto" if told == "machine" else "fp32"


@pytest.fixture(scope="session")
def architecture():
    """Architecture of the small model, as open_clip writes it."""
    return ARCHITECTURE


@pytest.fixture(scope="session")
def write_model():
    """Write a randomly initialised CLIP model as a folder that open_clip reads."""

    def write(folder, *, seed=0, mean=0.5):
        import open_clip
        import torch
        from safetensors.torch import save_file

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = open_clip.model.CLIP(**ARCHITECTURE)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
        preprocessing = {"mean": [mean] * 3, "std": [0.5] * 3}
        config = {"model_cfg": ARCHITECTURE, "preprocess_cfg": preprocessing}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        return f"local-dir:{folder}"

    return write


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, write_model):
    """Model name of a small seeded model: a ``local-dir:`` with real files."""
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def make_pictures():
    """Draw seeded pictures of smooth colours, no two of them alike."""

    def draw(n, *, seed=0, size=(48, 40)):
        rng = np.random.default_rng(seed)
        blocks = rng.integers(0, 256, size=(n, 4, 4, 3), dtype=np.uint8)
        return [Image.fromarray(block).resize(size) for block in blocks]

    return draw


@pytest.fixture
def pictures(make_pictures):
    """Four pictures."""
    return make_pictures(4)


@pytest.fixture
def make_featurizer(model_folder):
    """Make a featurizer of the small model that keeps no embeddings."""
    from sklearn_clip import CLIPFeaturizer

    def make(**parameters):
        return CLIPFeaturizer(
            **{"model_name": model_folder, "cache": None} | parameters
        )

    return make


@pytest.fixture
def count_encoded(monkeypatch):
    """Count the items that reach the two towers of any model in this process."""
    from sklearn_clip.embedding import Backbone

    counts = {"image": 0, "text": 0}
    encode_images, encode_texts = Backbone.encode_images, Backbone.encode_texts

    def counted_images(self, tensors):
        counts["image"] += len(tensors)
        return encode_images(self, tensors)

    def counted_texts(self, texts):
        counts["text"] += len(texts)
        return encode_texts(self, texts)

    monkeypatch.setattr(Backbone, "encode_images", counted_images)
    monkeypatch.setattr(Backbone, "encode_texts", counted_texts)
    return counts
