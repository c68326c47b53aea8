"""skorch's callbacks on a net: validation rows, and targets of all kinds."""

import numpy as np
import pandas as pd
import pytest
import torch
from net_callbacks import CALLBACKS, net_with, trained_rows
from scipy import sparse
from sklearn.metrics import average_precision_score, f1_score, get_scorer
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
)
from skorch.dataset import Dataset, ValidSplit
from small_nets import make_net, weights
from torch.utils.data import Subset

from sklearn_clip.metrics import gap_scorer

NAMES = pytest.mark.parametrize("name", CALLBACKS)
pytestmark = pytest.mark.usefixtures("folder")


@NAMES
def test_callback_that_looks_at_validation_rows_gets_them(data, name):
    net = net_with(name).fit(*data)
    assert trained_rows(net) == (108 if CALLBACKS[name][1] else 120)
    assert ("valid_loss" in net.history[-1]) == CALLBACKS[name][1]
    assert np.isfinite(net.predict_proba(data[0])).all()


@pytest.mark.parametrize("callback", [EarlyStopping, EarlyStopping()])
def test_callback_without_a_name_and_class_of_callback_get_them_too(data, callback):
    net = make_net(callbacks=[callback], max_epochs=2).fit(*data)
    assert trained_rows(net) == 108


def test_validation_rows_are_those_of_early_stopping(data):
    ours = make_net(early_stopping="loss", max_epochs=2).fit(*data)
    theirs = make_net(callbacks=[EarlyStopping()], max_epochs=2).fit(*data)
    assert ours.history[:, "valid_loss"] == theirs.history[:, "valid_loss"]


def test_stopping_and_schedule_follow_the_validation_rows(data):
    net = make_net(callbacks=[EarlyStopping(patience=2)], max_epochs=99, lr=1.0)
    losses = net.fit(*data).history[:, "valid_loss"]
    assert np.argmin(losses) == len(losses) - 3
    rate = {"monitor": "valid_loss", "patience": 0, "factor": 0.5}
    plateau = LRScheduler("ReduceLROnPlateau", **rate)
    net = make_net(callbacks=[plateau], max_epochs=6, lr=1.0).fit(*data)
    losses, rates = net.history[:, "valid_loss"], net.history[:, "event_lr"]
    misses = sum(loss >= min(losses[: i + 1]) for i, loss in enumerate(losses[1:-1]))
    assert misses and rates[-1] == pytest.approx(0.5**misses)


def test_score_that_is_monitored_comes_from_the_scoring_before_it(data):
    score = ("f1", EpochScoring("f1_macro", lower_is_better=False, name="our_f1"))
    stop = ("stop", EarlyStopping("our_f1", patience=1, lower_is_better=False))
    net = make_net(callbacks=[score, stop], max_epochs=50, lr=1e-5).fit(*data)
    assert len(net.history) < 50
    with pytest.raises(ValueError, match="'stop' must find .*'our_f1'.*before it"):
        make_net(callbacks=[stop, score]).fit(*data)


class ReadsValidLoss(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.seen_ = net.history[-1, "valid_loss"]


def best_validation(net):
    return net.history[-1, "valid_loss_best"]


@pytest.mark.parametrize(
    "callback",
    [
        ReadsValidLoss(),
        Checkpoint(monitor=best_validation),
        LRScheduler("ReduceLROnPlateau", monitor=best_validation),
    ],
)
def test_function_that_finds_no_validation_is_told_how_to_get_it(data, callback):
    net = make_net(callbacks=[("mine", callback)])
    with pytest.raises(ValueError, match="'mine' must find .* train_split=.*early_sto"):
        net.fit(*data)
    net.set_params(train_split=ValidSplit(10)).fit(*data)
    net.set_params(train_split=0.1, early_stopping="loss").fit(*data)


def test_other_errors_of_a_callback_stay_as_they_are(data):
    class Broken(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        make_net(callbacks=[Broken()]).fit(*data)


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "Checkpoint"])
def test_monitor_without_a_split_is_refused_before_training(data, name):
    net = net_with(name, train_split=None)
    with pytest.raises(ValueError, match="train_split must .* callbacks mine. Got Non"):
        net.fit(*data)


@pytest.mark.parametrize("name", ["EpochScoring", "BatchScoring", "PassthroughScoring"])
def test_scoring_without_a_split_warns_that_it_does_nothing(data, name):
    net = net_with(name, train_split=None)
    with pytest.warns(UserWarning, match="callbacks mine score validation rows"):
        net.fit(*data)
    assert trained_rows(net) == 120


def test_early_stopping_of_the_users_takes_the_place_of_auto(data):
    X, Y = data
    many = np.repeat(np.arange(len(X)), 84)
    stop = ("early_stopping", EarlyStopping("train_loss"))
    net = make_net(callbacks=[stop], max_epochs=1, batch_size=2000)
    assert trained_rows(net.fit(X[many], Y[many])) == len(many)
    net = make_net(callbacks="disable", max_epochs=1, batch_size=2000)
    assert trained_rows(net.fit(X[many], Y[many])) == len(many)


def test_early_stopping_without_callbacks_is_refused(data):
    with pytest.raises(ValueError, match="callbacks must not be 'disable' with early"):
        make_net(callbacks="disable", early_stopping="loss").fit(*data)


def test_dataset_without_targets_beside_it_needs_a_split_that_parts_it(data):
    X, Y = data
    net = make_net(callbacks=[EarlyStopping()]).fit(X, Y)
    dataset = Dataset(X, Y.astype(np.float32))
    with pytest.raises(ValueError, match="train_split must be callable, such as"):
        net.partial_fit(dataset)
    assert len(net.partial_fit(dataset, Y).history) == 8
    net.set_params(train_split=ValidSplit(10)).partial_fit(dataset)
    assert len(net.history) == 12


@NAMES
def test_unknown_and_sparse_targets(data, hidden, name):
    net = net_with(name).fit(*hidden)
    assert trained_rows(net) == (108 if CALLBACKS[name][1] else 120)
    assert np.isfinite(net.predict_proba(data[0])).all()
    X, Y = data
    expected = weights(net_with(name).fit(X, Y))
    for convert in (sparse.csr_array, pd.DataFrame):
        assert torch.equal(weights(net_with(name).fit(X, convert(Y))), expected)


@pytest.mark.parametrize("kind", [EpochScoring, BatchScoring])
def test_scoring_that_takes_no_unknown_labels_is_refused_with_one_that_does(
    hidden, kind
):
    net = make_net(callbacks=[("f1", kind("f1_macro"))])
    with pytest.raises(ValueError, match="callback 'f1' must leave unknown .*gap_sco"):
        net.fit(*hidden)
    with pytest.raises(ValueError, match="Input y_score contains NaN|contains NaN"):
        make_net(callbacks=[kind(lambda net, X, y: f1_score(y, y * np.nan))]).fit(
            hidden[0], np.nan_to_num(hidden[1])
        )


def halves(dataset, y):
    return tuple(Subset(dataset, np.arange(60) + start) for start in (0, 60))


@pytest.mark.parametrize("scoring", ["f1_macro", "roc_auc", None, "accuracy"])
@pytest.mark.parametrize("caching", [True, False])
def test_one_dimensional_target_is_scored_in_its_classes(data, scoring, caching):
    X, Y = data
    y = np.where(Y[:, 0] == 1, "yes", "no")
    score = EpochScoring(scoring, lower_is_better=False, name="s", use_caching=caching)
    net = make_net(callbacks=[score], train_split=halves).fit(X, y)
    expected = get_scorer(scoring or "accuracy")(net, X[60:], y[60:])
    assert net.history[-1, "s"] == pytest.approx(expected)
    batch = BatchScoring("accuracy", name="s")
    assert 0 <= make_net(callbacks=[batch]).fit(X, y).history[-1, "s"] <= 1


def test_scorer_of_ours_names_its_column(data):
    X, Y = data
    score = EpochScoring(gap_scorer, lower_is_better=False)
    net = make_net(callbacks=[score], train_split=halves).fit(X, Y)
    found = net.history[-1, "global_average_precision_score"]
    expected = average_precision_score(
        Y[60:], net.predict_proba(X[60:]), average="micro"
    )
    assert found == pytest.approx(expected)
