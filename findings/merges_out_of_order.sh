#!/usr/bin/env bash
# tokenizers 0.23.3
#
# Behaviour: with a table of merges in which a pair is made of a part that a later merge
# makes, `models.BPE` gives other tokens than byte-pair encoding as it is published (and
# as CLIP's own tokenizer does it): take the best pair of the whole word, merge it
# everywhere, begin again. The library merges one place at a time and lets the new pair
# compete at once. In the table of CLIP every part is made by earlier merges, and both agree.
#
# Guess: a table of merges and a word determine the tokens.
#
# Seen, of the word "xyxya", with the merges "xy x" and "x y" in this order:
#   as published  ['xy', 'xy', 'a']
#   tokenizers    ['xyx', 'y', 'a']
# and with the merges "x y" and "xy x" in this order, both: ['xy', 'xy', 'a']
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tokenizers==0.23.3

"$work/venv/bin/python" - <<'PYTHON'
import sys

import tokenizers
from tokenizers import models

print(f"tokenizers {tokenizers.__version__}")


def encode_as_published(word, merges):
    parts = list(word)
    while True:
        pairs = [p for p in merges if p in zip(parts, parts[1:])]
        if not pairs:
            return parts
        best, merged, i = pairs[0], [], 0  # the first in the table is the best
        while i < len(parts):
            if tuple(parts[i : i + 2]) == best:
                merged.append("".join(best))
                i += 2
            else:
                merged.append(parts[i])
                i += 1
        parts = merged


seen = []
for merges in ([("xy", "x"), ("x", "y")], [("x", "y"), ("xy", "x")]):
    tokens = ["x", "y", "a", "xy", "xyx"]
    model = models.BPE({t: i for i, t in enumerate(tokens)}, merges)
    theirs = [token.value for token in model.tokenize("xyxya")]
    published = encode_as_published("xyxya", merges)
    print(merges, "as published", published, "tokenizers", theirs)
    seen.append((published, theirs))

expected = [
    (["xy", "xy", "a"], ["xyx", "y", "a"]),
    (["xy", "xy", "a"], ["xy", "xy", "a"]),
]
if seen != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
