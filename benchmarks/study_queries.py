"""Macro-F1 against the number of cells that were asked, for every strategy.

The clip art's training rows are the pool, of which nothing is known; zero-shot scores
are the cold start. In rounds, cells are chosen and answered by the truth; a logistic
head with thresholds learns from all that is known, and is measured on the test rows.
Printed are means over seeds; how many cells each strategy needs for the scores that
random cells reach, as a share of theirs; and in how many rounds, of all seeds, it is
below random.

    python benchmarks/study_queries.py
"""

import argparse
import warnings

import numpy as np

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import masked_f1_score
from sklearn_clip.review import suggest_queries


def load():
    """Features and labels of both parts, and zero-shot scores of the pool."""
    parts = [load_clipart(as_frame=True, split=split) for split in ("train", "test")]
    clip = CLIPFeaturizer("clipart-tiny", fusion="concat")
    found = [(clip.fit_transform(part.data), part.target.values) for part in parts]
    both = CLIPFeaturizer("clipart-tiny", fusion="mean")
    words = ZeroShotClassifier(list(parts[0].target.columns), both).fit()
    return found, words.predict_proba(parts[0].data)


def ask(strategy, data, zero_shot, seed, step, rounds):
    """F1 of the test rows after every round."""
    (X, Y), (X_test, Y_test) = data
    known, tagger, found = np.full(Y.shape, np.nan), zero_shot, []
    for number in range(rounds):
        cells = suggest_queries(
            tagger,
            X,
            step,
            strategy=strategy,
            Y_known=known,
            cold_start=zero_shot,
            random_state=1000 * seed + number,
        )
        known[cells.rows, cells.labels] = Y[cells.rows, cells.labels]
        head = MultiLabelLogisticRegression(C=5)
        tagger = ThresholdOptimizer(head, random_state=0).fit(X, known)
        found.append(masked_f1_score(Y_test, tagger.predict(X_test), average="macro"))
    return found


def cells_needed(curve, cells, wanted):
    """Cells at which a curve first reaches a score, read off between its points."""
    best = np.maximum.accumulate(curve)
    if best[-1] < wanted:
        return np.nan
    after = int(np.argmax(best >= wanted))
    if after == 0:
        return cells[0]
    low, high = best[after - 1], best[after]
    part = (wanted - low) / (high - low)
    return cells[after - 1] + part * (cells[after] - cells[after - 1])


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--step", type=int, default=430)
    parser.add_argument("--rounds", type=int, default=10)
    strategies = ["random", "balanced", "likely", "uncertainty"]
    parser.add_argument("--strategies", nargs="+", default=strategies)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # labels without positives, at first
    data, zero_shot = load()
    cells = options.step * np.arange(1, options.rounds + 1)
    curves = {
        strategy: np.array(
            [
                ask(strategy, data, zero_shot, seed, options.step, options.rounds)
                for seed in range(options.seeds)
            ]
        )
        for strategy in options.strategies
    }
    print("cells: " + " | ".join(f"{count:,}" for count in cells))
    for strategy, found in curves.items():
        print(f"{strategy}: " + " | ".join(f"{x:.3f}" for x in found.mean(axis=0)))
    random = curves["random"]
    for strategy, found in curves.items():
        mean = found.mean(axis=0)
        shares = [
            cells_needed(mean, cells, wanted) / count
            for wanted, count in zip(random.mean(axis=0), cells, strict=True)
        ]
        text = " | ".join(f"{share:.2f}" for share in shares)
        below = np.count_nonzero(found < random)
        print(f"{strategy}: cells / random's {text}; below {below} of {found.size}")


if __name__ == "__main__":
    main()
