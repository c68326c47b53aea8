"""Files of weights: which one of a folder open_clip reads, and what it does to them."""

import copy
import json
import shutil
import warnings
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from sklearn_clip import CLIPFeaturizer, WeightsUnavailableError
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone._weight_files import _NAMES, find_weights

pytestmark = pytest.mark.any_processor

WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def folder(write_model, tmp_path):
    """A folder with a small model whose weights are called as open_clip calls them."""
    write_model(tmp_path / "m")
    return tmp_path / "m"


def put(folder, name):
    """Put the weights there under another name, in the format that its suffix means."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    if name.endswith(".safetensors"):
        save_file(tensors, folder / name)
    else:
        torch.save(tensors, folder / name)


def load(folder):
    return load_backbone(f"local-dir:{folder}", device="cpu", precision="fp32")


@pytest.mark.parametrize("name", [*_NAMES, "epoch_7.safetensors", "a b.bin", "ü.pth"])
def test_weights_by_a_name_that_open_clip_reads_are_read(folder, name):
    expected = load(folder).fingerprint
    put(folder, name)
    assert find_weights(folder).name == name
    assert load(folder).fingerprint == expected


@pytest.mark.parametrize(
    "names",
    [_NAMES[1:3], _NAMES[3:5], ["model.pth", "a.safetensors"], ["z.bin"], _NAMES[:2]],
)
def test_file_found_is_the_one_that_open_clip_finds(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "weights.pt").write_bytes(b"x")
    expected = open_clip.factory._find_checkpoint_in_dir(tmp_path)
    assert str(find_weights(tmp_path)) == expected


@pytest.mark.parametrize("name", ["weights.pt", "open_clip_pytorch_model.pt", "e.ckpt"])
def test_weights_that_open_clip_overlooks_are_named_with_the_way_out(folder, name):
    expected = load(folder).fingerprint
    put(folder, name)
    message = f"no file of weights.*Rename '{name}' to 'open_clip_pytorch_model.bin'"
    with pytest.raises(WeightsUnavailableError, match=message):
        load(folder)
    (folder / name).rename(folder / "open_clip_pytorch_model.bin")
    assert load(folder).fingerprint == expected


@pytest.mark.parametrize("name", ["model.onnx", "flax_model.msgpack", "tf_model.h5"])
def test_weights_of_other_formats_are_named(folder, name):
    (folder / WEIGHTS).rename(folder / name)
    with pytest.raises(WeightsUnavailableError, match=f"'{name}' is none of .safetens"):
        CLIPFeaturizer(f"local-dir:{folder}").encode_texts(["a"])


@pytest.mark.parametrize("name", [WEIGHTS, "open_clip_pytorch_model.bin"])
def test_folder_of_the_name_of_weights_is_named(folder, name):
    (folder / WEIGHTS).unlink()
    (folder / name).mkdir()
    with pytest.raises(WeightsUnavailableError, match=f"{name}'.*it is a folder"):
        load(folder)


def test_folder_without_weights_says_their_name(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(WeightsUnavailableError, match=f"Put them there as '{WEIGHTS}'"):
        load(folder)


@pytest.mark.parametrize("stem", ["model-{:05}-of-00002", "pytorch_model-{}-of-2"])
@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_weights_in_parts_are_refused(folder, stem, suffix):
    (folder / WEIGHTS).rename(folder / f"{stem.format(1)}{suffix}")
    shutil.copy(
        folder / f"{stem.format(1)}{suffix}", folder / f"{stem.format(2)}{suffix}"
    )
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(WeightsUnavailableError, match="holds its weights in parts"):
        load(folder)


def test_one_of_several_files_is_not_chosen_in_silence(folder):
    shutil.copy(folder / WEIGHTS, folder / "epoch_2.safetensors")
    (folder / WEIGHTS).rename(folder / "epoch_1.safetensors")
    message = f"'epoch_1.safetensors', 'epoch_2.safetensors'.*goes first, '{WEIGHTS}'"
    with pytest.raises(ValueError, match=message):
        load(folder)
    (folder / "epoch_2.safetensors").rename(folder / WEIGHTS)
    load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not hold any: it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
    ],
)
@pytest.mark.parametrize("name", [WEIGHTS, "open_clip_pytorch_model.bin"])
def test_file_without_weights_is_refused(folder, content, message, name):
    (folder / WEIGHTS).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsUnavailableError, match=message):
        load(folder)


@pytest.mark.parametrize("name", [WEIGHTS, "open_clip_pytorch_model.bin"])
def test_damaged_file_is_refused_and_named(folder, name):
    put(folder, name)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=f"cannot make.*{name}"):
        load(folder)


def test_objects_beside_tensors_are_not_unpickled(folder):
    (folder / WEIGHTS).unlink()
    torch.save({"state_dict": Path("x")}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(ValueError, match="none of tensors alone") as caught:
        load(folder)
    assert "weights_only" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_script_is_refused_with_the_tag(folder, architecture, monkeypatch):
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-test", architecture)
    file = folder / "ViT-B-32.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(file)
    said = {"mean": 0.5, "std": 0.5}
    with pytest.raises(ValueError, match="TorchScript.*pretrained='openai'"):
        load_backbone("tiny-test", str(file), preprocess=said)


def change_tensors(folder, change):
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("ln_final.weight"),
        lambda tensors: tensors.update(text_model=torch.zeros(2)),
        lambda tensors: tensors.update({"visual.proj": torch.zeros(64, 32)}),
        lambda tensors: tensors.clear(),
    ],
)
def test_weights_of_another_architecture_are_refused(folder, change):
    change_tensors(folder, change)
    with pytest.raises(ValueError, match=f"cannot make.*{WEIGHTS}"):
        load(folder)


def test_weights_of_a_narrower_text_tower_are_refused(folder):
    rewrite(folder, lambda model: model["text_cfg"].update(width=96, heads=3))
    with pytest.raises(
        WeightsUnavailableError, match="of another shape: .*A file must hold"
    ):
        load(folder)


def rewrite(folder, change):
    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    change(config["model_cfg"])
    (folder / "open_clip_config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("form", [WEIGHTS, "open_clip_pytorch_model.bin", "model.pth"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda model: model["vision_cfg"].update(image_size=96),
            "another image_size than .* has 17 rows there and 37 here",
        ),
        (
            lambda model: model["text_cfg"].update(context_length=32),
            "another context_length than .* has 77 rows there and 32 here",
        ),
        (lambda model: model.update(init_logit_bias=-10), "has a logit_bias and the"),
    ],
)
def test_what_open_clip_makes_fit_in_silence_is_told(folder, form, change, message):
    if form != WEIGHTS:
        put(folder, form)
    rewrite(folder, change)
    with pytest.warns(UserWarning, match=message):
        load(folder)


@pytest.mark.parametrize("old_zip", [True, False])
def test_file_of_a_name_is_looked_at_too(
    folder, architecture, monkeypatch, tmp_path, old_zip
):
    larger = copy.deepcopy(architecture)
    larger["vision_cfg"]["image_size"] = 96
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-96", larger)
    # As open_clip saves while it trains on several devices.
    tensors = load_file(folder / WEIGHTS)
    tensors = {f"module.{name}": tensor for name, tensor in tensors.items()}
    file = tmp_path / "epoch_3.pt"
    torch.save(
        {"epoch": 3, "state_dict": tensors},
        file,
        _use_new_zipfile_serialization=not old_zip,
    )
    said = {"preprocess": {"mean": 0.5, "std": 0.5}, "device": "cpu"}
    with pytest.warns(UserWarning, match="epoch_3.pt' were trained with another image"):
        load_backbone("tiny-96", str(file), **said)
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-64", architecture)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_backbone("tiny-64", str(file), **said)


def test_models_with_another_text_tower_class_are_looked_at(tmp_path, architecture):
    architecture = copy.deepcopy(architecture) | {"custom_text": True}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(
            **{k: v for k, v in architecture.items() if k != "custom_text"}
        )
    save_file(model.state_dict(), tmp_path / WEIGHTS)
    pixels = {"mean": [0.5] * 3, "std": [0.5] * 3}
    config = {"model_cfg": architecture, "preprocess_cfg": pixels}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    load(tmp_path)
    rewrite(tmp_path, lambda model: model["text_cfg"].update(context_length=40))
    with pytest.warns(UserWarning, match="text.positional_embedding has 77 rows"):
        load(tmp_path)
