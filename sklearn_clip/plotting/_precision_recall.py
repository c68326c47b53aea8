"""Precision against recall, for every label and for all of them together."""

from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

from sklearn_clip._shared import bring_near
from sklearn_clip.metrics import average_precision_per_label
from sklearn_clip.metrics._entries import check_scores
from sklearn_clip.metrics._ranking import pooled_average_precision
from sklearn_clip.plotting._axes import (
    COLOURS,
    GREY,
    fit_legend,
    require_pyplot,
    single_axes,
)
from sklearn_clip.plotting._inputs import (
    choose_labels,
    name_array,
    read_targets,
    score_rows,
)

_DASHES = ("-", "--", "-.", ":")
_STEPS = 2000  # points of a drawn curve, at most about twice as many


class MultiLabelPrecisionRecallDisplay:
    """Precision-recall curves of all labels, their micro average, some highlighted.

    Use `from_estimator` or `from_predictions` to make one; all parameters are stored
    as attributes.

    Parameters
    ----------
    precision, recall : list of n_labels ndarray or None
        Values at falling recall, as of :func:`sklearn.metrics.precision_recall_curve`;
        None for a label without positives, which has no curve.
    average_precision : array-like of shape (n_labels,)
        Average precision of each label, NaN without positives.
    micro : tuple (precision, recall, average_precision) or None, default=None
        The curve of the pooled scores of all labels; None is not drawn.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels; None numbers them.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of n_labels matplotlib Line2D or None
        The curves of the labels; None for a label without positives.
    micro_line_ : matplotlib Line2D or None
        The curve of the micro average.
    labels_ : ndarray of int
        Positions of the highlighted labels.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : One curve.
    sklearn_clip.metrics.global_average_precision_score : The average precision of the
        micro average.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.plotting import MultiLabelPrecisionRecallDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((50, 3))
    >>> Y = rng.random((50, 3)) < P
    >>> display = MultiLabelPrecisionRecallDisplay.from_predictions(Y, P)
    >>> len(display.lines_)
    3
    """

    def __init__(
        self, precision, recall, average_precision, *, micro=None, label_names=None
    ):
        self.precision = precision
        self.recall = recall
        self.average_precision = average_precision
        self.micro = micro
        self.label_names = label_names

    @classmethod
    def from_estimator(cls, estimator, X, y, *, label_names=None, ax=None, **kwargs):
        """Score rows with a fitted estimator and draw the curves.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, Pipeline or search with `predict_proba` or
            `decision_function`.
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        MultiLabelPrecisionRecallDisplay
            The display.

        Raises
        ------
        ValueError
            If a value is not among those named above.
        """
        require_pyplot(cls)
        _, names = read_targets(y, label_names, estimator=estimator, rows=X)
        scores, _ = score_rows(estimator, X, len(names))
        return cls.from_predictions(y, scores, label_names=names, ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, y_true, y_score, *, label_names=None, ax=None, **kwargs):
        """Compute and draw the curves of scores.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
            Probabilities or decision values; for the micro average comparable between
            labels.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y_true` or `y_score`, else numbers.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        MultiLabelPrecisionRecallDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes differ or a value is not among those named above.
        """
        require_pyplot(cls)
        entries, names = read_targets(y_true, label_names, tables=[y_score])
        scores = bring_near(check_scores(y_score, y_true, entries))
        positive, known = entries.positive, entries.known
        curves = []
        for label in range(len(names)):
            rows = slice(None) if known is None else known[:, label]
            curves.append(_curve(positive[rows, label], scores[rows, label]))
        where = slice(None) if known is None else known
        micro = _curve(positive[where].ravel(), scores[where].ravel())
        if micro[0] is not None:
            micro = (*micro, pooled_average_precision(entries, scores))
        display = cls(
            *map(list, zip(*curves, strict=True)),
            average_precision_per_label(y_true, y_score),
            micro=None if micro[0] is None else micro,
            label_names=names,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, labels: Any = "auto"):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        labels : sequence of label names or positions, "auto" or None, default="auto"
            The labels to highlight and to name. ``"auto"`` takes those of the highest,
            the median and the lowest average precision, None takes none.

        Returns
        -------
        MultiLabelPrecisionRecallDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a label is not known.
        """
        pyplot = require_pyplot(self)
        values = np.asarray(self.average_precision, dtype=np.float64)
        names = name_array(self.label_names, len(values))
        self.labels_ = self._highlighted(labels, names, values)
        self.figure_, self.ax_ = single_axes(pyplot, ax, (7.6, 4.8))
        self.lines_ = [self._draw_faint(label) for label in range(len(values))]
        legend = self._draw_micro()
        if any(line is not None for line in self.lines_):
            (every,) = self.ax_.plot([], [], color=GREY, linewidth=0.8)
            legend.append(
                (every, None, f"each label (mean AP {np.nanmean(values):.2f})")
            )
        legend += [
            self._highlight(place, label, names[label])
            for place, label in enumerate(self.labels_)
        ]
        n_without = sum(line is None for line in self.lines_)
        if n_without:
            (nothing,) = self.ax_.plot([], [], " ")
            text = f"{n_without:,} of {len(values):,} labels without a positive"
            legend.append((nothing, None, text))
        self.ax_.set(
            xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), xlabel="Recall", ylabel="Precision"
        )
        outside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
        place = outside if ax is None else {"loc": "best"}
        handles, named, texts = map(list, zip(*legend, strict=True))
        fit_legend(self.ax_, handles, named, texts, 9, **place)
        return self

    def _highlighted(self, labels, names, values):
        """Positions of the labels to highlight."""
        if labels is None:
            return np.array([], dtype=int)
        if isinstance(labels, str) and labels == "auto" and "auto" not in names:
            order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
            if not order.size:
                return order
            places = [0, (len(order) - 1) // 2, len(order) - 1]
            return order[sorted(set(places))]
        return choose_labels(labels, names)

    def _draw_faint(self, label):
        """Draw the curve of one label in grey."""
        if self.precision[label] is None:
            return None
        recall, precision = _thin(self.recall[label], self.precision[label])
        (line,) = self.ax_.plot(
            recall,
            precision,
            drawstyle="steps-post",
            color=GREY,
            linewidth=0.8,
            # The more curves, the fainter each.
            alpha=float(np.clip(8 / len(self.precision), 0.15, 0.5)),
        )
        return line

    def _draw_micro(self):
        """Draw the micro average; return what the legend says of it."""
        self.micro_line_ = None
        if self.micro is None:
            return []
        precision, recall, value = self.micro
        (self.micro_line_,) = self.ax_.plot(
            *_thin(recall, precision),
            drawstyle="steps-post",
            color=self.ax_.xaxis.label.get_color(),
            linewidth=2.2,
            zorder=4,
        )
        return [(self.micro_line_, None, f"micro average (AP {value:.2f})")]

    def _highlight(self, place, label, name):
        """Bring one curve to the front; return what the legend says of it."""
        line = self.lines_[label]
        if line is None:
            (nothing,) = self.ax_.plot([], [], " ")
            return nothing, name, " (no positive)"
        value = float(self.average_precision[label])
        line.set(**line_style(place), linewidth=1.8, alpha=1.0, zorder=3)
        return line, name, f" (AP {value:.2f})"


def line_style(place):
    """Choose colour and dashes of a curve that has a name.

    Parameters
    ----------
    place : int
        Its place among those that have one.

    Returns
    -------
    dict
        ``"color"`` and ``"linestyle"``, different for the first 24.
    """
    dashes = place // len(COLOURS) % len(_DASHES)
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": _DASHES[dashes]}


def _curve(positive, scores):
    """Precision and recall at falling recall; None without positives."""
    if not positive.any():
        return None, None
    return precision_recall_curve(positive, scores, drop_intermediate=True)[:2]


def _thin(recall, precision):
    """Leave out the points that lie closer than the eye can tell."""
    if len(recall) <= 2 * _STEPS:
        return recall, precision
    steps = np.floor(recall * _STEPS)
    kept = np.r_[True, steps[1:] != steps[:-1]]
    kept[-1] = True
    return recall[kept], precision[kept]
