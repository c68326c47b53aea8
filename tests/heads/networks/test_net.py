"""What a net learns, and which targets and rows it takes."""

import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from scipy import sparse
from sklearn.metrics import accuracy_score, average_precision_score, get_scorer
from sklearn.model_selection import cross_val_score
from small_nets import N_LABELS, make_net
from torch import nn

from sklearn_clip.heads.networks._net_parts import MODULES
from sklearn_clip.losses import LOSSES


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
