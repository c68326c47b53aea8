"""Keywords put into and taken out of a packet of XMP, and no other byte changed."""

import re
from xml.sax.saxutils import escape

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets.keywords._xmp import (
    DC,
    PATH_LISTS,
    RDF,
    SUBJECT,
    Packet,
    split_path,
)

# A packet without properties; the sign before "id" is the byte order mark, which says
# that it is in UTF-8 (ISO 16684-1, section 7.3.2).
EMPTY = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()
_BLANK = re.compile(rb"\s*\Z")


def edit_keywords(packet, base, add, remove):
    """Change the keywords of a packet.

    Those of ``dc:subject`` are changed and it is a Bag afterwards. Lists of paths that
    the packet has follow: photo managers that read one of these first would bring back
    what was taken out, and overlook what was put in.

    Parameters
    ----------
    packet : Packet
        The packet, which stays as it is.
    base : list of str
        Keywords to begin with where it has no ``dc:subject``.
    add, remove : list of str
        Keywords to put in and to take out, in any spelling that looks alike.

    Returns
    -------
    bytes
        The packet with the changes; the same bytes where there are none.
    """
    editor = _Editor(packet)
    remove = {clean_name(name) for name in remove}
    editor.edit_subject(base, add, remove)
    for key, separator in PATH_LISTS.items():
        editor.edit_paths(key, separator, add, remove)
    return editor.finish()


class _Editor:
    """Collects changes of a packet, each of which is a place and its new bytes."""

    def __init__(self, packet: Packet):
        self._packet = packet
        self._changes = []

    def finish(self):
        content = self._packet.content
        if not self._changes:
            return self._packet.encode(content)
        parts, at = [], 0
        for start, end, new in sorted(self._changes, key=lambda change: change[:2]):
            parts += [content[at:start], new]
            at = end
        parts.append(content[at:])
        return self._packet.encode(b"".join(parts))

    def edit_subject(self, base, add, remove):
        elements, nodes = self._packet.find(SUBJECT)
        there = self._packet.values(SUBJECT)
        looks = {clean_name(name) for name in (base if there is None else there)}
        new = [name for name in add if clean_name(name) not in looks]
        if there is None:
            kept = [name for name in base if clean_name(name) not in remove]
            self._insert_subject([*kept, *new])
            return
        if not new and not looks & remove:
            return
        for element in elements:
            self._edit_list(element, new, lambda name: clean_name(name) in remove, True)
            new = []
        for node in nodes:
            value = node.attributes[SUBJECT].strip()
            kept = [value] if value and clean_name(value) not in remove else []
            self._take_attribute(node)
            if kept or not elements:
                self._insert(node, _subject(node.scope, [*kept, *new]))
            new = []

    def edit_paths(self, key, separator, add, remove):
        there = self._packet.values(key)
        if there is None:
            return
        ends = {
            clean_name(path[-1])
            for text in there
            if (path := split_path(text, separator))
        }
        new = [
            name
            for name in add
            if clean_name(name) not in ends and separator not in name
        ]

        def is_out(text):
            path = split_path(text, separator)
            return bool(path) and clean_name(path[-1]) in remove

        if not new and not ends & remove:
            return
        elements, _ = self._packet.find(key)
        for element in elements:
            self._edit_list(element, new, is_out, False)
            new = []

    def _edit_list(self, element, new, is_out, as_bag):
        """Change the items of a property that is an element."""
        container = element.container
        if container is None:
            kept = [text for text in element.values if not is_out(text)]
            self._changes.append(
                (
                    element.start,
                    element.end,
                    _property(element.tag, element.scope, [*kept, *new]),
                )
            )
            return
        tag = container.tag
        if as_bag and container.key[1] != "Bag":
            tag = tag[: -len(container.key[1])] + "Bag"
            self._rename(container, tag)
        prefix = tag[: -len(container.key[1])]
        items = "".join(f"<{prefix}li>{escape(name)}</{prefix}li>" for name in new)
        if container.closing == container.opened == container.end:
            if items:  # it has one tag, which ends in "/>"
                at = container.end - 2
                text = f">{items}</{tag}>".encode()
                self._changes.append((at, container.end, text))
            return
        at, lead = container.opened, b""
        for item in container.children:
            gap = self._packet.content[at : item.start]
            lead = gap if not gap.strip() else lead
            if any(is_out(text) for text in item.values):
                start = at if not gap.strip() else item.start
                self._changes.append((start, item.end, b""))
            at = item.end
        if new:
            items = b"".join(
                lead + f"<{prefix}li>{escape(name)}</{prefix}li>".encode()
                for name in new
            )
            self._changes.append((at, at, items))

    def _rename(self, element, tag):
        """Give an element another name, at its beginning and its end."""
        old = len(element.tag.encode())
        at = element.start + 1
        self._changes.append((at, at + old, tag.encode()))
        if element.closing < element.end:
            at = element.closing + 2
            self._changes.append((at, at + old, tag.encode()))

    def _take_attribute(self, node):
        """Take the attribute ``dc:subject`` out of a start tag."""
        content = self._packet.content
        for prefix, uri in node.scope.items():
            if uri != DC or not prefix:
                continue
            pattern = rb"\s+" + re.escape(f"{prefix}:subject".encode())
            pattern += rb"\s*=\s*(\"[^\"]*\"|'[^']*')"
            for found in re.finditer(pattern, content[node.start : node.opened]):
                start = node.start + found.start()
                self._changes.append((start, node.start + found.end(), b""))

    def _insert_subject(self, names):
        """Put ``dc:subject`` into the first node, or into one of its own."""
        rdf = self._packet.rdf
        nodes = [node for node in rdf.children if node.key == (RDF, "Description")]
        if nodes:
            self._insert(nodes[0], _subject(nodes[0].scope, names))
            return
        prefix = rdf.tag.removesuffix("RDF")
        if not prefix:  # attributes need one
            prefix = "rdf:"
            head = f'rdf:Description xmlns:rdf="{RDF}" rdf:about=""'
        else:
            head = f'{prefix}Description {prefix}about=""'
        scope = rdf.scope | {prefix[:-1]: RDF}
        text = f"<{head}>".encode() + _subject(scope, names)
        self._insert(rdf, text + f"</{prefix}Description>".encode())

    def _insert(self, node, new):
        """Put an element into another one, behind all that it holds."""
        content = self._packet.content
        if node.closing == node.opened == node.end:
            text = b">\n   " + new + f"\n  </{node.tag}>".encode()
            self._changes.append((node.end - 2, node.end, text))
            return
        inside = content[node.opened : node.closing]
        at = node.opened + _BLANK.search(inside).start()
        self._changes.append((at, at, b"\n   " + new))


def _subject(scope, names):
    """``dc:subject`` as a new element."""
    prefix = _prefix(scope, DC)
    if prefix is not None:
        return _property(f"{prefix}subject", scope, names)
    return _property("dc:subject", scope | {"dc": DC}, names, f' xmlns:dc="{DC}"')


def _property(tag, scope, names, declared=""):
    """Write an element whose value is a Bag."""
    prefix = _prefix(scope, RDF)
    if prefix is None:
        prefix, declared = "rdf:", f'{declared} xmlns:rdf="{RDF}"'
    items = "".join(f"\n     <{prefix}li>{escape(name)}</{prefix}li>" for name in names)
    bag = f"<{prefix}Bag>{items}\n    </{prefix}Bag>" if names else f"<{prefix}Bag/>"
    return f"<{tag}{declared}>\n    {bag}\n   </{tag}>".encode()


def _prefix(scope, uri):
    """Prefix of a namespace with its colon, "" if it is the default; None if none."""
    found = [prefix for prefix, space in scope.items() if space == uri]
    if not found:
        return None
    return f"{max(found)}:" if max(found) else ""
