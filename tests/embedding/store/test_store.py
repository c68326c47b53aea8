"""The store: what it keeps, what it drops, and how processes share it."""

import copy
import gc
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_clip import EmbeddingStore
from sklearn_clip.embedding.store import _claims, _database


def make_entries(n, *, seed=0, dim=8):
    rng = np.random.default_rng(seed)
    keys = [rng.bytes(32) for _ in range(n)]
    return keys, rng.normal(size=(n, dim)).astype(np.float32)


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
    with pytest.raises(ValueError, match="one row per key. Got 1 rows for 2"):
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
from sklearn_clip import EmbeddingStore
store = EmbeddingStore(sys.argv[1])
number, start = int(sys.argv[2]), float(sys.argv[3])
time.sleep(max(0, start - time.time()))
for i in range(40):
    store.put_many([b"%d-%d" % (number, i)], np.full((1, 4), number))
"""


def test_processes_may_write_at_once(tmp_path):
    start = str(time.time() + 1.5)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), str(n), start])
        for n in range(2)
    ]
    assert [writer.wait(600) for writer in writers] == [0, 0]
    assert EmbeddingStore(tmp_path).info()["items"] == 80


READ = """
import sys
from sklearn_clip import EmbeddingStore
store, keys = EmbeddingStore(sys.argv[1]), [b"%d" % i for i in range(2000)]
print("reads", flush=True)
while True:
    store.get_many(keys)
"""


def test_log_stays_small_beside_processes_that_never_cease_to_read(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(_database, "_LOG_BYTES", 2**21)
    store = EmbeddingStore(tmp_path)
    store.put_many([b"%d" % i for i in range(2000)], np.ones((2000, 8)))
    command = [sys.executable, "-c", READ, str(tmp_path)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for reader in readers:
            assert reader.stdout.readline()
        size = emptied = n_written = 0
        while emptied < 2 and n_written < 300:  # they may not let go the first time
            keys = [b"%d-%d" % (n_written, i) for i in range(40)]
            store.put_many(keys, np.ones((40, 1000)))
            n_written += 1
            before, size = size, (tmp_path / "embeddings.sqlite-wal").stat().st_size
            emptied += size < before
        assert emptied == 2
        assert all(reader.poll() is None for reader in readers)
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()
    assert store.info()["items"] == 2000 + 40 * n_written


KILLED = """
import os, signal, sys
import numpy as np
from sklearn_clip import EmbeddingStore
store = EmbeddingStore(sys.argv[1])
store.put_many([b"committed"], np.ones((1, 4)))
store.claim([b"claimed"], store.new_owner())
def die(sql):
    sql.execute("DELETE FROM items")
    os.kill(os.getpid(), signal.SIGKILL)
store._database.run(die, write=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_kill_keeps_what_was_committed_and_voids_claims(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=600)
    assert done.returncode == -signal.SIGKILL
    store = EmbeddingStore(tmp_path)
    found, claimed = store.claim([b"committed", b"claimed"], store.new_owner())
    assert set(found) == {b"committed"} and claimed == [b"claimed"]


def test_claimed_item_is_not_claimed_again_until_it_is_released_or_written(tmp_path):
    store, other = EmbeddingStore(tmp_path), EmbeddingStore(tmp_path)
    first, second = store.new_owner(), other.new_owner()
    assert store.claim([b"a", b"b", b"c"], first) == ({}, [b"a", b"b", b"c"])
    assert other.claim([b"a", b"d"], second) == ({}, [b"d"])
    store.put_many([b"a"], np.ones((1, 2)))
    found, claimed = other.claim([b"a", b"b"], second)
    assert set(found) == {b"a"} and claimed == []
    store.release(first)
    assert other.claim([b"b", b"c"], second) == ({}, [b"b", b"c"])


def test_claim_ends_with_its_lease(tmp_path, monkeypatch):
    store = EmbeddingStore(tmp_path)
    monkeypatch.setattr(_claims, "_LEASE", -1)
    store.claim([b"a"], store.new_owner())
    assert store.claim([b"a"], store.new_owner()) == ({}, [b"a"])


def test_claim_ends_where_the_clock_is_put_back(tmp_path, monkeypatch):
    store, time_before = EmbeddingStore(tmp_path), time.time() + 3_600
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: time_before)
        store.claim([b"a"], store.new_owner())
    assert store.claim([b"a"], store.new_owner()) == ({}, [b"a"])


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="only Linux tells")
def test_claim_ends_with_a_killed_process_that_nobody_has_waited_for(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # its number stays taken
    store = EmbeddingStore(tmp_path)
    assert store.claim([b"claimed"], store.new_owner()) == ({}, [b"claimed"])
    assert killed.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize("bound", [0, -1, 1.5, "1GB", True])
def test_bound_that_is_no_positive_integer_is_refused(tmp_path, bound):
    with pytest.raises(ValueError, match="max_bytes must be a positive integer"):
        EmbeddingStore(tmp_path, max_bytes=bound)


def test_file_stays_under_its_bound_and_keeps_what_was_used_last(tmp_path):
    bound = 2_000_000
    store = EmbeddingStore(tmp_path, max_bytes=bound)
    keys, vectors = make_entries(2_000, dim=512)
    favourite = keys[:10]
    for start in range(0, len(keys), 50):
        store.put_many(keys[start : start + 50], vectors[start : start + 50])
        assert set(store.get_many(favourite)) == set(favourite)
    store.close()
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= bound
    kept = [key in store.get_many([key]) for key in keys]
    assert all(kept[:10]) and kept[-50:] == [True] * 50
    # Apart from the favourites, everything kept is newer than everything removed.
    rest = kept[10:]
    assert rest == sorted(rest) and 300 < sum(kept) < 1_000
    assert store.info()["items"] == sum(kept)
    assert store.info()["bytes"] == sum(kept) * 512 * 4


@pytest.mark.parametrize("dim", [1_024, 2_048, 2_560, 6_000])
def test_file_stays_under_its_bound_where_vectors_leave_pages_half_empty(tmp_path, dim):
    bound = 5_000_000
    store = EmbeddingStore(tmp_path, max_bytes=bound)
    keys, vectors = make_entries(3 * bound // (4 * dim), dim=dim)
    for start in range(0, len(keys), 25):
        store.put_many(keys[start : start + 25], vectors[start : start + 25])
        assert (tmp_path / "embeddings.sqlite").stat().st_size <= bound
    kept = [key in store.get_many([key]) for key in keys]
    assert kept == sorted(kept) and sum(kept) * dim * 4 > 0.4 * bound


def test_log_of_an_open_store_stays_small(tmp_path):
    store = EmbeddingStore(tmp_path, max_bytes=10**6)
    keys, vectors = make_entries(3_000, dim=512)
    for start in range(0, len(keys), 100):
        store.put_many(keys[start : start + 100], vectors[start : start + 100])
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 10**6 + 3 * 2**20


def test_file_of_a_larger_store_is_made_smaller(tmp_path):
    keys, vectors = make_entries(3_000, dim=512)
    store = EmbeddingStore(tmp_path)
    store.put_many(keys, vectors)
    store.close()
    bounded = EmbeddingStore(tmp_path, max_bytes=10**6)
    bounded.put_many([b"new"], vectors[:1])
    bounded.close()
    assert (tmp_path / "embeddings.sqlite").stat().st_size <= 10**6
    assert bounded.get_many([b"new"])


def test_bounded_store_is_read_while_another_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(_database, "_TIMEOUT", 0.1)
    store = EmbeddingStore(tmp_path, max_bytes=10**6)
    keys, vectors = make_entries(5)
    store.put_many(keys, vectors)
    with sqlite3.connect(tmp_path / "embeddings.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert set(store.get_many(keys)) == set(keys)
        other.execute("ROLLBACK")
    other.close()
    assert set(store.get_many(keys)) == set(keys)


def test_bound_smaller_than_one_batch_keeps_nothing_and_breaks_nothing(tmp_path):
    store = EmbeddingStore(tmp_path, max_bytes=10)
    keys, vectors = make_entries(5)
    store.put_many(keys, vectors)
    assert store.info()["items"] == 0


def test_pickle_and_repr_keep_the_bound(tmp_path):
    store = EmbeddingStore(tmp_path, max_bytes=10**6)
    assert pickle.loads(pickle.dumps(store)).max_bytes == 10**6
    assert "max_bytes=1000000" in repr(store)


def test_vector_with_a_flipped_bit_is_missing_not_wrong(tmp_path):
    store = EmbeddingStore(tmp_path)
    keys, vectors = make_entries(3)
    store.put_many(keys, vectors)
    store.close()
    path = tmp_path / "embeddings.sqlite"
    content = bytearray(path.read_bytes())
    place = content.index(vectors[1].tobytes())
    content[place + 5] ^= 4
    path.write_bytes(content)
    assert zlib.crc32(content[place : place + 32]) != zlib.crc32(vectors[1].tobytes())
    assert set(store.get_many(keys)) == {keys[0], keys[2]}
    assert store.info()["items"] == 2
    store.put_many([keys[1]], vectors[1:2])
    assert np.array_equal(store.get_many(keys)[keys[1]], vectors[1])


def test_index_that_names_the_vector_of_another_item_gives_none(tmp_path):
    store = EmbeddingStore(tmp_path)
    keys, vectors = make_entries(9)
    store.put_many(keys, vectors)
    store.close()
    path = tmp_path / "embeddings.sqlite"
    content = bytearray(path.read_bytes())
    place = content.index(keys[4] + b"\x05") + len(keys[4])  # the number of its row
    content[place] = 7
    path.write_bytes(content)
    assert set(store.get_many(keys)) == {*keys} - {keys[4]}
    store.put_many([keys[4]], vectors[4:5])
    found = store.get_many(keys)
    assert np.array_equal([found[key] for key in keys], vectors)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE vectors SET vector = CAST(X'c3c3' AS TEXT) WHERE id = 2",
        "UPDATE vectors SET vector = 7 WHERE id = 2",
        "UPDATE vectors SET vector = X'' WHERE id = 2",
        "DELETE FROM vectors WHERE id = 2",
    ],
)
def test_what_is_no_vector_is_written_anew(tmp_path, damage):
    store = EmbeddingStore(tmp_path)
    keys, vectors = make_entries(3)
    store.put_many(keys, vectors)
    with sqlite3.connect(tmp_path / "embeddings.sqlite") as sql:
        sql.execute(damage)
    sql.close()
    assert set(store.get_many(keys)) == {keys[0], keys[2]}
    store.put_many(keys, vectors)
    assert np.array_equal(store.get_many(keys)[keys[1]], vectors[1])
    assert store.info()["items"] == 3


def test_file_whose_tables_cannot_be_read_is_set_aside(tmp_path):
    keys, vectors = make_entries(3)
    store = EmbeddingStore(tmp_path)
    store.put_many(keys, vectors)
    store.close()
    path = tmp_path / "embeddings.sqlite"
    path.write_bytes(path.read_bytes().replace(b"TABLE items", b'TABLE "tems'))
    store = EmbeddingStore(tmp_path)
    with pytest.warns(UserWarning, match="(?s)is damaged .* is begun anew"):
        assert store.get_many(keys) == {}
    store.put_many(keys, vectors)
    assert set(store.get_many(keys)) == set(keys)


def test_file_with_a_damaged_name_in_its_schema_is_set_aside(tmp_path):
    """SQLite's error quotes the name, which Python cannot read as text."""
    store = EmbeddingStore(tmp_path)
    store.put_many([b"key"], np.ones((1, 4)))
    store.close()
    file = tmp_path / "embeddings.sqlite"
    content = file.read_bytes().replace(b"CREATE TABLE items", b"CREATE TXBLE items")
    file.write_bytes(content.replace(b"tableitemsitems", b"table\x9atemsitems"))
    with pytest.warns(UserWarning, match="is damaged .* is begun anew"):
        assert store.get_many([b"key"]) == {}
    store.put_many([b"key"], np.ones((1, 4)))
    assert len(store.get_many([b"key"])) == 1


def test_damaged_file_is_set_aside_with_a_warning(tmp_path):
    store = EmbeddingStore(tmp_path)
    keys, vectors = make_entries(500)
    store.put_many(keys, vectors)
    store.close()
    path = tmp_path / "embeddings.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged .* is begun anew"):
        store.put_many(keys, vectors)
    assert len(store.get_many(keys)) == 500
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes()[-4096:] == content[-4096:]


def write_text(path):
    path.write_text("not a database, whatever its name says " * 50)


def write_stranger(path):
    with sqlite3.connect(path) as sql:
        sql.execute("CREATE TABLE people (name TEXT)")
    sql.close()


def write_later_format(path):
    EmbeddingStore(path.parent).info()
    with sqlite3.connect(path) as sql:
        sql.execute("PRAGMA user_version=99")
    sql.close()


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (write_text, "not a database"),
        (write_stranger, "database of something else"),
        (write_later_format, "format 99"),
    ],
)
def test_foreign_file_is_refused_and_left_as_it_is(tmp_path, write, reason):
    folder = tmp_path / "cache"
    folder.mkdir()
    path = folder / "embeddings.sqlite"
    write(path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=f"must be an embedding store.*{reason}"):
        EmbeddingStore(folder).get_many([b"k"])
    assert path.read_bytes() == content


def test_store_that_cannot_be_opened_raises_at_once(tmp_path, monkeypatch):
    def refuse(seconds):
        raise AssertionError("waited for a file that cannot be opened")

    monkeypatch.setattr(time, "sleep", refuse)
    (tmp_path / "embeddings.sqlite").mkdir()
    with pytest.raises(OSError, match="cannot be opened .unable to open.*Choose"):
        EmbeddingStore(tmp_path).info()


def test_folder_removed_under_an_open_store_is_made_again(tmp_path):
    store = EmbeddingStore(tmp_path / "cache")
    store.put_many([b"k"], np.ones((1, 3)))
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    (tmp_path / "cache").rmdir()
    assert store.get_many([b"k"]) == {}
    store.put_many([b"k"], np.ones((1, 3)))
    assert EmbeddingStore(tmp_path / "cache").info()["items"] == 1


def test_clear_gives_the_disk_back(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.put_many(*make_entries(1_000, dim=512))
    store.close()
    full = (tmp_path / "embeddings.sqlite").stat().st_size
    store.clear()
    store.close()
    assert (tmp_path / "embeddings.sqlite").stat().st_size < full / 10


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
    deadline = time.monotonic() + 600
    store = EmbeddingStore(tmp_path)
    while store.info()["items"] < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert store.info()["items"] == 4


def test_store_that_is_dropped_closes_its_file(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.info()
    connection = store._database._connection
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


FORKS = """
import os, sys, threading
from sklearn_clip import EmbeddingStore

stores = [EmbeddingStore(f"{sys.argv[1]}/{i}") for i in range(50)]
for store in stores:
    store.info()  # opens its file
sys.setswitchinterval(1e-6)

def fork_often():
    for _ in range(40):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

threads = [threading.Thread(target=fork_often, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
os._exit(sum(thread.is_alive() for thread in threads))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked")
def test_threads_that_fork_at_the_same_time_do_not_wait_for_each_other(tmp_path):
    done = subprocess.run(
        # Python 3.12 and later warn of any fork beside threads, which this is about.
        [sys.executable, "-W", "ignore", "-c", FORKS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
