"""Where the logistic regression of many labels is solved: CPU, GPU, and neither."""

import numpy as np
import pytest
import torch
from logistic_problems import assert_optimal, make_data
from sklearn.base import clone

from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)
from sklearn_clip.heads.linear import _design_matrix as products


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [1.0, 1e5])
def test_torch_gives_the_fit_of_numpy(monkeypatch, dtype, C):
    X, Y = make_data(500, 150, dtype=dtype)
    Y = np.where(np.random.default_rng(0).random(Y.shape) < 0.1, np.nan, Y)
    weight = np.random.default_rng(1).random(len(X))
    parameters = {"C": C, "class_weight": "balanced"}
    expected = MultiLabelLogisticRegression(device="cpu", **parameters)
    expected.fit(X, Y, weight)
    monkeypatch.setattr(
        "sklearn_clip.heads.linear._logistic.make_products",
        lambda X, device, n_columns: products.TorchProducts(X, "cpu"),
    )
    head = MultiLabelLogisticRegression(**parameters).fit(X, Y, weight)
    np.testing.assert_allclose(
        head.predict_proba(X), expected.predict_proba(X), atol=1e-4
    )


@pytest.mark.parametrize(
    "device", [torch.device("cpu"), torch.device("cpu", 0), "cpu:0"]
)
@pytest.mark.parametrize(
    "head",
    [MultiLabelLogisticRegression(), MultiLabelLogisticRegressionCV(3, random_state=0)],
)
def test_the_cpu_is_known_by_all_its_names(head, device):
    X, Y = make_data()
    expected = clone(head).set_params(device="cpu").fit(X, Y).coef_
    found = clone(head).set_params(device=device).fit(X, Y).coef_
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("device", ["tpu", "CPU", None, torch.device("meta")])
def test_unknown_devices_are_refused(device):
    with pytest.raises(ValueError, match="device must be 'auto', 'cpu' or a CUDA"):
        MultiLabelLogisticRegression(device=device).fit(*make_data())


def test_a_cuda_device_that_is_not_there_is_refused():
    device = f"cuda:{torch.cuda.device_count() + 3}"
    with pytest.raises(ValueError, match="cannot be used on this machine"):
        MultiLabelLogisticRegression(device=device).fit(*make_data())


def test_a_gpu_that_fails_is_replaced_by_the_cpu_with_a_warning(monkeypatch):
    def fail(X, device):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(products, "_WORTH_A_GPU", 0)
    monkeypatch.setattr(products, "_has_cuda", lambda: True)
    monkeypatch.setattr(products, "TorchProducts", fail)
    X, Y = make_data()
    with pytest.warns(UserWarning, match="GPU is present but cannot be used"):
        head = MultiLabelLogisticRegression().fit(X, Y)
    assert_optimal(head, X, Y)
