"""Early stopping: which rows and epochs."""

import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold
from skorch.dataset import ValidSplit
from skorch.helper import predefined_split
from small_nets import make_net

from sklearn_clip.metrics import gap_scorer, macro_average_precision_score


def validation_part(X, Y):
    return predefined_split(skorch.dataset.Dataset(X, Y.astype(np.float32)))


@pytest.mark.parametrize("criterion", ["bce", "tempered_bce"])
@pytest.mark.parametrize("metric", ["average_precision", "f1", "loss", gap_scorer])
def test_weights_of_the_best_epoch_are_restored(data, metric, criterion):
    X, Y = data
    net = make_net(
        criterion=criterion,
        early_stopping=metric,
        max_epochs=12,
        patience=12,
        lr=0.6,  # too large, so that the last epoch is not the best
        train_split=validation_part(X[80:], Y[80:]),
    ).fit(X[:80], Y[:80])
    name = "valid_score" if callable(metric) else f"valid_{metric}"
    scores = np.array(net.history[:, name])
    best = np.argmin(scores) if metric == "loss" else np.argmax(scores)
    if metric == "loss":
        with torch.no_grad():
            truth = torch.tensor(Y[80:], dtype=torch.float32)
            found = net.criterion_(net.forward(X[80:]), truth).item()
    elif metric == "f1":
        found = get_scorer("f1_macro")(net, X[80:], Y[80:])
    elif metric == "average_precision":
        found = macro_average_precision_score(Y[80:], net.predict_proba(X[80:]))
    else:
        found = gap_scorer(net, X[80:], Y[80:])
    assert found == pytest.approx(scores[best], rel=1e-3)
    assert net.best_epoch_ == pytest.approx(best + 1, abs=0 if metric != "loss" else 1)
    assert net.best_epoch_ < len(net.history)


def test_training_stops_after_patience_epochs(data):
    net = make_net(early_stopping="loss", max_epochs=200, lr=0.1, patience=3).fit(*data)
    assert len(net.history) == net.best_epoch_ + 3


def test_metric_without_a_value_does_not_stop(data):
    X, Y = data
    net = make_net(
        early_stopping="average_precision",
        patience=1,
        train_split=validation_part(X[:20], np.zeros_like(Y[:20])),
    ).fit(X, Y)
    assert len(net.history) == 4
    assert net.best_epoch_ == 4


def test_losses_of_epochs_are_means_over_known_labels(hidden):
    X, Y = hidden
    Y[:40] = np.nan  # batches of validation rows without a known label
    net = make_net(
        early_stopping="loss",
        lr=0.0,
        batch_size=16,
        module="linear",
        train_split=validation_part(X[:70], Y[:70]),
    ).fit(X, Y)
    found = net.criterion_(net.forward(X[:70]), torch.tensor(Y[:70])).item()
    best = net.history[net.best_epoch_ - 1]
    assert best["valid_loss"] == pytest.approx(found, rel=1e-5)


def test_loss_of_unknown_labels_does_not_stop(data):
    X, Y = data
    net = make_net(
        early_stopping="loss",
        patience=1,
        train_split=validation_part(X[:20], np.full(Y[:20].shape, np.nan)),
    ).fit(X, Y)
    assert np.isnan(net.history[:, "valid_loss"]).all()
    assert net.best_epoch_ == len(net.history) == 4


def test_best_epoch_is_of_the_last_training(data):
    net = make_net(early_stopping="loss").fit(*data)
    net.set_params(early_stopping=None).fit(*data)
    assert not hasattr(net, "best_epoch_")


def test_all_rows_are_trained_on_unless_there_are_many(data):
    X, Y = data
    net = make_net(max_epochs=1).fit(X, Y)
    assert "valid_loss" not in net.history[-1]
    assert sum(net.history[-1, "batches", :, "train_batch_size"]) == len(X)
    many = np.repeat(np.arange(len(X)), 84)
    net = make_net(max_epochs=1, batch_size=2000).fit(X[many], Y[many])
    assert sum(net.history[-1, "batches", :, "train_batch_size"]) == 9072
    assert net.best_epoch_ == 1


def test_train_split_of_skorch_is_used_without_early_stopping_too(data):
    net = make_net(train_split=ValidSplit(4)).fit(*data)
    assert sum(net.history[-1, "batches", :, "train_batch_size"]) == 90
    assert np.isfinite(net.history[:, "valid_loss"]).all()


class Parts(skorch.callbacks.Callback):
    """Keeps the rows that are trained on and held out."""

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.train_, self.valid_ = dataset_train.indices, dataset_valid.indices


@pytest.mark.parametrize("as_given", [list, np.array, pd.Series])
@pytest.mark.parametrize("train_split", [0.2, ValidSplit(GroupKFold(5))])
def test_groups_are_held_out_whole(data, as_given, train_split):
    X, Y = data
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(30), 4))
    parts = Parts()
    net = make_net(
        early_stopping="loss", train_split=train_split, callbacks=[("parts", parts)]
    )
    given = as_given([f"series {number}" for number in groups])
    net.fit(X, Y, groups=given).partial_fit(X, Y, groups=given)
    assert len(parts.valid_) == 24 and len(parts.train_) == 96
    assert not set(groups[parts.train_]) & set(groups[parts.valid_])
    assert make_net(early_stopping=None).fit(X, Y, groups=given).initialized_


def test_groups_of_labelled_rows_alone_are_held_out(data):
    X, Y = data[0], data[1].astype(float)
    Y[::2] = np.nan
    groups = np.arange(120) // 6
    parts = Parts()
    net = make_net(early_stopping="loss", train_split=0.3, callbacks=[("p", parts)])
    net.fit(X, Y, groups=groups)
    assert len(parts.valid_) == 18 and len(parts.train_) == 42
    assert not np.isnan(Y[np.r_[parts.train_, parts.valid_]]).any()
    assert not set(groups[parts.train_]) & set(groups[parts.valid_])
    with pytest.raises(ValueError, match="groups must have shape .120,."):
        net.fit(X, Y, groups=groups[:60])


def test_training_that_goes_on_keeps_its_validation_rows(data):
    net = make_net(early_stopping="loss", lr=0.0, patience=9)
    net.fit(*data).partial_fit(*data)
    # With a learning rate of 0 the loss changes with the rows and InputNorm only.
    assert net.history[3, "valid_loss"] == pytest.approx(
        net.history[4, "valid_loss"], rel=1e-3
    )
