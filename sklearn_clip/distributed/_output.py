"""The folder of Parquet files: what is in it, whose it is, and what is half-written."""

import inspect
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from numbers import Real

import joblib
import numpy as np

from sklearn_clip._shared import ModelMismatchError, import_optional, warn_user
from sklearn_clip.distributed._batches import row_keys
from sklearn_clip.fusion import CallableFusion, make_fusion

_METADATA_KEY = b"sklearn_clip"
_OPEN_AT_ONCE = 16
# Parameters of a featurizer, beside the weights, on which its numbers depend.
_PARAMETERS = (
    "normalize",
    "missing",
    "add_missing_indicator",
    "on_error",
    "long_text",
    "precision",
)


@dataclass(frozen=True)
class Description:
    """What every file says of itself, in the metadata of its schema.

    Parameters
    ----------
    features, failure : str
        The columns that were added: features, or labels; and reasons of failures.
    row_id : str or None
        The column that tells the rows apart.
    fingerprint : str
        Digest of the model's weights and architecture.
    parameters : dict
        What else they depend on.
    content : {"features", "labels"}, default="features"
        What the files hold.
    """

    features: str
    failure: str
    row_id: str | None
    fingerprint: str
    parameters: dict
    content: str = "features"

    def to_metadata(self):
        """Return the metadata of a schema."""
        return {_METADATA_KEY: json.dumps(asdict(self), sort_keys=True).encode()}

    @classmethod
    def from_schema(cls, schema):
        """Return what a schema says, None if it says nothing."""
        text = (schema.metadata or {}).get(_METADATA_KEY)
        return None if text is None else cls(**json.loads(text))


def find_fusion(featurizer):
    """Return the fusion of a featurizer as an object.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        The featurizer.

    Returns
    -------
    Fusion
        The fusion.
    """
    available = [m for m in ("image", "text") if getattr(featurizer, m) is not None]
    return make_fusion(featurizer.fusion, tuple(available))


def describe_parameters(featurizer, sources):
    """Note the parameters on which the numbers depend.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        The featurizer.
    sources : dict of {"image", "text"} to str
        Columns of the dataset that hold the modalities.

    Returns
    -------
    dict of str to bool, str, dict or None
        In a form that JSON keeps; what means the same is noted alike.
    """
    noted = {name: getattr(featurizer, name) for name in _PARAMETERS}
    if featurizer.features != "embedding":  # folders from before have no such entry
        noted["features"] = featurizer.features
    if featurizer.regions is not None:
        noted["regions"] = featurizer.regions
    root = featurizer.image_root if "image" in sources else None
    return noted | {
        "fusion": _describe_fusion(find_fusion(featurizer)),
        "image_root": None if root is None else _absolute(root),
        "sources": dict(sources),
    }


def _describe_fusion(fusion):
    """Name a fusion and its parameters."""
    if isinstance(fusion, CallableFusion):
        return _name_of(fusion.function)
    values = fusion.get_params(deep=False)
    if values.get("block_norm") is False:  # folders from before have no such entry
        del values["block_norm"]
    noted = ", ".join(f"{name}={_canonical(values[name])}" for name in sorted(values))
    return f"{_name_of(type(fusion))}({noted})"


def _name_of(thing):
    """Return module and name of a class or function; of another callable, its class."""
    if not hasattr(thing, "__name__"):
        thing = type(thing)
    name = getattr(thing, "__qualname__", thing.__name__)
    # A ufunc has no module of its own.
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return f"{module}.{name}"


def _canonical(value):
    """Write a value so that equal ones are equal in every process."""
    if isinstance(value, str | bool | None):
        return repr(value)
    # The repr of a large array leaves out its middle: a digest does not.
    return repr(float(value)) if isinstance(value, Real) else joblib.hash(value)


def refuse_nameless(featurizer):
    """Refuse a fusion that another run cannot know again.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        The featurizer.

    Raises
    ------
    ValueError
        If its fusion is a lambda, a partial, a method of an object, or an object that
        is called: their module and name do not tell what they compute.
    """
    fusion = find_fusion(featurizer)
    if not isinstance(fusion, CallableFusion):
        return
    function = fusion.function
    name = getattr(function, "__name__", "<lambda>")
    bound = inspect.ismethod(function) and not inspect.isclass(function.__self__)
    if name == "<lambda>" or bound:
        raise ValueError(
            "With path, fusion must be a str, a Fusion object or a function that is "
            "defined with def: a second run must know by its name that it is the same. "
            f"Got {function!r}. Define such a function, or a subclass of Fusion with "
            "parameters, or take the rows with path=None."
        )


def open_folder(path, purpose):
    """Find the file system of a path.

    Parameters
    ----------
    path : str or os.PathLike
        A folder, or a URI such as ``"s3://bucket/folder"``.
    purpose : str
        What needs it, for the error.

    Returns
    -------
    filesystem : pyarrow.fs.FileSystem
        The file system.
    folder : str
        The path on it.
    """
    fs = import_optional("pyarrow.fs", extra="ray", purpose=purpose)
    path = os.fspath(path)
    if "://" in path:
        return fs.FileSystem.from_uri(path)
    return fs.LocalFileSystem(), _absolute(path)


def _absolute(path):
    return os.path.abspath(os.path.expanduser(path))


def list_files(filesystem, folder):
    """List the Parquet files of a folder.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
        The file system.
    folder : str
        The path on it; need not exist.

    Returns
    -------
    list of str
        Their paths, sorted.

    Raises
    ------
    NotADirectoryError
        If the path is that of a file.
    """
    from pyarrow.fs import FileSelector, FileType

    if filesystem.get_file_info(folder).type == FileType.File:
        raise NotADirectoryError(
            f"path must be a folder of Parquet files. Got the file {folder!r}: give "
            "the folder it is in."
        )
    found = filesystem.get_file_info(FileSelector(folder, allow_not_found=True))
    return sorted(info.path for info in found if info.path.endswith(".parquet"))


def find_done(filesystem, folder, description):
    """Find the rows that an earlier run has written, and remove half-written files.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
        The file system.
    folder : str
        The path on it.
    description : Description
        What this run is going to write.

    Returns
    -------
    ndarray
        Sorted keys of the rows, see `row_keys`; empty if there are none.

    Raises
    ------
    ModelMismatchError
        If the files hold features of other weights.
    ValueError
        If they were written with other parameters, or by something else.
    """
    files = list_files(filesystem, folder)
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        keys = list(pool.map(lambda f: _file_keys(filesystem, f, description), files))
    broken = [file for file, k in zip(files, keys, strict=True) if k is None]
    for file in broken:
        filesystem.delete_file(file)
    if broken:
        warn_user(
            f"{len(broken)} half-written file{'s' if len(broken) > 1 else ''} of an "
            f"earlier run removed from {folder!r} (first: {broken[0]!r}): the rows are "
            "embedded again.",
        )
    keys = [k for k in keys if k is not None and len(k)]
    return np.sort(np.concatenate(keys)) if keys else np.empty(0, np.int64)


def _file_keys(filesystem, file, description):
    """Keys of the rows in a file; None if it has no end, which is written last."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file, filesystem=filesystem)
    except pa.ArrowInvalid:
        return None
    with opened:
        _check_same(file, Description.from_schema(opened.schema_arrow), description)
        return row_keys(opened.read(columns=[description.row_id]).column(0))


def _check_same(file, there, here):
    """Refuse to put rows beside those of another model."""
    advice = "Give another path, or empty this one."
    if there is None or there.content != here.content:
        writer = "embed_dataset" if here.content == "features" else "tag_dataset"
        raise ValueError(
            f"The files in path must be {here.content} of {writer}. Got {file!r}, "
            f"which something else has written. {advice}"
        )
    if there.fingerprint != here.fingerprint:
        raise ModelMismatchError(
            f"path holds {here.content} of other weights ({file!r}: fingerprint "
            f"{there.fingerprint}; this model: {here.fingerprint}). {advice}"
        )
    for name, mine in asdict(here).items():
        theirs = asdict(there)[name]
        if theirs != mine:
            raise ValueError(
                f"A run that goes on must have the {name} of the one before, "
                f"{theirs!r} ({file!r}). Got {mine!r}. {advice}"
            )
