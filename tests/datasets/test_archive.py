import multiprocessing
import os
import subprocess
import sys
import time
import zipfile

import pytest

from sklearn_clip.datasets import _archive, _clipart, _photos, get_data_home
from sklearn_clip.datasets._clipart import _ARCHIVE


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(50):
            archive.writestr(f"images/{i}.txt", f"picture {i}")
    return path


@pytest.fixture
def home(tmp_path):
    return get_data_home(tmp_path / "home")


def _unpack(archive, home, barrier, results):
    barrier.wait()
    target = _archive.unpack(archive, home)
    results.put((str(target), len(os.listdir(target / "images"))))


def test_unpack_by_processes_at_once(home):
    with zipfile.ZipFile(_ARCHIVE) as archive:
        pictures = len(archive.namelist()) - 1
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    arguments = (_ARCHIVE, home, barrier, results)
    workers = [context.Process(target=_unpack, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=6000) for _ in workers}
    for worker in workers:
        worker.join(timeout=600)
        assert worker.exitcode == 0
    assert len(found) == 1
    assert found.pop()[1] == pictures
    assert len(os.listdir(home)) == 1


def test_unpack_after_a_killed_process(home):
    # The child is stopped for good after it has written some of the files.
    code = f"""
import os, signal, zipfile
from pathlib import Path
from sklearn_clip.datasets import _archive
write = zipfile.ZipFile._extract_member
done = []
def extract(*args):
    done.append(1)
    if len(done) == 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(*args)
zipfile.ZipFile._extract_member = extract
_archive.unpack({str(_ARCHIVE)!r}, Path({str(home)!r}))
"""
    child = subprocess.run([sys.executable, "-c", code], timeout=6000)
    assert child.returncode == -9
    (left,) = home.iterdir()
    assert left.name.startswith(".")
    long_ago = time.time() - 2 * _archive._STALE_SECONDS
    os.utime(left, (long_ago, long_ago))
    target = _archive.unpack(_ARCHIVE, home)
    assert list(home.iterdir()) == [target]
    with zipfile.ZipFile(_ARCHIVE) as archive:
        assert all((target / name).is_file() for name in archive.namelist())


@pytest.mark.parametrize("damage", ["missing", "shortened"])
def test_unpack_mends_a_damaged_folder(small, home, damage):
    target = _archive.unpack(small, home)
    victim = target / "images" / "7.txt"
    if damage == "missing":
        victim.unlink()
    else:
        victim.write_text("pic")
    assert _archive.unpack(small, home) == target
    assert victim.read_text(encoding="utf-8") == "picture 7"
    assert list(home.iterdir()) == [target]


def test_unpack_leaves_a_complete_folder_alone(small, home):
    target = _archive.unpack(small, home)
    before = (target / "images" / "7.txt").stat().st_mtime_ns
    assert _archive.unpack(small, home) == target
    assert (target / "images" / "7.txt").stat().st_mtime_ns == before


def test_unpack_spares_the_folder_of_a_running_process(small, home):
    target = _archive.unpack(small, home)
    running = home / f".{target.name}-abc"
    running.mkdir()
    (target / "images" / "7.txt").unlink()
    _archive.unpack(small, home)
    assert running.is_dir()


def test_unpack_new_content_gets_a_new_folder(small, home):
    first = _archive.unpack(small, home)
    with zipfile.ZipFile(small, "a") as archive:
        archive.writestr("more.txt", "more")
    assert _archive.unpack(small, home) != first


@pytest.mark.parametrize("keep", [0, 0.5])
def test_unpack_truncated_archive_raises(small, home, keep):
    content = small.read_bytes()
    small.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(OSError, match=r"must be a whole zip file.*Install"):
        _archive.unpack(small, home)
    assert list(home.iterdir()) == []


def test_unpack_altered_content_raises(small, home):
    small.write_bytes(small.read_bytes().replace(b"picture 7", b"pictura 7"))
    with pytest.raises(OSError, match="must be a whole zip file"):
        _archive.unpack(small, home)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "a/../../b.txt"])
def test_unpack_refuses_files_outside(tmp_path, home, name):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(OSError, match="must name files inside itself only"):
        _archive.unpack(path, home)


@pytest.mark.parametrize("module", [_clipart, _photos], ids=["clipart", "photos"])
def test_shipped_archive_names_files_inside(module):
    with zipfile.ZipFile(module._ARCHIVE) as archive:
        names = archive.namelist()
    assert names == sorted(names, key=lambda n: (n != module._TABLE, n))
    _archive._check_names(names, module._ARCHIVE)


def test_add_file_writes_the_same_bytes_whenever(tmp_path):
    for name in ("one.zip", "two.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            _archive.add_file(archive, "a.csv", b"a,b\n" * 99, zipfile.ZIP_DEFLATED)
            _archive.add_file(archive, "ä/b.webp", b"pixels", zipfile.ZIP_STORED)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("ä/b.webp") == b"pixels"
        modes = {entry.external_attr >> 16 for entry in archive.infolist()}
        assert modes == {0o644}


def test_get_data_home_order(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SKLEARN_CLIP_DATA", raising=False)
    assert get_data_home() == tmp_path / "cache" / "sklearn_clip"
    monkeypatch.setenv("SKLEARN_CLIP_DATA", str(tmp_path / "own"))
    assert get_data_home() == tmp_path / "own"
    assert get_data_home(tmp_path / "given") == tmp_path / "given"
    assert (tmp_path / "given").is_dir()


def test_importing_datasets_is_light():
    # scikit-learn itself may import pandas.
    code = (
        "import sys, sklearn.utils; before = set(sys.modules);"
        "import sklearn_clip.datasets; new = set(sys.modules) - before;"
        "print([m for m in ('torch', 'open_clip', 'pandas', 'PIL') if m in new])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
