"""What a head gains by the vector before the last projection, head by head.

Each head is fitted on ``features="embedding"`` and on ``features="penultimate"`` of the
same rows: pictures, texts, and both side by side. Folds keep groups whole; what a head
has to be told (C of the linear ones) is chosen for each of the two by the mean of the
folds, out of the same values. The gain is the mean difference of macro mAP, fold by
fold, with its standard error; ``*`` marks one beyond two of them. The test split of the
clip art is scored once, with what the folds chose. The photographs that ship have none.

    python benchmarks/study_features.py
    python benchmarks/study_features.py --heads logistic k-NN --columns image
"""

import argparse
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import (
    CLIPFeaturizer,
    ConstantSafeClassifier,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
)
from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.metrics import map_scorer

STRENGTHS = (1, 5, 25, 100, 400)
# Of columns that were scaled to a variance of 1, whose rows are longer.
SCALED = (1e-4, 1e-3, 1e-2, 1e-1)
FEATURES = ("embedding", "penultimate")
MODELS = ("clipart-tiny", "photo-tiny")
COLUMNS = ("image", "text", "concat")


def one_vs_rest(C):
    """One logistic regression of scikit-learn for each label."""
    inner = ConstantSafeClassifier(LogisticRegression(C=C, max_iter=500))
    return OneVsRestClassifier(inner)


def on_scaled_columns(C):
    """Logistic regression on columns of variance 1."""
    return make_pipeline(StandardScaler(), MultiLabelLogisticRegression(C=C))


# What there is to choose from, by head.
HEADS = {
    "logistic": [MultiLabelLogisticRegression(C=C) for C in STRENGTHS],
    "logistic, scaled columns": [on_scaled_columns(C) for C in SCALED],
    "one-vs-rest": [one_vs_rest(C) for C in (5, 25)],
    "k-NN": [KNeighborsClassifier(15, weights="distance", metric="cosine")],
    "mlp": [MultiLabelNet("mlp", device="cpu", random_state=0)],
}

# Those that take labels which are unknown, as some of the photographs have them.
TAKE_UNKNOWN = {"logistic", "logistic, scaled columns", "mlp"}


def load_tasks():
    """List (name of the data, model, columns, training rows, test rows or None)."""
    train, test = load_clipart(split="train"), load_clipart(split="test")
    photos = load_photos()
    return [
        *(("clip art", m, fusion, train, test) for m in MODELS for fusion in COLUMNS),
        *(("photographs", m, "image", photos, None) for m in reversed(MODELS)),
    ]


def judge(heads, X, train, X_test, test, n_folds):
    """Choose a head by folds; return their scores, and that of the test split."""
    folds = MultiLabelStratifiedGroupKFold(n_folds, random_state=0)
    scores = [
        cross_val_score(
            head, X, train.target, groups=train.groups, cv=folds, scoring=map_scorer
        )
        for head in heads
    ]
    best = int(np.argmax([each.mean() for each in scores]))
    if test is None:
        return scores[best], np.nan
    fitted = heads[best].fit(X, train.target)
    return scores[best], map_scorer(fitted, X_test, test.target)


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=COLUMNS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of labels that a fold of photographs lacks
    print("| data | model | columns | head | embedding | penultimate | gain | test |")
    print("|---|---|---|---|---|---|---|---|")
    for data, model, fusion, train, test in load_tasks():
        if model not in options.models or fusion not in options.columns:
            continue
        rows = {}
        for features in FEATURES:
            clip = CLIPFeaturizer(model, features=features, fusion=fusion)
            parts = [clip.transform(part.data) for part in (train, test) if part]
            rows[features] = [*parts, None][:2]
        widths = " / ".join(str(rows[features][0].shape[1]) for features in FEATURES)
        has_unknown = np.isnan(np.asarray(train.target, dtype=float)).any()
        for head in options.heads:
            if has_unknown and head not in TAKE_UNKNOWN:
                continue
            found = [
                judge(HEADS[head], X, train, X_test, test, options.folds)
                for X, X_test in rows.values()
            ]
            (before, test_before), (after, test_after) = found
            gaps = after - before
            error = gaps.std(ddof=1) / np.sqrt(len(gaps))
            mark = " *" if abs(gaps.mean()) > 2 * error else ""
            tested = "" if test is None else f"{test_before:.3f} / {test_after:.3f}"
            print(
                f"| {data} | {model} | {fusion}, {widths} | {head} "
                f"| {before.mean():.3f} | {after.mean():.3f} "
                f"| {gaps.mean():+.3f} ± {error:.3f}{mark} | {tested} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
