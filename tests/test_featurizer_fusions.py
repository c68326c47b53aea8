"""CLIPFeaturizer and its fusions: names of columns, weights, functions, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from featurizer_rows import DIM, TEXTS
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
)
from sklearn_clip.embedding import load_backbone
from sklearn_clip.fusion import Fusion, MeanFusion

FUSIONS = {
    "image": DIM,
    "text": DIM,
    "concat": 2 * DIM,
    "mean": DIM,
    "max": DIM,
    "product": DIM,
    "concat_product": 3 * DIM,
    "interaction": 4 * DIM + 1,
}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_fusion_has_a_name_for_every_column(make_featurizer, pictures, fusion):
    X = list(zip(pictures, TEXTS, strict=True))
    for indicator in (False, True):
        clip = make_featurizer(fusion=fusion, add_missing_indicator=indicator)
        flags = (1 if fusion in ("image", "text") else 2) if indicator else 0
        features = clip.fit_transform(X)
        assert features.shape == (4, FUSIONS[fusion] + flags)
        names = clip.get_feature_names_out()
        assert len(names) == len(set(names)) == features.shape[1]
        assert all(name.startswith("clip_") for name in names)
        assert features.dtype == np.float32 and features.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("fusion", "idle"), [("image", "text"), ("text", "image")])
def test_tower_that_is_not_needed_never_runs(
    write_model, tmp_path, pictures, count_encoded, fusion, idle
):
    name = write_model(tmp_path / fusion, seed=7)
    load_backbone(name).probe()  # it takes both towers, once per model
    before = dict(count_encoded)
    clip = CLIPFeaturizer(name, fusion=fusion, cache=None)
    X = pd.DataFrame({fusion: pictures if fusion == "image" else TEXTS})
    clip.fit_transform(X)
    assert count_encoded[fusion] - before[fusion] == 4
    assert count_encoded[idle] == before[idle]


def test_weight_of_a_fusion_object_is_a_parameter(make_featurizer, pictures):
    X = list(zip(pictures, TEXTS, strict=True))
    clip = make_featurizer()
    image, text = np.split(clip.transform(X), 2, axis=1)
    clip.set_params(fusion=MeanFusion(), fusion__weight=0.3)
    np.testing.assert_allclose(clip.transform(X), 0.3 * image + 0.7 * text, atol=1e-6)
    assert clip.get_params()["fusion__weight"] == 0.3
    np.testing.assert_allclose(
        make_featurizer(fusion="mean").transform(X), (image + text) / 2, atol=1e-6
    )


def test_grid_over_presets_and_over_a_weight_is_one_search(
    make_featurizer, make_pictures
):
    pictures = make_pictures(24)
    X = list(zip(pictures, [f"number {i}" for i in range(24)], strict=True))
    y = np.tile([0, 1], 12)
    pipe = Pipeline(
        [("clip", make_featurizer(cache="auto")), ("head", LogisticRegression())]
    )
    grids = [
        {"clip__fusion": ["image", "text", "mean"]},
        {"clip__fusion": [MeanFusion()], "clip__fusion__weight": [0.2, 0.5]},
    ]
    search = GridSearchCV(pipe, grids, cv=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 5 and np.isfinite(scores).all()
    assert scores[2] == scores[4]  # "mean" and MeanFusion(weight=0.5)


def subtract(image, text):
    return (image - text)[:, :10]


def test_function_is_a_fusion(make_featurizer, pictures):
    X = list(zip(pictures, TEXTS, strict=True))
    image, text = np.split(make_featurizer().transform(X), 2, axis=1)
    clip = make_featurizer(fusion=subtract)
    np.testing.assert_allclose(clip.transform(X), (image - text)[:, :10], atol=1e-6)
    assert clip.get_feature_names_out()[-1] == "clip_fused_9"
    assert pickle.loads(pickle.dumps(clip)).transform(X).shape == (4, 10)


class Flat(Fusion):
    """One number a row, in the wrong shape, and no names."""

    def fuse(self, image, text, image_present, text_present):
        """Return the products of rows."""
        return (image * text).sum(axis=1)


def test_fusion_object_of_another_shape_is_refused(make_featurizer, pictures):
    clip = make_featurizer(fusion=Flat())
    with pytest.raises(ValueError, match=r"shape \(n, k\).*Got shape \(4,\)"):
        clip.transform(list(zip(pictures, TEXTS, strict=True)))
    with pytest.raises(NotImplementedError, match="Flat must set blocks"):
        clip.get_feature_names_out()
