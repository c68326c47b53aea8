"""The script for a machine with a GPU, rehearsed where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


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


def test_part_that_takes_too_long_is_cut_off(script, tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    slow = tmp_path / "_gpu_parts.py"
    slow.write_text(
        "import sys, time, pathlib\n"
        "pathlib.Path(sys.argv[2], 'x.jsonl').write_text('{\"what\": \"w\"}\\n')\n"
        "print('begun', flush=True)\ntime.sleep(600)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    found, end, _, said = script.run_part("x", tmp_path, False, 10.0)
    assert (found, end) == ([{"what": "w"}], "was cut off")
    assert said == "begun\n"


def test_limits_are_eight_minutes_together(script):
    assert sum(script.PARTS.values()) <= 480
