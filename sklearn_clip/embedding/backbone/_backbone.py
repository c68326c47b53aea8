"""A CLIP model at work: fingerprint, preprocessing, encoding, probe."""

import hashlib
import itertools
import json
import threading

import numpy as np
import open_clip
import torch
from PIL import Image

from sklearn_clip.embedding.backbone._towers import (
    DTYPES,
    TRIAL_TEXTS,
    ImageTower,
    TextTower,
)

_PROBE_TEXT = "a photo of a cat"
# Part of every key in the store: raised when pictures come to be decoded otherwise.
_DECODING = "draft-2"
_BF16_UNITS = ("avx512_bf16", "amx_tile")
# How near to fp32 a lower precision must be for "auto" to use it.
_AUTO_COSINE = 0.999


class Backbone:
    """A CLIP model ready to encode, shared by every featurizer that names it.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip in evaluation mode; it is moved and cast.
    preprocess : callable
        PIL image to tensor of shape (3, h, w).
    tokenizer : callable
        Texts to token ids of shape (n, context length).
    config : dict
        The architecture; part of the fingerprint.
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
        The arithmetic of each tower, ``"image"`` and ``"text"``.
    preprocessing, tokenization : str
        Everything a prepared image, and a tokenized text, depends on.
    embedding_dim : int
        Length of an embedding.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    logit_scale, logit_bias : float
        What the model was trained to multiply a cosine by and to add to it; the bias is
        None where there is none (all but models of SigLIP's kind).
    """

    def __init__(self, model, preprocess, tokenizer, config, device, precision):
        # Hashed before the cast: a fingerprint knows no device and no precision.
        self.fingerprint = _fingerprint(model, config)
        self.config = config
        self.device = device
        self.tokenizer = _one_at_a_time(tokenizer)
        self.tokenization = _digest_tokens(tokenizer)
        self.embedding_dim = config["embed_dim"]
        self.context_length = model.context_length
        self.logit_scale = float(model.logit_scale.detach().float().exp())
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else float(bias.detach())
        resizing = open_clip.get_model_preprocess_cfg(model)
        self.preprocessing = json.dumps(
            {"decoding": _DECODING, **resizing}, sort_keys=True, default=str
        )
        # Convolutions are up to 1.4 times as fast with the channels last.
        self.model = model.to(device=device, memory_format=torch.channels_last)
        self._preprocess = preprocess
        self._cast({"image": "fp32", "text": "fp32"})
        if precision == "auto":
            self._go_fast()
        else:
            self._cast(dict.fromkeys(self.precisions, precision))

    def _cast(self, precisions):
        """Give each tower its arithmetic."""
        self.precisions = precisions
        self._probe = None
        text = DTYPES[precisions["text"]]
        for name, part in self.model.named_children():
            part.to(DTYPES[precisions["image"]] if name == "visual" else text)
        for own in (self.model._parameters, self.model._buffers):
            for tensor in own.values():
                if tensor is not None and tensor.is_floating_point():
                    tensor.data = tensor.data.to(text)
        parts = (self.model, self._preprocess, self.device, precisions["image"])
        self._images = ImageTower(*parts)
        parts = (self.model, self.tokenizer, self.device, precisions["text"])
        self._texts = TextTower(*parts)
        self.draft_side = self._images.draft_side

    def _go_fast(self):
        """Lower the precision of the towers that stay true to fp32 with it."""
        exact, wanted = self.precisions, fast_precision(self.device)
        if wanted == exact:
            return
        probe = self.probe()
        weights = {name: value.to("cpu", copy=True) for name, value in self._tensors()}
        self._cast(wanted)
        cosines = (self.probe() * probe).sum(axis=1)
        agreed = {
            tower: wanted[tower] if cosine >= _AUTO_COSINE else exact[tower]
            for tower, cosine in zip(("image", "text"), cosines, strict=True)
        }
        if agreed != wanted:
            self._cast(exact)
            for name, value in self._tensors():
                value.data.copy_(weights[name])
            self._cast(agreed)

    def _tensors(self):
        """Name all weights and buffers, of which a state dict may leave some out."""
        return itertools.chain(
            self.model.named_parameters(), self.model.named_buffers()
        )

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

    def probe(self):
        """Embed one fixed picture and one fixed text.

        Returns
        -------
        ndarray of shape (2, embedding_dim), dtype float32
            The embeddings, L2-normalised: they show whether this model, with its
            preprocessing, on this device, is the one that was there before.
        """
        if self._probe is None:
            picture = self.prepare_image(_probe_picture())
            rows = np.concatenate(
                [self.encode_images([picture]), self.encode_texts([_PROBE_TEXT])]
            )
            self._probe = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return self._probe

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
        padding = longer[1, -1]
        return bool((longer[0, :-1] == tokens[0]).all() and longer[0, -1] == padding)


def _one_at_a_time(tokenizer):
    """Guard a tokenizer: those of Hugging Face are changed by each call's options."""
    lock = threading.Lock()

    def tokenize(texts, **options):
        with lock:
            return tokenizer(texts, **options)

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


def _fingerprint(model, config):
    """Hash the architecture and every weight, by name, type, shape and bytes."""
    hasher = hashlib.blake2b(digest_size=16)
    hasher.update(json.dumps(config, sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        array = tensor.detach().float().cpu().contiguous().numpy()
        hasher.update(f"{name}{array.shape}".encode())
        hasher.update(array.data)
    return hasher.hexdigest()


def _probe_picture():
    """Draw smooth colour ramps, not square, so that resizing and cropping matter."""
    y, x = np.mgrid[0:240, 0:320]
    ramps = np.stack([x * 255 // 319, y * 255 // 239, (x + y) % 256], axis=2)
    return Image.fromarray(ramps.astype(np.uint8))
