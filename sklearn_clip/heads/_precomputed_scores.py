"""A classifier whose rows are the scores themselves."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import (
    StrOptions,
    _fit_context,
    as_array,
    check_columns,
    check_indicator,
    check_same_length,
    column_names,
    label_array,
)


def _gives(method):
    """Whether the scores are those of a method."""
    return lambda self: self.method == method


def _as_floats(given):
    """Copy numbers as floats; texts are none, even those that look like them."""
    got, kinds = str(given.dtype), "biuf"
    if given.dtype == object:
        text = next((cell for cell in given.ravel() if isinstance(cell, str)), None)
        got, kinds = (got, "O") if text is None else (repr(text), "")
    if given.dtype.kind in kinds:
        try:
            return np.array(given, dtype=np.float64)
        except (TypeError, ValueError):
            pass  # such as rows of different lengths
    raise ValueError(
        f"scores must hold one number per row and label. Got {got}. Of a table with "
        "other columns beside the scores pass those of the scores alone."
    )


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
        Names of the columns. Defined if the targets or the scores had names; tables
        of scores with other columns, or in another order, are refused from then on.

    See Also
    --------
    sklearn_clip.model_selection.out_of_fold_scores : Makes the scores.
    sklearn_clip.ThresholdOptimizer : Learns thresholds from them.
    sklearn_clip.MultiLabelCalibrator : Learns what probabilities they stand for.
    sklearn_clip.RejectOptionClassifier : Learns which answers to leave open.
    sklearn_clip.review.find_label_issues : Takes scores without this class.

    Notes
    -----
    What was learnt from scores belongs to the classifier that made them. Put the
    thresholds on it where it is used, or exported: fit
    ``ThresholdOptimizer(FrozenEstimator(classifier))`` on a few rows, and give it the
    others by ``set_thresholds(tuned.thresholds_)``.

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
    _keeps_sparse_targets = True

    def __init__(self, method="predict_proba"):
        self.method = method

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn the number of labels, and their names; nothing else.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Scores.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Targets of 0 and 1, NaN where one is unknown, for their number and names.

        Returns
        -------
        self : PrecomputedScores
            The fitted instance.

        Raises
        ------
        ValueError
            If there is not one score for each row and label, one is NaN or no
            probability, the columns have other names than those of `y`, or `y` is no
            table of labels.
        TypeError
            If one of them is no table whose rows can be indexed.
        """
        targets, names = check_indicator(
            y,
            one_dimensional_hint="For one label pass y.reshape(-1, 1).",
            keep_sparse=True,
        )
        check_same_length(X, targets)
        self.__dict__.pop("label_names_", None)
        self.n_labels_ = targets.shape[1]
        self.classes_ = np.tile([0, 1], (self.n_labels_, 1))
        self._read(X)
        self._learn_names(names, X)
        return self

    @available_if(_gives("predict_proba"))
    def predict_proba(self, X):
        """Give probabilities back.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Probabilities.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            The same, as an array of its own.

        Raises
        ------
        ValueError
            As in `fit`.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        return self._checked(X)

    @available_if(_gives("decision_function"))
    def decision_function(self, X):
        """Give decision values back.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Decision values.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            The same, as an array of its own.

        Raises
        ------
        ValueError
            As in `fit`.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        return self._checked(X)

    def predict(self, X):
        """Cut probabilities at 0.5, decision values at 0.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Scores.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            0 and 1.

        Raises
        ------
        ValueError
            As in `fit`.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        edge = 0.5 if self.method == "predict_proba" else 0.0
        return (self._checked(X) > edge).astype(np.int64)

    def _learn_names(self, names, X):
        """Take the names of the labels from the targets, else from the scores.

        The meta-estimators call it, too, with those they have read off the targets.
        """
        columns = column_names(X)
        check_columns(columns, names, "scores")
        for given in (names, label_array(columns)):
            if given is not None and list(given) != list(range(len(given))):
                self.label_names_ = given
                return

    def _checked(self, X):
        """Scores as an array, of the labels that were fitted and in their order."""
        check_is_fitted(self)
        names = getattr(self, "label_names_", None)
        check_columns(column_names(X), names, "scores")
        return self._read(X)

    def _read(self, X):
        """Scores as an array of floats, which are finite or decision values."""
        given = X.toarray() if sparse.issparse(X) else as_array(X, "scores")
        scores = _as_floats(given)
        if scores.ndim != 2 or scores.shape[1] != self.n_labels_:
            raise ValueError(
                "scores must be of shape (n_samples, n_labels), one column for each of "
                f"the {self.n_labels_} labels. Got shape {scores.shape}."
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
