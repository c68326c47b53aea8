"""Pictures to pixels and texts to tokens, as the file of a tagger says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding._text_pieces import split_text, takes_whole
from sklearn_clip.embedding.images._preparation import PixelPlan, Preparation
from sklearn_clip.export._opened_file import import_needed

# Texts are brought to a multiple of so many tokens: their vectors then depend less on
# what else is in the batch.
_TOKEN_STEP = 8


class PictureReader:
    """Reads pictures.

    Parameters
    ----------
    plan : dict
        The values of a `PixelPlan`.
    root : str, os.PathLike or None
        Folder put before relative paths.
    """

    def __init__(self, plan: Mapping[str, Any], root: str | os.PathLike[str] | None):
        # Tuples come out of JSON as lists.
        values: dict[str, Any] = dict(plan)
        values |= {k: tuple(values[k]) for k in ("size", "mean", "std")}
        self._plan = PixelPlan(**values)
        self._prepare = Preparation(self._plan)
        self.root = root

    def __call__(self, source: Any) -> NDArray[np.uint8]:
        """Read a picture.

        Parameters
        ----------
        source : str, os.PathLike, bytes, PIL.Image.Image or ndarray
            In any form that `CLIPFeaturizer` takes.

        Returns
        -------
        ndarray of shape (h, w, 3), dtype uint8
            Resized and cropped.
        """
        side = self._plan.draft_side
        return self._prepare(decode_image(source, self.root, draft_side=side))

    def stack(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Make a batch.

        Parameters
        ----------
        pictures : list of ndarray
            From reading; none gives a blank one, since a graph takes no empty batch.

        Returns
        -------
        ndarray of shape (n, h, w, 3), dtype uint8
            The batch.
        """
        if not pictures:
            return np.zeros((1, *self._plan.size, 3), dtype=np.uint8)
        return np.stack(pictures)


class TextReader:
    """Makes tokens of texts.

    Parameters
    ----------
    tokenizer : dict
        Its description.
    context_length : int
        Tokens that a text is cut to.
    padding : int or None
        Token that may be cut off the ends; None if the graph needs all.
    """

    def __init__(
        self, tokenizer: Mapping[str, Any], context_length: int, padding: int | None
    ):
        self._tokenizer = make_tokenizer(tokenizer)
        self.context_length = context_length
        self._padding = padding

    def split(self, text: str) -> list[str]:
        """Split a text that is too long into pieces that fit.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        list of str
            The pieces; the text itself if it fits.
        """
        return split_text(text, self._fits, self.context_length)

    def _fits(self, text):
        if (
            len(text.encode()) + 2 <= self.context_length
        ):  # a token takes a byte, or more
            return True
        return takes_whole(self._tokenizer, text, self.context_length)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Make a batch.

        Parameters
        ----------
        texts : list of str
            None at all gives an empty text, since a graph takes no empty batch.

        Returns
        -------
        ndarray of shape (n, length), dtype int32
            The tokens.
        """
        tokens = self._tokenizer(list(texts) or [""], self.context_length)
        tokens = np.asarray(tokens, dtype=np.int32)
        if self._padding is None:
            return tokens
        whole = tokens.shape[1]
        used = (
            int((tokens != self._padding).any(axis=0).nonzero()[0].max(initial=0)) + 1
        )
        length = min(-(-used // _TOKEN_STEP) * _TOKEN_STEP, whole)
        return np.ascontiguousarray(tokens[:, :length])


def make_tokenizer(described: Mapping[str, Any]) -> Any:
    """Make a tokenizer from its description in a file.

    Parameters
    ----------
    described : dict
        ``"kind"`` and what goes with it.

    Returns
    -------
    callable
        Texts and a context length to tokens.

    Raises
    ------
    ImportError
        If a package is not installed that it needs.
    """
    for module in ("tokenizers", "ftfy", "regex"):
        import_needed(module)
    if described["kind"] == "tokenizers":
        from sklearn_clip.export._fast_tokens import FastTokenizer

        return FastTokenizer(described)
    from sklearn_clip.embedding.engines._byte_pairs import BytePairTokenizer

    return BytePairTokenizer(described)
