"""The rules after the thresholds, against a loop over rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_clip.thresholds._decoding import decode, rank_labels


def decode_row(scores, thresholds, at_least_one, limit):
    """Labels of one row, the long way round."""
    best_first = sorted(range(len(scores)), key=lambda label: -scores[label])
    chosen = [label for label in best_first if scores[label] >= thresholds[label]][
        :limit
    ]
    allowed = [label for label in best_first if thresholds[label] < np.inf]
    if at_least_one and not chosen:
        chosen = allowed[:1]
    return [label in chosen for label in range(len(scores))]


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 5)),
    at_least_one=st.booleans(),
    limit=st.one_of(st.none(), st.integers(1, 6)),
)
def test_decode_is_the_rules_row_by_row(seed, shape, at_least_one, limit):
    rng = np.random.default_rng(seed)
    scores = rng.random(shape).round(1)
    thresholds = np.where(
        rng.random(shape[1]) < 0.3, np.inf, rng.random(shape[1]).round(1)
    )
    found = decode(scores, thresholds, at_least_one=at_least_one, limit=limit)
    expected = [decode_row(row, thresholds, at_least_one, limit) for row in scores]
    assert found.tolist() == expected


def test_labels_that_are_never_predicted_do_not_fill_empty_rows():
    scores = np.array([[0.9, 0.2]])
    found = decode(scores, np.array([np.inf, 0.5]), at_least_one=True)
    assert found.tolist() == [[False, True]]
    assert not decode(scores, np.full(2, np.inf), at_least_one=True).any()


def test_rank_labels_gives_ties_to_the_first_column():
    ranks = rank_labels(np.array([[0.2, 0.7, 0.7], [0.0, 0.0, 0.0]]))
    assert ranks.tolist() == [[2, 0, 1], [0, 1, 2]]
