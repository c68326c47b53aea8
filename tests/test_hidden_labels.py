"""Labels nobody knows, from end to end on clip art: NaN in Y is left out everywhere."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    macro_average_precision_score,
    masked_f1_macro_scorer,
    masked_f1_score,
    multilabel_report,
)
from sklearn_clip.model_selection import multilabel_train_test_split

HIDDEN = 0.6


@pytest.fixture(scope="module")
def clipart():
    """Features and labels of the titles, train and test; 60 % of Y hidden."""
    train, test = (load_clipart(split=s, as_frame=True) for s in ("train", "test"))
    clip = CLIPFeaturizer("clipart-tiny", image=None)
    X, X_test = clip.fit_transform(train.data), clip.transform(test.data)
    Y = train.target.to_numpy(dtype=float)
    hidden = np.random.default_rng(0).random(Y.shape) < HIDDEN
    return {
        "X": X,
        "Y": Y,
        "known": np.where(hidden, np.nan, Y),
        "as_negative": np.where(hidden, 0, Y),
        "X_test": X_test,
        "Y_test": test.target.to_numpy(),
        "rows": train.data,
        "groups": train.groups,
        "names": list(train.target.columns),
    }


@pytest.mark.parametrize(
    ("head", "gain_in_map", "gain_in_f1"),
    [
        (MultiLabelLogisticRegression(C=5), 0.01, 0.1),
        (MultiLabelNet(random_state=0, verbose=0), 0.0, 0.1),
    ],
    ids=["logistic", "net"],
)
def test_leaving_unknown_labels_out_beats_taking_them_for_absent(
    clipart, head, gain_in_map, gain_in_f1
):
    scores, f1 = {}, {}
    for name in ("known", "as_negative"):
        head.fit(clipart["X"], clipart[name])
        scores[name] = macro_average_precision_score(
            clipart["Y_test"], head.predict_proba(clipart["X_test"])
        )
        f1[name] = masked_f1_score(
            clipart["Y_test"], head.predict(clipart["X_test"]), average="macro"
        )
    assert scores["known"] > scores["as_negative"] + gain_in_map
    assert f1["known"] > f1["as_negative"] + gain_in_f1


def test_search_over_unknown_labels_ends_with_thresholds_and_a_report(clipart):
    search = GridSearchCV(
        ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3, random_state=0),
        {"estimator__C": [0.01, 5]},
        scoring=masked_f1_macro_scorer,
        # Drawings of a series are alike, and the test rows are of others.
        cv=MultiLabelStratifiedGroupKFold(3, shuffle=True, random_state=0),
        error_score="raise",
    )
    search.fit(clipart["X"], clipart["known"], groups=clipart["groups"])
    assert search.best_params_ == {"estimator__C": 5}
    # What the search says of the known entries is what holds for the test rows.
    predicted = search.predict(clipart["X_test"])
    found = masked_f1_score(clipart["Y_test"], predicted, average="macro")
    assert abs(found - search.best_score_) < 0.08
    report = multilabel_report(
        clipart["known"],
        search.predict(clipart["X"]),
        search.predict_proba(clipart["X"]),
        label_names=clipart["names"],
    )
    support = np.nansum(clipart["known"], axis=0)
    np.testing.assert_array_equal(report["support"][: len(support)], support)


def test_split_shares_what_is_known(clipart):
    X, X_held, Y, Y_held = multilabel_train_test_split(
        clipart["X"], y=clipart["known"], test_size=0.25, random_state=0
    )
    for value in (0, 1):
        held, whole = (
            np.sum(part == value, axis=0) for part in (Y_held, clipart["known"])
        )
        assert np.abs(held - whole / 4).max() <= 0.05 * whole.max() / 4 + 3
    assert len(X) + len(X_held) == len(clipart["X"])
    assert np.isnan(Y).any() and np.isnan(Y_held).any()


def test_zero_shot_calibrates_on_what_is_known(clipart):
    clip = CLIPFeaturizer("clipart-tiny", image=None)
    rows = clipart["rows"][:200]
    tuned = ZeroShotClassifier(clipart["names"], clip, calibrate=True)
    tuned.fit(rows, clipart["known"][:200])
    wrong = ZeroShotClassifier(clipart["names"], clip, calibrate=True)
    wrong.fit(rows, clipart["as_negative"][:200])
    full = clipart["Y"][200:600].mean()
    mean = {
        name: model.predict_proba(clipart["rows"][200:600]).mean()
        for name, model in (("tuned", tuned), ("wrong", wrong))
    }
    assert abs(mean["tuned"] - full) < abs(mean["wrong"] - full)


def test_pipeline_of_rows_learns_from_unknown_labels(clipart):
    tagger = make_pipeline(
        CLIPFeaturizer("clipart-tiny", image=None),
        ThresholdOptimizer(MultiLabelLogisticRegression(C=5), cv=3, random_state=0),
    )
    tagger.fit(clipart["rows"][:500], clipart["known"][:500])
    assert np.isfinite(tagger[-1].thresholds_).sum() > 30
    assert tagger.predict(clipart["rows"][:5]).shape == (5, len(clipart["names"]))
