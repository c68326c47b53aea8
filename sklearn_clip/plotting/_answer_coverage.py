"""How often yes and no are right, against how many rows get that answer."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_clip._shared import in_label_order
from sklearn_clip.metrics._entries import check_scores
from sklearn_clip.plotting._axes import (
    GREY,
    GRID,
    fit_legend,
    panel_axes,
    require_pyplot,
)
from sklearn_clip.plotting._inputs import (
    choose_labels,
    holder,
    name_array,
    read_targets,
    score_rows,
)
from sklearn_clip.plotting._precision_recall import _thin, line_style

_ANSWERS = ("yes", "no")
_RATES = ("precision", "negative predictive value")
_WIDE = 2.1  # inches of a panel that has room for the longer label


class AnswerCoverageDisplay:
    """Precision of the answers yes and no of every label against their coverage.

    Each curve follows the cut of a label from the surest row on: how many rows are
    answered (coverage), and how many of these answers are right. A dot is where the
    cut lies. Use `from_estimator` or `from_predictions` to make one; all parameters are
    stored as attributes.

    Parameters
    ----------
    yes, no : list of n_labels tuple (coverage, precision)
        Two arrays for each label: the share of rows that get the answer, ascending,
        and the share of these answers that are right.
    yes_points, no_points : array-like of shape (n_labels, 2) or None, default=None
        Coverage and precision at the cuts; NaN where the answer is never given. None
        draws no dots.
    min_precision, min_npv : float in [0, 1] or None, default=None
        Bounds, drawn as lines.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels; None numbers them.

    Attributes
    ----------
    axes_ : ndarray of shape (2,), dtype=object
        The axes, for yes and for no.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of 2 lists of n_labels matplotlib Line2D
        The curves, for yes and for no.
    points_ : list of 2 lists of n_labels matplotlib Line2D or None
        The dots; None where there is none.
    labels_ : ndarray of int
        Positions of the highlighted labels.

    See Also
    --------
    sklearn_clip.RejectOptionClassifier : Chooses the cuts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.plotting import AnswerCoverageDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((50, 3))
    >>> Y = rng.random((50, 3)) < P
    >>> display = AnswerCoverageDisplay.from_predictions(
    ...     Y, P, yes_thresholds=0.8, no_thresholds=0.3
    ... )
    >>> len(display.axes_)
    2
    """

    def __init__(
        self,
        yes,
        no,
        *,
        yes_points=None,
        no_points=None,
        min_precision=None,
        min_npv=None,
        label_names=None,
    ):
        self.yes = yes
        self.no = no
        self.yes_points = yes_points
        self.no_points = no_points
        self.min_precision = min_precision
        self.min_npv = min_npv
        self.label_names = label_names

    @classmethod
    def from_estimator(cls, estimator, X, y, *, label_names=None, ax=None, **kwargs):
        """Score rows with a fitted estimator and draw its answers.

        Parameters
        ----------
        estimator : estimator instance
            A fitted :class:`~sklearn_clip.RejectOptionClassifier` or
            :class:`~sklearn_clip.LabelSetClassifier`, or a Pipeline or search that
            holds one, whose cuts and bounds are drawn; of any other fitted multi-label
            classifier the curves alone.
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        ax : Axes, array-like of 2 Axes, or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        AnswerCoverageDisplay
            The display.

        Raises
        ------
        ValueError
            If a value is not among those named above.
        """
        require_pyplot(cls)
        _, names = read_targets(y, label_names, estimator=estimator, rows=X)
        scores, _ = score_rows(estimator, X, len(names))
        found = holder(estimator, "yes_thresholds_", decides=True)
        cuts = {
            name: getattr(found, f"{name}_", None)
            for name in ("yes_thresholds", "no_thresholds")
        }
        bounds = {
            name: getattr(found, name, None) for name in ("min_precision", "min_npv")
        }
        return cls.from_predictions(
            y, scores, **cuts, **bounds, label_names=names, ax=ax, **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_score,
        *,
        yes_thresholds=None,
        no_thresholds=None,
        min_precision=None,
        min_npv=None,
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Compute and draw the curves of scores.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
            Probabilities or decision values.
        yes_thresholds, no_thresholds : float, array-like of shape (n_labels,), dict, \
                Series or None, default=None
            Yes where the score is at least the first, no where it is lower than the
            second; a dict or Series goes by name. None marks no cut.
        min_precision, min_npv : float in [0, 1] or None, default=None
            Bounds to draw.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y_true` or `y_score`, else numbers.
        ax : Axes, array-like of 2 Axes, or None, default=None
            See `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        AnswerCoverageDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes differ or a value is not among those named above.
        """
        require_pyplot(cls)
        _check_bound(min_precision, "min_precision")
        _check_bound(min_npv, "min_npv")
        entries, names = read_targets(y_true, label_names, tables=[y_score])
        scores = check_scores(y_score, y_true, entries)
        cuts = [
            _read_cuts(cut, f"{answer}_thresholds", names)
            for answer, cut in zip(
                _ANSWERS, (yes_thresholds, no_thresholds), strict=True
            )
        ]
        curves, points = ([], []), ([], [])
        for label in range(len(names)):
            rows = slice(None) if entries.known is None else entries.known[:, label]
            positive, score = entries.positive[rows, label], scores[rows, label]
            # No is yes to the opposite, from the lowest score up.
            for side, (hits, sure) in enumerate(
                [(positive, score), (~positive, -score)]
            ):
                curves[side].append(_curve(hits, sure))
                if cuts[side] is not None:
                    cut = cuts[side][label]
                    answered = score < cut if side else score >= cut
                    points[side].append(_point(hits, answered))
        display = cls(
            *curves,
            yes_points=np.array(points[0]) if points[0] else None,
            no_points=np.array(points[1]) if points[1] else None,
            min_precision=min_precision,
            min_npv=min_npv,
            label_names=names,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, labels: Any = "auto"):
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, array-like of 2 Axes, or None, default=None
            Axes in whose place the two panels are put, or one for each; None makes a
            figure.
        labels : sequence of label names or positions, "auto" or None, default="auto"
            The labels to highlight and to name. ``"auto"`` takes those that are asked
            least, at the median and most, or the first three where no cut is known;
            None takes none.

        Returns
        -------
        AnswerCoverageDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a label is not known, or the number of axes is neither 1 nor 2.
        """
        pyplot = require_pyplot(self)
        names = name_array(self.label_names, len(self.yes))
        self.labels_ = self._highlighted(labels, names)
        self.figure_, self.axes_ = panel_axes(
            pyplot, ax, 2, n_cols=2, panel_size=(4.2, 3.6), shared=False
        )
        sides = zip(
            self.axes_,
            (self.yes, self.no),
            (self.yes_points, self.no_points),
            (self.min_precision, self.min_npv),
            strict=True,
        )
        drawn = [self._draw_side(*side) for side in sides]
        self.lines_, self.points_ = map(list, zip(*drawn, strict=True))
        wide = self.axes_[0].get_window_extent().width / self.figure_.dpi
        share = "Share of rows" if wide > _WIDE else "Share"
        for panel, answer, rate in zip(self.axes_, _ANSWERS, _RATES, strict=True):
            panel.set(xlabel=f"{share} answered {answer}", ylabel=rate.capitalize())
            panel.locator_params(axis="x", nbins=6)
            panel.grid(**GRID)
        self._explain(names, beside=ax is None)
        return self

    def _highlighted(self, labels, names):
        """Positions of the labels to highlight."""
        if labels is None:
            return np.array([], dtype=int)
        if not (isinstance(labels, str) and labels == "auto" and "auto" not in names):
            return choose_labels(labels, names)
        asked = self._asked()
        if asked is None:
            return np.arange(min(3, len(names)))
        order = np.argsort(asked, kind="stable")
        return order[sorted({0, (len(order) - 1) // 2, len(order) - 1})]

    def _asked(self):
        """Share of the rows of each label that get neither answer; None if unknown."""
        points = [p for p in (self.yes_points, self.no_points) if p is not None]
        if not points:
            return None
        answered = [np.nan_to_num(np.asarray(each, float)[:, 0]) for each in points]
        return 1 - np.sum(answered, axis=0)

    def _draw_side(self, ax, curves, points, bound):
        """Draw one answer of all labels; return its curves and its dots."""
        styles = self._styles(len(curves))
        faint = float(np.clip(8 / len(curves), 0.15, 0.5))  # the more, the fainter
        lines, dots, shown = [], [], []
        for label, (coverage, precision) in enumerate(curves):
            chosen = label in self.labels_
            style = {
                **styles[label],
                "alpha": 1.0 if chosen else faint,
                "linewidth": 1.8 if chosen else 0.8,
                "zorder": 3 if chosen else 2,
            }
            lines += ax.plot(*_thin(coverage, precision), **style)
            point = None if points is None else np.asarray(points, float)[label]
            dots.append(None)
            if point is not None and np.isfinite(point).all():
                style |= {"alpha": 1.0, "zorder": 4 if chosen else 2.5}
                style["linestyle"] = ""
                (dots[-1],) = ax.plot(
                    *point, "o", markersize=6 if chosen else 3, **style
                )
                shown.append(point)
        if bound is not None:
            ax.axhline(bound, color=GREY, linestyle="--", linewidth=1, zorder=1)
            # Where no curve runs: sure answers are right, many of them less often.
            after = ax is self.axes_[0]
            ax.annotate(
                f"bound {bound:g}",
                (after, bound),
                xytext=(-3, 3) if after else (3, -3),
                xycoords=ax.get_yaxis_transform(),
                textcoords="offset points",
                ha="right" if after else "left",
                va="bottom" if after else "top",
                fontsize=8,
                color=GREY,
            )
        self._set_limits(ax, curves, shown, bound)
        return lines, dots

    def _styles(self, n_labels):
        """Colour and dashes of every label: those highlighted have their own."""
        styles = [{"color": GREY, "linestyle": "-"}] * n_labels
        for place, label in enumerate(self.labels_):
            styles[label] = line_style(place)
        return styles

    def _set_limits(self, ax, curves, points, bound):
        """Show the part of the curves where cuts may lie."""
        width, low = 1.0, 0.0
        if points:
            # Rare labels are answered yes in a few rows only: half as many again as
            # the widest of them.
            width = min(1.0, max(1.5 * max(point[0] for point in points), 0.02))
            inside = [
                precision[(coverage <= width) & (coverage >= 0.1 * width)]
                for coverage, precision in curves
            ]
            lowest = min((part.min() for part in inside if part.size), default=0.0)
            floor = min([point[1] for point in points] + [bound or 1.0])
            low = max(lowest, floor - 0.6 * (1.02 - floor) - 0.05, 0.0)
        ax.set(xlim=(0, width * 1.01), ylim=(low - 0.01, 1 + 0.02 * (1 - low)))

    def _explain(self, names, *, beside):
        """Name the highlighted labels, with the share of rows that is asked."""
        asked = self._asked()
        handles = [self.lines_[0][label] for label in self.labels_]
        chosen: list[Any] = [names[label] for label in self.labels_]
        shares = [] if asked is None else [*asked[self.labels_], asked.mean()]
        texts = [f" (asks {max(share, 0):.0%})" for share in shares]
        texts = texts or [""] * (len(chosen) + 1)
        if len(chosen) < len(names):
            handles += self.axes_[0].plot([], [], color=GREY, linewidth=0.8)
            chosen.append(None)
            texts[-1] = f"each of {len(names):,} labels{texts[-1]}"
        del texts[len(chosen) :]
        parent, fontsize, place = self.axes_[0], 8, {}
        if beside:
            parent, fontsize = self.figure_, 9
            place = {"loc": "outside upper left", "ncols": 2, "frameon": False}
        fit_legend(parent, handles, chosen, texts, fontsize, **place)


def _read_cuts(cuts, what, names):
    """Check cuts: one for each label, or None."""
    if cuts is None:
        return None
    n_labels = len(names)
    found = np.asarray(in_label_order(cuts, names, what), dtype=np.float64)
    if found.shape not in ((), (n_labels,)) or np.isnan(found).any():
        raise ValueError(
            f"{what} must be a number or one for each of the {n_labels} labels. "
            f"Got {cuts!r}."
        )
    return np.broadcast_to(found, n_labels)


def _check_bound(bound, what):
    """Refuse what is no share."""
    if bound is not None and not (isinstance(bound, Real) and 0 <= bound <= 1):
        raise ValueError(f"{what} must be between 0 and 1, or None. Got {bound!r}.")


def _curve(hits, sure):
    """Coverage and precision at each distinct score, from the surest down."""
    order = np.argsort(-sure, kind="stable")
    sure, right = sure[order], np.cumsum(hits[order])
    at = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)[: len(sure)])
    return (at + 1) / max(len(sure), 1), right[at] / (at + 1)


def _point(hits, answered):
    """Coverage and precision of an answer, NaN where it is not given."""
    if not answered.any():
        return np.nan, np.nan
    return answered.mean(), hits[answered].mean()
