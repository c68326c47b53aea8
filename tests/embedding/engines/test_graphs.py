"""Graphs in the cache: made once by many processes, whole or not at all."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from sklearn_clip.embedding.engines import _graphs
from sklearn_clip.embedding.engines._graphs import RECORD, find_graph, make_graph

pytestmark = pytest.mark.any_processor

SAID = {"engine": "openvino", "precision": "fp32", "version": "1"}
WHERE = "f00d", "image", SAID
CONTENT = bytes(range(256)) * 4096  # a megabyte, of which samples are taken
PROCESSES = multiprocessing.get_context("spawn")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Folder of the graphs of one test."""
    folder = tmp_path / "engines"
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(folder))
    monkeypatch.setattr(_graphs, "_temporary_home", None)
    return folder


def build(folder):
    (folder / "graph.bin").write_bytes(CONTENT)
    return {"refused": None, "cosine": 1.0}


def refuse_to_build(folder):
    pytest.fail("the graph is there and was made again")


def left_over(home):
    """Names beneath the home that are neither of a graph nor a lock."""
    known = (RECORD, "graph.bin")
    files = [path for path in home.rglob("*") if path.is_file()]
    return [f.name for f in files if f.name not in known and f.suffix != ".lock"]


def test_graph_is_made_once_and_found(home):
    assert find_graph(*WHERE) is None
    made = make_graph(*WHERE, build)
    assert made.refused is None
    assert (made.folder / "graph.bin").read_bytes() == CONTENT
    again = make_graph(*WHERE, refuse_to_build)
    assert again.folder == find_graph(*WHERE).folder == made.folder
    assert again.record == made.record


@pytest.mark.parametrize(
    "other",
    [
        ("f00e", "image", SAID),
        ("f00d", "text", SAID),
        ("f00d", "image", SAID | {"precision": "bf16"}),
        ("f00d", "image", SAID | {"version": "2"}),
        ("f00d", "image", SAID | {"cpu": "another"}),
    ],
)
def test_graph_of_something_else_is_another(home, other):
    make_graph(*WHERE, build)
    assert find_graph(*other) is None


def test_refusal_is_kept(home):
    make_graph(*WHERE, lambda folder: {"refused": "it has a loop"})
    assert find_graph(*WHERE).refused == "it has a loop"


@pytest.mark.parametrize("lost", [RECORD, "graph.bin", None])
def test_graph_that_vanishes_as_it_is_made_is_an_error_of_the_system(
    home, monkeypatch, lost
):
    replace = os.replace

    def lose(source, target):
        replace(source, target)
        if lost is None:
            shutil.rmtree(home)
        else:
            (Path(target) / lost).unlink()

    monkeypatch.setattr(os, "replace", lose)
    with pytest.raises(FileNotFoundError, match="was removed or changed by another"):
        make_graph(*WHERE, build)
    monkeypatch.undo()
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(home))
    assert make_graph(*WHERE, build).refused is None


def test_error_while_a_graph_is_made_leaves_nothing(home):
    def fail(folder):
        build(folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        make_graph(*WHERE, fail)
    assert find_graph(*WHERE) is None
    assert not any(
        path.is_file() and path.suffix != ".lock" for path in home.rglob("*")
    )
    assert make_graph(*WHERE, build).refused is None


@pytest.mark.parametrize(
    "text",
    ["", '{"refused": null, "si', "[]", "null", "3", "{}", '{"looks": []}'],
)
def test_torn_record_is_no_graph_and_made_anew(home, text):
    folder = make_graph(*WHERE, build).folder
    (folder / RECORD).write_text(text, encoding="utf-8")
    assert find_graph(*WHERE) is None
    assert make_graph(*WHERE, build).folder == folder
    assert find_graph(*WHERE).record["cosine"] == 1.0


def cut(file):
    os.truncate(file, len(CONTENT) // 2)


def lose_the_middle(file):
    """As after a power failure: the size is right, and the blocks are zeros."""
    half = len(CONTENT) // 2
    file.write_bytes(CONTENT[:half] + bytes(half))


@pytest.mark.parametrize("damage", [cut, lose_the_middle, os.unlink])
def test_damaged_graph_is_made_anew(home, damage):
    folder = make_graph(*WHERE, build).folder
    damage(folder / "graph.bin")
    assert find_graph(*WHERE) is None
    make_graph(*WHERE, build)
    assert (folder / "graph.bin").read_bytes() == CONTENT


def make_slowly(home, log, delay):
    os.environ["SKLEARN_CLIP_ENGINES"] = str(home)

    def build_slowly(folder):
        with open(log, "a") as file:  # appends of a few bytes are atomic
            file.write(f"{os.getpid()}\n")
        (folder / "graph.bin").write_bytes(CONTENT[:1000])
        time.sleep(delay)
        return build(folder)

    make_graph(*WHERE, build_slowly)


def start(*args):
    process = PROCESSES.Process(target=make_slowly, args=args)
    process.start()
    return process


def test_several_processes_make_one_graph(home, tmp_path):
    log = tmp_path / "log"
    processes = [start(home, log, 0.3) for _ in range(3)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(log.read_text().splitlines()) == 1
    assert find_graph(*WHERE).refused is None
    assert left_over(home) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_process_leaves_nothing_torn_and_the_next_one_cleans_up(home, tmp_path):
    log = tmp_path / "log"
    process = start(home, log, 600)
    while not log.exists() or not list(home.rglob("graph.bin")):
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert find_graph(*WHERE) is None
    assert len(list(home.rglob("graph.bin"))) == 1  # of the dead
    folder = make_graph(*WHERE, build).folder
    assert list(home.rglob("graph.bin")) == [folder / "graph.bin"]
    assert (folder / "graph.bin").read_bytes() == CONTENT


def test_folder_that_cannot_be_written_is_told_once_and_done_without(
    tmp_path, monkeypatch
):
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(file))
    monkeypatch.setattr(_graphs, "_temporary_home", None)
    with pytest.warns(UserWarning, match="cannot be written .*SKLEARN_CLIP_ENGINES"):
        made = make_graph(*WHERE, build)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_graph(*WHERE).folder == made.folder
        make_graph("f00e", "image", SAID, build)
        make_graph(*WHERE, refuse_to_build)
    assert file.read_text() == "not a folder"


def set_age(folder, days):
    then = time.time() - days * 24 * 3600
    os.utime(folder / RECORD, (then, then))


def test_graph_in_a_cache_that_is_only_read_is_found_when_it_is_old(home, monkeypatch):
    folder = make_graph(*WHERE, build).folder
    set_age(folder, 30)

    def deny(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(_graphs.os, "utime", deny)
    assert find_graph(*WHERE).folder == folder


def test_graphs_nobody_used_for_long_are_removed_when_another_is_made(home):
    old, used, new = (
        make_graph(name, "image", SAID, build).folder for name in ("01d", "05ed", "0e3")
    )
    for folder in (old, used):
        set_age(folder, 100)
    assert find_graph("05ed", "image", SAID).folder == used  # which is noted
    make_graph(*WHERE, build)
    assert not old.exists()
    assert find_graph("05ed", "image", SAID).folder == used
    assert find_graph("0e3", "image", SAID).folder == new


def test_record_names_what_was_said(home):
    folder = make_graph(*WHERE, build).folder
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    assert record["said"] == SAID


@pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o002, 0o775)])
def test_others_may_use_a_cache_as_the_umask_says(home, umask, mode):
    before = os.umask(umask)
    try:
        folder = make_graph(*WHERE, build).folder
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == mode
    for file in (folder / RECORD, folder / "graph.bin"):
        assert file.stat().st_mode & 0o777 == mode & 0o666


WITHOUT_HOME = """
import os, sys, warnings
from sklearn_clip.embedding.engines._graphs import find_graph, make_graph

warnings.simplefilter("ignore")  # that the folder cannot be written
where = "f00d", "image", {"engine": "openvino", "precision": "fp32"}
folder = make_graph(*where, lambda folder: {"refused": None}).folder
child = os.fork()
if child == 0:
    sys.exit(0)  # by way of all that Python does at its end
assert os.waitpid(child, 0)[1] == 0
assert find_graph(*where).folder == folder
print(folder)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_folder_of_a_process_outlives_its_children_alone(tmp_path):
    file = tmp_path / "file"
    file.touch()
    environment = os.environ | {"SKLEARN_CLIP_ENGINES": str(file)}
    command = [sys.executable, "-c", WITHOUT_HOME]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).exists()
