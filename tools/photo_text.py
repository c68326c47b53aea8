"""The text tower of photo-tiny, in closed form: a weighted mean of token vectors.

One attention layer is all it takes. The end token asks the same of every token before
it; what a token answers is the logarithm of its weight, so that attention is the
weighted mean of what the tokens carry, and frequent words (the, of, photo) hardly
count: the smooth inverse frequency of Arora, Liang and Ma, "A simple but tough-to-beat
baseline for sentence embeddings", ICLR 2017. Layer normalisation would take mean and
length from a token; two spare numbers keep both alike in all of them.
"""

import numpy as np
import torch

CONTEXT = 77
VOCABULARY = 49408
START, END = 49406, 49407
# Spare numbers behind a token's vector: its weight, one that is zero, one that gives
# the whole the variance 1.
_SPARE = 3
# The logarithm of a weight is stored divided by this, to stay as small as the vectors.
_WEIGHT_SCALE = 4.0
# A token's numbers are rounded to this many steps either way.
_TOKEN_STEPS = 31
# exp(-12): start and end token count for nothing beside any word.
_NO_WEIGHT = -12.0


def text_config(n_numbers):
    """Return open_clip's ``text_cfg`` for token vectors of `n_numbers`."""
    return {
        "context_length": CONTEXT,
        "vocab_size": VOCABULARY,
        "width": n_numbers + _SPARE,
        "heads": 1,
        "layers": 1,
        # The layer's network behind attention is not used; this is its least size.
        "mlp_ratio": 1 / (n_numbers + _SPARE),
    }


def round_rows(table, largest=127):
    """Round each row to whole steps, each a power of two.

    Such numbers need few of a half's digits, so that a zip archive packs them well.

    Parameters
    ----------
    table : ndarray of shape (n_rows, width)
        Numbers of any size.
    largest : int, default=127
        How many steps the row's largest number may have.

    Returns
    -------
    ndarray of shape (n_rows, width)
        The nearest multiples of the row's step.
    """
    peak = np.maximum(np.abs(table).max(axis=1, keepdims=True), 2.0**-14)
    step = 2 ** np.ceil(np.log2(peak / largest))
    return np.round(table / step) * step


def token_table(vectors, weights):
    """Return token embeddings that layer normalisation leaves as they are.

    Parameters
    ----------
    vectors : ndarray of shape (VOCABULARY, n_numbers)
        What each token carries; zero where nothing is known of it.
    weights : ndarray of shape (VOCABULARY,)
        How much each token counts in a text, positive.

    Returns
    -------
    ndarray of shape (VOCABULARY, n_numbers + 3)
        float32.
    """
    n_numbers = vectors.shape[1]
    width = n_numbers + _SPARE
    table = np.zeros((len(vectors), width), dtype=np.float64)
    # The longest vector takes half of the variance that there is.
    longest = np.linalg.norm(vectors, axis=1).max()
    scaled = vectors * np.sqrt(width / 2) / longest
    table[:, :n_numbers] = round_rows(scaled, largest=_TOKEN_STEPS)
    table[[START, END]] = 0
    logs = np.log(weights)
    logs[[START, END]] = _NO_WEIGHT
    table[:, n_numbers] = logs / _WEIGHT_SCALE
    # Solve variance(row) = 1 for the last number f, with s and q the sum and the sum of
    # squares of the others: (q + f^2) / width - ((s + f) / width)^2 = 1.
    s, q = table.sum(1), (table**2).sum(1)
    a, b = 1 / width - 1 / width**2, -2 * s / width**2
    c = q / width - s**2 / width**2 - 1
    table[:, -1] = (-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a)
    return table.astype(np.float32)


def text_weights(table, projection):
    """Return the weights of the tower by open_clip's names.

    Parameters
    ----------
    table : ndarray of shape (VOCABULARY, width)
        From :func:`token_table`.
    projection : ndarray of shape (width - 3, embed_dim)
        From a token vector to the embedding.

    Returns
    -------
    dict of str to Tensor
        float32.
    """
    width = table.shape[1]
    n_numbers = width - _SPARE
    zero = n_numbers + 1
    # Layer normalisation subtracts the mean, and the number that was zero then holds
    # its negative: number - zero is the number as it was.
    carried = torch.eye(width)
    carried[:, zero] -= 1
    carried[n_numbers:] = 0
    query, key = torch.zeros(width, width), torch.zeros(width, width)
    key[0, n_numbers], key[0, zero] = _WEIGHT_SCALE, -_WEIGHT_SCALE
    bias = torch.zeros(3 * width)
    bias[0] = width**0.5  # attention divides by it
    out = torch.from_numpy(np.zeros((width, projection.shape[1]), dtype=np.float32))
    out[:n_numbers] = torch.from_numpy(projection.astype(np.float32))
    out[zero] = -out[:n_numbers].sum(0)
    layer = "transformer.resblocks.0."
    weights = {
        "token_embedding.weight": torch.from_numpy(table),
        "positional_embedding": torch.zeros(CONTEXT, width),
        "text_projection": out,
        layer + "attn.in_proj_weight": torch.cat([query, key, carried]),
        layer + "attn.in_proj_bias": bias,
        layer + "attn.out_proj.weight": torch.eye(width),
        layer + "attn.out_proj.bias": torch.zeros(width),
        layer + "mlp.c_fc.weight": torch.zeros(1, width),
        layer + "mlp.c_fc.bias": torch.zeros(1),
        layer + "mlp.c_proj.weight": torch.zeros(width, 1),
        layer + "mlp.c_proj.bias": torch.zeros(width),
    }
    for name in (layer + "ln_1", layer + "ln_2", "ln_final"):
        weights[name + ".weight"] = torch.ones(width)
        weights[name + ".bias"] = torch.zeros(width)
    return weights
