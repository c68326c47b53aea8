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


def test_rehearsal_fills_the_table(tmp_path):
    out = tmp_path / "results.md"
    # Not "tests", which these are, and the larger model in the place of the smaller.
    parts = ["reading", "ViT-B-32", "memory", "logistic", "finetune", "equality"]
    command = [sys.executable, FOLDER / "gpu.py", "--rehearse", "--limit", "10"]
    command += ["--out", out, "--parts", *parts]
    done = subprocess.run(command, capture_output=True, text=True)
    text = out.read_text(encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a rehearsal, whose figures say nothing" in text
    for part in parts:
        assert f"\n| {part} | " in text
    assert "failed at [24, 12], went on with 6" in text
    assert "| finetune | training rows of JPEG files, batches of 4, 3 labels" in text


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
