"""The commands of the guide's page run, in its order, on drawings."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "command_line.md"


def test_commands_of_the_page_run(run, drawings, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs pip install sklearn-clip[onnx]")
    monkeypatch.chdir(tmp_path)
    for source, folder in (("train", "photos"), ("test", "test"), ("test", "new")):
        shutil.copytree(drawings / source, folder)
    shutil.copy(drawings / "train.csv", "tags.csv")
    shutil.copy(drawings / "test.csv", "test.csv")
    shutil.copy(drawings / "test.csv", "new.csv")
    blocks = re.findall(
        r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 9 and lines.pop(0) == "sklearn-clip demo"  # a test of its own
    for line in lines:
        name, *words = shlex.split(line)
        # The default model would have to be fetched.
        model = ["--model", "clipart-tiny"] * (words[0] in ("train", "zero-shot"))
        done = run(*words, *model)
        assert name == "sklearn-clip" and done.code == 0, (line, done.said)
    made = "tagger.skops report.html labels.csv labels.json scores.csv words.csv"
    assert all(Path(name).stat().st_size for name in f"{made} page.html".split())
