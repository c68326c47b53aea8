"""`sklearn-clip train`: a table and a folder become a tagger file."""

import bz2
import csv
import re
import shutil

import joblib
import numpy as np
import pytest
import skops.io

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.metrics import macro_average_precision_score


def columns_of(path, *names):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [[row[name] for row in rows] for name in names]


def test_table_and_folder_become_a_tagger_that_finds_things(run, drawings, tmp_path):
    out, page = tmp_path / "tagger.skops", tmp_path / "report.html"
    done = run(
        *("train", drawings / "train.csv", "--images", drawings / "train"),
        *("--text", "title", "--model", "clipart-tiny", "--cv", "3"),
        *("--out", out, "--report", page),
    )
    assert done.code == 0 and done.out == ""
    assert "images in column 'image', labels in column 'tags'" in done.said
    assert "3 labels, 1.0 a row" in done.said
    figures = dict(re.findall(r"^  (\w[\w ]+\w) +(0\.\d+) \(", done.said, re.M))
    assert set(figures) == {"mAP", "GAP", "macro F1", "micro F1"}
    assert float(figures["mAP"]) > 0.6
    told = page.read_text(encoding="utf-8")
    assert "A tagger of train.csv" in told
    honest = f"{figures['macro F1']} (macro) and {figures['micro F1']} (micro)"
    assert f"by cuts that had not seen the rows it is {honest}" in told

    trusted = skops.io.get_untrusted_types(file=out)
    assert all(name.startswith("sklearn_clip.") for name in trusted)
    tagger = skops.io.load(out, trusted=trusted)
    # Nothing of this machine is in it.
    assert str(tmp_path).encode() not in out.read_bytes()
    assert isinstance(tagger[0], CLIPFeaturizer) and tagger[0].cache == "auto"
    assert list(tagger[-1].label_names_) == ["animal", "flag", "food"]
    names, titles, tags = columns_of(drawings / "test.csv", "image", "title", "tags")
    X = np.array(
        [(str(drawings / "test" / n), t) for n, t in zip(names, titles, strict=True)],
        dtype=object,
    )
    Y = [[int(label in tag) for label in tagger[-1].label_names_] for tag in tags]
    assert macro_average_precision_score(Y, tagger.predict_proba(X)) > 0.7


def test_figures_of_held_out_rows_are_not_those_of_a_shuffle(run, drawings, tmp_path):
    """Labels that mean nothing score what chance does: no row is judged by itself."""
    rng = np.random.default_rng(0)
    names, tags = columns_of(drawings / "train.csv", "image", "tags")
    table = tmp_path / "shuffled.csv"
    with open(table, "w", encoding="utf-8") as file:
        file.write("image,tags\n")
        for name, tag in zip(names, rng.permutation(tags), strict=True):
            file.write(f"{name},{tag}\n")
    done = run(
        *("train", table, "--images", drawings / "train"),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.joblib"),
    )
    assert done.code == 0
    assert float(re.search(r"mAP +(0\.\d+)", done.said)[1]) < 0.5


@pytest.mark.parametrize("layout", ["cells", "columns", "pairs", "semicolons"])
def test_every_layout_of_a_table_is_read(run, drawings, tmp_path, layout):
    names, tags = columns_of(drawings / "train.csv", "image", "tags")
    table = tmp_path / "table.csv"
    lines = {
        "cells": [
            "File,Keywords",
            *(f"{n},{t}|{t} thing" for n, t in zip(names, tags, strict=True)),
        ],
        "columns": [
            "filename,animal,flag",
            *(
                f"{n},{int('animal' in t)},{int('flag' in t)}"
                for n, t in zip(names, tags, strict=True)
            ),
        ],
        "pairs": [
            "image,label",
            *(f"{n},{t}" for n, t in zip(names, tags, strict=True)),
        ],
        "semicolons": [
            "image;tags",
            *(f"{n};{t}" for n, t in zip(names, tags, strict=True)),
        ],
    }[layout]
    table.write_text("\n".join(lines), encoding="utf-8-sig")
    more = ["--layout", "pairs"] if layout == "pairs" else []
    done = run(
        *("train", table, "--images", drawings / "train", *more),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.joblib", "--cv", "0"),
    )
    assert done.code == 0, done.said
    tagger = joblib.load(tmp_path / "t.joblib")
    assert list(tagger[-1].label_names_) == {
        "cells": ["animal", "animal thing", "flag", "flag thing", "food", "food thing"],
        "columns": ["animal", "flag"],
    }.get(layout, ["animal", "flag", "food"])


def test_what_a_machine_guessed_is_a_label_from_a_confidence_on(
    run, drawings, tmp_path
):
    names, tags = columns_of(drawings / "train.csv", "image", "tags")
    table = tmp_path / "table.csv"
    lines = ["image,label,score"]
    for name, tag in zip(names, tags, strict=True):
        lines += [f"{name},{tag},0.9", f"{name},unlikely,0.2"]
    table.write_text("\n".join(lines), encoding="utf-8")
    command = (
        *("train", table, "--images", drawings / "train", "--layout", "pairs"),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.joblib", "--cv", "0"),
    )
    done = run(*command)
    assert done.code == 2
    assert "Got '0.9' in the column 'score'" in done.said
    assert "Here: --confidence COLUMN --min-confidence 0.5." in done.said
    done = run(*command, "--confidence", "score", "--min-confidence", "0.5")
    assert done.code == 0, done.said
    assert "present from 0.5 in column 'score' on" in done.said
    tagger = joblib.load(tmp_path / "t.joblib")
    assert list(tagger[-1].label_names_) == ["animal", "flag", "food"]


def test_row_without_a_picture_goes_by_its_title(run, drawings, tmp_path):
    head, first, *others = (drawings / "train.csv").read_text("utf-8").splitlines()
    table = tmp_path / "table.csv"
    table.write_text("\n".join([head, first[first.index(",") :], *others]), "utf-8")
    done = run(
        *("train", table, "--images", drawings / "train", "--text", "title"),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.skops", "--cv", "0"),
    )
    assert done.code == 0 and "left out" not in done.said.lower(), done.said
    assert f"on {1 + len(others)} rows." in done.said


def test_what_is_left_out_is_told(run, drawings, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(drawings / "train", folder)
    names, tags = columns_of(drawings / "train.csv", "image", "tags")
    (folder / names[0]).write_bytes(b"broken")
    table = tmp_path / "table.csv"
    lines = [f"{n},{t};all" for n, t in zip(names, tags, strict=True)]
    lines[1] += ";rare"
    lines += ["nowhere.png,animal", ",flag"]
    table.write_text("\n".join(["image,labels", *lines]), encoding="utf-8")
    done = run(
        *("train", table, "--images", folder, "--min-rows", "6"),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.skops", "--cv", "0"),
    )
    assert done.code == 0
    assert "gets zero" not in done.said  # they are left out
    for said in (
        f"left out: {folder / names[0]}: it is not an image",
        f"left out: {folder / 'nowhere.png'}: the file does not exist",
        f"left out: line {len(lines) + 1}: nothing to look at",
        "Left out, as there is nothing that can be read: 3 rows.",
        "Left out: 1 label with fewer than 6 rows ('rare').",
        "Left out: 1 label with every row ('all').",
        "3 labels",
    ):
        assert said in done.said


def test_near_copies_are_held_out_together(run, drawings, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(drawings / "train", folder)
    names, tags = columns_of(drawings / "train.csv", "image", "tags")
    lines = ["image,tags"]
    for name, tag in zip(names, tags, strict=True):
        shutil.copy(folder / name, folder / f"again-{name}")
        lines += [f"{name},{tag}", f"again-{name},{tag}"]
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    done = run(
        *("train", tmp_path / "table.csv", "--images", folder),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.skops"),
    )
    found = int(re.search(r"Near copies of others.*: (\d+) rows", done.said)[1])
    assert done.code == 0 and found >= len(names)


def test_one_group_is_told(run, drawings, tmp_path):
    names, tags = columns_of(drawings / "train.csv", "image", "tags")
    lines = [f"{name},{tag},A" for name, tag in zip(names, tags, strict=True)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["image,tags,album", *lines]), "utf-8")
    done = run(
        *("train", table, "--images", drawings / "train", "--group", "album"),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.skops", "--cv", "0"),
    )
    assert done.code == 2
    assert "Got one in column 'album'. --group names another column." in done.said


def test_copies_of_a_picture_under_other_titles_are_held_out_together(
    run, drawings, tmp_path
):
    folder = tmp_path / "pictures"
    shutil.copytree(drawings / "train", folder)
    names, titles, tags = columns_of(drawings / "train.csv", "image", "title", "tags")
    rows = [("image", "title", "tags")]
    for name, title, other, tag in zip(names, titles, titles[::-1], tags, strict=True):
        shutil.copy(folder / name, folder / f"again-{name}")
        rows += [(name, title, tag), (f"again-{name}", other, tag)]
    with open(tmp_path / "table.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    done = run(
        *("train", tmp_path / "table.csv", "--images", folder, "--text", "title"),
        *("--model", "clipart-tiny", "--out", tmp_path / "t.skops", "--cv", "0"),
    )
    found = int(re.search(r"Near copies of others.*: (\d+) rows", done.said)[1])
    assert done.code == 0 and found >= len(names)


def test_second_run_embeds_nothing(run, drawings, tmp_path, monkeypatch):
    arguments = ["train", drawings / "train.csv", "--images", drawings / "train"]
    arguments += ["--model", "clipart-tiny", "--cv", "0", "--out", tmp_path / "a.skops"]
    assert run(*arguments).code == 0
    misses = []
    from sklearn_clip import EmbeddingStore

    count = EmbeddingStore._count

    def listen(self, n_found, n_missing):
        misses.append(n_missing)
        return count(self, n_found, n_missing)

    monkeypatch.setattr(EmbeddingStore, "_count", listen)
    assert run(*arguments).code == 0
    assert misses and sum(misses) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--out": "tagger.pkl"}, "must end in .skops or .joblib. Got 'tagger.pkl'"),
        ({"--out": "no/tagger.skops"}, "There is no folder"),
        ({"--cv": "1"}, "--cv must be 0, or at least 2 folds. Got 1."),
        ({"--cv": "-3"}, "--cv must be 0, or at least 2 folds. Got -3."),
        ({"--image": "pic"}, "has no column 'pic': name it with --image (texts alone"),
        ({"--labels": "tag"}, "has no column 'tag': name it with --labels"),
        ({"--text": "caption"}, "'caption'"),
        ({"--min-rows": "1000"}, "No label has 1000 rows with it and a row without"),
        ({"--model": "no-such"}, "model_name must be a model of open_clip"),
        ({"--images": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    run, drawings, tmp_path, monkeypatch, change, said
):
    monkeypatch.chdir(tmp_path)
    options = {
        "--images": drawings / "train",
        "--model": "clipart-tiny",
        "--out": "tagger.skops",
        **change,
    }
    flat = [part for pair in options.items() for part in pair]
    done = run("train", drawings / "train.csv", *flat)
    assert done.code == 2 and done.out == ""
    assert said in done.said and "Traceback" not in done.said
    assert not (tmp_path / "tagger.skops").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must be a table with a header. It has none."),
        (b"image,tags\nH\xe4.png,a\n", "must be a CSV file in UTF-8"),
        (b"a,b\n1,2\n", "has none of the columns image, images, file, filename, "),
        (b"\x1f\x8b\x08\x00", "Got a compressed file: unpack it."),
        (bz2.compress(b"image,tags\n"), "Got a compressed file: unpack it."),
        (b'{"image": "0.png", "labels": "a"}\n', "Got JSON: make a table of it"),
        (b'[\n{"image": "0.png", "labels": "a"}]', "Got JSON: make a table of it"),
    ],
)
def test_what_is_no_table_is_told(run, tmp_path, content, said):
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    done = run("train", table, "--images", tmp_path, "--out", tmp_path / "t.skops")
    assert done.code == 2 and said in done.said


def test_traceback_is_there_for_who_asks(run, tmp_path):
    done = run("check", tmp_path / "nothing", "--traceback")
    assert done.code == 2 and "nothing" in done.said
    assert "Traceback (most recent call last)" in done.said
