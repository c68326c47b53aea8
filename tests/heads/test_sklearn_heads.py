"""scikit-learn's own classifiers as heads behind the featurizer, on clip art."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    ConstantSafeClassifier,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
    predict_labels,
    top_labels,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    macro_average_precision_score,
    map_scorer,
    masked_f1_micro_scorer,
)


def logistic():
    return LogisticRegression(C=10, max_iter=300)


HEADS = {
    "one-vs-rest": OneVsRestClassifier(logistic()),
    "multi-output": MultiOutputClassifier(logistic()),
    "chain": ClassifierChain(logistic(), order="random", random_state=0),
    "k-NN": KNeighborsClassifier(10, weights="distance", metric="cosine"),
    "forest": RandomForestClassifier(30, random_state=0),
    "perceptron": MLPClassifier(
        (32,), learning_rate_init=0.02, tol=1e-3, random_state=0
    ),
    "boosting": MultiOutputClassifier(
        HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=4, max_bins=32)
    ),
}


@pytest.fixture(scope="module")
def rows():
    """Training and test rows with any of four labels, and what embeds them once."""
    parts = []
    for split, n in (("train", 200), ("test", 100)):
        data = load_clipart(split=split, as_frame=True)
        Y = data.target[["animal", "bird", "food", "plant"]]
        Y = Y[Y.any(axis=1)].sample(n, random_state=0)
        parts += [data.data.loc[Y.index], Y]
    clip = CLIPFeaturizer("clipart-tiny")
    return *parts, clip.precompute(parts[0]).precompute(parts[2])


@pytest.fixture(params=HEADS)
def head(request):
    return clone(HEADS[request.param])


def tune(head):
    return ThresholdOptimizer(head, cv=0.4, random_state=0)


def test_head_learns_in_a_pipeline_and_its_thresholds_are_tuned(rows, head):
    X, Y, new, truth, clip = rows
    pipe = make_pipeline(clip, tune(head)).fit(X, Y)
    labels = pipe.predict(new)
    assert labels.shape == truth.shape and set(np.unique(labels)) == {0, 1}
    assert np.isfinite(pipe[-1].thresholds_).all()
    precision = map_scorer(pipe, new, truth)
    chance = truth.to_numpy().mean(axis=0).mean()
    assert precision > chance + 0.25
    names = predict_labels(pipe, new)
    expected = [set(Y.columns[row == 1]) for row in labels]
    assert [set(row) for row in names] == expected


def test_head_is_searched_over_fusions_and_saved(rows, head, tmp_path):
    X, Y, new, _, clip = rows
    search = GridSearchCV(
        Pipeline([("clip", clip), ("head", tune(head))]),
        {"clip__fusion": ["image", "concat"]},
        scoring=map_scorer,
        cv=MultiLabelStratifiedKFold(2, random_state=0),
        error_score="raise",
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert (scores > 0.4).all() and scores[0] != scores[1]
    joblib.dump(search.best_estimator_, tmp_path / "tagger.joblib")
    again = joblib.load(tmp_path / "tagger.joblib")
    np.testing.assert_array_equal(again.predict(new), search.predict(new))


def test_top_labels_reads_the_probabilities_of_any_head(rows, head):
    X, Y, new, truth, clip = rows
    pipe = make_pipeline(clip, head).fit(X, Y)
    found = top_labels(pipe, new, k=2, label_names=list(Y.columns))
    assert len(found) == len(new)
    assert all(len(row) == 2 and row[0][1] >= row[1][1] for row in found)
    first = [Y.columns.get_loc(row[0][0]) for row in found]
    hits = truth.to_numpy()[np.arange(len(new)), first]
    assert hits.mean() > 0.5


def test_one_vs_rest_and_multi_output_agree_with_the_exact_head(rows):
    X, Y, new, _, clip = rows
    exact = make_pipeline(clip, MultiLabelLogisticRegression(C=10)).fit(X, Y)
    expected = exact.predict_proba(new)
    pipe = make_pipeline(clip, clone(HEADS["one-vs-rest"])).fit(X, Y)
    np.testing.assert_allclose(pipe.predict_proba(new), expected, atol=2e-2)
    pipe = make_pipeline(clip, clone(HEADS["multi-output"])).fit(X, Y)
    members = np.stack([p[:, 1] for p in pipe.predict_proba(new)], axis=1)
    np.testing.assert_allclose(members, expected, atol=2e-2)


@pytest.mark.parametrize("meta", [MultiOutputClassifier, ClassifierChain])
def test_label_of_one_class_in_a_fold_passes_through_the_safe_wrapper(rows, meta):
    X, Y, new, truth, clip = rows
    Y = Y.copy()
    Y["rare"] = 0
    Y.iloc[5, -1] = 1  # one positive: some fold must do without
    folds = MultiLabelStratifiedKFold(2, random_state=0)
    held_in = [Y["rare"].to_numpy()[train].sum() for train, _ in folds.split(X, Y)]
    assert sorted(held_in) == [0, 1]
    plain = make_pipeline(clip, meta(logistic()))
    part = next(
        train for train, _ in folds.split(X, Y) if not Y["rare"].to_numpy()[train].any()
    )
    with pytest.raises(ValueError, match="at least 2 classes|contains only one label"):
        plain.fit(X.iloc[part], Y.iloc[part])
    safe = tune(meta(ConstantSafeClassifier(logistic())))
    search = GridSearchCV(
        make_pipeline(clip, safe),
        {"thresholdoptimizer__metric": ["f1", "jaccard"]},
        scoring=masked_f1_micro_scorer,
        cv=folds,
        error_score="raise",
    ).fit(X, Y)
    assert search.predict(new)[:, -1].sum() == 0
    precision = macro_average_precision_score(truth, search.predict_proba(new)[:, :-1])
    assert precision > truth.to_numpy().mean() + 0.25
