"""Towers of many kinds as graphs: of texts any length, where the tower allows it."""

import json

import numpy as np
import pytest
from exported_taggers import OpenedFile
from PIL import Image
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.engines._trial_items import varied_texts
from sklearn_clip.export import to_onnx
from sklearn_clip.export._sessions import Session
from sklearn_clip.export._towers import write_image_tower, write_text_tower

TEXT = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VIT = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16}
KINDS = {
    "CLIP": {},
    "text tower of its own": {"custom_text": True},
    "without a mask": {"text_cfg": TEXT | {"no_causal_mask": True}},
    "last token": {"text_cfg": TEXT | {"no_causal_mask": True, "pool_type": "last"}},
    "scaled": {
        "custom_text": True,
        "text_cfg": TEXT | {"scale_heads": True, "scale_attn": True},
    },
    "CoCa": {
        "custom_text": True,
        "vision_cfg": VIT
        | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
        "multimodal_cfg": TEXT | {"attn_pooler_heads": 2},
    },
    "ResNet": {"vision_cfg": {"image_size": 64, "layers": [1] * 4, "width": 8}},
    "layer scale": {"vision_cfg": VIT | {"ls_init_value": 0.1, "no_ln_pre": True}},
    "not square": {"vision_cfg": VIT | {"image_size": [32, 48]}},
    "ConvNeXt": {
        "vision_cfg": {
            "timm_model_name": "convnext_atto",
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 64,
        },
        "custom_text": True,
    },
    "gelu of its own": {"quick_gelu": True},
}
# Without a causal mask, or with the vector at the end, padding changes the vector.
NEEDS_PADDING = {"without a mask", "last token", "CoCa"}


@pytest.fixture(scope="module")
def make_model(tmp_path_factory):
    """Write a small model of random weights, as open_clip reads it."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    def make(kind):
        folder = tmp_path_factory.mktemp("kind")
        config = {"embed_dim": 32, "vision_cfg": VIT, "text_cfg": TEXT} | KINDS[kind]
        settings = {"mean": [0.4] * 3, "std": [0.3] * 3}
        both = {"model_cfg": config, "preprocess_cfg": settings}
        (folder / "open_clip_config.json").write_text(json.dumps(both))
        name = f"local-dir:{folder}"
        with torch.random.fork_rng():
            torch.manual_seed(0)
            open_clip.factory._MODEL_CONFIGS[f"of {kind}"] = config
            try:
                model = open_clip.create_model(f"of {kind}")
            finally:
                del open_clip.factory._MODEL_CONFIGS[f"of {kind}"]
            for parameter in model.parameters():
                if parameter.dim() > 1:  # so that no layer does next to nothing
                    torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
        return name

    return make


@pytest.mark.parametrize("output", ["embedding", "penultimate"])
@pytest.mark.parametrize("kind", KINDS)
def test_tower_of_every_kind_gives_its_vectors(kind, output, make_model):
    options = {"device": "cpu", "precision": "fp32", "output": output}
    backbone = load_backbone(make_model(kind), **options)
    tower = write_image_tower(backbone)
    pixels = np.random.default_rng(0).integers(
        0, 256, size=(3, *tower.plan.size, 3), dtype=np.uint8
    )
    import torch

    expected = backbone.encode_images(torch.from_numpy(pixels))
    found = Session(tower.graph).run({"items": pixels})["vectors"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    tower = write_text_tower(backbone)
    assert (tower.padding is None) == (kind in NEEDS_PADDING)
    session = Session(tower.graph)
    texts = varied_texts(12)
    tokens = np.asarray(backbone.tokenizer(texts)).astype(np.int64)
    expected = backbone.encode_texts(texts)
    atol = 1e-4 * np.abs(expected).max()
    found = session.run({"items": tokens})["vectors"]
    np.testing.assert_allclose(found, expected, atol=atol)
    if tower.padding is not None:
        for row, vector in zip(tokens, expected, strict=True):
            end = np.flatnonzero(row)[-1] + 1
            for length in {end, min(end + 3, len(row))}:
                found = session.run({"items": row[None, :length]})["vectors"]
                np.testing.assert_allclose(found, vector[None], atol=atol)


def test_model_is_left_as_it_was(make_model):
    backbone = load_backbone(make_model("CLIP"), device="cpu", precision="fp32")
    before = backbone.encode_texts(["a cat"])
    kinds = [type(module) for module in backbone.model.modules()]
    write_text_tower(backbone)
    write_image_tower(backbone)
    assert [type(module) for module in backbone.model.modules()] == kinds
    assert np.array_equal(backbone.encode_texts(["a cat"]), before)


def test_tower_that_needs_its_padding_becomes_a_tagger(make_model, tmp_path):
    clip = CLIPFeaturizer(make_model("CoCa"), cache=None)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, size=(6, 40, 30, 3), dtype=np.uint8)
    texts = varied_texts(6)
    X = list(zip(map(Image.fromarray, pictures), texts, strict=True))
    tagger = make_pipeline(clip, MultiLabelLogisticRegression(C=100))
    tagger.fit(X, np.eye(6, 2, dtype=int))
    assert to_onnx(tagger, tmp_path / "t.onnx").difference <= 1e-4
    assert OpenedFile(tmp_path / "t.onnx").says.padding is None


def test_fitted_in_another_precision_both_differences_are_told(make_model, tmp_path):
    clip = CLIPFeaturizer(
        make_model("CLIP"), text=None, cache=None, precision="bf16", device="cpu"
    )
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, size=(8, 40, 30, 3), dtype=np.uint8)
    tagger = make_pipeline(clip, MultiLabelLogisticRegression(C=1000))
    tagger.fit(list(pictures), np.eye(8, 2, dtype=int))
    report = to_onnx(tagger, tmp_path / "t.onnx", X=list(pictures))
    assert report.difference < 1e-4 < report.own_difference
    assert "own arithmetic is off fp32" in str(report)
    assert tagger[0].precision == "bf16"


def test_preprocessing_that_no_file_describes_is_refused(make_model, monkeypatch):
    from sklearn_clip.embedding.backbone import _towers

    name = make_model("CLIP")
    monkeypatch.setattr(_towers, "read_plan", lambda preprocess: None)
    backbone = load_backbone(name, device="cpu", precision="fp32")
    with pytest.raises(ValueError, match="step that no file describes"):
        write_image_tower(backbone)


def test_large_tower_is_written_by_way_of_files(make_model, monkeypatch):
    from sklearn_clip.export import _sessions, _towers

    monkeypatch.setattr(_towers, "_LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(_sessions, "LARGEST_FILE", 2**10)
    backbone = load_backbone(make_model("CLIP"), device="cpu", precision="fp32")
    assert write_text_tower(backbone).padding == 0
    assert write_image_tower(backbone).plan is not None
