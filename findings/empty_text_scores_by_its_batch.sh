#!/usr/bin/env bash
# spacy 3.8.18 (numpy 2.4.6)
#
# Behaviour: a text without tokens has a score of 0 for every label where all texts of
# its batch have none, as when it is the only one; beside any text that has tokens it
# has the scores that the network gives it. So do nlp(text), nlp.pipe(texts) and another
# batch_size give it other labels. Texts with tokens have the same scores in any batch,
# and a single blank is a token.
#
# Guess: an empty text has fixed scores, be they 0 or those of the bias.
#
# Seen, by a model of the labels animal and indoors, of an empty text and at the end of
# one with tokens:
#   nlp("")                             animal 0.00, indoors 0.00
#   among empty texts                   animal 0.00, indoors 0.00
#   before "a dog"                      animal 0.99, indoors 0.44
#   before "a dog", in batches of one   animal 0.00, indoors 0.00
#   "a dog" alone                       animal 1.00, indoors 0.00
#   "a dog" behind an empty text        animal 1.00, indoors 0.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet spacy==3.8.18 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import spacy
from spacy.training import Example

print(f"spacy {version('spacy')}, numpy {version('numpy')}")

spacy.util.fix_random_seed(0)
nlp = spacy.blank("en")
nlp.add_pipe("textcat_multilabel")
rows = (("a cat", 1, 1), ("a dog", 1, 0), ("a sofa", 0, 1), ("a lion", 1, 0)) * 10
examples = [
    Example.from_dict(
        nlp.make_doc(text), {"cats": {"animal": animal, "indoors": indoors}}
    )
    for text, animal, indoors in rows
]
optimizer = nlp.initialize(lambda: examples)
for _ in range(30):
    nlp.update(examples, sgd=optimizer)

seen = {
    'nlp("")': nlp("").cats,
    "among empty texts": next(nlp.pipe(["", ""])).cats,
    'before "a dog"': next(nlp.pipe(["", "a dog"])).cats,
    'before "a dog", in batches of one': next(
        nlp.pipe(["", "a dog"], batch_size=1)
    ).cats,
    '"a dog" alone': nlp("a dog").cats,
    '"a dog" behind an empty text': list(nlp.pipe(["", "a dog"]))[1].cats,
}
for what, cats in seen.items():
    print(f"{what:<34}  " + ", ".join(f"{c} {s:.2f}" for c, s in cats.items()))

empty, among, beside, apart, dog, behind = (cats["animal"] for cats in seen.values())
if empty or among or apart or beside < 0.5 or abs(dog - behind) > 1e-4:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
