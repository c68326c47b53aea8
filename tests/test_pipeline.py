"""The featurizer among scikit-learn's own tools: searches, workers, columns, files."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_clip import CLIPFeaturizer, ModelMismatchError, ThresholdOptimizer
from sklearn_clip.datasets import load_clipart


@pytest.fixture(scope="module")
def rows():
    """Ninety clip art pictures with titles, and their three commonest labels."""
    train = load_clipart(split="train", as_frame=True)
    X = train.data.sample(90, random_state=0)
    Y = train.target.loc[X.index]
    return X, Y[Y.sum().nlargest(3).index]


def head():
    return OneVsRestClassifier(LogisticRegression(max_iter=200))


def test_grid_search_encodes_every_distinct_item_once(
    rows, count_encoded, model_folder, tmp_path
):
    X, Y = rows
    clip = CLIPFeaturizer(model_folder, cache=tmp_path)
    # The probes of both towers are encoded here.
    clip.transform([(Image.new("RGB", (8, 8)), "warm up")])
    count_encoded.update(image=0, text=0)
    grid = {"clip__fusion": ["image", "concat", "mean"], "head__estimator__C": [1, 9]}
    search = GridSearchCV(
        Pipeline([("clip", clip), ("head", head())]),
        grid,
        scoring="f1_micro",
        cv=KFold(5, shuffle=True, random_state=0),
    )
    search.fit(X, Y)
    search.predict(X)
    assert count_encoded == {"image": X["image"].nunique(), "text": X["text"].nunique()}


@pytest.mark.any_processor
def test_workers_find_what_the_parent_has_precomputed(
    rows, model_folder, shared_precision
):
    X, Y = rows
    clip = CLIPFeaturizer(model_folder, precision=shared_precision)
    before = clip.precompute(X).cache_info()["items"]
    search = GridSearchCV(
        Pipeline([("clip", clip), ("head", head())]),
        {"clip__fusion": ["image", "concat"]},
        scoring="f1_micro",
        cv=KFold(3, shuffle=True, random_state=0),
        n_jobs=2,
        error_score="raise",
    )
    search.fit(X, Y)
    assert clip.cache_info()["items"] == before


def test_threshold_optimizer_around_a_pipeline_embeds_nothing_again(
    rows, count_encoded, model_folder, tmp_path
):
    X, Y = rows
    clip = CLIPFeaturizer(model_folder, cache=tmp_path).precompute(X)
    count_encoded.update(image=0, text=0)
    tuned = ThresholdOptimizer(make_pipeline(clip, head()), cv=3, random_state=0)
    labels = tuned.fit(X, Y).predict(X)
    assert labels.shape == Y.shape
    assert count_encoded == {"image": 0, "text": 0}


@pytest.mark.parametrize("form", ["frame", "dicts", "pairs", "object array"])
def test_cross_validate_takes_every_form_of_rows(form, rows, model_folder):
    X, Y = rows
    X = {
        "frame": X,
        "dicts": X.to_dict("records"),
        "pairs": list(X.itertuples(index=False, name=None)),
        "object array": X.to_numpy(dtype=object),
    }[form]
    pipe = make_pipeline(CLIPFeaturizer(model_folder), head())
    scores = cross_validate(
        pipe, X, Y.to_numpy(), cv=3, scoring="f1_micro", error_score="raise"
    )
    assert np.isfinite(scores["test_score"]).all()


def test_featurizer_is_a_column_beside_price_and_words(rows, model_folder):
    X, _ = rows
    X = X.assign(price=np.arange(len(X), dtype=float))
    clip = CLIPFeaturizer(model_folder, text=None)
    table = ColumnTransformer(
        [
            ("picture", clip, "image"),
            ("words", TfidfVectorizer(), "text"),
            ("price", "passthrough", ["price"]),
        ],
        sparse_threshold=0,
    )
    features = table.fit_transform(X)
    d = clip.embedding_dim_
    np.testing.assert_array_equal(
        features[:, :d], clone(clip).fit_transform(X["image"]).astype(float)
    )
    np.testing.assert_array_equal(features[:, -1], X["price"])
    assert list(table.get_feature_names_out()[[0, -1]]) == [
        "picture__clip_image_0",
        "price__price",
    ]


@pytest.mark.any_processor
def test_saved_pipeline_is_small_and_tags_in_a_new_process(
    rows, model_folder, tmp_path, shared_precision
):
    X, Y = rows
    pipe = make_pipeline(
        CLIPFeaturizer(model_folder, precision=shared_precision),
        ThresholdOptimizer(head(), cv=3, random_state=0),
    )
    pipe.fit(X, Y)
    joblib.dump(pipe, tmp_path / "tagger.joblib")
    X.to_pickle(tmp_path / "rows.pkl")
    assert (tmp_path / "tagger.joblib").stat().st_size < 100_000
    code = (
        "import joblib, numpy as np, pandas as pd\n"
        "pipe = joblib.load('tagger.joblib')\n"
        "np.save('labels.npy', pipe.predict(pd.read_pickle('rows.pkl')))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), pipe.predict(X))


def test_saved_pipeline_refuses_other_weights_under_the_same_name(
    rows, write_model, tmp_path
):
    X, Y = rows
    name = write_model(tmp_path / "model", seed=1)
    pipe = make_pipeline(CLIPFeaturizer(name), head()).fit(X, Y)
    joblib.dump(pipe, tmp_path / "tagger.joblib")
    write_model(tmp_path / "model", seed=2)
    with pytest.raises(ModelMismatchError, match="saved with other weights"):
        joblib.load(tmp_path / "tagger.joblib").predict(X)


def test_eight_threads_predict_as_one(rows, model_folder):
    X, Y = rows
    pipe = make_pipeline(CLIPFeaturizer(model_folder, cache=None), head())
    pipe.fit(X, Y)
    parts = [X.iloc[start : start + 15] for start in range(0, len(X), 15)] * 2
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(pipe.predict_proba, parts))
    whole = pipe.predict_proba(X)
    np.testing.assert_allclose(np.vstack(answers[:6]), whole, atol=1e-5)
    np.testing.assert_allclose(np.vstack(answers[6:]), whole, atol=1e-5)


def test_rows_without_picture_or_title_are_predicted(rows, model_folder):
    X, Y = rows
    pipe = make_pipeline(
        CLIPFeaturizer(model_folder, add_missing_indicator=True), head()
    )
    holes = X.astype(object).copy()
    holes.iloc[::3, 0] = None
    holes.iloc[1::3, 1] = pd.NA
    assert pipe.fit(holes, Y).predict(holes).shape == Y.shape
