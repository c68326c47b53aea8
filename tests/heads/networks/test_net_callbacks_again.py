"""skorch's callbacks on a net: training that goes on, copies and searches."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from net_callbacks import CALLBACKS, GAP, net_with, trained_rows
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)
from small_nets import Counter, make_net, weights
from torch import nn

from sklearn_clip.metrics import gap_scorer

NAMES = pytest.mark.parametrize("name", CALLBACKS)
pytestmark = pytest.mark.usefixtures("folder")


class NarrowOrWide(nn.Module):
    """A module that must be told the width of its rows by a callback."""

    def __init__(self, input_dim=1, n_labels=4):
        super().__init__()
        self.linear = nn.Linear(input_dim, n_labels)

    def forward(self, X):
        return self.linear(X)


@NAMES
def test_partial_fit_and_warm_start(data, name):
    X, Y = data
    net = net_with(name)
    for _ in range(2):
        net.partial_fit(X, Y)
    assert len(net.history) == 8
    warm = net_with(name, warm_start=True).fit(X, Y).fit(X, Y)
    assert len(warm.history) == 8
    rows = 108 if CALLBACKS[name][1] else 120
    assert trained_rows(net, 4) == trained_rows(warm, 4) == rows


@NAMES
def test_weights_of_rows_are_refused_with_callbacks_too(data, name):
    with pytest.raises(TypeError, match="no sample_weight"):
        net_with(name).fit(*data, sample_weight=np.ones(120))


def test_state_of_the_last_run_is_loaded_by_the_next(data):
    X, Y = data

    def make(seed):
        end = TrainEndCheckpoint(dirname="run")
        return make_net(callbacks=[end, LoadInitState(end)], random_state=seed)

    make(0).fit(X, Y)
    once = make(0)
    once.set_params(max_epochs=8, callbacks=None).fit(X, Y)
    assert len(make(1).fit(X, Y).history) == len(once.history)


def test_width_is_set_for_a_module_that_is_not_told_it(data):
    X, Y = data
    net = make_net(module=NarrowOrWide, callbacks=[InputShapeSetter()])
    assert net.fit(X, Y).module_.linear.in_features == 10
    assert net.fit(X[:, :7], Y).module_.linear.in_features == 7


def test_best_checkpoint_is_what_the_net_ends_with(data):
    X, Y = data
    net = net_with("Checkpoint", max_epochs=12, lr=1.0, criterion="tempered_bce")
    losses = net.fit(X, Y).history[:, "valid_loss"]
    best = int(np.argmin(losses))
    assert best < 11  # else nothing is shown
    shorter = clone(net).set_params(max_epochs=best + 1).fit(X, Y)
    np.testing.assert_allclose(
        net.predict_proba(X), shorter.predict_proba(X), rtol=1e-5
    )


# A module that is made anew when training begins takes other random numbers.
@pytest.mark.parametrize("name", [n for n in CALLBACKS if n != "InputShapeSetter"])
def test_clone_of_a_fitted_net_fits_the_same(data, name):
    net = net_with(name).fit(*data)
    again = clone(net).fit(*data)
    assert torch.equal(weights(net), weights(again))
    assert net.fit(*data).history[:, "train_loss"] == again.history[:, "train_loss"]


@NAMES
def test_pickled_net_predicts_the_same(data, name):
    net = net_with(name).fit(*data)
    joblib.dump(net, "net.joblib")
    for copy in (pickle.loads(pickle.dumps(net)), joblib.load("net.joblib")):
        np.testing.assert_array_equal(
            copy.predict_proba(data[0]), net.predict_proba(data[0])
        )
        assert len(copy.partial_fit(*data).history) > len(net.history)


@NAMES
def test_parameter_of_a_callback_is_searched(hidden, name):
    X, Y = hidden
    parameter, values = CALLBACKS[name][2]
    net = net_with(name, max_epochs=2)
    grid = {f"callbacks__mine__{parameter}": values, "lr": [0.01]}
    search = GridSearchCV(
        net, grid, scoring=gap_scorer, cv=[(range(90), range(90, 120))]
    )
    search.fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = dict(search.best_estimator_.callbacks_)["mine"]
    assert f"callbacks__mine__{parameter}" in search.best_params_
    assert best is not dict(net.callbacks)["mine"]
    assert not net.initialized_


def test_callbacks_are_searched_in_worker_processes(data):
    callbacks = [
        ("stop", EarlyStopping()),
        ("rate", LRScheduler("ReduceLROnPlateau", monitor="valid_loss", patience=5)),
        ("clip", GradientNormClipping()),
        ("bar", ProgressBar()),
        ("gap", EpochScoring(gap_scorer, **GAP)),
    ]
    grid = {"callbacks__stop__patience": [1, 2], "callbacks__rate__patience": [0, 1]}
    search = GridSearchCV(
        make_net(callbacks=callbacks), grid, scoring=gap_scorer, cv=2, n_jobs=2
    ).fit(*data)
    alone = GridSearchCV(
        make_net(callbacks=callbacks), grid, scoring=gap_scorer, cv=2
    ).fit(*data)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_callback_is_exchanged_or_left_out_by_its_name(data):
    net = make_net(callbacks=[("mine", EarlyStopping())])
    grid = {"callbacks__mine": [None, Counter(), EarlyStopping("train_loss")]}
    search = GridSearchCV(net, grid, scoring="f1_macro", cv=2).fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert trained_rows(net.set_params(callbacks__mine=None).fit(*data)) == 120
