"""How often labels hold where their probability says so: all of them in one picture."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from sklearn_clip._shared import counted, positive_scores
from sklearn_clip.metrics._calibration import check_probabilities
from sklearn_clip.metrics._calibration_bins import bin_labels, calibration_error
from sklearn_clip.metrics._entries import weigh_rows
from sklearn_clip.plotting._axes import (
    BLUE,
    GREY,
    GRID,
    VERMILLION,
    families,
    panel_axes,
    require_pyplot,
    short_name,
)
from sklearn_clip.plotting._inputs import (
    check_choice,
    check_count,
    choose_labels,
    name_array,
    read_targets,
)

_SCALES = ("sqrt", "linear")
_X_LABEL, _Y_LABEL = "Probability", "Share that has the label"
# Probabilities at the scale of square roots, and those of a panel of fewer inches.
_TICKS, _FEW_TICKS, _NARROW = (0, 0.05, 0.25, 0.5, 1), (0, 0.25, 1), 1.6
_PANEL_SIDE = 2.7  # inches


class CalibrationCurve(NamedTuple):
    """Bins of one label, or of all together, by rising probability.

    Attributes
    ----------
    predicted : ndarray of shape (n_bins,)
        Mean probability of each bin.
    positive : ndarray of shape (n_bins,)
        Share of its rows that have the label.
    size : ndarray of shape (n_bins,)
        Rows in it; of weighted ones, as many as tell as much.
    error : float
        Expected calibration error, debiased; NaN where nothing is known.
    """

    predicted: np.ndarray
    positive: np.ndarray
    size: np.ndarray
    error: float


class MultiLabelCalibrationDisplay:
    """Calibration of all labels together, and of the worst of them one by one.

    The first panel shows the entries of all labels in the same bins, before a faint
    line for every label; the others one label each, worst first, with the interval in
    which the share of each bin may lie. Points below the diagonal say that
    probabilities are too high, points above that they are too low.

    Use `from_estimator` or `from_predictions` to make one; all parameters are stored
    as attributes.

    Parameters
    ----------
    curves : list of n_labels CalibrationCurve
        The bins of each label.
    common : CalibrationCurve
        The bins of all labels together.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels; None numbers them.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels: all labels, then those of `labels_`.
    figure_ : matplotlib Figure
        The figure.
    labels_ : ndarray of int
        Positions of the labels that have a panel, in their order.
    lines_ : list of matplotlib Line2D
        The curve of each panel.
    bands_ : list of matplotlib PolyCollection
        The interval of each panel.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : One curve.
    sklearn_clip.metrics.expected_calibration_error : The number in the titles.
    sklearn_clip.calibration.MultiLabelCalibrator : Mends what is seen here.

    Notes
    -----
    Intervals are Wilson's [1]_, which hold for shares near 0, too. Each is for one bin:
    at a confidence of 0.95, one bin in twenty misses the truth by chance. Of a curve
    whose intervals hold the diagonal all along more rows would be needed to say that
    something is wrong.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22(158), 1927.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.plotting import MultiLabelCalibrationDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((500, 3))
    >>> Y = rng.random((500, 3)) < P**2
    >>> display = MultiLabelCalibrationDisplay.from_predictions(Y, P)
    >>> len(display.axes_)
    4
    """

    def __init__(self, curves, common, *, label_names=None):
        self.curves = curves
        self.common = common
        self.label_names = label_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_bins=10,
        sample_weight=None,
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Predict probabilities with a fitted estimator and draw the curves.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, Pipeline or search with `predict_proba`.
        X : array-like of length n_samples
            Rows that it was not fitted on, as the estimator takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        n_bins : int, default=10
            Bins of equal weight that the rows of a label are sorted into.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Row weights of at least 0.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y`, else those of the fit, else numbers.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            As in `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        MultiLabelCalibrationDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no `predict_proba`.
        ValueError
            If a value is not among those named above.
        """
        require_pyplot(cls)
        _, names = read_targets(y, label_names, estimator=estimator, rows=X)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                "The estimator must have predict_proba: only probabilities are "
                f"calibrated or not. Got {type(estimator).__name__}. "
                "MultiLabelCalibrator makes probabilities of decision values."
            )
        P, _ = positive_scores(estimator, X, len(names), method="predict_proba")
        return cls.from_predictions(
            y,
            P,
            n_bins=n_bins,
            sample_weight=sample_weight,
            label_names=names,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_prob,
        *,
        n_bins=10,
        sample_weight=None,
        label_names=None,
        ax=None,
        **kwargs,
    ):
        """Sort probabilities into bins and draw the curves.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1 or False and True; NaN where a label is unknown.
        y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
            Probabilities in [0, 1].
        n_bins : int, default=10
            Bins of equal weight that the rows of a label are sorted into.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Row weights of at least 0.
        label_names : sequence of length n_labels or None, default=None
            Names. None takes the columns of `y_true` or `y_prob`, else numbers.
        ax : matplotlib Axes, array-like of Axes or None, default=None
            As in `plot`.
        **kwargs : dict
            Handed on to `plot`.

        Returns
        -------
        MultiLabelCalibrationDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes differ or a value is not among those named above.
        """
        require_pyplot(cls)
        entries, names = read_targets(y_true, label_names, tables=[y_prob])
        scores = check_probabilities(y_prob, y_true, entries)
        entries, scores, weights = weigh_rows(sample_weight, entries, scores)
        bins = bin_labels(entries, scores, weights, n_bins=n_bins)
        (common,) = bin_labels(entries, scores, weights, n_bins=n_bins, pooled=True)
        curves = list(map(_curve_of, bins))
        return cls(curves, _curve_of(common), label_names=names).plot(ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        labels: Any = None,
        max_labels: int | None = 11,
        n_cols: int = 4,
        confidence: float = 0.95,
        scale: str = "sqrt",
    ):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of Axes or None, default=None
            Axes in whose place the panels are put, or one for each panel; None makes a
            figure.
        labels : sequence of label names or positions, or None, default=None
            The labels that have a panel. None takes those of the largest calibration
            error, the worst first.
        max_labels : int or None, default=11
            How many at most where `labels` is None; None is all.
        n_cols : int, default=4
            Panels in a row.
        confidence : float in (0, 1), default=0.95
            Of the intervals.
        scale : {"sqrt", "linear"}, default="sqrt"
            Of both axes. Square roots give the small probabilities room, where most
            entries of rare labels lie, and leave the diagonal a straight line.

        Returns
        -------
        MultiLabelCalibrationDisplay
            The display itself, with the attributes that describe the drawing.

        Raises
        ------
        ValueError
            If a label is not known, or a value is not among those named above.
        """
        pyplot = require_pyplot(self)
        check_choice(scale, "scale", _SCALES)
        check_count(n_cols, "n_cols")
        if not isinstance(confidence, Real) or not 0 < confidence < 1:
            raise ValueError(
                f"confidence must lie between 0 and 1. Got {confidence!r}."
            )
        names = name_array(self.label_names, len(self.curves))
        errors = np.array([curve.error for curve in self.curves])
        self.labels_ = self._shown(labels, names, errors, max_labels)
        n_panels = 1 + len(self.labels_)
        self.figure_, self.axes_ = panel_axes(
            pyplot,
            ax,
            n_panels,
            n_cols=min(n_cols, n_panels),
            panel_size=(_PANEL_SIDE,) * 2,
        )
        width = _PANEL_SIDE - 0.5
        if ax is not None:
            widths = [panel.get_window_extent().width for panel in self.axes_]
            width = min(widths) / self.figure_.dpi
        if scale == "sqrt":
            self._set_square_roots(
                ax is None or hasattr(ax, "get_subplotspec"),
                _TICKS if width >= _NARROW else _FEW_TICKS,
            )
        z = ndtri(0.5 + confidence / 2)
        self.lines_: list[Any] = []
        self.bands_: list[Any] = []
        alpha = float(np.clip(6 / len(self.curves), 0.08, 0.4))
        for curve in self.curves:
            self.axes_[0].plot(
                curve.predicted, curve.positive, color=GREY, linewidth=0.7, alpha=alpha
            )
        room = int(width / 0.07)  # inches of a character
        title = counted(len(self.curves), "label")
        title = title if len(self.curves) == 1 else f"all {title}"
        long = f"{title}, error {_show(self.common.error)}"
        short = f"{title}  {_show(self.common.error)}"
        title = long if len(long) <= room else short
        self._draw(self.axes_[0], self.common, z, title, VERMILLION)
        for panel, label in zip(self.axes_[1:], self.labels_, strict=True):
            shown = _show(errors[label])
            name = short_name(names[label], min(20, max(4, room - 2 - len(shown))))
            title = f"{name}  {shown}"
            self._draw(panel, self.curves[label], z, title, BLUE)
        if ax is None:
            self.figure_.supxlabel(_X_LABEL, fontsize="medium")
            self.figure_.supylabel(_Y_LABEL, fontsize="medium")
        else:  # the figure may hold more than this
            self.axes_[0].set(xlabel=_X_LABEL, ylabel=_Y_LABEL)
        return self

    @staticmethod
    def _shown(labels, names, errors, max_labels):
        """Positions of the labels that have a panel."""
        if labels is not None:
            return choose_labels(labels, names)
        known = np.isfinite(errors)
        worst = np.where(known, errors, -np.inf)
        return choose_labels(None, names, support=worst, max_labels=max_labels)[
            : known.sum()
        ]

    def _set_square_roots(self, shared, x_ticks):
        """Put both axes of all panels on the scale of square roots."""
        for panel in self.axes_[:1] if shared else self.axes_:
            for axis, ticks in (("x", x_ticks), ("y", _TICKS)):
                getattr(panel, f"set_{axis}scale")(
                    "function", functions=(_square_root, np.square)
                )
                names = [f"{tick:g}" for tick in ticks]
                getattr(panel, f"set_{axis}ticks")(ticks, names)

    def _draw(self, panel, curve, z, title, colour):
        """Draw one curve with its intervals."""
        panel.plot([0, 1], [0, 1], linestyle="--", color=GREY, linewidth=0.8)
        low, high = wilson_interval(curve.positive, curve.size, z)
        self.bands_.append(
            panel.fill_between(
                curve.predicted, low, high, color=colour, alpha=0.25, linewidth=0
            )
        )
        self.lines_ += panel.plot(
            curve.predicted,
            curve.positive,
            "o-",
            color=colour,
            markersize=3,
            zorder=3,
        )
        panel.grid(**GRID)
        panel.set(xlim=(-0.001, 1.02), ylim=(-0.001, 1.02))
        panel.set_title(
            title, fontsize="small", family=families(title), parse_math=False
        )


def _show(error):
    return "nothing known" if np.isnan(error) else f"{error:.3f}"


def _square_root(values):
    return np.sqrt(np.maximum(values, 0))


def _curve_of(bins):
    """Keep what is drawn of bins."""
    error = calibration_error(bins, "l1", debiased=True)
    return CalibrationCurve(bins.predicted, bins.positive, bins.size, error)


def wilson_interval(share, size, z):
    """Interval of the probability behind a share.

    Parameters
    ----------
    share, size : ndarray of shape (n,)
        Shares, and of how many they are.
    z : float
        Quantile of the normal distribution: 1.96 for a confidence of 0.95.

    Returns
    -------
    low, high : ndarray of shape (n,)
        Its ends, in [0, 1].
    """
    # (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    centre = share + z**2 / (2 * size)
    reach = z * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    below = 1 + z**2 / size
    return np.maximum((centre - reach) / below, 0), np.minimum(
        (centre + reach) / below, 1
    )
