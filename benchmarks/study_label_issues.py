"""Wrong cells among the first that are listed, beside cleanlab on the same scores.

Cells of the clip art's training rows are turned wrong in four ways; a logistic head is
scored out of fold on what is then given, with groups kept together; and the same scores
are ranked by `find_label_issues`, with the rows' vectors and without, and by cleanlab's
multi-label functions. Printed is the precision among as many cells as were turned, mean
over seeds. The share is of all cells for "uniform", of those of the one annotator for
"annotator", of the label's positives for "missing", and of the rows with one of the two
labels for "pairs".

    python benchmarks/study_label_issues.py --peer venv/bin/python

cleanlab stands in an environment of its own (`pip install cleanlab==2.7.1`), whose
interpreter is named; without it the columns are ours alone.
"""

import argparse
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.review import find_label_issues

KINDS = ("uniform", "missing", "pairs", "annotator")
PEER = Path(__file__).with_name("_label_issue_peer.py")


def turn_wrong(Y, groups, kind, share, rng):
    """Return labels with errors, and who gave the labels of each row."""
    given = Y.copy()
    writers = np.zeros(len(Y), dtype=int)
    drawn = rng.random(Y.shape) < share
    if kind == "uniform":
        given[drawn] ^= 1
    elif kind == "missing":
        given[drawn & (Y == 1)] = 0
    elif kind == "pairs":
        order = rng.permutation(Y.shape[1])
        for one, other in zip(order[0::2], order[1::2], strict=False):
            rows = (Y[:, one] != Y[:, other]) & drawn[:, one]
            given[rows, one], given[rows, other] = Y[rows, other], Y[rows, one]
    else:
        # One of four has a quarter of the groups.
        names, number = np.unique(groups, return_inverse=True)
        writers = (rng.permutation(len(names)) % 4)[number]
        given[drawn & (writers == 0)[:, None]] ^= 1
    return given, writers


def score(X, given, groups, C, seed):
    """Score every row by a head that has not seen its group."""
    scores = np.empty(given.shape)
    folds = MultiLabelStratifiedGroupKFold(5, random_state=seed)
    for train, test in folds.split(X, given, groups):
        head = MultiLabelLogisticRegression(C=C).fit(X[train], given[train])
        scores[test] = head.predict_proba(X[test])
    return scores


def precision(rows, labels, wrong):
    """Share of wrong cells among the first as many as there are."""
    return wrong[rows, labels][: wrong.sum()].mean()


def ours(scores, X, given, groups, wrong, writers):
    """Precision of the ways to call our function."""
    options = {"groups": groups, "n": int(wrong.sum()), "n_nearest": 0}
    ways = {
        "ours, scores alone": (None, {}),
        "ours": (X, {}),
        "ours, annotators": (X, {"annotators": writers}),
    }
    found = {}
    for way, (rows, more) in ways.items():
        issues = find_label_issues(scores, rows, given, **options, **more)
        found[way] = precision(issues.rows, issues.labels, wrong)
    return found


def ask_peer(interpreter, cases):
    """Rank the cells of all cases with cleanlab."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "cells.npz"), Path(folder, "found.npz")
        np.savez(source, **cases)
        subprocess.run([interpreter, PEER, source, target], check=True)
        with np.load(target) as found:
            return dict(found)


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="python of the environment with cleanlab")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--C", type=float, default=1.0)
    parser.add_argument("--fusion", default="concat")
    parser.add_argument("--split", default="train")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.05, 0.1, 0.2])
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # labels scarcer than folds
    part = load_clipart(as_frame=True, split=options.split)
    X = CLIPFeaturizer("clipart-tiny", fusion=options.fusion).fit_transform(part.data)
    Y, groups = part.target.values, np.asarray(part.groups)
    results, cases, truth = {}, {}, {}
    for kind in KINDS:
        for share in options.shares:
            for number in range(options.seeds):
                seed = options.first_seed + number
                rng = np.random.default_rng(seed)
                given, writers = turn_wrong(Y, groups, kind, share, rng)
                wrong = given != Y
                scores = score(X, given, groups, options.C, seed)
                name = f"{kind}/{share:g}/{seed}"
                results[name] = ours(scores, X, given, groups, wrong, writers)
                cases |= {f"{name}/given": given, f"{name}/scores": scores}
                truth[name] = wrong
    if options.peer:
        for key, quality in ask_peer(options.peer, cases).items():
            name, _, way = key.rpartition("/")
            order = np.argsort(quality, axis=None, kind="stable")
            cells = np.unravel_index(order, quality.shape)
            results[name][f"cleanlab, {way}"] = precision(*cells, truth[name])
    ways = list(next(iter(results.values())))
    print("noise, share, cells | " + " | ".join(ways))
    for kind in KINDS:
        for share in options.shares:
            names = [name for name in results if name.startswith(f"{kind}/{share:g}/")]
            cells = np.mean([truth[name].sum() for name in names])
            means = [np.mean([results[name][way] for name in names]) for way in ways]
            print(
                f"{kind}, {share:.0%}, {cells:.0f} | "
                + " | ".join(f"{mean:.3f}" for mean in means)
            )


if __name__ == "__main__":
    main()
