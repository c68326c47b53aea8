"""Features that are tensors of torch: any float, wherever they are."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)
from sklearn_clip.heads import (
    CLIPAdapterClassifier,
    MultiLabelLogisticRegressionCV,
    MultiLabelNet,
    RegionClassifier,
    TipAdapterClassifier,
)

LOGISTIC = MultiLabelLogisticRegression()
PROMPTS = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float16)
HEADS = {
    "logistic": LOGISTIC,
    "searched": MultiLabelLogisticRegressionCV(cv=3, Cs=[0.1, 1], random_state=0),
    "net": MultiLabelNet(max_epochs=2, random_state=0),
    "regions": RegionClassifier(LOGISTIC, layout=(4, 4), random_state=0),
    "tip": TipAdapterClassifier(label_embeddings=PROMPTS),
    "adapter": CLIPAdapterClassifier(label_embeddings=PROMPTS, random_state=0),
    "thresholds": ThresholdOptimizer(LOGISTIC, cv=3, random_state=0),
    "calibrated": MultiLabelCalibrator(LOGISTIC, cv=3, random_state=0),
    "pipeline": make_pipeline("passthrough", LOGISTIC),
}
KINDS = {
    "bfloat16": lambda X: X.bfloat16(),
    "float16": lambda X: X.half(),
    "gradient": lambda X: X.clone().requires_grad_(),
    "parameter": torch.nn.Parameter,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_tensors_are_the_arrays_of_the_same_numbers(head, kind):
    X, Y = make_multilabel_classification(
        90, n_features=20, n_classes=3, n_labels=1, random_state=0
    )  # whole numbers, which bfloat16 holds
    X = X.astype(np.float32)
    expected = clone(head).fit(X, Y).predict_proba(X[:9])
    rows = kind(torch.from_numpy(X))
    found = clone(head).fit(rows, Y).predict_proba(rows[:9])
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


DISPATCHED = """
import numpy as np, sklearn, torch
from test_tensor_rows import HEADS
X = torch.from_numpy(np.random.default_rng(0).normal(size=(60, 20)))
Y = (X[:, :3] > 0).int()
for name in ("logistic", "net", "regions", "tip", "thresholds"):
    expected = HEADS[name].fit(X.numpy(), Y.numpy()).predict_proba(X.numpy())
    with sklearn.config_context(array_api_dispatch=True):
        found = HEADS[name].fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
"""


def test_tensors_are_arrays_where_scikit_learn_dispatches():
    if find_spec("sklearn.externals.array_api_compat") is None:
        # As of older versions, which bring none and refuse to dispatch without it.
        pytest.importorskip("array_api_compat")
    env = {**os.environ, "SCIPY_ARRAY_API": "1"}  # it has to be there at the import
    code = [sys.executable, "-W", "ignore", "-c", DISPATCHED]
    subprocess.run(code, env=env, cwd=Path(__file__).parent, check=True, timeout=600)


@pytest.mark.parametrize("name", ["tip", "adapter"])
def test_prompts_may_be_tensors_as_well(name):
    X, Y = make_multilabel_classification(40, n_classes=3, random_state=0)
    expected = clone(HEADS[name]).fit(X, Y).predict_proba(X)
    prompts = torch.from_numpy(PROMPTS).requires_grad_()
    head = clone(HEADS[name]).set_params(label_embeddings=prompts)
    np.testing.assert_allclose(head.fit(X, Y).predict_proba(X), expected, rtol=1e-6)


def test_tensor_that_holds_nothing_is_refused():
    X = torch.zeros(4, 2, device="meta")
    with pytest.raises(TypeError, match="X must be a plain tensor.*'meta'"):
        LOGISTIC.fit(X, np.eye(4, 2))
