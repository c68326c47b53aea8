"""What the logistic heads print."""

import re
from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)
from sklearn_clip.datasets import load_clipart


@pytest.mark.parametrize(
    "make", [MultiLabelLogisticRegression, partial(MultiLabelLogisticRegressionCV, 2)]
)
def test_verbose_tells_of_a_dense_matrix_of_zeros(make, capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.2)
    Y = rng.random((60, 3)) < 0.5
    make().fit(X, Y)
    assert capsys.readouterr().out == ""
    steps = "3 labels, at most . Newton steps"
    make(verbose=1).fit(X, Y)
    said = capsys.readouterr().out
    assert re.search(
        r"X is dense, and 80% of its entries .*sparse_threshold=1\.0", said
    )
    assert re.search(steps, said)
    for other in (sparse.csr_array(X), rng.normal(size=(60, 40))):
        make(verbose=1).fit(other, Y)
        said = capsys.readouterr().out
        assert "dense" not in said and re.search(steps, said)


def test_column_transformer_that_makes_zeros_dense_is_told_of(capsys):
    drawings = load_clipart(split="train", as_frame=True)
    X, Y = drawings.data[:150], drawings.target[:150]
    words = ("words", TfidfVectorizer(), "text")
    clip = ("clip", CLIPFeaturizer("clipart-tiny", text=None), ["image"])
    columns = ColumnTransformer([words, clip], sparse_threshold=0)
    tagger = make_pipeline(columns, MultiLabelLogisticRegression(C=0.1, verbose=1))
    columns.set_params(words__ngram_range=(2, 5), words__analyzer="char_wb")
    tagger.fit(X, Y)
    assert "sparse_threshold=1.0" in capsys.readouterr().out
    columns.set_params(sparse_threshold=1.0)
    tagger.fit(X, Y)
    assert "sparse_threshold" not in capsys.readouterr().out
