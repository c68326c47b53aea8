"""The script for a machine with a GPU, rehearsed where there is none."""

import os
import re
import subprocess
import sys
import time
import zipfile
from importlib.metadata import requires
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
on_unix = pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs Unix's signals")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import gpu

    return gpu


def rehearse(main, out, *parts):
    """Rehearse parts, with time for it on a busy machine, and return the report."""
    words = ["--rehearse", "--limit", "10", "--out", str(out), "--parts", *parts]
    said = main(words)
    text = out.read_text(encoding="utf-8")
    assert said == 0, text
    assert "a rehearsal, whose figures say nothing" in text
    for part in parts:
        assert f"\n| {part} | " in text
    return text


def test_rehearsal_fills_the_table(script, tmp_path, monkeypatch):
    """All of it in this process, which has loaded what each part would have to load."""
    import _gpu_parts

    def run(name, work, rehearse, limit):
        _gpu_parts.main([name, str(work), "--rehearse"])
        return script.read_records(work, name), "", 0.0, ""

    monkeypatch.setattr(script, "run_part", run)
    # Not "tests", which these are, and the larger model in the place of the smaller.
    parts = ["reading", "ViT-B-32", "memory", "logistic", "finetune", "equality"]
    text = rehearse(script.main, tmp_path / "results.md", *parts)
    assert "failed at [24, 12], went on with 6" in text
    assert "| finetune | training rows of JPEG files, batches of 4, 3 labels" in text


def test_parts_run_in_processes_of_their_own(tmp_path):
    def main(words):
        command = [sys.executable, FOLDER / "gpu.py", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert "== prepare" in done.stdout, done.stdout + done.stderr
        return done.returncode

    text = rehearse(main, tmp_path / "results.md", "logistic")
    assert "| logistic | head of (300, 32, 6): GPU beside CPU" in text


def test_part_that_fails_leaves_its_rows_and_the_others(
    script, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "results.md"

    def run(name, work, rehearse, limit):
        found = [{"what": f"a figure of {name} | x", "here": "1/s", "ratio": 2.0}]
        if name == "memory":
            return found, "was cut off", limit, "line\n" * 40 + "the last one"
        return found, "", 1.0, ""

    monkeypatch.setattr(script, "run_part", run)
    assert script.main(["--out", str(out), "--rehearse"]) == 1
    text = out.read_text(encoding="utf-8")
    assert "| memory | a figure of memory / x | 1/s |  | 2.00x |  |" in text
    assert "| memory | was cut off, see below |" in text
    assert "| equality | a figure of equality / x | 1/s |  | 2.00x |  |" in text
    assert text.rstrip().endswith("the last one\n```")
    assert "== equality" in capsys.readouterr().out


@on_unix
def test_part_that_takes_too_long_is_cut_off(script, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    slow = tmp_path / "_gpu_parts.py"
    slow.write_text(
        "import sys, time, pathlib\n"
        "pathlib.Path(sys.argv[2], 'x.jsonl').write_text('{\"what\": \"w\"}\\n')\n"
        "import faulthandler, signal; faulthandler.register(signal.SIGUSR1)\n"
        "print('begun', flush=True)\ntime.sleep(600)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    found, end, _, said = script.run_part("x", tmp_path, False, 10.0)
    assert (found, end) == ([{"what": "w"}], "was cut off")
    assert said.startswith("begun\n")
    assert f'File "{slow}", line 5 in <module>' in said  # where it was


@on_unix
def test_part_takes_with_it_what_it_has_started(script, tmp_path, monkeypatch):
    """A test or a reader that goes on would slow down the parts that follow."""
    (tmp_path / "site").mkdir()
    mark = tmp_path / "alive"
    child = f"import time\nwhile True:\n open({str(mark)!r}, 'w')\n time.sleep(0.05)"
    parent = "import subprocess, sys, time, pathlib\n"
    parent += f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
    parent += f"while not pathlib.Path({str(mark)!r}).exists(): time.sleep(0.05)\n"
    part = tmp_path / "_gpu_parts.py"
    part.write_text(parent + "sys.exit('it fell')", encoding="utf-8")
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    _, end, seconds, said = script.run_part("x", tmp_path, False, 60.0)
    assert (end, said) == ("failed", "it fell\n")
    assert seconds < 50  # what it has started holds nothing up
    mark.unlink(missing_ok=True)
    time.sleep(0.5)
    assert not mark.exists()


def test_seconds_that_a_part_leaves_are_those_of_the_next(
    script, tmp_path, monkeypatch
):
    limits = []

    def run(name, work, rehearse, limit):
        limits.append(limit)
        return [], "", script.PARTS[name] / 2, ""

    monkeypatch.setattr(script, "run_part", run)
    script.main(["--out", str(tmp_path / "results.md"), "--rehearse"])
    own = list(script.PARTS.values())
    assert limits == [own[i] + sum(own[:i]) / 2 for i in range(len(own))]


def test_report_that_cannot_be_written_as_told_goes_elsewhere(
    script, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(script, "run_part", lambda *_: ([{"what": "w"}], "", 1.0, ""))
    monkeypatch.setattr(script.tempfile, "gettempdir", lambda: str(tmp_path))
    out = tmp_path / "missing" / "results.md"
    assert script.main(["--out", str(out), "--rehearse"]) == 0
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "| logistic | w |  |  |  |  |" in text
    assert f"The report goes to {tmp_path / 'results.md'}" in capsys.readouterr().out


def test_lack_of_room_is_said_before_anything_is_measured(
    script, tmp_path, monkeypatch
):
    lacking = SimpleNamespace(free=10**9)
    monkeypatch.setattr(script.shutil, "disk_usage", lambda _: lacking)
    with pytest.raises(SystemExit, match="lacks room: name another folder as TMPDIR"):
        script.main(["--out", str(tmp_path / "results.md")])


def test_wheels_of_packages_that_are_there_stay_packed(script, tmp_path, monkeypatch):
    """One with compiled code would be of no use to another Python."""
    monkeypatch.setattr(script, "WHEELS", tmp_path)
    for name in ("scikit_learn", "no_such_package"):
        with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "")
    script.unpack_wheels(tmp_path / "site")
    assert [p.name for p in (tmp_path / "site").iterdir()] == ["no_such_package.py"]


def closure(names):
    """Name packages with all that they require."""
    known, new = set(), list(names)
    while new:
        name = new.pop().lower().replace("_", "-")
        if name not in known:
            known.add(name)
            wanted = [Requirement(line) for line in requires(name) or []]
            new += [
                one.name
                for one in wanted
                if one.marker is None or one.marker.evaluate({"extra": ""})
            ]
    return known


def test_wheels_are_all_that_a_bare_machine_lacks():
    """Without tabulate, which skorch imports, no test ran at all."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.search(r"--dest gpu-wheels (.+)", recipe)[1].split()
    there = closure(["torch", "torchvision", "timm", "scikit-learn"])
    wanted = closure(["open_clip_torch", "skorch"]) - there
    assert wanted <= {name.replace("_", "-") for name in listed}


def test_limits_are_eight_minutes_together(script):
    assert sum(script.PARTS.values()) <= 480
