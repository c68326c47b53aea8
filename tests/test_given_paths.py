"""What is no path is named by the parameter that it was given to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, CLIPFineTuner, EmbeddingStore
from sklearn_clip.datasets import (
    get_data_home,
    load_clipart,
    load_coco,
    load_csv_tags,
    load_cvat,
    load_folders,
    load_label_studio,
    load_open_images,
    load_openclipart,
    load_photo_keywords,
    load_voc,
    load_yolo,
    write_cvat_tags,
    write_label_studio,
    write_photo_keywords,
)
from sklearn_clip.distributed._output import open_folder
from sklearn_clip.embedding import load_backbone
from sklearn_clip.export import OnnxTagger, to_onnx
from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.report import TaggerReport

TABLE = pd.DataFrame({"image": ["a.jpg"], "labels": ["cat"]})
PAIRS = pd.DataFrame({"ImageID": ["a"], "LabelName": ["cat"], "Confidence": ["1"]})
ROW = {"images": ["a.jpg"], "labels": [["cat"]]}
SCORES = np.eye(4)[:, :2]

TAKE = {
    "store folder": EmbeddingStore,
    "home data_home": get_data_home,
    "clipart data_home": lambda path: load_clipart(data_home=path),
    "coco root": load_coco,
    "csv images": lambda path: load_csv_tags(TABLE, path),
    "cvat export": lambda path: load_cvat(path, None),
    "folders root": load_folders,
    "label studio export": lambda path: load_label_studio(path, None),
    "open images images": lambda path: load_open_images(PAIRS, path),
    "openclipart root": load_openclipart,
    "keywords folder": load_photo_keywords,
    "voc root": load_voc,
    "yolo data": load_yolo,
    "cvat path": lambda path: write_cvat_tags(path, **ROW),
    "label studio path": lambda path: write_label_studio(path, **ROW),
    "keywords path": lambda path: write_photo_keywords(path, **ROW),
    "tagger path": OnnxTagger,
    "page path": lambda path: TaggerReport(SCORES, None, SCORES).write_html(path),
}


@pytest.mark.parametrize("path", [3.5, ["a.jpg"], TABLE["image"], b"a"])
@pytest.mark.parametrize("name", TAKE)
def test_what_is_no_path_is_named(name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        TypeError, match=rf"{name.split()[-1]} must be a str or a path\. Got .* of type"
    ):
        TAKE[name](path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_root_that_is_no_path_is_named(write, tmp_path):
    with pytest.raises(TypeError, match="root must be a str or a path. Got 3"):
        write(tmp_path / "given", **ROW, root=3)


def test_descriptions_and_config_that_are_no_path_are_named(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    with pytest.raises(TypeError, match="descriptions must be a str or a path. Got 3"):
        load_open_images(PAIRS, tmp_path, descriptions=3)
    (tmp_path / "export.json").write_text("[]")
    with pytest.raises(TypeError, match="config must be .* Got int"):
        load_label_studio(tmp_path / "export.json", tmp_path, config=3)


def test_a_folder_whose_name_begins_with_a_tilde_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("~before") / "cat"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "a.jpg")
    assert load_folders("~before").target_names == ["cat"]
    assert load_csv_tags(TABLE, "~before/cat").target.tolist() == [[1]]


def test_tilde_is_the_home_folder(tmp_path, monkeypatch, make_pictures, write_model):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    (home / "pictures").mkdir(parents=True)
    elsewhere.mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.chdir(elsewhere)
    names, Y = [f"{i}.png" for i in range(6)], np.eye(2, dtype=int)[[0, 1] * 3]
    for name, picture in zip(names, make_pictures(6), strict=True):
        picture.save(home / "pictures" / name)
    write_model(home / "model")
    plain, root = f"local-dir:{home / 'model'}", home / "pictures"
    expected = CLIPFeaturizer(
        plain, text=None, image_root=root, cache=None
    ).fit_transform(names)

    clip = CLIPFeaturizer(
        "local-dir:~/model", text=None, image_root="~/pictures", cache="~/store"
    )
    tagger = make_pipeline(clip, MultiLabelLogisticRegression()).fit(names, Y)
    np.testing.assert_array_equal(clip.transform(names), expected)
    assert EmbeddingStore(home / "store").folder == EmbeddingStore("~/store").folder
    assert (home / "store" / "embeddings.sqlite").is_file()
    weights = "~/model/open_clip_model.safetensors"
    assert load_backbone("local-dir:~/model") is load_backbone(plain)
    with pytest.raises(ValueError, match="pretrained must be a tag .* or a file"):
        load_backbone("ViT-B-32", "~/no such file")
    with pytest.raises(ValueError, match="A file of weights has no tag"):
        load_backbone("ViT-B-32", weights)

    pytest.importorskip("onnxruntime")
    to_onnx(tagger, "~/tagger.onnx")
    scores = tagger.predict_proba(names)
    for path in (home / "tagger.onnx", "~/tagger.onnx"):
        found = OnnxTagger(path).predict_proba(names)
        np.testing.assert_allclose(found, scores, atol=1e-4)
    tuner = CLIPFineTuner(
        ["cat", "dog"],
        "local-dir:~/model",
        None,
        text=None,
        image_root="~/pictures",
        checkpoint_dir="~/checkpoints",
        max_epochs=1,
        early_stopping=None,
        device="cpu",
        random_state=0,
    ).fit(names, Y)
    assert list((home / "checkpoints").glob("finetune-*.pt"))
    assert tuner.save_pretrained("~/tuned") == f"local-dir:{home / 'tuned'}"
    assert not list(elsewhere.iterdir())


def test_tilde_is_the_home_folder_of_a_data_set(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    _, folder = open_folder("~/rows", "the test")
    assert folder == str(tmp_path / "rows")
