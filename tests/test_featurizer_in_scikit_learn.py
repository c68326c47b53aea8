"""CLIPFeaturizer among scikit-learn's tools."""

import warnings

import numpy as np
import pandas as pd
import pytest
from featurizer_rows import DIM, TEXTS
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import estimator_checks

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_names_columns(make_featurizer, pictures, library):
    X = pd.DataFrame({"image": pictures, "text": TEXTS}, index=list("abcd"))
    clip = make_featurizer().set_output(transform=library)
    frame = clip.fit_transform(X)
    assert type(frame).__module__.split(".")[0] == library
    assert list(frame.columns) == list(clip.get_feature_names_out())
    assert (frame.columns[0], frame.columns[-1]) == ("clip_image_0", "clip_text_63")
    np.testing.assert_array_equal(frame.to_numpy(), make_featurizer().transform(X))
    if library == "pandas":
        assert list(frame.index) == list("abcd")
    listed = clip.transform(list(zip(pictures, TEXTS, strict=True)))
    assert listed.shape == (4, 2 * DIM)


def test_html_repr_is_shown_without_weights():
    for name in ("ViT-B-32", "no-such-model", "local-dir:/nowhere"):
        clip = CLIPFeaturizer(name)
        assert "CLIPFeaturizer" in clip._repr_html_()
        assert "CLIPFeaturizer" in Pipeline([("clip", clip)])._repr_html_()


def test_attributes_of_the_model_are_listed_once_it_was_used(make_featurizer):
    clip = make_featurizer()
    clip.encode_texts(["a"])
    assert {"embedding_dim_", "model_fingerprint_"} <= set(dir(clip))


def test_transform_works_without_fit_and_after_clone(make_featurizer, pictures):
    clip = make_featurizer(text=None)
    np.testing.assert_array_equal(
        clip.transform(pictures), clone(clip).fit(pictures).transform(pictures)
    )


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_scikit_learn_check_passes(make_featurizer, check):
    # The other checks feed numbers in two dimensions, which are no images or texts.
    getattr(estimator_checks, check)("CLIPFeaturizer", make_featurizer())


def test_output_keeps_no_dtype_of_the_input(make_featurizer):
    tags = make_featurizer().__sklearn_tags__()
    assert tags.transformer_tags.preserves_dtype == []


def test_scikit_learn_knows_that_rows_are_no_numbers(make_featurizer):
    with pytest.warns(SkipTestWarning, match="Can't test estimator CLIPFeaturizer"):
        checks = estimator_checks.check_estimator(
            make_featurizer(), on_fail=None, on_skip=None
        )
    assert checks and all(check["status"] == "passed" for check in checks)


def test_pipeline_is_cross_validated_with_many_labels(make_featurizer, make_pictures):
    rng = np.random.default_rng(0)
    X = [(p, f"thing {i}") for i, p in enumerate(make_pictures(20))]
    Y = rng.integers(0, 2, size=(20, 3))
    pipe = Pipeline(
        [
            ("clip", make_featurizer(cache="auto")),
            ("head", OneVsRestClassifier(LogisticRegression())),
        ]
    )
    result = cross_validate(pipe, X, Y, cv=4, scoring="f1_micro", error_score="raise")
    assert np.isfinite(result["test_score"]).all()
    assert pipe.fit(X, Y).predict_proba(X).shape == (20, 3)


def test_rows_in_another_order_than_their_targets_bring_a_warning(
    make_featurizer, pictures
):
    X = pd.DataFrame({"image": pictures, "text": TEXTS}, index=list("abcd"))
    y = pd.DataFrame({"red": [0, 1, 1, 0]}, index=list("abcd"))
    clip = make_featurizer()
    tuned = ThresholdOptimizer(
        make_pipeline(clip, MultiLabelLogisticRegression()), cv="prefit"
    )
    tuned.estimator.fit(X, y)
    with pytest.warns(UserWarning, match=r"by position: 'a' of X with 'd' of y.*y.loc"):
        clip.fit(X, y.iloc[::-1])
    with pytest.warns(UserWarning, match="the same index in another order"):
        tuned.fit(X, y.iloc[::-1])
    labelled = ZeroShotClassifier(["red"], make_featurizer(text=None), calibrate=True)
    with pytest.warns(UserWarning, match="the same index in another order"):
        labelled.fit(X, y.iloc[::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip.fit(X, y)
        clip.fit(X, y.reset_index(drop=True))  # another index is by position on purpose
        clip.fit(X.to_dict("records"), y)
        for rows, targets in [
            ([1, 1, 2, 3], [1, 2, 2, 3]),  # no label is that of one row
            ([1, 2, 3, pd.NA], [pd.NA, 1, 2, 3]),
        ]:
            clip.fit(X.set_axis(rows, axis=0), y.set_axis(targets, axis=0))
        tuned.fit(X, y.to_numpy())
