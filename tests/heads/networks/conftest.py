"""What the tests of nets share."""

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from small_nets import N_LABELS


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(
        120, n_features=10, n_classes=N_LABELS, random_state=0
    )
    return X.astype(np.float32), Y


@pytest.fixture
def hidden(data):
    X, Y = data
    Y = Y.astype(float)
    Y[np.random.default_rng(0).random(Y.shape) < 0.2] = np.nan
    return X, Y


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where checkpoints are written
