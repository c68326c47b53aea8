#!/usr/bin/env bash
# litdata 0.2.76 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: the first row says which keys there are. Where a later row has None for one,
# or lacks it, False, 0, 0.0 or "" is written, so that an unknown label is an absent one,
# and the name of a part that is not given the empty text. A key that the first row lacks
# is lost. All without a word. A None of the first row is kept, and so is one in a list.
# (The Cache is what optimize() writes with, a picture for each of its inputs.)
#
# Guess: None comes back as None, since it does in the first row; a row of other keys
# comes back with them, or is an error. The comments of the code that writes them say
# that a key which only some rows have becomes optional.
#
# Seen, of four pictures:
#   a cat, no dog         {'cat': True, 'dog': False, 'seen by': 2, 'part': 'train'}
#   cat None, a dog       {'cat': False, 'dog': True, 'seen by': 0, 'part': ''}
#   cat not named, a dog  {'cat': False, 'dog': True, 'seen by': 0, 'part': ''}
#   a cat and a bird      {'cat': True, 'dog': False, 'seen by': 3, 'part': 'test'}
#   and as lists          [True, False] [None, True] [None, True] [True, False, True]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet litdata==0.2.76 torch==2.13.0 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

from litdata import StreamingDataset
from litdata.streaming import Cache

packages = ("litdata", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rows = [
    {"cat": True, "dog": False, "seen by": 2, "part": "train"},
    {"cat": None, "dog": True, "seen by": None, "part": None},
    {"dog": True},
    {"cat": True, "dog": False, "bird": True, "seen by": 3, "part": "test"},
]
marks = [[True, False], [None, True], [None, True], [True, False, True]]


def written_and_read(folder, given):
    cache = Cache(folder, chunk_size=10)
    for row, values in enumerate(given):
        cache[row] = values
    cache.done()
    cache.merge()
    dataset = StreamingDataset(folder)
    return [dataset[row] for row in range(len(given))]


read = written_and_read("keys", rows)
for given, row in zip(rows, read, strict=True):
    print(f"given  {given}\nread   {row}")
as_lists = written_and_read("lists", [{"labels": row} for row in marks])
lists = [row["labels"] for row in as_lists]
print("lists ", *lists)

none = {"cat": False, "dog": True, "seen by": 0, "part": ""}
known = [{name: rows[row][name] for name in none} for row in (0, 3)]
if read != [known[0], none, none, known[1]] or lists != marks:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
