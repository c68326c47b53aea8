"""Which unknown cells to ask about next."""

from collections.abc import Collection, Hashable, Mapping
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from sklearn_clip._shared import (
    TableLike,
    TargetsLike,
    _num_samples,
    by_name,
    check_columns,
    check_indicator,
    check_same_length,
    column_names,
    deciding_estimators,
    in_given_order,
    label_array,
    nested_estimators,
    positive_scores,
    refuse_other_order,
    respell_keys,
    shown,
    shown_first,
    warn_of_row_order,
)
from sklearn_clip.review._inputs import (
    as_vectors,
    check_scores,
    is_estimator,
    row_index,
)
from sklearn_clip.review._neighbors import unit_vectors
from sklearn_clip.review._tables import LabelQueries

_STRATEGIES = ("balanced", "likely", "uncertainty", "random")
# Of a label's questions: a fifth at random; half of the others at the cut, once the
# label has so many positives that there is a cut worth the name.
_RANDOM, _CUT_FROM = 0.2, 8
# With so many positives a classifier's ranking counts as much as the cold start's.
_COLD = 3.0
# Candidates per question, and what likeness to one asked already costs of the rank.
_CANDIDATES, _LIKENESS = 3, 0.1


def suggest_queries(
    estimator_or_scores: Any,
    X_pool: Any,
    n: int,
    *,
    strategy: Literal["balanced", "likely", "uncertainty", "random"] = "balanced",
    Y_known: TargetsLike | None = None,
    cold_start: Any = None,
    thresholds: ArrayLike | None = None,
    vectors: TableLike | None = None,
    label_names: Collection[Hashable] | None = None,
    random_state: Any = None,
) -> LabelQueries:
    """Choose the next cells to ask an annotator about.

    A cell is one label of one row: "does this picture show a dog?" is answered faster
    than which of a hundred labels it shows, and one answer is worth more than another.

    Parameters
    ----------
    estimator_or_scores : estimator instance or array-like of shape (n_rows, n_labels)
        A fitted classifier, for a start without any labels a
        :class:`ZeroShotClassifier`; or its scores of the pool.
    X_pool : array-like of length n_rows, or None
        Rows to choose from. None with scores alone.
    n : int
        How many cells. Fewer are given where fewer are unknown.
    strategy : {"balanced", "likely", "uncertainty", "random"}, default="balanced"
        What is asked:

        - "balanced": every label the same number of cells: likely positives,
          unlike each other; with 8 positives known, as many at the label's cut; a fifth
          at random, for what the classifier does not expect;
        - "likely": the likely positives of every label alone;
        - "uncertainty": the cells of all labels closest to the cut. On vectors of CLIP
          that is little better than random for macro-F1, and often worse: see Notes;
        - "random": any unknown cell.
    Y_known : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_labels) or \
            None, default=None
        What is known of the pool: 0, 1, and NaN for what may be asked. None is nothing.
    cold_start : estimator instance, array-like of shape (n_rows, n_labels) or None, \
            default=None
        A fitted classifier that needs no labels, or its scores, which ranks the rows of
        labels with few known positives: a trained classifier knows nothing of them yet.
    thresholds : float, array-like of shape (n_labels,), dict, Series or None, \
            default=None
        The cuts in force, in the order of the labels or by their names. None takes the
        `thresholds_` of the estimator, else 0.5 for probabilities and 0 for other
        scores.
    vectors : {array-like, sparse matrix} of shape (n_rows, d) or None, default=None
        Where rows lie, so that no two questions are about near copies. None takes
        `X_pool` if it is a table of numbers, else what the steps before the classifier
        of a fitted Pipeline make of it; without either, likeness does not count.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels. None takes those of `Y_known`, of the scores or of the
        estimator.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.

    Returns
    -------
    LabelQueries
        The cells in the order in which to ask them; ``to_frame()`` makes a DataFrame.

    Raises
    ------
    TypeError
        If `label_names` have no order, as in a set.
    ValueError
        If lengths or names of labels differ, scores hold NaN, `n` is negative, no
        number of labels is to be had, or the strategy is another.

    See Also
    --------
    find_label_issues : Which known cells to look at again.

    Notes
    -----
    In a table of many labels nearly all cells are 0. Cells drawn at random rarely hit
    a positive, and those closest to the cut are few labels' hard negatives, again and
    again; what macro-F1 lacks are positives of every label. `benchmarks/STUDIES.md` has
    the curves of all strategies.

    Labels learnt from cells chosen like this are no fair sample: rates of positives,
    probabilities and thresholds are too high. Hold a random sample back for the
    report.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.review import suggest_queries
    >>> scores = np.array([[0.9, 0.1], [0.2, 0.3], [0.4, 0.8]])
    >>> known = np.array([[1, np.nan], [np.nan, 0], [np.nan, np.nan]])
    >>> cells = suggest_queries(scores, None, 2, Y_known=known, strategy="likely")
    >>> sorted(zip(cells.rows.tolist(), cells.labels.tolist()))
    [(2, 0), (2, 1)]
    """
    if strategy not in _STRATEGIES:
        raise ValueError(
            f"strategy must be one of {', '.join(map(repr, _STRATEGIES))}. Got "
            f"{shown(strategy)}."
        )
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
        raise ValueError(f"n must be a number of at least 0. Got {n!r}.")
    known, names = _read_known(Y_known)
    estimator = estimator_or_scores if is_estimator(estimator_or_scores) else None
    n_rows = None if X_pool is None else _num_samples(X_pool)
    if known is not None and X_pool is not None:
        check_same_length(X_pool, known)
        warn_of_row_order(X_pool, Y_known, ("X_pool", "Y_known"))
    n_labels = None if known is None else known.shape[1]
    if names is None:
        names = label_array(_names_of(estimator_or_scores))
    scores, inside = _read_scores(
        estimator_or_scores, X_pool, (n_rows, n_labels), "The scores", names
    )
    if known is None:
        known = np.full(scores.shape, np.nan)
    if scores.shape != known.shape:
        raise ValueError(
            f"Y_known must have the shape of the scores, {scores.shape}. Got "
            f"{known.shape}."
        )
    if estimator is None:
        warn_of_row_order(Y_known, estimator_or_scores, ("Y_known", "scores"))
    cold = None
    if cold_start is not None:
        cold, _ = _read_scores(cold_start, X_pool, scores.shape, "cold_start", names)
    if label_names is not None:
        given = label_array(in_given_order(label_names, "label_names"))
        if len(given) != scores.shape[1]:
            raise ValueError(
                f"label_names must have one name per label, {scores.shape[1]}. Got "
                f"{len(given)}."
            )
        refuse_other_order(given, names)
        names = given
    cuts = _find_cuts(thresholds, estimator, scores.shape[1], inside, names)
    draw = check_random_state(random_state)
    free = np.isnan(known)
    if strategy == "random":
        cells = np.flatnonzero(free)
        cells = draw.permutation(cells)[:n]
        kinds = np.full(len(cells), "random", dtype=object)
    elif strategy == "uncertainty":
        gap = np.where(free, np.abs(scores - cuts), np.inf)
        cells = _lowest(gap.ravel(), min(n, np.count_nonzero(free)))
        kinds = np.full(len(cells), "uncertain", dtype=object)
    else:
        near = as_vectors(vectors, X_pool, None, estimator)
        if near is not None:
            check_same_length(scores, near)
            near = unit_vectors(near)
        cells, kinds = _take_turns(
            n, free, known, scores, cold, cuts, near, draw, strategy == "likely"
        )
    rows, labels = np.unravel_index(cells, scores.shape)
    return LabelQueries(
        rows=rows,
        labels=labels,
        scores=scores[rows, labels],
        kinds=kinds,
        label_names=names,
        index=row_index(X_pool),
    )


def _lowest(values, n):
    """Positions of the n lowest values in order; of equal ones the first."""
    # The n-th lowest, so that few cells are sorted.
    most = np.partition(values, n - 1)[n - 1] if n else -np.inf
    cells = np.flatnonzero(values <= most)
    return cells[np.argsort(values[cells], kind="stable")[:n]]


def _take_turns(n, free, known, scores, cold, cuts, near, draw, likely_only):
    """Ask of every label in turn; give positions of cells and kinds, in order."""
    n_labels = scores.shape[1]
    room = free.sum(axis=0)
    quotas = _share_out(n, room, draw)
    asked = []  # (turn, random order of the labels, cell, kind)
    order = draw.permutation(n_labels)
    for place, label in enumerate(order):
        rows = np.flatnonzero(free[:, label])
        if not quotas[label]:
            continue
        positives = np.count_nonzero(known[:, label] == 1)
        rank = rankdata(scores[:, label]) / len(scores)
        if cold is not None:
            # As many positives known as `_COLD`: half the word of each.
            own = positives / (positives + _COLD)
            rank = own * rank + (1 - own) * rankdata(cold[:, label]) / len(scores)
        picked = _ask_label(
            rows,
            int(quotas[label]),
            rank,
            np.abs(scores[:, label] - cuts[label]),
            near,
            draw,
            likely_only=likely_only,
            at_cut=positives >= _CUT_FROM,
        )
        asked += [
            (turn, place, row * n_labels + label, kind)
            for turn, (row, kind) in enumerate(picked)
        ]
    asked.sort(key=lambda entry: entry[:2])
    cells = np.array([entry[2] for entry in asked], dtype=np.int64)
    kinds = np.array([entry[3] for entry in asked], dtype=object)
    return cells, kinds


def _share_out(n, room, draw):
    """How many cells of each label: equally many, as far as there are so many."""
    quotas = np.zeros(len(room), dtype=np.int64)
    left = min(n, int(room.sum()))
    while left:
        open_labels = np.flatnonzero(quotas < room)
        each = left // len(open_labels)
        if each == 0:  # fewer than one each: drawn
            quotas[draw.permutation(open_labels)[:left]] += 1
            break
        more = np.minimum(each, room[open_labels] - quotas[open_labels])
        quotas[open_labels] += more
        left -= int(more.sum())
    return quotas


def _ask_label(rows, count, rank, gap, near, draw, *, likely_only, at_cut):
    """Rows to ask about one label, each with why, in the order to ask them."""
    # Drawn: a single question is now and then the one at random, too.
    n_random = 0 if likely_only else int(_RANDOM * count + draw.uniform())
    n_cut = (count - n_random) // 2 if at_cut and not likely_only else 0
    n_likely = count - n_random - n_cut
    likely = _unlike(rows[np.argsort(-rank[rows], kind="stable")], n_likely, rank, near)
    left = np.setdiff1d(rows, likely, assume_unique=True)
    uncertain = left[np.argsort(gap[left], kind="stable")[:n_cut]]
    left = np.setdiff1d(left, uncertain, assume_unique=True)
    drawn = draw.permutation(left)[:n_random]
    kinds = [("likely", likely), ("uncertain", uncertain), ("random", drawn)]
    # Spread evenly, so that any first part of them holds some of each.
    spread = [
        ((number + 0.5) / len(found), kind, int(row))
        for kind, found in kinds
        for number, row in enumerate(found)
    ]
    spread.sort(key=lambda entry: entry[0])
    return [(row, kind) for _, kind, row in spread]


def _unlike(ranked, count, rank, near):
    """Take the first of ranked rows, each at the cost of its likeness to others."""
    if near is None or count < 2:
        return ranked[:count]
    candidates = ranked[: _CANDIDATES * count]
    vectors = near[candidates]
    vectors = vectors.toarray() if sparse.issparse(vectors) else vectors
    value = rank[candidates].copy()
    likeness = np.full(len(candidates), -1.0)
    chosen = []
    for _ in range(count):
        first = not chosen
        best = int(np.argmax(value if first else value - _LIKENESS * likeness))
        chosen.append(best)
        value[best] = -np.inf
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return candidates[chosen]


def _read_known(Y_known):
    """Known labels as floats with NaN, and their names; a table of NaN is allowed."""
    if Y_known is None:
        return None, None
    try:
        known, names = check_indicator(Y_known)
    except ValueError as exc:
        if "Got NaN only" not in str(exc):
            raise
        # Nothing is known yet, which is how it starts.
        shape = np.shape(Y_known)
        return np.full(shape, np.nan), label_array(column_names(Y_known))
    return known.astype(np.float64), names


def _read_scores(given, X, shape, name, label_names):
    """Scores of the pool, and whether they are probabilities."""
    check_columns(_names_of(given), label_names, name)
    if not is_estimator(given):
        scores = check_scores(given, shape, name)
        return scores, bool(((scores >= 0) & (scores <= 1)).all())
    if X is None:
        raise ValueError("X_pool must hold the rows to score. Got None.")
    n_labels = shape[1]
    if n_labels is None:
        n_labels = _count_labels(given)
    scores, method = positive_scores(given, X, n_labels)
    return scores, method == "predict_proba"


def _count_labels(estimator):
    """Count the labels a fitted classifier has learnt."""
    for part in nested_estimators(estimator):
        names = getattr(part, "label_names_", None)
        if names is not None:
            return len(names)
        classes = getattr(part, "classes_", None)
        if classes is not None and (isinstance(classes, list) or np.ndim(classes) == 2):
            return len(classes)
        if classes is not None and hasattr(part, "label_binarizer_"):
            return len(classes)
    raise ValueError(
        "The number of labels must be known. Got an estimator that does not tell it, "
        f"{type(estimator).__name__}: pass Y_known, of NaN where nothing is known."
    )


def _names_of(given):
    """Names of the labels of scores, or those a classifier has learnt; or None."""
    if not is_estimator(given):
        return column_names(given)
    for part in nested_estimators(given):
        names = getattr(part, "label_names_", None)
        if names is not None:
            return names
    return None


def _find_cuts(given, estimator, n_labels, inside, names):
    """Find the cut of each label, finite."""
    usual = 0.5 if inside else 0.0
    given = by_name(given)
    if isinstance(given, Mapping):
        given = _in_order(given, range(n_labels) if names is None else names)
    if given is not None:
        cuts = np.asarray(given, dtype=np.float64)
        if cuts.shape not in ((), (n_labels,)):
            raise ValueError(
                f"thresholds must be a number or one per label, {n_labels}. Got shape "
                f"{cuts.shape}."
            )
    else:
        parts = () if estimator is None else deciding_estimators(estimator)
        found = (getattr(part, "thresholds_", None) for part in parts)
        cuts = next((cut for cut in found if cut is not None), usual)
    cuts = np.broadcast_to(np.asarray(cuts, dtype=np.float64), (n_labels,))
    # Infinity is "never", NaN "not known": both say nothing of where the doubt lies.
    return np.where(np.isfinite(cuts), cuts, usual)


def _in_order(thresholds, names):
    """Thresholds that were given by name, one for every label, in their order."""
    thresholds = respell_keys(thresholds, names)
    missing = [name for name in names if name not in thresholds]
    if missing or len(thresholds) > len(names):
        odd = missing or sorted(map(str, thresholds.keys() - set(names)))
        raise ValueError(
            "thresholds must be one for every label, and for no other. Got "
            f"{'none for' if missing else 'one for'} {shown_first(odd, 5)}."
        )
    return [thresholds[name] for name in names]
