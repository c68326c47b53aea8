"""A Ray dataset with labels: the whole fitted tagger on every actor."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib.hashing import NumpyHasher
from sklearn.base import clone

from sklearn_clip._shared import (
    ModelMismatchError,
    inner_featurizers,
    is_exported,
    positive_scores,
)
from sklearn_clip.distributed._batches import read_reasons, read_rows, thread_count
from sklearn_clip.distributed._dataset import (
    check_columns,
    check_dataset,
    check_row_id,
    check_sizes,
    find_sources,
    prepare,
    run_actors,
)
from sklearn_clip.distributed._output import Description, describe_parameters
from sklearn_clip.labels._predictions import name_labels

if TYPE_CHECKING:
    import ray

# Embeddings of the batch at hand, for the second look at its rows.
_STORE_BYTES = 2**28


def tag_dataset(
    dataset: ray.data.Dataset,
    tagger: Any,
    *,
    path: str | os.PathLike[str] | None = None,
    row_id: str | None = None,
    image: str | None = None,
    text: str | None = None,
    keep: Sequence[str] | None = None,
    top_k: int = 5,
    labels: str = "labels",
    top_labels: str = "top_labels",
    top_scores: str = "top_scores",
    failure: str = "failure",
    concurrency: int | tuple[int, int] = 1,
    num_gpus: float = 0,
    num_cpus: float = 1,
    batch_size: int = 512,
    rows_per_file: int = 8192,
    **ray_options: Any,
) -> ray.data.Dataset | None:
    """Label a Ray dataset with a pool of actors that each hold the fitted tagger.

    Model, head and cuts run in one pass, so that nothing but labels and the best
    probabilities leaves an actor. Every row comes out once; one that cannot be read is
    kept, with the reason in place of its labels.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Rows with a column of images (paths on storage that all machines see, encoded
        bytes, arrays, or lists of them), of texts, or both.
    tagger : estimator instance
        A fitted multi-label classifier that holds a `CLIPFeaturizer`: a Pipeline, a
        search or meta-estimator of one, a `ZeroShotClassifier`. It is not changed. Or
        an `OnnxTagger`, whose file all machines see under its path; actors then need
        no torch, and run it with the providers it was opened with.
    path : str, os.PathLike or None, default=None
        Folder or URI for Parquet files. A run over the output of one that was
        interrupted labels the missing rows alone. None writes nothing.
    row_id : str or None, default=None
        Column whose values tell the rows apart: needed with `path`.
    image, text : str or None, default=None
        Columns of the dataset; None takes the names that the featurizer has.
    keep : list of str or None, default=None
        Columns of the dataset to keep, beside `row_id`; None keeps all. Leave out
        pixels and encoded images: they would be written again.
    top_k : int, default=5
        How many labels of highest score to name for each row; 0 adds no such columns.
    labels, top_labels, top_scores, failure : str
        Names of the columns that are added: lists of the labels that are predicted, of
        those of highest score and of their probabilities (or decision values), null for
        rows that cannot be read; and the reason for that, null for all others.
    concurrency, num_gpus, num_cpus, batch_size, rows_per_file, **ray_options
        As of :func:`embed_dataset`.

    Returns
    -------
    ray.data.Dataset or None
        The labelled rows, computed as they are asked for; None if they are written to
        `path`.

    Raises
    ------
    ImportError
        If Ray is not installed.
    TypeError
        If `dataset` is none of Ray's.
    ValueError
        If `tagger` holds no featurizer, or several that read other columns, if a column
        is missing or would be overwritten, or if `path` has no `row_id`, or holds rows
        of another tagger.
    ModelMismatchError
        If an actor finds other weights than this process, or `path` holds labels of
        other weights.

    See Also
    --------
    embed_dataset : Features, for taggers to come.
    sklearn_clip.predict_labels : The same on one machine.

    Notes
    -----
    Rows are added to a folder only if tagger, weights and columns are those of the run
    before; the tagger is told by a digest of what it has learnt.

    An actor looks at its rows twice, for labels and for scores, and encodes them once:
    it keeps the embeddings of the rows at hand on its disk.

    Examples
    --------
    ::

        import joblib
        import ray
        from sklearn_clip.distributed import tag_dataset

        tag_dataset(
            ray.data.read_parquet("s3://shop/products"),
            joblib.load("tagger.joblib"),
            image="photo",
            path="s3://shop/labels",
            row_id="sku",
            concurrency=8,
            num_gpus=1,
            num_cpus=7,
        )
    """
    check_dataset(dataset, "tag_dataset")
    check_sizes(num_gpus, num_cpus, batch_size, rows_per_file)
    check_row_id(path, row_id)
    if not isinstance(top_k, Integral) or isinstance(top_k, bool) or top_k < 0:
        raise ValueError(f"top_k must be an integer of at least 0. Got {top_k!r}.")
    featurizer = _featurizer_of(tagger)
    names = name_labels(tagger)
    sources = find_sources(featurizer, {"image": image, "text": text})
    added = {"labels": labels, "failure": failure}
    if top_k:
        added |= {"top_labels": top_labels, "top_scores": top_scores}
    kept = check_columns(dataset, sources, row_id, keep, added)
    worker, threads = _make_worker(tagger, num_cpus, num_gpus)
    fingerprint = _featurizer_of(worker).model_fingerprint_
    if is_exported(tagger):
        parameters = {"sources": sources, "image_root": _absolute(tagger.image_root)}
    else:
        parameters = describe_parameters(featurizer, sources)
    description = Description(
        features=labels,
        failure=failure,
        row_id=row_id,
        fingerprint=fingerprint,
        parameters=parameters
        | {"columns": added, "top_k": int(top_k)}
        | ({} if path is None else {"tagger": _digest(tagger)}),
        content="labels",
    )
    return run_actors(
        dataset,
        TagBatch,
        (worker, names, sources, kept, added, int(top_k), description, threads),
        description,
        path=path,
        concurrency=concurrency,
        num_gpus=num_gpus,
        num_cpus=num_cpus,
        batch_size=batch_size,
        rows_per_file=rows_per_file,
        **ray_options,
    )


def _make_worker(tagger, num_cpus, num_gpus):
    """Make a tagger ready for the actors, and count their threads of torch."""
    threads = thread_count(num_cpus, num_gpus)
    if is_exported(tagger):
        return tagger._reopened(on_error="zero", num_threads=threads), None
    worker = copy.deepcopy(tagger)
    for inner in inner_featurizers(worker):
        prepare(inner, num_cpus=num_cpus, num_gpus=num_gpus)
        inner.set_params(on_error="zero")  # no classifier takes NaN
    return worker, threads


def _absolute(folder):
    return None if folder is None else os.path.abspath(os.path.expanduser(folder))


def _featurizer_of(tagger):
    """Find what reads the rows; where there are several, they read the same."""
    if is_exported(tagger):
        return tagger
    found = list(inner_featurizers(tagger))
    if not found:
        raise ValueError(
            "tagger must hold a CLIPFeaturizer, which reads the rows. Got "
            f"{type(tagger).__name__}. Fit a Pipeline that begins with one."
        )
    columns = {(part.image, part.text) for part in found}
    if len(columns) > 1:
        raise ValueError(
            "All featurizers of tagger must read the same columns. Got "
            f"{sorted(map(str, columns))}."
        )
    return found[0]


def _digest(tagger):
    """Tell a fitted tagger by what it has learnt, not by where and how it runs."""
    if is_exported(tagger):  # with the scores of a row
        return _Hasher("md5").hash(tagger.description)
    same = copy.deepcopy(tagger)
    for part in inner_featurizers(same):
        bare = clone(part).set_params(
            device="auto",
            engine="auto",
            precision="auto",
            batch_size="auto",
            num_workers="auto",
            cache=None,
            verbose=0,
            image_root=None,
            on_error="zero",
        )
        part.__dict__ = vars(bare)
    try:
        return _Hasher("md5").hash(same)
    except (AttributeError, TypeError, pickle.PicklingError) as exc:
        raise ValueError(
            "With path, tagger must be one that joblib.dump can write: a second run "
            f"must know that it is the same. {exc}"
        ) from exc


class _Hasher(NumpyHasher):
    """joblib's hash, of what things hold, where their pickles say where it lies.

    A pickle of torch names places in memory, and that of a tree or a structured array
    has bytes between its fields that nobody has set.
    """

    def save(self, obj):
        """Add an object to the digest."""
        # What is not loaded has made nothing that is here.
        torch: Any = sys.modules.get("torch")
        skorch: Any = sys.modules.get("skorch")
        if torch is not None and isinstance(obj, torch.Tensor):
            # As bytes: numpy has no bfloat16.
            flat = obj.detach().cpu().contiguous().view(-1)
            obj = "tensor", str(obj.dtype), [*obj.shape], flat.view(torch.uint8).numpy()
        elif skorch is not None and isinstance(obj, skorch.NeuralNet):
            held = obj.cuda_dependent_attributes_
            parts = {name: getattr(obj, name, None) for name in held}
            obj = (
                type(obj),
                {name: it for name, it in vars(obj).items() if name not in held},
                # Not the optimizers: nothing is predicted with them.
                {
                    name: part.state_dict()
                    for name, part in parts.items()
                    if isinstance(part, torch.nn.Module)
                },
            )
        elif isinstance(obj, np.ndarray) and obj.dtype.names:
            obj = "fields", {name: obj[name] for name in obj.dtype.names}
        super().save(obj)


class TagBatch:
    """Append labels, and the reasons of failures, to a batch of rows.

    Parameters
    ----------
    tagger : estimator instance
        A fitted tagger, whose ``on_error``, or that of its featurizers, is "zero".
    names : list of str
        Names of the labels.
    sources : dict of {"image", "text"} to str
        Columns of the batch that hold the modalities.
    kept : list of str or None
        Columns of the batch to keep; None keeps all.
    added : dict of str to str
        Names of the new columns by the parameters that name them.
    top_k : int
        How many labels of highest score to name.
    description : Description
        What is written into every file.
    threads : int or None
        Threads of torch; None leaves them as they are.
    """

    def __init__(
        self, tagger, names, sources, kept, added, top_k, description, threads
    ):
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        self._tagger, self._names = tagger, np.array(names, dtype=object)
        self._sources, self._kept, self._added = sources, kept, added
        self._top_k, self._description = top_k, description
        self._featurizers = list(inner_featurizers(tagger)) or [tagger]
        self._n_refused = 0
        from sklearn_clip.embedding import EmbeddingStore

        self._folder = tempfile.TemporaryDirectory(prefix="sklearn-clip-")
        store = EmbeddingStore(self._folder.name, max_bytes=_STORE_BYTES)
        for part in inner_featurizers(tagger):
            if part.cache is None:
                part.set_params(cache=store)

    def __call__(self, table):
        """Label a batch.

        Parameters
        ----------
        table : pyarrow.Table of n rows
            The batch.

        Returns
        -------
        pyarrow.Table of n rows
            The same rows in the same order, with more columns.
        """
        import pyarrow as pa

        rows = read_rows(table, self._featurizers[0], self._sources)
        self._n_refused = 0  # rows that are an error; those not read are none
        given, scores, reasons = self._tag(rows)
        if 1 < len(rows) == self._n_refused and len({*reasons.values()}) == 1:
            # Not the rows are wrong, but the tagger, or what it is given.
            raise ValueError(f"No row of a batch can be labelled: {reasons[0]}")
        columns = {name: [] for name in self._added}
        for row in range(len(rows)):
            lost = row in reasons
            columns["failure"].append(reasons.get(row))
            columns["labels"].append(None if lost else self._names[given[row]])
            if self._top_k:
                best = np.argsort(-scores[row], kind="stable")[: self._top_k]
                columns["top_labels"].append(None if lost else self._names[best])
                columns["top_scores"].append(None if lost else scores[row][best])
        if self._kept is not None:
            table = table.select(self._kept)
        kinds = {"failure": pa.string(), "top_scores": pa.list_(pa.float32())}
        for name, cells in columns.items():
            kind = kinds.get(name, pa.list_(pa.string()))
            table = table.append_column(self._added[name], pa.array(cells, kind))
        return table.replace_schema_metadata(self._description.to_metadata())

    def _tag(self, rows):
        """Label rows, whatever is wrong with some of them."""
        n_labels = len(self._names)
        if not rows:
            return np.zeros((0, n_labels), bool), np.zeros((0, n_labels)), {}
        try:
            with warnings.catch_warnings():  # the column of reasons says it better
                warnings.filterwarnings("ignore", ".*could not be read", UserWarning)
                warnings.filterwarnings("ignore", ".*rows show nothing", UserWarning)
                if is_exported(self._tagger):  # which keeps no embeddings
                    scores, predicted = self._tagger._tag(rows)
                    reasons = read_reasons(self._featurizers)
                else:
                    predicted = self._tagger.predict(rows)
                    reasons = read_reasons(self._featurizers)
                    scores, _ = positive_scores(self._tagger, rows, n_labels)
                    # A file may be gone by now.
                    reasons = read_reasons(self._featurizers) | reasons
        except (TypeError, ValueError) as exc:
            if isinstance(exc, ModelMismatchError):
                raise
            # An item of no accepted type fails the call: look for it by halves.
            if len(rows) == 1:
                self._n_refused += 1
                return (
                    np.zeros((1, n_labels), bool),
                    np.zeros((1, n_labels)),
                    {0: str(exc)},
                )
            middle = len(rows) // 2
            parts = self._tag(rows[:middle]), self._tag(rows[middle:])
            moved = {middle + row: reason for row, reason in parts[1][2].items()}
            given, scores = (np.vstack([p[place] for p in parts]) for place in (0, 1))
            return given, scores, parts[0][2] | moved
        if hasattr(predicted, "toarray"):
            predicted = predicted.toarray()
        given = np.reshape(np.asarray(predicted), (len(rows), n_labels)) == 1
        return given, scores, reasons
