import builtins
import pickle
from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score, average_precision_score, get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from skorch.dataset import ValidSplit
from skorch.exceptions import DeviceWarning, NotInitializedError
from skorch.helper import predefined_split
from torch import nn

from sklearn_clip import ThresholdOptimizer
from sklearn_clip.heads import MLPHead, MultiLabelNet
from sklearn_clip.heads.networks._row_net import MODULES
from sklearn_clip.losses import LOSSES, AsymmetricLoss
from sklearn_clip.metrics import gap_scorer, macro_average_precision_score

N_LABELS = 4


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(
        120, n_features=10, n_classes=N_LABELS, random_state=0
    )
    return X.astype(np.float32), Y


def make_net(**params):
    defaults = {"max_epochs": 4, "lr": 0.01, "device": "cpu", "random_state": 0}
    if params.get("module", "mlp") == "mlp":
        defaults |= {"module__hidden": 16, "module__dropout": 0.2}
    return MultiLabelNet(**defaults | params)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


class TwoLayers(nn.Module):
    """A module of a user's own, with only one of the two sizes in its signature."""

    def __init__(self, n_labels, width=8, d=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(d, width), nn.ReLU(), nn.Linear(width, n_labels)
        )

    def forward(self, x):
        return self.layers(x)


class EpochsSeen(AsymmetricLoss):
    """Keeps the epochs it was told of."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def set_epoch(self, epoch):
        self.seen.append(epoch)


class Counter(Callback):
    """Counts epochs."""

    def on_train_begin(self, net, **kwargs):
        self.n_epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1


# Learning


@pytest.mark.parametrize("module", MODULES)
def test_every_module_learns(data, module):
    X, Y = data
    X = X - X.mean(axis=0)  # cosines of counts are all near 1
    net = make_net(module=module, max_epochs=25).fit(X, Y)
    assert average_precision_score(Y, net.predict_proba(X), average="macro") > 0.65
    assert net.history[-1, "train_loss"] < net.history[0, "train_loss"]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_and_predict_follows_its_threshold(data, loss):
    X, Y = data
    net = make_net(criterion=loss).fit(X, Y)
    probabilities, labels = net.predict_proba(X), net.predict(X)
    assert probabilities.shape == labels.shape == Y.shape
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    logits = net.forward(X)
    above = logits > torch.as_tensor(net.criterion_.decision_logit)
    clear = np.abs(probabilities - 0.5) > 1e-5
    assert (labels == above.numpy())[clear].all()


def test_output_has_the_shapes_and_dtypes_of_a_multilabel_classifier(data):
    X, Y = data
    net = make_net().fit(X, Y)
    assert net.predict(X).dtype == np.int64
    assert set(np.unique(net.predict(X))) <= {0, 1}
    assert [classes.tolist() for classes in net.classes_] == [[0, 1]] * N_LABELS
    assert (net.n_labels_, net.n_features_in_) == (N_LABELS, 10)
    assert net.score(X, Y) == accuracy_score(Y, net.predict(X))


def test_single_label_of_a_two_dimensional_target_stays_two_dimensional(data):
    X, Y = data
    net = make_net().fit(X, Y[:, :1])
    assert net.predict_proba(X).shape == net.predict(X).shape == (len(X), 1)


def test_constant_labels_are_learnt_as_such(data):
    X, Y = data
    Y = Y.copy()
    Y[:, 0], Y[:, 1] = 0, 1
    net = make_net(max_epochs=30, module__dropout=0.0).fit(X, Y)
    assert (net.predict(X)[:, :2] == [0, 1]).all()


def test_linear_module_is_logistic_regression(data):
    X, Y = data
    net = make_net(module="linear", max_epochs=3).fit(X, Y)
    classify = net.module_.classify
    norm = net.module_.norm
    unit = (torch.tensor(X) - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    expected = torch.sigmoid(unit @ classify.weight.T + classify.bias)
    np.testing.assert_allclose(net.predict_proba(X), expected.detach(), atol=1e-5)


# Targets and rows


@pytest.mark.parametrize(
    "convert",
    [
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype(np.float64),
        lambda Y: Y.astype(np.uint8),
        lambda Y: Y.tolist(),
        sparse.csr_matrix,
        sparse.csc_array,
        pd.DataFrame,
    ],
    ids=["bool", "float64", "uint8", "list", "csr_matrix", "csc_array", "frame"],
)
def test_targets_of_any_form_give_the_same_net(data, convert):
    X, Y = data
    expected = make_net(max_epochs=1).fit(X, Y).predict_proba(X)
    net = make_net(max_epochs=1).fit(X, convert(Y))
    np.testing.assert_array_equal(net.predict_proba(X), expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.uint8])
def test_rows_of_any_numeric_dtype_are_cast(data, dtype):
    X, Y = data
    X = X.astype(np.uint8).astype(dtype)
    expected = make_net(max_epochs=1).fit(X.astype(np.float32), Y).predict_proba(X)
    np.testing.assert_array_equal(
        make_net(max_epochs=1).fit(X, Y).predict_proba(X), expected
    )


def test_frames_leave_their_names(data):
    X, Y = data
    X = pd.DataFrame(X, columns=[f"x{j}" for j in range(10)])
    names = ["cat", "dog", "tree", "car"]
    net = make_net(max_epochs=1).fit(X, pd.DataFrame(Y, columns=names))
    assert net.label_names_.tolist() == names
    assert net.feature_names_in_.tolist() == X.columns.tolist()
    assert not hasattr(net.fit(X, Y), "label_names_")


@pytest.mark.parametrize("loss", LOSSES)
def test_unknown_labels_are_left_out(data, loss):
    X, Y = data
    Y = Y.astype(float)
    Y[np.random.default_rng(0).random(Y.shape) < 0.3] = np.nan
    Y[:, 0] = np.nan
    net = make_net(criterion=loss, early_stopping="average_precision").fit(X, Y)
    assert np.isfinite(net.predict_proba(X)).all()
    assert np.isfinite(net.history[:, "train_loss"]).all()
    assert np.isfinite(net.history[:, "valid_average_precision"]).all()


def test_label_that_is_never_known_is_not_trained(data):
    X, Y = data
    Y = Y.astype(float)
    Y[:, 1] = np.nan
    params = {"module": "linear", "optimizer__weight_decay": 0.0}
    start = make_net(max_epochs=0, **params).fit(X, Y).module_.classify.weight
    end = make_net(**params).fit(X, Y).module_.classify.weight
    moved = (end - start).abs().max(dim=1).values > 0
    assert moved.tolist() == [True, False, True, True]


def test_torch_loss_refuses_unknown_labels_and_trains_without(data):
    X, Y = data
    net = make_net(criterion=nn.BCEWithLogitsLoss).fit(X, Y)
    assert net.predict_proba(X).shape == Y.shape
    np.testing.assert_allclose(
        net.predict_proba(X), torch.sigmoid(net.forward(X)), atol=1e-6
    )
    Y = Y.astype(float)
    Y[0, 0] = np.nan
    with pytest.raises(ValueError, match="y must not hold NaN with BCEWithLogitsLoss"):
        net.fit(X, Y)


def test_one_dimensional_target_makes_a_binary_classifier(data):
    X, Y = data
    y = np.where(Y[:, 0] == 1, "yes", "no")
    net = make_net(max_epochs=20).fit(X, y)
    assert net.classes_.tolist() == ["no", "yes"]
    probabilities = net.predict_proba(X)
    assert probabilities.shape == (len(X), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert net.predict(X).shape == (len(X),)
    assert net.score(X, y) > 0.75
    assert cross_val_score(net, X, y, scoring="roc_auc", cv=2).mean() > 0.6


@pytest.mark.parametrize("metric", ["loss", "f1", get_scorer("f1_macro")])
def test_one_dimensional_target_stops_early(data, metric):
    X, Y = data
    y = np.where(Y[:, 0] == 1, "yes", "no")
    net = make_net(early_stopping=metric).fit(X, y)
    assert 1 <= net.best_epoch_ <= 4


@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
@pytest.mark.parametrize(
    "y, match",
    [
        (None, "requires y to be passed"),
        (np.full((120, 2), 2), "y must hold only 0 and 1"),
        (np.arange(120), "Only binary classification is supported"),
        (np.ones((60, 2)), "inconsistent numbers of samples"),
    ],
)
def test_wrong_targets_are_refused(data, y, match):
    with pytest.raises(ValueError, match=match):
        make_net().fit(data[0], y)


def test_rows_must_be_as_wide_as_those_fitted(data):
    X, Y = data
    net = make_net(max_epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="X has 9 features, but MultiLabelNet is"):
        net.predict(X[:, :9])
    with pytest.raises(ValueError, match="X has 9 features, but MultiLabelNet is"):
        net.partial_fit(X[:, :9], Y)
    with pytest.raises(ValueError, match=r"y must have 4 labels, .* Got 3"):
        net.partial_fit(X, Y[:, :3])


def test_torch_dataset_is_refused_with_what_to_do(data):
    dataset = skorch.dataset.Dataset(*data)
    with pytest.raises(TypeError, match="X must be an array-like of rows. Got a Data"):
        make_net().fit(dataset, None)


def test_last_batch_of_one_row_trains(data):
    X, Y = data
    net = make_net(batch_size=8).fit(X[:33], Y[:33])
    assert np.isfinite(net.predict_proba(X)).all()
    assert make_net().fit(X[:1], Y[:1]).predict(X).shape == Y.shape


# Parameters


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


# Early stopping


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
        lr=0.3,  # too large, so that the last epoch is not the best
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


def test_training_that_goes_on_keeps_its_validation_rows(data):
    net = make_net(early_stopping="loss", lr=0.0, patience=9)
    net.fit(*data).partial_fit(*data)
    # With a learning rate of 0 the loss changes with the rows and InputNorm only.
    assert net.history[3, "valid_loss"] == pytest.approx(
        net.history[4, "valid_loss"], rel=1e-3
    )


# skorch


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


# Seeds, warm starts


@pytest.mark.parametrize("module", ["mlp", "attention"])
def test_same_seed_gives_the_same_net_and_another_seed_another(data, module):
    X, Y = data
    first, second, other = (
        make_net(module=module, early_stopping="f1", random_state=seed).fit(X, Y)
        for seed in (0, 0, 1)
    )
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(weights(first), weights(first.fit(X, Y)))


def test_seed_leaves_the_global_generator_alone(data):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    make_net().fit(*data)
    assert torch.equal(torch.rand(3), expected)


def test_without_a_seed_torch_decides(data):
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(make_net(random_state=None).fit(*data))
    assert torch.equal(weights(nets[0]), weights(nets[1]))
    assert not torch.equal(weights(nets[0]), weights(nets[2]))


def test_partial_fit_goes_on_and_fit_starts_anew(data):
    X, Y = data
    net = make_net().fit(X, Y)
    once = weights(net).clone()
    net.partial_fit(X, Y)
    assert len(net.history) == 8
    assert not torch.equal(weights(net), once)
    net.fit(X, Y)
    assert len(net.history) == 4
    assert torch.equal(weights(net), once)


def test_partial_fit_alone_is_the_same_as_fit(data):
    assert torch.equal(
        weights(make_net().partial_fit(*data)), weights(make_net().fit(*data))
    )


def test_partial_fit_takes_batches_of_one_class_once_it_knows_both(data):
    X, Y = data
    y = np.where(Y[:, 0] == 1, "yes", "no")
    net = make_net()
    net.partial_fit(X[y == "no"], y[y == "no"], classes=["yes", "no"])
    net.partial_fit(X[y == "yes"], y[y == "yes"])
    assert net.classes_.tolist() == ["no", "yes"]
    with pytest.raises(ValueError, match=r"two classes, .* Got \['maybe'\] besides"):
        net.partial_fit(X, np.where(Y[:, 0] == 1, "yes", "maybe"))


def test_warm_start_goes_on(data):
    net = make_net(warm_start=True).fit(*data)
    once = weights(net).clone()
    net.fit(*data)
    assert len(net.history) == 8
    assert not torch.equal(weights(net), once)


# Copies


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
@pytest.mark.parametrize("device", ["cpu", "auto"])
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


def test_weights_are_saved_and_loaded_as_safetensors(data, tmp_path):
    X, Y = data
    net = make_net().fit(X, Y)
    net.save_params(tmp_path / "net.safetensors", use_safetensors=True)
    other = make_net(random_state=1, max_epochs=0).fit(X, Y)
    other.load_params(tmp_path / "net.safetensors", use_safetensors=True)
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))


def test_cuts_are_tuned_over_the_net(data):
    X, Y = data
    tuned = ThresholdOptimizer(make_net(), cv=2, random_state=0).fit(X, Y)
    assert tuned.thresholds_.shape == (N_LABELS,)
    assert tuned.predict(X).shape == Y.shape
