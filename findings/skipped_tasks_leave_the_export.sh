#!/usr/bin/env bash
# label-studio-sdk 2.1.2
#
# Behaviour: the converter to JSON-MIN writes a task that nobody has opened, and leaves
# out one that somebody opened and skipped: the rows of an export are not the tasks of
# the project. A task whose answer is empty is written in two ways, by whether the
# annotator touched the question, and a single choice is a text where two are a list.
#
# Guess: a row for each task; or none without an answer, whether it was opened or not.
#
# Seen, of six tasks:
#   1 chosen cat            {'tags': 'cat', 'annotation_id': 1}
#   2 chosen cat and dog    {'tags': {'choices': ['cat', 'dog']}, 'annotation_id': 2}
#   3 touched, none chosen  {'tags': {'choices': []}, 'annotation_id': 3}
#   4 submitted untouched   {'annotation_id': 4}
#   5 never opened          {'annotation_id': None}
#   6 skipped               no row
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet label-studio-sdk==2.1.2

"$work/venv/bin/python" - "$work" <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

from label_studio_sdk.converter import Converter

print(f"label-studio-sdk {version('label-studio-sdk')}")
work = Path(sys.argv[1])
CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <Choices name="tags" toName="image" choice="multiple">
    <Choice value="cat"/><Choice value="dog"/>
  </Choices>
</View>
"""


def answer(number, choices=None, skipped=False):
    """An annotation of the full export; without choices the question is untouched."""
    result = {"type": "choices", "from_name": "tags", "to_name": "image"}
    result |= {"id": f"result{number}", "value": {"choices": choices}}
    when = "2026-01-01T00:00:00Z"
    return {
        "id": number,
        "completed_by": 1,
        "was_cancelled": skipped,
        "result": [] if choices is None else [result],
        "created_at": when,
        "updated_at": when,
        "lead_time": 1.0,
    }


cases = [
    ("chosen cat", [answer(1, ["cat"])]),
    ("chosen cat and dog", [answer(2, ["cat", "dog"])]),
    ("touched, none chosen", [answer(3, [])]),
    ("submitted untouched", [answer(4)]),
    ("never opened", []),
    ("skipped", [answer(6, skipped=True)]),
]
tasks = [
    {"id": number, "data": {"image": f"{number}.jpg"}, "annotations": annotations}
    for number, (_, annotations) in enumerate(cases, 1)
]
(work / "full.json").write_text(json.dumps(tasks))
converter = Converter(CONFIG, project_dir=str(work), download_resources=False)
converter.convert_to_json_min(str(work / "full.json"), str(work / "min"), is_dir=False)
rows = json.loads((work / "min" / "result.json").read_text())
found = {
    row["image"]: {key: row[key] for key in ("tags", "annotation_id") if key in row}
    for row in rows
}

seen = []
for number, (name, _) in enumerate(cases, 1):
    seen.append(found.get(f"{number}.jpg"))
    print(f"{number} {name:<21} {'no row' if seen[-1] is None else seen[-1]}")

expected = [
    {"tags": "cat", "annotation_id": 1},
    {"tags": {"choices": ["cat", "dog"]}, "annotation_id": 2},
    {"tags": {"choices": []}, "annotation_id": 3},
    {"annotation_id": 4},
    {"annotation_id": None},
    None,
]
if seen != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
