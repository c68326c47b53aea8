#!/usr/bin/env bash
# torchmetrics 1.9.0 with torch 2.13.0, beside scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: the ranking loss of several labels puts labels of one score in the order of
# their columns. Where all scores of a row are equal, the loss is 0, as of a perfect
# ranking, if the labels that are there stand in the last columns, and 1 if they stand
# in the first; predictions of 0 and 1 are ranked so as well. Ranking average precision
# and coverage error, beside it in the module, treat ties as scikit-learn does.
#
# Guess: a tie counts as wrong, as in scikit-learn, or as half; and the order of the
# columns changes nothing.
#
# Seen, the ranking loss of 200 rows of six labels:
#   scores            columns as given    from right to left    scikit-learn
#   all equal              0.737                0.178              0.915
#   0 or 1                 0.449                0.194              0.528
#   no two equal           0.248                0.248              0.248
#   one label of three, all equal: 0 in the last column, 1 in the first
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 \
    scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import sklearn
import torch
import torchmetrics
from sklearn import metrics
from torchmetrics.functional import classification

print(f"torchmetrics {torchmetrics.__version__}, torch {torch.__version__}", end=", ")
print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")

rng = np.random.default_rng(0)
Y = (rng.random((200, 6)) < [0.6, 0.5, 0.4, 0.2, 0.1, 0.1]).astype(int)
Y[:, 5] *= 1 - Y[:, 0]
distinct = Y + rng.normal(size=Y.shape)
alike = np.full(Y.shape, 0.5)
predicted = (distinct > 0.7).astype(float)


def there(measure, scores, labels):
    return measure(torch.tensor(scores), torch.tensor(labels), 6).item()


ranking_loss = classification.multilabel_ranking_loss
seen = {}
print(f"{'scores':<14} as given   from right to left   scikit-learn")
for name, scores in (
    ("all equal", alike),
    ("0 or 1", predicted),
    ("no two equal", distinct),
):
    seen[name] = (
        there(ranking_loss, scores, Y),
        there(ranking_loss, scores[:, ::-1].copy(), Y[:, ::-1].copy()),
        metrics.label_ranking_loss(Y, scores),
    )
    given, turned, reference = seen[name]
    print(f"{name:<14} {given:>8.3f}   {turned:>18.3f}   {reference:>12.3f}")

equal = torch.full((1, 3), 0.5)
ends = [
    ranking_loss(equal, torch.tensor([row]), 3).item() for row in ([0, 0, 1], [1, 0, 0])
]
print(f"one label, all equal: {ends[0]} in the last column, {ends[1]} in the first")

same = all(
    np.isclose(there(measure, scores, Y), reference(Y, scores), atol=1e-4)
    for measure, reference in (
        (
            classification.multilabel_ranking_average_precision,
            metrics.label_ranking_average_precision_score,
        ),
        (classification.multilabel_coverage_error, metrics.coverage_error),
    )
    for scores in (alike, predicted, distinct)
)
print("the other two measures equal scikit-learn's:", same)

expected = [[0.737, 0.178, 0.915], [0.449, 0.194, 0.528], [0.248, 0.248, 0.248]]
as_seen = np.allclose(list(seen.values()), expected, atol=0.001)
if not (as_seen and ends == [0.0, 1.0] and same):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
