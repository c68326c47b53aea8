"""Agreement of annotators: kappa of two, alpha of several, few votes, a tagger."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from sklearn_clip.review import annotator_quality


def draw(errors, n=600, n_labels=3, seed=0):
    """Truth, and what annotators of such shares of errors make of it."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, n_labels)) < 0.3).astype(float)
    wrong = rng.random((len(errors), n, n_labels)) < np.reshape(errors, (-1, 1, 1))
    return truth, np.where(wrong, 1 - truth, truth)


def test_kappa_of_two_is_that_of_cohen():
    _, votes = draw([0.1, 0.2])
    quality = annotator_quality(votes)
    for label in range(3):
        kappa = cohen_kappa_score(votes[0, :, label], votes[1, :, label])
        # Both have this one, and its mean: nothing is drawn anywhere.
        assert quality.kappa[:, label] == pytest.approx(kappa)
        agreement = (votes[0, :, label] == votes[1, :, label]).mean()
        assert quality.agreement[:, label] == pytest.approx(agreement)


def test_alpha_is_that_of_the_published_example():
    # Krippendorff's example of two observers and ten binary units: alpha = 0.095.
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    two = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    votes = np.array([one, two], dtype=float)[:, :, None]
    assert annotator_quality(votes).alpha == pytest.approx([0.095], abs=5e-4)


def test_alpha_of_holes_is_that_of_the_pairs():
    rng = np.random.default_rng(0)
    _, votes = draw([0.1, 0.2, 0.3], n=40)
    votes[rng.random(votes.shape) < 0.4] = np.nan
    found = annotator_quality(votes).alpha
    for label in range(3):
        seen = expected = total = 0.0
        units = [unit[~np.isnan(unit)] for unit in votes[:, :, label].T]
        units = [unit for unit in units if len(unit) > 1]
        pool = np.concatenate(units)
        for unit in units:
            unlike = (unit[:, None] != unit[None]).sum()
            seen += unlike / (len(unit) - 1)
        total = len(pool)
        expected = (pool[:, None] != pool[None]).sum() / (total - 1)
        assert found[label] == pytest.approx(1 - seen / expected)


def test_careless_annotator_agrees_least():
    truth, votes = draw([0.02, 0.02, 0.02, 0.3])
    quality = annotator_quality(votes, scores=np.where(truth == 1, 0.9, 0.05))
    assert np.argmin(quality.overall) == np.argmin(quality.tagger_overall) == 3
    assert (quality.kappa[3] < quality.kappa[:3].min(axis=0)).all()
    assert (quality.tagger[3] < quality.tagger[:3].min(axis=0)).all()


def test_who_answers_by_chance_is_at_nothing_with_scores_in_any_order():
    rng = np.random.default_rng(0)
    votes = (rng.random((1, 20_000, 1)) < 0.3).astype(float)
    quality = annotator_quality(votes, scores=rng.random((20_000, 1)))
    assert quality.tagger[0, 0] == pytest.approx(0, abs=0.03)


def test_few_votes_are_drawn_to_the_mean():
    truth, votes = draw([0.05, 0.05, 0.05, 0.05])
    votes[3, 3:] = np.nan
    votes[:3, :3] = truth[:3]
    votes[3, :3] = 1 - truth[:3]  # three answers, all wrong
    quality = annotator_quality(votes)
    assert quality.n_shared[3].tolist() == [3, 3, 3]
    assert quality.agreement[3].tolist() == [0] * 3
    assert quality.overall[3] > 0.2
    assert quality.overall[3] < quality.overall[:3].min()


def test_who_shares_no_cell_has_no_agreement():
    _, votes = draw([0.1, 0.1, 0.1])
    votes[2, 300:] = np.nan
    votes[:2, :300] = np.nan
    quality = annotator_quality(votes)
    assert np.isnan(quality.kappa[2]).all() and np.isnan(quality.overall[2])
    assert quality.n_votes[2].tolist() == [300] * 3
    assert quality.n_shared[2].tolist() == [0] * 3
    assert np.isfinite(quality.overall[:2]).all()


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_label_of_one_answer_has_no_kappa(value):
    _, votes = draw([0.1, 0.1])
    votes[:, :, 1] = value
    quality = annotator_quality(votes)
    assert np.isnan(quality.kappa[:, 1]).all() and np.isnan(quality.alpha[1])
    assert np.isfinite(quality.overall).all()


def test_nothing_said_at_all_is_no_error():
    quality = annotator_quality(np.full((2, 4, 3), np.nan))
    assert np.isnan(quality.overall).all()
    assert "annotator" in repr(quality)


def test_table_names_annotators_and_labels():
    truth, votes = draw([0.1, 0.1])
    quality = annotator_quality(
        votes, annotators=["ann", "bo"], scores=truth, label_names=list("xyz")
    )
    table = quality.to_frame()
    assert table["annotator"].tolist() == ["ann"] * 3 + ["bo"] * 3
    assert table["label"].tolist() == list("xyz") * 2
    assert {"kappa", "tagger", "votes", "shared"} <= set(table.columns)
    assert "bo" in repr(quality) and "tagger" in repr(quality)


@pytest.mark.parametrize(
    ("votes", "options", "words"),
    [
        (np.zeros((2, 3)), {}, r"Got shape \(2, 3\)"),
        (np.full((2, 3, 4), 0.5), {}, r"Got 0.5 \(annotator 0, row 0, label 0\)"),
        ([[["a"]]], {}, "votes must be an array"),
        (np.zeros((2, 3, 4)), {"annotators": ["a"]}, "annotators must have one name"),
        (np.zeros((2, 3, 4)), {"label_names": ["a"]}, "label_names must have one name"),
        (np.zeros((2, 3, 4)), {"scores": np.zeros((3, 5))}, "scores must have one row"),
        (np.zeros((2, 3, 4)), {"scores": np.full((3, 4), 2.0)}, "Got values from 2"),
    ],
)
def test_bad_input_is_told(votes, options, words):
    with pytest.raises(ValueError, match=words):
        annotator_quality(votes, **options)


def test_columns_of_scores_are_the_labels():
    votes = np.ones((2, 6, 2))
    scores = pd.DataFrame(np.full((6, 2), 0.5), columns=["dog", "cat"])
    with pytest.raises(ValueError, match="scores must have the labels as columns"):
        annotator_quality(votes, scores=scores, label_names=["cat", "dog"])
    assert annotator_quality(votes, scores=scores).tagger is not None


def test_tables_of_votes_are_read_by_name():
    _, votes = draw([0.1, 0.3], n=60)
    tables = [pd.DataFrame(said, columns=["dog", "cat", "tree"]) for said in votes]
    found, plain = annotator_quality(tables), annotator_quality(votes)
    assert found.label_names.tolist() == ["dog", "cat", "tree"]
    np.testing.assert_array_equal(found.kappa, plain.kappa)
    turned = [tables[0], tables[1][["tree", "dog", "cat"]]]
    with pytest.raises(ValueError, match=r"annotator 1 must .*'tree'.*\(column 0\)"):
        annotator_quality(turned)
    with pytest.raises(ValueError, match="tables of votes must have the labels"):
        annotator_quality(tables, label_names=["tree", "dog", "cat"])


def test_empty_and_masked_votes_are_none():
    _, votes = draw([0.1, 0.3], n=60)
    said = np.random.default_rng(1).random(votes.shape) < 0.7
    wanted = annotator_quality(np.where(said, votes, np.nan)).kappa
    masked = np.ma.masked_array(votes, ~said)
    tables = [pd.DataFrame(one.filled(2)).astype("Int8") for one in masked]
    nullable = [table.mask(table == 2) for table in tables]
    for form in (masked, list(masked), nullable):
        np.testing.assert_array_equal(annotator_quality(form).kappa, wanted)


def test_tables_with_rows_in_another_order_are_told():
    truth, votes = draw([0.1, 0.1, 0.1], n=30)
    names = [f"r{row}" for row in range(30)]
    tables = [pd.DataFrame(said, index=names) for said in votes]
    scores = pd.DataFrame(truth * 0.8 + 0.1, index=names)
    annotator_quality(tables, scores=scores)  # no warning
    turned = [*tables[:2], tables[2][::-1]]
    match = (
        r"votes\[0\] and votes\[2\] have the same index in another order.*'r0' of "
        r"votes\[0\] with 'r29'.*Pass votes\[2\]\.loc\[votes\[0\]\.index\]"
    )
    with pytest.warns(UserWarning, match=match):
        annotator_quality(turned)
    with pytest.warns(UserWarning, match=r"votes\[0\] and scores have the same index"):
        annotator_quality(tables, scores=scores[::-1])


def test_annotators_are_counted_one_after_the_other():
    rng = np.random.default_rng(0)
    votes = (rng.random((10, 2000, 20)) < 0.3).astype(float)
    votes[rng.random(votes.shape) < 0.5] = np.nan
    scores = rng.random((2000, 20))
    tracemalloc.start()
    annotator_quality(votes, scores=scores)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Its own copy of the votes, masks of them, and tables of one annotator.
    assert peak < 20 * votes.size
