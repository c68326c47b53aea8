"""CLIPFeaturizer(features="penultimate"): widths, fusions, store, what refuses it."""

import copy
import json
import pickle

import joblib
import numpy as np
import open_clip
import pandas as pd
import pytest
import skops.io
import torch
from extras import require
from featurizer_rows import TEXTS
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    ModelMismatchError,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.distributed._output import describe_parameters
from sklearn_clip.embedding.backbone import _loading
from sklearn_clip.fusion import (
    ConcatFusion,
    ConcatProductFusion,
    Fusion,
    InteractionFusion,
    MaxFusion,
    MeanFusion,
    ProductFusion,
)
from sklearn_clip.heads import CLIPAdapterClassifier

pytestmark = pytest.mark.any_processor

IMAGE, TEXT, SHARED = 48, 32, 16
NEED_ONE_LENGTH = ["mean", "max", "product", "concat_product", "interaction"]


def write_wide(folder, seed=0, text=TEXT):
    """Write a model of which neither tower is as wide as its embedding."""
    config = {
        "embed_dim": SHARED,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": IMAGE,
            "head_width": 24,
            "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": text,
            "heads": 2,
            "layers": 1,
        },
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.CLIP(**config)
    folder.mkdir(exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    pixels = {"mean": [0.5] * 3, "std": [0.5] * 3}
    whole = {"model_cfg": config, "preprocess_cfg": pixels}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    return f"local-dir:{folder}"


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Name a model of towers of different widths."""
    return write_wide(tmp_path_factory.mktemp("model") / "wide")


@pytest.fixture
def make(wide):
    """Make a featurizer before the projections of that model, in fp32."""

    def make(**parameters):
        given = {"features": "penultimate", "cache": None, "device": "cpu"}
        given |= {"precision": "fp32", "model_name": wide}
        return CLIPFeaturizer(**given | parameters)

    return make


@pytest.fixture
def rows(pictures):
    """Rows of pictures and texts."""
    return list(zip(pictures, TEXTS, strict=True))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_rows_are_projected_to_the_embeddings(make, rows):
    model = make(features="embedding")._backbone().model
    image, text = np.split(make(normalize=False).transform(rows), [IMAGE], axis=1)
    expected = make(features="embedding", normalize=False).transform(rows)
    projected = image @ model.visual.proj.numpy(), text @ model.text_projection.numpy()
    np.testing.assert_allclose(np.hstack(projected), expected, atol=1e-5)


def test_parts_are_of_unit_length_and_those_of_one_modality(make, rows):
    clip = make(add_missing_indicator=True)
    found = clip.fit_transform([*rows, (None, "a cat"), (rows[0][0], None)])
    assert found.shape == (6, IMAGE + TEXT + 2) and found.dtype == np.float32
    assert found.flags["C_CONTIGUOUS"]
    images = clip.encode_images([image for image, _ in rows])
    texts = clip.encode_texts(TEXTS)
    np.testing.assert_allclose(found[:4, :IMAGE], images, atol=1e-6)
    np.testing.assert_allclose(found[:4, IMAGE:-2], texts, atol=1e-6)
    for part in (images, texts):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, rtol=1e-5)
    assert not found[4, :IMAGE].any() and not found[5, IMAGE:-2].any()
    assert found[:, -2:].tolist() == [[0, 0]] * 4 + [[1, 0], [0, 1]]
    raw = make(normalize=False)
    np.testing.assert_allclose(raw.encode_texts(TEXTS), texts, atol=1e-6)


@pytest.mark.parametrize(
    ("fusion", "image", "text"),
    [
        ("concat", "image", "text"),
        ("image", "image", "text"),
        ("text", "image", "text"),
        ("mean", "image", None),
        ("max", None, "text"),
    ],
)
@pytest.mark.parametrize("indicator", [False, True])
def test_widths_and_names_are_known_before_and_after_use(
    make, rows, fusion, image, text, indicator
):
    column = 1 if image is None else 0
    X = rows if image and text else [row[column] for row in rows]
    clip = make(fusion=fusion, image=image, text=text, add_missing_indicator=indicator)
    needs_image = fusion in ("concat", "image", "mean")
    before = clip.embedding_dim_, clip.get_feature_names_out().tolist()
    assert "_checked" not in vars(clip)
    found = clip.transform(X)
    assert (clip.embedding_dim_, clip.get_feature_names_out().tolist()) == before
    assert before[0] == (IMAGE if needs_image else TEXT)
    assert len(before[1]) == len(set(before[1])) == found.shape[1]
    if fusion == "concat":
        assert before[1][IMAGE - 1 : IMAGE + 1] == [
            f"clip_image_{IMAGE - 1}",
            "clip_text_0",
        ]
    frame = clip.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == before[1]


def test_names_follow_another_fusion(make, rows):
    clip = make(fusion="image")
    clip.transform(rows)
    clip.set_params(fusion="concat")  # of the texts nothing is on record
    assert len(clip.get_feature_names_out()) == IMAGE + TEXT
    clip.set_params(features="embedding")
    assert len(clip.get_feature_names_out()) == 2 * SHARED


@pytest.mark.parametrize(
    ("name", "image", "text"),
    [
        ("ViT-B-32", 768, 512),
        ("ViT-L-14", 1024, 768),
        ("RN50", 2048, 512),
        ("convnext_base_w", 1024, 640),
        ("coca_ViT-B-32", 512, 512),
        ("EVA02-B-16", 768, 512),
        ("MobileCLIP2-S0", 1024, 512),
        ("PE-Core-T-16-384", 192, 512),
        ("ViT-B-16-SigLIP", 768, 768),
        ("ViTamin-S", 384, 384),
    ],
)
def test_widths_of_models_of_open_clip_need_no_weights(name, image, text):
    tags = open_clip.list_pretrained_tags_by_model(name)
    if not tags:
        pytest.skip("an older open_clip")
    clip = CLIPFeaturizer(name, tags[0], features="penultimate")
    names = clip.get_feature_names_out()
    assert clip.embedding_dim_ == image and len(names) == image + text
    assert names[-1] == f"clip_text_{text - 1}"
    assert clip.set_params(image=None).embedding_dim_ == text


@pytest.mark.parametrize(("name", "text"), [("clipart-tiny", 128), ("photo-tiny", 163)])
def test_models_that_ship_give_what_their_trunk_pools(make, rows, name, text):
    clip = make(model_name=name)
    before = clip.get_feature_names_out()
    assert clip.transform(rows).shape == (4, 1280 + text) == (4, len(before))
    assert clip.embedding_dim_ == 1280


@pytest.mark.parametrize("fusion", NEED_ONE_LENGTH)
def test_fusion_that_needs_one_length_says_so_before_anything_is_encoded(
    make, rows, fusion, count_encoded
):
    clip = make(fusion=fusion, cache="auto")
    clip._backbone()
    before = dict(count_encoded)
    message = rf"one length. Got {IMAGE} and {TEXT}, .* Take fusion='concat', 'image'"
    for use in (clip.transform, clip.fit_transform, clip.precompute):
        with pytest.raises(ValueError, match=message):
            use(rows)
    with pytest.raises(ValueError, match=message):
        clip.get_feature_names_out()
    assert count_encoded == before
    # What needs no fusion works all the same.
    assert clip.encode_texts(TEXTS).shape == (4, TEXT)


@pytest.mark.parametrize("fusion", NEED_ONE_LENGTH)
def test_fusion_that_needs_one_length_works_where_it_is_one(
    make, tmp_path, rows, fusion
):
    clip = make(model_name=write_wide(tmp_path / "m", text=IMAGE), fusion=fusion)
    assert clip.transform(rows).shape == (4, len(clip.get_feature_names_out()))
    assert clip.embedding_dim_ == IMAGE


@pytest.mark.parametrize(
    "fusion",
    [
        MeanFusion(),
        MaxFusion(),
        ProductFusion(),
        ConcatProductFusion(),
        InteractionFusion(),
    ],
)
def test_fusions_of_arrays_say_so_too(fusion):
    there = np.ones(2, dtype=bool)
    with pytest.raises(ValueError, match="one length. Got 3 and 4"):
        fusion.fuse(np.ones((2, 3)), np.ones((2, 4)), there, there)
    with pytest.raises(ValueError, match="one length. Got 3 and 4"):
        fusion.feature_names(3, 4)
    assert ConcatFusion().feature_names(1, 2) == ["image_0", "text_0", "text_1"]


def subtract(image, text):
    return image - text


def stack(image, text):
    return np.hstack([image, 2 * text, image[:, :1] * text[:, :1]])


class Sizes(Fusion):
    """Widths of the two, and nothing else."""

    blocks = ("size",)

    def fuse(self, image, text, image_present, text_present):
        return np.full((len(image), 2), [image.shape[1], text.shape[1]])


class NamedSizes(Sizes):
    """The same, which names its columns."""

    def feature_names(self, embedding_dim, text_dim=None):
        return ["image", "text"]


def test_fusions_of_the_user_get_vectors_of_both_lengths(make, rows):
    clip = make(fusion=stack)
    assert clip.transform(rows).shape == (4, IMAGE + TEXT + 1)
    assert clip.get_feature_names_out()[-1] == f"clip_fused_{IMAGE + TEXT}"
    message = f"lengths {IMAGE} and {TEXT}, .*The function raised: operands could not"
    for use in ("transform", "get_feature_names_out"):
        with pytest.raises(ValueError, match=message):
            getattr(make(fusion=subtract), use)(rows)
    assert make(fusion=Sizes()).transform(rows)[0].tolist() == [IMAGE, TEXT]
    with pytest.raises(NotImplementedError, match="Sizes must implement feature_names"):
        make(fusion=Sizes()).get_feature_names_out()
    named = make(fusion=NamedSizes()).get_feature_names_out()
    assert named.tolist() == ["clip_image", "clip_text"]


def test_store_keeps_features_apart(make, rows, count_encoded, tmp_path):
    clip = make(cache=tmp_path)
    for features in ("embedding", "penultimate"):
        clip.set_params(features=features)
        clip._backbone()  # whose probes are not counted
        before = dict(count_encoded)
        first = clip.transform(rows)
        for again in (clip, clone(clip)):
            np.testing.assert_array_equal(again.transform(rows), first)
        assert count_encoded == {kind: n + 4 for kind, n in before.items()}
    assert clip.cache_info()["items"] == 2 * 8


def test_value_that_is_none_is_refused(make, rows):
    for value in ("last", None, True):
        with pytest.raises(ValueError, match="'features' parameter .* Got"):
            make(features=value).fit(rows)


@pytest.mark.parametrize("way", ["pickle", "joblib", "skops", "copy"])
def test_features_travel(make, rows, way, tmp_path):
    clip = make()
    expected = clip.transform(rows)
    assert "features='penultimate'" in repr(clip)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(clip))
    elif way == "copy":
        again = copy.deepcopy(clip)
    elif way == "joblib":
        joblib.dump(clip, tmp_path / "clip")
        again = joblib.load(tmp_path / "clip")
    else:
        data = skops.io.dumps(clip)
        trusted = skops.io.get_untrusted_types(data=data)
        assert trusted == ["sklearn_clip._featurizer.CLIPFeaturizer"]
        again = skops.io.loads(data, trusted=trusted)
    _loading._loaded.clear()
    assert again.features == clone(again).features == "penultimate"
    assert again.embedding_dim_ == IMAGE and not _loading._loaded
    assert len(again.get_feature_names_out()) == IMAGE + TEXT
    np.testing.assert_array_equal(again.transform(rows), expected)


def test_other_weights_at_load_are_a_mismatch(make, rows, tmp_path):
    clip = make(model_name=write_wide(tmp_path / "m"))
    clip.transform(rows)
    saved = pickle.dumps(clip)
    write_wide(tmp_path / "m", seed=1)
    with pytest.raises(ModelMismatchError, match="bring back the weights"):
        pickle.loads(saved).transform(rows)


def test_record_is_of_the_features_it_was_made_with(make, rows):
    clip = make()
    first, before = clip.transform(rows), clip.model_fingerprint_
    other = clip.set_params(features="embedding").transform(rows)
    assert other.shape == (4, 2 * SHARED) and clip.model_fingerprint_ == before
    assert clip.embedding_dim_ == SHARED
    np.testing.assert_array_equal(
        clip.set_params(features="penultimate").transform(rows), first
    )


def test_what_was_saved_before_gives_embeddings(make, rows):
    clip = make(features="embedding", engine="torch")
    expected = clip.transform(rows)
    state = clip.__getstate__()
    del state["features"], state["engine"]
    old = CLIPFeaturizer.__new__(CLIPFeaturizer)
    old.__setstate__(state)
    assert old.get_params()["features"] == clone(old).features == "embedding"
    assert old.embedding_dim_ == SHARED
    np.testing.assert_array_equal(old.transform(rows), expected)


def test_features_are_searched_like_any_parameter(make, make_pictures, count_encoded):
    X = [(picture, f"thing {i % 3}") for i, picture in enumerate(make_pictures(12))]
    Y = np.arange(24).reshape(12, 2) // 3 % 2
    head = OneVsRestClassifier(LogisticRegression())
    pipe = Pipeline([("clip", make(cache="auto")), ("head", head)])
    for features in ("embedding", "penultimate"):
        make(features=features)._backbone()
    before = dict(count_encoded)
    grid = {
        "clip__features": ["embedding", "penultimate"],
        "head__estimator__C": [1, 9],
    }
    search = GridSearchCV(pipe, grid, cv=2).fit(X, Y)
    assert search.predict(X).shape == (12, 2)
    assert count_encoded["image"] - before["image"] == 2 * 12
    assert count_encoded["text"] - before["text"] == 2 * 3


def test_tower_without_a_projection_gives_its_embedding(tmp_path, make, rows):
    folder = tmp_path / "m"
    write_wide(folder, text=SHARED)
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["model_cfg"]["text_cfg"]["proj_type"] = "none"
    file.write_text(json.dumps(config))
    model = open_clip.CLIP(**config["model_cfg"])
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    name = f"local-dir:{folder}"
    clip, plain = make(model_name=name), make(model_name=name, features="embedding")
    np.testing.assert_array_equal(clip.encode_texts(TEXTS), plain.encode_texts(TEXTS))
    assert len(clip.get_feature_names_out()) == IMAGE + SHARED
    assert clip.transform(rows).shape == (4, IMAGE + SHARED)


def test_zero_shot_needs_the_shared_space(make, pictures):
    clip = make(text=None, model_name="local-dir:/nowhere")  # no model is asked
    for given in (clip, FrozenEstimator(clip)):
        zero = ZeroShotClassifier(["cat", "dog"], given)
        with pytest.raises(ValueError, match="must have features='embedding', the spa"):
            zero.fit()


@pytest.mark.parametrize("head", [TipAdapterClassifier, CLIPAdapterClassifier])
def test_few_shot_heads_need_the_shared_space(make, pictures, head):
    clip = make(text=None)
    prompts = clip.encode_texts(["cat", "dog"])
    tagger = make_pipeline(clip, head(prompts))
    with pytest.raises(ValueError, match=r"in the space of the prompts \(features='em"):
        tagger.fit(pictures, np.eye(4, 2, dtype=int))


def test_tuned_model_is_a_model_like_others(make, pictures, tmp_path):
    tuner = CLIPFineTuner(
        ["red", "blue"],
        make().model_name,
        max_epochs=1,
        batch_size=2,
        early_stopping=None,
        device="cpu",
        precision="fp32",
        random_state=0,
    )
    tuner.fit(pictures, np.eye(4, 2, dtype=int))
    clip = tuner.featurizer(
        tmp_path / "t", features="penultimate", device="cpu", precision="fp32"
    )
    found = clip.set_params(normalize=False).transform(pictures)
    assert found.shape == (4, IMAGE)
    embedding = tuner._get_encoder()._backbone
    prepared = [embedding.prepare_image(picture) for picture in pictures]
    np.testing.assert_allclose(
        found @ tuner.model_.visual.proj.detach().numpy(),
        embedding.encode_images(prepared),
        atol=1e-4,
    )


def test_folders_of_features_are_told_apart(make):
    sources = {"image": "image", "text": "text"}
    noted = describe_parameters(make(), sources)
    plain = describe_parameters(make(features="embedding"), sources)
    # What was written before the parameter was there has no word of it.
    assert noted == plain | {"features": "penultimate"}


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", ["wide", "clipart-tiny"])
def test_engines_give_the_vectors_of_torch(make, rows, wide, engine, name):
    require(engine, *(["onnx"] if engine == "onnxruntime" else []))
    name = wide if name == "wide" else name
    X = [*rows, (rows[0][0], "word " * 90), (None, "a")]
    options = {"model_name": name, "normalize": False}
    clip = make(engine=engine, **options)
    found = clip.transform(X)
    expected = make(engine="torch", **options).transform(X)
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=atol, rtol=1e-3)
    for how in clip.arithmetic_.values():
        assert how.startswith(engine)
    plain = make(engine=engine, features="embedding", **options)
    assert plain.transform(X).shape[1] == 2 * plain.embedding_dim_
    _loading._loaded.clear()  # and so do graphs that were kept
    np.testing.assert_array_equal(clone(clip).transform(X), found)


def test_table_of_rows_is_taken(make, pictures):
    X = pd.DataFrame({"image": pictures, "text": TEXTS}, index=list("abcd"))
    clip = make().set_output(transform="pandas")
    found = clip.transform(X)
    assert found.index.tolist() == list("abcd") and found.shape == (4, IMAGE + TEXT)
