"""What the tests of thresholds share."""

import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(
        n_samples=150, n_features=8, n_classes=4, n_labels=2, random_state=0
    )
    return X / 10, Y


@pytest.fixture
def logistic():
    return OneVsRestClassifier(LogisticRegression())
