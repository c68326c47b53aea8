"""How far thresholds of rare labels are drawn, where rows are few.

Fits a head on few rows of clip art or of drawn data, chooses thresholds on scores of
rows it had not seen, and cuts all other rows by them. Printed are macro and micro F1,
how many labels are given to over half of the rows though under a fifth of the training
rows have them, and what "auto" chose, each as a mean over draws of the rows; of the F1
also the paired difference to "auto" with its standard error. `--apart` gives each label
a scale of its own, as if heads were of several kinds.

    python benchmarks/study_shrinkage.py --data concat --rows 200 --splits 12
"""

import argparse
import warnings

import numpy as np
from scipy.special import expit, logit
from study_decisions import SHAPES, load, make_head

from sklearn_clip import MultiLabelStratifiedGroupKFold, ThresholdOptimizer
from sklearn_clip._shared import positive_scores
from sklearn_clip.heads import PrecomputedScores
from sklearn_clip.metrics import masked_f1_score

WAYS = {
    "auto": {},
    "none": {"shrinkage": None},
    "3 positives": {"shrinkage": 3.0},
    "10 positives": {"shrinkage": 10.0},
    "30 positives": {"shrinkage": 30.0},
    "one for all": {"strategy": "global"},
    'auto, decision="expected"': {"decision": "expected"},
}


def score_rows(data, n_rows, head, seed):
    """Out-of-fold scores and targets of some rows, scores and targets of the others."""
    X, Y, groups = data
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(len(X), n_rows, replace=False))
    others = np.setdiff1d(np.arange(len(X)), some)
    others = others[~np.isin(groups[others], groups[some])]
    labels = Y[some].sum(axis=0) >= 2
    X_some, Y_some = X[some], Y[some][:, labels]
    inner = np.empty(Y_some.shape)
    folds = MultiLabelStratifiedGroupKFold(5, random_state=seed)
    for fit, held in folds.split(X_some, Y_some, groups[some]):
        head.fit(X_some[fit], Y_some[fit])
        inner[held] = positive_scores(head, X_some[held], labels.sum())[0]
    head.fit(X_some, Y_some)
    outer = positive_scores(head, X[others], labels.sum())[0]
    return inner, Y_some, outer, Y[others][:, labels]


def set_apart(scores, seed):
    """Probabilities of which each label has a scale and a level of its own."""
    rng = np.random.default_rng(seed)
    n_labels = scores[0].shape[1]
    scale, level = rng.lognormal(0, 0.7, n_labels), rng.normal(0, 3, n_labels)
    inner, Y, outer, Y_other = scores
    inner, outer = (
        expit(scale * logit(np.clip(s, 1e-6, 1 - 1e-6)) + level) for s in (inner, outer)
    )
    return inner, Y, outer, Y_other


def judge(scores):
    """Macro and micro F1, labels that are given too often, and the count, by way."""
    inner, Y, outer, Y_other = scores
    found = []
    for how in WAYS.values():
        tuned = ThresholdOptimizer(PrecomputedScores(), **how).fit(inner, Y)
        given = tuned.predict(outer)
        often = (given.mean(axis=0) > 0.5) & (Y.mean(axis=0) < 0.2)
        f1 = [masked_f1_score(Y_other, given, average=a) for a in ("macro", "micro")]
        found.append([*f1, often.sum(), tuned.shrinkage_])
    return found


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", default="concat", choices=["image", "concat", *SHAPES]
    )
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--splits", type=int, default=12)
    parser.add_argument("--C", type=float, default=5.0)
    heads = ("logistic", "neighbors", "forest")
    parser.add_argument("--head", choices=heads, default="logistic")
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # labels scarcer than folds
    found = []
    for seed in range(options.splits):
        if seed == 0 or options.data in SHAPES:
            data = load(options.data, seed)
        head = make_head(options.head, options.C)
        scores = score_rows(data, options.rows, head, seed)
        found.append(judge(set_apart(scores, seed) if options.apart else scores))
    found = np.array(found)
    ahead = found[:, :, :2] - found[:, :1, :2]
    errors = ahead.std(axis=0, ddof=1) / np.sqrt(len(found))
    print(f"{options.data}, {options.rows} rows, {options.head}, C={options.C:g}")
    for way, values, gain, error in zip(
        WAYS, found.mean(axis=0), ahead.mean(axis=0), errors, strict=True
    ):
        cells = "  ".join(
            f"{name} {value:.4f} ({more:+.4f} +- {noise:.4f})"
            for name, value, more, noise in zip(
                ("macro", "micro"), values[:2], gain, error, strict=True
            )
        )
        print(f"  {way:26} {cells}  given too often {values[2]:.1f}")
    chosen, number = np.unique(found[:, 0, 3], return_counts=True)
    times = ", ".join(f"{c:g}: {n}" for c, n in zip(chosen, number, strict=True))
    print(f"  chosen by auto: {times}")


if __name__ == "__main__":
    main()
