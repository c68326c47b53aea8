"""Readers, writers and reviews at 100,000 rows: time, memory, growth, and peers.

The files are made here: every picture is an empty file, has three of 50 labels, and
stands in the form of each tool. Every job has a process of its own, which does it on a
fourth of the rows first, so that imports are not measured, and the growth from there is
told. Rows per second, growth and ratios are of the processor's seconds, which other
work on the machine lengthens least. Memory is what a job adds to the most that its
process has held. Peers run in an environment of their own, `--peer` its interpreter, on
the same files.

    python benchmarks/bench_readers.py
    python benchmarks/bench_readers.py --rows 20000 --only load_cvat load_coco
    pip install label-studio-sdk==2.1.2 datumaro==1.13.12 pycocotools==2.0.11
    python benchmarks/bench_readers.py --peer other/bin/python
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N_LABELS, N_TAGS, N_PHOTOS = 50, 3, 10_000
NAMES = [f"label {number:02d}" for number in range(N_LABELS)]
HERE = Path(__file__).resolve().parent
CONFIG = (
    '<View><Image name="img" value="$image"/><Choices name="tags" toName="img" '
    'choice="multiple">'
    + "".join(f'<Choice value="{name}"/>' for name in NAMES)
    + "</Choices></View>"
)


def draw(n_rows):
    """Draw name and labels of each row."""
    rng = np.random.default_rng(0)
    numbers = np.argsort(rng.random((n_rows, N_LABELS)), axis=1)[:, :N_TAGS]
    tags = [[NAMES[number] for number in row] for row in np.sort(numbers)]
    return [f"{row:06d}.jpg" for row in range(n_rows)], tags


def make_pictures(folder, n_rows):
    """Make empty files, which no reader of labels opens."""
    folder.mkdir()
    for name in draw(n_rows)[0]:
        (folder / name).touch()


def write_label_studio_json(path, n_rows):
    """Write the full JSON, as the server does."""
    names, tags = draw(n_rows)
    tasks = []
    for number, (name, labels) in enumerate(zip(names, tags, strict=True), 1):
        result = {
            "id": f"r{number}",
            "from_name": "tags",
            "to_name": "img",
            "type": "choices",
            "origin": "manual",
            "value": {"choices": labels},
        }
        note = {
            "id": number,
            "completed_by": 1,
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "updated_at": "2026-01-01T00:00:00.000000Z",
            "lead_time": 1.5,
            "task": number,
            "result": [result],
        }
        tasks.append(
            {
                "id": number,
                "annotations": [note],
                "predictions": [],
                "data": {"image": f"/data/upload/1/{name}"},
                "meta": {},
                "project": 1,
            }
        )
    path.write_text(json.dumps(tasks), encoding="utf-8")


def write_label_studio_csv(path, n_rows):
    """Write the CSV of the server: several choices are JSON inside the cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "image", "annotator", "annotation_id", "tags"])
        for number, (name, labels) in enumerate(zip(*draw(n_rows), strict=True), 1):
            answer = json.dumps({"choices": labels})
            table.writerow([number, f"/data/upload/1/{name}", 1, number, answer])


def write_cvat_xml(path, n_rows):
    """Write CVAT for images 1.1."""
    labels = "".join(f"<label><name>{name}</name></label>" for name in NAMES)
    lines = [
        "<annotations><version>1.1</version><meta><task><labels>"
        f"{labels}</labels></task></meta>"
    ]
    for number, (name, tags) in enumerate(zip(*draw(n_rows), strict=True)):
        tags = "".join(f'  <tag label="{tag}" source="manual"></tag>\n' for tag in tags)
        lines.append(
            f'<image id="{number}" name="{name}" width="8" height="8">\n{tags}</image>'
        )
    path.write_text("\n".join([*lines, "</annotations>"]), encoding="utf-8")


def write_coco_json(path, n_rows):
    """Write an object with a box for each label."""
    names, tags = draw(n_rows)
    number_of = {name: number for number, name in enumerate(NAMES, 1)}
    objects = [
        {
            "id": row * N_TAGS + place + 1,
            "image_id": row + 1,
            "category_id": number_of[tag],
            "bbox": [0, 0, 4, 4],
            "area": 16,
            "iscrowd": 0,
        }
        for row, labels in enumerate(tags)
        for place, tag in enumerate(labels)
    ]
    images = [
        {"id": row + 1, "file_name": name, "width": 8, "height": 8}
        for row, name in enumerate(names)
    ]
    categories = [{"id": number, "name": name} for name, number in number_of.items()]
    path.parent.mkdir(parents=True)
    content = {"images": images, "annotations": objects, "categories": categories}
    path.write_text(json.dumps(content), encoding="utf-8")


def write_voc_files(path, n_rows):
    """Write a file of XML for each picture, an object for each label."""
    folder = path / "Annotations"
    folder.mkdir(parents=True)
    (path / "JPEGImages").symlink_to(path.parent / "pictures")
    for name, labels in zip(*draw(n_rows), strict=True):
        objects = "".join(
            f"<object><name>{label}</name><difficult>0</difficult><bndbox><xmin>1</xmin>"
            "<ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></object>\n"
            for label in labels
        )
        (folder / f"{name[:-4]}.xml").write_text(
            f"<annotation>\n<filename>{name}</filename>\n{objects}</annotation>\n"
        )


def write_yolo_files(path, n_rows):
    """Write a text for each picture, a box for each label."""
    folder = path / "labels"
    folder.mkdir(parents=True)
    (path / "images").symlink_to(path.parent / "pictures")
    for name, labels in zip(*draw(n_rows), strict=True):
        boxes = (f"{NAMES.index(label)} 0.5 0.5 0.1 0.1\n" for label in labels)
        (folder / f"{name[:-4]}.txt").write_text("".join(boxes))
    (path / "data.yaml").write_text(json.dumps({"train": "images", "names": NAMES}))


def write_open_images_csv(path, n_rows):
    """Write three labels that are present, and one that is absent, of each picture."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["ImageID", "Source", "LabelName", "Confidence"])
        for name, labels in zip(*draw(n_rows), strict=True):
            other = next(label for label in NAMES if label not in labels)
            for label in (*labels, other):
                value = int(label != other)
                table.writerow([name[:-4], "verification", label, value])


def write_tags_csv(path, n_rows):
    """Write one line a picture, its labels in a cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "labels"])
        for name, labels in zip(*draw(n_rows), strict=True):
            table.writerow([name, ",".join(labels)])


def write_tags_parquet(path, n_rows):
    """Write the same as a table with types, the labels in lists."""
    import pandas as pd

    names, tags = draw(n_rows)
    pd.DataFrame({"image": names, "labels": tags}).to_parquet(path)


def write_photos(path, n_rows):
    """Write small JPEG files, each with a sidecar of three keywords."""
    from PIL import Image

    from sklearn_clip.datasets import write_photo_keywords

    path.mkdir()
    names, tags = draw(n_rows)
    for name in names:
        Image.new("RGB", (8, 8)).save(path / name)
    write_photo_keywords(path, names, tags)


# What each reader reads: its file, and who writes it.
FILES = {
    "tasks.json": write_label_studio_json,
    "tasks.csv": write_label_studio_csv,
    "cvat.xml": write_cvat_xml,
    "coco/annotations/instances_all.json": write_coco_json,
    "voc": write_voc_files,
    "yolo": write_yolo_files,
    "open_images.csv": write_open_images_csv,
    "tags.csv": write_tags_csv,
    "tags.parquet": write_tags_parquet,
    "photos": write_photos,
}
# Of each job: its file or None, and of which peer it does the work.
JOBS = {
    "load_label_studio, JSON": ("tasks.json", "label-studio-sdk, JSON-MIN"),
    "load_label_studio, CSV": ("tasks.csv", None),
    "load_cvat": ("cvat.xml", "datumaro, cvat"),
    "load_cvat, without pictures": ("cvat.xml", None),
    "load_coco": ("coco/annotations/instances_all.json", "pycocotools"),
    "load_voc": ("voc", None),
    "load_yolo": ("yolo", None),
    "load_open_images": ("open_images.csv", None),
    "load_csv_tags, CSV": ("tags.csv", "pandas and scikit-learn"),
    "load_csv_tags, Parquet": ("tags.parquet", None),
    "load_photo_keywords": ("photos", None),
    "write_label_studio": (None, None),
    "write_cvat_tags": (None, None),
    "find_label_issues, scores": (None, None),
    "find_label_issues, vectors": (None, None),
    "suggest_queries": (None, None),
}


def prepare_job(name, folder, n_rows):
    """Make the call that is timed, with all it needs at hand."""
    from sklearn_clip import datasets, review

    pictures = folder / "pictures"
    file, _ = JOBS[name]
    path = None if file is None else folder / file
    reader = getattr(datasets, name.partition(",")[0], None)
    if name in ("load_photo_keywords", "load_voc"):
        return lambda: reader(path)
    if name == "load_yolo":
        return lambda: reader(path / "data.yaml")
    if name.startswith("load_label_studio"):
        return lambda: reader(path, pictures, control="tags", config=CONFIG)
    if name == "load_cvat, without pictures":
        return lambda: reader(path, None)
    if name.startswith("load_csv_tags"):
        return lambda: reader(path, pictures, separator=",")
    if name == "load_coco":
        return lambda: reader(folder / "coco", images=pictures, captions=None)
    if name.startswith("load_"):
        return lambda: reader(path, pictures)
    rng = np.random.default_rng(0)
    scores = rng.random((n_rows, N_LABELS))
    if name.startswith("write_"):
        images = [str(pictures / row) for row in draw(n_rows)[0]]
        given = {"label_names": NAMES, "root": pictures, "overwrite": True}
        target = folder / f"{n_rows} {name}"
        return lambda: reader(target, images, scores, threshold=0.94, **given)
    given = (scores + 0.3 * rng.standard_normal(scores.shape) > 0.9).astype(np.int8)
    vectors = rng.standard_normal((n_rows, 64), dtype=np.float32)
    if name == "suggest_queries":
        return lambda: review.suggest_queries(
            scores, None, 1000, vectors=vectors, random_state=0
        )
    near = vectors if name.endswith("vectors") else None
    return lambda: review.find_label_issues(scores, None, given, vectors=near)


def timed(call):
    """Call; give seconds and seconds of the processor."""
    start, used = time.perf_counter(), time.process_time()
    answer = call()
    del answer
    return time.perf_counter() - start, time.process_time() - used


def run_job(name, small, large, n_rows):
    """Do a job on a fourth of the rows, then on all, and print what it took."""
    _, few = timed(prepare_job(name, small, n_rows // 4))
    call = prepare_job(name, large, n_rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, processor = timed(call)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found = {"wall": wall, "processor": processor, "growth": processor / few}
    print(json.dumps({**found, "memory": peak / 1024}))


def ask(command):
    """Read the last line that a process prints as JSON; None if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"    failed: {done.stderr.strip().splitlines()[-1]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def rows_of(name, n_rows):
    """Count rows; photographs are fewer, as each has files to open."""
    return (
        min(n_rows, N_PHOTOS) if name in ("photos", "load_photo_keywords") else n_rows
    )


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--only", nargs="*", default=[""], help="starts of names")
    parser.add_argument("--peer", help="interpreter of the peers' environment")
    parser.add_argument("--job", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, small, large, n_rows = options.job
        run_job(name, Path(small), Path(large), int(n_rows))
        return
    jobs = [name for name in JOBS if name.startswith(tuple(options.only))]
    with tempfile.TemporaryDirectory() as folder:
        sizes = {Path(folder, "small"): options.rows // 4}
        sizes[Path(folder, "large")] = options.rows
        for place, n_rows in sizes.items():
            place.mkdir()
            make_pictures(place / "pictures", n_rows)
            for file in {JOBS[name][0] for name in jobs} - {None}:
                few = rows_of(file, options.rows) * n_rows // options.rows
                FILES[file](place / file, few)
        print(f"{options.rows:,} rows, {N_LABELS} labels, {N_TAGS} to a row")
        for name in jobs:
            n_rows = rows_of(name, options.rows)
            places = list(map(str, sizes))
            found = ask([sys.executable, __file__, "--job", name, *places, str(n_rows)])
            if found is None:
                continue
            print(
                f"  {name:28} {found['wall']:7.2f} s, {found['processor']:7.2f} s of "
                f"the processor, {n_rows / found['processor']:8,.0f} rows/s, "
                f"{found['memory']:6,.0f} MB, {found['growth']:.1f}x for 4x the rows",
                flush=True,
            )
            file, peer = JOBS[name]
            if options.peer and peer:
                own = peer == "pandas and scikit-learn"
                python = sys.executable if own else options.peer
                script = [python, str(HERE / "_reader_peer.py")]
                theirs = ask([*script, peer, str(Path(places[1], file))])
                if theirs is not None:
                    print(
                        f"    {peer:26} {theirs['wall']:7.2f} s, "
                        f"{theirs['processor']:7.2f} s of the processor, "
                        f"{theirs['processor'] / found['processor']:.1f}x of ours",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
