"""The metric of each label against its threshold."""

from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve

from sklearn_clip._shared import bring_near, in_label_order
from sklearn_clip.metrics._entries import check_scores
from sklearn_clip.plotting._axes import (
    BLUE,
    GREY,
    VERMILLION,
    families,
    panel_axes,
    require_pyplot,
    short_name,
)
from sklearn_clip.plotting._inputs import (
    check_count,
    choose_labels,
    holder,
    learnt,
    name_array,
    read_names,
    read_targets,
    score_rows,
)

_METRIC_NAMES = {
    "f1": "F1",
    "jaccard": "Jaccard",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
}
_PANEL_SIZE = 2.6, 2.0  # inches


class ThresholdCurveDisplay:
    """Metric against threshold, one panel per label, with the chosen threshold.

    How flat the curve is at its top, and how far the threshold moves between folds,
    tell how much the threshold of a label can be trusted. Use `from_estimator` or
    `from_predictions` to make one; all parameters are stored as attributes.

    Parameters
    ----------
    curves : list of n_labels dict
        Each with ``"thresholds"``, ascending, and ``"scores"``, the metric there.
        Points with an infinite threshold are not drawn.
    thresholds : array-like of shape (n_labels,) or None, default=None
        The chosen thresholds; infinity: never predicted. None draws none.
    threshold_std : array-like of shape (n_labels,) or None, default=None
        Standard deviations of the thresholds, NaN where they are not known.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels; None numbers them.
    support : array-like of shape (n_labels,) or None, default=None
        Positives of each label, which tell the most frequent ones.
    metric : str, default="F1"
        What the curves show, for the axis.

    Attributes
    ----------
    axes_ : ndarray of shape (n_drawn,), dtype=object
        The axes, one per drawn label.
    figure_ : matplotlib Figure
        The figure.
    labels_ : ndarray of shape (n_drawn,)
        Positions of the drawn labels.
    lines_ : list of matplotlib Line2D
        The curves.
    threshold_lines_ : list of matplotlib Line2D or None
        The thresholds; None where there is none or it is infinite.

    See Also
    --------
    ThresholdOptimizer : Chooses the thresholds.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.plotting import ThresholdCurveDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((50, 3))
    >>> Y = rng.random((50, 3)) < P
    >>> display = ThresholdCurveDisplay.from_predictions(Y, P, thresholds=0.4)
    >>> len(display.axes_)
    3
    """

    def __init__(
        self,
        curves,
        *,
        thresholds=None,
        threshold_std=None,
        label_names=None,
        support=None,
        metric="F1",
    ):
        self.curves = curves
        self.thresholds = thresholds
        self.threshold_std = threshold_std
        self.label_names = label_names
        self.support = support
        self.metric = metric

    @classmethod
    def from_estimator(
        cls, estimator, X=None, y=None, *, label_names=None, ax=None, **kwargs
    ):
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, Pipeline or search.
        X : array-like of length n_samples or None, default=None
            Rows that are scored for F1 curves. None draws the curves of the search
            itself, from the :class:`~sklearn_clip.ThresholdOptimizer` inside
            `estimator`, which must be fitted with ``store_curves=True``.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                None, default=None
            0 and 1; NaN where a label is unknown. Without `X` the targets of the fit:
            they tell the most frequent labels, and may be left out.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        ax : Axes, array-like of Axes, or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        ThresholdCurveDisplay
            The display. The thresholds drawn are those of the
            :class:`~sklearn_clip.ThresholdOptimizer`; for other classifiers 0.5 of a
            probability and 0 of a decision value.

        Raises
        ------
        ValueError
            If there is no curve to draw, or a value is not among those named above.
        """
        require_pyplot(cls)
        if X is not None and y is None:
            raise ValueError("y must be given with X, whose F1 curves need it.")
        decides = holder(estimator, "score_map_", decides=True) or holder(
            estimator, "size_pairs_", decides=True
        )
        if decides is not None and not hasattr(decides, "thresholds_"):
            raise ValueError(
                "estimator must cut scores at thresholds. Got one that chooses the "
                "labels of each row together: fit it with decision='cut' and without "
                "exactly_k, or draw its scores with from_predictions."
            )
        entries = None
        if y is not None:
            entries, label_names = read_targets(
                y, label_names, estimator=estimator, rows=X
            )
        if X is None:
            display = cls._from_search(estimator, entries, label_names)
        else:
            thresholds = learnt(estimator, "thresholds_", decides=True)
            n_labels = entries.positive.shape[1]
            scores, method = score_rows(estimator, X, n_labels)
            if thresholds is None:
                usual = 0.5 if method == "predict_proba" else 0.0
                thresholds = np.full(n_labels, usual)
            spread = learnt(estimator, "threshold_std_", decides=True)
            display = cls._from_scores(entries, scores, thresholds, spread, label_names)
        return display.plot(ax, **kwargs)

    @classmethod
    def from_predictions(
        cls, y_true, y_score, *, thresholds=None, label_names=None, ax=None, **kwargs
    ):
        """Compute and draw F1 curves.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
            Probabilities or decision values.
        thresholds : float, array-like of shape (n_labels,), dict, Series or None, \
                default=None
            Thresholds to mark; a dict or Series goes by name. None marks the best one
            of each curve.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y_true` or `y_score`, else numbers.
        ax : Axes, array-like of Axes, or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        ThresholdCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes differ or a value is not among those named above.
        """
        require_pyplot(cls)
        entries, names = read_targets(y_true, label_names, tables=[y_score])
        scores = check_scores(y_score, y_true, entries)
        display = cls._from_scores(entries, scores, thresholds, None, names)
        return display.plot(ax, **kwargs)

    @classmethod
    def _from_search(cls, estimator, entries, label_names):
        """Take the curves that a ThresholdOptimizer has stored."""
        optimizer = holder(estimator, "curves_")
        if optimizer is None:
            raise ValueError(
                "estimator must be or hold a ThresholdOptimizer that was fitted with "
                "store_curves=True, or X and y must be given. Got "
                f"{type(estimator).__name__} without curves."
            )
        names = read_names(optimizer, label_names, len(optimizer.curves_))
        metric = optimizer.metric
        if metric == "fbeta":
            metric = f"F{optimizer.beta:g}"
        elif callable(metric):
            metric = getattr(metric, "__name__", "metric")
        curves = [
            curve | {"thresholds": bring_near(curve["thresholds"])}
            for curve in optimizer.curves_
        ]
        return cls(
            curves,
            thresholds=optimizer.thresholds_,
            threshold_std=optimizer.threshold_std_,
            label_names=names,
            support=None if entries is None else entries.positive.sum(axis=0),
            metric=_METRIC_NAMES.get(metric, metric),
        )

    @classmethod
    def _from_scores(cls, entries, scores, thresholds, spread, names):
        """Compute F1 curves."""
        n_labels = len(names)
        scores, known = bring_near(scores), entries.known
        curves = []
        for label in range(n_labels):
            rows = slice(None) if known is None else known[:, label]
            curves.append(f1_curve(entries.positive[rows, label], scores[rows, label]))
        if thresholds is None:
            thresholds = [
                curve["thresholds"][curve["scores"].argmax()]
                if curve["scores"].any()
                else np.inf
                for curve in curves
            ]
        given = in_label_order(thresholds, names, "thresholds")
        given = np.asarray(given, dtype=np.float64)
        if given.shape not in ((), (n_labels,)) or np.isnan(given).any():
            raise ValueError(
                "thresholds must be a number or one for each of the "
                f"{n_labels} labels. Got {thresholds!r}."
            )
        return cls(
            curves,
            thresholds=np.broadcast_to(given, (n_labels,)),
            threshold_std=spread,
            label_names=names,
            support=entries.positive.sum(axis=0),
        )

    def plot(
        self, ax=None, *, labels=None, max_labels: Any = 12, n_cols=4, line_kw=None
    ):
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, array-like of Axes, or None, default=None
            Axes in whose place the panels are put, or one for each panel; None makes
            a figure.
        labels : sequence of label names or positions, or None, default=None
            The labels to draw, in this order. None draws the most frequent ones, the
            first ones where `support` is None.
        max_labels : int or None, default=12
            How many at most where `labels` is None; None draws all.
        n_cols : int, default=4
            Panels in a row, at most.
        line_kw : dict or None, default=None
            Keywords of matplotlib's `plot` for the curves.

        Returns
        -------
        ThresholdCurveDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a label is not known, or the number of axes differs from that of the
            drawn labels.
        """
        pyplot = require_pyplot(self)
        names = name_array(self.label_names, len(self.curves))
        check_count(n_cols, "n_cols")
        self.labels_ = choose_labels(
            labels, names, support=self.support, max_labels=max_labels
        )
        n_panels = len(self.labels_)
        columns = min(n_cols or n_panels, n_panels)
        self.figure_, self.axes_ = panel_axes(
            pyplot, ax, n_panels, n_cols=columns, panel_size=_PANEL_SIZE
        )
        style = {"color": BLUE, "label": self.metric, **(line_kw or {})}
        drawn = [
            self._draw_panel(panel, label, style)
            for panel, label in zip(self.axes_, self.labels_, strict=True)
        ]
        for panel, label in zip(self.axes_, self.labels_, strict=True):
            width = panel.get_window_extent().width / self.figure_.dpi
            width = _PANEL_SIZE[0] - 0.4 if ax is None else width
            self._write_name(panel, label, names[label], width)
        self.lines_, self.threshold_lines_ = map(list, zip(*drawn, strict=True))
        self._set_scales()
        for place, panel in enumerate(self.axes_):
            if place + columns >= n_panels:
                panel.set_xlabel("Threshold")
            if place % columns == 0:
                panel.set_ylabel(self.metric)
        if ax is None:
            self._explain(names, columns)
        return self

    def _draw_panel(self, ax, label, style):
        """Draw one label; return its curve and the line of its threshold."""
        curve = self.curves[label]
        where = np.asarray(curve["thresholds"], dtype=np.float64)
        score = np.asarray(curve["scores"], dtype=np.float64)
        # score >= t predicts the same rows for every t up to the next threshold.
        (line,) = ax.plot(where, score, drawstyle="steps-pre", **style)
        threshold_line, caption = None, ""
        threshold = np.inf if self.thresholds is None else float(self.thresholds[label])
        if np.isfinite(threshold):
            threshold_line = ax.axvline(
                threshold, color=VERMILLION, linestyle="--", label="threshold"
            )
            caption = f"at {threshold:.3g}"
            std = np.nan
            if self.threshold_std is not None:
                std = float(self.threshold_std[label])
            if np.isfinite(std):
                caption += f" ± {std:.2g}"
                ax.axvspan(
                    threshold - std,
                    threshold + std,
                    color=VERMILLION,
                    alpha=0.15,
                    linewidth=0,
                    label="its standard deviation over folds",
                )
            after = np.searchsorted(where, threshold)
            if after < len(score):
                caption += f", {self.metric} {score[after]:.2f}"
                ax.plot(threshold, score[after], "o", color=VERMILLION, markersize=4)
        elif self.thresholds is not None:
            caption = "never predicted" if threshold > 0 else "always predicted"
        ax.annotate(
            caption,
            (0, 1),
            xytext=(0, 3),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )
        return line, threshold_line

    def _write_name(self, ax, label, name, width):
        """Write name and support of a label above its panel, so many inches wide."""
        caption = ax.texts[-1]  # given axes may have texts of their own
        # One of 8 points is about 0.07 inches wide: what has no room is left out.
        room, text = int(width / 0.07), caption.get_text()
        fitting = (part for part in (text, text.split(",")[0]) if len(part) <= room)
        caption.set_text(next(fitting, ""))
        tail = "" if self.support is None else f" ({self.support[label]:,})"
        # A character of 9 points is about 0.08 inches wide.
        head = short_name(name, max(4, int(width / 0.08) - len(tail)))
        ax.set_title(
            head + tail,
            fontsize=9,
            loc="left",
            pad=14,
            family=families(head),
            parse_math=False,
        )

    def _set_scales(self):
        """Probabilities from 0 to 1; other thresholds as far as they go."""
        finite = np.concatenate(
            [self.curves[label]["thresholds"] for label in self.labels_]
        )
        finite = finite[np.isfinite(finite)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        probability = low >= 0 and high <= 1
        if probability:
            low, high = 0.0, 1.0
        margin = 0.02 * (high - low) or 1.0
        few = {0: "0", 0.5: "0.5", 1: "1"}
        for panel in self.axes_:
            panel.set(xlim=(low - margin, high + margin), ylim=(-0.03, 1.03))
            panel.set_yticks(list(few), few.values())
            if probability:
                panel.set_xticks(list(few), few.values())

    def _explain(self, names, columns):
        """Write the legend, and how many labels are not drawn, above the panels."""
        entries = {}
        for panel in self.axes_:
            for handle, text in zip(*panel.get_legend_handles_labels(), strict=True):
                entries.setdefault(text, handle)
        n_drawn, title = len(self.labels_), None
        if n_drawn < len(names):
            title = f"{n_drawn:,} of {len(names):,} labels"
        self.figure_.legend(
            entries.values(),
            entries.keys(),
            loc="outside upper left",
            ncols=len(entries) if columns > 1 else 1,  # one panel is too narrow
            fontsize=9,
            title=title,
            title_fontsize=9,
            alignment="left",
            frameon=False,
        )


def f1_curve(positive, scores):
    """F1 of one label at every threshold.

    Parameters
    ----------
    positive : ndarray of shape (n_samples,), dtype=bool
        Targets.
    scores : ndarray of shape (n_samples,)
        Scores.

    Returns
    -------
    dict
        ``"thresholds"``, the distinct scores, ascending, and ``"scores"``, F1 where a
        label is predicted from there on; 0 without positives.
    """
    if not positive.any():
        thresholds = np.unique(scores)
        return {"thresholds": thresholds, "scores": np.zeros(len(thresholds))}
    precision, recall, thresholds = precision_recall_curve(positive, scores)
    above, below = 2 * precision * recall, precision + recall
    f1 = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return {"thresholds": thresholds, "scores": f1[:-1]}
