"""The tokens of open_clip without open_clip, whose import brings torch."""

import html
import math
import string
from collections.abc import Sequence

import ftfy
import numpy as np
import regex

from sklearn_clip._shared import import_optional

_END_OF_WORD = "</w>"
_PUNCTUATION = str.maketrans("", "", string.punctuation)
# Texts by which tokenizers are told apart, and on which a description has to prove
# itself: they come upon every step from text to tokens (repair, entities, white space,
# case, words, bytes, merges, special tokens).
VARIED_TEXTS = (
    "",
    " \t\r\n",
    "a photo of a cat",
    "A Photo of THE EIFFEL TOWER, 1889; f/2.8 @ 50mm (no. 3) -- #sunset!!",
    "I'm, you're, it's, we've, they'll, he'd, don't, DON'T, 'S 'tis rock'n'roll",
    "crème brûlée, Ångström, e\u0301cole, ÇA VA, ﬁne ﬂags, ½ ² Ⅷ ١٢٣ x1y22z333",
    "straße STRASSE ẞ, İstanbul ıI, ΟΔΥΣΣΕΥΣ Σ, '\u017f \u212a \u01c5",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇫🇷 ❤️ :-) ¯\\_(ツ)_/¯",
    "猫の写真, 一只红色的自行车。 고양이 사진 กรุงเทพ हिन्दी עברית العربية ＡＢＣ１２",
    "&lt;b&gt;R&amp;amp;B&lt;/b&gt; &eacute;&nbsp;&#8217;&#x1F408; &amp;lt; &none; &",
    "caf\u00c3\u00a9 na\u00c3\u00afve l\u00e2\u20ac\u2122eau \u00f0\u0178\u02dc\u0160",
    "a\x00b\x07c\x1b[0md\x7fe\x85f\u00a0g\u200bh\u2028i\ufeffj\u00adk\ufffd",
    "\ud83d\ude00 \ud800 lone \udc00, \U000e0041 \U0010ffff \ue000 \u0378",
    "<start_of_text> a <END_OF_TEXT>b<end_of_text><|endoftext|> !<start_of_text>",
    "snake_case __init__ {a: [b]} C:\\x\\y https://example.org/?q=1&r=%20#z",
    "supercalifragilisticexpialidocious hottentottententententoonstelling " * 3,
    "z" * 90 + " " + "ha" * 60 + " " + "!?" * 70,
    "two red bicycles and a small dog in front of a house by the sea, " * 12,
)


def describe_tokenizer(tokenizer):
    """Say as plain data what it takes to make the tokens of a tokenizer of open_clip.

    Parameters
    ----------
    tokenizer : callable
        Any tokenizer, as `open_clip.get_tokenizer` returns it.

    Returns
    -------
    dict or None
        What `BytePairTokenizer` is made of; JSON keeps it. None for a tokenizer that
        is not open_clip's own, that draws which tokens to keep (``reduction_mask``),
        or whose tokens come out otherwise on any trial text.

    Raises
    ------
    ImportError
        If `tokenizers` is not installed.
    """
    # Whoever has such a tokenizer has imported open_clip: this costs nothing here.
    from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

    if type(tokenizer) is not SimpleTokenizer or tokenizer.reduction_fn is not None:
        return None
    cleanings = {get_clean_fn(kind): kind for kind in CLEANINGS}
    ranks = tokenizer.bpe_ranks
    merges = sorted(ranks, key=ranks.get)
    data = {
        "context_length": tokenizer.context_length,
        "cleaning": cleanings.get(tokenizer.clean_fn),
        "pattern": tokenizer.pat.pattern,
        "flags": tokenizer.pat.flags,
        "bytes": list(tokenizer.byte_encoder),
        "letters": "".join(tokenizer.byte_encoder.values()),
        # One string: of tens of thousands JSON would take longer to read.
        "merges": " ".join(" ".join(pair) for pair in merges),
        "special": [tokenizer.decoder[i] for i in tokenizer.all_special_ids],
    }
    is_covered = (
        data["context_length"]
        and data["cleaning"]
        and not tokenizer.pat.groups
        and _are_in_order(merges, data["letters"])
        and _give_ids(data, merges) == tokenizer.encoder
    )
    return data if is_covered and _is_exact(data, tokenizer) else None


class BytePairTokenizer:
    """Make the tokens of a tokenizer of open_clip from its description.

    They are those of open_clip for every text. What is cleaned, and where a word ends,
    is decided by what open_clip has for it (`ftfy`, `html`, `regex`, `str.lower`): that
    depends on versions of Unicode, which other libraries have others of. The merges
    within a word, most of the work, are those of `tokenizers`.

    Several threads may use one at the same time, and so may forked processes.

    Parameters
    ----------
    data : dict
        From `describe_tokenizer`.

    Attributes
    ----------
    context_length : int
        How many tokens a text gets, unless it is said otherwise.

    Raises
    ------
    ImportError
        If `tokenizers` is not installed.
    """

    def __init__(self, data):
        models = import_optional(
            "tokenizers.models",
            extra="openvino",
            purpose="Embedding texts by another engine than torch",
        )
        merges = _Pairs(data["merges"])
        ids = _give_ids(data, merges)
        self.context_length = data["context_length"]
        self._clean = CLEANINGS[data["cleaning"]]
        self._pattern = regex.compile(data["pattern"], data["flags"])
        self._letters = dict(zip(data["bytes"], data["letters"], strict=True))
        self._special = {token: ids[token] for token in data["special"]}
        self._start, self._end = (ids[token] for token in data["special"][:2])
        self._merges = models.BPE(ids, merges, end_of_word_suffix=_END_OF_WORD)

    def __call__(self, texts, context_length=None):
        """Make the tokens of texts.

        Parameters
        ----------
        texts : str or list of str
            One that is too long is cut and keeps its end token.
        context_length : int or None, default=None
            How many tokens a text gets. None means the attribute.

        Returns
        -------
        ndarray of shape (n, context_length), dtype int64
            Start token, tokens, end token, and 0 behind it.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        length = context_length or self.context_length
        tokens = np.zeros((len(texts), length), dtype=np.int64)
        for row, text in zip(tokens, texts, strict=True):
            ids = [self._start, *self._encode(text), self._end][:length]
            ids[-1] = self._end
            row[: len(ids)] = ids
        return tokens

    def _encode(self, text):
        ids = []
        for word in self._pattern.findall(self._clean(text)):
            # Latin-1 makes a character of each byte, and the table its letter.
            letters = word.encode().decode("latin-1").translate(self._letters)
            if letters in self._special:
                ids.append(self._special[letters])
            else:
                # One word at a time, from here: the calls for many start threads, of
                # which a forked process would warn.
                ids += [token.id for token in self._merges.tokenize(letters)]
        return ids


def _repair(text):
    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _clean_whitespace(text):
    return " ".join(_repair(text).split())


def _clean_lower(text):
    return _clean_whitespace(text).lower()


def _canonicalize(text):
    words = _repair(text).replace("_", " ").translate(_PUNCTUATION).lower()
    return " ".join(words.split())


# By open_clip's names for them.
CLEANINGS = {
    "lower": _clean_lower,
    "whitespace": _clean_whitespace,
    "canonicalize": _canonicalize,
}


class _Pairs(Sequence):
    """The pairs of words of a text, each made as it is asked for.

    A list of tens of thousands of tuples makes Python look through all objects of the
    process for garbage, which takes as long as all else that a tokenizer is made with.
    """

    def __init__(self, text):
        self._words = text.split()

    def __len__(self):
        return len(self._words) // 2

    def __getitem__(self, i):
        return self._words[2 * i], self._words[2 * i + 1]

    def __iter__(self):
        return zip(self._words[::2], self._words[1::2], strict=True)


def _give_ids(data, merges):
    """Give every token its id: letters, letters at the end, merges, special tokens."""
    tokens = [*data["letters"], *(letter + _END_OF_WORD for letter in data["letters"])]
    tokens += ["".join(pair) for pair in merges]
    tokens += data["special"]
    return {token: i for i, token in enumerate(tokens)}


def _are_in_order(merges, letters):
    """Whether every merge joins two parts that only earlier merges make.

    open_clip merges the best pair wherever it stands in a word before it looks for the
    next best; the library merges one place at a time, the best, of equals the leftmost.
    A merge makes pairs only with the token that it makes. If all of these come later,
    no better pair turns up before the last place is merged: both do the same.
    """
    made = dict.fromkeys([*letters, *(letter + _END_OF_WORD for letter in letters)], -1)
    made |= {"".join(pair): rank for rank, pair in enumerate(merges)}
    return all(
        len(pair) == 2 and all(made.get(part, math.inf) < rank for part in pair)
        for rank, pair in enumerate(merges)
    )


def _is_exact(data, tokenizer):
    """Whether the trial texts get the tokens of the tokenizer itself, cut or whole."""
    twin, texts = BytePairTokenizer(data), list(VARIED_TEXTS)
    return all(
        np.array_equal(twin(texts, length), tokenizer(texts, length).numpy())
        for length in (data["context_length"], 8, 1000)
    )
