"""How often bootstrap intervals hold the truth.

The truth is the metric on a large pool of rows of a known kind; test sets are drawn
from it. Printed are the truth and the mean over the test sets (average precision of few
positives is too high, on average), the share of test sets whose interval holds the
truth, and how often the permutation test calls two equal classifiers different.

    python benchmarks/study_intervals.py
"""

import argparse
import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip.metrics import (
    bootstrap_interval,
    compare,
    global_average_precision_score,
    macro_average_precision_score,
    masked_f1_score,
)

METRICS = {
    "mAP": (macro_average_precision_score, False, {}),
    "GAP": (global_average_precision_score, False, {}),
    "GAP@3": (global_average_precision_score, False, {"k": 3}),
    "F1 macro": (masked_f1_score, True, {}),
    "F1 micro": (masked_f1_score, True, {"average": "micro"}),
    "F1 samples": (masked_f1_score, True, {"average": "samples"}),
}


def make_pool(rng, n_rows, shares):
    """Draw targets, and the scores of two classifiers that are equally good."""
    logits = np.log(shares / (1 - shares))
    common = rng.normal(size=(n_rows, 1))  # labels of a row are not independent
    signal = logits + common + rng.normal(size=(n_rows, len(shares)))
    targets = rng.random(signal.shape) < 1 / (1 + np.exp(-2 * signal))
    noise = rng.normal(size=(2, *signal.shape))
    return targets, 1 / (1 + np.exp(-(signal + noise)))


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--pool", type=int, default=200_000)
    options = parser.parse_args()
    # Of labels without a positive in a small test set.
    warnings.simplefilter("ignore", UndefinedMetricWarning)
    rng = np.random.default_rng(0)
    targets, (a, b) = make_pool(rng, options.pool, np.geomspace(0.02, 0.3, 8))
    print("share of intervals at 0.95 that hold the truth; equal ones called different")
    heads = ("truth", "mean", "percentile", "bca", "p <= 0.05")
    print(f"{'':11} {'rows':>5}" + "".join(f"{head:>11}" for head in heads))
    for name, (metric, cut, kwargs) in METRICS.items():
        responses = [(x > 0.4 if cut else x) for x in (a, b)]
        truth = metric(targets, responses[0], **kwargs)
        for n_rows in (200, 1000):
            held, called = {"percentile": 0, "bca": 0}, 0
            estimates = []
            for draw in range(options.draws):
                rows = rng.integers(options.pool, size=n_rows)
                one, two = (response[rows] for response in responses)
                own = {"random_state": draw, "n_resamples": 500, **kwargs}
                for method in held:
                    found = bootstrap_interval(
                        metric, targets[rows], one, method=method, **own
                    )
                    held[method] += found.low <= truth <= found.high
                estimates.append(found.estimate)
                own["n_resamples"] = 10
                found = compare(
                    metric, targets[rows], one, two, n_permutations=199, **own
                )
                called += found.p_value <= 0.05
            shares = [count / options.draws for count in (*held.values(), called)]
            row = (truth, np.mean(estimates), *shares)
            cells = "".join(f"{value:11.3f}" for value in row)
            print(f"{name:11} {n_rows:5}{cells}", flush=True)


if __name__ == "__main__":
    main()
