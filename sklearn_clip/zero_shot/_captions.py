"""A bank of captions: what it says of labels, and of pictures near its texts."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np

from sklearn_clip._shared import clean_name, row_blocks
from sklearn_clip.embedding import split_rows, unit_rows
from sklearn_clip.zero_shot._checks import unfrozen

# Chosen on the training rows of the clip art (benchmarks/study_adaptation.py): how far
# vectors move; the captions in the bank, or rows to take the mean of, and those that
# contain a label, with which it is half as far; and the factor of the centred cosines
# as a share of the model's own, which are nearer to each other.
_WAY = 0.35
_HALF_WAY_BANK = 100.0
_HALF_WAY_CAPTIONS = 10.0
_SCALE_SHARE = 0.5
# Texts that are embedded at once, and captions that are compared with rows at once.
_TEXTS, _CAPTIONS = 8192, 4096
# Words: letters and digits, with the marks that make other names of them (C++, C#).
_WORD = re.compile(r"[^\W_]+[+#]*")
# What may be a mark on a letter, which is slower to look for.
_NO_LETTER = re.compile(r"[^\w\s\x00-\x7f]")
# Signs of scripts without blanks between words: Thai and its neighbours, Khmer, kana,
# Chinese.
_UNPARTED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_SIBILANTS = ("s", "x", "z", "ch", "sh")


@dataclass(frozen=True, eq=False)
class CaptionBank:
    """Vectors of captions, between which vectors of rows are moved.

    Parameters
    ----------
    vectors : ndarray of shape (n_captions, d), dtype float16
        Unit rows, one for every distinct caption. Their texts are not kept.
    mean : ndarray of shape (d,), dtype float32
        Mean of the captions.
    row_mean : ndarray of shape (d,), dtype float32
        Mean of the rows at `fit`: pictures lie elsewhere than texts, as a whole.
    scale : float
        Factor of the cosines in the softmax.
    way : float
        How far vectors move, in [0, 1].
    """

    vectors: np.ndarray
    mean: np.ndarray
    row_mean: np.ndarray
    scale: float
    way: float

    def move(self, features):
        """Move rows towards the captions that are nearest to them.

        Parameters
        ----------
        features : ndarray of shape (n, n_parts * d), dtype float32
            Unit vectors, of which zeros and NaN stay as they are.

        Returns
        -------
        ndarray of shape (n, n_parts * d), dtype float32
            Unit vectors.
        """
        moved = np.array(features, dtype=np.float32)
        vectors = moved.reshape(-1, len(self.mean))
        there = np.flatnonzero(vectors.any(axis=1) & ~np.isnan(vectors).any(axis=1))
        for some in row_blocks(len(there), max(_CAPTIONS, 2 * len(self.mean))):
            rows = there[some]
            near = unit_rows(self._mean_of_nearest(vectors[rows]))
            vectors[rows] = unit_rows((1 - self.way) * vectors[rows] + self.way * near)
        return moved

    def _mean_of_nearest(self, vectors):
        """Softmax-weighted mean of the captions, laid where the rows are."""
        asked = self.scale * unit_rows(vectors - self.row_mean)
        top = np.full((len(vectors), 1), -np.inf, dtype=np.float32)
        mass = np.zeros((len(vectors), 1), dtype=np.float32)
        total = np.zeros_like(vectors)
        # A softmax over blocks: sums so far are taken down to the highest logit so far.
        for start in range(0, len(self.vectors), _CAPTIONS):
            captions = self.vectors[start : start + _CAPTIONS].astype(np.float32)
            logits = asked @ unit_rows(captions - self.mean).T
            highest = np.maximum(top, logits.max(axis=1, keepdims=True))
            before = np.exp(top - highest)
            logits -= highest
            weights = np.exp(logits, out=logits)
            mass = before * mass + weights.sum(axis=1, keepdims=True)
            total = before * total + weights @ captions
            top = highest
        return total / mass - self.mean + self.row_mean


def read_captions(captions, X, featurizer):
    """Read the captions that are given, or the texts beside the rows.

    Parameters
    ----------
    captions : array-like of str, DataFrame or None
        The parameter; missing ones are left out.
    X : DataFrame, list or ndarray
        Rows, whose own texts are the captions where none are given.
    featurizer : CLIPFeaturizer or FrozenEstimator
        Names the columns of the rows.

    Returns
    -------
    list of str
        The distinct captions.

    Raises
    ------
    ValueError
        If there is none.
    TypeError
        If one is no str.
    """
    if captions is None:
        texts = own_texts(
            X, unfrozen(featurizer), "adapt='captions'", "captions, a list of texts"
        )
    else:
        cells = split_rows(captions, image=None, text="text", modalities=("text",))
        texts = cells.text
    found = list(dict.fromkeys(text for cell in texts for text in cell))
    if not found:
        raise ValueError(
            "adapt='captions' needs at least one text. Got none: give texts in "
            "captions, or rows with texts."
        )
    return found


def own_texts(X, clip, wanted_by, way_out):
    """Read the texts of rows, of which the featurizer may take the images alone.

    Parameters
    ----------
    X : DataFrame, list or ndarray
        The rows.
    clip : CLIPFeaturizer
        Names the columns; without a name for texts it is ``"text"``.
    wanted_by, way_out : str
        What needs the texts, and what may be given instead.

    Returns
    -------
    list of list of str
        One text for each row, or none.

    Raises
    ------
    ValueError
        If rows have no texts.
    """
    name = "text" if clip.text is None else clip.text
    try:
        return split_rows(X, image=clip.image, text=name, modalities=("text",)).text
    except (TypeError, ValueError) as exc:
        if clip.text is not None:
            raise
        raise ValueError(
            f"{wanted_by} needs texts: rows with a column or key 'text', or {way_out}. "
            "Got rows of images alone."
        ) from exc


def embed_captions(featurizer, texts, rows, scale):
    """Embed captions as a bank.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        What has `encode_texts`.
    texts : list of str
        Distinct captions.
    rows : ndarray of shape (n, d)
        Unit rows that lie where those to come will.
    scale : float
        The model's factor of cosines.

    Returns
    -------
    CaptionBank
        The bank.
    """
    vectors = np.empty((len(texts), rows.shape[1]), dtype=np.float16)
    for start in range(0, len(texts), _TEXTS):
        block = texts[start : start + _TEXTS]
        vectors[start : start + len(block)] = featurizer.encode_texts(block)
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    row_mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    fewest = min(len(texts), len(rows))
    way = _WAY * fewest / (fewest + _HALF_WAY_BANK)
    return CaptionBank(vectors, mean, row_mean, _SCALE_SHARE * scale, way)


def move_labels(labels, descriptions, texts, bank):
    """Move labels towards the mean of the captions that contain them.

    Parameters
    ----------
    labels : ndarray of shape (n_labels, d), dtype float32
        Unit rows.
    descriptions : list of list of str
        What each label is called in words.
    texts : list of str
        The captions of the bank, in its order.
    bank : CaptionBank
        Their vectors.

    Returns
    -------
    ndarray of shape (n_labels, d), dtype float32
        Unit rows; a label that no caption contains stays where it is.
    """
    found = find_names(descriptions, texts)
    moved = labels.copy()
    # Captions are no prompts: their means are brought together first.
    between = labels.mean(axis=0) - bank.mean
    for label, rows in enumerate(found):
        if not rows:
            continue
        mean = bank.vectors[rows].mean(axis=0, dtype=np.float32) + between
        way = bank.way * len(rows) / (len(rows) + _HALF_WAY_CAPTIONS)
        moved[label] = (1 - way) * labels[label] + way * unit_rows(mean)
    return unit_rows(moved).astype(np.float32)


def find_names(descriptions, texts):
    """Find the texts that contain a name as whole words.

    Parameters
    ----------
    descriptions : list of list of str
        Names of each label, of one or several words.
    texts : list of str
        Where to look.

    Returns
    -------
    list of list of int
        Positions of the texts that contain a name of the label: its words next to each
        other, whatever their case, the last one in the singular or plural in s or es.
        Where a script has no blanks between words, anywhere among its signs.
    """
    owners = {}
    for label, names in enumerate(descriptions):
        for name in names:
            *first, last = _part_runs(read_words(name)) or [""]
            for form in number_forms(last) if last else ():
                owners.setdefault((*first, form), set()).add(label)
    lengths = sorted({len(name) for name in owners})
    found = [[] for _ in descriptions]
    for position, text in enumerate(texts):
        words = _part_runs(read_words(text))
        labels = set()
        for length in lengths:
            for start in range(len(words) - length + 1):
                labels |= owners.get(tuple(words[start : start + length]), set())
        for label in labels:
            found[label].append(position)
    return found


def read_words(text):
    """Part a text into words, in one case and width.

    Parameters
    ----------
    text : str
        A name or a caption.

    Returns
    -------
    list of str
        Its words.
    """
    plain = unicodedata.normalize("NFKC", clean_name(text)).casefold()
    if _NO_LETTER.search(plain) is None:
        return _WORD.findall(plain)
    return _patterns()[0].findall(plain.replace("_", " "))


def _part_runs(words):
    """Make a word of each sign where a script has no blanks between words."""
    if all(word.isascii() for word in words):
        return words
    return [part for word in words for part in _patterns()[1].findall(word)]


@cache
def _patterns():
    """Patterns of words in any script, and of the parts of a run of signs."""
    # Vowels of Hindi and Tamil, points of Arabic and Hebrew: no letters to Python, but
    # parts of the word. All of them lie here.
    blocks = *range(0x300, 0x20000), *range(0xE0100, 0xE01F0)
    marks = "".join(chr(c) for c in blocks if unicodedata.category(chr(c))[0] == "M")
    part = rf"\w[\w{marks}]*"
    word = rf"{part}(?:[\u200c\u200d]+{part})*[+#]*"  # joiners stand within words
    runs = f"[{_UNPARTED}][{marks}]*|[^{_UNPARTED}]+"
    return re.compile(word), re.compile(runs)


def number_forms(word):
    """Form the singular and the plural of an English word, by simple rules.

    Parameters
    ----------
    word : str
        The word, from `read_words`.

    Returns
    -------
    set of str
        The word, and what it may be written as.
    """
    forms = {word, word + "s"}
    if word.endswith(_SIBILANTS):
        forms.add(word + "es")
    if word.endswith("y"):
        forms.add(word[:-1] + "ies")
    # "flowers" is found in "a flower", but "bus", "glass" and "news" have no singular.
    if len(word) > 4 and word.endswith("s") and word[-2] not in "aeious":
        forms.add(word[:-1])
    return forms
