"""What the tests of the command share: drawings with a table, and a tagger of them."""

import csv
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_clip.cli import main
from sklearn_clip.datasets import load_clipart

for module in ("click", "pandas", "skops"):
    pytest.importorskip(module, reason="needs pip install sklearn-clip[cli]")

LABELS = ("animal", "flag", "food")


@pytest.fixture(scope="module", autouse=True)
def engine(light_engine):
    """Have commands embed without torch, but where a test says otherwise."""


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """Leave the user's embeddings alone."""
    monkeypatch.setenv("SKLEARN_CLIP_STORE", str(tmp_path / "store"))


@pytest.fixture
def run(capsys):
    """Run a command in this process: its code, what it writes and what it says."""

    def run_it(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, said = capsys.readouterr()
        return SimpleNamespace(code=ended.value.code, out=out, said=said)

    return run_it


@pytest.fixture(scope="session")
def drawings(tmp_path_factory):
    """Folders of pictures to learn from and to tag, and their tables."""
    folder = tmp_path_factory.mktemp("drawings")
    for split, n_rows in (("train", 90), ("test", 20)):
        data = load_clipart(split=split)
        places = [data.target_names.index(name) for name in LABELS]
        target = data.target[:, places]
        chosen = np.flatnonzero(target.sum(axis=1) == 1)[
            :: 5 if split == "train" else 9
        ]
        (folder / split).mkdir()
        with open(folder / f"{split}.csv", "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["image", "title", "tags"])
            for row in chosen[:n_rows]:
                image, title = data.data[row]
                shutil.copy(image, folder / split)
                tags = [LABELS[place] for place in target[row].nonzero()[0]]
                table.writerow([Path(image).name, title, ";".join(tags)])
    return folder


@pytest.fixture(scope="session")
def tagger_file(drawings, tmp_path_factory):
    """A tagger of the pictures alone."""
    folder = tmp_path_factory.mktemp("tagger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_CLIP_STORE", str(folder / "store"))
        with pytest.raises(SystemExit) as ended:
            main(
                [
                    "train",
                    str(drawings / "train.csv"),
                    "--images",
                    str(drawings / "train"),
                    "--model",
                    "clipart-tiny",
                    "--cv",
                    "0",
                    "--out",
                    str(folder / "tagger.skops"),
                ]
            )
    assert ended.value.code == 0
    return folder / "tagger.skops"


@pytest.fixture
def command():
    """The command as a process of its own."""
    return [sys.executable, "-m", "sklearn_clip"]
