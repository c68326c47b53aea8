"""Pairs of pictures that may be copies of one another."""

from typing import Any

import numpy as np

from sklearn_clip._shared import _num_samples
from sklearn_clip.model_selection import NearDuplicateReport, near_duplicate_groups
from sklearn_clip.plotting._axes import GREEN, VERMILLION, families, require_pyplot
from sklearn_clip.plotting._inputs import check_count
from sklearn_clip.plotting._pictures import (
    FONT,
    check_image_size,
    draw_picture,
    picture_grid,
    read_pictures,
    write_above,
    write_below,
)

# What a pair can be: its mark, its words, its colour.
_KINDS = {True: ("=", "one group", GREEN), False: ("≠", "apart", VERMILLION)}


class NearDuplicateDisplay:
    """Doubtful pairs of near copies, side by side with their cosines.

    The pairs are those closest to the threshold, the most alike first. If those that
    are in one group are copies and those that are apart are not, the threshold is
    right; if all are copies it is too high, if none is, too low. Use
    `from_embeddings` or `from_report` to make one; all parameters are stored as
    attributes.

    Parameters
    ----------
    images : list of length n_pairs of tuple (first, second)
        Pictures as `PIL.Image.Image`; a str, shown instead, where there is none.
    cosines : array-like of shape (n_pairs,)
        The cosine of each pair.
    together : array-like of shape (n_pairs,)
        Whether the two are in one group.
    titles : list of length n_pairs of tuple (first, second), or None, default=None
        What stands above each picture.
    threshold : float or None, default=None
        The threshold, written above all pairs; None is not written.

    Attributes
    ----------
    axes_ : ndarray of shape (n_pairs, 2), dtype=object
        The axes of the pictures.
    figure_ : matplotlib Figure
        The figure.
    texts_ : list of n_pairs matplotlib Text
        The line below each pair.
    report_ : NearDuplicateReport or None
        Where the pairs come from, if not given as pictures.

    See Also
    --------
    sklearn_clip.near_duplicate_groups : Finds groups, and the pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sklearn_clip.plotting import NearDuplicateDisplay
    >>> pictures = [Image.new("RGB", (9, 9), c) for c in ("red", "tomato", "blue")]
    >>> embeddings = np.array([[1.0, 0.1], [1.0, 0.2], [0.2, 1.0]])
    >>> display = NearDuplicateDisplay.from_embeddings(
    ...     embeddings, pictures, threshold=0.9
    ... )
    >>> [line.get_text() for line in display.texts_]
    ['= 0.9952, one group', '≠ 0.3846, apart', '≠ 0.2927, apart']
    """

    def __init__(self, images, cosines, together, *, titles=None, threshold=None):
        self.images = images
        self.cosines = cosines
        self.together = together
        self.titles = titles
        self.threshold = threshold
        self.report_ = None

    @classmethod
    def from_embeddings(
        cls,
        embeddings,
        images,
        *,
        threshold=0.95,
        linkage="single",
        n_pairs=12,
        image: Any = "auto",
        text: Any = "auto",
        image_root=None,
        ax=None,
        **kwargs,
    ):
        """Find the doubtful pairs of some rows and draw them.

        Parameters
        ----------
        embeddings : array-like of shape (n_samples, n_features)
            One embedding per row, as :func:`~sklearn_clip.near_duplicate_groups` takes
            them.
        images : array-like of length n_samples
            Rows in any form that :class:`~sklearn_clip.CLIPFeaturizer` takes: a
            DataFrame, dicts, pairs, or images alone.
        threshold : float, default=0.95
            Lowest cosine of near copies, in (0, 1].
        linkage : {"single", "average"}, default="single"
            How pairs become groups.
        n_pairs : int, default=12
            Pairs at most, at least 2: half of them above the threshold, where there are
            so many on both sides.
        image, text : str or None, default="auto"
            Names of the columns of images and of the texts above them. ``"auto"`` is
            ``"image"`` and ``"text"``, where there is such a column.
        image_root : str, path-like or None, default=None
            Folder put before relative paths.
        ax : matplotlib Axes or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        NearDuplicateDisplay
            The display. An image that cannot be read is replaced by the reason.

        Raises
        ------
        ValueError
            If lengths differ, a value is out of range, there is no pair, or no images
            can be found.
        """
        require_pyplot(cls)
        _, report = near_duplicate_groups(
            embeddings, threshold, linkage=linkage, report=True, n_pairs=n_pairs
        )
        return cls.from_report(
            report,
            images,
            image=image,
            text=text,
            image_root=image_root,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_report(
        cls,
        report,
        images,
        *,
        image: Any = "auto",
        text: Any = "auto",
        image_root=None,
        ax=None,
        **kwargs,
    ):
        """Draw the pairs of a report.

        Parameters
        ----------
        report : NearDuplicateReport
            Of :func:`~sklearn_clip.near_duplicate_groups` with ``report=True``.
        images : array-like of length n_samples
            The rows of the embeddings, as of `from_embeddings`.
        image, text : str or None, default="auto"
            Names of the columns of images and of the texts above them.
        image_root : str, path-like or None, default=None
            Folder put before relative paths.
        ax : matplotlib Axes or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        NearDuplicateDisplay
            The display. An image that cannot be read is replaced by the reason.

        Raises
        ------
        TypeError
            If `report` is none.
        ValueError
            If lengths differ, there is no pair, or no images can be found.
        """
        require_pyplot(cls)
        if not isinstance(report, NearDuplicateReport):
            pair = isinstance(report, tuple)
            raise TypeError(
                "report must be a NearDuplicateReport, of near_duplicate_groups with "
                f"report=True. Got a {type(report).__name__}"
                + (": give the second of the two." if pair else ".")
            )
        n_samples = len(report.nearest)
        if _num_samples(images) != n_samples:
            raise ValueError(
                "images must have one row for each embedding. Got "
                f"{_num_samples(images)} for {n_samples}."
            )
        if not len(report.pairs):
            raise ValueError(
                "There is no pair to draw: fewer than two rows have an embedding."
            )
        rows, places = np.unique(report.pairs, return_inverse=True)
        pictures, titles = read_pictures(images, rows, image, text, image_root)
        places = places.reshape(report.pairs.shape)
        display = cls(
            [(pictures[first], pictures[second]) for first, second in places],
            report.cosines,
            report.together,
            titles=[(titles[first], titles[second]) for first, second in places],
            threshold=report.threshold,
        )
        display.report_ = report
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_cols=3, image_size=1.2):
        """Draw the pairs.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes in whose place the grid is put; None makes a figure of fitting size.
        n_cols : int, default=3
            Pairs side by side, at most.
        image_size : float, default=1.2
            Width and height of a picture in a new figure, in inches.

        Returns
        -------
        NearDuplicateDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a number is not positive.
        """
        pyplot = require_pyplot(self)
        check_count(n_cols, "n_cols")
        check_image_size(image_size)
        n_pairs = len(self.images)
        n_cols = min(n_cols or n_pairs, n_pairs)
        # The two of a pair stand close together, pairs apart.
        gaps = ([0.08, 0.4] * n_cols)[:-1]
        titles = self.titles or [("", "")] * n_pairs
        self.figure_, grid, width = picture_grid(
            pyplot,
            ax,
            [title for pair in titles for title in pair],
            n_lines=[1] * (2 * n_pairs),
            gaps=gaps,
            image_size=image_size,
            top=0.35,
        )
        self.axes_ = np.empty((n_pairs, 2), dtype=object)
        self.texts_ = []
        for place, pair in enumerate(self.images):
            row, column = divmod(place, n_cols)
            line, colour = self._line(place)
            for side, image in enumerate(pair):
                cell = grid[3 * row + 1, 2 * (2 * column + side)]
                panel = self.figure_.add_subplot(cell)
                draw_picture(panel, image, width)
                write_above(panel, titles[place][side], width - 2)  # a narrow gap
                for spine in panel.spines.values():
                    spine.set(color=colour, linewidth=1.2)
                self.axes_[place, side] = panel
            self.texts_ += write_below(self.axes_[place, 0], [(line, colour)])
        self._explain(ax)
        return self

    def _line(self, place):
        """Text and colour of the line below a pair."""
        mark, words, colour = _KINDS[bool(self.together[place])]
        cosine = float(self.cosines[place])
        # A cosine within the rounding of float32 of the threshold counts as reached.
        below = self.threshold is not None and cosine < self.threshold - 1e-6
        through = " through others" if below and self.together[place] else ""
        return f"{mark} {cosine:.4f}, {words}{through}", colour

    def _explain(self, ax):
        """Say what the numbers are."""
        text = "cosine of each pair"
        if self.threshold is not None:
            text += f"; near copies from {self.threshold:g}"
        style = {"fontsize": FONT + 1, "family": families(text)}
        if ax is None:
            high = self.figure_.get_figheight()
            self.figure_.text(0.01, 1 - 0.06 / high, text, va="top", **style)
        else:
            ax.text(0, 1.02, text, transform=ax.transAxes, **style)
