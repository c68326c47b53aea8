"""What others read of the files of `bench_readers.py`, in an environment of their own.

    python benchmarks/_reader_peer.py PEER FILE

Each peer goes as far as it can towards a row of labels for every picture.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def now():
    """Read the clock, and that of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def read_by_label_studio(path):
    """Convert the full JSON to JSON-MIN, one answer a task."""
    import bench_readers
    from label_studio_sdk.converter import Converter

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in")
        source.mkdir()
        shutil.copy(path, source / "tasks.json")
        converter = Converter(bench_readers.CONFIG, project_dir=None)
        start = now()
        converter.convert_to_json_min(str(source), str(Path(folder, "out")))
        json.loads(Path(folder, "out", "result.json").read_text(encoding="utf-8"))
        return now() - start


def read_by_datumaro(path):
    """Import the XML, whose pictures it wants in a folder beside."""
    from datumaro.components.dataset import Dataset

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, Path(folder, "annotations.xml"))
        Path(folder, "images").symlink_to(path.parent / "pictures")
        start = now()
        for item in Dataset.import_from(folder, "cvat"):
            {annotation.label for annotation in item.annotations}
        return now() - start


def read_by_pycocotools(path):
    """Index the file, and ask for the categories of each image."""
    from pycocotools.coco import COCO

    start = now()
    coco = COCO(str(path))
    for image in coco.getImgIds():
        {one["category_id"] for one in coco.loadAnns(coco.getAnnIds(imgIds=image))}
    return now() - start


def read_by_pandas(path):
    """Split the cells, and make columns of them."""
    import pandas as pd
    from sklearn.preprocessing import MultiLabelBinarizer

    start = now()
    table = pd.read_csv(path)
    MultiLabelBinarizer().fit_transform(table["labels"].str.split(","))
    return now() - start


PEERS = {
    "label-studio-sdk, JSON-MIN": read_by_label_studio,
    "datumaro, cvat": read_by_datumaro,
    "pycocotools": read_by_pycocotools,
    "pandas and scikit-learn": read_by_pandas,
}

if __name__ == "__main__":
    print()
    wall, processor = PEERS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"wall": wall, "processor": processor}))
