"""How much a split flatters the score when near copies sit on both of its sides.

Clip art comes in series: one drawing in ten colours. Two heads on image and text
features are cross-validated on all rows three times: on random folds, on folds that
keep near copies together (groups found from the embeddings alone), and on folds that
keep the series of the data set together, as its own train and test splits do. The
first says how good a copy finder is, the last what a new drawing will meet.

    python benchmarks/study_leaks.py
"""

import argparse

import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
    near_duplicate_groups,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import map_scorer

HEADS = {
    "logistic": MultiLabelLogisticRegression(C=5),
    "5 neighbours": KNeighborsClassifier(5, metric="cosine", weights="distance"),
}


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.95, 0.9, 0.8])
    options = parser.parse_args()
    data = load_clipart(as_frame=True)
    X = CLIPFeaturizer("clipart-tiny", fusion="concat").fit_transform(data.data)
    Y = data.target.to_numpy()
    grouped = MultiLabelStratifiedGroupKFold(options.folds)
    splits = {"random folds": (MultiLabelStratifiedKFold(options.folds), None)}
    for threshold in options.thresholds:
        groups = near_duplicate_groups(X, threshold)
        splits[f"near copies, cosine {threshold}"] = grouped, groups
    splits["series of the data set"] = grouped, data.groups
    print(f"{len(X)} rows; macro mAP over {options.folds} folds")
    print(f"{'':28}{'groups':>8}{'largest':>9}" + "".join(f"{h:>16}" for h in HEADS))
    for name, (cv, groups) in splits.items():
        sizes = np.unique(groups, return_counts=True)[1] if groups is not None else [1]
        count = len(X) if groups is None else len(sizes)
        line = f"{name:28}{count:8d}{max(sizes):9d}"
        for head in HEADS.values():
            scores = cross_val_score(
                head, X, Y, groups=groups, cv=cv, scoring=map_scorer
            )
            line += f"{scores.mean():9.3f} ±{scores.std():.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
