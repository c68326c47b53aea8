"""Write the test data of annotation tools with label-studio-sdk and datumaro.

In an environment of its own, for they are no dependencies of the package::

    pip install label-studio-sdk==2.1.2 datumaro==1.13.12
    python tools/annotation_files.py tests/datasets/annotation_tools/data

The full JSON of Label Studio comes from its server; here its tasks are checked by the
SDK, and the other forms are what its converter makes of them. CVAT's server is no
package either: its XML 1.1 is what datumaro writes of it, which has no job in the
header.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from datumaro.components.annotation import Bbox, Label
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface

CONFIG = """<View>
  <Image name="img" value="$image"/>
  <Choices name="tags" toName="img" choice="multiple">
    <Choice value="Cat" alias="cat"/>
    <Choice value="Dog" alias="dog"/>
    <Choice value="Tree"/>
  </Choices>
  <Taxonomy name="kinds" toName="img">
    <Choice value="animal"><Choice value="cat"/><Choice value="dog"/></Choice>
    <Choice value="car"/>
  </Taxonomy>
  <RectangleLabels name="box" toName="img"><Label value="thing"/></RectangleLabels>
</View>
"""
# Who answers what: None skips the task, () chooses nothing, "silent" leaves no result.
ANSWERS = [
    {1: ("cat",), 2: ("cat", "dog")},
    {1: ("cat", "dog"), 2: ("dog",)},
    {1: ()},
    {1: "silent"},
    {1: None},
    {},
]
PATHS = [["animal", "cat"], ["car"]]


def _result(name, kind, value):
    return {
        "id": f"r{name}",
        "from_name": name,
        "to_name": "img",
        "type": kind,
        "value": {kind: value},
    }


def tasks():
    """One task for each state: present, absent, skipped, never opened."""
    for number, answers in enumerate(ANSWERS, 1):
        annotations = []
        for who, chosen in answers.items():
            result = []
            if chosen not in (None, "silent"):
                result = [_result("tags", "choices", list(chosen))]
            if number == 1:
                result.append(_result("kinds", "taxonomy", PATHS))
            annotations.append(
                {
                    "id": 10 * number + who,
                    "completed_by": who,
                    "was_cancelled": chosen is None,
                    "created_at": f"2026-01-0{number}T00:0{who}:00.000000Z",
                    "result": result,
                }
            )
        yield {
            "id": number,
            "data": {"image": f"/data/upload/1/0a1b2c3{number}-{number}.jpg"},
            "annotations": annotations,
            "predictions": [
                {
                    "model_version": "clip",
                    "score": 0.5,
                    "result": [_result("tags", "choices", ["Tree"])],
                }
            ],
        }


def write_label_studio_forms(output):
    """Write the full JSON, and what the converter makes of it."""
    (output / "config.xml").write_text(CONFIG, encoding="utf-8")
    full = list(tasks())
    checker = LabelInterface(CONFIG)
    for task in full:
        for entry in (*task["annotations"], *task["predictions"]):
            errors = checker.validate_prediction(entry, return_errors=True)
            if errors:
                raise ValueError(f"The SDK refuses task {task['id']}: {errors}")
    source = output / "full.json"
    source.write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
    converter = Converter(CONFIG, project_dir=None)
    converter.convert_to_json_min(str(source), str(output), is_dir=False)
    (output / "result.json").rename(output / "min.json")
    for name, sign in (("csv", ","), ("tsv", "\t")):
        path = str(output / f"table.{name}")
        if name == "tsv":
            path = str(output / "tsv.csv")
        converter.convert_to_csv(str(source), path, is_dir=False, sep=sign)
    (output / "tsv.csv").rename(output / "table.tsv")


def write_tag_forms(output):
    """Write tags with datumaro: CVAT's XML, its own JSON and COCO."""
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    tags = {"a": [0, 1], "sub/b": [2], "none": [], "boxed": []}
    items = [
        DatasetItem(
            name,
            subset="train",
            media=Image.from_numpy(pixels),
            annotations=[Label(label) for label in labels]
            + ([Bbox(1, 1, 4, 4, label=1)] if name == "boxed" else []),
        )
        for name, labels in tags.items()
    ]
    for name in ("cvat", "datumaro", "coco"):
        data = Dataset.from_iterable(items, categories=["cat", "dog", "tree"])
        data.export(str(output / name), name, save_media=False)


def main(arguments=None):
    """Write a folder for each tool."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    output = parser.parse_args(arguments).output
    for name, write in (
        ("label_studio", write_label_studio_forms),
        ("datumaro", write_tag_forms),
    ):
        shutil.rmtree(output / name, ignore_errors=True)
        (output / name).mkdir(parents=True)
        write(output / name)


if __name__ == "__main__":
    main()
