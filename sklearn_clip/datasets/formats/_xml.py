"""XML as elements that know the line they begin in; without entities of its own."""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from sklearn_clip.datasets.formats._text import PACKED

# What no document of XML 1.0 may hold, not even as a number.
IMPOSSIBLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class Element:
    """One element: its tag, text, children, attributes and line."""

    tag: str
    line: int
    text: str = ""
    children: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)

    def find_all(self, tag):
        """Children of a tag."""
        return [child for child in self.children if child.tag == tag]

    def walk(self):
        """Give this element and all below, in the order of the file."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += element.children[::-1]

    def text_of(self, tag):
        """Text of the first child of a tag, without blanks around; None without."""
        return next((child.text.strip() for child in self.find_all(tag)), None)


def read_xml(path):
    """Read an XML file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Element
        The outermost one.

    Raises
    ------
    ValueError
        If the file is not well-formed, is in an encoding that the parser does not know,
        or has a DOCTYPE, whose entities can make gigabytes of a kilobyte.
    """
    return parse_xml(path.read_bytes(), path.name)


def parse_xml(content, name):
    """Read XML as :func:`read_xml` does, of bytes or text that errors call `name`."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    open_elements = [Element("", 0)]
    doctypes = []

    def start(tag, attributes):
        # Of the forms that are read none has two tags which differ in a prefix alone.
        tag = tag.rpartition(":")[2]
        element = Element(tag, parser.CurrentLineNumber, attributes=attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def add_text(text):
        element = open_elements[-1]
        # Joined one by one, the line ends between elements would take time that grows
        # with the square of their number.
        if not element.children or not text.isspace():
            element.text += text

    def refuse(*declared):
        doctypes.append(declared)
        raise ValueError(
            "An annotation must have no DOCTYPE. Got one "
            f"({name}, line {parser.CurrentLineNumber})."
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: open_elements.pop()
    parser.CharacterDataHandler = add_text
    parser.StartDoctypeDeclHandler = refuse
    root = open_elements[0]
    try:
        parser.Parse(content, True)
    except expat.ExpatError as exc:
        raise ValueError(
            f"An annotation must be whole XML. Got {expat.ErrorString(exc.code)!r} "
            f"({name}, line {exc.lineno}).{_way_out(content)}"
        ) from exc
    except (LookupError, ValueError) as exc:
        if doctypes:
            raise
        raise ValueError(
            f"An annotation must be in UTF-8, or an encoding with a byte a letter. Got "
            f"another: {exc} ({name})."
        ) from exc
    finally:  # they hold the parser, which holds them and all elements
        parser.StartElementHandler = parser.EndElementHandler = None
        parser.CharacterDataHandler = parser.StartDoctypeDeclHandler = None
    return root.children[0]


def _way_out(content):
    """Say what to do with a file that is no XML, where its bytes tell."""
    if isinstance(content, str):
        return ""
    if content.startswith(PACKED):
        return " It is an archive: unpack it."
    try:
        content.decode()
    except UnicodeDecodeError:
        return " It is not in UTF-8: save it as UTF-8."
    return ""
