"""Heads as graphs of their own, run by ONNX Runtime, for the tests of exports."""

import numpy as np
from extras import require

require("onnx", "onnxruntime")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402

from sklearn_clip._shared import positive_scores  # noqa: E402
from sklearn_clip.export._graph_builder import GraphBuilder  # noqa: E402
from sklearn_clip.export.heads import write_head, write_transformer  # noqa: E402
from sklearn_clip.export.heads._graph_arrays import GraphArray  # noqa: E402


def make_problem(seed=0, n=150, d=12, n_labels=6):
    """Rows of float32 and labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(np.float32)
    return X, (X @ rng.normal(size=(d, n_labels)) > 1.5).astype(int)


def open_graph(graph):
    """Open a graph, or its file, on one thread.

    Hundreds of small graphs are opened, and each would start, and wait for, a thread
    for every core.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph, options, providers=["CPUExecutionProvider"]
    )


def open_checked(model):
    """Open a graph that keeps the rules of ONNX."""
    onnx.checker.check_model(model, full_check=True)
    return open_graph(model.SerializeToString())


class ExportedHead:
    """A head in a graph whose input is the features."""

    def __init__(self, estimator, n_features, **params):
        builder = GraphBuilder("head")
        features = builder.input("features", "float32", ["n", n_features])
        self.written = write_head(builder, estimator, features, n_features, **params)
        shape = ["n", self.written.n_labels]
        builder.output("scores", "float32", shape, self.written.scores)
        builder.output("labels", "bool", shape, self.written.labels)
        self.model = builder.finish({})
        self._session = open_checked(self.model)

    def __call__(self, X):
        """Scores and labels of rows."""
        X = np.asarray(X, dtype=np.float32)
        return self._session.run(["scores", "labels"], {"features": X})


def export_step(step, n_features):
    """Give a transformer as a function from rows to rows."""
    builder = GraphBuilder("step")
    features = builder.input("features", "float32", ["n", n_features])
    name, width = write_transformer(builder, step, features, n_features)
    builder.output("rows", "float32", ["n", width], name)
    session = open_checked(builder.finish({}))
    return lambda X: session.run(["rows"], {"features": X.astype(np.float32)})[0]


def run_columns(scores, make):
    """Run what `make` puts into a graph on scores of float32; as float32."""
    width = scores.shape[1]
    builder = GraphBuilder("columns")
    name = builder.input("scores", "float32", ["n", width])
    found = make(GraphArray(builder, name, np.float32, width)).cast(np.float32)
    builder.output("found", "float32", ["n", width], found.name)
    return open_checked(builder.finish({})).run(None, {"scores": scores})[0]


def assert_exported_alike(estimator, X, *, atol=1e-5, ignore=0.0):
    """Check that the graph of a head says what the head says, whatever the rows.

    Parameters
    ----------
    estimator : estimator instance
        A fitted multi-label classifier.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    atol : float, default=1e-5
        Most that scores may differ.
    ignore : float, default=0.0
        Labels are not compared where the score is nearer than this to its cut.

    Returns
    -------
    WrittenHead
        What is known about the exported head.
    """
    X = np.asarray(X, dtype=np.float32)
    exported = ExportedHead(estimator, X.shape[1])
    written = exported.written
    # float32 has 7 digits, and decision values may be of any size.
    rtol = 0 if written.response == "predict_proba" else atol
    n_labels = written.n_labels
    scores, labels = exported(X)
    expected, _ = positive_scores(estimator, X, n_labels, method=written.response)
    assert scores.shape == labels.shape == expected.shape
    np.testing.assert_allclose(scores, expected, atol=atol, rtol=rtol)
    predicted = np.asarray(estimator.predict(X)).reshape(labels.shape)
    clear = ~(np.abs(expected - written.thresholds) < ignore)
    np.testing.assert_array_equal(labels[clear], predicted.astype(bool)[clear])
    for count in (0, 1):
        few_scores, few_labels = exported(X[:count])
        assert few_scores.shape == few_labels.shape == (count, n_labels)
        np.testing.assert_allclose(few_scores, expected[:count], atol=atol, rtol=rtol)
    return written
