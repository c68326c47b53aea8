"""Random training batches of clipart-tiny: sampling, texts, augmentation."""

import json
import math
import re

import numpy as np
import torch
from clipart_model import MEAN, STD
from open_clip import SimpleTokenizer
from scipy import sparse
from torch.nn import functional

TEMPLATES = (
    "{}",
    "{}",
    "a {}",
    "clip art of {}",
    "clip art of a {}",
    "a picture of {}",
    "a picture of a {}",
    "a drawing of {}",
    "a drawing of a {}",
    "an icon of {}",
    "a cartoon {}",
    "an illustration of {}",
    "a photo of a {}",
    "a photo of {}",
    "this is {}",
    "{}, clip art",
)
# Share of samples by kind of source.
SHARES = {"openclipart": 0.2, "colour": 0.5, "mono": 0.3}
NOUNS = 48
_STOP = frozenset({"the", "and", "with", "for", "from"})


class Corpus:
    """The corpus in memory, its texts as rows of a compact token table.

    Parameters
    ----------
    folder : Path
        What ``clipart_corpus.py`` wrote.
    words : collection of str
        Words that have a vector. They are kept whether or not the corpus has them.
    """

    def __init__(self, folder, words):
        self.pictures = np.load(folder / "pictures.npy", mmap_mode="r")
        self.entries = json.loads((folder / "entries.json").read_text(encoding="utf-8"))
        self.nouns = [
            n[:2]
            for n in json.loads((folder / "nouns.json").read_text(encoding="utf-8"))
        ]
        self.tokenizer = SimpleTokenizer()
        self._token_cache = {}
        self._terms()
        self._groups()
        self.used_tokens = self._used_tokens(words)
        self.rows = {token: row for row, token in enumerate(self.used_tokens)}

    def _terms(self):
        """Give the keywords numbers, and mark which are true of which picture."""
        known = {k for e in self.entries for k in e["keywords"]}
        known |= {k for _, classes in self.nouns for k in classes}
        self.terms = sorted(known)
        number = {term: i for i, term in enumerate(self.terms)}
        self.keywords, self.captions, rows, columns = [], [], [], []
        for i, entry in enumerate(self.entries):
            own = [number[k] for k in entry["keywords"]]
            lower = [c.lower() for c in entry["captions"]]
            words = {w for c in lower for w in re.findall(r"[a-z]{3,}", c)} - _STOP
            words |= {w[:-1] for w in words if w.endswith("s")} | set(lower)
            told = set(own) | {number[w] for w in words if w in number}
            rows += [i] * len(told)
            columns += told
            self.keywords.append(np.array(own or sorted(told), dtype=np.int64))
            self.captions.append(entry["captions"])
        shape = (len(self.entries), len(self.terms))
        ones = np.ones(len(rows), dtype=np.float32)
        self.truth = sparse.csr_matrix((ones, (rows, columns)), shape=shape)
        self.noun_terms = [[number[k] for k in ks] for _, ks in self.nouns]

    def _groups(self):
        """Give equal captions equal numbers; sort rows by kind of source."""
        number = {}
        self.caption_key = np.array(
            [
                number.setdefault(e["captions"][0].lower(), len(number))
                for e in self.entries
            ]
        )
        self.mono = np.array([e["mono"] for e in self.entries])
        clip = np.array([e["source"] == "openclipart" for e in self.entries])
        self.kinds = {
            "openclipart": np.flatnonzero(clip),
            "colour": np.flatnonzero(~clip & ~self.mono),
            "mono": np.flatnonzero(self.mono),
        }

    def _used_tokens(self, words):
        """Return the tokens of any text training can show, and of `words`."""
        texts = {t for captions in self.captions for t in captions}
        texts |= set(self.terms) | set(TEMPLATES)
        used = {self.tokenizer.sot_token_id, self.tokenizer.eot_token_id}
        for text in texts:
            used.update(self._encode(text), self._encode(f"x {text}, x"))
        whole = {f"{word}</w>" for word in words}
        used.update(t for t, piece in self.tokenizer.decoder.items() if piece in whole)
        # Nouns without a picture take part where their pieces occur anyway.
        known = [set(self._encode(noun)) <= used for noun, _ in self.nouns]
        keep = [i for i, ok in enumerate(known) if ok]
        self.nouns = [self.nouns[i] for i in keep]
        self.noun_terms = [self.noun_terms[i] for i in keep]
        return sorted(used)

    def _encode(self, text):
        if text not in self._token_cache:
            self._token_cache[text] = self.tokenizer.encode(text)
        return self._token_cache[text]

    def tokens(self, texts):
        """Return (tokens, ends): padded rows of the compact table, end positions."""
        start, end = self.tokenizer.sot_token_id, self.tokenizer.eot_token_id
        coded = [
            [self.rows[t] for t in (start, *self.tokenizer.encode(text)[:30], end)]
            for text in texts
        ]
        tokens = torch.zeros(len(coded), max(map(len, coded)), dtype=torch.long)
        for row, code in zip(tokens, coded, strict=True):
            row[: len(code)] = torch.tensor(code)
        return tokens, torch.tensor([len(code) - 1 for code in coded])


def _caption(corpus, i, rng):
    """Return a random way to say what picture `i` shows."""
    text = corpus.captions[i][rng.integers(len(corpus.captions[i]))]
    words = [corpus.terms[k] for k in rng.permutation(corpus.keywords[i])[:3]]
    way = rng.random()
    if way < 0.5 or not words:
        return TEMPLATES[rng.integers(len(TEMPLATES))].format(text)
    if way < 0.8:
        return f"{text}, {', '.join(words[: rng.integers(1, 4)])}"
    if way < 0.9:
        parts = text.split()
        return " ".join(p for p in parts if rng.random() < 0.8) or text
    return ", ".join(words)


def batches(corpus, size, resolution, seed):
    """Yield random batches for ever.

    Parameters
    ----------
    corpus : Corpus
        The corpus.
    size : int
        Pictures a batch.
    resolution : callable
        Returns the side in pixels as of now, or 0 for batches without pictures.
    seed : int
        Seeds sampling and augmentation.

    Yields
    ------
    dict of str to Tensor or tuple
        ``rows``; ``images``; ``captions``, ``keywords``, ``nouns``,
        ``noun_keywords`` as (tokens, ends); and which pairs are true:
        ``same_caption``, ``has_keyword``, ``noun_has``.
    """
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    while True:
        rows, side = _sample(corpus, size, rng), resolution()
        batch = {"rows": torch.from_numpy(rows)}
        if side:
            pictures = torch.from_numpy(corpus.pictures[rows])
            mono = torch.from_numpy(corpus.mono[rows])
            batch["images"] = augment(pictures, mono, side, generator)
        yield {**batch, **_texts(corpus, rows, rng), **_nouns(corpus, rng)}


def _sample(corpus, size, rng):
    """Return rows, no row twice, with the shares of `SHARES`."""
    counts = rng.multinomial(size, list(SHARES.values()))
    return np.concatenate(
        [
            rng.choice(corpus.kinds[kind], count, replace=False)
            for kind, count in zip(SHARES, counts, strict=True)
        ]
    )


def _prompt(term, rng):
    return TEMPLATES[rng.integers(len(TEMPLATES))].format(term)


def _texts(corpus, rows, rng):
    """Return captions and keyword prompts of the rows, and what is true of which."""
    keys = corpus.caption_key[rows]
    told = [corpus.keywords[i] for i in rows]
    picked = np.array([rng.choice(own) for own in told if len(own)])
    prompts = [_prompt(corpus.terms[k], rng) for k in picked]
    return {
        "captions": corpus.tokens([_caption(corpus, i, rng) for i in rows]),
        "keywords": corpus.tokens(prompts),
        "same_caption": torch.from_numpy(keys[:, None] == keys).float(),
        "has_keyword": torch.from_numpy(corpus.truth[rows][:, picked].toarray()),
    }


def _nouns(corpus, rng):
    """Return nouns without a picture, a class of each, and which fit which."""
    nouns = rng.choice(len(corpus.nouns), NOUNS, replace=False)
    own = [rng.choice(corpus.noun_terms[i]) for i in nouns]
    truth = [[k in corpus.noun_terms[i] for k in own] for i in nouns]
    return {
        "nouns": corpus.tokens([corpus.nouns[i][0] for i in nouns]),
        "noun_keywords": corpus.tokens([corpus.terms[k] for k in own]),
        "noun_has": torch.tensor(truth).float(),
    }


def _uniform(shape, low, high, generator):
    return low + (high - low) * torch.rand(shape, generator=generator)


def _recolour(colour, alpha, mono, generator):
    """Jitter premultiplied colours; give one-colour icons a random one."""
    n = len(colour)
    paint = torch.rand(n, 3, 1, 1, generator=generator) * 0.8
    painted = (mono & (torch.rand(n, generator=generator) < 0.6)).view(-1, 1, 1, 1)
    colour = torch.where(painted, paint * alpha, colour)
    # Swapped channels: one drawing in other colours is still the same thing.
    order = torch.rand(n, 3, generator=generator).argsort(1)
    swapped = colour[torch.arange(n)[:, None], order]
    swap = (torch.rand(n, generator=generator) < 0.35).view(-1, 1, 1, 1)
    colour = torch.where(swap, swapped, colour)
    strength = (torch.rand(n, 1, 1, 1, generator=generator) < 0.6).float()
    saturation = 1 + strength * _uniform((n, 1, 1, 1), -0.5, 0.4, generator)
    drained = torch.rand(n, 1, 1, 1, generator=generator) < 0.2
    saturation = torch.where(drained, 0.0, saturation)
    gain = 1 + strength * _uniform((n, 3, 1, 1), -0.2, 0.2, generator)
    lift = strength * _uniform((n, 1, 1, 1), -0.15, 0.15, generator)
    grey = colour.mean(1, keepdim=True)
    colour = (grey + (colour - grey) * saturation) * gain + lift * alpha
    return torch.minimum(colour.clamp_(min=0), alpha)


def _outline(x, generator):
    """Turn some pictures into line drawings: dark where the brightness changes."""
    grey = functional.pad(x.mean(1, keepdim=True), (0, 1, 0, 1), mode="replicate")
    down = (grey[:, :, 1:, :-1] - grey[:, :, :-1, :-1]).abs()
    right = (grey[:, :, :-1, 1:] - grey[:, :, :-1, :-1]).abs()
    lines = (1 - 2.5 * (down + right)).clamp_(min=0).expand_as(x)
    drawn = (torch.rand(len(x), generator=generator) < 0.15).view(-1, 1, 1, 1)
    return torch.where(drawn, lines, x)


def _affine(n, generator):
    """Return n random (2, 3) maps from output to input coordinates."""
    angle = torch.randn(n, generator=generator) * math.radians(12)
    zoom = _uniform((n,), 0.8, 1.3, generator)
    stretch = torch.exp(torch.randn(n, generator=generator) * 0.09)
    flip = 1 - 2 * (torch.rand(n, generator=generator) < 0.5).float()
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    shift = torch.randn(n, 2, generator=generator) * 0.07
    theta = torch.empty(n, 2, 3)
    theta[:, 0] = torch.stack([cos * stretch * flip, -sin, shift[:, 0]], 1)
    theta[:, 1] = torch.stack([sin * flip, cos / stretch, shift[:, 1]], 1)
    return theta


def augment(pictures, mono, resolution, generator):
    """Turn RGBA pictures into randomly changed, normalised network inputs.

    Parameters
    ----------
    pictures : Tensor of shape (n, side, side, 4)
        uint8.
    mono : Tensor of shape (n,)
        Whether a picture has one colour, which is then free.
    resolution : int
        Side of the result.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    Tensor of shape (n, 3, resolution, resolution)
        Normalised as the model wants it.
    """
    n = len(pictures)
    x = pictures.permute(0, 3, 1, 2).float() / 255
    alpha = x[:, 3:]
    colour = _recolour(x[:, :3] * alpha, alpha, mono, generator)
    grid = functional.affine_grid(
        _affine(n, generator), (n, 4, resolution, resolution), align_corners=False
    )
    x = torch.cat([colour, alpha], 1)
    x = functional.grid_sample(x, grid, align_corners=False)
    ground = torch.ones(n, 3, 1, 1)
    tinted = (torch.rand(n, generator=generator) < 0.25).view(-1, 1, 1, 1)
    ground = torch.where(tinted, torch.rand(n, 3, 1, 1, generator=generator), ground)
    x = _outline(x[:, :3] + (1 - x[:, 3:]) * ground, generator)
    side = torch.arange(resolution)
    centre = torch.randint(resolution, (2, n, 1), generator=generator)
    half = torch.randint(4, resolution // 4, (2, n, 1), generator=generator)
    half = half * (torch.rand(1, n, 1, generator=generator) < 0.3)
    inside = (side - centre).abs() < half
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    x = torch.where(hole, ground, x)
    return normalize(x)


def normalize(x):
    """Return colours in [0, 1], of shape (n, 3, h, w), as the model wants them."""
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def plain(pictures):
    """Turn RGBA pictures into network inputs over white, unchanged otherwise.

    Parameters
    ----------
    pictures : Tensor of shape (n, side, side, 4)
        uint8.

    Returns
    -------
    Tensor of shape (n, 3, side, side)
        Normalised as the model wants it.
    """
    x = pictures.permute(0, 3, 1, 2).float() / 255
    return normalize(x[:, :3] * x[:, 3:] + 1 - x[:, 3:])
