"""Fusions under the linear head, on rows whose texts tell something and nothing.

Clip art with its titles, with the titles of other rows, with one caption for all and
with every second title missing; and photographs with theirs. Blocks of products and
distances as they come (their norm is 1 / sqrt(d) and 1.2 beside 1), times sqrt(d), and
L2-normalised row by row; and fusions that learn from the rows of fit alone: each
modality centred, whitened, or projected by canonical correlation (CCA).

Every fusion has the C that is best over its folds, of one grid, so that a mere change
of scale does not decide. ``to concat`` is the mean difference of mAP fold by fold, with
its standard error, ``!`` and ``+`` where it is beyond two of them. Folds keep groups
whole; nothing is chosen by the test split.

    python benchmarks/study_fusions.py            # minutes on two quiet cores
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.cross_decomposition import CCA

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    MultiLabelStratifiedGroupKFold,
)
from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.fusion import make_fusion
from sklearn_clip.metrics import map_scorer

CS = np.logspace(0, 3, 7)  # the plain product alone takes all of it
PRESETS = ("image", "text", "mean", "max", "concat")
LEARNT = ("centred concat", "centred, product", "whitened concat", "CCA", "concat, CCA")


def unit(rows):
    """Scale rows to length 1; zeros stay."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms)


def fuse(name, image, text):
    """Fuse by one of the rules that learn nothing."""
    if name in PRESETS:
        there = [rows.any(axis=1) for rows in (image, text)]
        return make_fusion(name).fuse(image, text, *there)
    root = np.sqrt(image.shape[1])
    product, distance = image * text, np.abs(image - text)
    cosine = product.sum(axis=1, keepdims=True)
    blocks = {
        "product": [product],
        "product, sqrt(d)": [root * product],
        "product, unit rows": [unit(product)],
        "concat_product, plain": [image, text, product],
        "concat_product, sqrt(d) / 3": [image, text, root / 3 * product],
        "concat_product, sqrt(d)": [image, text, root * product],
        "concat_product, unit rows": [image, text, unit(product)],
        "interaction, plain": [image, text, product, distance, cosine],
        "interaction, sqrt(d)": [image, text, root * product, distance, cosine],
        "interaction, unit rows": [
            *(image, text, unit(product), unit(distance), cosine),
        ],
    }
    return np.hstack(blocks[name])


FIXED = (
    *PRESETS,
    *("product", "product, sqrt(d)", "product, unit rows"),
    *("concat_product, plain", "concat_product, sqrt(d) / 3"),
    *("concat_product, sqrt(d)", "concat_product, unit rows"),
    *("interaction, plain", "interaction, sqrt(d)", "interaction, unit rows"),
)


def learn(name, image, text, fit):
    """Fit a rule on the rows `fit` and apply it to all; what is missing stays zeros."""
    there = [rows.any(axis=1) for rows in (image, text)]
    both = np.intersect1d(fit, np.flatnonzero(there[0] & there[1]))
    if name in ("CCA", "concat, CCA"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a caption for all has no variance
            cca = CCA(32, scale=False, max_iter=200).fit(image[both], text[both])
        pair = cca.transform(image, text)
        pair = [
            unit(rows * seen[:, None]) for rows, seen in zip(pair, there, strict=True)
        ]
        return np.hstack(pair if name == "CCA" else [image, text, *pair])
    moved = []
    for rows, seen in zip((image, text), there, strict=True):
        known = rows[np.intersect1d(fit, np.flatnonzero(seen))]
        rows = (rows - known.mean(axis=0)) * seen[:, None]
        if name == "whitened concat":
            # ZCA, shrunk: the covariance of few rows is not to be trusted.
            cov = np.cov(known.T)
            cov += 0.1 * np.trace(cov) / len(cov) * np.eye(len(cov))
            values, vectors = np.linalg.eigh(cov)
            rows = rows @ (vectors / np.sqrt(values)) @ vectors.T
        moved.append(unit(rows))
    image, text = moved
    if name != "centred, product":
        return np.hstack(moved)
    return fuse("concat_product, sqrt(d)", image, text)


def features(name, image, text, fit):
    """Fuse all rows, what is learnt from the rows `fit` alone."""
    if name in FIXED:
        return fuse(name, image, text)
    return learn(name, image, text, fit)


def search_folds(name, image, text, Y, folds, Cs):
    """Score every C on every fold; (n_folds, n_Cs)."""
    found = []
    for fold in folds:
        head = MultiLabelLogisticRegressionCV(
            Cs, cv=[fold], scoring=map_scorer, per_label=False, refit=False
        )
        found.append(head.fit(features(name, image, text, fold[0]), Y).scores_[0])
    return np.array(found)


def make_sets(cache):
    """List (name, image, text, Y, groups, rows of the test split)."""
    sets = []
    train, test = load_clipart(split="train"), load_clipart(split="test")
    clip = CLIPFeaturizer("clipart-tiny", cache=cache)
    rows = np.vstack([train.data, test.data])
    image, text = np.hsplit(clip.fit_transform(rows), 2)
    Y, n = np.vstack([train.target, test.target]), len(train.data)
    rng = np.random.default_rng(0)
    shuffled = np.r_[rng.permutation(n), n + rng.permutation(len(Y) - n)]
    half = rng.random(len(Y)) < 0.5
    one = np.repeat(clip.encode_texts(["a picture"]), len(Y), axis=0)
    for name, texts in {
        "titles": text,
        "titles of other rows": text[shuffled],
        "one caption": one,
        "half the titles": text * half[:, None],
    }.items():
        sets.append((f"clip art, {name}", image, texts, Y, train.groups, n))
    photos = load_photos()
    clip = CLIPFeaturizer("photo-tiny", cache=cache)
    image, text = np.hsplit(clip.fit_transform(photos.data), 2)
    n = len(photos.data)
    # A label of fewer groups than folds would be scored in some of them only.
    often = [len(set(photos.groups[column == 1])) >= 5 for column in photos.target.T]
    sets.append(("photographs", image, text, photos.target[:, often], photos.groups, n))
    return sets


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--cache", default="auto", help="folder to keep embeddings in")
    parser.add_argument("--only", nargs="*", help="fusions, by name")
    parser.add_argument("--sets", nargs="*", help="ends of names of data sets")
    parser.add_argument("--max-C", type=float, default=CS[-1], help="end of the grid")
    options = parser.parse_args()
    Cs = CS[options.max_C * 1.01 > CS]
    start = time.perf_counter()
    for title, image, text, Y, groups, n in make_sets(options.cache):
        if options.sets and not any(title.endswith(part) for part in options.sets):
            continue
        print(f"\n{title}\n| fusion | C | mAP of folds | to concat | test mAP |")
        print("|---|---|---|---|---|", flush=True)
        image, text = image.astype(float), text.astype(float)
        splitter = MultiLabelStratifiedGroupKFold(options.folds, random_state=0)
        folds = list(splitter.split(image[:n], Y[:n], groups))
        base = None
        names = options.only or sorted((*FIXED, *LEARNT), key="concat".__ne__)
        for name in names:
            scores = search_folds(name, image[:n], text[:n], Y[:n], folds, Cs)
            best = scores.mean(axis=0).argmax()
            scores = scores[:, best]
            base = scores if base is None else base
            gap = scores - base
            error = gap.std(ddof=1) / np.sqrt(len(gap))
            mark = " +" if gap.mean() > 2 * error else ""
            mark = " !" if gap.mean() < -2 * error else mark
            last = "-"
            if n < len(Y):
                fused = features(name, image, text, np.arange(n))
                head = MultiLabelLogisticRegression(C=Cs[best]).fit(fused[:n], Y[:n])
                last = f"{map_scorer(head, fused[n:], Y[n:]):.3f}"
            print(
                f"| {name} | {Cs[best]:.3g} | {scores.mean():.3f} | "
                f"{gap.mean():+.3f} ± {error:.3f}{mark} | {last} |",
                flush=True,
            )
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
