"""A skorch net over rows of features: its parts by name, its device, its batches."""

import inspect
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import (
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    PassthroughScoring,
)
from skorch.dataset import Dataset
from skorch.utils import to_numpy
from torch import nn
from torch.utils.data import DataLoader, Subset

from sklearn_clip._shared import warn_user
from sklearn_clip.heads.networks._batches import make_loader
from sklearn_clip.heads.networks._callback_calls import (
    EXPLAINED,
    explain,
    scored_in_classes,
)
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
    monitors_validation,
    scores_validation,
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


class RowNet(NeuralNet):
    """What a net does that is no matter of its targets.

    It finds module and loss by name and gives them the sizes of the data, knows
    ``device="auto"``, draws validation rows and stops early, cuts batches as slices,
    and seeds torch for a training. A subclass checks the data, and has `_decode`.
    """

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
            return super().get_split_datasets(X, y, **fit_params)
        dataset = self.get_dataset(X, y)
        if self._stopping_metric() is None and not self._callbacks_on(
            scores_validation, monitors_validation
        ):
            return dataset, None
        if y is None:
            raise ValueError(
                "train_split must be callable, such as skorch.dataset.ValidSplit(10), "
                f"to part a Dataset without y. Got {self.train_split!r}. Or pass its "
                "targets as y."
            )
        rng = np.random.default_rng(self.split_seed_)
        parts = choose_validation_rows(y, self.train_split, rng)
        return tuple(Subset(dataset, rows) for rows in parts)

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
