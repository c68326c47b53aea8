"""The command ``demo``: the other commands on drawings that ship with the package."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any, Literal

from sklearn_clip.cli import _report, _tag, _train
from sklearn_clip.cli._talk import Talk

# Enough for a tagger that finds things, few enough for seconds.
_TRAINED, _TESTED, _MIN_ROWS = 350, 80, 8


def run(*, out: Path, quiet: bool) -> None:
    """Write pictures and tables, and run the commands on them.

    Parameters are the options of the command.
    """
    talk = Talk(quiet)
    if out.exists() and any(out.iterdir()):
        raise ValueError(
            f"{str(out)!r} must be a new or empty folder: name one by --out."
        )
    train = _write_part(out, "train", _TRAINED)
    test = _write_part(out, "test", _TESTED)
    tagger, photos = out / "tagger.skops", out / "test"
    columns: dict[str, Any] = {
        "image": "image",
        "text": ("title",),
        "layout": "auto",
        "labels": None,
        "separator": None,
        "group": "series",
        "unlabelled": "keep",
    }
    talk.say(
        f"$ sklearn-clip train {train} --images {out / 'train'} --text title "
        f"--group series --min-rows {_MIN_ROWS} --model clipart-tiny --out {tagger}"
    )
    _train.run(
        tags=train,
        images=out / "train",
        out=tagger,
        model="clipart-tiny",
        pretrained=None,
        min_rows=_MIN_ROWS,
        cv=5,
        report=None,
        store="none",
        quiet=quiet,
        **columns,
    )
    talk.say(
        f"\n$ sklearn-clip tag {tagger} {test} --images {photos} --text title "
        f"--out {out / 'labels.csv'}"
    )
    _tag.run(
        tagger=tagger,
        rows=test,
        images=photos,
        image="image",
        text=("title",),
        out=str(out / "labels.csv"),
        top_k=None,
        probabilities=False,
        xmp=False,
        trust=False,
        store="none",
        quiet=quiet,
    )
    with open(out / "labels.csv", encoding="utf-8", newline="") as file:
        for row, _ in zip(csv.DictReader(file), range(5), strict=False):
            talk.say(f"  {row['image']}: {row['labels'] or '(none)'}")
    talk.say(
        f"\n$ sklearn-clip report {tagger} {test} --images {photos} --text title "
        f"--group series --out {out / 'report.html'}"
    )
    _report.run(
        tagger=tagger,
        tags=test,
        images=photos,
        out=out / "report.html",
        title="Drawings that the tagger has not seen",
        trust=False,
        store="none",
        quiet=quiet,
        **columns,
    )
    talk.say(f"\nOpen {out / 'report.html'} in a browser.")


def _write_part(out: Path, part: Literal["train", "test"], n_rows: int) -> Path:
    """Copy drawings to a folder and write their table."""
    from sklearn_clip.datasets import load_clipart

    data = load_clipart(split=part)
    folder = out / part
    folder.mkdir(parents=True, exist_ok=True)
    path = out / f"{part}.csv"
    rows = range(0, len(data.data), max(1, len(data.data) // n_rows))
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "title", "series", "labels"])
        for row in rows:
            image, title = data.data[row]
            name = Path(image).name
            shutil.copyfile(image, folder / name)
            places = data.target[row].nonzero()[0]
            labels = ";".join(data.target_names[place] for place in places)
            table.writerow([name, title, data.groups[row], labels])
    return path
