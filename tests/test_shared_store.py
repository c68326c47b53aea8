"""One store for many processes: what is encoded how often, and what a kill costs."""

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import CLIPFeaturizer, EmbeddingStore
from sklearn_clip.embedding import Backbone, load_backbone


@contextlib.contextmanager
def encodings_written_to(path):
    """Append one line per text that reaches the model, from whatever process."""
    collate = Backbone.collate_texts  # the first thing that is done with a batch

    def counted(self, texts):
        with open(path, "a") as file:  # appends of a few bytes are atomic
            file.write("".join(f"{text}\n" for text in texts))
        return collate(self, texts)

    Backbone.collate_texts = counted
    try:
        yield
    finally:
        Backbone.collate_texts = collate


class CountingFeaturizer(CLIPFeaturizer):
    """A featurizer that notes beside its store what it encodes."""

    def transform(self, X):
        load_backbone(self.model_name).probe()  # not counted
        with encodings_written_to(Path(self.cache).with_suffix(".log")):
            return super().transform(X)


def encoded(folder):
    return folder.with_suffix(".log").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_encodes_each_of_300_rows_once_for_any_number_of_jobs(
    n_jobs, model_folder, tmp_path
):
    folder = tmp_path / "cache"
    X = [f"row number {i}" for i in range(300)]
    y = np.arange(300) % 2
    clip = CountingFeaturizer(model_folder, image=None, cache=folder)
    pipe = Pipeline([("clip", clip), ("head", LogisticRegression())])
    grid = {"clip__normalize": [True, False], "head__C": [0.1, 1, 10]}
    search = GridSearchCV(pipe, grid, cv=5, n_jobs=n_jobs, error_score="raise")
    search.fit(X, y).predict(X)
    assert sorted(encoded(folder)) == sorted(X)


def embed_in_worker(clip, X):
    return clip.transform(X)


def test_processes_that_start_at_once_share_the_work(model_folder, tmp_path):
    folder = tmp_path / "cache"
    X = [f"text {i}" for i in range(600)]
    clip = CountingFeaturizer(model_folder, image=None, cache=folder, batch_size=8)
    orders = [X, X[::-1], X[300:] + X[:300], X[::2] + X[1::2]]
    results = Parallel(n_jobs=4)(delayed(embed_in_worker)(clip, o) for o in orders)
    assert sorted(encoded(folder)) == sorted(X)
    expected = CLIPFeaturizer(model_folder, image=None, cache=None).transform(X)
    place = {text: i for i, text in enumerate(X)}
    for order, features in zip(orders, results, strict=True):
        rows = expected[[place[text] for text in order]]
        np.testing.assert_allclose(features, rows, atol=1e-5)


@pytest.fixture(scope="module")
def processes():
    """Start processes that need not import torch anew, where that can be had."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        "forkserver" if "forkserver" in methods else "spawn"
    )
    if "forkserver" in methods:
        context.set_forkserver_preload(["sklearn_clip.embedding", "open_clip"])
    return context


def write_items(model, folder, numbers, then_wait=False):
    """Embed texts, four at a time; be there until the process is killed."""
    torch.set_num_threads(1)
    clip = CountingFeaturizer(model, image=None, cache=folder, batch_size=4)
    clip.transform([f"item {i}" for i in numbers])
    if then_wait:
        time.sleep(600)


def start_writer(processes, *arguments, **options):
    writer = processes.Process(target=write_items, args=arguments, kwargs=options)
    writer.start()
    return writer


def exit_codes(writers):
    for writer in writers:
        writer.join(600)
    return [writer.exitcode for writer in writers]


def wait_for_items(store, count):
    end = time.monotonic() + 600
    while store.info()["items"] < count and time.monotonic() < end:
        time.sleep(0.005)
    return store.info()["items"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_eight_writers_of_which_one_is_killed_lose_nothing(
    model_folder, tmp_path, processes
):
    folder = tmp_path / "cache"
    store = EmbeddingStore(folder)
    # Overlapping sets of 400 items: 0-399, 100-499, ... 700-1099.
    writers = [
        start_writer(processes, model_folder, folder, range(100 * n, 100 * n + 400))
        for n in range(8)
    ]
    assert wait_for_items(store, 30) >= 30
    victim = writers[0]
    victim.kill()
    committed = store.info()["items"]
    assert exit_codes(writers) == [-signal.SIGKILL] + [0] * 7
    assert store.info()["items"] >= committed
    again = CLIPFeaturizer(model_folder, image=None, cache=store)
    X = [f"item {i}" for i in range(1_100)]
    expected = CLIPFeaturizer(model_folder, image=None, cache=None).transform(X)
    np.testing.assert_allclose(again.transform(X), expected, atol=1e-5)
    # What the victim was encoding when it was killed may have been encoded again.
    assert len(encoded(folder)) <= store.info()["items"] + 3 * 4


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_interrupted_pass_goes_on_where_it_stopped(model_folder, tmp_path, processes):
    folder = tmp_path / "cache"
    store = EmbeddingStore(folder)
    # The first writer never comes to its end, however late the kill is.
    first = start_writer(processes, model_folder, folder, range(1_900), then_wait=True)
    wait_for_items(store, 300)
    first.kill()
    assert exit_codes([first]) == [-signal.SIGKILL]
    before = store.info()["items"]
    assert 300 <= before < 2_000
    noted = len(encoded(folder))
    second = start_writer(processes, model_folder, folder, range(2_000))
    assert exit_codes([second]) == [0]
    assert len(encoded(folder)) - noted == 2_000 - before
    assert store.info()["items"] == 2_000
