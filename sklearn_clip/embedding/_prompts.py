"""Labels in words: names, templates, and the embeddings of both together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import clean_name
from sklearn_clip.embedding._columns import unit_rows


class TextEncoder(Protocol):
    """What embeds texts: the featurizer, of which more is not asked for here."""

    def encode_texts(self, texts: list[str]) -> Any:
        """Return one vector per text."""


#: Sets of prompts by the name that `templates` takes; a label is put into the braces.
TEMPLATES = {
    "default": (
        "{}",
        "a photo of a {}",
        "a picture of a {}",
        "a drawing of a {}",
    ),
    "photo": (
        "a photo of a {}.",
        "a photo of the {}.",
        "a photo of many {}.",
        "a photo of a small {}.",
        "a photo of a large {}.",
        "a close-up photo of a {}.",
    ),
    "product": (
        "{}",
        "a product photo of a {}.",
        "a photo of a {} on a white background.",
        "a photo of a {} for sale.",
    ),
    "drawing": (
        "{}",
        "a drawing of {}",
        "clip art of {}",
        "an illustration of {}",
        "a cartoon of {}",
    ),
    "none": ("{}",),
}

_PLACES = ("{}", "{label}")
# Prompts that are embedded at once; only the label vectors are kept.
_BLOCK = 4096


def read_classes(
    classes: Iterable[str] | Mapping[str, str | Sequence[str]],
) -> tuple[list[str], list[list[str]]]:
    """Check the labels and return their names and descriptions.

    Parameters
    ----------
    classes : array-like of str, or dict of str to str or list of str
        Names, or names with one or several descriptions each.

    Returns
    -------
    names : list of str
        One name per label.
    descriptions : list of list of str
        What is put into the templates; the name itself where none is given.

    Raises
    ------
    ValueError
        If there is no label, a name is empty or comes twice (in spellings that look
        alike, too), or a label has no description.
    TypeError
        If a name or description is no str, or the labels have no order.
    """
    is_table = getattr(classes, "ndim", 1) != 1  # which would name its columns
    if isinstance(classes, str | Set) or not hasattr(classes, "__iter__") or is_table:
        raise TypeError(
            "classes must be a list of names, or a dict of names and descriptions. "
            f"Got {classes!r:.80}."
        )
    names = [plain_text(name) for name in classes]
    if not names:
        raise ValueError("classes must hold at least one label. Got none.")
    for position, name in enumerate(names):
        check_text(name, f"a name in classes (position {position})")
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        before = first.setdefault(clean_name(name), position)
        if before != position:
            # Prompts of names that look alike are one text to a tokenizer.
            raise ValueError(
                f"classes must be distinct. Got {name!r} more than once (positions "
                f"{before} and {position})."
            )
    if not isinstance(classes, Mapping):
        return names, [[name] for name in names]
    descriptions = []
    for name, texts in zip(names, classes.values(), strict=True):
        several = hasattr(texts, "__iter__") and not isinstance(texts, str)
        texts = list(texts) if several else [texts]
        if not texts:
            raise ValueError(
                f"classes must give every label a description. Got none for {name!r}."
            )
        for text in texts:
            check_text(text, f"a description of {name!r} in classes")
        descriptions.append([str(text) for text in texts])
    return names, descriptions


def read_templates(templates: str | Iterable[str]) -> list[str]:
    """Check the templates.

    Parameters
    ----------
    templates : str or array-like of str
        A name of `TEMPLATES`, one template, or several.

    Returns
    -------
    list of str
        Templates with a ``{}`` (or ``{label}``) each.

    Raises
    ------
    ValueError
        If there is none, or one has no place for the label.
    TypeError
        If one is no str.
    """
    if isinstance(templates, str):
        if templates in TEMPLATES:
            return list(TEMPLATES[templates])
        if not _has_place(templates):
            raise ValueError(
                f"templates must be one of {', '.join(map(repr, TEMPLATES))}, or have "
                f"{{}} where the label goes. Got {templates!r}."
            )
        return [templates]
    found = [plain_text(template) for template in templates]
    if not found:
        raise ValueError(
            "templates must hold at least one template; 'none' takes the labels as "
            "they are. Got none."
        )
    for template in found:
        check_text(template, "a template")
        if not _has_place(template):
            raise ValueError(
                f"A template must have {{}} where the label goes. Got {template!r}."
            )
    return found


def embed_prompts(
    featurizer: TextEncoder,
    descriptions: Sequence[Sequence[str]],
    templates: Sequence[str],
) -> NDArray[np.float32]:
    """Embed labels: the mean over all prompts of a label, of length 1.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        What has `encode_texts`: its store keeps each prompt by its text.
    descriptions : list of list of str
        The descriptions of each label.
    templates : list of str
        Each is filled with each description.

    Returns
    -------
    ndarray of shape (n_labels, embedding_dim), dtype float32
        Unit rows.
    """
    blocks, start = [], 0
    while start < len(descriptions):
        stop, size = start, 0
        while stop < len(descriptions) and (stop == start or size < _BLOCK):
            size += len(descriptions[stop]) * len(templates)
            stop += 1
        blocks.append(_embed_block(featurizer, descriptions[start:stop], templates))
        start = stop
    return np.concatenate(blocks)


def _embed_block(featurizer, descriptions, templates):
    prompts = [
        fill_template(template, text)
        for texts in descriptions
        for text in texts
        for template in templates
    ]
    vectors = featurizer.encode_texts(prompts)
    counts = [len(texts) * len(templates) for texts in descriptions]
    starts = np.cumsum([0, *counts[:-1]])
    # The mean and the sum point the same way.
    sums = np.add.reduceat(vectors, starts, axis=0)
    return np.ascontiguousarray(unit_rows(sums), dtype=np.float32)


def fill_template(template: str, text: str) -> str:
    """Put a label into a template; other braces in either stay as they are.

    Parameters
    ----------
    template : str
        With ``{}`` or ``{label}``.
    text : str
        What is put there.

    Returns
    -------
    str
        The prompt.
    """
    place = next(place for place in _PLACES if place in template)
    return text.join(template.split(place))


def _has_place(template):
    return any(place in template for place in _PLACES)


def plain_text(value: Any) -> Any:
    """Strip NumPy's type of a text.

    Parameters
    ----------
    value : object
        A text, or anything.

    Returns
    -------
    object
        A str for a text, else `value` itself.
    """
    return str(value) if isinstance(value, str) else value


def check_text(value: object, what: str) -> None:
    """Check that a value is a text with something in it.

    Parameters
    ----------
    value : object
        The value.
    what : str
        Names it in the error.

    Raises
    ------
    TypeError
        If it is no str.
    ValueError
        If it is empty or blank.
    """
    if not isinstance(value, str):
        raise TypeError(
            f"{what[0].upper()}{what[1:]} must be a str. Got {value!r:.80} of type "
            f"{type(value).__name__}."
        )
    if not value.strip():
        raise ValueError(f"{what[0].upper()}{what[1:]} must not be empty.")
