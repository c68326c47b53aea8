"""The store: what it keeps, for whom, and when it goes away."""

import copy
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone

from sklearn_clip import EmbeddingStore
from sklearn_clip.embedding import (
    _store,
    join_session,
    open_store,
    session_folder,
)

# The module of the store needs no torch, whose import takes seconds.
STORE_ALONE = os.environ | {"PYTHONPATH": os.path.dirname(_store.__file__)}


def make_entries(n, *, seed=0, dim=8):
    rng = np.random.default_rng(seed)
    keys = [rng.bytes(32) for _ in range(n)]
    return keys, rng.normal(size=(n, dim)).astype(np.float32)


def run_python(code, *arguments, check=True):
    """Run a program that needs the store alone, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=STORE_ALONE | {"TMPDIR": tempfile.gettempdir()},
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def test_more_keys_than_one_statement_takes_come_back_exactly(tmp_path):
    store = EmbeddingStore(tmp_path / "deep" / "folder")
    keys, vectors = make_entries(2_345)
    assert store.get_many(keys) == {}
    store.put_many(keys, vectors)
    found = store.get_many(keys[::-1])
    assert set(found) == set(keys)
    assert np.array_equal([found[key] for key in keys], vectors)
    assert store.info() == {
        "items": 2_345,
        "bytes": 2_345 * 8 * 4,
        "hits": 2_345,
        "misses": 2_345,
    }


def test_nothing_is_looked_up_or_written_for_no_keys(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put_many([], np.zeros((0, 8)))
    assert store.get_many([]) == {}
    assert store.info()["items"] == 0


def test_first_vector_of_a_key_stays(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put_many([b"k"], np.ones((1, 3)))
    store.put_many([b"k"], np.zeros((1, 3)))
    assert (store.get_many([b"k"])[b"k"] == 1).all()


def test_clear_removes_all_and_resets_the_counters(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put_many([b"k"], np.ones((1, 3)))
    store.get_many([b"k", b"l"])
    store.clear()
    assert store.info() == {"items": 0, "bytes": 0, "hits": 0, "misses": 0}


def test_batch_that_fails_is_not_written_in_part(tmp_path):
    store = EmbeddingStore(tmp_path)
    with pytest.raises(ValueError, match="shorter|longer"):
        store.put_many([b"k", b"l"], np.ones((1, 3)))
    assert store.info()["items"] == 0


def test_copies_are_the_same_store(tmp_path):
    store = EmbeddingStore(tmp_path)
    assert copy.copy(store) is store
    assert clone(store, safe=False) is store
    assert copy.deepcopy({"cache": [store]})["cache"][0] is store


def test_pickle_is_a_handle_on_the_same_folder(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put_many([b"k"], np.ones((1, 3)))
    again = pickle.loads(pickle.dumps(store))
    assert again.get_many([b"k"])[b"k"].tolist() == [1, 1, 1]
    assert (store.hits, again.hits) == (0, 1)


def test_relative_folder_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = EmbeddingStore("kept")
    store.put_many([b"k"], np.ones((1, 3)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with ThreadPoolExecutor(1) as pool:  # a new thread opens the file anew
        assert pool.submit(store.get_many, [b"k"]).result()


def test_many_threads_may_open_read_and_write_at_once(tmp_path):
    for attempt in range(40):
        store = EmbeddingStore(tmp_path / str(attempt))
        barrier = threading.Barrier(8)

        def work(number, store=store, barrier=barrier):
            keys, vectors = make_entries(50, seed=number)
            barrier.wait()
            store.put_many(keys, vectors)
            return len(store.get_many(keys))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(8))) == [50] * 8
        assert store.info()["items"] == 400


WRITE = """
import sys, time
import numpy as np
from _store import EmbeddingStore
store = EmbeddingStore(sys.argv[1])
number, start = int(sys.argv[2]), float(sys.argv[3])
time.sleep(max(0, start - time.time()))
for i in range(40):
    store.put_many([b"%d-%d" % (number, i)], np.full((1, 4), number))
"""


def test_processes_may_write_at_once(tmp_path):
    start = str(time.time() + 1.5)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(tmp_path), str(n), start], env=STORE_ALONE
        )
        for n in range(2)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert EmbeddingStore(tmp_path).info()["items"] == 80


KILLED = """
import os, signal, sys
import numpy as np
from _store import EmbeddingStore, session_folder
store = EmbeddingStore(sys.argv[1])
store.put_many([b"committed"], np.ones((1, 4)))
print(session_folder(), flush=True)
with store._connection() as connection:
    connection.execute("INSERT INTO embeddings VALUES (x'00', x'00')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_kill_keeps_what_was_committed_and_its_session_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = run_python(KILLED, tmp_path / "kept", check=False)
    assert done.returncode == -signal.SIGKILL
    store = EmbeddingStore(tmp_path / "kept")
    assert store.info()["items"] == 1 and b"committed" in store.get_many([b"committed"])
    stale = Path(done.stdout.strip())
    assert stale.is_dir() and stale.parent == tmp_path
    stranger = tmp_path / "sklearn-clip-session-not-a-number"
    mine = tmp_path / f"sklearn-clip-session-{os.getpid()}-x"
    for folder in (stranger, mine):
        folder.mkdir()
    _store._sweep_stale_sessions()
    assert not stale.exists()
    assert stranger.exists() and mine.exists()


EXIT = """
from _store import open_store
store = open_store("auto")
store.info()
print(store.folder, store.folder.is_dir())
raise RuntimeError("on purpose")
"""


def test_session_folder_is_removed_at_exit_also_after_an_error():
    done = run_python(EXIT, check=False)
    assert "on purpose" in done.stderr and done.returncode == 1
    folder, there = done.stdout.rsplit(maxsplit=1)
    assert there == "True" and not os.path.exists(folder)


def test_store_that_cannot_be_opened_raises_at_once(tmp_path):
    (tmp_path / "embeddings.sqlite").mkdir()
    begin = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        EmbeddingStore(tmp_path).info()
    assert time.monotonic() - begin < 10


def test_cache_parameter_becomes_a_store(tmp_path):
    assert open_store(None) is None
    store = EmbeddingStore(tmp_path)
    assert open_store(store) is store
    assert open_store(tmp_path) is open_store(str(tmp_path))
    assert open_store(tmp_path).folder == tmp_path
    assert open_store("auto") is open_store("auto")
    assert str(open_store("auto").folder) == session_folder()


def session_of_worker(folder):
    join_session(folder)
    return session_folder(), os.getpid()


def test_workers_of_this_process_join_its_session():
    with Parallel(n_jobs=2) as parallel:
        seen = parallel(delayed(session_of_worker)(session_folder()) for _ in range(4))
    assert {folder for folder, _ in seen} == {session_folder()}
    assert os.getpid() not in {pid for _, pid in seen}


JOIN = """
import sys
from _store import join_session, session_folder
join_session(sys.argv[1])
print(session_folder() == sys.argv[1])
"""


def test_session_of_a_stranger_or_one_that_is_over_is_not_joined(tmp_path):
    prefix = "sklearn-clip-session-"
    stranger = tmp_path / f"{prefix}{os.getppid()}-x"
    nameless = tmp_path / "folder"
    for folder in (stranger, nameless):
        folder.mkdir()
    for folder in (stranger, nameless, tmp_path / f"{prefix}{os.getpid()}-gone"):
        assert run_python(JOIN, folder).stdout.strip() == "False"
    mine = tmp_path / f"{prefix}{os.getpid()}-x"
    mine.mkdir()
    assert run_python(JOIN, mine).stdout.strip() == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_what_a_forked_child_commits_outlives_its_parent(tmp_path):
    code = """
import os, sys, threading
import numpy as np
from sklearn_clip.embedding import EmbeddingStore
store = EmbeddingStore(sys.argv[1])
vector = np.ones((1, 4), dtype=np.float32)
store.put_many([b"parent"], vector)
other = threading.Thread(target=store.put_many, args=([b"thread"], vector))
other.start()
other.join()
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    store.put_many([b"first"], vector)
    os.read(read, 1)  # until the parent is gone
    store.put_many([b"second"], vector)
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    deadline = time.monotonic() + 30
    store = EmbeddingStore(tmp_path)
    while store.info()["items"] < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert store.info()["items"] == 4
