#!/usr/bin/env bash
# datasets 5.2.0 (pyarrow 26.0.1)
#
# Behaviour: load_dataset("webdataset") takes its columns from the first five samples.
# These must have the same files, or it is an error. What a later sample has beyond
# them, a file (its class, its text) or a key of its JSON (its tags), is dropped without
# a word; what it lacks is None.
#
# Guess: a sample that does not fit is an error wherever it stands; or the columns are
# those of all samples, with None where a sample has no such file.
#
# Seen, of the 5th or 6th of eight samples with a text and a JSON, where one has the key
# "tags" more, the file .cls more, or its text less:
#   a key more  in the 5th  {'json': {'id': 5, 'tags': ['cat']}, 'txt': 'a text'}
#   a key more  in the 6th  {'json': {'id': 6}, 'txt': 'a text'}
#   a file more in the 5th  ValueError
#   a file more in the 6th  {'json': {'id': 6}, 'txt': 'a text'}
#   a file less in the 5th  ValueError
#   a file less in the 6th  {'json': {'id': 6}, 'txt': None}
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1

export HF_HOME="$work/home" HF_DATASETS_OFFLINE=1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import io
import json
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import datasets

print(f"datasets {version('datasets')}, pyarrow {version('pyarrow')}")
datasets.disable_progress_bars()
datasets.logging.set_verbosity_error()


def read(place, change):
    """What the sample of this place has, of eight, after a change of its files."""
    path = Path(sys.argv[1]) / f"{change}{place}.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(1, 9):
            files = {"txt": "a text", "json": {"id": number}}
            if number == place and change == "a key more":
                files["json"]["tags"] = ["cat"]
            elif number == place and change == "a file more":
                files["cls"] = "3"
            elif number == place:
                del files["txt"]
            for name, content in files.items():
                content = json.dumps(content) if name == "json" else content
                info = tarfile.TarInfo(f"sample{number}.{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content.encode()))
    try:
        rows = datasets.load_dataset("webdataset", data_files=str(path), split="train")
    except ValueError as error:
        return type(error).__name__
    sample = rows[place - 1]
    return {name: sample[name] for name in sorted(sample) if name[0] != "_"}


seen = []
for change in ("a key more", "a file more", "a file less"):
    for place in (5, 6):
        seen.append(read(place, change))
        print(f"{change:<11} in the {place}th  {seen[-1]}")

if seen != [
    {"json": {"id": 5, "tags": ["cat"]}, "txt": "a text"},
    {"json": {"id": 6}, "txt": "a text"},
    "ValueError",
    {"json": {"id": 6}, "txt": "a text"},
    "ValueError",
    {"json": {"id": 6}, "txt": None},
]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
