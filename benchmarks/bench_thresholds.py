"""Exact cuts against a grid of 100 thresholds scored by scikit-learn.

Prints the time and the macro F1 of both searches and their ratio, which has to be at
least 50, the exact score never being the lower one. The grid is timed on a part of
the labels, on which both are then compared, and its time is scaled to all of them.

    python benchmarks/bench_thresholds.py --grid-labels 4
"""

import argparse
import time

import numpy as np
from sklearn.metrics import f1_score

from sklearn_clip.thresholds._objective import AVERAGES
from sklearn_clip.thresholds._search import STRATEGIES, find_cuts


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
            f1_score(targets[:, label], scores[:, label] >= cut, zero_division=0)
            for cut in grid
        ]
        best.append(grid[int(np.argmax(found))])
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
    cuts = find_cuts(scores, targets)
    exact_time = time.perf_counter() - start

    part = np.linspace(0, options.labels - 1, options.grid_labels).astype(int)
    start = time.perf_counter()
    grid_cuts = search_grid(scores[:, part], targets[:, part], options.grid_points)
    grid_time = (time.perf_counter() - start) * options.labels / len(part)

    exact, grid = (
        f1_score(targets[:, part], scores[:, part] >= t, average=None)
        for t in (cuts[part], grid_cuts)
    )
    print(f"macro F1 of the {len(part)} labels that the grid is timed on:")
    print(f"  exact           {exact_time:8.2f} s   {exact.mean():.6f}")
    print(f"  grid, scaled    {grid_time:8.2f} s   {grid.mean():.6f}")
    print(f"ratio {grid_time / exact_time:.0f}x (bound: at least 50x)")
    print(f"labels with a lower exact score: {(exact < grid).sum()} of {len(part)}")
    print("seconds of the other exact searches:")
    for strategy in STRATEGIES:
        for average in AVERAGES:
            start = time.perf_counter()
            find_cuts(scores, targets, average=average, strategy=strategy)
            print(f"  {strategy:9} {average:8} {time.perf_counter() - start:6.2f}")


if __name__ == "__main__":
    main()
