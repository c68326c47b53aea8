"""What fitted logistic regressions of many labels have in common."""

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_clip._shared import (
    MaskedAccuracyMixin,
    _check_sample_weight,
    check_same_length,
    label_classes,
    shown_first,
    warn_user,
    without_tensor,
)
from sklearn_clip.heads._targets import check_targets
from sklearn_clip.heads.linear._used_columns import UsedColumns

# Share of entries other than 0 below which a fit of a sparse X took less time than one
# of a dense X: a third, on one core. On several, products with a dense X gain more.
_SPARSE_ENOUGH = 0.3
# Range of a column, as a share of the widest, below which its part of X.T X comes near
# the rounding errors of the rest: at 1e-6 J ends 1e-5 of itself above its minimum.
_WIDE_ENOUGH = 1e-5


def column_range(X):
    """Least and largest value of each column of a NumPy or CSR matrix."""
    ends = X.min(axis=0), X.max(axis=0)
    if sparse.issparse(X):
        return tuple(end.toarray().ravel() for end in ends)
    return ends


class LinearMultiLabelClassifier(MaskedAccuracyMixin, BaseEstimator):
    """What a fitted linear multi-label classifier does: scores, probabilities, labels.

    It reads `coef_`, `intercept_`, `classes_`, and the parameter `verbose`.
    """

    # Probabilities are this function of the decision values, which for the first few
    # labels of many (`top_labels`) need not be computed of all.
    _link = staticmethod(expit)
    # Read by the meta-estimators, which make targets dense for others.
    _keeps_sparse_targets = True

    def decision_function(self, X):
        """Compute the logit of every label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        decisions : ndarray of shape (n_samples, n_labels) or (n_samples,)
            ``X @ coef_.T + intercept_``; 1-D if `y` was.
        """
        check_is_fitted(self)
        X = self._read_rows(X, reset=False)
        used = UsedColumns(X)
        decisions = used.narrow(X) @ used.narrow_coef(self.coef_).T + self.intercept_
        return decisions if self.classes_.ndim == 2 else decisions[:, 0]

    def predict_proba(self, X):
        """Compute the probability of every label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels) or (n_samples, 2)
            P(label = 1). If `y` was 1-D: that of either class, as in `classes_`.
        """
        decisions = self.decision_function(X)
        if decisions.ndim == 1:
            return np.column_stack([expit(-decisions), expit(decisions)])
        return expit(decisions)

    def predict(self, X):
        """Predict the labels whose probability exceeds 0.5.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels), dtype=int64, or (n_samples,)
            0 and 1. If `y` was 1-D: its classes.
        """
        chosen = (self.decision_function(X) > 0).astype(np.int64)
        return chosen if chosen.ndim == 2 else self.classes_[chosen]

    def _read_rows(self, X, *, reset=True):
        """Check rows."""
        X, dtypes = without_tensor(X, "X"), [np.float64, np.float32]
        return validate_data(self, X, accept_sparse="csr", dtype=dtypes, reset=reset)

    def _check_data(self, X, y, sample_weight, *, keep_sparse=False):
        """Check the data of `fit`, and set what y says about the labels."""
        targets = check_targets(y, keep_sparse=keep_sparse)
        X = self._read_rows(X)
        _check_size(X)
        if self.verbose:
            self._tell_of_zeros(X)
        check_same_length(X, targets.positive)
        if targets.known is not None and not targets.known.any():
            raise ValueError("y must hold at least one known label. Got NaN only.")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            if not sample_weight.any():
                raise ValueError(
                    "sample_weight must hold a positive weight. Got only zeros."
                )
        self.classes_ = targets.classes
        if targets.classes is None:
            self.classes_ = label_classes(targets.positive.shape[1])
        if targets.names is not None:
            self.label_names_ = targets.names
        elif hasattr(self, "label_names_"):
            del self.label_names_
        return X, targets, sample_weight

    def _tell_of_zeros(self, X):
        """Print that a dense X would be faster as a sparse one."""
        if sparse.issparse(X) or not X.size:
            return
        share = np.count_nonzero(X) / X.size
        if share < _SPARSE_ENOUGH:
            print(
                f"[{type(self).__name__}] X is dense, and {1 - share:.0%} of its "
                "entries are zeros: as a sparse matrix it takes less memory and time. "
                "A ColumnTransformer makes one with sparse_threshold=1.0."
            )

    def _keep(self, solution, dtype, used=None):
        """Set the learned coefficients and warn of labels that are not there yet."""
        coef = solution.coef.T
        if used is None:
            self.coef_ = np.ascontiguousarray(coef, dtype=dtype)
        else:
            self.coef_ = used.widen(coef, dtype)
        self.intercept_ = solution.intercept.astype(dtype)
        self.n_iter_ = solution.n_iter.astype(np.int32)
        if self.verbose:
            print(
                f"[{type(self).__name__}] {len(self.n_iter_)} labels, at most "
                f"{self.n_iter_.max()} Newton steps"
            )
        missed, n_labels = ~solution.converged, len(self.n_iter_)
        if missed.any():
            warn_user(
                f"{missed.sum()} of {n_labels} labels did not converge to "
                f"tol={self.tol} within max_iter={self.max_iter} Newton steps: "
                f"{self._show_labels(missed)}. Raise max_iter, lower C, or scale the "
                "features.",
                ConvergenceWarning,
            )
        if solution.separated.any():
            warn_user(
                f"X separates {solution.separated.sum()} of {n_labels} labels, so that "
                "their coefficients, without a penalty (C=inf or near it), would grow "
                "for ever. They stop where the probabilities of training are known to "
                f"tol / 2: {self._show_labels(solution.separated)}. Pass a smaller C.",
                ConvergenceWarning,
            )

    def _warn_of_narrow_columns(self, least, most):
        """Warn of columns too narrow, beside others, for a fit without a penalty."""
        spread = most - least
        narrow = np.flatnonzero((spread > 0) & (spread < _WIDE_ENOUGH * spread.max()))
        if len(narrow):
            warn_user(
                f"{len(narrow)} of {len(spread)} columns of X vary by less than "
                f"{_WIDE_ENOUGH:g} of what the widest does (columns "
                f"{shown_first(narrow, 10)}): without a penalty (C=inf) "
                "their coefficients may end short of the minimum. Scale the features, "
                "with StandardScaler for example.",
                ConvergenceWarning,
            )

    def _show_labels(self, chosen):
        """Name some labels, at most ten, for a warning."""
        names = getattr(self, "label_names_", np.arange(len(chosen)))[chosen]
        return shown_first(names, 10)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


def _check_size(X):
    """Check that squares of the features, and sums of them, are finite."""
    values = X.data if sparse.issparse(X) else X
    largest = max(abs(values.max(initial=0)), abs(values.min(initial=0)))
    limit = float(np.finfo(X.dtype).max) ** 0.4
    if largest > limit:
        raise ValueError(
            f"X must hold numbers of at most {limit:.0e} in {X.dtype}, whose squares "
            f"can be added up. Got {largest:.3g}. Scale it, for example with "
            "StandardScaler."
        )
