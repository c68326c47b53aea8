"""Fingerprints of trainings: alike where all is, and other where anything is not."""

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_clip.finetune._fingerprint import fingerprint
from sklearn_clip.fusion import MeanFusion
from sklearn_clip.losses import (
    LOSSES,
    AsymmetricLoss,
    BCELoss,
    DistributionBalancedLoss,
)

LONG = np.arange(1.0, 2001.0)  # numpy shows the ends of more than 1,000 alone
OTHER = np.where(np.arange(2000) == 1000, 7, LONG)


class Margin(nn.Module):
    """A loss with a plain number, and a buffer that no state_dict holds."""

    def __init__(self, margin, hidden=0.0):
        super().__init__()
        self.margin = margin
        self.register_buffer("hidden", torch.tensor(hidden), persistent=False)

    def forward(self, logits, targets):
        return (self.margin - logits * targets).mean()


class Slots:
    """Holds what cannot be looked at."""

    __slots__ = ("value",)


def test_fingerprint_depends_on_every_fact():
    facts = {"lr": 0.1, "rows": ["a", "b"], "y": np.arange(3).tobytes()}
    found = {
        fingerprint(**facts),
        fingerprint(**facts | {"lr": 0.2}),
        fingerprint(**facts | {"rows": ["b", "a"]}),
        fingerprint(**facts | {"rows": [["a"], "b"]}),
        fingerprint(**facts | {"y": np.arange(3, 6).tobytes()}),
        fingerprint(**facts | {"y": None}),
        fingerprint(**{"rate" if k == "lr" else k: v for k, v in facts.items()}),
    }
    assert len(found) == 7
    assert fingerprint(**facts | {"lr": np.float64(0.1)}) == fingerprint(**facts)
    assert fingerprint(**dict(reversed(facts.items()))) == fingerprint(**facts)


DIFFERENT = [
    (LONG, OTHER),
    (LONG, LONG.astype(np.float32)),
    (LONG, LONG.reshape(2, 1000)),
    (pd.Series(LONG), pd.Series(OTHER)),
    (np.array(["a", None], object), np.array(["b", None], object)),
    (torch.from_numpy(LONG), torch.from_numpy(OTHER)),
    (torch.from_numpy(LONG).bfloat16(), torch.from_numpy(LONG).half()),
    ({"pos_weight": LONG}, {"pos_weight": OTHER}),
    (BCELoss(pos_weight=np.ones(6)), BCELoss(pos_weight=np.full(6, 50.0))),
    (AsymmetricLoss(gamma_neg=2), AsymmetricLoss(gamma_neg=3)),
    (DistributionBalancedLoss(LONG, 9999), DistributionBalancedLoss(OTHER, 9999)),
    (nn.BCEWithLogitsLoss(), BCELoss()),
    (nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss(pos_weight=torch.ones(6))),
    (nn.Sequential(Margin(1.0)), nn.Sequential(Margin(2.0))),
    (Margin(1.0), Margin(1.0, hidden=1.0)),
    (AsymmetricLoss, BCELoss),
    (partial(AsymmetricLoss, gamma_neg=2), partial(AsymmetricLoss, gamma_neg=3)),
    (MeanFusion(0.3), MeanFusion(0.4)),
    (Path("a"), Path("b")),
    (torch.relu, torch.sigmoid),
    (F.relu, F.gelu),
    (1.0, True),
    ("1", 1),
    ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ({1, 2}, {1, 3}),
    (torch.float32, torch.float16),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_values_that_differ_have_different_fingerprints(one, other):
    assert fingerprint(loss=one) != fingerprint(loss=other)
    for value in (one, other):
        copied = pickle.loads(pickle.dumps(value))
        assert fingerprint(loss=copied) == fingerprint(loss=value)


def test_every_loss_has_a_fingerprint_of_its_own():
    counts = {"class_counts": [1, 2], "n_samples": 9}
    made = [
        kind(**counts if kind.needs_class_counts else {}) for kind in LOSSES.values()
    ]
    assert len({fingerprint(loss=loss) for loss in made}) == len(LOSSES)
    empty = [torch.empty(0), torch.empty(0, 2), np.empty(0), np.empty((0, 2)), []]
    assert len({fingerprint(loss=value) for value in empty}) == 5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Slots(), r"Got loss=<.*Slots object.*> \(type Slots\)"),
        ({"rng": [Slots()]}, r"Got loss\['rng'\]\[0\]=<.*Slots object"),
        (lambda logits, targets: 0, r"Got loss=<function <lambda>"),
        (Margin(1.0).forward, r"type method\)"),
        ([].append, r"type builtin_function_or_method\)"),
        (type("Local", (), {"__qualname__": "f.<locals>.Local"}), "f.<locals>.Local"),
        (np.random.default_rng(0), r"type Generator\)"),
        (torch.eye(2).to_sparse(), r"type Tensor\)"),
    ],
)
def test_value_that_cannot_be_looked_into_is_refused(value, message):
    with pytest.raises(TypeError, match=message):
        fingerprint(loss=value)
    with pytest.raises(TypeError, match="or checkpoint_dir=None"):
        fingerprint(loss=value)
