#!/usr/bin/env bash
# scikit-multilearn 0.2.0 (liac-arff 2.5.0, scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: load_from_arff takes the place of a value in the declaration for the label.
# With labels declared {1,0}, which ARFF allows as well as {0,1}, every label that is
# absent comes back present and the other way round, without a word.
#
# Guess: a value 1 is a label, however the attribute is declared; or {1,0} is refused.
#
# Seen, of the same data under two declarations:
#   file      cat, dog: [1, 0], [0, 0], [1, 1]
#   {0,1}     cat, dog: [1, 0], [0, 0], [1, 1]
#   {1,0}     cat, dog: [0, 1], [1, 1], [0, 0]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    scikit-multilearn==0.2.0 liac-arff==2.5.0 requests==2.34.2 scikit-learn==1.9.1 \
    scipy==1.17.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - "$work" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

from skmultilearn.dataset import load_from_arff

packages = ("scikit-multilearn", "liac-arff", "scikit-learn", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

DATA = """@relation pictures
@attribute size numeric
@attribute cat {order}
@attribute dog {order}
@data
1.5,1,0
2.5,0,0
3.5,1,1
"""
path = Path(sys.argv[1]) / "pictures.arff"
seen = []
print("file      cat, dog: [1, 0], [0, 0], [1, 1]")
for order in ("{0,1}", "{1,0}"):
    path.write_text(DATA.replace("{order}", order))
    X, Y = load_from_arff(str(path), 2, input_feature_type="float")
    seen.append(Y.toarray().astype(int).tolist())
    print(f"{order}     cat, dog: {str(seen[-1])[1:-1]}")

if seen != [[[1, 0], [0, 0], [1, 1]], [[0, 1], [1, 1], [0, 0]]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
