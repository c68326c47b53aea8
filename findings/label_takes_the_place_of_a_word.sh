#!/usr/bin/env bash
# river 0.26.1 (numpy 2.4.6)
#
# Behaviour: a chain of classifiers hands a label that it has predicted to the next model
# as a feature of the label's name. A feature that has this name already is overwritten:
# with counts of words as features, the word "dog" is lost to all labels that come after
# the label "dog". All three chains do so. Nothing warns.
#
# Guess: labels are kept apart from features, or a name of both is refused.
#
# Seen, of 1,000 texts, after 3,000 to learn; the label "dog" is tossed, "pet" is there
# where the text has a certain word: share of the texts of which "pet" is told rightly
#   chain                           the word is "dog"   the word is "puppy"
#   ClassifierChain                             0.515                 1.000
#   ProbabilisticClassifierChain                0.579                 1.000
#   MonteCarloClassifierChain                   0.580                 1.000
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet river==0.26.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import random
import sys
from importlib.metadata import version

from river.feature_extraction import BagOfWords
from river.linear_model import LogisticRegression
from river.multioutput import (
    ClassifierChain,
    MonteCarloClassifierChain,
    ProbabilisticClassifierChain,
)

print(f"river {version('river')}, numpy {version('numpy')}")
LABELS = ["dog", "pet"]
chains = {
    "ClassifierChain": lambda: ClassifierChain(LogisticRegression(), order=LABELS),
    "ProbabilisticClassifierChain": lambda: ProbabilisticClassifierChain(
        LogisticRegression()
    ),
    "MonteCarloClassifierChain": lambda: MonteCarloClassifierChain(
        LogisticRegression(), m=10, seed=0
    ),
}


def share_right(chain, word):
    rng, words, right = random.Random(0), BagOfWords(), 0
    for number in range(4000):
        pet = rng.random() < 0.5
        labels = {"dog": rng.random() < 0.5, "pet": pet}
        text = [other for other in ("house", "street") if rng.random() < 0.5]
        counts = dict(words.transform_one(" ".join(text + [word] * pet)))
        if number >= 3000:
            right += chain.predict_one(counts)["pet"] == pet
        chain.learn_one(counts, labels)
    return right / 1000


found = {}
print(f"{'chain':<30}  the word is \"dog\"   the word is \"puppy\"")
for name, make in chains.items():
    found[name] = [share_right(make(), word) for word in ("dog", "puppy")]
    print(f"{name:<30}  {found[name][0]:17.3f}  {found[name][1]:20.3f}")
if any(same > 0.9 or other < 0.95 for same, other in found.values()):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
