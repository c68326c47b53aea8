"""What tuned thresholds promise on the rows searched, and what they keep on new ones.

Three tables, with `MultiLabelLogisticRegression` on several fusions of the clip art:
how thresholds tuned for one average do under the others, and how many labels keep a
bound on precision or recall with and without `confidence`, both over splits that keep
near copies together; and how `best_score_` and `cv_score_` of small random sets compare
to the score of all other rows.

    python benchmarks/study_threshold_promises.py
"""

import argparse
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
    ThresholdOptimizer,
    multilabel_train_test_split,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import masked_f1_score

AVERAGES = ("macro", "micro", "weighted", "samples")
BOUNDS = (("min_precision", 0.8), ("min_precision", 0.6), ("min_recall", 0.8))
CONFIDENCES = (None, 0.8, 0.95)


class GivenScores(ClassifierMixin, BaseEstimator):
    """Gives X as the probabilities, so that one head serves many searches."""

    def fit(self, X, y):
        """Note the classes."""
        self.classes_ = np.tile([0, 1], (y.shape[1], 1))
        return self

    def predict_proba(self, X):
        """Give X as it is."""
        return X


def load_features(fusions):
    """Features of all clip art by fusion, its targets and its groups."""
    part = load_clipart(as_frame=True)
    features = {
        fusion: CLIPFeaturizer("clipart-tiny", fusion=fusion).fit_transform(part.data)
        for fusion in fusions
    }
    return features, part.target.values, part.groups


def split_groups(X, Y, groups, *, test_size, seed):
    """Parts of features, targets and groups; near copies are on one side."""
    X_train, X_test, groups_train, groups_test, Y_train, Y_test = (
        multilabel_train_test_split(
            X, groups, y=Y, test_size=test_size, random_state=seed, groups=groups
        )
    )
    return X_train, X_test, Y_train, Y_test, groups_train, groups_test


def unseen_scores(X, Y, groups, *, C, seed):
    """Out-of-fold probabilities, and the folds they are from."""
    splitter = MultiLabelStratifiedGroupKFold(5, random_state=seed)
    folds = list(splitter.split(X, Y, groups))
    scores = np.zeros(Y.shape)
    for train, test in folds:
        head = MultiLabelLogisticRegression(C=C).fit(X[train], Y[train])
        scores[test] = head.predict_proba(X[test])
    return scores, folds


def compare_averages(problems, C):
    """F1 of every average on test rows, tuned for each and at 0.5."""
    found = []
    for seed, X_train, X_test, Y_train, Y_test, groups, _ in problems:
        seen, folds = unseen_scores(X_train, Y_train, groups, C=C, seed=seed)
        head = MultiLabelLogisticRegression(C=C).fit(X_train, Y_train)
        scores = head.predict_proba(X_test)
        predictions = [scores >= 0.5]
        for average in AVERAGES:
            tuned = ThresholdOptimizer(GivenScores(), average=average, cv=folds)
            predictions.append(tuned.fit(seen, Y_train).predict(scores))
        found.append(
            [
                [masked_f1_score(Y_test, each, average=average) for average in AVERAGES]
                for each in predictions
            ]
        )
    found = np.array(found)
    print(f"\nF1 on test rows, mean of {len(found)}; how often below that of 0.5")
    print("tuned for  " + "".join(f"{average:>18}" for average in AVERAGES))
    for name, values in zip(("0.5", *AVERAGES), np.moveaxis(found, 1, 0), strict=True):
        below = (values < found[:, 0]).sum(axis=0)
        cells = zip(values.mean(axis=0), below, strict=True)
        print(
            f"{name:10} "
            + "".join(f"{v:10.3f} ({n:2d}/{len(found)})" for v, n in cells)
        )


def count_kept(targets, predicted, name, value):
    """Labels that are predicted on test rows, and those of them that keep a bound."""
    hits = (targets & predicted).sum(axis=0)
    trials = (predicted if name == "min_precision" else targets).sum(axis=0)
    judged = predicted.any(axis=0) & (trials > 0)
    return judged.sum(), (hits[judged] >= value * trials[judged]).sum()


def compare_bounds(problems, C):
    """Labels that keep a bound on test rows, by bound, confidence and way."""
    found = {}
    for seed, X_train, X_test, Y_train, Y_test, groups, _ in problems:
        seen, folds = unseen_scores(X_train, Y_train, groups, C=C, seed=seed)
        head = MultiLabelLogisticRegression(C=C).fit(X_train, Y_train)
        refitted = (
            ThresholdOptimizer(GivenScores(), cv=folds),
            seen,
            head.predict_proba(X_test),
        )
        kept = (
            ThresholdOptimizer(head, cv=0.5, refit=False, random_state=seed),
            X_train,
            X_test,
        )
        for name, value in BOUNDS:
            for confidence in CONFIDENCES:
                for way, (tuned, rows, test) in {
                    "cv=5": refitted,
                    "cv=0.5, refit=False": kept,
                }.items():
                    if confidence is not None and way == "cv=5":
                        continue
                    tuned.set_params(min_precision=None, min_recall=None)
                    tuned.set_params(**{name: value}, confidence=confidence)
                    if way == "cv=5":
                        tuned.fit(rows, Y_train)
                    else:
                        tuned.fit(rows, Y_train, groups=groups)
                    predicted = tuned.predict(test) > 0
                    key = f"{name}={value}", str(confidence), way
                    found.setdefault(key, []).append(
                        [
                            *count_kept(Y_test > 0, predicted, name, value),
                            masked_f1_score(Y_test, predicted, average="micro"),
                        ]
                    )
                tuned.set_params(confidence=None)
    print("\nlabels predicted on test rows, and the share that keeps the bound there")
    print(
        f"{'bound':20} {'confidence':11} {'way':21} labels   kept  (least to most)  F1"
    )
    for (name, confidence, way), counts in found.items():
        counts = np.array(counts)
        shares = counts[:, 1] / np.maximum(counts[:, 0], 1)
        print(
            f"{name:20} {confidence:11} {way:21} {counts[:, 0].mean():6.1f} "
            f"{counts[:, 1].sum() / max(counts[:, 0].sum(), 1):6.2f}  "
            f"({shares.min():.2f} to {shares.max():.2f})  {counts[:, 2].mean():.3f}"
        )


def compare_estimates(features, Y, *, sizes, seeds, C):
    """`best_score_`, `cv_score_` and the score of all other rows, on small subsets."""
    print(f"\nmacro F1 of small sets, {seeds} seeds: mean (standard deviation)")
    every = np.arange(len(Y))  # all rows alike: a row is a group of its own
    print("fusion      rows  shrinkage   best_score_      cv_score_     other rows")
    for fusion, X in features.items():
        for n_rows in sizes:
            found = {None: [], "auto": []}
            for seed in range(seeds):
                X_test, X_train, Y_test, Y_train, _, rows = split_groups(
                    X, Y, every, test_size=n_rows, seed=seed
                )
                seen, folds = unseen_scores(X_train, Y_train, rows, C=C, seed=seed)
                head = MultiLabelLogisticRegression(C=C).fit(X_train, Y_train)
                scores = head.predict_proba(X_test)
                for shrinkage in found:
                    tuned = ThresholdOptimizer(
                        GivenScores(), cv=folds, shrinkage=shrinkage
                    ).fit(seen, Y_train)
                    test = masked_f1_score(Y_test, tuned.predict(scores))
                    found[shrinkage].append([tuned.best_score_, tuned.cv_score_, test])
            for shrinkage, values in found.items():
                mean, std = np.mean(values, axis=0), np.std(values, axis=0)
                cells = "  ".join(
                    f"{m:.3f} ({s:.3f})" for m, s in zip(mean, std, strict=True)
                )
                print(f"{fusion:10} {n_rows:5}  {shrinkage!s:9} {cells}")


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--C", type=float, nargs="+", default=[5.0, 2000.0])
    parser.add_argument("--train", type=int, nargs="+", default=[1412, 177])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=20, help="of the small sets")
    parser.add_argument("--sizes", type=int, nargs="+", default=[177, 500])
    parser.add_argument("--fusions", nargs="+", default=["image", "text", "concat"])
    tables = ("averages", "bounds", "estimates")
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # rare labels, bounds not kept
    features, Y, groups = load_features(options.fusions)
    print(f"{len(Y)} rows, {Y.shape[1]} labels")
    for n_train in options.train:
        problems = [
            (
                seed,
                *split_groups(X, Y, groups, test_size=len(Y) - n_train, seed=seed),
            )
            for X in features.values()
            for seed in range(options.splits)
        ]
        for C in options.C:
            print(f"\n{n_train} training rows, C={C:g}")
            if "averages" in options.tables:
                compare_averages(problems, C)
            if "bounds" in options.tables:
                compare_bounds(problems, C)
    if "estimates" in options.tables:
        how = {"sizes": options.sizes, "seeds": options.seeds, "C": options.C[0]}
        compare_estimates(features, Y, **how)


if __name__ == "__main__":
    main()
