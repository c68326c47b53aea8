"""ZeroShotClassifier: fitted with and without data."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.frozen import FrozenEstimator

from sklearn_clip import (
    CLIPFeaturizer,
    ThresholdOptimizer,
    ZeroShotClassifier,
    predict_labels,
    top_labels,
)
from sklearn_clip.zero_shot import TEMPLATES

NAMES = ["cat", "dog", "sea", "food"]
NOWHERE = "local-dir:/nowhere"  # a model that cannot be loaded


def test_fit_needs_no_data(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip).fit()
    probabilities = model.predict_proba(pictures)
    assert probabilities.shape == (12, 4) and probabilities.dtype == np.float32
    assert ((probabilities > 0) & (probabilities < 1)).all()
    predicted = model.predict(pictures)
    assert predicted.dtype == np.int64
    np.testing.assert_array_equal(predicted, probabilities >= 0.2)
    assert [c.tolist() for c in model.classes_] == [[0, 1]] * 4
    assert model.label_names_.tolist() == NAMES


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"classes": ["a", "a"]}, ValueError, "classes must be distinct"),
        ({"templates": "a photo"}, ValueError, "templates must be one of"),
        ({"background": []}, ValueError, "background must hold at least one"),
        ({"scoring": "dot"}, ValueError, "The 'scoring' parameter"),
        ({"threshold": 2.0}, ValueError, "threshold must be a probability"),
        ({"threshold": {"bird": 0.1}}, ValueError, "must name labels.*'bird'"),
        ({"top_k": 0}, ValueError, "The 'top_k' parameter"),
        ({"threshold": None}, ValueError, "top_k must be given.*Got threshold=None"),
        ({"logit_scale": 0}, ValueError, "The 'logit_scale' parameter"),
        ({"calibrate": True}, ValueError, "X and y must be given to fit"),
        ({"featurizer": "ViT-B-32"}, ValueError, "The 'featurizer' parameter"),
        (
            {"featurizer": FrozenEstimator(ThresholdOptimizer(None))},
            TypeError,
            "a FrozenEstimator of ThresholdOptimizer",
        ),
        (
            {"featurizer": CLIPFeaturizer(NOWHERE)},
            ValueError,
            "fusion='concat'.*for both fusion='mean'",
        ),
        (
            {
                "featurizer": CLIPFeaturizer(
                    NOWHERE, text=None, add_missing_indicator=True
                )
            },
            ValueError,
            "without indicators",
        ),
        (
            {"featurizer": CLIPFeaturizer(NOWHERE, fusion="product")},
            ValueError,
            "compared",
        ),
    ],
)
def test_errors_come_before_a_model_is_looked_for(parameters, error, message):
    default = {"classes": NAMES, "featurizer": CLIPFeaturizer(NOWHERE, text=None)}
    model = ZeroShotClassifier(**default | parameters)  # __init__ checks nothing
    with pytest.raises(error, match=message):
        model.fit()


def test_wrong_targets_are_refused(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip)
    with pytest.raises(ValueError, match="one column for each of the 4 labels.*Got 3"):
        model.fit(pictures, targets[:, :3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(pictures, targets[:5])
    with pytest.raises(ValueError, match="only 0 and 1"):
        model.fit(pictures, targets * 3)
    with pytest.raises(ValueError, match="2 dimensions"):
        model.fit(pictures, targets[:, 0])
    shuffled = pd.DataFrame(targets, columns=["dog", "cat", "sea", "food"])
    with pytest.raises(ValueError, match="in their order. Got 'dog' for 'cat'"):
        model.fit(pictures, shuffled)
    model.fit(pictures, shuffled[["cat", "dog", "sea", "food"]])


def test_calibration_takes_every_form_of_targets(clip, pictures, targets):
    def fit(y):
        return ZeroShotClassifier(NAMES, clip, calibrate=True).fit(pictures, y)

    expected = fit(targets)
    for form in (
        targets.astype(bool),
        sparse.csr_matrix(targets),
        pd.DataFrame(targets, columns=NAMES),
    ):
        np.testing.assert_allclose(fit(form).intercept_, expected.intercept_, rtol=1e-5)
    unknown = targets.astype(float)
    unknown[:, 1] = np.nan
    model = fit(unknown)
    assert np.isfinite(model.predict_proba(pictures)).all()
    # A label of which nothing is known does what all do.
    slope = model.slope_[1]
    assert slope == pytest.approx(model.add_classes(["new"]).slope_[-1], rel=1e-3)


@pytest.mark.parametrize("scoring", ["contrast", "softmax", "cosine", "sigmoid"])
def test_calibration_follows_what_the_rows_say(clip, pictures, targets, scoring):
    def mean_of(y):
        model = ZeroShotClassifier(NAMES, clip, scoring=scoring, calibrate=True)
        return (
            model.fit(pictures * 4, np.tile(y, (4, 1))).predict_proba(pictures).mean()
        )

    rare, common = np.zeros_like(targets), np.ones_like(targets)
    assert mean_of(rare) + 0.1 < mean_of(targets) < mean_of(common) - 0.1


def test_refit_without_calibration_forgets_it(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, calibrate=True).fit(pictures, targets)
    assert model.slope_.shape == model.intercept_.shape == (4,)
    plain = ZeroShotClassifier(NAMES, clip).fit()
    model.set_params(calibrate=False).fit()
    assert not hasattr(model, "slope_")
    np.testing.assert_array_equal(
        model.predict_proba(pictures), plain.predict_proba(pictures)
    )


@pytest.mark.parametrize("scoring", ["contrast", "cosine"])
@pytest.mark.parametrize("calibrate", [False, True])
def test_added_classes_leave_the_others_alone(
    clip, pictures, targets, scoring, calibrate
):
    model = ZeroShotClassifier(
        NAMES[:3], clip, scoring=scoring, calibrate=calibrate, threshold=0.3
    )
    model.fit(pictures, targets[:, :3])
    before = model.decision_function(pictures)
    assert model.add_classes({"food": ["food", "a meal"]}) is model
    assert model.label_names_.tolist() == NAMES and len(model.classes_) == 4
    after = model.decision_function(pictures)
    np.testing.assert_allclose(after[:, :3], before, atol=1e-4)
    assert model.predict(pictures).shape == (12, 4)
    assert model.thresholds_.tolist() == [0.3] * 4
    if not calibrate:
        whole = ZeroShotClassifier(
            {name: name for name in NAMES[:3]} | {"food": ["food", "a meal"]},
            clip,
            scoring=scoring,
        ).fit()
        np.testing.assert_allclose(after, whole.decision_function(pictures), atol=1e-4)
    with pytest.raises(ValueError, match="must be new. Got 'food'"):
        model.add_classes(["bird", "food"])
    assert len(model.label_names_) == 4


def test_prompts_are_encoded_once(model_folder, count_encoded, tmp_path, pictures):
    clip = CLIPFeaturizer(model_folder, text=None, cache=tmp_path / "store")
    model = ZeroShotClassifier(NAMES, clip, scoring="cosine", top_k=1).fit()
    first = count_encoded["text"]
    assert first >= len(NAMES) * len(TEMPLATES["default"])
    ZeroShotClassifier(NAMES[::-1], clip, scoring="softmax").fit()
    assert count_encoded["text"] == first
    model.add_classes(["bird"])
    assert count_encoded["text"] == first + len(TEMPLATES["default"])


def test_labels_by_name(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip, threshold=None, top_k=1).fit()
    first = [row[0][0] for row in top_labels(model, pictures, k=1)]
    assert predict_labels(model, pictures) == [[name] for name in first]
