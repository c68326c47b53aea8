#!/usr/bin/env bash
# xgboost 3.2.0 (scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1; the package xgboost-cpu)
#
# Behaviour: of several labels the metrics "map", "ndcg" and "pre", which for one label
# rank all rows by it, compare the predictions as they lie in memory, row by row, with
# the first label of as many rows: a number of no meaning, which here falls while the
# model becomes right. "auc" and "aucpr" refuse several labels. Stopped early by "map",
# the model keeps its first round alone.
#
# Guess: the mean over the labels of what the metric is for one; or an error, as from
# "aucpr", which is nearly the same measure.
#
# Seen, of 600 rows and labels that are cuts of a feature each: the metric after the
# first and the last of 100 rounds, and scikit-learn's average precision after the last
#   1 label    map    0.913 to 1.000   average precision 1.000
#   1 label    ndcg   0.960 to 1.000   average precision 1.000
#   1 label    pre    0.969 to 1.000   average precision 1.000
#   1 label    aucpr  0.997 to 1.000   average precision 1.000
#   3 labels   map    0.538 to 0.251   average precision 1.000
#   3 labels   ndcg   0.710 to 0.497   average precision 1.000
#   3 labels   pre    0.625 to 0.438   average precision 1.000
#   3 labels   aucpr  XGBoostError
#   stopped early by map, the best round of 3 labels is 0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet xgboost-cpu==3.2.0 scikit-learn==1.9.1 \
    numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import xgboost
from sklearn.metrics import average_precision_score

packages = ("scikit-learn", "numpy", "scipy")
print(f"xgboost {xgboost.__version__}", end=", ")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 4))
labels = (X[:, :3] > [0, 0.5, 1]).astype(int)

seen = {}
for what, Y in (("1 label", labels[:, 0]), ("3 labels", labels)):
    for metric in ("map", "ndcg", "pre", "aucpr"):
        model = xgboost.XGBClassifier(eval_metric=metric, n_estimators=100, n_jobs=1)
        try:
            model.fit(X, Y, eval_set=[(X, Y)], verbose=False)
        except xgboost.core.XGBoostError as error:
            print(f"{what:<9}  {metric:<6} {type(error).__name__}")
            seen[what, metric] = None
            continue
        values = model.evals_result()["validation_0"][metric]
        scores = model.predict_proba(X)
        precision = average_precision_score(Y, scores if Y.ndim == 2 else scores[:, 1])
        print(
            f"{what:<9}  {metric:<6} {values[0]:.3f} to {values[-1]:.3f}   "
            f"average precision {precision:.3f}"
        )
        seen[what, metric] = values[0], values[-1], precision

stopped = xgboost.XGBClassifier(
    eval_metric="map", early_stopping_rounds=10, n_estimators=100, n_jobs=1
).fit(X, labels, eval_set=[(X, labels)], verbose=False)
print("stopped early by map, the best round of 3 labels is", stopped.best_iteration)

ranked = ("map", "ndcg", "pre")
if (
    any(seen["1 label", metric][1] < 0.999 for metric in (*ranked, "aucpr"))
    or any(seen["3 labels", metric][2] < 0.999 for metric in ranked)
    or any(seen["3 labels", metric][1] > 0.6 for metric in ranked)
    or seen["3 labels", "aucpr"] is not None
    or stopped.best_iteration != 0
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
