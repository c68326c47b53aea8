"""Keywords that stand in trees: structures of XMP, and the categories of ACDSee."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MWG = "http://www.metadataworkinggroup.com/schemas/keywords/"
_ICS = "http://ns.idimager.com/ics/1.0/"
# By the property of the trees: the field in it that holds them (None if it does so
# itself), and of a node its name, the nodes below, and whether it is applied.
TREES = {
    (_MWG, "Keywords"): (
        (_MWG, "Hierarchy"),
        *((_MWG, "Keyword"), (_MWG, "Children"), (_MWG, "Applied")),
    ),
    (_ICS, "TagStructure"): (None, (_ICS, "LabelName"), (_ICS, "SubLabels"), None),
}
CATEGORIES = ("http://ns.acdsee.com/iptc/1.0/", "categories")
# Not read as XML: ampersands stand in names as they are.
_TAG = re.compile(r"<\s*+(/?)\s*+(Category|Categories)\b([^<>]*+)>", re.IGNORECASE)
_ASSIGNED = re.compile(r"\bAssigned\s*=\s*[\"']?(\w+)", re.IGNORECASE)
_NO = ("0", "false")
# Categories in one another; paths are made by recursion.
_DEEPEST = 100


@dataclass
class _Node:
    """A category: its place, whether it is assigned (None if unsaid), its name."""

    parent: Any
    assigned: bool | None
    depth: int
    name: str = ""
    is_leaf: bool = True

    @property
    def path(self) -> tuple[str, ...]:
        above = () if self.parent is None else self.parent.path
        return (*above, self.name) if self.name else above


def read_categories(text):
    """Read the categories of ACDSee, which stand in one another in a text.

    Parameters
    ----------
    text : str
        Such as ``<Categories><Category Assigned="0">animal<Category Assigned="1">cat
        </Category></Category></Categories>``.

    Returns
    -------
    list of tuple of str, or None
        Places of those that are assigned; None if the text breaks off,
        or they are nested without end.
    """
    nodes: list[_Node] = []
    current, at = None, 0
    for tag in _TAG.finditer(text):
        if current is not None:
            current.name += html.unescape(text[at : tag.start()]).strip()
        at = tag.end()
        if tag[2].lower() == "categories":
            continue
        if tag[1]:
            if current is None:
                return None
            current = current.parent
            continue
        said = _ASSIGNED.search(tag[3])
        assigned = None if said is None else said[1].lower() not in _NO
        node = _Node(current, assigned, 1 if current is None else current.depth + 1)
        if node.depth > _DEEPEST:
            return None
        if current is not None:
            current.is_leaf = False
        nodes.append(node)
        current = node if not tag[3].rstrip().endswith("/") else current
    if current is not None or (text.strip() and not at):
        return None
    return [
        node.path
        for node in nodes
        if node.name and (node.is_leaf if node.assigned is None else node.assigned)
    ]


def read_trees(packet):
    """Read the places of the keywords in the trees of a packet.

    Where nothing says whether a node is applied, those at the ends are, and what they
    stand below is not (Metadata Working Group, Guidelines for Handling Image Metadata
    2.0, schema of keywords).

    Parameters
    ----------
    packet : Packet

    Returns
    -------
    list of tuple of str
    """
    paths: list[tuple[str, ...]] = []
    for key, (root, name, below, applied) in TREES.items():
        for element in packet.find(key)[0]:
            for items in [element] if root is None else element.fields(root):
                _collect(items, (), name, below, applied, paths.append)
    return paths


def _collect(
    element: Any,
    above: tuple[str, ...],
    name: Any,
    below: Any,
    applied: Any,
    add: Callable[[tuple[str, ...]], None],
) -> None:
    """Give `add` the places of what is applied in a list of nodes."""
    container = element.container
    for node in container.children if container is not None else ():
        text = node.field_text(name) or ""
        path = (*above, text) if text else above
        parts = node.fields(below)
        is_leaf = not any(part.container and part.container.children for part in parts)
        said = None if applied is None else node.field_text(applied)
        if text and (is_leaf if not said else said.lower() not in _NO):
            add(path)
        for part in parts:
            _collect(part, path, name, below, applied, add)
