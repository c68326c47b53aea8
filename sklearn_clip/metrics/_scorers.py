"""Objects for ``scoring=`` of scikit-learn's searches and cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, Literal

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

from sklearn_clip._shared import check_label_order, positive_scores
from sklearn_clip.metrics._calibration import (
    expected_calibration_error,
    masked_brier_score,
    masked_log_loss,
)
from sklearn_clip.metrics._entries import check_targets
from sklearn_clip.metrics._masked import (
    masked_f1_score,
    masked_hamming_loss,
    masked_jaccard_score,
    masked_precision_score,
    masked_recall_score,
    masked_subset_accuracy_score,
)
from sklearn_clip.metrics._ranking import (
    global_average_precision_score,
    macro_average_precision_score,
)

_RESPONSES = ("scores", "labels")


class MultiLabelScorer:
    """A metric as scikit-learn's `scoring` takes it; made by `make_multilabel_scorer`.

    Parameters
    ----------
    metric : callable
        Called as ``metric(y_true, response, **kwargs)``; a larger value is better.
    response : {"scores", "labels"}, default="scores"
        What of the estimator it judges.
    greater_is_better : bool, default=True
        False for a loss: its sign is turned.
    kwargs : dict or None, default=None
        Keyword arguments of the metric.

    See Also
    --------
    make_multilabel_scorer : Checks the arguments.
    """

    def __init__(
        self, metric, *, response="scores", greater_is_better=True, kwargs=None
    ):
        self.metric = metric
        self.response = response
        self.greater_is_better = greater_is_better
        self.kwargs = dict(kwargs or {})

    @property
    def __name__(self):
        # skorch's scoring callbacks name a column of the history by it.
        return getattr(self.metric, "__name__", "multilabel_score")

    def __call__(self, estimator, X, y_true, sample_weight=None):
        """Judge a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted multi-label classifier, whatever the shape of its output; a
            Pipeline or a search is fine.
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            True labels of 0 and 1; NaN where one is unknown.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Row weights, for a metric that takes them.

        Returns
        -------
        float
            The metric; for a loss, its negative.

        Raises
        ------
        ValueError
            If `y_true` is not 2-dimensional, is a DataFrame of other labels than the
            estimator has learnt or in another order, or the estimator gives another
            number of labels.
        TypeError
            If scores are needed and the estimator has neither `predict_proba` nor
            `decision_function`.
        """
        # Before the estimator works, which is the slow part.
        n_labels = check_targets(y_true, keep_sparse=True).shape[1]
        check_label_order(estimator, y_true)
        if self.response == "scores":
            response, _ = positive_scores(estimator, X, n_labels)
        else:
            response = estimator.predict(X)
            if n_labels == 1 and getattr(response, "ndim", 2) == 1:
                response = np.reshape(response, (-1, 1))  # some drop the only column
        kwargs = dict(self.kwargs)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        value = self.metric(y_true, response, **kwargs)
        return value if self.greater_is_better else -value

    def __repr__(self):
        metric = self.metric
        parts = [getattr(metric, "__name__", None) or repr(metric)]
        parts.append(f"response={self.response!r}")
        if not self.greater_is_better:
            parts.append("greater_is_better=False")
        parts.extend(f"{name}={value!r}" for name, value in self.kwargs.items())
        return f"make_multilabel_scorer({', '.join(parts)})"

    def _accept_sample_weight(self):
        # scikit-learn asks before it hands weights to a scorer.
        return "sample_weight" in signature(self.metric).parameters

    def set_score_request(self, *, sample_weight):
        """Say whether searches hand this scorer row weights, under metadata routing.

        Parameters
        ----------
        sample_weight : bool, str or None
            True asks for them, False never takes them, None refuses them with an error,
            a str is the name they are given under.

        Returns
        -------
        MultiLabelScorer
            This scorer. Those with a name in this module are shared: make one of your
            own for a request that only one search should see.
        """
        request = MetadataRequest(owner=repr(self))
        request.score.add_request(param="sample_weight", alias=sample_weight)
        self._metadata_request = request
        return self

    def get_metadata_routing(self):
        """Say what metadata this scorer asks for.

        Returns
        -------
        MetadataRequest
            Nothing before `set_score_request`.
        """
        request = getattr(self, "_metadata_request", None)
        if request is None:
            return MetadataRequest(owner=repr(self))
        return get_routing_for_object(request)


def make_multilabel_scorer(
    metric: Callable[..., Any],
    response: Literal["scores", "labels"] = "scores",
    *,
    greater_is_better: bool = True,
    **kwargs: Any,
) -> MultiLabelScorer:
    """Make a scorer for `GridSearchCV` and `cross_validate` of a multi-label metric.

    Unlike one of :func:`sklearn.metrics.make_scorer` it takes every shape that scores
    of multi-label classifiers have (a list of one array per label, one array,
    `decision_function`), and leaves NaN in the targets to the metric.

    Parameters
    ----------
    metric : callable
        Called as ``metric(y_true, y_score, **kwargs)`` with scores of shape
        (n_samples, n_labels), or as ``metric(y_true, y_pred, **kwargs)``. It must be
        importable, not a lambda, where ``n_jobs`` is more than 1.
    response : {"scores", "labels"}, default="scores"
        ``"scores"``: `predict_proba`, or `decision_function` where there is none.
        ``"labels"``: `predict`.
    greater_is_better : bool, default=True
        False for a loss: the scorer gives its negative.
    **kwargs : dict
        Keyword arguments of the metric.

    Returns
    -------
    MultiLabelScorer
        Called as ``scorer(estimator, X, y)``. It can be pickled.

    Raises
    ------
    TypeError
        If `metric` is not callable.
    ValueError
        If `response` is neither of the two.

    Notes
    -----
    For an integer `cv`, scikit-learn looks at y to choose the splitter and refuses NaN:
    pass a splitter object, for example ``cv=KFold(5)``.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from sklearn_clip.metrics import make_multilabel_scorer, masked_f1_score
    >>> X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    >>> scorer = make_multilabel_scorer(masked_f1_score, "labels", average="samples")
    >>> scorer
    make_multilabel_scorer(masked_f1_score, response='labels', average='samples')
    >>> head = OneVsRestClassifier(LogisticRegression())
    >>> cross_val_score(head, X, Y, scoring=scorer, cv=3).shape
    (3,)
    """
    if not callable(metric):
        raise TypeError(
            "metric must be callable, as metric(y_true, y_score). "
            f"Got {metric!r}, a {type(metric).__name__}."
        )
    if response not in _RESPONSES:
        raise ValueError(f"response must be 'scores' or 'labels'. Got {response!r}.")
    return MultiLabelScorer(
        metric,
        response=response,
        greater_is_better=bool(greater_is_better),
        kwargs=kwargs,
    )


def gap_at_k_scorer(k: int) -> MultiLabelScorer:
    """Make a scorer of GAP@k.

    Parameters
    ----------
    k : int
        Scores kept of each row.

    Returns
    -------
    MultiLabelScorer
        A scorer of :func:`global_average_precision_score`.

    Examples
    --------
    >>> from sklearn_clip.metrics import gap_at_k_scorer
    >>> gap_at_k_scorer(10)
    make_multilabel_scorer(global_average_precision_score, response='scores', k=10)
    """
    return make_multilabel_scorer(global_average_precision_score, k=k)


_of_labels = partial(make_multilabel_scorer, response="labels")

gap_scorer = make_multilabel_scorer(global_average_precision_score)
map_scorer = make_multilabel_scorer(macro_average_precision_score)
masked_f1_macro_scorer = _of_labels(masked_f1_score, average="macro")
masked_f1_micro_scorer = _of_labels(masked_f1_score, average="micro")
masked_f1_weighted_scorer = _of_labels(masked_f1_score, average="weighted")
masked_f1_samples_scorer = _of_labels(masked_f1_score, average="samples")
masked_precision_macro_scorer = _of_labels(masked_precision_score, average="macro")
masked_recall_macro_scorer = _of_labels(masked_recall_score, average="macro")
masked_jaccard_samples_scorer = _of_labels(masked_jaccard_score, average="samples")
masked_subset_accuracy_scorer = _of_labels(masked_subset_accuracy_score)
masked_neg_hamming_loss_scorer = _of_labels(
    masked_hamming_loss, greater_is_better=False
)
masked_neg_log_loss_scorer = make_multilabel_scorer(
    masked_log_loss, greater_is_better=False
)
masked_neg_brier_scorer = make_multilabel_scorer(
    masked_brier_score, greater_is_better=False
)
neg_expected_calibration_error_scorer = make_multilabel_scorer(
    expected_calibration_error, greater_is_better=False
)
