"""Thresholds written by hand."""

import numpy as np
import pytest

from sklearn_clip.thresholds._predictions import override_thresholds


def test_override_thresholds_takes_a_number_an_array_or_names():
    thresholds = np.array([0.1, 0.2])
    how = {"label_names": ["cat", "dog"], "probability": True}
    assert override_thresholds(thresholds, 0.5, **how).tolist() == [0.5, 0.5]
    assert override_thresholds(thresholds, [0.3, np.inf], **how).tolist() == [
        0.3,
        np.inf,
    ]
    assert override_thresholds(thresholds, {"dog": 1}, **how).tolist() == [0.1, 1.0]
    assert thresholds.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    "new, message",
    [
        ({"cow": 0.5}, r"keys of thresholds must be label names. Got 'cow'"),
        ([0.1, 0.2, 0.3], r"must have shape \(2,\), one per label. Got \(3,\)"),
        ([0.1, np.nan], r"must lie in \[0, 1\].* Got nan \(label 'dog'\)"),
        ({"cat": 50}, r"must lie in \[0, 1\].* Got 50.0 \(label 'cat'\)"),
        (-0.1, r"must lie in \[0, 1\].* Got -0.1 \(label 'cat'\)"),
    ],
)
def test_override_thresholds_refuses(new, message):
    with pytest.raises(ValueError, match=message):
        override_thresholds(
            np.zeros(2), new, label_names=["cat", "dog"], probability=True
        )


def test_override_thresholds_of_decision_values_have_no_range():
    how = {"label_names": [0, 1], "probability": False}
    assert override_thresholds(np.zeros(2), [-7, 7], **how).tolist() == [-7, 7]
    with pytest.raises(ValueError, match="must be a number. Got nan"):
        override_thresholds(np.zeros(2), np.nan, **how)
