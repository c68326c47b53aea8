"""The command as a process: how it starts, is stopped, goes on, and is piped."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image


def test_help_needs_no_torch(command):
    code = (
        "import sys\n"
        "from sklearn_clip.cli import main\n"
        "try:\n    main(['train', '--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0 and 'torch' not in sys.modules\n"
        "    assert 'sklearn' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "sklearn-clip train tags.csv --images photos" in done.stdout


def test_tagger_file_tags_without_torch(tagger_file, drawings, prepared):
    if prepared == "torch":
        pytest.skip("ONNX Runtime is not installed")
    code = (
        "import sys\n"
        "from sklearn_clip.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "    assert 'torch' not in sys.modules, 'torch is imported'\n"
    )
    words = ["tag", str(tagger_file), str(drawings / "test"), "--quiet"]
    # What a program noted that had open_clip in its hands is confirmed once.
    subprocess.run([sys.executable, "-m", "sklearn_clip", *words], capture_output=True)
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_command_has_help_with_examples(command):
    listed = subprocess.run([*command, "--help"], capture_output=True, text=True).stdout
    for name in ("train", "tag", "zero-shot", "check", "report", "export", "demo"):
        assert f"\n  {name} " in listed
        done = subprocess.run([*command, name, "-h"], capture_output=True, text=True)
        assert done.returncode == 0 and f"sklearn-clip {name} " in done.stdout
        assert "Examples:" in done.stdout


def test_without_click_the_way_out_is_said():
    code = (
        "import sys; sys.modules['click'] = None\n"
        "from sklearn_clip.cli import main; main(['demo'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.strip().endswith('pip install "sklearn-clip[cli]"')


def test_unknown_command_and_option_end_with_two(command):
    for words in (["tagg"], ["tag", "--colour"], ["check"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True)
        assert done.returncode == 2 and "Error" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are those of Unix")
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_stopped_run_says_so_leaves_no_half_file_and_goes_on(
    command, tagger_file, drawings, tmp_path, sent, code
):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(700):  # each its own picture
        colour = (number % 256, number // 256, 0)
        Image.new("RGB", (8, 8), colour).save(folder / f"{number:04d}.png")
    store, out = tmp_path / "store", tmp_path / "labels.csv"
    words = [*command, "tag", str(tagger_file), str(folder), "--out", str(out)]
    words += ["--store", str(store)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        # Some embeddings are kept, and not all rows are done.
        database = store / "embeddings.sqlite"
        end = time.monotonic() + 120
        while not (database.exists() and _count(database) >= 100):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(sent)
        _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Stopped." in said and "Traceback" not in said
    assert not out.exists() and not list(tmp_path.glob(".labels*"))
    kept = _count(database)
    assert 100 <= kept < 700
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "700 rows labelled, 0 could not be." in done.stderr
    assert len(out.read_text(encoding="utf-8").splitlines()) == 701


def _count(database):
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1) as sql:
            tables = sql.execute("select name from sqlite_master where type = 'table'")
            counts = [
                sql.execute(f"select count(*) from {name}").fetchone()[0]
                for (name,) in tables.fetchall()
            ]
            return max(counts, default=0)
    except sqlite3.Error:
        return 0


@pytest.mark.skipif(os.name != "posix", reason="pipes are those of Unix")
def test_reader_who_has_enough_is_no_error(command, tagger_file, drawings, tmp_path):
    many = tmp_path / "many"
    for number in range(30):  # more output than a pipe holds
        shutil.copytree(drawings / "test", many / ("x" * 200) / f"{number}")
    words = [*command, "tag", str(tagger_file), str(many), "--probabilities", "-q"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("image,labels")
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1 and said == ""  # click's code for it


def test_demo_runs_offline_and_leaves_what_it_made(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SKLEARN_CLIP_ENGINE", "torch")  # as without any other engine
    out = tmp_path / "demo"
    done = subprocess.run(
        [*command, "demo", "--out", str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "$ sklearn-clip train" in done.stderr and "mAP" in done.stderr
    for name in ("tagger.skops", "labels.csv", "report.html", "train.csv"):
        assert (out / name).stat().st_size > 1_000
    again = subprocess.run(
        [*command, "demo", "--out", str(out)], capture_output=True, text=True
    )
    assert again.returncode == 2 and "must be a new or empty folder" in again.stderr
