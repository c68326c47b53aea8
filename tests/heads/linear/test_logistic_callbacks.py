"""scikit-learn's callbacks on MultiLabelLogisticRegression."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import MultiLabelLogisticRegression
from sklearn_clip.heads.linear import _newton
from sklearn_clip.metrics import gap_scorer


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(150, n_classes=5, random_state=0)
    Y[:, 2] = 0  # constant: has no steps
    return X, Y


@pytest.fixture
def recorder():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9")
    return Recorder()


class Recorder:
    """Keeps what it hears of tasks, and the estimators they end with."""

    def __init__(self):
        self.tasks, self.fitted, self.shapes = [], [], []

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator
    ):
        self.tasks.append(f"end {context.task_name}")
        self.fitted.append(fitted_estimator)
        weight = (metadata or {}).get("sample_weight")
        if X is not None:
            self.shapes.append((X.shape, y.shape, weight is not None))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_newton_step_is_told(data, recorder, dtype):
    X, Y = data[0].astype(dtype), data[1]
    head = MultiLabelLogisticRegression().set_callbacks(recorder).fit(X, Y)
    steps = head.n_iter_.max()
    assert recorder.tasks == [
        "setup",
        "begin fit",
        *["begin newton-step", "end newton-step"] * steps,
        "end fit",
        "teardown",
    ]
    assert set(recorder.shapes) == {((150, 20), (150, 5), False)}
    plain = MultiLabelLogisticRegression().fit(X, Y)
    np.testing.assert_array_equal(plain.coef_, head.coef_)
    np.testing.assert_allclose(recorder.fitted[-1].coef_, head.coef_)
    losses = [
        np.logaddexp(0, np.where(Y == 1, -z, z)).sum()
        for z in (part.decision_function(X) for part in recorder.fitted)
    ]
    assert losses[0] > losses[-1]
    assert recorder.fitted[0].predict_proba(X)[0, 2] == pytest.approx(1 / 152)


def test_blocks_of_labels_and_weights(data, recorder, monkeypatch):
    X, Y = data
    monkeypatch.setattr(_newton, "_BLOCK_ENTRIES", 2 * len(X))
    head = MultiLabelLogisticRegression(max_iter=7).set_callbacks(recorder)
    head.fit(X, Y, sample_weight=np.ones(150))
    assert recorder.tasks.count("end newton-step") >= head.n_iter_.max()
    assert recorder.shapes[0][2]
    np.testing.assert_allclose(recorder.fitted[-2].coef_, head.coef_)


def test_score_is_monitored(data):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9")
    X, Y = data
    Y = Y.astype(float)
    Y[::7, 1] = np.nan
    monitor = callback.ScoringMonitor(scoring={"gap": gap_scorer})
    head = MultiLabelLogisticRegression().set_callbacks(monitor).fit(X, Y)
    scores = [row["gap"] for row in monitor.get_logs().data]
    assert len(scores) == head.n_iter_.max() + 1
    assert gap_scorer(head, X, Y) in scores


def test_search_and_pipeline_hand_their_callbacks_down(data, recorder):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9")
    assert not isinstance(recorder, callback.AutoPropagatedCallback)
    recorder = Propagated()
    pipe = make_pipeline(StandardScaler(), MultiLabelLogisticRegression())
    grid = {"multilabellogisticregression__C": [0.1, 1]}
    search = GridSearchCV(pipe, grid, scoring=gap_scorer, cv=2)
    search.set_callbacks(recorder).fit(*data)
    assert recorder.tasks.count("begin newton-step") > 5
    assert recorder.tasks[-1] == "teardown" and recorder.tasks.count("setup") == 1


class Propagated(Recorder):
    """A recorder that meta-estimators hand down."""

    max_propagation_depth = None


def test_progress_bar(data, capsys):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9")
    pytest.importorskip("rich")
    bar = callback.ProgressBar()
    MultiLabelLogisticRegression().set_callbacks(bar).fit(*data)
    assert "MultiLabelLogisticRegression" in capsys.readouterr().out


def test_callbacks_go_with_a_clone_and_are_taken_off(data, recorder):
    head = MultiLabelLogisticRegression().set_callbacks(recorder)
    clone(head).fit(*data)
    assert recorder.tasks[-1] == "teardown"
    heard = list(recorder.tasks)
    head.set_callbacks().fit(*data)
    assert recorder.tasks == heard
    with pytest.raises(TypeError, match="FitCallback"):
        head.set_callbacks("bar")


WITHOUT = """
import sys

import sklearn.base, sklearn.linear_model, sklearn.metrics, sklearn.model_selection
import sklearn.multiclass, sklearn.multioutput, sklearn.pipeline

sys.modules["sklearn.callback"] = None  # as before scikit-learn 1.9
from sklearn_clip import MultiLabelLogisticRegression
from sklearn_clip._shared import CallbackSupport

head = MultiLabelLogisticRegression()
assert CallbackSupport.__module__ == "sklearn_clip._shared._sklearn"
assert not hasattr(head, "set_callbacks")
assert head.fit([[0.0], [1.0]], [[0], [1]]).predict([[1.0]]).tolist() == [[1]]
"""


def test_scikit_learn_without_callbacks_is_no_error():
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)
