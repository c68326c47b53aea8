"""What a picture, its sidecars and their blocks say, and which of them decides."""

from dataclasses import dataclass, field

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets._hierarchy import join_label, split_label
from sklearn_clip.datasets.keywords._blocks import read_blocks
from sklearn_clip.datasets.keywords._iptc import is_cut_of
from sklearn_clip.datasets.keywords._xmp import split_path

SOURCES = ("sidecar", "xmp", "iptc", "exif")


@dataclass
class Photo:
    """What is known of the keywords of one picture.

    Attributes
    ----------
    path : str
        Of the picture.
    keywords : list of str or None
        None if no block says anything about keywords; empty if one says that there
        are none.
    source : str
        Which one decided, "" if none did, "union" if all of them together.
    paths : list of tuple of str
        Places of keywords in a hierarchy, from the first packet of XMP that has some
        of a keyword, or from all of them together.
    others : list of tuple (str, list of str)
        Sources that say something else.
    problems : list of tuple (str, str)
        Blocks that could not be read, and why.
    """

    path: str
    keywords: list | None = None
    source: str = ""
    paths: list = field(default_factory=list)
    others: list = field(default_factory=list)
    problems: list = field(default_factory=list)


def read_photo(path, sidecars, sources=SOURCES, combine="first"):
    """Read the keywords of a picture.

    Parameters
    ----------
    path : str
        The picture, which need not be there.
    sidecars : Sidecars
        Those that belong to it.
    sources : sequence of {"sidecar", "xmp", "iptc", "exif"}
        Where keywords are looked for, in the order in which they count.
    combine : {"first", "union"}
        Whether the first that says something decides, or all of them together.

    Returns
    -------
    Photo
    """
    photo = Photo(path)
    said = dict.fromkeys(sources, ())
    packets = dict.fromkeys(sources, ())
    unread = []
    if "sidecar" in said:
        photo.problems += sidecars.problems
        said["sidecar"] = [sidecars.packets.get(file) for file in sidecars.files]
        said["sidecar"] = [packet for packet in said["sidecar"] if packet is not None]
        unread += [
            (file.name, reason)
            for file, packet in sidecars.packets.items()
            for reason in packet.unread
        ]
        packets["sidecar"] = [[packet] for packet in said["sidecar"]]
        said["sidecar"] = [packet.keywords for packet in said["sidecar"]]
    if said.keys() - {"sidecar"}:
        blocks = read_blocks(path)
        photo.problems += [
            problem for problem in blocks.problems if problem[0] in ("file", *said)
        ]
        if "xmp" in said:
            packets["xmp"] = [blocks.packets]
            unread += [
                ("xmp", reason) for packet in blocks.packets for reason in packet.unread
            ]
            said["xmp"] = [_join(packet.keywords for packet in blocks.packets)]
        if "iptc" in said:
            said["iptc"] = [blocks.iptc]
        if "exif" in said:
            said["exif"] = [blocks.exif]
    together = [group for source in sources for group in packets[source]]
    if combine == "union":
        together = [[packet for group in together for packet in group]]
    photo.paths = _first_paths(together)
    statements = [
        (source, keywords)
        for source in sources
        for keywords in said[source]
        if keywords is not None
    ]
    if statements:
        photo.source, photo.keywords = statements[0]
        photo.others = [
            (source, keywords)
            for source, keywords in statements[1:]
            if not _agree(photo.keywords, source, keywords)
        ]
    else:
        photo.problems += unread
    if combine == "union" and len(statements) > 1:
        photo.source = "union"
        photo.keywords = _join(keywords for _, keywords in statements)
    return photo


def _first_paths(groups):
    """Paths of packets; of a keyword those of the first group that places it.

    Others are old places, as in a file whose sidecar has been changed.
    """
    found = {}
    for packets in groups:
        ends = {clean_name(path[-1]) for path in found}
        new = [path for packet in packets for path in packet.paths]
        found |= dict.fromkeys(p for p in new if clean_name(p[-1]) not in ends)
    return list(found)


def _join(lists):
    """All keywords of several lists; None if none is there."""
    there = [keywords for keywords in lists if keywords is not None]
    if not there:
        return None
    return list(
        {
            clean_name(name): name for found in there[::-1] for name in found[::-1]
        }.values()
    )[::-1]


def _agree(decided, source, keywords):
    """Whether a source says the same, as far as it can.

    IPTC has room for 64 bytes of a keyword, and XPKeywords for none with a semicolon.
    """
    found = {clean_name(name) for name in keywords}
    if found == {clean_name(name) for name in decided}:
        return True
    if source == "iptc":
        return len(decided) == len(keywords) and all(
            any(is_cut_of(short, name) for short in keywords) for name in decided
        )
    if source == "exif":
        parts = (part for name in decided for part in split_path(name, ";"))
        return found == {clean_name(part) for part in parts}
    return False


def place_keywords(keywords, paths, separator):
    """Labels of keywords and of all that stands above them.

    Parameters
    ----------
    keywords : list of str
        Of a picture: they decide what holds, and paths only where it stands.
    paths : list of tuple of str
        Known places. A keyword is placed by each path that ends in it, else by the
        separators in itself. One that is a part of the path of another is no label of
        its own, since the path of that part is one.
    separator : str
        What stands between the parts of a label.

    Returns
    -------
    list of str
        Labels: "animal" and "animal|cat" of the path ("animal", "cat").
    """
    by_end = {}
    for path in paths:
        by_end.setdefault(clean_name(path[-1]), []).append(path)
    placed, bare = {}, []
    for name in keywords:
        ends = by_end.get(clean_name(name), [])
        parts = tuple(filter(None, split_label(name, separator))) or (name,)
        if not ends and len(parts) > 1:
            ends = [parts]
        if not ends:
            bare += parts
        for path in ends:
            for length in range(1, len(path) + 1):
                placed[join_label(path[:length], separator)] = path[:length]
    parts = {clean_name(path[-1]) for path in placed.values()}
    bare = [name for name in bare if clean_name(name) not in parts]
    return [*placed, *bare]
