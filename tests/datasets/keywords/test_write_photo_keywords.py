"""Keywords written into sidecars, where nothing else changes."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse

from sklearn_clip.datasets import load_photo_keywords, write_photo_keywords
from sklearn_clip.datasets.keywords._edit import Change, edit_keywords
from sklearn_clip.datasets.keywords._xmp import LIGHTROOM, Packet

DATA = Path(__file__).parents[1] / "data" / "keywords"
SPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" '
    'xmlns:digiKam="http://www.digikam.org/ns/1.0/"'
)


def packet(nodes):
    return f"<rdf:RDF {SPACES}>\n{nodes}\n</rdf:RDF>"


def node(content, attributes=""):
    return packet(
        f'<rdf:Description rdf:about="" {attributes}>{content}</rdf:Description>'
    )


def bag(*names, tag="dc:subject", kind="Bag"):
    items = "".join(f"\n <rdf:li>{name}</rdf:li>" for name in names)
    return f"<{tag}><rdf:{kind}>{items}\n</rdf:{kind}></{tag}>"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def sidecar(folder, text, name="a.jpg.xmp"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


LISTS = [["cat", "dog, red"], [], None]
TABLE = pd.DataFrame(
    [[1.0, 1.0], [0.0, 0.0], [np.nan, np.nan]], columns=["cat", "dog, red"]
)


@pytest.mark.parametrize(
    "labels",
    [
        LISTS,
        TABLE,
        TABLE.astype("Int8"),
        pd.Series(LISTS),
        [{"cat", "dog, red"}, (), np.nan],
    ],
)
def test_what_is_written_is_read(folder, labels):
    written = write_photo_keywords(folder, ["a.jpg", "b.jpg", "c.jpg"], labels)
    assert [path.name for path in written] == ["a.jpg.xmp", "b.jpg.xmp"]
    found = load_photo_keywords(folder)
    assert [k if k is None else sorted(k) for k in found.keywords] == [
        ["cat", "dog, red"],
        [],
        None,
    ]
    np.testing.assert_array_equal(found.target, TABLE.to_numpy())
    again = write_photo_keywords(
        folder, found.data[:, 0], found.target, label_names=found.target_names
    )
    assert again == []


@pytest.mark.parametrize("make", [np.array, sparse.csr_matrix, np.ndarray.tolist])
def test_table_without_names_takes_label_names(folder, make):
    labels = make(np.array([[1, 0], [0, 1]]))
    names = ["cat", "dog"]
    write_photo_keywords(folder, ["a.jpg", "b.jpg"], labels, label_names=names)
    assert load_photo_keywords(folder).keywords == [["cat"], ["dog"], None]


def test_scores_need_a_threshold(folder):
    scores = np.array([[0.9, 0.2], [0.3, np.nan]])
    parameters = {"label_names": ["cat", "dog"]}
    with pytest.raises(ValueError, match=r"Got 0.9 .*threshold=0.5 makes keywords"):
        write_photo_keywords(folder, ["a.jpg", "b.jpg"], scores, **parameters)
    write_photo_keywords(
        folder, ["a.jpg", "b.jpg"], scores, threshold=[0.5, 0.1], **parameters
    )
    assert load_photo_keywords(folder).keywords == [["cat", "dog"], None, None]
    table = pd.DataFrame(scores, columns=["cat", "dog"]).astype("Float64")
    write_photo_keywords(folder, ["a.jpg", "b.jpg"], table, threshold=0.3)
    assert load_photo_keywords(folder).keywords == [["cat", "dog"], ["cat"], None]


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_thresholds_go_by_name_and_infinity_is_never(folder, kind):
    table = pd.DataFrame([[0.5, 0.5, 1.0]], columns=["cat", "dog", "owl"])
    cuts = kind({"owl": np.inf, "dog": 0.8, "cat": 0.1})
    write_photo_keywords(folder, ["a.jpg"], table, threshold=cuts)
    assert load_photo_keywords(folder).keywords[0] == ["cat"]
    with pytest.raises(ValueError, match=r"number for every label. .*\['dog', 'owl'\]"):
        write_photo_keywords(folder, ["a.jpg"], table, threshold={"cat": 0.5})


def test_thresholds_may_go_by_the_numbers_that_labels_are_called(folder):
    table = pd.DataFrame([[0.5, 0.5]], columns=[11, 7])
    cuts = {7: 0.8, 11: 0.1}
    names = ["11", "7"]
    for kind in (dict, pd.Series):
        write_photo_keywords(
            folder, ["a.jpg"], table, threshold=kind(cuts), label_names=names
        )
        assert load_photo_keywords(folder).keywords[0] == ["11"]


def test_row_with_an_unknown_label_never_says_that_there_are_none(folder):
    labels = [[0, np.nan], [0, 0]]
    write_photo_keywords(folder, ["a.jpg", "b.jpg"], labels, label_names=["cat", "dog"])
    assert load_photo_keywords(folder, classes=["cat"]).keywords == [None, [], None]


def test_bag_is_on_the_disk_also_for_one_keyword(folder):
    [path] = write_photo_keywords(folder, ["a.jpg"], [["cat"]])
    text = path.read_text(encoding="utf-8")
    assert "<dc:subject>" in text
    assert "<rdf:Bag>" in text
    assert text.count("<rdf:li>cat</rdf:li>") == 1


def test_add_keeps_and_replace_takes_only_own_labels(folder):
    sidecar(folder, node(bag("cat", "holiday")))
    labels, names = [[0, 1, np.nan]], ["cat", "dog", "tree"]
    write_photo_keywords(folder, ["a.jpg"], labels, label_names=names)
    assert load_photo_keywords(folder).keywords[0] == ["cat", "holiday", "dog"]
    write_photo_keywords(folder, ["a.jpg"], labels, label_names=names, mode="replace")
    assert load_photo_keywords(folder).keywords[0] == ["holiday", "dog"]
    labels = [[0, 0, 0]]
    write_photo_keywords(folder, ["a.jpg"], labels, label_names=names, mode="replace")
    assert load_photo_keywords(folder).keywords[0] == ["holiday"]


def test_replace_leaves_what_is_unknown(folder):
    sidecar(folder, node(bag("cat")))
    written = write_photo_keywords(
        folder, ["a.jpg"], [[np.nan]], label_names=["cat"], mode="replace"
    )
    assert written == []


def test_sets_are_written_in_one_order(folder):
    names = {f"label {number}" for number in range(9)}
    write_photo_keywords(folder, ["a.jpg"], [names])
    assert load_photo_keywords(folder).keywords[0] == sorted(names)


def test_last_keyword_taken_out_leaves_an_empty_list(folder):
    sidecar(folder, node(bag("cat")))
    write_photo_keywords(folder, ["a.jpg"], [[0]], label_names=["cat"], mode="replace")
    assert load_photo_keywords(folder, classes=["cat"]).keywords[0] == []


def test_replace_with_lists_needs_the_vocabulary(folder):
    with pytest.raises(ValueError, match="label_names must be the vocabulary"):
        write_photo_keywords(folder, ["a.jpg"], [["cat"]], mode="replace")
    sidecar(folder, node(bag("cat", "holiday")))
    write_photo_keywords(
        folder, ["a.jpg"], [["dog"]], label_names=["cat", "dog"], mode="replace"
    )
    assert load_photo_keywords(folder).keywords[0] == ["holiday", "dog"]
    with pytest.raises(ValueError, match=r"among label_names. Got 'tree' \(row 0\)"):
        write_photo_keywords(folder, ["a.jpg"], [["tree"]], label_names=["cat"])


def test_new_list_begins_with_the_keywords_of_the_file(tmp_path):
    shutil.copy(DATA / "exiftool" / "all.jpg", tmp_path / "a.jpg")
    before = (tmp_path / "a.jpg").read_bytes()
    assert write_photo_keywords(tmp_path, ["a.jpg"], [["cat"]]) == []
    write_photo_keywords(tmp_path, ["a.jpg"], [["bird"]])
    with pytest.warns(UserWarning, match="disagree"):
        found = load_photo_keywords(tmp_path)
    assert found.keywords == [["cat", "dog, red", "2024", "bird"]]
    assert (tmp_path / "a.jpg").read_bytes() == before


def test_only_the_new_item_differs_on_the_disk(tmp_path):
    shutil.copytree(DATA / "exiftool", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "under.jpg.xmp"
    old = path.read_text(encoding="utf-8")
    assert write_photo_keywords(tmp_path, ["under.jpg"], [["bird"]]) == [path]
    new = path.read_text(encoding="utf-8")
    item = "    <rdf:li>bird</rdf:li>\n"
    assert new.replace(item, "") == old
    assert new.count(item) == 4  # in the lists of paths too
    write_photo_keywords(
        tmp_path, ["under.jpg"], [[0]], label_names=["bird"], mode="replace"
    )
    assert path.read_text(encoding="utf-8") == old


def test_paths_follow_what_is_taken_out(folder):
    paths = bag("animal/cat", "animal/dog", tag="digiKam:TagsList", kind="Seq")
    path = sidecar(folder, node(bag("cat", "dog") + paths))
    write_photo_keywords(folder, ["a.jpg"], [[0]], label_names=["cat"], mode="replace")
    assert path.read_text() == node(
        bag("dog") + bag("animal/dog", tag="digiKam:TagsList", kind="Seq")
    )


def test_sidecar_that_says_it_by_paths_is_left(folder):
    sidecar(folder, node(bag("animal/cat", tag="digiKam:TagsList")))
    assert write_photo_keywords(folder, ["a.jpg"], [["cat"]]) == []
    write_photo_keywords(folder, ["a.jpg"], [["dog"]])
    assert load_photo_keywords(folder).keywords[0] == ["cat", "dog"]


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_links_to_themselves_stop_no_picture_beside_them(folder):
    for name in ("b.jpg.xmp", "self", "self.png"):
        (folder / name).symlink_to(name)
    written = write_photo_keywords(folder, ["a.jpg"], [["dog"]])
    assert [path.name for path in written] == ["a.jpg.xmp"]
    with pytest.warns(UserWarning, match="cannot be read: Too many levels"):
        found = load_photo_keywords(folder)
    assert found.keywords == [["dog"], None, None, None]
    with pytest.warns(UserWarning, match="cannot be read: Too many levels"):
        written = write_photo_keywords(folder, ["b.jpg"], [["cat"]])
    assert written[0].is_file() and not written[0].is_symlink()


def test_picture_with_a_broken_block_is_told(folder):
    Image.new("RGB", (8, 8)).save(folder / "a.jpg", xmp=b"<broken")
    with pytest.warns(UserWarning, match=r"Blocks of 1 pictures .* \(row 0, xmp: "):
        write_photo_keywords(folder, ["a.jpg", "b.jpg"], [["cat"], ["dog"]])


def test_paths_in_an_attribute_follow_too(folder):
    path = sidecar(folder, node(bag("cat"), 'digiKam:TagsList="animal/cat"'))
    write_photo_keywords(
        folder, ["a.jpg"], [[0, 1]], label_names=["cat", "dog"], mode="replace"
    )
    found = Packet(path.read_bytes())
    assert (found.keywords, found.paths) == (["dog"], [("dog",)])


PATHS = ["animal", "animal|cat", "animal|dog", "red"]


def test_labels_that_are_paths_are_read_again(folder):
    labels = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    images = ["a.jpg", "b.jpg", "c.jpg"]
    parameters = {"label_names": PATHS, "hierarchy": "|"}
    written = write_photo_keywords(folder, images, labels, **parameters)
    found = load_photo_keywords(folder, hierarchy="|", classes=PATHS)
    np.testing.assert_array_equal(found.target, labels)
    assert found.keywords == [["cat", "red"], ["animal"], []]
    assert Packet(written[0].read_bytes()).paths == [("animal", "cat"), ("red",)]
    assert write_photo_keywords(folder, images, labels, **parameters) == []
    other = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]])
    write_photo_keywords(folder, images, other, mode="replace", **parameters)
    found = load_photo_keywords(folder, hierarchy="|", classes=PATHS)
    np.testing.assert_array_equal(found.target, other)


def test_keyword_at_two_places_stays_at_the_other(folder):
    paths = bag("animal|cat", "machine|cat", tag="lr:hierarchicalSubject")
    path = sidecar(folder, node(bag("cat", "holiday") + paths))
    write_photo_keywords(
        folder,
        ["a.jpg"],
        [[1, 0]],
        label_names=["animal", "animal|cat"],
        mode="replace",
        hierarchy="|",
    )
    found = Packet(path.read_bytes())
    assert found.keywords == ["cat", "holiday", "animal"]
    assert found.paths == [("machine", "cat"), ("animal",)]


def test_paths_are_put_into_every_list_that_is_there(folder):
    paths = bag("place/sea", tag="digiKam:TagsList", kind="Seq")
    path = sidecar(folder, node(bag("sea") + paths))
    write_photo_keywords(folder, ["a.jpg"], [["animal > cat"]], hierarchy=" > ")
    found = Packet(path.read_bytes())
    assert found.keywords == ["sea", "cat"]
    tags = ("http://www.digikam.org/ns/1.0/", "TagsList")
    assert found.values(tags) == ["place/sea", "animal/cat"]
    assert found.values(LIGHTROOM) == ["animal|cat"]


def test_label_with_the_separator_of_a_list_of_paths_is_not_put_there(folder):
    paths = bag("animal/cat", tag="digiKam:TagsList")
    sidecar(folder, node(bag("cat") + paths))
    write_photo_keywords(folder, ["a.jpg"], [["AC/DC"]])
    found = load_photo_keywords(folder, hierarchy="|")
    assert found.target_names == ["AC/DC", "animal", "animal|cat"]


@pytest.mark.parametrize(
    "text",
    [
        node("<dc:subject>old</dc:subject>"),
        node('<dc:subject xml:lang="en">old</dc:subject>'),
        node("", 'dc:subject="old"'),
        node("<lr:other/>", "lr:x='y'  dc:subject = 'old' lr:z='>'"),
        packet('<rdf:Description rdf:about="" dc:subject="old"/>'),
        node(bag("old", kind="Seq")),
        node(bag("old", kind="Alt")),
        node("<dc:subject rdf:resource='old'/>"),
        node("<dc:subject><rdf:Bag><rdf:li>old</rdf:li></rdf:Bag></dc:subject>"),
        node(bag("old")) + "\n<?xpacket end='r'?>",
        node(bag("old")).replace("rdf:", "r:").replace(":rdf", ":r"),
        node(bag("old")).replace("dc:", "d:").replace(":dc", ":d"),
        packet(
            '<Description xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
            'dc:subject="old"/>'
        ),
    ],
)
def test_any_form_becomes_a_bag(folder, text):
    path = sidecar(folder, text)
    assert write_photo_keywords(folder, ["a.jpg"], [["old"]]) == []
    assert path.read_text() == text
    write_photo_keywords(folder, ["a.jpg"], [["new & <b>"]])
    found = Packet(path.read_bytes())
    elements, nodes = found.find(("http://purl.org/dc/elements/1.1/", "subject"))
    assert nodes == []
    assert [element.container.key[1] for element in elements] == ["Bag"]
    assert found.keywords == ["old", "new & <b>"]
    write_photo_keywords(
        folder, ["a.jpg"], [[0, 0]], label_names=["old", "new & <b>"], mode="replace"
    )
    assert Packet(path.read_bytes()).keywords == []


@pytest.mark.parametrize(
    "text",
    [
        packet(""),
        packet("<rdf:Description rdf:about=''/>"),
        node("<lr:other/>"),
        node("<dc:subject/>"),
        node("<dc:subject><rdf:Bag/></dc:subject>"),
        node("<dc:subject><rdf:Seq/></dc:subject>"),
        node("", 'dc:subject=""'),
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        '<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        '<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><Description/></RDF>',
    ],
)
def test_list_is_made_where_there_is_none(folder, text):
    path = sidecar(folder, text)
    write_photo_keywords(folder, ["a.jpg"], [["cat", "dog"]])
    found = Packet(path.read_bytes())
    elements, nodes = found.find(("http://purl.org/dc/elements/1.1/", "subject"))
    assert nodes == []
    assert [element.container.key[1] for element in elements] == ["Bag"]
    assert found.keywords == ["cat", "dog"]


def test_keyword_in_several_lists_is_taken_out_of_all(folder):
    text = packet(
        f'<rdf:Description dc:subject="cat"/><rdf:Description>{bag("cat", "dog")}'
        f"{bag('cat', kind='Seq')}</rdf:Description>"
    )
    path = sidecar(folder, text)
    write_photo_keywords(
        folder, ["a.jpg"], [[0, 1]], label_names=["cat", "tree"], mode="replace"
    )
    assert Packet(path.read_bytes()).keywords == ["dog", "tree"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_encoding_and_padding_stay(folder, encoding):
    text = node(bag("Käse")) + " \n" * 3
    path = folder / "a.jpg.xmp"
    path.write_bytes(text.encode(encoding))
    write_photo_keywords(folder, ["a.jpg"], [["猫"]])
    items = "\n <rdf:li>Käse</rdf:li>", "\n <rdf:li>猫</rdf:li>"
    assert path.read_bytes() == text.replace(items[0], "".join(items)).encode(encoding)


NAMES = st.text("abcä&<>'\";| ", min_size=1, max_size=3).map(str.strip).filter(bool)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(NAMES, unique=True, max_size=4),
    st.lists(NAMES, unique=True, max_size=3),
    st.sets(NAMES, max_size=3),
    st.sampled_from(["Bag", "Seq", "Alt"]),
)
def test_edited_packet_holds_what_sets_say(there, add, remove, kind):
    remove = remove - set(add)
    before = Packet(node(bag(*map(escape, there), kind=kind)).encode())
    after = Packet(edit_keywords(before, [], Change.of_names(add, remove)))
    names = [name for name in there if name not in remove]
    assert after.keywords == [*names, *(name for name in add if name not in names)]


def test_sidecar_that_is_there_is_used(folder):
    path = sidecar(folder, node(bag("cat")), "a.xmp")
    assert write_photo_keywords(folder, ["a.jpg"], [["dog"]]) == [path]
    other = write_photo_keywords(folder, ["a.jpg"], [["tree"]], sidecar="{name}.xmp")
    assert [path.name for path in other] == ["a.jpg.xmp"]
    with pytest.warns(UserWarning, match="disagree"):
        assert load_photo_keywords(folder).keywords[0] == ["cat", "dog", "tree"]
    with pytest.raises(
        ValueError, match=r"not be read after another.*'a.jpg.xmp' is there"
    ):
        write_photo_keywords(folder, ["a.jpg"], [["bird"]], sidecar="{stem}.xmp")


def test_name_of_the_sidecar_is_a_parameter(folder):
    [path] = write_photo_keywords(folder, ["b.jpg"], [["cat"]], sidecar="{stem}.xmp")
    assert path.name == "b.xmp"
    assert load_photo_keywords(folder).keywords[1] == ["cat"]


@pytest.mark.parametrize("other", ["b.nef", "b.RAW", "b.png"])
def test_sidecar_of_two_files_is_refused(folder, other):
    (folder / other).touch()
    with pytest.raises(
        ValueError,
        match=rf"one file. Got '.*b.xmp' for 'b.jpg' \(row 1\), which '{other}'",
    ):
        write_photo_keywords(
            folder, ["a.jpg", "b.jpg"], [["x"], ["y"]], sidecar="{stem}.xmp"
        )
    assert not list(folder.glob("*.xmp"))
    write_photo_keywords(folder, ["a.jpg", "b.jpg"], [["x"], ["y"]])
    assert (folder / "b.jpg.xmp").is_file()


def test_one_picture_in_two_rows_is_refused(folder):
    with pytest.raises(
        ValueError, match="in one row. Got './a.jpg' in row 0 and in row 1"
    ):
        write_photo_keywords(folder, ["a.jpg", "./a.jpg"], [["x"], ["y"]])


def test_nothing_is_written_if_one_sidecar_is_broken(folder):
    sidecar(folder, "<broken", "b.jpg.xmp")
    with pytest.raises(
        ValueError,
        match=r"must be XMP. Got '.*b.jpg.xmp' \(row 1\), of which it is not well",
    ):
        write_photo_keywords(folder, ["a.jpg", "b.jpg"], [["x"], ["y"]])
    assert not (folder / "a.jpg.xmp").exists()
    assert (folder / "b.jpg.xmp").read_text() == "<broken"


def test_sidecar_with_a_doctype_is_refused(folder):
    sidecar(folder, "<!DOCTYPE a>" + node(bag("cat")))
    with pytest.raises(ValueError, match="it has a DOCTYPE"):
        write_photo_keywords(folder, ["a.jpg"], [["dog"]])


def test_files_are_replaced_as_a_whole(folder, monkeypatch):
    path = sidecar(folder, node(bag("cat")))
    old = path.read_bytes()

    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_photo_keywords(folder, ["a.jpg"], [["dog"]])
    assert path.read_bytes() == old
    assert sorted(p.name for p in folder.iterdir()) == [
        "a.jpg",
        "a.jpg.xmp",
        "b.jpg",
        "c.jpg",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")
def test_mode_and_link_of_a_sidecar_stay(folder):
    path = sidecar(folder, node(bag("cat")))
    path.chmod(0o640)
    (folder / ".store").mkdir()
    os.symlink(path.rename(folder / ".store" / "x.xmp"), folder / "a.jpg.xmp")
    write_photo_keywords(folder, ["a.jpg"], [["dog"]])
    assert (folder / "a.jpg.xmp").is_symlink()
    assert stat.S_IMODE((folder / ".store" / "x.xmp").stat().st_mode) == 0o640
    assert load_photo_keywords(folder).keywords[0] == ["cat", "dog"]


def test_long_label_is_told(folder):
    with pytest.warns(UserWarning, match=r"more than 64 bytes.*Got 'ää.*\(66 bytes\)"):
        write_photo_keywords(folder, ["a.jpg"], [["ä" * 33]])


def test_missing_pictures_are_told(folder):
    with pytest.raises(FileNotFoundError, match=r"Got none for 'no.jpg' \(row 0\)"):
        write_photo_keywords(folder, ["no.jpg", "a.jpg"], [["x"], ["y"]])
    with pytest.warns(UserWarning, match="1 of 2 images was not found"):
        written = write_photo_keywords(
            folder, ["no.jpg", "a.jpg"], [["x"], ["y"]], missing_files="drop"
        )
    assert [path.name for path in written] == ["a.jpg.xmp"]


@pytest.mark.parametrize(
    "labels, parameters, error, message",
    [
        ([[1]], {}, ValueError, "label_names must name the columns"),
        ([[1]], {"label_names": ["a", "b"]}, ValueError, "Got 2 names for 1 columns"),
        ([[1, 2]], {"label_names": ["a", "b"]}, ValueError, "Got 2 .*row 0, column 1"),
        ([[1], [0]], {"label_names": ["a"]}, ValueError, "Got 2 rows for 1 images"),
        ([["a"], []], {}, ValueError, "Got 2 rows for 1 images"),
        (None, {}, TypeError, "labels must be a table, or a list .* Got None"),
        ({"a": 1}, {}, TypeError, "labels must be a table, or a list"),
        ("cat", {}, TypeError, "labels must be a table, or a list"),
        (["cat"], {}, TypeError, "must be a list. Got the text 'cat'"),
        ([["a", 3]], {}, TypeError, r"A keyword must be a text. Got 3 \(row 0\)"),
        ([{"a": 0}], {}, TypeError, r"Got the dict .* \(row 0\)"),
        ([[" "]], {}, ValueError, "must not be blank"),
        ([["a\x01"]], {}, ValueError, r"XML can hold. Got 'a\\x01' with the sign"),
        ([["a"]], {"threshold": 0.5}, ValueError, "threshold must be None with lists"),
        ([[1]], {"label_names": "a"}, TypeError, "label_names must be a list"),
        ([[1, 1]], {"label_names": ["a", "a"]}, ValueError, "distinct names"),
        (
            [[0.5]],
            {"label_names": ["a"], "threshold": [1, 2]},
            ValueError,
            "one for each",
        ),
        ([["a"]], {"mode": "merge"}, ValueError, "mode must be 'add' or 'replace'"),
        ([["a"]], {"sidecar": "x.xmp"}, ValueError, "sidecar must be '{name}.xmp'"),
        ([["a"]], {"hierarchy": ""}, ValueError, "hierarchy must not be blank"),
        (
            pd.DataFrame({"a": [1]}),
            {"label_names": ["b"]},
            ValueError,
            "label_names must be the columns",
        ),
        (pd.DataFrame({3: [1]}), {}, TypeError, "A keyword must be a text. Got 3"),
    ],
)
def test_wrong_parameter_is_told(folder, labels, parameters, error, message):
    with pytest.raises(error, match=message):
        write_photo_keywords(folder, ["a.jpg"], labels, **parameters)
    assert not list(folder.glob("*.xmp"))


def test_wrong_images_are_told(folder):
    with pytest.raises(TypeError, match="images must be a list of paths"):
        write_photo_keywords(folder, "a.jpg", [["a"]])
    with pytest.raises(TypeError, match=r"must be a path. Got .* \(row 0\)"):
        write_photo_keywords(folder, [["a.jpg", None]], [["a"]])


TAGS = ["cat", "dog, red", "2024", "Käse", "a & b <c>"]


def test_exiftool_reads_what_is_written(folder):
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not there")
    [path] = write_photo_keywords(folder, ["a.jpg"], [TAGS])
    command = [exiftool, "-b", "-XMP-dc:Subject", os.fspath(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == TAGS


def test_exiv2_reads_what_is_written_and_we_what_it_writes(folder):
    pyexiv2 = pytest.importorskip("pyexiv2")
    # exiv2 takes no file for XMP that begins with rdf:RDF.
    around = '<x:xmpmeta xmlns:x="adobe:ns:meta/">', "</x:xmpmeta>"
    sidecar(folder, node("<lr:other>kept</lr:other>").join(around))
    paths = write_photo_keywords(folder, ["a.jpg", "b.jpg"], [TAGS, []])
    for path, tags in zip(paths, (TAGS, []), strict=True):
        with pyexiv2.Image(os.fspath(path)) as image:
            assert image.read_xmp()["Xmp.dc.subject"] == tags
            image.modify_xmp({"Xmp.dc.subject": [*tags, "tree"]})
    assert load_photo_keywords(folder).keywords == [[*TAGS, "tree"], ["tree"], None]


def test_write_photo_keywords_advises_what_it_has(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(FileNotFoundError, match="relative to as path=") as error:
        write_photo_keywords(tmp_path, ["x.jpg"], [["cat"]])
    with pytest.raises(FileNotFoundError, match="'drop' leaves their") as error:
        write_photo_keywords(tmp_path, ["a.jpg", "x.jpg"], [["cat"], ["dog"]])
    assert "'keep'" not in str(error.value)
