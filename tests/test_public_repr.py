"""What is said of an estimator in files that are given away."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    EmbeddingStore,
    MultiLabelLogisticRegression,
    ZeroShotClassifier,
)
from sklearn_clip._shared import last_part, public_repr


def test_nothing_says_where_things_are(tmp_path):
    clip = CLIPFeaturizer(
        "local-dir:/home/anna/secret plans/towers",
        cache=EmbeddingStore(tmp_path / "store"),
        image_root=Path("/home/anna/pictures"),
        fusion="mean",
    )
    steps = [
        ("clip", clip),
        ("sign", FunctionTransformer(np.sign)),
        ("head", FrozenEstimator(MultiLabelLogisticRegression(C=5))),
    ]
    grid = {
        "clip__model_name": ["local-dir:/home/anna/other", "ViT-B-32"],
        "clip__cache": [Path("/home/anna/cache")],
    }
    search = GridSearchCV(Pipeline(steps, memory="/home/anna/memory"), grid)
    said = " ".join(public_repr(search).split())
    assert "anna" not in said and "secret" not in said and str(tmp_path) not in said
    assert "CLIPFeaturizer(fusion='mean', model_name='local-dir:towers')" in said
    assert "MultiLabelLogisticRegression(C=5)" in said
    assert "['local-dir:other', 'ViT-B-32']" in said
    assert clip.image_root == Path("/home/anna/pictures")


def test_words_alone_and_tuned_ones():
    clip = CLIPFeaturizer("ViT-B-32", "/home/anna/weights.pt", text=None)
    said = public_repr(ZeroShotClassifier(["/r/cats", "dogs"], clip))
    assert "'/r/cats'" in said and "pretrained='weights.pt'" in said
    tuner = CLIPFineTuner(["cats"], checkpoint_dir="/home/anna/runs", lr=0.1)
    assert public_repr(tuner) == "CLIPFineTuner(classes=['cats'], lr=0.1)"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (None, None),
        ("laion2b_s34b_b79k", "laion2b_s34b_b79k"),
        ("hf-hub:timm/ViT-B-16-SigLIP", "hf-hub:timm/ViT-B-16-SigLIP"),
        ("local-dir:models/own", "local-dir:own"),
        ("~/weights.pt", "weights.pt"),
        ("C:\\Users\\Anna\\weights.pt", "weights.pt"),
        (Path("/home/anna/weights.pt"), "weights.pt"),
        ("a photo of a {}", "a photo of a {}"),
    ],
)
def test_last_part_of_a_path(path, said):
    assert last_part(path) == said
