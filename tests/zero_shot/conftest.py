"""What the tests of zero-shot share: pictures, targets, models."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.datasets import load_clipart


@pytest.fixture
def clip(make_featurizer):
    return make_featurizer(text=None)


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(12)


@pytest.fixture
def targets():
    rng = np.random.default_rng(0)
    return rng.integers(0, 2, size=(12, 4))


@pytest.fixture(scope="module")
def siglip_folder(tmp_path_factory, write_model):
    """A model that was trained with a scale and a bias."""
    folder = tmp_path_factory.mktemp("siglip") / "tiny"
    write_model(folder)
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["logit_bias"] = weights["logit_scale"] * 0 - 4.0
    weights["logit_scale"] = weights["logit_scale"] * 0 + np.log(8.0)
    save_file(weights, folder / "open_clip_model.safetensors")
    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    config["model_cfg"]["init_logit_bias"] = -10
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return f"local-dir:{folder}"


@pytest.fixture(scope="module")
def clipart():
    data = load_clipart(split="train", as_frame=True)
    rows = np.random.default_rng(0).permutation(len(data.data))[:500]
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    return clip, data.data.iloc[rows], data.target.iloc[rows]
