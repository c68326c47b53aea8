"""What the rows show, and with which featurizer: pictures, captions, nothing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier, top_labels
from sklearn_clip.zero_shot import _classifier

NAMES = ["cat", "dog", "sea", "food"]
SCORINGS = ["contrast", "softmax", "cosine"]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_featurizer_is_cloned_unless_frozen(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip).fit()
    assert model.featurizer_ is not clip and model.featurizer is clip
    frozen = FrozenEstimator(clip.fit(pictures))
    again = ZeroShotClassifier(NAMES, frozen).fit()
    assert again.featurizer_ is frozen
    np.testing.assert_array_equal(
        model.predict_proba(pictures), again.predict_proba(pictures)
    )
    assert not hasattr(clone(again), "label_names_")


def test_default_featurizer_reads_images_alone(monkeypatch, model_folder, pictures):
    def make(**parameters):
        return CLIPFeaturizer(model_folder, cache=None, **parameters)

    monkeypatch.setattr(_classifier, "CLIPFeaturizer", make)
    model = ZeroShotClassifier(NAMES).fit()
    assert model.featurizer_.text is None and model.featurizer_.image == "image"
    X = pd.DataFrame({"image": pictures, "text": "a cat"})
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(pictures))


@pytest.mark.parametrize("fusion", ["image", "text", "mean"])
def test_captions_count_if_the_featurizer_says_so(make_featurizer, pictures, fusion):
    X = [(picture, f"text {i}") for i, picture in enumerate(pictures)]
    clip = make_featurizer(fusion=fusion)
    model = ZeroShotClassifier(NAMES, clip, scoring="cosine", templates="none").fit()
    expected = unit(clip.transform(X)) @ clip.encode_texts(NAMES).T
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-5)


def narrow(image, text):
    return image[:, :7]


def test_function_that_leaves_the_space_of_prompts_is_refused(
    make_featurizer, pictures
):
    model = ZeroShotClassifier(NAMES, make_featurizer(fusion=narrow)).fit()
    with pytest.raises(ValueError, match=r"64 columns.*Got shape \(12, 7\)"):
        model.predict([(picture, "a") for picture in pictures])


@pytest.mark.filterwarnings("ignore:1 image could not be read")
@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("on_error", ["zero", "nan"])
def test_rows_that_show_nothing_get_no_label_and_a_warning(
    make_featurizer, pictures, scoring, on_error, tmp_path
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    clip = make_featurizer(text=None, on_error=on_error)
    model = ZeroShotClassifier(
        NAMES, clip, scoring=scoring, threshold=0.0, top_k=2, at_least_one=True
    ).fit()
    X = [pictures[0], None, str(broken), pictures[1]]
    with pytest.warns(UserWarning, match=r"2 of 4 rows show nothing \(first: row 1\)"):
        predicted = model.predict(X)
    assert (predicted.sum(axis=1) > 0).tolist() == [True, False, False, True]
    with pytest.warns(UserWarning, match="show nothing"):
        scores = model.decision_function(X)
    lowest = -1 if scoring == "cosine" else -87
    assert (scores[1] == lowest).all()
    if on_error == "nan":
        assert np.isnan(scores[2]).all()
        with (
            pytest.warns(UserWarning, match="show nothing"),
            pytest.raises(ValueError, match=r"row 2, column 0.*on_error='zero'"),
        ):
            top_labels(model, X, k=1)
    else:
        assert (scores[2] == lowest).all()
    good = model.decision_function([pictures[0], pictures[1]])
    np.testing.assert_allclose(scores[[0, 3]], good, atol=1e-5)


def test_rows_that_show_nothing_teach_nothing(make_featurizer, pictures, targets):
    clip = make_featurizer(text=None)
    model = ZeroShotClassifier(NAMES, clip, calibrate=True).fit(pictures, targets)
    more = [*pictures, None, None]
    Y = np.vstack([targets, np.ones((2, 4), int)])
    with pytest.warns(UserWarning, match="2 of 14 rows show nothing"):
        again = ZeroShotClassifier(NAMES, clip, calibrate=True).fit(more, Y)
    np.testing.assert_allclose(again.slope_, model.slope_, rtol=1e-5)
    with (
        pytest.warns(UserWarning, match="2 of 2 rows"),
        pytest.raises(ValueError, match="needs rows that show something"),
    ):
        again.fit([None, None], np.ones((2, 4), int))


def test_no_rows_give_no_predictions(clip):
    model = ZeroShotClassifier(NAMES, clip).fit()
    assert model.predict([]).shape == model.predict_proba([]).shape == (0, 4)
