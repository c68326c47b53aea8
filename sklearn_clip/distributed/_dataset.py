"""A Ray dataset with features: Ray Data schedules the work, this describes it."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from sklearn_clip._shared import import_optional, is_exported, warn_user
from sklearn_clip.distributed._batches import DropDone, FeaturizeBatch, thread_count
from sklearn_clip.distributed._output import (
    Description,
    describe_parameters,
    find_done,
    find_fusion,
    open_folder,
    refuse_nameless,
)

if TYPE_CHECKING:
    import ray
    from sklearn.base import BaseEstimator


def embed_dataset(
    dataset: ray.data.Dataset,
    featurizer: BaseEstimator,
    *,
    path: str | os.PathLike[str] | None = None,
    row_id: str | None = None,
    image: str | None = None,
    text: str | None = None,
    keep: Sequence[str] | None = None,
    features: str = "features",
    failure: str = "failure",
    concurrency: int | tuple[int, int] = 1,
    num_gpus: float = 0,
    num_cpus: float = 1,
    batch_size: int = 512,
    rows_per_file: int = 8192,
    **ray_options: Any,
) -> ray.data.Dataset | None:
    """Embed a Ray dataset with a pool of actors that each hold the model.

    Ray Data reads, distributes, streams and retries; memory stays bounded whatever the
    size of the dataset. Every row comes out once, in any order, with its features as a
    fixed-size tensor beside the columns it came with; a row that cannot be embedded is
    kept, with the reason.

    Parameters
    ----------
    dataset : ray.data.Dataset
        Rows with a column of images (paths on storage that all machines see, encoded
        bytes, arrays, or lists of them), of texts, or both.
    featurizer : CLIPFeaturizer
        What embeds them. It is not changed. ``on_error="raise"`` is taken as "nan";
        ``cache="auto"`` as None, since a store of a session has no bound.
    path : str, os.PathLike or None, default=None
        Folder or URI for Parquet files. A run over the output of one that was
        interrupted embeds the missing rows alone. None writes nothing.
    row_id : str or None, default=None
        Column whose values tell the rows apart: needed with `path`.
    image, text : str or None, default=None
        Columns of the dataset; None takes the names that the featurizer has.
    keep : list of str or None, default=None
        Columns of the dataset to keep, beside `row_id`; None keeps all. Leave out
        pixels and encoded images: they would be written again.
    features, failure : str, default="features" and "failure"
        Names of the columns that are added: float32 tensors of shape (k,), and the
        reason why an image or a row could not be embedded, null for all others.
    concurrency : int or tuple of (int, int), default=1
        Actors, or the least and the most of a pool that grows.
    num_gpus : float, default=0
        GPUs of each actor; 0.5 puts two actors on one. With 0 and the featurizer's
        ``device="auto"``, the CPU is used.
    num_cpus : float, default=1
        Cores of each actor: threads that decode, and without a GPU those of torch.
    batch_size : int, default=512
        Rows of one call to the featurizer, whose own `batch_size` is that of the model.
    rows_per_file : int, default=8192
        Rows that are gathered for one file, at the least where there are as many. Those
        in files are safe from an interruption.
    **ray_options
        More options of `ray.data.Dataset.map_batches`, such as ``accelerator_type``,
        ``memory`` or ``resources``.

    Returns
    -------
    ray.data.Dataset or None
        The embedded rows, computed as they are asked for; None if they are written to
        `path`.

    Raises
    ------
    ImportError
        If Ray is not installed.
    ValueError
        If a column is missing or would be overwritten, or is of a modality that the
        featurizer does not have, or if `path` has no `row_id`, holds rows of other
        parameters or anything but features, or if `fusion` has no name there.
    ModelMismatchError
        If an actor finds other weights than this process, or `path` holds features of
        other weights.

    See Also
    --------
    read_features : Reads the files again.

    Notes
    -----
    The model is loaded once in this process too, on the CPU, unless the featurizer was
    used before: its fingerprint goes to all actors, and into every file.

    Values of `row_id` must be unique: rows that share one count as done when one of
    them is, and `read_features` refuses them. Integers are compared as such, all else
    by a digest of its str.

    Rows are added to a folder only if the weights, the columns, `image_root` and all
    parameters on which numbers depend are those of the run before. A function given as
    `fusion` is told by its module and name, which a lambda, a partial or an object that
    is called does not have: with `path` they are refused.

    An actor that dies is replaced, and its batch embedded again, however often: a row
    that kills its actor every time has to be found and taken out by hand.

    Actors must leave a core to Ray, for reading and writing.

    Examples
    --------
    ::

        import ray
        from sklearn_clip import CLIPFeaturizer
        from sklearn_clip.distributed import embed_dataset

        embed_dataset(
            ray.data.read_parquet("s3://shop/products"),
            CLIPFeaturizer(image="photo", text="title"),
            path="s3://shop/features",
            row_id="sku",
            concurrency=8,
            num_gpus=1,
            num_cpus=7,
        )
    """
    check_dataset(dataset, "embed_dataset")
    check_sizes(num_gpus, num_cpus, batch_size, rows_per_file)
    check_row_id(path, row_id)
    clone(featurizer).fit([])  # checks its parameters
    if path is not None:
        refuse_nameless(featurizer)
    sources = find_sources(featurizer, {"image": image, "text": text})
    added = {"features": features, "failure": failure}
    kept = check_columns(dataset, sources, row_id, keep, added)
    worker = copy.copy(featurizer)
    prepare(worker, num_cpus=num_cpus, num_gpus=num_gpus)
    description = Description(
        features=features,
        failure=failure,
        row_id=row_id,
        fingerprint=worker.model_fingerprint_,
        parameters=describe_parameters(worker, sources),
    )
    return run_actors(
        dataset,
        FeaturizeBatch,
        (worker, sources, kept, description, thread_count(num_cpus, num_gpus)),
        description,
        path=path,
        concurrency=concurrency,
        num_gpus=num_gpus,
        num_cpus=num_cpus,
        batch_size=batch_size,
        rows_per_file=rows_per_file,
        **ray_options,
    )


def run_actors(
    dataset,
    actor,
    arguments,
    description,
    *,
    path,
    concurrency,
    num_gpus,
    num_cpus,
    batch_size,
    rows_per_file,
    **ray_options,
):
    """Hand the rows that are not done to a pool of actors, and write what comes out.

    Parameters
    ----------
    dataset : ray.data.Dataset
        The rows.
    actor : type
        What an actor is.
    arguments : tuple
        What it is made with.
    description : Description
        What is written into every file.
    path, concurrency, num_gpus, num_cpus, batch_size, rows_per_file, **ray_options
        As of `embed_dataset`.

    Returns
    -------
    ray.data.Dataset or None
        None if the rows are written to `path`.
    """
    data = import_optional("ray.data", extra="ray", purpose="embed_dataset")
    if path is not None:
        filesystem, folder = open_folder(path, "embed_dataset")
        done = find_done(filesystem, folder, description)
        dataset = _missing(dataset, done, description.row_id)
    warn_of_few_cores(concurrency, num_cpus)
    made = dataset.map_batches(
        actor,
        fn_constructor_args=arguments,
        batch_size=batch_size,
        batch_format="pyarrow",
        compute=_actor_pool(data, concurrency),
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        **ray_options,
    )
    if path is None:
        return made
    made.write_parquet(folder, filesystem=filesystem, min_rows_per_file=rows_per_file)
    return None


def check_dataset(dataset, purpose):
    """Refuse what is no dataset of Ray.

    Parameters
    ----------
    dataset : object
        What was given.
    purpose : str
        The function that needs it.

    Raises
    ------
    ImportError
        If Ray is not installed.
    TypeError
        If it is something else.
    """
    data = import_optional("ray.data", extra="ray", purpose=purpose)
    if not isinstance(dataset, data.Dataset):
        raise TypeError(
            f"dataset must be a ray.data.Dataset. Got {type(dataset).__name__}: make "
            "one with ray.data.read_parquet, read_binary_files or from_pandas."
        )


def check_row_id(path, row_id):
    """Ask for the column by which a second run knows what the first has done."""
    if path is not None and row_id is None:
        raise ValueError(
            "row_id must name a column that tells the rows apart where path is given: "
            "by it, a second run knows what the first has done. Got None."
        )


def check_sizes(num_gpus, num_cpus, batch_size, rows_per_file):
    """Check what an actor gets, and how many rows go together."""
    check_actor(num_gpus, num_cpus)
    for name, value in {
        "batch_size": batch_size,
        "rows_per_file": rows_per_file,
    }.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be a positive integer. Got {value!r}.")


def check_actor(num_gpus, num_cpus):
    """Check what an actor gets."""
    for name, value in {"num_gpus": num_gpus, "num_cpus": num_cpus}.items():
        if not isinstance(value, Real) or value < 0:
            raise ValueError(f"{name} must be a number of at least 0. Got {value!r}.")


def find_sources(featurizer, given):
    """Find the columns of the dataset, for the modalities that the fusion needs."""
    for modality, column in given.items():
        if column is not None and getattr(featurizer, modality) is None:
            raise ValueError(
                f"A featurizer with {modality}=None reads no {modality}s. Got "
                f"{modality}={column!r}. Give CLIPFeaturizer({modality}={column!r}), "
                "or leave it out."
            )
    needed = (
        featurizer.description.modalities
        if is_exported(featurizer)
        else find_fusion(featurizer).modalities
    )
    return {m: given[m] or getattr(featurizer, m) for m in needed}


def check_columns(dataset, sources, row_id, keep, added):
    """Check names, and return the columns to keep; None for a dataset without rows.

    `added` are the new columns by the parameters that name them.
    """
    there = dataset.columns()
    if there is None:
        return None
    wanted = dict.fromkeys(sources.values())
    for name in [*wanted, *([row_id] if row_id else []), *(keep or [])]:
        if name not in there:
            raise ValueError(
                f"The dataset must have the column {name!r}. Got the columns {there}."
            )
    kept = (
        there if keep is None else list(dict.fromkeys([*filter(None, [row_id]), *keep]))
    )
    new = list(added.values())
    for name in new:
        if name in kept or new.count(name) > 1:
            *others, last = (f"{parameter}=" for parameter in added)
            raise ValueError(
                f"The column {name!r} to be added must be a new one. Got the columns "
                f"{kept} to keep: choose other names with {', '.join(others)} and "
                f"{last}."
            )
    return kept


def prepare(worker, *, num_cpus, num_gpus):
    """Make a featurizer ready for the actors, with the record of its model.

    Parameters
    ----------
    worker : CLIPFeaturizer
        A copy, which is changed.
    num_cpus, num_gpus : float
        What Ray reserves for an actor.
    """
    device = worker.device
    worker.set_params(device="cpu", verbose=0)
    worker.model_fingerprint_  # noqa: B018 - notes which model it is, for all actors
    if worker.on_error == "raise":
        worker.set_params(on_error="nan")
    if isinstance(worker.cache, str) and worker.cache == "auto":
        worker.set_params(cache=None)
    if worker.num_workers == "auto":
        worker.set_params(num_workers=thread_count(num_cpus, 0))
    if device == "auto" and not num_gpus:
        device = "cpu"
    worker.set_params(device=device)


def _actor_pool(data, concurrency):
    """Say to Ray how many actors there are to be."""
    if isinstance(concurrency, Integral):
        return data.ActorPoolStrategy(size=concurrency)
    least, most = concurrency
    return data.ActorPoolStrategy(min_size=least, max_size=most)


def _missing(dataset, done, row_id):
    """Leave out the rows that are done."""
    if not len(done):
        return dataset
    import ray

    return dataset.map_batches(
        DropDone(ray.put(done), row_id), batch_format="pyarrow", batch_size=None
    )


def warn_of_few_cores(concurrency, num_cpus, spare=1):
    """Warn where the actors take all cores, and Ray would wait for one without end.

    Parameters
    ----------
    concurrency : int or tuple of (int, int)
        Actors.
    num_cpus : float
        Cores of each.
    spare : {0, 1}, default=1
        Cores that Ray needs beside them, for reading and writing.
    """
    import ray

    if not ray.is_initialized():
        return
    most = concurrency if isinstance(concurrency, Integral) else max(concurrency)
    cores = ray.cluster_resources().get("CPU", 0)
    if most * num_cpus > cores - spare:
        lack = f"leave none of the cluster's {cores:g} to read and write with"
        if not spare:
            lack = f"are more than the cluster's {cores:g}"
        warn_user(
            f"{most} actors of {num_cpus} cores {lack}: unless machines are added, Ray "
            "waits. Choose a smaller num_cpus or concurrency.",
        )
