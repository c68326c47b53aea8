"""What the tests of the few-shot heads share: rows of several labels, and prompts."""

import numpy as np
import pytest
from unit_rows import unit


@pytest.fixture
def problem():
    """Rows near the sum of their labels, prompts that are a bit off, a background."""
    rng = np.random.default_rng(0)
    directions = unit(rng.normal(size=(5, 16)))
    Y = (rng.random((80, 5)) < [0.4, 0.3, 0.2, 0.1, 0.05]).astype(int)
    Y[:4, 4] = 1
    X = unit(Y @ directions + rng.normal(size=(80, 16)) * 0.15)
    prompts = unit(directions + rng.normal(size=(5, 16)) * 0.25)
    return X, Y, prompts, unit(rng.normal(size=(7, 16)))


@pytest.fixture
def data(problem):
    """The same without the background."""
    return problem[:3]
