"""tag_dataset on a local cluster of several actors."""

import os
import pickle
import signal
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
import pyarrow as pa  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.multioutput import MultiOutputClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer  # noqa: E402

from sklearn_clip import (  # noqa: E402
    ModelMismatchError,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    ThresholdOptimizer,
    ZeroShotClassifier,
    predict_labels,
    top_labels,
)
from sklearn_clip.distributed import (  # noqa: E402
    embed_dataset,
    read_features,
    tag_dataset,
)
from sklearn_clip.distributed._output import (  # noqa: E402
    Description,
    _check_same,
)
from sklearn_clip.distributed._tagging import TagBatch, _digest  # noqa: E402
from sklearn_clip.export import OnnxTagger, to_onnx  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")


def kill_once(folder):
    """Make a step that notes its calls, and kills its process once.

    Nested, so that it travels to the actors by value.
    """
    folder.mkdir(exist_ok=True)

    def pass_on(X):
        number = len(list(folder.iterdir()))
        if number >= 3 and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number:
            (folder / f"{number}-{os.getpid()}").touch()
        return X

    return pass_on


@pytest.fixture(scope="module")
def labels(clipart):
    """The labels that several of the rows have."""
    target = clipart[1]
    return target[target.columns[target.sum() >= 4]]


@pytest.fixture
def fit(make_tiny, clipart, labels):
    def make(*steps, outer=None, **parameters):
        head = MultiLabelLogisticRegression(C=5)
        pipe = make_pipeline(make_tiny(**parameters), *steps, head)
        return (pipe if outer is None else outer(pipe)).fit(clipart[0], labels)

    return make


def test_two_actors_of_which_one_is_killed_label_what_one_machine_does(
    fit, clipart, to_dataset, tmp_path
):
    frame, notes = clipart[0].copy(), tmp_path / "notes"

    def with_cuts(pipe):
        return ThresholdOptimizer(pipe, cv=0.5, random_state=0)

    tagger = fit(FunctionTransformer(kill_once(notes)), outer=with_cuts)
    (notes / "begun").touch()  # from here on
    frame.loc[7, "image"] = "no-such-file.webp"
    rows = tag_dataset(
        to_dataset(frame),
        tagger,
        row_id="sku",
        top_k=3,
        keep=["text"],
        concurrency=2,
        batch_size=8,
    ).take_all()
    assert (notes / "killed").exists()
    table = pd.DataFrame(rows)
    table = table.sort_values("sku").reset_index(drop=True)
    frame = frame.sort_values("sku").reset_index(drop=True)
    assert table["sku"].tolist() == frame["sku"].tolist()
    assert table["text"].fillna("").tolist() == frame["text"].fillna("").tolist()
    assert "image" not in table
    lost = frame["image"] == "no-such-file.webp"
    assert table.loc[lost, "failure"].item() == "the file does not exist"
    assert table.loc[lost, ["labels", "top_labels", "top_scores"]].isna().all(axis=None)
    table, frame = table[~lost], frame[~lost]
    assert table["failure"].isna().all()
    assert [list(cell) for cell in table["labels"]] == predict_labels(tagger, frame)
    for names, scores, best in zip(
        table["top_labels"],
        table["top_scores"],
        top_labels(tagger, frame, k=3),
        strict=True,
    ):
        assert list(names) == [name for name, _ in best]
        np.testing.assert_allclose(scores, [score for _, score in best], atol=1e-4)
    assert tagger.estimator_[0].on_error == "raise"


def test_second_run_of_the_same_tagger_labels_only_what_is_missing(
    fit, make_tiny, clipart, to_dataset, tmp_path
):
    tagger, output = fit(), tmp_path / "tags"
    options = {"path": output, "row_id": "sku", "batch_size": 10, "rows_per_file": 10}
    tag_dataset(to_dataset(clipart[0].iloc[:20], 2), tagger, **options)
    times = {file: file.stat().st_mtime_ns for file in output.glob("*.parquet")}
    joblib.dump(tagger, tmp_path / "tagger.joblib")
    # Of another day, another place and another device.
    again = joblib.load(tmp_path / "tagger.joblib")
    again.set_params(clipfeaturizer__device="cpu", clipfeaturizer__num_workers=1)
    tag_dataset(to_dataset(clipart[0].iloc[:40], 2), again, **options)
    assert {file: file.stat().st_mtime_ns for file in times} == times
    table = pd.read_parquet(output)
    assert sorted(table["sku"]) == sorted(clipart[0]["sku"].iloc[:40])
    # Another tagger, other labels and features are not put beside these.
    dataset = to_dataset(clipart[0].head(2), 1)
    other = fit()
    other[-1].coef_[0, 0] += 1
    for changed, more in ((other, {}), (tagger, {"top_k": 2})):
        with pytest.raises(ValueError, match="must have the parameters of the one"):
            tag_dataset(dataset, changed, **options, **more)
    with pytest.raises(ValueError, match="must be features of embed_dataset"):
        embed_dataset(dataset, make_tiny(), path=output, row_id="sku")
    with pytest.raises(ValueError, match="All files must be of one embed_dataset"):
        read_features(output)


def test_features_are_no_labels():
    features = Description("features", "failure", "sku", "0", {})
    with pytest.raises(ValueError, match="must be labels of tag_dataset"):
        _check_same("a", features, replace(features, content="labels"))


def test_words_alone_label_a_lazy_dataset(make_tiny, clipart, to_dataset):
    frame = clipart[0].head(12)
    words = ZeroShotClassifier(
        ["animal", "flag"], featurizer=make_tiny(text=None), threshold=0.2
    ).fit()
    dataset = tag_dataset(
        to_dataset(frame, 2), words, top_k=0, labels="tags", failure="why"
    )
    assert type(dataset).__name__ == "Dataset"
    rows = {row["sku"]: row for row in dataset.take_all()}
    found = [rows[sku]["tags"] for sku in frame["sku"]]
    assert [list(cell) for cell in found] == predict_labels(
        words, frame["image"].tolist()
    )
    for row in rows.values():
        assert row["why"] is None and "top_labels" not in row


def test_images_of_bytes_come_with_their_paths(fit, clipart, cluster):
    frame = clipart[0].head(5)
    table = pd.DataFrame(
        {
            "bytes": [Path(path).read_bytes() for path in frame["image"]],
            "text": frame["text"],
            "sku": frame["sku"],
        }
    )
    tagger = fit()
    dataset = cluster.data.from_pandas(table)
    rows = tag_dataset(dataset, tagger, image="bytes", keep=["sku"]).take_all()
    found = {row["sku"]: row["labels"] for row in rows}
    assert [found[sku] for sku in frame["sku"]] == predict_labels(tagger, frame)
    assert "bytes" not in rows[0]


def test_row_of_a_wrong_type_is_lost_alone(fit, clipart):
    """Beside the others of its batch; without a cluster, as an actor does it."""
    tagger, frame = fit(), clipart[0].head(6)
    tagger[0].set_params(on_error="zero")
    rows = frame.to_dict("records")
    rows[2]["image"] = 3.5
    batch = TagBatch(tagger, ["a"], {}, None, {}, 0, None, None)
    batch._names = np.array(predict_labels(tagger, frame) and tagger[-1].label_names_)
    given, _, reasons = batch._tag(rows)
    assert list(reasons) == [2] and "float" in reasons[2]
    assert not given[2].any()
    assert batch._tag([])[0].shape == (0, len(batch._names))


def test_batch_of_which_no_picture_is_there_is_kept(fit, clipart):
    """Such as the two last rows; a tagger that takes no row stops the work."""
    tagger = fit()
    tagger[0].set_params(on_error="zero")
    names = list(tagger[-1].label_names_)
    sources = {"image": "image", "text": "text"}
    added = {"labels": "labels", "failure": "failure"}
    description = Description("labels", "failure", None, "", {}, content="labels")
    batch = TagBatch(tagger, names, sources, None, added, 0, description, None)
    rows = pa.table({"image": ["gone.png", "lost.png"], "text": [None, None]})
    found = batch(rows).to_pydict()
    assert found["failure"] == ["the file does not exist"] * 2
    assert found["labels"] == [None, None]
    with pytest.raises(ValueError, match="No row of a batch can be labelled: .*float"):
        batch(pa.table({"image": [3.5, 3.5], "text": [None, None]}))


def test_picture_that_is_gone_before_its_scores_is_told(fit, clipart, tmp_path):
    tagger = fit()
    tagger[0].set_params(on_error="zero", cache=None)
    path = tmp_path / "1.webp"
    path.write_bytes(Path(clipart[0]["image"].iloc[0]).read_bytes())
    predict = tagger.predict

    def predict_and_remove(rows):
        found = predict(rows)
        path.unlink()
        return found

    tagger.predict = predict_and_remove
    batch = TagBatch(tagger, list(tagger[-1].label_names_), {}, None, {}, 0, None, None)
    _, _, reasons = batch._tag([{"image": str(path), "text": None}] * 2)
    assert reasons == dict.fromkeys(range(2), "the file does not exist")


def test_digest_is_of_what_was_learnt(fit, clipart, tmp_path):
    tagger = fit()
    before = _digest(tagger)
    tagger.predict(clipart[0].head(3))
    joblib.dump(tagger, tmp_path / "t.joblib")
    loaded = joblib.load(tmp_path / "t.joblib")
    assert _digest(tagger) == before == _digest(loaded)
    loaded.set_params(clipfeaturizer__fusion="mean")
    assert _digest(loaded) != before


@pytest.mark.parametrize(
    "head",
    [
        MultiLabelNet(max_epochs=1),
        RandomForestClassifier(3),
        MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=2)),
    ],
)
def test_digest_is_not_of_where_things_lie_in_memory(make_tiny, head):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8)).astype(np.float32)
    head = clone(head).fit(X, (X[:, :3] > 0).astype(int))
    # The unfitted copy beside it is as the estimator that a meta-estimator keeps.
    tagger = make_pipeline(make_tiny(), FunctionTransformer(kw_args=clone(head)), head)
    before = _digest(tagger)
    loaded = pickle.loads(pickle.dumps(tagger))
    loaded[-1].predict(X)
    assert _digest(tagger) == before == _digest(loaded)
    loaded.steps[-1] = ("head", clone(head).fit(X, (X[:, :3] > 0.5).astype(int)))
    assert _digest(loaded) != before


@pytest.mark.parametrize(
    "options, message",
    [
        ({"path": "out"}, "row_id must name a column"),
        ({"image": "photo"}, "must have the column 'photo'"),
        ({"labels": "text"}, "'text' to be added must be a new one.*top_scores=."),
        ({"top_labels": "labels"}, "'labels' to be added must be a new one"),
        ({"top_k": -1}, "top_k must be an integer of at least 0. Got -1"),
        ({"top_k": True}, "top_k must be an integer of at least 0. Got True"),
        ({"batch_size": 0}, "batch_size must be a positive integer. Got 0"),
    ],
)
def test_wrong_options_are_refused(fit, clipart, to_dataset, options, message):
    with pytest.raises(ValueError, match=message):
        tag_dataset(to_dataset(clipart[0].head(2), 1), fit(), **options)


def test_what_is_no_tagger_is_refused(fit, make_tiny, clipart, to_dataset, tmp_path):
    dataset = to_dataset(clipart[0].head(2), 1)
    bare = MultiLabelLogisticRegression().fit(np.eye(4), [[0, 1], [1, 0]] * 2)
    with pytest.raises(ValueError, match="must hold a CLIPFeaturizer"):
        tag_dataset(dataset, bare)
    with pytest.raises(ValueError, match="does not tell its labels"):
        tag_dataset(dataset, make_pipeline(make_tiny()).fit(clipart[0]))
    with pytest.raises(TypeError, match=r"ray.data.Dataset. Got DataFrame"):
        tag_dataset(clipart[0], fit())
    nameless = fit(FunctionTransformer(lambda X: X))
    with pytest.raises(ValueError, match="one that joblib.dump can write"):
        tag_dataset(dataset, nameless, path=tmp_path, row_id="sku")


@pytest.fixture
def onnx_tagger(fit, tmp_path):
    """A tagger, and its file."""
    pytest.importorskip("onnxruntime", reason="needs pip install sklearn-clip[onnx]")
    tagger = fit()
    to_onnx(tagger, tmp_path / "t.onnx")
    return tagger, OnnxTagger(tmp_path / "t.onnx", num_threads=1)


def test_tagger_in_a_file_labels_a_dataset(onnx_tagger, clipart, to_dataset, tmp_path):
    light, frame = onnx_tagger[1], clipart[0].head(12).copy()
    frame.loc[3, "image"] = "no-such-file.webp"
    run = {"path": tmp_path / "labels", "row_id": "sku", "batch_size": 4}
    for n_rows in (5, 12):  # the second time goes on
        tag_dataset(to_dataset(frame.head(n_rows), 2), light, top_k=2, **run)
    table = pd.read_parquet(tmp_path / "labels").set_index("sku").loc[frame["sku"]]
    lost = (frame["image"] == "no-such-file.webp").to_numpy()
    assert table.loc[lost, "failure"].item() == "the file does not exist"
    found, rows = table[~lost], frame[~lost]
    assert [list(cell) for cell in found["labels"]] == light.predict_labels(rows)
    best = [[name for name, _ in row] for row in light.top_labels(rows, k=2)]
    assert [list(cell) for cell in found["top_labels"]] == best
    with pytest.raises(ValueError, match="must have the parameters of the one"):
        tag_dataset(to_dataset(frame, 2), onnx_tagger[0], top_k=2, **run)


def test_actor_with_a_tagger_in_a_file_looks_once(onnx_tagger, clipart, monkeypatch):
    tagger, light = onnx_tagger
    light, frame = light._reopened(on_error="zero"), clipart[0].head(6)
    calls, tag = [], light._tag
    monkeypatch.setattr(light, "_tag", lambda X: calls.append(len(X)) or tag(X))
    batch = TagBatch(light, light.label_names, {}, None, {}, 0, None, None)
    rows = frame.to_dict("records")
    given, scores, reasons = batch._tag(rows)
    assert calls == [6] and reasons == {}
    np.testing.assert_array_equal(given, light.predict(frame))
    np.testing.assert_allclose(scores, tagger.predict_proba(frame), atol=0.01)
    rows[2]["image"] = 3.5
    assert list(batch._tag(rows)[2]) == [2]


def test_actor_with_other_weights_stops(fit, clipart):
    tagger = pickle.loads(pickle.dumps(fit()))
    tagger[0]._record()["fingerprint"] = "0123"
    batch = TagBatch(tagger, ["a"], {}, None, {}, 0, None, None)
    with pytest.raises(ModelMismatchError):
        batch._tag(clipart[0].head(2).to_dict("records"))
