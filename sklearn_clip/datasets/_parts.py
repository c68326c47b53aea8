"""Deterministic assignment of whole groups to parts and splits."""

import hashlib
from collections import Counter, defaultdict

# Of all rows; some of those chosen carry no label that is kept in the end.
_TASK_SHARE = 0.575
# Groups from this size on are series, all of whose rows are for pretraining.
_LARGE_GROUP = 14
_MIN_POSITIVES = 25
_MIN_TEST_POSITIVES = 6
_TEST_SHARE = 0.3


def assign(rows):
    """Give every row its part, split and kept labels, whole groups at a time.

    Parameters
    ----------
    rows : list of dict
        With ``path``, ``group`` and ``labels`` (set of str); ``part``, ``split``
        and ``labels`` (sorted tuple of the kept ones) are written into them.
    """
    # Labels that half of the library can carry often enough.
    frequent = {k for k, n in _count(rows).items() if n >= 1.2 * _MIN_POSITIVES}
    task = _choose_task(rows, frequent)
    kept = {
        label
        for label, count in _count(task).items()
        if count >= _MIN_POSITIVES and label in frequent
    }
    while True:
        task = [row for row in task if row["labels"] & kept]
        test = _choose_test(task, kept)
        in_test = _count([row for row in task if row["group"] in test])
        rare = {label for label in kept if in_test[label] < _MIN_TEST_POSITIVES}
        if not rare:
            break
        kept -= rare
    in_task = {row["path"] for row in task}
    task_groups = {row["group"] for row in task}
    for row in rows:
        row["labels"] = tuple(sorted(row["labels"] & kept))
        row["part"] = "task" if row["path"] in in_task else "pretraining"
        row["split"] = ""
        if row["part"] == "task":
            row["split"] = "test" if row["group"] in test else "train"
    # Unlabelled rows of a task group belong to neither part.
    rows[:] = [
        row for row in rows if row["part"] == "task" or row["group"] not in task_groups
    ]


def _count(rows):
    return Counter(label for row in rows for label in row["labels"])


def _order(groups):
    """Sort groups by a hash of their first path."""
    return sorted(
        groups,
        key=lambda g: hashlib.sha256(groups[g][0]["path"].encode()).digest(),
    )


def _by_group(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[row["group"]].append(row)
    return groups


def _choose_task(rows, frequent):
    """Share the groups out; large series and groups without a label are not asked."""
    groups = _by_group(rows)
    wanted = _TASK_SHARE * len(rows)
    total = _count(rows)
    have = Counter()
    task = []
    for group in _order(groups):
        members = groups[group]
        labels = {label for row in members for label in row["labels"]} & frequent
        useful = labels and len(members) < _LARGE_GROUP
        # A scarce label is worth more than its share.
        scarce = any(have[k] < min(_MIN_POSITIVES + 5, total[k]) for k in labels)
        if useful and (scarce or len(task) < wanted):
            task += members
            have.update(label for row in members for label in row["labels"])
    return task


def _choose_test(task, kept):
    """Choose test groups so that every label has about its share of positives there.

    Iterative stratification over groups: the scarcest label is served first, each of
    its groups going to the test split when that lags behind its share of what has
    been dealt out.
    """
    groups = _by_group(task)
    order = _order(groups)
    labels_of = {g: _count(groups[g]) for g in order}
    total = _count(task)
    test, placed = set(), set()
    filled = Counter()
    dealt = Counter()
    for label in sorted(kept, key=lambda k: (total[k], k)):
        for group in order:
            if group in placed or not labels_of[group][label]:
                continue
            placed.add(group)
            size = labels_of[group][label]
            lags = filled[label] <= _TEST_SHARE * dealt[label]
            if lags and filled[label] + size / 2 < _TEST_SHARE * total[label]:
                test.add(group)
                filled.update(labels_of[group])
            dealt.update(labels_of[group])
    return test
