"""The towers: the same vectors with less work, and shapes that no crop expects."""

import json

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import CenterCropOrPad, ResizeKeepRatio
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images
from torchvision.transforms import (
    CenterCrop,
    Compose,
    InterpolationMode,
    Normalize,
    Resize,
    ToTensor,
)

from sklearn_clip.embedding import decode_image, load_backbone
from sklearn_clip.embedding.backbone._transform import read_plan
from sklearn_clip.embedding.images._decoding import _draft
from sklearn_clip.embedding.images._preparation import Preparation

CAPTIONS = [
    "a",
    "a red bicycle",
    "two dogs play in the snow before a wooden hut",
    "word " * 200,
    "ein Bild mit Umlauten: äöü ß",
    "",
]


def write_variant(folder, architecture, **text):
    """Write a model whose text tower is a module of its own, with other settings."""
    config = architecture | {
        "custom_text": True,
        "text_cfg": architecture["text_cfg"] | text,
    }
    settings = {k: v for k, v in config.items() if k != "custom_text"}
    torch.manual_seed(0)
    model = open_clip.CustomTextCLIP(**settings)
    # Positions as large as words, so that a tower that looks at padding shows it.
    with torch.no_grad():
        model.text.positional_embedding.mul_(10)
        model.text.token_embedding.weight.mul_(10)
    folder.mkdir()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    whole = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    return f"local-dir:{folder}"


def assert_same_vectors(backbone, texts):
    """Compare with all positions, as open_clip encodes them."""
    with torch.inference_mode():
        whole = backbone.model.encode_text(backbone.tokenizer(texts)).numpy()
    scale = np.linalg.norm(whole, axis=1).max()
    np.testing.assert_allclose(backbone.encode_texts(texts), whole, atol=2e-6 * scale)


def count_positions(backbone, monkeypatch):
    """Return a list to which every encoded batch adds its number of positions."""
    seen = []
    tower = backbone._towers["text"]
    view = tower._view

    def counted(length):
        seen.append(length)
        return view(length)

    monkeypatch.setattr(tower, "_view", counted)
    return seen


@pytest.mark.parametrize("kind", ["plain", "custom"])
def test_padding_is_cut_and_vectors_stay(
    kind, model_folder, architecture, tmp_path, monkeypatch
):
    custom = kind == "custom"
    name = write_variant(tmp_path / "m", architecture) if custom else model_folder
    backbone = load_backbone(name)
    assert backbone.model  # whose towers are now those of one model
    backbone.encode_texts(["tried out"])
    seen = count_positions(backbone, monkeypatch)
    for text in CAPTIONS:
        assert_same_vectors(backbone, [text])
    assert_same_vectors(backbone, CAPTIONS)
    # start, words, end; and 77 for the long one
    assert seen[:4] == [3, 5, 12, 77] and seen[-1] == 77


def test_tower_that_sees_its_padding_keeps_it(architecture, tmp_path, monkeypatch):
    name = write_variant(tmp_path / "m", architecture, no_causal_mask=True)
    backbone = load_backbone(name)
    assert backbone.model  # whose towers are now those of one model
    backbone.encode_texts(["tried out"])
    seen = count_positions(backbone, monkeypatch)
    assert_same_vectors(backbone, CAPTIONS[:3])
    assert seen == [77]


def test_model_itself_is_not_shortened(model_folder):
    backbone = load_backbone(model_folder)
    backbone.encode_texts(["a short one"])
    assert len(backbone.model.positional_embedding) == 77
    assert backbone.model.attn_mask.shape == (77, 77)


@pytest.mark.parametrize("name", ["tiny", "clipart-tiny"])
def test_pixels_prepared_as_bytes_give_the_vector_of_open_clips_transform(
    name, model_folder, make_pictures
):
    name = model_folder if name == "tiny" else name
    backbone = load_backbone(name, precision="fp32")
    # Square ones, of which the crop to the centre leaves nothing out.
    pictures = make_pictures(3, size=(70, 70))
    tensors = torch.stack([backbone._preprocess(p) for p in pictures])
    with torch.inference_mode():
        expected = backbone.model.encode_image(tensors).numpy()
    prepared = [backbone.prepare_image(p) for p in pictures]
    assert {p.dtype for p in prepared} == {torch.uint8}
    found = backbone.encode_images(prepared)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=2e-5 * scale)


@pytest.mark.parametrize(
    "size", [(90, 50), (50, 91), (640, 480), (333, 777), (224, 224), (20, 30), (7, 90)]
)
@pytest.mark.parametrize(("side", "crop"), [(224, 224), (256, (224, 200)), (32, 31)])
def test_resizing_and_cropping_at_once_gives_the_same_pixels(size, side, crop):
    photo = Image.fromarray(load_sample_images().images[0])
    picture = photo.resize(size, Image.Resampling.LANCZOS)
    steps = [Resize(side, InterpolationMode.BICUBIC), CenterCrop(crop)]
    plan = read_plan(Compose([*steps, ToTensor(), Normalize([0.5], [0.5])]))
    found = Preparation(plan)(picture).astype(int)
    expected = np.asarray(Compose(steps)(picture)).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 4
    assert np.abs(found - expected).mean() < 0.3


@pytest.mark.parametrize(
    "steps",
    [
        [Resize((224, 224)), CenterCrop(224)],
        [ResizeKeepRatio((224, 224), longest=1), CenterCropOrPad(200)],
        [ResizeKeepRatio((200, 300)), CenterCrop((200, 200))],
        [ResizeKeepRatio((200, 300), longest=0.5), CenterCrop((200, 300))],
        [Resize(224, max_size=300), CenterCrop(224)],
        [Resize(200), CenterCrop(224)],
        [CenterCrop(224), Resize(224)],
        [Resize(224)],
        [],
    ],
)
def test_other_steps_are_left_as_they_are(steps):
    assert read_plan(Compose([*steps, ToTensor(), Normalize([0.5], [0.5])])) is None


@pytest.mark.parametrize("name", ["tiny", "clipart-tiny"])
@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000), (3_000, 20)])
def test_extreme_shapes_are_prepared_in_little_memory(name, size, model_folder):
    backbone = load_backbone(model_folder if name == "tiny" else name)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    prepared = backbone.prepare_image(Image.fromarray(pixels))
    assert prepared.shape[0] == prepared.shape[1] <= 112
    assert np.isfinite(backbone.encode_images([prepared])).all()


def test_long_picture_is_cut_where_the_crop_would_cut_it(model_folder):
    backbone = load_backbone(model_folder)
    x, y = np.arange(700), np.arange(30)[:, None]
    waves = 128 + 60 * np.sin(x / 9 + y / 12) + 60 * np.cos(x / 31)
    picture = Image.fromarray(waves.astype(np.uint8)).convert("RGB")
    cut, whole = backbone.prepare_image(picture), backbone._preprocess(picture)
    np.testing.assert_allclose(cut.permute(2, 0, 1) / 127.5 - 1, whole, atol=0.05)


@pytest.mark.parametrize("photo", [0, 1])
@pytest.mark.parametrize("size", [(4_000, 2_700), (1_500, 1_000)])
@pytest.mark.parametrize("name", ["tiny", "clipart-tiny"])
def test_draft_of_a_large_jpeg_gives_nearly_the_same_vector(
    photo, size, name, model_folder, tmp_path
):
    pixels = load_sample_images().images[photo]
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS).save(path)
    backbone = load_backbone(model_folder if name == "tiny" else name)
    small = decode_image(path, draft_side=backbone.draft_side)
    whole = decode_image(path)
    assert whole.size == size and small.width < size[0] / 2
    assert min(small.size) >= backbone.draft_side
    a, b = backbone.encode_images([backbone.prepare_image(p) for p in (small, whole)])
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= 0.999


def test_draft_leaves_other_formats_and_small_jpegs_alone(make_pictures, tmp_path):
    (picture,) = make_pictures(1, size=(300, 200))
    for name, side in (("a.png", 20), ("a.jpg", 150)):
        picture.save(tmp_path / name)
        assert decode_image(tmp_path / name, draft_side=side).size == (300, 200)
        assert _draft(picture, side) is picture
