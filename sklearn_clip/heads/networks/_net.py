"""Neural networks as multi-label classifiers: skorch, without its one-label traps."""

import inspect
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data
from skorch import NeuralNet
from skorch.callbacks import EpochScoring, EpochTimer, PassthroughScoring
from skorch.utils import is_dataset, to_numpy
from torch import nn
from torch.utils.data import DataLoader, Subset

from sklearn_clip._shared import (
    Interval,
    Options,
    StrOptions,
    check_label_order,
    check_same_length,
    label_classes,
)
from sklearn_clip.heads._accuracy import MaskedAccuracyMixin
from sklearn_clip.heads.networks._batches import RowDataset, encode_targets, make_loader
from sklearn_clip.heads.networks._epoch_log import EpochTable, write_line
from sklearn_clip.heads.networks._modules import (
    CLIPAdapterHead,
    CosineHead,
    LinearHead,
    MLPHead,
)
from sklearn_clip.heads.networks._token_modules import (
    AttentionHead,
    GatedHead,
    GMLPHead,
)
from sklearn_clip.heads.networks._validation import (
    METRICS,
    BestEpoch,
    choose_validation_rows,
)
from sklearn_clip.losses import LOSSES, make_loss

MODULES = {
    "linear": LinearHead,
    "mlp": MLPHead,
    "gmlp": GMLPHead,
    "gated": GatedHead,
    "attention": AttentionHead,
    "cosine": CosineHead,
    "adapter": CLIPAdapterHead,
}

# With fewer rows, those held out are missed more than the stopping is worth.
_ROWS_FOR_EARLY_STOPPING = 10_000


def _choose_device():
    """Name the device that ``device="auto"`` stands for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _validation_score(net, X, y, *, metric):
    """Score a net on validation rows; a scorer of skorch's `EpochScoring`."""
    if callable(metric):
        return metric(net, X, net._decode(y))
    return METRICS[metric](y, net._label_probabilities(X))


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


class MultiLabelNet(MaskedAccuracyMixin, NeuralNet):
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
        - None: no early stopping, all rows are trained on;
        - ``"auto"``: ``"average_precision"`` from 10,000 rows on, else None.
    patience : int, default=5
        Epochs without improvement before training stops.
    train_split : float, callable or None, default=0.1
        Validation rows: a share, drawn so that labels keep their positives in training
        where they can, and only if `early_stopping` is on; or a callable (dataset, y)
        -> (training, validation), such as :class:`skorch.dataset.ValidSplit`, which is
        always used; None for none.
    callbacks : list of Callback, "disable" or None, default=None
        skorch callbacks beside those that keep the history and stop early.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights it finds.
    device : str or torch.device, default="auto"
        ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches, dropout and the validation rows. None takes
        them from torch's global generator; otherwise that is left as it was.
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
        Losses, validation metric and duration of each epoch.

    See Also
    --------
    sklearn_clip.MultiLabelLogisticRegression : Linear head with an exact solution.
    sklearn_clip.ThresholdOptimizer : Cuts other than 0.5.

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
        module="mlp",
        *,
        criterion="bce",
        optimizer=torch.optim.AdamW,
        lr=1e-3,
        max_epochs=30,
        batch_size=64,
        early_stopping="auto",
        patience=5,
        train_split=0.1,
        callbacks=None,
        warm_start=False,
        device="auto",
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
        **fit_params : dict
            Passed to `forward` of the module and to a callable `train_split`;
            `sample_weight` is refused.

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
        TypeError
            If `X` is a torch Dataset, or there is a `sample_weight`.
        """
        fit_params = _without_weights(fit_params)
        go_on = self.warm_start and self.initialized_
        X, targets = self._check_training_data(X, y, go_on=go_on)
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
            Passed to `forward` of the module and to a callable `train_split`.

        Returns
        -------
        self : MultiLabelNet
            The fitted instance.
        """
        fit_params = _without_weights(fit_params)
        if is_dataset(X):
            return super().partial_fit(X, y, **fit_params)
        go_on = self.initialized_
        X, targets = self._check_training_data(X, y, go_on=go_on, classes=classes)
        with self._seeded(go_on=go_on):
            return super().partial_fit(
                self.get_dataset(X, targets), targets, **fit_params
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
            X = validate_data(self, X, dtype=np.float32, reset=False)
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

    def initialize(self):
        """Make module, criterion, optimizer and callbacks anew; `fit` does it.

        Returns
        -------
        self : MultiLabelNet
            The initialized instance.
        """
        self.device_ = _choose_device()
        # Drawn once, so that a fit that goes on keeps its validation rows apart.
        self.split_seed_ = int(torch.randint(2**31 - 1, ()))
        return super().initialize()

    def initialize_module(self):
        """Make the module, as wide as the data.

        Returns
        -------
        self : MultiLabelNet
            The same instance.
        """
        named = isinstance(self.module, str)
        module = MODULES[self.module] if named else self.module
        params = self.get_params_for("module")
        if not isinstance(module, nn.Module):
            taken = inspect.signature(module).parameters
            sizes = {"n_features": "n_features_in_", "n_labels": "n_labels_"}
            params = {
                name: getattr(self, attribute)
                for name, attribute in sizes.items()
                if name in taken and hasattr(self, attribute)
            } | params
        self.module_ = self.initialized_instance(module, params)
        return self

    def initialize_criterion(self):
        """Make the loss, with the class counts if it needs them.

        Returns
        -------
        self : MultiLabelNet
            The same instance.
        """
        named = isinstance(self.criterion, str)
        loss = LOSSES.get(self.criterion) if named else self.criterion
        params = self.get_params_for("criterion")
        if isinstance(loss, type) and getattr(loss, "needs_class_counts", False):
            counts = {
                "class_counts": self.class_counts_,
                "n_samples": self.known_counts_,
            }
            params = counts | params
        self.criterion_ = make_loss(self.criterion, **params)
        return self

    def on_epoch_begin(self, net, **kwargs):
        """Open an epoch in the history and tell the loss, which may change with it."""
        super().on_epoch_begin(net, **kwargs)
        if hasattr(self.criterion_, "set_epoch"):
            self.criterion_.set_epoch(len(self.history) - 1)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Part training and validation rows; see `train_split`."""
        if self.train_split is None or callable(self.train_split):
            return super().get_split_datasets(X, y, **fit_params)
        dataset = self.get_dataset(X, y)
        if self._stopping_metric() is None:
            return dataset, None
        rng = np.random.default_rng(self.split_seed_)
        parts = choose_validation_rows(y, self.train_split, rng)
        return tuple(Subset(dataset, rows) for rows in parts)

    def get_iterator(self, dataset, training=False):
        """Make the loader of batches: shuffled in training, sliced if it can be."""
        prefix = "iterator_train" if training else "iterator_valid"
        if getattr(self, prefix) is not DataLoader:
            return super().get_iterator(dataset, training)
        params = {"batch_size": self.batch_size} | self.get_params_for(prefix)
        return make_loader(dataset, params, training=training)

    def trim_for_prediction(self):
        """Drop what only training needs; the loss stays, for its probabilities."""
        kept = {name: getattr(self, name) for name in ("criterion", "criterion_")}
        super().trim_for_prediction()
        for name, value in kept.items():
            setattr(self, name, value)

    @property
    def device(self):
        """The device in use: what ``"auto"`` stands for, once that is known."""
        wanted = vars(self)["device"]
        return getattr(self, "device_", wanted) if wanted == "auto" else wanted

    @device.setter
    def device(self, value):
        vars(self)["device"] = value

    def get_params(self, deep=True, **kwargs):
        """Get the parameters as they were given.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include those of the callbacks.
        **kwargs : dict
            Passed on to scikit-learn.

        Returns
        -------
        dict
            Values by name.
        """
        params = super().get_params(deep=deep, **kwargs)
        params.pop("_params_to_validate", None)  # skorch's notes on the others
        return params | {"device": vars(self)["device"]}

    @property
    def _default_callbacks(self):
        callbacks = [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
            ("valid_loss", PassthroughScoring(name="valid_loss")),
        ]
        metric = self._stopping_metric()
        if metric is not None:
            name = f"valid_{'score' if callable(metric) else metric}"
            loss = metric == "loss"
            if not loss:
                scoring = partial(_validation_score, metric=metric)
                scorer = EpochScoring(scoring, name=name, lower_is_better=False)
                callbacks.append((name, scorer))
            stop = BestEpoch(
                name,
                patience=self.patience,
                lower_is_better=loss,
                sink=write_line,
            )
            callbacks.append(("early_stopping", stop))
        return [*callbacks, ("print_log", EpochTable(sink=write_line))]

    def _stopping_metric(self):
        """Tell what early stopping watches, None for none."""
        if self.early_stopping != "auto":
            return self.early_stopping
        enough = getattr(self, "n_samples_fit_", 0) >= _ROWS_FOR_EARLY_STOPPING
        return "average_precision" if enough and self.train_split is not None else None

    def _is_binary(self):
        """Whether the target was 1-D."""
        return hasattr(self, "classes_") and self.classes_.ndim == 1

    def _decode(self, targets):
        """Turn targets as the net sees them into such as `fit` was given."""
        if self._is_binary():
            return self.classes_[(targets[:, 0] > 0.5).astype(int)]
        return targets

    def _label_probabilities(self, X):
        """Probabilities (n, n_labels) of rows that are checked."""
        activation = self.predict_nonlinearity
        if activation == "auto":
            activation = getattr(self.criterion_, "activation", torch.sigmoid)
        with torch.no_grad():
            batches = [
                to_numpy(activation(logits) if activation else logits)
                for logits in self.forward_iter(X, device=self.device)
            ]
        return np.concatenate(batches)

    def _check_training_data(self, X, y, *, go_on, classes=None):
        """Check parameters and data; return float32 rows and targets with NaN."""
        BaseEstimator._validate_params(self)
        if self.early_stopping not in (None, "auto") and self.train_split is None:
            raise ValueError(
                "train_split must give validation rows for early_stopping="
                f"{self.early_stopping!r}. Got None. Pass train_split=0.1."
            )
        if is_dataset(X):
            raise TypeError(
                f"X must be an array-like of rows. Got a {type(X).__name__}. Pass X "
                "and y, and the class of the data set as dataset=."
            )
        go_on = go_on and hasattr(self, "n_labels_")
        if go_on:
            classes = self.classes_ if self._is_binary() else None
        targets, classes, names = encode_targets(y, classes)
        X = validate_data(self, X, dtype=np.float32, reset=not go_on)
        check_same_length(X, targets)
        self._check_unknown(targets)
        if not go_on:
            self._remember(targets, classes, names)
        elif targets.shape[1] != self.n_labels_:
            raise ValueError(
                f"y must have {self.n_labels_} labels, like the y the net was fitted "
                f"on. Got {targets.shape[1]}."
            )
        else:
            check_label_order(self, y)
        return X, targets

    def _check_unknown(self, targets):
        """Raise a ValueError if the loss is one of torch's and a label is unknown."""
        loss = self.criterion
        kind = loss if isinstance(loss, type) else type(loss)
        if kind.__module__.startswith("torch.") and np.isnan(targets).any():
            raise ValueError(
                f"y must not hold NaN with {kind.__name__}, which cannot leave unknown "
                "labels out. Use a loss of sklearn_clip.losses, such as "
                "criterion='bce'."
            )

    def _remember(self, targets, classes, names):
        """Set what is learned from the targets alone."""
        self.n_samples_fit_, self.n_labels_ = targets.shape
        self.class_counts_ = np.nansum(targets, axis=0)
        self.known_counts_ = (~np.isnan(targets)).sum(axis=0)
        self.classes_ = classes
        if classes is None:
            self.classes_ = label_classes(self.n_labels_)
        self.__dict__.pop("label_names_", None)
        if names is not None:
            self.label_names_ = names

    @contextmanager
    def _seeded(self, *, go_on):
        """Seed torch for a training, and leave its generators as they were."""
        if self.random_state is None:
            yield
            return
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        # Training that goes on must not repeat the batches it has seen.
        seed += len(self.history) if go_on else 0
        cuda = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=cuda):
            torch.manual_seed(seed)
            yield

    def __setstate__(self, state):
        wanted = state["device"]
        if wanted == "auto":  # the weights go where they can be used here
            state = state | {"device": _choose_device(), "device_": _choose_device()}
        super().__setstate__(state)
        if wanted == "auto":
            self.device = wanted

    def __sklearn_is_fitted__(self):
        # Before 1.4, skorch lets scikit-learn guess from its attributes.
        return hasattr(self, "module_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
