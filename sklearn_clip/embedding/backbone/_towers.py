"""The two towers of a model at work: pixels and tokens to vectors, at no waste."""

import torch
from torch import nn

from sklearn_clip._shared import own_modes
from sklearn_clip.embedding.backbone._attention import (
    with_fused_attention,
    with_plain_attention,
)
from sklearn_clip.embedding.backbone._export import (
    ImageGraph,
    TextGraph,
    copy_module,
    has_positions,
    text_part,
)
from sklearn_clip.embedding.backbone._parts import TRIAL_TEXTS
from sklearn_clip.embedding.backbone._precision import DTYPES
from sklearn_clip.embedding.backbone._transform import (
    read_bound,
    read_draft_side,
    read_plan,
)
from sklearn_clip.embedding.images._preparation import Preparation

# Largest 1 - cosine between padded and cut texts, by precision.
_TRIM_TOLERANCE = {"fp32": 1e-5, "bf16": 1e-3, "fp16": 1e-3}


class ImageTower:
    """The image tower with its preprocessing.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip, on its device and in its precision.
    preprocess : callable
        open_clip's transform: PIL image to tensor of shape (3, h, w).
    device : torch.device
        Where the model runs.
    precision : {"fp32", "bf16", "fp16"}
        Arithmetic of the tower.

    Attributes
    ----------
    plan : PixelPlan or None
        The preprocessing in plain values, where it can be said in them.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    """

    def __init__(self, model, preprocess, device, precision):
        self.model = model
        self._device = device
        self._dtype = DTYPES[precision]
        self.identity = self.precision = precision
        self.plan = read_plan(preprocess)
        self.draft_side = read_draft_side(preprocess)
        if self.plan is None:
            self._bound, self._preprocess = read_bound(preprocess), preprocess
            return
        # Pixels travel as bytes and become normalised floats on the device: a quarter
        # of the memory, and threads that decode spend no time on arithmetic.
        self._prepare = Preparation(self.plan)
        mean, std = torch.tensor(self.plan.mean), torch.tensor(self.plan.std)
        self._scale = (1 / (255 * std)).view(3, 1, 1).to(device)
        self._shift = (-mean / std).view(3, 1, 1).to(device)

    def prepare(self, picture):
        """Resize and crop one picture.

        Parameters
        ----------
        picture : PIL.Image.Image
            Of mode ``"RGB"``.

        Returns
        -------
        Tensor
            uint8 of shape (h, w, 3), or what the model's own transform gives.
        """
        if self.plan is None:
            return self._preprocess(self._bound(picture))
        return torch.from_numpy(self._prepare(picture))

    def collate(self, prepared):
        """Stack prepared pictures, in memory that a GPU can read by itself.

        Parameters
        ----------
        prepared : list of Tensor
            From :meth:`prepare`.

        Returns
        -------
        Tensor
            One batch.
        """
        return stack_pictures(prepared, self._device)

    @own_modes()
    @torch.inference_mode()
    def encode(self, batch):
        """Encode one batch.

        Parameters
        ----------
        batch : Tensor
            From :meth:`collate`.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        batch = batch.to(self._device, non_blocking=True)
        if self.plan is not None:
            # (n, h, w, 3) seen as (n, 3, h, w) is what channels-last means.
            batch = batch.permute(0, 3, 1, 2).float() * self._scale + self._shift
        # CoCa would normalise, unless it is told not to.
        vectors = self.model.encode_image(batch.to(self._dtype), normalize=False)
        return _to_numpy(vectors)

    def as_module(self, plain_attention=False):
        """Return the tower as one module, and an input for it.

        Parameters
        ----------
        plain_attention : bool, default=False
            Of texts alone; see `TextTower.as_module`.

        Returns
        -------
        module : torch.nn.Module
            What `encode` does, but for the last step.
        example : Tensor
            A batch of two items.
        """
        example = torch.zeros(2, *self.plan.size, 3, dtype=torch.uint8)
        return ImageGraph(self.model, self._scale, self._shift), example


class TextTower:
    """The text tower with its tokenizer; padding is cut off where it changes nothing.

    Under a causal mask no token sees what follows it, so that everything behind the end
    token is wasted work. Some towers pad on purpose: whether a tower is indifferent to
    its padding is tried out once, not assumed.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip, on its device and in its precision.
    tokenizer : callable
        Texts to token ids of shape (n, context length).
    device : torch.device
        Where the model runs.
    precision : {"fp32", "bf16", "fp16"}
        Arithmetic of the tower.
    """

    def __init__(self, model, tokenizer, device, precision):
        self.model = model
        self._tokenizer = tokenizer
        self._device = device
        self.identity = self.precision = precision
        self._fused = with_fused_attention(model)
        self._views = {}
        self._trims = None

    def collate(self, texts):
        """Make the tokens of one batch, no more of them than its longest text has.

        Parameters
        ----------
        texts : list of str
            Best of similar lengths.

        Returns
        -------
        Tensor of shape (n, length)
            Tokens.
        """
        tokens = self._tokenizer(list(texts))
        return tokens if self.padding is None else tokens[:, : self._length(tokens)]

    @own_modes()
    @torch.inference_mode()
    def encode(self, texts):
        """Encode one batch; a text that is too long is cut and keeps its end token.

        Parameters
        ----------
        texts : list of str or Tensor
            Best of similar lengths, or what `collate` made of them.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        tokens = self.collate(texts) if isinstance(texts, list) else texts
        return _to_numpy(self._encode(tokens))

    @property
    def padding(self):
        """Token that may be cut off a text's end; None if the tower needs all."""
        if self._trims is None:
            self._trims = self._can_trim()
        return int(self._padding) if self._trims else None

    def as_module(self, plain_attention=False):
        """Return the tower as one module, and an input for it.

        Parameters
        ----------
        plain_attention : bool, default=False
            Spell out torch's attention, of which some tracers keep the example's
            number of tokens.

        Returns
        -------
        module : torch.nn.Module
            What `encode` does, but for the first and the last step.
        example : Tensor
            A batch of tokens.
        """
        example = self._tokenizer(list(TRIAL_TEXTS))
        model = with_plain_attention(self.model) if plain_attention else self.model
        if self.padding is None:
            return TextGraph(model), example
        return TextGraph(model), example[:, : self._length(example)]

    def _encode(self, tokens):
        view, tokens = self._view(tokens.shape[1]), tokens.to(self._device)
        return view.encode_text(tokens, normalize=False)

    def _length(self, tokens):
        """Positions up to the last token of the batch that is not padding."""
        used = (tokens != self._padding).any(0).nonzero()
        return int(used[-1]) + 1 if len(used) else 1

    @own_modes()
    @torch.inference_mode()
    def _can_trim(self):
        # The self-test. Right answers are known without a table of models: a tower that
        # does not look behind the end token gives the same vector with and without the
        # padding. One that does gives another: SigLIP reads its vector off the last
        # position, CoCa appends its class token there. Texts of three lengths, as one
        # that is nearly full has hardly any padding to show it on.
        tokens = self._tokenizer(list(TRIAL_TEXTS))
        # The shortest text does not reach the last position, so what stands there is
        # padding, whichever number a tokenizer has for it (CLIP's has 0).
        self._padding = tokens[0, -1]
        whole = self._encode(tokens).float()
        try:
            # Each row by itself, cut to its own end: cut together, the longest would
            # leave the others most of their padding.
            cut = [
                self._encode(row[None, : self._length(row[None])]).float()
                for row in tokens
            ]
        except (RuntimeError, IndexError, TypeError, ValueError):
            return False  # a tower that takes its full context length only
        cosines = nn.functional.cosine_similarity(whole, torch.cat(cut))
        return bool((cosines >= 1 - _TRIM_TOLERANCE[self.precision]).all())

    def _view(self, length):
        """Return the model as it would be with a context of `length` tokens.

        It is the model itself, weights and code, but for its table of positions and its
        mask, which are seen up to `length`.
        """
        if length not in self._views:
            self._views[length] = _shorten(self._fused, length)
        return self._views[length]


def _shorten(model, length):
    module = text_part(model)
    if not has_positions(module) or len(module.positional_embedding) <= length:
        return model
    view = copy_module(module)
    short = nn.Parameter(module.positional_embedding[:length], requires_grad=False)
    view._parameters["positional_embedding"] = short
    mask = getattr(module, "attn_mask", None)
    if mask is not None:
        # Row i of the causal mask reads columns up to i only, so its upper left corner
        # is the causal mask of the shorter text.
        view._buffers["attn_mask"] = mask[:length, :length]
    if module is model:
        return view
    outer = copy_module(model)
    outer._modules["text"] = view
    return outer


def stack_pictures(prepared: list[torch.Tensor], device: torch.device) -> torch.Tensor:
    """Stack prepared pictures, for a GPU in memory that it can read by itself.

    Parameters
    ----------
    prepared : list of Tensor
        The pictures, of one shape.
    device : torch.device
        Where they go.

    Returns
    -------
    Tensor
        One batch.
    """
    if device.type != "cuda":
        return torch.stack(prepared)
    first = prepared[0]
    pinned = torch.empty(
        (len(prepared), *first.shape), dtype=first.dtype, device="cpu", pin_memory=True
    )
    return torch.stack(prepared, out=pinned)


def _to_numpy(vectors):
    return vectors.float().cpu().numpy()
