"""What photo-tiny knows of words: vectors, and the way to ImageNet's classes."""

import functools
import re

import numpy as np
from open_clip.tokenizer import SimpleTokenizer
from photo_model import N_CLASSES
from photo_scenes import SCENE_WEIGHT, scenes
from photo_text import VOCABULARY
from scipy import sparse
from timm.data import ImageNetInfo

# Weight of a word of probability p is a / (a + p): Arora et al. 2017 try 1e-3 to 1e-4.
_SIF = 3e-4
# Words about the picture itself say nothing of what is in it.
_ABOUT_PICTURES = """
photo photos photograph photographs picture pictures image images photography snapshot
closeup shot pic pics
"""
_ABOUT_WEIGHT = 0.01
# How much a further sense of a word counts, beside the one before it.
_NEXT_SENSE = 0.5
_N_SENSES = 5
# How much a word's next broader thing counts, and how many classes that may have: that
# a thought is a thing says nothing.
_NEXT_BROADER, _BROADEST = 0.3, 150
# Words that are fitted by their pieces: the most frequent ones.
_N_FITTED = 80_000
# Of the ridge regression of words on pieces, and rounds of conjugate gradients: after
# 40 the residual is at 1e-12 of what it was.
_RIDGE, _ROUNDS = 0.5, 60
# How much more a word counts in that fit if it names what can be seen.
_SEEN = 3.0
# Letters of a noun at the end of a word that says what the whole is.
_SHORTEST_END = 4


def centred(vectors):
    """Return unit vectors without their mean and their strongest direction.

    All words share these, and they tell frequent from rare rather than one meaning from
    another: Mu and Viswanath, "All-but-the-top", ICLR 2018.

    Parameters
    ----------
    vectors : ndarray of shape (n_words, width)
        Frequent words first.

    Returns
    -------
    ndarray of shape (n_words, width)
        float32.
    """
    frequent = vectors[:20_000]
    vectors = vectors - frequent.mean(0)
    _, _, directions = np.linalg.svd(vectors[:20_000], full_matrices=False)
    vectors = vectors - vectors @ directions[:1].T @ directions[:1]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


class Words:
    """Vectors and weights of words, and of the pieces that rare words are cut into.

    Parameters
    ----------
    names : list of str
        Words from frequent to rare.
    vectors : ndarray of shape (n_words, width)
        Their GloVe vectors.
    wordnet : WordNet
        From :mod:`clipart_words`.
    """

    def __init__(self, names, vectors, wordnet):
        self.names = names
        self.wordnet = wordnet
        self.row = {name: i for i, name in enumerate(names)}
        self.vectors = centred(vectors).astype(np.float32)
        # Zipf's law stands in for the counts, which the package does not have.
        rank = np.arange(len(names))
        probability = 1 / (rank + 2.7) / np.log(len(names))
        self.frequency = probability
        self.weights = _SIF / (_SIF + probability)
        for name in _ABOUT_PICTURES.split():
            self.weights[self.row[name]] = _ABOUT_WEIGHT
        self.classes = imagenet_synsets(wordnet)
        self.scenes = scenes()

    def of_text(self, text):
        """Return the weighted mean of the vectors of a text's words, of unit length."""
        rows = [
            self.row[w] for w in re.findall("[a-z]+", text.lower()) if w in self.row
        ]
        mean = self.weights[rows] @ self.vectors[rows]
        return mean / max(np.linalg.norm(mean), 1e-9)

    @functools.cached_property
    def below(self):
        """ImageNet's classes below each synset: dict of str to list of int."""
        found = {}
        for number, synset in enumerate(self.classes):
            for above in self.wordnet.ancestors(synset):
                found.setdefault(above, []).append(number)
        return found

    def relevance(self, word):
        """Return how much ImageNet's classes have to do with `word` by WordNet.

        Parameters
        ----------
        word : str
            A noun, singular or plural.

        Returns
        -------
        ndarray of shape (1000,)
            1 for kinds of the first sense (of "dog" 118 classes), a half for those of
            the second, and so on. Where no class is a kind of it (of "puppy"), less,
            for the kinds of the next broader thing (a dog). Less too for what is seen
            where the word is (castles beneath the "sky"). Divided by the fourth root
            of their sum, so that broad words do not drown the others.
        """
        around = np.zeros(N_CLASSES, dtype=np.float32)
        for thing in self.scenes.get(word, ()):
            senses = self.wordnet.senses[thing]
            found = max((self.below.get(s, []) for s in senses), key=len)
            around[found] = SCENE_WEIGHT
        return np.maximum(self._kinds_of(word), _damped(around))

    def _kinds_of(self, word):
        """Return the part of WordNet in :meth:`relevance`."""
        found = np.zeros(N_CLASSES, dtype=np.float32)
        endings = {"ies": "y", "es": "", "s": ""}
        forms = [word]
        forms += [
            word[: -len(e)] + new for e, new in endings.items() if word.endswith(e)
        ]
        form = next((f for f in forms if f in self.wordnet.senses), None)
        if form is None:
            return found
        senses = self.wordnet.senses[form][:_N_SENSES]
        for number, synset in reversed(list(enumerate(senses))):
            kinds, n_up = self._kinds(synset)
            value = _NEXT_SENSE**number * _NEXT_BROADER**n_up
            found[kinds] = np.maximum(found[kinds], value)
        return _damped(found)

    def _kinds(self, synset):
        """Return the classes below a synset or the next above it, and how far up."""
        level, n_up = [synset], 0
        while level:
            found = [self.below[s] for s in level if s in self.below]
            if found and (n_up == 0 or len(found[0]) <= _BROADEST):
                return found[0], n_up
            if found:
                break
            level = [above for s in level for above in self.wordnet.parents[s]]
            n_up += 1
        return [], 0


def _damped(values):
    return values / max(values.sum(), 1) ** 0.25


def imagenet_names():
    """Return names and explanation of ImageNet's classes, from timm.

    Returns
    -------
    list of tuple (list of str, str)
        One for each of the 1,000 classes.
    """
    info = ImageNetInfo("imagenet-1k")
    described = [info.index_to_description(i, detailed=True) for i in range(N_CLASSES)]
    pairs = (text.split(": ", 1) for text in described)
    return [(names.split(", "), gloss) for names, gloss in pairs]


def imagenet_synsets(wordnet):
    """Return the synset of each of ImageNet's classes in another version of WordNet.

    The offsets of WordNet 3.0, which name ImageNet's classes, mean nothing in 3.1; the
    synset with the same names and the most alike explanation does.
    """

    def alike(these, those):
        these, those = set(these), set(those)
        return len(these & those) / max(len(these | those), 1)

    def score(synset, names, gloss):
        lemmas = [lemma.replace("_", " ") for lemma in wordnet.lemmas[synset]]
        theirs = wordnet.glosses[synset].split()
        return alike(lemmas, names) + 2 * alike(theirs, gloss.split())

    found = []
    for names, gloss in imagenet_names():
        names = [name.lower() for name in names]
        senses = [s for n in names for s in wordnet.senses.get(n.replace(" ", "_"), ())]
        found.append(max(sorted(set(senses)), key=lambda s: score(s, names, gloss)))
    return found


def token_vectors(words, extra):
    """Return what each token of open_clip's tokenizer carries.

    A token that is a word carries the word's vector. Of words that are cut in two or
    more, the pieces are fitted by ridge regression, so that the weighted sum of the
    pieces comes as near to the words' vectors as it can.

    Parameters
    ----------
    words : Words
        The words.
    extra : callable
        From a word to further numbers that are put behind its vector.

    Returns
    -------
    vectors : ndarray of shape (VOCABULARY, n_numbers)
        float32; zero for tokens that stand in no word.
    weights : ndarray of shape (VOCABULARY,)
        How much each counts in a text.
    """
    tokenizer = SimpleTokenizer()
    frequent = [w for w in words.names if re.fullmatch("[a-z]{2,}", w)][:_N_FITTED]
    pieces = {word: tokenizer.encode(word) for word in frequent}
    target = np.array([[*words.vectors[words.row[w]], *extra(w)] for w in frequent])
    target = target.astype(np.float32)
    frequency = np.array([words.frequency[words.row[w]] for w in frequent])
    whole, ending = np.zeros(VOCABULARY), np.zeros(VOCABULARY)
    for word, p in zip(frequent, frequency, strict=True):
        (whole if len(pieces[word]) == 1 else ending)[pieces[word][-1]] += p
    vectors = np.zeros((VOCABULARY, target.shape[1]), dtype=np.float32)
    weights = np.ones(VOCABULARY)
    for i, word in enumerate(frequent):
        token = pieces[word][0]
        noun = len(word) > 2 and word in words.wordnet.senses
        # "ing" and "er" are words of GloVe too, but endings first of all.
        if len(pieces[word]) == 1 and (noun or whole[token] > 0.3 * ending[token]):
            vectors[token] = target[i]
            weights[token] = words.weights[words.row[word]]
    # The vectors' words leave out the articles of one letter, which every prompt has.
    weights[tokenizer.encode("a i")] = _ABOUT_WEIGHT
    known = vectors.any(1)
    rows = [i for i, w in enumerate(frequent) if not all(known[t] for t in pieces[w])]
    free = sorted({t for i in rows for t in pieces[frequent[i]] if not known[t]})
    column = {token: i for i, token in enumerate(free)}
    # Frequent words are fitted better, but not by as much as they are more frequent,
    # and words for things that can be seen better than others.
    importance = frequency[rows] ** 0.25
    importance[target[rows, words.vectors.shape[1] :].any(1)] *= _SEEN
    importance = (importance / importance.mean()).astype(np.float32)[:, None]
    cells = [
        (number, column[token], importance[number, 0])
        for number, i in enumerate(rows)
        for token in pieces[frequent[i]]
        if token in column
    ]
    number, position, value = zip(*cells, strict=True)
    design = sparse.csr_matrix((value, (number, position)), (len(rows), len(free)))
    left = target[rows].copy()
    for number, i in enumerate(rows):
        for token in pieces[frequent[i]]:
            if known[token]:
                left[number] -= weights[token] * vectors[token]
    vectors[free] = _ridge(design.astype(np.float32), importance * left)
    vector_of = dict(zip(frequent, target, strict=True))
    for token, piece in tokenizer.decoder.items():
        if piece.endswith("</w>") and not vectors[token].any():
            vectors[token] = _by_its_end(piece[:-4], words, vector_of)
    return vectors, weights


def _by_its_end(word, words, vector_of):
    """Return the vector of a word that is not known: a tshirt is a shirt."""
    for start in range(1, len(word) - _SHORTEST_END + 1):
        end = word[start:]
        if end in vector_of and end in words.wordnet.senses:
            return vector_of[end]
    return 0


def _ridge(design, target):
    """Return argmin |design x - target|^2 + _RIDGE |x|^2 by conjugate gradients.

    All columns go side by side, with the diagonal as preconditioner: some ten thousand
    unknowns, of which a handful meet in a row.
    """
    transposed = design.T.tocsr()
    diagonal = np.asarray(design.multiply(design).sum(0)).ravel()[:, None] + _RIDGE
    right = transposed @ target
    found = right / diagonal
    rest = right - transposed @ (design @ found) - _RIDGE * found
    direction = scaled = rest / diagonal
    size = (rest * scaled).sum(0)
    for _ in range(_ROUNDS):
        moved = transposed @ (design @ direction) + _RIDGE * direction
        step = size / np.maximum((direction * moved).sum(0), 1e-20)
        found = found + step * direction
        rest = rest - step * moved
        scaled = rest / diagonal
        size, before = (rest * scaled).sum(0), size
        direction = scaled + size / np.maximum(before, 1e-20) * direction
    return found
