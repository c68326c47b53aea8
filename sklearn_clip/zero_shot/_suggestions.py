"""Which words describe rows, for people who do not know their labels yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, ndtr
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_clip._featurizer import CLIPFeaturizer
from sklearn_clip._shared import clean_name, import_optional
from sklearn_clip.embedding import check_text, unit_rows
from sklearn_clip.zero_shot._captions import number_forms, own_texts, read_words
from sklearn_clip.zero_shot._checks import shows_nothing
from sklearn_clip.zero_shot._classifier import ZeroShotClassifier

# Cosine of two words, less what all candidates share, from which they say the same.
_SAME = 0.8
_FEWEST_TEXTS = 2
_SHORTEST_WORD = 3
# Words that stand between others and name nothing themselves.
_FUNCTION_WORDS = """
about above after all also among and another any are around because been before
behind being below beside between both but can could does doing down during each
every few for from had has have having her here hers him his how into its itself
just like many may more most much must near next nor not now off once one only onto
other our out over own per same she should since some such than that the their
theirs them then there these they this those through too toward towards two under
until upon very via was were what when where which while who whom whose why will
with within without would yet you your
"""
_FUNCTION_SET = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True)
class LabelSuggestion:
    """One word of :func:`suggest_labels`, and what speaks for it.

    All parameters are stored as attributes.

    Parameters
    ----------
    name : str
        The word or phrase.
    rows : float
        Number of rows that it is expected to describe: the sum of its probabilities.
    sure : int
        Number of rows that it describes with a probability of at least 1/2.
    margin : float
        Mean log-odds in its example rows, above 0 where it fits better than all general
        words together.
    examples : tuple of int
        Positions of the rows that it describes best, best first.
    texts : int or None
        Number of texts that contain it, where the words are of the rows' own texts.
    """

    name: str
    rows: float
    sure: int
    margin: float
    examples: tuple
    texts: int | None = None


class LabelSuggestions(tuple):
    """What :func:`suggest_labels` returns: a tuple that shows itself as a table.

    Parameters
    ----------
    iterable : iterable of LabelSuggestion, default=()
        The suggestions, best first.
    """

    __slots__ = ()

    @property
    def names(self):
        """The words, best first: a list that :class:`ZeroShotClassifier` takes."""
        return [found.name for found in self]

    def to_frame(self):
        """Make a pandas DataFrame.

        Returns
        -------
        DataFrame of shape (n_suggestions, 6)
            One row per suggestion, with the attributes of `LabelSuggestion`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", extra="pandas", purpose="to_frame")
        columns = list(LabelSuggestion.__dataclass_fields__)
        rows = [[getattr(found, column) for column in columns] for found in self]
        return pandas.DataFrame(rows, columns=columns)

    def __repr__(self):
        """Show one line per word."""
        width = max([len(found.name) for found in self] + [4])
        lines = [
            f"{'name':<{width}}  {'rows':>8}  {'sure':>6}  {'margin':>6}  examples"
        ]
        lines += [
            f"{found.name:<{width}}  {found.rows:8.1f}  {found.sure:6}  "
            f"{found.margin:6.2f}  {', '.join(map(str, found.examples))}"
            for found in self
        ]
        return "\n".join(lines)


def suggest_labels(
    featurizer: Any,
    X: Any,
    vocabulary: Any = None,
    *,
    n_labels: int = 30,
    templates: Any = "default",
    n_examples: int = 3,
    redundancy: float = _SAME,
) -> LabelSuggestions:
    """Suggest labels: the words of a vocabulary that describe the most rows.

    Parameters
    ----------
    featurizer : CLIPFeaturizer, FrozenEstimator of one, or None
        What embeds rows and words, as for :class:`ZeroShotClassifier`. None is
        ``CLIPFeaturizer(text=None)``.
    X : DataFrame, list or ndarray of n rows
        Rows as the featurizer takes them; no labels are needed.
    vocabulary : list of str, dict of str to str or list of str, or None, default=None
        Words to choose from, or words with the descriptions that stand for them. None
        takes the words of the rows' own texts, and pairs of words next to each other,
        that at least 2 texts contain; English function words are left out. The texts
        may be a column that the featurizer does not read.
    n_labels : int, default=30
        Suggestions at most.
    templates : str or list of str, default="default"
        As of :class:`ZeroShotClassifier`.
    n_examples : int, default=3
        Rows named as examples of each.
    redundancy : float, default=0.8
        A word is left out where its cosine with one before it, both less the mean of
        all words, is at least this: it says the same. At 1 or more only other spellings
        and plurals of a word before it are left out.

    Returns
    -------
    LabelSuggestions
        A tuple of `LabelSuggestion`, best first, the singular where its plural is;
        `names` is the list of words, `to_frame` a DataFrame of all.

    Raises
    ------
    ValueError
        If there is no word, or no row that shows anything, or a number is out of range.
    TypeError
        If a word is no str.

    See Also
    --------
    ZeroShotClassifier : Takes the words that you choose.

    Notes
    -----
    A word is worth the number of rows that it is expected to describe, the sum of its
    probabilities under ``scoring="contrast"``. Of words from the rows' own texts that
    is multiplied by how far rows whose text contains the word score above the others,
    from 0 (no better) to 1, so that words of which pictures show nothing come last.
    Rows are scored in blocks. A general word may stand above the labels that you want:
    choose, do not take all.

    Examples
    --------
    >>> from sklearn_clip import CLIPFeaturizer, suggest_labels
    >>> from sklearn_clip.datasets import load_clipart
    >>> pictures = load_clipart(split="test", as_frame=True).data[:60]
    >>> clip = CLIPFeaturizer("clipart-tiny", text=None)
    >>> words = ["bird", "birds", "flag", "flower", "harp", "teapot"]
    >>> suggest_labels(clip, pictures, words, n_labels=2).names
    ['bird', 'flag']
    """
    _check_numbers(n_labels, n_examples, redundancy)
    clip = CLIPFeaturizer(text=None) if featurizer is None else featurizer
    mentions = None
    if vocabulary is None:
        mentions = _words_of_texts(X, clip)
        vocabulary = list(mentions)
    vocabulary = _read_vocabulary(vocabulary)
    clip = clip if isinstance(clip, FrozenEstimator) else clone(clip)
    model = ZeroShotClassifier(vocabulary, clip, templates=templates).fit()
    features = model._features(X)
    seen = np.flatnonzero(~shows_nothing(features))
    if not len(seen):
        raise ValueError(
            "X must hold a row that shows something. Got none: the items of all "
            f"{len(features)} rows are missing or could not be read."
        )
    found = _describe(model._scorer(), features, seen, n_examples)
    worth = found.rows
    if mentions is not None:
        worth = worth * _grounding(model._scorer(), features, seen, mentions)
    chosen = _part(
        np.argsort(-worth, kind="stable"),
        model.label_names_,
        model.label_embeddings_,
        n_labels,
        redundancy,
    )
    texts = None if mentions is None else list(map(len, mentions.values()))
    return LabelSuggestions(
        LabelSuggestion(
            name=str(model.label_names_[word]),
            rows=float(found.rows[word]),
            sure=int(found.sure[word]),
            margin=float(found.margins[:, word].mean()) if n_examples else np.nan,
            examples=tuple(map(int, found.best[:, word])),
            texts=None if texts is None else texts[word],
        )
        for word in chosen
    )


def _check_numbers(n_labels, n_examples, redundancy):
    whole = isinstance(n_labels, Integral) and isinstance(n_examples, Integral)
    if not whole or n_labels < 1 or n_examples < 0:
        raise ValueError(
            "n_labels must be a whole number from 1 on, n_examples one from 0 on. Got "
            f"n_labels={n_labels!r}, n_examples={n_examples!r}."
        )
    if not (isinstance(redundancy, Real) and redundancy > 0):
        raise ValueError(
            "redundancy must be a cosine above 0, or 1 to keep words of one meaning. "
            f"Got {redundancy!r}."
        )


def _read_vocabulary(vocabulary):
    """Check the words, and leave out those that come twice, as in a list of tags."""
    is_table = getattr(vocabulary, "ndim", 1) != 1  # which would name its columns
    if isinstance(vocabulary, str) or not hasattr(vocabulary, "__iter__") or is_table:
        raise TypeError(
            "vocabulary must be a list of words, or a dict of words and descriptions. "
            f"Got {vocabulary!r:.80}."
        )
    words = {}
    for position, word in enumerate(vocabulary):
        check_text(word, f"a word in vocabulary (position {position})")
        words.setdefault(clean_name(word), word)
    if not words:
        raise ValueError("vocabulary must hold at least one word. Got none.")
    if isinstance(vocabulary, Mapping):
        return vocabulary
    return list(words.values())


def _words_of_texts(X, clip):
    """Words and pairs of words of the rows' own texts, with the rows of each."""
    inner = clip.estimator if isinstance(clip, FrozenEstimator) else clip
    cells = own_texts(X, inner, "vocabulary=None", "vocabulary, a list of words")
    mentions = {}
    for row, cell in enumerate(cells):
        found = {}  # in order, so that the result is
        for text in cell:
            words = read_words(text)
            kept = [_names_something(word) for word in words]
            for i, word in enumerate(words):
                if kept[i]:
                    found[word] = None
                if kept[i] and i and kept[i - 1] and words[i - 1] != word:
                    found[f"{words[i - 1]} {word}"] = None
        for phrase in found:
            mentions.setdefault(phrase, []).append(row)
    several = {
        phrase: rows for phrase, rows in mentions.items() if len(rows) >= _FEWEST_TEXTS
    }
    if not several:
        raise ValueError(
            "vocabulary=None takes words that at least 2 texts of the rows contain. "
            "Got none: give vocabulary, a list of words."
        )
    return several


def _names_something(word):
    return (
        len(word) >= _SHORTEST_WORD and not word.isdigit() and word not in _FUNCTION_SET
    )


class _Found(NamedTuple):
    """Rows that every word describes: expected, sure, and the best with their scores.

    The best are of shape (n_examples, n_words), positions and log-odds.
    """

    rows: np.ndarray
    sure: np.ndarray
    best: np.ndarray
    margins: np.ndarray


def _describe(scorer, features, seen, n_examples):
    """Find what every word describes, in one pass over blocks of rows."""
    n_words = len(scorer.labels)
    rows, sure = np.zeros(n_words), np.zeros(n_words, dtype=np.int64)
    margins = np.empty((0, n_words), dtype=np.float32)
    best = np.empty((0, n_words), dtype=np.int64)
    for some, scores in scorer.blocks(features[seen]):
        top = np.argsort(-scores, axis=0, kind="stable")[:n_examples]
        margins = np.concatenate([margins, np.take_along_axis(scores, top, axis=0)])
        best = np.concatenate([best, seen[some][top]])
        top = np.argsort(-margins, axis=0, kind="stable")[:n_examples]
        margins = np.take_along_axis(margins, top, axis=0)
        best = np.take_along_axis(best, top, axis=0)
        sure += (scores >= 0).sum(axis=0)
        rows += expit(scores, out=scores).sum(axis=0, dtype=np.float64)
    return _Found(rows, sure, best, margins)


def _grounding(scorer, features, seen, mentions):
    """How far rows whose text contains a word score above the others, in [0, 1].

    With the difference d of the mean scores in standard deviations, a row with the word
    is above one without, of equal normal distributions, with the probability
    Phi(d / sqrt 2): 1/2 for words that the pictures know nothing of, such as names of
    artists. It is stretched to [0, 1], for fewer rows towards 0.
    """
    place = np.full(len(features), -1)
    place[seen] = np.arange(len(seen))
    counts = np.array([len(rows) for rows in mentions.values()])
    word_of = np.repeat(np.arange(len(counts)), counts)
    row_of = place[[row for rows in mentions.values() for row in rows]]
    word_of, row_of = word_of[row_of >= 0], row_of[row_of >= 0]
    total, squares, inside = np.zeros((3, len(counts)))
    for some, scores in scorer.blocks(features[seen]):
        here = np.flatnonzero((row_of >= some.start) & (row_of < some.stop))
        own = scores[row_of[here] - some.start, word_of[here]]
        inside += np.bincount(word_of[here], own, len(counts))
        total += scores.sum(axis=0, dtype=np.float64)
        squares += np.einsum("nl,nl->l", scores, scores, dtype=np.float64)
    n_inside = np.bincount(word_of, minlength=len(counts))
    mean = total / len(seen)
    spread = np.sqrt(np.maximum(squares / len(seen) - mean**2, 1e-12))
    apart = (inside / np.maximum(n_inside, 1) - mean) / spread
    return np.clip(2 * ndtr(apart / np.sqrt(2)) - 1, 0, 1) * n_inside / (n_inside + 1)


def _part(order, names, vectors, n_labels, redundancy):
    """Take words in order, but none that says what one before it has said."""
    centred = unit_rows(vectors - vectors.mean(axis=0))
    chosen, place = [], {}
    for word in order:
        *first, last = read_words(names[word]) or [names[word]]
        forms = {(*first, form) for form in number_forms(last)}
        before = {(*first, last)} if (*first, last) in place else forms & place.keys()
        if before:
            # Of "flags" and "flag" the singular stays, where the better one stood.
            number = place[min(before)]
            if len(names[word]) < len(names[chosen[number]]):
                chosen[number] = word
        elif len(chosen) < n_labels:
            alike = (centred[chosen] @ centred[word]).max(initial=-1)
            if alike >= redundancy and redundancy < 1:
                continue
            number = len(chosen)
            chosen.append(word)
        else:
            continue
        place |= {form: number for form in forms if form not in place}
    return chosen
