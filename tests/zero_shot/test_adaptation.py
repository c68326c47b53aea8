"""Zero-shot that is fitted to rows without labels."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
from sklearn_clip._shared import _entries
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)

NAMES = ["cat", "dog", "sea", "food"]
WAYS = ("scores", "captions", "images")
CAPTIONS = ["a cat", "two dogs", "the sea", "food and drink", "a cat at sea"]


def make(clip, way, **parameters):
    captions = CAPTIONS if way == "captions" else None
    return ZeroShotClassifier(
        NAMES, clip, adapt=way, **{"captions": captions} | parameters
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prior": 0.1}, r"prior is what adapt= brings.*Got adapt=None"),
        (
            {"adapt": "scores", "prior": 1.5},
            r"in \[0, 1\].*Got 1.5 \(the mean of all labels\)",
        ),
        (
            {"adapt": "scores", "prior": [0.1, 0.2, -1, 0.3]},
            r"in \[0, 1\].*Got -1.0 \(label 'sea'\)",
        ),
        ({"adapt": "images", "prior": [0.1, 0.2]}, r"4 labels. Got shape \(2,\)"),
        ({"adapt": "images", "prior": {"dgo": 0.2}}, "prior must name.*'dgo'"),
        ({"adapt": "scores", "scoring": "cosine"}, "log-odds, and scoring='cosine'"),
        ({"adapt": "images", "scoring": "cosine"}, "adapt='images' needs scores that"),
        (
            {"adapt": "scores", "scoring": "sigmoid", "calibrate": True},
            "scoring='sigmoid' gives cosines",
        ),
        (
            {"adapt": "captions", "scoring": "cosine", "prior": 0.1},
            "prior needs scores that are log-odds",
        ),
        ({"adapt": "scores", "prior": {"dog": "x"}}, r"Got x \(label 'dog'\)"),
        ({"adapt": "scores", "prior": [0.1, None, "?", 1]}, r"Got \? \(label 'sea'\)"),
        ({"adapt": "other"}, "'adapt' parameter"),
        ({"adapt": "captions"}, "needs texts.*give|needs texts: rows with a column"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    clip, pictures, targets, parameters, message
):
    with pytest.raises(ValueError, match=message):
        ZeroShotClassifier(NAMES, clip, **parameters).fit(pictures, targets)


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_needed(clip, way):
    with pytest.raises(ValueError, match=f"adapt='{way}' learns from rows.*Got None"):
        make(clip, way).fit()


@pytest.mark.parametrize("scoring", ["contrast", "softmax"])
@pytest.mark.parametrize("way", WAYS)
def test_mean_probabilities_become_the_prior(clip, make_pictures, way, scoring):
    pictures = make_pictures(60)
    prior = np.array([0.02, 0.3, 0.1, 0.6])
    model = make(clip, way, scoring=scoring, prior=prior).fit(pictures)
    found = model.predict_proba(pictures).mean(axis=0)
    # As far as 10 rows of all labels beside 60 let them.
    np.testing.assert_allclose(found, prior, rtol=0.5)
    np.testing.assert_array_equal(model.prior_, prior)
    assert (np.argsort(found) == np.argsort(prior)).all()


def test_mean_probabilities_of_many_rows_are_the_prior(clipart):
    clip, X, Y = clipart
    prior = Y.mean()
    for way in WAYS:
        model = ZeroShotClassifier(list(Y.columns), clip, adapt=way, prior=prior)
        found = model.fit(X).predict_proba(X).mean(axis=0)
        np.testing.assert_allclose(found, prior, atol=0.003, err_msg=way)


def test_prior_of_every_form_is_read(clip, pictures):
    def read(prior):
        return make(clip, "scores", prior=prior).fit(pictures).prior_

    estimate = read(None)
    assert ((estimate > 0) & (estimate < 1)).all()
    np.testing.assert_array_equal(read([0.2] * 4), [0.2] * 4)
    np.testing.assert_array_equal(read(np.nan), estimate)
    np.testing.assert_array_equal(read(pd.Series([0, 1, 0.5, 0.2]))[2:], [0.5, 0.2])
    assert read([0, 1, 0.5, 0.2])[:2] == pytest.approx([1e-4, 1 - 1e-4])
    some = read({"dog": 0.3, "sea": None})
    assert some[1] == 0.3
    np.testing.assert_array_equal(some[[0, 2, 3]], estimate[[0, 2, 3]])
    np.testing.assert_array_equal(read([np.nan, 0.3, np.nan, np.nan]), some)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mean", [0, 0.02, 0.2, 0.7, np.float32(0.5)])
def test_one_number_is_the_mean_over_the_labels(clipart, way, mean):
    clip, X, Y = clipart
    names = list(Y.columns)
    own = ZeroShotClassifier(names, clip, adapt=way).fit(X).prior_
    model = ZeroShotClassifier(names, clip, adapt=way, prior=mean).fit(X)
    found = model.predict_proba(X).mean(axis=0)
    assert found.mean() == pytest.approx(max(mean, 1e-4), rel=0.02)
    assert model.prior_.mean() == pytest.approx(max(mean, 1e-4), rel=0.01)
    if way == "images":  # all labels alike
        assert np.ptp(model.intercept_) == 0
    else:
        ratio = (model.prior_ / (1 - model.prior_)) / (own / (1 - own))
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_prior_with_names_goes_by_them(clip, pictures):
    series = pd.Series({"sea": 0.3, "food": 0.4, "cat": 0.1, "dog": 0.2})
    model = make(clip, "scores", prior=series).fit(pictures)
    np.testing.assert_array_equal(model.prior_, [0.1, 0.2, 0.3, 0.4])
    frame = pd.DataFrame(np.eye(4), columns=NAMES[::-1])
    frame["cat"] = [1, 1, 0, 0]
    model.set_params(prior=frame.mean()).fit(pictures)
    np.testing.assert_array_equal(model.prior_, [0.5, 0.25, 0.25, 0.25])
    with pytest.raises(ValueError, match="prior must name labels.*'wood'"):
        model.set_params(prior=pd.Series({"wood": 0.1})).fit(pictures)


def test_scores_keep_the_order_within_a_label(clip, make_pictures):
    pictures = make_pictures(40)
    plain = ZeroShotClassifier(NAMES, clip).fit()
    model = make(clip, "scores", prior=[0.1, 0.5, 0.01, 0.2]).fit(pictures)
    before, after = plain.decision_function(pictures), model.decision_function(pictures)
    np.testing.assert_allclose(
        after, before * model.slope_ + model.intercept_, atol=1e-5
    )
    assert (model.slope_ > 0).all()


@pytest.mark.parametrize("way", ["captions", "images"])
def test_without_a_prior_the_mean_of_all_probabilities_stays(clipart, way):
    clip, X, Y = clipart
    names = list(Y.columns)
    plain = ZeroShotClassifier(names, clip).fit().predict_proba(X)
    model = ZeroShotClassifier(names, clip, adapt=way).fit(X)
    found = model.predict_proba(X)
    assert found.mean() == pytest.approx(plain.mean(), abs=0.001)
    np.testing.assert_allclose(model.prior_, found.mean(axis=0), atol=0.002)
    if way == "captions":
        np.testing.assert_allclose(model.prior_, plain.mean(axis=0), atol=0.002)


@pytest.mark.parametrize("way", WAYS)
def test_it_pays_on_drawings(clipart, way):
    clip, X, Y = clipart
    new = load_clipart(split="train", as_frame=True)
    rest = new.data.index.difference(X.index)
    X_new, Y_new = new.data.loc[rest], new.target.loc[rest]
    names = list(Y.columns)

    def figures(model):
        scores = model.decision_function(X_new)
        return np.array(
            [
                macro_average_precision_score(Y_new, scores),
                global_average_precision_score(Y_new, scores, k=10),
            ]
        )

    plain = figures(ZeroShotClassifier(names, clip).fit())
    model = ZeroShotClassifier(names, clip, adapt=way)
    assert (figures(model.fit(X)) >= plain - 0.004).all()
    known = figures(model.set_params(prior=Y.mean()).fit(X))
    assert known[1] > plain[1] + 0.03


@pytest.mark.filterwarnings("ignore:1 image could not be read")
@pytest.mark.parametrize("on_error", ["zero", "nan"])
@pytest.mark.parametrize("way", WAYS)
def test_rows_that_show_nothing_teach_nothing(
    make_featurizer, pictures, way, on_error, tmp_path
):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    clip = make_featurizer(text=None, on_error=on_error)
    model = make(clip, way).fit(pictures)
    expected = model.predict_proba(pictures)
    broken = [None, str(tmp_path / "broken.png")]
    with pytest.warns(UserWarning, match="2 of 14 rows show nothing"):
        again = make(clip, way, top_k=1, threshold=None).fit([*pictures, *broken])
    np.testing.assert_allclose(again.predict_proba(pictures), expected, atol=1e-5)
    with pytest.warns(UserWarning, match="show nothing"):
        found = again.predict_proba(broken)
        labels = again.predict(broken)
    assert found[0].max() < 1e-20 and not labels.any()
    assert np.isnan(found[1]).all() == (on_error == "nan")
    with (
        pytest.warns(UserWarning, match="2 of 2 rows show nothing"),
        pytest.raises(ValueError, match=f"adapt='{way}' needs rows that show"),
    ):
        model.fit(broken)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fusion", ["text", "mean"])
def test_texts_and_both_work(make_featurizer, pictures, fusion, way):
    X = [(picture, f"a cat {i}") for i, picture in enumerate(pictures)]
    X[3] = (X[3][0], None)
    clip = make_featurizer(fusion=fusion)
    model = make(clip, way, captions=None)
    if fusion == "text":
        with pytest.warns(UserWarning, match="1 of 12 rows show nothing"):
            model.fit(X)
    else:
        model.fit(X)
    found = model.predict_proba(X[:3])
    assert np.isfinite(found).all()
    assert np.ptp(found, axis=0).min() > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scoring", ["contrast", "softmax"])
def test_regions_work(make_featurizer, make_pictures, way, scoring):
    pictures = make_pictures(20)
    clip = make_featurizer(text=None, regions="2x2")
    prior = [0.1, 0.2, 0.3, 0.4]
    model = make(clip, way, scoring=scoring, prior=prior).fit(pictures)
    found = model.predict_proba(pictures).mean(axis=0)
    assert (np.argsort(found) == np.arange(4)).all()
    plain = make(make_featurizer(text=None), way, scoring=scoring, prior=prior)
    other = plain.fit(pictures).predict_proba(pictures)
    assert np.abs(other - model.predict_proba(pictures)).max() > 1e-3


@pytest.mark.parametrize("way", WAYS)
def test_one_row_is_enough_and_changes_little(clip, pictures, way):
    plain = ZeroShotClassifier(NAMES, clip).fit().decision_function(pictures)
    found = make(clip, way).fit(pictures[:1]).decision_function(pictures)
    assert np.abs(found - plain).max() < 1.5


@pytest.mark.parametrize("way", WAYS)
def test_blocks_of_rows_change_nothing(clip, pictures, way, monkeypatch):
    model = make(clip, way).fit(pictures)
    expected = model.decision_function(pictures)
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 8)
    again = make(clip, way).fit(pictures)
    np.testing.assert_allclose(again.decision_function(pictures), expected, atol=1e-4)
    np.testing.assert_array_equal(again.predict(pictures), model.predict(pictures))


@pytest.mark.parametrize("way", WAYS)
def test_labels_that_are_given_are_not_looked_at(clip, pictures, targets, way):
    expected = make(clip, way).fit(pictures).decision_function(pictures)
    found = make(clip, way).fit(pictures, targets).decision_function(pictures)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("way", WAYS)
def test_calibration_comes_after(clip, make_pictures, way):
    pictures = make_pictures(80)
    rng = np.random.default_rng(0)
    adapted = make(clip, way, prior=0.3).fit(pictures)
    odds = adapted.decision_function(pictures)
    Y = (rng.random(odds.shape) < expit(odds + 1.5)).astype(float)
    Y[30:] = np.nan  # rows without labels count for adapting alone
    model = make(clip, way, prior=0.3, calibrate=True).fit(pictures, Y)
    found = model.decision_function(pictures)
    for before, after in zip(odds.T, found.T, strict=True):
        slope, intercept = np.polyfit(before, after, 1)
        np.testing.assert_allclose(after, slope * before + intercept, atol=1e-3)
        assert slope > 0.5
    assert found.mean() > odds.mean() + 0.5
    assert hasattr(model, "prior_")


def test_cosines_move_with_captions_alone(clip, pictures):
    model = make(clip, "captions", scoring="cosine", threshold=0.1).fit(pictures)
    plain = ZeroShotClassifier(NAMES, clip, scoring="cosine").fit()
    found = model.decision_function(pictures)
    assert not hasattr(model, "prior_") and not hasattr(model, "slope_")
    assert np.abs(found - plain.decision_function(pictures)).max() > 1e-4
    moved = model._bank.move(clip.encode_images(pictures))
    np.testing.assert_allclose(found, moved @ model.label_embeddings_.T, atol=1e-5)
    calibrated = make(clip, "captions", scoring="cosine", calibrate=True)
    Y = np.random.default_rng(0).integers(0, 2, size=(12, 4))
    assert calibrated.fit(pictures, Y).predict_proba(pictures).max() <= 1


def test_models_with_a_bias_work(siglip_folder, pictures):
    clip = CLIPFeaturizer(siglip_folder, text=None, cache=None)
    for way in WAYS:
        model = make(clip, way, scoring="sigmoid", prior=0.25).fit(pictures)
        assert model.predict_proba(pictures).mean() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("way", WAYS)
def test_fitted_models_travel(clip, pictures, way):
    model = make(clip, way).fit(pictures)
    expected = model.predict_proba(pictures)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(pictures), expected)
    copy = clone(model)
    assert not hasattr(copy, "prior_") and copy.adapt == way
    np.testing.assert_array_equal(copy.fit(pictures).predict_proba(pictures), expected)
    frozen = FrozenEstimator(clip.fit(pictures))
    other = make(frozen, way).fit(pictures)
    np.testing.assert_array_equal(other.predict_proba(pictures), expected)


def test_pickle_holds_vectors_of_captions_and_no_texts(clip, pictures):
    captions = [f"a secret {i}" for i in range(400)]
    model = make(clip, "captions", captions=captions).fit(pictures)
    model.captions = None
    saved = pickle.dumps(model)
    assert b"a secret" not in saved
    plain = len(pickle.dumps(ZeroShotClassifier(NAMES, clip).fit()))
    assert len(saved) < plain + 400 * 64 * 2 + 5000


def test_model_saved_before_there_was_adapt_gives_the_scores_it_gave(clip, pictures):
    model = ZeroShotClassifier(NAMES, clip).fit()
    state = model.__getstate__()
    for name in ("adapt", "prior", "captions"):
        del state[name]
    old = ZeroShotClassifier.__new__(ZeroShotClassifier)
    old.__setstate__(state)
    np.testing.assert_array_equal(
        old.predict_proba(pictures), model.predict_proba(pictures)
    )
    assert old.get_params()["adapt"] is None
    assert old.add_classes(["harp"]).predict_proba(pictures).shape == (12, 5)


@pytest.mark.parametrize("way", WAYS)
def test_fitting_again_forgets(clip, pictures, way):
    model = make(clip, way, prior=0.3).fit(pictures)
    with pytest.raises(ValueError, match="add_classes has no rows"):
        model.add_classes(["harp"])
    model.set_params(adapt=None, prior=None).fit()
    plain = ZeroShotClassifier(NAMES, clip).fit()
    np.testing.assert_array_equal(
        model.decision_function(pictures), plain.decision_function(pictures)
    )
    assert not hasattr(model, "prior_") and not hasattr(model, "slope_")
    assert len(model.add_classes(["harp"]).label_names_) == 5


def test_prompt_report_is_of_prompts_alone(clip, pictures, targets):
    plain = ZeroShotClassifier(NAMES, clip).fit()
    expected = plain.prompt_report(pictures, targets, output="text")
    for way in WAYS:
        model = make(clip, way).fit(pictures)
        assert model.prompt_report(pictures, targets, output="text") == expected


def test_search_chooses_a_way(clip, pictures, targets):
    grid = [
        {"adapt": [None, "scores", "images"]},
        {"adapt": ["captions"], "captions": [CAPTIONS]},
        {"adapt": ["scores"], "prior": [0.2, {"dog": 0.5}]},
    ]
    search = GridSearchCV(
        ZeroShotClassifier(NAMES, clip),
        grid,
        scoring="f1_micro",
        cv=2,
        error_score="raise",
    )
    search.fit(pictures, targets)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
