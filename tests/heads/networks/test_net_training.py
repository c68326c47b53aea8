"""What a net is trained on: labels that stay the same, batches, and no weights."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader, SequentialSampler, WeightedRandomSampler

from sklearn_clip.heads import MultiLabelNet
from sklearn_clip.heads.networks._batches import RowDataset, make_loader
from sklearn_clip.losses import ZLPRLoss

NAMES = list("abcd")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(57, 6)).astype(np.float32)
    Y = pd.DataFrame((X[:, :4] > 0).astype(int), columns=NAMES)
    return X, Y


def make_net(module="linear", **params):
    defaults = {"max_epochs": 2, "device": "cpu", "random_state": 0}
    return MultiLabelNet(module, **defaults | params)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_that_goes_on_takes_the_same_labels_only(data, method):
    X, Y = data
    net = make_net(warm_start=True).fit(X, Y)
    before = net.predict_proba(X)
    again = getattr(net, method)
    with pytest.raises(ValueError, match=r"pass y\[list\(.*Got \['d'\].*column 0"):
        again(X, Y[NAMES[::-1]])
    with pytest.raises(ValueError, match=r"Got \['other'\] instead of \['d'\]"):
        again(X, Y.rename(columns={"d": "other"}))
    np.testing.assert_array_equal(net.predict_proba(X), before)
    again(X, Y)
    again(X, Y.to_numpy())  # without names there is nothing to compare
    assert len(net.history) == 6 and net.label_names_.tolist() == NAMES


class BatchSizes(nn.Module):
    """A module that notes how many rows it has been trained on at a time."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.linear = nn.Linear(n_features, n_labels)
        self.sizes = []

    def forward(self, X):
        if self.training:
            self.sizes.append(len(X))
        return self.linear(X)


@pytest.mark.parametrize(
    "params, sizes",
    [
        ({"batch_size": 7}, [7] * 7 + [8]),
        ({"batch_size": 56}, [57]),
        ({"batch_size": 10}, [10] * 5 + [7]),
        ({"batch_size": 1}, [1] * 57),
        ({"batch_size": 7, "iterator_train__drop_last": True}, [7] * 8),
        ({"batch_size": 3, "iterator_train__batch_size": 14}, [14] * 3 + [15]),
    ],
)
def test_a_single_last_row_joins_the_batch_before(data, params, sizes):
    net = make_net(BatchSizes, max_epochs=1, **params).fit(*data)
    assert net.module_.sizes == sizes


def test_joined_batches_are_those_of_a_loader_otherwise(data):
    X, Y = data
    batches = []
    for n_rows in (56, 57):
        dataset = RowDataset(np.arange(57)[:n_rows, None])
        torch.manual_seed(0)
        loader = make_loader(dataset, {"batch_size": 7}, training=True)
        batches.append([batch[:, 0].tolist() for batch, _ in loader])
        torch.manual_seed(0)
        plain = DataLoader(np.arange(n_rows), 7, shuffle=True)
        rows = [row for batch in plain for row in batch.tolist()]
        assert [row for batch in batches[-1] for row in batch] == rows
    loader = make_loader(dataset, {"batch_size": 7}, training=False)
    assert [len(batch) for batch, _ in loader] == [7] * 8 + [1]
    order = list(range(57))[::-1]
    params = {"batch_size": 7, "sampler": order, "num_workers": 0}
    loader = make_loader(dataset, params, training=True)
    assert [row for batch, _ in loader for row in batch[:, 0].tolist()] == order
    params = {"batch_size": 7, "shuffle": False}
    loader = make_loader(dataset, params, training=True)
    assert [row for batch, _ in loader for row in batch[:, 0].tolist()] == order[::-1]


def test_batch_norm_survives_a_single_last_row(data):
    net = make_net("mlp", module__norm="batch", batch_size=7).fit(*data)
    assert np.isfinite(net.predict_proba(data[0])).all()


@pytest.mark.parametrize("size", [0, -2])
def test_batch_size_without_rows_is_refused(data, size):
    with pytest.raises(ValueError, match="'batch_size' parameter"):
        make_net(batch_size=size).fit(*data)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_row_weights_are_refused_with_the_way_out(data, method):
    X, Y = data
    weight = np.where(np.arange(57) < 5, 1.0, 0.0)
    with pytest.raises(TypeError, match="no sample_weight.*WeightedRandomSampler"):
        getattr(make_net(), method)(X, Y, sample_weight=weight)
    getattr(make_net(), method)(X, Y, sample_weight=None)
    sampler = WeightedRandomSampler(weight, len(X))
    net = make_net(SeenRows, iterator_train__sampler=sampler)
    assert getattr(clone(net), method)(X, Y).history[-1]["train_loss"] > 0
    net.fit(X, Y)
    np.testing.assert_array_equal(
        np.unique(net.module_.rows, axis=0), np.unique(X[:5], axis=0)
    )


class SeenRows(nn.Module):
    """A module that notes the rows it has been trained on."""

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.linear = nn.Linear(n_features, n_labels)
        self.rows = []

    def forward(self, X):
        if self.training:
            self.rows.extend(X.numpy())
        return self.linear(X)


@pytest.mark.parametrize(
    "params",
    [{}, {"train_split": None}, {"early_stopping": "loss"}, {"criterion": ZLPRLoss}],
)
def test_rows_without_a_known_label_change_nothing(data, params):
    X, Y = data
    more = np.vstack([Y, np.full((200, 4), np.nan)])
    rows = np.vstack([X, np.full((200, 6), 1e3)])
    params = {"module": "mlp", "max_epochs": 5, "batch_size": 16} | params
    alone = make_net(**params).fit(X, Y.to_numpy())
    beside = make_net(**params).fit(rows, more)
    np.testing.assert_allclose(
        beside.predict_proba(X), alone.predict_proba(X), rtol=1e-5
    )
    assert len(beside.history) == len(alone.history)
    again = beside.partial_fit(rows, more).predict_proba(X)
    np.testing.assert_allclose(
        again, alone.partial_fit(X, Y.to_numpy()).predict_proba(X), rtol=1e-5
    )


def test_early_stopping_by_itself_counts_labelled_rows():
    X, Y = np.zeros((10_000, 2)), np.full((10_000, 1), np.nan)
    Y[:20] = [[0], [1]] * 10
    net = make_net(max_epochs=1).fit(X, Y)
    assert not hasattr(net, "best_epoch_")


def test_rows_without_a_known_label_stay_where_they_may_count(data):
    X, Y = data
    more = np.vstack([Y[:20], np.full((37, 4), np.nan)])
    sampler = SequentialSampler(X)
    for params in ({"criterion": SumOfLogits}, {"iterator_train__sampler": sampler}):
        net = make_net(SeenRows, max_epochs=1, **params).fit(X, more)
        assert len(net.module_.rows) == len(X)
    net = make_net(SeenRows, max_epochs=1, train_split=ValidSplit(3)).fit(X, more)
    assert {tuple(row) for row in net.module_.rows} <= set(map(tuple, X[:20]))


class SumOfLogits(nn.Module):
    """A loss that learns from rows without labels."""

    def forward(self, logits, targets):
        return logits.sum()


def test_seeded_nets_of_several_threads_do_not_disturb_each_other(data):
    X, Y = data
    net = make_net("mlp", module__dropout=0.3, max_epochs=8, batch_size=8)

    def train(seed):
        return clone(net).set_params(random_state=seed).fit(X, Y).predict_proba(X)

    seeds = [0, 1, 2, 3] * 2
    expected = [train(seed) for seed in seeds[:4]]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(train, seeds))
    for seed, probabilities in zip(seeds, found, strict=True):
        np.testing.assert_array_equal(probabilities, expected[seed])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("params", [{}, {"iterator_valid__num_workers": 1}])
def test_prediction_draws_nothing_from_the_generator(data, params):
    X, Y = data
    net = make_net("mlp", max_epochs=1, **params).fit(X, Y)
    before = torch.get_rng_state()
    net.predict_proba(X)
    net.predict(X)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("module", ["mlp", "gmlp"])
@pytest.mark.filterwarnings("ignore:overflow")
def test_training_that_diverges_is_an_error(data, module):
    X, Y = data
    net = make_net(module=module, lr=1e3, max_epochs=20)
    for train in (net.fit, net.partial_fit):
        with pytest.raises(FloatingPointError, match=r"lower lr \(it is 1000"):
            train(X * 1e6, Y)


def test_labels_that_nobody_knows_are_no_targets(data):
    X, Y = data
    with pytest.raises(ValueError, match="at least one known label. Got NaN only"):
        make_net().fit(X, np.full(Y.shape, np.nan))
