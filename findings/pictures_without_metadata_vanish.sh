#!/usr/bin/env bash
# datasets 5.2.0 with Pillow 13.0.0 (numpy 2.4.6)
#
# Behaviour: `load_dataset("imagefolder")` with a metadata.jsonl makes a row for each of
# its lines. Pictures of the folder that no line names are not there: no row, no error,
# no warning. A line whose labels are null, and one that lacks them, are both rows.
#
# Guess: a picture without metadata is a row of None, or an error that names it.
#
# Seen, of the pictures a, b, c and d, where the lines are {a: ["x"]}, {b: null} and
# {d without the key}:
#   rows [('a.png', ['x']), ('b.png', None), ('d.png', None)]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0 numpy==2.4.6

export HF_HOME="$work/home" HF_DATASETS_OFFLINE=1
"$work/venv/bin/python" - "$work/pictures" <<'PYTHON'
import json
import os
import sys
from pathlib import Path

import datasets
import numpy as np
import PIL
from PIL import Image

print(f"datasets {datasets.__version__}, Pillow {PIL.__version__}", end=", ")
print(f"numpy {np.__version__}")
datasets.disable_progress_bars()

folder = Path(sys.argv[1])
folder.mkdir()
for name in "abcd":
    Image.new("RGB", (8, 8)).save(folder / f"{name}.png")
lines = [
    {"file_name": "a.png", "tags": ["x"]},
    {"file_name": "b.png", "tags": None},
    {"file_name": "d.png"},
]
text = "".join(json.dumps(line) + "\n" for line in lines)
(folder / "metadata.jsonl").write_text(text)

rows = [
    (os.path.basename(row["image"].filename), row["tags"])
    for row in datasets.load_dataset(
        "imagefolder", data_dir=str(folder), split="train"
    )
]
print(f"rows {rows}")
if rows != [("a.png", ["x"]), ("b.png", None), ("d.png", None)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
