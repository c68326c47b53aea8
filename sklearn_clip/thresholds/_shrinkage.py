"""Thresholds of rare labels drawn towards the global one, as far as evidence goes."""

import warnings

import numpy as np

from sklearn_clip.model_selection import MultiLabelStratifiedKFold

# Candidates, in positives: a label with as many is drawn half of the way.
PSEUDO_COUNTS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)
# Taken unless another candidate is better by more than its standard error.
# benchmarks/study_thresholds.py shows how it does on splits of clip art.
USUAL_COUNT = 10.0
# Labels with as many positives have cuts that no evidence need be sought against: the
# usual count would move them by a thirtieth of the way.
ENOUGH_POSITIVES = 30 * USUAL_COUNT

_N_PARTS = 5


def shrink_thresholds(thresholds, global_threshold, positives, count):
    """Draw the cut of every label towards the global one.

    Parameters
    ----------
    thresholds : ndarray of shape (n_labels,)
        Cuts of the labels alone; infinite ones stay.
    global_threshold : float
        The global threshold; if it is infinite all thresholds stay.
    positives : ndarray of shape (n_labels,)
        Number of positives each cut was chosen on. Without any it stays.
    count : float
        Number of positives that the global threshold weighs as much as.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        ``(positives * thresholds + count * global_threshold) / (positives + count)``.
    """
    moves = (
        np.isfinite(thresholds)
        & np.isfinite(global_threshold)
        & (positives > 0)
        & (count > 0)
    )
    total = np.maximum(positives, 1e-300) + count
    share = 1.0 if np.isinf(count) else count / total
    with np.errstate(invalid="ignore"):
        return np.where(
            moves, thresholds + share * (global_threshold - thresholds), thresholds
        )


def split_rows(row_numbers, targets):
    """Parts of the scored rows, each of which the cuts of the others are judged on.

    Parameters
    ----------
    row_numbers : list of ndarray
        Rows that were held out in each fold, in the order of their scores.
    targets : ndarray of shape (n_rows, n_labels)
        Targets of all scored rows of all folds, 0, 1 and NaN.

    Returns
    -------
    parts : list of tuple of ndarray (train, test)
        Positions among the scored rows: the folds, or with one fold stratified parts
        of it. None if there are too few rows.
    """
    if len(row_numbers) > 1:
        rows = np.concatenate(row_numbers)
        ends = np.cumsum([len(part) for part in row_numbers])
        # A row may be held out in several folds: it is never on both sides.
        return [
            (np.flatnonzero(~np.isin(rows, part)), np.arange(end - len(part), end))
            for part, end in zip(row_numbers, ends, strict=True)
        ]
    if len(targets) < 2:
        return []
    folds = MultiLabelStratifiedKFold(min(_N_PARTS, len(targets)), random_state=0)
    with warnings.catch_warnings():
        # Labels with fewer positives than parts are what shrinkage is for.
        warnings.simplefilter("ignore", UserWarning)
        return list(folds.split(None, targets))


def choose_count(tuner, rows, parts):
    """Choose how far cuts are drawn, by how they do on rows they were not chosen on.

    Every candidate's cuts are chosen on all parts but one and judged on that one; the
    metric is that of all parts together. The standard error of a difference between
    two candidates is the jackknife's, which leaves out a part at a time.

    Parameters
    ----------
    tuner : CutPlan
        How cuts are chosen and judged.
    rows : ScoredRows
        The scored rows.
    parts : list of tuple of ndarray (train, test)
        As :func:`split_rows` gives them.

    Returns
    -------
    count : float
        The best of `PSEUDO_COUNTS` if it is better than `USUAL_COUNT` by more than one
        standard error, else that; 0 where every label that has a positive has
        `ENOUGH_POSITIVES`.
    """
    positives = rows.support()[0]
    if positives[positives > 0].min(initial=np.inf) >= ENOUGH_POSITIVES:
        return 0.0
    parts = [(train, test) for train, test in parts if len(train) and len(test)]
    if len(parts) < 2:
        return USUAL_COUNT
    predictions = {count: [] for count in PSEUDO_COUNTS}
    for train, test in parts:
        seen, judged = rows.take(train), rows.take(test)
        thresholds, global_threshold = tuner.search(seen), tuner.search_global(seen)
        positives = seen.support()[0]
        for count, found in predictions.items():
            shrunk = shrink_thresholds(thresholds, global_threshold, positives, count)
            found.append(tuner.predict(judged.scores, shrunk))
    tests = [test for _, test in parts]

    def value(count, left_out=None):
        kept = [part for part in range(len(parts)) if part != left_out]
        judged = rows.take(np.concatenate([tests[part] for part in kept]))
        found = predictions[count]
        return tuner.score(judged, np.concatenate([found[part] for part in kept]))

    values = {count: value(count) for count in PSEUDO_COUNTS}
    best = max(PSEUDO_COUNTS, key=values.get)
    differences = np.array(
        [value(best, part) - value(USUAL_COUNT, part) for part in range(len(parts))]
    )
    spread = np.sqrt((len(parts) - 1) * differences.var())
    gain = values[best] - values[USUAL_COUNT]
    return best if gain > spread + 1e-12 else USUAL_COUNT
