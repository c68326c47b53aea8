"""What the displays draw on: matplotlib when it is needed, axes, colours, names."""

import unicodedata
from functools import lru_cache

import numpy as np

from sklearn_clip._shared import import_optional
from sklearn_clip.plotting._inputs import check_axes

# Colours that people with any colour vision can tell apart [1]_.
#
# .. [1] M. Okabe, K. Ito, "Color universal design", 2008.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
COLOURS = (BLUE, VERMILLION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#777777"  # can be read on white and on black
# Lines behind what is drawn: faint on any ground.
GRID = {"color": GREY, "alpha": 0.25, "linewidth": 0.6}
# Where a name may stand beside its point: offsets in points, and the side it hangs on.
_BESIDE = [(5, 0, "left"), (-5, 0, "right"), (0, 9, "center"), (0, -9, "center")]
_BESIDE += [(4, 8, "left"), (-4, 8, "right"), (4, -8, "left"), (-4, -8, "right")]
# Farther off, with a line that leads to the point.
_FAR = [
    (12 * side, 11 * step * up, hang)
    for step in range(2, 13)
    for up in (1, -1)
    for side, hang in ((1, "left"), (-1, "right"))
]


def require_pyplot(display):
    """Import matplotlib.pyplot, or say which extra brings it.

    Parameters
    ----------
    display : class or instance
        The display that needs it.

    Returns
    -------
    module
        matplotlib.pyplot.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    name = (display if isinstance(display, type) else type(display)).__name__
    import_optional("matplotlib", extra="plot", purpose=name)
    return import_optional("matplotlib.pyplot", extra="plot", purpose=name)


def single_axes(pyplot, ax, figsize):
    """Take the given axes, or make a figure with one.

    Parameters
    ----------
    pyplot : module
        matplotlib.pyplot.
    ax : Axes or None
        What was given.
    figsize : tuple of float
        Width and height of a new figure, in inches.

    Returns
    -------
    figure : Figure
        The figure.
    ax : Axes
        The axes.

    Raises
    ------
    TypeError
        If `ax` is no Axes.
    """
    if ax is None:
        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    check_axes(ax)
    return ax.figure, ax


def panel_axes(pyplot, ax, n_panels, *, n_cols, panel_size, shared=True):
    """Make a grid of axes, or take the given ones.

    Parameters
    ----------
    pyplot : module
        matplotlib.pyplot.
    ax : Axes, array-like of Axes, or None
        Axes in whose place the grid is put, or one for each panel; None makes a
        figure.
    n_panels : int
        Number of axes.
    n_cols : int
        Columns of the grid.
    panel_size : tuple of float
        Width and height of a panel in a new figure, in inches.
    shared : bool, default=True
        Whether the axes of the grid share both scales.

    Returns
    -------
    figure : Figure
        The figure.
    axes : ndarray of shape (n_panels,), dtype=object
        The axes, row by row.

    Raises
    ------
    TypeError
        If what is given is no Axes.
    ValueError
        If another number of axes is given.
    """
    if ax is not None and not hasattr(ax, "get_subplotspec"):
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) != n_panels:
            raise ValueError(
                f"ax must be one Axes, or one for each of the {n_panels} panels. "
                f"Got {len(axes)}."
            )
        for one in axes:
            check_axes(one)
        return axes[0].figure, axes
    n_cols = int(n_cols)
    n_rows = -(-n_panels // n_cols)
    if ax is None:
        size = n_cols * panel_size[0], n_rows * panel_size[1] + 0.7
        figure = pyplot.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_rows, n_cols)
    else:
        figure = ax.figure
        # Scales of their own take room between the panels.
        gap = {} if shared else {"wspace": 0.6}
        grid = place_of(ax).subgridspec(n_rows, n_cols, hspace=0.5, **gap)
    axes = np.empty(n_panels, dtype=object)
    for panel in range(n_panels):
        share = axes[0] if panel and shared else None
        axes[panel] = figure.add_subplot(grid[panel], sharex=share, sharey=share)
        if shared:
            axes[panel].tick_params(
                labelbottom=panel + n_cols >= n_panels, labelleft=panel % n_cols == 0
            )
    return figure, axes


def place_of(ax):
    """Empty given axes, for axes that are put in their place.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    SubplotSpec
        Their place in the figure.

    Raises
    ------
    ValueError
        If they have no place in a grid.
    """
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax must have a place in a grid, as those of pyplot.subplots have, to be "
            f"divided into panels. Got axes at {ax.get_position().bounds}."
        )
    ax.set_axis_off()
    return place


def text_width(text):
    """Measure a text in characters of the Latin alphabet.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    int
        Its width: a Chinese, Japanese or Korean character is as wide as two, a
        combining mark takes no room.
    """
    return sum(map(_character_width, text))


def _character_width(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _characters_in(text, width):
    """Count the leading characters that have room in a width."""
    room = np.cumsum([_character_width(character) for character in text])
    return int(np.searchsorted(room, width, side="right"))


def short_name(name, width=28):
    """Shorten the name of a label in its middle.

    Parameters
    ----------
    name : object
        The name.
    width : int, default=28
        Width to keep, at most, in characters of the Latin alphabet.

    Returns
    -------
    str
        The name on one line.
    """
    text = " ".join(str(name).split())
    if text_width(text) <= width:
        return text
    # Names of one family often differ at the end only.
    tail = (width - 1) // 3
    head = text[: _characters_in(text, width - 1 - tail)]
    end = text[len(text) - _characters_in(text[::-1], tail) :]
    return f"{head.rstrip()}…{end.lstrip()}"


def families(*texts):
    """Fonts that have the characters of some texts between them.

    Parameters
    ----------
    *texts : str
        The texts.

    Returns
    -------
    list of str
        Names of font families: the user's, DejaVu Sans, which comes with matplotlib,
        and as many installed ones as it takes; characters that none has are left.
    """
    from matplotlib import rcParams

    chosen = [*rcParams["font.family"], "DejaVu Sans"]
    characters = {c for text in texts for c in text if ord(c) > 127 and c.isprintable()}
    return chosen + _fallback_families(tuple(chosen), frozenset(characters))


@lru_cache(maxsize=256)
def _fallback_families(chosen, characters):
    """Installed fonts that have the characters which the chosen ones lack."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    lacking = characters
    for family in chosen:
        # A list, for a single str is read as a pattern of fontconfig.
        path = findfont(FontProperties(family=[family]))
        lacking = lacking - _glyphs(path, lacking)
    if not lacking:
        return []
    # Plain faces alone: a bold or slanted one would stand out among the other names.
    # matplotlib's "Last Resort" has every character, as an empty box.
    covered = {
        font.name: _glyphs(font.fname, lacking)
        for font in sorted(fontManager.ttflist, key=lambda f: (f.name, f.fname))
        if (font.style, font.weight) == ("normal", 400)
        and not font.name.startswith("Last Resort")
    }
    found = []
    while covered:  # the one that has most of what is left
        family = max(covered, key=lambda name: len(covered[name] & lacking))
        if not covered[family] & lacking:
            break
        found.append(family)
        lacking = lacking - covered.pop(family)
    return found


def _glyphs(path, characters):
    """Those of some characters that a font has."""
    from matplotlib.ft2font import FT2Font

    if not characters:
        return frozenset()
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):  # listed, but gone or of an unknown kind
        return frozenset()
    return frozenset(c for c in characters if font.get_char_index(ord(c)))


def name_ticks(axis, places, names, **text):
    """Write names at the ticks of an axis; a dollar sign is no formula.

    Parameters
    ----------
    axis : matplotlib Axis
        ``ax.xaxis`` or ``ax.yaxis``.
    places : array-like of float
        Positions.
    names : iterable
        The names.
    **text
        Properties of the texts.
    """
    names = [short_name(name) for name in names]
    axis.set_ticks(places, labels=names, family=families(*names), **text)
    for label in axis.get_ticklabels():
        label.set_parse_math(False)


def fit_legend(ax, handles, names, texts, fontsize, **place):
    """Write a legend no wider than its axes or figure, if shorter names make it so.

    Parameters
    ----------
    ax : matplotlib Axes or Figure
        Where it is written.
    handles : list of matplotlib Artist
        What is explained.
    names : list
        Names of labels, the first words of their lines; None for none.
    texts : list of str
        What comes after the names.
    fontsize : int
        Size of the font, if there is room.
    **place
        Where it stands.
    """
    room, legend = ax.get_window_extent().width, None
    for width, less, length in ((24, 0, 2), (16, 1, 2), (10, 2, 1)):
        if legend is not None:
            legend.remove()  # a figure would keep both
        for handle, name, text in zip(handles, names, texts, strict=True):
            handle.set_label(("" if name is None else short_name(name, width)) + text)
        style = {"fontsize": fontsize - less, "handlelength": length}
        legend = ax.legend(handles=handles, **style, **place)
        for text in legend.get_texts():
            text.set(parse_math=False, family=families(text.get_text()))
        if legend.get_window_extent().width <= room:
            return


def count_scale(axis, counts):
    """Put counts on a logarithmic scale with plain numbers.

    Parameters
    ----------
    axis : matplotlib Axis
        ``ax.xaxis`` or ``ax.yaxis``.
    counts : ndarray of int
        What is drawn; a 0 makes the scale linear below 1.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    set_scale = getattr(axis.axes, f"set_{axis.axis_name}scale")
    if (counts == 0).any():
        set_scale("symlog", linthresh=1)
        axis.set_view_interval(-0.3, 1.3 * max(counts.max(), 1), ignore=True)
    else:
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def name_points(ax, points, texts, order, n_names, *, n_sure=0):
    """Write names beside points where they cover neither points nor other names.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes, their scales set.
    points : ndarray of shape (n_points, 2)
        Positions, in data coordinates.
    texts : list of str
        Names.
    order : ndarray of int
        Points, those to be named first at first.
    n_names : int or None
        Names at most.
    n_sure : int, default=0
        Names of the first points of `order` that also look for room farther off, with
        a line that leads to the point.

    Returns
    -------
    list of matplotlib Text
        The names that found room.
    """
    ax.figure.canvas.draw()  # lays the figure out, so that extents are known
    frame = ax.get_window_extent()
    dots = ax.transData.transform(points)
    taken, written = [], []
    for turn, point in enumerate(order):
        if n_names is not None and len(written) >= n_names:
            break
        name = _write_name(ax, texts[point], points[point])
        own = name.get_window_extent()  # asked at each place it takes most of the time
        for place in _BESIDE + (_FAR if turn < n_sure else []):
            box = _box_at(own, place, ax.figure.dpi)
            inside = (
                frame.x0 <= box.x0
                and box.x1 <= frame.x1
                and frame.y0 <= box.y0
                and box.y1 <= frame.y1
            )
            if (
                inside
                and not box.count_overlaps(taken)
                and not box.count_contains(dots)
            ):
                taken.append(box)
                written.append(name)
                name.set(position=place[:2], ha=place[2])
                if place in _FAR:
                    _draw_leader(ax, points[point], place[:2])
                break
        else:
            name.remove()
    return written


def _write_name(ax, text, point):
    """Write a name at a point, outlined in the colour of the ground."""
    from matplotlib.patheffects import withStroke

    return ax.annotate(
        text,
        point,
        xytext=(0, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        family=families(text),
        parse_math=False,
        path_effects=[withStroke(linewidth=2, foreground=ax.get_facecolor())],
    )


def _box_at(own, place, dpi):
    """Box of a name at a place, of that which it fills where it begins at its point."""
    x, y, hang = place
    left = {"left": 0.0, "center": 0.5, "right": 1.0}[hang] * own.width
    return own.translated(x * dpi / 72 - left, y * dpi / 72)


def _draw_leader(ax, point, offset):
    """Draw a line from a name that stands farther off to its point."""
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6}
    ax.annotate(
        "",
        point,
        xytext=offset,
        textcoords="offset points",
        arrowprops={**line, "shrinkA": 0, "shrinkB": 2},
    )
