"""What a command writes: checked before the work, never over what it reads, whole."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sklearn_clip import report as report_room
from sklearn_clip.cli import main
from sklearn_clip.cli._files import check_target


@pytest.fixture
def table(drawings, tmp_path):
    """A table of the pictures that may be spoilt."""
    path = tmp_path / "table.csv"
    path.write_bytes((drawings / "test.csv").read_bytes())
    return path


@pytest.fixture
def no_loading(monkeypatch):
    """Fail where a tagger is loaded or a row embedded: the check comes first."""
    from sklearn_clip.cli import _report, _tag, _train

    def load(*_):
        raise AssertionError("work began")

    for module, name in (
        (_tag, "load_tagger"),
        (_report, "load_tagger"),
        (_train, "leave_out_unreadable"),
    ):
        monkeypatch.setattr(module, name, load)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tag", "T", "table.csv", "--out", "table.csv"], "another file than those"),
        (["tag", "T", "table.csv", "--out", "link.csv"], "another file than those"),
        (["tag", "T", "table.csv", "--out", "folder.csv"], "Got the folder"),
        (["report", "T", "table.csv", "--out", "T"], "another file than those"),
        (["report", "T", "table.csv", "--out", "no/r.html"], "There is no folder"),
        (["report", "T", "table.csv", "--out", "r.pdf"], "--out must end in .html"),
        (
            ["train", "table.csv", "--out", "a.skops", "--report", "r.pdf"],
            "--report must end in .html",
        ),
        (["report", "T", "table.csv", "--out", "folder.csv"], "Got the folder"),
        (
            ["train", "table.csv", "--out", "a.skops", "--report", "no/r.html"],
            "There is no folder",
        ),
        (
            ["train", "table.csv", "--out", "a.skops", "--report", "table.csv"],
            "another file than those",
        ),
        pytest.param(
            ["report", "T", "table.csv", "--out", os.devnull],
            "Got the device",
            marks=pytest.mark.skipif(os.name != "posix", reason="no file on Windows"),
        ),
    ],
)
def test_target_is_checked_before_the_work(
    run, tagger_file, table, monkeypatch, no_loading, words, said
):
    monkeypatch.chdir(table.parent)
    before = table.read_bytes()
    (table.parent / "folder.csv").mkdir()
    os.link(table, table.parent / "link.csv")
    words = [tagger_file if word == "T" else word for word in words]
    done = run(*words)
    assert done.code == 2 and said in done.said, done.said
    assert table.read_bytes() == before


def test_tagger_is_kept_where_its_page_fails(run, drawings, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_room.TaggerReport, "to_html", fail)
    done = run(
        *("train", drawings / "train.csv", "--images", drawings / "train"),
        *("--model", "clipart-tiny", "--cv", "0", "--out", tmp_path / "t.skops"),
        *("--report", tmp_path / "page.html"),
    )
    assert done.code == 2 and "No space left" in done.said
    assert (tmp_path / "t.skops").stat().st_size > 1_000
    assert not (tmp_path / "page.html").exists()


def test_old_results_stay_where_the_disk_is_full(
    run, tagger_file, drawings, tmp_path, monkeypatch
):
    from sklearn_clip.cli._results import ResultFile

    out = tmp_path / "labels.json"
    out.write_text("old")

    def fail(self, result):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ResultFile, "write", fail)
    done = run("tag", tagger_file, drawings / "test", "--out", out)
    assert done.code == 2 and "No space left" in done.said
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.json", "store"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_link_stays_a_link(run, tagger_file, drawings, tmp_path):
    (tmp_path / "there.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("there.csv")
    done = run("tag", tagger_file, drawings / "test", "--out", tmp_path / "link.csv")
    assert done.code == 0 and (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_text().startswith("image,labels")


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", None])
def test_names_that_are_no_text_are_written(run, tagger_file, tmp_path, suffix):
    folder = tmp_path / "photos"
    folder.mkdir()
    names = [b"a\xff\xfe.png", b"b\nc.png", b"c\td.png", b"d\re.png"]
    for name in names:
        path = os.path.join(os.fsencode(folder), name)
        with open(path, "wb") as file:
            Image.new("RGB", (9, 9)).save(file, "PNG")
    out = "-" if suffix is None else tmp_path / f"labels{suffix}"
    done = run("tag", tagger_file, folder, "--out", out)
    assert done.code == 0, done.said
    text = done.out if suffix is None else out.read_bytes().decode()
    if suffix in (".csv", None):
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert rows[0]["image"] == r"a\udcff\udcfe.png"
    else:
        lines = text.splitlines()
        rows = json.loads(text) if suffix == ".json" else list(map(json.loads, lines))
        assert os.fsencode(rows[0]["image"]) == names[0]
    assert [row["image"] for row in rows[1:]] == ["b\nc.png", "c\td.png", "d\re.png"]


def test_labels_named_as_the_columns_are_not_lost(run, drawings, tmp_path):
    words = ["zero-shot", drawings / "test", "--model", "clipart-tiny"]
    words += ["--labels", "image,error,flag", "--top-k", "1"]
    done = run(*words, "--probabilities")
    assert done.code == 2 and "--out labels.json" in done.said and done.out == ""
    assert run(*words).code == 0
    done = run(*words, "--probabilities", "--out", tmp_path / "l.json")
    assert done.code == 0
    row = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))[0]
    assert set(row["scores"]) == {"image", "error", "flag"}


def test_names_in_any_script_go_through_a_pipe(command, tmp_path):
    """A pipe gets UTF-8, whatever the system's encoding is."""
    (tmp_path / "猫 ü.png").write_bytes(b"nothing")
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = [*command, "check", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, env=environment)
    assert done.returncode == 1, done.stderr
    assert done.stdout.decode("utf-8").startswith("broken\t猫 ü.png\t")


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x05cno_such\nThing\n."])
def test_file_that_cannot_be_loaded_ends_with_two(run, drawings, tmp_path, content):
    """Not with 1, which would say that all other rows are done, nor as if stopped."""
    path = tmp_path / "t.joblib"
    path.write_bytes(content)
    done = run("tag", path, drawings / "test", "--trust")
    assert done.code == 2 and "Stopped" not in done.said
    assert done.said.startswith("Error: ") and "Traceback" not in done.said


@pytest.mark.parametrize("error", [EOFError(), RuntimeError("odd"), MemoryError()])
def test_any_error_ends_with_two(monkeypatch, capsys, tmp_path, error):
    from sklearn_clip.cli import _check

    def fail(**_):
        raise error

    monkeypatch.setattr(_check, "run", fail)
    for more in ([], ["--traceback"]):
        with pytest.raises(SystemExit) as ended:
            main(["check", str(tmp_path), *more])
        said = capsys.readouterr().err
        assert ended.value.code == 2 and type(error).__name__ in said
        assert ("Traceback" in said) == bool(more)


def test_store_that_cannot_be_made_says_what_the_command_can_do(
    run, tagger_file, drawings, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SKLEARN_CLIP_STORE", str(tmp_path / "file" / "store"))
    done = run("tag", tagger_file, drawings / "test")
    assert done.code == 2 and "cannot be opened" in done.said
    assert "Here: --store DIR, or --store none" in done.said
    assert run("tag", tagger_file, drawings / "test", "--store", "none").code == 0


def test_file_in_a_folder_that_is_read_only_may_be_a_target(tmp_path, monkeypatch):
    given = tmp_path / "given.csv"
    given.write_text("old")
    # Whoever runs as root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) == given)
    check_target(given, "--out")
    with pytest.raises(PermissionError, match=r"Nothing can be written to .*\(--out\)"):
        check_target(tmp_path / "other.csv", "--out")


def test_two_results_do_not_go_into_one_file(run, drawings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = tmp_path / "both.skops"
    done = run(
        "train",
        drawings / "train.csv",
        "--images",
        drawings / "train",
        "--out",
        both,
        "--report",
        "both.skops",
    )
    assert done.code == 2 and "--report must be another file" in done.said
    assert not both.exists()
