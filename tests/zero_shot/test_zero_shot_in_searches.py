"""Zero-shot inside of scikit-learn: searches, scorers, pickles, conventions."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sklearn_clip import (
    CLIPFeaturizer,
    ModelMismatchError,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
    ZeroShotClassifier,
    predict_labels,
    top_labels,
)
from sklearn_clip.metrics import masked_subset_accuracy_score

NAMES = ["cat", "dog", "sea", "food"]
SCORINGS = ["contrast", "softmax", "cosine"]


def test_search_over_everything_embeds_each_picture_once(
    model_folder, count_encoded, tmp_path, pictures, targets
):
    clip = CLIPFeaturizer(model_folder, text=None, cache=tmp_path / "store")
    pipe = Pipeline([("zero", ZeroShotClassifier(NAMES, clip))])
    grid = [
        {"zero__templates": ["none", "photo"], "zero__scoring": ["contrast"]},
        {
            "zero__scoring": ["softmax"],
            "zero__top_k": [1, 2],
            "zero__threshold": [None],
        },
        {"zero__calibrate": [True], "zero__scoring": ["cosine", "sigmoid"]},
        {"zero__scoring": ["cosine"], "zero__threshold": [-0.1, 0.1]},
    ]
    search = GridSearchCV(pipe, grid, scoring="f1_micro", cv=3, error_score="raise")
    search.fit(pictures, targets)
    assert count_encoded["image"] == len(pictures)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    names = predict_labels(search, pictures)
    assert len(names) == 12 and set(sum(names, [])) <= set(NAMES)


def test_scorers_take_it(clip, pictures):
    Y = np.random.default_rng(0).integers(0, 2, size=(12, 4))
    Y[:2] = [[0] * 4, [1] * 4]
    model = ZeroShotClassifier(NAMES, clip)
    for scoring in ("average_precision", "roc_auc"):
        found = cross_val_score(
            model, pictures, Y, scoring=scoring, cv=[(range(2), range(12))]
        )
        assert 0 < found[0] <= 1


def test_score_is_subset_accuracy_over_what_is_known(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, threshold=0.3).fit()
    predicted, weights = model.predict(pictures), np.arange(12.0)
    targets[::3] = predicted[::3]  # some rows are right
    for w in (None, weights):
        expected = accuracy_score(targets, predicted, sample_weight=w)
        assert model.score(pictures, targets, sample_weight=w) == expected
        assert model.score(pictures, sparse.csr_matrix(targets), w) == expected
    unknown = targets.astype(float)
    unknown[:, 1] = np.nan
    unknown[4:6] = np.nan  # rows that say nothing
    assert model.score(pictures, unknown) == masked_subset_accuracy_score(
        unknown, predicted
    )
    known, some = [0, 1, 2, 3, *range(6, 12)], [0, 2, 3]
    expected = accuracy_score(
        targets[known][:, some], predicted[known][:, some], sample_weight=weights[known]
    )
    assert model.score(pictures, unknown, weights) == expected
    alone = ZeroShotClassifier(NAMES[:1], clip, threshold=0.3).fit()
    assert alone.score(pictures, unknown[:, :1]) == accuracy_score(
        targets[known][:, 0], predicted[known][:, 0]
    )
    with pytest.raises(ValueError, match="in their order. Got 'dog' for 'cat'"):
        model.score(pictures, pd.DataFrame(targets, columns=["dog", *NAMES[::2], "x"]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(pictures, targets[:5])


def test_search_scores_unknown_targets(clip, pictures, targets):
    unknown = targets.astype(float)
    unknown[::2, 1] = np.nan
    model = ZeroShotClassifier(NAMES, clip)
    grid = {"threshold": [0.0, 0.3, 1.0]}
    folds = MultiLabelStratifiedKFold(3)
    search = GridSearchCV(model, grid, cv=folds, error_score="raise")
    assert 0 <= search.fit(pictures, unknown).best_score_ <= 1


def test_thresholds_are_tuned_around_it(clip, pictures, targets):
    Y = pd.DataFrame(targets, columns=NAMES)
    for scoring in SCORINGS:
        inner = ZeroShotClassifier(NAMES, clip, scoring=scoring)
        tuned = ThresholdOptimizer(inner, cv=3).fit(pictures, Y)
        expected = "decision_function" if scoring == "cosine" else "predict_proba"
        assert tuned.response_method_ == expected
        assert f1_score(Y, tuned.predict(pictures), average="macro") > 0.3
        ranked = top_labels(tuned, pictures[:2], k=2)
        assert [len(row) for row in ranked] == [2, 2]


def test_conventions_of_scikit_learn_hold(clip):
    model = ZeroShotClassifier(NAMES, clip, top_k=3)
    copy = clone(model)
    assert copy.get_params()["top_k"] == 3 and copy.classes == NAMES
    assert copy.featurizer is not clip
    assert "featurizer__fusion" in model.get_params()
    assert set(model.get_params(deep=False)) == set(
        inspect.signature(ZeroShotClassifier).parameters
    )
    assert repr(model).startswith("ZeroShotClassifier(classes=['cat'")
    assert is_classifier(model)
    tags = get_tags(model)
    assert tags.classifier_tags.multi_label and not tags.target_tags.required
    for method in ("predict", "predict_proba", "decision_function", "prompt_report"):
        with pytest.raises(NotFittedError):
            arguments = [None] * (1 + (method == "prompt_report"))
            getattr(model, method)(*arguments)
    with pytest.raises(NotFittedError):
        model.add_classes(["x"])


@pytest.mark.parametrize("calibrate", [False, True])
def test_pickle_is_small_and_predicts_the_same(clip, pictures, targets, calibrate):
    model = ZeroShotClassifier(NAMES, clip, calibrate=calibrate).fit(pictures, targets)
    data = pickle.dumps(model)
    assert len(data) < 60_000
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.predict(pictures), model.predict(pictures))
    np.testing.assert_allclose(
        again.predict_proba(pictures), model.predict_proba(pictures), atol=1e-6
    )


def test_pickle_meets_no_other_weights(write_model, tmp_path, pictures):
    name = write_model(tmp_path / "model")
    clip = CLIPFeaturizer(name, text=None, cache=None)
    data = pickle.dumps(ZeroShotClassifier(NAMES, clip).fit())
    write_model(tmp_path / "model", seed=1)
    with pytest.raises(ModelMismatchError, match="other weights"):
        pickle.loads(data).predict(pictures)
