"""Files that take their place when they are complete."""

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from sklearn_clip._shared import (
    WholeFiles,
    _whole_files,
    remove_unfinished,
    whole_file,
)

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links, pipes of POSIX")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="disk full"), whole_file(path) as file:
        file.write(b"ne")
        raise OSError("disk full")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a" * 255, "ß" * 127, "猫" * 85])
def test_name_may_be_as_long_as_a_name_can_be(name, tmp_path):
    with whole_file(tmp_path / name, "w", encoding="utf-8") as file:
        file.write("猫")
    assert (tmp_path / name).read_text(encoding="utf-8") == "猫"


@posix
def test_permissions_are_those_of_any_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    before = os.umask(0o027)
    try:
        with whole_file(tmp_path / "new"):
            pass
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new") == 0o640
    with whole_file(tmp_path / "other"):
        pass
    assert mode_of(tmp_path / "other") == mode_of(plain)
    plain.chmod(0o604)
    with whole_file(plain):
        pass
    assert mode_of(plain) == 0o604


@posix
def test_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "there").write_text("old")
    (tmp_path / "link").symlink_to("folder/there")
    with whole_file(tmp_path / "link", "w") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "there").read_text() == "new"


@posix
def test_link_to_itself_is_replaced(tmp_path):
    (tmp_path / "self").symlink_to("self")
    with whole_file(tmp_path / "self", "w") as file:
        file.write("new")
    assert not (tmp_path / "self").is_symlink()
    assert (tmp_path / "self").read_text() == "new"


@posix
def test_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    with whole_file(path, "w") as file:
        file.write("said")
    reader.join()
    assert read == ["said"] and stat.S_ISFIFO(path.stat().st_mode)


def test_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    sync, refused = os.fsync, []

    def refuse_folders(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            refused.append(handle)
            raise OSError(22, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    with whole_file(tmp_path / "file", "w") as file:
        file.write("new")
    assert refused or os.name == "nt"
    assert (tmp_path / "file").read_text() == "new"


@pytest.fixture(params=["folder", "mount"])
def fixed(request, tmp_path, monkeypatch):
    """Make a file that may be written, though its folder takes no other in its place.

    Permissions do not bind whoever runs as root.
    """
    path = tmp_path / "kept" / "file"
    path.parent.mkdir()
    path.write_text("old")

    def refuse_new(part, mode="r", *args, **kwargs):
        if Path(str(part)).parent == path.parent and "x" in mode:
            raise PermissionError(errno.EACCES, "Permission denied", str(part))
        return open(part, mode, *args, **kwargs)

    def refuse_to_replace(part, place):
        raise OSError(errno.EBUSY, "Device or resource busy", str(part))

    if request.param == "folder":
        monkeypatch.setattr(_whole_files, "open", refuse_new, raising=False)
    monkeypatch.setattr(os, "replace", refuse_to_replace)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    return path


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_file_that_cannot_be_replaced_is_overwritten_at_the_end(fixed, mode, tmp_path):
    before = fixed.stat()
    with whole_file(fixed, mode) as file:
        file.write("brand new" if mode == "w" else b"brand new")
        file.flush()
        assert fixed.read_text() == "old"
    assert fixed.read_text() == "brand new"
    assert (
        fixed.stat().st_ino == before.st_ino and mode_of(fixed) == before.st_mode % 512
    )
    with pytest.raises(OSError, match="disk full"), whole_file(fixed, mode):
        raise OSError("disk full")
    assert fixed.read_text() == "brand new"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [fixed]


def test_folder_that_refuses_a_new_file_is_an_error(fixed):
    fixed.unlink()
    with pytest.raises(OSError, match="Permission denied|busy"), whole_file(fixed):
        pass
    assert list(fixed.parent.iterdir()) == []


KILLED = """
import os, signal, sys
from sklearn_clip._shared import whole_file
with whole_file(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_what_a_killed_process_leaves_is_removed(tmp_path):
    path = tmp_path / "[1] of a long name, which the parts do not show whole.pt"
    others = [tmp_path / f".{path.name}-notes", tmp_path / ".[1]-0123456789abcdef"]
    for file in (path, *others):
        file.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, path])
    assert done.returncode == -signal.SIGKILL and path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 4
    remove_unfinished(path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"no folder to write to: '.*gone'"),
        whole_file(tmp_path / "gone" / "x.html"),
    ):
        pass


@pytest.fixture
def three(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(b"old")
    return paths


def test_files_take_their_places_together(three, monkeypatch):
    sync, synced = os.fsync, []

    def note(handle):
        synced.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    with WholeFiles() as files:
        assert [files.add(path, lambda: b"new") for path in three] == [True] * 3
        assert not files.add(three[0].with_name("d"), lambda: None)
        assert {path.read_bytes() for path in three} == {b"old"}
    assert {path.read_bytes() for path in three} == {b"new"}
    assert sorted(three[0].parent.iterdir()) == three and files.failed == {}
    # Each before it is moved, and the folder once for all.
    assert sorted(synced) == [False] * 3 + [True] * (os.name == "posix")


def test_batches_end_before_they_are_large(tmp_path, monkeypatch):
    monkeypatch.setattr(_whole_files, "_MOST_BYTES", 10)
    with WholeFiles() as files:
        files.add(tmp_path / "a", lambda: b"12345")
        assert not (tmp_path / "a").exists()
        files.add(tmp_path / "b", lambda: b"12345")
        assert (tmp_path / "a").exists() and (tmp_path / "b").exists()
    with WholeFiles() as files:
        for number in range(100):
            files.add(tmp_path / str(number), lambda: b"")
        assert len(list(tmp_path.glob("[0-9]*"))) == 64
    assert len(list(tmp_path.glob("[0-9]*"))) == 100


def test_files_of_a_batch_that_breaks_off_are_as_they_were(three):
    with pytest.raises(KeyboardInterrupt), WholeFiles() as files:
        files.add(three[0], lambda: b"new")
        raise KeyboardInterrupt
    with pytest.raises(FileNotFoundError), WholeFiles() as files:
        files.add(three[0], lambda: b"new")
        files.add(three[0].parent / "gone" / "a", lambda: b"new")
    assert {path.read_bytes() for path in three} == {b"old"}
    assert sorted(three[0].parent.iterdir()) == three


def test_file_that_cannot_be_synced_stays_alone(three, monkeypatch):
    sync = os.fsync

    def refuse(handle):
        if os.fstat(handle).st_size == len(b"longer"):
            raise OSError("disk full")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    with WholeFiles() as files:
        for path in three:
            content = b"longer" if path.name == "b" else b"new"
            files.add(path, lambda content=content: content, path.name)
    assert [path.read_bytes() for path in three] == [b"new", b"old", b"new"]
    assert list(files.failed) == ["b"] and "disk full" in str(files.failed["b"])
    assert sorted(three[0].parent.iterdir()) == three


def test_file_that_somebody_changes_meanwhile_is_made_again(three):
    def add_letter(path):
        return lambda: path.read_bytes() + b"+"

    with WholeFiles() as files:
        for path in three:
            files.add(path, add_letter(path))
        three[0].write_bytes(b"theirs")
        three[1].unlink()
        three[1].write_bytes(b"new")
    assert [path.read_bytes() for path in three] == [b"theirs+", b"new+", b"old+"]
    with WholeFiles() as files:  # twice in one batch
        files.add(three[0], add_letter(three[0]))
        files.add(three[0], add_letter(three[0]))
    assert three[0].read_bytes() == b"theirs+++"
    assert sorted(three[0].parent.iterdir()) == three


@posix
def test_files_of_a_batch_keep_links_and_modes(three):
    three[0].chmod(0o640)
    link = three[0].with_name("link")
    link.symlink_to("a")
    with WholeFiles() as files:
        files.add(link, lambda: b"new")
    assert link.is_symlink() and three[0].read_bytes() == b"new"
    assert mode_of(three[0]) == 0o640
