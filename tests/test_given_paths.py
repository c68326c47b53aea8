"""What is no path is named by the parameter that it was given to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_clip import EmbeddingStore
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
