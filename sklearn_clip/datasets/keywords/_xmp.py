"""Packets of XMP: which keywords they hold, and where their bytes stand.

XMP is a part of RDF/XML (ISO 16684-1, section 7). A property may stand in any of the
nodes right below ``rdf:RDF``, as an element or as an attribute, and is known by its
namespace: prefixes are free, and other namespaces have a ``subject`` too.
"""

import codecs
import re
from dataclasses import dataclass, field
from functools import cached_property
from xml.parsers import expat

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets.keywords._trees import (
    CATEGORIES,
    read_categories,
    read_trees,
)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
SUBJECT = (DC, "subject")
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
LIGHTROOM = ("http://ns.adobe.com/lightroom/1.0/", "hierarchicalSubject")
# Lists of whole paths, and what stands between their parts. exiftool writes
# Microsoft's namespace without the last slash, exiv2 with it.
PATH_LISTS = {
    LIGHTROOM: "|",
    ("http://www.digikam.org/ns/1.0/", "TagsList"): "/",
    ("http://ns.microsoft.com/photo/1.0/", "LastKeywordXMP"): "/",
    ("http://ns.microsoft.com/photo/1.0", "LastKeywordXMP"): "/",
}
# Lists of another use, which may hold the keywords where there are none of these: sets
# of a catalogue, and the keywords of ACDSee. They are read and never changed.
_OTHER_LISTS = (
    ("http://ns.acdsee.com/iptc/1.0/", "keywords"),
    ("http://ns.iview-multimedia.com/mediapro/1.0/", "CatalogSets"),
    ("http://ns.microsoft.com/expressionmedia/1.0/", "CatalogSets"),
)
_PDF_KEYWORDS = ("http://ns.adobe.com/pdf/1.3/", "Keywords")
CONTAINERS = ("Bag", "Seq", "Alt")
# Elements within one another; values are read by recursion.
_DEEPEST = 100
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([\w.-]+)[\"']")
_START_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>")
# The marks of UTF-32 begin with those of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    codecs.BOM_UTF8: "utf-8",
}


class BrokenBlockError(ValueError):
    """A block of a file cannot be read."""


@dataclass(eq=False)
class Element:
    """An element of a packet.

    Attributes
    ----------
    tag : str
        Its name as it is written, with its prefix.
    key : tuple of (str, str)
        Namespace and local name.
    scope : dict of {str: str}
        Namespaces by prefix.
    attributes : dict of {tuple: str}
        Values by namespace and local name.
    start, opened, closing, end : int
        Where its start tag begins and ends, and its end tag; the last three are one
        where there is none, as in ``<a/>``.
    """

    tag: str
    key: tuple
    scope: dict
    attributes: dict
    start: int
    opened: int
    closing: int = 0
    end: int = 0
    texts: list = field(default_factory=list)
    children: list = field(default_factory=list)

    @property
    def container(self):
        """The Bag, Seq or Alt that is the value; None if it has none."""
        return next((child for child in self.children if _is_container(child)), None)

    @property
    def values(self):
        """Texts of the value, one if it is no container; blank ones are left out."""
        found = _values(self)
        return [text.strip() for text in found if text.strip()]

    @property
    def holders(self):
        """What holds the fields of a structure: the element, or nodes in it."""
        return (self, *(e for e in self.children if e.key == (RDF, "Description")))

    def fields(self, key):
        """Elements that are a field of the structure."""
        return [e for holder in self.holders for e in holder.children if e.key == key]

    def field_text(self, key):
        """Text of a field, None if it has none."""
        found = [text for element in self.fields(key) for text in element.values]
        found += [
            e.attributes[key].strip() for e in self.holders if key in e.attributes
        ]
        return next(filter(None, found), None)


class Packet:
    """A packet of XMP, parsed.

    Parameters
    ----------
    data : bytes
        The packet, in any Unicode encoding or the one that it declares.

    Attributes
    ----------
    content : bytes
        The same in UTF-8, to which the places of elements refer.
    nodes : list of Element
        The nodes right below ``rdf:RDF``.
    rdf : Element
        That element.

    Raises
    ------
    BrokenBlockError
        If it is no XML with ``rdf:RDF`` in it, or has a DOCTYPE.
    """

    def __init__(self, data):
        self._mark, self._encoding, text = _decode(data)
        # Some writers fill a packet up with zeros, or begin it with a blank line.
        body = text.strip("\0 \t\r\n")
        self._before, _, self._after = text.partition(body) if body else (text, "", "")
        self.content = body.encode()
        elements = _parse(self.content)
        self.rdf = next((e for e in elements if e.key == (RDF, "RDF")), None)
        if self.rdf is None:
            raise BrokenBlockError("it has no element rdf:RDF")
        self.nodes = self.rdf.children

    def encode(self, content):
        """Bytes of `content`, changed, in the encoding that the packet came in."""
        try:
            text = self._before + content.decode() + self._after
            return self._mark + text.encode(self._encoding)
        except UnicodeEncodeError as exc:
            raise BrokenBlockError(
                f"its encoding {self._encoding} has no {exc.object[exc.start]!r}"
            ) from exc

    def find(self, key):
        """Elements of a property, and nodes that have it as an attribute."""
        elements = [
            child for node in self.nodes for child in node.children if child.key == key
        ]
        return elements, [node for node in self.nodes if key in node.attributes]

    def values(self, key):
        """Texts of a property, None if it is not there.

        An empty list means that it is there and empty.
        """
        elements, nodes = self.find(key)
        if not elements and not nodes:
            return None
        texts = [text for element in elements for text in element.values]
        texts += [node.attributes[key].strip() for node in nodes]
        return list(dict.fromkeys(filter(None, texts)))

    @property
    def keywords(self):
        """Keywords of ``dc:subject``, else the last parts of paths, else None."""
        found = self.values(SUBJECT)
        if found is not None:
            return found
        if any(self.values(key) is not None for key in PATH_LISTS):
            return list(dict.fromkeys(path[-1] for path in self.listed_paths))
        # None of these says that there are no keywords: ACDSee, for one, writes empty
        # categories beside a rating.
        return list(dict.fromkeys(path[-1] for path in self._others)) or None

    @property
    def paths(self):
        """Paths of keywords, as tuples, from all the lists that hold such.

        Trees and lists of another use place what no other list does.
        """
        ends = {clean_name(path[-1]) for path in self.listed_paths}
        others = (path for path in self._others if clean_name(path[-1]) not in ends)
        return [*self.listed_paths, *others]

    @cached_property
    def listed_paths(self):
        """Paths from the lists that are kept in step."""
        found = {}
        for key, separator in PATH_LISTS.items():
            for text in self.values(key) or ():
                found[split_path(text, separator)] = None
        found.pop((), None)
        return list(found)

    @cached_property
    def _others(self):
        """Paths from trees and from lists of another use."""
        texts = [text for key in _OTHER_LISTS for text in self.values(key) or ()]
        found = dict.fromkeys(split_path(text, "|") for text in texts)
        for text in self.values(CATEGORIES) or ():
            found |= dict.fromkeys(read_categories(text) or ())
        found |= dict.fromkeys(read_trees(self))
        found.pop((), None)
        return list(found)

    @property
    def unread(self):
        """What may hold keywords that nobody can tell; empty where others do."""
        if self.keywords is not None:
            return []
        found = []
        if any(read_categories(text) is None for text in self.values(CATEGORIES) or ()):
            found.append("the categories of ACDSee break off, or go too deep")
        if self.values(_PDF_KEYWORDS):
            found.append(
                "pdf:Keywords is one text, and nothing says what parts its keywords"
            )
        return found

    @property
    def belongs_to(self):
        """Suffix of the file that a sidecar belongs to, such as "nef", else None."""
        found = self.values((_PHOTOSHOP, "SidecarForExtension"))
        return found[0].lower().lstrip(".") if found else None

    @property
    def extension(self):
        """Digest that names the second packet of a JPEG, None if there is none."""
        found = self.values((_NOTE, "HasExtendedXMP"))
        return found[0].upper() if found else None


def split_path(text, separator):
    """Part a path at its separator; empty parts are left out."""
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _is_container(element):
    return element.key[0] == RDF and element.key[1] in CONTAINERS


def _values(element):
    """Texts of a property or of an item, not yet stripped."""
    container = element.container
    if container is not None:
        return [text for item in container.children for text in _values(item)]
    # A value with qualifiers is a node of its own, with the value as one property.
    for holder in element.holders:
        for child in holder.children:
            if child.key == (RDF, "value"):
                return _values(child)
        if (RDF, "value") in holder.attributes:
            return [holder.attributes[RDF, "value"]]
    return [element.attributes.get((RDF, "resource"), "".join(element.texts))]


def _decode(data):
    """Byte order mark, encoding and text of a packet; padding is kept."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    encoding = _MARKS[mark] if mark else _guess(data)
    try:
        text = data[len(mark) :].decode(encoding)
        same = text.encode(encoding) == data[len(mark) :]
    except (UnicodeError, LookupError) as exc:
        raise BrokenBlockError(f"it is not encoded in {encoding}") from exc
    if not same:  # an encoding that has several ways of writing a text
        raise BrokenBlockError(f"its encoding {encoding} cannot be kept")
    return mark, encoding, text


def _guess(data):
    """Tell the encoding without a mark, by the zeros beside the first sign."""
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        if data.startswith("<".encode(encoding)):
            return encoding
    declared = _DECLARED.match(data)
    return declared[1].decode().lower() if declared else "utf-8"


def _parse(content):
    """Elements of a document in the order in which they begin."""
    parser = expat.ParserCreate("utf-8")
    elements, stack = [], []

    def begin(tag, attributes):
        if len(stack) > _DEEPEST:
            raise BrokenBlockError(f"it is nested more than {_DEEPEST} times")
        scope = stack[-1].scope if stack else {"xml": "xml", "": ""}
        spaces = {
            name.partition(":")[2]: uri
            for name, uri in attributes.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        scope = scope | spaces if spaces else scope
        start = parser.CurrentByteIndex
        element = Element(
            tag,
            _resolve(tag, scope),
            scope,
            {
                _resolve(name, scope, default=""): value
                for name, value in attributes.items()
                if name != "xmlns" and not name.startswith("xmlns:")
            },
            start,
            _START_TAG.match(content, start).end(),
        )
        if stack:
            stack[-1].children.append(element)
        stack.append(element)
        elements.append(element)

    def finish(tag):
        element = stack.pop()
        element.closing = element.end = element.opened
        if content[element.opened - 2 : element.opened] != b"/>":
            element.closing = parser.CurrentByteIndex
            element.end = content.index(b">", element.closing) + 1

    def add_text(text):
        if stack:
            stack[-1].texts.append(text)

    def refuse(*_):
        raise BrokenBlockError(
            "it has a DOCTYPE, which XMP has not and which may define entities"
        )

    parser.StartElementHandler, parser.EndElementHandler = begin, finish
    parser.CharacterDataHandler = add_text
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except expat.ExpatError as exc:
        raise BrokenBlockError(
            f"it is not well-formed XML: {expat.ErrorString(exc.code)}, line "
            f"{exc.lineno}"
        ) from exc
    finally:  # they hold the parser, which holds them and all elements
        parser.StartElementHandler = parser.EndElementHandler = None
        parser.CharacterDataHandler = parser.StartDoctypeDeclHandler = None
    return elements


def _resolve(name, scope, default=None):
    """Namespace and local name of a name as it is written."""
    prefix, colon, local = name.rpartition(":")
    if not colon and default is not None:
        return default, local
    if prefix not in scope:
        raise BrokenBlockError(f"the prefix {prefix!r} of {name!r} is not declared")
    return scope[prefix], local
