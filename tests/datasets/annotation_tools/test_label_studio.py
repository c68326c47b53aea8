import csv
import json
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_clip.datasets import load_label_studio
from sklearn_clip.datasets.annotation_tools._votes import merge_votes

DATA = Path(__file__).parent / "data" / "label_studio"
CONFIG = DATA / "config.xml"
NAN = np.nan
# Cat, Dog, Tree by task: two annotators of the first two, then an empty list, an
# annotation without a result, a skipped task, one that nobody opened.
MAJORITY = [[1, NAN, 0], [NAN, 1, 0], [0, 0, 0], [0, 0, 0], [NAN] * 3, [NAN] * 3]
FLAT = ["min.json", "table.csv", "table.tsv"]


@pytest.fixture
def images(tmp_path):
    for number in range(1, 7):
        (tmp_path / f"{number}.jpg").touch()
    return tmp_path


def write(folder, tasks, name="export.json"):
    path = folder / name
    path.write_text(json.dumps(tasks))
    return path


def choose(*labels, **more):
    return {
        "from_name": "tags",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": list(labels), **more},
    }


def task(id_, *results, **more):
    note = {"completed_by": 1, "result": list(results), **more}
    return {"id": id_, "data": {"image": f"{id_}.jpg"}, "annotations": [note]}


def test_load_label_studio_tells_three_states(images):
    found = load_label_studio(DATA / "full.json", images, control="tags", config=CONFIG)
    assert found.target_names == ["Cat", "Dog", "Tree"]
    assert_array_equal(found.target, MAJORITY)
    assert found.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert [Path(path).name for path in found.data[:, 0]] == [
        f"{number}.jpg" for number in range(1, 7)
    ]
    assert found.annotators.tolist() == ["1", "2"]
    assert found.votes.shape == (2, 6, 3)
    assert_array_equal(found.votes[:, 0], [[1, 0, 0], [1, 1, 0]])
    assert_array_equal(found.votes[1, 2], [NAN] * 3)


@pytest.mark.parametrize("name", FLAT)
def test_load_label_studio_reads_what_the_converter_writes(images, name):
    # The converter leaves out a task that all have skipped: the fifth.
    found = load_label_studio(DATA / name, images, control="tags", config=CONFIG)
    assert found.target_names == ["Cat", "Dog", "Tree"]
    assert_array_equal(found.target, MAJORITY[:4] + MAJORITY[5:])
    assert found.annotators.tolist() == ["1", "2"]
    full = load_label_studio(DATA / "full.json", images, control="tags", config=CONFIG)
    assert_array_equal(found.votes, np.delete(full.votes, 4, axis=1))


@pytest.mark.parametrize("name", ["full.json", *FLAT])
def test_load_label_studio_without_config_takes_what_is_written(images, name):
    found = load_label_studio(DATA / name, images, control="tags")
    assert found.target_names == ["cat", "dog"]
    assert_array_equal(found.target[:2], np.array(MAJORITY)[:2, :2])


@pytest.mark.parametrize(
    ("merge", "first"),
    [
        ("any", [1, 1, 0]),
        ("all", [1, 0, 0]),
        ("mean", [1, 0.5, 0]),
        ("majority", [1, NAN, 0]),
    ],
)
def test_load_label_studio_merges_annotators(images, merge, first):
    found = load_label_studio(
        DATA / "full.json", images, control="tags", config=CONFIG, merge=merge
    )
    assert_array_equal(found.target[0], first)
    assert_array_equal(found.target[5], [NAN] * 3)


@pytest.mark.parametrize("name", ["full.json", *FLAT])
def test_load_label_studio_reads_taxonomies(images, name):
    with pytest.raises(ValueError, match=r"hierarchy='/'"):
        load_label_studio(DATA / name, images, control="kinds")
    found = load_label_studio(DATA / name, images, control="kinds", hierarchy="/")
    assert found.target_names == ["animal", "animal/cat", "car"]
    assert_array_equal(found.target[0], [1, 1, 1])
    assert_array_equal(found.target[1], [0, 0, 0])
    found = load_label_studio(
        DATA / name, images, control="kinds", hierarchy=" > ", config=CONFIG
    )
    assert found.target_names == ["animal", "animal > cat", "animal > dog", "car"]


def test_load_label_studio_reads_predictions_where_asked(images):
    found = load_label_studio(
        DATA / "full.json", images, control="tags", config=CONFIG, source="predictions"
    )
    assert_array_equal(found.target, [[0, 0, 1]] * 6)
    assert found.annotators.tolist() == ["clip"]
    with pytest.raises(ValueError, match="full JSON"):
        load_label_studio(
            DATA / "min.json", images, control="tags", source="predictions"
        )


def test_load_label_studio_silence_is_what_is_asked(images):
    options = {"control": "tags", "config": CONFIG}
    found = load_label_studio(
        DATA / "full.json", images, unlabelled="unknown", **options
    )
    assert_array_equal(found.target[2:4], [[0, 0, 0], [NAN] * 3])
    found = load_label_studio(DATA / "full.json", images, unlabelled="drop", **options)
    assert found.ids.tolist() == [1, 2, 3, 5, 6]


def test_load_label_studio_tells_regions_from_images(images):
    export = write(
        images, [task(1, choose("cat"), choose("dog", x=1, y=1, width=2, height=2))]
    )
    assert load_label_studio(export, images).target_names == ["cat"]
    only = load_label_studio(export, images, regions="only")
    assert only.target_names == ["dog"]
    both = load_label_studio(export, images, regions="include")
    assert both.target_names == ["cat", "dog"]


def test_load_label_studio_does_not_guess_at_regions(images):
    entry = {"id": 1, "image": "1.jpg", "annotation_id": 3, "tags": ["cat", "dog"]}
    export = write(images, [entry])
    with pytest.raises(ValueError, match="may be either"):
        load_label_studio(export, images, control="tags")
    found = load_label_studio(export, images, control="tags", regions="include")
    assert found.target_names == ["cat", "dog"]
    config = CONFIG.read_text()
    found = load_label_studio(export, images, control="tags", config=config)
    assert_array_equal(found.target, [[1, 1, 0]])
    marked = config.replace('name="tags"', 'name="tags" perRegion="true"')
    found = load_label_studio(export, images, control="tags", config=marked)
    assert_array_equal(found.target, [[0, 0, 0]])


BOX = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["thing"]}


@pytest.mark.parametrize("form", ["min", "csv"])
def test_load_label_studio_warns_of_a_choice_that_may_be_of_a_region(images, form):
    entries = [
        {"id": i, "image": f"{i}.jpg", "annotation_id": i, "tags": "cat", "box": box}
        for i, box in [(1, [BOX]), (2, None)]
    ]
    if form == "min":
        export = write(images, entries)
    else:
        export = images / "export.csv"
        with export.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(entries[0])
            for entry in entries:
                box = entry["box"] and json.dumps(entry["box"])
                table.writerow([*list(entry.values())[:-1], box])
    with pytest.warns(UserWarning, match=r"1 answer\(s\) to 'tags'.*config="):
        found = load_label_studio(export, images, control="tags")
    assert_array_equal(found.target, [[1], [1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for more in ({"config": CONFIG.read_text()}, {"regions": "include"}):
            load_label_studio(export, images, control="tags", **more)


def test_load_label_studio_refuses_data_in_the_place_of_answers(images):
    entry = {"id": 1, "image": "1.jpg", "annotation_id": None, "tags": "cat"}
    with pytest.raises(ValueError, match=r"nobody opened.*task 1"):
        load_label_studio(write(images, [entry]), images, control="tags")


def test_load_label_studio_the_last_answer_of_an_annotator_counts(images):
    one = task(1, choose("cat"), created_at="2026-01-02")
    one["annotations"].append(
        {"completed_by": 1, "created_at": "2026-01-01", "result": [choose("dog")]}
    )
    with pytest.warns(UserWarning, match="the last counts"):
        found = load_label_studio(write(images, [one]), images, classes=["cat", "dog"])
    assert_array_equal(found.target, [[1, 0]])
    one["annotations"][1].pop("created_at")
    with pytest.raises(ValueError, match=r"times.*task 1"):
        load_label_studio(write(images, [one]), images)


def test_load_label_studio_reads_texts_alone(tmp_path):
    entry = {"id": 1, "data": {"review": "good"}, "annotations": []}
    entry["annotations"] = task(1, choose("fine"))["annotations"]
    found = load_label_studio(write(tmp_path, [entry]), None, text="review")
    assert found.data.tolist() == [[None, "good"]]


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/3/0a1b2c3d-1.jpg",
        "https://studio.example/data/upload/3/0a1b2c3d-1.jpg",
        "/data/local-files/?d=1.jpg",
        "s3://bucket/deep/1.jpg",
        "1.jpg",
    ],
)
def test_load_label_studio_finds_pictures(images, address):
    one = task(1, choose("cat"))
    one["data"]["image"] = address
    found = load_label_studio(write(images, [one]), images)
    assert found.data[0, 0] == str(images / "1.jpg")
    mapped = {address: str(images / "2.jpg")}
    found = load_label_studio(write(images, [one]), mapped)
    assert found.data[0, 0] == str(images / "2.jpg")


def test_load_label_studio_two_tasks_of_a_picture_are_a_group(images):
    two = [task(1, choose("cat")), task(2)]
    two[1]["data"]["image"] = "1.jpg"
    export = write(images, two)
    with pytest.raises(ValueError, match=r"task 1.*task 2"):
        load_label_studio(export, images)
    found = load_label_studio(export, images, duplicates="keep")
    assert found.groups.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("tasks", "match"),
    [
        ([], "no task"),
        ([3], "entry 0"),
        ([{"id": 1}], "entry 0"),
        ([task(1), {"id": 2, "annotation_id": 1}], "one form"),
        ([task(1, {**choose("cat"), "value": 3})], r"task 1"),
        ([task(1, choose(["a", 2]))], r"task 1"),
        ([{**task(1, choose("cat")), "annotations": [7]}], "ids alone"),
        ([task(1)], "control"),
        ([task(1, choose("a")), task(2, {**choose("b"), "from_name": "x"})], "'x'"),
    ],
)
def test_load_label_studio_names_the_task(images, tasks, match):
    with pytest.raises(ValueError, match=match):
        load_label_studio(write(images, tasks), images)


def test_load_label_studio_an_unknown_label_raises(images):
    export = write(images, [task(1, choose("Kat"))])
    with pytest.raises(ValueError, match=r"in config. Got 'Kat' \(task 1"):
        load_label_studio(export, images, control="tags", config=CONFIG)
    with pytest.raises(ValueError, match=r"among classes. Got 'Kat' \(task 1"):
        load_label_studio(export, images, classes=["cat"])
    export = write(images, [task(1, choose("Kat")), task(2, choose("cat"))])
    found = load_label_studio(export, images, classes=["cat"], other_labels="ignore")
    assert_array_equal(found.target, [[0], [1]])


def test_load_label_studio_reads_a_table_that_a_spreadsheet_parted_by_semicolons(
    images,
):
    text = (DATA / "table.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    path = images / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    found = load_label_studio(path, images, control="tags", config=CONFIG)
    plain = load_label_studio(DATA / "table.csv", images, control="tags", config=CONFIG)
    assert_array_equal(found.target, plain.target)


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        (
            '"{""choices"": [""cat"""',
            r"JSON that is whole. Got .*\(table.csv, line 2, ",
        ),
        ("ch\xe4t", r"Got the bytes .*line 2\). Save the file as UTF-8"),
        ('"x" y', "breaks off.*Mend the file"),
    ],
)
def test_load_label_studio_says_what_to_do_with_a_cell(images, cell, match):
    path = images / "table.csv"
    head = "id,image,annotator,annotation_id,tags\n"
    path.write_bytes((head + f"1,1.jpg,1,1,{cell}\n").encode("latin-1"))
    with pytest.raises(ValueError, match=match):
        load_label_studio(path, images, control="tags")


def test_merging_votes_holds_no_copy_of_them():
    votes = np.full((30, 10_000, 40), NAN)
    votes[:3] = np.random.default_rng(0).integers(2, size=(3, 10_000, 40))
    tracemalloc.start()
    target = merge_votes(votes, "majority")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_array_equal(target, votes[:3].sum(axis=0) >= 2)
    assert peak < votes.nbytes


@pytest.mark.parametrize("merge", ["majority", "any", "all", "mean"])
def test_votes_of_one_annotator_are_the_target(merge):
    votes = np.array([[[1, 0, NAN], [0, NAN, 1]]])
    target = merge_votes(votes, merge)
    assert_array_equal(target, votes[0])
    assert not np.shares_memory(target, votes)


def test_load_label_studio_leaves_out_addresses_that_are_not_there(images):
    tasks = [task(1, choose("cat")), task(2, choose("dog"))]
    tasks[0]["data"]["image"] = "https://host/photos/1.jpg"
    tasks[1]["data"]["image"] = "https://host/photos/none.jpg"
    path = write(images, tasks)
    match = r"none.jpg' \(task 2 in .*is an address: fetch the pictures first"
    with pytest.raises(FileNotFoundError, match=match):
        load_label_studio(path, images)
    with pytest.warns(UserWarning, match="1 of 2 images was not found"):
        found = load_label_studio(path, images, missing_files="drop")
    assert found.data[:, 0].tolist() == [str(images / "1.jpg")]


@pytest.mark.parametrize("other", ["2.jpg", ""])
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_entries_of_one_task_must_have_one_picture(images, suffix, other):
    # Two exports put together count their tasks alike.
    notes = [("1.jpg", "Cat", 1), ("2.jpg", "Dog", 2), (other, "Dog", 1)]
    records = [
        {"image": name, "id": id_, "tags": tag, "annotation_id": i, "annotator": i}
        for i, (name, tag, id_) in enumerate(notes, start=1)
    ]
    path = images / f"export.{suffix}"
    if suffix == "json":
        path.write_text(json.dumps(records))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, records[0])
            writer.writeheader()
            writer.writerows(records)
    match = rf"have the same 'image'. Got '1.jpg' \(.*\) and '{other}' \(.*: of two exp"
    with pytest.raises(ValueError, match=match):
        load_label_studio(path, images, control="tags", image="image")
    path.write_text(path.read_text().replace(f'"{other}", "id": 1', '"1.jpg", "id": 1'))
    path.write_text(path.read_text().replace(f"{other},1,Dog", "1.jpg,1,Dog"))
    found = load_label_studio(path, images, control="tags", image="image")
    assert_array_equal(found.target, [[NAN, NAN], [0, 1]])
