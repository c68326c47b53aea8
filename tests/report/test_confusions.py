"""Labels that are taken for each other, beside a count of all pairs."""

import numpy as np
import pytest

from sklearn_clip.metrics._entries import check_targets
from sklearn_clip.report._confusions import find_confusions


def count_pair(Y, predicted, given, present):
    """Figures of one pair, row by row."""
    n_rows = n_places = n_else = elsewhere = instead = 0
    for truth, said in zip(Y, predicted, strict=True):
        if truth[given] != 0:
            continue
        if truth[present] == 1:
            n_places += 1
            n_rows += said[given]
            instead += said[given] and not said[present]
        else:
            n_else += 1
            elsewhere += said[given]
    return n_rows, n_places, elsewhere / n_else if n_else else 0.0, instead


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_pairs_are_those_of_a_count_of_all(unknown):
    rng = np.random.default_rng(1)
    Y = (rng.random((120, 5)) < 0.3).astype(float)
    Y[rng.random(Y.shape) < unknown] = np.nan
    predicted = rng.random(Y.shape) < 0.3
    wanted = {}
    for given in range(5):
        for present in set(range(5)) - {given}:
            n_rows, n_places, rate, instead = count_pair(Y, predicted, given, present)
            excess = n_rows - n_places * rate
            if n_rows >= 2 and excess > 0:
                share = n_rows / n_places
                wanted[given, present] = (excess, n_rows, share, rate, instead)
    found = find_confusions(check_targets(Y), predicted, most=100)
    assert len(found) == len(wanted) > 3
    excesses = []
    for pair in range(len(found)):
        excess, *figures = wanted[found.given[pair], found.present[pair]]
        excesses.append(excess)
        assert figures == pytest.approx(
            [
                found.n_rows[pair],
                found.share[pair],
                found.share_elsewhere[pair],
                found.n_instead[pair],
            ]
        )
    assert excesses == pytest.approx(sorted(excesses, reverse=True))
    assert len(find_confusions(check_targets(Y), predicted, most=2)) == 2


def test_dogs_given_as_wolves_are_told():
    Y = np.zeros((100, 3))
    Y[:30, 0] = Y[30:60, 1] = Y[60:, 2] = 1
    predicted = Y.astype(bool)
    predicted[:10] = [False, True, False]  # dogs for wolves
    predicted[60:62] = [True, False, True]  # once in a while cats are dogs besides
    found = find_confusions(check_targets(Y), predicted, most=10)
    assert found.given.tolist() == [1, 0] and found.present.tolist() == [0, 2]
    assert found.n_rows.tolist() == [10, 2] and found.n_instead.tolist() == [10, 0]
    assert found.share[0] == pytest.approx(1 / 3) and found.share_elsewhere[0] == 0


def test_nothing_wrong_is_no_pair():
    Y = np.eye(4)
    assert len(find_confusions(check_targets(Y), Y.astype(bool), most=10)) == 0
