"""The README's code runs, block after block, as a newcomer would paste it."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S
)


@pytest.fixture
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore:1 image could not be read:UserWarning")
def test_readme_code_runs_and_tags(in_empty_folder, capsys):
    names = {}
    for number, block in enumerate(BLOCKS, start=1):
        exec(compile(block, f"README.md, block {number}", "exec"), names)
    assert names["labels"].shape == names["test"].target.shape
    gone = (2, "holiday/gone.jpg", "the file does not exist")
    assert names["clip"].failed_rows_ == [gone]
    assert "misses" in capsys.readouterr().out
    assert Path("tagger.joblib").stat().st_size < 1_000_000
