"""A classifier whose rows are the scores themselves."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from sklearn_clip._shared import (
    StrOptions,
    _fit_context,
    as_array,
    check_label_order,
    column_names,
)


def _gives(method):
    """Whether the scores are those of a method."""
    return lambda self: self.method == method


class PrecomputedScores(ClassifierMixin, BaseEstimator):
    """Stand in for the classifier where its scores are there already.

    Its rows are scores, and it gives them back as they are. Inside
    `ThresholdOptimizer`, `RejectOptionClassifier` and `MultiLabelCalibrator` it counts
    as fitted, whatever `cv` is: all rows are used as scores that the classifier gave
    to rows it had not seen, such as those of `out_of_fold_scores`.

    Parameters
    ----------
    method : {"predict_proba", "decision_function"}, default="predict_proba"
        What the scores are: probabilities in [0, 1], or decision values, which are cut
        at 0.

    Attributes
    ----------
    n_labels_ : int
        Number of labels.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label.
    label_names_ : ndarray of shape (n_labels,)
        Names of the columns. Defined if the scores were a DataFrame.

    See Also
    --------
    sklearn_clip.model_selection.out_of_fold_scores : Makes the scores.

    Examples
    --------
    >>> from sklearn_clip import ThresholdOptimizer
    >>> from sklearn_clip.heads import PrecomputedScores
    >>> scores = [[0.1, 0.2], [0.3, 0.9], [0.4, 0.6], [0.2, 0.8]]
    >>> Y = [[0, 0], [1, 1], [1, 0], [0, 1]]
    >>> tuned = ThresholdOptimizer(PrecomputedScores(), shrinkage=None).fit(scores, Y)
    >>> tuned.predict([[0.35, 0.1]])
    array([[1, 0]])
    """

    _parameter_constraints = {
        "method": [StrOptions({"predict_proba", "decision_function"})]
    }
    # Read by the meta-estimators: there is nothing to fit, nor to split for.
    _counts_as_fitted = True

    def __init__(self, method="predict_proba"):
        self.method = method

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the number of labels, and their names; nothing else.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_labels)
            Scores.
        y : {array-like, DataFrame} of shape (n_samples, n_labels)
            Targets, for their number of labels and names.

        Returns
        -------
        self : PrecomputedScores
            The fitted instance.

        Raises
        ------
        ValueError
            If there is not one score for each row and label, one is NaN or no
            probability, or the columns have other names than those of `y`.
        """
        shape = as_array(y).shape
        self.__dict__.pop("label_names_", None)
        self.n_labels_ = shape[1] if len(shape) == 2 else 1
        self._checked(X)
        self.classes_ = np.tile([0, 1], (self.n_labels_, 1))
        names = column_names(X)
        if names is not None and all(isinstance(name, str) for name in names):
            self.label_names_ = np.asarray(names, dtype=object)
        check_label_order(self, y)
        return self

    @available_if(_gives("predict_proba"))
    def predict_proba(self, X):
        """Give probabilities back.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_labels)
            Probabilities.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            The same.
        """
        return self._checked(X)

    @available_if(_gives("decision_function"))
    def decision_function(self, X):
        """Give decision values back.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_labels)
            Decision values.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            The same.
        """
        return self._checked(X)

    def predict(self, X):
        """Cut probabilities at 0.5, decision values at 0.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_labels)
            Scores.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            0 and 1.
        """
        edge = 0.5 if self.method == "predict_proba" else 0.0
        return (self._checked(X) > edge).astype(np.int64)

    def _checked(self, X):
        """Scores as an array, of the labels that were fitted and in their order."""
        if getattr(self, "label_names_", None) is not None:
            names = column_names(X)
            if names is not None and list(names) != list(self.label_names_):
                raise ValueError(
                    "scores must have the columns that were fitted, in their order: "
                    f"{list(self.label_names_)[:5]} .... Got {list(names)[:5]} ...."
                )
        scores = np.asarray(as_array(X, "scores"), dtype=np.float64)
        n_labels = getattr(self, "n_labels_", None)
        if scores.ndim != 2 or n_labels not in (None, scores.shape[1]):
            raise ValueError(
                "scores must be of shape (n_samples, n_labels), one column for each of "
                f"the {n_labels} labels. Got shape {scores.shape}."
            )
        bad, what = np.isnan(scores), "must not hold NaN: leave out rows without scores"
        if self.method == "predict_proba" and not bad.any():
            bad = (scores < 0) | (scores > 1)
            what = "must be in [0, 1]; pass method='decision_function' for other scores"
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                f"scores {what}. Got {scores[row, column]} (row {row}, column "
                f"{column})."
            )
        return scores
