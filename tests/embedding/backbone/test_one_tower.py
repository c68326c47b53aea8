"""One tower without the other: the same vectors and fingerprint, and nothing else."""

import copy
import json
import subprocess
import sys

import joblib
import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import CLIPFeaturizer, ModelMismatchError, WeightsUnavailableError
from sklearn_clip.embedding import Backbone, load_backbone
from sklearn_clip.embedding.backbone import _loading
from sklearn_clip.embedding.backbone._model_files import ModelFiles

TEXTS = ["a", "a red bicycle", "two dogs play in the snow before a wooden hut", "x"]
TEXT = {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
COCA = {
    "custom_text": True,
    "multimodal_cfg": {
        "context_length": 24,
        "vocab_size": 500,
        "width": 32,
        "heads": 2,
        "layers": 1,
        "attn_pooler_heads": 2,
    },
    "vision_cfg": VIT
    | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
    "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
}
TIMM = {"timm_model_name": "tf_efficientnet_lite0", "timm_proj": "linear"}
# Models of every class of open_clip, with towers of several kinds.
KINDS = {
    "plain": {},
    "custom": {"custom_text": True},
    "coca": COCA,
    "resnet": {"vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}},
    "timm": {"vision_cfg": TIMM | {"image_size": 64, "timm_pool": "avg"}},
    "timm, pooled by a token": {
        "custom_text": True,
        "vision_cfg": {
            "image_size": 224,
            "timm_model_name": "test_vit",
            "timm_pool": "token",
            "timm_proj": None,
        },
    },
    "biased": {
        "custom_text": True,
        "init_logit_bias": -10,
        "text_cfg": TEXT
        | {"no_causal_mask": True, "pool_type": "last", "proj_bias": True},
    },
    "quick": {"quick_gelu": True, "nonscalar_logit_scale": True},
}


@pytest.fixture
def write_kind(tmp_path):
    """Write a model of a kind, by its changes to a small architecture."""

    def write(changes, *, name="m", seed=0, rename=None):
        config = {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT}
        config = copy.deepcopy(config | changes)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        pixels = {"mean": [0.4] * 3, "std": [0.5] * 3}
        whole = {"model_cfg": config, "preprocess_cfg": pixels}
        (folder / "open_clip_config.json").write_text(json.dumps(whole))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = open_clip.create_model(f"local-dir:{folder}")
            with torch.no_grad():
                for weight in model.parameters():
                    weight.add_(0.01 * torch.randn_like(weight))
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
        return f"local-dir:{folder}", model.eval()

    return write


def load_alone(name, *towers):
    """Load a model as a process does that never heard of it."""
    _loading._loaded.clear()
    options = {"device": "cpu", "precision": "fp32", "towers": towers}
    return load_backbone(name, **options)


@pytest.mark.any_processor
@pytest.mark.parametrize("kind", KINDS)
def test_tower_gives_the_vectors_of_open_clip_and_the_fingerprint_of_the_model(
    write_kind, make_pictures, kind
):
    name, model = write_kind(KINDS[kind])
    pictures = make_pictures(3)
    both = load_alone(name, "image", "text")
    image, text = load_alone(name, "image"), load_alone(name, "text")
    assert image.fingerprint == text.fingerprint == both.fingerprint
    assert image.preprocessing == both.preprocessing
    assert text.tokenization == both.tokenization
    assert list(image._towers), list(text._towers) == (["image"], ["text"])
    for backbone in (both, image):
        prepared = [backbone.prepare_image(picture) for picture in pictures]
        pixels = torch.stack([backbone._preprocess(p) for p in pictures])
        with torch.inference_mode():
            expected = model.encode_image(pixels, normalize=False).numpy()
        found = backbone.encode_images(prepared)
        atol = 0.02 * np.abs(expected).max()  # pictures are resized in one pass
        np.testing.assert_allclose(found, expected, atol=atol)
        np.testing.assert_allclose(found, both.encode_images(prepared), atol=1e-5)
    tokens = open_clip.get_tokenizer(name)([*TEXTS, "word " * 90])
    with torch.inference_mode():
        expected = model.encode_text(tokens, normalize=False).numpy()
    for backbone in (both, text):
        found = backbone.encode_texts([*TEXTS, "word " * 90])
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
        assert backbone.logit_scale == pytest.approx(model.logit_scale.exp().item())
        bias = None if model.logit_bias is None else model.logit_bias.item()
        assert backbone.logit_bias == bias


@pytest.mark.parametrize("kind", ["coca", "plain"])
def test_vectors_are_as_long_as_the_model_makes_them(write_kind, make_pictures, kind):
    name, model = write_kind(KINDS[kind])
    rows = list(zip(make_pictures(3), TEXTS[:3], strict=True))
    options = {"cache": None, "precision": "fp32", "device": "cpu"}
    clip = CLIPFeaturizer(name, normalize=False, **options)
    found = clip.transform(rows).reshape(3, 2, 16)
    tokens = open_clip.get_tokenizer(name)(TEXTS[:3])
    with torch.inference_mode():
        expected = model.encode_text(tokens, normalize=False).numpy()
    np.testing.assert_allclose(found[:, 1], expected, atol=1e-5)
    lengths = np.linalg.norm(found, axis=2)
    assert (np.abs(lengths - 1) > 1e-3).all()
    unit = clip.set_params(normalize=True).transform(rows).reshape(3, 2, 16)
    np.testing.assert_allclose(unit, found / lengths[:, :, None], atol=1e-6)


def as_parallel(tensors):
    return {f"module.{name}": tensor for name, tensor in tensors.items()}


def as_plain_text(tensors):
    """Name the weights of a text tower as a CLIP does, which open_clip translates."""
    return {name.removeprefix("text."): tensor for name, tensor in tensors.items()}


def with_positions(tensors):
    extra = {"text.transformer.embeddings.position_ids": torch.arange(24)}
    return tensors | extra


@pytest.mark.any_processor
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("plain", as_parallel),
        ("coca", as_parallel),
        ("custom", as_plain_text),
        ("custom", with_positions),
        ("plain", lambda tensors: {n: t.half() for n, t in tensors.items()}),
    ],
)
def test_weights_by_other_names_are_read_by_towers_too(
    write_kind, kind, change, suffix, tmp_path
):
    name, _ = write_kind(KINDS[kind])
    file = tmp_path / "m" / "open_clip_model.safetensors"
    tensors = change(load_file(file))
    if suffix == "bin":
        file.unlink()
        torch.save(
            {"state_dict": tensors}, file.with_name("open_clip_pytorch_model.bin")
        )
    else:
        save_file({n: t.contiguous() for n, t in tensors.items()}, file)
    both = load_alone(name, "image", "text")
    for tower in ("image", "text"):
        alone = load_alone(name, tower)
        assert list(alone._towers) == [tower]
        assert alone.fingerprint == both.fingerprint
        np.testing.assert_allclose(alone.probe([tower]), both.probe([tower]), atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_cfg": VIT | {"image_size": 48}},
        {"text_cfg": TEXT | {"context_length": 20}},
    ],
)
@pytest.mark.filterwarnings("ignore:The weights in")
def test_weights_that_open_clip_changes_are_loaded_as_a_whole(
    write_kind, tmp_path, changes
):
    name, _ = write_kind({})
    file = tmp_path / "m" / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["model_cfg"] |= changes
    file.write_text(json.dumps(config))
    both = load_alone(name, "image", "text")
    for tower in ("image", "text"):
        alone = load_alone(name, tower)
        assert alone.fingerprint == both.fingerprint
        assert (alone.logit_scale, alone.logit_bias) == (both.logit_scale, None)
        np.testing.assert_array_equal(alone.probe(), both.probe())


@pytest.mark.parametrize("tower", ["image", "text"])
@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("visual.ln_post.weight") is t.pop("ln_final.weight"),
        lambda t: t.update(
            {"visual.more": torch.ones(1), "transformer.x": t["text_projection"]}
        ),
        lambda t: t.update(
            {"visual.proj": torch.ones(2, 2), "text_projection": torch.ones(2, 2)}
        ),
    ],
)
def test_weights_of_another_model_are_refused_by_each_tower(
    write_kind, tmp_path, tower, change
):
    name, _ = write_kind({})
    file = tmp_path / "m" / "open_clip_model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file({n: t.clone() for n, t in tensors.items()}, file)
    message = "cannot make .*open_clip_model.safetensors.*all weights of the archit"
    for error in (WeightsUnavailableError, ValueError):
        with pytest.raises(error, match=message):
            load_alone(name, tower)
        with pytest.raises(error, match=message):
            load_alone(name, "image", "text")


@pytest.fixture
def count_loaded(monkeypatch):
    """Count how often each tower is loaded."""
    counts = []
    load = ModelFiles.load

    def counted(self, towers):
        counts.extend(towers)
        return load(self, towers)

    monkeypatch.setattr(ModelFiles, "load", counted)
    return counts


def test_search_over_fusions_loads_each_tower_once(
    write_kind, make_pictures, count_loaded, count_encoded, tmp_path
):
    name, _ = write_kind({})
    pictures = make_pictures(12)
    rows = [(picture, f"thing {i}") for i, picture in enumerate(pictures)]
    clip = CLIPFeaturizer(name, cache=tmp_path / "store", precision="fp32")
    pipe = Pipeline([("clip", clip), ("head", LogisticRegression())])
    grid = {"clip__fusion": ["image", "text", "concat"]}
    _loading._loaded.clear()
    GridSearchCV(pipe, grid, cv=3).fit(rows, [0, 1] * 6)
    assert sorted(count_loaded) == ["image", "text"]
    # The probes of both towers come on top.
    assert count_encoded == {"image": 13, "text": 13}


@pytest.mark.parametrize(
    ("options", "tower"),
    [
        ({"fusion": "image"}, "image"),
        ({"text": None}, "image"),
        ({"fusion": "text"}, "text"),
        ({"image": None, "fusion": "concat"}, "text"),
    ],
)
def test_fusion_of_one_modality_loads_one_tower(
    write_kind, make_pictures, monkeypatch, options, tower
):
    name, _ = write_kind({})
    if tower == "image":
        monkeypatch.setattr(open_clip, "get_tokenizer", None)
        monkeypatch.setattr(Backbone, "encode_texts", None)
    _loading._loaded.clear()
    clip = CLIPFeaturizer(name, cache=None, **options)
    rows = list(zip(make_pictures(4), TEXTS, strict=True))
    if len(options) > 1 or "text" in options:
        rows = [row[tower == "text"] for row in rows]
    clip.fit_transform(rows)
    assert clip.model_fingerprint_ and clip.embedding_dim_ == 16
    assert list(clip._backbone([])._towers) == [tower]


def test_saved_featurizer_checks_the_towers_it_has_used(
    write_kind, make_pictures, tmp_path
):
    name, _ = write_kind({})
    pictures = make_pictures(4)
    clip = CLIPFeaturizer(name, cache=None, text=None)
    expected = clip.transform(pictures)
    joblib.dump(clip, tmp_path / "clip")
    _loading._loaded.clear()
    loaded = joblib.load(tmp_path / "clip")
    np.testing.assert_array_equal(loaded.transform(pictures), expected)
    assert list(loaded._backbone([])._towers) == ["image"]
    # What it uses from now on is noted from now on.
    before = loaded._model_record
    loaded.set_params(text="text", image=None).transform(TEXTS)
    joblib.dump(loaded, tmp_path / "both")
    both = joblib.load(tmp_path / "both")._model_record
    np.testing.assert_array_equal(both["probe"][0], before["probe"][0])
    assert both["towers"] == ["image", "text"] and both["probe"].shape == (2, 16)
    # Other weights of the tower that is not used are other weights.
    write_kind({}, seed=1)
    file = tmp_path / "m" / "open_clip_model.safetensors"
    other = load_file(file)
    write_kind({})
    tensors = load_file(file)
    save_file(tensors | {"ln_final.bias": other["ln_final.bias"]}, file)
    with pytest.raises(ModelMismatchError, match="saved with other weights"):
        joblib.load(tmp_path / "clip").transform(pictures)


def test_record_from_before_towers_were_noted_is_checked(write_kind, make_pictures):
    name, _ = write_kind({})
    clip = CLIPFeaturizer(name, cache=None).fit([(None, "a")])
    rows = list(zip(make_pictures(4), TEXTS, strict=True))
    expected = clip.transform(rows)
    assert clip._model_record.pop("towers") == ["image", "text"]
    del clip._checked
    np.testing.assert_array_equal(clip.transform(rows), expected)
    clip._model_record["probe"] = -clip._model_record["probe"]
    del clip._checked
    with pytest.raises(ModelMismatchError, match=r"is -1.0000 \(image\) and -1.0"):
        clip.transform(rows)


MEASURE = """
import re, sys
from pathlib import Path
from sklearn_clip.embedding import load_backbone

def peak():  # of this program: what getrusage says is the parent's where that has more
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status).group(1)) * 1024

name, *towers = sys.argv[1:]
load_backbone(name + "/small", device="cpu", precision="fp32").probe()
before = peak()
backbone = load_backbone(name + "/m", device="cpu", precision="fp32", towers=towers)
backbone.fingerprint, backbone.probe(towers)
print((peak() - before) / 2**20)
"""


@pytest.mark.any_processor
@pytest.mark.skipif(sys.platform != "linux", reason="no peak of memory to read")
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_tower_that_is_not_needed_takes_no_memory(write_kind, tmp_path, form):
    # 145 MB, of which 50 are the words, beside few pixels.
    text = TEXT | {"width": 256, "layers": 30, "heads": 4}
    write_kind({}, name="small")
    _, model = write_kind({"text_cfg": text})
    if form == "bin":
        (tmp_path / "m" / "open_clip_model.safetensors").unlink()
        torch.save(model.state_dict(), tmp_path / "m" / "open_clip_pytorch_model.bin")
    cost = {}
    for towers in (["image"], ["image", "text"]):
        command = [sys.executable, "-c", MEASURE, f"local-dir:{tmp_path}", *towers]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        cost[len(towers)] = float(done.stdout)
    assert 2 * cost[1] < cost[2]


@pytest.mark.parametrize("towers", [["image"], ["text"], ["image", "text"]])
@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_loading_draws_nothing_from_the_generator(write_kind, tmp_path, form, towers):
    name, model = write_kind({})
    if form == "bin":  # which is loaded as a whole
        torch.save(model.state_dict(), tmp_path / "m" / "open_clip_pytorch_model.bin")
        (tmp_path / "m" / "open_clip_model.safetensors").unlink()
    before = torch.get_rng_state()
    load_alone(name, *towers).load(towers)
    assert torch.equal(torch.get_rng_state(), before)
