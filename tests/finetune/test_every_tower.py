"""A step of training ends with every kind of tower, in a process of its own."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from sklearn_clip.finetune._layers import choose_format

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}


def of_timm(name, size, pool, proj="linear", **cut):
    """Describe a tower of timm, and what makes it small."""
    vision = {
        "timm_model_name": name,
        "timm_pool": pool,
        "timm_proj": proj,
        "image_size": size,
    }
    return {"vision_cfg": vision, "custom_text": True}, cut


FASTVIT = of_timm("fastvit_mci0", 256, "avg", None, layers=(1, 1, 1, 1))
KINDS = {
    "ViT": ({"vision_cfg": VIT}, {}),
    "ResNet": ({"vision_cfg": {"image_size": 64, "layers": [1] * 4, "width": 8}}, {}),
    "CoCa": (
        {
            "custom_text": True,
            "vision_cfg": VIT
            | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
            "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
            "multimodal_cfg": TEXT | {"attn_pooler_heads": 2},
        },
        {},
    ),
    "mapped": of_timm("vit_base_patch16_siglip_224", 224, "map", "none", depth=1),
    "EVA": of_timm("eva02_tiny_patch14_224", 224, "token", None, depth=1),
    "PE": of_timm("vit_pe_core_tiny_patch16_384", 384, "map", None, depth=1),
    "ConvNeXt": of_timm("convnext_atto", 64, "", depths=(1, 1, 1, 1)),
    "Swin": of_timm("swin_tiny_patch4_window7_224", 224, "", depths=(2, 1, 1, 1)),
    "ViTamin": of_timm("vitamin_small_224", 224, "", depth=1),
    "relative": of_timm("vit_relpos_small_patch16_224", 224, "", depth=1),
    "EfficientNet": of_timm("tf_efficientnet_lite0", 64, "avg"),
}
STEP = """
import functools, json, os, sys
import numpy as np, open_clip, timm, torch
from PIL import Image
from safetensors.torch import save_file
from sklearn_clip import CLIPFineTuner

create = timm.create_model
for kind, (changes, cut) in json.loads(sys.argv[1]).items():
    timm.create_model = functools.partial(create, **cut)
    text = json.loads(sys.argv[2])
    width = 768 if kind == "mapped" else 32
    config = {"embed_dim": width, "text_cfg": text, **changes}
    open_clip.factory._MODEL_CONFIGS[kind] = config
    torch.manual_seed(0)
    save_file(open_clip.create_model(kind).state_dict(), "weights.safetensors")
    tuner = CLIPFineTuner(
        ["red", "blue"], kind, "weights.safetensors", max_epochs=1, batch_size=2,
        preprocess={"mean": 0.5, "std": 0.5}, templates="none", early_stopping=None,
        device="cpu", precision=sys.argv[3], random_state=0,
    )
    pictures = [Image.new("RGB", (40, 40), name) for name in ("red", "blue")]
    tuner.fit(pictures, np.eye(2, dtype=int))
    assert np.isfinite(tuner.predict_proba(pictures)).all()
    print(kind, flush=True)
"""


@pytest.mark.parametrize("kinds", [{"FastViT": FASTVIT}, KINDS], ids=["FastViT", "all"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])  # as "auto" is with AMX
def test_step_ends(kinds, precision, tmp_path):
    command = [sys.executable, "-c", STEP, json.dumps(kinds), json.dumps(TEXT)]
    command.append(precision)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout.split() == list(kinds), done.stderr[-2000:]
    assert done.returncode == 0


def test_grouped_convolutions_train_in_contiguous_order_on_a_cpu():
    plain, grouped = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 1, groups=4)
    assert choose_format(nn.Sequential(plain), "cpu") == torch.channels_last
    both = nn.Sequential(plain, nn.Sequential(grouped))
    assert choose_format(both, "cpu") == torch.contiguous_format
    assert choose_format(both, torch.device("cuda")) == torch.channels_last
