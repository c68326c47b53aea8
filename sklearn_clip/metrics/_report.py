"""A table of how well every label is predicted."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from sklearn_clip._shared import (
    TableLike,
    TargetsLike,
    import_optional,
    in_given_order,
    in_label_order,
    refuse_other_order,
)
from sklearn_clip.metrics._counts import average_counts, count_entries, mean_of_defined
from sklearn_clip.metrics._entries import (
    check_predictions,
    check_scores,
    check_targets,
    column_names,
    weigh_rows,
)
from sklearn_clip.metrics._ranking import (
    label_average_precision,
    pooled_average_precision,
)
from sklearn_clip.metrics._report_intervals import interval_columns

if TYPE_CHECKING:
    import pandas

# Column of the table, metric of the counts.
_METRICS = {"precision": "precision", "recall": "recall", "f1": "fbeta"}
_AVERAGES = ("macro", "micro", "weighted", "samples")
_COUNTED = ("support", "known")
# F1 of probabilities cut where classifiers cut them, beside that of the predictions.
_AT_HALF = "f1_at_0.5"


@overload
def multilabel_report(
    y_true: TargetsLike,
    y_pred: TableLike | None = ...,
    y_score: ArrayLike | None = ...,
    *,
    thresholds: ArrayLike | Mapping[Any, float] | None = ...,
    label_names: Collection[Hashable] | None = ...,
    sample_weight: ArrayLike | None = ...,
    intervals: float | None = ...,
    groups: ArrayLike | None = ...,
    random_state: Any = ...,
    sort_by: str | None = ...,
    ascending: bool = ...,
    output: Literal["frame"] = ...,
    digits: int = ...,
) -> pandas.DataFrame: ...
@overload
def multilabel_report(
    y_true: TargetsLike,
    y_pred: TableLike | None = ...,
    y_score: ArrayLike | None = ...,
    *,
    thresholds: ArrayLike | Mapping[Any, float] | None = ...,
    label_names: Collection[Hashable] | None = ...,
    sample_weight: ArrayLike | None = ...,
    intervals: float | None = ...,
    groups: ArrayLike | None = ...,
    random_state: Any = ...,
    sort_by: str | None = ...,
    ascending: bool = ...,
    output: Literal["text"],
    digits: int = ...,
) -> str: ...
def multilabel_report(
    y_true: TargetsLike,
    y_pred: TableLike | None = None,
    y_score: ArrayLike | None = None,
    *,
    thresholds: ArrayLike | Mapping[Any, float] | None = None,
    label_names: Collection[Hashable] | None = None,
    sample_weight: ArrayLike | None = None,
    intervals: float | None = None,
    groups: ArrayLike | None = None,
    random_state: Any = None,
    sort_by: str | None = None,
    ascending: bool = False,
    output: Literal["frame", "text"] = "frame",
    digits: int = 3,
) -> pandas.DataFrame | str:
    """Table of support, threshold, precision, recall, F1 and AP of every label.

    Four rows of averages stand below the labels. Unknown labels are left out of every
    figure.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_pred : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
            None, default=None
        Predictions of 0 and 1. None cuts `y_score` at `thresholds`.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels) or None, \
            default=None
        Probabilities or decision values. None leaves the AP out.
    thresholds : float, array-like of shape (n_labels,), dict, Series or None, \
            default=None
        A label is predicted where its score is at least this; infinity is never. A dict
        or a Series with names gives the threshold of each label by its name. Shown
        in the table. None cuts probabilities at 0.5, and shows no threshold if `y_pred`
        is given, which is never cut.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels. None takes the columns of `y_true`, else those of `y_score`
        or `y_pred`, else numbers.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0, of which support and known are sums.
    intervals : float or None, default=None
        Confidence level in (0, 1) of bootstrap intervals of the F1 and the AP, which
        get two columns each; see :func:`bootstrap_interval`.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows that are drawn together for the intervals, such as copies.
    random_state : int, RandomState instance or None, default=None
        What is drawn for the intervals.
    sort_by : str or None, default=None
        The column to sort the labels by, or ``"label"`` for their names; None keeps
        their order. Labels whose value is not defined come last.
    ascending : bool, default=False
        True puts the smallest value first.
    output : {"frame", "text"}, default="frame"
        A pandas DataFrame, or a text of all rows, which needs no pandas.
    digits : int, default=3
        Decimals in the text. The DataFrame is not rounded.

    Returns
    -------
    DataFrame of shape (n_labels + 4, n_columns) or str
        The index holds the label names, then ``"macro avg"``, ``"micro avg"``,
        ``"weighted avg"`` and ``"samples avg"``. Columns:

        - "support": positives;
        - "known": rows where the label is known, if some are not;
        - "threshold": if there is one;
        - "precision", "recall", "f1": with 0 / 0 read as 0, NaN for a label that is
          known nowhere;
        - "f1_at_0.5": the F1 of `y_score` cut at 0.5, if it is in [0, 1] and the report
          is of other thresholds or of `y_pred`. Thresholds that were tuned for one
          average can cost another: compare the two in the rows of the averages;
        - "ap": average precision, NaN for a label without positives. Its macro average
          leaves these out, its micro average is GAP, and it has none over samples;
        - "f1_low", "f1_high", "ap_low", "ap_high": ends of the intervals, if asked for,
          NaN where too few resamples have a positive.

    Raises
    ------
    TypeError
        If `label_names` have no order, as in a set.
    ValueError
        If neither predictions nor scores are given, shapes differ, values are not
        among those named above, or thresholds are needed for scores outside [0, 1].
    ImportError
        If ``output="frame"`` and pandas is not installed.

    See Also
    --------
    sklearn.metrics.classification_report : Without thresholds, AP and unknown labels.

    Examples
    --------
    >>> from sklearn_clip.metrics import multilabel_report
    >>> Y = [[1, 0], [0, 1], [1, 1], [1, 0]]
    >>> P = [[0.9, 0.8], [0.7, 0.6], [0.3, 0.5], [0.8, 0.1]]
    >>> names = ["cat", "dog"]
    >>> report = multilabel_report(Y, y_score=P, label_names=names)
    >>> float(report.loc["dog", "recall"])
    1.0
    >>> print(multilabel_report(Y, y_score=P, label_names=names, output="text"))
                  support  threshold  precision  recall     f1     ap
    cat                 3      0.500      0.667   0.667  0.667  0.917
    dog                 2      0.500      0.667   1.000  0.800  0.583
    <BLANKLINE>
    macro avg           5                 0.667   0.833  0.733  0.750
    micro avg           5                 0.667   0.800  0.727  0.730
    weighted avg        5                 0.667   0.800  0.720  0.783
    samples avg         5                 0.750   0.875  0.750
    """
    _check_options(sort_by, output, digits)
    entries = check_targets(y_true, keep_sparse=True)
    n_labels = entries.shape[1]
    scores = None if y_score is None else check_scores(y_score, y_true, entries)
    names = _choose_names(label_names, (y_true, y_score, y_pred), n_labels)
    cuts: Any = None
    if thresholds is not None or y_pred is None:
        cuts = _check_thresholds(thresholds, y_pred, scores, names)
    if y_pred is None:
        # float32 scores are compared in float64, as ThresholdOptimizer does.
        predicted = scores >= cuts
    else:
        predicted = check_predictions(y_pred, y_true, entries, keep_sparse=True)
    at_half = y_pred is not None or (cuts != 0.5).any()
    labels, averages = _fill_table(
        entries, predicted, scores, cuts, sample_weight, at_half=at_half
    )
    if intervals is not None:
        options = {
            "confidence_level": intervals,
            "groups": groups,
            "random_state": random_state,
            "sample_weight": sample_weight,
        }
        found = interval_columns(entries, predicted, scores, _AVERAGES, options)
        labels, averages = _add_intervals(labels, averages, found)
    order = _sort_labels(labels, names, sort_by, ascending)
    names = [names[label] for label in order]
    labels = {column: values[order] for column, values in labels.items()}
    if output == "text":
        return _write_text(names, labels, averages, digits)
    pandas = import_optional("pandas", extra="pandas", purpose="multilabel_report")
    return pandas.DataFrame(
        {column: np.append(labels[column], averages[column]) for column in labels},
        index=pandas.Index([*names, *_average_names()], dtype=object),
    )


def _average_names():
    return [f"{average} avg" for average in _AVERAGES]


def _check_options(sort_by, output, digits):
    sortable = ["label", "support", "known", "threshold", *_METRICS, _AT_HALF, "ap"]
    sortable += [
        f"{metric}_{end}" for metric in ("f1", "ap") for end in ("low", "high")
    ]
    if sort_by is not None and sort_by not in sortable:
        raise ValueError(
            f"sort_by must be None or one of {', '.join(map(repr, sortable))}. "
            f"Got {sort_by!r}."
        )
    if output not in ("frame", "text"):
        raise ValueError(f"output must be 'frame' or 'text'. Got {output!r}.")
    if not isinstance(digits, Integral) or digits < 0:
        raise ValueError(f"digits must be an integer of at least 0. Got {digits!r}.")


def _choose_names(label_names, tables, n_labels):
    """Take the given names of the labels, else those of a table, else numbers."""
    if label_names is None:
        found = (column_names(table) for table in tables)
        names = next((names for names in found if names is not None), range(n_labels))
        return list(names)
    names = in_given_order(label_names, "label_names")
    if len(names) != n_labels:
        raise ValueError(
            f"label_names must have one name for each of the {n_labels} labels. "
            f"Got {len(names)}."
        )
    for table in tables:
        refuse_other_order(names, column_names(table))
    return names


def _check_thresholds(thresholds, y_pred, scores, names):
    """One threshold per label, by name if they have names."""
    n_labels = len(names)
    if y_pred is None and scores is None:
        raise ValueError("y_pred or y_score must be given. Got None for both.")
    if thresholds is None:
        if not _is_probability(scores):
            low, high = scores.min(), scores.max()
            raise ValueError(
                "thresholds must be given where y_score is no probability in [0, 1]. "
                f"Got scores from {low:.4g} to {high:.4g}. For decision values pass "
                "thresholds=0."
            )
        thresholds = 0.5
    thresholds = in_label_order(thresholds, names, "thresholds")
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if thresholds.shape not in ((), (n_labels,)):
        raise ValueError(
            f"thresholds must be a number or one for each of the {n_labels} labels. "
            f"Got shape {thresholds.shape}."
        )
    thresholds = np.broadcast_to(thresholds, (n_labels,))
    if np.isnan(thresholds).any():
        label = np.flatnonzero(np.isnan(thresholds))[0]
        raise ValueError(
            f"thresholds must not be NaN. Got NaN (label {label}). Infinity is never."
        )
    return thresholds


def _fill_table(entries, predicted, scores, thresholds, sample_weight, *, at_half):
    """Columns of the labels and of the averages."""
    if scores is not None:
        _, scores, _ = weigh_rows(sample_weight, entries, scores)
    entries, predicted, weights = weigh_rows(sample_weight, entries, predicted)
    by_label = count_entries(entries, predicted, axis=0, weights=weights)
    by_row = count_entries(entries, predicted, axis=1)
    support = by_label.tp + by_label.fn
    labels = {"support": support}
    averages = {"support": np.full(len(_AVERAGES), support.sum())}
    if not entries.all_known:
        labels["known"] = by_label.known
        averages["known"] = np.full(len(_AVERAGES), by_label.known.sum())
    if thresholds is not None:
        labels["threshold"] = thresholds
        averages["threshold"] = np.full(len(_AVERAGES), np.nan)
    for column, metric in _METRICS.items():
        labels[column], averages[column] = _average(by_label, by_row, metric, weights)
    if scores is not None:
        if at_half and _is_probability(scores):  # of the rows that count
            half = scores >= 0.5
            by_label = count_entries(entries, half, axis=0, weights=weights)
            by_row = count_entries(entries, half, axis=1)
            both = _average(by_label, by_row, _METRICS["f1"], weights)
            labels[_AT_HALF], averages[_AT_HALF] = both
        ap = label_average_precision(entries, scores, support > 0, weights)
        labels["ap"] = ap
        averages["ap"] = np.array(
            [
                mean_of_defined(ap),
                pooled_average_precision(entries, scores, weights),
                mean_of_defined(ap, support),
                np.nan,
            ]
        )
    return labels, averages


def _add_intervals(labels, averages, found):
    """Put the ends of intervals behind the figures they are of."""
    wide: tuple[dict, dict] = ({}, {})
    for column in labels:
        wide[0][column], wide[1][column] = labels[column], averages[column]
        for name, pair in found.get(column, {}).items():
            wide[0][name], wide[1][name] = pair
    return wide


def _average(by_label, by_row, metric, weights):
    """Compute a metric of every label, and its averages."""
    averages = [
        average_counts(
            by_row if average == "samples" else by_label,
            metric,
            average=average,
            weights=weights,
        )
        for average in _AVERAGES
    ]
    return average_counts(by_label, metric, average=None), np.array(averages)


def _is_probability(scores):
    return scores.min() >= 0 and scores.max() <= 1


def _sort_labels(labels, names, sort_by, ascending):
    """Order of the labels; those without a value come last."""
    if sort_by is None:
        return np.arange(len(names))
    if sort_by == "label":
        order = sorted(
            range(len(names)),
            key=lambda label: str(names[label]),
            reverse=not ascending,
        )
        return np.array(order)
    if sort_by not in labels:
        raise ValueError(
            f"sort_by must be a column of this report, {', '.join(labels)}. "
            f"Got {sort_by!r}."
        )
    values = labels[sort_by].astype(np.float64)
    # NaN is sorted last, whatever the sign.
    return np.argsort(values if ascending else -values, kind="stable")


def _write_text(names, labels, averages, digits):
    """Aligned text, with nothing where a value is not defined."""
    heads = [*map(str, names), *_average_names()]
    left = max(map(len, heads))
    columns = []
    for column in labels:
        cells = [
            _write_cell(value, column, digits)
            for value in (*labels[column], *averages[column])
        ]
        width = max(len(column), *map(len, cells))
        columns.append([cell.rjust(width) for cell in (column, *cells)])
    lines = [
        "  ".join([head.ljust(left), *cells]).rstrip()
        for head, *cells in zip(["", *heads], *columns, strict=True)
    ]
    lines.insert(len(names) + 1, "")
    return "\n".join(lines)


def _write_cell(value, column, digits):
    if np.isnan(value):
        return ""
    if column in _COUNTED and float(value).is_integer():
        return str(int(value))
    return f"{value:.{digits}f}"
