"""GAP, GAP@k and mAP over many rows, against scikit-learn's average precision.

scikit-learn is timed on a part of the rows, on which both are then compared; its time
grows faster than their number, so the ratio is a lower bound. The calibration error of
all entries is timed beside scikit-learn's calibration curve, whose bins have equal
numbers as well. Then the time of 1,000 resamples of rows, in evaluations of the same
metric on the same scores.

    python benchmarks/bench_metrics.py --part 0.1
"""

import argparse
import time

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score

from sklearn_clip.metrics import (
    bootstrap_interval,
    expected_calibration_error,
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
    weights = np.random.default_rng(options.seed).random(options.rows) + 0.5
    value, seconds = timed(
        global_average_precision_score, targets, scores, sample_weight=weights
    )
    print(f"  GAP     {value:.6f} {seconds:7.2f} s, with row weights")
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
    time_bins(*part)
    time_resamples(options.seed)


def time_bins(targets, scores, n_bins=15):
    """Time the calibration error of all entries beside scikit-learn's bins."""
    start = time.process_time()
    error = expected_calibration_error(
        targets, scores, n_bins=n_bins, average="micro", debiased=False
    )
    fast = time.process_time() - start
    start = time.process_time()
    share, predicted = calibration_curve(
        targets.ravel(), scores.ravel(), n_bins=n_bins, strategy="quantile"
    )
    slow = time.process_time() - start
    # Its bins are as large as each other but for a few entries.
    difference = abs(error - np.abs(share - predicted).mean())
    print(
        f"  calibration {slow:6.2f} s and {fast:6.2f} s of the processor: "
        f"{slow / fast:.1f}x, {fast / scores.size * 1e9:.0f} ns an entry, difference "
        f"{difference:.0e}"
    )


def time_resamples(seed, n_rounds=5):
    """Time 1,000 resamples of 10,000 rows of 100 labels beside one evaluation."""
    targets, scores = make_problem(10_000, 100, seed)
    scores = scores.astype(np.float64)
    print(
        "10,000 rows, 100 labels, float64 scores, medians; 1,000 resamples beside one:"
    )
    for name, metric, kwargs in [
        ("mAP", macro_average_precision_score, {}),
        ("GAP", global_average_precision_score, {}),
        ("GAP@5", global_average_precision_score, {"k": 5}),
    ]:
        times = []
        for _ in range(n_rounds):
            _, one = timed(metric, targets, scores, **kwargs)
            _, many = timed(
                bootstrap_interval, metric, targets, scores, random_state=0, **kwargs
            )
            times.append((one, many))
        one, many = np.median(times, axis=0)
        print(f"  {name:5} {one:6.3f} s and {many:5.2f} s: {many / one:.1f}x")


if __name__ == "__main__":
    main()
