"""What a command reads: tables as programs write them, folders as people have them."""

import csv
import os
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, CLIPFineTuner, MultiLabelLogisticRegression
from sklearn_clip.cli._labelled_rows import read_labelled
from sklearn_clip.cli._rows import read_rows
from sklearn_clip.cli._tables import open_table


@pytest.fixture
def labelled(drawings):
    with open(drawings / "train.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path, images, **options):
    given = {"layout": "auto", "labels": None, "separator": None, "group": None}
    given |= {"unlabelled": "keep", "text": (), **options}
    return read_labelled(path, images=images, image=None, **given)


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("image,tags", ","),
        ("image\ttags, all", "\t"),
        ("image|tags", "|"),
        ("File;price, net;tags", ";"),
        ('\n\n"image"\tlabels', "\t"),
        ("name,what;else", ","),
        ("name", ","),
        ("sep=;\nimage,net;tags", ";"),
        ('"sep=;"\nimage,net;tags', ";"),
        ("name;'tags, all','image'", ","),
    ],
)
def test_delimiter_is_what_parts_a_usual_name(tmp_path, header, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\n", encoding="utf-8")
    assert open_table(path).delimiter == delimiter


@pytest.mark.parametrize("mark", [b"sep=;\r\n", b'"sep=;"\r\n', b"'sep=;';\r\n\r\n"])
@pytest.mark.parametrize("quote", [b"", b"'"])
def test_line_that_tells_excel_the_delimiter_is_no_header(tmp_path, mark, quote):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    path = tmp_path / "t.csv"
    table = b"'image';'tags'\r\n'a.png';'cat,dog'\r\n'b.png';'cat'\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + mark + table.replace(b"'", quote))
    assert open_table(path).columns == ["image", "tags"]
    data, _, said = read(path, tmp_path)
    assert data.target_names == ["cat", "dog"] and "split at ','" in said
    first = mark.count(b"\n") + 2
    assert data.lines.tolist() == [first, first + 1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(99), "Got an Excel or zip file: save it as 'CSV UTF-8'"),
        (b"\xd0\xcf\x11\xe0" + bytes(99), "Got an old Excel file"),
        (b"image,tags\na.png," + b"x" * 200_000 + b"\n", "in line 2. A quotation mark"),
        ("image,tags\n".encode("utf-16"), "Save it as 'CSV UTF-8'"),
    ],
)
@pytest.mark.parametrize("name", ["train", "tag", "check"])
def test_what_is_no_table_is_told(run, tagger_file, tmp_path, content, said, name):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    words = {
        "train": ["train", path, "--out", tmp_path / "t.skops"],
        "tag": ["tag", tagger_file, path],
        "check": ["check", path],
    }[name]
    done = run(*words)
    assert done.code == 2 and said in done.said and "Traceback" not in done.said


def test_label_columns_are_named_beside_others(run, drawings, labelled, tmp_path):
    path = tmp_path / "t.csv"
    lines = [
        f"{row['image']},{place},{place * 1.5},{int(row['tags'] == 'animal')},"
        f"{int(row['tags'] == 'red flag')}"
        for place, row in enumerate(labelled)
    ]
    path.write_text("\n".join(["image,id,price,animal,red flag", *lines]))
    with pytest.raises(ValueError, match="price.*--layout columns --labels dog,beach"):
        read(path, drawings / "train", layout="columns")
    data, _, _ = read(
        path, drawings / "train", layout="columns", labels="animal, red flag"
    )
    assert list(data.target_names) == ["animal", "red flag"]
    with pytest.raises(ValueError, match="no column 'cat': name it with --labels"):
        read(path, drawings / "train", layout="columns", labels="animal,cat")


def test_columns_are_named_as_the_table_means_them(drawings, labelled, tmp_path):
    path = tmp_path / "t.csv"
    lines = [
        f"{row['image']},{int(row['tags'] == 'flag')},{int(row['tags'] == 'food')}"
        for row in labelled
    ]
    path.write_text("\n".join(['image,"flag, red", food ', *lines]), "utf-8")
    options = {"layout": "columns"}
    data, _, _ = read(path, drawings / "train", labels='"flag, red", food', **options)
    assert list(data.target_names) == ["flag, red", "food"]
    assert data.target[:, 1].tolist() == [int(x["tags"] == "food") for x in labelled]
    with pytest.raises(ValueError, match="""with a comma.* --labels '"flag, red"'"""):
        read(path, drawings / "train", labels="flag, red,food", **options)
    with pytest.raises(ValueError, match="no column 'Food'.* Is ' food ' meant"):
        read(path, drawings / "train", labels="Food", **options)
    path.write_text("image; my tags\n" + "\n".join(r["image"] + ";a" for r in labelled))
    data, _, _ = read(path, drawings / "train", labels="my tags")
    assert list(data.target_names) == ["a"]


def test_picture_with_several_captions_is_several_rows(drawings, labelled, tmp_path):
    path = tmp_path / "t.csv"
    lines = [
        f"{row['image']},{row['tags']},{word}"
        for row in labelled[:9]
        for word in ("one", "two")
    ]
    path.write_text("\n".join(["image,tags,caption", *lines]), "utf-8")
    folder = drawings / "train"
    data, rows, _ = read(path, folder, text=["caption"])
    assert rows.texts == ["one", "two"] * 9
    assert data.groups.tolist() == np.repeat(np.arange(9), 2).tolist()
    with pytest.raises(ValueError, match="Here: --layout pairs, or --text"):
        read(path, folder)
    path.write_text("\n".join(["image,tags,caption", *lines, lines[1]]), "utf-8")
    with pytest.raises(ValueError, match="in line 3 and again, .* in line 20"):
        read(path, folder, text=["caption"])


@pytest.mark.parametrize("layout", ["cells", "pairs", "columns"])
def test_ids_of_rows_are_no_pictures_beside_texts(labelled, tmp_path, layout):
    table = pd.DataFrame(labelled).assign(id=range(len(labelled)))
    flags = table["tags"] == "flag"
    table["title"] += table["id"].astype(str)
    if layout == "columns":
        table["flag"] = flags.astype(int)
    chosen = ["id", "title", "flag" if layout == "columns" else "tags"]
    table[chosen].to_csv(tmp_path / "t.csv", index=False)
    options = {"layout": layout, "text": ["title"]}
    data, rows, said = read(tmp_path / "t.csv", None, **options)
    assert said.startswith("texts alone, as column 'id' names no picture")
    assert rows.images == [None] * len(labelled) and rows.texts == list(table["title"])
    flag = data.target[:, list(data.target_names).index("flag")]
    assert flag.tolist() == flags.tolist()
    if layout != "pairs":
        table.loc[0, "title"] = ""
        table[chosen].to_csv(tmp_path / "hole.csv", index=False)
        _, rows, _ = read(tmp_path / "hole.csv", None, **options)
        assert rows.texts == [None, *table["title"][1:]]
    Image.new("RGB", (9, 9)).save(tmp_path / "0.png")
    _, rows, said = read(tmp_path / "t.csv", None, **options)
    assert said.startswith("images in column 'id'")
    assert rows.images[0] == str(tmp_path / "0.png")


def test_label_of_the_tagger_without_a_column_is_unknown(drawings, labelled, tmp_path):
    path = tmp_path / "t.csv"
    lines = [f"{row['image']},{int(row['tags'] == 'flag')},7" for row in labelled]
    path.write_text("\n".join(["image,flag,price", *lines]), "utf-8")
    names = ["animal", "flag", "food"]
    data, _, said = read(path, drawings / "train", classes=names)
    assert data.target_names == names and "2 labels of the tagger" in said
    assert np.isnan(data.target[:, [0, 2]]).all()
    assert data.target[:, 1].tolist() == [x["tags"] == "flag" for x in labelled]
    with pytest.raises(ValueError, match="Got none of 'cat'"):
        read(path, drawings / "train", classes=["cat"])


def test_labels_of_several_words_that_are_parted_are_told(drawings, tmp_path, labelled):
    path = tmp_path / "t.csv"
    lines = [f"{row['image']},red {row['tags']}" for row in labelled]
    path.write_text("\n".join(["image,tags", *lines]))
    _, _, said = read(path, drawings / "train")
    assert "if 'red animal' is one label: --separator ';'" in said
    data, _, said = read(path, drawings / "train", separator=";")
    assert "red animal" in data.target_names and "is one label" not in said


def test_folders_that_are_linked_are_gone_through_once(tmp_path):
    (tmp_path / "photos" / "in").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    for path in ("photos/a.png", "photos/in/b.png", "other/c.png"):
        Image.new("RGB", (9, 9)).save(tmp_path / path)
    try:
        (tmp_path / "photos" / "link").symlink_to(tmp_path / "other")
        (tmp_path / "photos" / "in" / "up").symlink_to(tmp_path / "photos")
        (tmp_path / "photos" / "gone.png").symlink_to("nowhere.png")
    except OSError:
        pytest.skip("links need rights on Windows")
    names = [name.replace(os.sep, "/") for name in read_rows(*_folder(tmp_path)).names]
    assert names == ["a.png", "gone.png", "in/b.png", "link/c.png"]


def _folder(tmp_path):
    return tmp_path / "photos", None, None, ()


def test_folder_that_cannot_be_listed_is_told(run, tmp_path, monkeypatch):
    """Its pictures would be left out, and nobody would know."""
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    done = run("check", tmp_path)
    assert done.code == 2 and "Permission denied" in done.said
    assert "locked" in done.said


@pytest.mark.skipif(os.name != "posix", reason="no such names on Windows")
def test_lines_of_check_are_lines(run, tmp_path):
    for name in ("a\nb.png", "c\td.png"):
        Image.new("RGB", (9, 9)).save(tmp_path / name)
    (tmp_path / "e\r.jpg").write_bytes(b"nothing")
    done = run("check", tmp_path)
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert done.code == 1 and [line[:2] for line in lines] == [
        ["broken", r"e\r.jpg"],
        ["copy", r"c\td.png"],
    ]
    assert lines[1][2] == r"the same file as a\nb.png"


def clip(**options):
    return CLIPFeaturizer("clipart-tiny", **options)


@pytest.mark.parametrize("kind", ["words", "texts", "columns", "named"])
def test_tagger_from_python_is_given_what_it_reads(
    run, drawings, labelled, tmp_path, kind
):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(labelled)
    frame["photo"] = [str(drawings / "train" / name) for name in frame["image"]]
    Y = pandas.get_dummies(frame["tags"]).astype(int)
    head = MultiLabelLogisticRegression(C=5)
    words = TfidfVectorizer()
    steps, X = {
        "words": ([words], frame["title"]),
        "texts": ([clip(image=None)], frame["title"].tolist()),
        "columns": (
            [
                ColumnTransformer(
                    [("i", clip(text=None), "photo"), ("t", words, "title")]
                )
            ],
            frame[["title", "photo"]],
        ),
        "named": ([clip(image="photo", text="title")], frame),
    }[kind]
    tagger = make_pipeline(*steps, head).fit(X, Y)
    path = tmp_path / "t.joblib"
    joblib.dump(tagger, path)
    table = drawings / "test.csv"
    done = run(
        *("tag", path, table, "--images", drawings / "test", "--text", "title"),
        *("--trust", "--probabilities", "-q"),
    )
    assert done.code == 0, done.said
    found = [
        [float(row[name]) for name in Y.columns]
        for row in csv.DictReader(done.out.splitlines())
    ]
    new = pandas.read_csv(table)
    new["photo"] = [str(drawings / "test" / name) for name in new["image"]]
    X = new if kind in ("columns", "named") else new["title"].tolist()
    np.testing.assert_allclose(found, tagger.predict_proba(X), rtol=1e-5, atol=1e-6)
    page = tmp_path / "page.html"
    done = run(
        *("report", path, table, "--images", drawings / "test", "--text", "title"),
        *("--trust", "--out", page),
    )
    assert done.code == 0, done.said
    n_pictures = page.read_text(encoding="utf-8").count("data:image/webp")
    assert n_pictures == (20 if kind in ("columns", "named") else 0)
    if kind in ("words", "texts", "columns"):
        bare = run("tag", path, table, "--images", drawings / "test", "--trust")
        assert bare.code == 2 and bare.out == "" and "with --text" in bare.said


def names_and_labels(labelled):
    """Names of pictures, and labels of 0 and 1."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(labelled)
    return frame["image"].tolist(), pandas.get_dummies(frame["tags"]).astype(int)


def test_pictures_are_not_looked_for_where_the_tagger_was_trained(
    run, drawings, labelled, tmp_path, monkeypatch
):
    names, Y = names_and_labels(labelled)
    reader = clip(text=None, image_root=drawings / "train")
    tagger = make_pipeline(reader, MultiLabelLogisticRegression(C=5)).fit(names, Y)
    joblib.dump(tagger, tmp_path / "t.joblib")
    monkeypatch.chdir(drawings)
    done = run("tag", tmp_path / "t.joblib", "test", "--trust")
    assert done.code == 0 and "20 rows labelled, 0 could not be." in done.said
    words = ["report", tmp_path / "t.joblib", "test.csv", "--images", "test"]
    done = run(*words, "--trust", "--out", tmp_path / "page.html")
    assert done.code == 0 and "TaggerReport: 20 rows" in done.said
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp") == 20


def test_fine_tuned_model_goes_on_where_a_picture_is_broken(
    run, drawings, labelled, tmp_path
):
    names, Y = names_and_labels(labelled)
    tuner = CLIPFineTuner(
        list(Y.columns),
        "clipart-tiny",
        image_root=drawings / "train",
        trainable="projection",
        max_epochs=1,
        early_stopping=None,
        device="cpu",
        random_state=0,
    ).fit(names[:24], Y[:24])
    path = tmp_path / "t.joblib"
    joblib.dump(tuner, path)
    folder = tmp_path / "photos"
    shutil.copytree(drawings / "test", folder)
    broken = sorted(folder.iterdir())[3]
    broken.write_bytes(b"nothing")
    done = run("tag", path, folder, "--trust", "--probabilities")
    assert done.code == 1 and "19 rows labelled, 1 could not be." in done.said
    rows = {row["image"]: row for row in csv.DictReader(done.out.splitlines())}
    assert "not an image" in rows.pop(broken.name)["error"]
    found = [[float(row[name]) for name in Y.columns] for row in rows.values()]
    tuner.set_params(image_root=folder)
    np.testing.assert_allclose(found, tuner.predict_proba(list(rows)), rtol=1e-4)
    words = ["report", path, drawings / "test.csv", "--images", folder, "--trust"]
    done = run(*words, "--out", tmp_path / "page.html")
    assert done.code == 0 and "TaggerReport: 19 rows" in done.said
    assert f"left out: {broken}: it is not an image" in done.said


def test_tagger_of_numbers_is_told(run, drawings, tmp_path):
    pandas = pytest.importorskip("pandas")
    X, Y = np.eye(4), np.array([[0, 1], [1, 0], [0, 1], [1, 1]])
    for place, (table, said) in enumerate(
        ((X, "takes numbers"), (pandas.DataFrame(X, columns=list("abcd")), "'a', 'b'"))
    ):
        path = tmp_path / f"{place}.skops"
        head = MultiLabelLogisticRegression().fit(table, Y)
        path.write_bytes(skops.io.dumps(head))
        done = run("tag", path, drawings / "test")
        assert done.code == 2 and done.out == "" and said in done.said


def test_report_leaves_out_what_cannot_be_read(run, tagger_file, drawings, tmp_path):
    """A row without its picture would be scored as if it showed nothing."""
    folder = tmp_path / "photos"
    shutil.copytree(drawings / "test", folder)
    names = sorted(path.name for path in folder.iterdir())
    (folder / names[0]).write_bytes(b"nothing")
    words = ["report", tagger_file, drawings / "test.csv", "--images", folder]
    done = run(*words, "--out", tmp_path / "page.html")
    assert done.code == 0 and "19 rows, 3 labels, mAP" in done.said
    assert f"left out: {folder / names[0]}: it is not an image" in done.said
    for name in names:
        (folder / name).write_bytes(b"nothing")
    done = run(*words, "--out", tmp_path / "none.html")
    assert done.code == 2 and "At least one row must be readable" in done.said


def test_row_without_what_the_tagger_reads_is_told(run, tagger_file, tmp_path):
    """A tagger of pictures says nothing of a caption."""
    (tmp_path / "t.csv").write_text("title,tags\na dog,x\n", encoding="utf-8")
    done = run("tag", tagger_file, tmp_path / "t.csv", "--text", "title")
    assert done.code == 1
    assert done.out.splitlines()[1] == "row 0,,,nothing to look at"


def test_tagger_that_takes_whole_rows_alone_goes_on(run, drawings, tmp_path):
    head, *lines = (drawings / "train.csv").read_text("utf-8").splitlines()
    rows = list(csv.reader(lines))
    X = np.array([[str(drawings / "train" / r[0]), r[1] or "-"] for r in rows], object)
    Y = pd.DataFrame({name: [name in r[2] for r in rows] for name in ("flag", "food")})
    clip = CLIPFeaturizer("clipart-tiny", missing="raise")
    tagger = make_pipeline(clip, MultiLabelLogisticRegression()).fit(X, Y.astype(int))
    (tmp_path / "t.skops").write_bytes(skops.io.dumps(tagger))
    holes = [*rows[:2], ["", "a dog", "flag"], [rows[3][0], "", "flag"], ["", "", ""]]
    with open(tmp_path / "t.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head.split(","), *holes])
    told = (tmp_path / "t.csv", "--images", drawings / "train", "--text", "title")
    done = run("tag", tmp_path / "t.skops", *told)
    assert done.code == 1, done.said
    part = "picture or text missing, which the tagger refuses (missing='raise')"
    errors = [row["error"] for row in csv.DictReader(done.out.splitlines())]
    assert errors == ["", "", part, part, "nothing to look at"]
    done = run("report", tmp_path / "t.skops", *told, "--out", tmp_path / "r.html")
    assert done.code == 0 and "2 rows, 2 labels" in done.said, done.said


def test_picture_alone_is_a_row(run, tagger_file, drawings, tmp_path):
    picture = sorted((drawings / "test").iterdir())[0]
    every = run("tag", tagger_file, drawings / "test").out.splitlines()
    shutil.copy(picture, tmp_path / "A.WEBP")
    done = run("tag", tagger_file, tmp_path / "A.WEBP")
    assert done.code == 0
    assert done.out.splitlines()[1] == every[1].replace(picture.name, "A.WEBP")
    done = run("tag", tagger_file, picture, "--images", tmp_path)
    assert done.code == 2 and "Got them with a picture" in done.said


@pytest.mark.parametrize(
    ("content", "said"), [(None, "There is no file"), (b"caf\xe9", "text in UTF-8")]
)
def test_file_of_words_that_cannot_be_read_is_told(
    run, drawings, tmp_path, content, said
):
    words = tmp_path / "w.txt"
    if content is not None:
        words.write_bytes(content)
    done = run("zero-shot", drawings / "test", "--labels-file", words)
    assert done.code == 2 and said in done.said and str(words) in done.said


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".feather"])
@pytest.mark.parametrize("n_single", [3, 1_500])
def test_separator_is_that_of_all_rows(tmp_path, n_single, suffix):
    cells = [("cat", "dog")[i % 2] for i in range(n_single)] + ["cat;dog"] * 20
    table = pd.DataFrame({"title": [f"t{i}" for i in range(len(cells))], "tags": cells})
    path = tmp_path / f"t{suffix}"
    if suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        getattr(table, f"to_{suffix[1:]}")(path)
    given = {"layout": "auto", "labels": None, "separator": None, "group": None}
    data, _, said = read_labelled(
        path, images=None, image=None, text=["title"], unlabelled="keep", **given
    )
    assert list(data.target_names) == ["cat", "dog"] and "split at ';'" in said
    np.testing.assert_array_equal(data.target[-20:], 1)


@pytest.mark.parametrize("separator", [None, ";"])
def test_separator_of_few_cells_names_that_of_the_others(tmp_path, separator):
    cells = ["cat, dog", "dog, bird", "cat, bird", "cat, rock &amp; roll"]
    path = tmp_path / "t.csv"
    pd.DataFrame({"title": list("abcd"), "tags": cells}).to_csv(path, index=False)
    given = {"layout": "auto", "labels": None, "separator": separator, "group": None}
    _, _, said = read_labelled(
        path, images=None, image=None, text=["title"], unlabelled="keep", **given
    )
    hint = (
        "split at ';', which 1 of 4 different cells hold (if 'cat, dog' is several "
        "labels: --separator ',')"
    )
    assert said.endswith("split at ';'" if separator else hint)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ["cat", "dog", "bird", "rock &amp; roll"],
            "split at ';', which 1 of 4 different cells hold (if 'rock &amp; roll' is "
            "one label: --layout pairs)",
        ),
        (
            ["cat dog", "dog bird", "cat", "fish;chips cat"],
            "split at ';', which 1 of 4 different cells hold (if 'cat dog' is several "
            "labels: --separator ' ')",
        ),
        (["cat;dog", "dog;bird", "red cat"], "split at ';'"),
    ],
)
def test_separator_of_a_few_cells_is_told(tmp_path, cells, said):
    path = tmp_path / "t.csv"
    pd.DataFrame({"title": list("abcd")[: len(cells)], "tags": cells}).to_csv(path)
    _, _, found = read(path, None, text=["title"])
    assert found.endswith(f", {said}")


@pytest.mark.parametrize("layout", ["auto", "pairs"])
def test_rows_without_a_label_are_counted(tmp_path, layout):
    path = tmp_path / "t.csv"
    files = [f"{letter}.png" for letter in "abcd"]
    table = pd.DataFrame({"image": files, "tags": ["cat", "", "dog", ""]})
    table.to_csv(path, index=False)
    data, _, said = read(path, tmp_path, layout=layout)
    assert said.endswith(
        ", none of them in 2 rows (not looked at yet? --unlabelled drop)"
    )
    _, _, said = read(path, tmp_path, layout=layout, classes=["dog"])
    assert "not looked at" not in said  # the cat has been
    dropped, _, said = read(path, tmp_path, layout=layout, unlabelled="drop")
    assert "not looked at" not in said
    assert len(data.target) == 4 and len(dropped.target) == 2


def test_zeros_of_columns_are_answers(tmp_path):
    path = tmp_path / "t.csv"
    table = pd.DataFrame({"image": ["a.png", "b.png"], "cat": [1, 0], "dog": [0, 0]})
    table.to_csv(path, index=False)
    assert read(path, tmp_path)[2].endswith("one column for each label")


@pytest.mark.parametrize("command", ["check", "zero-shot"])
def test_options_that_a_command_lacks_are_not_advised(run, tmp_path, command):
    table = tmp_path / "t.csv"
    table.write_text("Datei,Titel\na.jpg,a dog\n", encoding="utf-8")
    words = ("--labels", "dog") if command == "zero-shot" else ()
    done = run(command, table, *words)
    assert done.code == 2 and "name it with --image. Its columns" in done.said
    done = run(command, tmp_path, "--images", tmp_path, *words)
    assert done.code == 2
    assert "--images and --image are for tables. Got them with a folder" in done.said


def test_rows_of_a_table_without_a_picture_stop_nothing(
    run, tagger_file, drawings, tmp_path
):
    name = min(path.name for path in (drawings / "test").iterdir())
    table = tmp_path / "t.csv"
    table.write_text(f"image,title\n,a dog\n{name},\n", encoding="utf-8")
    words = [table, "--images", drawings / "test"]
    done = run("tag", tagger_file, *words)
    first, second = done.out.splitlines()[1:]
    assert done.code == 1 and first == "row 0,,,nothing to look at"
    assert second.startswith(f"{name},")
    assert "2 rows: 0 cannot be read, 0 copies, 1 without" in run("check", *words).said


def test_files_that_are_no_pictures_are_told(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.CR2", "b.cr2", "notes"):
        (folder / name).write_bytes(b"x")
    done = run("check", folder)
    assert done.code == 2 and "Its files: 2 of .cr2, 1 of notes." in done.said
    Image.new("RGB", (9, 9)).save(folder / "a.png")
    done = run("check", folder)
    assert done.code == 0
    assert "no pictures by their names: 3 files (2 of .cr2, 1 of notes)." in done.said
    assert "names" not in run("check", folder, "--quiet").said
    for name in ("a.CR2", "b.cr2", "notes"):
        (folder / name).unlink()
    (folder / "a.png.xmp").touch()  # as `tag --xmp` leaves one
    assert "no pictures by their names" not in run("check", folder).said


def test_why_pictures_of_a_table_are_not_there_is_told(run, tmp_path):
    (tmp_path / "photos" / "below").mkdir(parents=True)
    for name in ("a.png", "below/b.png"):
        Image.new("RGB", (9, 9)).save(tmp_path / "photos" / name)
    table = tmp_path / "t.csv"
    for cell, said in (
        (r"C:\pictures\photos\a.png", "the end 'a.png' is there"),
        ("b.png", f"'b.png' is in '{tmp_path / 'photos' / 'below'}'"),
    ):
        table.write_text(f"image,tags\n{cell},cat\n", encoding="utf-8")
        done = run("check", table, "--images", tmp_path / "photos")
        assert done.code == 1 and said in done.said
        with pytest.warns(UserWarning, match="Not all pictures are in"):
            read(table, tmp_path / "photos")


def test_file_that_is_no_text_is_no_table(run, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    done = run("check", tmp_path / "film.mp4")
    assert done.code == 2 and "Got a file that is no text." in done.said


def test_picture_in_two_lines_is_one_of_several_labels_a_cell(run, tmp_path):
    """As pairs its labels would be "cat;dog" in one."""
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    table = tmp_path / "t.csv"
    for cell, pairs in (("cat;dog", False), ("cat", True), ("red cat", True)):
        text = f"image,tags\na.png,{cell}\na.png,cat\n"
        table.write_text(text, encoding="utf-8")
        done = run("train", table, "--out", tmp_path / "t.skops")
        assert done.code == 2 and ("--layout pairs" in done.said) == pairs
        assert ("Leave one of them out" in done.said) != pairs
