"""Networks of `MultiLabelNet` that take the modalities of a row as tokens."""

from numbers import Integral
from typing import Any

import torch
from torch import nn

from sklearn_clip.heads.networks._modules import InputNorm


def split_width(n_features, n_modalities):
    """Read how wide the parts of a row are.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_modalities : int or sequence of int
        How many equally wide parts there are, or the width of each.

    Returns
    -------
    list of int
        The width of each part.

    Raises
    ------
    ValueError
        If the rows have no such parts.
    """
    if not isinstance(n_modalities, Integral):
        widths = [int(width) for width in n_modalities]
        if min(widths, default=0) < 1 or sum(widths) != n_features:
            raise ValueError(
                f"n_modalities must name the width of every part of a row, or how many "
                f"there are. Got {tuple(widths)} for {n_features} features."
            )
        return widths
    if n_modalities < 1 or n_features % n_modalities:
        raise ValueError(
            f"The number of features must be a multiple of n_modalities="
            f"{n_modalities}, one part of equal width per modality, as "
            f"CLIPFeaturizer(fusion='concat') makes them without a missing "
            f"indicator. Got {n_features} features. Of parts that are not equally "
            "wide, give the widths: n_modalities=(768, 512)."
        )
    return [n_features // n_modalities] * n_modalities


class ModalityTokens(nn.Module):
    """Split each row into its modalities and project every one by its own matrix.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_modalities : int or sequence of int
        How many equally wide parts there are, or the width of each.
    width : int
        Width of the tokens. The bias of a projection tells its modality.
    """

    def __init__(self, n_features, n_modalities, width):
        super().__init__()
        widths = split_width(n_features, n_modalities)
        self.norm = InputNorm(n_features)
        self.projections = nn.ModuleList(nn.Linear(n, width) for n in widths)

    def forward(self, x):
        """Turn (n, n_features) into tokens of shape (n, n_modalities, width)."""
        widths = [project.in_features for project in self.projections]
        parts = self.norm(x).split(widths, dim=1)
        pairs = zip(self.projections, parts, strict=True)
        return torch.stack([project(part) for project, part in pairs], dim=1)


class SpatialGating(nn.Module):
    """Spatial gating unit: one half of the channels gates the other, across tokens.

    Parameters
    ----------
    n_tokens : int
        Number of tokens.
    width : int
        Number of channels, even.
    """

    def __init__(self, n_tokens, width):
        super().__init__()
        self.norm = nn.LayerNorm(width // 2)
        self.mix = nn.Linear(n_tokens, n_tokens)
        # Near 0 and 1 the unit passes u on, so that training starts from a plain MLP.
        nn.init.normal_(self.mix.weight, std=1e-3)
        nn.init.ones_(self.mix.bias)

    def forward(self, x):
        """Gate tokens of shape (n, n_tokens, width) to (n, n_tokens, width // 2)."""
        u, v = x.chunk(2, dim=-1)
        return u * self.mix(self.norm(v).transpose(1, 2)).transpose(1, 2)


class GMLPBlock(nn.Module):
    """Block of a gMLP, x + W2 SGU(GELU(W1 LN x)).

    Parameters
    ----------
    n_tokens : int
        Number of tokens.
    width : int
        Width of the tokens.
    expansion : int
        Channels inside the block, as a multiple of `width`; even times `width`.
    """

    def __init__(self, n_tokens, width, expansion=4):
        super().__init__()
        inner = expansion * width
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, inner),
            nn.GELU(),
            SpatialGating(n_tokens, inner),
            nn.Linear(inner // 2, width),
        )

    def forward(self, x):
        """Mix tokens of shape (n, n_tokens, width)."""
        return x + self.layers(x)


class GMLPHead(nn.Module):
    """gMLP over the modalities as tokens, averaged and classified.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.
    n_modalities : int or sequence of int, default=2
        How many equally wide parts a row has, at least 2, or the width of each, as
        ``CLIPFeaturizer(features="penultimate")`` makes them.
    width : int, default=256
        Width of the tokens.
    n_blocks : int, default=1
        Number of blocks.
    dropout : float, default=0.5
        Share in [0, 1] of the token channels, and of the pooled ones, left out in
        training.

    Raises
    ------
    ValueError
        If the width cannot be split, or there is one modality only.

    References
    ----------
    Liu et al., "Pay Attention to MLPs", arXiv:2105.08050.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import GMLPHead
    >>> GMLPHead(n_features=8, n_labels=3, width=16)(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features,
        n_labels,
        n_modalities: Any = 2,
        width=256,
        n_blocks=1,
        dropout=0.5,
    ):
        super().__init__()
        n_tokens = len(split_width(n_features, n_modalities))
        if n_tokens < 2:
            raise ValueError(
                f"n_modalities must be at least 2 for a gMLP, which gates tokens by "
                f"one another. Got {n_modalities}. Use module='mlp' for one modality."
            )
        self.tokens = ModalityTokens(n_features, n_modalities, width)
        self.blocks = nn.Sequential(
            nn.Dropout(dropout),
            *(GMLPBlock(n_tokens, width) for _ in range(n_blocks)),
            nn.LayerNorm(width),
        )
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_labels))

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        return self.classify(self.blocks(self.tokens(x)).mean(dim=1))


class GatedHead(nn.Module):
    """Weigh the modalities against each other, row by row, and classify the mixture.

    The weights are a softmax over a linear map of all modalities together, so a text
    that says little leaves its weight to the picture.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.
    n_modalities : int or sequence of int, default=2
        How many equally wide parts a row has, or the width of each, as
        ``CLIPFeaturizer(features="penultimate")`` makes them.
    width : int, default=512
        Width to which each modality is projected before they are mixed.
    dropout : float, default=0.5
        Share in [0, 1] of the mixture left out in training.

    Raises
    ------
    ValueError
        If the width cannot be split.

    References
    ----------
    Arevalo et al., "Gated Multimodal Units for Information Fusion", arXiv:1702.01992.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import GatedHead
    >>> head = GatedHead(n_features=8, n_labels=3, width=16).eval()
    >>> head(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    >>> head.weigh(torch.zeros(2, 8)).shape
    torch.Size([2, 2])
    """

    def __init__(
        self, n_features, n_labels, n_modalities: Any = 2, width=512, dropout=0.5
    ):
        super().__init__()
        self.tokens = ModalityTokens(n_features, n_modalities, width)
        n_tokens = len(self.tokens.projections)
        self.gate = nn.Linear(n_tokens * width, n_tokens)
        self.classify = nn.Sequential(
            nn.LayerNorm(width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, n_labels),
        )

    def weigh(self, x):
        """Compute the weights of the modalities, which sum to 1 in every row.

        Parameters
        ----------
        x : tensor of shape (n, n_features)
            Rows.

        Returns
        -------
        tensor of shape (n, n_modalities)
            The weights.
        """
        return self._gate(self.tokens(x))

    def _gate(self, tokens):
        return self.gate(tokens.flatten(1)).softmax(dim=1)

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        tokens = self.tokens(x)
        mixture = (self._gate(tokens)[:, :, None] * tokens).sum(dim=1)
        return self.classify(mixture)


class AttentionHead(nn.Module):
    """Pre-norm transformer blocks over the modalities as tokens, averaged.

    Parameters
    ----------
    n_features : int
        Width of the rows.
    n_labels : int
        Number of labels.
    n_modalities : int or sequence of int, default=2
        How many equally wide parts a row has, or the width of each, as
        ``CLIPFeaturizer(features="penultimate")`` makes them.
    width : int, default=256
        Width of the tokens, a multiple of `n_heads`.
    n_heads : int, default=4
        Attention heads.
    n_blocks : int, default=1
        Number of blocks.
    dropout : float, default=0.5
        Share in [0, 1] left out in training: within the blocks, and of the mean.

    Raises
    ------
    ValueError
        If the rows cannot be split into modalities, or the tokens into heads.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.heads import AttentionHead
    >>> AttentionHead(n_features=8, n_labels=3, width=16)(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_features,
        n_labels,
        n_modalities: Any = 2,
        width=256,
        n_heads=4,
        n_blocks=1,
        dropout=0.5,
    ):
        super().__init__()
        if width % n_heads:
            raise ValueError(
                f"width must be a multiple of n_heads={n_heads}. Got {width}."
            )
        self.tokens = ModalityTokens(n_features, n_modalities, width)
        blocks = [
            nn.TransformerEncoderLayer(
                width,
                n_heads,
                dim_feedforward=2 * width,
                dropout=dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(n_blocks)
        ]
        self.blocks = nn.Sequential(*blocks, nn.LayerNorm(width))
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_labels))

    def forward(self, x):
        """Compute the logits, (n, n_features) -> (n, n_labels)."""
        return self.classify(self.blocks(self.tokens(x)).mean(dim=1))
