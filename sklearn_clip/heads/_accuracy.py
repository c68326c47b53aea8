"""What `score` of the heads is: subset accuracy, also where labels are unknown."""

from scipy import sparse
from sklearn.base import ClassifierMixin

from sklearn_clip._shared import (
    accuracy_of_known,
    as_targets,
    check_indicator,
    check_label_order,
    check_same_length,
)


class MaskedAccuracyMixin(ClassifierMixin):
    """A classifier whose `score` leaves unknown labels out."""

    def score(self, X, y, sample_weight=None):
        """Compute the share of rows whose known labels are all predicted.

        Without unknown labels, that is scikit-learn's accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            True labels of 0 and 1, NaN where one is unknown; rows of which none is
            known are left out. 1-D: the true classes.
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
            other than those fitted or in another order, or none of it is known.
        """
        if not sparse.issparse(y) and as_targets(y).ndim == 1:
            return super().score(X, as_targets(y), sample_weight)
        truth, _ = check_indicator(y)
        check_same_length(X, truth)
        check_label_order(self, y)
        return accuracy_of_known(truth, self.predict(X), sample_weight)
