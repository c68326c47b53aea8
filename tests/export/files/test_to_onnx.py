"""Which taggers become files, what is refused, and what a file says."""

import json
import pickle
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pytest
from exported_taggers import OpenedFile, assert_alike
from scipy.sparse import csr_array
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    ModelMismatchError,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.embedding.backbone._names import BUNDLED
from sklearn_clip.export import OnnxTagger, to_onnx
from sklearn_clip.fusion import MeanFusion
from sklearn_clip.metrics import macro_average_precision_score


def tiny(**params):
    return CLIPFeaturizer("clipart-tiny", **{"image": 0, "text": 1} | params)


def pictures_only(**params):
    return tiny(fusion="image", **params)


@pytest.fixture(scope="module")
def fitted(clip_art):
    """A featurizer of pictures and a classifier behind it."""
    X, Y = clip_art
    return make_pipeline(pictures_only(), MultiLabelLogisticRegression(C=10)).fit(X, Y)


def around(pipeline):
    return {
        "frozen": lambda X, Y: FrozenEstimator(pipeline),
        "search": lambda X, Y: GridSearchCV(
            pipeline, {"multilabellogisticregression__C": [1, 10]}, cv=2
        ).fit(X, Y),
        "search of the head": lambda X, Y: make_pipeline(
            pictures_only(),
            GridSearchCV(MultiLabelLogisticRegression(), {"C": [1, 10]}, cv=2),
        ).fit(X, Y),
        "thresholds": lambda X, Y: ThresholdOptimizer(pipeline, cv=2).fit(X, Y),
        "thresholds of a frozen one": lambda X, Y: ThresholdOptimizer(
            FrozenEstimator(pipeline), max_labels=2
        ).fit(X, Y),
        "search of thresholds": lambda X, Y: GridSearchCV(
            ThresholdOptimizer(pipeline, cv=2), {"metric": ["f1", "jaccard"]}, cv=2
        ).fit(X, Y),
        "nested": lambda X, Y: Pipeline(
            [
                ("features", make_pipeline(pictures_only(), StandardScaler())),
                ("nothing", "passthrough"),
                ("rest", make_pipeline(PCA(8), MultiLabelLogisticRegression())),
            ]
        ).fit(X, Y),
        "frozen featurizer": lambda X, Y: make_pipeline(
            FrozenEstimator(pictures_only()), MultiLabelLogisticRegression()
        ).fit(X, Y),
        "pipeline of one": lambda X, Y: make_pipeline(
            ZeroShotClassifier(["bird", "flag"], pictures_only()).fit()
        ),
    }


@pytest.mark.parametrize("form", list(around(None)))
def test_tagger_of_every_form_becomes_a_file(form, fitted, clip_art, tmp_path):
    X, Y = clip_art
    tagger = around(fitted)[form](X, Y)
    to_onnx(tagger, tmp_path / "t.onnx")
    assert_alike(tmp_path / "t.onnx", tagger, X[:12])


def test_neighbors_by_cosine_become_a_file(clip_art, tmp_path):
    X, Y = clip_art
    tagger = make_pipeline(pictures_only(), KNeighborsClassifier(5, metric="cosine"))
    seen = [row for row in range(len(X)) if X[row, 0] is not None]
    tagger.fit(X[seen], Y.iloc[seen])
    report = to_onnx(tagger, tmp_path / "t.onnx")  # one of whose rows shows nothing
    assert report.share_changed == 0
    assert_alike(tmp_path / "t.onnx", tagger, X[:12])


def test_columns_may_be_numbers_of_numpy(clip_art, tmp_path):
    X, Y = clip_art
    first = dict(zip(("image", "text"), np.arange(2), strict=True))
    tagger = make_pipeline(pictures_only(**first), MultiLabelLogisticRegression())
    to_onnx(tagger.fit(X, Y), tmp_path / "t.onnx")
    assert OpenedFile(tmp_path / "t.onnx").says.columns == {"image": 0, "text": 1}


def test_file_says_what_it_is(clip_art, tmp_path):
    X, Y = clip_art
    clip = tiny(fusion=MeanFusion(0.7), image_root=tmp_path, long_text="mean")
    head = ThresholdOptimizer(
        MultiLabelLogisticRegression(), cv=2, max_labels=3, at_least_one=True
    )
    tagger = make_pipeline(clip, head).fit(X, Y)
    report = to_onnx(tagger, tmp_path / "t.onnx")
    says = OpenedFile(tmp_path / "t.onnx").says
    assert says.label_names == tuple(Y.columns)
    assert says.response == "predict_proba"
    np.testing.assert_array_equal(says.thresholds, tagger[-1].thresholds_)
    assert says.rules == {"max_labels": 3, "at_least_one": True}
    assert says.model["fingerprint"] == clip.model_fingerprint_
    assert says.modalities == ("image", "text")
    assert says.columns == {"image": 0, "text": 1}
    assert says.image_root == str(tmp_path)
    assert (says.missing, says.on_error, says.long_text) == ("zero", "raise", "mean")
    assert says.pixels["size"] == [112, 112]
    assert says.padding == 0
    assert (says.weights, says.loss) == ("float32", None)
    assert "\n" not in says.tagger
    assert "MeanFusion(weight=0.7)" in says.tagger
    assert report.path == tmp_path / "t.onnx"
    assert report.n_bytes == report.path.stat().st_size


def test_file_does_not_say_where_things_are(clip_art, tmp_path):
    model = tmp_path / "clipart"
    shutil.copytree(BUNDLED["clipart-tiny"], model)
    clip = pictures_only(cache=tmp_path / "cache").set_params(
        model_name=f"local-dir:{model}"
    )
    tagger = make_pipeline(clip, MultiLabelLogisticRegression(C=7)).fit(*clip_art)
    to_onnx(tagger, tmp_path / "t.onnx")
    assert str(tmp_path).encode() not in (tmp_path / "t.onnx").read_bytes()
    says = OpenedFile(tmp_path / "t.onnx").says
    assert "MultiLabelLogisticRegression(C=7)" in says.tagger
    assert says.model["model_name"] == "local-dir:clipart"


def test_rows_that_are_none_are_told_without_parameters_of_a_fit(
    fitted, clip_art, tmp_path
):
    features = fitted[0].transform(clip_art[0][:3])
    with pytest.raises(ValueError, match=r"Got \d+ items \(row 0\)") as told:
        to_onnx(fitted, tmp_path / "t.onnx", X=features)
    assert "text=None" not in str(told.value)
    with pytest.raises(ValueError, match="must have the key 0 .* rename that of X"):
        to_onnx(fitted, tmp_path / "t.onnx", X=[{"photo": "a.png"}])
    assert not list(tmp_path.iterdir())


def test_sparse_targets_have_the_precision_of_dense_ones(fitted, clip_art, tmp_path):
    X, Y = clip_art[0][:12], np.asarray(clip_art[1])[:12]
    dense, stored = (
        to_onnx(fitted, tmp_path / "t.onnx", X=X, Y=targets, overwrite=True)
        for targets in (Y, csr_array(Y))
    )
    assert stored.average_precision == dense.average_precision


def test_inputs_and_outputs_are_tensors_of_small_types(fitted, tmp_path):
    to_onnx(fitted, tmp_path / "t.onnx")
    session = OpenedFile(tmp_path / "t.onnx").session
    inputs = {i.name: (i.type, i.shape) for i in session.get_inputs()}
    assert inputs == {
        "pixels": ("tensor(uint8)", ["n_images", 112, 112, 3]),
        "image_rows": ("tensor(int32)", ["n_images"]),
        "n_rows": ("tensor(int32)", []),
    }
    n_labels = fitted[-1].coef_.shape[0]
    outputs = {o.name: (o.type, o.shape) for o in session.get_outputs()}
    assert outputs == {
        "probabilities": ("tensor(float)", ["n_rows", n_labels]),
        "labels": ("tensor(bool)", ["n_rows", n_labels]),
    }


def test_label_without_names_are_numbered(clip_art, tmp_path):
    X, Y = clip_art
    tagger = make_pipeline(pictures_only(), MultiLabelLogisticRegression())
    to_onnx(tagger.fit(X, Y.to_numpy()), tmp_path / "t.onnx")
    names = OpenedFile(tmp_path / "t.onnx").says.label_names
    assert names == tuple(map(str, range(Y.shape[1])))


def test_pictures_of_a_list_and_texts_alone(clip_art, tmp_path):
    X, Y = clip_art
    for params, column in (({"text": None}, 0), ({"image": None}, 1)):
        rows = [row for row in range(len(X)) if X[row, column] is not None]
        clip = CLIPFeaturizer("clipart-tiny", **params)
        tagger = make_pipeline(clip, MultiLabelLogisticRegression())
        items = [X[row, column] for row in rows]
        tagger.fit(items, Y.iloc[rows])
        report = to_onnx(tagger, tmp_path / f"{column}.onnx")
        assert report.difference <= 1e-4
        assert (
            to_onnx(
                tagger, tmp_path / f"{column}.onnx", X=items[:8], overwrite=True
            ).n_rows
            == 8
        )


@pytest.mark.parametrize("fusion", ["image", "text", "concat"])
@pytest.mark.parametrize("indicator", [False, True])
def test_features_before_the_projection_are_written(
    fusion, indicator, clip_art, tmp_path
):
    X, Y = clip_art
    clip = tiny(features="penultimate", fusion=fusion, add_missing_indicator=indicator)
    tagger = make_pipeline(clip, StandardScaler(), MultiLabelLogisticRegression())
    tagger.fit(X, Y)
    report = to_onnx(tagger, tmp_path / "t.onnx")
    assert report.difference <= 1e-4
    assert_alike(tmp_path / "t.onnx", tagger, X[:24])


ZERO_SHOT = (
    {},
    {"top_k": 2, "threshold": None},
    {"scoring": "softmax", "at_least_one": True},
    {"scoring": "cosine", "threshold": 0.2},
    {"scoring": "cosine", "threshold": None, "top_k": 2},
    {"scoring": "sigmoid", "calibrate": True},
    {"scoring": "cosine", "calibrate": True, "at_least_one": True},
    {"calibrate": True, "threshold": {"flag": np.inf}},
    {"adapt": "scores", "prior": [0.1, 0.2, 0.3, 0.1, np.nan]},
    {"adapt": "captions"},
    {"adapt": "captions", "scoring": "cosine", "threshold": 0.2},
    {"adapt": "captions", "captions": ["a bird"], "scoring": "softmax"},
    {"adapt": "images"},
    {"adapt": "images", "scoring": "softmax", "prior": 0.2, "calibrate": True},
)


SHOWS_NOTHING = pytest.mark.filterwarnings("ignore:.* rows show nothing")


@SHOWS_NOTHING
@pytest.mark.parametrize("params", ZERO_SHOT, ids=str)
@pytest.mark.parametrize("fusion", ["image", "mean"])
def test_zero_shot_classifier_and_its_file_agree(params, fusion, clip_art, tmp_path):
    X, _ = clip_art
    # Two of the names are words of the background, too.
    classes = ["bird", "flag", "animal", "music", "fruit"]
    tagger = ZeroShotClassifier(classes, tiny(fusion=fusion), **params)
    Y = np.random.default_rng(0).integers(0, 2, size=(40, len(classes)))
    tagger.fit(X[:40], Y)
    to_onnx(tagger, tmp_path / "t.onnx", X=X[:10])
    assert_alike(tmp_path / "t.onnx", tagger, X[:30])


@SHOWS_NOTHING
def test_thresholds_around_cosines_without_a_threshold(clip_art, tmp_path):
    X, _ = clip_art
    classes = ["bird", "flag", "animal"]
    cosines = ZeroShotClassifier(classes, pictures_only(), scoring="cosine")
    Y = np.random.default_rng(0).integers(0, 2, size=(len(X), 3))
    tagger = ThresholdOptimizer(cosines, cv=2).fit(X, Y)
    to_onnx(tagger, tmp_path / "t.onnx")
    opened = OpenedFile(tmp_path / "t.onnx")
    assert opened.says.response == "decision_function"
    runs = OnnxTagger(tmp_path / "t.onnx")
    rows = [row for row in range(12) if X[row, 0] is not None]
    found = runs.decision_function(X[rows])
    expected = tagger.decision_function(X[rows])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert_alike(opened, tagger, X[:12])
    with pytest.raises(ValueError, match="must be given a threshold"):
        to_onnx(cosines.fit(), tmp_path / "u.onnx")


@pytest.mark.parametrize("loss", ["tempered_bce", "soft_f1", "distribution_balanced"])
def test_fine_tuner_and_its_file_agree(loss, clip_art, tmp_path):
    X, _ = clip_art
    rows = [{"image": image, "text": text} for image, text in X if image and text]
    Y = np.eye(2, dtype=int)[np.arange(16) % 2]
    tagger = CLIPFineTuner(
        ["bird", "flag"],
        "clipart-tiny",
        text="text",
        loss=loss,
        lr=3e-4,
        max_epochs=1,
        batch_size=8,
        early_stopping=None,
        device="cpu",
        random_state=0,
    ).fit(rows[:16], Y)
    before = tagger.predict_proba(rows[:8])
    to_onnx(tagger, tmp_path / "t.onnx")
    np.testing.assert_array_equal(tagger.predict_proba(rows[:8]), before)
    opened = OpenedFile(tmp_path / "t.onnx")
    scores, labels = opened.run_rows([(r["image"], r["text"]) for r in rows[:8]])
    np.testing.assert_allclose(scores, before, atol=1e-4)
    assert np.array_equal(labels, before > 0.5)
    assert opened.says.model["fingerprint"] != tiny().model_fingerprint_
    runs = OnnxTagger(tmp_path / "t.onnx")
    np.testing.assert_allclose(runs.predict_proba(rows[:8]), before, atol=1e-4)
    again = pickle.loads(pickle.dumps(tagger))
    assert to_onnx(again, tmp_path / "again.onnx").difference <= 1e-4
    # A row that has nothing gets no label.
    scores, labels = opened.run(2, [(1, rows[0]["image"])])
    assert (scores[0] == 0).all()
    assert not labels[0].any()


def make_refused(clip_art):
    X, Y = clip_art
    head = MultiLabelLogisticRegression
    clip = pictures_only()
    fit = {"X": X, "y": Y}
    inner = make_pipeline(clip, head())
    bayes = MultiOutputClassifier(BernoulliNB())
    return {
        "nothing fitted": (inner, NotFittedError, "not fitted"),
        "a featurizer": (clip, TypeError, "put a classifier behind it"),
        "a number": (3, TypeError, "tagger must be a fitted Pipeline.* Got int"),
        "a head alone": (head(), TypeError, "Got MultiLabelLogisticRegression"),
        "other rows": (
            make_pipeline(StandardScaler(), head()).fit(np.eye(9), np.eye(9, 2)),
            TypeError,
            "made by a CLIPFeaturizer.* StandardScaler .step 'standardscaler'",
        ),
        "columns beside": (
            make_pipeline(ColumnTransformer([("clip", clip, [0, 1])]), head()).fit(
                **fit
            ),
            TypeError,
            "ColumnTransformer.*no other columns beside it",
        ),
        "a union": (
            make_pipeline(FeatureUnion([("a", clip)]), head()).fit(**fit),
            TypeError,
            "FeatureUnion",
        ),
        "a function as fusion": (
            make_pipeline(tiny(fusion=np.maximum), head()).fit(**fit),
            TypeError,
            "fusion must be one of those .* Got the function 'maximum'",
        ),
        "a fusion of one's own": (
            make_pipeline(tiny(fusion=OwnMean()), head()).fit(**fit),
            TypeError,
            "Got OwnMean",
        ),
        "NaN": (
            make_pipeline(pictures_only(on_error="nan"), head()).fit(**fit),
            ValueError,
            "set_params.on_error='zero'",
        ),
        "a step": (
            make_pipeline(clip, FunctionTransformer(np.exp), head()).fit(**fit),
            ValueError,
            "step 'functiontransformer' cannot be exported",
        ),
        "a classifier": (
            make_pipeline(clip, bayes).fit(**fit),
            ValueError,
            "step 'multioutputclassifier' cannot be exported.*BernoulliNB",
        ),
        "a search without a best": (
            GridSearchCV(inner, {"memory": [None]}, cv=2, refit=False).fit(X, Y),
            ValueError,
            "refit=True",
        ),
    }


class OwnMean(MeanFusion):
    def fuse(self, image, text, image_present, text_present):
        return 2 * super().fuse(image, text, image_present, text_present)


REFUSED = (
    *("nothing fitted", "a featurizer", "a number", "a head alone", "other rows"),
    *("columns beside", "a union", "a function as fusion", "a fusion of one's own"),
    *("NaN", "a step", "a classifier", "a search without a best"),
)


@pytest.fixture(scope="module")
def refused(clip_art):
    return make_refused(clip_art)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_written_is_said_and_leaves_nothing(what, refused, tmp_path):
    tagger, error, match = refused[what]
    with pytest.raises(error, match=match):
        to_onnx(tagger, tmp_path / "t.onnx")
    assert list(tmp_path.iterdir()) == []


def test_other_weights_under_the_same_name_are_told(
    write_model, make_pictures, tmp_path
):
    name = write_model(tmp_path / "m", seed=0)
    X, Y = make_pictures(6), np.eye(6, 2, dtype=int)
    clip = CLIPFeaturizer(name, text=None)
    tagger = make_pipeline(clip, MultiLabelLogisticRegression()).fit(X, Y)
    write_model(tmp_path / "m", seed=1)
    with pytest.raises(ModelMismatchError, match="fingerprint"):
        to_onnx(tagger, tmp_path / "t.onnx")
    assert not (tmp_path / "t.onnx").exists()


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame])
def test_labels_in_another_order_are_not_scored(table, clip_art, tmp_path):
    """The precision of one label would be computed from the scores of another."""
    X, Y = clip_art
    names = [f"label {n}" for n in range(Y.shape[1])]
    targets = pd.DataFrame(np.asarray(Y), columns=names)
    head = MultiLabelLogisticRegression(C=10)
    tagger = make_pipeline(pictures_only(), head).fit(X, targets)
    rows, known = X[:20], targets[:20]
    others = known[names[::-1]].to_dict("list")
    with pytest.raises(ValueError, match="must have the labels of the fitted classif"):
        to_onnx(tagger, tmp_path / "t.onnx", X=rows, Y=table(others))
    assert not list(tmp_path.iterdir())
    report = to_onnx(
        tagger, tmp_path / "t.onnx", X=rows, Y=table(known.to_dict("list"))
    )
    assert report.average_precision[0] == pytest.approx(
        macro_average_precision_score(known, tagger.predict_proba(rows)), abs=1e-3
    )


def test_rows_in_another_order_are_told(fitted, clip_art, tmp_path):
    rows = pd.DataFrame(clip_art[0][:8], index=clip_art[1].index[:8])
    tagger = make_pipeline(pictures_only().set_params(image="image"), fitted[-1])
    rows.columns = ["image", "text"]
    turned = clip_art[1][:8].iloc[::-1]
    with pytest.warns(UserWarning, match="X and Y have the same index in another"):
        to_onnx(tagger, tmp_path / "t.onnx", X=rows, Y=turned)


def test_targets_that_are_none_are_named_as_they_were_given(fitted, clip_art, tmp_path):
    X, Y = np.asarray(clip_art[0], dtype=object)[:6], np.asarray(clip_art[1])[:6]
    for targets, message in (
        (Y[:, :1], r"Y must have one column for each of the \d+ labels .* Got 1"),
        (Y[:, 0], "Y must have 2 dimensions"),
        (Y + 5, "Y must hold only 0 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            to_onnx(fitted, tmp_path / "t.onnx", X=X, Y=targets)
    assert not list(tmp_path.iterdir())


def test_parameters_are_checked_before_the_work(fitted, tmp_path):
    path = tmp_path / "t.onnx"
    with pytest.raises(ValueError, match="weights must be one of .* Got 'int4'"):
        to_onnx(fitted, path, weights="int4")
    with pytest.raises(ValueError, match=r"max_changed must be in \[0, 1\]. Got 2"):
        to_onnx(fitted, path, max_changed=2)
    with pytest.raises(ValueError, match="max_changed must be .* Got 'none'"):
        to_onnx(fitted, path, max_changed="none")
    with pytest.raises(ValueError, match=r"max_changed must be in \[0, 1\]. Got True"):
        to_onnx(fitted, path, max_changed=True)
    with pytest.raises(ValueError, match="X must hold a row to compare on. Got none"):
        to_onnx(fitted, path, X=[])
    with pytest.raises(ValueError, match="give both"):
        to_onnx(fitted, path, Y=[[1, 0]])
    with pytest.raises(TypeError, match="path must be a str or a path. Got 3"):
        to_onnx(fitted, 3)
    with pytest.raises(IsADirectoryError, match="append a name"):
        to_onnx(fitted, tmp_path)
    with pytest.raises(FileNotFoundError, match="make .* first"):
        to_onnx(fitted, tmp_path / "none" / "t.onnx")
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        to_onnx(fitted, path)
    assert path.read_text() == "mine"


def test_tagger_that_refuses_missing_items_is_tried_without_any(clip_art, tmp_path):
    X, Y = clip_art
    rows = [row for row in range(len(X)) if X[row, 0] is not None]
    clip = pictures_only(missing="raise")
    tagger = make_pipeline(clip, MultiLabelLogisticRegression())
    to_onnx(tagger.fit(X[rows], Y.iloc[rows]), tmp_path / "t.onnx")
    assert OpenedFile(tmp_path / "t.onnx").says.missing == "raise"


def test_broken_pictures_are_left_out_of_the_comparison(clip_art, tmp_path):
    X, Y = clip_art
    broken = X[:6].copy()
    broken[0, 0] = b"no picture"
    broken[1, 0] = [b"no picture", X[6, 0] or X[7, 0]]
    tagger = make_pipeline(
        pictures_only(on_error="zero", add_missing_indicator=True),
        MultiLabelLogisticRegression(),
    ).fit(X, Y)
    assert to_onnx(tagger, tmp_path / "t.onnx", X=broken).difference <= 1e-4


def test_metadata_is_json_of_plain_values(fitted, tmp_path):
    import onnx

    to_onnx(fitted, tmp_path / "t.onnx")
    model = onnx.load(tmp_path / "t.onnx")
    onnx.checker.check_model(model, full_check=True)
    (entry,) = model.metadata_props
    assert entry.key == "sklearn_clip"
    assert json.loads(entry.value)["format"] == 1
    assert {opset.version for opset in model.opset_import if not opset.domain} == {20}
