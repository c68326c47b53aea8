"""Draw the rooms of the package and who imports whom: docs/images/rooms.svg.

``python tools/draw_rooms.py`` writes the picture from the imports and the first lines
of the docstrings of today; with ``--check`` it writes nothing and fails where the
picture is of other ones.
"""

import argparse
import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sklearn_clip"
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
# Any room may import these, so that their arrows would say nothing.
SHARED = {"_lazy", "_shared"}
# The rooms along the way of the data. A room that is not named stands above them.
WAY = (
    "embedding",
    "fusion",
    "_featurizer",
    "losses",
    "metrics",
    "model_selection",
    "labels",
    "heads",
    "calibration",
    "thresholds",
    "zero_shot",
    "finetune",
)

# All lengths are pixels of a picture that is 900 wide.
WIDTH = 900
ROOM_WIDTH, ROOM_HEIGHT, ROW = 224, 68, 78
LEAF_GAP = 8
TRACK = 12  # between two lanes beside the rooms
MARGIN, HEADER, BAND_GAP, FOOTER, INDENT = 8, 78, 26, 30, 8
NAME_SIZE, TEXT_SIZE, LINE = 13, 11, 14
INK, PALE, PAPER = "#22303c", "#5b6b78", "#fbfcfd"
# Okabe and Ito's colours, which colour-blind readers tell apart, without their yellow.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555")


def read_rooms():
    """Return the rooms that each room imports, and the purpose of each in a line."""
    imports, purposes = {}, {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in SHARED | {"__init__"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = set(_imported_rooms(tree)) - SHARED - {room}
        imports[room] = imports.get(room, set()) | found
        if path.parent == PACKAGE or path == PACKAGE / room / "__init__.py":
            line = ast.get_docstring(tree).partition("\n")[0].rstrip(".")
            # "Heads: classifiers of many labels" beside the name says heads twice.
            line = re.sub(rf"^{room.rstrip('s')}s?: ", "", line, flags=re.I)
            purposes[room] = line[0].upper() + line[1:]
    return imports, purposes


def _imported_rooms(tree):
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "sklearn_clip" and rest:
                yield rest.partition(".")[0]


def order_rooms(imports):
    """Return the leaves along the way of the data, and the others from below upwards.

    Each room comes after all that it imports, so that every arrow points downwards.
    """
    waiting = sorted(
        imports, key=lambda room: (WAY.index(room) if room in WAY else len(WAY), room)
    )
    leaves = [room for room in waiting if not imports[room]]
    waiting = [room for room in waiting if imports[room]]
    rooms = []
    while waiting:
        done = {*leaves, *rooms}
        ready = (room for room in waiting if imports[room] <= done)
        room = next(ready, None)
        if room is None:
            sys.exit(f"These rooms import each other in a cycle: {waiting}.")
        waiting.remove(room)
        rooms.append(room)
    return leaves, rooms


def describe(imports, purposes):
    """Put all that the picture shows in lines, which are kept in its metadata."""
    return [
        f"{room} ({purposes[room]}) imports {', '.join(sorted(imports[room])) or '-'}"
        for room in sorted(imports)
    ]


def read_description():
    """Return the lines in the metadata of the picture that is there."""
    root = ElementTree.parse(PICTURE).getroot()
    found = root.find(".//{http://purl.org/dc/elements/1.1/}description")
    return found.text.splitlines()


def draw(imports, purposes):
    """Write the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "rooms"  # the same bytes every time
    matplotlib.rcParams["svg.fonttype"] = "none"  # text, which can be searched
    leaves, rooms = order_rooms(imports)
    on_way = [room for room in rooms if room in WAY]
    above = [room for room in rooms if room not in WAY]
    tracks = _share_tracks(imports, rooms)
    lanes = MARGIN + ROOM_WIDTH + max(40, TRACK * (len(set(tracks.values())) + 1))
    widths = _leaf_widths(leaves, purposes, WIDTH - MARGIN - lanes)
    lines = [_fold(purposes[room], widths[room] - 2 * INDENT) for room in leaves]
    leaf_top = FOOTER + NAME_SIZE + 2 * INDENT + LINE * max(map(len, lines))
    bottom = leaf_top + BAND_GAP
    height = bottom + ROW * len(rooms) + BAND_GAP + HEADER
    axes = _make_axes(matplotlib, height)

    y = {room: bottom + ROW * (k + 0.5) for k, room in enumerate(on_way)}
    start = bottom + ROW * len(on_way) + BAND_GAP
    y |= {room: start + ROW * (k + 0.5) for k, room in enumerate(above)}

    # Every room that others import has a lane: a leaf's goes straight down to it, that
    # of another room runs beside the rooms and turns in to it.
    x, edge = {}, lanes
    for room in leaves:
        x[room] = edge + widths[room] / 2
        edge += widths[room] + LEAF_GAP
    for room, track in tracks.items():
        x[room] = MARGIN + ROOM_WIDTH + 8 + TRACK * (track + 0.5)
    colours = dict(zip(x, COLOURS * 3, strict=False))

    for room, place in x.items():
        users = [other for other in rooms if room in imports[other]]
        if users:
            top = max(y[other] for other in users)
            if room in y:
                ends = y[room] + ROOM_HEIGHT / 4, MARGIN + ROOM_WIDTH
            else:
                ends = leaf_top, None
            _draw_lane(axes, place, top, *ends, colours[room])
    for room in rooms:
        _draw_reach(axes, y[room], [x[other] for other in imports[room]])
        for other in sorted(imports[room]):
            axes.plot(x[other], y[room], "o", color=colours[other], ms=7.5, zorder=4)
        corner = MARGIN, y[room] - ROOM_HEIGHT / 2
        edge = colours.get(room, INK) if room in tracks else INK
        _draw_room(axes, room, purposes[room], corner, (ROOM_WIDTH, ROOM_HEIGHT), edge)
    for room in leaves:
        corner = x[room] - widths[room] / 2, FOOTER
        size = widths[room], leaf_top - FOOTER
        _draw_room(axes, room, purposes[room], corner, size, colours[room])

    _draw_words(axes, height, start, leaf_top)
    PICTURE.parent.mkdir(exist_ok=True)
    description = "\n".join(describe(imports, purposes))
    axes.figure.savefig(PICTURE, metadata={"Description": description, "Date": None})
    # A point of matplotlib's is a pixel here. It leaves blanks at the ends of lines, of
    # which git complains.
    text = PICTURE.read_text(encoding="utf-8")
    text = re.sub(r'(width|height)="(\d+)pt"', r'\1="\2"', text)
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    PICTURE.write_text(text, encoding="utf-8")


def _make_axes(matplotlib, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, height / 72), facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    return axes


def _share_tracks(imports, rooms):
    """Give the lanes of rooms that are no leaves a track each, the short ones first.

    Lanes that do not pass the same rows share one, and the longest is the farthest
    from the rooms, so that arrows into these cross few others.
    """
    spans = {}
    for place, room in enumerate(rooms):
        users = [rooms.index(other) for other in rooms if room in imports[other]]
        if users:
            spans[room] = place, max(users)
    tracks, taken = {}, []
    for room in sorted(spans, key=lambda room: (spans[room][1] - spans[room][0], room)):
        rows = set(range(spans[room][0], spans[room][1] + 1))
        track = next((k for k, t in enumerate(taken) if not rows & t), len(taken))
        taken += [set()] * (track == len(taken))
        taken[track] = taken[track] | rows
        tracks[room] = track
    return tracks


def _leaf_widths(leaves, purposes, width):
    """Share the width out: as much as a long word needs, the rest in equal parts."""
    left = width - LEAF_GAP * (len(leaves) - 1)
    widths = {}
    for room in leaves:
        words = [_measure(word, TEXT_SIZE) for word in purposes[room].split()]
        widths[room] = max(_measure(room, NAME_SIZE, "bold"), *words) + 2 * INDENT
    for count, room in zip(
        range(len(leaves), 0, -1), sorted(leaves, key=widths.get)[::-1], strict=True
    ):
        widths[room] = max(widths[room], left / count)
        left -= widths[room]
    return widths


def _measure(text, size, weight="normal"):
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(weight=weight)
    return 1.03 * TextPath((0, 0), text, size=size, prop=font).get_extents().width


def _draw_lane(axes, x, top, end, side, colour):
    """From the highest room that imports another down to it, with an arrow there."""
    head = "-|>,head_width=4,head_length=8"
    arrow = {"arrowstyle": head, "color": colour, "lw": 2.2, "mutation_scale": 1}
    arrow |= {"shrinkA": 0, "shrinkB": 0}
    # The line ends where the arrow begins, whose tip it would make blunt.
    turn = end + 8 if side is None else end
    axes.plot([x, x], [top, turn], color=colour, lw=2.2, zorder=2)
    tip, tail = ((x, end), (x, end + 12)) if side is None else ((side, end), (x, end))
    axes.annotate("", tip, tail, arrowprops=arrow, zorder=3)


def _draw_reach(axes, y, lanes):
    """From a room to the farthest lane that it reaches."""
    ends = [MARGIN + ROOM_WIDTH, max(lanes)]
    axes.plot(ends, [y, y], color="#aab6c0", lw=1.4, zorder=1)


def _draw_room(axes, room, purpose, corner, size, edge):
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=6"
    colours = {"fc": "white", "ec": edge, "lw": 1.6}
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, zorder=5, **colours))
    left, top = corner[0] + INDENT, corner[1] + size[1] - 7
    axes.text(
        left, top, room, va="top", weight="bold", size=NAME_SIZE, color=INK, zorder=6
    )
    lines = _fold(purpose, size[0] - 2 * INDENT)
    top -= NAME_SIZE + 5
    for line in lines:
        axes.text(left, top, line, va="top", size=TEXT_SIZE, color=INK, zorder=6)
        top -= LINE


def _fold(text, width):
    """Break a text into lines that fit."""
    lines = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _measure(longer, TEXT_SIZE) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _draw_words(axes, height, start, leaf_top):
    def write(x, y, text, **options):
        options = {"size": TEXT_SIZE, "color": PALE, "va": "center"} | options
        axes.text(x, y, text, zorder=6, **options)

    write(
        MARGIN,
        height - 18,
        "The rooms of sklearn_clip, and who imports whom",
        size=15,
        color=INK,
        weight="bold",
    )
    write(
        MARGIN,
        height - 40,
        "A dot: the room on the left imports the room at the end "
        "of the arrow. Everything points down: nobody imports what stands above it.",
    )
    write(
        MARGIN,
        height - 58,
        "Way of the data: rows → embedding → fusion → features "
        "→ heads → scores → thresholds → labels",
    )
    axes.axhline(start - BAND_GAP / 2, color="#d5dde3", lw=1, ls=(0, (4, 4)), zorder=0)
    write(
        MARGIN,
        start - BAND_GAP / 2,
        "↑ above the way of the data, ↓ along it",
        bbox={"fc": PAPER, "ec": "none", "pad": 3},
    )
    write(MARGIN, leaf_top - 12, "Leaves import no other room,", color=INK)
    write(MARGIN, leaf_top - 27, "and any room may import them.", color=INK)
    write(
        MARGIN,
        FOOTER / 2,
        "Not drawn: _shared (errors, checks), which every room may "
        "import, and _lazy (names that are imported at first use).",
    )


def main():
    """Draw, or check what is drawn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    imports, purposes = read_rooms()
    if not check:
        draw(imports, purposes)
        return
    wanted, drawn = describe(imports, purposes), read_description()
    changed = [f"  now: {line}" for line in wanted if line not in drawn]
    changed += [f"  drawn: {line}" for line in drawn if line not in wanted]
    if changed:
        sys.exit(
            "\n".join([f"{PICTURE.name} is out of date: run make rooms.", *changed])
        )


if __name__ == "__main__":
    main()
