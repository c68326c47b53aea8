"""What a bootstrap and a comparison have found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import import_optional


def _make_table(found, columns):
    pandas = import_optional("pandas", extra="pandas", purpose="to_frame")
    table = {name: np.atleast_1d(getattr(found, name)) for name in columns}
    return pandas.DataFrame(table, index=found.label_names)


@dataclass(frozen=True)
class BootstrapInterval:
    """A metric and its bootstrap interval; made by `bootstrap_interval`.

    Parameters
    ----------
    estimate : float or ndarray of shape (n_labels,)
        The metric on the rows given; one for each label where the metric gives that.
    low, high : float or ndarray of shape (n_labels,)
        Ends of the interval; NaN where fewer than half of the resamples define it.
    standard_error : float or ndarray of shape (n_labels,)
        Standard deviation over the resamples.
    confidence_level : float
        Probability with which such intervals hold what the metric is on all rows of
        this kind.
    label_names : list or None
        Of the estimates, where there is one for each label of `y_true`.
    distribution : ndarray of shape (n_resamples,) or (n_resamples, n_labels)
        The metric on each resample; NaN where it is not defined.
    """

    estimate: Any
    low: Any
    high: Any
    standard_error: Any
    confidence_level: float
    label_names: list | None
    distribution: NDArray[np.float64] = field(repr=False)

    def to_frame(self):
        """Make a table of it.

        Returns
        -------
        pandas.DataFrame
            Columns ``"estimate"``, ``"low"``, ``"high"`` and ``"standard_error"``; a
            row for each label, or one.
        """
        return _make_table(self, ("estimate", "low", "high", "standard_error"))


@dataclass(frozen=True)
class Comparison:
    """How two classifiers differ on the same rows; made by `compare`.

    Parameters
    ----------
    a, b : float or ndarray of shape (n_labels,)
        The metric of the first and of the second.
    difference : float or ndarray of shape (n_labels,)
        ``a - b``.
    low, high : float or ndarray of shape (n_labels,)
        Ends of its bootstrap interval.
    p_value : float or ndarray of shape (n_labels,)
        Of the permutation test: probability of a difference at least as large, either
        way, if it did not matter which classifier a row's scores are from.
    confidence_level : float
        Of the interval.
    label_names : list or None
        Of the differences, where there is one for each label.
    distribution : ndarray of shape (n_resamples,) or (n_resamples, n_labels)
        The difference on each resample.
    """

    a: Any
    b: Any
    difference: Any
    low: Any
    high: Any
    p_value: Any
    confidence_level: float
    label_names: list | None
    distribution: NDArray[np.float64] = field(repr=False)

    def to_frame(self):
        """Make a table of it.

        Returns
        -------
        pandas.DataFrame
            Columns ``"a"``, ``"b"``, ``"difference"``, ``"low"``, ``"high"`` and
            ``"p_value"``; a row for each label, or one.
        """
        return _make_table(self, ("a", "b", "difference", "low", "high", "p_value"))
