"""A file is there as a whole or not at all, with a second one where it is large."""

import os

import pytest
from exported_taggers import OpenedFile, assert_alike
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.export import _writing, to_onnx


@pytest.fixture(scope="module")
def tagger(clip_art):
    X, Y = clip_art
    clip = CLIPFeaturizer("clipart-tiny", image=0, text=1, fusion="image")
    return make_pipeline(clip, MultiLabelLogisticRegression()).fit(X, Y)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_large_model_has_its_weights_in_a_second_file(
    tagger, clip_art, tmp_path, monkeypatch
):
    X, _ = clip_art
    monkeypatch.setattr(_writing, "LARGEST_FILE", 2**20)
    report = to_onnx(tagger, tmp_path / "t.onnx")
    first, second = report.files
    assert names(tmp_path) == sorted([first.name, second.name])
    assert first.stat().st_size < 2**20 < second.stat().st_size
    assert report.n_bytes == first.stat().st_size + second.stat().st_size
    assert_alike(first, tagger, X[:8])
    assert first.stat().st_mode == second.stat().st_mode
    # They may be moved, together.
    other = tmp_path / "elsewhere"
    other.mkdir()
    for file in report.files:
        file.rename(other / file.name)
    assert_alike(other / "t.onnx", tagger, X[:8])


def test_second_file_goes_with_its_first(tagger, tmp_path, monkeypatch):
    (tmp_path / "t.onnx.mine.data").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(_writing, "LARGEST_FILE", 2**20)
        _, old = to_onnx(tagger, tmp_path / "t.onnx").files
        _, new = to_onnx(tagger, tmp_path / "t.onnx", overwrite=True).files
    assert old != new
    assert names(tmp_path) == sorted(["t.onnx", "t.onnx.mine.data", new.name])
    to_onnx(tagger, tmp_path / "t.onnx", overwrite=True)
    assert names(tmp_path) == ["t.onnx", "t.onnx.mine.data"]
    OpenedFile(tmp_path / "t.onnx")


@pytest.mark.parametrize("place", ["_write", "finish"])
def test_failure_leaves_the_file_that_was_there(place, tagger, tmp_path, monkeypatch):
    path = tmp_path / "t.onnx"
    to_onnx(tagger, path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr(_writing.UnfinishedFile, place, fail)
    with pytest.raises(OSError, match="no space left"):
        to_onnx(tagger, path, overwrite=True)
    assert names(tmp_path) == ["t.onnx"]
    assert path.read_bytes() == before


def test_file_that_differs_from_its_tagger_is_not_handed_over(
    tagger, clip_art, tmp_path, monkeypatch
):
    from sklearn_clip.export import _graph

    written = _graph.write_head

    def write_shifted(builder, estimator, features, n_features, **params):
        shift = builder.constant([0.01], "float32")
        features = builder.add("Add", features, shift)
        return written(builder, estimator, features, n_features, **params)

    monkeypatch.setattr(_graph, "write_head", write_shifted)
    with pytest.raises(ValueError, match="must give the scores of the tagger, to 0.00"):
        to_onnx(tagger, tmp_path / "t.onnx")
    assert names(tmp_path) == []


def test_path_may_have_any_name(tagger, tmp_path):
    for name in ("tägger [1].onnx", "no-suffix", "a*b?.onnx"):
        report = to_onnx(tagger, str(tmp_path / name))
        assert report.path.name == name
        OpenedFile(report.path)


def test_link_stays_and_what_it_names_is_replaced(tagger, tmp_path):
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "t.onnx", tmp_path / "link.onnx"
    file.write_text("old")
    link.symlink_to(file)
    to_onnx(tagger, link, overwrite=True)
    assert link.is_symlink()
    assert OpenedFile(file).says.weights == "float32"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_file_keeps_the_permissions_of_the_one_it_replaces(
    tagger, tmp_path, monkeypatch
):
    path = tmp_path / "t.onnx"
    path.write_text("old")
    path.chmod(0o600)
    monkeypatch.setattr(_writing, "LARGEST_FILE", 2**20)
    files = to_onnx(tagger, path, overwrite=True).files
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]


def test_device_is_not_replaced():
    with pytest.raises(ValueError, match="path must name a file. Got .*, a device"):
        to_onnx(None, os.devnull, overwrite=True)


def test_folder_that_is_only_read_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(_writing.os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="can be written to. Got .*t.onnx"):
        to_onnx(None, tmp_path / "t.onnx")
