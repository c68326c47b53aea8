#!/usr/bin/env bash
# datasets 5.2.0 with Pillow 13.0.0 (numpy 2.4.6)
#
# Behaviour: `load_dataset("imagefolder")` takes the folders of pictures for labels. One
# more picture beside these folders, and there is no label at all: the column is gone for
# every picture, without a warning. So it is with a single folder, whose pictures have no
# label either.
#
# Guess: the stray picture has no label, or is an error; the others keep theirs.
#
# Seen, of cat/1.png and dog/2.png:
#   as they are           columns ['image', 'label']
#   and 3.png beside them columns ['image']
#   cat/1.png alone       columns ['image']
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0 numpy==2.4.6

export HF_HOME="$work/home" HF_DATASETS_OFFLINE=1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from pathlib import Path

import datasets
import numpy as np
import PIL
from PIL import Image

print(f"datasets {datasets.__version__}, Pillow {PIL.__version__}", end=", ")
print(f"numpy {np.__version__}")
datasets.disable_progress_bars()

seen = []
for number, (what, names) in enumerate(
    (
        ("as they are", ["cat/1.png", "dog/2.png"]),
        ("and 3.png beside them", ["cat/1.png", "dog/2.png", "3.png"]),
        ("cat/1.png alone", ["cat/1.png"]),
    )
):
    folder = Path(sys.argv[1]) / str(number)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name)
    rows = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train")
    seen.append(rows.column_names)
    print(f"{what:<21} columns {rows.column_names}")

if seen != [["image", "label"], ["image"], ["image"]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
