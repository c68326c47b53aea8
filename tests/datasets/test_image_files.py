"""Files that a table names in another spelling than the disk."""

import io
import os
import warnings
from pathlib import Path

import pytest
from PIL import Image

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.datasets import load_csv_tags

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.fixture
def folder(tmp_path):
    """A folder of pictures; an editor of names is tried on a real disk."""
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def draw(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), "red").save(path, "PNG")
    return path


def load(names, images, **parameters):
    names = [name.replace('"', '""') for name in names]
    table = "image,labels\n" + "".join(f'"{name}",a\n' for name in names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load_csv_tags(io.StringIO(table), images, **parameters)
    return [Path(path) for path in found.data[:, 0]]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (f"{COMPOSED}.jpg", f"{DECOMPOSED}.jpg"),
        (f"{DECOMPOSED}.jpg", f"{COMPOSED}.jpg"),
        (COMPOSED, f"{DECOMPOSED}.jpg"),
        (f"{COMPOSED}/{DECOMPOSED}.jpg", f"{DECOMPOSED}/{COMPOSED}.jpg"),
        ("\ud55c\uae00.png", "\u1112\u1161\u11ab\u1100\u1173\u11af.png"),
        ("Screenshot 4.27 PM.png", "Screenshot 4.27\u202fPM.png"),
        ("a b.png", "a\u00a0b.png"),
        ("\ufeffa.png", "a.png"),
        ("a\u200b.png", "a.png"),
        (r"train\cat\1.jpg", "train/cat/1.jpg"),
        (r".\train\1.jpg", "train/1.jpg"),
        (r"train\1", "train/1.jpg"),
        ("./train/1.jpg", "train/1.jpg"),
        ("train//1.jpg", "train/1.jpg"),
        ("my%20photo.jpg", "my photo.jpg"),
        ("my photo.jpg", "my%20photo.jpg"),
        ("caf%C3%A9.jpg", f"{COMPOSED}.jpg"),
        ("caf%C3%A9.jpg", f"{DECOMPOSED}.jpg"),
        ("caf%E9.jpg", f"{COMPOSED}.jpg"),
        ("my%20train%5C1.jpg", "my train/1.jpg"),
        ("100%.jpg", "100%25.jpg"),
        ("photos/1.jpg", "1.jpg"),
        (r"photos\1", "1.jpg"),
        ("photos/photos/1.jpg", "photos/1.jpg"),
    ],
    ids=ascii,
)
def test_files_are_found_in_the_spelling_of_another_system(folder, name, file):
    path = draw(folder / file)
    (found,) = load([name], folder)
    assert found.samefile(path)
    assert found.read_bytes() == path.read_bytes()
    assert CLIPFeaturizer("clipart-tiny", text=None).check_images([str(found)]) == []


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".heic", ".avif", ".jp2", ".jxl"])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_ids_without_a_suffix_find_every_kind_of_picture(folder, suffix, case):
    path = draw(folder / f"0a{case(suffix)}")
    (folder / "0a.json").touch()
    assert load(["0a"], folder) == [path]


def test_a_name_as_it_is_written_comes_first(folder):
    if os.name == "nt":
        pytest.skip("a backslash parts folders here")
    names = ["a%20b.jpg", "a b.jpg", r"c\d.jpg", "c/d.jpg", "photos/e.jpg", "e.jpg"]
    paths = [draw(folder / name) for name in names]
    assert load(names, folder) == paths


def test_two_files_that_look_alike_are_told_apart_by_their_spelling(folder):
    twins = [folder / f"{name}.jpg" for name in (COMPOSED, DECOMPOSED)]
    for path in twins:
        draw(path)
    if len(list(folder.iterdir())) < 2:
        pytest.skip("this disk takes both spellings for one file")
    assert load([path.name for path in twins], folder) == twins
    with pytest.raises(ValueError, match="must be one file.*which may be .* line 2"):
        load([f"{COMPOSED}\u200b.jpg"], folder)


@pytest.mark.parametrize("form", ["file://{}", "file://localhost{}", "FILE:{}"])
@pytest.mark.parametrize("encode", [False, True])
def test_addresses_of_files_are_paths(folder, form, encode):
    path = draw(folder / "my photo.jpg")
    name = path.as_posix()
    name = name if name.startswith("/") else f"/{name}"
    assert load([form.format(name.replace(" ", "%20") if encode else name)], folder)
    assert load(["file://my photo.jpg"], folder) == [path]


@pytest.mark.parametrize(
    "name", ["http://a.org/1.jpg", "s3://b/1.jpg", "data:image/png;base64,iVBORw0KGgo"]
)
def test_other_addresses_are_refused(folder, name):
    draw(folder / "1.jpg")
    with pytest.raises(ValueError, match="nothing is fetched.*line 2"):
        load([name], folder)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        (r"C:\data\photos\1.jpg", "the end '1.jpg' is there"),
        (r"C:\data\cat\2.jpg", "the end 'cat/2.jpg' is there"),
        ("C:/data/1.jpg", "the end '1.jpg' is there"),
        (r"\\server\share\cat\2", "the end 'cat/2' is there"),
        ("/home/somebody/photos/1.jpg", "the end '1.jpg' is there"),
        ("file:///C:/data/1.jpg", "the end '1.jpg' is there"),
        ("train/1.jpg", "the end '1.jpg' is there"),
        (r"D:\other\7.jpg", "is an absolute path, which leads nowhere here"),
        ("/other/7.jpg", "is an absolute path, which leads nowhere here"),
        ("1.JPEG", "there is '1.jpg'"),
        ("IMG", "there is 'Img.png'"),
        ("Cat/2.jpg", "there is 'cat/2.jpg'"),
        (r"CAT\2", "there is 'cat/2.jpg'"),
        ("0001", "there is '1.jpg'"),
        ("1.0", "there is '1.jpg'"),
        ("doc", "there is 'doc.svg'"),
    ],
)
@pytest.mark.parametrize("n_found", [0, 1])
def test_the_cause_is_named_where_a_file_is_not_found(folder, name, cause, n_found):
    for file in ("1.jpg", "cat/2.jpg", "Img.png", "5.png"):
        draw(folder / file)
    (folder / "doc.svg").touch()
    if (folder / "CAT").is_dir() and name.lower().startswith("cat"):
        pytest.skip("case makes no difference on this disk")
    names = [name, "5.png"][: n_found + 1]
    with pytest.raises(FileNotFoundError, match=cause) as exc:
        load(names, folder)
    assert "images=..." not in str(exc.value)
    table = io.StringIO("image,labels\n" + "".join(f'"{n}",a\n' for n in names))
    if n_found:
        with pytest.warns(UserWarning, match=cause):
            load_csv_tags(table, folder, missing_files="drop")


def test_pictures_in_a_folder_below_are_pointed_at(folder):
    draw(folder / "photos" / "1.jpg")
    with pytest.raises(FileNotFoundError, match=r"'1' is in .*photos'\. Give the fol"):
        load(["1"], folder)
    draw(folder / "2.jpg")
    with pytest.raises(FileNotFoundError, match=r"'1' is in .*photos'\. missing_fi"):
        load(["1", "2"], folder)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1.jpg", "./cat/../1.jpg"),
        ("1.jpg", "photos/1.jpg"),
        ("cat/2.jpg", r"cat\2.jpg"),
        ("cat/2.jpg", "link/2.jpg"),
        (f"{COMPOSED}.png", f"{DECOMPOSED}.png"),
        ("a%20b", "a b.png"),
    ],
    ids=ascii,
)
def test_one_file_in_two_spellings_is_a_duplicate(folder, first, second):
    for file in ("1.jpg", "cat/2.jpg", f"{DECOMPOSED}.png", "a b.png"):
        draw(folder / file)
    if second.startswith("link"):
        try:
            (folder / "link").symlink_to(folder / "cat", target_is_directory=True)
        except OSError:
            pytest.skip("this system lets nobody link folders")
    with pytest.raises(ValueError, match="in line 2 and again .*line 3"):
        load([first, second], folder)
    table = io.StringIO(f"image,labels\n{first},a\n{second},b\n")
    found = load_csv_tags(table, folder, layout="pairs")
    assert found.target.tolist() == [[1, 1]]


@pytest.mark.parametrize("name", ["1.jpg", "1"])
def test_link_to_itself_hides_no_picture_beside_it(folder, name):
    draw(folder / "1.jpg")
    try:
        (folder / "self.jpg").symlink_to("self.jpg")
    except OSError:
        pytest.skip("this system lets nobody make links")
    assert load([name], folder) == [folder / "1.jpg"]


@pytest.mark.parametrize(
    "name", ["x" * 300, "x/" * 3000 + "y", "a\0b", "a%00b", "a/\0/b", ".", "./"]
)
def test_names_that_no_disk_can_hold_are_missing(folder, name):
    draw(folder / "1.jpg")
    with pytest.raises(FileNotFoundError, match=r"\(line 3\) \(1 of 2 images\)"):
        load(["1", name], folder)
