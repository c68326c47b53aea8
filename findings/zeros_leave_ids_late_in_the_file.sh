#!/usr/bin/env bash
# datasets 5.2.0 (pandas 3.1.1, pyarrow 26.0.1)
#
# Behaviour: load_dataset("csv") reads 10,000 lines at a time, and finds the types of
# each piece anew. Where a column is text, as its first lines say, a later piece of
# digits alone is read as numbers, and these are then made text: the id 00042 is "42"
# there, and names no picture any more, while in the first piece it is "00042". Nothing
# warns. A second file is such a piece; with the two files in the other order it is an
# error. With features=Features({"id": Value("string")}) all ids stay.
#
# Guess: the first lines settle the type of all of them; at most a column that is digits
# throughout loses its zeros.
#
# Seen, of a column that begins with 0a001 and 00042, and ends with 00042 (one file) or
# goes on with 00042 and 00043 (a second file):
#   10,002 lines   ['0a001', '00042', '...', '42']
#   with features  ['0a001', '00042', '...', '00042']
#   two files      ['0a001', '00042', '42', '43']
#   turned round   DatasetGenerationError
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pandas==3.1.1 pyarrow==26.0.1

export HF_HOME="$work/home" HF_DATASETS_OFFLINE=1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import datasets
from datasets import Features, Value

packages = ("datasets", "pandas", "pyarrow")
print(", ".join(f"{name} {version(name)}" for name in packages))
datasets.disable_progress_bars()
datasets.logging.set_verbosity_error()

folder = Path(sys.argv[1])
ids = ["0a001", "00042"] + [f"{number:05}" for number in range(10_000, 20_000)]
ids[-1] = "00042"
(folder / "long.csv").write_text("\n".join(["id", *ids]) + "\n")
(folder / "letters.csv").write_text("id\n0a001\n00042\n")
(folder / "digits.csv").write_text("id\n00042\n00043\n")


def read(*names, **options):
    files = [str(folder / f"{name}.csv") for name in names]
    try:
        rows = datasets.load_dataset("csv", data_files=files, split="train", **options)
    except datasets.exceptions.DatasetGenerationError as error:
        return type(error).__name__
    column = rows["id"][:]
    return column if len(column) < 10 else [*column[:2], "...", column[-1]]


seen = {
    "10,002 lines": read("long"),
    "with features": read("long", features=Features({"id": Value("string")})),
    "two files": read("letters", "digits"),
    "turned round": read("digits", "letters"),
}
for what, found in seen.items():
    print(f"{what:<14} {found}")

if list(seen.values()) != [
    ["0a001", "00042", "...", "42"],
    ["0a001", "00042", "...", "00042"],
    ["0a001", "00042", "42", "43"],
    "DatasetGenerationError",
]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
