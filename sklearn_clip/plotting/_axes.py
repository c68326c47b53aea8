"""What the displays draw on: matplotlib when it is needed, axes, colours, names."""

import numpy as np

from sklearn_clip._shared import import_optional

# Colours that people with any colour vision can tell apart [1]_.
#
# .. [1] M. Okabe, K. Ito, "Color universal design", 2008.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
COLOURS = (BLUE, VERMILLION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#777777"


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
    """
    if ax is None:
        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def panel_axes(pyplot, ax, n_panels, *, n_cols, panel_size):
    """Make a grid of axes that share both scales, or take the given ones.

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

    Returns
    -------
    figure : Figure
        The figure.
    axes : ndarray of shape (n_panels,), dtype=object
        The axes, row by row.

    Raises
    ------
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
        return axes[0].figure, axes
    n_rows = -(-n_panels // n_cols)
    if ax is None:
        size = n_cols * panel_size[0], n_rows * panel_size[1] + 0.7
        figure = pyplot.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_rows, n_cols)
    else:
        figure = ax.figure
        grid = place_of(ax).subgridspec(n_rows, n_cols, hspace=0.5)
    axes = np.empty(n_panels, dtype=object)
    for panel in range(n_panels):
        share = axes[0] if panel else None
        axes[panel] = figure.add_subplot(grid[panel], sharex=share, sharey=share)
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


def short_name(name, width=28):
    """Shorten the name of a label in its middle.

    Parameters
    ----------
    name : object
        The name.
    width : int, default=28
        Characters to keep, at most.

    Returns
    -------
    str
        The name on one line.
    """
    text = " ".join(str(name).split())
    if len(text) <= width:
        return text
    # Names of one family often differ at the end only.
    tail = (width - 1) // 3
    head, end = text[: width - 1 - tail], text[len(text) - tail :]
    return f"{head.rstrip()}…{end.lstrip()}"


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
    axis.set_ticks(places, labels=[short_name(name) for name in names], **text)
    for label in axis.get_ticklabels():
        label.set_parse_math(False)


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


def name_points(ax, points, texts, order, n_names):
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

    Returns
    -------
    list of matplotlib Text
        The names that found room.
    """
    from matplotlib.patheffects import withStroke

    ax.figure.canvas.draw()  # lays the figure out, so that extents are known
    frame = ax.get_window_extent()
    dots = ax.transData.transform(points)
    taken, written = [], []
    for point in order:
        if n_names is not None and len(written) >= n_names:
            break
        for offset, side in ((5, "left"), (-5, "right")):
            name = ax.annotate(
                texts[point],
                points[point],
                xytext=(offset, 0),
                textcoords="offset points",
                ha=side,
                va="center_baseline",
                fontsize=8,
                parse_math=False,
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )
            box = name.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            free = not box.count_overlaps(taken) and not box.count_contains(dots)
            if inside and free:
                taken.append(box)
                written.append(name)
                break
            name.remove()
    return written
