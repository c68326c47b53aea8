"""Weights of a net, saved and loaded into a new one."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Checkpoint
from small_nets import N_LABELS, TwoLayers, make_net, weights
from torch import nn

from sklearn_clip.heads import MultiLabelNet
from sklearn_clip.heads.networks._net_parts import MODULES
from sklearn_clip.losses import LOSSES
from sklearn_clip.metrics import gap_scorer

pytestmark = pytest.mark.usefixtures("folder")
FILES = {"f_params": "net.pt", "f_criterion": "loss.pt", "f_optimizer": "step.pt"}


def reloaded(net, **params):
    """A new net of the same parameters, with the weights of another."""
    net.save_params(**FILES, f_history="history.json")
    new = clone(net).set_params(**params).initialize()
    new.load_params(**FILES, f_history="history.json")
    return new


def assert_same(new, net, X):
    np.testing.assert_allclose(new.predict_proba(X), net.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(new.predict(X), net.predict(X))


@pytest.mark.parametrize("module", MODULES)
def test_new_net_reads_its_sizes_off_the_weights(data, hidden, module):
    X, Y = data
    net = make_net(module=module, max_epochs=2).fit(*hidden)
    new = reloaded(net, random_state=1)
    assert_same(new, net, X)
    assert (new.n_features_in_, new.n_labels_) == (10, N_LABELS)
    assert new.classes_.tolist() == [[0, 1]] * N_LABELS
    assert new.score(X, Y) == net.score(X, Y)
    assert gap_scorer(new, X, hidden[1]) == gap_scorer(net, X, hidden[1])
    assert len(new.history) == 2
    with pytest.raises(ValueError, match="X has 9 features, but MultiLabelNet is"):
        new.predict(X[:, :9])


@pytest.mark.parametrize("loss", LOSSES)
def test_what_the_loss_has_learnt_is_loaded(data, hidden, loss):
    net = make_net(criterion=loss).fit(*hidden)
    assert_same(reloaded(net), net, data[0])


@pytest.mark.parametrize("hidden_widths", [(), 10, 4, (4, 10), (20, 4, 4)])
def test_sizes_that_other_widths_equal_are_told_apart(data, hidden_widths):
    net = make_net(module__hidden=hidden_widths).fit(*data)
    assert_same(reloaded(net), net, data[0])


def test_prompts_and_one_label_are_no_trouble(data):
    X, Y = data
    prompts = np.random.default_rng(0).normal(size=(N_LABELS, 10))
    net = make_net(module="cosine", module__init=prompts).fit(X, Y)
    assert_same(reloaded(net), net, X)
    net = make_net(module="linear").fit(X[:, :1], Y[:, :1])
    assert_same(reloaded(net), net, X[:, :1])


def test_sizes_that_are_given_are_taken(data):
    X, Y = data
    net = make_net().fit(X, Y)
    new = reloaded(net, module__n_features=10, module__n_labels=N_LABELS)
    assert_same(new, net, X)
    assert (new.n_features_in_, new.score(X, Y)) == (10, net.score(X, Y))
    half = reloaded(net, module__n_features=10)
    assert_same(half, net, X)


def test_module_of_the_users_own(data):
    X, Y = data
    for module in (TwoLayers, TwoLayers(N_LABELS)):
        net = make_net(module=module).fit(X, Y)
        assert_same(reloaded(net), net, X)


class NeedsValues(nn.Module):
    """A module whose constructor reads values, which a meta device has not."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.linear = nn.Linear(n_features, n_labels)
        self.scale = self.linear.weight.abs().max().item()

    def forward(self, X):
        return self.linear(X)


def test_module_that_reads_values_when_it_is_made(data):
    net = make_net(module=NeedsValues).fit(*data)
    new = clone(net)
    net.save_params(f_params="net.pt")
    new.load_params(f_params="net.pt")  # also without initialize
    assert_same(new, net, data[0])


def test_weights_of_another_module_are_refused(data):
    make_net(module__hidden=7).fit(*data).save_params(f_params="net.pt")
    with pytest.raises(ValueError, match="f_params must .* MLPHead .* fit 0 of those"):
        make_net().initialize().load_params(f_params="net.pt")


@pytest.mark.parametrize("safe", [False, True])
@pytest.mark.parametrize("in_memory", [False, True])
def test_files_of_any_kind(data, safe, in_memory):
    X, Y = data
    net = make_net(criterion="tempered_bce").fit(X, Y)
    files = {"f_params": "net.st", "f_criterion": Path("loss.st")}
    if in_memory:
        files = {"f_params": io.BytesIO(), "f_criterion": io.BytesIO()}
    net.save_params(**files, use_safetensors=safe)
    for file in files.values() if in_memory else ():
        file.seek(0)
    new = clone(net).initialize()
    new.load_params(**files, use_safetensors=safe)
    assert_same(new, net, X)
    fitted = make_net(criterion="tempered_bce", random_state=1).fit(X, Y)
    for file in files.values() if in_memory else ():
        file.seek(0)
    fitted.load_params(**files, use_safetensors=safe)
    assert_same(fitted, net, X)


@pytest.mark.parametrize("trained, loaded", [("cpu", "auto"), ("auto", "cpu")])
def test_device_may_change_and_auto_stays_auto(data, trained, loaded):
    net = make_net(device=trained).fit(*data)
    new = reloaded(net, device=loaded)
    assert_same(new, net, data[0])
    assert new.get_params()["device"] == clone(new).device == loaded


def test_checkpoint_is_loaded_into_a_new_net(data):
    X, Y = data
    names = {"f_params": "{last_epoch[epoch]}.pt", "dirname": "run"}
    point = Checkpoint(monitor="train_loss_best", **names)
    net = make_net(callbacks=[point], criterion="tempered_bce").fit(X, Y)
    new = clone(net).initialize()
    new.load_params(checkpoint=point)
    assert_same(new, net, X)
    assert len(new.history) == 4


SCRIPT = """
import numpy as np
from sklearn_clip.heads import MultiLabelNet

net = MultiLabelNet(
    "gated", criterion="tempered_bce", device="auto"
).initialize()
net.load_params(f_params="net.pt", f_criterion="loss.pt")
np.save("found.npy", net.predict_proba(np.load("rows.npy")))
"""


def test_new_process_gives_the_same_probabilities(data, hidden):
    net = make_net(module="gated", criterion="tempered_bce")
    net.fit(*hidden).save_params(**FILES)
    np.save("rows.npy", data[0])
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
    np.testing.assert_allclose(
        np.load("found.npy"), net.predict_proba(data[0]), atol=1e-5
    )


def test_training_goes_on_after_loading(data):
    X, Y = data
    frame = pd.DataFrame(Y, columns=list("abcd"))
    params = {"early_stopping": "loss", "patience": 9}
    net = make_net(**params).fit(X, frame)
    new = reloaded(net).partial_fit(X, frame)
    assert len(new.history) == 8
    assert new.split_seed_ == net.split_seed_  # no row of training is judged by
    assert new.label_names_.tolist() == list("abcd")
    net.partial_fit(X, frame)
    torch.testing.assert_close(weights(new), weights(net))
    with pytest.raises(ValueError, match=r"Got \['d'\]"):
        new.partial_fit(X, frame[list("dcba")])
    with pytest.raises(ValueError, match="y must have 4 labels, .* Got 3"):
        reloaded(net).partial_fit(X, Y[:, :3])


def test_loss_that_is_not_loaded_is_told(data):
    net = make_net(criterion="tempered_bce").fit(*data)
    net.save_params(**FILES)
    with pytest.warns(UserWarning, match="on which the probabilities depend.*f_crite"):
        clone(net).initialize().load_params(f_params="net.pt")
    counted = make_net(criterion="distribution_balanced").fit(*data)
    counted.save_params(**FILES)
    with pytest.raises(ValueError, match="f_criterion must be given to load a net of"):
        clone(counted).initialize().load_params(f_params="net.pt")


def test_net_that_waits_for_its_sizes_is_not_fitted(data):
    net = MultiLabelNet(device="cpu").initialize()
    with pytest.raises(Exception, match="not initialized yet"):
        net.predict(data[0])
    assert net.set_params(max_epochs=1).fit(*data).predict(data[0]).shape == (120, 4)
