"""CLIPFeaturizer by other engines than torch: the same vectors, never mixed."""

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from extras import require
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    ModelMismatchError,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone import _graph_making, _loading
from sklearn_clip.embedding.engines import _choice, _openvino, _quantization
from sklearn_clip.embedding.engines._choice import list_graphs
from sklearn_clip.zero_shot._checks import read_logits

pytestmark = pytest.mark.any_processor

require("openvino")
ENGINES = ["openvino", "onnxruntime"]
TEXTS = [
    "",
    "a",
    "a red bicycle",
    "word " * 90,
    "猫の写真 桜の木の下で眠る猫",
    "красный автомобиль",
    "x " * 22,
    "<|endoftext|> & co.",
]
FUSIONS = ["image", "text", "concat", "mean", "max", "product", "concat_product"]
FUSIONS += ["interaction"]


@pytest.fixture(scope="module")
def rows(make_pictures):
    """Rows of pictures and texts, some of which are missing."""
    pictures = [*make_pictures(7, size=(90, 50)), None]
    return list(zip(pictures, TEXTS, strict=True))


@pytest.fixture
def by(model_folder):
    """Make a featurizer of the small model in fp32, by an engine."""

    def make(engine, **options):
        given = {"precision": "fp32", "device": "cpu", "cache": None} | options
        return CLIPFeaturizer(**{"model_name": model_folder, "engine": engine} | given)

    return make


def load_anew():
    """Forget what this process has loaded."""
    _loading._loaded.clear()


def worst(found, expected):
    """Return the least cosine of rows that are something."""
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    some = lengths > 0
    assert (np.linalg.norm(found, axis=1) > 0).tolist() == some.tolist()
    return ((found * expected).sum(1)[some] / lengths[some]).min()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("long_text", ["truncate", "mean"])
def test_vectors_are_those_of_torch(by, rows, engine, long_text):
    if engine != "openvino":
        require("onnxruntime", "onnx")
    for fusion in FUSIONS:
        options = {"fusion": fusion, "long_text": long_text, "normalize": False}
        found = by(engine, **options).transform(rows)
        expected = by("torch", **options).transform(rows)
        atol = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=atol, rtol=1e-4)
    arithmetic = by(engine)._backbone().arithmetic
    for tower in ("image", "text"):
        assert arithmetic[tower].startswith(f"{engine}-")


@pytest.mark.parametrize("name", ["clipart-tiny", "photo-tiny"])
def test_models_that_ship_are_the_same_models(by, rows, name):
    found, expected = (by(e, model_name=name) for e in ("openvino", "torch"))
    pictures, texts = [p for p, _ in rows[:-1]], [t for _, t in rows]
    assert worst(found.encode_images(pictures), expected.encode_images(pictures)) > (
        0.99999
    )
    assert worst(found.encode_texts(texts), expected.encode_texts(texts)) > 0.99999
    assert found.model_fingerprint_ == expected.model_fingerprint_


def test_bf16_is_near_and_another_arithmetic(by, rows):
    half, exact = by("openvino", precision="bf16"), by("torch")
    texts = [text for _, text in rows]
    assert worst(half.encode_texts(texts), exact.encode_texts(texts)) > 0.99
    arithmetic = half._backbone(["text"]).arithmetic["text"]
    assert arithmetic != by("openvino")._backbone(["text"]).arithmetic["text"] or (
        arithmetic.endswith("fp32")  # the CPU has it not
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_vector_is_the_same_alone_and_among_others(by, rows, engine):
    if engine != "openvino":
        require("onnxruntime", "onnx")
    clip = by(engine)
    together = clip.transform(rows)
    alone = np.concatenate([clip.transform([row]) for row in rows])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    for size in (1, 3):
        other = by(engine, batch_size=size).transform(rows[::-1])[::-1]
        np.testing.assert_allclose(other, together, atol=1e-6)


def test_store_keeps_engines_and_precisions_apart(by, rows, count_encoded, tmp_path):
    clip = by("torch", cache=tmp_path)
    for engine, precision in [
        ("torch", "fp32"),
        ("openvino", "fp32"),
        ("torch", "bf16"),
    ]:
        clip.set_params(engine=engine, precision=precision)
        clip._backbone()  # whose probes are not counted
        before = dict(count_encoded)
        first = clip.transform(rows)
        assert count_encoded["image"] - before["image"] == 7
        assert count_encoded["text"] - before["text"] == 7
        np.testing.assert_array_equal(clip.transform(rows), first)
        np.testing.assert_array_equal(clone(clip).transform(rows), first)
        assert count_encoded["image"] - before["image"] == 7
    assert clip.cache_info()["items"] == 3 * 14


def test_pipeline_fitted_with_one_engine_predicts_with_another(by, make_pictures):
    X = [(picture, f"thing {i % 3}") for i, picture in enumerate(make_pictures(12))]
    Y = np.arange(24).reshape(12, 2) // 3 % 2
    head = OneVsRestClassifier(LogisticRegression())
    tagger = make_pipeline(by("torch"), ThresholdOptimizer(head, cv=2)).fit(X, Y)
    expected = tagger.predict_proba(X)
    load_anew()
    again = pickle.loads(pickle.dumps(tagger)).set_params(
        clipfeaturizer__engine="openvino"
    )
    np.testing.assert_allclose(again.predict_proba(X), expected, atol=1e-4)
    assert again[0]._backbone().arithmetic["text"].startswith("openvino-")
    back = pickle.loads(pickle.dumps(again)).set_params(clipfeaturizer__engine="torch")
    np.testing.assert_allclose(back.predict_proba(X), expected, atol=1e-4)


def test_engine_that_computes_wrongly_is_named(by, rows, monkeypatch):
    clip = pickle.loads(pickle.dumps(by("torch", fusion="image")))
    clip.transform(rows)
    saved = pickle.dumps(clip.set_params(engine="openvino"))
    load_anew()
    run = _openvino.Session.run
    monkeypatch.setattr(
        _openvino.Session, "run", lambda *args: np.roll(run(*args), 1, axis=1)
    )
    with pytest.raises(ModelMismatchError, match=r"image.*'openvino-[\d.]+-fp32'"):
        pickle.loads(saved).transform(rows)
    load_anew()


def test_workers_encode_with_the_engine(by, rows):
    clip = by("openvino")
    expected = clip.transform(rows)
    parts = Parallel(n_jobs=2)(delayed(clip.transform)(rows) for _ in range(2))
    for part in parts:
        np.testing.assert_allclose(part, expected, atol=1e-6)


FORKED = """
import json, os, sys
import numpy as np
from PIL import Image
from sklearn_clip import CLIPFeaturizer

clip = CLIPFeaturizer(sys.argv[1], engine=sys.argv[2], precision="fp32",
                      cache=None, device="cpu")
rows = [(Image.new("RGB", (60, 50), "red"), "a"), (None, "two dogs " * 90)]
expected = clip.transform(rows)
for encodes in (True, False):
    child = os.fork()
    if child == 0:
        same = not encodes or np.array_equal(clip.transform(rows), expected)
        # By way of all that Python does at its end. Where ONNX Runtime was as much as
        # imported, that waits for ever: such a child ends as multiprocessing's do.
        leave = os._exit if sys.argv[2] == "onnxruntime" else sys.exit
        leave(0 if same else 3)
    assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(clip.transform(rows), expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_forked_child_encodes_and_ends(by, model_folder, engine):
    command = [sys.executable, "-c", FORKED, model_folder, engine]
    by(engine)._backbone()  # so that it is prepared
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


FORKED_WITHOUT_FOLDER = """
import os, shutil, sys
from sklearn_clip import CLIPFeaturizer

clip = CLIPFeaturizer(sys.argv[1], engine=sys.argv[2], precision="fp32",
                      cache=None, device="cpu", image=None)
clip.transform(["two dogs"])
shutil.rmtree(os.environ["SKLEARN_CLIP_ENGINES"])
child = os.fork()
if child == 0:
    told = 0
    for _ in range(2):  # the second try does not run what the parent opened either
        try:
            clip.transform(["two dogs"])
        except Exception as exc:
            said = "was removed while a tower" in str(exc)
            told += said and isinstance(exc, FileNotFoundError)
    os._exit(told)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
clip.transform(["a cat"])  # the parent goes on
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_forked_child_says_that_the_folder_is_gone(tmp_path, model_folder, engine):
    command = [sys.executable, "-c", FORKED_WITHOUT_FOLDER, model_folder, engine]
    environment = os.environ | {"SKLEARN_CLIP_ENGINES": str(tmp_path / "engines")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_threads_share_one_featurizer(by, rows):
    clip = by("openvino")
    expected = clip.transform(rows)
    found = [None] * 4

    def encode(place):
        found[place] = clip.transform(rows)

    threads = [threading.Thread(target=encode, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for vectors in found:
        np.testing.assert_array_equal(vectors, expected)


def test_engine_is_a_parameter_like_others(by, rows):
    clip = by("openvino", fusion="text")
    first = clip.transform(rows)
    assert "engine='openvino'" in repr(clip)
    assert clone(clip).get_params()["engine"] == "openvino"
    np.testing.assert_allclose(
        clip.set_params(engine="torch").transform(rows), first, atol=1e-5
    )
    assert not hasattr(clip._backbone(["text"])._towers["text"], "_session")
    np.testing.assert_array_equal(
        clip.set_params(engine="openvino").transform(rows), first
    )
    with pytest.raises(ValueError, match="'engine' parameter .* Got 'tflite'"):
        clip.set_params(engine="tflite").transform(rows)


@pytest.mark.parametrize("way", ["pickle", "joblib", "skops", "copy"])
def test_engine_travels(by, rows, way, tmp_path):
    clip = by("openvino", fusion="text")
    expected = clip.transform(rows)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(clip))
    elif way == "copy":
        again = copy.deepcopy(clip)
    elif way == "joblib":
        joblib.dump(clip, tmp_path / "clip")
        again = joblib.load(tmp_path / "clip")
    else:
        skops.io.dump(clip, tmp_path / "clip")
        trusted = skops.io.get_untrusted_types(file=tmp_path / "clip")
        assert all(name.startswith("sklearn_clip.") for name in trusted)
        again = skops.io.load(tmp_path / "clip", trusted=trusted)
    load_anew()
    assert again.engine == "openvino"
    np.testing.assert_array_equal(again.transform(rows), expected)


def test_zero_shot_is_the_same(by, make_pictures):
    pictures = make_pictures(4)
    zero = {
        engine: ZeroShotClassifier(["cat", "dog"], by(engine, text=None)).fit()
        for engine in ("torch", "openvino")
    }
    expected = zero["torch"].decision_function(pictures)
    found = zero["openvino"].decision_function(pictures)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_logits_of_a_model_are_read_for_every_engine_and_precision(by):
    for options in ({}, {"precision": "bf16"}, {"precision": "int8"}):
        scale, bias = read_logits(by("openvino", text=None, **options))
        assert (scale, bias) == read_logits(by("torch"))


def test_zero_shot_takes_the_model_that_the_featurizer_has(by, make_pictures):
    load_anew()
    clip = by("openvino", text=None)
    zero = ZeroShotClassifier(["cat", "dog"], clip, scoring="softmax").fit()
    assert zero.predict_proba(make_pictures(2)).shape == (2, 2)
    assert len(_loading._loaded) == 1


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """Graphs of this test alone, in a process that has loaded nothing."""
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(tmp_path / "engines"))
    load_anew()
    yield
    load_anew()


def test_tower_that_cannot_be_converted_stays_with_torch_and_says_so_if_asked(
    by, rows, own_cache, monkeypatch, capsys
):
    tried = []

    def fail(module, example):
        tried.append(module)
        raise RuntimeError("a shape depends on data\nand so on")

    monkeypatch.setattr(_openvino, "convert", fail)
    expected = by("torch", fusion="text").transform(rows)
    for verbose in (0, 1, 1):
        load_anew()
        clip = by("openvino", fusion="text", verbose=verbose)
        np.testing.assert_array_equal(clip.transform(rows), expected)
        said = capsys.readouterr().out
        reason = "it cannot be converted (a shape depends on data).\n"
        told = f"The text tower does not run in openvino in fp32: {reason}"
        assert said.count(told) == verbose
        assert verbose or not said
    assert len(tried) == 1  # at later starts it is known


def test_trouble_of_the_hour_is_not_kept(by, rows, own_cache, monkeypatch, capsys):
    def fail(*args):
        raise OSError(28, "No space left on device")

    expected = by("torch", fusion="text").transform(rows)
    clip = by("openvino", fusion="text", verbose=1)
    with monkeypatch.context() as patch:
        patch.setattr(_openvino, "write", fail)
        np.testing.assert_array_equal(clip.transform(rows), expected)
    assert "cannot be prepared now ([Errno 28] No space" in capsys.readouterr().out
    load_anew()
    clip.transform(rows)
    assert clip._backbone(["text"]).arithmetic["text"].startswith("openvino-")


def test_engine_that_is_broken_is_not_passed_over_where_it_is_named(
    by, rows, own_cache, monkeypatch
):
    def fail(*args):
        raise ImportError("libopenvino.so: cannot open shared object file")

    monkeypatch.setattr(_openvino, "convert", fail)
    with pytest.raises(ImportError, match=r"libopenvino\.so"):
        by("openvino", fusion="text").transform(rows)
    measured = [engine for engine, _ in list_graphs("auto", "fp32", "text")]
    if measured:
        monkeypatch.delenv("SKLEARN_CLIP_ENGINE")
        following = next((e for e in measured if e != "openvino"), "torch")
        expected = by(following, fusion="text").transform(rows)
        found = by("auto", fusion="text").transform(rows)
        np.testing.assert_array_equal(found, expected)


def test_graph_opens_where_nothing_can_be_written_beside_it(by, rows, own_cache):
    clip = by("openvino", fusion="text")
    expected = clip.transform(rows)
    (compiled,) = Path(os.environ["SKLEARN_CLIP_ENGINES"]).rglob("compiled")
    shutil.rmtree(compiled)
    compiled.touch()  # in its way, as no permission is in that of root
    load_anew()
    np.testing.assert_array_equal(clip.transform(rows), expected)
    assert clip._backbone(["text"]).arithmetic["text"].startswith("openvino-")


def test_graph_that_does_not_open_leaves_its_tower_to_torch(
    by, rows, own_cache, monkeypatch, capsys
):
    clip = by("openvino", fusion="text", verbose=1)
    clip.transform(rows)
    load_anew()

    def fail(self):
        raise RuntimeError("Unknown layer")

    monkeypatch.setattr(_openvino.Session, "_open", fail)
    expected = by("torch", fusion="text").transform(rows)
    np.testing.assert_array_equal(clip.transform(rows), expected)
    assert "its graph cannot be opened (Unknown layer)" in capsys.readouterr().out


def test_auto_takes_no_graph_that_is_untrue(model_folder, own_cache, monkeypatch):
    said = []
    monkeypatch.setattr(_graph_making, "worst_cosine", lambda *rows: 0.9985)
    backbone = load_backbone(model_folder, device="cpu", engine="openvino", towers=[])
    backbone.load(["text"], say=said.append)
    assert backbone.runs_in_torch("text")
    assert "does not run in openvino in" in said[-1]


@pytest.fixture
def small(by, rows, own_cache):
    """Embed texts in 8 bits by name, and the same in fp32 by torch."""
    require("nncf")
    texts = [text for _, text in rows]
    clip = by("openvino", fusion="text", precision="int8")
    return clip, texts, by("torch", fusion="text").encode_texts(texts)


def test_texts_in_8_bits_are_near_alone_and_among_others(small):
    clip, texts, expected = small
    found = clip.encode_texts(texts)
    some = np.linalg.norm(expected, axis=1) > 0
    assert worst(found[some], expected[some]) > 0.995
    assert clip.arithmetic_["text"].startswith("openvino-")
    assert "-int8-" in clip.arithmetic_["text"]
    backbone = clip._backbone(["text"])
    assert backbone.precisions["text"] == "int8"
    together = backbone.encode_texts(texts)
    for order in (range(8), range(7, -1, -1)):
        for size in (1, 3):
            places = [list(order)[i : i + size] for i in range(0, 8, size)]
            parts = [backbone.encode_texts([texts[i] for i in p]) for p in places]
            np.testing.assert_array_equal(
                np.concatenate(parts), together[np.concatenate(places)]
            )


def test_auto_takes_8_bits_for_texts_where_they_are_true(
    model_folder, own_cache, monkeypatch
):
    require("nncf")
    monkeypatch.setattr(_choice, "processor_kind", lambda: "vnni")
    said = []
    model = load_backbone(model_folder, device="cpu", engine="openvino", towers=[])
    model.load(["text"], say=said.append)
    assert model.precisions["text"] == "int8"
    assert said == [
        "Preparing the text tower for openvino in 8 bits, once on this machine."
    ]
    load_anew()
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", os.environ["SKLEARN_CLIP_ENGINES"] + "2")
    monkeypatch.setattr(_graph_making, "_SMALL_ITEMS", 16)
    monkeypatch.setattr(_quantization, "quantize", lambda *_, **__: (None, 0.5, ()))
    model = load_backbone(model_folder, device="cpu", engine="openvino", towers=[])
    model.load(["text"], say=said.append)
    assert model.precisions["text"] != "int8"
    assert "text tower does not run in openvino in int8: the worst cosine" in said[2]


def test_texts_that_are_untrue_in_8_bits_are_refused_by_name(
    by, rows, own_cache, monkeypatch
):
    require("nncf")
    monkeypatch.setattr(_quantization, "quantize", lambda *_, **__: (None, 0.5, ()))
    clip = by("openvino", fusion="text", precision="int8")
    text = "text tower does not run in openvino in int8: .* 0.5000.*precision='auto'"
    for _ in range(2):
        with pytest.raises(ValueError, match=text):
            clip.transform(rows)
        load_anew()


def test_precision_is_the_one_that_the_cpu_does(by, own_cache, monkeypatch):
    opening = _openvino.Session._open

    def open_without_units(session):
        opening(session)
        session.precision = "fp32"

    monkeypatch.setattr(_openvino.Session, "_open", open_without_units)
    clip = by("openvino", fusion="text", precision="bf16")
    assert clip._backbone(["text"]).precisions == {"text": "fp32"}
    assert clip.arithmetic_["text"].endswith("-fp32")


def test_arithmetic_is_told_of_the_towers_that_were_used(by, rows):
    load_anew()
    clip = by("openvino", fusion="text")
    assert clip.arithmetic_ is None
    assert clip.fit(rows).arithmetic_ is None  # nothing is loaded yet
    clip.transform(rows)
    assert list(clip.arithmetic_) == ["text"]
    assert clip.arithmetic_["text"].startswith("openvino-")
    assert clip.arithmetic_["text"].endswith("-fp32")
    clip.encode_images([picture for picture, _ in rows[:2]])
    assert list(clip.arithmetic_) == ["image", "text"]
    for other in (clone(clip), copy.deepcopy(clip), pickle.loads(pickle.dumps(clip))):
        assert other.arithmetic_ is None
        other.transform(rows)
        assert other.arithmetic_ == {"text": clip.arithmetic_["text"]}
    clip.set_params(engine="torch").transform(rows)
    assert clip.arithmetic_ == {"text": "fp32"}
    with pytest.raises(AttributeError):
        clip.arithmetic_ = {}


def test_cache_that_vanishes_meanwhile_leaves_the_tower_to_torch(
    by, rows, own_cache, monkeypatch, capsys
):
    expected = by("torch", fusion="text").transform(rows)
    replace = os.replace

    def lose(source, target):
        replace(source, target)
        if Path(target).name.startswith("text-openvino"):
            shutil.rmtree(os.environ["SKLEARN_CLIP_ENGINES"])

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lose)
        clip = by("openvino", fusion="text", verbose=1)
        np.testing.assert_array_equal(clip.transform(rows), expected)
    assert "cannot be prepared now (The folder" in capsys.readouterr().out
    load_anew()
    clip.transform(rows)
    assert clip.arithmetic_["text"].startswith("openvino-")


def test_graph_that_the_engine_cannot_write_is_tried_again(
    by, rows, own_cache, monkeypatch, capsys
):
    write = _openvino.write

    def write_where_a_folder_is(graph, folder, precision):
        (folder / "graph.bin").mkdir()
        write(graph, folder, precision)

    expected = by("torch", fusion="text").transform(rows)
    clip = by("openvino", fusion="text", verbose=1)
    with monkeypatch.context() as patch:
        patch.setattr(_openvino, "write", write_where_a_folder_is)
        np.testing.assert_array_equal(clip.transform(rows), expected)
    assert "cannot be prepared now ('" in capsys.readouterr().out
    load_anew()
    clip.transform(rows)
    assert clip.arithmetic_["text"].startswith("openvino-")


def test_verbose_says_that_a_tower_is_prepared_once(by, own_cache, capsys):
    for times in (1, 0):
        load_anew()
        by("openvino", fusion="text", verbose=1)._backbone(["text"])
        said = capsys.readouterr().out
        assert said.count("Preparing the text tower for openvino, once") == times


def test_folder_that_cannot_be_written_costs_time_alone(
    by, rows, monkeypatch, tmp_path
):
    file = tmp_path / "file"
    file.write_text(json.dumps("not a folder"))
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(file))
    monkeypatch.setattr("sklearn_clip.embedding.engines._graphs._temporary_home", None)
    load_anew()
    clip = by("openvino", fusion="text")
    with pytest.warns(UserWarning, match="cannot be written") as told:
        found = clip.transform(rows)
    assert len(told) == 1
    monkeypatch.undo()
    load_anew()
    np.testing.assert_allclose(clip.transform(rows), found, atol=1e-6)
