"""The store of a session: who shares it, and when it goes away."""

import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing import get_all_start_methods, get_context

import pytest
from filelock import FileLock
from joblib import Parallel, delayed

from sklearn_clip import EmbeddingStore
from sklearn_clip.embedding import open_store, session_store
from sklearn_clip.embedding.store import _session

PREFIX = "sklearn-clip-session-"


@pytest.fixture
def own_temporary_folder(tmp_path, monkeypatch):
    """Let this process and the programs it starts begin without any session."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(_session, "_session", None)
    return folder


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=6000
    )


def test_cache_parameter_becomes_a_store(tmp_path):
    assert open_store(None) is None
    store = EmbeddingStore(tmp_path)
    assert open_store(store) is store
    assert open_store(tmp_path) is open_store(str(tmp_path))
    assert open_store(tmp_path).folder == tmp_path
    assert open_store("auto") is open_store("auto") is session_store()


EXIT = """
from sklearn_clip.embedding import open_store
store = open_store("auto")
store.info()
print(store.folder, store.folder.is_dir())
raise RuntimeError("on purpose")
"""


def test_session_folder_is_removed_at_exit_also_after_an_error(own_temporary_folder):
    done = run_python(EXIT)
    assert "on purpose" in done.stderr and done.returncode == 1
    folder, there = done.stdout.rsplit(maxsplit=1)
    assert there == "True" and folder.startswith(str(own_temporary_folder))
    assert list(own_temporary_folder.iterdir()) == []


KILLED = """
import os, signal
from sklearn_clip.embedding import session_store
print(session_store().folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_folder_of_a_killed_session_is_swept_by_the_next(own_temporary_folder):
    done = run_python(KILLED)
    assert done.returncode == -signal.SIGKILL
    (stale,) = own_temporary_folder.iterdir()
    assert done.stdout.strip() == str(stale)
    stranger = own_temporary_folder / f"{PREFIX}not-a-number"
    running = own_temporary_folder / f"{PREFIX}{os.getppid()}-x"
    # Left by another process that had this one's number, as in a restarted container.
    namesake = own_temporary_folder / f"{PREFIX}{os.getpid()}-x"
    for folder in (stranger, running, namesake):
        folder.mkdir()
    _session._sweep()
    assert set(own_temporary_folder.iterdir()) == {stranger, running}


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_folder_in_use_by_another_container_is_not_swept(own_temporary_folder):
    run_python(KILLED)
    (folder,) = own_temporary_folder.iterdir()
    # The number of its process means nothing here, but its lock is held.
    with FileLock(folder / "alive.lock"):
        _session._sweep()
        assert folder.exists()
    _session._sweep()
    assert not folder.exists()


def session_of_worker(_):
    return str(session_store().folder), os.getpid()


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_workers_of_this_process_use_its_session(backend):
    mine = str(session_store().folder)
    with Parallel(n_jobs=2, backend=backend) as parallel:
        seen = parallel(delayed(session_of_worker)(i) for i in range(4))
    assert {folder for folder, _ in seen} == {mine}
    assert os.getpid() not in {pid for _, pid in seen}


@pytest.mark.parametrize("method", get_all_start_methods())
def test_pool_of_this_process_uses_its_session(method):
    mine = str(session_store().folder)
    with get_context(method).Pool(2) as pool:
        seen = pool.map(session_of_worker, range(4))
    assert {folder for folder, _ in seen} == {mine}
    assert os.getpid() not in {pid for _, pid in seen}


def write_session_folder(path):
    with open(path, "w") as file:
        file.write(str(session_store().folder))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_child_without_a_parent_session_removes_its_own(
    own_temporary_folder, tmp_path
):
    child = get_context("fork").Process(
        target=write_session_folder, args=(tmp_path / "name",)
    )
    child.start()
    child.join(60)
    assert (
        (tmp_path / "name")
        .read_text(encoding="utf-8")
        .startswith(str(own_temporary_folder))
    )
    assert list(own_temporary_folder.iterdir()) == []


def test_folder_that_others_can_write_to_is_not_used(own_temporary_folder):
    folder = own_temporary_folder / f"{PREFIX}77-x"
    folder.mkdir(mode=0o700)
    (folder / "alive.lock").touch()
    assert _session._folder_of(77) is None  # nobody holds it
    with FileLock(folder / "alive.lock"):
        assert _session._folder_of(77) == folder
        if os.name != "nt":
            folder.chmod(0o777)
            assert _session._folder_of(77) is None


LEAVE_CHILD = """
import multiprocessing, time, sys
from sklearn_clip.embedding import session_store
def work(folder, path):
    time.sleep(1)
    open(path, "w").write(f"{session_store().folder == folder} {folder.is_dir()}")
folder = session_store().folder
context = multiprocessing.get_context("fork")
context.Process(target=work, args=(folder, sys.argv[1])).start()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_folder_stays_until_the_last_child_is_done(own_temporary_folder, tmp_path):
    command = [sys.executable, "-c", LEAVE_CHILD, str(tmp_path / "seen")]
    subprocess.run(command, check=True, timeout=600)
    assert (tmp_path / "seen").read_text(encoding="utf-8") == "True True"
    assert list(own_temporary_folder.iterdir()) == []
