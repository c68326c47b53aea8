"""Vectors that say which rows lie near, in every form that they may come in."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from PIL import Image
from target_forms import indexes_tables

from sklearn_clip.review import find_label_issues


def draw(n):
    """Vectors, scores and labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    return X, rng.random((n, 3)), (X[:, :3] > 0.5).astype(int)


VECTOR_FORMS = {
    "tensor": lambda X: torch.tensor(X).requires_grad_(),
    "frame": lambda X: pd.DataFrame(X).astype("Float64"),
    "objects": lambda X: pd.DataFrame(X).astype(object),
    "sparse frame": lambda X: pd.DataFrame(X).astype(pd.SparseDtype(float, 0.0)),
    "polars": lambda X: pl.DataFrame(X),
    "pyarrow": lambda X: pa.table({str(i): column for i, column in enumerate(X.T)}),
    "masked": np.ma.array,
}
if not indexes_tables():
    del VECTOR_FORMS["pyarrow"]
WITH_EMPTY_CELLS = VECTOR_FORMS.keys() - {"tensor", "sparse frame"}


@pytest.mark.parametrize("form", VECTOR_FORMS)
def test_vectors_in_every_form_say_the_same(form):
    X, scores, Y = draw(120)
    made = VECTOR_FORMS[form](X)
    plain = find_label_issues(scores, None, Y, n=9, vectors=X)
    for issues in (
        find_label_issues(scores, None, Y, n=9, vectors=made),
        find_label_issues(scores, made, Y, n=9),
    ):
        np.testing.assert_array_equal(issues.rows, plain.rows)
        np.testing.assert_allclose(issues.votes, plain.votes)


@pytest.mark.parametrize("form", sorted(WITH_EMPTY_CELLS))
def test_an_empty_cell_is_told_in_every_form(form):
    # Rows with one were no vectors at all, and the scores decided alone.
    X, scores, Y = draw(120)
    X[3, 1] = np.nan
    made = VECTOR_FORMS[form](X)
    if form == "frame":
        made = made.mask(np.isnan(X))
    elif form == "objects":
        made.iloc[3, 1] = pd.NA
    elif form == "masked":
        made = np.ma.array(np.where(np.isnan(X), 0.0, X), mask=np.isnan(X))
    for given in ({"X": made}, {"X": None, "vectors": made}):
        name = "vectors" if "vectors" in given else "X"
        with pytest.raises(ValueError, match=f"{name} must be finite.*Got NaN"):
            find_label_issues(scores, Y=Y, **given)


@pytest.mark.parametrize(
    "vectors", [np.zeros((60, 2), dtype="M8[D]"), np.zeros((60, 0)), {"a": [0] * 60}]
)
def test_what_is_no_table_of_numbers_is_refused(vectors):
    _, scores, Y = draw(60)
    with pytest.raises(ValueError, match="vectors must be a table of numbers"):
        find_label_issues(scores, None, Y, vectors=vectors)


def test_pictures_are_not_decoded_to_see_whether_they_are_numbers():
    class Picture(Image.Image):
        @property
        def __array_interface__(self):
            raise AssertionError("decoded")

    _, scores, Y = draw(60)
    issues = find_label_issues(scores, [Picture()] * 60, Y, n=3)
    assert np.isnan(issues.votes).all()
