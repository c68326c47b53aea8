"""The command ``train``: a table of pictures and labels to a tagger file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_clip._shared import counted, import_optional, shown_first, whole_file
from sklearn_clip.cli._embedding import (
    leave_out_unreadable,
    make_featurizer,
    open_store,
)
from sklearn_clip.cli._files import check_page, check_target
from sklearn_clip.cli._labelled_rows import read_labelled
from sklearn_clip.cli._rows import Rows
from sklearn_clip.cli._tagger_files import check_name, save_tagger
from sklearn_clip.cli._talk import Talk

# Folds of the search for C and for the cuts, where no scores are printed.
_FOLDS = 5
# All pairs of so many rows are compared in a minute or two.
_MOST_COMPARED = 50_000


def run(
    *,
    tags: Path,
    out: Path,
    model: str | None,
    pretrained: str | None,
    min_rows: int,
    cv: int,
    report: Path | None,
    store: str | None,
    quiet: bool,
    **columns: Any,
) -> None:
    """Train a tagger.

    Parameters are the options of the command; `columns` those of `read_labelled`.
    """
    import_optional("pandas", extra="cli", purpose="sklearn-clip train")
    talk = Talk(quiet)
    check_name(out)
    check_target(out, "--out", tags)
    if report is not None:
        import_optional("jinja2", extra="report", purpose="A report")
        check_page(report, "--report", tags, out)
    if cv < 0 or cv == 1:
        raise ValueError(f"--cv must be 0, or at least 2 folds. Got {cv}.")
    data, rows, said = read_labelled(tags, **columns)
    talk.say(f"{counted(len(rows), 'row')}: {said}.")
    has_images = any(path is not None for path in rows.images)
    clip = make_featurizer(
        model,
        pretrained,
        image="image" if has_images else None,
        text="text" if columns["text"] else None,
        cache=open_store(store),
    )
    rows, kept = leave_out_unreadable(clip, rows, talk, rows.find_bare(clip))
    groups = np.asarray(data.groups)[kept]
    Y = _choose_labels(np.asarray(data.target)[kept], data.target_names, min_rows, talk)
    features = clip.fit_transform(rows.as_X(clip))
    if columns["group"] is None:
        groups = _group_copies(_show_pictures(clip, features), groups, talk)
    _check_groups(groups, columns["group"])
    head, scores = _fit(features, Y, groups, cv or _FOLDS, talk)
    unseen = _print_scores(Y, scores, groups, cv, talk) if cv else {}
    from sklearn.pipeline import Pipeline

    clip.set_params(cache="auto")  # the store is this machine's
    save_tagger(Pipeline([("clip", clip), ("tagger", head)]), out)
    talk.say(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
    if report is not None:
        _write_report(report, tags, rows, Y, scores, features, groups, head, unseen)
        talk.say(f"{report}: the held-out rows, each scored without it.")


def _show_pictures(clip: Any, features: Any) -> Any:
    """Take the text from rows with a picture: a copy with another is a copy."""
    if clip.image is None or clip.text is None:
        return features
    shown: Any = features.copy()
    width = clip.embedding_dim_
    shown[shown[:, :width].any(axis=1), width:] = 0
    return shown


def _group_copies(vectors: Any, groups: Any, talk: Talk) -> Any:
    """Keep near copies in one fold: who has learnt one knows the others."""
    from sklearn_clip.model_selection import near_duplicate_groups

    if len(vectors) > _MOST_COMPARED:
        talk.say("Too many rows to look for near copies: name their groups by --group.")
        return groups
    found = near_duplicate_groups(vectors, linkage="average")
    n_copies = len(found) - len(np.unique(found))
    if n_copies:
        copies = counted(n_copies, "row")
        talk.say(f"Near copies of others, held out with them: {copies}.")
    return found


def _check_groups(groups: Any, column: str | None) -> None:
    """Raise where nothing can be held out."""
    if len(np.unique(groups)) > 1:
        return
    one = "one, of near copies" if column is None else f"one in column {column!r}"
    raise ValueError(
        "There must be two groups of rows, one to learn from and one to hold out. Got "
        f"{one}. --group names another column."
    )


def _choose_labels(target: Any, names: list[str], min_rows: int, talk: Talk) -> Any:
    """Leave out labels that are too rare to learn, and say which."""
    import pandas

    Y = pandas.DataFrame(target, columns=names)
    n_rows = (Y == 1).sum()
    rare = n_rows[n_rows < min_rows].index
    everywhere = n_rows[n_rows == Y.notna().sum()].index
    for lost, why in (
        (rare, f"fewer than {min_rows} rows"),
        (everywhere.difference(rare), "every row"),
    ):
        if len(lost):
            talk.say(
                f"Left out: {counted(len(lost), 'label')} with {why} "
                f"({shown_first(list(lost), 8)})."
            )
    Y = Y.drop(columns=rare.union(everywhere))
    if not len(Y.columns):
        raise ValueError(
            f"No label has {min_rows} rows with it and a row without. Label more rows, "
            "or lower --min-rows."
        )
    each = Y.sum(axis=1).mean()
    talk.say(
        f"{counted(len(Y.columns), 'label')}, {each:.1f} a row, "
        f"on {counted(len(Y), 'row')}."
    )
    return Y


def _fit(features: Any, Y: Any, groups: Any, n_folds: int, talk: Talk) -> Any:
    """Fit the head: C and the cuts by scores of rows that were held out."""
    from sklearn_clip.heads import (
        MultiLabelLogisticRegression,
        MultiLabelLogisticRegressionCV,
    )
    from sklearn_clip.model_selection import (
        MultiLabelStratifiedGroupKFold,
        out_of_fold_scores,
    )
    from sklearn_clip.thresholds import ThresholdOptimizer

    talk.say("Fitting ...")
    n_folds = min(n_folds, len(np.unique(groups)))
    folds = MultiLabelStratifiedGroupKFold(n_folds, random_state=0)
    splits = list(folds.split(features, Y, groups))
    search = MultiLabelLogisticRegressionCV(cv=splits, per_label=False, refit=False)
    linear = MultiLabelLogisticRegression(C=float(search.fit(features, Y).C_[0]))
    scores = out_of_fold_scores(linear, features, Y, cv=splits)
    head = ThresholdOptimizer(linear, cv=splits, random_state=0).fit(features, Y)
    return head.set_params(cv=n_folds), scores


def _print_scores(
    Y: Any, scores: Any, groups: Any, n_folds: int, talk: Talk
) -> dict[str, float]:
    """Print what the tagger does on rows that neither it nor its cuts have seen."""
    from sklearn_clip.heads import PrecomputedScores
    from sklearn_clip.metrics import (
        bootstrap_interval,
        global_average_precision_score,
        macro_average_precision_score,
        masked_f1_score,
    )
    from sklearn_clip.model_selection import MultiLabelStratifiedGroupKFold
    from sklearn_clip.thresholds import ThresholdOptimizer

    # Cuts of each fold come from the scores of the others.
    given = np.zeros(scores.shape, dtype=bool)
    n_folds = min(n_folds, len(np.unique(groups)))
    folds = MultiLabelStratifiedGroupKFold(n_folds, random_state=0)
    for others, held in folds.split(scores, Y, groups):
        cuts = ThresholdOptimizer(PrecomputedScores(), cv=2, random_state=0)
        cuts.fit(scores[others], Y.iloc[others])
        given[held] = cuts.predict(scores[held]) == 1
    talk.say(f"On held-out rows ({n_folds} folds), with 95 % intervals:")
    figures: tuple[tuple[str, Any, Any, dict[str, Any]], ...] = (
        ("mAP", macro_average_precision_score, scores, {}),
        ("GAP", global_average_precision_score, scores, {}),
        ("macro F1", masked_f1_score, given, {"average": "macro"}),
        ("micro F1", masked_f1_score, given, {"average": "micro"}),
    )
    estimates = {}
    for name, metric, response, options in figures:
        found = bootstrap_interval(
            metric, Y, response, groups=groups, random_state=0, **options
        )
        line = f"  {name:9s} {found.estimate:.3f} ({found.low:.3f} to {found.high:.3f})"
        estimates[name] = found.estimate
        if response is given:
            half = metric(Y, scores >= 0.5, **options)
            line += f"; {half:.3f} with cuts of 0.5"
        talk.say(line)
    return estimates


def _write_report(
    path: Path,
    tags: Path,
    rows: Rows,
    Y: Any,
    scores: Any,
    features: Any,
    groups: Any,
    head: Any,
    unseen: dict[str, float],
) -> None:
    import pandas

    from sklearn_clip.report import TaggerReport

    flattered = "F1 at them tends to be too high"
    if unseen:
        flattered += (
            f": by cuts that had not seen the rows it is {unseen['macro F1']:.3f} "
            f"(macro) and {unseen['micro F1']:.3f} (micro)"
        )
    X = pandas.DataFrame({"image": rows.images})
    if rows.texts is not None:
        X["text"] = rows.texts
    page = TaggerReport(
        scores,
        X,
        Y,
        thresholds=head.thresholds_,
        groups=groups,
        vectors=features,
        title=f"A tagger of {tags.name}",
        description="Each row was scored by a tagger that had not seen it. The cuts "
        f"are those of the tagger that was fitted on all rows, so that {flattered}.",
    ).to_html()
    with whole_file(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(page)
