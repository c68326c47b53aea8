"""Exact thresholds against two searches over 100 thresholds with scikit-learn.

One is a loop over `f1_score`, the other `TunedThresholdClassifierCV` on prefit scores.
Prints the time and the macro F1 of each and the ratios, which have to be at least 50,
the exact score never being the lower one. The searches of scikit-learn are timed on a
part of the labels, on which all are then compared, and scaled to all of them.

    python benchmarks/bench_thresholds.py --grid-labels 4

The other table is of thousands of labels, most of them rare, with and without
shrinkage. Every fit has a process of its own, whose memory is watched while it runs;
builds take turns, the median of rounds counts, and what they learn is compared.

    git worktree add ../before 79ab1b3
    python benchmarks/bench_thresholds.py --many-labels --before ../before
    python benchmarks/bench_thresholds.py --many-labels --sizes 20000,5000 --rounds 1
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_scale import HERE, watched
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score
from sklearn.model_selection import TunedThresholdClassifierCV

MANY = ["5000,2000"]
LEARNT = ("thresholds_", "shrinkage_", "best_score_", "cv_score_")


def make_scores(n_rows, n_labels, seed):
    """Draw calibrated probabilities and labels from 0.5 % to 40 % frequent."""
    rng = np.random.default_rng(seed)
    rate = np.geomspace(0.005, 0.4, n_labels)
    logits = rng.normal(np.log(rate / (1 - rate)), 2.0, size=(n_rows, n_labels))
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return scores, rng.random((n_rows, n_labels), dtype=np.float32) < scores


def search_grid(scores, targets, n_points):
    """Best of `n_points` thresholds for each label."""
    grid = np.linspace(0, 1, n_points)
    best = []
    for label in range(scores.shape[1]):
        found = [
            f1_score(targets[:, label], scores[:, label] >= threshold, zero_division=0)
            for threshold in grid
        ]
        best.append(grid[int(np.argmax(found))])
    return np.array(best)


class GivenScores(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are X: of labels, or of one binary y."""

    def fit(self, X, y):
        """Note the classes."""
        y = np.asarray(y)
        both = np.array([0, 1])
        self.classes_ = both if y.ndim == 1 else [both] * y.shape[1]
        return self

    def predict_proba(self, X):
        """Give X as it is, or both columns of a binary target."""
        return X if isinstance(self.classes_, list) else np.hstack([1 - X, X])


def search_tuned(scores, targets, n_points):
    """Do what `search_grid` does with scikit-learn's meta-estimator."""
    best = []
    for label in range(scores.shape[1]):
        X, y = scores[:, [label]], targets[:, label].astype(int)
        tuned = TunedThresholdClassifierCV(
            GivenScores().fit(X, y),
            scoring="f1",
            thresholds=n_points,
            cv="prefit",
            refit=False,
        )
        best.append(tuned.fit(X, y).best_threshold_)
    return np.array(best)


def compare_searches(options):
    """Print how exact searches and grids of scikit-learn do, and what they take."""
    from sklearn_clip import ThresholdOptimizer
    from sklearn_clip.thresholds._objective import AVERAGES
    from sklearn_clip.thresholds._search import STRATEGIES, find_thresholds

    scores, targets = make_scores(options.rows, options.labels, options.seed)
    print(f"{options.rows:,} rows, {options.labels} labels, float32 scores")

    start = time.perf_counter()
    thresholds = find_thresholds(scores, targets)
    exact_time = time.perf_counter() - start

    part = np.linspace(0, options.labels - 1, options.grid_labels).astype(int)
    print(f"macro F1 of the {len(part)} labels that the others are timed on:")
    how = {"average": None, "zero_division": 0}
    exact = f1_score(targets[:, part], scores[:, part] >= thresholds[part], **how)
    print(f"  exact thresholds           {exact_time:8.2f} s   {exact.mean():.6f}")
    others = {
        "grid of f1_score": search_grid,
        "TunedThresholdClassifierCV": search_tuned,
    }
    for name, search in others.items():
        start = time.perf_counter()
        found = search(scores[:, part], targets[:, part], options.grid_points)
        seconds = (time.perf_counter() - start) * options.labels / len(part)
        scored = f1_score(targets[:, part], scores[:, part] >= found, **how)
        print(
            f"  {name:26} {seconds:8.2f} s   {scored.mean():.6f}   "
            f"{seconds / exact_time:.0f}x (bound: at least 50x), "
            f"{(exact < scored).sum()} labels where it is better"
        )
    print("seconds of ThresholdOptimizer(cv='prefit').fit, all included:")
    X, Y = scores.astype(np.float64), targets.astype(np.int64)
    for shrinkage in (None, "auto"):
        tuned = ThresholdOptimizer(
            GivenScores().fit(X, Y), cv="prefit", shrinkage=shrinkage
        )
        start = time.perf_counter()
        tuned.fit(X, Y)
        print(f"  shrinkage={shrinkage!s:6} {time.perf_counter() - start:6.2f}")
    print("seconds of the other exact searches:")
    for strategy in STRATEGIES:
        for average in AVERAGES:
            start = time.perf_counter()
            find_thresholds(scores, targets, average=average, strategy=strategy)
            print(f"  {strategy:9} {average:8} {time.perf_counter() - start:6.2f}")


def make_rare(n_rows, n_labels, seed, n_tags=5):
    """Draw float32 probabilities, and for each row its tags, some far more popular."""
    rng = np.random.default_rng(seed)
    popular = -0.6 * np.log(np.arange(n_labels) + 5.0)
    scores = np.empty((n_rows, n_labels), dtype=np.float32)
    targets = np.zeros((n_rows, n_labels), dtype=np.int8)
    for start in range(0, n_rows, 1000):
        rows = slice(start, start + 1000)
        logits = 1.5 * rng.standard_normal(scores[rows].shape) + popular
        drawn = logits + rng.gumbel(size=logits.shape)
        tags = np.argpartition(-drawn, n_tags, axis=1)[:, :n_tags]
        np.put_along_axis(targets[rows], tags, 1, axis=1)
        scores[rows] = 1 / (1 + np.exp(-logits))
    return scores, targets


def fit_once(build, folder, shrinkage):
    """Fit, in this process, and print what it took; what it learnt is saved."""
    sys.path.insert(0, build)
    from sklearn_clip import ThresholdOptimizer
    from sklearn_clip.heads import PrecomputedScores

    scores, targets = np.load(folder / "scores.npy"), np.load(folder / "targets.npy")
    tuned = ThresholdOptimizer(
        PrecomputedScores(), shrinkage=None if shrinkage == "None" else shrinkage
    )
    tuned.fit(scores[:300, :50], targets[:300, :50])  # imports, which are not measured
    with watched() as found:
        tuned.fit(scores, targets)
    np.savez(folder / "learnt.npz", **{name: getattr(tuned, name) for name in LEARNT})
    print(json.dumps(found))


def measure(build, folder, shrinkage):
    """Fit in a process of its own; give what it took and what it learnt."""
    command = [sys.executable, __file__, "--fit", str(build), str(folder), shrinkage]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with np.load(folder / "learnt.npz") as learnt:
        return json.loads(done.stdout.splitlines()[-1]), dict(learnt)


def compare_builds(options):
    """Measure builds in turn; print a table, and the ratio of the first to the last."""
    builds = {"now": HERE}
    if options.before:
        builds = {"before": options.before.resolve(), **builds}
    for size in options.sizes:
        n_rows, n_labels = map(int, size.split(","))
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            scores, targets = make_rare(n_rows, n_labels, options.seed)
            np.save(folder / "scores.npy", scores)
            np.save(folder / "targets.npy", targets)
            print(
                f"{n_rows:,} rows, {n_labels:,} labels with a median of "
                f"{np.median(targets.sum(axis=0)):.0f} positives; the scores are "
                f"{8e-6 * scores.size:,.0f} MB as float64"
            )
            del scores, targets
            for shrinkage in ("auto", "None"):
                taken, learnt = {name: [] for name in builds}, {}
                for _ in range(options.rounds):
                    for name, build in builds.items():
                        found, learnt[name] = measure(build, folder, shrinkage)
                        taken[name].append(list(found.values()))
                middle = {
                    name: np.median(rounds, axis=0) for name, rounds in taken.items()
                }
                print(f"  shrinkage={shrinkage}")
                for name, (wall, processor, memory) in middle.items():
                    print(
                        f"    {name:7} {wall:7.2f} s, {processor:7.2f} s of the "
                        f"processor, {memory:6,.0f} MB",
                        flush=True,
                    )
                if len(builds) > 1:
                    old, new = middle.values()
                    differ = [
                        name
                        for name in LEARNT
                        if not np.array_equal(*(each[name] for each in learnt.values()))
                    ]
                    print(
                        f"    {old[0] / new[0]:.1f}x faster (processor "
                        f"{old[1] / new[1]:.1f}x), memory {new[2] / old[2]:.2f}x; "
                        f"{', '.join(differ) or 'nothing'} differs of what is learnt"
                    )


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--grid-points", type=int, default=100)
    parser.add_argument("--grid-labels", type=int, default=4, help="labels timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--many-labels", action="store_true", help="the other table")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier build")
    parser.add_argument("--sizes", nargs="*", default=MANY, help="rows,labels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        fit_once(options.fit[0], Path(options.fit[1]), options.fit[2])
    elif options.many_labels:
        compare_builds(options)
    else:
        compare_searches(options)


if __name__ == "__main__":
    main()
