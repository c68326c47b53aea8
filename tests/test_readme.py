"""The README's code runs, block after block, as a newcomer would paste it."""

import re
from pathlib import Path

import pytest
from PIL import Image

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S
)


OWN_FOLDER = re.compile(r"photos = load_photos\(\).*\n# or yours: ")


@pytest.fixture
def in_empty_folder(light_engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore:1 image could not be read:UserWarning")
def test_readme_code_runs_and_tags(in_empty_folder, capsys):
    names = {}
    for number, block in enumerate(BLOCKS, start=1):
        exec(compile(block, f"README.md, block {number}", "exec"), names)
    assert names["labels"].shape == names["test"].target.shape
    searched = names["rows"]
    pictures = {Path(path).read_bytes() for path in searched["image"]}
    n_items = len(pictures) + searched["text"].nunique()
    assert names["pipe"]["clip"].cache_info()["items"] == n_items
    gone = (2, "gone.jpg", "the file does not exist")
    assert names["clip"].failed_rows_ == [gone]
    assert "misses" in capsys.readouterr().out
    assert Path("tagger.joblib").stat().st_size < 1_000_000


def test_first_code_takes_a_folder_of_ones_own(in_empty_folder, capsys):
    """What the comment says in place of the photographs that ship, on a real folder."""
    Path("photos", "below").mkdir(parents=True)
    pictures = {"b.JPG": "navy", "a.jpg": "tan", "below/c.jpeg": "white"}
    for name, colour in pictures.items():
        Image.new("RGB", (64, 48), colour).save(f"photos/{name}")
    Path("photos", "a.jpg.xmp").touch()
    code, n_changed = OWN_FOLDER.subn("", BLOCKS[0])
    assert n_changed == 1
    names = {}
    exec(compile(code, "README.md, first block", "exec"), names)
    found = [path.relative_to("photos").as_posix() for path in names["photos"]]
    assert found == ["a.jpg", "b.JPG", "below/c.jpeg"]
    assert len(names["found"]) == 3
