"""The file of a tagger in Node, and the browser's way from a picture to pixels."""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from sklearn_clip.datasets import load_clipart
from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images._preparation import PixelPlan, Preparation
from sklearn_clip.export import OnnxTagger

HERE = Path(__file__).parent / "node"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node is not installed")


def run(script, folder):
    done = subprocess.run(
        [NODE, str(HERE / script), str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def feeds_of(monkeypatch):
    """Record what a tagger gives to its graph, and what comes out."""

    def record(own, rows):
        seen = []
        run = own._file.run

        def note(feeds):
            found = run(feeds)
            seen.append((feeds, found))
            return found

        monkeypatch.setattr(own._file, "run", note)
        own.predict(rows)
        return seen

    return record


LONG = "a red flag and a blue boat in front of a green house by the white sea, " * 9


@pytest.mark.skipif(
    not (HERE / "node_modules" / "onnxruntime-node").is_dir(),
    reason="onnxruntime-node is not installed: make node",
)
@pytest.mark.parametrize("options", [{}, {"text": None}, {"image": None}], ids=str)
def test_node_gives_the_labels_of_python(exported, feeds_of, tmp_path, options):
    _, path = exported(**options)
    drawings = load_clipart(split="test", as_frame=True).data[:7]
    rows = [*drawings.itertuples(index=False, name=None), (None, LONG), (None, None)]
    if options:
        rows = [row["image" in options] for row in rows]
    for number, (feeds, expected) in enumerate(feeds_of(OnnxTagger(path), rows)):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder / "tagger.onnx")
        said = {}
        for name, array in feeds.items():
            (folder / f"{name}.raw").write_bytes(np.ascontiguousarray(array).tobytes())
            said[name] = {"type": str(array.dtype), "dims": list(array.shape)}
        (folder / "inputs.json").write_text(json.dumps(said), encoding="utf-8")
        run("run_tagger.mjs", folder)
        answer = json.loads((folder / "outputs.json").read_text(encoding="utf-8"))
        assert sorted(answer["inputs"]) == sorted(feeds)
        outputs = answer["outputs"]
        scores, labels = expected
        assert sorted(outputs) == ["labels", "probabilities"]
        assert outputs["labels"]["type"] == "bool"
        assert outputs["probabilities"]["type"] == "float32"
        for name, own in (("labels", labels), ("probabilities", scores)):
            assert outputs[name]["dims"] == list(own.shape)
            found = np.reshape(outputs[name]["data"], own.shape)
            np.testing.assert_allclose(found, own, atol=1e-4 * (name != "labels"))


PLANS = [
    PixelPlan("pad", (112, 112), "BICUBIC", (0.5,) * 3, (0.5,) * 3, fill=255),
    PixelPlan("crop", (64, 64), "BICUBIC", (0.5,) * 3, (0.5,) * 3, side=64),
    PixelPlan("crop", (60, 64), "BILINEAR", (0.5,) * 3, (0.5,) * 3, side=71),
    PixelPlan("cover", (64, 48), "LANCZOS", (0.5,) * 3, (0.5,) * 3),
    PixelPlan("squash", (50, 64), "BICUBIC", (0.5,) * 3, (0.5,) * 3),
]


def draw_pictures():
    """Drawings, smooth pictures of many shapes, and some of one colour."""
    drawings = load_clipart(split="test").data[:12, 0]
    yield from (decode_image(drawing) for drawing in drawings)
    rng = np.random.default_rng(0)
    sizes = [(200, 100), (37, 211), (64, 64), (20, 30), (333, 499), (640, 480), (5, 70)]
    for width, height in sizes:
        few = rng.integers(0, 256, (-(-height // 6), -(-width // 6), 3), dtype=np.uint8)
        yield Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC)
    yield Image.new("RGB", (1, 1), "orange")
    yield Image.new("RGB", (112, 112), "blue")


@pytest.mark.skipif(
    int(PIL.__version__.split(".")[0]) < 13, reason="Pillow swaps its passes since 13"
)
def test_pixels_of_the_browser_are_those_of_pillow(tmp_path):
    cases = [(picture, plan) for picture in draw_pictures() for plan in PLANS]
    said = []
    for number, (picture, plan) in enumerate(cases):
        (tmp_path / f"{number}.rgb").write_bytes(picture.tobytes())
        said.append({"plan": asdict(plan), "width": picture.width})
        said[-1]["height"] = picture.height
    (tmp_path / "pictures.json").write_text(json.dumps(said), encoding="utf-8")
    run("prepare_pictures.mjs", tmp_path)
    unequal = []
    for number, (picture, plan) in enumerate(cases):
        expected = Preparation(plan)(picture).astype(int)
        found = np.fromfile(tmp_path / f"{number}.pixels", np.uint8)
        off = np.abs(found.reshape(expected.shape) - expected)
        assert off.max() <= 1, (picture.size, plan)
        unequal.append((off > 0).mean())
    # Pillow rounds between its two passes, and chooses which of them comes first.
    assert np.mean(unequal) < 0.01
