"""A binary classifier that survives a label with one class."""

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    validate_data,
)

from sklearn_clip._shared import (
    HasMethods,
    _fit_context,
    _num_samples,
    as_targets,
    shown,
    warn_user,
)


def _inner_has(method):
    """Whether the wrapped classifier has a method; its error if not."""

    def check(self):
        getattr(getattr(self, "estimator_", None) or self.estimator, method)
        return True

    return check


def _counted_classes(y, weights):
    """Classes of the rows that weigh something; all if no row does."""
    counts = np.asarray(1 if weights is None else weights) != 0
    if counts.shape == y.shape and counts.any():
        y = y[counts]
    return np.unique(y)


class ConstantSafeClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Let a binary classifier be fitted where only one of two classes is present.

    In a fold, a rare label may have no positive. `OneVsRestClassifier` copes with that;
    the members of `MultiOutputClassifier` and `ClassifierChain` raise, or give
    probabilities of one column where everybody expects two. Wrapped in this, they
    predict the class they have seen, and always tell of both. Rows of weight 0 are not
    seen, if the classifier takes weights.

    Parameters
    ----------
    estimator : classifier
        A binary classifier, cloned and fitted where both classes are present.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Both classes: those of y, or 0 and 1 where y has only one of them.
    estimator_ : classifier or None
        The fitted classifier; None where y was constant.
    constant_ : object or None
        The one class of y, rows of weight 0 left out; None where both are present.
    n_features_in_ : int
        Number of features. Defined if X was a table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined if X had string column names.

    See Also
    --------
    sklearn_clip.MultiLabelLogisticRegression : Copes with constant labels by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multioutput import ClassifierChain
    >>> from sklearn_clip import ConstantSafeClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> Y = np.array([[0, 0], [0, 0], [1, 0], [1, 0]])  # nobody has the second label
    >>> chain = ClassifierChain(ConstantSafeClassifier(LogisticRegression()))
    >>> chain.fit(X, Y).predict(X)[:, 1]
    array([0., 0., 0., 0.])
    """

    # With metadata routing, it is the classifier that asks for weights.
    __metadata_request__fit = {"sample_weight": UNUSED}

    _parameter_constraints: dict = {"estimator": [HasMethods(["fit", "predict"])]}

    def __init__(self, estimator):
        self.estimator = estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the classifier, if there are two classes to tell apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, in any form the classifier takes.
        y : array-like of shape (n_samples,)
            One or two classes. One class must be 0 or 1 (False or True), so that the
            other one is known.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights, for a classifier whose `fit` takes them.
        **fit_params : dict
            Handed on to the classifier's `fit`.

        Returns
        -------
        ConstantSafeClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If y has more than two classes, or one that is neither 0 nor 1.

        Warns
        -----
        UserWarning
            If there are weights, which the classifier does not take.
        """
        y = column_or_1d(as_targets(y), warn=True)
        check_classification_targets(y)
        self.__dict__.pop("n_features_in_", None)
        validate_data(self, X, skip_check_array=True)
        classes = np.unique(y)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}. y must hold two classes. Got {len(classes)}."
            )
        if len(classes) == 0 or (len(classes) == 1 and classes[0] not in (0, 1)):
            raise ValueError(
                "y must hold two classes, or 0 or 1 alone. Got "
                f"{shown(classes.tolist())}."
            )
        params, counted = {}, classes
        if len(classes) == 2:
            params = self._inner_params(sample_weight, fit_params)
            counted = _counted_classes(y, params.get("sample_weight"))
        else:
            classes = np.array([0, 1]).astype(classes.dtype)
        if len(counted) == 2:
            self.classes_, self.constant_ = classes, None
            self.estimator_ = clone(self.estimator).fit(X, y, **params)
        else:
            self.classes_, self.constant_ = classes, counted[0]
            self.estimator_ = None
        return self

    def predict(self, X):
        """Predict the class of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        check_is_fitted(self, "classes_")
        if self.constant_ is None:
            return self.estimator_.predict(X)
        return np.full(self._count(X), self.constant_, dtype=self.classes_.dtype)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X):
        """Give the probability of both classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`; 0 and 1 where y was constant.
        """
        check_is_fitted(self, "classes_")
        if self.constant_ is None:
            return self.estimator_.predict_proba(X)
        seen = (self.classes_ == self.constant_).astype(float)
        return np.tile(seen, (self._count(X), 1))

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X):
        """Give the decision value of the second class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,)
            Above 0 for the second class; 1 or -1 where y was constant.
        """
        check_is_fitted(self, "classes_")
        if self.constant_ is None:
            return self.estimator_.decision_function(X)
        sign = 1.0 if self.constant_ == self.classes_[1] else -1.0
        return np.full(self._count(X), sign)

    def _count(self, X):
        """Check the features of rows, and count these."""
        validate_data(self, X, skip_check_array=True, reset=False)
        return _num_samples(X)

    def _inner_params(self, sample_weight, fit_params):
        if sample_weight is not None:
            fit_params = fit_params | {"sample_weight": sample_weight}
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **fit_params).estimator.fit
        if sample_weight is None or has_fit_parameter(self.estimator, "sample_weight"):
            return fit_params
        warn_user(
            "sample_weight is ignored: the fit of "
            f"{type(self.estimator).__name__} takes none.",
        )
        return {k: v for k, v in fit_params.items() if k != "sample_weight"}

    def get_metadata_routing(self):
        """Say that the classifier's `fit` takes the metadata, and the own `score`.

        Returns
        -------
        routing : MetadataRouter
            Requests of `estimator` for `fit`, and of this object for `score`.
        """
        fit_to_fit = MethodMapping().add(caller="fit", callee="fit")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(estimator=self.estimator, method_mapping=fit_to_fit)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.classifier_tags.multi_class = False
        return tags
