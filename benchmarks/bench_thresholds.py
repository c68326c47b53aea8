"""Exact thresholds against two searches over 100 thresholds with scikit-learn.

One is a loop over `f1_score`, the other `TunedThresholdClassifierCV` on prefit scores.
Prints the time and the macro F1 of each and the ratios, which have to be at least 50,
the exact score never being the lower one. The searches of scikit-learn are timed on a
part of the labels, on which all are then compared, and scaled to all of them.

    python benchmarks/bench_thresholds.py --grid-labels 4
"""

import argparse
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score
from sklearn.model_selection import TunedThresholdClassifierCV

from sklearn_clip import ThresholdOptimizer
from sklearn_clip.thresholds._objective import AVERAGES
from sklearn_clip.thresholds._search import STRATEGIES, find_thresholds


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


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--grid-points", type=int, default=100)
    parser.add_argument("--grid-labels", type=int, default=4, help="labels timed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
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


if __name__ == "__main__":
    main()
