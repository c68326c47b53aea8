"""open_clip models: found by name, loaded once per process, fingerprinted, run."""

import difflib
import hashlib
import json
import os
import socket
import threading
import urllib.parse
import urllib.request
import warnings
from pathlib import Path

import huggingface_hub
import numpy as np
import open_clip
import torch
from PIL import Image

from sklearn_clip._shared import WeightsUnavailableError

_BUNDLED = {"clipart-tiny": Path(__file__).parents[1] / "models" / "clipart-tiny"}
_PROBE_TEXT = "a photo of a cat"
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_loaded = {}
_load_lock = threading.RLock()


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
            low, high = 1, len(words)  # the first word is taken whether it fits or not
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


def load_backbone(model_name, pretrained=None, *, device="auto", precision="auto"):
    """Load a model, or return the one this process has loaded already.

    Parameters
    ----------
    model_name : str
        A name of open_clip, ``"hf-hub:..."``, ``"local-dir:..."`` or
        ``"clipart-tiny"``.
    pretrained : str or None
        Tag or file of the weights; ignored where the name stands for weights too.
    device : str, default="auto"
        A torch device.
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
        Arithmetic; ``"auto"`` is fp32.

    Returns
    -------
    Backbone
        The model.

    Raises
    ------
    ValueError
        If there is no such model or tag.
    WeightsUnavailableError
        If the weights are neither here nor to be fetched.
    """
    location, tag = _locate(model_name, pretrained)
    device = resolve_device(device)
    precision = "fp32" if precision == "auto" else precision
    key = (location, tag, str(device), precision, _folder_state(location))
    with _load_lock:
        if key not in _loaded:
            _loaded[key] = _load(model_name, location, tag, device, precision)
        return _loaded[key]


def resolve_device(device):
    """Choose the device: CUDA, then Apple's MPS, then the CPU.

    Parameters
    ----------
    device : str
        ``"auto"`` or a torch device.

    Returns
    -------
    torch.device
        The device.
    """
    if device != "auto":
        try:
            return torch.device(device)
        except RuntimeError as exc:
            raise ValueError(
                f"device must be 'auto' or a torch device such as 'cpu' or 'cuda:0'. "
                f"Got {device!r}."
            ) from exc
    if torch.cuda.is_available():
        try:
            torch.zeros(1, device="cuda")
            return torch.device("cuda")
        except RuntimeError as exc:
            _warn_unusable_gpu(exc)
    elif os.path.exists("/proc/driver/nvidia/version"):
        _warn_unusable_gpu("this build of torch does not see it")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _warn_unusable_gpu(reason):
    warnings.warn(
        f"An NVIDIA GPU is present but cannot be used ({reason}): CLIP runs on the CPU,"
        " many times slower. Check torch.cuda.is_available() and the torch build, or "
        "silence this with device='cpu'.",
        stacklevel=3,
    )


def _locate(model_name, pretrained):
    """Check the names and return what open_clip takes: a location and a tag."""
    if model_name in _BUNDLED:
        return f"local-dir:{_BUNDLED[model_name]}", None
    if model_name.startswith("local-dir:"):
        folder = os.path.abspath(model_name.removeprefix("local-dir:"))
        if not os.path.isfile(os.path.join(folder, "open_clip_config.json")):
            raise WeightsUnavailableError(
                f"model_name={model_name!r}: the folder {folder!r} must hold "
                "open_clip_config.json and the weights. It does not."
            )
        return f"local-dir:{folder}", None
    if model_name.startswith("hf-hub:"):
        return model_name, None
    known = open_clip.list_models()
    if model_name not in known:
        nearest = difflib.get_close_matches(
            model_name, [*known, *_BUNDLED], n=3, cutoff=0.4
        )
        raise ValueError(
            f"model_name must be a model of open_clip. Got {model_name!r}. Nearest: "
            f"{', '.join(map(repr, nearest)) or 'none'}. All of them: "
            "open_clip.list_models()."
        )
    if pretrained and os.path.isfile(pretrained):
        return model_name, os.path.abspath(pretrained)
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if pretrained not in tags:
        nearest = difflib.get_close_matches(str(pretrained), tags, n=3, cutoff=0.4)
        raise ValueError(
            f"pretrained must be a tag of {model_name!r} or a file of weights; random "
            f"weights are never used in silence. Got {pretrained!r}. Nearest: "
            f"{', '.join(map(repr, nearest or tags)) or 'none'}."
        )
    return model_name, pretrained


def _folder_state(location):
    """Sizes and times of a model folder, so that a folder written anew is reloaded."""
    if not location.startswith("local-dir:"):
        return None
    files = sorted(Path(location.removeprefix("local-dir:")).iterdir())
    return tuple((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files)


def _load(model_name, location, tag, device, precision):
    weights = _fetch_weights(model_name, location, tag)
    # open_clip takes the preprocessing of a tag only together with its download.
    preprocess_cfg = open_clip.get_pretrained_cfg(location, tag) if tag else None
    model, _, preprocess = open_clip.create_model_and_transforms(
        location,
        pretrained=weights,
        force_preprocess_cfg=preprocess_cfg or None,
        require_pretrained=True,
    )
    return Backbone(
        model.eval().requires_grad_(False),
        preprocess,
        open_clip.get_tokenizer(location),
        open_clip.get_model_config(location),
        device,
        precision,
    )


def _fetch_weights(model_name, location, tag):
    """Have the weights on this machine and return their file where open_clip needs it.

    What the Hugging Face cache holds is taken from there without asking the hub, which
    on a machine without a network would be asked again and again for half a minute.
    """
    try:
        if location.startswith("hf-hub:"):
            repository = location.removeprefix("hf-hub:")
            if _cached_file(repository, "") is None:
                _check_network()
                open_clip.get_model_config(location)
                open_clip.download_pretrained_from_hf(repository)
            return None
        if tag is None:
            if not _has_weights(location):
                raise FileNotFoundError("the folder holds no file of weights")
            return None
        if os.path.isfile(tag):
            return tag
        source = open_clip.get_pretrained_cfg(location, tag)
        cached = _cached_file(*os.path.split(source.get("hf_hub", "")))
        if cached is None:
            _check_network()
            cached = open_clip.download_pretrained(source)
        return cached
    except Exception as exc:  # the network fails in the ways of four libraries
        named = f"{model_name!r}" if tag is None else f"{model_name!r}, {tag!r}"
        raise WeightsUnavailableError(
            f"The weights of {named} are not on this machine and could not be fetched "
            f"({str(exc).splitlines()[0]:.200}). Fetch them where there is a network, "
            f"with CLIPFeaturizer({named}).encode_texts(['a']), and copy the Hugging "
            "Face cache (HF_HOME) here; or save the model to a folder and use "
            "model_name='local-dir:/the/folder'. CLIPFeaturizer('clipart-tiny') works "
            "without a network."
        ) from exc


def _cached_file(repository, filename):
    """File of a repository of the hub in the local cache, or None."""
    if not repository:
        return None
    stem, extension = os.path.splitext(filename)
    names = (
        [f"{stem}.safetensors", filename]
        if extension
        else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    )
    for name in names:
        path = huggingface_hub.try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return path
    return None


def _check_network():
    """Fail at once where the hub's name does not resolve; a proxy resolves it itself."""
    if urllib.request.getproxies():
        return
    host = urllib.parse.urlsplit(huggingface_hub.constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError as exc:
        raise ConnectionError(f"no network: {host} cannot be found") from exc


def _has_weights(location):
    folder = Path(location.removeprefix("local-dir:"))
    return any(
        p.suffix in (".safetensors", ".bin", ".pth", ".pt") for p in folder.iterdir()
    )


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
