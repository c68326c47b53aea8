import time
import tracemalloc

import numpy as np
import pytest

from sklearn_clip.datasets import load_folders
from sklearn_clip.datasets.formats import _folders

NAN = np.nan
FILES = {
    "animal/cat/a.jpg": b"1",
    "animal/dog/b.jpg": b"2",
    "animal/dog/also a.png": b"1",
    "car/a.jpg": b"3",
    "car/a.png": b"4",
    "car/a copy.jpg": b"3",
    "new.jpg": b"5",
}


def fill(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_load_folders_makes_one_row_of_one_picture(tmp_path):
    found = load_folders(fill(tmp_path, FILES))
    assert found.target_names == ["animal/cat", "animal/dog", "car"]
    names = [path[len(str(tmp_path)) + 1 :] for path in found.data[:, 0]]
    assert names == [
        "new.jpg",
        "animal/cat/a.jpg",
        "animal/dog/b.jpg",
        "car/a copy.jpg",
        "car/a.png",
    ]
    expected = [[NAN] * 3, [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(found.target, expected)
    assert [len(copies) for copies in found.copies] == [1, 2, 1, 2, 1]
    assert found.groups.tolist() == list(range(5))


def test_load_folders_gives_folders_above_as_labels(tmp_path):
    found = load_folders(fill(tmp_path, FILES), hierarchy=True, unlabelled="drop")
    assert found.target_names == ["animal", "animal/cat", "animal/dog", "car"]
    assert found.target[0].tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("parameters", "first", "second"),
    [
        ({"unlabelled": "keep"}, [0, 0, 0], [1, 1, 0]),
        ({"unlabelled": "drop"}, [1, 1, 0], [0, 1, 0]),
        ({"other_labels": "unknown"}, [NAN] * 3, [1, 1, NAN]),
        (
            {"other_labels": "unknown", "unlabelled": "keep"},
            [0, 0, 0],
            [1, 1, NAN],
        ),
    ],
)
def test_load_folders_reads_what_is_asked(tmp_path, parameters, first, second):
    found = load_folders(fill(tmp_path, FILES), **parameters)
    np.testing.assert_array_equal(found.target[:2], [first, second])


def test_load_folders_does_not_merge_empty_files(tmp_path):
    found = load_folders(fill(tmp_path, {"a/1.jpg": b"", "b/1.jpg": b""}))
    assert found.target.tolist() == [[1, 0], [0, 1]]


def test_load_folders_sorts_ids_and_leaves_out_hidden_files(tmp_path):
    files = {"10/a.jpg": b"1", "9/b.jpg": b"2", "9/.c.jpg": b"3", ".git/d.png": b"4"}
    found = load_folders(fill(tmp_path, files | {"__MACOSX/9/._b.jpg": b"5"}))
    assert found.target_names == ["9", "10"]
    assert found.target.tolist() == [[0, 1], [1, 0]]


def test_load_folders_tells_of_what_it_leaves_out(tmp_path):
    fill(tmp_path, {"a/1.jpg": b"1", "a/notes.txt": b"2"})
    (tmp_path / "b").mkdir()
    with (
        pytest.warns(UserWarning, match="are left out. Got 1: .*notes.txt"),
        pytest.warns(UserWarning, match="without a picture have no positive. Got 'b'"),
    ):
        found = load_folders(tmp_path)
    assert found.target.tolist() == [[1, 0]]


def test_load_folders_refuses_what_is_no_folder_of_folders(tmp_path):
    with pytest.raises(NotADirectoryError, match="root must be a folder of folders"):
        load_folders(tmp_path / "none")
    with pytest.raises(ValueError, match="a folder with pictures for each label"):
        load_folders(fill(tmp_path, {"1.jpg": b"1"}))
    fill(tmp_path, {"Cat/1.jpg": b"1"})
    with pytest.raises(ValueError, match=r"Got 'Cat' in .* Is 'cat' meant\?"):
        load_folders(tmp_path, classes=["cat"])
    with pytest.raises(ValueError, match="other_labels must be 'absent' or 'unknown'"):
        load_folders(tmp_path, other_labels="ignore")
    found = load_folders(tmp_path, classes=["Cat"], unlabelled="drop")
    assert found.target.tolist() == [[1]]


def test_load_folders_asks_for_no_folders_above_among_classes(tmp_path):
    root = fill(tmp_path, FILES)
    listed = ["animal/cat", "animal/dog", "car"]
    found = load_folders(root, hierarchy=True, classes=listed, unlabelled="drop")
    plain = load_folders(root, classes=listed, unlabelled="drop")
    np.testing.assert_array_equal(found.target, plain.target)
    found = load_folders(
        root, hierarchy=True, classes=["animal", *listed], unlabelled="drop"
    )
    assert found.target[0].tolist() == [1, 1, 1, 0]
    fill(root, {"animal/d.jpg": b"6"})
    with pytest.raises(ValueError, match="among classes. Got 'animal'"):
        load_folders(root, hierarchy=True, classes=listed)


def test_load_folders_follows_links_that_do_not_lead_back(tmp_path):
    root = fill(tmp_path / "root", {"cat/a.jpg": b"1", "dog/b.jpg": b"2"})
    fill(tmp_path / "far", {"c.jpg": b"3"})
    try:
        (root / "cat" / "loop").symlink_to(root)
        (root / "car").symlink_to(tmp_path / "far")
        (root / "dog" / "a.jpg").symlink_to(root / "cat" / "a.jpg")
    except OSError:
        pytest.skip("no links on this system")
    found = load_folders(root)
    assert found.target_names == ["car", "cat", "dog"]
    assert found.target.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    (root / "dog" / "gone.jpg").symlink_to(root / "gone.jpg")
    with pytest.raises(FileNotFoundError, match="gone.jpg', which leads nowhere"):
        load_folders(root)
    (root / "dog" / "gone.jpg").unlink()
    (root / "self").symlink_to("self")
    with pytest.warns(UserWarning, match="no pictures by their suffix.*'self'"):
        assert load_folders(root).target_names == ["car", "cat", "dog"]


def test_load_folders_takes_names_as_they_are(tmp_path):
    files = {
        "100% wool/a%20b.JPG": b"1",
        "Ka\u0308se/a.JpEg": b"2",
        "K\u00e4se/b.jpg": b"3",
        "red, blue/a.jpg": b"",  # empty files have nothing in common
        "cat.jpg/a.jpg": b"",
        "__MACOSX/cat/._a.jpg": b"4",
    }
    with pytest.warns(UserWarning, match="look alike are one label.* 'K\u00e4se'"):
        found = load_folders(fill(tmp_path, files))
    assert found.target_names == ["100% wool", "K\u00e4se", "cat.jpg", "red, blue"]
    assert found.target.sum(axis=0).tolist() == [1, 2, 1, 1]


def test_names_are_composed_and_others_in_case_told(tmp_path):
    files = {"cafe\u0301/a.jpg": b"1", "Dog/a.jpg": b"2", "dog/b.jpg": b"3"}
    with pytest.warns(UserWarning, match="case or width alone .* 'Dog' and 'dog'"):
        found = load_folders(fill(tmp_path, files))
    assert found.target_names == ["Dog", "caf\u00e9", "dog"]


def test_load_folders_takes_no_square_of_the_pictures_of_a_folder(
    tmp_path, monkeypatch
):
    (tmp_path / "cat").mkdir()
    names = [f"{number:05d}.jpg" for number in range(30_000)]
    monkeypatch.setattr(_folders, "walk", lambda root: [("cat", [*names, "x.txt"])])
    start = time.process_time()
    with pytest.warns(UserWarning, match="Got 1: 'cat/x.txt'"):
        labels, _, paths = _folders._list_pictures(tmp_path, False)
    assert time.process_time() - start < 3  # each name beside all others: 10 or more
    assert labels == {"cat": "cat"}
    assert len(paths["cat"]) == len(names)


def test_load_folders_holds_no_set_of_all_labels_for_each_row(tmp_path):
    n_labels, n_each = 300, 8
    for label in range(n_labels):
        (tmp_path / str(label)).mkdir()
        for number in range(n_each):
            (tmp_path / str(label) / f"{number}.jpg").touch()
    tracemalloc.start()
    found = load_folders(tmp_path, other_labels="unknown")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.target.shape == (n_labels * n_each, n_labels)
    assert np.nansum(found.target) == n_labels * n_each
    assert np.isnan(found.target).sum() == n_labels * n_each * (n_labels - 1)
    assert peak < 3 * found.target.nbytes
