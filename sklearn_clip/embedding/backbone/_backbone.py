"""A CLIP model at work: fingerprint, preprocessing, encoding, probe."""

import hashlib
import itertools
import json
import threading
from functools import cached_property
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from sklearn_clip.embedding.backbone._hugging_face import context_length
from sklearn_clip.embedding.backbone._model_files import TOWERS
from sklearn_clip.embedding.backbone._towers import (
    DTYPES,
    TRIAL_TEXTS,
    ImageTower,
    TextTower,
)

_PROBE_TEXT = "a photo of a cat"
_BF16_UNITS = ("avx512_bf16", "amx_tile")
# Part of every key in the store: raised when pictures come to be decoded otherwise.
_DECODING = "draft-2"
# Where a tokenizer pads: last, first, or last but one, before a class token.
_PADDING_PLACES = (-1, 0, -2)
# How near to fp32 a lower precision must be for "auto" to use it.
_AUTO_COSINE = 0.999


class Backbone:
    """A CLIP model ready to encode, shared by every featurizer that names it.

    A tower is loaded when it is first used, and never where the other one is all that
    is needed.

    Parameters
    ----------
    source : ModelFiles or ModelInMemory
        Where the towers come from; they are moved and cast.
    device : torch.device
        Where the model runs.
    precision : {"auto", "fp32", "bf16", "fp16"}
        Arithmetic of the towers. ``"auto"`` is what `fast_precision` names for the
        device, wherever that agrees with fp32.

    Attributes
    ----------
    fingerprint : str
        Digest of the weights and the architecture, in hexadecimal.
    config : dict
        The architecture, as open_clip writes it.
    precisions : dict of str to str
        The arithmetic of each tower that is loaded, ``"image"`` and ``"text"``.
    preprocessing, tokenization : str
        Everything a prepared image, and a tokenized text, depends on.
    embedding_dim : int
        Length of an embedding.
    context_length : int
        Tokens that a text is cut to.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    logit_scale, logit_bias : float
        What the model was trained to multiply a cosine by and to add to it; the bias is
        None where there is none (all but models of SigLIP's kind).
    """

    def __init__(self, source, device, precision):
        self._source = source
        self.config = source.config
        self.embedding_dim = source.config["embed_dim"]
        self.device = device
        self._precision = precision
        self.precisions = {}
        self._models, self._towers, self._probes = {}, {}, {}
        self._loading = threading.RLock()

    def load(self, towers: Any = TOWERS):
        """Load towers, unless they are.

        Parameters
        ----------
        towers : collection of {"image", "text"}, default=("image", "text")
            Which ones.

        Returns
        -------
        Backbone
            This model.

        Raises
        ------
        WeightsUnavailableError, ValueError
            If the tower, or the tokenizer of the texts, can be had in no way.
        """
        with self._loading:
            missing = [tower for tower in towers if tower not in self._towers]
            if missing:
                if "text" in missing:
                    self.tokenizer  # noqa: B018 - fails here, if it does
                for tower, model in self._source.load(missing).items():
                    if tower not in self._towers:
                        self._add(tower, model)
        return self

    @property
    def model(self):
        """The whole model, in the precisions of its towers."""
        self.load()
        with self._loading:
            if self._models["image"] is not self._models["text"]:
                self._models, self._towers, self._probes = {}, {}, {}
                self.load()  # as a whole
            return self._models["image"]

    @cached_property
    def fingerprint(self):
        with self._loading:
            return self._source.fingerprint

    @cached_property
    def _logits(self):
        with self._loading:
            scale, bias = self._source.read_logits()
        scale = float(scale.detach().float().exp())
        return scale, None if bias is None else float(bias.detach())

    @property
    def logit_scale(self):
        return self._logits[0]

    @property
    def logit_bias(self):
        return self._logits[1]

    @cached_property
    def tokenizer(self):
        return _one_at_a_time(self._source.make_tokenizer())

    @cached_property
    def tokenization(self):
        return _digest_tokens(self.tokenizer)

    @property
    def context_length(self):
        return context_length(self.config)

    @property
    def preprocessing(self):
        model = self.load(["image"])._models["image"]
        pixels = open_clip.get_model_preprocess_cfg(model)
        said = {"decoding": _DECODING, **pixels}
        return json.dumps(said, sort_keys=True, default=str)

    @property
    def draft_side(self):
        return self._images.draft_side

    @property
    def _images(self):
        return self.load(["image"])._towers["image"]

    @property
    def _texts(self):
        return self.load(["text"])._towers["text"]

    @property
    def _preprocess(self):
        return _make_transform(self.load(["image"])._models["image"])

    def _add(self, tower, model):
        """Put a tower to work."""
        # Convolutions are up to 1.4 times as fast with the channels last.
        self._models[tower] = model.to(
            device=self.device, memory_format=torch.channels_last
        )
        wanted = self._precision
        if wanted == "auto":
            wanted = fast_precision(self.device)[tower]
            if wanted != "fp32":
                self._go_fast(tower, wanted)
                return
        self._cast(tower, wanted)

    def _cast(self, tower, precision):
        """Give a tower its arithmetic."""
        model, dtype = self._models[tower], DTYPES[precision]
        if tower == "image":
            model.visual.to(dtype)
            transform = _make_transform(model)
            new = ImageTower(model, transform, self.device, precision)
        else:
            for name, part in model.named_children():
                if name != "visual":
                    part.to(dtype)
            for own in (model._parameters, model._buffers):
                for tensor in own.values():
                    if tensor is not None and tensor.is_floating_point():
                        tensor.data = tensor.data.to(dtype)
            new = TextTower(model, self.tokenizer, self.device, precision)
        self.precisions[tower] = precision
        self._forget_probe(tower)
        self._towers[tower] = new

    def _go_fast(self, tower, wanted):
        """Lower the precision of a tower, if it stays true to fp32 with it."""
        self._cast(tower, "fp32")
        exact = self.probe([tower])
        weights = {n: t.to("cpu", copy=True) for n, t in self._tensors(tower)}
        self._cast(tower, wanted)
        if (self.probe([tower]) * exact).sum() >= _AUTO_COSINE:
            return
        self._cast(tower, "fp32")
        for name, value in self._tensors(tower):
            value.data.copy_(weights[name])
        self._forget_probe(tower)

    def _forget_probe(self, tower):
        self._probes = {k: probe for k, probe in self._probes.items() if tower not in k}

    def _tensors(self, tower):
        """Name all weights and buffers, of which a state dict may leave some out."""
        model = self._models[tower]
        for name, tensor in itertools.chain(
            model.named_parameters(), model.named_buffers()
        ):
            if name.startswith("visual.") == (tower == "image"):
                yield name, tensor

    @cached_property
    def sees_by_convolutions(self):
        """Whether most layers of the image tower are convolutions."""
        dimensions = [tensor.dim() for _, tensor in self._tensors("image")]
        return dimensions.count(4) > dimensions.count(2)

    def prepare_image(self, picture):
        """Resize and crop one picture; see `encode_images`."""
        return self._images.prepare(picture)

    def collate_images(self, prepared):
        """Stack prepared pictures to one batch; see `encode_images`."""
        return self._images.collate(prepared)

    def encode_images(self, batch):
        """Encode prepared images.

        Parameters
        ----------
        batch : Tensor or list of Tensor
            What `collate_images` returned, or `prepare_image` for each image.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        if isinstance(batch, list):
            batch = self.collate_images(batch)
        return self._images.encode(batch)

    def encode_texts(self, texts):
        """Encode texts; one that is too long is cut and keeps its end token.

        Parameters
        ----------
        texts : list of str
            The texts; those of one batch are best of similar lengths.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        return self._texts.encode(texts)

    def chunk_text(self, text):
        """Split a text that exceeds the context length into pieces that fit.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        list of str
            The text itself if it fits, else runs of whole words. A single word that
            does not fit stays alone and is cut when it is encoded.
        """
        if self._fits(text):
            return [text]
        chunks, words = [], text.split()
        while words:
            # The first word is taken whether it fits or not; a word is a token or more.
            low, high = 1, min(len(words), self.context_length)
            while low < high:
                middle = (low + high + 1) // 2
                if self._fits(" ".join(words[:middle])):
                    low = middle
                else:
                    high = middle - 1
            chunks.append(" ".join(words[:low]))
            words = words[low:]
        return chunks

    def probe(self, towers: Any = TOWERS):
        """Embed one fixed picture and one fixed text.

        Parameters
        ----------
        towers : sequence of {"image", "text"}, default=("image", "text")
            The towers that embed theirs.

        Returns
        -------
        ndarray of shape (n_towers, embedding_dim), dtype float32
            The embeddings, L2-normalised: they show whether this model, with its
            preprocessing, on this device, is the one that was there before.
        """
        towers = tuple(towers)
        if towers not in self._probes:
            if len(towers) == 1:
                found = self._probe_one(*towers)
            else:
                nothing = np.empty((0, self.embedding_dim), dtype=np.float32)
                found = [nothing, *(self.probe([tower]) for tower in towers)]
                found = np.concatenate(found)
            self._probes[towers] = found
        return self._probes[towers]

    def _probe_one(self, tower):
        if tower == "text":
            row = self.encode_texts([_PROBE_TEXT])
        else:
            row = self.encode_images([self.prepare_image(_probe_picture())])
        return row / np.linalg.norm(row, axis=1, keepdims=True)

    def _fits(self, text):
        """Whether the tokenizer takes the whole text.

        No tokenizer of open_clip says so, but one that has cut a text gives other
        tokens, or a token in the place of the padding, when there is room for one more.
        """
        length = self.context_length
        if len(text.encode()) + 2 <= length:  # a token takes at least one byte
            return True
        tokens = self.tokenizer([text, "a"], context_length=length)
        longer = self.tokenizer([text, "a"], context_length=length + 1)
        # Behind the text as a rule, before it, or before a class token at the end: it
        # shows on the text that is too short to be cut.
        for place in _PADDING_PLACES:
            without = _leave_out(longer, place)
            if (without[1] == tokens[1]).all():
                padding = longer[1, place]
                return bool(
                    (without[0] == tokens[0]).all() and longer[0, place] == padding
                )
        return True


def _make_transform(model):
    """Make open_clip's own preprocessing: PIL image to tensor of shape (3, h, w)."""
    pixels = PreprocessCfg(**open_clip.get_model_preprocess_cfg(model))
    return image_transform_v2(pixels, is_train=False)


def _leave_out(tokens, place):
    """Take one position out of tokens."""
    kept = torch.arange(tokens.shape[1]) != place % tokens.shape[1]
    return tokens[:, kept]


def _one_at_a_time(tokenizer):
    """Guard a tokenizer: those of Hugging Face are changed by each call's options."""
    lock = threading.Lock()

    def tokenize(texts, **options):
        with lock:
            return tokenizer(texts, **options)

    tokenize.save_pretrained = getattr(tokenizer, "save_pretrained", None)
    return tokenize


def _digest_tokens(tokenizer):
    """Hash what a tokenizer makes of some texts; its files are none of the weights."""
    tokens = np.ascontiguousarray(tokenizer(list(TRIAL_TEXTS)).numpy())
    return hashlib.blake2b(tokens.tobytes(), digest_size=16).hexdigest()


def fast_precision(device):
    """Choose the arithmetic that was measured to be fastest on a kind of device.

    It is a rule and not a race: a race would end otherwise on another day, and the
    store would hold nothing of what was encoded before. On CPUs with bf16 units bf16
    doubled the speed of the image tower and halved that of the text tower.

    Parameters
    ----------
    device : torch.device
        Where the model runs.

    Returns
    -------
    dict of str to str
        Precision of the ``"image"`` and the ``"text"`` tower.
    """
    both = {"image": "fp32", "text": "fp32"}
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        if major >= 7:
            both = dict.fromkeys(both, "bf16" if major >= 8 else "fp16")
    elif device.type == "cpu" and _has_bf16_units():
        both["image"] = "bf16"
    return both


def _has_bf16_units():
    known = (getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in _BF16_UNITS)
    return any(test is not None and test() for test in known)


def _probe_picture():
    """Draw smooth colour ramps, not square, so that resizing and cropping matter."""
    y, x = np.mgrid[0:240, 0:320]
    ramps = np.stack([x * 255 // 319, y * 255 // 239, (x + y) % 256], axis=2)
    return Image.fromarray(ramps.astype(np.uint8))
