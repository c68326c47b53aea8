"""What `score` of classifiers is: subset accuracy, also where labels are unknown."""

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin

from sklearn_clip._shared._arrays import stored_form
from sklearn_clip._shared._entries import row_blocks
from sklearn_clip._shared._estimators import check_label_order
from sklearn_clip._shared._sklearn import _check_sample_weight
from sklearn_clip._shared._targets import (
    as_targets,
    check_entries,
    check_same_length,
    warn_of_row_order,
)


class MaskedAccuracyMixin(ClassifierMixin):
    """A classifier whose `score` leaves unknown labels out."""

    def score(self, X, y, sample_weight=None):
        """Compute the share of rows whose known labels are all predicted.

        Without unknown labels, that is scikit-learn's accuracy.

        Parameters
        ----------
        X : array-like, list or DataFrame of n_samples rows
            Rows, as for `fit`.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            True labels of 0 and 1, NaN where one is unknown; rows of which none is
            known are left out. 1-D, where `fit` takes that: the true classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.

        Returns
        -------
        float
            Accuracy in [0, 1].

        Raises
        ------
        ValueError
            If `y` holds other values, has another number of labels, has named labels
            other than those fitted or in another order, or none of it is known in a
            row that weighs anything.
        """
        truth = self._read_truth(X, y)
        if truth is None:
            return super().score(X, as_targets(y), sample_weight)
        predicted = self.predict(X)
        if predicted.shape != truth.shape:
            raise ValueError(
                f"y must have the shape of the predictions, {predicted.shape}. "
                f"Got {truth.shape}."
            )
        right, judged = np.zeros((2, truth.shape[0]), dtype=bool)
        for rows in row_blocks(*truth.shape):
            positive, known, _ = truth.rows(rows)
            same = predicted[rows] == positive
            if known is None:
                judged[rows] = True
            else:
                same |= ~known
                judged[rows] = known.any(axis=1)
            right[rows] = same.all(axis=1)
        if sample_weight is not None:
            checked = _check_sample_weight(sample_weight, truth.positive)
            sample_weight = checked[judged]
            if not sample_weight.any():
                raise ValueError(
                    "sample_weight must be above 0 for a row with a known label. Got "
                    "only zeros there."
                )
        return float(np.average(right[judged], weights=sample_weight))

    def _read_truth(self, X, y):
        """Check true labels; None stands for the classes of a binary classifier."""
        if not sparse.issparse(stored_form(y)) and as_targets(y).ndim == 1:
            return None
        truth = check_entries(y)
        check_same_length(X, truth.positive)
        check_label_order(self, y)
        warn_of_row_order(X, y)
        return truth
