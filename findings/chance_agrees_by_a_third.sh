#!/usr/bin/env bash
# nltk 3.10.4
#
# Behaviour: AnnotationTask takes a distance, so that two sets of labels can agree in
# part; masi_distance and jaccard_distance come with it. Observed agreement uses the
# distance. The agreement that chance would give does not: in S, pi, kappa and
# multi_kappa it counts equal sets only. Annotators who toss coins agree far better than
# chance by these four; by alpha and weighted_kappa, which use the distance in both,
# they do not.
#
# Guess: what is corrected for chance is about 0 for answers drawn by chance, whichever
# distance is given.
#
# Seen, in absolute value, of two annotators who each draw one of the 15 sets of four
# labels, for 3,000 items:
#   distance  S      pi     kappa  multi_kappa  alpha  weighted_kappa
#   equal     0.00   0.00   0.00   0.00         0.00   0.00
#   jaccard   0.34   0.34   0.34   0.34         0.00   0.00
#   masi      0.19   0.19   0.19   0.19         0.00   0.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nltk==3.10.4

"$work/venv/bin/python" - <<'PYTHON'
import itertools
import random
import sys

import nltk
from nltk.metrics import binary_distance, jaccard_distance, masi_distance
from nltk.metrics.agreement import AnnotationTask

print("nltk", nltk.__version__)

labels = ("cat", "dog", "owl", "fox")
sets = [
    frozenset(found)
    for size in (1, 2, 3, 4)
    for found in itertools.combinations(labels, size)
]
rng = random.Random(0)
answers = [
    (person, item, rng.choice(sets)) for item in range(3000) for person in ("a", "b")
]

partly = ("S", "pi", "kappa", "multi_kappa")
wholly = ("alpha", "weighted_kappa")
print("distance  S      pi     kappa  multi_kappa  alpha  weighted_kappa")
unexpected = False
distances = {
    "equal": binary_distance,
    "jaccard": jaccard_distance,
    "masi": masi_distance,
}
for name, distance in distances.items():
    task = AnnotationTask(answers, distance=distance)
    found = {measure: getattr(task, measure)() for measure in partly + wholly}
    texts = [f"{abs(value):.2f}" for value in found.values()]
    print(f"{name:<8}  {texts[0]:<5}  {texts[1]:<5}  {texts[2]:<5}", end="  ")
    print(f"{texts[3]:<11}  {texts[4]:<5}  {texts[5]}")
    unexpected |= any(abs(found[measure]) > 0.03 for measure in wholly)
    unexpected |= any(
        abs(found[measure]) > 0.03 if name == "equal" else found[measure] < 0.15
        for measure in partly
    )
if unexpected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
