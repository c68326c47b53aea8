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
