"""GAP, GAP@k and mAP over many rows, against scikit-learn's average precision.

scikit-learn is timed on a part of the rows, on which both are then compared; its time
grows faster than their number, so the ratio is a lower bound.

    python benchmarks/bench_metrics.py --part 0.1
"""

import argparse
import time

import numpy as np
from sklearn.metrics import average_precision_score

from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)


def make_problem(n_rows, n_labels, seed):
    """Draw float32 scores and labels of which three in a hundred are set."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, n_labels), dtype=np.float32)
    return rng.random((n_rows, n_labels), dtype=np.float32) < 0.06 * scores, scores


def timed(metric, *args, **kwargs):
    """Value and seconds of one call."""
    start = time.perf_counter()
    value = metric(*args, **kwargs)
    return value, time.perf_counter() - start


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--part", type=float, default=0.1, help="rows for scikit-learn")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    targets, scores = make_problem(options.rows, options.labels, options.seed)
    print(f"{options.rows:,} rows, {options.labels} labels, float32 scores")
    for k in (None, 20, 5):
        value, seconds = timed(global_average_precision_score, targets, scores, k=k)
        print(f"  GAP{'' if k is None else f'@{k}':4} {value:.6f} {seconds:7.2f} s")
    value, seconds = timed(macro_average_precision_score, targets, scores)
    print(f"  mAP     {value:.6f} {seconds:7.2f} s")

    n_rows = max(1, int(options.rows * options.part))
    part = targets[:n_rows], scores[:n_rows]
    print(f"{n_rows:,} rows, scikit-learn beside ours:")
    for average, metric in [
        ("micro", global_average_precision_score),
        ("macro", macro_average_precision_score),
    ]:
        ours, fast = timed(metric, *part)
        theirs, slow = timed(average_precision_score, *part, average=average)
        print(
            f"  {average} {slow:7.2f} s and {fast:6.2f} s: {slow / fast:.1f}x, "
            f"difference {abs(ours - theirs):.0e}"
        )


if __name__ == "__main__":
    main()
