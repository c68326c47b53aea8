"""What is known of a model from an earlier process, and when that no longer holds."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import open_clip
import pytest
from extras import require
from PIL import Image

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone import _loading
from sklearn_clip.embedding.backbone._fetching import list_files
from sklearn_clip.embedding.backbone._model_files import ModelFiles
from sklearn_clip.embedding.backbone._names import BUNDLED, name_model
from sklearn_clip.embedding.engines._notes import ModelNotes, begin_notes, find_notes

START = {"meant": [], "file": "f", "location": "local-dir:f"}
WEIGHTS, CONFIG = "open_clip_model.safetensors", "open_clip_config.json"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Folder of the notes of one test."""
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(tmp_path / "engines"))
    return tmp_path / "engines"


@pytest.fixture
def file(tmp_path):
    """Some weights."""
    path = tmp_path / "model" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def note(file):
    begin_notes(["m"], START, [file]).recall("length", lambda: 64)
    assert known() == 64


def known():
    """Return what is known of the length, None if it would have to be found out."""
    notes, start = find_notes(["m"])
    assert (start is None) == (notes.recall("length", lambda: None) is None)
    return None if start is None else notes.recall("length", lambda: None)


def test_what_was_found_out_is_known_as_long_as_files_look_alike(home, file):
    note(file)
    assert find_notes(["another"])[1] is None


def test_notes_of_two_that_use_a_model_at_once_are_all_kept(home, file):
    first = begin_notes(["m"], START, [file])
    first.recall("length", lambda: 64)
    second, _ = find_notes(["m"])

    def find_out_slowly():
        second.recall("width", lambda: 32)
        return [8, 8]

    first.recall("grid", find_out_slowly)
    assert first.recall("width", lambda: pytest.fail("it is known")) == 32
    notes, _ = find_notes(["m"])
    for name, value in (("length", 64), ("width", 32), ("grid", [8, 8])):
        assert notes.recall(name, lambda: pytest.fail("it is known")) == value


def test_notes_of_changed_files_are_not_taken_over(home, file):
    first = begin_notes(["m"], START, [file])
    first.recall("length", lambda: 64)
    write_more(file)
    begin_notes(["m"], START, [file]).recall("width", lambda: 32)
    assert first.recall("width", lambda: 16) == 16


def test_model_on_torch_and_on_another_engine_has_the_notes_of_both(home, monkeypatch):
    require("onnxruntime")
    monkeypatch.setattr(_loading, "_loaded", {})
    pictures = [Image.new("RGB", (8, 8))]
    torch_one = CLIPFeaturizer("clipart-tiny", engine="torch", cache=None)
    torch_one.encode_texts(["a drawing"])
    other = CLIPFeaturizer("clipart-tiny", engine="onnxruntime", cache=None)
    other.encode_texts(["a drawing"])
    other.encode_images(pictures)
    (noted,) = (home / "models").glob("*.json")
    before = set(json.loads(noted.read_text()))
    torch_one.encode_images(pictures)
    assert before <= set(json.loads(noted.read_text()))


def write_more(file):
    file.write_bytes(file.read_bytes() + b"more")


def write_again(file):
    file.write_bytes(file.read_bytes())
    os.utime(file, ns=(1, 1))


def write_other_bytes_at_the_same_time(file):
    stat = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_mtime_ns == stat.st_mtime_ns
    assert file.stat().st_size == stat.st_size


@pytest.mark.parametrize(
    "change",
    [write_more, write_again, write_other_bytes_at_the_same_time, os.unlink],
)
def test_changed_file_is_noticed(home, file, change):
    note(file)
    change(file)
    assert known() is None


def test_folder_with_another_file_is_noticed(home, file):
    note(file.parent)
    (file.parent / "model.safetensors").touch()
    assert known() is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "7", "{}", '{"start": null}', '{"files": {}}'),
        '{"start": "x", "files": {}}',
        '{"start": {}, "files": {}}',
        '{"start": {"meant": [], "file": "f", "location": "l"}, "files": []}',
        '{"start": {"meant": [], "file": "f", "location": "l"}, "files": null}',
    ],
)
def test_torn_notes_are_none(home, file, text):
    note(file)
    (path,) = (home / "models").iterdir()
    path.write_text(text, encoding="utf-8")
    assert known() is None


def test_cache_that_cannot_be_written_leaves_notes_to_the_process(
    tmp_path, monkeypatch, file
):
    monkeypatch.setenv("SKLEARN_CLIP_ENGINES", str(file))
    notes = begin_notes(["m"], START, [file])
    assert notes.recall("length", lambda: 64) == notes.recall("length", list) == 64
    assert find_notes(["m"])[1] is None


def test_value_is_found_out_once():
    notes = ModelNotes()
    assert notes.recall("a", lambda: None) is None
    assert notes.recall("a", lambda: pytest.fail("found out again")) is None


@pytest.mark.parametrize("file", ["/m.bin", "/models/m.bin", "/a/b/m.bin"])
def test_weights_may_lie_near_the_root(file):
    assert list_files({"file": file, "location": "ViT-B-32"}) == [file]


@pytest.fixture
def copy(model_folder, tmp_path):
    """Copy the small model to a folder of this test."""
    source = model_folder.removeprefix("local-dir:")
    return shutil.copytree(source, tmp_path / "copy")


@pytest.fixture
def hashed(monkeypatch):
    """Count how often weights are hashed in this process."""
    found = []
    whole = ModelFiles.fingerprint.fget

    def counted(self):
        found.append(self)
        return whole(self)

    monkeypatch.setattr(ModelFiles, "fingerprint", property(counted))
    return found


def load(folder, *towers, **options):
    """Load a model as a process does that never heard of it."""
    _loading._loaded.clear()
    return load_backbone(f"local-dir:{folder}", device="cpu", towers=towers, **options)


def test_weights_are_hashed_once_for_several_processes(home, copy, hashed):
    first = load(copy, "text")
    assert load(copy, "text").fingerprint == first.fingerprint
    assert len(hashed) == 1


def test_other_weights_in_the_same_file_are_another_model(home, copy, write_model):
    before = load(copy, "text").fingerprint
    stat = (copy / WEIGHTS).stat()
    write_model(copy, seed=1)
    os.utime(copy / WEIGHTS, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (copy / WEIGHTS).stat().st_size == stat.st_size
    assert load(copy, "text").fingerprint != before


def test_other_preprocessing_in_the_same_folder_is_noticed(home, copy):
    before = load(copy, "image")
    config = json.loads((copy / CONFIG).read_text())
    config["preprocess_cfg"]["mean"] = [0.1] * 3
    (copy / CONFIG).write_text(json.dumps(config))
    after = load(copy, "image")
    assert after.preprocessing != before.preprocessing
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt", "spiece.model"])
def test_other_tokenizer_in_the_same_folder_is_noticed(home, copy, name):
    (copy / name).write_text("{}")
    named = [f"local-dir:{copy}", None, None]
    load(copy, "text")
    assert find_notes(named)[1] is not None
    (copy / name).write_text("[]")
    assert find_notes(named)[1] is None


def test_moved_folder_is_the_same_model(home, copy, tmp_path):
    before = load(copy, "text")
    moved = shutil.move(copy, tmp_path / "moved")
    after = load(moved, "text")
    assert after.fingerprint == before.fingerprint
    np.testing.assert_array_equal(after.probe(["text"]), before.probe(["text"]))


def test_models_of_the_package_have_notes_of_their_own_in_each_environment(
    home, monkeypatch, tmp_path
):
    model = "clipart-tiny", "any tag", None
    begin_notes(name_model(*model), START, []).recall("length", lambda: 64)
    assert find_notes(name_model(*model))[1] == START
    monkeypatch.setitem(BUNDLED, "clipart-tiny", tmp_path / "environment")
    assert find_notes(name_model(*model))[1] is None


def test_warning_of_what_a_folder_leaves_open_is_given_at_each_start(home, copy):
    config = json.loads((copy / CONFIG).read_text())
    del config["preprocess_cfg"]["mean"]
    (copy / CONFIG).write_text(json.dumps(config))
    for _ in range(2):
        with pytest.warns(UserWarning, match="does not say with which mean"):
            load(copy, "image")


@pytest.fixture
def named(copy, monkeypatch):
    """Have open_clip know the small model; give its tags and what reads its pixels."""
    own = {"mean": [0.5] * 3, "std": [0.5] * 3}
    tags = {"mine": {"url": "", **own, "interpolation": "bicubic"}}
    tags["mine"]["resize_mode"] = "shortest"
    config = json.loads((copy / CONFIG).read_text())["model_cfg"]
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "small", config)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "small", tags)
    file = str(copy / WEIGHTS)

    def read_pixels():
        _loading._loaded.clear()
        options = {"device": "cpu", "towers": ["image"]}
        return json.loads(load_backbone("small", file, **options).preprocessing)

    return tags, read_pixels


@pytest.mark.parametrize("changes", [True, False])
def test_program_that_changed_a_tag_before_there_were_notes_speaks_for_itself(
    home, named, hashed, monkeypatch, changes
):
    tags, read_pixels = named
    with monkeypatch.context() as patch:
        if changes:
            patch.setitem(tags["mine"], "mean", [0.1] * 3)
        first = read_pixels()
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, "open_clip")  # as in a process that starts
            found = read_pixels()
            asked = "open_clip" in sys.modules
        assert found["mean"] == [0.5] * 3
        assert (found == first) is not changes
    assert not asked  # who reads the notes for the third time believes them
    assert len(hashed) == 1 + changes


def test_tag_that_a_program_changed_is_no_matter_of_the_next_one(
    home, named, monkeypatch
):
    tags, read_pixels = named
    before = read_pixels()
    assert before["mean"] == [0.5] * 3
    files = {path: path.read_bytes() for path in (home / "models").iterdir()}
    with monkeypatch.context() as patch:
        patch.setitem(tags["mine"], "mean", [0.1] * 3)
        assert read_pixels()["mean"] == [0.1] * 3
        assert read_pixels()["mean"] == [0.1] * 3
    assert read_pixels() == before
    assert {p: p.read_bytes() for p in (home / "models").iterdir()} == files


def test_bf16_is_tried_once_for_several_processes(home, copy, monkeypatch):
    from sklearn_clip.embedding.backbone import _torch_towers

    tried = []
    encode = _torch_towers.encode_trial

    def counted(tower, kind, size):
        tried.append(kind)
        return encode(tower, kind, size)

    fast = {"image": "bf16", "text": "fp32"}
    monkeypatch.setattr(_torch_towers, "fast_precision", lambda device: fast)
    monkeypatch.setattr(_loading, "_settle", lambda *asked: ("torch", asked[1]))
    monkeypatch.setattr(_torch_towers, "encode_trial", counted)
    first = load(copy, "image", "text")
    assert tried == ["image", "image"]  # in fp32 and in bf16
    second = load(copy, "image")
    assert tried == ["image", "image"]
    assert second.precisions["image"] == first.precisions["image"]
    assert list(second._towers) == ["image"]
    assert list(second.torch_towers._models) == ["image"]


CODE = """
import json, sys
from PIL import Image
from sklearn_clip import CLIPFeaturizer

clip = CLIPFeaturizer(sys.argv[1], engine="openvino", precision="fp32", cache=None,
                      long_text="mean", device="cpu")
red = Image.new("RGB", (60, 50), "red")
found = clip.transform([(red, "a"), (None, "two dogs " * 90), (red, "")])
brought = sorted({"torch", "open_clip", "torchvision"} & set(sys.modules))
print(json.dumps([found.tolist(), clip.model_fingerprint_, brought]))
"""


@pytest.mark.any_processor
def test_second_process_embeds_without_torch(home, copy):
    require("openvino", "tokenizers")

    def run():
        command = [sys.executable, "-c", CODE, f"local-dir:{copy}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first, second = run(), run()
    assert first[:2] == second[:2]
    assert "torch" in first[2]
    assert second[2] == []
