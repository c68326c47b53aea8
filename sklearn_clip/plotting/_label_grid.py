"""Pictures with the labels that were found, missed and falsely given."""

from typing import Any

import numpy as np

from sklearn_clip._shared import _num_samples, _safe_indexing
from sklearn_clip.metrics._entries import check_predictions
from sklearn_clip.plotting._axes import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    families,
    require_pyplot,
    short_name,
)
from sklearn_clip.plotting._inputs import check_count, predict_rows, read_targets
from sklearn_clip.plotting._pictures import (
    FONT,
    check_image_size,
    check_rows,
    column_names,
    draw_picture,
    find_featurizer,
    picture_grid,
    read_pictures,
    write_above,
    write_below,
)

# What a label can be: its mark, its colour. Marks tell what colours may not.
_KINDS = {"found": ("✓", GREEN), "missed": ("–", BLUE), "false": ("✗", VERMILLION)}


class LabelGridDisplay:
    """Pictures with their labels: found, missed and falsely given.

    Each label stands below its picture behind a mark, ``✓`` for one that is true and
    predicted, ``–`` for one that is true and missed, ``✗`` for one that is predicted
    and false. Use `from_estimator` or `from_predictions` to make one; all parameters
    are stored as attributes.

    Parameters
    ----------
    images : list of length n_drawn
        Pictures as `PIL.Image.Image`; a str, shown instead, where there is none.
    found, missed, false : list of length n_drawn
        The names of the labels of each picture, a list.
    titles : list of str or None, default=None
        What stands above each picture.

    Attributes
    ----------
    axes_ : ndarray of shape (n_drawn,), dtype=object
        The axes of the pictures.
    figure_ : matplotlib Figure
        The figure.
    texts_ : list of n_drawn list of matplotlib Text
        The lines below each picture.

    Examples
    --------
    >>> from PIL import Image
    >>> from sklearn_clip.plotting import LabelGridDisplay
    >>> pictures = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    >>> display = LabelGridDisplay.from_predictions(
    ...     pictures, [[1, 0], [0, 1]], [[1, 1], [0, 0]], label_names=["red", "blue"]
    ... )
    >>> [line.get_text() for line in display.texts_[0]]
    ['✓ red', '✗ blue']
    >>> [line.get_text() for line in display.texts_[1]]
    ['– blue']
    """

    def __init__(self, images, found, missed, false, *, titles=None):
        self.images = images
        self.found = found
        self.missed = missed
        self.false = false
        self.titles = titles

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        rows=None,
        n_rows=12,
        images=None,
        image: Any = "auto",
        text: Any = "auto",
        image_root=None,
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Predict with a fitted estimator and draw some rows.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, Pipeline or search.
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown, which counts as
            neither right nor wrong.
        rows : array-like of int or None, default=None
            Positions of the rows to draw. None draws those with the most errors.
        n_rows : int, default=12
            How many at most where `rows` is None.
        images : array-like of length n_samples or None, default=None
            The rows' images, in any form that :class:`~sklearn_clip.CLIPFeaturizer`
            takes. None takes them from `X`, which has to hold some.
        image, text : str or None, default="auto"
            Names of the columns of images and of the texts above them, as
            :class:`~sklearn_clip.CLIPFeaturizer` has them. ``"auto"`` takes those of
            the featurizer in `estimator`, else ``"image"`` and ``"text"``.
        image_root : str, path-like or None, default=None
            Folder put before relative paths; None takes that of the featurizer.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        ax : matplotlib Axes or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        LabelGridDisplay
            The display. An image that cannot be read is replaced by the reason.

        Raises
        ------
        ValueError
            If a value is not among those named above, or no images can be found.
        """
        require_pyplot(cls)
        entries, names = read_targets(y, label_names, estimator=estimator, rows=X)
        n_samples, n_labels = entries.positive.shape
        if _num_samples(X) != n_samples:
            raise ValueError(
                f"X and y must have the same number of rows. Got {_num_samples(X)} "
                f"and {n_samples}."
            )
        featurizer = find_featurizer(estimator)
        blind = featurizer is not None and featurizer.image is None
        if blind and images is None and column_names(X) is None:
            raise ValueError(
                "X must hold the images to draw. Got rows for a featurizer that reads "
                "no images (image=None). Give images=, one image for each row."
            )
        if rows is None:
            predicted = predict_rows(estimator, X, n_labels)
        else:  # the others need not be predicted
            rows = check_rows(rows, n_samples)
            part = predict_rows(estimator, _safe_indexing(X, rows), n_labels)
            part = part.toarray() if hasattr(part, "toarray") else np.asarray(part)
            predicted = np.zeros((n_samples, n_labels), dtype=part.dtype)
            predicted[rows] = part
        if featurizer is not None:
            image = featurizer.image if image == "auto" else image
            text = featurizer.text if text == "auto" else text
            image_root = featurizer.image_root if image_root is None else image_root
        return cls.from_predictions(
            X if images is None else images,
            y,
            predicted,
            rows=rows,
            n_rows=n_rows,
            image=image,
            text=text,
            image_root=image_root,
            label_names=names,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        images,
        y_true,
        y_pred,
        *,
        rows=None,
        n_rows=12,
        image: Any = "auto",
        text: Any = "auto",
        image_root=None,
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Draw some rows with their predicted labels.

        Parameters
        ----------
        images : array-like of length n_samples
            Rows in any form that :class:`~sklearn_clip.CLIPFeaturizer` takes: a
            DataFrame, dicts, pairs, or images alone. A list of two of which the second
            is an image, or a str that ends like the name of one, is two images of one
            row; a tuple of two is always a pair.
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown, which counts as
            neither right nor wrong.
        y_pred : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Predictions of 0 and 1.
        rows : array-like of int or None, default=None
            Positions of the rows to draw. None draws those with the most errors.
        n_rows : int, default=12
            How many at most where `rows` is None.
        image, text : str or None, default="auto"
            Names of the columns of images and of the texts above them. ``"auto"`` is
            ``"image"`` and ``"text"``, where there is such a column.
        image_root : str, path-like or None, default=None
            Folder put before relative paths.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y_true` or `y_pred`, else numbers.
        ax : matplotlib Axes or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        LabelGridDisplay
            The display. An image that cannot be read is replaced by the reason.

        Raises
        ------
        ValueError
            If shapes differ, a value is not among those named above, or no images can
            be found.
        """
        require_pyplot(cls)
        check_count(n_rows, "n_rows")
        entries, names = read_targets(y_true, label_names, tables=[y_pred])
        predicted = check_predictions(y_pred, y_true, entries)
        n_samples = len(predicted)
        if _num_samples(images) != n_samples:
            raise ValueError(
                "images and y_true must have the same number of rows. Got "
                f"{_num_samples(images)} and {n_samples}."
            )
        kinds = _compare(entries, predicted)
        if rows is None:
            n_errors = np.count_nonzero(kinds[1] | kinds[2], axis=1)
            rows = np.argsort(-n_errors, kind="stable")[:n_rows]
        rows = check_rows(rows, n_samples)
        pictures, titles = read_pictures(images, rows, image, text, image_root)
        display = cls(
            pictures,
            *([list(names[row]) for row in kind[rows]] for kind in kinds),
            titles=titles,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_cols=6, max_names: Any = 8, image_size=1.6):
        """Draw the pictures.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes in whose place the grid is put; None makes a figure of fitting size.
        n_cols : int, default=6
            Pictures side by side, at most.
        max_names : int or None, default=8
            Lines below a picture, at most, but one for every kind of label it has. Of
            more labels some are folded into their number: first found ones, then
            missed ones, false ones where there is no other way. None sets no limit.
        image_size : float, default=1.6
            Width and height of a picture in a new figure, in inches.

        Returns
        -------
        LabelGridDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a number is not positive.
        """
        pyplot = require_pyplot(self)
        for what, value in (("n_cols", n_cols), ("max_names", max_names)):
            check_count(value, what)
        check_image_size(image_size)
        n_pictures = len(self.images)
        n_cols = min(n_cols or n_pictures, n_pictures)
        counts = [self._count_lines(place, max_names) for place in range(n_pictures)]
        self.figure_, grid, width = picture_grid(
            pyplot,
            ax,
            self.titles,
            n_lines=[max(1, sum(shown)) for shown in counts],
            gaps=[0.25] * (n_cols - 1),
            image_size=image_size,
            top=0.35 if n_cols > 1 else 0.75,
        )
        self.axes_ = np.empty(n_pictures, dtype=object)
        self.texts_ = []
        for place, image in enumerate(self.images):
            row, column = divmod(place, n_cols)
            panel = self.figure_.add_subplot(grid[3 * row + 1, 2 * column])
            draw_picture(panel, image, width)
            if self.titles is not None:
                write_above(panel, self.titles[place], width)
            lines = self._lines(place, counts[place], width)
            self.texts_.append(write_below(panel, lines))
            self.axes_[place] = panel
        self._explain(ax, n_cols)
        return self

    def _count_lines(self, place, max_names):
        """Lines for each kind of label, so that every kind gets some.

        The reader looks for errors: what was found is folded first, what is false last,
        and only where every other kind is down to one line.
        """
        shown = {kind: len(getattr(self, kind)[place]) for kind in _KINDS}
        # Two lines are a name and the number of the rest.
        steps = [("found", 2), ("missed", 2), ("found", 1), ("missed", 1), ("false", 1)]
        for kind, fewest in steps if max_names is not None else []:
            surplus = max(0, sum(shown.values()) - max_names)
            shown[kind] -= min(surplus, max(0, shown[kind] - fewest))
        return list(shown.values())

    def _lines(self, place, counts, width):
        """Text and colour of the lines below a picture."""
        lines = []
        for (kind, (mark, colour)), shown in zip(_KINDS.items(), counts, strict=True):
            texts = [short_name(name, width - 2) for name in getattr(self, kind)[place]]
            if len(texts) > shown:
                texts[shown - 1 :] = [f"… {len(texts) - shown + 1} more"]
            lines += [(f"{mark} {text}", colour) for text in texts]
        return lines or [("(no label)", GREY)]

    def _explain(self, ax, n_cols):
        """Say what the marks mean."""
        from matplotlib.lines import Line2D

        marks = [f"{mark} {kind}" for kind, (mark, _) in _KINDS.items()]
        place = {"loc": "upper left", "bbox_to_anchor": (0, 1)}
        if ax is not None:
            place = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        (self.figure_ if ax is None else ax).legend(
            [Line2D([], [], linestyle="") for _ in _KINDS],
            marks,
            labelcolor=[colour for _, colour in _KINDS.values()],
            prop={"family": families(*marks), "size": FONT + 1},
            handlelength=0,
            handletextpad=0.4,
            columnspacing=1.2,
            ncols=3 if n_cols > 1 else 1,
            frameon=False,
            **place,
        )


def _compare(entries, predicted):
    """Where labels are found, missed and falsely given, if they are known."""
    false = predicted & ~entries.positive
    if entries.known is not None:
        false &= entries.known
    return entries.positive & predicted, entries.positive & ~predicted, false
