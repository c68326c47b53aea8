"""The parts of a skorch net: module and loss by name, their sizes, device and state."""

import inspect
from contextlib import contextmanager
from functools import partial

import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.history import History
from torch import nn

from sklearn_clip._shared import label_classes, own_modes, seeded_torch, warn_user
from sklearn_clip.heads.networks._modules import (
    CLIPAdapterHead,
    CosineHead,
    LinearHead,
    MLPHead,
)
from sklearn_clip.heads.networks._saved_weights import find_sizes, read_weights
from sklearn_clip.heads.networks._token_modules import (
    AttentionHead,
    GatedHead,
    GMLPHead,
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

# Parameters of a module, and where `fit` keeps what they are given.
_SIZES = {"n_features": "n_features_in_", "n_labels": "n_labels_"}

# Beginnings of the parameters of what is made at every use.
_LOADERS = ("iterator_train__", "iterator_valid__", "dataset__")


def _choose_device():
    """Name the device that ``device="auto"`` stands for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _loadable(device):
    """Name the one CPU as torch does, which does not load what is on "cpu:0"."""
    return "cpu" if str(device) == "cpu:0" else device


class NamedPartsNet(NeuralNet):
    """A net that finds its parts by name, and on its own their sizes and device.

    It seeds torch for a training, and is loaded where the device it was on is not.
    """

    def initialize(self):
        """Make module, criterion, optimizer and callbacks anew; `fit` does it.

        A net that does not know yet how wide its rows are and how many labels there are
        (by `fit`, or by ``module__n_features`` and ``module__n_labels``) is left
        without them, for `fit` or `load_params` to make.

        Returns
        -------
        self : MultiLabelNet
            The instance.
        """
        if self._missing_sizes() or self._misses_counts():
            return self
        for name, value in self.get_params_for("module").items():
            if name in _SIZES and not hasattr(self, _SIZES[name]):
                setattr(self, _SIZES[name], value)
        if hasattr(self, "n_labels_") and not hasattr(self, "classes_"):
            self.classes_ = label_classes(self.n_labels_)
        self.device_ = _choose_device()
        self._draw_split_seed()
        return super().initialize()

    def _draw_split_seed(self):
        """Draw it once, so that a fit that goes on keeps its validation rows apart."""
        self.split_seed_ = int(torch.randint(2**31 - 1, ()))

    def _module_class(self):
        """Find the module that a name stands for."""
        named = isinstance(self.module, str)
        return MODULES[self.module] if named else self.module

    def _loss_class(self):
        """Find the loss that a name stands for."""
        named = isinstance(self.criterion, str)
        return LOSSES.get(self.criterion) if named else self.criterion

    def _missing_sizes(self):
        """Names of the sizes that the module must be given and nobody knows."""
        module = self._module_class()
        if isinstance(module, nn.Module):
            return []
        given, taken = self.get_params_for("module"), inspect.signature(module)
        return [
            name
            for name, attribute in _SIZES.items()
            if name in taken.parameters
            and taken.parameters[name].default is inspect.Parameter.empty
            and name not in given
            and not hasattr(self, attribute)
        ]

    def _misses_counts(self):
        """Whether the loss needs class counts that nobody knows."""
        needs = getattr(self._loss_class(), "needs_class_counts", False)
        given = "class_counts" in self.get_params_for("criterion")
        return needs and not given and not hasattr(self, "class_counts_")

    def initialize_module(self):
        """Make the module, as wide as the data.

        Returns
        -------
        self : MultiLabelNet
            The same instance.
        """
        module, params = self._module_class(), self.get_params_for("module")
        if not isinstance(module, nn.Module):
            taken = inspect.signature(module).parameters
            params = {
                name: getattr(self, attribute)
                for name, attribute in _SIZES.items()
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
        loss, params = self._loss_class(), self.get_params_for("criterion")
        if isinstance(loss, type) and getattr(loss, "needs_class_counts", False):
            counts = {
                "class_counts": getattr(self, "class_counts_", None),
                "n_samples": getattr(self, "known_counts_", None),
            }
            params = counts | params
        self.criterion_ = make_loss(self.criterion, **params)
        return self

    def load_params(
        self,
        f_params=None,
        f_optimizer=None,
        f_criterion=None,
        f_history=None,
        checkpoint=None,
        use_safetensors=False,
        **kwargs,
    ):
        """Load weights and history that `save_params` or a `Checkpoint` has written.

        Parameters
        ----------
        f_params, f_optimizer, f_criterion, f_history : str, file-like or None
            Files of the module, the optimizer, the loss and the history. A net that is
            new reads its sizes off the module's weights.
        checkpoint : Checkpoint or None, default=None
            Of skorch: gives the files that are None.
        use_safetensors : bool, default=False
            Whether the weights are safetensors.
        **kwargs : dict
            Files of further modules, ``f_name=``.

        Raises
        ------
        ValueError
            If the sizes cannot be read off the weights, or the loss needs class counts
            and there is no `f_criterion`.

        Warns
        -----
        UserWarning
            If the loss of a new net has learnt something and is not loaded: the
            probabilities are then others than those of the net that was saved.

        Notes
        -----
        Names of labels and the classes of a 1-D `y` are in none of these files: a
        pickle (joblib) has them. A net that goes on with `partial_fit` learns them.
        """
        wanted = vars(self)["device"]
        new = not hasattr(self, "n_samples_fit_")
        files = {"f_params": f_params, "f_criterion": f_criterion}
        if checkpoint is not None:
            if f_history is None and checkpoint.f_history is not None:
                # The names of its files may hold the number of the epoch.
                self.history = History.from_file(checkpoint.f_history_)
            saved = checkpoint.get_formatted_files(self)
            files = {key: files[key] or saved.get(key) for key in files}
        if not self.initialized_:
            self._read_sizes(**files, use_safetensors=use_safetensors)
            self.initialize()
        super().load_params(
            f_params=f_params,
            f_optimizer=f_optimizer,
            f_criterion=f_criterion,
            f_history=f_history,
            checkpoint=checkpoint,
            use_safetensors=use_safetensors,
            **kwargs,
        )
        if wanted == "auto":  # skorch has named the device
            self.device = wanted
        if not new:
            return
        with self._seeded(go_on=False):  # as `fit` has drawn it
            self._draw_split_seed()
        if files["f_params"] and not files["f_criterion"]:
            learnt = ", ".join(self.criterion_.state_dict())
            if learnt:
                warn_user(
                    f"The loss has {learnt}, on which the probabilities depend, and "
                    "load_params was not told where they are: they are as at the "
                    "start. Save and load them as f_criterion."
                )

    def _read_sizes(self, *, f_params, f_criterion, use_safetensors):
        """Set what a new net must know of the data, read off the files."""
        read = partial(
            read_weights,
            use_safetensors=use_safetensors,
            torch_load_kwargs=self.torch_load_kwargs,
        )
        missing = self._missing_sizes()
        if missing and f_params:
            sizes = find_sizes(
                self._module_class(),
                self.get_params_for("module"),
                read(f_params),
                missing,
            )
            for name, size in sizes.items():
                setattr(self, _SIZES[name], size)
        if self._misses_counts():
            if not f_criterion:
                raise ValueError(
                    f"f_criterion must be given to load a net of criterion="
                    f"{self.criterion!r}, which keeps class counts. Got None."
                )
            loss = read(f_criterion)
            self.class_counts_ = loss["class_counts"].numpy()
            self.known_counts_ = loss["n_samples"].numpy()

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
        if wanted == "auto":
            return getattr(self, "device_", wanted)
        return _loadable(wanted)

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

    def set_params(self, **kwargs):
        """Set parameters, also of a net that is fitted.

        Parameters
        ----------
        **kwargs : dict
            Values by name. Of a fitted net, those of the module or of the loss make it
            anew, those of the optimizer and of the loaders of batches are in use from
            now on, and all others from the next `fit` on.

        Returns
        -------
        self : MultiLabelNet
            The same instance.
        """
        # skorch takes those of loaders for an error of its own, since nothing is to be
        # made anew, and tells those of the optimizer to this one alone: `fit`, `clone`
        # and `get_params` would not know of them.
        loaders = {k: v for k, v in kwargs.items() if k.startswith(_LOADERS)}
        changed = {
            name: value
            for name, value in kwargs.items()
            if self._is_virtual_param(name) and "__param_groups__" not in name
        }
        super().set_params(**{k: v for k, v in kwargs.items() if k not in loaders})
        for name, value in (loaders | changed).items():
            setattr(self, name, value)
            if "__" in name:
                self._params_to_validate.add(name)
        return self

    @contextmanager
    def _seeded(self, *, go_on):
        """Seed torch for a training in its own modes; leave generators as they were."""
        if self.random_state is None:
            with own_modes():
                yield
            return
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        # Training that goes on must not repeat the batches it has seen.
        seed += len(self.history) if go_on else 0
        cuda = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with own_modes(), seeded_torch(seed, cuda):
            yield

    def __setstate__(self, state):
        wanted = state["device"]
        if wanted == "auto":  # the weights go where they can be used here
            state = state | {"device": _choose_device(), "device_": _choose_device()}
        super().__setstate__(state | {"device": _loadable(state["device"])})
        if wanted == "auto" or _loadable(wanted) != wanted:
            self.device = wanted
