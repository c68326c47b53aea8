"""Logistic regression of many labels that chooses C over folds."""

from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import StratifiedKFold, check_cv

from sklearn_clip._shared import (
    Interval,
    StrOptions,
    _fit_context,
    as_targets,
    own_modes,
    stored_form,
)
from sklearn_clip.heads.linear._design_matrix import make_products
from sklearn_clip.heads.linear._label_data import LabelData
from sklearn_clip.heads.linear._linear_classifier import (
    LinearMultiLabelClassifier,
    column_range,
)
from sklearn_clip.heads.linear._logistic import fit_columns, starting_point
from sklearn_clip.heads.linear._nystrom import NystromSketch, sketch_rank
from sklearn_clip.heads.linear._regularization_path import choose, follow_path
from sklearn_clip.heads.linear._used_columns import UsedColumns
from sklearn_clip.heads.linear._validation_scores import log_loss_scores, scorer_scores
from sklearn_clip.model_selection import (
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
)
from sklearn_clip.model_selection._out_of_fold import check_splits

# To compare values of C the path need not be exact: the training loss of a fold is
# within 5e-4 nats, summed over its rows, of the minimum.
_PATH_TOL = 3e-2
# Ones, and zeros, that a label must have to get a C of its own. On clip art (43 labels)
# the test log loss with a bound of 0, 20, 40 and one C for all was .10326, .10326,
# .10298, .10305 at 1,481 rows, and .11459, .11279, .11263, .11272 at 500 rows.
_ENOUGH = 40


class MultiLabelLogisticRegressionCV(LinearMultiLabelClassifier):
    """Logistic regression of all labels, with C chosen over folds per label or for all.

    All folds and labels are fitted together for one C after the other, each from the
    solution for the C before. Then the labels are fitted to all rows with the C that
    scored best on held-out ones.

    Parameters
    ----------
    Cs : int or array-like of float, default=10
        Grid of C, the inverse strength of the penalty; an int is that many values
        between 1e-4 and 1e4, evenly spaced in the logarithm; ``np.inf`` among them is
        no penalty.
    cv : int, splitter, iterable or None, default=None
        Folds, shared by all labels. An int is that many shuffled, stratified folds,
        seeded by `random_state`; None means 5. Otherwise a splitter, which gets the
        unknown entries of `y` as NaN, and a sparse `y` as a CSR array, or an iterable
        of (train, test) rows.
    scoring : str, callable or None, default=None
        None is the negative log loss of each label on held-out rows, with sample
        weights, class weights left out. Otherwise one of scikit-learn's scorer names
        or ``scorer(estimator, X, y)``, which takes no weights. With `per_label` it is
        given every label as a binary problem of its known rows, unless they all have
        the same value, or as a table of one column if it is of
        `sklearn_clip.metrics`; else all labels, as floats with NaN if some are unknown.
        A sparse `y` of known labels stays sparse for the scorers of
        `sklearn_clip.metrics` alone.
    per_label : bool, default=True
        Whether every label has its own C, or all have the one whose mean score is
        best. Labels with fewer than 40 known ones or zeros take that as well.
    class_weight : "balanced", dict, list of dict or None, default=None
        As in :class:`MultiLabelLogisticRegression`; ``"balanced"`` counts the
        training rows of each fold.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    tol : float, default=1e-4
        Tolerance of the final fit, as in :class:`MultiLabelLogisticRegression`. The
        folds are fitted with one of at least 0.03.
    max_iter : int, default=100
        Most Newton steps of one label in one fit.
    refit : bool, default=True
        Whether to fit all rows with the C chosen. Without, the coefficients are the
        mean over folds of those at that C.
    device : str or torch.device, default="auto"
        As in :class:`MultiLabelLogisticRegression`.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds for an int `cv`.
    verbose : int, default=0
        As in :class:`MultiLabelLogisticRegression`, for the final fit.

    Attributes
    ----------
    C_ : ndarray of shape (n_labels,)
        The C of each label.
    Cs_ : ndarray of shape (n_Cs,)
        The grid, ascending.
    scores_ : ndarray of shape (n_folds, n_Cs, n_labels) or (n_folds, n_Cs)
        Held-out scores, higher is better; of all labels together if `scoring` is
        given and `per_label` is False. NaN where there is none: the label has one
        value only among the held-out rows, or has left the path (see Notes).
    n_iter_ : ndarray of shape (n_labels,), dtype=int32
        Newton steps of the final fit; zeros without `refit`.
    coef_, intercept_, classes_, label_names_, n_features_in_, feature_names_in_
        As of :class:`MultiLabelLogisticRegression`.

    See Also
    --------
    MultiLabelLogisticRegression : The same with a given C.
    sklearn.linear_model.LogisticRegressionCV : One label, or several classes.

    Notes
    -----
    The default score is the log loss, since with few positives a rank metric is noise
    on the scale of one label: chosen per label by average precision, C led to a lower
    mean average precision on new rows (0.358 on clip art with 43 labels) than chosen
    by log loss (0.363).

    With the default scoring, a label leaves the path towards larger C once its score
    has fallen at two successive C, or by more than two standard errors over folds;
    with ``per_label=False`` all labels leave together, by their mean.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip.heads import MultiLabelLogisticRegressionCV
    >>> X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    >>> head = MultiLabelLogisticRegressionCV([0.01, 1, 100], random_state=0).fit(X, Y)
    >>> head.C_.shape, head.scores_.shape
    ((4,), (5, 3, 4))
    """

    _parameter_constraints: dict = {
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "per_label": ["boolean"],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "refit": ["boolean"],
        "device": "no_validation",  # make_products does it, without loading torch
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        Cs: Any = 10,
        *,
        cv=None,
        scoring=None,
        per_label=True,
        class_weight=None,
        fit_intercept=True,
        tol=1e-4,
        max_iter=100,
        refit=True,
        device: Any = "auto",
        random_state=None,
        verbose=0,
    ):
        self.Cs = Cs
        self.cv = cv
        self.scoring = scoring
        self.per_label = per_label
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.refit = refit
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @own_modes()
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Choose C and fit all labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. float32 stays float32.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            Targets of 0 and 1 or False and True; NaN, None or NA where a label is not
            known. 1-D: any two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights, not negative, for the fits and the default score.
        groups : array-like of shape (n_samples,), default=None
            Groups for the splitter.

        Returns
        -------
        self : MultiLabelLogisticRegressionCV
            The fitted instance.

        Raises
        ------
        ValueError
            As in :meth:`MultiLabelLogisticRegression.fit`, and if `Cs` holds anything
            but positive numbers, there is no split, or `scoring` gives no number.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If labels have not converged; the message names them. If a label takes an
            infinite C and columns of X vary far less than others.
        UserWarning
            If labels that have positives have fewer of them than there are folds.
        """
        X, targets, sample_weight = self._check_data(
            X, y, sample_weight, keep_sparse=True
        )
        self.Cs_ = self._check_grid()
        one_dimensional = as_targets(y) if targets.classes is not None else None
        splits = self._make_splits(X, y, targets, groups)
        masks = np.zeros((len(splits), X.shape[0]), dtype=bool)
        for mask, (train, _) in zip(masks, splits, strict=True):
            mask[train] = True
        jointly = not self.per_label
        n_labels = targets.positive.shape[1]
        n_columns = n_labels * len(splits)
        used = UsedColumns(X)
        products = make_products(used.narrow(X), self.device, n_columns)
        score = partial(log_loss_scores, products, targets, splits, sample_weight)
        if self.scoring is not None:
            scorer = get_scorer(self.scoring)
            score = partial(
                scorer_scores,
                scorer,
                X,
                used,
                one_dimensional,
                targets,
                splits,
                jointly,
            )
        settings = {
            "sketch": NystromSketch(
                products, sketch_rank(products, n_columns), centre=self.fit_intercept
            ),
            "fit_intercept": self.fit_intercept,
            "max_iter": self.max_iter,
        }
        path = follow_path(
            products,
            LabelData(targets, sample_weight, self.class_weight, masks),
            self.Cs_,
            score,
            jointly=jointly,
            prune=self.scoring is None,
            tol=max(self.tol, _PATH_TOL),
            **settings,
        )
        data = LabelData(targets, sample_weight, self.class_weight)
        enough = (data.n_entries >= _ENOUGH).all(axis=0)
        best = choose(path.scores, jointly=jointly, own=enough)
        self.C_ = self.Cs_[best]
        together = jointly and self.scoring is not None
        self.scores_ = path.scores[:, :, 0] if together else path.scores
        solution = self._finish(products, data, path, best, settings)
        self._keep(solution, X.dtype, used)
        if np.isinf(self.C_).any():
            self._warn_of_narrow_columns(*column_range(X))
        return self

    def _finish(self, products, data, path, best, settings):
        """Fit all rows from the mean over folds, or take that as it is."""
        labels = np.arange(len(best))
        solution = starting_point(
            path.coef[best, :, labels].T.astype(np.float64),
            path.intercept[best, labels],
        )
        if not self.refit:
            return solution
        return fit_columns(
            products, data, labels, self.C_, solution, tol=self.tol, **settings
        )

    def _check_grid(self):
        """Grid of C, ascending."""
        if isinstance(self.Cs, Integral):
            return np.logspace(-4, 4, self.Cs)
        grid = np.unique(np.asarray(self.Cs, dtype=np.float64).ravel())
        if not len(grid) or not (grid > 0).all():
            raise ValueError(
                "Cs must be a number of values or hold positive ones, inf for no "
                f"penalty. Got {self.Cs!r}."
            )
        return grid

    def _make_splits(self, X, y, targets, groups):
        """Rows of every fold: a list of (train, test)."""
        y = as_targets(y) if targets.classes is not None else stored_form(y)
        if sparse.issparse(y):
            y = sparse.csr_array(y)
        elif targets.classes is None:
            y = targets.positive.astype(np.int64)
            if targets.known is not None:
                y = np.where(targets.known, y, np.nan)
        cv = self.cv
        if cv is None or isinstance(cv, Integral):
            splitter = MultiLabelStratifiedKFold if y.ndim == 2 else StratifiedKFold
            cv = splitter(cv or 5, shuffle=True, random_state=self.random_state)
        else:
            cv = check_cv(cv, y, classifier=True)
        rows = np.arange(X.shape[0])
        # Indexing `rows` makes row numbers of masks, which an iterable may hold.
        split = cv.split
        if isinstance(cv, MultiLabelStratifiedKFold | MultiLabelStratifiedGroupKFold):
            split = partial(cv.split_named, names=targets.names)
        splits = [(rows[a], rows[b]) for a, b in split(X, y, groups)]
        check_splits(splits)
        return splits
