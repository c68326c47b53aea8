"""Rows and targets as a net sees them, and the batches they are cut into."""

import numpy as np
import torch
from scipy import sparse
from skorch.dataset import Dataset
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
)

from sklearn_clip._shared import as_targets
from sklearn_clip.heads._targets import check_targets


class RowDataset(Dataset):
    """Rows and targets as float32 arrays, of which a batch is one slice.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples, n_labels), default=None
        Targets.
    """

    def __init__(self, X, y=None):
        X = np.asarray(X, dtype=np.float32)
        super().__init__(X, None if y is None else np.asarray(y, dtype=np.float32))

    def __getitems__(self, rows):
        """Return a whole batch, which `DataLoader` asks for at once."""
        y = np.zeros(len(rows), np.float32) if self.y is None else self.y[rows]
        return torch.from_numpy(self.X[rows]), torch.from_numpy(y)


def _as_it_is(batch):
    """Collate what `RowDataset.__getitems__` has made a batch already."""
    return batch


def make_loader(dataset, params, *, training):
    """Make a `DataLoader`, shuffled in training, which slices where it can.

    Parameters
    ----------
    dataset : Dataset
        Rows and targets; of a `RowDataset`, or a part of one, batches are slices.
    params : dict
        Parameters of the loader, which go before ours; -1 for a `batch_size` of all.
    training : bool
        Whether the rows are to be trained on. Then a single row that is left over
        joins the batch before.

    Returns
    -------
    DataLoader
        The loader.
    """
    whole = dataset
    while isinstance(whole, Subset):
        whole = whole.dataset
    defaults = {"shuffle": True} if training and "sampler" not in params else {}
    if isinstance(whole, RowDataset):
        defaults["collate_fn"] = _as_it_is
    params = defaults | params
    if params["batch_size"] == -1:
        params["batch_size"] = len(dataset)
    if training:
        params = _join_last_row(dataset, params)
    return DataLoader(dataset, **params)


class _JoinedBatches(BatchSampler):
    """Batches of rows, of which the last takes the only row that is left over."""

    def __len__(self):
        return super().__len__() - 1

    def __iter__(self):
        batches = super().__iter__()
        before = next(batches)
        for batch in batches:
            if len(batch) == 1:
                before = before + batch
            else:
                yield before
                before = batch
        yield before


def _join_last_row(dataset, params):
    """Parameters of a loader without a last batch of one row, if there would be one."""
    sampler, size = params.get("sampler"), params["batch_size"]
    rows = dataset if sampler is None else sampler
    if size is None or size == 1 or not hasattr(rows, "__len__"):
        return params
    if len(rows) < size or len(rows) % size != 1 or params.get("drop_last"):
        return params
    ours = ("batch_size", "drop_last", "sampler", "shuffle")
    if sampler is None and params.get("shuffle"):
        sampler = RandomSampler(dataset, generator=params.get("generator"))
    elif sampler is None:
        sampler = SequentialSampler(dataset)
    params = {name: value for name, value in params.items() if name not in ours}
    return params | {"batch_sampler": _JoinedBatches(sampler, size, False)}


def encode_targets(y, classes=None):
    """Turn targets of any accepted form into numbers.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
            (n_samples,)
        Targets, as `check_targets` takes them.
    classes : array-like of shape (2,), default=None
        Both classes of a 1-D `y`, which then need not hold both.

    Returns
    -------
    targets : ndarray of shape (n_samples, n_labels), dtype=float32
        0, 1 and NaN where unknown; one column for a 1-D `y`.
    classes : ndarray of shape (2,) or None
        The classes of a 1-D `y`.
    names : ndarray of shape (n_labels,) or None
        Column names of a DataFrame.

    Raises
    ------
    ValueError
        If `y` holds something else, by `check_targets` or here.
    """
    one_column = classes is not None and y is not None and not sparse.issparse(y)
    if one_column and as_targets(y).ndim == 1:
        classes, y = np.unique(classes), as_targets(y)
        unseen = np.setdiff1d(y, classes)
        if len(classes) != 2 or len(unseen):
            raise ValueError(
                "A 1-D y must hold two classes, known from the first call on. Got "
                f"{unseen.tolist()} besides {classes.tolist()}."
            )
        return np.float32(y == classes[1])[:, None], classes, None
    checked = check_targets(y)
    targets = checked.positive.astype(np.float32)
    if checked.known is not None:
        targets[~checked.known] = np.nan
    return targets, checked.classes, checked.names
