#!/usr/bin/env bash
# torcheval 0.0.7 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: MulticlassBinnedAUROC ranks the classes of each row, and not the rows of each
# class. With average=None there is a value for every row, and "macro" is the mean of the
# rows: it is 1 where each row has its class at the top, however the rows are ranked, and
# far from 1 where each class ranks its rows first and one has the highest score of all.
#
# Guess: the areas of the classes, as documented, "for each class separately", and with a
# thousand thresholds almost those of MulticlassAUROC.
#
# Seen, of 6 rows and 3 classes, with 1,001 thresholds:
#   scores that rank       MulticlassAUROC   MulticlassBinnedAUROC   values of the latter
#   the rows rightly            1.00                 0.58                     6
#   the classes rightly         0.92                 1.00                     6
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torcheval==0.0.7 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from torcheval.metrics import MulticlassAUROC, MulticlassBinnedAUROC

print(f"torcheval {version('torcheval')}, torch {torch.__version__}")

truth = torch.tensor([0, 0, 1, 1, 2, 2])
sets = {
    "the rows rightly": [
        *2 * [[0.9, 0.1, 0.0]],
        *2 * [[0.7, 0.3, 0.0]],
        *2 * [[0.6, 0.2, 0.2]],
    ],
    "the classes rightly": [
        [0.90, 0.10, 0.00],
        [0.40, 0.35, 0.25],
        [0.38, 0.40, 0.22],
        [0.10, 0.90, 0.00],
        [0.45, 0.05, 0.50],
        [0.05, 0.45, 0.50],
    ],
}


def computed(metric, scores):
    return metric.update(torch.tensor(scores), truth).compute()


seen = []
print("scores that rank       as it is   binned   values of the latter")
for name, scores in sets.items():
    area = computed(MulticlassAUROC(num_classes=3), scores)
    binned, _ = computed(MulticlassBinnedAUROC(num_classes=3, threshold=1001), scores)
    kind = MulticlassBinnedAUROC(num_classes=3, threshold=1001, average=None)
    values, _ = computed(kind, scores)
    seen.append((round(area.item(), 2), round(binned.item(), 2), len(values)))
    print("{:<20} {:9.2f} {:9.2f} {:8}".format(name, *seen[-1]))

if seen != [(1.0, 0.58, 6), (0.92, 1.0, 6)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
