import numpy as np
import onnx
import pytest
from exported_heads import assert_exported_alike, make_problem, open_checked
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer
from sklearn_clip.export._graph_builder import GraphBuilder
from sklearn_clip.export.heads._cuts import decode, reach
from sklearn_clip.export.heads._graph_arrays import GraphArray
from sklearn_clip.thresholds._decoding import decode as decode_arrays


def labels_of(scores, make):
    """Run what `make` puts into a graph on scores."""
    width = scores.shape[1]
    builder = GraphBuilder("cuts")
    name = builder.input("scores", "float32", ["n", width])
    found = make(GraphArray(builder, name, np.float32, width).cast(scores.dtype))
    builder.output("labels", "bool", ["n", width], found.name)
    model = builder.finish({})
    if scores.dtype == np.float64:  # fed as they are, without the cast
        model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    return open_checked(model).run(None, {"scores": scores})[0]


SETTINGS = settings(max_examples=150, deadline=None)
# Few values, so that scores tie with one another and with the cuts.
VALUES = st.sampled_from([-1.0, 0.0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 1.0])
CUTS = st.one_of(VALUES, st.just(np.inf), st.floats(-1, 1))


@SETTINGS
@given(
    st.data(),
    st.integers(1, 7),
    st.integers(0, 9),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
    st.sampled_from([None, 1, 2, 3, 7, 50]),
)
def test_rules_are_those_of_thresholds(data, width, n, dtype, at_least_one, limit):
    row = st.lists(VALUES, min_size=width, max_size=width)
    scores = data.draw(st.lists(row, min_size=n, max_size=n))
    scores = np.array(scores, dtype=dtype).reshape(n, width)
    cuts = np.array(data.draw(st.lists(CUTS, min_size=width, max_size=width)))
    rules = {"at_least_one": at_least_one, "limit": limit}
    found = labels_of(scores, lambda array: decode(array, cuts, **rules))
    np.testing.assert_array_equal(found, decode_arrays(scores, cuts, **rules))


@SETTINGS
@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=9),
    st.sampled_from([-3, -2, -1, 0, 1, 2, 3]),
    st.sampled_from([-1e-9, 0.0, 1e-9]),
)
def test_cut_of_float64_parts_scores_of_float32_exactly(scores, steps, beside):
    scores = np.array(scores, dtype=np.float32)[:, None]
    cut = scores[0, 0]
    for _ in range(abs(steps)):
        cut = np.nextafter(cut, np.float32(np.sign(steps) * np.inf))
    cut = np.array([float(cut) + beside])
    found = labels_of(scores, lambda array: reach(array, cut))
    np.testing.assert_array_equal(found, scores.astype(np.float64) >= cut)


def test_cut_out_of_the_range_of_float32_is_kept():
    scores = np.array([[0.0], [3e38], [-3e38]], dtype=np.float32)
    for cut, expected in ((1e300, False), (-1e300, True), (np.inf, False)):
        found = labels_of(scores, lambda array, cut=cut: reach(array, np.array([cut])))
        assert (found == expected).all()


HEADS = [
    MultiLabelLogisticRegression(C=10),
    OneVsRestClassifier(LogisticRegression()),
    OneVsRestClassifier(LinearSVC()),
    RandomForestClassifier(8, max_depth=4, random_state=0),
    KNeighborsClassifier(4),
]


@pytest.mark.parametrize("seed", range(20))
def test_random_head_with_random_cuts_says_the_same(seed):
    rng = np.random.default_rng(seed)
    head = HEADS[seed % len(HEADS)]
    n_labels = int(rng.choice([2, 3, 9, 60]))
    n = int(rng.choice([12, 40, 120]))
    X, Y = make_problem(seed, n=n, d=int(rng.choice([1, 3, 16])), n_labels=n_labels)
    Y[rng.choice(n, 2, replace=False)] = [[0], [1]]  # no label is constant
    head.fit(X.astype(rng.choice([np.float32, np.float64])), Y)
    tuned = ThresholdOptimizer(
        head,
        cv="prefit",
        strategy=rng.choice(["per_label", "global", "top_k"]),
        at_least_one=bool(rng.integers(2)),
        max_labels=rng.choice([None, 1, 3]),
    ).fit(X, Y)
    rows = np.vstack([X, 2 * rng.normal(size=(40, X.shape[1]))])
    assert_exported_alike(tuned, rows)
    cuts = rng.choice([0.0, 1.0, 0.25, 0.5, 0.371, 1e-9, 1 - 1e-9, np.inf], n_labels)
    assert_exported_alike(tuned.set_thresholds(cuts), rows)
