"""Heads, fusions, losses and cuts on clip art: one grid search over cached features.

The full product would mostly repeat itself, so three slices through it are searched,
which meet in the plain choice (concat, BCE):

- heads: each on ``fusion="concat"`` with its own loss, and those that start from label
  prompts on pictures and on titles alone, as wide as a prompt;
- fusions: all of them under the linear head and under the MLP, which may or may not
  need a product of the modalities to be spelt out;
- losses: all ten under the MLP.

Every candidate is a `ThresholdOptimizer`, whose inner head is what the cut of 0.5 is
scored with, so that both cuts cost one fit. Folds keep groups whole; the test split is
scored once, after everything was chosen on folds. ``vs linear`` is the mean difference
of mAP to the exact linear head on the same features, fold by fold, with its standard
error; ``!`` marks what is worse by more than two of them. ``fit s`` holds one fit and
another, on three quarters of the rows, for the cuts.

    python benchmarks/study_heads.py --out study      # minutes on two quiet cores
    python benchmarks/study_heads.py --out study --quick
"""

import argparse
import csv
import io
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    ConstantSafeClassifier,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
    ThresholdOptimizer,
    TipAdapterClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import CLIPAdapterClassifier
from sklearn_clip.losses import LOSSES
from sklearn_clip.metrics import map_scorer, masked_f1_score

LINEAR, BASE = "logistic", ("logistic", "concat", "-")
FUSIONS = (
    "image",
    "text",
    "concat",
    "mean",
    "max",
    "product",
    "concat_product",
    "interaction",
)
MODULES = ("linear", "mlp", "gmlp", "gated", "attention", "cosine")
SCORES = ("map", "f1_at_half", "f1_tuned")
QUICK = {
    "heads": {"logistic", "k-NN", "mlp", "gmlp", "Tip-Adapter", "CLIP-Adapter"},
    "fusions": {"image", "text", "concat", "interaction"},
    "losses": {"bce", "asl", "zlpr"},
}
HEADER = [
    "slice",
    "head",
    "fusion",
    "loss",
    "mAP",
    "±",
    "vs linear",
    "±",
    "",
    "F1 at 0.5",
    "F1 tuned",
    "±",
    "test mAP",
    "test F1 at 0.5",
    "test F1 tuned",
    "fit s",
    "kB",
]


def make_net(module, loss="bce", **parameters):
    """Make a net with its defaults, on the CPU like the other heads."""
    return MultiLabelNet(
        module, criterion=loss, device="cpu", random_state=0, **parameters
    )


def make_candidates(prompts, quick):
    """List (slices, head, fusion, loss, classifier), every combination once."""
    plain = {
        LINEAR: MultiLabelLogisticRegression(C=5),
        "one-vs-rest": OneVsRestClassifier(LogisticRegression(C=5, max_iter=300)),
        "chain": ClassifierChain(
            ConstantSafeClassifier(LogisticRegression(C=5, max_iter=300)),
            order="random",
            random_state=0,
        ),
        "k-NN": KNeighborsClassifier(15, weights="distance", metric="cosine"),
        "forest": RandomForestClassifier(200, min_samples_leaf=2, random_state=0),
    } | {module: make_net(module) for module in MODULES}
    from_prompts = {
        LINEAR: plain[LINEAR],
        "cosine": make_net("cosine", module__init=prompts),
        "Tip-Adapter": TipAdapterClassifier(prompts),
        "CLIP-Adapter": CLIPAdapterClassifier(prompts, device="cpu", random_state=0),
    }
    found = [("heads", name, "concat", head) for name, head in plain.items()]
    found += [
        ("heads", name, fusion, head)
        for fusion in ("image", "text")
        for name, head in from_prompts.items()
    ]
    found += [
        ("fusions", name, fusion, plain[name])
        for name in (LINEAR, "mlp")
        for fusion in FUSIONS
    ]
    rows = {}
    for part, name, fusion, head in found:
        loss = "bce" if isinstance(head, MultiLabelNet) else "-"
        rows.setdefault((name, fusion, loss), ([], head))[0].append(part)
    for loss in LOSSES:
        key = "mlp", "concat", loss
        rows.setdefault(key, ([], make_net("mlp", loss)))[0].append("losses")
    candidates = [(parts, *key, head) for key, (parts, head) in rows.items()]
    if not quick:
        return candidates
    return [
        row
        for row in candidates
        if row[1] in QUICK["heads"]
        and row[2] in QUICK["fusions"]
        and row[3] in QUICK["losses"] | {"-"}
    ]


def f1_tuned(model, X, Y):
    """Macro-F1 of the tuned cuts."""
    return masked_f1_score(Y, model.predict(X), zero_division=0)


def f1_at_half(model, X, Y):
    """Macro-F1 of the head as it is, which the tuned cuts are laid on."""
    labels = model[-1].estimator_.predict(model[:-1].transform(X))
    return masked_f1_score(Y, labels, zero_division=0)


SCORERS = {"map": map_scorer, "f1_at_half": f1_at_half, "f1_tuned": f1_tuned}


def search_grid(pipe, candidates, train, n_folds):
    """Run the search; return the scores (n_candidates, 3, n_folds) and fit times."""
    grid = [
        {"clip__fusion": [fusion], "cuts__estimator": [head]}
        for _, _, fusion, _, head in candidates
    ]
    folds = MultiLabelStratifiedGroupKFold(n_folds, random_state=0)
    search = GridSearchCV(
        pipe, grid, scoring=SCORERS, refit=False, cv=folds, n_jobs=2, verbose=1
    )
    search.set_params(error_score="raise")
    found = search.fit(train.data, train.target, groups=train.groups).cv_results_
    scores = [
        [found[f"split{fold}_test_{name}"] for fold in range(n_folds)]
        for name in SCORES
    ]
    return np.array(scores).transpose(2, 0, 1), found["mean_fit_time"]


def score_test(pipe, fusion, head, train, test):
    """Fit on all of the training split; return the test scores and the size in kB."""
    model = clone(pipe).set_params(clip__fusion=fusion, cuts__estimator=head)
    model.fit(train.data, train.target)
    file = io.BytesIO()
    joblib.dump(model[-1], file)
    scores = [SCORERS[name](model, test.data, test.target) for name in SCORES]
    return *scores, file.tell() / 1000


def make_table(candidates, scores, times, tests):
    """Rows of `HEADER`, one for every slice a candidate is in."""
    precision = {row[1:4]: scores[i, 0] for i, row in enumerate(candidates)}
    table = []
    for row, (ap, half, tuned), seconds, test in zip(
        candidates, scores, times, tests, strict=True
    ):
        gap = ap - precision.get((LINEAR, row[2], "-"), precision[BASE])
        error = gap.std(ddof=1) / np.sqrt(len(gap))
        mark = "!" if gap.mean() < -2 * error else ""
        numbers = ap.mean(), ap.std(ddof=1), gap.mean(), error, mark
        numbers += half.mean(), tuned.mean(), tuned.std(ddof=1)
        numbers += *test[:3], seconds, test[3]
        table += [[part, *row[1:4], *numbers] for part in row[0]]
    return table


def write_value(name, value):
    """One cell as text."""
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if name == "kB" else f"{value:.{1 if ' s' in name else 3}f}"


def print_table(table):
    """Print aligned columns, the best mAP over folds of each slice first."""
    table = sorted(table, key=lambda row: (row[0], -row[4]))
    texts = [HEADER] + [
        [write_value(name, value) for name, value in zip(HEADER, row, strict=True)]
        for row in table
    ]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        cells = [
            text.ljust(width) if i < 4 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def draw(table, path):
    """Draw mAP and macro-F1 of the slices, folds and test, if matplotlib is there."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no figure: matplotlib is not installed")
        return
    slices = list(dict.fromkeys(row[0] for row in table))
    sizes = [sum(row[0] == name for row in table) for name in slices]
    figure = Figure(figsize=(11, 1.5 + 0.27 * sum(sizes)), layout="constrained")
    axes = figure.subplots(
        len(slices), 2, squeeze=False, sharex="col", height_ratios=sizes
    )
    for name, (left, right) in zip(slices, axes, strict=True):
        rows = sorted((r for r in table if r[0] == name), key=lambda row: row[4])
        places = range(len(rows))
        columns = dict(zip(range(len(HEADER)), zip(*rows, strict=True), strict=True))
        left.errorbar(columns[4], places, xerr=columns[5], fmt="o", label="folds, ± sd")
        left.plot(columns[12], places, "kx", label="test")
        left.set_yticks(
            places, [" · ".join(row[1:4]).removesuffix(" · -") for row in rows]
        )
        left.set_title(name, loc="left")
        right.plot(columns[9], places, "o", mfc="none", label="cut at 0.5, folds")
        right.errorbar(
            columns[10], places, xerr=columns[11], fmt="o", label="tuned, ± sd"
        )
        right.plot(columns[14], places, "kx", label="tuned, test")
        right.set_yticks(places, [])
        for ax in (left, right):
            ax.grid(axis="x", alpha=0.3)
            ax.set_ylim(-0.6, len(rows) - 0.4)
    axes[-1, 0].set_xlabel("macro mAP")
    axes[-1, 1].set_xlabel("macro-F1")
    for ax in axes[0]:
        ax.legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=110)


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("study_heads"))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--cache", default="auto", help="folder to keep embeddings in")
    parser.add_argument("--quick", action="store_true", help="a part, in a minute")
    options = parser.parse_args()
    start = time.perf_counter()
    train, test = load_clipart(split="train"), load_clipart(split="test")
    clip = CLIPFeaturizer("clipart-tiny", cache=options.cache)
    clip.precompute(train.data).precompute(test.data)
    prompts = clip.encode_texts([f"clip art of {name}" for name in train.target_names])
    print(f"embedded once in {time.perf_counter() - start:.0f} s", flush=True)

    cuts = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=0.25, random_state=0)
    pipe = Pipeline([("clip", clip), ("cuts", cuts)])
    candidates = make_candidates(prompts, options.quick)
    n_folds = 2 if options.quick else options.folds
    scores, times = search_grid(pipe, candidates, train, n_folds)
    tests = joblib.Parallel(n_jobs=2)(
        joblib.delayed(score_test)(pipe, row[2], row[4], train, test)
        for row in candidates
    )
    table = make_table(candidates, scores, times, tests)
    print_table(table)
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "heads.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *table])
    draw(table, options.out / "heads.png")
    print(f"{time.perf_counter() - start:.0f} s, written to {options.out}")


if __name__ == "__main__":
    main()
