"""Labels given in Label Studio, from any of its exports."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np

from sklearn_clip._shared import hint_at_name, unify_names, warn_user
from sklearn_clip.datasets._bunch import Loaded, as_integers, check_choice, make_bunch
from sklearn_clip.datasets._collector import collector_paused
from sklearn_clip.datasets._tag_targets import (
    ancestors,
    check_reader,
    choose_columns,
    make_speller,
    sort_labels,
)
from sklearn_clip.datasets.annotation_tools._label_studio_answers import (
    find_controls,
    open_export,
    read_flat_tasks,
    read_records,
    read_tasks,
)
from sklearn_clip.datasets.annotation_tools._label_studio_config import (
    Control,
    choose_control,
    read_config,
)
from sklearn_clip.datasets.annotation_tools._label_studio_pictures import (
    choose_field,
    find_pictures,
)
from sklearn_clip.datasets.annotation_tools._votes import MERGES, merge_votes

_Images = str | os.PathLike[str] | Mapping[str, str] | Callable[[str], str | None]


@collector_paused()
def load_label_studio(
    export: str | os.PathLike[str],
    images: _Images | None,
    *,
    control: str | None = None,
    config: str | os.PathLike[str] | None = None,
    image: str | None = None,
    text: str | None = None,
    source: Literal["annotations", "predictions"] = "annotations",
    regions: Literal["ignore", "include", "only"] = "ignore",
    merge: Literal["majority", "any", "all", "mean"] = "majority",
    hierarchy: str | None = None,
    classes: Iterable[str] | None = None,
    other_labels: Literal["raise", "ignore"] = "raise",
    unlabelled: Literal["keep", "drop", "unknown"] = "keep",
    duplicates: Literal["raise", "keep"] = "raise",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load the choices of annotators from an export of Label Studio.

    A row is a task. A label is present if it was chosen, absent if the annotator
    submitted the task without it, and unknown (NaN) if nobody opened the task or all
    who did skipped it.

    Parameters
    ----------
    export : str or path-like
        The full JSON, JSON-MIN, CSV or TSV. The full JSON alone has skipped tasks,
        predictions, and the place of each choice.
    images : str, path-like, dict, callable or None
        The folder of the pictures. An upload ``/data/upload/3/0a1b2c3d-cat.jpg`` is
        found as ``upload/3/0a1b2c3d-cat.jpg``, ``3/0a1b2c3d-cat.jpg``,
        ``0a1b2c3d-cat.jpg`` or ``cat.jpg``, an address of a bucket by its path or the
        name of the file. A dict, or a function, gives the path of what stands in the
        data. None reads texts alone.
    control : str or None, default=None
        The name of the question, ``Choices`` or ``Taxonomy``, whose answers are the
        labels. None takes the only one. JSON-MIN and CSV need it, or `config`.
    config : str, path-like or None, default=None
        The labeling configuration, as XML or its file. It gives the labels in their
        order, those nobody chose too, and their aliases: exports hold the alias,
        `target_names` the value that annotators saw.
    image, text : str or None, default=None
        The fields of the data with the pictures and the texts. None takes the field of
        an ``Image`` in `config`, or the only one that holds names of pictures; and the
        field of a ``Text`` in `config`, or none.
    source : {"annotations", "predictions"}, default="annotations"
        Whether people's answers are read or those of models.
    regions : {"ignore", "include", "only"}, default="ignore"
        What happens to choices made for a region of the picture. JSON-MIN and CSV
        write several of either kind alike; without `config` that is an error.
    merge : {"majority", "any", "all", "mean"}, default="majority"
        What several annotators of a task say together: what more than half of them say
        (NaN where they are even), what any says, what all say, or the share of those
        who say it, in [0, 1].
    hierarchy : str or None, default=None
        What to write between the parts of a path of a taxonomy, as ``"/"``; all that
        a label stands below are labels too. None refuses paths.
    classes : list of str or None, default=None
        The labels and their order. None takes those of `config`, or all that occur,
        sorted.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels that are not among `classes`.
    unlabelled : {"keep", "drop", "unknown"}, default="keep"
        What a task is that was submitted without any answer to the question: one that
        has none of the labels, one to leave out, or one of which nothing is known. A
        list that was written empty always means none of the labels.
    duplicates : {"raise", "keep"}, default="raise"
        What happens to two tasks of one picture: an error, or two rows of one group.
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to rows whose picture is not there, as in :func:`load_csv_tags`.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of :func:`load_csv_tags`: `data` of shape (n, 2), `target` of shape
        (n, n_labels), `target_names`, `groups`, `frame`, and

        ids : ndarray of shape (n,)
            Ids of the tasks.
        votes : ndarray of shape (n_annotators, n, n_labels)
            1, 0 and NaN, where an annotator says nothing of a row.
        annotators : ndarray of shape (n_annotators,)
            E-mail or id of each, as text; the model version for predictions.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, the file is no export, its question is not clear, an
        answer is none, or a label is not among `classes`.
    FileNotFoundError
        If the export or a picture is not there.
    NotADirectoryError
        If `images` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    write_label_studio : Give suggestions to annotators.
    load_cvat : Read tags from CVAT.

    Notes
    -----
    Of several annotations of one task by one annotator the last counts, which is told.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_label_studio
    >>> folder = Path(tempfile.mkdtemp())
    >>> chosen = {"from_name": "tags", "to_name": "img", "type": "choices",
    ...           "value": {"choices": ["cat"]}}
    >>> tasks = []
    >>> for number, result in enumerate([[chosen], [], None]):
    ...     (folder / f"{number}.jpg").touch()
    ...     notes = [] if result is None else [{"completed_by": 1, "result": result}]
    ...     tasks.append({"id": number, "data": {"image": f"{number}.jpg"},
    ...                   "annotations": notes})
    >>> _ = (folder / "export.json").write_text(json.dumps(tasks))
    >>> found = load_label_studio(folder / "export.json", folder)
    >>> found.target_names
    ['cat']
    >>> found.target
    array([[ 1.],
           [ 0.],
           [nan]])
    """
    check_choice("source", source, ("annotations", "predictions"))
    check_choice("regions", regions, ("ignore", "include", "only"))
    check_choice("merge", merge, MERGES)
    check_choice("duplicates", duplicates, ("raise", "keep"))
    classes = check_reader(
        classes,
        other_labels=other_labels,
        unlabelled=unlabelled,
        missing_files=missing_files,
    )
    path = open_export(export)
    settings = None if config is None else read_config(config)
    form, records = read_records(path)
    if form != "json" and source == "predictions":
        raise ValueError(
            f"source='predictions' needs the full JSON. Got '{path.name}', which has "
            "none."
        )
    question = _choose_question(form, records, control, settings, source, path.name)
    if form == "json":
        tasks = read_tasks(records, question.name, regions, source)
    else:
        known = settings is not None
        tasks = read_flat_tasks(form, records, question, regions, known)
    _settle_silent(tasks, unlabelled)
    if unlabelled == "drop":
        tasks = [task for task in tasks if not _is_silent(task)]
    if not tasks:
        raise ValueError(f"The export must have tasks. Got none ('{path.name}').")
    fields = {} if settings is None else settings.fields
    paths, files, texts = [None] * len(tasks), list(range(len(tasks))), []
    if images is not None:
        field = choose_field(tasks, image, fields.get("image"), "image")
        paths, files = find_pictures(tasks, field, images, missing_files)
    field = text if text is not None else fields.get("text")
    if images is None or field is not None:
        field = choose_field(tasks, field, None, "text")
        texts = [_text_of(task, field) for task in tasks]
    rows = [i for i in range(len(tasks)) if images is None or paths[i] is not None]
    groups = _number(tasks, files, rows, duplicates)
    names, votes, annotators = _count(
        tasks, question, hierarchy, classes, other_labels, path.name
    )
    if len(rows) < len(tasks):  # else it is a copy of what is large
        votes = votes[:, rows]
    target = merge_votes(votes, merge)
    return make_bunch(
        [paths[i] for i in rows],
        [texts[i] if texts else None for i in rows],
        target if merge == "mean" else as_integers(target),
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_label_studio",
        groups=groups,
        ids=np.array([tasks[i].id for i in rows], dtype=object),
        votes=votes,
        annotators=np.array(annotators, dtype=object),
    )


def _choose_question(form, records, control, settings, source, name):
    """Find the control to read, with its labels where they are known."""
    if settings is not None:
        return settings.controls[choose_control(settings.controls, control, "config")]
    if form == "json":
        found = find_controls(form, records, source)
        return Control(choose_control(found, control, f"'{name}'"), "", "", False)
    columns = {column for _, record in records for column in record}
    if control is None:
        raise ValueError(
            f"control must name the question in '{name}', whose columns are "
            f"{', '.join(map(repr, sorted(columns)))}. Got None. config=... tells it "
            "too."
        )
    choose_control(columns, control, f"'{name}'")
    return Control(control, "", "", False)


def _settle_silent(tasks, unlabelled):
    """Make unknown what was submitted without an answer, where that is asked for."""
    for task in tasks if unlabelled == "unknown" else ():
        for answer in task.answers:
            if answer.is_silent:
                answer.chosen = None


def _is_silent(task):
    """Whether annotators submitted a task, and none answered the question."""
    said = [answer for answer in task.answers if answer.chosen is not None]
    return bool(said) and all(answer.is_silent for answer in said)


def _text_of(task, field):
    value = task.value(field)
    if value is not None and not isinstance(value, str):
        raise ValueError(
            f"The text in {field!r} must be a text. Got {value!r:.60} ({task.place})."
        )
    return value or None


def _number(tasks, files, rows, duplicates):
    """Group of each row: a number for its picture."""
    first: dict[Any, int] = {}
    for i in rows:
        other = first.setdefault(files[i], i)
        if other != i and duplicates == "raise":
            raise ValueError(
                f"A picture must be in one task. Got one in {tasks[other].place} and "
                f"{tasks[i].place}. duplicates='keep' makes two rows of one group."
            )
    numbers = {file: number for number, file in enumerate(first)}
    return np.array([numbers[files[i]] for i in rows])


def _count(tasks, question, hierarchy, classes, other_labels, name):
    """Names of the labels, votes of all annotators, and who they are."""
    spell = make_speller(None, hierarchy)

    def spell_label(tag, place):
        parts = tag if isinstance(tag, tuple) else (tag,)
        if question.spelled:
            if parts not in question.spelled:
                raise ValueError(
                    f"A label must be in config. Got {'/'.join(parts)!r} "
                    f"({place}, {question.name!r})."
                    + hint_at_name(parts[-1], [label[-1] for label in question.labels])
                )
            parts = question.spelled[parts]
        return spell(parts if len(parts) > 1 else parts[0], place)

    said, repeated = _last_answers(tasks)
    if repeated:
        warn_user(
            f"An annotator should answer a task once. Got {len(repeated)} tasks with "
            f"several annotations by one, of which the last counts: {repeated[0]}."
        )
    found, chosen, known = {}, [], {}
    for i, answers in enumerate(said):
        for who, answer in answers.items():
            if answer.chosen is None:
                known.setdefault(who)
                continue
            labels = set()
            for tag in answer.chosen:
                label = spell_label(tag, tasks[i].place)
                labels |= {label} if hierarchy is None else ancestors(label, hierarchy)
            for label in labels:
                found.setdefault(label, tasks[i].place)
            known.setdefault(who)
            chosen.append((who, i, labels))
    listed = [spell_label(label, "config") for label in question.labels]
    spelled = unify_names({*found, *listed}, chosen=classes is not None)
    if classes is not None:
        names = classes
    elif listed:
        names = list(dict.fromkeys(spelled[label] for label in listed))
    else:
        names = sort_labels(spelled.values())
    if not names:
        raise ValueError(
            f"The export must have labels. Got none for {question.name!r} ('{name}'). "
            "config=... or classes=[...] names them."
        )
    columns = choose_columns(found, names, other_labels, name)
    annotators = sorted(
        known, key=lambda who: (len(who), who) if who.isdigit() else (99, who)
    )
    place = {who: i for i, who in enumerate(annotators)}
    votes = np.full((len(annotators), len(tasks), len(names)), np.nan)
    for who, i, labels in chosen:
        votes[place[who], i] = 0
        votes[place[who], i, [columns[x] for x in labels if x in columns]] = 1
    return names, votes, annotators


def _last_answers(tasks):
    """Last answer of each annotator to each task; places of tasks with several."""
    said, repeated = [], []
    for task in tasks:
        answers: dict[str, Any] = {}
        nameless = 0
        for answer in task.answers:
            who = answer.annotator
            if who is None:  # nobody is known to have answered twice
                nameless += 1
                who = f"unnamed {nameless}"
            before = answers.get(who)
            if before is not None:
                if not (before.when and answer.when):
                    raise ValueError(
                        "Annotations by one annotator must have their times. Got two "
                        f"by {who!r} without ({task.place})."
                    )
                repeated.append(task.place)
            # ISO 8601 in one time zone, as Label Studio writes it, sorts as text.
            if before is None or answer.when >= before.when:
                answers[who] = answer
        said.append(answers)
    return said, repeated
