"""What a net has of skorch: callbacks, loaders, history."""

import builtins
import pickle
from itertools import pairwise

import numpy as np
import pytest
import skorch
import torch
from skorch.callbacks import EpochScoring, LRScheduler
from skorch.exceptions import NotInitializedError
from small_nets import Counter, make_net, weights


def test_callbacks_iterators_and_history_are_those_of_skorch(data):
    counter = Counter()
    net = make_net(
        callbacks=[
            ("counter", counter),
            ("steps", LRScheduler("StepLR", step_size=1, gamma=0.5)),
            ("train_f1", EpochScoring("f1_macro", on_train=True, name="train_f1")),
        ],
        iterator_train__drop_last=True,
        iterator_train__shuffle=False,
        batch_size=50,
    ).fit(*data)
    assert counter.n_epochs_ == len(net.history) == 4
    assert net.history[-1, "batches", :, "train_batch_size"] == [50, 50]
    rates = net.history[:, "event_lr"]
    assert [b / a for a, b in pairwise(rates)] == [0.5] * 3
    assert all(0 <= value <= 1 for value in net.history[:, "train_f1"])


def test_default_callbacks_have_parameters_by_name(data):
    net = make_net(early_stopping="loss", callbacks__early_stopping__patience=1, lr=1.0)
    net.set_params(max_epochs=50).fit(*data)
    assert len(net.history) == net.best_epoch_ + 1


def test_dataset_and_loader_may_be_exchanged(data):
    X, Y = data
    expected = make_net(max_epochs=2).fit(X, Y)
    net = make_net(max_epochs=2, dataset=skorch.dataset.Dataset).fit(X, Y)
    torch.testing.assert_close(weights(net), weights(expected))

    class Loader(torch.utils.data.DataLoader):
        pass

    loader = {"iterator_train": Loader, "dataset": skorch.dataset.Dataset}
    assert len(make_net(**loader).fit(X, Y).history) == 4


def test_batch_size_of_minus_one_is_all_rows(data):
    net = make_net(batch_size=-1).fit(*data)
    assert net.history[-1, "batches", :, "train_batch_size"] == [120]


def test_verbose_prints_and_the_default_does_not(data, capsys):
    make_net(max_epochs=1).fit(*data)
    assert capsys.readouterr().out == ""
    make_net(max_epochs=1, verbose=1).fit(*data)
    assert "train_loss" in capsys.readouterr().out


def test_net_is_silent_and_pickles_where_print_was_replaced(data, capsys, monkeypatch):
    # Ray Data replaces the builtin in the process that watches its progress bars.
    real = builtins.print
    monkeypatch.setattr(builtins, "print", lambda *args, **kwargs: real(*args))
    stopping = {"early_stopping": "loss", "train_split": 0.2}
    net = make_net(max_epochs=2, **stopping).fit(*data)
    assert capsys.readouterr().out == ""
    probabilities = net.predict_proba(data[0])
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_allclose(copy.predict_proba(data[0]), probabilities)
    net.set_params(verbose=1).fit(*data)
    assert "train_loss" in capsys.readouterr().out


def test_sink_of_the_table_may_be_chosen(data, capsys):
    lines = []
    make_net(max_epochs=1, callbacks__print_log__sink=lines.append).fit(*data)
    assert "train_loss" in lines[0]
    assert capsys.readouterr().out == ""


def test_predict_nonlinearity_may_be_chosen(data):
    X, Y = data
    net = make_net(predict_nonlinearity=None).fit(X, Y)
    np.testing.assert_allclose(net.predict_proba(X), net.forward(X))


def test_unfitted_net_says_so(data):
    with pytest.raises(NotInitializedError, match="not initialized yet"):
        make_net().predict(data[0])
