#!/usr/bin/env bash
# datasets 5.2.0 with pyarrow 26.0.1 (numpy 2.4.6)
#
# Behaviour: where the names of a `ClassLabel` are texts of numbers, such as ids of
# categories, grades or codes, a text that is none of them is read as a place in the
# list of names. An id that is not known becomes another label, in columns of one label
# and in lists of labels, without a warning. A text that is no number is refused with
# "Invalid string class label", and so is a number that is no place.
#
# Guess: an unknown id is refused as an unknown word is; places are whole numbers.
#
# Seen, with the names "10", "20", "30" and "40":
#   given   ["10", "2"]   ["0"]    ["40", "3"]
#   read    ["10", "30"]  ["10"]   ["40", "40"]
#   given   ["10", "dog"] or ["10", "50"]: ValueError
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1 numpy==2.4.6

export HF_HOME="$work/home" HF_DATASETS_OFFLINE=1
"$work/venv/bin/python" - <<'PYTHON'
import sys

import datasets
import pyarrow
from datasets import ClassLabel, Dataset, Features, List

datasets.disable_progress_bars()
print(f"datasets {datasets.__version__}, pyarrow {pyarrow.__version__}")

NAMES = ["10", "20", "30", "40"]
features = Features({"labels": List(ClassLabel(names=NAMES))})


def read(given, cast=False):
    """The names of the labels that are read, by either way, or the error."""
    try:
        if cast:
            table = Dataset.from_dict({"labels": given}).cast(features)
        else:
            table = Dataset.from_dict({"labels": given}, features=features)
    except ValueError as error:
        return f"ValueError: {error}"
    return [[NAMES[place] for place in row] for row in table["labels"]]


given = [["10", "2"], ["0"], ["40", "3"]]
seen = [read(given), read(given, cast=True)]
print("given", given)
print("read ", seen[0])
single = ClassLabel(names=NAMES).str2int("2")
print('one label: "2" is', NAMES[single])
refused = [read([["10", other]]) for other in ("dog", "50")]
print("refused:", *refused, sep="\n  ")

expected = [["10", "30"], ["10"], ["40", "40"]]
as_seen = seen == [expected] * 2 and NAMES[single] == "30"
if not (as_seen and all(text.startswith("ValueError: Invalid") for text in refused)):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
