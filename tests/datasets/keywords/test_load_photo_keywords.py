"""Folders of photographs with keywords, made by real tools and by hand."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_clip.datasets import (
    load_csv_tags,
    load_photo_keywords,
    write_photo_keywords,
)

DATA = Path(__file__).parents[1] / "data" / "keywords"
THREE = ["cat", "dog, red", "2024"]
CUT = "the quick brown fox jumps over the lazy dog and then over anothe"
WHOLE = "the quick brown fox jumps over the lazy dog and then over another one"
# What the tools wrote (tools/photo_keywords.py), and what decides.
FILES = {
    "exempi/adobe.jpg": (THREE, "sidecar"),
    "exiftool/all.gif": (THREE, "xmp"),
    "exiftool/all.jp2": (THREE, "xmp"),
    "exiftool/all.jpg": (THREE, "xmp"),
    "exiftool/all.png": (THREE, "xmp"),
    "exiftool/all.tif": (THREE, "xmp"),
    "exiftool/all.webp": (THREE, "xmp"),
    "exiftool/apart.jpg": (["cat"], "xmp"),
    "exiftool/beside.jpg": (THREE, "sidecar"),
    "exiftool/cut.jpg": (["Käse", CUT], "iptc"),
    "exiftool/cut_utf8.jpg": (["x" + "ä" * 31 + "."], "iptc"),
    "exiftool/iptc_exif.jp2": (["cat", "dog, red"], "iptc"),
    "exiftool/iptc_exif.jpg": (["cat", "dog, red"], "iptc"),
    "exiftool/iptc_exif.png": (["cat", "dog, red"], "iptc"),
    "exiftool/iptc_exif.tif": (["cat", "dog, red"], "iptc"),
    "exiftool/iptc_exif.webp": (["cat", "dog, red"], "exif"),
    "exiftool/plain.jpg": (None, ""),
    "exiftool/under.jpg": (THREE, "sidecar"),
    "exiftool/whole.jpg": (["Käse", WHOLE], "iptc"),
    "exiv2/alt.jpg": (["cat", "dog, red"], "xmp"),
    "exiv2/extracted.jpg": (["cat"], "sidecar"),
    "exiv2/seq.jpg": (["cat", "dog, red"], "xmp"),
    "exiv2/text.jpg": (["cat"], "xmp"),
    "pyexiv2/all.jpg": (THREE, "xmp"),
    "pyexiv2/all.png": (THREE, "xmp"),
    "pyexiv2/all.tif": (THREE, "xmp"),
    "pyexiv2/all.webp": (THREE, "xmp"),
    "pyexiv2/empty.jpg": ([], "xmp"),
    "pyexiv2/long.jpg": ([WHOLE], "iptc"),
    "pyexiv2/one.jpg": (["cat"], "xmp"),
    "pyexiv2/xp.tif": (["cat", "dog, red"], "exif"),
}
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" {}>{}</rdf:Description></rdf:RDF>'
    "</x:xmpmeta>"
)


def bag(names, tag="dc:subject"):
    items = "".join(f"<rdf:li>{name}</rdf:li>" for name in names)
    return f"<{tag}><rdf:Bag>{items}</rdf:Bag></{tag}>"


def packet(*names, attributes="", more=""):
    return PACKET.format(attributes, bag(names) + more)


def picture(path, xmp=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    block = {} if xmp is None else {"xmp": xmp.encode()}
    Image.new("RGB", (8, 8)).save(path, **block)
    return path


@pytest.fixture(scope="module")
def of_tools():
    with pytest.warns(UserWarning, match="sources disagree|may have been"):
        return load_photo_keywords(DATA)


def test_files_of_the_tools_are_read(of_tools):
    names = [Path(path).relative_to(DATA).as_posix() for path in of_tools.data[:, 0]]
    found = zip(of_tools.keywords, of_tools.sources, strict=True)
    assert dict(zip(names, found, strict=True)) == FILES
    assert names == sorted(FILES)
    assert of_tools.problems == []
    assert of_tools.disagreements == [
        (names.index("exiftool/apart.jpg"), "iptc", ["dog"])
    ]


def test_targets_say_present_absent_and_unknown(of_tools):
    labels = dict(zip(FILES, of_tools.target, strict=True))
    cat = of_tools.target_names.index("cat")
    assert labels["exiftool/all.jpg"][cat] == 1
    assert not labels["pyexiv2/empty.jpg"].any()
    assert np.isnan(labels["exiftool/plain.jpg"]).all()
    assert of_tools.target_names == sorted(
        {*THREE, "Käse", CUT, WHOLE, "x" + "ä" * 31 + "."}
    )
    assert (of_tools.groups == np.arange(len(FILES))).all()


def test_hierarchy_of_every_tool_is_one():
    found = load_photo_keywords(DATA, hierarchy="|", sources=["sidecar", "xmp"])
    for path, row in zip(found.data[:, 0], found.target, strict=True):
        if Path(path).stem in ("all", "adobe", "beside", "under"):
            names = [found.target_names[place] for place in np.flatnonzero(row == 1)]
            assert names == ["2024", "animal", "animal|cat", "dog, red"]


def test_shape_is_that_of_the_other_loaders():
    parameters = {"sources": ["xmp"], "unlabelled": "drop"}
    data, target = load_photo_keywords(
        DATA, return_X_y=True, as_frame=True, **parameters
    )
    assert list(data.columns) == ["image", "text"]
    assert data["text"].isna().all()
    assert target.dtypes.eq("int64").all()
    found = load_photo_keywords(DATA, as_frame=True, **parameters)
    assert list(found.frame.columns) == ["image", "text", *found.target_names]


@pytest.mark.parametrize("unlabelled, rows", [("unknown", 3), ("keep", 3), ("drop", 2)])
def test_pictures_without_any_word_are_what_is_said(tmp_path, unlabelled, rows):
    picture(tmp_path / "a.jpg", packet("cat"))
    picture(tmp_path / "b.jpg", packet())
    picture(tmp_path / "c.jpg")
    found = load_photo_keywords(tmp_path, unlabelled=unlabelled)
    assert found.target.shape == (rows, 1)
    assert found.target[:2].tolist() == [[1], [0]]
    if unlabelled != "drop":
        last = {"unknown": np.nan, "keep": 0}[unlabelled]
        np.testing.assert_equal(found.target[2, 0], last)


def test_sources_count_in_their_order(tmp_path):
    picture(tmp_path / "a.jpg", packet("of file"))
    (tmp_path / "a.xmp").write_text(packet("of stem"))
    with pytest.warns(UserWarning, match="disagree for 1 of 1 pictures"):
        assert load_photo_keywords(tmp_path).keywords == [["of stem"]]
    (tmp_path / "a.jpg.xmp").write_text(packet("of name"))
    with pytest.warns(UserWarning, match="'of stem' for 'a.jpg', which has 'of name'"):
        found = load_photo_keywords(tmp_path)
    assert found.keywords == [["of name"]]
    assert found.disagreements == [(0, "sidecar", ["of stem"]), (0, "xmp", ["of file"])]
    with pytest.warns(UserWarning):
        found = load_photo_keywords(tmp_path, sources=["xmp", "sidecar"])
    assert found.keywords == [["of file"]]
    with pytest.warns(UserWarning, match="all that they say is taken together"):
        found = load_photo_keywords(tmp_path, combine="union")
    assert found.keywords == [["of name", "of stem", "of file"]]
    assert found.sources.tolist() == ["union"]


def test_sidecar_without_keywords_leaves_it_to_the_file(tmp_path):
    picture(tmp_path / "a.jpg", packet("cat"))
    (tmp_path / "a.jpg.xmp").write_text(PACKET.format('dc:format="x"', ""))
    assert load_photo_keywords(tmp_path).sources.tolist() == ["xmp"]
    (tmp_path / "a.jpg.xmp").write_text(
        packet()
    )  # an empty one says that there are none
    with pytest.warns(UserWarning, match="which has none by 'sidecar'"):
        found = load_photo_keywords(tmp_path, classes=["cat"])
    assert found.target.tolist() == [[0]]


def test_keywords_that_iptc_cuts_off_agree(tmp_path):
    for name, keyword in (("cut", WHOLE), ("cut_utf8", "x" + "ä" * 40)):
        shutil.copy(DATA / "exiftool" / f"{name}.jpg", tmp_path)
        names = ["Käse", keyword] if name == "cut" else [keyword]
        (tmp_path / f"{name}.jpg.xmp").write_text(packet(*names), encoding="utf-8")
    found = load_photo_keywords(tmp_path)
    assert found.disagreements == []
    assert set(found.target_names) == {"Käse", WHOLE, "x" + "ä" * 40}


def test_sidecar_of_several_files_is_that_which_it_names(tmp_path):
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.nef").touch()
    (tmp_path / "a.xmp").write_text(packet("cat"))
    with pytest.warns(UserWarning, match="may belong to 'a.jpg' or to 'a.nef'"):
        found = load_photo_keywords(tmp_path, classes=["cat"])
    assert found.keywords == [None]
    assert found.problems[0][:2] == (0, "a.xmp")
    for suffix, keywords in (("NEF", None), ("JPG", ["cat"])):
        named = f'photoshop:SidecarForExtension="{suffix}"'
        (tmp_path / "a.xmp").write_text(packet("cat", attributes=named))
        found = load_photo_keywords(tmp_path, classes=["cat"])
        assert found.keywords == [keywords]
        assert found.problems == []


def test_notes_beside_a_picture_have_no_sidecar(tmp_path):
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "a.xmp").write_text(packet("cat"))
    found = load_photo_keywords(tmp_path)
    assert (found.keywords, found.problems) == ([["cat"]], [])


def test_suffix_of_a_sidecar_may_be_in_capitals(tmp_path):
    picture(tmp_path / "A.JPG")
    (tmp_path / "A.XMP").write_text(packet("cat"))
    assert load_photo_keywords(tmp_path).keywords == [["cat"]]


def test_sidecar_without_its_picture_is_told(tmp_path):
    picture(tmp_path / "sub" / "a.jpg", packet("cat"))
    (tmp_path / "sub" / "b.jpg.xmp").write_text(packet("dog"))
    with pytest.raises(
        FileNotFoundError, match="none for 'sub.b.jpg.xmp'. missing_files='drop'"
    ):
        load_photo_keywords(tmp_path)
    with pytest.warns(UserWarning, match="1 sidecars .* have no picture"):
        assert load_photo_keywords(tmp_path, missing_files="drop").keywords == [["cat"]]
    found = load_photo_keywords(tmp_path, missing_files="keep")
    assert [Path(path).name for path in found.data[:, 0]] == ["a.jpg", "b.jpg"]
    assert found.keywords == [["cat"], ["dog"]]
    # A file that is no picture here has its sidecar too.
    (tmp_path / "sub" / "b.jpg.xmp").rename(tmp_path / "sub" / "b.xmp")
    (tmp_path / "sub" / "b.nef").touch()
    with pytest.warns(UserWarning, match=r"1 sidecars .* 'sub.b.xmp' of 'b.nef'\."):
        assert load_photo_keywords(tmp_path).keywords == [["cat"]]


def test_sidecars_of_camera_raw_are_told(tmp_path, recwarn):
    picture(tmp_path / "a.jpg")
    for name in ("a.nef", "b.nef"):
        (tmp_path / name).touch()
        (tmp_path / f"{name}.xmp").write_text(packet("cat"))
    found = load_photo_keywords(tmp_path, classes=["cat"])
    assert found.keywords == [None]
    (told,) = recwarn
    assert "2 sidecars" in str(told.message)
    assert "'a.nef.xmp' of 'a.nef', ..." in str(told.message)
    # One that belongs to a picture as well as to raw is told otherwise, or not at all.
    (tmp_path / "a.nef.xmp").rename(tmp_path / "a.jpg.xmp")
    (tmp_path / "b.nef.xmp").rename(tmp_path / "a.xmp")
    recwarn.clear()
    load_photo_keywords(tmp_path, sources=["xmp", "iptc"], classes=["cat"])
    assert not recwarn
    named = 'photoshop:SidecarForExtension="NEF"'
    (tmp_path / "a.xmp").write_text(packet("cat", attributes=named))
    assert load_photo_keywords(tmp_path).keywords == [["cat"]]
    assert not recwarn


def test_no_row_is_lost_for_what_is_broken(tmp_path):
    picture(tmp_path / "a.jpg", packet("cat"))
    (tmp_path / "a.jpg.xmp").write_text("<broken")
    picture(tmp_path / "b.jpg", "<broken")
    (tmp_path / "b.xmp").write_text('<!DOCTYPE a [<!ENTITY cat "dog">]><a/>')
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    (tmp_path / "d.png").touch()
    picture(tmp_path / "e.jpg", packet("dog"))
    with pytest.warns(
        UserWarning, match=r"Blocks of 4 of 5 pictures .*'a.jpg' \(a.jpg.xmp: "
    ):
        found = load_photo_keywords(tmp_path)
    assert found.keywords == [["cat"], None, None, None, ["dog"]]
    assert [problem[:2] for problem in found.problems] == [
        (0, "a.jpg.xmp"),
        (1, "b.xmp"),
        (1, "xmp"),
        (2, "file"),
        (3, "file"),
    ]
    assert "DOCTYPE" in found.problems[1][2]


def test_problems_are_told_by_the_row_that_is_left(tmp_path):
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "b.jpg", packet("cat"))
    (tmp_path / "b.jpg.xmp").write_text("<broken")
    with pytest.warns(UserWarning):
        found = load_photo_keywords(tmp_path, unlabelled="drop")
    assert found.problems[0][0] == 0
    assert Path(found.data[0, 0]).name == "b.jpg"


def test_hidden_files_are_no_pictures(tmp_path):
    picture(tmp_path / "a.jpg", packet("cat"))
    (tmp_path / "._a.jpg").write_bytes(b"of macOS")
    picture(tmp_path / ".trash" / "b.jpg", packet("no"))
    (tmp_path / "notes.txt").touch()
    assert load_photo_keywords(tmp_path).keywords == [["cat"]]


def test_paths_place_keywords_and_add_none(tmp_path):
    paths = bag(
        ["animal|dog|poodle", "animal|dog", "gone|away"], "lr:hierarchicalSubject"
    )
    picture(tmp_path / "a.jpg", packet("poodle", "dog", "red", "x|y", more=paths))
    found = load_photo_keywords(tmp_path, hierarchy="|")
    labels = ["animal", "animal|dog", "animal|dog|poodle", "red", "x", "x|y"]
    assert found.target_names == labels
    found = load_photo_keywords(tmp_path, hierarchy=" > ")
    assert "animal > dog > poodle" in found.target_names
    assert "x|y" in found.target_names
    assert load_photo_keywords(tmp_path).target_names == ["dog", "poodle", "red", "x|y"]


def test_old_place_in_the_file_is_not_that_of_the_sidecar(tmp_path):
    old = bag(["animal|cat", "red|bird"], "lr:hierarchicalSubject")
    picture(tmp_path / "a.jpg", packet("cat", "bird", more=old))
    new = bag(["pet|cat"], "lr:hierarchicalSubject")
    sidecar = packet("cat", "bird", more=new)
    (tmp_path / "a.jpg.xmp").write_text(sidecar, encoding="utf-8")
    found = load_photo_keywords(tmp_path, hierarchy="|")
    assert found.target_names == ["pet", "pet|cat", "red", "red|bird"]
    found = load_photo_keywords(tmp_path, hierarchy="|", sources=["xmp", "sidecar"])
    assert found.target_names == ["animal", "animal|cat", "red", "red|bird"]
    found = load_photo_keywords(tmp_path, hierarchy="|", combine="union")
    assert {"pet|cat", "animal|cat"} <= set(found.target_names)


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_places_in_the_file_are_changed_by_a_sidecar(tmp_path, mode):
    places = bag(["fruit|orange", "fruit|lime"], "lr:hierarchicalSubject")
    picture(tmp_path / "a.jpg", packet("orange", "lime", more=places))
    names = ["color", "color|orange", "fruit", "fruit|orange"]
    labels = [[1, 1, 1, 0]]
    options = {"label_names": names, "hierarchy": "|", "mode": mode}
    write_photo_keywords(tmp_path, ["a.jpg"], labels, **options)
    found = load_photo_keywords(tmp_path, hierarchy="|")
    left = {"color", "color|orange", "fruit", "fruit|lime"}
    left |= {"fruit|orange"} if mode == "add" else set()
    assert set(found.target_names) == left
    assert write_photo_keywords(tmp_path, ["a.jpg"], labels, **options) == []


def test_one_of_two_places_in_the_file_is_taken_out_by_a_sidecar(tmp_path):
    places = bag(["fruit|orange", "color|orange"], "lr:hierarchicalSubject")
    picture(tmp_path / "a.jpg", packet("orange", more=places))
    options = {"label_names": ["fruit|orange"], "hierarchy": "|", "mode": "replace"}
    write_photo_keywords(tmp_path, ["a.jpg"], [[0]], **options)
    found = load_photo_keywords(tmp_path, hierarchy="|")
    assert found.target_names == ["color", "color|orange"]


def test_paths_of_the_file_place_keywords_of_the_sidecar(tmp_path):
    picture(
        tmp_path / "a.jpg",
        packet("cat", more=bag(["animal|cat"], "lr:hierarchicalSubject")),
    )
    (tmp_path / "a.jpg.xmp").write_text(packet("cat"))
    assert load_photo_keywords(tmp_path, hierarchy="|").target_names == [
        "animal",
        "animal|cat",
    ]


def test_keywords_that_look_alike_are_one(tmp_path):
    picture(tmp_path / "a.jpg", packet("K\u00e4se"))
    picture(tmp_path / "b.jpg", packet("Ka\u0308se"))
    with pytest.warns(UserWarning, match="look alike are one label"):
        assert load_photo_keywords(tmp_path).target.tolist() == [[1], [1]]


def test_other_labels_are_refused_or_left_out(tmp_path):
    picture(tmp_path / "a.jpg", packet("cat", "Dog"))
    with pytest.raises(ValueError, match=r"Got 'Dog' \('a.jpg'\). Is 'dog' meant\?"):
        load_photo_keywords(tmp_path, classes=["dog", "cat"])
    found = load_photo_keywords(tmp_path, classes=["dog", "cat"], other_labels="ignore")
    assert found.target.tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="among classes. Got none, but such as 'Dog'"):
        load_photo_keywords(tmp_path, classes=["dog"], other_labels="ignore")


def test_rows_do_not_depend_on_the_order_of_the_disk(tmp_path):
    for name in ("b/2.jpg", "a.jpg", "b/1.jpg", "b.jpg"):
        picture(tmp_path / name, packet("cat"))
    found = load_photo_keywords(tmp_path)
    names = [Path(path).relative_to(tmp_path).as_posix() for path in found.data[:, 0]]
    assert names == ["a.jpg", "b/1.jpg", "b/2.jpg", "b.jpg"]


def test_path_may_be_a_text_or_relative(tmp_path, monkeypatch):
    picture(tmp_path / "sub" / "a.jpg", packet("cat"))
    monkeypatch.chdir(tmp_path)
    assert load_photo_keywords("sub").data[0, 0] == os.path.join("sub", "a.jpg")


@pytest.mark.parametrize(
    "parameters, error, message",
    [
        ({"sources": "xmp"}, TypeError, "sources must be a list of names. Got 'xmp'"),
        (
            {"sources": ["ipct"]},
            ValueError,
            "A source must be 'sidecar', .* Got 'ipct'",
        ),
        ({"sources": None}, TypeError, "sources must be a list of names. Got None"),
        ({"classes": 3}, TypeError, "classes must be a list of texts. Got 3"),
        ({"sources": []}, ValueError, "sources must name a source"),
        ({"combine": "all"}, ValueError, "combine must be 'first' or 'union'"),
        ({"hierarchy": 3}, TypeError, "hierarchy must be None or a separator. Got 3"),
        ({"hierarchy": " "}, ValueError, "hierarchy must not be blank"),
        ({"classes": "cat"}, TypeError, "classes must be a list of texts"),
        ({"classes": []}, ValueError, "classes must name a label"),
        (
            {"classes": ["a", "a "]},
            ValueError,
            "classes must be distinct. Got 'a' twice",
        ),
        ({"unlabelled": "no"}, ValueError, "unlabelled must be"),
        ({"missing_files": "no"}, ValueError, "missing_files must be"),
        ({"other_labels": "no"}, ValueError, "other_labels must be"),
    ],
)
def test_wrong_parameter_is_named(parameters, error, message):
    with pytest.raises(error, match=message):
        load_photo_keywords(DATA, **parameters)


def test_folder_without_pictures_or_keywords_is_told(tmp_path):
    with pytest.raises(NotADirectoryError, match="folder must be a folder"):
        load_photo_keywords(tmp_path / "no")
    with pytest.raises(ValueError, match="must hold pictures. Got none in"):
        load_photo_keywords(tmp_path)
    picture(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="pictures with keywords. Got none in 1 pict"):
        load_photo_keywords(tmp_path)
    with pytest.raises(ValueError, match="pictures with keywords. Got none in"):
        load_photo_keywords(tmp_path, unlabelled="drop", classes=["cat"])
    assert np.isnan(load_photo_keywords(tmp_path, classes=["cat"]).target).all()


LABELS = ["|animal | cat", "animal|dog", "red"]


@pytest.mark.parametrize("flat", [("cat",), ("animal", "cat")])  # Lightroom writes both
def test_what_stands_above_a_keyword_need_not_be_among_classes(tmp_path, flat):
    paths = bag(["animal|cat"], "lr:hierarchicalSubject")
    picture(tmp_path / "a.jpg", packet(*flat, "red", more=paths))
    found = load_photo_keywords(tmp_path, hierarchy="|", classes=LABELS)
    assert found.target.tolist() == [[1, 0, 1]]
    picture(tmp_path / "b.jpg", packet("animal"))
    with pytest.raises(ValueError, match=r"among classes. Got 'animal' \('b.jpg'\)"):
        load_photo_keywords(tmp_path, hierarchy="|", classes=LABELS)
    found = load_photo_keywords(
        tmp_path, hierarchy="|", classes=LABELS, other_labels="ignore"
    )
    assert found.target.tolist() == [[1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("hierarchy", ["|", "/", " > ", "\u00a0-  "])
@pytest.mark.parametrize(
    "tag", ["animal{}cat", "{}animal{}cat", "animal {} cat{}Perser", "Ka\u0308se{}alt"]
)
def test_labels_of_photographs_and_of_tables_are_named_alike(tmp_path, hierarchy, tag):
    tag = tag.replace("{}", hierarchy)
    picture(tmp_path / "a.jpg", packet(tag, "red", "10", "9"))
    photos = load_photo_keywords(tmp_path, hierarchy=hierarchy)
    table = io.StringIO(f"image,labels\na.jpg,{tag};red;10;9\n")
    tags = load_csv_tags(table, tmp_path, hierarchy=hierarchy, separator=";")
    assert photos.target_names == tags.target_names
    ids = load_photo_keywords(tmp_path, classes=["10", "9"], other_labels="ignore")
    assert ids.target.tolist() == [[1, 1]]


@pytest.mark.parametrize("form", ["{}.jpg.xmp", "{}.xmp"])
@pytest.mark.parametrize(
    "names", [("K\u00e4se", "Ka\u0308se"), ("Ka\u0308se", "K\u00e4se")]
)
def test_sidecars_are_found_in_the_spelling_of_another_system(tmp_path, names, form):
    picture(tmp_path / f"{names[0]}.jpg", packet("old"))
    (tmp_path / form.format(names[1])).write_text(packet("cat"))
    with pytest.warns(UserWarning, match="The sources disagree"):
        assert load_photo_keywords(tmp_path).keywords == [["cat"]]


def test_links_are_followed_unless_they_lead_back_or_nowhere(tmp_path):
    root = tmp_path / "root"
    picture(root / "a.jpg", packet("cat"))
    picture(tmp_path / "far" / "b.jpg", packet("dog"))
    try:
        (root / "far").symlink_to(tmp_path / "far")
        (root / "back").symlink_to(root)
        (root / "gone.jpg").symlink_to(root / "nothing.jpg")
    except OSError:
        pytest.skip("no links on this system")
    with pytest.warns(UserWarning, match="Blocks of 1 of 3 .*'gone.jpg'"):
        found = load_photo_keywords(root)
    assert found.keywords == [["cat"], ["dog"], None]
    assert [Path(path).name for path in found.data[:, 0]] == [
        "a.jpg",
        "b.jpg",
        "gone.jpg",
    ]
