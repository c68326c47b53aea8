"""What rows without labels are worth to zero-shot: scores, captions, images, priors.

No way sees a label, but for the rows "true frequencies", whose `prior` is how often
each label occurs among the rows at `fit`. Constants and recommendations were chosen by
the tables of ``--split dev``: one half of the training groups of the clip art for the
other, all training rows for themselves, and the photographs for themselves. The test
rows, with all training rows at `fit`, were looked at once they were chosen.

    python benchmarks/study_adaptation.py                # every way
    python benchmarks/study_adaptation.py --constants    # what the ways were made of
    python benchmarks/study_adaptation.py --rows         # by the number of rows
    python benchmarks/study_adaptation.py --split test   # once
    python benchmarks/study_adaptation.py --suggest      # words for rows
    python benchmarks/study_adaptation.py --memory       # 5,000 labels, 100,000 rows
"""

import argparse
import contextlib
import resource
import time
import warnings

import numpy as np

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier, suggest_labels
from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)
from sklearn_clip.zero_shot import _captions, _levels, _visual

COLUMNS = ("mAP", "GAP", "GAP@10", "P", "|P-f|", "ECE", "logloss")
GRIDS = {
    "scores": [
        (_levels, "_SPREAD_SHARE", (0.0, 0.25, 0.5, 1.0)),
        (_levels, "_COMMON_SHARE", (0.0, 0.05, 0.2)),
    ],
    "captions": [
        (_captions, "_WAY", (0.2, 0.35, 0.5)),
        (_captions, "_HALF_WAY_BANK", (0.0, 100.0, 300.0)),
        (_captions, "_SCALE_SHARE", (0.25, 0.5, 1.0)),
        (_captions, "_HALF_WAY_CAPTIONS", (3.0, 10.0, 30.0, 1e9)),
    ],
    "images": [
        (_visual, "_WEIGHT", (0.1, 0.25, 0.5, 1.0)),
        (_visual, "_ROUND_SHARE", (0.1, 0.5, 0.9)),
        (_visual, "_ROWS_AT_MEAN", (5.0, 20.0, 80.0)),
        (_visual, "_REFITS", (1, 2, 3)),
    ],
}


def read_data(split):
    """Rows at fit, rows to judge by, and their targets, by name."""
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    train = load_clipart(split="train", as_frame=True)
    if split == "test":
        test = load_clipart(split="test", as_frame=True)
        return {
            "clip art, train for test": (clip, *part(train), *part(test)),
            "clip art, test for themselves": (clip, *part(test), *part(test)),
        }
    groups = np.random.default_rng(0).permutation(np.unique(train.groups))
    half = np.isin(train.groups, groups[: len(groups) // 2])
    photos = load_photos(as_frame=True)
    photo_clip = CLIPFeaturizer("photo-tiny", text=None)
    return {
        "clip art, one half for the other": (
            clip,
            *part(train, half),
            *part(train, ~half),
        ),
        "clip art, for themselves": (clip, *part(train), *part(train)),
        "photographs, for themselves": (photo_clip, *part(photos), *part(photos)),
    }


def part(data, rows=slice(None)):
    """Rows and targets of a part."""
    return data.data.loc[rows], data.target.loc[rows]


def judge(scores, Y):
    """Compute the figures of log-odds or, of no more than an order, the first three."""
    Y = Y.to_numpy(dtype=float)
    known = ~np.isnan(Y)
    probabilities = 1 / (1 + np.exp(-scores.astype(np.float64)))
    of_labels = np.where(known, probabilities, 0).sum(axis=0) / known.sum(axis=0)
    frequencies = np.nanmean(Y, axis=0)
    p, y = probabilities[known], Y[known]
    order = np.argsort(p, kind="stable")
    bins = np.array_split(order, 15)
    p_in = np.clip(p, 1e-7, 1 - 1e-7)
    return (
        macro_average_precision_score(Y, scores),
        global_average_precision_score(Y, scores),
        global_average_precision_score(Y, scores, k=10),
        p.mean(),
        np.abs(of_labels - frequencies).mean(),
        sum(len(b) * abs(p[b].mean() - y[b].mean()) for b in bins) / len(p),
        -np.mean(y * np.log(p_in) + (1 - y) * np.log(1 - p_in)),
    )


def show(name, values):
    """Print one row of a table."""
    print(f"{name:<36}" + "".join(f"{value:>9.4f}" for value in values), flush=True)


def score(clip, X, Y, X_new, **parameters):
    """Fit to rows without their labels, and score others."""
    model = ZeroShotClassifier(list(Y.columns), clip, **parameters).fit(X)
    return model, model.decision_function(X_new)


def compare(clip, X, Y, X_new, Y_new):
    """Print every way, with and without frequencies that are known."""
    true = np.nanmean(Y.to_numpy(dtype=float), axis=0)
    one = float(true.mean())
    known = np.clip(true, 1e-4, 1 - 1e-4)
    odds = np.broadcast_to(np.log(known / (1 - known)), Y_new.shape)
    show("the most frequent labels", judge(odds, Y_new))
    model, plain = score(clip, X, Y, X_new)
    show("zero-shot", judge(plain, Y_new))
    model, own = score(clip, X, Y, X)
    spread = (plain - own.mean(axis=0)) / own.std(axis=0)
    show("standardised by label", judge(spread, Y_new))
    for way in ("scores", "captions", "images"):
        for name, prior in (("", None), (", true frequencies", true)):
            _, scores = score(clip, X, Y, X_new, adapt=way, prior=prior)
            show(way + name, judge(scores, Y_new))
    all_alike = np.full(len(true), one)
    estimate = score(clip, X, Y, X[:1], adapt="scores")[0].prior_
    guess = np.full(len(true), np.exp(np.log(estimate).mean()))
    for way in ("scores", "captions", "images"):
        _, scores = score(clip, X, Y, X_new, adapt=way, prior=one)
        show(f"{way}, prior=their mean", judge(scores, Y_new))
    for name, prior in (("their mean", all_alike), ("one estimate", guess)):
        _, scores = score(clip, X, Y, X_new, adapt="scores", prior=prior)
        show(f"scores, {name} for each label", judge(scores, Y_new))


@contextlib.contextmanager
def changed(module, name, value):
    """Set a constant for a while."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def try_constants(clip, X, Y, X_new, Y_new):
    """Print each way with one constant changed."""
    for way, constants in GRIDS.items():
        for module, name, values in constants:
            for value in values:
                mark = "*" if value == getattr(module, name) else ""
                with changed(module, name, value):
                    _, scores = score(clip, X, Y, X_new, adapt=way)
                show(f"{way}, {name} {value:g}{mark}", judge(scores, Y_new))


def by_rows(clip, X, Y, X_new, Y_new, seeds):
    """Print changes against zero-shot by the number of rows at fit."""
    _, plain = score(clip, X, Y, X_new)
    zero = np.array(judge(plain, Y_new))
    for n_rows in (5, 20, 50, 200, 1000):
        if n_rows > len(X):
            break
        for way in ("scores", "captions", "images"):
            figures = []
            for seed in range(seeds):
                some = np.random.default_rng(seed).choice(len(X), n_rows, replace=False)
                _, scores = score(clip, X.iloc[some], Y, X_new, adapt=way)
                figures.append(np.array(judge(scores, Y_new)) - zero)
            show(f"{n_rows} rows, {way}, mean", np.mean(figures, axis=0))


def suggest(split):
    """Print how many of the labels are among the first words that are suggested."""
    from sklearn_clip.datasets._vocabulary import SYNONYMS

    data = load_clipart(split="train" if split == "dev" else split, as_frame=True)
    names = set(data.target.columns)
    words = [
        word.replace("_", " ")
        for label, others in SYNONYMS.items()
        for word in (label, *others.split())
    ]
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    texts = list(data.data["text"].dropna())
    for title, vocabulary in (("keywords of the collection", words), ("titles", None)):
        found = suggest_labels(
            clip, data.data, vocabulary, n_labels=10**6, redundancy=1
        )
        all_names = found.names
        rows = _captions.find_names([[name] for name in all_names], texts)
        often = np.argsort([-len(some) for some in rows], kind="stable")
        orders = {
            "suggested": suggest_labels(clip, data.data, vocabulary, n_labels=60).names,
            "suggested, redundancy=1": all_names,
            "most frequent in titles": [all_names[i] for i in often],
        }
        print(
            f"\n{title}: {len(all_names)} words, {len(names & set(all_names))} of the "
            f"{len(names)} labels among them"
        )
        for order, ranked in orders.items():
            counts = [len(names & set(ranked[:k])) for k in (10, 20, 30, 60)]
            print(f"{order:<36} labels among the first 10, 20, 30, 60: {counts}")


def many_labels(n_rows=100_000, n_labels=5_000, n_captions=100_000):
    """Print time and peak memory of fit and predict with made vectors."""
    rng = np.random.default_rng(0)
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    names = [f"thing {i}" for i in range(n_labels)]
    width = ZeroShotClassifier(names[:2], clip).fit().label_embeddings_.shape[1]
    rows = rng.standard_normal((n_rows, width), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    captions = [f"a thing {i % n_labels} of kind {i}" for i in range(n_captions)]
    texts = {}

    def encode(some):
        """Vectors in place of a tower's, which would take the time."""
        found = np.empty((len(some), width), dtype=np.float32)
        for i, text in enumerate(some):
            seed = texts.setdefault(text, len(texts))
            found[i] = rows[seed * 7919 % n_rows] + 0.1
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    CLIPFeaturizer.transform = lambda self, X: rows[: len(X)]
    CLIPFeaturizer.encode_texts = lambda self, some: encode(some)
    print(f"{n_labels:,} labels, {n_rows:,} rows of {width}, {n_captions:,} captions")
    for way, prior in (("scores", None), ("images", None), ("captions", None)):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        model = ZeroShotClassifier(names, clip, adapt=way, prior=prior, top_k=5)
        if way == "captions":
            model.set_params(captions=captions)
        model.fit(rows)
        took = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"fit, {way}: {took:.0f} s of processor time, peak of the process "
            f"{peak / 2**10:,.0f} MB (+{(peak - before) / 2**10:,.0f}); all scores "
            f"would take {n_rows * n_labels * 4 / 2**20:,.0f} MB",
            flush=True,
        )
        start = time.process_time()
        model.predict(rows[:2000])
        print(f"predict 2,000 rows: {time.process_time() - start:.1f} s", flush=True)


def main():
    """Run the study."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="dev", choices=["dev", "test"])
    parser.add_argument("--constants", action="store_true")
    parser.add_argument("--rows", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--suggest", action="store_true")
    options = parser.parse_args()
    if options.suggest:
        suggest(options.split)
        return
    if options.memory:
        many_labels()
        return
    for name, data in read_data(options.split).items():
        print(f"\n{name:<36}" + "".join(f"{column:>9}" for column in COLUMNS))
        if options.constants:
            try_constants(*data)
        elif options.rows:
            by_rows(*data, options.seeds)
        else:
            compare(*data)


if __name__ == "__main__":
    main()
