"""The page: what a report holds, as plain values, and the template they fill."""

import base64
import json
from collections import Counter
from importlib.resources import files
from typing import Any

import numpy as np

from sklearn_clip._shared import counted

# Half a standard deviation, in which scores that are no probabilities are measured.
_HALF = 0.5


def write_page(report):
    """Fill the template.

    Parameters
    ----------
    report : TaggerReport
        The report.

    Returns
    -------
    str
        The HTML document.
    """
    import base64
    import hashlib

    import jinja2

    folder = files("sklearn_clip.report").joinpath("page")
    texts = {
        name: folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("report.html.jinja", "report.css", "report.js")
    }
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "share": _share,
        "count": _count,
        "counted": counted,
    }
    script = texts["report.js"]
    # The one script that may run, so that no name of a label can be another.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.from_string(texts["report.html.jinja"]).render(
        style=texts["report.css"],
        script=script,
        script_hash=f"sha256-{digest}",
        data=_as_script(_data(report)),
        **_values(report),
    )
    # Names of files that are no text are written with \udcff, as JSON has it.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def _as_script(values):
    """JSON that ends no script element, whatever the names of labels are."""
    text = json.dumps(
        values, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _data(report):
    """Gather what the script needs to recount and to draw."""
    rows = _rows(report)
    levels = np.column_stack(
        [
            curve.levels(report.scores[rows, label])
            for label, curve in enumerate(report._curves)
        ]
    )
    return {
        "labels": [
            _label(report, label, name)
            for label, name in enumerate(_shown_names(report))
        ],
        "probabilities": report.response_method == "predict_proba",
        # Of scores that are no probabilities: in these their distance is measured.
        "unit": _HALF * _spread(report.scores) or 1.0,
        "rows": report._shown,
        # Written shorter than numbers are, as a page has many of them.
        "levels": [
            base64.b64encode(row.astype("<u2").tobytes()).decode("ascii")
            for row in levels
        ],
        "truth": _truth(report),
    }


def _spread(scores):
    """Take the standard deviation, whose squares may be past the largest number."""
    most = float(np.abs(scores).max())
    return most * float((scores / most).std()) if most else 0.0


def _rows(report):
    return np.array([shown["row"] for shown in report._shown], dtype=np.int64)


def _truth(report):
    """One string a row: 1, 0 and ? for each label."""
    rows = _rows(report)
    marks = np.where(report._entries.positive[rows], "1", "0")
    if report._entries.known is not None:
        marks[~report._entries.known[rows]] = "?"
    return ["".join(row) for row in marks]


def _label(report, label, name) -> dict[str, Any]:
    curve = report._curves[label]
    asks = report._asks_above
    return {
        "name": name,
        "key": _as_written(report.label_names[label]),
        "now": _cut(report.thresholds[label]),
        # JSON has no infinity, below which no score is.
        "asks": None if asks is None else float(np.nan_to_num(asks[label])),
        "start": curve.start,
        "cuts": curve.cuts.tolist(),
        # Six digits, of which nobody misses more: a page has many of them.
        "scores": [float(f"{score:.6g}") for score in curve.scores],
        "with": curve.positive.tolist(),
        "without": curve.negative.tolist(),
        "parts": curve.parts,
    }


def _shown_names(report):
    """Names as texts; those of which several are one, as Python writes them."""
    names = report.label_names
    texts = list(map(str, names))
    times = Counter(texts)
    return [
        text if times[text] == 1 else _as_written(name)
        for text, name in zip(texts, names, strict=True)
    ]


def _as_written(name):
    return repr(name.item() if isinstance(name, np.generic) else name)


def _cut(value):
    """Return a float, and a word where it takes no row, or all."""
    if np.isinf(value):
        return "never" if value > 0 else "always"
    return float(value)


def _values(report):
    """Gather what the template writes."""
    figures, entries = report.label_figures, report._entries
    n_samples, n_labels = report.scores.shape
    names = _shown_names(report)
    labels = [
        {
            "number": label,
            "name": names[label],
            "support": int(figures.support[label]),
            "known": int(figures.known[label]),
            "ap": figures.average_precision[label],
            "precision": figures.precision[label],
            "recall": figures.recall[label],
            "f1": figures.f1[label],
            "cut": report.thresholds[label],
        }
        for label in np.argsort(-figures.support, kind="stable")
    ]
    n_unknown = 0 if entries.known is None else int((~entries.known).sum())
    return {
        "title": report.title,
        "description": report.description,
        "made": report._made,
        "level": report.confidence_level,
        "figures": report.figures,
        "labels": labels,
        "n_samples": n_samples,
        "n_labels": n_labels,
        "n_unknown": n_unknown,
        "n_cells": n_samples * n_labels,
        "n_shown": len(report._shown),
        "some_unknown": n_unknown > 0,
        "true_each": entries.positive.sum() / n_samples,
        "given_each": report._predicted.sum() / n_samples,
        "n_bare": int((~report._predicted.any(axis=1)).sum()),
        "n_without": int((figures.support == 0).sum()),
        "n_otherwise": report._n_otherwise,
        "asked": report._asked,
        "issues": _issues(report),
        "confusions": _confusions(report),
        "reliability": report.reliability,
        "reliability_rows": _reliability_rows(report.reliability),
        "facts": report._facts,
        "versions": report._versions,
        "probabilities": report.response_method == "predict_proba",
    }


def _issues(report):
    if report.issues is None:
        return None
    places = {shown["row"]: place for place, shown in enumerate(report._shown)}
    issues, names = report.issues, _shown_names(report)
    return [
        {
            "place": places.get(int(issues.rows[number])),
            "row": int(issues.rows[number]),
            "label": names[issues.labels[number]],
            "direction": issues.directions[number],
            "score": issues.scores[number],
            "reason": issues.reasons[number],
            "near": [
                {"place": places.get(int(row)), "row": int(row)}
                for row in issues.nearest[number]
                if row >= 0
            ],
        }
        for number in range(len(issues))
    ]


def _confusions(report):
    found, names = report.confusions, _shown_names(report)
    return [
        {
            "given": names[found.given[pair]],
            "present": names[found.present[pair]],
            "n_rows": int(found.n_rows[pair]),
            "share": found.share[pair],
            "elsewhere": found.share_elsewhere[pair],
            "instead": int(found.n_instead[pair]),
        }
        for pair in range(len(found))
    ]


def _reliability_rows(found):
    if found is None:
        return []
    columns = (found.predicted, found.share, found.low, found.high, found.size)
    return list(zip(*columns, strict=True))


def _number(value):
    """Three decimals, or a word for a cut; a dash where there is no value."""
    if np.isnan(value):
        return "–"
    return _cut(value) if np.isinf(value) else f"{value:.3f}"


def _share(value):
    return "–" if np.isnan(value) else f"{100 * value:.1f} %"


def _count(value):
    return f"{value:,}"
