"""`sklearn-clip tag`: a tagger file labels a folder, or a table."""

import csv
import json
import os
import pickle
import shutil
import stat
import subprocess
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    ZeroShotClassifier,
    predict_labels,
    top_labels,
)
from sklearn_clip.cli import _labelling, main
from sklearn_clip.datasets import (
    load_clipart,
    load_photo_keywords,
    write_photo_keywords,
)
from sklearn_clip.datasets.keywords._sidecars import PhotoFolder
from sklearn_clip.datasets.keywords._write import write_each
from sklearn_clip.export import OnnxTagger


def load(path):
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


def read_csv(text):
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def photos(drawings, tmp_path):
    """A folder in folders, with a broken file, a note and a strange name."""
    folder = tmp_path / "photos"
    shutil.copytree(drawings / "test", folder / "in")
    first, second = sorted((folder / "in").iterdir())[:2]
    first.rename(folder / "a, b; ü 猫.webp")
    second.rename(folder / "in" / ".hidden.webp")
    (folder / "broken.jpg").write_bytes(b"nothing")
    (folder / "note.txt").write_text("no picture")
    return folder


def test_table_without_named_texts_says_how_to_name_them(run, drawings, tmp_path):
    """A tagger of captions does worse without: a folder has none, a table may."""
    train = load_clipart(split="train", as_frame=True)
    tagger = make_pipeline(
        CLIPFeaturizer("clipart-tiny"), OneVsRestClassifier(LogisticRegression())
    )
    names = train.target.sum().nlargest(3).index
    tagger.fit(train.data[::30], train.target[names][::30])
    joblib.dump(tagger, tmp_path / "tagger.joblib")
    table = tmp_path / "new.csv"
    table.write_text(f"image,title\n{train.data['image'].iloc[50]},a dog\n")
    tag = ("tag", tmp_path / "tagger.joblib", "--trust")
    note = "rows have none."
    assert f"{note} Name their column with --text." in run(*tag, table).said
    assert note not in run(*tag, table, "--text", "title").said
    of_folder = run(*tag, drawings / "test").said
    assert note in of_folder and "--text" not in of_folder


def test_folder_is_gone_through_and_what_is_broken_is_told(run, tagger_file, photos):
    done = run("tag", tagger_file, photos)
    assert done.code == 1
    rows = read_csv(done.out)
    assert [row["image"] for row in rows[:2]] == ["a, b; ü 猫.webp", "broken.jpg"]
    assert len(rows) == 20 and all(row["image"] != ".hidden.webp" for row in rows)
    bad = rows.pop(1)
    assert bad["labels"] == "" and "not an image of a known format" in bad["error"]
    tagger = load(tagger_file)
    paths = [str(photos / row["image"]) for row in rows]
    assert [row["labels"] for row in rows] == [
        ";".join(sorted(labels, key=lambda n: -dict(scores)[n]))
        for labels, scores in zip(
            predict_labels(tagger, paths), top_labels(tagger, paths, k=3), strict=True
        )
    ]
    assert "19 rows labelled, 1 could not be." in done.said


@pytest.mark.parametrize("mends", [True, False])
def test_picture_that_changes_in_between_is_told(
    run, tagger_file, photos, monkeypatch, mends
):
    """Scores and labels are two looks at a file, minutes apart."""
    ask, whole = _labelling.positive_scores, (photos / "a, b; ü 猫.webp").read_bytes()

    def ask_and_change(*arguments):
        found = ask(*arguments)
        if mends:
            (photos / "broken.jpg").write_bytes(whole)
        else:
            (photos / "broken.jpg").unlink()
        return found

    if not mends:
        (photos / "broken.jpg").write_bytes(whole)
    monkeypatch.setattr(_labelling, "positive_scores", ask_and_change)
    done = run("tag", tagger_file, photos)
    bad = read_csv(done.out)[1]
    assert done.code == 1 and bad["image"] == "broken.jpg"
    assert bad["labels"] == bad["scores"] == "" and bad["error"]


def test_table_is_labelled_in_its_order(run, tagger_file, drawings, tmp_path):
    table = tmp_path / "new.csv"
    names = sorted(path.name for path in (drawings / "test").iterdir())[::-1]
    lines = [*names[:3], "gone.png", names[0]]
    table.write_text("\n".join(["file", *lines]), encoding="utf-8")
    done = run("tag", tagger_file, table, "--images", drawings / "test", "--quiet")
    rows = read_csv(done.out)
    assert [row["image"] for row in rows] == lines
    assert done.code == 1 and rows[3]["error"] and rows[0] == rows[4]
    assert "rows labelled" not in done.said


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_best_labels_and_all_scores_are_written(
    run, tagger_file, photos, tmp_path, suffix
):
    out = tmp_path / f"labels{suffix}"
    done = run(
        "tag", tagger_file, photos, "--out", out, "--top-k", 2, "--probabilities"
    )
    assert done.code == 1 and done.out == ""
    tagger, text = load(tagger_file), out.read_text(encoding="utf-8")
    image = photos / "a, b; ü 猫.webp"
    scores = tagger.predict_proba([str(image)])[0]
    best = top_labels(tagger, [str(image)], k=2)[0]
    if suffix == ".csv":
        row, broken = read_csv(text)[:2]
        assert row["labels"] == ";".join(name for name, _ in best)
        found = [float(row[name]) for name in ("animal", "flag", "food")]
        assert broken["animal"] == ""
    else:
        rows = (
            json.loads(text)
            if suffix == ".json"
            else [json.loads(line) for line in text.splitlines()]
        )
        row, broken = rows[:2]
        assert [label["label"] for label in row["labels"]] == [name for name, _ in best]
        found = [row["scores"][name] for name in ("animal", "flag", "food")]
        assert broken["labels"] is None and "scores" not in broken and broken["error"]
    np.testing.assert_allclose(found, scores, rtol=1e-5, atol=1e-6)
    assert len(list(out.parent.glob(".labels*"))) == 0
    if os.name == "posix":
        umask = os.umask(0)
        os.umask(umask)
        assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~umask


def test_labels_become_keywords_beside_the_pictures(run, tagger_file, photos):
    done = run("tag", tagger_file, photos, "--xmp", "--out", photos.parent / "l.json")
    assert done.code == 1
    rows = json.loads((photos.parent / "l.json").read_text(encoding="utf-8"))
    for row in rows:
        sidecar = photos / f"{row['image']}.xmp"
        assert sidecar.exists() == ("error" not in row)
    found = load_photo_keywords(photos / "in")
    wanted = {
        row["image"]: {label["label"] for label in row["labels"]}
        for row in rows
        if row["labels"]
    }
    for path, target in zip(found.data[:, 0], found.target, strict=True):
        given = {n for n, v in zip(found.target_names, target, strict=True) if v == 1}
        assert given == wanted.get(os.path.relpath(path, photos), set())


def test_a_folder_is_listed_once_for_the_keywords_of_a_block(
    run, tagger_file, photos, monkeypatch
):
    listed = []

    def listing(self, folder, init=PhotoFolder.__init__):
        listed.append(folder)
        init(self, folder)

    monkeypatch.setattr(PhotoFolder, "__init__", listing)
    out = photos.parent / "l.json"
    run("tag", tagger_file, photos, "--xmp", "--out", out)
    names = [row["image"] for row in json.loads(out.read_text(encoding="utf-8"))]
    assert len(names) > len({os.path.dirname(name) for name in names}) + 1
    assert len(listed) == len(set(listed)) > 0


def test_keywords_written_in_a_row_are_those_written_one_by_one(photos, tmp_path):
    names, labels = ["animal", "flag"], np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    found = sorted(photos.rglob("*.webp"))[:2]
    # One twice, one that is not there.
    wanted = [str(found[0]), str(found[1]), str(photos / "absent.webp"), str(found[0])]
    failed = write_each(wanted, labels, label_names=names)
    assert list(failed) == [2] and "absent.webp" in failed[2]
    together = [Path(f"{path}.xmp").read_bytes() for path in found]
    for path in found:
        Path(f"{path}.xmp").unlink()
    for path, row in zip(wanted, labels, strict=True):
        if "absent" not in path:
            place = Path(path)
            write_photo_keywords(
                place.parent, [place.name], row[None], label_names=names
            )
    assert together == [Path(f"{path}.xmp").read_bytes() for path in found]
    assert write_each(wanted, labels, label_names=["a", "b\0"]).keys() == {0, 1, 2, 3}


def test_labels_with_semicolons_get_another_separator(run, photos, tmp_path):
    done = run(
        *("zero-shot", photos / "in", "--model", "clipart-tiny", "--top-k", 2),
        *("--labels", "a;b,flag"),
    )
    assert done.code == 0
    assert set(read_csv(done.out)[0]["labels"].split("|")) == {"a;b", "flag"}
    done = run(
        *("zero-shot", photos / "in", "--model", "clipart-tiny"),
        *("--labels", "a;b,c|d,e / f"),
    )
    assert done.code == 2 and "--out labels.json" in done.said


def test_words_alone_label_pictures(run, drawings, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("animal\n\nflag\nfood\nflag\n", encoding="utf-8-sig")
    given = [
        run(
            *("zero-shot", drawings / "test", *option, "--model", "clipart-tiny"),
            *("--top-k", "1"),
        )
        for option in (["--labels-file", words], ["--labels", "animal, flag,food"])
    ]
    assert given[0].code == 0 and given[0].out == given[1].out
    found = {row["image"]: row["labels"] for row in read_csv(given[0].out)}
    with open(drawings / "test.csv", encoding="utf-8", newline="") as file:
        right = [found[row["image"]] == row["tags"] for row in csv.DictReader(file)]
    assert np.mean(right) > 0.6
    one = run(
        *("zero-shot", drawings / "test", "--labels", "animal;flag"),
        *("--model", "clipart-tiny"),
    )
    assert "One label, 'animal;flag': commas stand between labels." in one.said
    both = run("zero-shot", drawings, "--labels", "a", "--labels-file", words)
    assert both.code == 2 and "--labels or by --labels-file" in both.said


def test_best_labels_need_no_cuts(run, drawings, tmp_path):
    """A tagger of cosines has none."""
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    tagger = ZeroShotClassifier(["animal", "flag"], clip, scoring="cosine").fit()
    path = tmp_path / "t.joblib"
    joblib.dump(tagger, path)
    done = run("tag", path, drawings / "test", "--trust", "--top-k", "1")
    assert done.code == 0, done.said
    files = sorted((drawings / "test").iterdir())
    best = [row[0][0] for row in top_labels(tagger, list(map(str, files)), k=1)]
    assert [row["labels"] for row in read_csv(done.out)] == best
    done = run("tag", path, drawings / "test", "--trust")
    assert done.code == 2 and "threshold must be given" in done.said


def test_pickle_is_not_loaded_without_trust(run, tmp_path, drawings):
    """A pickle that would leave a mark leaves none."""
    mark = tmp_path / "mark"

    class Harmful:
        def __reduce__(self):
            return (os.mkdir, (str(mark),))

    path = tmp_path / "tagger.joblib"
    path.write_bytes(pickle.dumps(Harmful()))
    done = run("tag", path, drawings / "test")
    assert done.code == 2 and "--trust" in done.said and not mark.exists()
    done = run("tag", path, drawings / "test", "--trust")
    assert done.code == 2 and "must hold a fitted tagger" in done.said


def test_types_of_other_packages_need_trust(run, tmp_path, drawings):
    path = tmp_path / "tagger.skops"
    X, Y = np.eye(4), np.array([[0, 1], [1, 0], [0, 1], [1, 1]])
    model = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    model.note_ = subprocess.CompletedProcess("x", 0)  # nothing skops knows
    path.write_bytes(skops.io.dumps(model))
    done = run("tag", path, drawings / "test")
    assert done.code == 2 and "subprocess.CompletedProcess" in done.said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.skops", "There is no tagger file"),
        ("text.skops", "is no skops file"),
        ("tagger.pkl", "must end in .skops, .onnx or .joblib"),
    ],
)
def test_what_is_no_tagger_is_told(run, tmp_path, drawings, name, said):
    if name != "no.skops":
        (tmp_path / name).write_text("text")
    done = run("tag", tmp_path / name, drawings / "test")
    assert done.code == 2 and said in done.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["empty"], "There is no picture in"),
        (["nowhere"], "There is no file or folder"),
        (["photos", "--image", "x"], "--images, --image and --text are for tables"),
        (["photos", "--out", "labels.txt"], "--out must end in .csv, .json or .jsonl"),
        (["photos", "--out", "no/labels.csv"], "There is no folder"),
        (["photos", "--top-k", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_tagged_is_told(
    run, tagger_file, photos, monkeypatch, arguments, said
):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    done = run("tag", tagger_file, *arguments)
    assert done.code == 2 and said in done.said


def test_report_and_export_take_the_same_file(run, tagger_file, drawings, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs pip install sklearn-clip[onnx]")
    page = tmp_path / "page.html"
    done = run(
        *("report", tagger_file, drawings / "test.csv", "--images", drawings / "test"),
        *("--out", page, "--title", "Twenty drawings"),
    )
    assert done.code == 0 and "20 rows, 3 labels, mAP" in done.said
    text = page.read_text(encoding="utf-8")
    assert "Twenty drawings" in text and text.count("data:image/webp") >= 20
    done = run("export", tagger_file, "--onnx", tmp_path / "t.onnx")
    assert done.code == 0
    from sklearn_clip.export import OnnxTagger

    paths = [str(path) for path in sorted((drawings / "test").iterdir())]
    ours = load(tagger_file).predict_proba(paths)
    np.testing.assert_allclose(
        OnnxTagger(tmp_path / "t.onnx").predict_proba(paths), ours, atol=5e-3
    )


@pytest.fixture(scope="session")
def onnx_file(tagger_file, tmp_path_factory):
    """The tagger of the pictures alone, as one file."""
    pytest.importorskip("onnxruntime", reason="needs pip install sklearn-clip[onnx]")
    path = tmp_path_factory.mktemp("onnx") / "tagger.onnx"
    with pytest.raises(SystemExit) as ended:
        main(["export", str(tagger_file), "--onnx", str(path)])
    assert ended.value.code == 0
    return path


@pytest.mark.parametrize("options", [[], ["--top-k", "2"], ["--probabilities"]])
def test_onnx_file_tags_as_from_python(
    run, tagger_file, onnx_file, drawings, tmp_path, options
):
    folder = tmp_path / "photos"
    shutil.copytree(drawings / "test", folder)
    (folder / "broken.png").write_bytes(b"text")
    out = tmp_path / "labels.json"
    done = run("tag", onnx_file, folder, "--out", out, *options)
    assert done.code == 1 and "20 rows labelled, 1 could not be" in done.said
    found = {row["image"]: row for row in json.loads(out.read_text(encoding="utf-8"))}
    assert "not an image" in found.pop("broken.png")["error"]
    light = OnnxTagger(onnx_file)
    paths = [str(folder / name) for name in found]
    best = light.top_labels(paths, k=2)
    if "--top-k" not in options:
        pairs = zip(light.top_labels(paths), light.predict_labels(paths), strict=True)
        best = [[label for label in row if label[0] in given] for row, given in pairs]
    for row, labels in zip(found.values(), best, strict=True):
        assert [label["label"] for label in row["labels"]] == [
            name for name, _ in labels
        ]
        assert ("scores" in row) == ("--probabilities" in options)


def test_report_and_export_of_an_onnx_file(run, onnx_file, drawings, tmp_path):
    page = tmp_path / "page.html"
    table = (drawings / "test.csv", "--images", drawings / "test")
    done = run("report", onnx_file, *table, "--out", page)
    assert done.code == 0 and "20 rows, 3 labels, mAP" in done.said
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/webp") >= 20 and str(onnx_file.parent) not in text
    done = run("export", onnx_file, "--onnx", tmp_path / "t.onnx")
    assert done.code == 2 and "which is a file already" in done.said
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(onnx_file.read_bytes()[:5000])
    done = run("tag", damaged, drawings / "test")
    assert done.code == 2 and "damaged, cut short" in done.said


def test_export_compares_on_rows_and_allows_changes(
    run, tagger_file, drawings, tmp_path
):
    pytest.importorskip("onnxruntime", reason="needs pip install sklearn-clip[onnx]")
    folder = tmp_path / "photos"
    shutil.copytree(drawings / "test", folder)
    (folder / "broken.png").write_bytes(b"text")
    export = ("export", tagger_file, "--onnx", tmp_path / "t.onnx", "--weights", "int8")
    done = run(*export, "--rows", folder, "--max-changed", "0.5")
    assert done.code == 0 and "On 20 rows scores are off" in done.said
    assert "left out: broken.png" in done.said
    table = (drawings / "test.csv", "--images", drawings / "test")
    done = run(*export, "--rows", *table, "--max-changed", "0.5")
    assert done.code == 0 and "On 20 rows scores are off" in done.said
    done = run(*export, "--images", folder)
    assert done.code == 2 and "Got no --rows" in done.said


def test_export_that_changes_too_much_says_what_the_command_has(
    run, tagger_file, tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime", reason="needs pip install sklearn-clip[onnx]")
    from sklearn_clip.export._comparison import Comparison

    monkeypatch.setattr(Comparison, "share_changed", 0.5)
    done = run(
        *("export", tagger_file, "--onnx", tmp_path / "t.onnx", "--weights", "float16")
    )
    assert done.code == 2 and "may change a share of 0.01" in done.said
    assert "Here: --weights, --rows" in done.said and "--max-changed" in done.said


def test_check_finds_what_is_broken_missing_or_twice(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(folder / f"{number}.png")
    assert run("check", folder).code == 0
    shutil.copy(folder / "1.png", folder / "9.png")
    done = run("check", folder)
    assert done.code == 0 and done.out == "copy\t9.png\tthe same file as 1.png\n"
    (folder / "2.png").write_bytes(b"text")
    table = tmp_path / "table.csv"
    table.write_text("image\n0.png\n2.png\ngone.png\n0.png\n", encoding="utf-8")
    done = run("check", table, "--images", folder)
    lines = [line.split("\t")[:2] for line in done.out.splitlines()]
    assert done.code == 1 and lines == [["broken", "2.png"], ["missing", "gone.png"]]
    assert "4 rows: 2 cannot be read, 0 copies, 0 without a picture." in done.said
    table.write_text("image\n" + "0.png\n2.png\n" * 300, encoding="utf-8")
    done = run("check", table, "--images", folder)
    assert done.out.splitlines() == [done.out.splitlines()[0]] * 300
    assert "600 rows: 300 cannot be read" in done.said
