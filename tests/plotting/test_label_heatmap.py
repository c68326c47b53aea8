"""Where a tagger saw a label: regions scored, blended, drawn, and refused."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from scipy.special import logit
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    RegionClassifier,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.embedding.images._preparation import PixelPlan, Preparation
from sklearn_clip.plotting import LabelHeatmapDisplay
from sklearn_clip.plotting._heat import blend_regions, boxes_in_pictures
from sklearn_clip.plotting._region_scores import RegionScorer, take_apart

NAMES = ["red", "blue", "green"]
CORNERS = [(0, 0), (1, 0), (0, 1), (1, 1)]


def draw(*colours, side=96, height=None):
    """One disc a corner; None leaves it white."""
    picture = Image.new("RGB", (side, height or side), "white")
    half = side // 2
    for colour, (x, y) in zip(colours, CORNERS, strict=False):
        if colour is not None:
            left, top = x * half + 8, y * (height or side) // 2 + 8
            disc = left, top, left + half - 16, top + half - 16
            ImageDraw.Draw(picture).ellipse(disc, fill=colour)
    return picture


@pytest.fixture(scope="module")
def rows():
    """Twelve pictures of one disc each, with texts, and their labels."""
    pictures, texts, Y = [], [], []
    for number in range(12):
        label = number % 3
        corner = number // 3
        pictures.append(draw(*[None] * corner, NAMES[label]))
        texts.append(f"number {number}" if number % 4 else None)
        Y.append([int(label == other) for other in range(3)])
    X = pd.DataFrame({"image": pictures, "text": texts})
    return X, pd.DataFrame(Y, columns=NAMES)


def make_clip(**parameters):
    return CLIPFeaturizer("clipart-tiny", **parameters)


@pytest.fixture(scope="module")
def tagger(rows):
    X, Y = rows
    head = MultiLabelLogisticRegression(C=100)
    return make_pipeline(make_clip(text=None), head).fit(X, Y)


def by_hand(clip, behind, X, regions, n_blocks=1):
    """Rows of regions put together from what the featurizer says in public."""
    local, _ = clip.encode_regions(X["image"], regions)
    n, r, width = local.shape
    whole = clip.transform(X)
    scores = []
    for region in range(r):
        part = whole.copy()
        part[:, : n_blocks * width] = np.tile(local[:, region], n_blocks)
        scores.append(behind.predict_proba(part))
    return np.stack(scores, axis=1)


@pytest.mark.parametrize("regions", ["2x2", "3x3", "pyramid", "tokens"])
def test_disc_is_seen_where_it_lies(regions, tagger):
    picture = draw("red", None, None, "blue")
    display = LabelHeatmapDisplay.from_estimator(
        tagger, [picture], labels=["red", "blue"], regions=regions
    )
    red, blue = display.heatmaps[0]
    assert red.shape == (96, 96)
    assert red[:48, :48].mean() > red[48:, 48:].mean()
    assert blue[48:, 48:].mean() > blue[:48, :48].mean()
    n_regions = {"2x2": 4, "3x3": 9, "pyramid": 13}.get(regions, display.boxes.shape[1])
    assert display.region_scores[0].shape == (2, n_regions)
    assert display.boxes.shape == (1, n_regions, 4)
    np.testing.assert_allclose(
        display.scores[0], tagger.predict_proba([picture])[0, :2], atol=1e-4
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"text": None},
        {},
        {"normalize": False},
        {"add_missing_indicator": True},
        {"features": "penultimate"},
        {"regions": "2x2"},
        {"regions": "3x3", "add_missing_indicator": True},
    ],
    ids=str,
)
def test_regions_are_scored_in_the_place_of_the_picture(parameters, rows):
    X, Y = rows
    clip = make_clip(**parameters)
    head = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression()))
    pipe = make_pipeline(clip, *[step for _, step in head.steps]).fit(X, Y)
    scorer = RegionScorer(pipe, "2x2")
    given, cells = scorer.find_cells(X[:4])
    scores, region_scores, boxes, method = scorer.score(X[:4], given, cells, 3)
    assert method == "predict_proba"
    np.testing.assert_allclose(scores, pipe.predict_proba(X[:4]), atol=1e-5)
    n_blocks = {None: 1, "2x2": 5, "3x3": 10}[parameters.get("regions")]
    if clip.normalize:
        expected = by_hand(clip, pipe[1:], X[:4], "2x2", n_blocks)
        np.testing.assert_allclose(region_scores, expected, atol=1e-5)
    else:  # at their own lengths, as in the rows of a featurizer with regions
        local = copy.copy(clip).set_params(regions="2x2").transform(X[:4])
        whole = clip.transform(X[:4])
        width = clip.embedding_dim_
        for region in range(4):
            block = local[:, (1 + region) * width : (2 + region) * width]
            part = np.hstack([block, whole[:, width:]])
            np.testing.assert_allclose(
                region_scores[:, region], pipe[1:].predict_proba(part), atol=1e-5
            )
    np.testing.assert_array_equal(boxes, clip.encode_regions([], "2x2")[1])


@pytest.mark.parametrize("fusion", ["image", "mean", "product", "interaction"])
def test_any_fusion_of_images_fuses_regions(fusion, rows):
    X, Y = rows
    pipe = make_pipeline(make_clip(fusion=fusion), MultiLabelLogisticRegression())
    pipe.fit(X, Y)
    display = LabelHeatmapDisplay.from_estimator(pipe, X[:2], labels="red")
    # The picture itself in the place of a region has the score of the row.
    scorer = RegionScorer(pipe, "2x2")
    given, cells = scorer.find_cells(X[:2])
    whole = pipe[0].encode_images(X["image"][:2])[:, None]
    features = scorer._fuse(whole, cells)
    np.testing.assert_allclose(features, pipe[0].transform(given), atol=1e-4)
    assert all(np.isfinite(heat).all() for heat in display.heatmaps)


def wrap(form, clip):
    head = MultiLabelLogisticRegression(C=10)
    if form == "search":
        grid = {"head__C": [1.0, 10.0]}
        pipe = Pipeline([("clip", clip), ("head", head)])
        return GridSearchCV(pipe, grid, cv=KFold(3))
    if form == "tables between":
        clip = clip.set_output(transform="pandas")
        return make_pipeline(clip, StandardScaler(), head)
    return {
        "thresholds behind": lambda: make_pipeline(
            clip, ThresholdOptimizer(head, cv=3)
        ),
        "thresholds around": lambda: ThresholdOptimizer(
            make_pipeline(clip, head), cv=3
        ),
        "step before": lambda: make_pipeline(FunctionTransformer(), clip, head),
        "pipeline inside": lambda: make_pipeline(
            FunctionTransformer(), make_pipeline(FunctionTransformer(), clip, head)
        ),
        "frozen featurizer": lambda: make_pipeline(FrozenEstimator(clip), head),
    }[form]()


@pytest.mark.parametrize(
    "form",
    [
        "search",
        "tables between",
        "thresholds behind",
        "thresholds around",
        "step before",
        "pipeline inside",
        "frozen featurizer",
    ],
)
def test_featurizer_is_found_wherever_it_stands(form, rows):
    X, Y = rows
    model = wrap(form, make_clip(text=None)).fit(X, Y)
    display = LabelHeatmapDisplay.from_estimator(
        model, X, Y, rows=[5, 2], labels=["blue"], regions="2x2"
    )
    np.testing.assert_allclose(
        np.ravel(display.scores), model.predict_proba(X)[[5, 2], 1], atol=1e-5
    )
    assert display.titles == ["number 5\nrow 5", "number 2\nrow 2"] or (
        display.titles == ["row 5", "row 2"]
    )
    assert model.predict(X[:2]).shape == (2, 3)  # it still reads rows


def test_frozen_tagger_is_drawn(rows, tagger):
    X, Y = rows
    display = LabelHeatmapDisplay.from_estimator(FrozenEstimator(tagger), X[:1], Y[:1])
    assert display.labels == [["red"]]


@pytest.mark.parametrize("featurizer", ["image", "mean", "frozen", None])
def test_zero_shot_classifiers_are_taggers(featurizer, rows):
    X, Y = rows
    clip = make_clip(text=None)
    if featurizer == "mean":
        clip = make_clip(fusion="mean")
    elif featurizer == "frozen":
        clip = FrozenEstimator(clip)
    model = ZeroShotClassifier(NAMES, clip).fit()
    model = make_pipeline(model) if featurizer is None else model
    display = LabelHeatmapDisplay.from_estimator(model, X, Y, rows=[3])
    assert display.labels[0][0] in NAMES
    np.testing.assert_allclose(logit(display.region_scores[0][0]).max() > -50, True)


def test_heat_is_that_of_the_formula(tagger):
    display = LabelHeatmapDisplay.from_estimator(
        tagger, [draw("red", height=64)], labels="red", regions="2x2"
    )
    (heat,) = display.heatmaps[0]
    assert heat.shape == (64, 96)
    gain = logit(display.region_scores[0][0]) - logit(display.scores[0][0])
    for i, j in [(0, 0), (10, 80), (40, 33)]:
        x, y = (j + 0.5) / 96, (i + 0.5) / 64
        weights = []
        for left, top, right, bottom in display.boxes[0]:
            across = (x - (left + right) / 2) / (0.5 * (right - left))
            down = (y - (top + bottom) / 2) / (0.5 * (bottom - top))
            area = (right - left) * (bottom - top)
            weights.append(np.exp(-0.5 * (across**2 + down**2)) / area)
        np.testing.assert_allclose(heat[i, j], np.average(gain, weights=weights))


def test_decision_values_are_no_log_odds(rows):
    X, Y = rows
    model = make_pipeline(make_clip(text=None), OneVsRestClassifier(LinearSVC()))
    model.fit(X, Y)
    display = LabelHeatmapDisplay.from_estimator(model, X[:1], labels=[0])
    gain = display.region_scores[0] - display.scores[0][:, None]
    assert gain.min() <= display.heatmaps[0].min() <= display.heatmaps[0].max()
    assert display.heatmaps[0].max() <= gain.max()


def test_equal_regions_give_an_even_map():
    boxes = np.array([[0, 0, 0.6, 1], [0.4, 0, 1, 1]])
    np.testing.assert_allclose(blend_regions(np.ones((2, 2)), boxes, (50, 20)), 1)


def test_places_that_no_region_covers_are_unknown():
    boxes = np.array([[0.25, 0, 0.5, 1], [0.5, 0, 0.75, 1]])
    heat = blend_regions(np.array([[1.0, 3.0]]), boxes, (96, 10))[0]
    assert np.isnan(heat[:, :24]).all() and np.isnan(heat[:, 72:]).all()
    assert (np.diff(heat[5, 24:72]) >= 0).all()


PLANS = {
    "crop": {"shape": "crop", "size": (32, 32), "side": 40},
    "cover": {"shape": "cover", "size": (32, 48)},
    "pad": {"shape": "pad", "size": (48, 32)},
    "squash": {"shape": "squash", "size": (32, 32)},
}


@pytest.mark.parametrize("shape", PLANS)
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (128, 128)])
def test_view_is_what_the_model_sees(shape, size):
    plan = PixelPlan(
        resample="BICUBIC", mean=(0,) * 3, std=(1,) * 3, fill=0, **PLANS[shape]
    )
    # Red grows to the right, green downwards: a pixel tells where it comes from.
    x, y = np.meshgrid(*((np.arange(side) + 0.5) / side for side in size))
    pixels = np.stack([40 + 200 * x, 40 + 200 * y, np.full_like(x, 99)], axis=2)
    seen = Preparation(plan)(Image.fromarray(pixels.round().astype(np.uint8)))
    left, top, right, bottom = plan.view(size)
    rows, columns = plan.size
    x, y = np.meshgrid(
        left + (np.arange(columns) + 0.5) / columns * (right - left),
        top + (np.arange(rows) + 0.5) / rows * (bottom - top),
    )
    inside = (seen[..., 2] == 99) & (x > 0.05) & (x < 0.95) & (y > 0.05) & (y < 0.95)
    assert inside.any()
    # To a pixel of the smaller picture.
    off = abs((seen[..., 0] - 40.0) / 200 - x) * columns / (right - left)
    assert off[inside].max() < 1.2
    off = abs((seen[..., 1] - 40.0) / 200 - y) * rows / (bottom - top)
    assert off[inside].max() < 1.2
    # What is filled lies outside of the picture, and nothing else does.
    filled = seen[..., 2] == 0
    assert not (filled & (x > 0.05) & (x < 0.95) & (y > 0.05) & (y < 0.95)).any()


def test_tokens_of_a_cropped_picture_leave_its_sides_unknown(make_featurizer):
    clip = make_featurizer(text=None)
    boxes = np.array([[0.0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    (placed,) = boxes_in_pictures(clip, "tokens", boxes, [(200, 100)])
    assert placed[0, 0] > 0.2 and placed[1, 2] < 0.8  # the middle square
    np.testing.assert_allclose(placed[:, [0, 2]].mean(), 0.5)
    (tiles,) = boxes_in_pictures(clip, "2x2", boxes, [(200, 100)])
    np.testing.assert_array_equal(tiles, boxes)


def lines_of(display):
    return [
        [[line.get_text() for line in below] for below in row] for row in display.texts_
    ]


def test_true_and_predicted_labels_are_named(rows, tagger):
    X, Y = rows
    y = Y[:2].astype(float)
    predicted = tagger.predict(X[:2])
    np.testing.assert_array_equal(predicted, Y[:2])
    y.iloc[0] = [0, 1, 0]  # red is predicted, and said to be blue
    y.iloc[1] = [0, np.nan, 0]
    display = LabelHeatmapDisplay.from_estimator(tagger, X[:2], y)
    assert display.outcomes == [
        {"red": "false", "blue": "missed"},
        {"blue": "predicted"},
    ]
    assert display.labels == [["red", "blue"], ["blue"]]
    (picture, red, blue), (_, unknown) = lines_of(display)
    assert picture == ["✗ red", "– blue"]
    assert red[0] == f"✗ red {display.scores[0][0]:.2f}"
    assert blue[0].startswith("– blue 0.")
    assert unknown[0].startswith("▸ blue 0.")
    low, high = display.region_scores[0][0].min(), display.region_scores[0][0].max()
    assert red[1] == f"regions {low:.2f} to {high:.2f}"
    (legend,) = display.figure_.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["– missed", "✗ false", "▸ predicted"]
    assert display.axes_.shape == (2, 3)
    assert [ax.axison for ax in display.axes_[1]] == [True, True, False]


def test_rows_without_a_label_show_the_best_one(rows):
    head = MultiLabelLogisticRegression(C=1e-3)
    tagger = make_pipeline(make_clip(text=None), head).fit(*rows)
    blank = Image.new("RGB", (64, 64), "white")
    assert not tagger.predict([blank]).any()
    display = LabelHeatmapDisplay.from_estimator(tagger, [blank])
    best = np.argmax(tagger.predict_proba([blank])[0])
    assert display.labels == [[NAMES[best]]]
    assert lines_of(display)[0][0] == ["(no label)"]
    assert lines_of(display)[0][1][0].startswith(f"· {NAMES[best]} 0.")


def test_picture_is_drawn_upright(tagger, tmp_path):
    lying = draw("red", "red", side=96, height=48)
    exif = lying.getexif()
    exif[0x0112] = 6  # to be turned to stand
    lying.save(tmp_path / "lying.jpg", exif=exif)
    display = LabelHeatmapDisplay.from_estimator(
        tagger, [tmp_path / "lying.jpg"], labels="red", regions="tokens"
    )
    assert display.images[0].size == (48, 96)
    assert display.heatmaps[0].shape == (1, 96, 48)
    first, heat = display.axes_[0, 1].images
    assert heat.get_extent() == [-0.5, 47.5, 95.5, -0.5]
    assert first.get_array().shape[:2] == (96, 48)


def test_rows_with_several_images_show_the_first(tagger):
    red, blue = draw("red"), draw("blue")
    both = LabelHeatmapDisplay.from_estimator(tagger, [[red, blue]], labels="red")
    alone = LabelHeatmapDisplay.from_estimator(tagger, [red], labels="red")
    np.testing.assert_allclose(both.region_scores, alone.region_scores, atol=1e-4)
    assert both.scores[0][0] != pytest.approx(alone.scores[0][0], abs=1e-3)


def test_pickled_tagger_draws_the_same(rows, tagger):
    X, Y = rows
    again = pickle.loads(pickle.dumps(tagger))
    first, second = (
        LabelHeatmapDisplay.from_estimator(model, X[:1], Y[:1])
        for model in (tagger, again)
    )
    np.testing.assert_allclose(first.heatmaps, second.heatmaps, atol=1e-3)


def test_texts_do_not_overlap(make_pictures, rows, overlaps):
    head = MultiLabelLogisticRegression()
    tagger = make_pipeline(make_clip(fusion="image"), head).fit(*rows)
    display = LabelHeatmapDisplay.from_estimator(
        tagger,
        [(picture, "a long title " * 5) for picture in make_pictures(3)],
        labels=[0, 1, 2],
        label_names=[f"a label with quite a long name, {n}" for n in range(3)],
    )
    texts = [text for ax in display.axes_.ravel() for text in ax.texts]
    (legend,) = display.figure_.legends
    found = overlaps(display.figure_, [*texts, *legend.get_texts()])
    assert found == ([], [])


def test_given_axes_are_divided(pyplot, tagger, overlaps):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 5))
    display = LabelHeatmapDisplay.from_estimator(tagger, [draw("red")], ax=left)
    assert display.figure_ is figure
    edge = right.get_position().x0
    assert all(ax.get_position().x1 <= edge for ax in display.axes_.ravel())


@pytest.mark.parametrize(
    "options, match",
    [
        ({"labels": "violet"}, "labels must hold names.*Got 'violet'"),
        ({"labels": [3]}, "positions from 0 to 2. Got 3"),
        ({"labels": []}, "at least one label"),
        ({"rows": [20]}, "rows must hold positions from 0 to 11. Got 20"),
        ({}, "At most 8 rows are drawn.*Got 12: choose.*rows=.*raise max_rows"),
        ({"regions": "5x5", "rows": [0]}, "regions must be one of '2x2'.*Got '5x5'"),
        ({"regions": None, "rows": [0]}, "regions must be one of.*Got None"),
        ({"max_labels": 0, "rows": [0]}, "max_labels must be a positive"),
        ({"max_rows": 0, "rows": [0]}, "max_rows must be a positive"),
        ({"max_names": 0, "rows": [0]}, "max_names must be a positive"),
        ({"image_size": 0, "rows": [0]}, "image_size must be above 0"),
    ],
)
def test_bad_options_are_refused(options, match, rows, tagger):
    X, Y = rows
    if "labels" in options:
        options = {"rows": [0], **options}
    with pytest.raises(ValueError, match=match):
        LabelHeatmapDisplay.from_estimator(tagger, X, Y, **options)


def test_no_limit_draws_all_rows(rows, tagger):
    X, Y = rows
    display = LabelHeatmapDisplay.from_estimator(
        tagger, X, Y, max_rows=None, regions="2x2"
    )
    assert len(display.images) == 12


def test_rows_without_pictures_are_refused(rows, tagger, tmp_path):
    X, Y = rows
    with pytest.raises(ValueError, match="Every row must have an image.*none in row 1"):
        LabelHeatmapDisplay.from_estimator(tagger, [draw("red"), None])
    (tmp_path / "broken.png").write_bytes(b"no picture")
    clip = make_clip(text=None, on_error="zero")
    model = make_pipeline(clip, MultiLabelLogisticRegression()).fit(X, Y)
    rows = [str(tmp_path / "broken.png"), draw("red")]
    with (
        pytest.raises(ValueError, match="in row 0 that cannot be read.*rows="),
        pytest.warns(UserWarning, match="1 image could not be read"),
    ):
        LabelHeatmapDisplay.from_estimator(model, rows)
    with pytest.raises(ValueError, match="same number of rows. Got 12 and 2"):
        LabelHeatmapDisplay.from_estimator(model, X, Y[:2])
    with pytest.raises(ValueError, match="X must have at least one row"):
        LabelHeatmapDisplay.from_estimator(model, [])


def test_taggers_without_images_are_refused(rows):
    X, Y = rows
    for parameters in ({"image": None}, {"fusion": "text"}):
        model = make_pipeline(make_clip(**parameters), MultiLabelLogisticRegression())
        given = X["text"].fillna("a") if "image" in parameters else X
        model.fit(given, Y)
        with pytest.raises(ValueError, match="estimator must read images.*'concat'"):
            LabelHeatmapDisplay.from_estimator(model, given[:2])


def test_taggers_without_a_featurizer_of_their_own_are_refused(rows):
    X, Y = rows
    features = make_clip().transform(X)
    head = MultiLabelLogisticRegression().fit(features, Y)
    hidden = OneVsRestClassifier(make_pipeline(make_clip(), LogisticRegression()))
    alone = make_pipeline(make_clip())
    scaled = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression()))
    hidden.fit(X, Y)
    scaled.fit(features, Y)
    for model in (head, scaled, hidden, alone):
        message = "estimator must be a fitted Pipeline that has a CLIPFeaturizer"
        with pytest.raises(TypeError, match=message):
            take_apart(model)


def test_tagger_that_is_not_fitted_is_refused():
    pipe = make_pipeline(make_clip(text=None), MultiLabelLogisticRegression())
    for model in (pipe, ZeroShotClassifier(NAMES, make_clip(text=None))):
        with pytest.raises(NotFittedError):
            LabelHeatmapDisplay.from_estimator(model, [draw("red")])


def test_tokens_of_penultimate_features_name_the_way_out(rows):
    X, Y = rows
    clip = make_clip(text=None, features="penultimate")
    model = make_pipeline(clip, MultiLabelLogisticRegression()).fit(X, Y)
    with pytest.raises(ValueError, match="need features='embedding'.*or tiles"):
        LabelHeatmapDisplay.from_estimator(model, X[:1], regions="tokens")


def test_single_label_is_drawn(rows):
    X, Y = rows
    model = make_pipeline(make_clip(text=None), LogisticRegression()).fit(X, Y["red"])
    display = LabelHeatmapDisplay.from_estimator(model, X[:2], label_names=["red"])
    assert display.labels == [["red"], ["red"]]
    expected = model.predict_proba(X[:2])[:, 1:]
    np.testing.assert_allclose(display.scores, expected, atol=1e-5)


def test_targets_of_one_dimension_name_the_way_out(rows):
    X, Y = rows
    model = make_pipeline(make_clip(text=None), LogisticRegression()).fit(X, Y["red"])
    for y in (Y["red"][:2], Y["red"][:2].tolist()):
        with pytest.raises(ValueError, match=r"For a single label .*reshape\(-1, 1\)"):
            LabelHeatmapDisplay.from_estimator(model, X[:2], y)


@pytest.mark.parametrize("form", ["stack", "swapped pairs", "dicts", "polars between"])
def test_rows_of_any_form_are_drawn(form, rows):
    X, Y = rows
    pictures = list(X["image"])
    head = MultiLabelLogisticRegression()
    clip = make_clip(text=None)
    if form == "stack":
        given = np.stack([np.asarray(picture) for picture in pictures])
    elif form == "swapped pairs":
        clip = make_clip(image=1, text=0)
        given = [(f"text {n}", picture) for n, picture in enumerate(pictures)]
    elif form == "dicts":
        clip = make_clip(image="photo", text="caption", fusion="mean")
        given = [{"photo": p, "caption": f"text {n}"} for n, p in enumerate(pictures)]
    else:
        pytest.importorskip("polars", reason="rows of a polars DataFrame")
        clip, given = clip.set_output(transform="polars"), pictures
    model = make_pipeline(clip, StandardScaler(), head).fit(given, Y)
    display = LabelHeatmapDisplay.from_estimator(model, given, rows=[4], labels=[0])
    assert display.titles[0].endswith("row 4")
    assert display.titles[0].startswith("text 4") == (clip.text is not None)
    np.testing.assert_allclose(
        display.scores, model.predict_proba(given[4:5])[:, :1], atol=1e-5
    )


def test_certain_probabilities_stay_finite(rows):
    X, Y = rows
    head = OneVsRestClassifier(DecisionTreeClassifier(random_state=0))
    model = make_pipeline(make_clip(text=None), head).fit(X, Y)
    display = LabelHeatmapDisplay.from_estimator(model, X[:2], Y[:2])
    assert set(np.ravel(display.region_scores)) <= {0.0, 1.0}
    assert all(np.isfinite(heat).all() for heat in display.heatmaps)


@pytest.mark.parametrize("own", ["2x2", "tokens"])
def test_region_classifier_scores_a_region_as_its_classifier_does(own, rows):
    X, Y = rows
    head = RegionClassifier(MultiLabelLogisticRegression(C=100), cv=3, random_state=0)
    model = make_pipeline(make_clip(text=None, regions=own), head).fit(X, Y)
    display = LabelHeatmapDisplay.from_estimator(
        model, X[:2], labels=[0, 1], regions="2x2"
    )
    local, _ = model[0].encode_regions(X["image"][:2], "2x2")
    inner = model[-1].estimator_
    expected = np.stack([inner.predict_proba(part)[:, :2].T for part in local])
    np.testing.assert_allclose(np.stack(display.region_scores), expected, atol=1e-5)
