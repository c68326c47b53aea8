#!/usr/bin/env bash
# torchmetrics 1.9.0 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: RetrievalMAP, RetrievalMRR, RetrievalPrecision and RetrievalRecall take what
# has a score of 0 or less as not relevant, at whatever rank it stands. Cosines, logits
# and decision values are below 0 wherever a model is not sure, and often altogether. The
# other measures of the family go by ranks alone, the precision-recall curve among them,
# which has the recall at k that RetrievalRecall has not. The help of these classes asks for
# a float tensor; that of the functions behind them calls it estimated probabilities.
#
# Guess: these are measures of a ranking: adding a number to all scores changes nothing.
#
# Seen, of six labels, of which the first, third and fourth are present, with their
# scores, and with 1 added to and taken from all of them:
#   measure                   scores   plus 1   minus 1   by ranks
#   RetrievalMAP               0.833    0.806     0.000      0.806
#   RetrievalMRR               1.000    1.000     0.000      1.000
#   RetrievalPrecision         0.333    0.500     0.000      0.500
#   RetrievalRecall            0.667    1.000     0.000      1.000
#   RetrievalHitRate           1.000    1.000     1.000      1.000
#   RetrievalRPrecision        0.667    0.667     0.667      0.667
#   recall of the curve        1.000    1.000     1.000      1.000
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from torchmetrics import retrieval

names = ("torchmetrics", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in names))

scores = [0.9, 0.5, 0.1, -0.2, -0.3, -0.6]
present = [1, 0, 1, 1, 0, 0]

# The plain computation: the scores are in falling order, so that a place is a rank.
ranks = [rank for rank, found in enumerate(present, start=1) if found]
by_ranks = {
    "RetrievalMAP": sum(n / rank for n, rank in enumerate(ranks, 1)) / len(ranks),
    "RetrievalMRR": 1 / ranks[0],
    "RetrievalPrecision": len(ranks) / len(present),
    "RetrievalRecall": 1.0,
    "RetrievalHitRate": 1.0,
    "RetrievalRPrecision": sum(rank <= len(ranks) for rank in ranks) / len(ranks),
    "recall of the curve": 1.0,
}


def value(name, added):
    given = torch.tensor(scores) + added, torch.tensor(present)
    indexes = torch.zeros(len(present), dtype=torch.long)
    if name == "recall of the curve":
        curve = retrieval.RetrievalPrecisionRecallCurve(max_k=len(present))
        return float(curve(*given, indexes=indexes)[1][-1])
    return float(getattr(retrieval, name)()(*given, indexes=indexes))


print("measure                   scores   plus 1   minus 1   by ranks")
seen = {}
for name, right in by_ranks.items():
    seen[name] = own, above, below = [value(name, added) for added in (0, 1, -1)]
    print(f"{name:<24} {own:7.3f}  {above:7.3f}  {below:8.3f}  {right:9.3f}")

filtered = ("RetrievalMAP", "RetrievalMRR", "RetrievalPrecision", "RetrievalRecall")
expected = True
for name, (own, above, below) in seen.items():
    expected &= abs(above - by_ranks[name]) < 1e-6
    expected &= below == 0 if name in filtered else own == above == below
expected &= seen["RetrievalRecall"][0] < 0.7
if not expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
