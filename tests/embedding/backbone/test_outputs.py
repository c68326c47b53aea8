"""What towers of every kind give before the projection, and what is known of it."""

import copy
import functools
import json
import logging
from importlib.util import find_spec

import numpy as np
import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from sklearn_clip.embedding import embed_column, load_backbone, session_store
from sklearn_clip.embedding.backbone import _loading
from sklearn_clip.embedding.backbone._outputs import output_width, view_output

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
TOKENS = {"attn_pooler_heads": 2, "attn_pooler_queries": 4, "output_tokens": True}


def of_timm(name, size, pool, proj="linear", **cut):
    """Describe a tower of timm, its width, and what makes it small."""
    vision = {
        "timm_model_name": name,
        "timm_pool": pool,
        "timm_proj": proj,
        "image_size": size,
    }
    return vision, cut


def by_matrix(model):
    return lambda vectors: vectors @ model.visual.proj


def by_pool(model):
    return model.visual.attnpool.c_proj


def by_head(model):
    return model.visual.head


def by_pool_of_head(model):
    return model.visual.head.pool.proj


def by_trunk(model):
    return model.visual.trunk.get_classifier()


def by_nothing(model):
    return nn.Identity()


RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}
# Image towers: what they are, how many numbers go into the projection, and which it is.
IMAGES = {
    "ViT": ((VIT, {}), 64, by_matrix),
    "ViT, wide as its embedding": (
        (VIT | {"width": 16, "head_width": 8}, {}),
        16,
        by_matrix,
    ),
    "CLIPA": (
        (
            VIT | {"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
            {},
        ),
        64,
        by_matrix,
    ),
    "CoCa": ((VIT | TOKENS | {"attentional_pool": True}, {}), 16, by_matrix),
    "ResNet": ((RESNET, {}), 256, by_pool),
    "SigLIP": (
        of_timm("vit_base_patch16_siglip_224", 224, "map", "none", depth=1),
        768,
        by_nothing,
    ),
    "EVA": (
        of_timm("eva02_tiny_patch14_224", 224, "token", None, depth=1),
        192,
        by_trunk,
    ),
    "PE": (
        of_timm("vit_pe_core_tiny_patch16_384", 384, "map", None, depth=1),
        192,
        by_trunk,
    ),
    "MobileCLIP-B": (
        of_timm("vit_base_mci_224", 224, "token", None, depth=1),
        768,
        by_trunk,
    ),
    "MobileCLIP-S": (
        of_timm("fastvit_mci0", 256, "avg", None, layers=(1, 1, 1, 1)),
        1024,
        by_trunk,
    ),
    "ConvNeXt": (of_timm("convnext_atto", 64, "", depths=(1, 1, 1, 1)), 320, by_head),
    "ConvNeXt, perceptron": (
        of_timm("convnext_atto", 64, "", "mlp", depths=(1, 1, 1, 1)),
        320,
        by_head,
    ),
    "ConvNeXt, own head": (
        of_timm("convnext_atto", 64, "avg", None, depths=(1, 1, 1, 1)),
        320,
        by_trunk,
    ),
    "Swin": (
        of_timm("swin_tiny_patch4_window7_224", 224, "", depths=(2, 1, 1, 1)),
        768,
        by_head,
    ),
    "ViTamin": (of_timm("vitamin_small_224", 224, "", depth=1), 384, by_head),
    "NaFlex": (
        of_timm(
            "naflexvit_base_patch16_gap",
            224,
            "avg",
            None,
            depth=1,
            embed_dim=48,
            num_heads=2,
        ),
        48,
        by_trunk,
    ),
    "EfficientNet": (of_timm("tf_efficientnet_lite0", 64, "avg"), 1280, by_head),
    "ResNet of timm": (of_timm("resnet18", 64, "avg", None), 512, by_trunk),
    "attention": (of_timm("resnet18", 224, "abs_attn", ""), 512, by_pool_of_head),
    "rotary attention": (
        of_timm("resnet18", 224, "rot_attn", ""),
        512,
        by_pool_of_head,
    ),
    "attention, then a layer": (
        of_timm("resnet18", 224, "rot_attn", "linear"),
        16,
        lambda model: model.visual.head.proj,
    ),
}
TEXTS = {
    "plain": (TEXT, False),
    "custom": (TEXT, True),
    "wide": (TEXT | {"width": 16}, True),
    "biased": (
        TEXT | {"no_causal_mask": True, "pool_type": "last", "proj_bias": True},
        True,
    ),
    "biased, plain": (TEXT | {"proj_bias": True}, False),
    "CoCa": (TEXT | {"embed_cls": True, "output_tokens": True}, True),
    "i18n": (TEXT | {"width": 16, "proj_type": "none", "pool_type": "last"}, True),
    "worldwide": (TEXT | {"pool_type": "eos", "eos_id": 49407}, True),
}


@pytest.fixture
def make_model(monkeypatch):
    """Make a model of open_clip with random weights."""
    logging.getLogger("timm").setLevel(logging.ERROR)
    create = timm.create_model

    def make(vision=VIT, cut=None, text=TEXT, *, custom=False, dim=16):
        cut = {} if cut is None else cut
        monkeypatch.setattr(timm, "create_model", functools.partial(create, **cut))
        kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = kind(dim, copy.deepcopy(vision), dict(text)).eval()
            with torch.no_grad():
                for weight in model.parameters():
                    weight.add_(0.02 * torch.randn_like(weight))
        return model.requires_grad_(False)

    return make


def first(found):
    """Leave out the tokens that a tower of CoCa gives beside its vector."""
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.any_processor
@pytest.mark.parametrize("kind", IMAGES)
def test_image_tower_gives_what_goes_into_its_projection(make_model, kind):
    (vision, cut), width, find = IMAGES[kind]
    dim = 768 if kind == "SigLIP" else 16
    model = make_model(vision, cut, dim=dim)
    view = view_output(model, "image", "penultimate")
    size = vision["image_size"]
    pixels = torch.rand(3, 3, size, size)
    embedding = first(model.encode_image(pixels))
    found = first(view.encode_image(pixels))
    assert found.shape == (3, width)
    assert output_width(model, "image", "penultimate", dim) == width
    scale = embedding.abs().max()
    assert (find(model)(found) - embedding).abs().max() <= 1e-5 * scale
    # The model is left as it is, and the view has its weights.
    assert torch.equal(first(model.encode_image(pixels)), embedding)
    own = {id(weight) for weight in model.parameters()}
    assert {id(weight) for weight in view.parameters()} <= own
    assert output_width(model, "image", "embedding", dim) == dim
    assert view_output(model, "image", "embedding") is model


@pytest.mark.parametrize("kind", TEXTS)
def test_text_tower_gives_what_goes_into_its_projection(make_model, kind):
    text, custom = TEXTS[kind]
    model = make_model(text=text, custom=custom)
    view = view_output(model, "text", "penultimate")
    tokens = open_clip.get_tokenizer("ViT-B-32", context_length=16)(["a", "a red dog"])
    embedding = first(model.encode_text(tokens))
    found = first(view.encode_text(tokens))
    assert found.shape == (2, text["width"])
    assert output_width(model, "text", "penultimate", 16) == text["width"]
    projection = (model.text if custom else model).text_projection
    if projection is None:
        expected = found
    elif isinstance(projection, nn.Linear):
        expected = projection(found)
    else:
        expected = found @ projection
    torch.testing.assert_close(expected, embedding)
    torch.testing.assert_close(first(model.encode_text(tokens)), embedding)
    pixels = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(view.encode_image(pixels), model.encode_image(pixels))


@pytest.mark.skipif(find_spec("transformers") is None, reason="needs transformers")
@pytest.mark.parametrize("proj", [None, "linear", "mlp"])
def test_tower_of_hugging_face_gives_what_goes_into_its_projection(make_model, proj):
    import transformers

    config = transformers.BertConfig(
        vocab_size=60,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        pad_token_id=1,
    )
    dim = 16 if proj else 32
    model = make_model(custom=True, dim=dim)
    tower = open_clip.hf_model.HFTextEncoder(
        "", dim, config, "mean_pooler", proj, pretrained=False
    )
    model.text = tower.eval().requires_grad_(False)
    tokens = torch.tensor([[0, 5, 2, 1], [0, 7, 9, 2]])
    found = view_output(model, "text", "penultimate").encode_text(tokens)
    assert found.shape == (2, 32)
    assert output_width(model, "text", "penultimate", dim) == 32
    torch.testing.assert_close(model.text.proj(found), model.encode_text(tokens))


class Own(nn.Module):
    """A tower that nobody knows."""


def test_tower_of_another_class_is_refused_by_name(make_model):
    model = make_model(custom=True)
    model.visual, model.text = Own(), Own()
    for tower in ("image", "text"):
        with pytest.raises(ValueError, match=f"Got Own for the {tower} tower: take"):
            view_output(model, tower, "penultimate")
        assert view_output(model, tower, "embedding") is model


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("heads", [2, 8])
def test_resnet_pools_as_open_clip_does(make_model, precision, heads):
    vision = RESNET | {"head_width": 256 // heads, "width": 8}
    model = make_model(vision)
    pixels = torch.rand(2, 3, 64, 64)
    if precision == "bf16":
        model.visual.bfloat16()
        pixels = pixels.bfloat16()
    found = view_output(model, "image", "penultimate").encode_image(pixels)
    assert found.dtype == pixels.dtype
    expected = model.encode_image(pixels).float()
    projected = model.visual.attnpool.c_proj(found).float()
    tolerance = (1e-5 if precision == "fp32" else 2e-2) * expected.abs().max()
    assert (projected - expected).abs().max() <= tolerance


@pytest.fixture
def penultimate(model_folder):
    """The small model before its projections."""
    return load_backbone(model_folder, output="penultimate")


def test_outputs_of_a_model_are_two_models_to_whoever_loads_them(
    model_folder, penultimate
):
    plain = load_backbone(model_folder)
    assert load_backbone(model_folder, output="penultimate") is penultimate
    assert load_backbone(model_folder, output="embedding") is plain is not penultimate
    assert plain.fingerprint == penultimate.fingerprint
    assert plain.logit_scale == penultimate.logit_scale


def test_vectors_before_the_projection_are_projected_to_the_embedding(
    model_folder, make_pictures
):
    plain = load_backbone(model_folder, precision="fp32")
    penultimate = load_backbone(model_folder, precision="fp32", output="penultimate")
    model = plain.model
    images = [plain.prepare_image(picture) for picture in make_pictures(3)]
    texts = ["a", "a red dog", "two dogs " * 60]  # short ones are cut to their length
    pairs = [
        (plain.encode_images(images), penultimate.encode_images(images)),
        (plain.encode_texts(texts), penultimate.encode_texts(texts)),
    ]
    matrices = model.visual.proj, model.text_projection
    for (embedding, found), matrix in zip(pairs, matrices, strict=True):
        assert found.shape == (3, 64) and found.dtype == np.float32
        np.testing.assert_allclose(found @ matrix.numpy(), embedding, atol=1e-5)
    assert penultimate._towers["text"].padding is not None


def test_store_keeps_outputs_apart(model_folder, penultimate, count_encoded):
    plain, texts = load_backbone(model_folder), [["a dog"], ["a cat"]]
    options = {"normalize": False, "store": session_store()}
    found = {}
    for backbone in (plain, penultimate) * 2:
        vectors, _, _ = embed_column(texts, "text", backbone, **options)
        np.testing.assert_array_equal(
            found.setdefault(backbone.output, vectors), vectors
        )
    assert count_encoded["text"] == 4
    assert not np.allclose(found["embedding"], found["penultimate"])


def test_width_is_known_in_the_next_process(tmp_path, write_model):
    name = write_model(tmp_path / "m", seed=3)
    before = load_backbone(name, output="penultimate", towers=["text"])
    assert before.width("text") == 64
    _loading._loaded.clear()
    after = load_backbone(name, output="penultimate", towers=[])
    assert after.width("text") == 64 and "torch_towers" not in vars(after)


def test_low_precision_is_tried_on_what_the_tower_gives(
    tmp_path, write_model, monkeypatch
):
    from sklearn_clip.embedding.backbone import _precision, _torch_towers

    fast = {"image": "bf16", "text": "bf16"}
    for module in (_precision, _torch_towers):
        monkeypatch.setattr(module, "fast_precision", lambda device: fast)
    monkeypatch.setattr(_precision, "_WIDE", 96)
    tried = []
    compare = _torch_towers.worst_cosine

    def compare_and_tell(found, expected):
        tried.append(found.shape[1])
        return compare(found, expected)

    monkeypatch.setattr(_torch_towers, "worst_cosine", compare_and_tell)
    name = write_wide(tmp_path / "m", width=96)
    for output in ("embedding", "penultimate", "embedding"):
        _loading._loaded.clear()
        load_backbone(name, device="cpu", output=output, towers=["text"])
    assert tried == [16, 96]  # each once, and then it is noted


@pytest.mark.any_processor
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("first", ["embedding", "penultimate"])
def test_outputs_share_their_weights(tmp_path, write_model, precision, first):
    name = write_model(tmp_path / "m", seed=5)
    outputs = ["embedding", "penultimate"]
    options = {"device": "cpu", "precision": precision}
    alone = {}
    for output in outputs:
        _loading._loaded.clear()
        backbone = load_backbone(name, output=output, **options)
        alone[output] = backbone.probe(["image"]), backbone.probe(["text"])
    _loading._loaded.clear()
    order = outputs if first == "embedding" else outputs[::-1]
    # Text towers are loaded later than image towers.
    made = {
        o: load_backbone(name, output=o, towers=["image"], **options) for o in order
    }
    for output, backbone in made.items():
        found = backbone.probe(["image"]), backbone.probe(["text"])
        np.testing.assert_array_equal(found, alone[output])
    one, other = (backbone.torch_towers for backbone in made.values())
    for tower in ("image", "text"):
        assert one.model(tower) is other.model(tower)


def test_outputs_in_different_arithmetic_share_nothing(
    tmp_path, write_model, monkeypatch
):
    from sklearn_clip.embedding.backbone import _precision, _torch_towers

    fast = {"image": "bf16", "text": "bf16"}
    for module in (_precision, _torch_towers):
        monkeypatch.setattr(module, "fast_precision", lambda device: fast)
    # Low precision is found untrue of the embedding alone.
    cosines = iter([0.5, 1.0, 0.5, 1.0])
    monkeypatch.setattr(_torch_towers, "worst_cosine", lambda *_: next(cosines))
    name = write_model(tmp_path / "m", seed=6)
    exact = load_backbone(name, device="cpu", towers=["image"])
    expected = exact.probe(["image"])
    low = load_backbone(name, device="cpu", towers=["image"], output="penultimate")
    assert (exact.precisions, low.precisions) == ({"image": "fp32"}, {"image": "bf16"})
    assert exact.torch_towers.model("image") is not low.torch_towers.model("image")
    low.probe(["image"])
    exact._forget_probe("image")
    np.testing.assert_array_equal(exact.probe(["image"]), expected)
    assert {w.dtype for w in exact.torch_towers.model("image").visual.parameters()} == {
        torch.float32
    }


def test_whole_model_stays_one_beside_other_outputs(tmp_path, write_model):
    name = write_model(tmp_path / "m")
    others = [
        load_backbone(name, device="cpu", output=output)
        for output in ("penultimate", "tokens")
    ]
    backbone = load_backbone(name, device="cpu")
    whole, towers = backbone.model, dict(backbone._towers)
    assert backbone.model is whole
    assert backbone._towers == towers
    assert all(tower.model is whole for tower in towers.values())
    assert len(others) == 2  # they live as long as it


def test_files_written_anew_are_not_shared_with_what_they_were(tmp_path, write_model):
    name = write_model(tmp_path / "m", seed=7)
    old = load_backbone(name, precision="fp32")
    write_model(tmp_path / "m", seed=8)
    new = load_backbone(name, precision="fp32", output="penultimate")
    assert new.fingerprint != old.fingerprint
    assert new.torch_towers.model("image") is not old.torch_towers.model("image")


def write_wide(folder, *, width):
    """Write a model of which neither tower is as wide as its embedding."""
    config = {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT | {"width": width}}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(**config)
    folder.mkdir()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    pixels = {"mean": [0.5] * 3, "std": [0.5] * 3}
    whole = {"model_cfg": config, "preprocess_cfg": pixels}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    return f"local-dir:{folder}"
