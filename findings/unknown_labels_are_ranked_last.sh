#!/usr/bin/env bash
# torchmetrics 1.9.0 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: ignore_index=-1 marks labels that nobody has looked at. The ranking
# measures take them for absent ones that the model ranks below all others: the ranking
# loss falls by two fifths where three labels of ten are unknown, and the coverage error
# of a row with an unknown and a present label is the number of all labels. Nothing
# warns. multilabel_average_precision leaves the same labels out.
#
# Guess: as in the other measures with this argument, the value is that of the known
# labels alone.
#
# Seen, of 500 rows and six labels with scores drawn by chance, 30 % of them unknown
#   measure            all known      30 % unknown   known labels alone
#   ranking_loss       0.483          0.259          0.434
#   coverage_error     4.576          5.912          2.912
#   average_precision  0.388          0.395          0.395
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import torch
from torchmetrics.functional import classification

packages = ("torchmetrics", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
scores = rng.random((500, 6))
labels = (rng.random(scores.shape) < 0.4).astype(int)
known = rng.random(scores.shape) >= 0.3


def ranking_loss(present, absent):
    pairs = present[:, None] <= absent
    return pairs.mean() if pairs.size else 0.0


def coverage_error(present, absent):
    found = np.concatenate([present, absent]) >= present.min(initial=np.inf)
    return found.sum()


def of_known(measure):
    rows = zip(scores, labels == 1, known, strict=True)
    return np.mean([measure(s[k & y], s[k & ~y]) for s, y, k in rows])


def of_library(name, labels):
    return float(
        getattr(classification, f"multilabel_{name}")(
            torch.tensor(scores), torch.tensor(labels), num_labels=6, ignore_index=-1
        )
    )


masked = np.where(known, labels, -1)
alone = np.mean(
    [
        float(
            classification.binary_average_precision(
                torch.tensor(scores[k, j]), torch.tensor(labels[k, j])
            )
        )
        for j, k in enumerate(known.T)
    ]
)
expected = {
    "ranking_loss": of_known(ranking_loss),
    "coverage_error": of_known(coverage_error),
    "average_precision": alone,
}
seen = {}
print("measure            all known      30 % unknown   known labels alone")
for name, value in expected.items():
    whole, seen[name] = of_library(name, labels), of_library(name, masked)
    print(f"{name:<17}  {whole:<13.3f}  {seen[name]:<13.3f}  {value:.3f}")

if (
    abs(seen["average_precision"] - alone) > 1e-4
    or seen["ranking_loss"] > 0.8 * expected["ranking_loss"]
    or seen["coverage_error"] < 1.5 * expected["coverage_error"]
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
