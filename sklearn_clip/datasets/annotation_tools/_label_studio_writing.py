"""Suggestions for annotators, as Label Studio imports them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from sklearn_clip._shared import clean_name, hint_at_name
from sklearn_clip.datasets._bunch import check_choice
from sklearn_clip.datasets._hierarchy import check_hierarchy, split_label
from sklearn_clip.datasets._image_files import is_address
from sklearn_clip.datasets.annotation_tools._label_studio_config import (
    Config,
    Control,
    choose_control,
    config_text,
    read_config,
)
from sklearn_clip.datasets.annotation_tools._suggestions import (
    choose_labels,
    make_relative,
    read_labels,
    read_rows,
    refuse_partly_unknown,
    write_whole,
)


def write_label_studio(
    path: str | os.PathLike[str],
    images: Any,
    labels: Any,
    *,
    label_names: Sequence[str] | None = None,
    threshold: Any = 0.5,
    config: str | os.PathLike[str] | None = None,
    control: str | None = None,
    kind: Literal["predictions", "annotations"] = "predictions",
    model_version: str = "sklearn-clip",
    annotator: int = 1,
    hierarchy: str | None = None,
    prefix: str = "",
    root: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> str:
    """Write tasks with suggestions that Label Studio imports.

    Parameters
    ----------
    path : str or path-like
        The JSON file to write.
    images : array-like of shape (n,) or (n, 2)
        Paths of the pictures, or paths and texts as loaders give them.
    labels : array-like of shape (n, n_labels), or list of lists of str
        Scores in [0, 1], or 1 and 0; NaN where unknown. Or the labels of each row, None
        where unknown. A row without a known label is a task without a suggestion.
    label_names : list of str or None, default=None
        The columns of `labels`; None takes those of a DataFrame, or of the lists.
    threshold : float, array-like of shape (n_labels,), dict or Series, default=0.5
        The score from which on a label is suggested, in (0, 1], or infinity for
        never: a number for all labels, one for each, or those by name.
    config : str, path-like or None, default=None
        The labeling configuration of the project, as XML or its file: labels are
        matched by name with its values, and written by their aliases. None makes one:
        Choices, or a Taxonomy of labels that are paths.
    control : str or None, default=None
        The name of the question. None takes the only one of `config`.
    kind : {"predictions", "annotations"}, default="predictions"
        Whether the labels are suggestions or answers. Answers cannot say that one of
        the labels of an image is unknown.
    model_version : str, default="sklearn-clip"
        Who suggests.
    annotator : int, default=1
        The id of the user who answers.
    hierarchy : str or None, default=None
        What stands between the parts of labels that are paths of a taxonomy.
    prefix : str, default=""
        What stands before each path, as ``"/data/local-files/?d="``; the path is then
        percent-encoded.
    root : str, path-like or None, default=None
        The folder to which paths are made relative. Addresses, such as
        ``"https://..."``, are written as they are, without a prefix.
    overwrite : bool, default=False
        Whether a file that is there is replaced.

    Returns
    -------
    str
        The labeling configuration of the file: `config`, or the one that was made.

    Raises
    ------
    TypeError
        If `labels` are no table or list, or `images` or `label_names` have no order.
    ValueError
        If a parameter is unknown, lengths differ, a score is outside [0, 1], a label is
        not in `config`, or a name cannot be written.
    FileExistsError
        If the file is there.
    FileNotFoundError
        If its folder is not there.

    See Also
    --------
    load_label_studio : Read what annotators made of it.

    Notes
    -----
    The score of a suggestion is that of its least certain label: the least of the
    scores of those suggested, and of 1 minus the score of the others. An empty list of
    choices says that none of the labels is there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import write_label_studio
    >>> path = Path(tempfile.mkdtemp()) / "tasks.json"
    >>> config = write_label_studio(
    ...     path, ["1.jpg", "2.jpg"], [[0.9, 0.2], [0.1, 0.3]],
    ...     label_names=["cat", "dog"])
    >>> print(config)
    <View>
      <Image name="image" value="$image"/>
      <Choices name="labels" toName="image" choice="multiple">
        <Choice value="cat"/>
        <Choice value="dog"/>
      </Choices>
    </View>
    """
    check_choice("kind", kind, ("predictions", "annotations"))
    check_hierarchy(hierarchy)
    if not isinstance(model_version, str):
        raise TypeError(
            f"model_version must be a str. Got {model_version!r:.80} of type "
            f"{type(model_version).__name__}."
        )
    rows = read_rows(images)
    scores, names = read_labels(labels, len(rows), label_names)
    chosen = choose_labels(scores, threshold, names)
    if kind == "annotations":
        refuse_partly_unknown(scores, names, "An annotation")
    written = _make_config(names, rows, hierarchy) if config is None else config
    settings = read_config(written)
    question = settings.controls[choose_control(settings.controls, control, "config")]
    spelled = [_spell(name, question, hierarchy) for name in names]
    fields = _fields(rows, settings)
    relate = make_relative(root)
    lines = []
    for number, (row, values, marks) in enumerate(
        zip(rows, scores, chosen, strict=True)
    ):
        task: dict[str, Any] = {"data": _data(row, fields, prefix, relate)}
        known = ~np.isnan(values)
        if known.any() or not len(names):
            found = [spelled[i] for i in np.flatnonzero(marks)]
            if question.is_single and len(found) > 1:
                raise ValueError(
                    f"{question.name!r} of config takes one choice. Got {len(found)} "
                    f'labels (row {number}). choice="multiple" takes several.'
                )
            sure = np.where(marks, values, 1 - values)[known]
            entry: dict[str, Any] = {"result": [_result(question, found, number)]}
            if kind == "predictions":
                entry["model_version"] = model_version
                entry["score"] = float(sure.min()) if len(sure) else 1.0
            else:
                entry["completed_by"] = annotator
            task[kind] = [entry]
        # A line for each task: json indents in Python, at four times the cost.
        lines.append(json.dumps(task, ensure_ascii=False, allow_nan=False))
    write_whole(path, "[\n" + ",\n".join(lines) + "\n]\n", overwrite)
    return config_text(written)


def _make_config(names, rows, hierarchy):
    """Make a question with several choices, for pictures or texts."""
    paths = [_split(name, hierarchy) for name in names]
    deep = any(len(path) > 1 for path in paths)
    tag, several = ("Taxonomy", "") if deep else ("Choices", ' choice="multiple"')
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for part in path:
            node = node.setdefault(part, {})
    has_images = any(image is not None for image, _ in rows)
    lines = ["<View>"]
    if has_images:
        lines.append('  <Image name="image" value="$image"/>')
    if any(text is not None for _, text in rows):
        lines.append('  <Text name="text" value="$text"/>')
    target = "image" if has_images or len(lines) == 1 else "text"
    lines.append(f'  <{tag} name="labels" toName="{target}"{several}>')
    lines += _choice_lines(tree, "    ")
    return "\n".join([*lines, f"  </{tag}>", "</View>"])


def _choice_lines(tree, indent):
    """Elements of choices, those below one within it."""
    for value, below in tree.items():
        start = f"{indent}<Choice value={quoteattr(value)}"
        if not below:
            yield f"{start}/>"
            continue
        yield f"{start}>"
        yield from _choice_lines(below, indent + "  ")
        yield f"{indent}</Choice>"


def _split(name, hierarchy):
    return (name,) if hierarchy is None else split_label(name, hierarchy)


def _spell(name, question: Control, hierarchy):
    """Aliases of a label: its path as it is written."""
    label = tuple(map(clean_name, _split(name, hierarchy)))
    if label in question.spelled:
        return question.alias_of[question.spelled[label]]
    known = [(hierarchy or "/").join(known) for known in question.labels]
    hint = hint_at_name(name, known)
    if (clean_name(name),) in question.spelled:
        hint = (
            f" It is no path there, but one choice: leave hierarchy={hierarchy!r} out."
        )
    raise ValueError(
        f"Labels must be in {question.name!r} of config. Got {name!r}.{hint}"
    )


def _fields(rows, settings: Config):
    """Fields of the data for the pictures and the texts, None where there are none."""
    fields = []
    for place, object_ in enumerate(("image", "text")):
        has = any(row[place] is not None for row in rows)
        if has and object_ not in settings.fields and object_ == "image":
            raise ValueError("config must have an Image with a value. Got none.")
        fields.append(settings.fields.get(object_, object_) if has else None)
    return fields


def _data(row, fields, prefix, relate):
    image, text = row
    data = {}
    if image is not None:
        is_path = not is_address(image)
        image = relate(image)
        data[fields[0]] = prefix + quote(image) if prefix and is_path else image
    if text is not None:
        data[fields[1]] = text
    return data


def _result(question: Control, found, number):
    """One result of all choices; an empty list says that there is none."""
    value: list[Any] = [path[-1] for path in found]
    if question.kind == "taxonomy":
        above = {path[:i] for path in found for i in range(1, len(path))}
        value = [list(path) for path in found if path not in above]
    return {
        "id": f"row{number}",
        "from_name": question.name,
        "to_name": question.to_name,
        "type": question.kind,
        "value": {question.kind: value},
    }
