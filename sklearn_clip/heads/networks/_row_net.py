"""A skorch net over rows of features: validation, callbacks, batches."""

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial

import numpy as np
import torch
from skorch.callbacks import (
    EarlyStopping,
    EpochScoring,
    EpochTimer,
)
from skorch.dataset import Dataset
from skorch.utils import to_numpy
from torch.utils.data import DataLoader, Subset

from sklearn_clip._shared import group_numbers, own_modes, warn_user
from sklearn_clip.heads.networks._batches import RowDataset, make_loader
from sklearn_clip.heads.networks._callback_calls import (
    EXPLAINED,
    explain,
    scored_in_classes,
)
from sklearn_clip.heads.networks._epoch_log import EpochTable, write_line
from sklearn_clip.heads.networks._net_parts import NamedPartsNet
from sklearn_clip.heads.networks._validation import (
    METRICS,
    BestEpoch,
    EpochLoss,
    choose_validation_rows,
    monitors_validation,
    scores_validation,
)
from sklearn_clip.losses import MultiLabelLoss

# With fewer rows, those held out are missed more than the stopping is worth.
_ROWS_FOR_EARLY_STOPPING = 10_000
# Whether this thread predicts, and is no part of a training.
_predicting = ContextVar("_predicting", default=False)


def _validation_score(net, X, y, *, metric):
    """Score a net on validation rows; a scorer of skorch's `EpochScoring`."""
    if callable(metric):
        return metric(net, X, net._decode(y))
    return METRICS[metric](y, net._label_probabilities(X))


def _take(dataset, rows):
    """Take some rows of a dataset, None for all."""
    return dataset if rows is None else Subset(dataset, rows)


@contextmanager
def predicting():
    """Keep to torch's own modes, and draw nothing from its generator.

    A training may be in need of what that gives. A loader draws a seed for its
    processes from it, though it may have none.
    """
    token = _predicting.set(True)
    try:
        with own_modes():
            yield
    finally:
        _predicting.reset(token)


class RowNet(NamedPartsNet):
    """A net that draws validation rows, stops early and cuts batches as slices.

    A subclass checks the data, and has `_is_binary` and `_decode`.
    """

    def on_train_begin(self, net, **kwargs):
        """Forget which epoch was the best of an earlier training."""
        super().on_train_begin(net, **kwargs)
        self.__dict__.pop("best_epoch_", None)

    def on_epoch_begin(self, net, **kwargs):
        """Open an epoch in the history and tell the loss, which may change with it."""
        super().on_epoch_begin(net, **kwargs)
        if hasattr(self.criterion_, "set_epoch"):
            self.criterion_.set_epoch(len(self.history) - 1)

    def notify(self, method_name, **cb_kwargs):
        """Call the net's own method of that name, and those of all callbacks.

        Parameters
        ----------
        method_name : str
            Such as ``"on_epoch_end"``.
        **cb_kwargs : dict
            What they are given.

        Raises
        ------
        ValueError
            If a callback does not find what it monitors in the history, or its
            scoring takes no unknown labels.
        """
        if isinstance(cb_kwargs.get("X"), Dataset):
            # `fit` has made one of the rows; callbacks expect what it was given.
            cb_kwargs["X"] = cb_kwargs["X"].X
        getattr(self, method_name)(self, **cb_kwargs)
        for name, callback in self.callbacks_:
            try:
                with self._targets_for(callback):
                    getattr(callback, method_name)(self, **cb_kwargs)
            except EXPLAINED as exc:
                reason = explain(
                    exc,
                    name,
                    callback,
                    history=self.history,
                    validated=cb_kwargs.get("dataset_valid") is not None,
                    unknown=getattr(self, "has_unknown_", False),
                )
                if reason is None:
                    raise
                raise ValueError(reason) from exc

    def _targets_for(self, callback):
        """Context in which a callback sees targets as it can use them."""
        scoring = getattr(callback, "scoring", None)
        ours = getattr(scoring, "func", None) is _validation_score
        if self._is_binary() and not ours:
            return scored_in_classes(callback, self._decode)
        return nullcontext()

    def get_split_datasets(self, X, y=None, **fit_params):
        """Part training and validation rows; see `train_split`."""
        if self.train_split is None:
            self._check_callbacks_without_rows()
        if self.train_split is None or callable(self.train_split):
            train, valid = super().get_split_datasets(X, y, **fit_params)
            return _take(train, self._labelled_rows(train)), valid
        dataset = self.get_dataset(X, y)
        rows = self._labelled_rows(dataset)
        if self._stopping_metric() is None and not self._callbacks_on(
            scores_validation, monitors_validation
        ):
            return _take(dataset, rows), None
        if y is None:
            raise ValueError(
                "train_split must be callable, such as skorch.dataset.ValidSplit(10), "
                f"to part a Dataset without y. Got {self.train_split!r}. Or pass its "
                "targets as y."
            )
        rng = np.random.default_rng(self.split_seed_)
        groups = fit_params.get("groups")
        if groups is not None:
            groups = group_numbers(groups, len(dataset))[0]
        if rows is None:
            rows = np.arange(len(dataset))
        groups = None if groups is None else groups[rows]
        parts = choose_validation_rows(y[rows], self.train_split, rng, groups)
        return tuple(Subset(dataset, rows[part]) for part in parts)

    def infer(self, x, **fit_params):
        """Compute the logits of a batch; `groups` are none of a named module's."""
        if isinstance(self.module, str):
            fit_params.pop("groups", None)
        return super().infer(x, **fit_params)

    def _labelled_rows(self, dataset):
        """Find the rows of which something is known; None for all of them.

        The others would teach nothing, but move the norms of features and take steps.
        They stay where they are drawn by their number, where the loss is not one of
        those that leave them out, and where there is nothing else.
        """
        part = isinstance(dataset, Subset)
        whole = dataset.dataset if part else dataset
        loss = self._loss_class()
        kind = loss if isinstance(loss, type) else type(loss)
        loader = self.get_params_for("iterator_train")
        if (
            not getattr(self, "has_unknown_", False)
            or not issubclass(kind, MultiLabelLoss)
            or loader.keys() & {"sampler", "batch_sampler"}
            or not isinstance(whole, RowDataset)
            or np.ndim(whole.y) != 2
        ):
            return None
        unknown = np.isnan(whole.y).all(axis=1)
        rows = np.flatnonzero(~(unknown[dataset.indices] if part else unknown))
        return rows if 0 < len(rows) < len(dataset) else None

    def _callbacks_on(self, *conditions):
        """Names of the user's callbacks for which one of the conditions holds."""
        ours = {name for name, _ in self._default_callbacks}
        return [
            name
            for name, callback in self.callbacks_
            if name not in ours and any(holds(callback) for holds in conditions)
        ]

    def _check_callbacks_without_rows(self):
        """Raise or warn if callbacks need the validation rows that there are not."""
        names = ", ".join(self._callbacks_on(monitors_validation))
        if names:
            raise ValueError(
                f"train_split must give validation rows for the callbacks {names}. Got "
                "None. Pass train_split=0.1."
            )
        names = ", ".join(self._callbacks_on(scores_validation))
        if names:
            warn_user(
                f"The callbacks {names} score validation rows, of which there are none "
                "with train_split=None: they do nothing. Pass train_split=0.1, or "
                "on_train=True to them."
            )

    def get_iterator(self, dataset, training=False):
        """Make the loader of batches: shuffled in training, sliced if it can be."""
        prefix = "iterator_train" if training else "iterator_valid"
        if getattr(self, prefix) is not DataLoader:
            return super().get_iterator(dataset, training)
        params = {"batch_size": self.batch_size}
        if _predicting.get():
            params["generator"] = torch.Generator()
        params |= self.get_params_for(prefix)
        return make_loader(dataset, params, training=training)

    @property
    def _default_callbacks(self):
        callbacks = [
            ("epoch_timer", EpochTimer()),
            ("train_loss", EpochLoss(name="train_loss", on_train=True)),
            ("valid_loss", EpochLoss(name="valid_loss")),
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
        if not enough or self.train_split is None or self._stops_by_callback():
            return None
        return "average_precision"

    def _stops_by_callback(self):
        """Whether there are no callbacks, or one that stops early is the user's."""
        if self.callbacks == "disable":
            return True
        callbacks = (
            item[1] if isinstance(item, (tuple, list)) else item
            for item in self.callbacks or []
        )
        return any(
            isinstance(callback, EarlyStopping)
            or (isinstance(callback, type) and issubclass(callback, EarlyStopping))
            for callback in callbacks
        )

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
