"""Cuts of rare labels: on their own, one for all, or drawn towards that one.

Tunes `MultiLabelLogisticRegression` on CLIP features of clip art for macro F1 and
prints it for all labels and for the rarest third of them. Everything is chosen and
compared on repeated splits of the training part, a third of which is held out each
time; the test part is looked at once, at the end, for several seeds of `cv`.

    python benchmarks/study_thresholds.py --C 1 10
"""

import argparse
import warnings

import numpy as np

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    multilabel_train_test_split,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import masked_f1_score
from sklearn_clip.thresholds._shrinkage import PSEUDO_COUNTS

METHODS = {
    "cut at 0.5": None,
    "one global cut": {"strategy": "global"},
    "per label": {"shrinkage": None},
    **{
        f"per label, shrinkage={count:g}": {"shrinkage": count}
        for count in PSEUDO_COUNTS
        if count > 0
    },
    'per label, shrinkage="auto"': {"shrinkage": "auto"},
}


def load_features(split):
    """Features, targets and groups of one part of clip art."""
    part = load_clipart(as_frame=True, split=split)
    featurizer = CLIPFeaturizer("clipart-tiny", fusion="concat")
    return featurizer.fit_transform(part.data), part.target.values, part.groups


def compare(train, test, *, C, seed, rare):
    """Macro F1 of every method on the test rows, of all and of rare labels."""
    found = {}
    for name, how in METHODS.items():
        head = MultiLabelLogisticRegression(C=C)
        tuned = ThresholdOptimizer(head, random_state=seed, **(how or {}))
        tuned.fit(*train)
        if how is None:
            tuned.set_thresholds(0.5)
        scores = masked_f1_score(test[1], tuned.predict(test[0]), average=None)
        found[name] = [scores.mean(), scores[rare].mean(), tuned.shrinkage_]
    return found


def print_table(title, results):
    """Mean over repetitions, with the standard error of the difference to one cut."""
    print(f"\n{title}: macro F1 of all labels and of the rarest third")
    names = list(results[0])
    values = np.array([[found[name] for name in names] for found in results])
    one = names.index("one global cut")
    for at, name in enumerate(names):
        ahead = values[:, at, :2] - values[:, [one], :2].reshape(-1, 2)
        error = ahead.std(axis=0) / np.sqrt(len(values))
        means = values[:, at, :2].mean(axis=0)
        both = zip(means, ahead.mean(axis=0), error, strict=True)
        cells = "   ".join(f"{f:.4f} ({d:+.4f} +- {e:.4f})" for f, d, e in both)
        print(f"  {name:30} {cells}")
    chosen = [f"{found[names[-1]][2]:g}" for found in results]
    print(f"  chosen by auto: {', '.join(chosen)}")


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--C", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--splits", type=int, default=6, help="of the training part")
    parser.add_argument("--seeds", type=int, default=3, help="of cv, before the test")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # labels scarcer than folds
    X, Y, groups = load_features("train")
    rare = np.argsort(Y.sum(axis=0), kind="stable")[: Y.shape[1] // 3]
    test = load_features("test")[:2]
    print(
        f"{len(X)} training and {len(test[0])} test rows, {Y.shape[1]} labels; the "
        f"rarest third has {Y.sum(axis=0)[rare].min()} to "
        f"{Y.sum(axis=0)[rare].max()} training positives"
    )
    for C in options.C:
        results = []
        for seed in range(options.splits):
            X_in, X_out, Y_in, Y_out = multilabel_train_test_split(
                X, y=Y, test_size=0.33, random_state=seed, groups=groups
            )
            results.append(
                compare((X_in, Y_in), (X_out, Y_out), C=C, seed=seed, rare=rare)
            )
        print_table(f"C={C:g}, {options.splits} splits of the training part", results)
        results = [
            compare((X, Y), test, C=C, seed=seed, rare=rare)
            for seed in range(options.seeds)
        ]
        print_table(f"C={C:g}, test part, {options.seeds} seeds of cv", results)


if __name__ == "__main__":
    main()
