"""The head of rows that are spread over actors is the head of one machine."""

import os
import signal
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_clip import MultiLabelLogisticRegression, labels_to_frame

pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from sklearn_clip.distributed import fit_dataset  # noqa: E402
from sklearn_clip.distributed._batches import _tensor_column  # noqa: E402
from sklearn_clip.distributed._fitting import _number  # noqa: E402
from sklearn_clip.distributed._sharded_products import ShardedProducts  # noqa: E402
from sklearn_clip.distributed._shards import (  # noqa: E402
    Block,
    Columns,
    FeatureShard,
    Labels,
    _check_table,
    _Rows,
    _same,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # of Ray, in this process
]
N_ROWS, N_LABELS = 900, 12


@pytest.fixture(scope="module")
def problem():
    """Unit vectors and tags, of which the last is rare."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 16)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    logits = X @ rng.normal(size=(16, N_LABELS)) * 4 - np.linspace(1, 4, N_LABELS)
    Y = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
    return X, Y


def tags_of(Y):
    return [[f"tag {label:02}" for label in np.flatnonzero(row)] for row in Y]


def objective(head, X, Y, weights=1.0):
    """What every label minimises, in float64."""
    Z = X.astype(float) @ head.coef_.T.astype(float) + head.intercept_
    loss = weights * np.logaddexp(0, np.where(Y == 1, -Z, Z))
    loss = np.where(np.isnan(np.asarray(Y, float)), 0, loss)
    return head.C * loss.sum(axis=0) + (head.coef_.astype(float) ** 2).sum(axis=1) / 2


def summarize(dataset, ray, labels="tags", **columns):
    """Let a shard read a dataset, in this process."""
    columns = {"features": "features", "sample_weight": None, "failure": None} | columns
    shard = FeatureShard(Columns(labels=labels, **columns), "cpu")
    return shard.run([ray.put(dataset)], "summarize")


def test_two_actors_of_which_one_is_killed_fit_what_one_machine_does(
    problem, cluster, tmp_path, monkeypatch
):
    import pyarrow as pa
    from pyarrow import parquet

    X, Y = problem
    reasons = np.full(N_ROWS, None, dtype=object)
    tags, vectors = tags_of(Y), X.copy()
    # Rows that are not to count: without features, and without labels.
    reasons[5], vectors[5] = "the file does not exist", np.nan
    tags[7] = None
    for part, rows in enumerate(np.array_split(np.arange(N_ROWS), 5)):
        table = pa.table(
            {
                "features": _tensor_column(vectors[rows]),
                "failure": pa.array(reasons[rows], pa.string()),
                "keywords": pa.array([tags[row] for row in rows]),
            }
        )
        parquet.write_table(table, tmp_path / f"{part}.parquet")
    killed, curve = [], ShardedProducts.curve

    def curve_and_kill(self, *arguments, **options):
        if not killed:
            actor, _ = self._shards._actors[1]
            killed.append(
                cluster.get(actor.__ray_call__.remote(lambda self: os.getpid()))
            )
            os.kill(killed[0], signal.SIGKILL)
        return curve(self, *arguments, **options)

    monkeypatch.setattr(ShardedProducts, "curve", curve_and_kill)
    head = fit_dataset(
        cluster.data.read_parquet(str(tmp_path)),
        MultiLabelLogisticRegression(C=3),
        labels="keywords",
        concurrency=2,
    )
    assert killed
    counts = np.setdiff1d(np.arange(N_ROWS), [5, 7])
    X, frame = X[counts], labels_to_frame([tags[row] for row in counts])
    alone = MultiLabelLogisticRegression(C=3).fit(X, frame)
    assert list(head.label_names_) == list(frame.columns)
    assert head.coef_.dtype == np.float32
    np.testing.assert_array_equal(head.classes_, alone.classes_)
    Y = frame.to_numpy()
    np.testing.assert_allclose(objective(head, X, Y), objective(alone, X, Y), rtol=1e-6)
    np.testing.assert_allclose(head.coef_, alone.coef_, atol=1e-3)
    np.testing.assert_allclose(head.predict_proba(X), alone.predict_proba(X), atol=1e-4)


def test_columns_with_unknown_cells_weights_and_balanced_classes(problem, to_dataset):
    X, Y = problem[0].astype(float), problem[1].astype(float)
    rng = np.random.default_rng(1)
    Y[rng.random(Y.shape) < 0.2] = np.nan
    Y[:, 3] = np.where(np.isnan(Y[:, 3]), np.nan, 0)  # nowhere 1
    weights = rng.integers(0, 4, size=N_ROWS)
    names = [f"label {number}" for number in range(N_LABELS)]
    frame = pd.DataFrame(Y, columns=names).assign(vector=list(X), often=weights)
    head = MultiLabelLogisticRegression(C=2, class_weight="balanced")
    # Of seven actors three get no rows.
    found = fit_dataset(
        to_dataset(frame, blocks=2),
        head,
        labels=names[::-1],
        features="vector",
        sample_weight="often",
        concurrency=3,
        num_cpus=0.5,
    )
    alone = head.fit(X, Y[:, ::-1], sample_weight=weights)
    assert found is not head
    assert list(found.label_names_) == names[::-1]
    assert found.coef_.dtype == np.float64
    np.testing.assert_allclose(found.coef_, alone.coef_, atol=1e-3)
    np.testing.assert_allclose(
        found.predict_proba(X), alone.predict_proba(X), atol=1e-4
    )


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, float])
def test_columns_of_numbers_are_kept_in_few_bytes(dtype):
    Y = np.random.default_rng(0).random((40, 3)) < 0.3
    columns = Columns("features", ["a", "b", "c"], None, None)
    vectors = np.ones((20, 2), dtype=np.float32)
    kept, plain = _Rows(columns), _Rows(columns)
    gap = np.dtype(dtype).kind == "f"
    for part in (Y[:20], Y[20:]):
        cells = {
            name: column.astype(dtype)
            for name, column in zip("abc", part.T, strict=True)
        }
        if gap:
            cells["c"][3] = np.nan
        for rows, kind in ((kept, dtype), (plain, object)):
            batch = {name: column.astype(kind) for name, column in cells.items()}
            rows.add(batch | {"features": vectors})
    found = kept.join().labels
    wanted = _check_table(plain.join().labels)
    assert found.dtype == (np.float32 if gap else bool)
    for mine, theirs in zip(_check_table(found), wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_columns_of_other_numbers_are_refused_by_what_they_hold():
    columns = Columns("features", ["a", "b"], None, None)
    rows = _Rows(columns)
    cells = {"a": np.array([0, 1]), "b": np.array([1.0, 1 + 1e-12])}
    rows.add(cells | {"features": np.ones((2, 2), dtype=np.float32)})
    with pytest.raises(ValueError, match=r"1\.000000000001 .*row 1, column 1"):
        _check_table(rows.join().labels)


def test_labels_come_in_the_order_of_their_names(problem, to_dataset):
    X, Y = problem
    frame = pd.DataFrame({"features": list(X), "tags": tags_of(Y)})
    names = [f"tag {label:02}" for label in range(N_LABELS)][::-1]
    head = MultiLabelLogisticRegression()
    found = fit_dataset(
        to_dataset(frame), head, labels="tags", label_names=["new", *names]
    )
    assert list(found.label_names_) == ["new", *names]
    assert (found.coef_[0] == 0).all()  # a label that nobody gives


def test_tags_that_are_not_among_the_names_are_refused():
    tags = [f"tag {label:02}" for label in range(N_LABELS)]
    names = [*tags[:3], "Tag 03", *tags[4:]]
    with pytest.raises(ValueError, match=r"among label_names. Got 'tag 03'.*'Tag 03'"):
        _number(tags, names)
    with pytest.raises(ValueError, match="must hold a tag.*label_names"):
        _number([], None)
    with pytest.raises(ValueError, match=r"lists of 0 and 1 alone.*label_names=\[0, 1"):
        _number([0, 1], None)
    assert _number([0, 1], [1, 0]) == ({0: 1, 1: 0}, [1, 0])
    numbers, found = _number(["b ", "a", "b"], None)
    assert found == ["a", "b"]
    assert numbers == {"a": 0, "b": 1, "b ": 1}


def test_a_shard_says_what_is_wrong_with_its_rows(problem, to_dataset, cluster):
    X, Y = problem[0][:20], problem[1][:20]
    frame = pd.DataFrame({"features": list(X), "tags": tags_of(Y), "weight": 1.0})
    assert summarize(to_dataset(frame), cluster).n_samples == 20
    bad = frame.copy()
    bad.at[3, "features"] = np.full(16, np.nan, np.float32)
    with pytest.raises(ValueError, match=r"finite. Got 1 of 20 rows"):
        summarize(to_dataset(bad, blocks=1), cluster)
    bad = frame.copy()
    bad.at[3, "features"] = np.zeros(15, np.float32)
    with pytest.raises(ValueError, match="must have one length"):
        summarize(to_dataset(bad, blocks=1), cluster)
    with pytest.raises(ValueError, match="vectors of numbers"):
        summarize(to_dataset(frame.assign(features=1.0)), cluster)
    with pytest.raises(TypeError, match="'tags' must hold lists.*'red, blue'"):
        summarize(to_dataset(frame.assign(tags="red, blue")), cluster)
    with pytest.raises(ValueError, match="sample_weight must hold finite.*-1"):
        weighted = to_dataset(frame.assign(weight=-1.0))
        summarize(weighted, cluster, sample_weight="weight")
    with pytest.raises(ValueError, match="sample_weight must name a column of num"):
        weighted = to_dataset(frame.assign(weight="much"))
        summarize(weighted, cluster, sample_weight="weight")
    shard = FeatureShard(Columns("features", ["weight"], None, None), "cpu")
    dataset = cluster.put(to_dataset(frame.assign(weight=2.0)))
    with pytest.raises(ValueError, match="in the rows of one actor: y must hold only"):
        shard.run([dataset], "count", Labels([cluster.put(None)], 1))
    nothing = frame.assign(tags=None)
    assert summarize(to_dataset(nothing, blocks=1), cluster) is None


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"labels": "keywords"}, r"column 'keywords'. Got the columns \['features', '"),
        ({"labels": []}, "labels must name a column"),
        ({"labels": ["a"], "label_names": ["b"]}, "label_names is for a column of tag"),
        ({"labels": "tags", "features": "vector"}, "must have the column 'vector'"),
        ({"labels": "tags", "concurrency": 0}, "concurrency must be a number of"),
        ({"labels": "tags", "concurrency": (1, 2)}, "concurrency must be a number of"),
        ({"labels": "tags", "num_cpus": -1}, "num_cpus must be a number"),
    ],
)
def test_parameters_are_checked_before_anything_starts(to_dataset, parameters, message):
    frame = pd.DataFrame({"features": [[0.0], [1.0]], "tags": [["a"], []], "a": [1, 0]})
    with pytest.raises(ValueError, match=message):
        fit_dataset(to_dataset(frame), MultiLabelLogisticRegression(), **parameters)


def test_actors_for_which_there_are_no_cores_are_told_of(to_dataset):
    frame = pd.DataFrame({"features": [[0.0], [1.0]], "tags": [["a"], []]})
    dataset = to_dataset(frame)
    with (
        warnings.catch_warnings(),
        pytest.raises(UserWarning, match="4 actors of 1 cores are more than the"),
    ):
        warnings.simplefilter("error", UserWarning)  # rather than wait
        fit_dataset(
            dataset, MultiLabelLogisticRegression(), labels="tags", concurrency=4
        )


def test_blocks_are_told_apart_by_labels_and_weights():
    labels, weights = np.arange(3), np.ones((2, 3))
    plain, weighted = Block(labels, None, True), Block(labels, weights, False)
    assert _same(plain, Block(labels.copy(), None, True))
    assert _same(weighted, Block(labels.copy(), weights.copy(), False))
    assert not _same(plain, weighted)
    assert not _same(weighted, plain)
    assert not _same(weighted, Block(labels, 2 * weights, False))
    assert not _same(plain, plain.select(np.array([0, 2])))


def test_other_estimators_and_datasets_are_refused(to_dataset):
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame({"features": [[0.0], [1.0]], "tags": [["a"], []]})
    with pytest.raises(TypeError, match=r"Got LogisticRegression.*read_features"):
        fit_dataset(to_dataset(frame), LogisticRegression(), labels="tags")
    with pytest.raises(TypeError, match="must be a ray.data.Dataset"):
        fit_dataset(frame, MultiLabelLogisticRegression(), labels="tags")


def test_rows_of_which_none_counts_are_refused(to_dataset):
    frame = pd.DataFrame({"features": [[0.0], [1.0]], "tags": [["a"], []]})
    frame["failure"] = "the file does not exist"
    with pytest.raises(ValueError, match="must hold rows with features and labels"):
        fit_dataset(to_dataset(frame), MultiLabelLogisticRegression(), labels="tags")
