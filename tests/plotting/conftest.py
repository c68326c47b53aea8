"""What the tests of the displays share: no window, no figure left open, a problem."""

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def pyplot():
    """matplotlib.pyplot without a window; its figures are closed after each test."""
    matplotlib = pytest.importorskip(
        "matplotlib", reason="drawing needs matplotlib: pip install sklearn-clip[plot]"
    )
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture
def make_problem():
    """Make features, targets with unknown ones, scores and names of labels."""

    def make(n_labels=4, *, unknown=0.0, n_samples=80, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_samples, 6))
        signal = X @ rng.normal(size=(6, n_labels)) - np.linspace(0, 2, n_labels)
        Y = (signal + rng.normal(size=signal.shape) > 0).astype(float)
        Y[rng.random(Y.shape) < unknown] = np.nan
        names = [f"label {number}" for number in range(n_labels)]
        return SimpleNamespace(X=X, Y=Y, P=1 / (1 + np.exp(-signal)), names=names)

    return make


@pytest.fixture(scope="session")
def fitted_search():
    """Fit a search over a Pipeline of scikit-learn on a table of named labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit(X, Y):
        head = OneVsRestClassifier(LogisticRegression())
        pipe = make_pipeline(StandardScaler(), head)
        grid = {"onevsrestclassifier__estimator__C": [0.1, 1.0]}
        return GridSearchCV(pipe, grid, cv=KFold(2)).fit(X, Y)

    return fit


@pytest.fixture
def overlaps():
    """Find pairs of texts of a figure that cover each other, and those cut off."""

    def find(figure, texts):
        figure.draw_without_rendering()  # places and sizes are those of a drawing
        shown = [text for text in texts if text.get_visible() and text.get_text()]
        boxes = [text.get_window_extent() for text in shown]
        pairs = [
            (shown[i].get_text(), shown[j].get_text())
            for i in range(len(boxes))
            for j in range(i)
            if boxes[i].overlaps(boxes[j])
        ]
        frame = figure.bbox
        outside = [
            text.get_text()
            for text, box in zip(shown, boxes, strict=True)
            if box.x0 < frame.x0 - 1
            or box.x1 > frame.x1 + 1
            or box.y0 < frame.y0 - 1
            or box.y1 > frame.y1 + 1
        ]
        return pairs, outside

    return find
