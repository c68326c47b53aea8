"""Neural networks as multi-label classifiers: skorch, without its one-label traps."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from skorch.utils import is_dataset

from sklearn_clip._shared import (
    Interval,
    MaskedAccuracyMixin,
    Options,
    StrOptions,
    check_label_order,
    check_same_length,
    label_classes,
    without_tensor,
)
from sklearn_clip.heads.networks._batches import RowDataset, encode_targets
from sklearn_clip.heads.networks._net_parts import MODULES
from sklearn_clip.heads.networks._row_net import RowNet, predicting
from sklearn_clip.heads.networks._validation import METRICS


def _without_weights(fit_params):
    """Raise a TypeError for row weights, which skorch would give to the module."""
    if fit_params.get("sample_weight") is not None:
        raise TypeError(
            "MultiLabelNet takes no sample_weight. Draw the rows by their weights, "
            "with early_stopping=None and iterator_train__sampler="
            "torch.utils.data.WeightedRandomSampler(sample_weight, len(X)), weigh "
            "labels by a parameter of the loss such as criterion__pos_weight, or use "
            "MultiLabelLogisticRegression."
        )
    return {k: v for k, v in fit_params.items() if k != "sample_weight"}


class MultiLabelNet(MaskedAccuracyMixin, RowNet):
    """Neural network for multi-label classification.

    A :class:`skorch.NeuralNet` whose probabilities are those of the loss, one per
    label, and which takes what scikit-learn's classifiers take: arrays of any numeric
    dtype, sparse or DataFrame targets, unknown labels, or one binary target. The width
    of the features and the number of labels are found by `fit`.

    Parameters
    ----------
    module : str, type or Module, default="mlp"
        ``"linear"``, ``"mlp"``, ``"gmlp"``, ``"gated"``, ``"attention"``,
        ``"cosine"``, ``"adapter"`` (their parameters are those of the classes in
        `sklearn_clip.heads`, written ``module__hidden=256``), or any class of modules
        that turns (n, n_features) into logits (n, n_labels). It is given `n_features`
        and `n_labels` if its constructor has them.
    criterion : str, type or Module, default="bce"
        A name from `sklearn_clip.losses.LOSSES`, or a class of modules over (logits,
        targets). Parameters are written ``criterion__gamma_neg=2``. Class counts are
        given to the losses that need them.
    optimizer : type, default=torch.optim.AdamW
        Class of the optimizer; parameters are written ``optimizer__weight_decay=0.1``.
    lr : float, default=1e-3
        Learning rate.
    max_epochs : int, default=30
        Passes over the training rows in one `fit` or `partial_fit`.
    batch_size : int, default=64
        Rows per step; -1 for all. A single row that is left over joins the step
        before, since a batch norm cannot be trained on one.
    early_stopping : str, callable or None, default="auto"
        What is judged on validation rows after each epoch. Training stops when it has
        not improved for `patience` epochs, and the weights of its best epoch are
        restored.

        - ``"average_precision"``: macro mean average precision;
        - ``"f1"``: macro F1 at a probability of 0.5;
        - ``"loss"``: the criterion;
        - a callable (net, X, y) -> float, the larger the better, such as
          `sklearn_clip.metrics.gap_scorer` or one of
          :func:`sklearn.metrics.get_scorer`, which take no NaN;
        - None: no early stopping;
        - ``"auto"``: ``"average_precision"`` from 10,000 labelled rows on, else None;
          also None if `callbacks` hold an :class:`skorch.callbacks.EarlyStopping`.
    patience : int, default=5
        Epochs without improvement before training stops.
    train_split : float, callable or None, default=0.1
        Validation rows: a share, drawn so that labels keep their positives in training
        where they can, and only if something looks at them (`early_stopping`, or a
        callback that scores them or monitors a value of the history whose name begins
        with "valid"); else all rows are trained on. Or a callable (dataset, y)
        -> (training, validation), such as :class:`skorch.dataset.ValidSplit`, which is
        always used; None for none.
    callbacks : list of Callback, "disable" or None, default=None
        skorch callbacks beside those that keep the history and stop early; "disable"
        for not even those.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights it finds.
    device : str or torch.device or None, default="auto"
        ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device; None, as in skorch,
        moves nothing.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches, dropout and the validation rows. None takes
        them from torch's global generator; otherwise that is left as it was, and of
        several threads one trains at a time, since they share it.
    verbose : int, default=0
        1 prints a line per epoch.
    **kwargs : dict
        Everything else that :class:`skorch.NeuralNet` takes: ``module__*``,
        ``criterion__*``, ``optimizer__*``, ``iterator_train__*``, ``callbacks__*``,
        ``predict_nonlinearity``, ``compile`` and more. Training batches are shuffled
        unless ``iterator_train__shuffle=False``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels, 2) or (2,)
        0 and 1 for every label, the form that scikit-learn's scorers and
        `cross_val_predict` take. For a 1-D `y` its two classes.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`. Defined if `y` was a DataFrame.
    n_features_in_ : int
        Width of the rows.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names of `X`. Defined if `X` was a DataFrame of named columns.
    class_counts_ : ndarray of shape (n_labels,)
        Rows known to have each label, validation rows included.
    known_counts_ : ndarray of shape (n_labels,)
        Rows in which each label is known.
    best_epoch_ : int
        The epoch, counted from 1, of the weights. Defined with early stopping.
    module_ : Module
        The trained module.
    criterion_ : Module
        The loss, with what it has learnt.
    history : History
        Losses (means over known labels, NaN where there is none), validation metric and
        duration of each epoch.

    See Also
    --------
    sklearn_clip.MultiLabelLogisticRegression : Linear head with an exact solution.
    sklearn_clip.ThresholdOptimizer : Thresholds other than 0.5.

    Notes
    -----
    `predict_proba` is the loss's own `activation` of the logits, and `predict` cuts it
    at 0.5; other losses, and those of torch, are taken to be over logits, with a
    sigmoid. Of these, torch's own cannot leave unknown labels out, and are refused for
    a `y` with NaN.

    A net that was trained on a GPU is loaded on the CPU where there is none.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip.heads import MultiLabelNet
    >>> X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    >>> net = MultiLabelNet(
    ...     module__hidden=(32, 16), criterion="asl", criterion__gamma_neg=2,
    ...     max_epochs=5, device="cpu", random_state=0,
    ... ).fit(X, Y)
    >>> net.predict_proba(X[:2]).shape, net.predict(X[:2]).shape
    ((2, 4), (2, 4))
    >>> len(net.history)
    5
    """

    _parameter_constraints: dict = {
        "module": [StrOptions(set(MODULES)), callable],
        "criterion": [str, callable],
        "optimizer": [callable],
        "lr": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            Options(Integral, {-1}),
        ],
        "early_stopping": [StrOptions({"auto", "loss", *METRICS}), callable, None],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "train_split": [Interval(Real, 0, 1, closed="neither"), callable, None],
        "callbacks": [list, StrOptions({"disable"}), None],
        "warm_start": ["boolean"],
        "device": [str, torch.device, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        module: Any = "mlp",
        *,
        criterion: Any = "bce",
        optimizer: Any = torch.optim.AdamW,
        lr=1e-3,
        max_epochs=30,
        batch_size=64,
        early_stopping: Any = "auto",
        patience=5,
        train_split: Any = 0.1,
        callbacks=None,
        warm_start=False,
        device: Any = "auto",
        random_state=None,
        verbose=0,
        **kwargs,
    ):
        super().__init__(
            module,
            criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            callbacks=callbacks,
            warm_start=warm_start,
            device=device,
            verbose=verbose,
            **{"dataset": RowDataset} | kwargs,
        )
        self.early_stopping = early_stopping
        self.patience = patience
        self.random_state = random_state

    def fit(self, X, y, **fit_params):
        """Train from new weights, or from those there are with ``warm_start=True``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any numeric dtype; they are cast to float32.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            Targets of 0 and 1 or False and True, NaN where unknown; or two classes.
            Rows of NaN alone are left out, unless the loss is none of this package or
            a sampler draws the rows.
        **fit_params : dict
            Passed to `forward` of the module and to a callable `train_split`. Of
            `groups`, an array-like of shape (n_samples,), none is torn apart by the
            validation rows, and named modules do not see them. `sample_weight` is
            refused.

        Returns
        -------
        self : MultiLabelNet
            The fitted instance.

        Raises
        ------
        ValueError
            If `X` or `y` holds what it must not, their lengths differ, a parameter is
            out of range, or the module cannot split the features' width; if training
            goes on and `y` has other labels, or another order of them.
        FloatingPointError
            If training ends with weights that are no finite numbers.
        TypeError
            If `X` is a torch Dataset, or there is a `sample_weight`.
        """
        fit_params = _without_weights(fit_params)
        go_on = self.warm_start and self.initialized_
        X, targets = self._check_training_data(X, y, go_on=go_on)
        if not go_on and np.isnan(targets).all():
            raise ValueError("y must hold at least one known label. Got NaN only.")
        with self._seeded(go_on=go_on):
            # As a Dataset, which `partial_fit` knows to have been checked.
            return super().fit(self.get_dataset(X, targets), targets, **fit_params)

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train for another `max_epochs`, going on from the weights there are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any numeric dtype.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
                (n_samples,)
            Targets, as for `fit`.
        classes : array-like of shape (2,), default=None
            Both classes of a 1-D `y`, at the first call, if its `y` may lack one.
        **fit_params : dict
            As for `fit`.

        Returns
        -------
        self : MultiLabelNet
            The fitted instance.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As `fit` does.
        """
        fit_params = _without_weights(fit_params)
        if is_dataset(X):  # from `fit` as well
            super().partial_fit(X, y, **fit_params)
            self._check_weights()
            return self
        go_on = self.initialized_
        X, targets = self._check_training_data(X, y, go_on=go_on, classes=classes)
        with self._seeded(go_on=go_on):
            return self.partial_fit(self.get_dataset(X, targets), targets, **fit_params)

    def _check_weights(self):
        """Check that training did not end in NaN, which predicts no label at all."""
        for name, weight in self.module_.named_parameters():
            if weight.requires_grad and not torch.isfinite(weight).all():
                raise FloatingPointError(
                    "Training must end with finite weights. Got NaN or infinity in "
                    f"{name!r}: lower lr (it is {self.lr}), or scale X, for example "
                    "with StandardScaler."
                )

    def predict_proba(self, X):
        """Predict the probability of every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or Dataset
            Rows of any numeric dtype.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels), dtype=float32
            P(label = 1). After fitting a 1-D `y`, (n_samples, 2): of both classes.
        """
        self.check_is_fitted()
        if not is_dataset(X):
            X = self._read_rows(X, reset=False)
        with predicting():
            probabilities = self._label_probabilities(X)
        if self._is_binary():
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict(self, X):
        """Predict labels: 1 where the loss holds a label to be present.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or Dataset
            Rows of any numeric dtype.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels), dtype=int64
            Labels of 0 and 1. After fitting a 1-D `y`, its classes, (n_samples,).
        """
        probabilities = self.predict_proba(X)
        if self._is_binary():
            return self._decode(probabilities[:, 1:])
        return (probabilities > 0.5).astype(np.int64)

    def _is_binary(self):
        """Whether the target was 1-D."""
        return hasattr(self, "classes_") and self.classes_.ndim == 1

    def _decode(self, targets):
        """Turn targets as the net sees them into such as `fit` was given."""
        if self._is_binary():
            return self.classes_[(targets[:, 0] > 0.5).astype(int)]
        return targets

    def _read_rows(self, X, *, reset):
        """Check rows."""
        X = without_tensor(X, "X")
        return validate_data(self, X, dtype=np.float32, reset=reset)

    def _check_training_data(self, X, y, *, go_on, classes=None):
        """Check parameters and data; return float32 rows and targets with NaN."""
        BaseEstimator._validate_params(self)
        if self.early_stopping not in (None, "auto") and self.train_split is None:
            raise ValueError(
                "train_split must give validation rows for early_stopping="
                f"{self.early_stopping!r}. Got None. Pass train_split=0.1."
            )
        if self.early_stopping not in (None, "auto") and self.callbacks == "disable":
            raise ValueError(
                "callbacks must not be 'disable' with early_stopping="
                f"{self.early_stopping!r}, which is one of them. Pass callbacks=None, "
                "or early_stopping=None."
            )
        if is_dataset(X):
            raise TypeError(
                f"X must be an array-like of rows. Got a {type(X).__name__}. Pass X "
                "and y, and the class of the data set as dataset=."
            )
        sized = go_on and hasattr(self, "n_labels_")
        # Weights that were loaded have their sizes, but nobody has seen their labels.
        go_on = sized and hasattr(self, "n_samples_fit_")
        if go_on:
            classes = self.classes_ if self._is_binary() else None
        targets, classes, names = encode_targets(y, classes)
        X = self._read_rows(X, reset=not sized)
        check_same_length(X, targets)
        self.has_unknown_ = bool(np.isnan(targets).any())
        self._check_unknown()
        if sized and targets.shape[1] != self.n_labels_:
            raise ValueError(
                f"y must have {self.n_labels_} labels, like the y the net was fitted "
                f"on. Got {targets.shape[1]}."
            )
        if go_on:
            check_label_order(self, y)
        else:
            self._remember(targets, classes, names)
        return X, targets

    def _check_unknown(self):
        """Raise a ValueError if the loss is one of torch's and a label is unknown."""
        loss = self.criterion
        kind = loss if isinstance(loss, type) else type(loss)
        if kind.__module__.startswith("torch.") and self.has_unknown_:
            raise ValueError(
                f"y must not hold NaN with {kind.__name__}, which cannot leave unknown "
                "labels out. Use a loss of sklearn_clip.losses, such as "
                "criterion='bce'."
            )

    def _remember(self, targets, classes, names):
        """Set what is learned from the targets alone."""
        known = ~np.isnan(targets)
        self.n_samples_fit_ = int(known.any(axis=1).sum())
        self.n_labels_ = targets.shape[1]
        self.class_counts_ = np.nansum(targets, axis=0)
        self.known_counts_ = known.sum(axis=0)
        self.classes_ = classes
        if classes is None:
            self.classes_ = label_classes(self.n_labels_)
        self.__dict__.pop("label_names_", None)
        if names is not None:
            self.label_names_ = names

    def __sklearn_is_fitted__(self):
        # Before 1.4, skorch lets scikit-learn guess from its attributes.
        return hasattr(self, "module_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
