"""ZeroShotClassifier: with and without data, alone and inside of scikit-learn."""

import inspect
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss
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
from sklearn_clip.datasets import load_clipart
from sklearn_clip.embedding import load_backbone
from sklearn_clip.metrics import masked_subset_accuracy_score
from sklearn_clip.zero_shot import TEMPLATES, _classifier

NAMES = ["cat", "dog", "sea", "food"]
SCORINGS = ["contrast", "softmax", "cosine"]


@pytest.fixture
def clip(make_featurizer):
    return make_featurizer(text=None)


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(12)


@pytest.fixture
def targets():
    rng = np.random.default_rng(0)
    return rng.integers(0, 2, size=(12, 4))


@pytest.fixture(scope="module")
def siglip_folder(tmp_path_factory, write_model):
    """A model that was trained with a scale and a bias."""
    folder = tmp_path_factory.mktemp("siglip") / "tiny"
    write_model(folder)
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["logit_bias"] = weights["logit_scale"] * 0 - 4.0
    weights["logit_scale"] = weights["logit_scale"] * 0 + np.log(8.0)
    save_file(weights, folder / "open_clip_model.safetensors")
    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    config["model_cfg"]["init_logit_bias"] = -10
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return f"local-dir:{folder}"


@pytest.fixture(scope="module")
def clipart():
    data = load_clipart(split="train", as_frame=True)
    rows = np.random.default_rng(0).permutation(len(data.data))[:500]
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    return clip, data.data.iloc[rows], data.target.iloc[rows]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


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


def test_cosine_is_that_of_image_and_averaged_prompts(clip, pictures):
    model = ZeroShotClassifier(
        {"cat": ["cat", "kitten"], "dog": "dog"},
        clip,
        scoring="cosine",
        templates=["a {}", "the {label}!"],
    ).fit()
    prompts = [
        clip.encode_texts(["a cat", "the cat!", "a kitten", "the kitten!"]),
        clip.encode_texts(["a dog", "the dog!"]),
    ]
    labels = unit(np.stack([texts.mean(axis=0) for texts in prompts]))
    expected = clip.encode_images(pictures) @ labels.T
    np.testing.assert_allclose(model.decision_function(pictures), expected, atol=1e-5)


def test_contrast_is_a_softmax_with_the_background_alone(clip, pictures):
    background = ["thing", "dog", "sky"]
    model = ZeroShotClassifier(
        NAMES, clip, background=background, templates="none"
    ).fit()
    images = clip.encode_images(pictures)
    masses = {
        name: np.exp(model.logit_scale_ * images @ clip.encode_texts([name])[0])
        for name in NAMES + background
    }
    found = model.predict_proba(pictures)
    for j, name in enumerate(NAMES):
        rest = sum(masses[b] for b in background if b != name)
        np.testing.assert_allclose(
            found[:, j], masses[name] / (masses[name] + rest), rtol=1e-4
        )
    alone = ZeroShotClassifier(
        ["sea"], clip, background=background, templates="none"
    ).fit()
    np.testing.assert_allclose(
        alone.predict_proba(pictures)[:, 0], found[:, 2], rtol=1e-4
    )


def test_softmax_labels_compete(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip, scoring="softmax").fit()
    np.testing.assert_allclose(model.predict_proba(pictures).sum(axis=1), 1, atol=1e-5)
    with pytest.raises(ValueError, match=r"two labels that compete. Got \['cat'\]"):
        ZeroShotClassifier(["cat"], clip, scoring="softmax").fit()


def test_sigmoid_uses_the_models_scale_and_bias(siglip_folder, pictures):
    clip = CLIPFeaturizer(siglip_folder, text=None, cache=None)
    model = ZeroShotClassifier(NAMES, clip, scoring="sigmoid", templates="none").fit()
    assert (model.logit_scale_, model.logit_bias_) == pytest.approx((8.0, -4.0))
    cosines = clip.encode_images(pictures) @ clip.encode_texts(NAMES).T
    expected = 1 / (1 + np.exp(4.0 - 8.0 * cosines))
    np.testing.assert_allclose(model.predict_proba(pictures), expected, atol=1e-5)


def test_scale_is_told_before_the_weights_are_rounded(siglip_folder):
    backbone = load_backbone(siglip_folder, precision="bf16")
    assert backbone.logit_scale == pytest.approx(8.0, rel=1e-6)
    assert load_backbone(siglip_folder).logit_bias == -4.0


def test_sigmoid_without_a_bias_asks_for_calibration(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, scoring="sigmoid")
    with pytest.raises(ValueError, match="trained with a bias.*calibrate=True"):
        model.fit()
    with pytest.raises(NotFittedError):
        model.predict(pictures)
    assert load_backbone(clip.model_name).logit_bias is None
    model.set_params(calibrate=True).fit(pictures, targets)
    assert np.isfinite(model.predict_proba(pictures)).all()


def test_logit_scale_may_be_given(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip).fit()
    again = ZeroShotClassifier(NAMES, clip, logit_scale=model.logit_scale_).fit()
    np.testing.assert_array_equal(
        model.predict_proba(pictures), again.predict_proba(pictures)
    )
    flat = ZeroShotClassifier(NAMES, clip, logit_scale=1e-6, background=["a", "b"])
    np.testing.assert_allclose(flat.fit().predict_proba(pictures), 1 / 3, atol=1e-4)


def test_cosine_is_no_probability_and_has_its_own_threshold(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, scoring="cosine").fit()
    assert not hasattr(model, "predict_proba") and np.isnan(model.thresholds_).all()
    with pytest.raises(ValueError, match="threshold must be given for scoring='cos"):
        model.predict(pictures)
    cosines = model.decision_function(pictures)
    cut = float(np.median(cosines))
    model.set_params(threshold=cut).fit()
    np.testing.assert_array_equal(model.predict(pictures), cosines >= cut)
    model.set_params(threshold="auto", top_k=1).fit()
    np.testing.assert_array_equal(
        model.predict(pictures).argmax(axis=1), cosines.argmax(axis=1)
    )
    model.set_params(calibrate=True, top_k=None).fit(pictures, targets)
    assert model.predict_proba(pictures).shape == (12, 4)
    assert (model.thresholds_ > 0).all()


def test_threshold_top_k_and_at_least_one_decide(clip, pictures):
    scores = ZeroShotClassifier(NAMES, clip).fit().predict_proba(pictures)

    def predict(**parameters):
        return ZeroShotClassifier(NAMES, clip, **parameters).fit().predict(pictures)

    two = predict(threshold=None, top_k=2)
    assert (two.sum(axis=1) == 2).all()
    np.testing.assert_array_equal(
        two.nonzero()[1], np.sort(np.argsort(-scores, axis=1)[:, :2], axis=1).ravel()
    )
    none = predict(threshold=1.0)
    assert none.sum() == 0
    one = predict(threshold=dict.fromkeys(NAMES, 0.999999), at_least_one=True)
    np.testing.assert_array_equal(one.argmax(axis=1), scores.argmax(axis=1))
    assert (one.sum(axis=1) == 1).all()
    never = predict(threshold={"dog": np.inf, "cat": 0.0})
    assert never[:, 0].all() and not never[:, 1].any()
    np.testing.assert_array_equal(never[:, 2:], scores[:, 2:] >= 0.2)


def test_top_k_is_read_at_every_prediction_and_threshold_at_fit(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip, threshold=None, top_k=1).fit()
    assert (model.predict(pictures).sum(axis=1) == 1).all()
    model.set_params(top_k=2, threshold=1.0)
    assert (model.predict(pictures).sum(axis=1) == 2).all()
    model.set_params(top_k=None)
    with pytest.raises(ValueError, match="top_k must be given.*Got threshold=1.0"):
        model.predict(pictures)
    assert model.fit().predict(pictures).sum() == 0
    cosines = ZeroShotClassifier(NAMES, clip, scoring="cosine", top_k=3).fit()
    with pytest.raises(ValueError, match="top_k must be given.*Got threshold='auto'"):
        cosines.set_params(top_k=None).predict(pictures)


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
            {"featurizer": CLIPFeaturizer()},
            ValueError,
            "fusion='concat'.*for both fusion='mean'",
        ),
        (
            {"featurizer": CLIPFeaturizer(text=None, add_missing_indicator=True)},
            ValueError,
            "without indicators",
        ),
        ({"featurizer": CLIPFeaturizer(fusion="product")}, ValueError, "compared"),
    ],
)
def test_errors_come_before_a_model_is_loaded(
    parameters, error, message, monkeypatch, make_featurizer
):
    def load(*args, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("sklearn_clip.embedding.backbone._loading._load", load)
    default = {"classes": NAMES, "featurizer": None}
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
    assert model.slope_[1] == pytest.approx(model._common[0], rel=1e-3)


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


def test_labels_by_name(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip, threshold=None, top_k=1).fit()
    first = [row[0][0] for row in top_labels(model, pictures, k=1)]
    assert predict_labels(model, pictures) == [[name] for name in first]


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


def test_no_rows_give_no_predictions(clip):
    model = ZeroShotClassifier(NAMES, clip).fit()
    assert model.predict([]).shape == model.predict_proba([]).shape == (0, 4)


def test_report_ranks_templates_of_every_label(clip, pictures, targets):
    templates = ["{}", "a {}", "no {} at all"]
    model = ZeroShotClassifier(NAMES, clip, templates=templates).fit()
    Y = targets.copy()
    Y[:, 3] = 0
    report = model.prompt_report(pictures, Y)
    assert report["label"].drop_duplicates().tolist() == ["macro avg", *NAMES]
    assert len(report) == 5 * 4
    for template in templates:
        alone = ZeroShotClassifier(NAMES, clip, templates=template).fit()
        scores = alone.decision_function(pictures)
        rows = report[report["template"] == template].set_index("label")
        expected = [average_precision_score(Y[:, j], scores[:, j]) for j in range(3)]
        found = rows["average_precision"]
        np.testing.assert_allclose(found[NAMES[:3]], expected, atol=1e-6)
        assert found["macro avg"] == pytest.approx(np.mean(expected))
        assert np.isnan(found["food"])
    together = report[report["template"] == "(all)"].set_index("label")
    scores = model.decision_function(pictures)
    assert together.loc["cat", "average_precision"] == pytest.approx(
        average_precision_score(Y[:, 0], scores[:, 0])
    )
    for _, rows in report.groupby("label"):
        assert rows["rank"].tolist() == [1, 2, 3, 4]
        values = rows["average_precision"].dropna()
        assert values.is_monotonic_decreasing


def test_report_takes_other_templates_and_unknown_labels(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, calibrate=True).fit(pictures, targets)
    Y = targets.astype(float)
    Y[0] = np.nan
    text = model.prompt_report(pictures, Y, templates="drawing", output="text")
    lines = text.splitlines()
    assert lines[0].split() == ["label", "rank", "ap", "template"]
    assert len(lines) == 1 + 5 * (len(TEMPLATES["drawing"]) + 1)
    part = model.prompt_report(pictures[1:], targets[1:], templates="drawing")
    first = part["average_precision"][0]
    assert lines[1].split()[:4] == ["macro", "avg", "1", f"{first:.3f}"]
    with pytest.raises(ValueError, match="output must be 'frame' or 'text'"):
        model.prompt_report(pictures, Y, output="table")


def test_scores_of_clip_art_reach_their_floor(clipart):
    clip, X, Y = clipart
    model = ZeroShotClassifier(list(Y.columns), clip).fit(X, Y)
    scores = model.decision_function(X)
    assert average_precision_score(Y, scores, average="macro") > 0.29
    assert f1_score(Y, model.predict(X), average="macro", zero_division=0) > 0.28
    # Better than to know how frequent every label is, without having seen one.
    frequency = np.broadcast_to(Y.mean(axis=0), Y.shape)
    known = log_loss(Y.to_numpy().ravel(), frequency.ravel())
    found = log_loss(Y.to_numpy().ravel(), model.predict_proba(X).ravel())
    assert found < 0.85 * known


def test_one_row_a_label_improves_probabilities_and_keeps_the_order(clipart):
    clip, X, Y = clipart
    pool, test = np.arange(250), np.arange(250, 500)
    positives = (np.flatnonzero(Y.iloc[pool][name]) for name in Y)
    shots = sorted({int(rows[0]) for rows in positives if len(rows)})
    assert len(shots) <= Y.shape[1]
    plain = ZeroShotClassifier(list(Y.columns), clip).fit()
    taught = ZeroShotClassifier(list(Y.columns), clip, calibrate=True)
    taught.fit(X.iloc[shots], Y.iloc[shots])
    held_out = Y.iloc[test].to_numpy()

    def loss(model):
        return log_loss(held_out.ravel(), model.predict_proba(X.iloc[test]).ravel())

    def f1(model):
        predicted = model.predict(X.iloc[test])
        return f1_score(held_out, predicted, average="macro", zero_division=0)

    assert loss(taught) < loss(plain) - 0.001
    assert f1(taught) > f1(plain) - 0.01
    before = plain.decision_function(X.iloc[test])
    after = taught.decision_function(X.iloc[test])
    for label in range(Y.shape[1]):
        order = np.argsort(before[:, label])
        assert (np.diff(after[order, label]) >= -1e-4).all()
