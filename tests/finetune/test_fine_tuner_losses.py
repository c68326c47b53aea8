"""Losses that CLIPFineTuner trains with: by name, by class, and with parameters."""

import numpy as np
import pytest
from odd_losses import Scaled
from same_model import assert_same_model
from sklearn.exceptions import NotFittedError

from sklearn_clip.losses import LOSSES, AsymmetricLoss, TemperedBCELoss


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_trains(make_tuner, problem, loss):
    X, Y = problem
    tuner = make_tuner(loss=loss, max_epochs=1, trainable="projection").fit(X, Y)
    found = tuner.predict_proba(X)
    assert ((found >= 0) & (found <= 1)).all()
    assert tuner.predict_proba(X[:2], classes=["grey"]).shape == (2, 1)


def test_loss_may_have_parameters_or_be_a_class(make_tuner, problem):
    X, Y = problem
    named = make_tuner(loss="asl", loss_params={"gamma_neg": 2}, max_epochs=1)
    assert named.fit(X, Y).loss_.gamma_neg == 2
    given = make_tuner(
        loss=AsymmetricLoss, loss_params={"gamma_neg": 2}, max_epochs=1
    ).fit(X, Y)
    assert_same_model(named, given)
    with pytest.raises(ValueError, match="Did you mean"):
        make_tuner(loss="asll").fit(X, Y)
    with pytest.raises(ValueError, match="pass loss='tempered_bce'"):
        make_tuner(loss=TemperedBCELoss).fit(X, Y)


@pytest.mark.parametrize("loss", ["tempered_bce", AsymmetricLoss, "asl"])
def test_loss_of_other_labels_is_found_before_the_model_is_loaded(
    make_tuner, problem, loss
):
    tuner = make_tuner(
        loss=loss,
        loss_params={"pos_weight": [1.0, 2.0]},
        model_name="local-dir:nowhere",
    )
    with pytest.raises(ValueError, match=r"per label, here 3\. Got shape \(2,\)"):
        tuner.fit(*problem)


def test_loss_that_explodes_is_named(make_tuner, problem):
    with pytest.raises(FloatingPointError, match=r"epoch \d+\). Lower lr"):
        make_tuner(lr=1e30, max_grad_norm=None, warmup=0).fit(*problem)


EXPLODES = {"lr": 1e30, "logit_lr": 1e30, "max_grad_norm": None, "warmup": 0}


def test_fit_that_fails_leaves_what_was_learnt_before(make_tuner, problem):
    X, Y = problem
    early = {"early_stopping": "loss", "validation_fraction": 0.25}
    tuner = make_tuner(templates="a {}", max_epochs=1, **early).fit(X, Y)
    before = vars(tuner).copy()
    expected = tuner.predict_proba(X[:4], classes=["dog"])
    tuner.set_params(**EXPLODES, templates="none", random_state=1)
    with pytest.raises(FloatingPointError):
        tuner.fit(X, Y)
    changed = {name for name in before if vars(tuner)[name] is not before[name]}
    assert changed == {*EXPLODES, "templates", "random_state"}
    found = tuner.predict_proba(X[:4], classes=["dog"])
    np.testing.assert_array_equal(found, expected)


def test_first_fit_that_fails_leaves_an_unfitted_tuner(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(**EXPLODES, early_stopping="loss")
    with pytest.raises(FloatingPointError):
        tuner.fit(X, Y)
    with pytest.raises(NotFittedError):
        tuner.predict(X)
    assert not hasattr(tuner, "classes_")


def test_loss_may_hold_what_does_not_learn(make_tuner, problem):
    parameters = {"max_epochs": 1, "trainable": "projection"}
    given = make_tuner(loss=Scaled(learns=False), **parameters).fit(*problem)
    assert_same_model(given, make_tuner(loss="bce", **parameters).fit(*problem))
