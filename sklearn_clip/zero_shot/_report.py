"""How much a label depends on the words around it: templates ranked per label."""

import numpy as np

from sklearn_clip._shared import import_optional
from sklearn_clip.metrics import average_precision_per_label

_TOGETHER = "(all)"
_MEAN = "macro avg"
_COLUMNS = ("label", "rank", "template", "average_precision")


def rank_templates(score, targets, names, templates):
    """Rank templates for every label, and for their mean.

    Parameters
    ----------
    score : callable
        List of templates -> scores of shape (n, n_labels).
    targets : ndarray of shape (n, n_labels)
        0, 1 and NaN for unknown.
    names : sequence of str
        The labels.
    templates : list of str
        Each is scored alone, and all together.

    Returns
    -------
    list of tuple (label, rank, template, average precision)
        Best first for each label, the mean over labels before all.
    """
    tried = {template: [template] for template in templates} | {_TOGETHER: templates}
    values = np.array(
        [average_precision_per_label(targets, score(some)) for some in tried.values()]
    )
    defined = ~np.isnan(values[0])
    mean = values[:, defined].mean(axis=1) if defined.any() else values[:, 0]
    rows = []
    for name, column in zip([_MEAN, *names], [mean, *values.T], strict=True):
        order = np.argsort(-column, kind="stable")
        words = list(tried)
        rows += [
            (str(name), rank, words[i], float(column[i]))
            for rank, i in enumerate(order, start=1)
        ]
    return rows


def show_report(rows, *, output, digits):
    """Show ranked templates as a table or as text.

    Parameters
    ----------
    rows : list of tuple
        From `rank_templates`.
    output : {"frame", "text"}
        A pandas DataFrame or a text.
    digits : int
        Decimals in the text.

    Returns
    -------
    DataFrame or str
        The table.

    Raises
    ------
    ImportError
        If ``output="frame"`` and pandas is not installed.
    """
    if output == "frame":
        pandas = import_optional("pandas", extra="pandas", purpose="prompt_report")
        return pandas.DataFrame(rows, columns=list(_COLUMNS))
    cells = [
        (label if rank == 1 else "", str(rank), f"{value:.{digits}f}", template)
        for label, rank, template, value in rows
    ]
    cells = [("label", "rank", "ap", "template"), *cells]
    widths = [max(len(row[i]) for row in cells) for i in range(3)]
    return "\n".join(
        f"{label:<{widths[0]}}  {rank:>{widths[1]}}  {value:>{widths[2]}}  {template}"
        for label, rank, value, template in cells
    )
