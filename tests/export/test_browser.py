"""The page of examples/browser in a real Chromium: pictures in, right labels out."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from chromium import NEEDS_CHROMIUM, Chromium
from PIL import Image

from sklearn_clip.datasets import load_clipart
from sklearn_clip.export import OnnxTagger

EXAMPLE = Path(__file__).parents[2] / "examples" / "browser"
pytestmark = [
    *NEEDS_CHROMIUM,
    pytest.mark.skipif(
        not (EXAMPLE / "node_modules" / "onnxruntime-web").is_dir(),
        reason="onnxruntime-web is not installed: make node",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Serve the page from a folder of its own, with the tagger of its script."""
    folder = tmp_path_factory.mktemp("browser")
    for name in ("index.html", "tagger.js", "pixels.js", "node_modules"):
        (folder / name).symlink_to(EXAMPLE / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["export_tagger.py", "--out", str(folder)])
        runpy.run_path(str(EXAMPLE / "export_tagger.py"), run_name="__main__")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        port = re.search(r"port (\d+)", server.stdout.readline())[1]
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def browser(address, tmp_path):
    browser = Chromium(tmp_path / "profile")
    yield browser
    browser.close()


def open_page(browser, address):
    browser.ask("Page.navigate", url=f"{address}/index.html")
    # Undefined until the page is there; `...` at its end until the tagger is.
    said = "document.getElementById('status')?.textContent"
    browser.wait_for(f"{said} && !{said}.endsWith('...')")
    assert browser.evaluate("document.getElementById('status').textContent") == "Ready."


def read_labels(browser, name):
    """Labels that are given, and scores of those that are shown."""
    browser.wait_for(
        f"document.getElementById('status').textContent === 'Tagged {name}.'"
    )
    given = browser.evaluate(
        "Array.from(document.querySelectorAll('.given th'), th => th.textContent)"
    )
    shown = browser.evaluate(
        "Array.from(document.querySelectorAll('#labels tr'), row => "
        "[row.cells[0].textContent, parseFloat(row.cells[2].textContent) / 100])"
    )
    return given, dict(shown)


def choose_drawings(own):
    """Choose drawings that the tagger gives their own tags, and no others."""
    data = load_clipart(split="test", as_frame=True)
    rows, targets = data.data[:80], data.target.loc[:, own.label_names][:80]
    found = own.predict(rows)
    right = found.any(axis=1) & (found == targets.to_numpy()).all(axis=1)
    assert right.sum() >= 5
    return [Image.open(path) for path in rows["image"][right][:5]]


def write_pictures(folder, drawings):
    """Drawings, one on its side by its EXIF, one with a palette and one half clear."""
    paths = []
    for number, drawing in enumerate(drawings):
        paths.append(folder / f"{number}.png")
        drawing.convert("RGBA").save(paths[-1])
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    paths.append(folder / "turned.jpg")
    page = Image.new("RGBA", drawings[0].size, "white")
    page.alpha_composite(drawings[0].convert("RGBA"))
    page = page.convert("RGB").resize((300, 200)).rotate(90, expand=True)
    page.save(paths[-1], exif=exif, quality=95, subsampling=0)
    paths.append(folder / "palette.png")
    page.quantize(16).save(paths[-1])
    paths.append(folder / "clear.png")
    clear = page.copy()
    clear.putalpha(128)
    clear.save(paths[-1])
    return paths


def test_picture_goes_in_and_the_right_labels_come_out(
    browser, address, folder, tmp_path
):
    own = OnnxTagger(folder / "tagger.onnx")
    paths = write_pictures(tmp_path, choose_drawings(own))
    open_page(browser, address)
    for number, path in enumerate(paths):
        put = browser.drop_file if number % 2 else browser.choose_file
        put("#drop" if number % 2 else "#file", path)
        given, shown = read_labels(browser, path.name)
        row = [(path, None)]
        scores = dict(zip(own.label_names, own.predict_proba(row)[0], strict=True))
        np.testing.assert_allclose(
            list(shown.values()), [scores[name] for name in shown], atol=0.02
        )
        best = max(scores, key=scores.get)
        assert next(iter(shown)) == best or scores[best] - shown[best] < 0.02
        # Decoders differ by a grey level, so that a label near its cut may differ.
        sure = {
            name
            for name, cut in zip(own.label_names, own.thresholds, strict=True)
            if abs(scores[name] - cut) > 0.02
        }
        expected = set(own.predict_labels(row)[0])
        assert set(given) & sure == expected & sure
        assert len(sure) > 0.8 * len(scores)
        assert given or number >= 5  # the drawings have tags
    if "SKLEARN_CLIP_SCREENSHOT" in os.environ:  # to be looked at
        browser.drop_file("#drop", paths[0])
        read_labels(browser, paths[0].name)
        browser.save_screenshot(Path(os.environ["SKLEARN_CLIP_SCREENSHOT"]))


def test_what_is_no_picture_is_said_and_the_next_one_is_tagged(
    browser, address, tmp_path
):
    (tmp_path / "words.png").write_text("no picture", encoding="utf-8")
    open_page(browser, address)
    browser.drop_file("#drop", tmp_path / "words.png")
    browser.wait_for(
        "document.getElementById('status').textContent === "
        "'words.png is not a picture that the browser can read.'"
    )
    assert browser.evaluate("document.getElementById('found').hidden")
    Image.new("RGB", (30, 20), "red").save(tmp_path / "red.png")
    browser.choose_file("#file", tmp_path / "red.png")
    read_labels(browser, "red.png")
    assert not browser.evaluate("document.getElementById('found').hidden")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("words.onnx", "This is no file of ONNX."),
        ("gone.onnx", "gone.onnx is not there: run export_tagger.py, then load the"),
        ("texts.onnx", "This page tags pictures alone: export a tagger with fusion="),
    ],
)
def test_file_that_the_page_cannot_use_is_said(
    browser, address, folder, exported, name, message
):
    if name == "texts.onnx":
        shutil.copy(exported()[1], folder / name)
    elif name == "words.onnx":
        (folder / name).write_text("label,probability\n" * 9, encoding="utf-8")
    browser.ask("Page.navigate", url=f"{address}/index.html")
    found = browser.wait_for(
        f"import('{address}/tagger.js').then(m => m.openTagger('{name}'))"
        ".then(() => 'opened', error => error.message)"
    )
    assert found.startswith(message)
