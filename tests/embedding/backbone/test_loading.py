"""Models by name: found, shared, loaded anew, and refused with what to do."""

import json
import os
import shutil
import socket
import urllib.request
import warnings

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch

from sklearn_clip import ModelMismatchError, WeightsUnavailableError
from sklearn_clip.embedding import (
    check_same_model,
    load_backbone,
    read_embedding_dim,
    record_model,
)
from sklearn_clip.embedding.backbone import _backbone, _fetching, _loading
from sklearn_clip.embedding.backbone._device import resolve_device
from sklearn_clip.embedding.backbone._tensor_files import TensorFile
from sklearn_clip.embedding.engines import _notes

CONFIG = "open_clip_config.json"


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Cut the network at the name look-up, and start from an empty hub cache."""

    def refuse(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "h"))
    return tmp_path / "h"


def test_model_is_loaded_once_and_shared(model_folder):
    assert load_backbone(model_folder) is load_backbone(model_folder, "ignored tag")
    relative = f"local-dir:{os.path.relpath(model_folder.removeprefix('local-dir:'))}"
    assert load_backbone(relative) is load_backbone(model_folder)
    exact = load_backbone(model_folder, precision="fp32")
    assert load_backbone(model_folder, precision="fp32") is exact
    auto = load_backbone(model_folder)  # fp32 too where no unit is faster
    assert (auto is exact) == (set(auto.precisions.values()) == {"fp32"})
    assert load_backbone(model_folder, device="cpu").device.type == "cpu"


def test_folder_written_anew_is_loaded_anew(write_model, tmp_path):
    name = write_model(tmp_path / "m", seed=1)
    before = load_backbone(name)
    write_model(tmp_path / "m", seed=2)
    after = load_backbone(name)
    assert after is not before and after.fingerprint != before.fingerprint
    held = [key for key in _loading._loaded if name in key]
    assert len(held) == 1  # replaced weights do not stay in memory


def test_other_weights_of_the_same_size_and_time_are_loaded_anew(
    write_model, tmp_path, monkeypatch
):
    # As of two archives whose files all have one time. Notes may not see it: they look
    # at a file here and there.
    monkeypatch.setattr(_notes, "sample_file", lambda path: [path.stat().st_size, ""])
    found = []
    for seed in (1, 2):
        name = write_model(tmp_path / "m", seed=seed)
        for file in (tmp_path / "m").iterdir():
            os.utime(file, ns=(1, 1))
        backbone = load_backbone(name)
        found.append((backbone.fingerprint, backbone.probe().tobytes()))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


def test_file_of_weights_written_anew_is_loaded_anew(
    architecture, write_model, tmp_path, monkeypatch
):
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-test", architecture)
    file = tmp_path / "weights.safetensors"
    fingerprints = []
    for seed in (1, 2):
        write_model(tmp_path / "m", seed=seed)
        shutil.copy(tmp_path / "m" / "open_clip_model.safetensors", file)
        os.utime(file, ns=(seed, seed))
        said = {"mean": 0.5, "std": 0.5}
        backbone = load_backbone("tiny-test", str(file), preprocess=said)
        fingerprints.append(backbone.fingerprint)
    assert fingerprints[0] != fingerprints[1]
    assert fingerprints[1] == load_backbone(f"local-dir:{tmp_path / 'm'}").fingerprint


def test_unknown_model_is_refused_with_the_nearest_names():
    with pytest.raises(ValueError, match=r"Got 'ViT-B32'. Nearest: .*'ViT-B-32'"):
        load_backbone("ViT-B32", "openai")
    with pytest.raises(ValueError, match="Nearest: 'clipart-tiny'"):
        load_backbone("clipart_tiny")
    with pytest.raises(ValueError, match=r"Nearest: 'ViT-B-32'.*list_models\(\)\.$"):
        load_backbone("ViT-B/32", "openai")


def test_repository_and_folder_are_told_how_they_are_named(tmp_path):
    name = "openai/clip-vit-base-patch32"
    with pytest.raises(ValueError, match=f"'hf-hub:{name}'.*'ViT-B-32', 'openai'"):
        load_backbone(name)
    with pytest.raises(ValueError, match="A folder is named 'local-dir:"):
        load_backbone(str(tmp_path))


@pytest.mark.parametrize("tag", ["datacomp_xl_s13b_b90", "openai_typo", None, ""])
def test_unknown_tag_is_refused_with_the_nearest_names(tag):
    with pytest.raises(ValueError, match="random weights are never used.*Nearest: '"):
        load_backbone("ViT-B-32", tag)


@pytest.mark.parametrize("content", [None, "config only"])
def test_folder_without_model_is_refused(tmp_path, content):
    if content:
        (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(WeightsUnavailableError, match="folder.*weights"):
        load_backbone(f"local-dir:{tmp_path}")


@pytest.mark.parametrize(
    ("model", "tag"),
    [
        ("ViT-B-32", "datacomp_xl_s13b_b90k"),
        ("hf-hub:nobody/no-such-model", None),
    ],
)
def test_weights_out_of_reach_say_what_to_do(no_network, model, tag):
    message = "could not be fetched .*no network.*HF_HOME"
    with pytest.raises(WeightsUnavailableError, match=message) as caught:
        load_backbone(model, tag)
    for shipped in ("photo-tiny", "clipart-tiny"):  # what it names has to be there
        assert f"CLIPFeaturizer({shipped!r})" in str(caught.value)
        assert load_backbone(shipped).embedding_dim == read_embedding_dim(shipped)
    assert model in str(caught.value)
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize(
    "said",
    [
        "unable to mmap 821908092 bytes from file </w>: Cannot allocate memory (12)",
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried",
    ],
)
def test_lack_of_memory_does_not_speak_of_the_weights(
    write_model, tmp_path, monkeypatch, said
):
    write_model(tmp_path / "m", seed=7)

    def fail(*_):
        raise RuntimeError(said)

    monkeypatch.setattr(TensorFile, "read", fail)
    with pytest.raises(MemoryError, match="does not fit into what memory is free") as e:
        load_backbone(f"local-dir:{tmp_path}/m").encode_texts(["a cat"])
    assert str(tmp_path) in str(e.value) and said[:40] in str(e.value)


def test_length_of_embeddings_is_read_from_the_configuration(
    no_network, model_folder, write_model, tmp_path
):
    assert read_embedding_dim("ViT-B-32", "openai") == 512
    assert read_embedding_dim(model_folder) == 64
    with pytest.raises(WeightsUnavailableError, match="no network"):
        read_embedding_dim("hf-hub:nobody/no-such-model")
    with pytest.raises(ValueError, match="Nearest"):
        read_embedding_dim("ViT-B32", "openai")
    write_model(tmp_path / "m")
    files = {"open_clip_config.json": tmp_path / "m" / "open_clip_config.json"}
    put_into_hub_cache(no_network, "someone/config", files)
    assert read_embedding_dim("hf-hub:someone/config") == 64


def put_into_hub_cache(cache, repository, files):
    """Lay files out as the hub's client does after a download."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name, source in files.items():
        shutil.copy(source, snapshot / name)


def test_cached_tag_is_loaded_without_network_as_the_tag_says(
    no_network, architecture, write_model, tmp_path, monkeypatch
):
    tag = {
        "hf_hub": "someone/tiny/open_clip_pytorch_model.bin",
        "mean": [0.1, 0.2, 0.3],
        "std": [0.4, 0.5, 0.6],
        "interpolation": "bilinear",
        "resize_mode": "squash",
        "quick_gelu": True,
    }
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-test", architecture)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-test", {"cached": tag})
    write_model(tmp_path / "m", seed=3)
    weights = tmp_path / "m" / "open_clip_model.safetensors"
    files = {"open_clip_pytorch_model.safetensors": weights}
    put_into_hub_cache(no_network, "someone/tiny", files)
    backbone = load_backbone("tiny-test", "cached")
    said = json.loads(backbone.preprocessing)
    for key in ("mean", "std", "interpolation", "resize_mode"):
        assert said[key] == tag[key]
    plain = load_backbone(f"local-dir:{tmp_path / 'm'}")
    names = {type(module).__name__ for module in backbone.model.modules()}
    assert "QuickGELU" in names
    assert backbone.fingerprint != plain.fingerprint
    assert not np.allclose(backbone.probe(), plain.probe(), atol=1e-3)


def test_cached_hub_model_is_loaded_without_asking_the_hub(
    no_network, write_model, tmp_path, monkeypatch
):
    name = write_model(tmp_path / "m", seed=4)
    files = {path.name: path for path in (tmp_path / "m").iterdir()}
    put_into_hub_cache(no_network, "someone/whole", files)
    asked = []

    def refuse(host, *_, **__):
        asked.append(host)
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    backbone = load_backbone("hf-hub:someone/whole")
    assert backbone.fingerprint == load_backbone(name).fingerprint
    assert asked == []


@pytest.mark.parametrize("cached", ["open_clip_model.safetensors", CONFIG])
def test_half_of_a_hub_model_in_the_cache_is_unavailable_at_once(
    no_network, write_model, tmp_path, monkeypatch, cached
):
    write_model(tmp_path / "m")
    put_into_hub_cache(no_network, "someone/half", {cached: tmp_path / "m" / cached})
    monkeypatch.setattr(open_clip.pretrained, "hf_hub_download", None)  # asks for long
    message = "'hf-hub:someone/half' are not on this machine.*no network.*HF_HOME"
    with pytest.raises(WeightsUnavailableError, match=message):
        load_backbone("hf-hub:someone/half")
    if cached != CONFIG:
        with pytest.raises(WeightsUnavailableError, match=message):
            read_embedding_dim("hf-hub:someone/half")


@pytest.mark.parametrize("cached", [[], [CONFIG], ["open_clip_model.safetensors"]])
def test_hub_model_is_fetched_as_far_as_it_is_not_in_the_cache(
    write_model, tmp_path, monkeypatch, cached
):
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(_fetching, "check_network", lambda: None)
    name = write_model(tmp_path / "m")
    files = {path.name: path for path in (tmp_path / "m").iterdir()}
    put_into_hub_cache(cache, "someone/new", {file: files[file] for file in cached})
    (snapshot,) = (cache / "models--someone--new" / "snapshots").iterdir()

    def download(repo_id, filename, **options):
        assert repo_id == "someone/new"
        if filename not in files:
            raise FileNotFoundError(filename)
        return shutil.copy(files[filename], snapshot / filename)

    monkeypatch.setattr(open_clip.pretrained, "hf_hub_download", download)
    if not cached:
        assert read_embedding_dim("hf-hub:someone/new") == 64
    backbone = load_backbone("hf-hub:someone/new")
    assert backbone.fingerprint == load_backbone(name).fingerprint


def test_hub_that_takes_no_connection_is_not_waited_for(monkeypatch, tmp_path):
    """A name that resolves, and a port that nobody listens to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    hub = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub)
    monkeypatch.setattr(open_clip, "download_pretrained", None)
    for proxies in ({}, {"http": hub}):
        monkeypatch.setattr(urllib.request, "getproxies", lambda p=proxies: p)
        with pytest.raises(WeightsUnavailableError, match="127.0.0.1 cannot be reach"):
            load_backbone("ViT-B-32", "datacomp_xl_s13b_b90k")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailableError, match="HF_HUB_OFFLINE is set"):
        load_backbone("ViT-B-32", "datacomp_xl_s13b_b90k")


def test_other_files_in_the_folder_do_not_reload_the_model(write_model, tmp_path):
    name = write_model(tmp_path / "m")
    first = load_backbone(name)
    (tmp_path / "m" / "embeddings.sqlite").write_bytes(b"grows")
    (tmp_path / "m" / "notes.log").write_text("of yesterday")
    assert load_backbone(name) is first


def test_device_that_is_none_is_refused():
    with pytest.raises(ValueError, match="device must be 'auto' or .*Got 'gpu'"):
        resolve_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_device_that_is_not_there_is_refused(model_folder):
    with pytest.raises(ValueError, match="device='cuda:0' cannot be used"):
        load_backbone(model_folder, device="cuda:0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an MPS device")
def test_device_auto_is_the_cpu_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_device("auto") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_gpu_that_cannot_be_used_warns(monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda path: "nvidia" in path)
    with pytest.warns(UserWarning, match="NVIDIA GPU is present but cannot be used"):
        resolve_device("auto")


def test_record_of_the_same_model_passes(model_folder):
    backbone = load_backbone(model_folder)
    record = record_model(backbone, (model_folder, None))
    check_same_model(record, backbone)
    check_same_model(record, load_backbone(model_folder, precision="bf16"))


def test_other_weights_are_a_mismatch_that_names_both(
    model_folder, write_model, tmp_path
):
    backbone = load_backbone(model_folder)
    other = load_backbone(write_model(tmp_path / "other", seed=5))
    record = record_model(backbone, (model_folder, None))
    prints = f"{backbone.fingerprint} then, {other.fingerprint} now"
    with pytest.raises(ModelMismatchError, match=prints):
        check_same_model(record, other)


def test_other_preprocessing_is_a_mismatch(model_folder, write_model, tmp_path):
    record = record_model(load_backbone(model_folder), (model_folder, None))
    other = load_backbone(write_model(tmp_path / "other", mean=-9.0))
    assert other.fingerprint == record["fingerprint"]
    with pytest.raises(ModelMismatchError, match="Look for other preprocessing"):
        check_same_model(record, other)


def test_probe_of_nan_is_a_mismatch(model_folder):
    backbone = load_backbone(model_folder)
    record = record_model(backbone, (model_folder, None))
    record["probe"] = record["probe"] * np.nan
    with pytest.raises(ModelMismatchError, match="cosine of the probe"):
        check_same_model(record, backbone)


def test_notes_of_another_version_do_not_speak_for_how_pictures_are_decoded(
    write_model, tmp_path, monkeypatch
):
    name = write_model(tmp_path / "m")
    before = load_backbone(name).preprocessing
    _loading._loaded.clear()
    assert load_backbone(name).preprocessing == before  # from notes
    _loading._loaded.clear()
    monkeypatch.setattr(_backbone, "_DECODING", "another")
    assert load_backbone(name).preprocessing == before.replace("draft-2", "another")
    assert load_backbone(name).preprocessing != before
