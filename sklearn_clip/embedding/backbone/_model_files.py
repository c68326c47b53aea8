"""A model in its files: what it is, and its towers, both or one of them."""

import pickle
from functools import cached_property
from pathlib import Path

import open_clip
import torch
from open_clip.model import set_model_preprocess_cfg
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from sklearn_clip._shared import WeightsUnavailableError, kept_generator, own_modes
from sklearn_clip.embedding.backbone._device import lacks_memory
from sklearn_clip.embedding.backbone._fingerprint import digest_weights
from sklearn_clip.embedding.backbone._hugging_face import (
    make_tokenizer,
    place_text_tower,
)
from sklearn_clip.embedding.backbone._one_tower import has_custom_text, make_one_tower
from sklearn_clip.embedding.backbone._parts import TOWERS
from sklearn_clip.embedding.backbone._tensor_files import TensorFile
from sklearn_clip.embedding.backbone._weight_files import (
    UnfitWeightsError,
    check_weights,
    warn_of_changes,
)

_LOGITS = ("logit_scale", "logit_bias")
_KNOWN = (
    *("visual.", "text.", "text_decoder.", "transformer.", "ln_final."),
    *("token_embedding.", "positional_embedding", "text_projection"),
)
_SHOWN_NAMES = 3  # of tensors, in an error


class ModelFiles:
    """A model that is read from files when its towers are asked for.

    Parameters
    ----------
    named : tuple of (str, str or None)
        Model and tag, as the user names them.
    location : str
        Name of open_clip, or ``"local-dir:..."``.
    file : str or Path
        The weights.
    config : dict
        The architecture, as open_clip writes it.
    settings : dict
        What the weights are used with, from `read_settings` or `read_folder_settings`.

    Attributes
    ----------
    config : dict
        The architecture, with the activation of the settings.

    Raises
    ------
    WeightsUnavailableError, ValueError
        If the file holds no weights.
    """

    def __init__(self, named, location, file, config, settings):
        self._named = named
        self._location = location
        self._file = file
        self._settings = dict(settings)
        self._quick_gelu = self._settings.pop(
            "quick_gelu", config.get("quick_gelu", False)
        )
        self.config = config
        if self._quick_gelu != config.get("quick_gelu", False):
            self.config["quick_gelu"] = self._quick_gelu
        self._whole = None
        self._digest = None
        check_weights(file)

    @property
    def is_plain(self):
        """Whether its notes may stand for it: nothing is said when it is loaded."""
        return self._is_plain

    @property
    def fingerprint(self):
        """Digest of the weights and the architecture, whichever towers are loaded."""
        if self._digest is None:
            if self._is_plain:
                names = sorted(self._tensors.shapes)
                tensors = self._tensors.read(names)
                self._digest = digest_weights(self.config, tensors)
            else:
                self._whole = self._load_whole()
        return self._digest

    def read_logits(self):
        """Read scale and bias of the logits, as a model has them.

        Returns
        -------
        logit_scale : Tensor
            Logarithm of the factor of a cosine.
        logit_bias : Tensor or None
            What is added; None where the model has none.
        """
        if self._is_plain:
            names = [name for name in _LOGITS if name in self._tensors.shapes]
            found = {n: t.clone() for n, t in self._tensors.read(names)}
        else:
            if self._whole is None:
                self._whole = self._load_whole()
            found = {n: getattr(self._whole, n) for n in _LOGITS}
        return found["logit_scale"], found.get("logit_bias")

    def make_tokenizer(self):
        """Make the tokenizer, see `_hugging_face.make_tokenizer`."""
        parts = self._named, self._location, self.config
        return self._explained(make_tokenizer, *parts)

    def load(self, towers, *, whole=False):
        """Load towers, and more than those where the file has another form.

        Parameters
        ----------
        towers : collection of {"image", "text"}
            One of them, or both.
        whole : bool, default=False
            Load both, as one and the same model.

        Returns
        -------
        dict of str to Module
            A model of open_clip by tower, in evaluation mode and without gradients. Its
            other tower stands in for one that was not asked for.

        Raises
        ------
        WeightsUnavailableError, ValueError
            If the model cannot be made, or the weights are not those of it.
        """
        if not whole and self._whole is None and self._is_plain:
            found = {t: self._explained(self._load_half, t) for t in towers}
        else:
            model = self._load_whole() if self._whole is None else self._whole
            self._whole = None  # the caller keeps it
            found = dict.fromkeys(TOWERS, model)
        for model in found.values():
            model.eval().requires_grad_(False)
        if "image" in found:
            self._check_size(found["image"])
        return found

    @cached_property
    def _tensors(self):
        """The tensors of the file by name; None where it has another form."""
        if Path(self._file).suffix in (".npz", ".npy"):  # of big_vision
            return None
        try:
            return TensorFile(self._file, has_custom_text(self.config))
        except (MemoryError, ImportError):
            raise
        except Exception:  # the whole model is tried, which says why it cannot be
            return None

    @cached_property
    def _is_plain(self):
        """Whether the file holds the tensors of the model as they are.

        Others are converted, interpolated or completed by open_clip when it has made
        the whole model.
        """
        if self._tensors is None:
            return False
        try:
            return self._needs_no_change(self._tensors.shapes)
        except (KeyError, TypeError, AttributeError, ZeroDivisionError):
            return False  # a configuration that open_clip cannot read either

    def _needs_no_change(self, shapes):
        known = all(n in _LOGITS or n.startswith(_KNOWN) for n in shapes)
        config = self.config
        text, image = config["text_cfg"], config["vision_cfg"]
        scale = (1,) if config.get("nonscalar_logit_scale") else ()
        has_bias = config.get("init_logit_bias") is not None
        logits = shapes.get("logit_scale") == scale
        logits = logits and shapes.get("logit_bias") == (scale if has_bias else None)
        rows = {}
        if not text.get("hf_model_name"):
            prefix = "text." if has_custom_text(self.config) else ""
            length = text.get("context_length", 77) + bool(text.get("embed_cls"))
            rows[f"{prefix}positional_embedding"] = length
        if not image.get("timm_model_name") and isinstance(image["layers"], int):
            sides = [image.get("image_size", 224), image.get("patch_size", 16)]
            size, patch = ([s] * 2 if isinstance(s, int) else s for s in sides)
            grid = (size[0] // patch[0]) * (size[1] // patch[1])
            rows["visual.positional_embedding"] = grid + 1
        fits = all(shapes.get(name, ())[:1] == (n,) for name, n in rows.items())
        return known and logits and fits

    def _load_half(self, tower):
        """Make one tower, the other one as small as can be, and read its weights."""
        text = None
        if tower == "text":
            text = place_text_tower(self._named, self._location, self.config)
        config = self.config | {"quick_gelu": self._quick_gelu}
        model = make_one_tower(config, tower, text)
        self._fill(model, tower)
        if tower == "image":
            own = {"size": model.visual.image_size} | self._settings
            pixels = merge_preprocess_dict(PreprocessCfg(), own)
            set_model_preprocess_cfg(model, pixels)
        return model

    @torch.no_grad()
    def _fill(self, model, tower):
        """Read the weights of one tower into it."""

        def belongs(name):
            if name in _LOGITS or name.startswith("text_decoder."):
                return False
            return name.startswith("visual.") == (tower == "image")

        wanted = {n: t for n, t in model.state_dict().items() if belongs(n)}
        there = {n: s for n, s in self._tensors.shapes.items() if belongs(n)}
        expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
        if there != expected:
            raise UnfitWeightsError(_compare(there, expected))
        for name, tensor in self._tensors.read(wanted):
            wanted[name].copy_(tensor)

    def _load_whole(self):
        """Make the whole model; what open_clip changes to make weights fit is told."""
        model = self._explained(self._create)
        warn_of_changes(self._file, model)
        self._digest = digest_weights(self.config, sorted(model.state_dict().items()))
        return model

    def _create(self):
        text = place_text_tower(self._named, self._location, self.config)
        weights = None if self._location.startswith("local-dir:") else str(self._file)
        # open_clip applies what a tag says of preprocessing and activation only when it
        # downloads by that tag; here it gets a file.
        return open_clip.create_model(
            self._location,
            pretrained=weights,
            quick_gelu=self._quick_gelu,
            force_preprocess_cfg=self._settings,
            require_pretrained=True,
            **({"text_cfg": text} if "hf_model_name" in text else {}),
        )

    def _explained(self, make, *args):
        try:
            # Weights are drawn before they are read.
            with own_modes(), kept_generator():
                return make(*args)
        except (MemoryError, ImportError):
            raise
        except WeightsUnavailableError as exc:
            if not isinstance(exc, UnfitWeightsError):
                raise
            raise UnfitWeightsError(self._explain(exc)) from exc
        except Exception as exc:  # those of torch, safetensors, pickle, timm ...
            if lacks_memory(exc):
                raise MemoryError(
                    f"{self._named[0]!r} does not fit into what memory is free. Take a "
                    f"smaller model, or end other programs. ({_reason(exc)})"
                ) from exc
            raise UnfitWeightsError(self._explain(exc)) from exc

    def _explain(self, exc):
        """Say why a model could not be made."""
        name, file = self._named[0], str(self._file)
        reason = _reason(exc)
        if isinstance(exc, pickle.UnpicklingError):
            # torch then advises to unpickle whatever is there.
            reason = "the file is none of tensors alone, or is damaged"
        text = f"open_clip cannot make {name!r} of the weights in {file!r}: "
        text += f"{reason.rstrip('.!')}."
        marks = ("state_dict", "width changed")
        unfit = any(mark in reason for mark in marks)
        if unfit or isinstance(exc, UnfitWeightsError):
            text += (
                " A file must hold all weights of the architecture named and no others."
            )
        return text

    @own_modes()
    @torch.inference_mode()
    def _check_size(self, model):
        """Try whether a model takes pictures of another size than its own."""
        if "size" not in self._settings:
            return
        size, own = self._settings["size"], getattr(model.visual, "image_size", None)
        try:
            model.encode_image(torch.zeros(1, 3, *size))
        except (RuntimeError, AssertionError, ValueError) as exc:
            raise ValueError(
                f"size must be that of the pictures that {self._named[0]!r} takes, "
                f"{own}. Got {size} ({exc!s:.200})."
            ) from exc


class ModelInMemory:
    """A model that is there already, as `ModelFiles` offers one.

    Parameters
    ----------
    model : Module
        Model of open_clip; it is used, not copied.
    tokenizer : callable
        Its tokenizer.
    config : dict
        Its architecture.
    """

    def __init__(self, model, tokenizer, config):
        self._model = model
        self._tokenizer = tokenizer
        self.config = config
        self.fingerprint = digest_weights(config, sorted(model.state_dict().items()))

    def read_logits(self):
        """Return scale and bias of the logits."""
        return self._model.logit_scale, getattr(self._model, "logit_bias", None)

    def make_tokenizer(self):
        """Return the tokenizer."""
        return self._tokenizer

    def load(self, towers, *, whole=False):
        """Return the model by tower."""
        return dict.fromkeys(TOWERS, self._model)


def _compare(there, expected):
    """Say in what the tensors of a file are not those of an architecture."""
    shapes = {n: (there[n], expected[n]) for n in there.keys() & expected.keys()}
    other = [
        f"{name} {here} where {wanted} is due"
        for name, (here, wanted) in sorted(shapes.items())
        if here != wanted
    ]
    lists = {
        "missing": sorted(expected.keys() - there.keys()),
        "unknown": sorted(there.keys() - expected.keys()),
        "of another shape": other,
    }
    said = []
    for what, names in lists.items():
        if names:
            more = f" and {len(names) - _SHOWN_NAMES} more"
            shown = ", ".join(names[:_SHOWN_NAMES])
            said.append(f"{what}: {shown}{more if len(names) > _SHOWN_NAMES else ''}")
    return "; ".join(said)


def _reason(exc):
    """Write an error in one line that is not long."""
    return " ".join(str(exc).split())[:400]
