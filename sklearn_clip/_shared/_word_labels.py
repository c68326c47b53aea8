"""What classifiers have in common whose labels are given in words."""

from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared._targets import (
    accuracy_of_known,
    check_labelled_rows,
    label_classes,
)


class WordLabelsMixin(ClassifierMixin):
    """A classifier of rows and words, whose `fit` sets `label_names_`."""

    def score(self, X, y, sample_weight=None):
        """Compute the share of rows whose known labels are all predicted.

        Without unknown labels, that is scikit-learn's accuracy.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, as for `fit`.
        y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels)
            0 and 1, and NaN where a label is unknown; rows of which none is known are
            left out.
        sample_weight : array-like of shape (n,), default=None
            Row weights.

        Returns
        -------
        float
            Accuracy in [0, 1].

        Raises
        ------
        ValueError
            If y has another shape, other labels or another order of them, holds other
            values, or none of it is known.
        """
        check_is_fitted(self)
        truth = check_labelled_rows(X, y, self.label_names_)
        return accuracy_of_known(truth, self.predict(X), sample_weight)

    @property
    def classes_(self):
        """0 and 1 for every label."""
        check_is_fitted(self, "label_names_")
        return label_classes(len(self.label_names_))
