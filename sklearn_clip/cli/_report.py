"""The command ``report``: a page about a tagger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sklearn_clip._shared import counted, import_optional, whole_file
from sklearn_clip.cli._embedding import (
    leave_out_unreadable,
    open_store,
    prepare_tagger,
)
from sklearn_clip.cli._files import check_page
from sklearn_clip.cli._labelled_rows import read_labelled
from sklearn_clip.cli._tagger_files import load_tagger
from sklearn_clip.cli._talk import Talk
from sklearn_clip.labels._predictions import name_labels


def run(
    *,
    tagger: Path,
    tags: Path,
    out: Path,
    title: str | None,
    trust: bool,
    store: str | None,
    quiet: bool,
    **columns: Any,
) -> None:
    """Write a page.

    Parameters are the options of the command; `columns` those of `read_labelled`.
    """
    from sklearn_clip.report import TaggerReport

    talk = Talk(quiet)
    import_optional("jinja2", extra="report", purpose="A report")
    check_page(out, "--out", tagger, tags)
    model = load_tagger(tagger, trust)
    names = name_labels(model)
    data, rows, said = read_labelled(tags, **columns, classes=names)
    talk.say(f"{counted(len(rows), 'row')}: {said}.")
    bare = rows.find_bare(model)
    clips, tuner = prepare_tagger(model, open_store(store))
    target, groups = data.target, data.groups
    reader = next(iter(clips), tuner)
    if reader is not None:
        rows, kept = leave_out_unreadable(reader, rows, talk, bare)
        target, groups = target[kept], groups[kept]
    X = rows.as_X(model)
    report = TaggerReport(
        model,
        X,
        target,
        # A table that was made for a tagger has its names, not those of a featurizer.
        images=rows.images if hasattr(X, "columns") else None,
        label_names=names,
        groups=groups,
        title=title or f"{tagger.name} on {tags.name}",
    )
    with whole_file(out, "w", encoding="utf-8", newline="\n") as file:
        file.write(report.to_html())
    talk.say(repr(report))
    talk.say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
