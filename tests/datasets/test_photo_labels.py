import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from sklearn_clip.datasets._photo_labels import agreement, read_labelling, settle


def _write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def labellings(tmp_path):
    first = _write(tmp_path / "first.csv", "file,dog,cat\na,1,0\nb,?,1\nc,0,?\n")
    second = _write(tmp_path / "second.csv", "file,dog,cat\na,1,1\nb,?,1\nc,?,0\n")
    return read_labelling(first), read_labelling(second)


def test_read_labelling(labellings):
    files, names, values = labellings[0]
    assert files == ["a", "b", "c"] and names == ["dog", "cat"]
    np.testing.assert_array_equal(values, [[1, 0], [np.nan, 1], [0, np.nan]])


@pytest.mark.parametrize("cell", ["", "2", "yes", " 1"])
def test_read_labelling_of_another_cell_raises(tmp_path, cell):
    path = _write(tmp_path / "first.csv", f"file,dog,cat\na,1,{cell}\n")
    with pytest.raises(ValueError, match=f"must be 1, 0 or .. Got {cell!r} for 'cat'"):
        read_labelling(path)


def test_settle_keeps_what_both_say(labellings, tmp_path):
    rows = "file,label,value\na,cat,0\nc,dog,?\nc,cat,1\n"
    settled = settle(*labellings, _write(tmp_path / "settled.csv", rows))
    np.testing.assert_array_equal(settled, [[1, 0], [np.nan, 1], [np.nan, 1]])


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ("a,cat,0\nc,dog,?\n", "'cat' of 'c'"),
        ("a,cat,0\na,dog,1\nc,dog,?\nc,cat,1\n", "'dog' of 'a'"),
    ],
    ids=["missing", "of no difference"],
)
def test_settle_of_other_cells_raises(labellings, tmp_path, rows, wrong):
    path = _write(tmp_path / "settled.csv", f"file,label,value\n{rows}")
    with pytest.raises(ValueError, match=f"Got it wrong for {wrong}"):
        settle(*labellings, path)


def test_settle_of_other_pictures_raises(labellings, tmp_path):
    other = _write(tmp_path / "other.csv", "file,dog,cat\na,1,1\nc,?,0\nb,?,1\n")
    with pytest.raises(ValueError, match="must label the same pictures"):
        settle(labellings[0], read_labelling(other), tmp_path / "settled.csv")


@pytest.mark.parametrize("seed", range(5))
def test_agreement_is_cohens(seed):
    rng = np.random.default_rng(seed)
    first = rng.choice([0, 1, np.nan], size=(80, 3), p=[0.6, 0.3, 0.1])
    second = np.where(rng.random(first.shape) < 0.7, first, 1)
    raw, kappa = agreement(first, second)
    for j in range(3):
        one, other = (
            np.nan_to_num(x[:, j], nan=2).astype(int) for x in (first, second)
        )
        assert raw[j] == pytest.approx((one == other).mean())
        assert kappa[j] == pytest.approx(cohen_kappa_score(one, other))


def test_agreement_of_one_answer_throughout_is_full():
    raw, kappa = agreement(np.zeros((4, 1)), np.zeros((4, 1)))
    assert raw.tolist() == kappa.tolist() == [1.0]
