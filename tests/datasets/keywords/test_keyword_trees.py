"""Keywords in trees, catalogue sets and private lists, as programs write them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sklearn_clip.datasets import load_photo_keywords, write_photo_keywords
from sklearn_clip.datasets.keywords._trees import read_categories
from sklearn_clip.datasets.keywords._xmp import Packet

PLAIN = Path(__file__).parents[1] / "data" / "keywords" / "exiftool" / "plain.jpg"
MWG_URI = "http://www.metadataworkinggroup.com/schemas/keywords/"
HEAD = (
    "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>\n"
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'>\n"
    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\n"
)
END = "</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end='w'?>"


def packet(uri, prefix, body, attributes=""):
    return (
        f"{HEAD} <rdf:Description rdf:about=''\n  xmlns:{prefix}='{uri}'"
        f"\n  xmlns:dc='http://purl.org/dc/elements/1.1/'{attributes}>\n{body}"
        f" </rdf:Description>\n{END}"
    )


# exiftool 13.59, of -XMP-acdsee:Categories=... -XMP-acdsee:Keywords=dog
ACDSEE = packet(
    "http://ns.acdsee.com/iptc/1.0/",
    "acdsee",
    "  <acdsee:categories>&lt;Categories&gt;&lt;Category Assigned=&quot;0&quot;&gt;"
    "Places&lt;Category Assigned=&quot;1&quot;&gt;Italy &amp;amp; Rome"
    "&lt;/Category&gt;&lt;/Category&gt;&lt;Category Assigned=&quot;1&quot;&gt;cat"
    "&lt;/Category&gt;&lt;/Categories&gt;</acdsee:categories>\n"
    "  <acdsee:keywords>\n   <rdf:Bag>\n    <rdf:li>dog</rdf:li>\n"
    "    <rdf:li>red ball</rdf:li>\n   </rdf:Bag>\n  </acdsee:keywords>\n"
    "  <acdsee:rating>3</acdsee:rating>\n",
)
# ACDSee writes its properties as attributes, and names with bare ampersands.
ACDSEE_ATTRIBUTES = packet(
    "http://ns.acdsee.com/iptc/1.0/",
    "acdsee",
    "",
    '\n   acdsee:caption=""\n   acdsee:rating="3"\n   acdsee:categories="&lt;Categories'
    "&gt;&lt;Category Assigned=&quot;1&quot;&gt;Food&lt;Category Assigned=&quot;1&quot;"
    '&gt;Salt &amp; Pepper&lt;/Category&gt;&lt;/Category&gt;&lt;/Categories&gt;"\n'
    '   acdsee:collections=""',
)
MEDIA_PRO = packet(
    "http://ns.iview-multimedia.com/mediapro/1.0/",
    "mediapro",
    "  <mediapro:CatalogSets>\n   <rdf:Bag>\n    <rdf:li>animal|cat</rdf:li>\n"
    "    <rdf:li>dog</rdf:li>\n   </rdf:Bag>\n  </mediapro:CatalogSets>\n"
    "  <mediapro:People>\n   <rdf:Bag>\n    <rdf:li>Ann</rdf:li>\n   </rdf:Bag>\n"
    "  </mediapro:People>\n",
)
EXPRESSION = (
    MEDIA_PRO.replace(
        "http://ns.iview-multimedia.com/mediapro",
        "http://ns.microsoft.com/expressionmedia",
    )
    .replace("mediapro:", "expressionmedia:")
    .replace(":mediapro", ":expressionmedia")
)
# exiftool 13.59, of -XMP-mwg-kw:KeywordInfo={Hierarchy=[{Keyword=animal,...
MWG = packet(
    MWG_URI,
    "mwg-kw",
    "  <mwg-kw:Keywords rdf:parseType='Resource'>\n   <mwg-kw:Hierarchy>\n"
    "    <rdf:Bag>\n     <rdf:li rdf:parseType='Resource'>\n      <mwg-kw:Children>\n"
    "       <rdf:Bag>\n        <rdf:li rdf:parseType='Resource'>\n"
    "         <mwg-kw:Keyword>cat</mwg-kw:Keyword>\n        </rdf:li>\n"
    "        <rdf:li rdf:parseType='Resource'>\n"
    "         <mwg-kw:Applied>False</mwg-kw:Applied>\n"
    "         <mwg-kw:Keyword>dog</mwg-kw:Keyword>\n        </rdf:li>\n"
    "       </rdf:Bag>\n      </mwg-kw:Children>\n"
    "      <mwg-kw:Keyword>animal</mwg-kw:Keyword>\n     </rdf:li>\n"
    "     <rdf:li rdf:parseType='Resource'>\n"
    "      <mwg-kw:Applied>True</mwg-kw:Applied>\n      <mwg-kw:Children>\n"
    "       <rdf:Bag>\n        <rdf:li rdf:parseType='Resource'>\n"
    "         <mwg-kw:Keyword>shiny</mwg-kw:Keyword>\n        </rdf:li>\n"
    "       </rdf:Bag>\n      </mwg-kw:Children>\n"
    "      <mwg-kw:Keyword>red ball</mwg-kw:Keyword>\n     </rdf:li>\n"
    "    </rdf:Bag>\n   </mwg-kw:Hierarchy>\n  </mwg-kw:Keywords>\n",
)
# exiv2 0.28.8 (pyexiv2 2.16.0): nodes within items, fields as attributes.
MWG_EXIV2 = packet(
    MWG_URI,
    "mwg-kw",
    '<mwg-kw:Keywords rdf:parseType="Resource"> <mwg-kw:Hierarchy> <rdf:Bag> <rdf:li> '
    '<rdf:Description mwg-kw:Keyword="animal"> <mwg-kw:Children> <rdf:Bag> <rdf:li '
    'mwg-kw:Keyword="cat" mwg-kw:Applied="True"/> </rdf:Bag> </mwg-kw:Children> '
    "</rdf:Description> </rdf:li> </rdf:Bag> </mwg-kw:Hierarchy> </mwg-kw:Keywords>",
)
ICS = packet(
    "http://ns.idimager.com/ics/1.0/",
    "ics",
    "  <ics:TagStructure>\n   <rdf:Bag>\n    <rdf:li rdf:parseType='Resource'>\n"
    "     <ics:LabelName>animal</ics:LabelName>\n"
    "     <ics:Reference>a1</ics:Reference>\n     <ics:SubLabels>\n      <rdf:Bag>\n"
    "       <rdf:li rdf:parseType='Resource'>\n"
    "        <ics:LabelName>cat</ics:LabelName>\n"
    "        <ics:Reference>c1</ics:Reference>\n       </rdf:li>\n      </rdf:Bag>\n"
    "     </ics:SubLabels>\n    </rdf:li>\n   </rdf:Bag>\n  </ics:TagStructure>\n",
)
PDF = packet(
    "http://ns.adobe.com/pdf/1.3/",
    "pdf",
    "  <pdf:Keywords>dog, red ball; cat</pdf:Keywords>\n",
)
TAIL = f" </rdf:Description>\n{END}"
SUBJECT = "  <dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></dc:subject>\n"
FORMS = {
    "acdsee": (
        ACDSEE,
        ["dog", "red ball", "Italy & Rome", "cat"],
        [("dog",), ("red ball",), ("Places", "Italy & Rome"), ("cat",)],
    ),
    "acdsee attributes": (
        ACDSEE_ATTRIBUTES,
        ["Food", "Salt & Pepper"],
        [("Food",), ("Food", "Salt & Pepper")],
    ),
    "media pro": (MEDIA_PRO, ["cat", "dog"], [("animal", "cat"), ("dog",)]),
    "expression": (EXPRESSION, ["cat", "dog"], [("animal", "cat"), ("dog",)]),
    "mwg": (
        MWG,
        ["cat", "red ball", "shiny"],
        [("animal", "cat"), ("red ball",), ("red ball", "shiny")],
    ),
    "mwg of exiv2": (MWG_EXIV2, ["cat"], [("animal", "cat")]),
    "ics": (ICS, ["cat"], [("animal", "cat")]),
}


def add(folder, name, sidecar):
    shutil.copy(PLAIN, folder / f"{name}.jpg")
    (folder / f"{name}.jpg.xmp").write_text(sidecar, encoding="utf-8")


@pytest.mark.parametrize("form", FORMS)
def test_keywords_of_private_fields_are_read(form):
    text, keywords, paths = FORMS[form]
    found = Packet(text.encode())
    assert found.keywords == keywords
    assert found.paths == paths
    assert found.unread == []


@pytest.mark.parametrize("form", FORMS)
def test_dc_subject_decides_and_they_only_place(form):
    text, _, paths = FORMS[form]
    text = text.replace(TAIL, SUBJECT + TAIL)
    found = Packet(text.encode())
    assert found.keywords == ["cat"]
    assert found.paths == paths


def test_folder_of_private_fields_has_their_labels(tmp_path):
    add(tmp_path, "a", ACDSEE)
    add(tmp_path, "b", MWG)
    add(tmp_path, "c", MEDIA_PRO)
    found = load_photo_keywords(tmp_path)
    assert found.target_names == [
        *("Italy & Rome", "cat", "dog", "red ball", "shiny"),
    ]
    expected = [[1, 1, 1, 1, 0], [0, 1, 0, 1, 1], [0, 1, 1, 0, 0]]
    np.testing.assert_array_equal(found.target, expected)
    assert set(found.sources) == {"sidecar"}
    found = load_photo_keywords(tmp_path, hierarchy="|")
    assert found.target_names == [
        *("Places", "Places|Italy & Rome", "animal", "animal|cat", "cat", "dog"),
        *("red ball", "red ball|shiny"),
    ]


def test_empty_categories_say_nothing(tmp_path):
    # ACDSee writes them beside a rating, whether or not anybody has given keywords.
    add(tmp_path, "a", MEDIA_PRO)
    empty = packet(
        "http://ns.acdsee.com/iptc/1.0/",
        "acdsee",
        "",
        '\n acdsee:rating="3" acdsee:categories="" acdsee:collections=""',
    )
    add(tmp_path, "b", empty)
    add(tmp_path, "c", MEDIA_PRO.replace("animal|cat", "").replace("dog", ""))
    found = load_photo_keywords(tmp_path)
    assert found.keywords == [["cat", "dog"], None, None]
    assert np.isnan(found.target[1:]).all()
    assert found.problems == []


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        (PDF, "pdf:Keywords is one text"),
        (ACDSEE_ATTRIBUTES.replace("&lt;/Category&gt;", "", 1), "ACDSee break off"),
    ],
)
def test_keywords_that_nobody_can_tell_are_a_problem(tmp_path, sidecar, reason):
    add(tmp_path, "a", MEDIA_PRO)
    add(tmp_path, "b", sidecar)
    with pytest.warns(UserWarning, match=reason):
        found = load_photo_keywords(tmp_path)
    assert found.keywords[1] is None
    [(row, block, said)] = found.problems
    assert (row, block) == (1, "b.jpg.xmp") and reason in said


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("<Categories/>", []),
        ("<Categories></Categories>", []),
        # Quotation marks and flags are left out by some tools.
        ("<Categories><Category Assigned=1>a</Category></Categories>", [("a",)]),
        (
            "<Categories><Category>a<Category>b</Category></Category></Categories>",
            [("a", "b")],
        ),
        (
            "<Categories>\n <Category Assigned='1'>a\n  <Category Assigned='0'>b\n"
            "  </Category>\n </Category>\n</Categories>",
            [("a",)],
        ),
        ("<Categories><Category Assigned='1'/></Categories>", []),
        ("<Categories><Category Assigned='1'>a", None),
        ("a</Category>", None),
        ("cat", None),
    ],
)
def test_categories_of_acdsee(text, paths):
    assert read_categories(text) == paths


def test_new_subject_begins_with_them_and_leaves_them(tmp_path):
    add(tmp_path, "a", MWG)
    before = (tmp_path / "a.jpg.xmp").read_text(encoding="utf-8")
    write_photo_keywords(tmp_path, ["a.jpg"], [["bird"]])
    after = (tmp_path / "a.jpg.xmp").read_text(encoding="utf-8")
    assert load_photo_keywords(tmp_path).keywords == [
        ["cat", "red ball", "shiny", "bird"]
    ]
    start, end = "  <mwg-kw:Keywords", "</mwg-kw:Keywords>\n"
    cut = slice(before.index(start), before.index(end))
    assert before[cut] in after


def test_new_place_does_not_hide_theirs(tmp_path):
    add(tmp_path, "a", MWG)
    write_photo_keywords(tmp_path, ["a.jpg"], [["pet|cat"]], hierarchy="|")
    found = load_photo_keywords(tmp_path, hierarchy="|")
    assert {"animal|cat", "pet|cat"} <= set(found.target_names)
    write_photo_keywords(
        tmp_path,
        ["a.jpg"],
        [[0, 0]],
        label_names=["pet|cat", "animal|cat"],
        hierarchy="|",
        mode="replace",
    )
    found = load_photo_keywords(tmp_path, hierarchy="|")
    assert found.target_names == ["red ball", "red ball|shiny"]


@pytest.mark.parametrize(
    "text",
    [
        "<Category>a" * 101 + "</Category>" * 101,
        "<Category " * 100_000,
        "<" + " " * 100_000 + "Category",
    ],
)
def test_categories_without_end_are_left(text):
    assert read_categories(text) is None
    assert len(read_categories("<Category>a" * 100 + "</Category>" * 100)) == 1
