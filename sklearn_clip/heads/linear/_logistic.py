"""Logistic regression of many labels in one solve."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_clip._shared import (
    CallbackSupport,
    Interval,
    StrOptions,
    _fit_context,
    own_modes,
)
from sklearn_clip.heads.linear._design_matrix import make_products
from sklearn_clip.heads.linear._label_data import LabelData
from sklearn_clip.heads.linear._linear_classifier import (
    LinearMultiLabelClassifier,
    column_range,
)
from sklearn_clip.heads.linear._newton import Solution, most_steps, solve
from sklearn_clip.heads.linear._nystrom import NystromSketch, sketch_rank
from sklearn_clip.heads.linear._step_callbacks import StepCallbacks
from sklearn_clip.heads.linear._used_columns import UsedColumns


def starting_point(coef, intercept):
    """Solution of no steps, taken to have converged."""
    n_columns = len(intercept)
    return Solution(
        coef,
        intercept,
        np.zeros(n_columns, dtype=np.int32),
        np.ones(n_columns, dtype=bool),
        np.zeros(n_columns, dtype=bool),
    )


def fit_columns(
    products,
    data,
    columns,
    C,
    start,
    *,
    sketch,
    fit_intercept,
    tol,
    max_iter,
    steps=None,
):
    """Minimise some columns of `data`, those of constant labels in closed form.

    Parameters
    ----------
    products : NumpyProducts or TorchProducts
        Products with X.
    data : LabelData
        Targets and weights.
    columns : ndarray of shape (n_columns,), dtype=int
        Which columns.
    C : ndarray of shape (n_columns,)
        Inverse strength of the penalty; inf for none.
    start : Solution or None
        Where to start; None is no effect of X and the frequency of 1.
    sketch : NystromSketch
        Preconditioner.
    fit_intercept : bool
        Whether there is an intercept.
    tol : float
        Tolerance of the solver.
    max_iter : int
        Most Newton steps.
    steps : StepCallbacks or None, default=None
        Hears of every step.

    Returns
    -------
    Solution
        A label that is constant under an intercept has no finite minimum: its
        coefficients are 0 and its probability is that of both classes counted once
        more than they were seen.
    """
    n_columns = len(columns)
    constant = data.constant[columns] & fit_intercept
    coef, intercept = np.zeros((products.n_features, n_columns)), np.zeros(n_columns)
    if start is not None:
        coef, intercept = start.coef.copy(), start.intercept.copy()
    if fit_intercept:  # the start of a label that was constant says less than this
        level = ~coef.any(axis=0)
        intercept[level] = data.prior_logit()[columns[level]]
    coef[:, constant] = 0
    intercept[constant] = data.prior_logit(smoothing=1.0)[columns[constant]]
    result = starting_point(coef, intercept)
    varied = np.flatnonzero(~constant)
    if len(varied):
        if steps is not None:
            steps.among(result, varied)
        found = solve(
            products,
            data,
            columns[varied],
            C[varied],
            sketch=sketch,
            coef=coef[:, varied],
            intercept=intercept[varied],
            fit_intercept=fit_intercept,
            tol=tol,
            max_iter=max_iter,
            steps=steps,
        )
        for mine, its in zip(result, found, strict=True):
            mine[..., varied] = its
    return result


class MultiLabelLogisticRegression(CallbackSupport, LinearMultiLabelClassifier):
    r"""Logistic regression of all labels in one solve.

    The same model as one :class:`~sklearn.linear_model.LogisticRegression` per label,
    with the same objective, fitted to all labels together by products of `X` with
    matrices of one column per label: tens of times faster, and closer to the minimum.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty, as in scikit-learn; ``np.inf`` for none, and
        so is what rounding hides, of unit-norm features from 1e20 on. These, such as
        CLIP's, are often best at more than the default, between 1 and 100.
    class_weight : "balanced", dict, list of dict or None, default=None
        Weights of the classes. ``"balanced"`` gives the zeros and the ones of each
        label the same total weight; a dict from class to weight holds for every
        label, a list has one dict per label. A missing class has the weight 1.
    fit_intercept : bool, default=True
        Whether to add an intercept, which is not penalised.
    tol : float, default=1e-4
        A label has converged when its Newton decrement ``k`` is at most ``tol min(1,
        sqrt(J))``, for the objective ``J`` divided by `C` and the mean weight of a
        row. To second order, J then exceeds its minimum by at most ``tol^2 / 2`` of
        itself, and no training row of mean weight has a probability that is off by
        more than ``tol / 2``.
    max_iter : int, default=100
        Most Newton steps of one label.
    device : str or torch.device, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; ``"auto"`` is CUDA where there is
        one and the problem is large enough to gain from it. A sparse `X` stays on
        the CPU.
    warm_start : bool, default=False
        Start from the present coefficients, if their shape fits, instead of zero; a
        label for which zero is the better start takes that.
    verbose : int, default=0
        1 prints the Newton steps taken, and if `X` is dense but mostly zeros.

    Attributes
    ----------
    coef_ : ndarray of shape (n_labels, n_features)
        Coefficients, in the precision of `X`.
    intercept_ : ndarray of shape (n_labels,)
        Intercepts; zeros without `fit_intercept`.
    n_iter_ : ndarray of shape (n_labels,), dtype=int32
        Newton steps taken; 0 for a constant label.
    classes_ : ndarray of shape (n_labels, 2) or (2,)
        0 and 1 for every label, or the two classes of a 1-D `y`.
    label_names_ : ndarray of shape (n_labels,), dtype=object
        Column names of `y`. Defined if `y` was a DataFrame.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype=object
        Names of the features. Defined if `X` had string column names.

    See Also
    --------
    MultiLabelLogisticRegressionCV : Chooses C, for each label or for all.
    sklearn.linear_model.LogisticRegression : One label, or several classes.

    Notes
    -----
    For every label, over the rows where it is known, with weights ``s_i`` the product
    of sample and class weight::

        min_{w, b}  C sum_i s_i (log(1 + exp(z_i)) - y_i z_i) + |w|^2 / 2,
        z_i = x_i . w + b

    The solver is a truncated Newton method [1]_ whose linear systems are solved for
    all labels at once by conjugate gradients, preconditioned with a low-rank sketch
    of ``X.T X`` [2]_ that all labels share. Labels that have converged drop out. A
    float32 `X` is multiplied in float32; labels for which that is too coarse (large
    `C`) continue on float64 gradients.

    From scikit-learn 1.9 on, `set_callbacks` takes its callbacks, such as
    `sklearn.callback.ProgressBar`, here or on a search or Pipeline around this. A task
    below the fit is a Newton step of all labels that have not converged.

    A label whose known rows all have one value has no finite minimum if there is an
    intercept. Its coefficients are then 0, and its probability is ``(n_1 + 1) /
    (n_0 + n_1 + 2)`` with ``n_0`` and ``n_1`` the weighted numbers of zeros and ones:
    near the value seen, nearer the more often it was. That holds for a label that is
    nowhere known (0.5) as well.

    Nor has a label a minimum without a penalty (``C=np.inf``) whose ones and zeros a
    plane parts, as more features than rows let it: the longer the coefficients, the
    better. Its fit ends where the probability of no training row is off by more than
    ``tol / 2``, and warns. (scikit-learn's `LogisticRegression` ends where its gradient
    is small, and does not.)

    References
    ----------
    .. [1] R. S. Dembo, S. C. Eisenstat, T. Steihaug, "Inexact Newton methods", SIAM
       J. Numer. Anal. 19(2), 1982. :doi:`10.1137/0719025`
    .. [2] Z. Frangella, J. A. Tropp, M. Udell, "Randomized Nystrom preconditioning",
       SIAM J. Matrix Anal. Appl. 44(2), 2023. :arxiv:`2110.02820`

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip.heads import MultiLabelLogisticRegression
    >>> X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    >>> head = MultiLabelLogisticRegression().fit(X, Y)
    >>> head.coef_.shape, head.predict_proba(X[:2]).shape
    ((4, 20), (2, 4))
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="right")],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "device": "no_validation",  # make_products does it, without loading torch
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        C=1.0,
        *,
        class_weight=None,
        fit_intercept=True,
        tol=1e-4,
        max_iter=100,
        device: Any = "auto",
        warm_start=False,
        verbose=0,
    ):
        self.C = C
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.device = device
        self.warm_start = warm_start
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    @own_modes()
    def fit(self, X, y, sample_weight=None):
        """Fit all labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, finite. float32 stays float32.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            Targets of 0 and 1 or False and True; NaN, None or NA where a label is not
            known. 1-D: any two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights, not negative. An integer weight is that many copies.

        Returns
        -------
        self : MultiLabelLogisticRegression
            The fitted instance.

        Raises
        ------
        ValueError
            If X is not finite, y holds other values or a 1-D y other than two
            classes, weights are negative or all 0, `class_weight` does not fit the
            labels, or the device is not there.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If labels have not converged, or have no minimum (see Notes); the message
            names them. If `C` is infinite and columns of X vary far less than others.
        """
        start = self._present_solution() if self.warm_start else None
        X, targets, sample_weight = self._check_data(
            X, y, sample_weight, keep_sparse=True
        )
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = LabelData(targets, sample_weight, self.class_weight)
        n_labels = targets.positive.shape[1]
        used = UsedColumns(X)
        products = make_products(used.narrow(X), self.device, n_labels)
        if start is not None and start.coef.shape != (X.shape[1], n_labels):
            start = None
        steps = self._begin_callbacks(
            {"X": X, "y": y, "metadata": metadata},
            used,
            most_steps=most_steps(products, n_labels, self.max_iter),
        )
        solution = self._solve(products, data, used.narrow_start(start), steps)
        self._keep(solution, X.dtype, used)
        if np.isinf(self.C):
            self._warn_of_narrow_columns(*column_range(X))
        if steps is not None:
            steps.close()
        return self

    def _solve(self, products, data, start=None, steps=None):
        """Minimise the objective of all labels."""
        n_labels = data.sums.shape[1]
        rank = sketch_rank(products, n_labels)
        return fit_columns(
            products,
            data,
            np.arange(n_labels),
            np.full(n_labels, float(self.C)),
            start,
            sketch=NystromSketch(products, rank, centre=self.fit_intercept),
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
            steps=steps,
        )

    def _begin_callbacks(self, data, used, *, most_steps):
        """Begin to tell callbacks of the fit; None before scikit-learn 1.9."""
        if not hasattr(self, "_init_callback_context"):
            return None
        return StepCallbacks(self, data, used, most_steps=most_steps)

    def _present_solution(self):
        """Return the coefficients of the fit before, or None without one."""
        if not hasattr(self, "coef_"):
            return None
        coef = self.coef_.T.astype(np.float64)
        intercept = self.intercept_.astype(np.float64) * self.fit_intercept
        return starting_point(coef, intercept)
