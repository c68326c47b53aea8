"""The exports of Label Studio as tasks, and what annotators answered in them."""

import json
from dataclasses import dataclass, field

from sklearn_clip._shared import as_path, clean_name, warn_user
from sklearn_clip.datasets._csv_table import CSVTable
from sklearn_clip.datasets.formats._text import (
    begins_json,
    parse_json,
    refuse_repeated,
)

# Keys of a value that say what was chosen; all others say where.
_CHOSEN = ("choices", "taxonomy")
# Keys that say where: of a box or a point, of a span, a polygon, and a brush.
_PLACES = ({"x", "y"}, {"start", "end"}, {"points"}, {"rle"})
_SAYS_NO_PLACE = frozenset([*_CHOSEN, "type", "item_index"])
# What answers of several parts begin with, and labels do not.
_JSON = ('{"', "[{", '["')
# What the SDK's converter adds to the data of a task.
_ADDED = frozenset(
    [
        "agreement",
        "annotation_id",
        "annotator",
        "created_at",
        "id",
        "lead_time",
        "updated_at",
    ]
)


@dataclass
class Answer:
    """What one annotator said of one task.

    `chosen` is None where nothing was said (a skipped task), else the labels as they
    are written, texts or tuples. `is_silent` if no result is there at all, which is
    not the same as an empty list.
    """

    annotator: str | None
    when: str
    chosen: frozenset | None
    is_silent: bool = False


@dataclass
class Task:
    """One task: its id, where it stands, its data and its answers.

    `more` has the places and the entries of further annotations of a flat export, which
    give the data again.
    """

    id: object
    place: str
    data: dict
    answers: list = field(default_factory=list)
    more: list = field(default_factory=list)

    def value(self, name):
        """Value of a field of the data.

        Raises
        ------
        ValueError
            If entries of the task give it several.
        """
        value = self.data.get(name)
        for place, record in self.more:
            if record.get(name) != value:
                raise ValueError(
                    f"Entries of one task must have the same {name!r}. Got "
                    f"{value!r:.60} ({self.place}) and {record.get(name)!r:.60} "
                    f"({place}): of two exports put together, give the tasks of one "
                    "other ids."
                )
        return value


def read_records(path):
    """Read a file as entries, and tell its form.

    Parameters
    ----------
    path : Path

    Returns
    -------
    form : {"json", "min", "csv"}
    records : list of tuple (str, dict)
        The place of each entry for errors, and the entry.

    Raises
    ------
    ValueError
        If the file is neither, or its entries are of several forms.
    """
    content = path.read_bytes()
    if not begins_json(content):
        return "csv", _read_table(path, content)
    entries = parse_json(content, path.name)
    entries = entries if isinstance(entries, list) else [entries]
    forms, records = set(), []
    for number, entry in enumerate(entries):
        place = f"'{path.name}', entry {number}"
        if not isinstance(entry, dict):
            raise ValueError(f"A task must be an object. Got {entry!r:.60} ({place}).")
        is_full = isinstance(entry.get("data"), dict) and "annotation_id" not in entry
        if not is_full and "annotation_id" not in entry:
            raise ValueError(
                "A task must have its data, or an annotation_id in JSON-MIN. Got the "
                f"keys {', '.join(map(repr, entry))} ({place})."
            )
        forms.add("json" if is_full else "min")
        records.append((f"task {entry.get('id', number)} in '{path.name}'", entry))
    if len(forms) != 1:
        found = "tasks of JSON and of JSON-MIN" if forms else "no task"
        raise ValueError(
            f"An export must have tasks of one form. Got {found} ({path})."
        )
    return forms.pop(), records


def _read_table(path, content):
    head = content.splitlines()[0] if content else b""
    # Spreadsheets of many countries save semicolons where commas were.
    delimiter = ";" if b";" in head and b"," not in head else ","
    delimiter = "\t" if b"\t" in head else delimiter
    table = CSVTable(path, "utf-8", delimiter, "export")
    if "annotation_id" not in table.header:
        raise ValueError(
            "An export must have a column 'annotation_id', which tells an image "
            f"without labels from one nobody opened. Got {', '.join(table.header)} "
            f"({table.name}). load_csv_tags reads other tables."
        )
    return [
        (table.place(line), dict(zip(table.header, cells, strict=True)))
        for line, cells in table.rows
    ]


def find_controls(form, records, source):
    """Names of the controls with choices in the results of the full JSON."""
    found = set()
    for place, task in records if form == "json" else ():
        for entry in _entries(task, source, place):
            for result in entry.get("result") or ():
                if isinstance(result, dict) and result.get("type") in _CHOSEN:
                    found.add(result.get("from_name"))
    return found


def read_tasks(records, control, regions, source):
    """Tasks of the full JSON.

    Parameters
    ----------
    records : list of tuple (str, dict)
    control : str
    regions : {"ignore", "include", "only"}
    source : {"annotations", "predictions"}

    Returns
    -------
    list of Task
    """
    tasks = []
    for number, (place, record) in enumerate(records):
        task = Task(record.get("id", number), place, record["data"])
        for entry in _entries(record, source, place):
            task.answers.append(_read_entry(entry, control, regions, source, place))
        tasks.append(task)
    return tasks


def _entries(record, source, place):
    """Annotations (once called completions) or predictions of a task."""
    found = record.get(source)
    if found is None and source == "annotations":
        found = record.get("completions")
    found = found or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(
            f"The {source} of a task must be a list of objects. Got {found!r:.60} "
            f"({place}). An export with ids alone lacks what they say."
        )
    return found


def _read_entry(entry, control, regions, source, place):
    if source == "predictions":
        who = entry.get("model_version")
    else:
        who = entry.get("completed_by")
        if isinstance(who, dict):
            who = who.get("email") or who.get("id")
    answer = Answer(
        None if who in (None, "") else str(who),
        str(entry.get("updated_at") or entry.get("created_at") or ""),
        None,
    )
    if entry.get("was_cancelled") or entry.get("skipped"):
        return answer
    results = entry.get("result") or []
    own = [one for one in results if one.get("from_name") == control]
    chosen, is_silent = [], True
    for result in own:
        value = result.get("value")
        where = f"{place}, {control!r}"
        if not isinstance(value, dict):
            raise ValueError(f"A value must be an object. Got {value!r:.60} ({where}).")
        kept = _keep(_is_region(value, result), regions)
        for key in _CHOSEN:
            if kept and value.get(key) is not None:
                chosen += _labels(value[key], where)
                is_silent = False
    answer.chosen, answer.is_silent = frozenset(chosen), is_silent
    return answer


def _is_region(value, result=None):
    """Whether a value says where in the image: all keys but the choice do."""
    return not value.keys() <= _SAYS_NO_PLACE or bool(result and result.get("parentID"))


def _keep(is_region, regions):
    return regions == "include" or is_region == (regions == "only")


def _labels(found, where):
    """Labels of a list: texts, or tuples for paths."""
    if isinstance(found, str):
        found = [found]
    labels = []
    for one in found if isinstance(found, list) else [None]:
        parts = one if isinstance(one, list) else [one]
        if not parts or not all(
            isinstance(part, str) and part.strip() for part in parts
        ):
            raise ValueError(
                f"Choices must be texts or lists of them. Got {found!r:.60} ({where})."
            )
        parts = tuple(clean_name(part) for part in parts)
        labels.append(parts if len(parts) > 1 else parts[0])
    return labels


def read_flat_tasks(form, records, control, regions, known):
    """Tasks of JSON-MIN and CSV, which have an entry for each annotation.

    Parameters
    ----------
    form : {"min", "csv"}
    records : list of tuple (str, dict)
    control : Control
        With its labels, if a configuration is known.
    regions : {"ignore", "include", "only"}
    known : bool
        Whether the control is known from a configuration.

    Returns
    -------
    list of Task
    """
    tasks, doubtful = {}, []
    for number, (place, record) in enumerate(records):
        id_ = record.get("id")
        key = number if id_ in (None, "") else id_
        if key not in tasks:
            data = {name: v for name, v in record.items() if name not in _ADDED}
            tasks[key] = Task(key, place, data)
        else:
            tasks[key].more.append((place, record))
        written = record.get(control.name)
        is_opened = record.get("annotation_id") not in (None, "")
        if not is_opened:
            if written not in (None, ""):
                raise ValueError(
                    "A task that nobody opened must have no answer. Got "
                    f"{written!r:.60} for {control.name!r} ({place}): a column of the "
                    "data is called as the question and stands in its place. The full "
                    "JSON tells them apart."
                )
            continue
        who = record.get("annotator")
        answer = Answer(
            None if who in (None, "", "None", {}) else str(who),
            str(record.get("updated_at") or record.get("created_at") or ""),
            frozenset(),
        )
        if written is None or written == "":
            answer.is_silent = True
        else:
            chosen = _read_flat(form, written, control, regions, known, place)
            answer.chosen = frozenset(chosen or ())
            answer.is_silent = chosen is None
            is_plain = isinstance(written, str) and written[:1] not in ("[", "{")
            if is_plain and not known and regions == "ignore" and _has_region(record):
                doubtful.append(place)
        tasks[key].answers.append(answer)
    if doubtful:
        warn_user(
            f"{len(doubtful)} answer(s) to {control.name!r} stand beside regions of "
            "the picture and are read as answers to the whole of it: this form of "
            "export writes a single choice of a region alike. config=... or the full "
            f"JSON tells them apart ({doubtful[0]})."
        )
    return list(tasks.values())


def _has_region(record):
    """Whether a column of a flat record says where something is in the picture."""
    for value in record.values():
        if isinstance(value, str) and value[:2] == "[{":
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if isinstance(value, list) and any(
            isinstance(part, dict) and any(keys <= part.keys() for keys in _PLACES)
            for part in value
        ):
            return True
    return False


def _read_flat(form, written, control, regions, known, place):
    """Labels of an answer in one of its four shapes; None if none is kept."""
    where = f"{place}, {control.name!r}"
    if form == "csv" and written[:1] in ("[", "{"):
        is_label = (clean_name(written),) in control.spelled
        try:
            if not is_label:
                written = json.loads(written, object_pairs_hook=refuse_repeated)
        except ValueError as exc:
            if known or written.startswith(_JSON):
                raise ValueError(
                    "A cell must hold a label or JSON that is whole. Got "
                    f"{written!r:.60} ({where}): {exc}."
                ) from exc
    parts = written if isinstance(written, list) else [written]
    unsaid = [part for part in parts if not isinstance(part, dict)]
    # A value of one choice is shortened to its text, whether it has a place or not.
    unclear = unsaid and not known and (len(parts) > 1 or regions == "only")
    if unclear and regions != "include":
        raise ValueError(
            "Choices of regions must be told from those of the image. Got "
            f"{written!r:.60}, which may be either ({where}). config=... or the full "
            "JSON tells; regions='include' takes both."
        )
    chosen, is_kept = [], False
    for part in parts:
        is_region = _is_region(part) if isinstance(part, dict) else control.per_region
        if not _keep(is_region, regions):
            continue
        if not isinstance(part, dict):
            chosen += _labels([part], where)
            is_kept = True
            continue
        for key in _CHOSEN:
            if part.get(key) is not None:
                chosen += _labels(part[key], where)
                is_kept = True
    return chosen if is_kept else None


def open_export(export):
    """Path of the file of an export."""
    path = as_path(export, "export")
    if path.is_dir():
        raise IsADirectoryError(f"export must be a file. Got the folder '{path}'.")
    return path
