"""A store that can be read and not written to: what works, what warns, what raises."""

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_clip import CLIPFeaturizer, EmbeddingStore
from sklearn_clip.embedding import _engine
from sklearn_clip.embedding._engine import embed
from sklearn_clip.embedding.store import _database, _session

TEXTS = [str(number) for number in range(12)]
NOBODY = 65534
_FILE = "embeddings.sqlite"


class Numbers:
    """An encoder of texts that are numbers; it counts them."""

    fingerprint, tokenization, arithmetic = "x", "y", {"text": "fp32"}
    embedding_dim, context_length, device = 2, 77, torch.device("cpu")
    on_cpu = True
    collate_texts = staticmethod(list)

    def __init__(self):
        self.encoded = []

    def runs_in_torch(self, tower):
        return True

    def width(self, tower):
        return 2

    def output_of(self, tower):
        return "embedding"

    def encode_texts(self, texts):
        self.encoded += texts
        return np.array([[float(text), 1] for text in texts], dtype=np.float32)


@contextlib.contextmanager
def without_rights():
    """Act as a user who may write only where everybody may."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def may(path, mode):
    """Tell what the acting user may do."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


@pytest.fixture
def folder():
    """Folder whose path everybody may walk, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        inner = Path(path, "store")
        inner.mkdir()
        with without_rights():
            if not may(path, os.X_OK):
                pytest.skip("temporary folders are closed to other users here")
        yield inner
        os.chmod(inner, 0o755)


def fill(folder, texts=TEXTS):
    """Store texts, and close the store."""
    store = EmbeddingStore(folder)
    embed(texts, "text", Numbers(), store=store)
    store.close()
    return store


@pytest.fixture(params=["file", "folder", "both"])
def closed(request, folder):
    """Folder with a store of which the file, the folder or both are read-only."""
    fill(folder)
    os.chmod(folder / _FILE, 0o666 if request.param == "folder" else 0o444)
    os.chmod(folder, 0o777 if request.param == "file" else 0o555)
    with without_rights():
        if may(folder if request.param != "file" else folder / _FILE, os.W_OK):
            pytest.skip("this system keeps nobody from writing")
        yield folder


def test_closed_store_is_read_and_counted(closed):
    store = EmbeddingStore(closed)
    assert store.info()["items"] == 12
    encoder = Numbers()
    vectors, _ = embed(TEXTS, "text", encoder, store=store)
    assert encoder.encoded == [] and vectors[:, 0].tolist() == list(range(12))
    assert store.info()["hits"] == 12
    bounded = EmbeddingStore(closed, max_bytes=10**6)
    assert embed(TEXTS, "text", encoder, store=bounded) and encoder.encoded == []


def test_what_is_new_beside_a_closed_store_is_encoded_with_a_warning(
    closed, monkeypatch
):
    monkeypatch.setattr(_engine, "_BLOCK", 4)
    encoder, store = Numbers(), EmbeddingStore(closed)
    texts = ["99", *TEXTS, "98"]
    with pytest.warns(UserWarning, match="readonly.*only reads it, and what .* not k"):
        vectors, _ = embed(texts, "text", encoder, store=store)
    # What the store holds is taken from it also after the first write has failed.
    assert sorted(encoder.encoded) == ["98", "99"]
    assert vectors[:, 0].tolist() == [99, *range(12), 98]
    assert store.info()["items"] == 12


def test_closed_store_is_not_cleared_and_says_so(closed):
    store = EmbeddingStore(closed)
    with pytest.raises(OSError, match="cannot be cleared .*readonly.*writable"):
        store.clear()
    assert store.info()["items"] == 12
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.put_many([b"key"], np.ones((1, 2)))


def test_closed_store_that_is_written_to_by_others_is_read_anew(folder):
    fill(folder, TEXTS[:3])
    os.chmod(folder, 0o555)
    with without_rights():
        store = EmbeddingStore(folder)
        assert store.info()["items"] == 3
    os.chmod(folder, 0o755)
    fill(folder)
    os.chmod(folder, 0o555)
    with without_rights():
        assert store.info()["items"] == 12


def test_closed_folder_without_a_store_raises_with_the_way_out(folder):
    os.chmod(folder, 0o555)
    with without_rights():
        if may(folder, os.W_OK):
            pytest.skip("this system keeps nobody from writing")
        for where in (folder, folder / "deeper"):
            store = EmbeddingStore(where)
            for work in (store.info, store.clear):
                with pytest.raises(OSError, match="cannot be opened.*cache=None"):
                    work()


def test_closed_folder_with_something_else_in_it_is_refused(folder):
    with contextlib.closing(sqlite3.connect(folder / _FILE)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE own (cell)")
        other.commit()
    os.chmod(folder, 0o555)
    with (
        without_rights(),
        pytest.raises(ValueError, match="must be an embedding store"),
    ):
        EmbeddingStore(folder).info()


@pytest.fixture
def read_only(monkeypatch):
    """Let SQLite open files for reading only, whoever asks."""
    connect = sqlite3.connect

    def connect_to_read(file, **options):
        name = file if options.pop("uri", False) else f"{file.as_uri()}?mode=ro"
        return connect(name, uri=True, **options)

    def close_to_writing():
        monkeypatch.setattr(_database.sqlite3, "connect", connect_to_read)

    return close_to_writing


def test_featurizer_works_on_a_store_that_it_may_only_read(
    tmp_path, model_folder, read_only, count_encoded
):
    def make(cache):
        return CLIPFeaturizer(model_folder, image=None, cache=cache)

    expected = make(None).transform([*TEXTS, "new"])
    store = EmbeddingStore(tmp_path)
    make(store).precompute(TEXTS)
    store.close()
    read_only()
    clip = make(EmbeddingStore(tmp_path))
    count_encoded["text"] = 0
    assert clip.cache_info()["items"] == 12
    np.testing.assert_array_equal(
        clip.precompute(TEXTS).transform(TEXTS), expected[:-1]
    )
    assert count_encoded["text"] == 0
    with pytest.warns(UserWarning, match="only reads it"):
        found = clip.transform([*TEXTS, "new"])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.warns(UserWarning, match="what it encodes is not kept"):
        clip.precompute(["new"])
    assert count_encoded["text"] == 2
    assert clip.cache_info() == {"items": 12, "bytes": 3072, "hits": 36, "misses": 2}


def test_full_disk_keeps_what_is_there_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr(_engine, "_BLOCK", 4)
    store = fill(tmp_path)
    assert store.info()["items"] == 12
    # SQLite's own bound of a file gives the same error as a disk that is full.
    store._database._connection.execute("PRAGMA max_page_count=1")
    encoder, new = Numbers(), [str(number) for number in range(100, 8_000)]
    with pytest.warns(UserWarning, match="full.: this call only reads it"):
        vectors, _ = embed([*new, *TEXTS], "text", encoder, store=store)
    assert not set(encoder.encoded) & set(TEXTS)
    assert vectors[-12:, 0].tolist() == list(range(12))
    assert store.info()["items"] >= 12
    store.clear()
    assert store.info()["items"] == 0


def test_counts_of_a_store_whose_folder_vanished_are_zero(tmp_path):
    store = fill(tmp_path / "cache")
    assert store.info()["items"] == 12
    store.close()
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").parent.joinpath("other").write_text("in the way")
    assert store.info()["items"] == 0
    store.clear()
    lost = EmbeddingStore(tmp_path / "other" / "cache")
    with pytest.raises(OSError, match="cannot be opened.*Choose a folder"):
        lost.info()


def test_session_without_a_temporary_folder_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(_session, "_session", None)
    with pytest.raises(OSError, match="session cannot be made .*cache=None"):
        _session.session_store()


def test_store_that_refuses_a_row_costs_its_storage_not_the_run(tmp_path, monkeypatch):
    """A flipped bit in the index hides a key that is there, and may not be twice."""

    def refuse(self, keys, vectors):
        raise sqlite3.IntegrityError("UNIQUE constraint failed: items.key")

    monkeypatch.setattr(EmbeddingStore, "put_many", refuse)
    clip = CLIPFeaturizer("clipart-tiny", image=None, cache=tmp_path)
    with pytest.warns(UserWarning, match="UNIQUE constraint failed"):
        assert clip.transform(["a cat"]).any()
