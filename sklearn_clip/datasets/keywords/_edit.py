"""Keywords put into and taken out of a packet of XMP, and no other byte changed."""

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets.keywords._xmp import (
    DC,
    LIGHTROOM,
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
# Of the namespaces whose properties may be made anew.
_PREFIXES = {
    DC: "dc",
    LIGHTROOM[0]: "lr",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
}
_BLANK = re.compile(rb"\s*\Z")


@dataclass
class Change:
    """What is to become of the keywords of a picture.

    Attributes
    ----------
    names : list of str
        Keywords to put in.
    gone : set of str
        Keywords to take out, cleaned.
    paths : list of tuple of str
        The places of those to put in; a name alone where it has none.
    gone_paths : set of tuple of str, or None
        Places to take out, cleaned; None for all that end in a keyword to take out.
    """

    names: list
    gone: set
    paths: list
    gone_paths: set | None = None

    @classmethod
    def of_names(cls, add, remove):
        """Change keywords that have no places."""
        gone = {clean_name(name) for name in remove}
        return cls(list(add), gone, [(name,) for name in add])

    @classmethod
    def of_labels(cls, add, remove, separator, there):
        """Change keywords whose labels are paths.

        Parameters
        ----------
        add, remove : list of str
            Labels. One that stands above another is said by that one.
        separator : str
            What stands between the parts of a label.
        there : list of tuple of str
            Places that the picture has.
        """
        paths = [split_path(label, separator) for label in add]
        above = {path[:n] for path in map(clean_path, paths) for n in range(len(path))}
        paths = [path for path in paths if path and clean_path(path) not in above]
        # What stands above a label that is added is not taken out with it.
        gone_paths = {clean_path(split_path(label, separator)) for label in remove}
        gone_paths -= above
        there = {clean_path(path) for path in there}
        gone = {path[-1] for path in gone_paths if len(path) == 1 or path in there}
        gone -= {path[-1] for path in there - gone_paths}
        gone |= {clean_name(label) for label in remove}
        gone -= {clean_name(path[-1]) for path in paths}
        return cls([path[-1] for path in paths], gone, paths, gone_paths)

    def keep_places(self, places, own):
        """Put in the places that a new one would hide, in a packet read before others.

        Parameters
        ----------
        places : list of tuple of str
            Those that the picture has.
        own : list of tuple of str
            Those that the packet has.
        """
        if self.gone_paths is None:
            return
        there = {clean_path(path) for path in (*own, *self.paths)} | self.gone_paths
        ends = {path[-1] for path in map(clean_path, self.paths) if len(path) > 1}
        ends |= {path[-1] for path in self.gone_paths if path}
        self.paths += [
            path
            for path in places
            if clean_name(path[-1]) in ends and clean_path(path) not in there
        ]

    def changes(self, names, places):
        """Whether keywords and their places are others afterwards."""
        looks = {clean_name(name) for name in names}
        if looks & self.gone or any(clean_name(n) not in looks for n in self.names):
            return True
        if self.gone_paths is None:
            return False
        places = {clean_path(path) for path in places}
        new = {clean_path(path) for path in self.paths if len(path) > 1}
        return bool(new - places or self.gone_paths & places)

    def is_out(self, path):
        """Whether a place is to be taken out."""
        path = clean_path(path)
        if self.gone_paths is None:
            return bool(path) and path[-1] in self.gone
        return path in self.gone_paths


def clean_path(path):
    """Path whose parts are spelled in the one way of all that look alike."""
    return tuple(clean_name(part) for part in path)


def edit_keywords(packet, base, change):
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
    change : Change
        What is to be put in and taken out.

    Returns
    -------
    bytes
        The packet with the changes; the same bytes where there are none.
    """
    editor = _Editor(packet)
    editor.edit_subject(base, change)
    for key, separator in PATH_LISTS.items():
        editor.edit_paths(key, separator, change)
    return editor.finish()


class _Editor:
    """Collects changes of a packet, each of which is a place and its new bytes."""

    def __init__(self, packet: Packet):
        self._packet = packet
        self._changes: list[tuple[int, int, bytes]] = []

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

    def edit_subject(self, base, change):
        """Change ``dc:subject``, or make it."""
        there = self._packet.values(SUBJECT)
        names = base if there is None else there
        looks = {clean_name(name) for name in names}
        new = [name for name in change.names if clean_name(name) not in looks]
        if there is None:
            kept = [name for name in names if clean_name(name) not in change.gone]
            self._insert_property(SUBJECT, [*kept, *new])
        elif new or looks & change.gone:
            self._edit_property(
                SUBJECT, new, lambda name: clean_name(name) in change.gone, True
            )

    def edit_paths(self, key, separator, change):
        """Change a list of paths; that of Lightroom is made where there are places."""
        texts = self._packet.values(key)
        there = [split_path(text, separator) for text in texts or ()]
        if change.gone_paths is None:
            ends = {clean_name(path[-1]) for path in there if path}
            new = [path for path in change.paths if clean_name(path[-1]) not in ends]
        else:
            looks = {clean_path(path) for path in there}
            new = [path for path in change.paths if clean_path(path) not in looks]
        new = [
            separator.join(path)
            for path in new
            if not any(separator in part for part in path)
        ]
        if texts is None:
            if key == LIGHTROOM and any(len(path) > 1 for path in change.paths):
                self._insert_property(key, new)
        elif new or any(map(change.is_out, there)):
            self._edit_property(
                key, new, lambda text: change.is_out(split_path(text, separator)), False
            )

    def _edit_property(self, key, new, is_out, as_bag):
        """Change the items of a property, wherever they stand."""
        elements, nodes = self._packet.find(key)
        for element in elements:
            self._edit_list(element, new, is_out, as_bag)
            new = []
        for node in nodes:
            value = node.attributes[key].strip()
            kept = [value] if value and not is_out(value) else []
            self._take_attribute(node, key)
            if kept or new or not elements:
                self._insert(node, _new_property(key, node.scope, [*kept, *new]))
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

    def _take_attribute(self, node, key):
        """Take an attribute out of a start tag."""
        content = self._packet.content
        for prefix, uri in node.scope.items():
            if uri != key[0] or not prefix:
                continue
            pattern = rb"\s+" + re.escape(f"{prefix}:{key[1]}".encode())
            pattern += rb"\s*=\s*(\"[^\"]*\"|'[^']*')"
            for found in re.finditer(pattern, content[node.start : node.opened]):
                start = node.start + found.start()
                self._changes.append((start, node.start + found.end(), b""))

    def _insert_property(self, key, names):
        """Put a property into the first node, or into one of its own."""
        rdf = self._packet.rdf
        nodes = [node for node in rdf.children if node.key == (RDF, "Description")]
        if nodes:
            self._insert(nodes[0], _new_property(key, nodes[0].scope, names))
            return
        prefix = rdf.tag.removesuffix("RDF")
        if not prefix:  # attributes need one
            prefix = "rdf:"
            head = f'rdf:Description xmlns:rdf="{RDF}" rdf:about=""'
        else:
            head = f'{prefix}Description {prefix}about=""'
        scope = rdf.scope | {prefix[:-1]: RDF}
        text = f"<{head}>".encode() + _new_property(key, scope, names)
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


def _new_property(key, scope, names):
    """Write a property as a new element."""
    uri, local = key
    prefix = _prefix(scope, uri)
    if prefix:
        return _property(f"{prefix}{local}", scope, names)
    # An attribute needs a prefix, an element need not go without one.
    prefix = _PREFIXES[uri]
    return _property(
        f"{prefix}:{local}", scope | {prefix: uri}, names, f' xmlns:{prefix}="{uri}"'
    )


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
