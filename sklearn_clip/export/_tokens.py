"""How texts become the tokens of a model, in plain values that a file keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_clip.embedding.engines._byte_pairs import CLEANINGS, describe_tokenizer
from sklearn_clip.embedding.engines._trial_items import varied_texts
from sklearn_clip.export._fast_tokens import FastTokenizer

if TYPE_CHECKING:
    from sklearn_clip.embedding.backbone._backbone import Backbone

_N_TEXTS = 32


def describe_tokens(backbone: Backbone) -> dict[str, Any]:
    """Describe a tokenizer.

    Parameters
    ----------
    backbone : Backbone
        Whose texts they are.

    Returns
    -------
    dict
        ``"kind"`` is ``"byte_pairs"``, beside what a `BytePairTokenizer` is made of, or
        ``"tokenizers"``, beside what a `FastTokenizer` is made of.

    Raises
    ------
    ValueError
        If its tokens come out otherwise by the description.
    """
    tokenizer = getattr(backbone.tokenizer, "plain", backbone.tokenizer)
    found = describe_tokenizer(tokenizer)
    if found is not None:
        return {"kind": "byte_pairs", **found}
    found = _describe_fast(tokenizer, backbone.context_length)
    texts = [*varied_texts(_N_TEXTS), "", "  A  &amp; b\n"]
    expected = np.asarray(backbone.tokenizer(texts))
    if found is None or not np.array_equal(_tokenize(found, texts), expected):
        raise ValueError(
            "The tokenizer of the model cannot be written into a file: its tokens are "
            "not those of a fast tokenizer of Hugging Face or of open_clip. Choose "
            "another model, or a fusion that needs no texts."
        )
    return found


def _describe_fast(tokenizer, context_length):
    """Describe a tokenizer of Hugging Face; None if it is another one."""
    from open_clip.tokenizer import HFTokenizer, get_clean_fn

    if type(tokenizer) is not HFTokenizer or tokenizer.tokenizer_mode:
        return None
    inner = tokenizer.tokenizer
    if not getattr(inner, "is_fast", False):
        return None
    tokenizer("a")  # which sets how it cuts and pads
    cleanings = {get_clean_fn(kind): kind for kind in CLEANINGS}
    return {
        "kind": "tokenizers",
        "json": inner.backend_tokenizer.to_str(),
        "cleaning": cleanings.get(tokenizer.clean_fn),
        "zeroed": inner.sep_token_id if tokenizer.strip_sep_token else None,
        "context_length": context_length,
    }


def _tokenize(data, texts):
    """Make tokens by a description; None if they cannot be made."""
    try:
        return FastTokenizer(data)(texts)
    except Exception:  # the library raises its own, plain ones
        return None
