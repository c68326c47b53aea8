"""Networks of `MultiLabelNet` that take a row as it is: linear, MLP, cosine."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_clip.heads._background import other_words, read_background


class InputNorm(nn.BatchNorm1d):
    """Standardise every feature by what training has shown of it.

    Batch normalisation without weights, whose running statistics are plain averages
    over all batches, so that they do not start from a guess, and which lets a batch of
    one row pass.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    """

    def __init__(self, n_features):
        super().__init__(n_features, momentum=None, affine=False)

    def forward(self, x):
        """Standardise rows of shape (n, n_features)."""
        if self.training and len(x) == 1:  # a single row has no variance
            return F.batch_norm(x, self.running_mean, self.running_var, eps=self.eps)
        return super().forward(x)


class LinearHead(nn.Module):
    """One linear map of the standardised features: logistic regression.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import LinearHead
    >>> LinearHead(n_features=8, n_labels=3)(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(self, n_features, n_labels):
        super().__init__()
        self.norm = InputNorm(n_features)
        self.classify = nn.Linear(n_features, n_labels)

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        return self.classify(self.norm(x))


_NORMS = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d, None: nn.Identity}


class MLPHead(nn.Module):
    """Perceptron with any number of hidden layers.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.
    hidden : int or sequence of int, default=256
        Width of the hidden layer, or of every one; an empty sequence for none.
    norm : {"layer", "batch"} or None, default="layer"
        Normalisation before the activation (GELU) of each hidden layer. With
        ``"batch"`` no batch may have a single row.
    dropout : float, default=0.5
        Share in [0, 1] of the hidden units left out in training.

    Raises
    ------
    ValueError
        If there is no such norm or a width is not positive.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import MLPHead
    >>> MLPHead(n_features=8, n_labels=3, hidden=(16, 4))(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, n_features, n_labels, hidden: Any = 256, norm: Any = "layer", dropout=0.5
    ):
        super().__init__()
        if norm not in _NORMS:
            raise ValueError(f"norm must be 'layer', 'batch' or None. Got {norm!r}.")
        widths = [n_features, *np.atleast_1d(np.asarray(hidden, dtype=int)).tolist()]
        if min(widths) < 1:
            raise ValueError(f"hidden must hold positive widths. Got {hidden!r}.")
        layers: list[nn.Module] = [InputNorm(n_features)]
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(before, after), _NORMS[norm](after)]
            layers += [nn.GELU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], n_labels))

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        return self.layers(x)


_MAX_SCALE = 100.0  # as in CLIP


class CosineHead(nn.Module):
    """Cosine between a row and one vector per label, times a scale, plus a bias.

    With prompt embeddings for `init` it starts as the zero-shot classifier of these
    prompts. Prompts are as wide as one modality, so the features are then those of
    ``CLIPFeaturizer(fusion="image")`` or another fusion of that width.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.
    init : array-like of shape (n_labels, n_features), default=None
        Label vectors to start from, such as the embeddings of their names; of any
        length but 0. None starts from random ones.
    scale : float or None, default=20.0
        Start of the scale, in (0, 100]; its logarithm is learnt, and it is capped at
        100. None puts out plain cosines, without bias, for ``criterion=
        "tempered_bce"``, which has both.
    bias : float or array-like of shape (n_labels,), default=-3.0
        Start of the bias, of which each label learns its own.

    Raises
    ------
    ValueError
        If `init` has another shape or holds a zero vector, or `scale` is out of range.

    References
    ----------
    Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", arXiv:2103.00020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import CosineHead
    >>> prompts = torch.eye(3)
    >>> head = CosineHead(n_features=3, n_labels=3, init=prompts, scale=10, bias=-5)
    >>> head(prompts).detach().round()
    tensor([[ 5., -5., -5.],
            [-5.,  5., -5.],
            [-5., -5.,  5.]])
    """

    def __init__(
        self, n_features, n_labels, init=None, scale: Any = 20.0, bias: Any = -3.0
    ):
        super().__init__()
        if scale is not None and not 0 < scale <= _MAX_SCALE:
            raise ValueError(
                f"scale must be None or in (0, {_MAX_SCALE:g}]. Got {scale!r}."
            )
        if init is None:
            vectors = F.normalize(torch.randn(n_labels, n_features), dim=1)
        else:
            vectors = _label_vectors(init, (n_labels, n_features))
        self.vectors = nn.Parameter(vectors)
        self.log_scale = self.bias = None
        if scale is not None:
            self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
            bias = torch.as_tensor(bias, dtype=torch.float32)
            self.bias = nn.Parameter(bias.expand(n_labels).clone())

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        cosines = F.normalize(x, dim=1) @ F.normalize(self.vectors, dim=1).T
        if self.log_scale is None:
            return cosines
        # A clamp within the graph would pass no gradient back from beyond the cap.
        with torch.no_grad():
            self.log_scale.clamp_(max=math.log(_MAX_SCALE))
        return self.log_scale.exp() * cosines + self.bias


class CLIPAdapterHead(CosineHead):
    """Cosine head over features that a small perceptron adapts.

    A unit row f becomes (1 - alpha) f + alpha ReLU(W2 ReLU(W1 f)), a cosine of which
    with the label vectors is scaled as in `CosineHead`. With prompt embeddings for
    `init` it starts close to their zero-shot classifier.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.
    init : array-like of shape (n_labels, n_features), default=None
        Label vectors to start from, as for `CosineHead`.
    alpha : float, default=0.2
        Share of the adapted features, in [0, 1].
    reduction : int, default=4
        How many times narrower than a row the hidden layer is.
    scale : float or None, default=20.0
        Start of the scale, as for `CosineHead`.
    bias : float or array-like of shape (n_labels,), default=-3.0
        Start of the bias, as for `CosineHead`.
    background : Background or None, default=None
        General words, such as `background_` of a fitted
        :class:`~sklearn_clip.ZeroShotClassifier` of these labels in this order. What
        the adapted row has in common with them is taken from its cosine with every
        label. They are not trained.

    Raises
    ------
    ValueError
        If `alpha` or `reduction` is out of range, `background` does not go with the
        rows and labels, and where `CosineHead` raises.

    References
    ----------
    Gao et al., "CLIP-Adapter: Better Vision-Language Models with Feature Adapters",
    arXiv:2110.04544.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import CLIPAdapterHead
    >>> prompts = torch.eye(3, 8)
    >>> head = CLIPAdapterHead(n_features=8, n_labels=3, init=prompts)
    >>> head(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features,
        n_labels,
        init=None,
        alpha=0.2,
        reduction=4,
        scale: Any = 20.0,
        bias: Any = -3.0,
        background=None,
    ):
        super().__init__(n_features, n_labels, init=init, scale=scale, bias=bias)
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1]. Got {alpha!r}.")
        if reduction < 1:
            raise ValueError(f"reduction must be at least 1. Got {reduction!r}.")
        words = read_background(background, n_labels, n_features)
        vectors = None if words is None else torch.tensor(words.embeddings)
        self.register_buffer("background", vectors)
        self.background_scale = None if words is None else words.logit_scale
        self.others = {} if words is None else other_words(words)
        self.alpha = alpha
        hidden = max(1, n_features // reduction)
        self.down = nn.Linear(n_features, hidden, bias=False)
        self.up = nn.Linear(hidden, n_features, bias=False)

    def adapt(self, x):
        """Adapt rows, scaled to length 1; (n, n_features) -> (n, n_features)."""
        x = F.normalize(x, dim=1)
        return (1 - self.alpha) * x + self.alpha * F.relu(self.up(F.relu(self.down(x))))

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        adapted = F.normalize(self.adapt(x), dim=1)
        logits = super().forward(adapted)
        if self.background is None:
            return logits
        alike = self.background_scale * adapted @ self.background.T
        common = alike.logsumexp(dim=1, keepdim=True).repeat(1, logits.shape[1])
        for label, others in self.others.items():
            common[:, label] = alike[:, others].logsumexp(dim=1)
        scale = 1 if self.log_scale is None else self.log_scale.exp()
        return logits - scale / self.background_scale * common


def _label_vectors(init, shape):
    """Check label vectors and make a float32 tensor of them, of length 1."""
    if isinstance(init, torch.Tensor):
        init = init.detach().cpu()
    vectors = torch.tensor(np.asarray(init, dtype=np.float32))
    if tuple(vectors.shape) != shape:
        raise ValueError(
            f"init must have shape (n_labels, n_features) = {shape}. "
            f"Got {tuple(vectors.shape)}. Prompt embeddings go with features of one "
            "modality's width, such as CLIPFeaturizer(fusion='image')."
        )
    bad = ~vectors.isfinite().all(dim=1) | (vectors == 0).all(dim=1)
    if bad.any():
        raise ValueError(
            "init must hold finite vectors that are not zero. "
            f"Got another one (label {int(bad.nonzero()[0])})."
        )
    return F.normalize(vectors, dim=1)
