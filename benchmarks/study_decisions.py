"""Thresholds from counts or from expected counts, and sets chosen for each row.

Fits a head, `MultiLabelLogisticRegression` unless told otherwise, on parts of clip art
and of drawn data of several shapes (film posters: few rows, genres that go together;
rare, dense and many labels; positives that were forgotten), scores the training rows
out of fold, and gives the same scores to every way to decide. Printed are the F1 of the
test rows under the average that was asked for, and its paired difference to
`decision="cut"` with its standard error over splits.

    python benchmarks/study_decisions.py --splits 20
"""

import argparse
import warnings

import numpy as np
from bench_thresholds import GivenScores
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
    ThresholdOptimizer,
    multilabel_train_test_split,
)
from sklearn_clip._shared import positive_scores
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import masked_f1_score

# rows, labels, lowest and highest share of positives, share of positives forgotten
SHAPES = {
    "film": (1500, 21, 0.02, 0.45, 0.0),
    "rare": (1500, 100, 0.004, 0.04, 0.0),
    "dense": (1000, 10, 0.3, 0.7, 0.0),
    "noisy": (1500, 40, 0.02, 0.2, 0.3),
    "few labels": (1000, 5, 0.05, 0.3, 0.0),
    "many labels": (2000, 500, 0.004, 0.1, 0.0),
}
WAYS = {
    "cut": {"decision": "cut"},
    "cut, no shrinkage": {"decision": "cut", "shrinkage": None},
    "expected": {"decision": "expected"},
    "expected, no shrinkage": {"decision": "expected", "shrinkage": None},
    "expected, transductive": {
        "decision": "expected",
        "shrinkage": None,
        "transductive": True,
    },
}
ROW_WAYS = {
    "cut": {"decision": "cut"},
    "cut, at least one": {"decision": "cut", "at_least_one": True},
    "top k": {"decision": "cut", "strategy": "top_k", "at_least_one": True},
    "sets": {"decision": "expected"},
}


def draw(shape, seed):
    """Draw features, targets and groups of some shape."""
    n_rows, n_labels, low, high, forgotten = SHAPES[shape]
    rng = np.random.default_rng(seed)
    # Half of the length of each feature is the group's: rows of one are alike.
    groups = np.arange(n_rows) // 2
    X = rng.normal(size=(len(np.unique(groups)), 48))[groups]
    X = (X + rng.normal(size=X.shape)) / np.sqrt(2)
    weights = rng.normal(size=(48, n_labels)) / np.sqrt(48) * 2
    # Labels go together beyond what the features tell.
    hidden = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, n_labels)) / 2
    logits = X @ weights + hidden + rng.logistic(size=(n_rows, n_labels))
    rates = np.geomspace(low, high, n_labels)
    cuts = [np.quantile(logits[:, j], 1 - rate) for j, rate in enumerate(rates)]
    Y = (logits > cuts).astype(int)
    Y[rng.random(Y.shape) < forgotten] = 0
    return X.astype(np.float32), Y, groups


def load(name, seed):
    """Features, targets and groups of a data set."""
    if name in SHAPES:
        return draw(name, seed)
    part = load_clipart(as_frame=True, split=None)
    X = CLIPFeaturizer("clipart-tiny", fusion=name).fit_transform(part.data)
    return X, part.target.values, np.asarray(part.groups)


def make_head(name, C):
    """One of the classifiers whose scores are decided from."""
    if name == "neighbors":
        return KNeighborsClassifier(15, weights="distance")
    if name == "forest":
        return RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    return MultiLabelLogisticRegression(C=C)


def scores_of(X, Y, groups, head, seed):
    """Out-of-fold scores of training rows, and scores of test rows."""
    rows = np.arange(len(X))
    train, test, _, _ = multilabel_train_test_split(
        rows, y=Y, test_size=0.33, random_state=seed, groups=groups
    )
    inner = np.empty(Y[train].shape)
    folds = MultiLabelStratifiedGroupKFold(5, random_state=seed)
    for fit, held in folds.split(X[train], Y[train], groups[train]):
        head.fit(X[train[fit]], Y[train[fit]])
        inner[held] = positive_scores(head, X[train[held]], Y.shape[1])[0]
    head.fit(X[train], Y[train])
    outer = positive_scores(head, X[test], Y.shape[1])[0]
    return inner, Y[train], outer, Y[test]


def compare(scores, average):
    """F1 of the test rows, of every way to decide."""
    inner, Y, outer, Y_test = scores
    found = []
    for how in (ROW_WAYS if average == "samples" else WAYS).values():
        tuned = ThresholdOptimizer(
            GivenScores().fit(inner, Y), average=average, cv="prefit", **how
        )
        predicted = tuned.fit(inner, Y).predict(outer)
        found.append(masked_f1_score(Y_test, predicted, average=average))
    return found


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--C", type=float, default=5.0)
    heads = ("logistic", "neighbors", "forest")
    parser.add_argument("--head", choices=heads, default="logistic")
    parser.add_argument("--data", nargs="+", default=["image", "concat", *SHAPES])
    parser.add_argument(
        "--averages", nargs="+", default=["macro", "micro", "weighted", "samples"]
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # labels scarcer than folds
    for name in options.data:
        results = {average: [] for average in options.averages}
        for seed in range(options.splits):
            if seed == 0 or name in SHAPES:
                data = load(name, seed)
            scores = scores_of(*data, make_head(options.head, options.C), seed)
            for average in options.averages:
                results[average].append(compare(scores, average))
        X, Y, _ = data
        print(
            f"\n{name}: {len(X)} rows, {Y.shape[1]} labels, {Y.sum(1).mean():.1f} a row"
        )
        for average, found in results.items():
            found = np.array(found)
            ahead = found - found[:, :1]
            errors = ahead.std(axis=0, ddof=1) / np.sqrt(len(found))
            ways = ROW_WAYS if average == "samples" else WAYS
            for way, value, gain, error in zip(
                ways, found.mean(axis=0), ahead.mean(axis=0), errors, strict=True
            ):
                print(
                    f"  {average:8} {way:24} {value:.4f}  {gain:+.4f} +- {error:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
