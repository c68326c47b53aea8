"""What opens the file of a tagger: errors, the probe, threads, forks, pickles."""

import gc
import json
import multiprocessing
import os
import pickle
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from PIL import Image
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

import sklearn_clip
from sklearn_clip import (
    CLIPFeaturizer,
    ModelMismatchError,
    MultiLabelLogisticRegression,
)
from sklearn_clip.export import OnnxTagger, to_onnx


@pytest.fixture
def file(exported):
    return exported(text=None)[1]


@pytest.fixture
def rewritten(file, tmp_path, read_description, write_description):
    """Copy the file with something else in what it says of itself."""

    def rewrite(**changes):
        said = read_description(file)
        said["probe"] |= changes.pop("probe", {})
        write_description(file, tmp_path / "t.onnx", json.dumps(said | changes))
        return tmp_path / "t.onnx"

    return rewrite


PICTURES = [Image.new("RGB", (64, 48), c) for c in ("red", "blue", "white", "orange")]


def test_attributes_say_what_the_tagger_was(exported):
    tagger, path = exported()
    own = OnnxTagger(str(path))
    assert own.label_names == ["warm", "dark", "said"]
    np.testing.assert_allclose(own.thresholds, tagger[-1].thresholds_, rtol=1e-6)
    assert own.description.version == sklearn_clip.__version__
    assert own.description.model["model_name"] == "clipart-tiny"
    assert own.description.model["pretrained"] is None  # a name that says it all
    assert own.description.model["fingerprint"] == tagger[0].model_fingerprint_
    assert own.description.modalities == ("image", "text")
    assert own.failed_rows_ == []
    assert repr(own) == f"OnnxTagger({str(path)!r})"


def test_label_that_is_never_given_has_an_infinite_cut(rewritten):
    assert OnnxTagger(rewritten(thresholds=[0.5, None, 0.25])).thresholds.tolist() == [
        0.5,
        np.inf,
        0.25,
    ]


def test_head_of_probabilities_has_no_decision_function(file):
    own = OnnxTagger(file)
    assert hasattr(own, "predict_proba")
    assert not hasattr(own, "decision_function")
    with pytest.raises(AttributeError, match="no decision_function: its head gives"):
        own.decision_function(PICTURES)


def write(path, data):
    path.write_bytes(data)
    return path


def test_file_that_is_not_there_or_a_folder_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="Got '.*none.onnx', which does not ex"):
        OnnxTagger(tmp_path / "none.onnx")
    with pytest.raises(IsADirectoryError, match="path must name a file that to_onnx"):
        OnnxTagger(tmp_path)
    with pytest.raises(TypeError, match="path must be a str or a path. Got 5"):
        OnnxTagger(5)


@pytest.mark.parametrize("kind", ["empty", "words", "cut short", "joblib", "overlaid"])
def test_damaged_file_is_said(file, tmp_path, kind):
    data = file.read_bytes()
    other = {
        "empty": b"",
        "words": b"label,probability\n" * 50,
        "cut short": data[: len(data) // 2],
        "joblib": pickle.dumps({"a": 1}),
        "overlaid": b"\xff" * 64 + data[64:],
    }[kind]
    with pytest.raises(ValueError, match="path must name a file that to_onnx wrote"):
        OnnxTagger(write(tmp_path / "other.onnx", other))


def foreign_graph():
    shape = ["n", 2]
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "foreign",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def test_graph_of_somebody_else_is_said(tmp_path):
    onnx.save(foreign_graph(), tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="a graph that does not say which tagger it"):
        OnnxTagger(tmp_path / "other.onnx")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "5", '{"format": 2}'])
def test_description_that_cannot_be_read_is_said(
    file, tmp_path, text, write_description
):
    write_description(file, tmp_path / "t.onnx", text)
    with pytest.raises(ValueError, match=r"t.onnx' cannot be used. The file must say"):
        OnnxTagger(tmp_path / "t.onnx")


def test_file_of_a_later_format_is_said(rewritten):
    with pytest.raises(ValueError, match="Export the tagger again, or update sklearn"):
        OnnxTagger(rewritten(format=2))


def test_graph_of_later_operators_is_said(file, tmp_path):
    model = onnx.load(file)
    model.ir_version = 999
    onnx.save(model, tmp_path / "t.onnx")
    with pytest.raises(ValueError, match="needs a newer onnxruntime: pip install"):
        OnnxTagger(tmp_path / "t.onnx")


def test_weights_beside_the_file_are_found_or_missed(
    file, tmp_path, read_description, write_description
):
    text = json.dumps(read_description(file))
    options = {"save_as_external_data": True, "location": "t.onnx.data"}
    write_description(file, tmp_path / "t.onnx", text, **options)
    assert (tmp_path / "t.onnx.data").stat().st_size > 10**6
    found = OnnxTagger(tmp_path / "t.onnx").predict(PICTURES)
    np.testing.assert_array_equal(found, OnnxTagger(file).predict(PICTURES))
    data = (tmp_path / "t.onnx.data").read_bytes()
    write(tmp_path / "t.onnx.data", data[:1000])
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="a second file beside it, which"):
            OnnxTagger(tmp_path / "t.onnx")
        (tmp_path / "t.onnx.data").unlink(missing_ok=True)


def test_row_in_the_file_must_get_its_scores(file, rewritten, read_description):
    expected = read_description(file)["probe"]["expected"]
    near = rewritten(probe={"expected": [p + 0.005 for p in expected]})
    assert OnnxTagger(near).label_names
    far = rewritten(probe={"expected": [p + 0.02 for p in expected]})
    with pytest.raises(ModelMismatchError, match="off by 0.02: the file is damaged"):
        OnnxTagger(far)
    assert OnnxTagger(far, check=False).predict(PICTURES).shape == (4, 3)
    few = rewritten(probe={"expected": expected[:2]})
    with pytest.raises(ModelMismatchError, match="off by nan"):
        OnnxTagger(few)


def test_damaged_weights_are_found_by_the_row_in_the_file(file, tmp_path):
    weights = max(onnx.load(file).graph.initializer, key=lambda w: len(w.raw_data))
    piece = weights.raw_data[1000:-1000]
    data = file.read_bytes()
    assert data.count(piece) == 1
    damaged = data.replace(piece, bytes(len(piece)))
    with pytest.raises(ModelMismatchError, match="the file is damaged"):
        OnnxTagger(write(tmp_path / "t.onnx", damaged))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"providers": ["NoProvider"]}, "providers must be a list .*CPUExecutionProv"),
        ({"providers": "CPUExecutionProvider"}, "providers must be a list"),
        ({"providers": []}, "providers must be a list"),
        ({"providers": 3}, "providers must be a list .* Got 3"),
        ({"num_threads": 0}, "num_threads must be a positive integer or None. Got 0"),
        ({"num_threads": True}, "num_threads must be a positive integer"),
        ({"batch_size": 0}, "batch_size must be a positive integer or 'auto'. Got 0"),
        ({"batch_size": "all"}, "batch_size must be .* Got 'all'"),
        ({"missing": "drop"}, "missing must be one of .*'zero', 'raise'.* Got 'drop'"),
        ({"on_error": "skip"}, "on_error must be one of .* or None. Got 'skip'"),
    ],
)
def test_parameter_that_is_wrong_is_said(file, options, message):
    with pytest.raises(ValueError, match=message):
        OnnxTagger(file, **options)


@pytest.mark.parametrize("image_root", [3, b"pictures", ["pictures"]])
def test_folder_of_pictures_that_is_none_is_said_at_once(file, image_root):
    # Of on_error="zero" it would make a tagger that sees no picture.
    with pytest.raises(TypeError, match="image_root must be a str, an os.PathLike or"):
        OnnxTagger(file, image_root=image_root, on_error="zero")


def test_row_without_scores_has_no_best_labels(file):
    own = OnnxTagger(file, on_error="nan")
    with pytest.warns(UserWarning, match="1 image could not be read"):
        unread, read = own.top_labels([b"no picture", PICTURES[0]], k=2)
    assert unread == []
    assert len(read) == 2


def test_providers_and_threads_can_be_named(file):
    own = OnnxTagger(file, providers=["CPUExecutionProvider"], num_threads=2)
    expected = OnnxTagger(file).predict_proba(PICTURES)
    np.testing.assert_allclose(own.predict_proba(PICTURES), expected, atol=1e-6)


def test_several_threads_may_use_one(exported):
    own = OnnxTagger(exported()[1])
    rows = [(picture, f"a {n} flag") for n in range(5) for picture in PICTURES]
    expected = own.predict_proba(rows)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(own.predict_proba, [rows] * 8):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_pickle_holds_the_path_and_what_was_asked_for(file, tmp_path, monkeypatch):
    monkeypatch.chdir(file.parent)
    own = OnnxTagger(file.name, on_error="zero", batch_size=3)
    data = pickle.dumps(own)
    assert len(data) < 2000
    monkeypatch.chdir(tmp_path)
    other = pickle.loads(data)
    with pytest.warns(UserWarning, match="1 image could not be read"):
        other.predict(["gone.png"])
    np.testing.assert_array_equal(other.predict(PICTURES), own.predict(PICTURES))


def _tag_in_child(connection, own):
    try:
        connection.send(own.predict_proba(PICTURES))
    except Exception as exc:
        connection.send((type(exc), str(exc)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on Unix")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_forked_process_may_use_that_of_its_parent(file):
    own = OnnxTagger(file, num_threads=2)
    expected = own.predict_proba(PICTURES)
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=_tag_in_child, args=(there, own))
    child.start()
    assert here.poll(60), "the child waits for threads that it has not"
    np.testing.assert_allclose(here.recv(), expected, atol=1e-6)
    child.join()


def _let_go_in_child(connection, taggers):
    session = weakref.ref(taggers.pop()._file._session)
    gc.collect()
    connection.send(session() is not None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on Unix")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_forked_process_never_frees_the_session_of_its_parent(file):
    """It would join threads that it has not: now and then, without end."""
    taggers = [OnnxTagger(file, num_threads=2)]
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=_let_go_in_child, args=(there, taggers))
    child.start()
    assert here.poll(60), "the child waits for threads that it has not"
    assert here.recv()
    child.join()
    session = weakref.ref(taggers.pop()._file._session)
    gc.collect()
    assert session() is None  # in the process that opened it, it goes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on Unix")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("n_labels", [2, 3])
def test_forked_process_mixes_no_two_files(exported, tmp_path, n_labels):
    """Of another tagger of as many labels it would give the scores, under wrong names.

    The parent goes on with the file that it has opened.
    """
    tagger, file = exported(text=None)
    shutil.copy(file, tmp_path / "t.onnx")
    own = OnnxTagger(tmp_path / "t.onnx", num_threads=1)
    expected = own.predict_proba(PICTURES)
    names = ["sea", "sun", "sky"][:n_labels]
    Y = pd.DataFrame(np.eye(4, n_labels, dtype=int), columns=names)
    head = MultiLabelLogisticRegression().fit(tagger[0].transform(PICTURES), Y)
    other = Pipeline([("clip", tagger[0]), ("head", head)])
    to_onnx(other, tmp_path / "t.onnx", overwrite=True)
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=_tag_in_child, args=(there, own))
    child.start()
    assert here.poll(60), "the child waits for threads that it has not"
    kind, message = here.recv()
    child.join()
    assert kind is ModelMismatchError
    assert "it was replaced since" in message
    np.testing.assert_allclose(own.predict_proba(PICTURES), expected, atol=1e-6)


def test_head_of_decision_values_gives_these(tmp_path):
    tagger = Pipeline(
        [
            ("clip", CLIPFeaturizer("clipart-tiny", image=None)),
            ("head", OneVsRestClassifier(LinearSVC())),
        ]
    )
    texts = [f"a {word} flag" for word in ("red", "blue", "green", "white")] * 5
    targets = pd.DataFrame({"red": [1, 0, 0, 0] * 5, "sea": [0, 1, 1, 0] * 5})
    tagger.fit(texts, targets)
    to_onnx(tagger, tmp_path / "t.onnx")
    own, others = OnnxTagger(tmp_path / "t.onnx"), [*texts[:4], "the sea", ""]
    assert not hasattr(own, "predict_proba")
    with pytest.raises(AttributeError, match="no predict_proba: its head gives decis"):
        own.predict_proba(others)
    expected = tagger.decision_function(others)
    np.testing.assert_allclose(own.decision_function(others), expected, atol=1e-4)
    np.testing.assert_array_equal(own.predict(others), tagger.predict(others))
    assert own.top_labels(others, 1)[0][0][0] == own.predict_labels(others)[0][0]
