"""A fitted tagger written as one ONNX file."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any, Literal

from sklearn_clip._shared import (
    _num_samples,
    check_label_order,
    check_same_length,
    import_optional,
    own_modes,
    read_entries,
    warn_of_row_order,
)
from sklearn_clip.export._description import KEY, Probe
from sklearn_clip.export._report import ExportReport

# What weights of fewer bits may change, unless it is said otherwise.
_MAX_CHANGED = 0.01


@own_modes()
def to_onnx(
    tagger: Any,
    path: str | os.PathLike[str],
    *,
    weights: Literal["float32", "float16", "int8"] = "float32",
    X: Any = None,
    Y: Any = None,
    max_changed: float = _MAX_CHANGED,
    overwrite: bool = False,
) -> ExportReport:
    """Write a fitted tagger as one ONNX file that needs neither torch nor scikit-learn.

    In the graph are the arithmetic of the preprocessing, the towers that the fusion
    needs, the fusion, what becomes of missing items, the steps behind it, the
    classifier, its cuts and the rules after them; beside it the names of the labels,
    how pictures are resized and texts become tokens, and a row with the scores that it
    has to get. `OnnxTagger` runs the file, and so does any runtime of ONNX, in a
    browser too.

    Before it is handed over, the file is run on rows, and compared with the tagger.

    Parameters
    ----------
    tagger : estimator instance
        A fitted Pipeline that begins with a `CLIPFeaturizer` and ends with a
        classifier; a `ThresholdOptimizer` or search of one; a `ZeroShotClassifier` or
        a `CLIPFineTuner`.
    path : str or os.PathLike
        The file. A model over 2 GB gets a second one beside it, with its weights,
        which has to go wherever the first one goes.
    weights : {"float32", "float16", "int8"}, default="float32"
        How the weights of the towers are kept: as they are, in half of the bytes, or
        in about a quarter (8 bits, and a scale for each channel). What is computed with
        them stays float32, and so does all that is behind the towers.
    X : DataFrame, list or ndarray of n rows, or None, default=None
        Rows to compare on, as the tagger takes them; a few hundred like those to come
        are best. None takes drawn pictures and written texts of many kinds, some of
        them missing, which say little of what fewer bits cost on real rows.
    Y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels) or None, \
            default=None
        The labels of `X`, 0 and 1, and NaN where unknown, for the mean average
        precision with all bits and with fewer.
    max_changed : float, default=0.01
        Share of the labels of all rows, in [0, 1], that weights in fewer bits may
        change; beyond it there is no file. In float32 none may.
    overwrite : bool, default=False
        Replace a file that is there, once the new one is complete.

    Returns
    -------
    ExportReport
        The files, and how near they come to the tagger.

    Raises
    ------
    TypeError
        If `tagger` is something else, or holds a fusion of your own.
    ValueError
        If a step cannot be written (the message says which, and why), the tagger is
        not fitted, the parameters contradict each other, `X` is empty, or the file
        comes out with other scores or labels than the tagger, or `Y` has other labels
        than it, or its own in another order. In float32 it may be off by 1e-4, and only
        a label whose score is as near to its cut may be another one.
    FileExistsError, FileNotFoundError, IsADirectoryError, PermissionError
        If `path` is there, or cannot be.
    ModelMismatchError
        If the model is not the one that the tagger was fitted with.
    WeightsUnavailableError
        If the model is neither on this machine nor to be fetched.
    ImportError
        If what the extra ``onnx`` brings is not installed.

    See Also
    --------
    OnnxTagger : Runs the file.

    Notes
    -----
    The file computes in the fp32 of torch, whatever engine and precision the tagger
    has. Where it was fitted in another one, both differences are in the report: that
    of the file to torch's fp32, which is bound, and that of the tagger's own arithmetic
    to it, which the file does not have.

    The inputs are ``pixels``, uint8 of shape (n_images, height, width, 3), and
    ``image_rows``, int32 of shape (n_images,), the row that each picture belongs to;
    ``token_ids``, int32 of shape (n_texts, length), and ``text_rows``; and ``n_rows``,
    int32 of shape (). A row may have no picture, or several, whose vectors are
    averaged; an item of row -1 belongs to none, and one is always given. The outputs
    are ``probabilities`` (``decisions`` of a classifier without), float32 of shape
    (n_rows, n_labels), and ``labels``, bool of that shape.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
    >>> from sklearn_clip.export import to_onnx
    >>> clip = CLIPFeaturizer("clipart-tiny", text=None)
    >>> tagger = ZeroShotClassifier(["bird", "flag", "fruit"], clip).fit()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = to_onnx(tagger, f"{folder}/tagger.onnx", weights="int8")
    >>> report.weights, report.difference < 0.05
    ('int8', True)
    """
    for module in ("onnx", "onnxruntime", "tokenizers"):
        import_optional(module, extra="onnx", purpose="Writing a tagger as one file")
    from sklearn_clip.export._check import (
        RunnableFile,
        draw_probe,
        draw_rows,
        run_probe,
    )
    from sklearn_clip.export._comparison import compare_all, judge
    from sklearn_clip.export._graph import write_graph
    from sklearn_clip.export._parts import take_apart
    from sklearn_clip.export._sessions import Session
    from sklearn_clip.export._weights import WEIGHTS
    from sklearn_clip.export._writing import UnfinishedFile, check_path

    if weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {list(WEIGHTS)}. Got {weights!r}.")
    numeric = isinstance(max_changed, Real) and not isinstance(max_changed, bool)
    if not numeric or not 0 <= max_changed <= 1:
        raise ValueError(f"max_changed must be in [0, 1]. Got {max_changed!r}.")
    if X is not None and not _num_samples(X):
        raise ValueError(
            "X must hold a row to compare on. Got none: give some, or leave X out for "
            "drawn ones."
        )
    if Y is not None:
        if X is None:
            raise ValueError("Y is of the rows of X. Got Y and no X: give both.")
        check_same_length(X, Y)
        warn_of_row_order(X, Y, ("X", "Y"))
    place = check_path(path, overwrite=overwrite)
    parts = take_apart(tagger)
    if X is not None:
        parts.source.split(X)  # what is no rows is told before the work
    if Y is not None:
        check_label_order(tagger, Y)
        n_columns = read_entries(Y, "Y", keep_sparse=True).shape[1]
    graph, written = write_graph(parts, weights)
    n_labels = len(written.label_names)
    if Y is not None and n_columns != n_labels:
        raise ValueError(
            f"Y must have one column for each of the {n_labels} labels of the tagger. "
            f"Got {n_columns}."
        )
    rows = draw_rows(parts.source) if X is None else X
    with UnfinishedFile(graph, place) as unfinished:
        del graph  # gigabytes, perhaps
        file = RunnableFile(Session(unfinished.file), parts.source, written.feeding)
        found = compare_all(file, tagger, written, rows, Y)
        judge(found, written, max_changed=max_changed, drawn=X is None)
        drawn = draw_probe(parts.source)
        probe = Probe(**drawn, expected=run_probe(file, drawn))
        del file  # some systems move no file that is open
        loss = None if weights == "float32" else found.as_loss()
        described = written.describe(tagger, probe, loss)
        files = unfinished.finish({KEY: described.to_json()})
    return found.report(weights, files)
