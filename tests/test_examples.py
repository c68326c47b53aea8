"""The gallery is complete and ordered, and the example a user copies first runs."""

import ast
import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression, top_labels
from sklearn_clip.datasets import load_clipart

EXAMPLES = Path(__file__).parents[1] / "examples"
GALLERY = sorted(EXAMPLES.glob("plot_*.py"))
DEMO = [EXAMPLES / "quickstart.py", EXAMPLES / "photographs.py"]


def read_names(script):
    """Names that a script takes from this package, as (module, name)."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn_clip"):
            yield from ((node.module, alias.name) for alias in node.names)


def test_gallery_is_numbered_without_gaps():
    numbers = [int(script.stem.split("_")[1]) for script in GALLERY]
    assert numbers == list(range(1, len(GALLERY) + 1))


@pytest.mark.parametrize("script", GALLERY, ids=lambda script: script.stem)
def test_example_has_title_question_and_figure(script):
    prose = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    title, rule, _ = prose.split("\n", maxsplit=2)
    assert rule == "=" * len(title)
    assert re.match(r"\*[^*]+\?\*?", prose.split("\n\n")[1])
    assert "plt.show()" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", GALLERY + DEMO, ids=lambda script: script.stem)
def test_example_uses_public_names_only(script):
    names = list(read_names(script))
    assert names
    for module, name in names:
        assert not re.search(r"\._", module)
        public = __import__(module, fromlist=[name]).__all__
        assert name in public


@pytest.mark.parametrize("n_untagged", [3, 10, 12])
def test_example_of_own_folder_runs(n_untagged, monkeypatch, tmp_path, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyplot, "show", pyplot.close)
    script = EXAMPLES / "plot_10_own_folder.py"
    source = script.read_text(encoding="utf-8")
    assert source.count("n_rows - 10 :") == 1
    source = source.replace("n_rows - 10 :", f"n_rows - {n_untagged} :")
    names = {"__name__": "__main__"}
    exec(compile(source, str(script), "exec"), names)
    assert "005.png: it is not an image" in capsys.readouterr().out
    assert names["untagged"]["tags"].notna().all()
    written = names["pd"].read_csv(names["folder"] / "tags-complete.csv")
    assert len(written) == len(names["table"])
    names["temporary"].cleanup()
    assert not list(tmp_path.iterdir())


def test_tagged_pictures_are_drawn_whole_whatever_their_size(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    script = EXAMPLES / "tag_pictures.py"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    tagging = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tagging)
    large = Image.new("RGB", (900, 600), "white")
    large.paste("red", (0, 0, 300, 600))  # no part of the middle
    large.save(tmp_path / "large.png")
    row = {"image": str(tmp_path / "large.png"), "text": None}
    tagging.draw([row], [["red 0.90"]], tmp_path / "drawn.png")
    drawn = np.asarray(Image.open(tmp_path / "drawn.png").convert("RGB")).astype(int)
    red = (drawn - [255, 0, 0] == 0).all(axis=2)
    assert 0.05 < red.mean() < 0.3


def test_demo_runs_these_scripts_in_this_order():
    rule = (EXAMPLES.parent / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", rule, re.M)[1]
    assert re.findall(r"examples/(\w+\.py)", recipe) == [path.name for path in DEMO]


def test_example_of_photographs_runs(monkeypatch, tmp_path, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    script = EXAMPLES / "photographs.py"
    names = {"__name__": "__main__"}
    with warnings.catch_warnings():  # the script leaves out those of rare labels
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
    printed = capsys.readouterr().out
    # Words alone are well over chance, and labelled pictures add to them.
    by_lot, table = names["by_lot"], names["table"]
    assert table["mAP"].min() > 3 * by_lot
    learned = table["mAP"].drop("zero-shot")
    assert learned.max() > table["mAP"]["zero-shot"] + 0.03
    # The labelled pictures choose: what is best on the rest is not looked at.
    assert names["chosen"] == table["macro-F1, out of fold"].idxmax()
    assert f"chosen out of fold: {names['chosen']}" in printed
    # No series has pictures on both sides, and no author's name is left out.
    groups = names["photos"].groups
    assert not set(groups[names["few"]]) & set(groups[names["rest"]])
    shown = names["photos"].sources.iloc[names["rest"][names["shown"]]]
    assert set(shown["licence"]) <= {"CC0-1.0", "public domain"}
    assert [path.name for path in tmp_path.rglob("*.png")] == ["photographs.png"]


def test_example_of_a_server_tags_under_the_names_of_the_columns():
    pandas = pytest.importorskip("pandas")
    script = EXAMPLES / "serve_http.py"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    served = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(served)
    train = load_clipart(split="train", as_frame=True)
    rows = train.data[::30].rename(columns={"image": "photo", "text": "title"})
    clip = CLIPFeaturizer("clipart-tiny", image="photo", text="title")
    pipe = make_pipeline(clip, MultiLabelLogisticRegression())
    pipe.fit(rows, train.target[::30])
    tagger = served.Tagger(pipe)
    tagger.warm()
    picture, title = rows["photo"].iloc[0], rows["title"].iloc[0]
    found = tagger.tag(Path(picture).read_bytes(), title, k=2)["ranked"]
    row = pandas.DataFrame({"photo": [picture], "title": [title]})
    expected = top_labels(pipe, row, k=2)[0]
    assert [(each["label"], each["probability"]) for each in found] == expected
