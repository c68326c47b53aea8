"""Packets of XMP as people and programs write them."""

import codecs

import pytest

from sklearn_clip.datasets.keywords._xmp import BrokenBlockError, Packet

SPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" '
    'xmlns:digiKam="http://www.digikam.org/ns/1.0/" '
    'xmlns:ms="http://ns.microsoft.com/photo/1.0/" '
    'xmlns:pur="http://prismstandard.org/namespaces/prismusagerights/2.1/"'
)


def packet(nodes):
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {SPACES}>{nodes}</rdf:RDF>'
        "</x:xmpmeta>"
    )


def node(properties, attributes=""):
    return packet(
        f'<rdf:Description rdf:about="" {attributes}>{properties}</rdf:Description>'
    )


def keywords(text):
    return Packet(text.encode()).keywords


@pytest.mark.parametrize("kind", ["Bag", "Seq", "Alt"])
def test_container_of_any_kind_holds_keywords(kind):
    items = "<rdf:li>cat</rdf:li><rdf:li>dog, red</rdf:li><rdf:li>007</rdf:li>"
    text = node(f"<dc:subject><rdf:{kind}>{items}</rdf:{kind}></dc:subject>")
    assert keywords(text) == ["cat", "dog, red", "007"]


@pytest.mark.parametrize(
    "text",
    [
        node("<dc:subject>cat</dc:subject>"),
        node("<dc:subject> cat\n </dc:subject>"),
        node("<dc:subject><![CDATA[cat]]></dc:subject>"),
        node("<dc:subject>c<!-- no letter -->at</dc:subject>"),
        node("", 'dc:subject="cat"'),
        packet("<rdf:Description dc:subject='cat'/>"),
        node('<dc:subject rdf:resource="cat"/>'),
        node("<dc:subject><rdf:Bag><rdf:_1>cat</rdf:_1></rdf:Bag></dc:subject>"),
        node(
            '<dc:subject><rdf:Bag><rdf:li rdf:parseType="Resource"><rdf:value>cat'
            "</rdf:value><pur:subject>x</pur:subject></rdf:li></rdf:Bag></dc:subject>"
        ),
        node(
            "<dc:subject><rdf:Bag><rdf:li><rdf:Description><rdf:value>cat</rdf:value>"
            "</rdf:Description></rdf:li></rdf:Bag></dc:subject>"
        ),
        node(
            '<dc:subject><rdf:Bag><rdf:li><rdf:Description rdf:value="cat"/></rdf:li>'
            "</rdf:Bag></dc:subject>"
        ),
        node(
            "<dc:subject><rdf:Bag><rdf:li>cat</rdf:li><rdf:li/></rdf:Bag></dc:subject>"
        ),
    ],
)
def test_one_keyword_in_any_form_is_read(text):
    assert keywords(text) == ["cat"]


def test_several_nodes_and_lists_are_one():
    one = "<rdf:Description><dc:subject>cat</dc:subject></rdf:Description>"
    two = (
        "<rdf:Description><dc:subject><rdf:Bag><rdf:li>dog</rdf:li><rdf:li>cat</rdf:li>"
    )
    text = packet(f"{one}{two}</rdf:Bag></dc:subject></rdf:Description>")
    assert keywords(text) == ["cat", "dog"]


def test_property_is_known_by_its_namespace():
    other = node("<pur:subject>no</pur:subject>", 'lr:subject="no"')
    assert keywords(other) is None
    named = other.replace("xmlns:dc=", "xmlns:pur2=").replace(
        "pur:subject", "pur2:subject"
    )
    assert keywords(named) == ["no"]
    default = packet(
        '<Description xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<subject xmlns="http://purl.org/dc/elements/1.1/">cat</subject></Description>'
    )
    assert keywords(default) == ["cat"]


def test_attribute_without_a_prefix_is_no_property():
    text = node("", 'xmlns="http://purl.org/dc/elements/1.1/" subject="cat"')
    assert keywords(text) is None


def test_subject_of_another_thing_inside_is_none_of_the_picture():
    inside = "<lr:part><rdf:Description><dc:subject>no</dc:subject></rdf:Description>"
    assert keywords(node(f"{inside}</lr:part>")) is None


@pytest.mark.parametrize(
    "content",
    [
        "<rdf:Bag/>",
        "<rdf:Bag></rdf:Bag>",
        "<rdf:Seq>\n</rdf:Seq>",
        "",
        "<rdf:Bag><rdf:li/></rdf:Bag>",
    ],
)
def test_empty_list_differs_from_none(content):
    assert keywords(node(f"<dc:subject>{content}</dc:subject>")) == []
    assert keywords(node("")) is None


def test_paths_give_their_ends_where_there_is_no_subject():
    lists = (
        "<lr:hierarchicalSubject><rdf:Bag><rdf:li>animal|cat</rdf:li></rdf:Bag>"
        "</lr:hierarchicalSubject><digiKam:TagsList><rdf:Seq><rdf:li>animal/dog</rdf:li>"
        "</rdf:Seq></digiKam:TagsList><ms:LastKeywordXMP><rdf:Bag><rdf:li>tree</rdf:li>"
        "</rdf:Bag></ms:LastKeywordXMP>"
    )
    found = Packet(node(lists).encode())
    assert found.keywords == ["cat", "dog", "tree"]
    assert found.paths == [("animal", "cat"), ("animal", "dog"), ("tree",)]
    with_subject = Packet(node(f"{lists}<dc:subject>bird</dc:subject>").encode())
    assert with_subject.keywords == ["bird"]


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("mark", [True, False])
def test_wide_encodings_are_read(encoding, mark):
    text = node("<dc:subject>Käse</dc:subject>")
    data = ("\ufeff" * mark + text).encode(encoding)
    found = Packet(data)
    assert found.keywords == ["Käse"]
    assert found.encode(found.content) == data


def test_declared_encoding_is_read():
    text = "<?xml version='1.0' encoding='ISO-8859-1'?>" + node(
        "<dc:subject>Käse</dc:subject>"
    )
    found = Packet(text.encode("latin-1"))
    assert found.keywords == ["Käse"]
    with pytest.raises(BrokenBlockError, match="iso-8859-1 has no '猫'"):
        found.encode(found.content + "猫".encode())


@pytest.mark.parametrize("before", [b"", codecs.BOM_UTF8, b"\n "])
@pytest.mark.parametrize("after", [b"", b" \n", b"\0\0\0"])
def test_padding_is_kept(before, after):
    data = before + node("<dc:subject>cat</dc:subject>").encode() + after
    found = Packet(data)
    assert found.keywords == ["cat"]
    assert found.encode(found.content) == data


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "not well-formed"),
        (b"<a/>", "no element rdf:RDF"),
        (b"<a>" * 300 + b"</a>" * 300, "nested more than 100 times"),
        (node("<dc:subject>cat").encode(), "not well-formed"),
        (node("<dc:subject>\x01</dc:subject>").encode(), "not well-formed"),
        (
            node("<dc:subject>\xe4</dc:subject>").encode("latin-1"),
            "not encoded in utf-8",
        ),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", "not encoded in no-such"),
        (b'<!DOCTYPE a [<!ENTITY cat "cat">]><a>&cat;</a>', "has a DOCTYPE"),
        (b"<!DOCTYPE a><a/>", "has a DOCTYPE"),
        (node("<dc:subject>&cat;</dc:subject>").encode(), "not well-formed"),
        (node("<no:subject>cat</no:subject>").encode(), "prefix 'no' .* not declared"),
    ],
)
def test_broken_packet_says_why(data, reason):
    with pytest.raises(BrokenBlockError, match=reason):
        Packet(data)
