"""Parameters of a net, and of its module and loss."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import N_LABELS, EpochsSeen, TwoLayers, make_net
from torch import nn

from sklearn_clip.heads import MLPHead, MultiLabelNet
from sklearn_clip.losses import AsymmetricLoss


def test_defaults_of_module_and_loss_are_searched_by_name(data):
    X, Y = data
    grid = {
        "criterion": ["bce", "asl"],
        "module": ["mlp", "gmlp", MLPHead],
        "optimizer__weight_decay": [0.1],
    }
    net = MultiLabelNet(max_epochs=1, device="cpu", random_state=0)
    search = GridSearchCV(net, grid, scoring="average_precision", cv=2).fit(X, Y)
    assert len(search.cv_results_["params"]) == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == Y.shape


def test_nested_parameters_are_searched(data):
    X, Y = data
    grid = [
        {"multilabelnet__module__hidden": [4, (8, 4)]},
        {
            "multilabelnet__criterion": ["asl"],
            "multilabelnet__criterion__gamma_neg": [1, 2],
            "multilabelnet__lr": [0.1],
        },
    ]
    pipe = make_pipeline(StandardScaler(), make_net(max_epochs=1))
    search = GridSearchCV(pipe, grid, scoring="f1_macro", cv=2, n_jobs=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    pipe.set_params(multilabelnet__module__hidden=(8, 4)).fit(X, Y)
    widths = [
        layer.out_features
        for layer in pipe[-1].module_.modules()
        if isinstance(layer, nn.Linear)
    ]
    assert widths == [8, 4, N_LABELS]


def test_parameters_reach_module_loss_and_optimizer(data):
    net = make_net(
        module="gated",
        module__width=8,
        criterion=AsymmetricLoss,
        criterion__gamma_neg=2,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.5,
        lr=0.3,
    ).fit(*data)
    assert net.module_.gate.in_features == 16
    assert net.criterion_.gamma_neg == 2
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert net.optimizer_.param_groups[0]["momentum"] == 0.5
    assert net.optimizer_.param_groups[0]["lr"] == 0.3


def test_set_params_of_a_fitted_net_makes_the_module_anew(data):
    net = make_net().fit(*data)
    net.set_params(module__hidden=5)
    assert net.module_.layers[1].out_features == 5


def test_optimizer_parameters_of_a_fitted_net_reach_the_next_fit(data):
    net = make_net(optimizer__weight_decay=0.1).fit(*data)
    net.set_params(optimizer__weight_decay=0.5, optimizer__amsgrad=True, lr=0.3)
    group = net.optimizer_.param_groups[0]
    assert (group["weight_decay"], group["amsgrad"], group["lr"]) == (0.5, True, 0.3)
    assert clone(net).get_params()["optimizer__weight_decay"] == 0.5
    group = net.fit(*data).optimizer_.param_groups[0]
    assert (group["weight_decay"], group["amsgrad"], group["lr"]) == (0.5, True, 0.3)


def test_batches_of_a_fitted_net_can_be_changed(data):
    X, Y = data
    net = make_net().fit(X, Y)
    before = net.predict_proba(X)
    net.set_params(iterator_valid__batch_size=7, iterator_train__shuffle=False)
    assert len(list(net.forward_iter(X))) == -(-len(X) // 7)
    np.testing.assert_allclose(net.predict_proba(X), before, rtol=1e-5)
    new = make_net(iterator_valid__batch_size=7, iterator_train__shuffle=False)
    np.testing.assert_array_equal(
        net.fit(X, Y).predict_proba(X), new.fit(X, Y).predict_proba(X)
    )
    assert clone(net).get_params()["iterator_valid__batch_size"] == 7


def test_width_that_cannot_be_split_is_named(data):
    X, Y = data
    with pytest.raises(ValueError, match="multiple of n_modalities=2.*Got 9 features"):
        make_net(module="attention").fit(X[:, :9], Y)
    net = make_net(module="attention", module__n_modalities=3, module__width=8)
    assert net.fit(X[:, :9], Y).predict(X[:, :9]).shape == Y.shape


@pytest.mark.parametrize(
    "params, match",
    [
        ({"module": "mpl"}, "'module' parameter of MultiLabelNet must be"),
        ({"criterion": "asll"}, r"loss must be one of .* Did you mean 'asl'"),
        ({"lr": -1}, "'lr' parameter of MultiLabelNet must be"),
        ({"early_stopping": "accuracy"}, "'early_stopping' parameter of"),
        ({"train_split": 1.5}, "'train_split' parameter of"),
        ({"patience": 0}, "'patience' parameter of"),
        ({"early_stopping": "loss", "train_split": None}, "train_split must give"),
        ({"iterator_train_shuffle": True}, "did you mean iterator_train__shuffle"),
    ],
)
def test_wrong_parameters_are_refused_at_fit(data, params, match):
    with pytest.raises(ValueError, match=match):
        make_net(**params).fit(*data)


def test_module_of_the_users_own_is_given_the_sizes_it_asks_for(data):
    X, Y = data
    net = make_net(module=TwoLayers, module__width=5).fit(X, Y)
    assert net.module_.layers[2].out_features == N_LABELS
    assert net.predict(X).shape == Y.shape


def test_module_that_is_made_already_is_trained(data):
    X, Y = data
    net = make_net(module=TwoLayers(N_LABELS)).fit(X, Y)
    assert clone(net).fit(X, Y).predict(X).shape == Y.shape


def test_module_of_another_width_than_the_labels_is_refused(data):
    with pytest.raises(ValueError, match="logits and targets must have the same shape"):
        make_net(module=TwoLayers, module__n_labels=3).fit(*data)


def test_prompts_start_the_cosine_module(data):
    X, Y = data
    prompts = np.random.default_rng(0).normal(size=(N_LABELS, 10))
    net = make_net(module="cosine", module__init=prompts, max_epochs=0).fit(X, Y)
    unit = prompts / np.linalg.norm(prompts, axis=1, keepdims=True)
    np.testing.assert_allclose(net.module_.vectors.detach(), unit, rtol=1e-5)


def test_class_counts_are_given_to_the_loss_that_needs_them(data):
    X, Y = data
    Y = Y.astype(float)
    Y[:10, 1] = np.nan
    net = make_net(criterion="distribution_balanced", criterion__gamma=1).fit(X, Y)
    assert net.criterion_.class_counts.tolist() == np.nansum(Y, axis=0).tolist()
    assert net.criterion_.n_samples.tolist() == [120, 110, 120, 120]
    assert net.criterion_.gamma == 1


def test_loss_is_told_the_epoch_also_without_callbacks(data):
    net = make_net(criterion=EpochsSeen, callbacks="disable").fit(*data)
    assert net.criterion_.seen == [0, 1, 2, 3]
    assert net.partial_fit(*data).criterion_.seen == list(range(8))
    assert make_net(criterion="splc").fit(*data).criterion_.epoch == 3
