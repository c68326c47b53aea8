"""A CLIP model at work: fingerprint, preprocessing, encoding, probe."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_clip._shared import own_modes
from sklearn_clip.embedding._text_pieces import split_text, takes_whole
from sklearn_clip.embedding.backbone._graph_making import open_graph_tower
from sklearn_clip.embedding.backbone._parts import (
    TOWERS,
    TRIAL_TEXTS,
    tower_output,
)
from sklearn_clip.embedding.backbone._probe import embed_probe
from sklearn_clip.embedding.engines._byte_pairs import (
    VARIED_TEXTS,
    BytePairTokenizer,
    describe_tokenizer,
)
from sklearn_clip.embedding.engines._choice import list_graphs
from sklearn_clip.embedding.engines._notes import ModelNotes, find_version

if TYPE_CHECKING:
    import torch

# Part of every key in the store: raised when pictures come to be decoded otherwise.
_DECODING = "draft-2"


class Backbone:
    """A CLIP model ready to encode, shared by every featurizer that names it.

    A tower is loaded when it is first used, and never where the other one is all that
    is needed. What is known of the model from an earlier process is not found out
    again: a tower that was prepared for another engine runs before torch is imported.

    Parameters
    ----------
    open_source : callable
        Returns where the towers come from, a ModelFiles or a ModelInMemory; they are
        moved and cast.
    device : torch.device or "cpu"
        Where the model runs.
    precision : {"auto", "fp32", "bf16", "fp16", "int8"}
        Arithmetic of the towers. ``"auto"`` is the fastest one that was measured on the
        kind of device, wherever that agrees with fp32.
    engine : {"auto", "torch", "onnxruntime", "openvino"}, default="torch"
        What runs the towers on a CPU; a GPU is torch's.
    notes : ModelNotes or None, default=None
        What is known of the model.
    output : {"embedding", "penultimate", "tokens"}, default="embedding"
        What the towers give: the embedding that images and texts share, the vector
        before its projection, or of images the embeddings of the whole and of all
        places in one row, see `_outputs` and `_places`.
    others : callable, default=list
        Returns what this process has of the same model with another output, Backbones
        with which weights are shared.

    Attributes
    ----------
    fingerprint : str
        Digest of the weights and the architecture, in hexadecimal.
    config : dict
        The architecture, as open_clip writes it.
    precisions : dict of str to str
        The arithmetic of each tower that is loaded, ``"image"`` and ``"text"``, as it
        is really done: bf16 that the CPU has no units for is fp32 in some engines.
    arithmetic : dict of str to str
        The same with the engine that does it and its version, as the store tells
        vectors apart.
    preprocessing, tokenization : str
        Everything a prepared image, and a tokenized text, depends on.
    embedding_dim : int
        Length of an embedding; what the towers give may have another, see `width`.
    output : str
        What the towers give.
    context_length : int
        Tokens that a text is cut to.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    logit_scale, logit_bias : float
        What the model was trained to multiply a cosine by and to add to it; the bias is
        None where there is none (all but models of SigLIP's kind).
    """

    def __init__(
        self,
        open_source: Callable[[], Any],
        device: torch.device | str,
        precision: str,
        engine: str = "torch",
        notes: ModelNotes | None = None,
        output: str = "embedding",
        others: Callable[[], Collection[Backbone]] = list,
    ):
        self._open_source = open_source
        self._device = device
        self._precision = precision
        self._engine = engine
        self._notes = ModelNotes() if notes is None else notes
        self.output = output
        self._others = others
        self._towers: dict[str, Any] = {}
        self._probes: dict[tuple[str, ...], Any] = {}
        self.converted: dict[tuple[str, str], Any] = {}  # while a tower is opened
        self._loading = threading.RLock()

    def load(
        self,
        towers: Collection[str] = TOWERS,
        say: Callable[[str], Any] = lambda _: None,
    ) -> Backbone:
        """Load towers, unless they are.

        Parameters
        ----------
        towers : collection of {"image", "text"}, default=("image", "text")
            Which ones.
        say : callable, default=lambda _: None
            Is told, in a sentence each, what takes long and why.

        Returns
        -------
        Backbone
            This model.

        Raises
        ------
        WeightsUnavailableError, ValueError
            If the tower, or the tokenizer of the texts, can be had in no way, or cannot
            be run in 8 bits where these are asked for.
        """
        with self._loading:
            for tower in towers:
                if tower not in self._towers:
                    self._towers[tower] = self._open(tower, say)
                    self.fingerprint  # noqa: B018 - of the files as they are now
        return self

    def _open(self, tower, say):
        """Put a tower to work, by the first engine that serves."""
        graphs = []
        if self.on_cpu:
            graphs = list_graphs(self._engine, self._precision, tower)
        try:
            for engine, precision in graphs:
                found = open_graph_tower(self, tower, engine, precision, say)
                if not isinstance(found, str):
                    # Both are noted before the tower of torch is let go.
                    self.width(tower)
                    if tower == "image":
                        self.n_patches  # noqa: B018 - asked for by the batches
                    if "torch_towers" in vars(self):  # it was made just now
                        self.torch_towers.drop(tower)
                    return found
                reason = f"The {tower} tower does not run in {engine} in {precision}: "
                if self._precision == precision == "int8":
                    raise ValueError(
                        f"{reason}{found}. precision='auto' takes the fastest "
                        "arithmetic that is true to fp32."
                    )
                say(f"{reason}{found}.")
        finally:
            self.converted.clear()
        return self.torch_towers.make(tower, self._precision)

    @property
    def on_cpu(self) -> bool:
        """Whether the model runs on the CPU; torch need not be there to tell."""
        return str(self._device).partition(":")[0] == "cpu"

    @cached_property
    def device(self) -> torch.device:
        """Where the model runs."""
        import torch

        return torch.device(self._device)

    @property
    def asked_for(self) -> tuple[str, str]:
        """Engine and precision, as they were asked for."""
        return self._engine, self._precision

    @property
    def arithmetic(self) -> dict[str, str]:
        """What runs each tower that is loaded, and how."""
        return {tower: found.identity for tower, found in self._towers.items()}

    @property
    def precisions(self) -> dict[str, str]:
        return {tower: found.precision for tower, found in self._towers.items()}

    @property
    def notes(self) -> ModelNotes:
        """What is known of the model."""
        return self._notes

    @cached_property
    def torch_towers(self):
        """The towers in torch."""
        from sklearn_clip.embedding.backbone._torch_towers import TorchTowers

        with self._loading:
            return TorchTowers(
                self._source,
                lambda: self.tokenizer,
                self.device,
                self._notes,
                self.output,
                self._list_others,
            )

    def _list_others(self):
        """List the towers in torch that there are of the same model."""
        every = (vars(other).get("torch_towers") for other in self._others())
        return [towers for towers in every if towers is not None]

    @cached_property
    def _source(self):
        with self._loading:
            return self._open_source()

    @property
    def model(self):
        """The whole model of torch, in the precisions of its towers."""
        with self._loading:
            self.load()
            whole = self.torch_towers.whole()
            for tower, found in self._towers.items():
                if getattr(found, "model", whole) is not whole:
                    precision = found.precision
                    self._towers[tower] = self.torch_towers.make(
                        tower, precision, borrows=False
                    )
                    self._forget_probe(tower)
            return whole

    @property
    def config(self) -> dict[str, Any]:
        return self._source.config

    @property
    def fingerprint(self) -> str:
        return self._notes.recall("fingerprint", lambda: self._source.fingerprint)

    @property
    def embedding_dim(self) -> int:
        return self._notes.recall("embedding_dim", lambda: self.config["embed_dim"])

    def width(self, tower: str) -> int:
        """Say how many numbers a tower gives.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.

        Returns
        -------
        int
            Length of its vectors.
        """
        output = self.output_of(tower)
        if output == "embedding":
            return self.embedding_dim
        return self._notes.recall(
            f"width of {tower}, {output}", lambda: self.torch_towers.width(tower)
        )

    def output_of(self, tower: str) -> str:
        """Say what a tower gives, which of texts may be another thing than of images.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.

        Returns
        -------
        {"embedding", "penultimate", "tokens"}
            What it gives.
        """
        return tower_output(self.output, tower)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the places that an image tower of tokens gives."""
        rows, columns = self._notes.recall("grid", lambda: self.torch_towers.grid())
        return rows, columns

    @property
    def _logits(self):
        return self._notes.recall("logits", self._read_logits)

    def _read_logits(self):
        with self._loading:
            scale, bias = self._source.read_logits()
        scale = float(scale.detach().float().exp())
        return scale, None if bias is None else float(bias.detach())

    @property
    def logit_scale(self) -> float:
        return self._logits[0]

    @property
    def logit_bias(self) -> float | None:
        return self._logits[1]

    @cached_property
    def tokenizer(self):
        """The tokenizer of open_clip, which one thread at a time uses."""
        return _one_at_a_time(self._plain_tokenizer)

    @cached_property
    def _plain_tokenizer(self):
        return self._source.make_tokenizer()

    @cached_property
    def light_tokenizer(self):
        """A tokenizer that needs no torch; None where it would give other tokens."""
        version = find_version("tokenizers")
        if version is None:
            return None
        known = f"tokens of tokenizers {version}"
        data = self._notes.recall(
            known, lambda: describe_tokenizer(self._plain_tokenizer)
        )
        return None if data is None else BytePairTokenizer(data)

    @property
    def tokenization(self) -> str:
        return self._notes.recall(
            "tokenization", lambda: _digest_tokens(self.tokenizer)
        )

    @property
    def context_length(self) -> int:
        return self._notes.recall("context_length", self._read_context_length)

    def _read_context_length(self):
        from sklearn_clip.embedding.backbone._hugging_face import context_length

        return context_length(self.config)

    @property
    def preprocessing(self) -> str:
        # Of this version of the package, whichever one wrote the notes.
        said = {
            "decoding": _DECODING,
            **self._notes.recall("pixels", self._read_pixels),
        }
        return json.dumps(said, sort_keys=True, default=str)

    def _read_pixels(self):
        # Once through JSON, as they come back from notes: tuples are lists.
        return json.loads(json.dumps(self.torch_towers.settings(), default=str))

    @property
    def pixel_plan(self):
        """The preprocessing in plain values; None where it cannot be said in them."""
        return getattr(self._image_tower, "plan", None)

    @property
    def draft_side(self) -> int | None:
        return self._image_tower.draft_side

    @property
    def sees_by_convolutions(self) -> bool:
        """Whether most layers of the image tower are convolutions."""
        return self._notes.recall(
            "convolutions", lambda: self.torch_towers.sees_by_convolutions()
        )

    @property
    def n_patches(self) -> int:
        """Patches in which the image tower sees a picture; many of convolutions."""
        return self._notes.recall("patches", lambda: self.torch_towers.count_patches())

    def runs_in_torch(self, tower: str) -> bool:
        """Whether torch runs a tower, whose threads are then its own.

        Parameters
        ----------
        tower : {"image", "text"}
            The tower.

        Returns
        -------
        bool
            Not where another engine does.
        """
        return hasattr(self.load([tower])._towers[tower], "model")

    @property
    def _image_tower(self):
        return self.load(["image"])._towers["image"]

    @property
    def _preprocess(self):
        return self.torch_towers.transform()

    def _forget_probe(self, tower):
        self._probes = {k: probe for k, probe in self._probes.items() if tower not in k}

    def prepare_image(self, picture):
        """Resize and crop one picture; see `encode_images`."""
        return self._image_tower.prepare(picture)

    def collate_images(self, prepared):
        """Stack prepared pictures to one batch; see `encode_images`."""
        return self._image_tower.collate(prepared)

    def encode_images(self, batch):
        """Encode prepared images.

        Parameters
        ----------
        batch : Tensor, ndarray or list of these
            What `collate_images` returned, or `prepare_image` for each image.

        Returns
        -------
        ndarray of shape (n, width), dtype float32
            What the tower gives, not normalised.
        """
        if isinstance(batch, list):
            batch = self.collate_images(batch)
        return self._image_tower.encode(batch)

    def collate_texts(self, texts):
        """Make the tokens of one batch of texts; see `encode_texts`."""
        return self.load(["text"])._towers["text"].collate(texts)

    def encode_texts(self, texts):
        """Encode texts; one that is too long is cut and keeps its end token.

        Parameters
        ----------
        texts : list of str, Tensor or ndarray
            The texts, those of one batch best of similar lengths, or what
            `collate_texts` returned.

        Returns
        -------
        ndarray of shape (n, width), dtype float32
            What the tower gives, not normalised.
        """
        return self.load(["text"])._towers["text"].encode(texts)

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
        # A word is a token or more.
        return split_text(text, self._fits, self.context_length)

    def probe(self, towers: Any = TOWERS):
        """Embed one fixed picture and one fixed text.

        Parameters
        ----------
        towers : sequence of {"image", "text"}, default=("image", "text")
            The towers that embed theirs; one of them where they give vectors of
            different lengths.

        Returns
        -------
        ndarray of shape (n_towers, width), dtype float32
            The vectors, L2-normalised: they show whether this model, with its
            preprocessing, on this device, is the one that was there before.
        """
        towers = tuple(towers)
        if towers not in self._probes:
            if len(towers) == 1:
                found = embed_probe(self, *towers)
            else:
                nothing = np.empty((0, self.embedding_dim), dtype=np.float32)
                rows = [self.probe([tower]) for tower in towers]
                found = np.concatenate(rows or [nothing])
            self._probes[towers] = found
        return self._probes[towers]

    def _fits(self, text):
        """Whether the tokenizer takes the whole text."""
        length = self.context_length
        if len(text.encode()) + 2 <= length:  # a token takes at least one byte
            return True
        tokenizer = None
        if not self.runs_in_torch("text"):
            tokenizer = self.light_tokenizer
        return takes_whole(tokenizer or self.tokenizer, text, length)


def _one_at_a_time(tokenizer):
    """Guard a tokenizer: those of Hugging Face are changed by each call's options."""
    lock = threading.Lock()

    def tokenize(texts, **options):
        with lock, own_modes():
            return tokenizer(texts, **options)

    tokenize.plain = getattr(tokenizer, "plain", tokenizer)
    tokenize.save_pretrained = getattr(tokenizer, "save_pretrained", None)
    return tokenize


def _digest_tokens(tokenizer):
    """Hash what a tokenizer makes of some texts; its files are none of the weights."""
    # Whoever has a tokenizer has imported open_clip: this costs nothing here.
    from open_clip.tokenizer import SimpleTokenizer

    texts, plain, words = list(TRIAL_TEXTS), tokenizer.plain, None
    if type(plain) is not SimpleTokenizer:
        # Of open_clip's own the configuration says all, which the fingerprint is made
        # from. Others are in files, of which anything may be changed.
        texts += [text.encode(errors="replace").decode() for text in VARIED_TEXTS]
        words = getattr(getattr(plain, "tokenizer", None), "get_vocab", None)
    tokens = np.ascontiguousarray(tokenizer(texts))
    hasher = hashlib.blake2b(tokens.tobytes(), digest_size=16)
    if words is not None:
        hasher.update(json.dumps(words(), sort_keys=True).encode())
    return hasher.hexdigest()
