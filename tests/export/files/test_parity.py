"""A file gives what its tagger gives: random taggers of every kind, on real rows."""

import warnings

import numpy as np
import pytest
from exported_taggers import OpenedFile, assert_alike
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import (
    CLIPFeaturizer,
    ConstantSafeClassifier,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)
from sklearn_clip.export import to_onnx
from sklearn_clip.fusion import InteractionFusion, MeanFusion

FUSIONS = (
    *("image", "text", "concat", "mean", MeanFusion(0.8)),
    *("max", "product", "concat_product", "interaction"),
    InteractionFusion(block_norm=False),
)
HEADS = (
    lambda: MultiLabelLogisticRegression(C=10),
    lambda: OneVsRestClassifier(ConstantSafeClassifier(LogisticRegression(C=10))),
    lambda: MultiOutputClassifier(
        ConstantSafeClassifier(RandomForestClassifier(5, max_depth=4, random_state=0))
    ),
    lambda: ClassifierChain(ConstantSafeClassifier(LogisticRegression(C=10))),
    lambda: MLPClassifier((16,), max_iter=15, random_state=0),
    lambda: KNeighborsClassifier(5, weights="distance"),
    lambda: OneVsRestClassifier(RidgeClassifier()),
)
RULES = (
    {},
    {"at_least_one": True},
    {"max_labels": 2},
    {"max_labels": 1, "at_least_one": True},
    {"strategy": "top_k"},
    {"strategy": "global"},
)


def draw_tagger(seed):
    """Draw a tagger: each choice by itself, so that any two of them meet."""
    rng = np.random.default_rng(seed)

    def draw(options):
        return options[rng.integers(len(options))]

    fusion = FUSIONS[seed % len(FUSIONS)]
    clip = CLIPFeaturizer(
        "clipart-tiny",
        image=0,
        text=1,
        fusion=fusion,
        normalize=draw([True, True, False]),
        add_missing_indicator=draw([False, True]),
        long_text=draw(["truncate", "mean"]),
    )
    head = HEADS[seed % len(HEADS)]()
    if rng.random() < 0.7:
        head = ThresholdOptimizer(head, cv=2, random_state=0, **draw(RULES))
    steps = [StandardScaler()] if rng.random() < 0.3 else []
    return make_pipeline(clip, *steps, head)


@pytest.mark.parametrize("seed", range(28))
def test_random_tagger_and_its_file_agree(seed, clip_art, tmp_path):
    X, Y = clip_art
    tagger = draw_tagger(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks cut short, and of rare labels
        tagger.fit(X[:100], Y[:100])
    report = to_onnx(tagger, tmp_path / "t.onnx", X=X[100:116])
    assert report.difference <= 1e-4
    opened = OpenedFile(tmp_path / "t.onnx")
    if tagger[0].long_text == "mean":  # what is cut here is averaged there
        X = X[[row for row in range(len(X)) if row != 10]]
    assert_alike(opened, tagger, X[:24])
    np.testing.assert_allclose(opened.probe(), opened.says.probe.expected, atol=1e-6)
