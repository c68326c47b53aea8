"""The tokens of Hugging Face's fast tokenizers, from a description, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import import_optional
from sklearn_clip.embedding.engines._byte_pairs import CLEANINGS


class FastTokenizer:
    """Make the tokens of a fast tokenizer of Hugging Face, as open_clip asks for them.

    Parameters
    ----------
    data : dict
        ``"json"``, the content of a `tokenizer.json` that says how it cuts and pads;
        ``"cleaning"``, open_clip's name of what is done to a text before; ``"zeroed"``,
        a token that becomes 0 afterwards, or None; ``"context_length"``.

    Attributes
    ----------
    context_length : int
        How many tokens a text gets, unless it is said otherwise.

    Raises
    ------
    ImportError
        If `tokenizers` is not installed.
    """

    def __init__(self, data: Mapping[str, Any]):
        tokenizers: Any = import_optional(
            "tokenizers", extra="onnx", purpose="Reading texts for an exported tagger"
        )
        self._load = tokenizers.Tokenizer.from_str
        self._json = data["json"]
        self._clean = CLEANINGS[data["cleaning"]]
        self._zeroed = data["zeroed"]
        self.context_length = data["context_length"]
        self._by_length: dict[int, Any] = {}

    def __call__(
        self, texts: str | Sequence[str], context_length: int | None = None
    ) -> NDArray[np.int64]:
        """Make the tokens of texts.

        Parameters
        ----------
        texts : str or list of str
            One that is too long is cut.
        context_length : int or None, default=None
            How many tokens a text gets. None means the attribute.

        Returns
        -------
        ndarray of shape (n, context_length), dtype int64
            The tokens.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        length = context_length or self.context_length
        found = self._of_length(length)
        # One text at a time: the calls for many start threads, of which a forked
        # process would warn.
        rows = [found.encode(self._clean(text)).ids for text in texts]
        tokens = np.array(rows, dtype=np.int64).reshape(len(texts), length)
        if self._zeroed is not None:
            tokens[tokens == self._zeroed] = 0
        return tokens

    def _of_length(self, length):
        """Return a tokenizer of its own for each length: threads change none."""
        if length not in self._by_length:
            found = self._load(self._json)
            found.enable_truncation(**found.truncation | {"max_length": length})
            found.enable_padding(**found.padding | {"length": length})
            self._by_length[length] = found
        return self._by_length[length]
