"""How well each label is predicted, against how often it occurs."""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from sklearn_clip._shared import counted
from sklearn_clip.metrics import (
    average_precision_per_label,
    bootstrap_interval,
    masked_f1_score,
    masked_jaccard_score,
    masked_precision_score,
    masked_recall_score,
)
from sklearn_clip.plotting._axes import (
    BLUE,
    GREY,
    GRID,
    VERMILLION,
    count_scale,
    name_points,
    name_ticks,
    require_pyplot,
    short_name,
    single_axes,
)
from sklearn_clip.plotting._inputs import (
    check_choice,
    check_count,
    choose_labels,
    name_array,
    predict_rows,
    read_targets,
    score_rows,
)

_METRICS = {
    "f1": ("F1", masked_f1_score),
    "precision": ("Precision", masked_precision_score),
    "recall": ("Recall", masked_recall_score),
    "jaccard": ("Jaccard", masked_jaccard_score),
    "ap": ("Average precision", average_precision_per_label),
}
_KINDS = ("auto", "bars", "scatter")
_ORDERS = ("score", "support", "label", None)
_FONT = 8.5  # points
_N_SURE = 4  # points whose names are put farther off rather than left out
_LEGEND = {"fontsize": _FONT, "frameon": False, "borderaxespad": 0.2}


class LabelScoreDisplay:
    """Score of each label, as sorted bars or as points against its support.

    Bars are for the number of labels whose names can be read, points for any number:
    a label that is frequent and yet predicted badly stands out at the lower right. Use
    `from_estimator` or `from_predictions` to make one; all parameters are stored as
    attributes.

    Parameters
    ----------
    scores : array-like of shape (n_labels,)
        A value in [0, 1] for each label, NaN where it is not defined.
    support : array-like of shape (n_labels,)
        Positives of each label.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels; None numbers them.
    metric : str, default="F1"
        What the values are, for the axis.
    low, high : array-like of shape (n_labels,) or None, default=None
        Ends of an interval of each score, NaN where there is none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    labels_ : ndarray of int
        Positions of the drawn labels: of bars from top to bottom.
    bars_ : matplotlib BarContainer or None
        The bars, in the order of `labels_`.
    points_ : matplotlib PathCollection or None
        The points, in the order of `labels_`.
    names_ : list of matplotlib Text
        The names beside points.
    intervals_ : matplotlib LineCollection or None
        The lines from `low` to `high`, in the order of `labels_`.

    See Also
    --------
    sklearn_clip.metrics.multilabel_report : The same as a table.

    Examples
    --------
    >>> from sklearn_clip.plotting import LabelScoreDisplay
    >>> Y = [[1, 0], [0, 1], [1, 1], [1, 0]]
    >>> predicted = [[1, 1], [1, 1], [0, 1], [1, 0]]
    >>> display = LabelScoreDisplay.from_predictions(
    ...     Y, predicted, label_names=["cat", "dog"]
    ... )
    >>> display.scores.round(3)
    array([0.667, 0.8  ])
    """

    def __init__(
        self, scores, support, *, label_names=None, metric="F1", low=None, high=None
    ):
        self.scores = scores
        self.support = support
        self.label_names = label_names
        self.metric = metric
        self.low = low
        self.high = high

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        metric="f1",
        label_names=None,
        intervals=None,
        groups=None,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Predict with a fitted estimator, score its labels and draw them.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, Pipeline or search.
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        metric : {"f1", "precision", "recall", "jaccard", "ap"}, default="f1"
            The score; ``"ap"``, average precision, is that of probabilities or
            decision values, the others are of predicted labels.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        intervals : float or None, default=None
            Confidence level in (0, 1) of bootstrap intervals, drawn as lines; see
            :func:`sklearn_clip.metrics.bootstrap_interval`.
        groups : array-like of shape (n_samples,) or None, default=None
            Rows that are drawn together for the intervals, such as copies.
        random_state : int, RandomState instance or None, default=None
            What is drawn for the intervals.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        LabelScoreDisplay
            The display.

        Raises
        ------
        ValueError
            If a value is not among those named above.
        """
        require_pyplot(cls)
        check_choice(metric, "metric", _METRICS)
        entries, names = read_targets(y, label_names, estimator=estimator, rows=X)
        n_labels = len(names)
        if metric == "ap":
            response, _ = score_rows(estimator, X, n_labels)
        else:
            response = predict_rows(estimator, X, n_labels)
        return cls.from_predictions(
            y,
            response,
            metric=metric,
            label_names=names,
            intervals=intervals,
            groups=groups,
            random_state=random_state,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        metric="f1",
        label_names=None,
        intervals=None,
        groups=None,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Score the labels of predictions and draw them.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        y_pred : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Predictions of 0 and 1; for ``metric="ap"`` probabilities or decision
            values.
        metric : {"f1", "precision", "recall", "jaccard", "ap"}, default="f1"
            The score.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y_true` or `y_pred`, else numbers.
        intervals : float or None, default=None
            Confidence level in (0, 1) of bootstrap intervals, drawn as lines; see
            :func:`sklearn_clip.metrics.bootstrap_interval`.
        groups : array-like of shape (n_samples,) or None, default=None
            Rows that are drawn together for the intervals, such as copies.
        random_state : int, RandomState instance or None, default=None
            What is drawn for the intervals.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        LabelScoreDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes differ or a value is not among those named above.
        """
        require_pyplot(cls)
        check_choice(metric, "metric", _METRICS)
        entries, names = read_targets(y_true, label_names, tables=[y_pred])
        name, function = _METRICS[metric]
        options = {} if metric == "ap" else {"average": None}
        low = high = None
        if intervals is not None:
            found = bootstrap_interval(
                function,
                y_true,
                y_pred,
                confidence_level=intervals,
                groups=groups,
                random_state=random_state,
                **options,
            )
            low, high = found.low, found.high
        display = cls(
            function(y_true, y_pred, **options),
            entries.positive.sum(axis=0),
            label_names=names,
            metric=name,
            low=low,
            high=high,
        )
        return display.plot(ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        kind="auto",
        labels=None,
        sort_by="score",
        max_labels: Any = 60,
        n_names: Any = 20,
    ):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure of fitting size.
        kind : {"auto", "bars", "scatter"}, default="auto"
            Bars with names, or points against support. ``"auto"`` draws bars for at
            most `max_labels` labels.
        labels : sequence of label names or positions, or None, default=None
            The labels to draw; None draws all.
        sort_by : {"score", "support", "label", None}, default="score"
            Order of the bars, from the top: the highest value first, or by name. None
            keeps the order of `labels`. Scores that are not defined come last.
        max_labels : int or None, default=60
            Bars at most. Of more labels the first and the last ones are drawn, with a
            gap between them. None draws all.
        n_names : int or None, default=20
            Points that get a name, at most, by turns: the one whose score is lowest
            for its support, the lowest of all, the next of each; those after the first
            few where there is room. None sets no limit.

        Returns
        -------
        LabelScoreDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a label is not known or a value is not among those named above.
        """
        pyplot = require_pyplot(self)
        check_choice(kind, "kind", _KINDS)
        check_choice(sort_by, "sort_by", _ORDERS)
        check_count(max_labels, "max_labels")
        check_count(n_names, "n_names")
        scores = np.asarray(self.scores, dtype=np.float64)
        names = name_array(self.label_names, len(scores))
        chosen = np.arange(len(scores))
        if labels is not None:
            chosen = choose_labels(labels, names)
        few = max_labels is None or len(chosen) <= max_labels
        self.bars_, self.points_, self.intervals_ = None, None, None
        self.names_: list[Any] = []
        if kind == "bars" or (kind == "auto" and few):
            self.labels_ = chosen[self._order(scores[chosen], chosen, names, sort_by)]
            self._draw_bars(pyplot, ax, scores, names, max_labels)
        else:
            self.labels_ = chosen
            self._draw_points(pyplot, ax, scores, names, n_names)
        return self

    def _order(self, scores, chosen, names, sort_by):
        """Order of the chosen labels."""
        if sort_by is None:
            return np.arange(len(chosen))
        if sort_by == "label":
            return np.argsort([str(names[label]) for label in chosen], kind="stable")
        support = np.asarray(self.support)[chosen]
        keys = (-scores, -support) if sort_by == "support" else (-support, -scores)
        return np.lexsort(keys)  # the last key counts first, NaN comes last

    def _draw_bars(self, pyplot, ax, scores, names, max_labels):
        """Draw horizontal bars, the first at the top."""
        n_all, gap = len(self.labels_), None
        places = np.arange(n_all)
        if max_labels is not None and n_all > max_labels:
            gap = (max_labels + 1) // 2
            last = n_all - max_labels // 2
            self.labels_ = np.r_[self.labels_[:gap], self.labels_[last:]]
            places = np.arange(max_labels) + (np.arange(max_labels) >= gap)
        height = 1.3 + 0.19 * (places[-1] + 1)
        self.figure_, ax = single_axes(pyplot, ax, (6.4, height))
        self.ax_ = ax
        values = scores[self.labels_]
        self.bars_ = ax.barh(places, np.nan_to_num(values), height=0.75, color=BLUE)
        name_ticks(ax.yaxis, places, names[self.labels_], fontsize=_FONT)
        ax.tick_params(axis="y", length=0)
        low, high = self._ends()
        if high is not None:
            style = {"color": VERMILLION, "linewidth": 1.2, "zorder": 2.5}
            self.intervals_ = ax.hlines(places, low, high, **style)
        _write_values(ax, places, values, low, high)
        if gap is not None:
            text = f"... {n_all - len(self.labels_):,} labels between ..."
            ax.text(0.01, gap, text, va="center", color=GREY, fontsize=_FONT)
        self._draw_mean(ax.axvline, scores)
        ax.set(xlim=(0, 1), ylim=(places[-1] + 0.6, -0.6), xlabel=self.metric)
        ax.spines[:].set_visible(False)
        ax.xaxis.grid(True, **GRID)
        ax.set_axisbelow(True)
        self._write_support(places)
        if np.isfinite(scores).any():
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), **_LEGEND)

    def _ends(self):
        """Find the ends of the intervals drawn; None where there are none."""
        if self.low is None or self.high is None:
            return None, None
        ends = np.asarray([self.low, self.high], dtype=np.float64)
        return ends[:, self.labels_]

    def _write_support(self, places):
        """Write the number of positives of each bar at its right."""
        support = np.asarray(self.support)[self.labels_]
        side = self.ax_.secondary_yaxis("right")
        side.set_yticks(places, [f"{n:,}" for n in support], fontsize=_FONT)
        side.tick_params(axis="y", length=0, pad=8)
        side.set_ylabel("positives", fontsize=_FONT)
        side.spines[:].set_visible(False)

    def _draw_mean(self, draw, scores):
        """Draw the mean over all labels for which it is defined, behind the rest."""
        if np.isfinite(scores).any():
            mean, n_defined = np.nanmean(scores), np.isfinite(scores).sum()
            draw(
                mean,
                color=VERMILLION,
                linestyle="--",
                linewidth=1.2,
                label=f"mean of {counted(n_defined, 'label')}: {mean:.3f}",
                zorder=0.9,
            )

    def _draw_points(self, pyplot, ax, scores, names, n_names):
        """Draw scores against support."""
        self.figure_, ax = single_axes(pyplot, ax, (8.0, 5.6))
        self.ax_ = ax
        n_chosen = len(self.labels_)
        self.labels_ = self.labels_[np.isfinite(scores[self.labels_])]
        values = scores[self.labels_]
        support = np.asarray(self.support)[self.labels_]
        self.points_ = ax.scatter(
            support, values, s=16, color=BLUE, alpha=0.6, linewidths=0
        )
        low, high = self._ends()
        if high is not None:
            style = {"color": BLUE, "linewidth": 0.8, "alpha": 0.35}
            self.intervals_ = ax.vlines(support, low, high, **style)
        self._draw_mean(ax.axhline, scores)
        count_scale(ax.xaxis, support)
        ax.set(ylim=(-0.04, 1.04), xlabel="Positives", ylabel=self.metric)
        ax.grid(True, **GRID)
        ax.set_axisbelow(True)
        if np.isfinite(scores).any():
            ax.legend(loc="lower right", bbox_to_anchor=(1, 1), **_LEGEND)
        n_hidden = n_chosen - len(values)
        if n_hidden:
            text = f"not drawn: {counted(n_hidden, 'label')} without a defined score"
            ax.set_title(text, loc="left", fontsize=_FONT, color=GREY)
        points = np.column_stack([support, values])
        texts = [short_name(names[label], 24) for label in self.labels_]
        order = _naming_order(values, support)
        self.names_ = name_points(ax, points, texts, order, n_names, n_sure=_N_SURE)


def _naming_order(values, support):
    """Points in the order in which they get names, by turns from two lists.

    One begins with the point whose score is lowest for its support, the other with the
    lowest of all points; among equals the most frequent label comes first.
    """
    for_support = np.argsort(rankdata(values) - rankdata(support), kind="stable")
    lowest = np.lexsort([-support, values])
    by_turns = np.column_stack([for_support, lowest]).ravel()
    return list(dict.fromkeys(by_turns.tolist()))


def _write_values(ax, places, values, low=None, high=None):
    """Write the values into the bars, or behind the short ones.

    Where a bar has an interval, they stand at its other end, out of the way.
    """
    for i, (place, value) in enumerate(zip(places, values, strict=True)):
        inside, at, right = value > 0.12, np.nan_to_num(value), value > 0.12
        if high is not None:
            inside, right = inside and not low[i] < 0.1, False
            at = 0.0 if inside else np.fmax(at, np.nan_to_num(high[i]))
        ax.annotate(
            "not defined" if np.isnan(value) else f"{value:.2f}",
            (at, place),
            xytext=(-3 if right else 3, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center_baseline",
            fontsize=_FONT - 1.5,
            color="white" if inside else GREY,
        )
