"""The logistic head of rows that are spread over actors, as exact as on one machine."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from sklearn_clip._shared import (
    clean_name,
    hint_at_name,
    label_array,
    label_classes,
    shown_first,
)
from sklearn_clip.distributed._dataset import (
    check_actor,
    check_dataset,
    warn_of_few_cores,
)
from sklearn_clip.distributed._sharded_products import (
    ShardedLabels,
    ShardedProducts,
    Shards,
)
from sklearn_clip.distributed._shards import Columns, FeatureShard, Labels
from sklearn_clip.heads.linear._logistic import MultiLabelLogisticRegression
from sklearn_clip.labels._frame import read_tags

if TYPE_CHECKING:
    import ray

# Lives of an actor, after which its rows are taken to be what kills it.
_MOST_RESTARTS = 10


def fit_dataset(
    dataset: ray.data.Dataset,
    head: MultiLabelLogisticRegression,
    *,
    labels: str | Sequence[str],
    label_names: Sequence[Hashable] | None = None,
    features: str = "features",
    failure: str | None = "failure",
    sample_weight: str | None = None,
    concurrency: int = 1,
    num_gpus: float = 0,
    num_cpus: float = 1,
) -> MultiLabelLogisticRegression:
    """Fit the logistic head to a Ray dataset with features, which stays in its parts.

    Every actor holds some of the rows; what the solver needs of all of them (gradients,
    products with the Hessians) is added up. The minimum is the one that
    `MultiLabelLogisticRegression.fit` finds on one machine, as near as `tol` says.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Rows with a column of vectors, such as the files of `embed_dataset` hold, and
        their labels.
    head : MultiLabelLogisticRegression
        Says how. It is not changed.
    labels : str or list of str
        A column of lists of tags, null where nothing is known, which leaves the row
        out; or the columns, one for each label, of 0 and 1, null or NaN where it is
        unknown.
    label_names : list of str or None, default=None
        With a column of tags: the labels and their order; None takes all that occur,
        sorted.
    features : str, default="features"
        Column of the vectors, float32 or float64.
    failure : str or None, default="failure"
        Column of the reasons why rows have no features: rows that have one are left
        out. It need not be there.
    sample_weight : str or None, default=None
        Column of row weights, not negative.
    concurrency : int, default=1
        Actors, among which the rows are shared.
    num_gpus : float, default=0
        GPUs of each actor; they are used as the head's `device` says.
    num_cpus : float, default=1
        Cores of each actor, and threads.

    Returns
    -------
    MultiLabelLogisticRegression
        A fitted copy of `head`.

    Raises
    ------
    ImportError
        If Ray is not installed.
    TypeError
        If `dataset` is none of Ray's, `head` is another estimator, or a tag is none.
    ValueError
        If a column is missing, no row counts, features are not finite or of several
        lengths, `label_names` lacks a tag that occurs, or as in
        :meth:`MultiLabelLogisticRegression.fit`.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        As in :meth:`MultiLabelLogisticRegression.fit`.

    See Also
    --------
    embed_dataset : Makes the features.
    read_features : Their files as one memory map, which a fit on one machine reads.
    tag_dataset : Labels a dataset with what was fitted.

    Notes
    -----
    The memory of the cluster must hold the features twice, once with the actors and
    once, or on its disks, in Ray's store. The process that calls holds no rows.

    An actor that dies is replaced by one that reads its rows again, and the fit goes on
    where it was; ten times, then it raises.

    Examples
    --------
    ::

        import ray
        from sklearn_clip import MultiLabelLogisticRegression
        from sklearn_clip.distributed import fit_dataset

        head = fit_dataset(
            ray.data.read_parquet("s3://shop/features"),
            MultiLabelLogisticRegression(C=10),
            labels="tags",
            concurrency=8,
            num_cpus=7,
        )
    """
    check_dataset(dataset, "fit_dataset")
    if not isinstance(head, MultiLabelLogisticRegression):
        raise TypeError(
            "head must be a MultiLabelLogisticRegression, whose fit can be spread over "
            f"machines. Got {type(head).__name__}. Others fit on the memory map of "
            "read_features."
        )
    head = clone(head)
    head._validate_params()
    _check_resources(concurrency, num_gpus, num_cpus)
    warn_of_few_cores(concurrency, num_cpus, spare=0)
    columns = _find_columns(dataset, features, labels, sample_weight, failure)
    if label_names is not None and not isinstance(labels, str):
        raise ValueError(
            "label_names is for a column of tags: columns of 0 and 1 are named as they "
            f"are. Got {shown_first(label_names, 10)}. Leave it out, and put labels in "
            "the order wanted."
        )
    import ray

    parts = dataset.select_columns(list(dict.fromkeys(columns.names())))
    parts = _share(parts.materialize(), int(concurrency))
    actor = ray.remote(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        max_restarts=_MOST_RESTARTS,
        max_task_retries=-1,
    )(FeatureShard)
    actors: list[Any] = [actor.remote(columns, head.device) for _ in parts]
    try:
        _fit(head, Shards(actors, parts), columns, label_names)
    finally:
        for one in actors:
            ray.kill(one)
    return head


def _fit(head, shards, columns, label_names):
    """Fit what the actors hold."""
    import ray

    summaries = shards.drop_empty(shards.ask("summarize"))
    if not summaries:
        raise ValueError(
            "The dataset must hold rows with features and labels. Got none: all have a "
            "reason in the column of failures, or no list of tags."
        )
    lengths = {found.n_features for found in summaries}
    if len(lengths) > 1:
        raise ValueError(
            f"The vectors of the column {columns.features!r} must have one length. Got "
            f"{sorted(lengths)}."
        )
    numbers, names = None, columns.labels
    if isinstance(columns.labels, str):
        occurring = sorted({tag for found in summaries for tag in found.tags}, key=str)
        numbers, names = _number(occurring, label_names)
    labels = Labels([ray.put(numbers)], len(names))
    counts = shards.ask("count", labels)
    weighted = columns.sample_weight is not None
    data = ShardedLabels(counts, head.class_weight, even_rows=not weighted)
    if not data.n_entries.any():
        raise ValueError(
            "The dataset must hold a known label of a row that has a weight. Got none."
        )
    products = ShardedProducts(shards, summaries, labels)
    head.classes_ = label_classes(len(names))
    head.label_names_ = label_array(names)
    head.n_features_in_ = products.n_features
    head._keep(head._solve(products, data), products.dtype)
    if np.isinf(head.C):
        least = np.min([found.least for found in summaries], axis=0)
        most = np.max([found.most for found in summaries], axis=0)
        head._warn_of_narrow_columns(least, most)


def _number(occurring, label_names):
    """Give the tags of all shards numbers, by `label_names` or in their order."""
    rows = [[tag] for tag in occurring]
    if label_names is None and len(occurring) and {*occurring} <= {0, 1}:
        raise ValueError(
            "A column of labels must hold lists of tags. Got lists of 0 and 1 alone: "
            "for a table give a list of columns, one for each label; where 0 and 1 are "
            "tags, label_names=[0, 1]."
        )
    if label_names is not None:
        names, *_ = read_tags([], label_names)
        known = {clean_name(name) for name in names}
        for tag in occurring:
            if clean_name(tag) not in known:
                raise ValueError(
                    f"Tags must be among label_names. Got {tag!r}."
                    + hint_at_name(tag, names)
                )
    names, places, *_ = read_tags(rows, label_names)
    if not names:
        raise ValueError(
            "The dataset must hold a tag. Got rows without any: name the labels with "
            "label_names."
        )
    return {occurring[tag]: number for tag, number in places}, names


def _share(dataset, count):
    """Cut a dataset into parts of as many rows, in which its blocks stay whole."""
    n_rows = dataset.count()
    ends = [n_rows * part // count for part in range(1, count)]
    return dataset.split_at_indices(ends) if ends else [dataset]


def _check_resources(concurrency, num_gpus, num_cpus):
    """Check how many actors there are to be, and what each gets."""
    if not isinstance(concurrency, Integral) or concurrency < 1:
        raise ValueError(
            "concurrency must be a number of actors, at least 1: each keeps its rows. "
            f"Got {concurrency!r}."
        )
    check_actor(num_gpus, num_cpus)


def _find_columns(dataset, features, labels, sample_weight, failure):
    """Say which column is what, if all are there."""
    if not isinstance(labels, str):
        labels = list(labels)
        if not labels:
            raise ValueError("labels must name a column at least. Got none.")
    there = dataset.columns() or []
    found = Columns(features, labels, sample_weight, None)
    for name in found.names():
        if name not in there:
            raise ValueError(
                f"The dataset must have the column {name!r}. Got the columns {there}."
            )
    return found._replace(failure=failure if failure in there else None)
