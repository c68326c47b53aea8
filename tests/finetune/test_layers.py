"""Depths, rates and what is trained, on towers of several kinds."""

import open_clip
import pytest
import torch

from sklearn_clip.embedding import load_backbone
from sklearn_clip.finetune._layers import (
    keep_statistics,
    layer_depths,
    parameter_groups,
    set_trainable,
)
from sklearn_clip.finetune._model import TunedModel, copy_model


@pytest.fixture
def model(model_folder):
    return copy_model(load_backbone(model_folder, device="cpu", precision="fp32"))


def tuned(model):
    found = TunedModel(model, open_clip.get_tokenizer("ViT-B-32"), "cpu", 100.0)
    found.set_logits(0.07, -1.0)
    return found


@pytest.fixture(scope="module")
def clipart_model():
    backbone = load_backbone("clipart-tiny", device="cpu", precision="fp32")
    return copy_model(backbone)


def test_depth_rises_from_the_stem_to_the_projection(model):
    depths = layer_depths(model)
    assert depths["visual.conv1.weight"] == depths["visual.class_embedding"] == 0
    assert depths["visual.positional_embedding"] == depths["visual.ln_pre.bias"] == 0
    assert depths["token_embedding.weight"] == depths["positional_embedding"] == 0
    for tower in ("visual.transformer", "transformer"):
        blocks = [depths[f"{tower}.resblocks.{i}.ln_1.weight"] for i in range(2)]
        assert blocks == pytest.approx([1 / 3, 2 / 3])
    assert depths["visual.ln_post.weight"] == depths["visual.proj"] == 1
    assert depths["ln_final.weight"] == depths["text_projection"] == 1
    assert "logit_scale" not in depths


def test_depth_of_a_convolutional_tower(clipart_model):
    depths = layer_depths(clipart_model)
    assert depths["visual.trunk.conv_stem.weight"] == 0
    stages = [depths[f"visual.trunk.blocks.{i}.0.bn1.weight"] for i in range(7)]
    assert stages == pytest.approx([(i + 1) / 8 for i in range(7)])
    assert depths["visual.trunk.conv_head.weight"] == 1
    assert depths["visual.head.proj.weight"] == 1


@pytest.mark.parametrize(
    ("config", "stem", "end"),
    [
        (
            {"layers": [1, 1, 1, 1], "width": 16, "image_size": 64, "head_width": 64},
            "visual.conv1.weight",
            "visual.attnpool.c_proj.weight",
        ),
        (
            {
                "timm_model_name": "vit_tiny_patch16_224",
                "timm_model_pretrained": False,
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": 64,
            },
            "visual.trunk.patch_embed.proj.weight",
            "visual.trunk.norm.weight",
        ),
    ],
)
def test_other_image_towers_have_a_stem_and_an_end(config, stem, end):
    text = {"width": 32, "heads": 2, "layers": 1, "vocab_size": 64}
    depths = layer_depths(
        open_clip.model.CustomTextCLIP(embed_dim=16, vision_cfg=config, text_cfg=text)
    )
    assert depths[stem] == 0 and depths[end] == 1
    assert depths["text.token_embedding.weight"] == 0
    assert depths["text.transformer.resblocks.0.ln_1.weight"] == 0.5
    assert depths["text.text_projection"] == 1


@pytest.mark.parametrize(
    ("trainable", "learns", "rests"),
    [
        ("all", ["visual.conv1.weight", "visual.proj", "token_embedding.weight"], []),
        (
            "last",
            ["visual.transformer.resblocks.1.ln_1.weight", "ln_final.weight"],
            ["visual.transformer.resblocks.0.ln_1.weight", "token_embedding.weight"],
        ),
        (
            "projection",
            ["visual.proj", "text_projection"],
            ["visual.ln_post.weight", "transformer.resblocks.1.ln_1.weight"],
        ),
    ],
)
def test_trainable_chooses_weights(model, trainable, learns, rests):
    tuned(model)
    set_trainable(model, trainable)
    grads = {name: weight.requires_grad for name, weight in model.named_parameters()}
    assert all(grads[name] for name in [*learns, "logit_scale", "logit_bias"])
    assert not any(grads[name] for name in rests)


def test_rates_fall_by_block_and_vectors_do_not_decay(model):
    tuned(model)
    set_trainable(model, "all")
    groups = parameter_groups(
        model, lr=1.0, logit_lr=7.0, layer_decay=0.5, weight_decay=0.2
    )
    found = {n: (g["lr"], g["weight_decay"]) for g in groups for n in g["names"]}
    assert found["visual.proj"] == found["text_projection"] == (1.0, 0.2)
    assert found["visual.ln_post.weight"] == (1.0, 0.0)
    assert found["transformer.resblocks.1.mlp.c_fc.weight"] == (0.5, 0.2)
    assert found["transformer.resblocks.0.mlp.c_fc.bias"] == (0.25, 0.0)
    assert found["visual.conv1.weight"] == (0.125, 0.2)
    assert found["logit_scale"] == found["logit_bias"] == (7.0, 0.0)
    assert len(found) == len(list(model.named_parameters()))


def test_rates_of_the_trained_part_are_those_of_the_whole(model):
    tuned(model)
    set_trainable(model, "last")
    groups = parameter_groups(
        model, lr=1.0, logit_lr=7.0, layer_decay=0.5, weight_decay=0.2
    )
    assert {g["lr"] for g in groups} == {1.0, 0.5, 7.0}


def test_batch_normalisation_keeps_its_statistics(clipart_model):
    clipart_model.train()
    keep_statistics(clipart_model)
    before = clipart_model.visual.trunk.bn1.running_mean.clone()
    clipart_model.encode_image(torch.rand(2, 3, 112, 112))
    assert torch.equal(clipart_model.visual.trunk.bn1.running_mean, before)
    assert clipart_model.visual.trunk.training


def test_norm_of_a_stem_of_several_parts_is_no_end():
    vision = {"image_size": 64, "timm_model_name": "resnet10t", "timm_proj": "linear"}
    text = {"vocab_size": 64, "width": 64, "heads": 2, "layers": 2}
    model = open_clip.CLIP(64, vision | {"timm_pool": "avg"}, text)
    depths = layer_depths(model)
    stem, first = depths["visual.trunk.conv1.6.weight"], "visual.trunk.layer1.0"
    assert stem < depths["visual.trunk.bn1.bias"] == depths[f"{first}.bn1.bias"] < 0.7
    set_trainable(model, "last")
    trained = {n for n, w in model.visual.named_parameters() if w.requires_grad}
    assert {name.rsplit(".", 1)[0] for name in trained} >= {"head.proj"}
    assert all(name.startswith(("trunk.layer4.0.", "head.")) for name in trained)
