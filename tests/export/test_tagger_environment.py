"""An exported tagger at work where neither torch nor scikit-learn can be imported."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from featurizer_rows import to_png
from PIL import Image

import sklearn_clip

# All that it takes, and wcwidth, which ftfy takes.
INSTALLED = ("numpy", "pillow", "onnxruntime", "tokenizers", "ftfy", "regex", "wcwidth")

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, sys.argv[1])
from sklearn_clip.export import OnnxTagger
tagger = OnnxTagger(sys.argv[2])
rows = json.loads(sys.argv[3])
answer = {"labels": tagger.predict(rows).tolist(), "names": tagger.label_names}
answer["scores"] = tagger.predict_proba(rows).tolist()
answer["top"] = tagger.top_labels(rows, 2)
try:
    tagger.predict(rows + [{"image": "gone.png", "text": "a"}])
except ValueError as exc:
    answer["error"] = f"{type(exc).__name__}: {exc}"
answer["packages"] = sorted(
    {module.partition(".")[0] for module in sys.modules} - sys.stdlib_module_names
)
print(json.dumps(answer))
"""


def top_names(name):
    """Files and folders that a distribution has in site-packages."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files if file.parts[0] != ".."}
    return {top: Path(str(found.locate_file(top))) for top in tops}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Make a folder that holds nothing but what an exported tagger needs."""
    folder = tmp_path_factory.mktemp("site-packages")
    for name in INSTALLED:
        for top, place in top_names(name).items():
            if place.exists() and not top.startswith("__pycache__"):
                (folder / top).symlink_to(place)
    (folder / "sklearn_clip").symlink_to(Path(sklearn_clip.__file__).parent)
    return folder


def run(*arguments):
    """Run a script in an interpreter that sees its library and the folder alone."""
    # -S leaves out site-packages, -I PYTHONPATH and the user's folder.
    command = [sys.executable, "-I", "-S", "-c", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("pictures"), []
    for number, colour in enumerate(("red", "blue", "white")):
        path = folder / f"{number}.png"
        path.write_bytes(to_png(Image.new("RGB", (80 + number, 60), colour)))
        rows.append({"image": str(path), "text": f"a {colour} flag, caf\u00e9"})
    return [*rows, {"image": None, "text": "a drawing"}, {"image": None, "text": None}]


def test_nothing_else_can_be_imported_there(environment):
    code = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    print(name)
"""
    others = ["torch", "sklearn", "scipy", "joblib", "pandas", "open_clip", "onnx"]
    out, err = run(code, str(environment), *others, "tqdm", "skorch")
    assert (out, err) == ("", "")


@pytest.mark.parametrize("options", [{}, {"text": None}], ids=["both", "images"])
def test_labels_are_those_of_the_pipeline(environment, exported, rows, options):
    tagger, path = exported(**options)
    if options:
        rows = [row for row in rows if row["image"]]
        expected = tagger.predict_proba([row["image"] for row in rows])
    else:
        expected = tagger.predict_proba(rows)
    out, err = run(SCRIPT, str(environment), str(path), json.dumps(rows))
    assert err == ""
    answer = json.loads(out)
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-4)
    assert answer["names"] == ["warm", "dark", "said"]
    assert [len(best) for best in answer["top"]] == [2] * len(rows)
    row = len(rows)
    assert answer["error"].startswith(
        f"ImageDecodeError: An image could not be read: row {row}, 'gone.png': the "
    )
    needed = {"PIL", "numpy", "onnxruntime", "sklearn_clip"}
    needed |= set() if options else {"ftfy", "regex", "tokenizers", "wcwidth"}
    # What Cython leaves behind, of whichever package.
    found = {name for name in answer["packages"] if "cython" not in name}
    assert found - {"__mp_main__", "__main__"} == needed


@pytest.mark.parametrize("name", ["onnxruntime", "tokenizers", "ftfy", "regex"])
def test_package_that_is_missing_is_named(environment, exported, tmp_path, name):
    for place in environment.iterdir():
        if place.name != name:
            (tmp_path / place.name).symlink_to(place)
    _, path = exported()
    _, err = run(SCRIPT, str(tmp_path), str(path), "[]")
    last = err.strip().splitlines()[-1]
    assert last == (
        f"ImportError: OnnxTagger needs {name}, which is not installed. Install it "
        f"with: pip install {name}"
    )


def test_taggers_of_pictures_need_no_packages_for_texts(
    environment, exported, tmp_path, rows
):
    for place in environment.iterdir():
        if place.name not in ("tokenizers", "ftfy", "regex"):
            (tmp_path / place.name).symlink_to(place)
    _, path = exported(text=None)
    rows = json.dumps([row for row in rows if row["image"]])
    out, err = run(SCRIPT, str(tmp_path), str(path), rows)
    assert err == ""
    assert len(json.loads(out)["labels"]) == 3
