"""A CLIP model at work: fingerprint, preprocessing, encoding, probe."""

import hashlib
import json

import numpy as np
import open_clip
import torch
from PIL import Image

_PROBE_TEXT = "a photo of a cat"
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


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
    precision : {"fp32", "bf16", "fp16"}
        Arithmetic of the towers.

    Attributes
    ----------
    fingerprint : str
        Digest of the weights and the architecture, in hexadecimal.
    preprocessing : str
        Everything the image transform depends on.
    embedding_dim : int
        Length of an embedding.
    """

    def __init__(self, model, preprocess, tokenizer, config, device, precision):
        # Hashed before the cast: a fingerprint knows no device and no precision.
        self.fingerprint = _fingerprint(model, config)
        self.model = model.to(device=device, dtype=_DTYPES[precision])
        self.preprocess = preprocess
        self.tokenizer = tokenizer
        self.device = device
        self.precision = precision
        self.embedding_dim = config["embed_dim"]
        self.context_length = model.context_length
        self.preprocessing = json.dumps(
            open_clip.get_model_preprocess_cfg(model), sort_keys=True, default=str
        )
        self._probe = None

    @torch.inference_mode()
    def encode_images(self, tensors):
        """Encode preprocessed images.

        Parameters
        ----------
        tensors : list of Tensor of shape (3, h, w)
            What `preprocess` returned.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        batch = torch.stack(tensors).to(self.device, dtype=_DTYPES[self.precision])
        return self.model.encode_image(batch).float().cpu().numpy()

    @torch.inference_mode()
    def encode_texts(self, texts):
        """Encode texts; one that is too long is cut and keeps its end token.

        Parameters
        ----------
        texts : list of str
            The texts.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        tokens = self.tokenizer(list(texts)).to(self.device)
        return self.model.encode_text(tokens).float().cpu().numpy()

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
            picture = self.preprocess(_probe_picture())
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
