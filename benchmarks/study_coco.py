"""Heads, fusions and losses on captioned COCO images: the ablation of Guo 2024.

For whoever has the images; the weights are those of open_clip. The task follows
arXiv:2406.16141: 30,000 captioned images of COCO and 18 labels, which are taken to be
the categories with ids 1 to 19 (COCO has no 12). Their own split is not public, so the
figures can be compared with one another alone.

Images and captions are embedded once, into ``--cache``. Each candidate of
`study_heads.py` (heads on concat; fusions under the linear head and the MLP; losses
under the MLP) is fitted once on most of the training rows. The rest, ``--held-out``,
chooses the cuts and orders the table; the test split is scored once. GAP@k pools the k
best labels of each row.

With ``--regions pyramid`` (or another of `CLIPFeaturizer`) the images alone follow: the
linear head and the labels in words, on the whole image and with its regions, each of
which is encoded once, too. They are the rows of the slice "regions". Annotations of
other data sets in COCO's format are read as well, VOC's among them.

    python benchmarks/study_coco.py --coco ~/coco --cache ~/coco-embeddings
    python benchmarks/study_coco.py --coco ~/coco --model ViT-L-14 --pretrained openai
    python benchmarks/study_coco.py --coco ~/coco --regions pyramid
"""

import argparse
import csv
import io
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from study_heads import make_candidates, write_value

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    RegionClassifier,
    ThresholdOptimizer,
    ZeroShotClassifier,
    multilabel_train_test_split,
)
from sklearn_clip.datasets import load_coco
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
    masked_f1_score,
)

SLOW = {"one-vs-rest", "chain", "forest"}
AVERAGES = ("micro", "macro")
WIDTHS = 8, 14, 15, 20


def make_header(k):
    """Names of the columns."""
    f1 = [f"{average}-F1 {cut}" for cut in ("at 0.5", "tuned") for average in AVERAGES]
    figures = ["held-out mAP", "mAP", f"GAP@{k}", *f1, "fit s", "kB"]
    return ["slice", "head", "fusion", "loss", *figures]


def choose_rows(split, n_labels, n_rows, rng):
    """Rows with one of the first labels, at most so many, and their labels."""
    target = split.target[:, :n_labels]
    rows = np.flatnonzero(target.any(axis=1))
    if n_rows is not None and n_rows < len(rows):
        rows = np.sort(rng.choice(rows, n_rows, replace=False))
    return split.data[rows], target[rows]


def score_candidate(head, features, targets, k):
    """Fit on train, choose cuts on held-out rows, score on test.

    Parameters
    ----------
    head : classifier
    features, targets : tuple of three ndarray
        Of the train, held-out and test rows.
    k : int
        Labels of a row that count in GAP@k.

    Returns
    -------
    list of float
        As in the header, from the held-out mAP on.
    """
    start = time.perf_counter()
    head = clone(head).fit(features[0], targets[0])
    seconds = time.perf_counter() - start
    file = io.BytesIO()
    joblib.dump(head, file, compress=3)
    plain, tuned = head.predict(features[2]), []
    for average in AVERAGES:
        cuts = ThresholdOptimizer(head, cv="prefit", average=average)
        labels = cuts.fit(features[1], targets[1]).predict(features[2])
        tuned.append(f1_score(targets[2], labels, average))
    scores = [cuts.predict_proba(X) for X in features[1:]]
    return [
        macro_average_precision_score(targets[1], scores[0]),
        macro_average_precision_score(targets[2], scores[1]),
        global_average_precision_score(targets[2], scores[1], k=k),
        *(f1_score(targets[2], plain, average) for average in AVERAGES),
        *tuned,
        seconds,
        file.tell() / 1000,
    ]


def f1_score(Y, labels, average):
    """F1; a label that nothing has and nobody predicted counts as 0."""
    return masked_f1_score(Y, labels, average=average, zero_division=0)


def measure(clip, data, targets, candidates, k, report):
    """Score all candidates; each fusion is made once from what the store holds."""
    table, made = [], {}
    for slices, name, fusion, loss, head in sorted(candidates, key=lambda row: row[2]):
        if fusion not in made:
            by_fusion = clone(clip).set_params(fusion=fusion)
            made = {fusion: [by_fusion.transform(rows) for rows in data]}
        found = score_candidate(head, made[fusion], targets, k)
        table += [[part, name, fusion, loss, *found] for part in slices]
        report(table[-1])
    return sorted(table, key=lambda row: (row[0], -row[4]))


def measure_regions(clip, data, targets, names, regions, k, report):
    """Score images alone, as wholes and with their regions, by a head and in words.

    Parameters
    ----------
    clip : CLIPFeaturizer
    data, targets : tuple of three ndarray
        Rows and labels of train, held-out and test.
    names : list of str
        The labels.
    regions : str
        Regions of the featurizer.
    k : int
        Labels of a row that count in GAP@k.
    report : callable
        Takes each row of the table as it is made.

    Returns
    -------
    list of list
        Rows of the table.
    """
    table = []
    linear = MultiLabelLogisticRegression(C=5)
    for kind in (None, regions):
        images = clone(clip).set_params(text=None, fusion="image", regions=kind)
        made = [images.transform(rows[:, 0]) for rows in data]
        heads = {"linear": linear}
        if kind is not None:
            heads = {
                f"linear, {fit_on}": RegionClassifier(
                    linear, fit_on=fit_on, random_state=0
                )
                for fit_on in ("global", "all")
            }
        found = [(name, head, made) for name, head in heads.items()]
        pictures = [rows[:, 0] for rows in data]
        found.append(("zero-shot", ZeroShotClassifier(names, images), pictures))
        for name, head, rows in found:
            scores = score_candidate(head, rows, targets, k)
            loss = "-" if name == "zero-shot" else "bce"
            table.append(["regions", name, kind or "image", loss, *scores])
            report(table[-1])
    return sorted(table, key=lambda row: -row[4])


def print_row(row, header):
    """Print one row, aligned with those before and after it."""
    texts = [write_value(name, value) for name, value in zip(header, row, strict=True)]
    left = [text.ljust(width) for text, width in zip(texts[:4], WIDTHS, strict=True)]
    right = [
        text.rjust(max(len(name), 6))
        for text, name in zip(texts[4:], header[4:], strict=True)
    ]
    print("  ".join([*left, *right]), flush=True)


def prepare(options):
    """Embed all rows once; return featurizer, data, targets, prompts and names."""
    rng = np.random.default_rng(0)
    train, test = (
        load_coco(options.coco, split=split, captions=options.captions)
        for split in (options.train, options.test)
    )
    names = train.target_names[: options.labels]
    rows, Y = choose_rows(train, options.labels, options.rows, rng)
    rows, held, Y, Y_held = multilabel_train_test_split(
        rows, y=Y, test_size=options.held_out, random_state=0
    )
    rows_test, Y_test = choose_rows(test, options.labels, None, rng)
    clip = CLIPFeaturizer(
        options.model, options.pretrained, cache=options.cache, verbose=1
    )
    data = rows, held, rows_test
    for part in data:
        clip.precompute(part)
    prompts = clip.encode_texts([f"a photo of a {name}" for name in names])
    return clip.set_params(verbose=0), data, (Y, Y_held, Y_test), prompts, names


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coco", type=Path, required=True, help="folder of COCO")
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--pretrained", default="datacomp_xl_s13b_b90k")
    parser.add_argument("--train", default="train2017", help="split to learn from")
    parser.add_argument("--test", default="val2017", help="split to score")
    parser.add_argument("--captions", default="first", choices=("first", "joined"))
    parser.add_argument("--rows", type=int, default=30_000, help="at most")
    parser.add_argument("--labels", type=int, default=18, help="the first categories")
    parser.add_argument("--held-out", type=float, default=0.2, help="for the cuts")
    parser.add_argument("--k", type=int, default=10, help="of GAP@k")
    parser.add_argument("--cache", default="auto", help="folder to keep embeddings in")
    parser.add_argument("--quick", action="store_true", help="a part of the candidates")
    parser.add_argument("--regions", help="also images with these regions")
    parser.add_argument(
        "--slow", action="store_true", help=f"also {', '.join(sorted(SLOW))}"
    )
    parser.add_argument("--out", type=Path, help="CSV file of the table")
    return parser.parse_args()


def main():
    """Run the study."""
    options = parse_arguments()
    start = time.perf_counter()
    clip, data, targets, prompts, names = prepare(options)
    seconds = time.perf_counter() - start
    sizes = " + ".join(f"{len(rows):,}" for rows in data)
    print(f"{sizes} rows (train, held out, test) embedded in {seconds:.0f} s")
    print(f"{len(names)} labels: {', '.join(names)}")
    for part, Y in zip(("held-out", "test"), targets[1:], strict=True):
        absent = [
            name
            for name, any_of in zip(names, Y.any(axis=0), strict=True)
            if not any_of
        ]
        if absent:
            print(f"not in the {part} rows and their mAP: {', '.join(absent)}")
    print(flush=True)
    warnings.simplefilter("ignore", UndefinedMetricWarning)
    candidates = [
        row
        for row in make_candidates(prompts, options.quick)
        if options.slow or row[1] not in SLOW
    ]
    header = make_header(options.k)
    print_row(header, header)
    table = measure(
        clip, data, targets, candidates, options.k, lambda row: print_row(row, header)
    )
    if options.regions:
        table += measure_regions(
            clip,
            data,
            targets,
            names,
            options.regions,
            options.k,
            lambda row: print_row(row, header),
        )
    print("\nBest held-out mAP of each slice first:\n")
    print_row(header, header)
    for row in table:
        print_row(row, header)
    if options.out:
        with open(options.out, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *table])
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
