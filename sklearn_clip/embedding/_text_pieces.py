"""Texts that are too long, in pieces that fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Where a tokenizer pads: last, first, or last but one, before a class token.
_PADDING_PLACES = (-1, 0, -2)


def split_text(text: str, fits: Callable[[str], bool], most: int) -> list[str]:
    """Split a text that does not fit into pieces that do.

    Parameters
    ----------
    text : str
        The text.
    fits : callable
        Whether a text fits.
    most : int
        Words that a piece may have, at the most.

    Returns
    -------
    list of str
        The text itself if it fits, else runs of whole words. A single word that does
        not fit stays alone.
    """
    if fits(text):
        return [text]
    pieces, words = [], text.split()
    while words:
        # The first word is taken whether it fits or not.
        low, high = 1, min(len(words), most)
        while low < high:
            middle = (low + high + 1) // 2
            if fits(" ".join(words[:middle])):
                low = middle
            else:
                high = middle - 1
        pieces.append(" ".join(words[:low]))
        words = words[low:]
    return pieces


def takes_whole(tokenizer: Callable[..., Any], text: str, length: int) -> bool:
    """Tell whether a tokenizer takes a whole text.

    No tokenizer of open_clip says so, but one that has cut a text gives other tokens,
    or a token in the place of the padding, when there is room for one more.

    Parameters
    ----------
    tokenizer : callable
        Texts and ``context_length`` to tokens of shape (n, context_length).
    text : str
        The text.
    length : int
        How many tokens a text gets, special ones among them.

    Returns
    -------
    bool
        False if it is cut.
    """
    tokens = np.asarray(tokenizer([text, "a"], context_length=length))
    longer = np.asarray(tokenizer([text, "a"], context_length=length + 1))
    # Behind the text as a rule, before it, or before a class token at the end: it
    # shows on the text that is too short to be cut.
    for place in _PADDING_PLACES:
        without = np.delete(longer, place, axis=1)
        if (without[1] == tokens[1]).all():
            padding = longer[1, place]
            return bool((without[0] == tokens[0]).all() and longer[0, place] == padding)
    return True
