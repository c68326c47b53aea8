"""What weights are used with: said by a tag, a folder, the user, or asked for."""

import json
import pickle
import re
import shutil
import warnings

import huggingface_hub
import joblib
import numpy as np
import open_clip
import pytest
from sklearn.base import clone

from sklearn_clip import CLIPFeaturizer, ModelMismatchError, ZeroShotClassifier
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone import _loading
from sklearn_clip.embedding.backbone._preprocess_settings import read_settings

FILE = "/a/file.safetensors"
NAMES = list(dict.fromkeys(name for name, _ in open_clip.list_pretrained()))
OPENAI = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}
# Towers of several kinds, small, with what a tag may say of their weights.
KINDS = {
    "ViT": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "ResNet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8},
    "timm": {
        "image_size": 64,
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_pool": "avg",
        "timm_proj": "linear",
    },
}
SAID = {
    "mean": (0.1, 0.2, 0.3),
    "std": (0.4, 0.5, 0.6),
    "interpolation": "bilinear",
    "resize_mode": "squash",
    "quick_gelu": True,
}


def as_open_clip_says(name, tag):
    """Settings of a tag, read from open_clip's own tables."""
    said = open_clip.get_pretrained_cfg(name, tag)
    known = open_clip.transform.merge_preprocess_dict({}, said)
    known = {k: list(v) if isinstance(v, tuple) else v for k, v in known.items()}
    own = open_clip.get_model_config(name).get("quick_gelu", False)
    return known | {"quick_gelu": bool(said.get("quick_gelu") or own)}


@pytest.mark.parametrize("name", NAMES)
def test_file_gets_what_all_tags_agree_on_or_an_error_asks(name):
    tags = open_clip.list_pretrained_tags_by_model(name)
    said = [as_open_clip_says(name, tag) for tag in tags]
    for tag, settings in zip(tags, said, strict=True):
        assert read_settings(name, name, tag, None) == settings
        assert read_settings(name, name, FILE, tag) == settings
    if all(settings == said[0] for settings in said):
        assert read_settings(name, name, FILE, None) == said[0]
        return
    split = {
        key for settings in said for key in settings if settings[key] != said[0][key]
    }
    with pytest.raises(ValueError, match=r"preprocess='.*local-dir") as caught:
        read_settings(name, name, FILE, None)
    for key in said[0]:
        assert (f"{key} is" in str(caught.value)) == (key in split)
    chosen = {key: said[-1][key] for key in split}
    assert read_settings(name, name, FILE, chosen) == said[-1]


def test_names_that_differ_are_those_known():
    differing = []
    for name in NAMES:
        try:
            read_settings(name, name, FILE, None)
        except ValueError:
            differing.append(name)
    assert {"ViT-B-32", "ViT-L-14", "ViT-H-14", "ViT-H-14-quickgelu"} <= set(differing)
    assert {"RN50", "MobileCLIP2-S0", "ViT-L-14-336"}.isdisjoint(differing)
    siglip = read_settings("ViT-B-16-SigLIP2", "ViT-B-16-SigLIP2", FILE, None)
    assert siglip["resize_mode"] == "squash" and siglip["mean"] == [0.5] * 3


@pytest.fixture
def write_file(monkeypatch, tmp_path):
    """Write random weights of a small model that has a name and tags; return a file.

    The tags are of a repository of the hub that is in the cache.
    """
    monkeypatch.setattr(_loading, "_loaded", {})  # of other models of the same name
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    snapshot = cache / "models--some--small" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (cache / "models--some--small" / "refs").mkdir()
    (cache / "models--some--small" / "refs" / "main").write_text("0" * 40)

    def write(kind="ViT", **tags):
        import torch
        from safetensors.torch import save_file

        architecture = {"embed_dim": 64, "vision_cfg": KINDS[kind], "text_cfg": TEXT}
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "small", architecture)
        monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "small", tags)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = open_clip.create_model("small")
        file = tmp_path / f"{kind}.safetensors"
        save_file(model.state_dict(), file)
        shutil.copy(file, snapshot / "small.safetensors")
        for tag in tags.values():
            tag["hf_hub"] = "some/small/small.safetensors"
        return str(file)

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_file_gives_the_vectors_of_its_tag(write_file, kind):
    file = write_file(kind, only=dict(SAID))
    model = open_clip.create_model("small", file, force_quick_gelu=True)
    by_file = load_backbone("small", file, device="cpu", precision="fp32")
    by_tag = load_backbone("small", "only", device="cpu", precision="fp32")
    assert by_file.fingerprint == by_tag.fingerprint
    assert by_file.preprocessing == by_tag.preprocessing
    np.testing.assert_array_equal(by_file.probe(), by_tag.probe())
    tokens = open_clip.get_tokenizer("small")(["a photo of a cat"])
    expected = model.eval().encode_text(tokens).detach().numpy()
    found = by_file.encode_texts(["a photo of a cat"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    said = json.loads(by_file.preprocessing)
    assert said["mean"] == [0.1, 0.2, 0.3] and said["resize_mode"] == "squash"


def test_tags_that_differ_ask_and_the_answer_counts(write_file, pictures):
    file = write_file(one=dict(SAID), two=dict(SAID, mean=(0.9, 0.9, 0.9)))
    with pytest.raises(
        ValueError, match=r"mean is \[0.1.*'one'.*0.9.*preprocess='one'"
    ):
        CLIPFeaturizer("small", file, text=None).transform(pictures)
    found = {}
    for answer in ("one", "two", {"mean": 0.9}, {"mean": 0.9, "quick_gelu": False}):
        clip = CLIPFeaturizer("small", file, preprocess=answer, text=None, cache=None)
        found[str(answer)] = clip.transform(pictures), clip.model_fingerprint_
    one, two, three, four = found.values()
    assert not np.allclose(one[0], two[0], atol=1e-3)
    np.testing.assert_array_equal(two[0], three[0])
    assert one[1] == two[1] == three[1] != four[1]


def test_pictures_prepared_otherwise_are_other_items_of_the_store(
    write_file, pictures, tmp_path
):
    file = write_file(one=dict(SAID))
    said = {"cache": tmp_path / "store", "text": None, "precision": "fp32"}
    plain = CLIPFeaturizer("small", file, **said)
    other = CLIPFeaturizer("small", file, preprocess={"mean": 0.7}, **said)
    one, two = plain.transform(pictures), other.transform(pictures)
    assert plain.cache_info()["items"] == 2 * len(pictures)
    assert not np.allclose(one, two, atol=1e-3)
    plain.set_params(preprocess={"mean": [0.7, 0.7, 0.7]})
    np.testing.assert_array_equal(plain.transform(pictures), two)
    assert plain.cache_info()["items"] == 2 * len(pictures)


def test_parameter_lives_in_clones_repr_and_pickles(write_file, pictures, tmp_path):
    file = write_file(one=dict(SAID), two=dict(SAID, std=(0.9, 0.9, 0.9)))
    clip = CLIPFeaturizer("small", file, preprocess="two", text=None, cache=None)
    expected = clip.transform(pictures)
    assert clone(clip).get_params()["preprocess"] == "two"
    assert "preprocess='two'" in repr(clip)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(clip)).transform(pictures), expected
    )
    joblib.dump(clip, tmp_path / "clip")
    loaded = joblib.load(tmp_path / "clip")
    np.testing.assert_array_equal(loaded.transform(pictures), expected)
    # The tag comes to mean something else: what was saved does not.
    tags = open_clip.pretrained._PRETRAINED["small"]
    tags["two"] |= {"mean": (-9.0, 0.5, 40.0)}
    with pytest.raises(ModelMismatchError, match="Look for other preprocessing"):
        joblib.load(tmp_path / "clip").transform(pictures)
    tags["two"] |= {"mean": SAID["mean"]}


@pytest.mark.parametrize(
    "said, plain",
    [
        ({"mean": np.zeros(3), "std": np.ones(3)}, {"mean": [0] * 3, "std": [1] * 3}),
        ({"mean": np.float32(0.5)}, {"mean": 0.5}),
        ({"std": (np.float32(0.5), 0.25, 0.5)}, {"std": [0.5, 0.25, 0.5]}),
        ({"fill_color": np.int64(9)}, {"fill_color": 9}),
        ({"size": np.array([64, 64])}, {"size": (64, 64)}),
        ({"size": np.int64(64)}, {"size": 64}),
        ({"quick_gelu": np.True_}, {"quick_gelu": True}),
    ],
    ids=lambda said: " ".join(said) + str(type(next(iter(said.values())))),
)
def test_settings_may_be_numbers_and_arrays_of_numpy(said, plain, pictures):
    options = {"text": None, "cache": None}
    clip = CLIPFeaturizer("clipart-tiny", preprocess=said, **options)
    first = clip.transform(pictures)
    other = CLIPFeaturizer("clipart-tiny", preprocess=plain, **options)
    np.testing.assert_array_equal(other.transform(pictures), first)
    # Used again, shown, saved and loaded, it is the one on record.
    np.testing.assert_array_equal(clip.transform(pictures), first)
    assert clip.model_fingerprint_ == other.model_fingerprint_
    assert clip._repr_html_()
    again = pickle.loads(pickle.dumps(clip))
    np.testing.assert_array_equal(again.transform(pictures), first)
    np.testing.assert_array_equal(clone(clip).transform(pictures), first)


def test_settings_changed_in_place_are_read_anew(pictures):
    said = {"mean": np.full(3, 0.5)}
    clip = CLIPFeaturizer("clipart-tiny", preprocess=said, text=None, cache=None)
    before = clip.transform(pictures)
    said["mean"][:] = 0.1
    assert not np.allclose(clip.transform(pictures), before, atol=1e-3)


@pytest.mark.parametrize("scoring", ["contrast", "softmax"])
def test_zero_shot_uses_what_its_featurizer_says(write_file, pictures, scoring):
    file = write_file(one=dict(SAID), two=dict(SAID, std=(0.9, 0.9, 0.9)))
    found = []
    for preprocess in ("one", "two"):
        clip = CLIPFeaturizer("small", file, preprocess=preprocess, text=None)
        zero_shot = ZeroShotClassifier(["red", "blue"], clip, scoring=scoring).fit()
        found.append(zero_shot.predict_proba(pictures))
    assert not np.allclose(*found, atol=1e-6)


def test_activation_can_be_taken_from_a_name_that_has_it(write_file):
    file = write_file(one=dict(SAID))
    options = {"device": "cpu", "precision": "fp32"}
    quick = load_backbone("small", file, **options)
    plain = load_backbone("small", file, preprocess={"quick_gelu": False}, **options)
    kinds = [
        {type(module).__name__ for module in backbone.model.modules()}
        for backbone in (quick, plain)
    ]
    assert "QuickGELU" in kinds[0] and "QuickGELU" not in kinds[1]
    assert quick.fingerprint != plain.fingerprint


def test_name_without_tags_says_what_it_takes(write_file):
    file = write_file()
    with pytest.warns(UserWarning, match="No tag of 'small' says with which mean"):
        backbone = load_backbone("small", file)
    said = json.loads(backbone.preprocessing)
    assert (said["mean"], said["std"]) == OPENAI
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_backbone("small", file, preprocess={"mean": 0.5, "std": 0.5})


def test_mean_of_zero_is_a_mean(write_file):
    # open_clip takes the number 0 for a mean that is not given.
    file = write_file(one=dict(SAID))
    backbone = load_backbone("small", file, preprocess={"mean": 0, "std": 1})
    assert json.loads(backbone.preprocessing)["mean"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("preprocess", "error", "message"),
    [
        ("twoo", ValueError, r"preprocess must be a tag of 'small'.*'twoo'.*'two'"),
        ({"means": 0}, ValueError, "keys mean.*quick_gelu. Got 'means'"),
        ({"mean": [0.5, 0.5]}, ValueError, r"mean must be three.*Got \[0.5, 0.5\]"),
        ({"mean": "grey"}, ValueError, "mean must be three finite numbers"),
        ({"mean": np.nan}, ValueError, "mean must be three finite"),
        ({"std": 0}, ValueError, "std must be three positive"),
        ({"std": [1, -1, 1]}, ValueError, "std must be three positive"),
        ({"interpolation": "nearest"}, ValueError, "one of 'bicubic', 'bilinear'"),
        ({"resize_mode": "crop"}, ValueError, "resize_mode must be one of 'shortest'"),
        ({"size": 0}, ValueError, "size must be a positive whole number"),
        ({"size": 2.5}, ValueError, "size must be a positive"),
        ({"size": [32, 32, 3]}, ValueError, "size must be a positive"),
        ({"size": 48}, ValueError, r"size must be that.*'small' takes, \(32, 32\)"),
        ({"fill_color": 300}, ValueError, r"whole number in \[0, 255\]. Got 300"),
        ({"quick_gelu": 1}, TypeError, "quick_gelu must be True or False. Got 1"),
    ],
)
def test_setting_that_cannot_be_is_refused(write_file, preprocess, error, message):
    file = write_file(one=dict(SAID), two=dict(SAID))
    with pytest.raises(error, match=message):
        load_backbone("small", file, preprocess=preprocess)


def test_tower_that_takes_any_size_takes_another(write_file):
    file = write_file("timm", one=dict(SAID))
    backbone = load_backbone("small", file, preprocess={"size": 96}, device="cpu")
    assert json.loads(backbone.preprocessing)["size"] == [96, 96]
    assert np.isfinite(backbone.probe()).all()


def test_folder_has_no_tags(model_folder):
    with pytest.raises(ValueError, match=r"preprocess must be a tag.*pass a dict"):
        load_backbone(model_folder, preprocess="openai")
    backbone = load_backbone(model_folder, preprocess={"mean": 0.25})
    assert json.loads(backbone.preprocessing)["mean"] == [0.25] * 3
    assert json.loads(backbone.preprocessing)["std"] == [0.5] * 3


def rewrite(folder, change):
    """Change the configuration of a model in a folder."""
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    change(config)
    file.write_text(json.dumps(config))


def quiet(name, **options):
    """Load a model, and fail where there is a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_backbone(name, **options)


def test_folder_that_does_not_say_how_is_told(write_model, tmp_path):
    name = write_model(tmp_path / "m")
    rewrite(tmp_path / "m", lambda config: config.pop("preprocess_cfg"))
    with pytest.warns(UserWarning, match="does not say with which mean and std"):
        load_backbone(name)
    said = {"preprocess": {"mean": 0.5, "std": 0.5}}
    assert json.loads(quiet(name, **said).preprocessing)["mean"] == [0.5] * 3
    rewrite(tmp_path / "m", lambda c: c.update(preprocess_cfg={"mean": [0.1] * 3}))
    with pytest.warns(UserWarning, match=r"with which std pictures.*'std': \[...\]"):
        load_backbone(name)
    null = {"mean": None, "std": [0.5] * 3}
    rewrite(tmp_path / "m", lambda c: c.update(preprocess_cfg=null))
    with pytest.warns(UserWarning, match="with which mean pictures"):
        load_backbone(name)


@pytest.mark.parametrize("key", ["image_mean", "crop_pct", "quick_gelu"])
def test_key_of_a_folder_that_open_clip_ignores_is_told(write_model, tmp_path, key):
    name = write_model(tmp_path / "m")
    rewrite(tmp_path / "m", lambda config: config["preprocess_cfg"].update({key: True}))
    with pytest.warns(UserWarning, match=f"ignores '{key}' in the preprocess_cfg"):
        load_backbone(name)


def test_size_of_a_folder_that_open_clip_ignores_is_told(write_model, tmp_path):
    name = write_model(tmp_path / "m")
    rewrite(tmp_path / "m", lambda config: config["preprocess_cfg"].update(size=96))
    with pytest.warns(
        UserWarning, match="has size 96, which open_clip ignores.*64 x 64"
    ):
        load_backbone(name)
    rewrite(tmp_path / "m", lambda c: c["preprocess_cfg"].update(size=[64, 64]))
    quiet(name)


def test_mean_of_a_folder_may_be_one_number(write_model, tmp_path):
    name = write_model(tmp_path / "m")
    rewrite(tmp_path / "m", lambda config: config["preprocess_cfg"].update(mean=0))
    assert json.loads(quiet(name).preprocessing)["mean"] == [0.0] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["preprocess_cfg"].update(std=[1, 2]), "std must be three"),
        (lambda c: c["preprocess_cfg"].update(resize_mode="fit"), "resize_mode must"),
        (lambda c: c.pop("model_cfg"), "must be JSON with model_cfg"),
        (lambda c: c["model_cfg"].pop("vision_cfg"), "must be JSON with model_cfg"),
        (lambda c: c.update(preprocess_cfg=[1]), "must be JSON with model_cfg"),
        (lambda c: c["model_cfg"].pop("text_cfg"), "cannot make .*text_cfg"),
        (lambda c: c["model_cfg"].update(colour="red"), "cannot make .*colour"),
    ],
)
def test_configuration_that_cannot_be_is_refused(
    write_model, tmp_path, change, message
):
    name = write_model(tmp_path / "m")
    rewrite(tmp_path / "m", change)
    with pytest.raises(ValueError, match=message) as caught:
        load_backbone(name)
    assert re.search(re.escape(str(tmp_path / "m")), str(caught.value))


def test_configuration_that_is_no_json_is_refused(write_model, tmp_path):
    name = write_model(tmp_path / "m")
    (tmp_path / "m" / "open_clip_config.json").write_text("{'model_cfg': ")
    with pytest.raises(ValueError, match=r"open_clip_config.json' must be JSON"):
        load_backbone(name)


def test_tag_goes_before_a_file_of_its_name(write_file, tmp_path, monkeypatch):
    file = write_file(one=dict(SAID))
    monkeypatch.chdir(tmp_path)
    expected = load_backbone("small", file).fingerprint
    shutil.copy(__file__, tmp_path / "one")
    assert load_backbone("small", "one").fingerprint == expected
