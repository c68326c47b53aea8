"""The labeling configuration of Label Studio: controls, their labels and aliases."""

import os
from dataclasses import dataclass, field

from sklearn_clip._shared import as_path, clean_name
from sklearn_clip.datasets.formats._xml import parse_xml

CONTROLS = ("Choices", "Taxonomy")
_BLANK = "\ufeff \t\r\n"


@dataclass
class Control:
    """One question of a configuration.

    `labels` are the paths of its labels as annotators see them (tuples, of one part in
    Choices that are not nested), in the order of the file; `spelled` has the path of
    labels by that of the aliases and by itself, `alias_of` the way back, with the
    aliases as they are written there: Label Studio knows no other spelling.
    """

    name: str
    kind: str
    to_name: str
    per_region: bool
    is_single: bool = False
    labels: list = field(default_factory=list)
    spelled: dict = field(default_factory=dict)
    alias_of: dict = field(default_factory=dict)


@dataclass
class Config:
    """The controls by name, and the fields of the data by kind of object."""

    controls: dict
    fields: dict
    objects: dict


def _is_xml(config):
    if not isinstance(config, str | os.PathLike):
        raise TypeError(
            f"config must be XML or the path of it. Got {type(config).__name__}."
        )
    return isinstance(config, str) and config.lstrip(_BLANK).startswith("<")


def config_text(config):
    """Text of a configuration that is given as XML or as its file."""
    if _is_xml(config):
        return config
    return as_path(config, "config").read_text(encoding="utf-8-sig")


def read_config(config):
    """Read a labeling configuration.

    Parameters
    ----------
    config : str or path-like
        The XML, or a file that holds it.

    Returns
    -------
    Config

    Raises
    ------
    ValueError
        If it is no XML, has no Choices nor Taxonomy, or two labels cannot be told
        apart.
    """
    name = "config" if _is_xml(config) else os.path.basename(config)
    root = parse_xml(config_text(config).lstrip(_BLANK), name)
    controls, fields, objects = {}, {}, {}
    for element in root.walk():
        given = element.attributes
        if element.tag in CONTROLS:
            control = Control(
                given.get("name", ""),
                element.tag.lower(),
                given.get("toName", ""),
                given.get("perRegion", "").lower() == "true",
                # One choice is what Choices take unless told otherwise.
                element.tag == "Choices" and given.get("choice") != "multiple",
            )
            _add_labels(control, element, (), ())
            controls[control.name] = control
        elif given.get("value", "").startswith("$") and "name" in given:
            fields.setdefault(element.tag.lower(), given["value"][1:])
            objects[given["name"]] = element.tag.lower()
    if not controls:
        raise ValueError("config must have Choices or a Taxonomy. Got neither.")
    return Config(controls, fields, objects)


def _add_labels(control, element, above, aliases):
    """Note the labels below an element."""
    for child in element.children:
        if child.tag != "Choice":  # a View or a Header may stand between
            _add_labels(control, child, above, aliases)
            continue
        given = (child.attributes.get(name, "") for name in ("value", "alias"))
        value, alias = (text if clean_name(text) else "" for text in given)
        alias = alias or value
        if not alias:
            raise ValueError(
                f"A Choice of config must have a value. Got none (line {child.line})."
            )
        label, written = (*above, clean_name(value or alias)), (*aliases, alias)
        if label in control.alias_of:
            raise ValueError(
                f"The labels of config must be distinct. Got {'/'.join(label)!r} twice "
                f"in {control.name!r} (line {child.line})."
            )
        for spelling in {label, tuple(map(clean_name, written))}:
            if control.spelled.setdefault(spelling, label) != label:
                raise ValueError(
                    "An alias must not be another label. Got "
                    f"{'/'.join(spelling)!r} for {'/'.join(label)!r} and "
                    f"{'/'.join(control.spelled[spelling])!r} (config, line "
                    f"{child.line})."
                )
        control.labels.append(label)
        control.alias_of[label] = written
        _add_labels(control, child, label, written)


def choose_control(names, control, where):
    """Name of the control to read.

    Parameters
    ----------
    names : collection of str
        Those there are.
    control : str or None
        The one that is asked for.
    where : str
        What errors call the file.

    Returns
    -------
    str
    """
    shown = ", ".join(map(repr, sorted(names)))
    if control is None:
        if len(names) != 1:
            raise ValueError(
                f"control must name one question. Got None, and {where} has "
                f"{shown or 'none of Choices or Taxonomy'}."
            )
        return next(iter(names))
    if control not in names:
        raise ValueError(
            f"control must name a question with choices. Got {control!r}, and {where} "
            f"has {shown or 'none'}."
        )
    return control
