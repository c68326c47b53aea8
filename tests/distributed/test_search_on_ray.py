"""Searches of scikit-learn on Ray, through joblib's backend."""

import os

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

pytest.importorskip("ray", reason="Ray is not installed")

from sklearn_clip import (  # noqa: E402
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
)

# Ray's settings warn of options that Ray itself sets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")


@pytest.fixture
def fit_on_ray(cluster, tmp_path):
    """Fit a search on Ray and without it; check that they agree, and who worked."""
    from ray.util.joblib import register_ray

    register_ray()
    notes = tmp_path / "pids"
    notes.mkdir()

    def negative_brier(estimator, X, Y):  # nested: it travels to the workers by value
        (notes / str(os.getpid())).touch()
        return -np.mean((estimator.predict_proba(X) - np.asarray(Y)) ** 2)

    def fit(estimator, grid, X, Y):
        search = GridSearchCV(
            estimator,
            grid,
            cv=MultiLabelStratifiedKFold(2, random_state=0),
            scoring=negative_brier,
        )
        with joblib.parallel_backend("ray", n_jobs=2):
            search.fit(X, Y)
        assert str(os.getpid()) not in {note.name for note in notes.iterdir()}
        scores = search.cv_results_["mean_test_score"]
        alone = search.fit(X, Y).cv_results_["mean_test_score"]
        np.testing.assert_allclose(scores, alone, atol=1e-5)
        assert np.ptp(scores) > 1e-3

    return fit


def frequent(Y):
    return Y.loc[:, Y.sum() >= 4]


def test_search_over_fusions_finds_the_store_in_a_folder(
    make_tiny, clipart, tmp_path, fit_on_ray
):
    frame, Y = clipart
    featurizer = make_tiny(cache=str(tmp_path / "store")).precompute(frame)
    items = featurizer.cache_info()["items"]
    pipe = Pipeline([("clip", featurizer), ("head", MultiLabelLogisticRegression())])
    fit_on_ray(pipe, {"clip__fusion": ["image", "concat"]}, frame, frequent(Y))
    info = featurizer.cache_info()
    assert info["items"] == items
    assert info["misses"] == items  # of precompute; this process encodes no more


def test_search_over_features_needs_no_featurizer(make_tiny, clipart, fit_on_ray):
    frame, Y = clipart
    features = make_tiny().transform(frame)
    head = MultiLabelLogisticRegression()
    fit_on_ray(head, {"C": [0.1, 10]}, features, frequent(Y))
