"""Which labels go together."""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from sklearn_clip.plotting._axes import (
    name_ticks,
    require_pyplot,
    short_name,
    single_axes,
    text_width,
)
from sklearn_clip.plotting._inputs import (
    check_choice,
    choose_labels,
    name_array,
    predict_rows,
    read_targets,
)

_MEASURES = {
    "conditional": "P(column | row)",
    "count": "Rows with both labels",
    "jaccard": "Jaccard index",
    "phi": "Phi coefficient",
}
_ORDERS = ("cluster", "support", None)


class LabelCooccurrenceDisplay:
    """Heat map of how often labels occur together.

    Labels that go together stand side by side, so that groups show as blocks at the
    diagonal. Use `from_labels` or `from_estimator` to make one; all parameters are
    stored as attributes.

    Parameters
    ----------
    matrix : ndarray of shape (n_labels, n_labels)
        The values; NaN is drawn as an empty cell.
    order : array-like of int or None, default=None
        Positions of the labels to draw, from the top and from the left; None draws all
        in their order.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels; None numbers them.
    measure : {"conditional", "count", "jaccard", "phi"}, default="conditional"
        What the values are: see `from_labels`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    image_ : matplotlib AxesImage
        The heat map.
    colorbar_ : matplotlib Colorbar
        Its scale.
    labels_ : ndarray of int
        Positions of the drawn labels.
    text_ : ndarray of shape (n_drawn, n_drawn), dtype=object, or None
        The values as matplotlib Text, if they are written; None in empty cells.

    Examples
    --------
    >>> from sklearn_clip.plotting import LabelCooccurrenceDisplay
    >>> Y = [[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 1]]
    >>> names = ["animal", "mammal", "red"]
    >>> display = LabelCooccurrenceDisplay.from_labels(Y, label_names=names)
    >>> float(display.matrix[1, 0])  # every mammal is an animal
    1.0
    """

    def __init__(self, matrix, *, order=None, label_names=None, measure="conditional"):
        self.matrix = matrix
        self.order = order
        self.label_names = label_names
        self.measure = measure

    @classmethod
    def from_estimator(cls, estimator, X, *, label_names=None, ax=None, **kwargs):
        """Draw how often a fitted estimator predicts labels together.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, Pipeline or search.
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes those of the fit, else numbers.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Handed on to `from_labels`.

        Returns
        -------
        LabelCooccurrenceDisplay
            The display.

        Raises
        ------
        ValueError
            If the predictions are not of shape (n_samples, n_labels).
        """
        require_pyplot(cls)
        predicted = predict_rows(estimator, X, None)
        _, names = read_targets(predicted, label_names, estimator=estimator)
        return cls.from_labels(predicted, label_names=names, ax=ax, **kwargs)

    @classmethod
    def from_labels(
        cls,
        y,
        *,
        measure="conditional",
        order="cluster",
        labels=None,
        max_labels: Any = 60,
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Count and draw which labels of some rows go together.

        Parameters
        ----------
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            True or predicted labels: 0 and 1 or False and True; NaN where one is
            unknown. Of each pair of labels only rows count in which both are known.
        measure : {"conditional", "count", "jaccard", "phi"}, default="conditional"
            ``"conditional"``: the share of the rows with the label at the left that
            have the one below too; ``"count"``: rows with both; ``"jaccard"``: rows
            with both among those with either; ``"phi"``: correlation of the two
            indicators, in [-1, 1]. NaN where it is not defined.
        order : {"cluster", "support", None}, default="cluster"
            Labels that go together side by side, found by average linkage of their
            Jaccard distances; the most frequent ones first; or None, which keeps the
            order of the columns or of `labels`.
        labels : sequence of label names or positions, or None, default=None
            The labels to draw. None draws the most frequent ones.
        max_labels : int or None, default=60
            How many at most where `labels` is None; None draws all.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else numbers.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        LabelCooccurrenceDisplay
            The display.

        Raises
        ------
        ValueError
            If a value is not among those named above.
        """
        require_pyplot(cls)
        check_choice(measure, "measure", _MEASURES)
        check_choice(order, "order", _ORDERS)
        entries, names = read_targets(y, label_names)
        both, first, known = count_pairs(entries)
        support = np.diag(both)
        chosen = choose_labels(labels, names, support=support, max_labels=max_labels)
        if order == "cluster":
            alike = measure_pairs(both, first, known, "jaccard")[np.ix_(chosen, chosen)]
            chosen = chosen[cluster_order(alike)]
        elif order is None and labels is None:
            chosen = np.sort(chosen)
        elif order == "support":
            chosen = chosen[np.argsort(-support[chosen], kind="stable")]
        display = cls(
            measure_pairs(both, first, known, measure),
            order=chosen,
            label_names=names,
            measure=measure,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, cmap=None, annotate: Any = "auto"):
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure whose size fits the number of labels.
        cmap : str, matplotlib Colormap or None, default=None
            Colours. None takes "Blues", and "RdBu_r" for phi, with 0 in the middle.
        annotate : bool or "auto", default="auto"
            Whether to write the values into the cells. ``"auto"`` does for at most 15
            labels.

        Returns
        -------
        LabelCooccurrenceDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If `annotate` is not among those named above.
        """
        pyplot = require_pyplot(self)
        if not (isinstance(annotate, bool | np.bool_) or annotate == "auto"):
            raise ValueError(
                f"annotate must be True, False or 'auto'. Got {annotate!r}."
            )
        names = name_array(self.label_names, len(self.matrix))
        everything = np.arange(len(names)) if self.order is None else self.order
        self.labels_ = np.asarray(everything)
        cells = np.array(self.matrix, dtype=np.float64)
        cells = cells[np.ix_(self.labels_, self.labels_)]
        if self.measure != "count":
            # A label always goes with itself: that would use up the scale.
            np.fill_diagonal(cells, np.nan)
        n_drawn = len(cells)
        font = float(np.interp(n_drawn, [10, 60, 120], [9.5, 7.5, 5]))
        side = n_drawn * max(font * 1.4 / 72, 0.32 if n_drawn <= 15 else 0)
        texts = [short_name(name) for name in names[self.labels_]]
        # A character is about 0.6 times as wide as high.
        beside = max(map(text_width, texts)) * 0.6 * font / 72
        size = max(side, 2) + beside + 1.4, max(side, 2) + beside + 0.3
        self.figure_, self.ax_ = single_axes(pyplot, ax, size)
        colours, norm = self._colours(cells, cmap)
        self.image_ = self.ax_.imshow(cells, cmap=colours, norm=norm)
        self.ax_.set_facecolor("#e6e6e6")
        places = np.arange(n_drawn)
        name_ticks(self.ax_.yaxis, places, texts, fontsize=font)
        name_ticks(self.ax_.xaxis, places, texts, fontsize=font, rotation=90)
        self.ax_.tick_params(length=0)
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=self.ax_, label=_MEASURES[self.measure], shrink=0.6
        )
        self.text_ = None
        if annotate is True or (annotate == "auto" and n_drawn <= 15):
            self.text_ = self._write_values(cells, font)
        return self

    def _colours(self, cells, cmap):
        """Choose the colour map and how values are put on it."""
        from matplotlib.colors import LogNorm, Normalize

        largest = np.nanmax(np.abs(cells)) if np.isfinite(cells).any() else 1.0
        if self.measure == "phi":
            largest = largest or 1.0
            return cmap or "RdBu_r", Normalize(-largest, largest)
        if self.measure == "count":
            # Cells without a row have no logarithm and stay empty.
            cells[cells == 0] = np.nan
            return cmap or "Blues", LogNorm(1, max(largest, 2))
        return cmap or "Blues", Normalize(0, largest or 1.0)

    def _write_values(self, cells, font):
        """Write the values into the cells, in a colour that can be read there."""
        texts = np.full(cells.shape, None)
        form = "{:,.0f}" if self.measure == "count" else "{:.2f}"
        for row, column in np.argwhere(np.isfinite(cells)):
            value = cells[row, column]
            red, green, blue, _ = self.image_.cmap(self.image_.norm(value))
            # Luma of ITU-R BT.601.
            bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
            texts[row, column] = self.ax_.text(
                column,
                row,
                form.format(np.round(value, 2) + 0.0),  # no minus before 0.00
                ha="center",
                va="center",
                fontsize=font - 2,
                color="black" if bright else "white",
            )
        return texts


def count_pairs(entries):
    """Count rows by pair of labels.

    Parameters
    ----------
    entries : Entries
        Checked targets.

    Returns
    -------
    both : ndarray of shape (n_labels, n_labels)
        Rows with both labels.
    first : ndarray of shape (n_labels, n_labels)
        Rows with the label of the row of this table, where that of its column is
        known.
    known : ndarray of shape (n_labels, n_labels)
        Rows in which both are known.
    """
    positive = sparse.csr_matrix(entries.positive, dtype=np.float64)
    both = (positive.T @ positive).toarray()
    first = np.repeat(np.diag(both)[:, None], len(both), axis=1)
    known = np.full(both.shape, float(len(entries.positive)))
    if entries.known is not None:
        # Few entries are unknown, so they are counted and taken away.
        unknown = sparse.csr_matrix(~entries.known, dtype=np.float64)
        lost = np.asarray(unknown.sum(axis=0)).ravel()
        first -= (positive.T @ unknown).toarray()
        known += (unknown.T @ unknown).toarray() - lost[:, None] - lost
    return both, first, known


def measure_pairs(both, first, known, measure):
    """Turn counts of pairs into a measure of how much labels go together.

    Parameters
    ----------
    both, first, known : ndarray of shape (n_labels, n_labels)
        As of :func:`count_pairs`.
    measure : {"conditional", "count", "jaccard", "phi"}
        The measure.

    Returns
    -------
    ndarray of shape (n_labels, n_labels)
        Its values; NaN where it is not defined.
    """
    second = first.T
    if measure == "count":
        return both
    if measure == "conditional":
        above, below = both, first
    elif measure == "jaccard":
        above, below = both, first + second - both
    else:
        # (n11 n - n1. n.1) / sqrt(n1. n0. n.1 n.0)
        above = both * known - first * second
        below = np.sqrt(first * (known - first)) * np.sqrt(second * (known - second))
    return np.divide(above, below, out=np.full(both.shape, np.nan), where=below > 0)


def cluster_order(similarity):
    """Order things so that alike ones stand side by side.

    Parameters
    ----------
    similarity : ndarray of shape (n, n)
        Symmetric, in [0, 1]; NaN counts as 0.

    Returns
    -------
    ndarray of shape (n,)
        Positions: the leaves of the tree of average linkage.
    """
    if len(similarity) < 3:
        return np.arange(len(similarity))
    distance = 1.0 - np.nan_to_num(similarity)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return leaves_list(tree)
