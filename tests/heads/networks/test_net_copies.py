"""Copies of a net: clones, pickles, saved weights, other devices."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.exceptions import DeviceWarning
from small_nets import N_LABELS, make_net, weights

from sklearn_clip import ThresholdOptimizer
from sklearn_clip.heads.networks._net_parts import MODULES


def test_clone_and_repr_keep_the_parameters(data):
    net = make_net(criterion="asl", criterion__gamma_neg=2, train_split=0.3).fit(*data)
    copy = clone(net)
    assert not copy.initialized_
    params = copy.get_params(deep=False)
    assert params == net.get_params(deep=False)
    assert params["criterion__gamma_neg"] == 2
    assert params["device"] == "cpu"
    assert "MultiLabelNet" in repr(net)
    assert "MultiLabelNet" in net._repr_html_()


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("device", ["cpu", "auto", "cpu:0", torch.device("cpu", 0)])
def test_pickled_net_predicts_the_same_and_trains_on(data, module, device, tmp_path):
    X, Y = data
    net = make_net(module=module, criterion="tempered_bce", device=device).fit(X, Y)
    joblib.dump(net, tmp_path / "net.joblib")
    for copy in (
        pickle.loads(pickle.dumps(net)),
        joblib.load(tmp_path / "net.joblib"),
    ):
        np.testing.assert_allclose(
            copy.predict_proba(X), net.predict_proba(X), atol=1e-5
        )
        assert copy.get_params()["device"] == device
        assert len(copy.partial_fit(X, Y).history) == 8


@pytest.mark.filterwarnings("ignore:Setting self.device = cpu")
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_net_from_a_machine_with_cuda_is_loaded_on_the_cpu(data):
    X, Y = data
    net = make_net(device="cpu", early_stopping="loss").fit(X, Y)
    expected = net.predict_proba(X)
    # What a net that was trained there has in its state.
    net.device = "cuda"
    with pytest.warns(DeviceWarning, match="no CUDA devices are available"):
        copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.predict_proba(X), expected)

    net.device, net.device_ = "auto", "cuda"
    copy = pickle.loads(pickle.dumps(net))
    assert copy.get_params()["device"] == "auto"
    assert copy.device != "cuda"
    np.testing.assert_allclose(copy.predict_proba(X), expected, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_auto_trains_on_cuda_and_agrees_with_the_cpu(data):
    X, Y = data
    net = make_net(device="auto", criterion="tempered_bce").fit(X, Y)
    assert net.device == "cuda"
    assert next(net.module_.parameters()).is_cuda
    state = torch.cuda.get_rng_state()
    again = make_net(device="auto", criterion="tempered_bce").fit(X, Y)
    assert torch.equal(state, torch.cuda.get_rng_state())
    assert torch.equal(weights(net), weights(again))
    on_cpu = make_net(device="cpu", criterion="tempered_bce", max_epochs=0).fit(X, Y)
    on_cpu.module_.load_state_dict(net.module_.state_dict())
    on_cpu.criterion_.load_state_dict(net.criterion_.state_dict())
    np.testing.assert_allclose(on_cpu.predict_proba(X), net.predict_proba(X), atol=1e-4)


def test_auto_names_the_device_once_it_is_known(data):
    net = make_net(device="auto")
    assert net.device == "auto"
    net.fit(*data)
    assert net.device in ("cpu", "cuda", "mps")
    assert net.get_params()["device"] == clone(net).device == "auto"


def test_trimmed_net_keeps_its_probabilities_and_loses_weight(data):
    X, Y = data
    net = make_net(criterion="tempered_bce", max_epochs=10).fit(X, Y)
    expected, size = net.predict_proba(X), len(pickle.dumps(net))
    net.trim_for_prediction()
    np.testing.assert_array_equal(net.predict_proba(X), expected)
    assert len(pickle.dumps(net)) < size
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.predict_proba(X), expected)


def test_thresholds_are_tuned_over_the_net(data):
    X, Y = data
    tuned = ThresholdOptimizer(make_net(), cv=2, random_state=0).fit(X, Y)
    assert tuned.thresholds_.shape == (N_LABELS,)
    assert tuned.predict(X).shape == Y.shape
