"""What only a machine with CUDA can show; elsewhere all of it is skipped."""

import os
import pickle

import joblib
import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from PIL import Image
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    MultiLabelLogisticRegression,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.embedding import _processes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
TEXTS = ["a red flag", "two dogs " * 60, "the sea", "", "a bicycle in the snow"]


@pytest.fixture(scope="module")
def clipart():
    return load_clipart(split="test", as_frame=True)


@pytest.fixture(scope="module")
def pictures(clipart):
    return list(clipart.data["image"][:40])


def make(**options):
    return CLIPFeaturizer("clipart-tiny", **{"cache": None, **options})


def assert_same_directions(found, expected, least):
    assert (found * expected).sum(axis=1).min() >= least


@pytest.mark.parametrize("precision, least", [("fp32", 0.9999), ("auto", 0.999)])
def test_vectors_are_those_of_the_cpu(pictures, precision, least):
    cpu, gpu = make(device="cpu", precision="fp32"), make(precision=precision)
    texts = [text for text in TEXTS if text]
    assert_same_directions(
        gpu.encode_images(pictures), cpu.encode_images(pictures), least
    )
    assert_same_directions(gpu.encode_texts(texts), cpu.encode_texts(texts), least)
    assert gpu._backbone().device.type == "cuda"


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_vectors_do_not_depend_on_the_batch(pictures, precision):
    least = 0.99999 if precision == "fp32" else 0.999
    found = [
        make(precision=precision, batch_size=size).encode_images(pictures)
        for size in (1, 7, 40)
    ]
    for other in found[1:]:
        assert_same_directions(other, found[0], least)


def test_pictures_wait_in_memory_that_the_gpu_reads(pictures):
    backbone = make()._backbone()
    prepared = backbone.prepare_image(Image.open(pictures[0]).convert("RGB"))
    assert backbone.collate_images([prepared]).is_pinned()


def test_batch_that_does_not_fit_is_halved(pictures):
    blank = np.full((32, 32, 3), 200, np.uint8)
    copies = [blank.copy() for _ in range(6000)]
    for number, picture in enumerate(copies):
        picture[0, 0] = number % 256, number // 256, 0
    clip = make(precision="fp32", batch_size=len(copies))
    clip.encode_images(pictures[:2])
    sizes, backbone = [], clip._backbone()
    encode = backbone.encode_images

    def listen(batch):
        sizes.append(len(batch))
        return encode(batch)

    backbone.encode_images = listen
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + 2**28
    torch.cuda.set_per_process_memory_fraction(room / total)
    try:
        found = clip.encode_images(copies)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        del backbone.encode_images
    assert sizes[0] > max(sizes[1:])
    some = slice(0, 6000, 500)
    expected = make(precision="fp32", batch_size=8).encode_images(copies[some])
    assert_same_directions(found[some], expected, 0.9999)


def test_linear_head_agrees_with_the_cpu():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 30)).astype(np.float32)
    Y = (X[:, :5] + rng.standard_normal((400, 5)) > 0.5).astype(int)
    heads = [MultiLabelLogisticRegression(device=d).fit(X, Y) for d in ("cuda", "cpu")]
    np.testing.assert_allclose(heads[0].coef_, heads[1].coef_, atol=2e-3)
    np.testing.assert_allclose(
        heads[0].predict_proba(X), heads[1].predict_proba(X), atol=1e-3
    )


def test_pipeline_that_was_saved_here_tags_on_the_cpu(clipart, tmp_path):
    rows, target = clipart.data[:60], clipart.target[:60].iloc[:, :6]
    head = MultiLabelLogisticRegression()
    tagger = Pipeline([("clip", make()), ("head", head)]).fit(rows, target)
    joblib.dump(tagger, tmp_path / "tagger.joblib")
    copy = joblib.load(tmp_path / "tagger.joblib")
    copy.set_params(clip__device="cpu")
    np.testing.assert_allclose(
        copy.predict_proba(rows), tagger.predict_proba(rows), atol=1e-2
    )


def test_zero_shot_and_few_shot_agree_with_the_cpu(clipart):
    names, rows = list(clipart.target.columns[:6]), clipart.data[["image"]][:30]
    found = [
        ZeroShotClassifier(names, make(device=d, precision="fp32", text=None)).fit()
        for d in ("cuda", "cpu")
    ]
    np.testing.assert_allclose(*(c.predict_proba(rows) for c in found), atol=1e-3)
    vectors = make(text=None, precision="fp32").transform(rows)
    adapter = TipAdapterClassifier(make(precision="fp32").encode_texts(names))
    adapter.fit(vectors, clipart.target[:30].iloc[:, :6])
    assert np.isfinite(adapter.predict_proba(vectors)).all()


@pytest.mark.parametrize("trainable", ["all", "last", "projection"])
def test_fine_tuner_learns_and_travels_to_the_cpu(clipart, tmp_path, trainable):
    names = list(clipart.target.columns[:4])
    rows, target = clipart.data["image"][:48], clipart.target[names][:48]
    tuner = CLIPFineTuner(
        names,
        "clipart-tiny",
        trainable=trainable,
        lr=3e-4,
        max_epochs=3,
        batch_size=16,
        early_stopping=None,
        random_state=0,
    ).fit(list(rows), target)
    losses = [record["train_loss"] for record in tuner.history_]
    assert losses[-1] < losses[0]
    copy = pickle.loads(pickle.dumps(tuner)).set_params(device="cpu")
    np.testing.assert_allclose(
        copy.predict_proba(list(rows)), tuner.predict_proba(list(rows)), atol=2e-2
    )
    assert next(tuner.model_.parameters()).device.type == "cpu"


def test_processes_decode_for_a_training(clipart, monkeypatch):
    names, asked = list(clipart.target.columns[:4]), []
    rows, target = list(clipart.data["image"][:48]), clipart.target[names][:48]
    submit = _processes.Processes.submit

    def listen(self, function, *others):
        asked.append(function.__module__)
        return submit(self, function, *others)

    monkeypatch.setattr(_processes, "LEAST_PICTURES", 16)
    monkeypatch.setattr(_processes, "_LEAST_CORES", 1)
    monkeypatch.setattr(_processes.Processes, "submit", listen)
    fitted = [
        CLIPFineTuner(
            names,
            "clipart-tiny",
            lr=3e-4,
            max_epochs=1,  # rounding makes more of a difference with every step
            batch_size=16,
            early_stopping=None,
            precision="fp32",
            num_workers=workers,
            random_state=0,
        ).fit(X, target)
        for X, workers in ((rows, "auto"), ([Image.open(path) for path in rows], 2))
    ]
    assert "sklearn_clip.finetune._pictures" in asked
    np.testing.assert_allclose(
        *([record["train_loss"] for record in t.history_] for t in fitted), rtol=1e-3
    )


def test_worker_processes_use_the_gpu_too(pictures, tmp_path):
    clip = make(cache=tmp_path, precision="fp32")
    expected = make(precision="fp32").encode_images(pictures)
    halves = [pictures[:20], pictures[20:]]
    found = Parallel(n_jobs=2)(delayed(clip.encode_images)(half) for half in halves)
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on Unix")
def test_forked_process_says_that_it_cannot_use_the_gpu(pictures):
    clip = make()
    clip.encode_images(pictures[:2])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            clip.encode_images(pictures[2:4])
            said = "it worked"
        except Exception as exc:
            said = f"{type(exc).__name__}: {exc}"
        os.write(write, said.encode()[:4000])
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as file:
        said = file.read()
    assert "fork" in said and "spawn" in said, said
