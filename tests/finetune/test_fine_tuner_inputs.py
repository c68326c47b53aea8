"""What CLIPFineTuner is given: rows, targets and parameters that are refused."""

import os

import numpy as np
import pandas as pd
import pytest
from odd_losses import AnyWeights, Scaled
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from torch import nn

from sklearn_clip import (
    ImageDecodeError,
    WeightsUnavailableError,
)
from sklearn_clip.losses import BCELoss
from sklearn_clip.metrics import (
    masked_subset_accuracy_score,
)


def test_unfitted_tuner_is_cloned_and_refuses_to_predict(make_tuner, problem):
    tuner = clone(make_tuner())
    with pytest.raises(NotFittedError):
        tuner.predict(problem[0])
    with pytest.raises(NotFittedError):
        tuner.save_pretrained("nowhere")
    assert not os.path.exists("nowhere")


def test_errors_come_before_a_model_is_looked_for(make_tuner, problem, tmp_path):
    nowhere = f"local-dir:{tmp_path / 'nowhere'}"
    X, Y = problem
    with pytest.raises(WeightsUnavailableError):
        make_tuner(model_name=nowhere).fit(X, Y)
    (tmp_path / "text.png").write_text("no picture")
    named = pd.DataFrame(Y, columns=["red", "green", "purple"])
    shuffled = pd.DataFrame(Y, columns=["green", "red", "blue"])
    frame = pd.DataFrame({"image": X}, index=[f"r{i}" for i in range(len(X))])
    frame.iloc[7, 0] = str(tmp_path / "text.png")
    unnamed = {
        "loss": AnyWeights,
        "loss_params": {"weights": (w for w in [1.0])},
        "checkpoint_dir": tmp_path,
    }
    cases = [
        (X, Y[:, :2], {}, ValueError, "each of the 3 labels of classes. Got 2"),
        (X, Y[:, 0], {}, ValueError, "y must have 2 dimensions"),
        (X, Y * 2, {}, ValueError, "only 0 and 1"),
        (X, named, {}, ValueError, r"Got 'purple' for 'blue' \(column 2\)"),
        (X, shuffled, {}, ValueError, r"in their order. Got 'green' for 'red'"),
        (X[:9], Y, {}, ValueError, "inconsistent numbers of samples"),
        ([None, *X[1:]], Y, {}, ValueError, "Got none for row 0"),
        (frame, Y, {}, ImageDecodeError, r"row 7 \(index 'r7'\).*not an image"),
        (X, Y, {"trainable": "head"}, ValueError, "'trainable' parameter"),
        (X, Y, {"classes": ["a", "a", "b"]}, ValueError, "must be distinct"),
        (X, Y, {"templates": "photo of"}, ValueError, "templates must be one of"),
        (X, Y, {"loss_params": {"gamma": 1}}, TypeError, "gamma"),
        (X, Y, {"loss_params": {"reduction": "none"}}, ValueError, "Got reduction='n"),
        (X, Y, {"loss": BCELoss(reduction="sum")}, ValueError, "Got reduction='sum'"),
        (
            X,
            Y,
            {"loss": nn.BCEWithLogitsLoss(reduction="sum")},
            ValueError,
            "must be a mean",
        ),
        (X, Y, {"loss": Scaled}, ValueError, r"to learn.*Got \['factor'\] in Scaled"),
        (X, Y, unnamed, TypeError, r"Got loss_params\['weights'\]=<generator"),
    ]
    for rows, targets, parameters, error, message in cases:
        with pytest.raises(error, match=message):
            make_tuner(model_name=nowhere, **parameters).fit(rows, targets)
    with pytest.raises(ValueError, match="given together"):
        make_tuner(model_name=nowhere).fit(X, Y, X_val=X)
    with pytest.raises(ImageDecodeError, match="An image of X_val"):
        make_tuner(model_name=nowhere).fit(X, Y, X_val=frame, y_val=Y)


def test_row_without_an_image_gets_no_label(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=1, bias=5.0).fit(X, Y)
    with pytest.warns(UserWarning, match=r"1 of 3 rows have no image \(first: row 1"):
        found = tuner.predict_proba([X[0], None, X[1]])
    assert (found[1] == 0).all() and (found[[0, 2]] > 0).all()


def test_unreadable_image_is_named_at_prediction(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=1, trainable="projection").fit(X, Y)
    with pytest.raises(ImageDecodeError, match="row 1, <9 bytes>: it is not an image"):
        tuner.predict([X[0], b"no image!"])


def test_score_is_subset_accuracy_over_what_is_known(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=2).fit(X, Y)
    predicted, weights = tuner.predict(X), np.arange(36.0)
    for w in (None, weights):
        expected = accuracy_score(Y, predicted, sample_weight=w)
        assert 0 < expected < 1 and tuner.score(X, Y, sample_weight=w) == expected
    unknown = Y.astype(float)
    unknown[::2, 0] = np.nan
    unknown[4:6] = np.nan  # rows that say nothing
    assert tuner.score(X, unknown) == masked_subset_accuracy_score(unknown, predicted)
    right = (np.isnan(unknown) | (unknown == predicted)).all(axis=1)
    weights[4:6] = 0
    found = tuner.score(X, unknown, sample_weight=weights)
    assert found == pytest.approx(np.average(right, weights=weights))
    with pytest.raises(ValueError, match="in their order. Got 'green' for 'red'"):
        tuner.score(X, pd.DataFrame(Y, columns=["green", "red", "blue"]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tuner.score(X, Y[:5])


def test_targets_in_another_order_than_the_rows_bring_a_warning(make_tuner, problem):
    images, targets = problem[0][:8], problem[1][:8]
    tuner = make_tuner(max_epochs=1)
    X = pd.Series(list(images), index=list("abcdefgh"))
    y = pd.DataFrame(targets, index=X.index, columns=tuner.classes)
    with pytest.warns(UserWarning, match="the same index in another order"):
        tuner.fit(X, y.iloc[::-1])
    with pytest.warns(UserWarning, match="the same index in another order"):
        tuner.score(X, y.iloc[::-1])
