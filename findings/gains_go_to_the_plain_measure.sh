#!/usr/bin/env bash
# ir-measures 0.4.3 with pytrec-eval-terrier 0.5.11 (numpy 2.4.6)
#
# Behaviour: nDCG that has gains of its own and nDCG that has none, asked for in one call,
# are calculated together. Where the one with gains is looked at first, the other one gets
# its value, and the one with gains is 0. calc_aggregate looks at them in the order of a
# set, so that it depends on the seed of the hashes of this start of Python; evaluator()
# of the provider takes the order that is given.
#
# Guess: each has the value that it has alone, as AP of two levels of relevance has.
#
# Seen, of a picture whose label "dog" weighs 2, or 10 by gains={2: 10}:
#   asked for                nDCG    nDCG with gains
#   each alone              0.562        0.519
#   evaluator, gains first  0.519        0.000
#   evaluator, gains last   0.562        0.519
#   calc_aggregate, of 16 starts of Python: both right in 8, wrong in 8
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ir-measures==0.4.3 pytrec-eval-terrier==0.5.11 \
    numpy==2.4.6

cat > "$work/both.py" <<'PYTHON'
import ir_measures
from ir_measures import nDCG

truth = {"p1": {"cat": 1, "dog": 2, "owl": 1, "fox": 1, "cow": 0}}
run = {"p1": {"cat": 0.9, "cow": 0.8, "dog": 0.7}}
plain, gains = nDCG @ 10, nDCG(gains={2: 10}) @ 10


def values(found):
    return round(found[plain], 3), round(found[gains], 3)


if __name__ == "__main__":
    print(*values(ir_measures.calc_aggregate([plain, gains], truth, run)))
PYTHON

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from math import log2

sys.path.insert(0, ".")
import ir_measures
from both import gains, plain, run, truth, values

names = ("ir-measures", "pytrec-eval-terrier", "numpy")
print(", ".join(f"{name} {version(name)}" for name in names))


def by_hand(weights):
    ranked = sorted(run["p1"], key=run["p1"].get, reverse=True)
    found = [weights[truth["p1"][label]] for label in ranked]
    best = sorted((weights[value] for value in truth["p1"].values()), reverse=True)
    gain = [sum(w / log2(i + 2) for i, w in enumerate(of)) for of in (found, best)]
    return round(gain[0] / gain[1], 3)


right = by_hand([0, 1, 2]), by_hand([0, 1, 10])


def told(asked, found):
    print(f"{asked:<22}  {found[0]:.3f}        {found[1]:.3f}")
    return found


print("asked for                nDCG    nDCG with gains")
alone = {}
for measure in (plain, gains):
    alone |= ir_measures.calc_aggregate([measure], truth, run)
alone = told("each alone", values(alone))
first, last = (
    told(
        f"evaluator, gains {where}",
        values(ir_measures.pytrec_eval.evaluator(asked, truth).calc_aggregate(run)),
    )
    for where, asked in (("first", [gains, plain]), ("last", [plain, gains]))
)

seen = Counter()
for seed in range(16):
    environment = os.environ | {"PYTHONHASHSEED": str(seed)}
    start = subprocess.run(
        [sys.executable, "both.py"], env=environment, capture_output=True, text=True
    )
    seen[tuple(float(value) for value in start.stdout.split())] += 1
print("calc_aggregate, of 16 starts of Python:", end=" ")
print(f"both right in {seen[right]}, wrong in {seen[first]}")

if (
    alone != right
    or last != right
    or first != (right[1], 0.0)
    or min(seen[right], seen[first]) < 1
    or seen[right] + seen[first] != 16
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
