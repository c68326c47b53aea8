"""Iterative stratification: rows or groups dealt to parts, every label spread.

The method of K. Sechidis, G. Tsoumakas, I. Vlahavas ("On the stratification of
multi-label data", ECML PKDD 2011, :doi:`10.1007/978-3-642-23808-6_10`) takes the label
with the fewest rows left, deals those rows to the parts that lack it most, and so on:
rare labels first, for a common label can be evened out by what is left at the end,
a rare one cannot. Here

- the order is fixed at the start, by ``sum_j 1 / total_j`` over the labels of a row.
  Its largest term is the row's rarest label, so rare labels still come first, and one
  sort takes the place of a search for the rarest label after every label;
- a part is chosen by all labels of the row at once, not by the rarest alone, which is
  what keeps common labels even where rows carry many;
- a unit may be a group: it carries counts in place of 0 and 1.

Dealing never looks back, so a rare label may miss a part in the end although it has
rows enough: :func:`cover_labels` exchanges units until it does not.
"""

import numpy as np
from scipy import sparse

from sklearn_clip._shared import shown_first, warn_user
from sklearn_clip.model_selection._label_coverage import cover_labels


def stratify(columns, sizes, shares, rng, *, capacity=None, shuffle=True):
    """Assign every unit to a part.

    Parameters
    ----------
    columns : LabelColumns
        What each unit carries.
    sizes : ndarray of shape (n_units,)
        Rows of each unit.
    shares : ndarray of shape (n_parts,)
        Share of the rows that each part is to have; they sum to 1.
    rng : RandomState
        Breaks ties and chooses among exchanges.
    capacity : ndarray of shape (n_parts,), default=None
        Rows that each part must have, for units of one row. None: as near to `shares`
        as the labels and the sizes of the units allow.
    shuffle : bool, default=True
        Whether units that are alike are dealt in random order.

    Returns
    -------
    part : ndarray of shape (n_units,), dtype=int64
        Part of every unit.
    """
    # The number of rows is shared out like one more label.
    counts = sparse.csr_array(
        sparse.hstack([columns.counts, sizes[:, None].astype(float)], format="csr")
    )
    total = np.asarray(counts.sum(axis=0)).ravel()
    part = _stratify_greedily(counts, total, shares, rng, capacity, shuffle)
    cost = np.append(columns.cost, 0.0)
    part, missing = cover_labels(
        part, counts, total, shares, cost, rng, moves=capacity is None
    )
    _warn_of_missing(columns, missing[:, :-1])
    return part


def _warn_of_missing(columns, missing):
    """Say which labels have enough positives and yet are missing in a part."""
    short = np.flatnonzero(missing.any(axis=0) & (columns.cost == 1))
    if len(short):
        warn_user(
            f"{len(short)} label(s) (columns "
            f"[{shown_first(columns.labels[short], 10)}] of y) have a positive for "
            "every part of the split, yet no split was found in which each part has "
            "one: the labels share too few rows or groups. Ask for fewer parts.",
        )


def _stratify_greedily(counts, total, shares, rng, capacity, shuffle):
    """Deal units one by one, those that are hardest to place first.

    With targets ``t = share * total`` and what a part has got ``c``, each unit goes
    where it adds least to ``sum (c - t)^2 / t`` over all columns.
    """
    # The objective is Pearson's chi-square distance of the parts from equal shares. A
    # unit that carries a_j of column j changes it, in the part that gets the unit, by
    #   sum_j ((c + a - t)^2 - (c - t)^2) / t = -2 (sum_j a_j l_j - sum_j a_j^2 / 2 t_j)
    # with l = (t - c) / t, what the part still lacks of the column: 1 at the start,
    # negative once it has more than its share. The highest bracket is the part to take.
    n_units, n_parts = counts.shape[0], len(shares)
    weight = 1 / total
    lack = np.ones((len(total), n_parts))
    # sum_j a_j^2 / total_j: large for a rare label and for a large group. What is hard
    # to place comes while the parts are still empty enough to take it.
    difficulty = counts.power(2) @ weight
    # A stable sort keeps the random order among units that are alike.
    order = rng.permutation(n_units) if shuffle else np.arange(n_units)
    order = order[np.argsort(-difficulty[order], kind="stable")]
    part = np.empty(n_units, np.int64)
    room = None if capacity is None else capacity.copy()
    if room is not None:
        # Rows without a label have one column, their number. They come last and fill up
        # the parts to their exact sizes, whichever part has room.
        bare = np.diff(counts.indptr)[order] == 1
        order, fill = order[~bare], order[bare]
    closed = np.zeros(n_parts)
    untouched = n_parts
    indptr, indices = counts.indptr.tolist(), counts.indices
    amounts = counts.data * weight[indices]
    half = difficulty / 2  # over a share: sum_j a_j^2 / (2 t_j)
    started = np.zeros(n_parts, bool)
    for place, unit in enumerate(order.tolist()):
        span = slice(indptr[unit], indptr[unit + 1])
        at = indices[span]
        # Column after column: BLAS adds up in an order that follows the CPU, and parts
        # that tie would be told apart by its rounding.
        gain = np.add.reduce(counts.data[span, None] * lack[at])
        score = gain - half[unit] / shares + closed
        if room is None and untouched and n_units - place <= untouched:
            # As many units as empty parts are left: no part may stay empty.
            score[started] = -np.inf
        chosen = int(score.argmax())
        part[unit] = chosen
        lack[at, chosen] -= amounts[span] / shares[chosen]
        if room is not None:
            room[chosen] -= 1
            if room[chosen] == 0:
                closed[chosen] = -np.inf
        elif not started[chosen]:
            started[chosen] = True
            untouched -= 1
    if room is not None:
        part[fill] = np.repeat(np.arange(n_parts), room)
    return part
