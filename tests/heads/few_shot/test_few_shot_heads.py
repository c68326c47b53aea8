"""What both few-shot heads promise: probabilities, forms of targets, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklearn_clip import ThresholdOptimizer
from sklearn_clip.heads import CLIPAdapterClassifier, TipAdapterClassifier

HEADS = {
    "tip": TipAdapterClassifier,
    "clip": lambda prompts, **params: CLIPAdapterClassifier(
        prompts, **{"device": "cpu", "random_state": 0} | params
    ),
}
FEW_EPOCHS = {"tip": {}, "clip": {"max_epochs": 3}}


@pytest.fixture(params=HEADS)
def make_head(request):
    return HEADS[request.param]


@pytest.fixture(params=HEADS)
def make_quick(request):
    """Make a head that trains for a few epochs at most."""
    params = FEW_EPOCHS[request.param]
    return lambda prompts: HEADS[request.param](prompts, **params)


def test_probabilities_are_calibrated_and_keep_the_order(data, make_head):
    X, Y, prompts = data
    model = make_head(prompts).fit(X, Y)
    probabilities = model.predict_proba(X)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    scores = model.decision_function(X)
    for label in range(5):
        order = np.argsort(scores[:, label])
        assert (np.diff(probabilities[order, label]) >= 0).all()
    assert np.abs(probabilities.mean(axis=0) - Y.mean(axis=0)).max() < 0.12
    np.testing.assert_array_equal(model.predict(X), (probabilities > 0.5).astype(int))
    assert [c.tolist() for c in model.classes_] == [[0, 1]] * 5


@pytest.mark.parametrize("head, rtol", [("tip", 1e-6), ("clip", 0)])
def test_forms_of_targets_agree_and_names_are_kept(data, head, rtol):
    X, Y, prompts = data
    frame = pd.DataFrame(Y, columns=list("abcde"))

    def make():
        return HEADS[head](prompts, **FEW_EPOCHS[head])

    expected = make().fit(X, Y).predict_proba(X)
    for form in (frame, sparse.csr_matrix(Y), Y.astype(bool), Y.astype(float)):
        model = make().fit(X, form)
        np.testing.assert_allclose(model.predict_proba(X), expected, rtol=rtol)
        assert hasattr(model, "label_names_") == (form is frame)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    model.fit(X, frame)
    assert model.label_names_.tolist() == list("abcde")
    assert not hasattr(model.fit(X, Y), "label_names_")


def test_names_of_the_prompts_are_those_of_the_targets(data, make_quick):
    X, Y, prompts = data
    Y = pd.DataFrame(Y, columns=list("abcde"))
    named = pd.DataFrame(prompts, index=Y.columns)
    expected = make_quick(prompts).fit(X, Y).predict_proba(X)
    found = make_quick(named).fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    make_quick(pd.DataFrame(prompts)).fit(X, Y)  # numbers are no names
    make_quick(named.iloc[::-1]).fit(X, Y.to_numpy())
    with pytest.raises(ValueError, match=r"label_embeddings\.loc.*Got 'e' \(row 0\)"):
        make_quick(named.iloc[::-1]).fit(X, Y)


@pytest.mark.parametrize("probe", ["auto", True, False])
def test_rows_without_a_known_label_teach_nothing(data, make_quick, probe):
    X, Y, prompts = data
    more = np.vstack([-X[:30], X, X + 0.1])
    hidden = np.full((len(more), 5), np.nan)
    hidden[30:110] = Y
    part = make_quick(prompts).set_params(probe=probe).fit(X, Y)
    model = make_quick(prompts).set_params(probe=probe).fit(more, hidden)
    np.testing.assert_array_equal(model.predict_proba(X), part.predict_proba(X))
    # Nor do they lie in the memory.
    assert len(pickle.dumps(model)) == len(pickle.dumps(part))


def test_wrong_shapes_and_targets_are_refused(data, make_head):
    X, Y, prompts = data
    with pytest.raises(ValueError, match=r"must have shape \(5, 16\).*Got \(4, 16\)"):
        make_head(prompts[:4]).fit(X, Y)
    with pytest.raises(ValueError, match=r"must have shape \(5, 32\).*one modality"):
        make_head(prompts).fit(np.hstack([X, X]), Y)
    with pytest.raises(ValueError, match="same number of rows. Got 79 and 80"):
        make_head(prompts).fit(X[1:], Y)
    with pytest.raises(ValueError, match="y must have 2 dimensions.*reshape"):
        make_head(prompts[:1]).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="at least one known label. Got NaN only"):
        make_head(prompts).fit(X, np.full(Y.shape, np.nan))
    holed = prompts.copy()
    holed[2] = 0
    with pytest.raises(ValueError, match=r"not zero. Got another one \(label 2\)"):
        make_head(holed).fit(X, Y)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_unfitted_classifier_says_so(data, make_head, method):
    X, _, prompts = data
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(make_head(prompts), method)(X)


def test_thresholds_are_tuned_on_it(data, make_quick):
    X, Y, prompts = data
    tuned = ThresholdOptimizer(make_quick(prompts), cv=2).fit(X, Y)
    assert tuned.predict(X).shape == Y.shape
