"""One actor's share of the rows, and what the solver asks all actors for."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_clip._shared import is_missing
from sklearn_clip.heads._targets import Targets, check_targets
from sklearn_clip.heads.linear._design_matrix import make_products
from sklearn_clip.heads.linear._evaluation import HessianWeights
from sklearn_clip.heads.linear._label_data import LabelData
from sklearn_clip.heads.linear._linear_classifier import column_range
from sklearn_clip.labels._frame import read_tags

_BATCH_ROWS = 16384


class Columns(NamedTuple):
    """Which columns of a dataset are what.

    Attributes
    ----------
    features : str
        Vectors.
    labels : str or list of str
        Lists of tags, or one column of 0 and 1 for each label.
    sample_weight : str or None
        Weights of the rows.
    failure : str or None
        Reasons why rows have no features; rows that have one are left out.
    """

    features: str
    labels: Any
    sample_weight: Any
    failure: Any

    def names(self):
        """List those that are read."""
        labels = [self.labels] if isinstance(self.labels, str) else self.labels
        others = [self.sample_weight, self.failure]
        return [self.features, *labels, *filter(None, others)]


class Summary(NamedTuple):
    """What a shard holds.

    Attributes
    ----------
    n_samples, n_features : int
        Its shape.
    dtype : str
        The precision of its features.
    sum : ndarray of shape (n_features,)
        Sum of the rows.
    mean_square, reach : float
        As those of `NumpyProducts`.
    least, most : ndarray of shape (n_features,)
        Range of each column.
    tags : list of str
        The labels that occur, as they are spelled; empty where labels are columns.
    weighted : bool
        Whether any row has a weight.
    """

    n_samples: int
    n_features: int
    dtype: str
    sum: Any
    mean_square: float
    reach: float
    least: Any
    most: Any
    tags: list
    weighted: bool


class Labels(NamedTuple):
    """Which number every label has.

    Attributes
    ----------
    numbers : [ray.ObjectRef] of dict of str to int, or of None
        By the tags of all shards; None where labels are columns. In a list, for Ray to
        leave it where it is until an actor needs it.
    n_labels : int
        How many labels there are.
    """

    numbers: list
    n_labels: int


class Block(NamedTuple):
    """Columns that are solved together, as the actors are told of them.

    Attributes
    ----------
    labels : ndarray of shape (n_columns,), dtype=int
        Their numbers.
    ratio : ndarray of shape (2, n_columns) or None
        Weights of zeros and ones; None if they and those of the rows are 1.
    unweighted : bool
        Whether all entries of all shards count as much.
    """

    labels: Any
    ratio: Any
    unweighted: bool

    @property
    def n_columns(self):
        """Number of columns."""
        return len(self.labels)

    def select(self, index):
        """Keep some columns."""
        ratio = None if self.ratio is None else self.ratio[:, index]
        return Block(self.labels[index], ratio, self.unweighted)


class Point(NamedTuple):
    """Where the columns of a block stand, and how that is looked at."""

    coef: Any
    intercept: Any
    block: Block
    options: dict


class FeatureShard:
    """Rows of a dataset, and passes over them: what one actor is.

    An actor that has died is made anew, with the same rows. What a call needs comes
    with it, the Hessian weights excepted: they are computed again where they are gone.

    Parameters
    ----------
    columns : Columns
        What to read.
    device : str
        As the head takes it.
    """

    def __init__(self, columns, device):
        self._columns, self._device = columns, device
        self._dataset = None
        self._data = self._block = self._targets = None
        self._point = self._weights = None

    def run(self, dataset, method, *arguments):
        """Call a method, with the rows at hand.

        Parameters
        ----------
        dataset : [ray.ObjectRef] of ray.data.Dataset
            The rows; in a list, for Ray to leave them where they are until this actor,
            which may have replaced another, has to read them.
        method : str
            Its name.
        *arguments
            Of the method.

        Returns
        -------
        object
            What it returns.
        """
        self._dataset = dataset
        return getattr(self, method)(*arguments)

    @cached_property
    def _rows(self):
        """Features, labels and weights of the rows that count."""
        import ray

        rows, dataset = _Rows(self._columns), ray.get(self._dataset[0])
        for batch in dataset.iter_batches(batch_size=_BATCH_ROWS, batch_format="numpy"):
            rows.add(batch)
        return rows.join()

    @cached_property
    def _products(self):
        """Passes over the features."""
        rows, labels = self._rows, self._columns.labels
        n_labels = len(rows.tags if isinstance(labels, str) else labels)
        return make_products(rows.X, self._device, n_labels)

    def summarize(self):
        """Read the rows.

        Returns
        -------
        Summary or None
            None of a shard without rows that count.
        """
        rows = self._rows
        if rows is None:
            return None
        products = self._products
        return Summary(
            *rows.X.shape,
            rows.X.dtype.name,
            products.sum,
            products.mean_square,
            products.reach,
            *column_range(rows.X),
            rows.tags,
            rows.weight is not None,
        )

    def count(self, labels):
        """Count the zeros and ones of every label.

        Parameters
        ----------
        labels : Labels
            Their numbers.

        Returns
        -------
        n_entries, sums : ndarray of shape (2, n_labels)
            Their number, and the weight of their rows.
        all_known : bool
            Whether no entry is unknown.
        """
        data = self._read_labels(labels)
        return data.n_entries, data.sums, data.targets.known is None

    def _read_labels(self, labels):
        """Make the targets, once."""
        if self._data is None:
            import ray

            rows, numbers = self._rows, ray.get(labels.numbers[0])
            if numbers is None:
                targets = _check_table(rows.labels)
            else:
                table = rows.tag_table(numbers, labels.n_labels)
                targets = Targets(table, None, None, None)
            self._data = LabelData(targets, rows.weight)
        return self._data

    def _targets_of(self, labels, block):
        """Take the targets of a block; those of the last one are kept."""
        if self._targets is None or not _same(self._block, block):
            data = self._read_labels(labels)
            self._block, self._targets = block, data.take(block.labels, block.ratio)
        return self._targets

    def gram_image(self, test, mean):
        """Compute ``X.T (X - mean) test``, see `NumpyPasses`."""
        return self._products.gram_image(test, mean)

    def sum_of_positives(self, labels, block):
        """Compute ``X.T (s y)`` and the sums of ``s y``, see `NumpyPasses`."""
        targets = self._targets_of(labels, block)
        with self._products.working(block.n_columns):
            return self._products.sum_of_positives(targets)

    def evaluate(self, labels, at):
        """Look at a point; the Hessian weights stay here.

        Parameters
        ----------
        labels : Labels
            Numbers of the labels.
        at : [ray.ObjectRef] of Point
            Where; in a list, for Ray to leave it where it is.

        Returns
        -------
        Evaluation
            What is found, but for the weights.
        """
        import ray

        point = ray.get(at[0])
        targets = self._targets_of(labels, point.block)
        with self._products.working(point.block.n_columns):
            found = self._products.evaluate(
                point.coef, point.intercept, targets, **point.options
            )
        self._point, self._weights = at[0].hex(), found.D.table
        return found._replace(D=None)

    def curve(self, labels, Q, q, D, double):
        """Compute ``X.T t`` and the sum of t, for ``t = D (X Q + q)``.

        Parameters
        ----------
        labels : Labels
            Numbers of the labels.
        Q, q : ndarray of shape (n_features, n_columns) and (n_columns,)
            Directions.
        D : HessianWeights
            In place of a table, the point where `evaluate` looked last.
        double : bool
            Whether to compute in float64.

        Returns
        -------
        ndarray of shape (n_features, n_columns), ndarray of shape (n_columns,)
            The products and the sums.
        """
        if D.table[0].hex() != self._point:  # this actor replaces one that has died
            self.evaluate(labels, D.table)
        with self._products.working(len(q)):
            D = HessianWeights(self._weights, D.index)
            return self._products.curve(Q, q, D, double=double)

    def span(self, labels, Q, q, block):
        """Largest and least ``X Q + q`` over rows, see `NumpyPasses`."""
        targets = None if block is None else self._targets_of(labels, block)
        with self._products.working(len(q)):
            return self._products.span(Q, q, targets)


def _same(first, second):
    """Whether two blocks are the same one."""
    if not np.array_equal(first.labels, second.labels):
        return False
    if first.ratio is None or second.ratio is None:
        return first.ratio is second.ratio
    return np.array_equal(first.ratio, second.ratio)


class _Rows:
    """Rows as they are read, a batch at a time.

    After `join`: the features `X`, the weights or None, the `tags` that occur, and
    `labels`: a table, or for each tag of each row its number among `tags`.
    """

    def __init__(self, columns):
        self._columns = columns
        self._features, self._labels, self._weights = [], [], []
        self._lengths, self._numbers = [], {}

    def add(self, batch):
        """Add the rows of a batch that count."""
        columns = self._columns
        counts = np.ones(len(batch[columns.features]), dtype=bool)
        if columns.failure is not None:
            counts &= [is_missing(cell) for cell in batch[columns.failure]]
        if isinstance(columns.labels, str):
            counts &= [not is_missing(cell) for cell in batch[columns.labels]]
        if not counts.any():
            return
        self._features.append(_vectors(batch[columns.features][counts], columns))
        if columns.sample_weight is not None:
            self._weights.append(_weights(batch[columns.sample_weight][counts]))
        if isinstance(columns.labels, str):
            self._add_tags(batch[columns.labels][counts])
        else:
            cells = [_compact(batch[name][counts]) for name in columns.labels]
            self._labels.append(np.stack(cells, axis=1))

    def _add_tags(self, cells):
        try:
            names, places, _, n_rows = read_tags(list(cells))
        except (TypeError, ValueError) as exc:
            raise type(exc)(
                f"The column {self._columns.labels!r} must hold lists of tags. In a "
                f"batch of its rows: {exc}"
            ) from exc
        rows, found = np.array(sorted(set(places)), dtype=np.int64).reshape(-1, 2).T
        numbers = [self._numbers.setdefault(n, len(self._numbers)) for n in names]
        self._labels.append(np.array(numbers, dtype=np.int32)[found])
        self._lengths.append(np.bincount(rows, minlength=n_rows))

    def join(self):
        """Join the batches; None if no row counts."""
        if not self._features:
            return None
        self.X = np.concatenate(self._features)
        self.weight = np.concatenate(self._weights) if self._weights else None
        self.labels, self.tags = np.concatenate(self._labels), list(self._numbers)
        self._features = self._labels = self._weights = None
        bad = ~np.isfinite(self.X).all(axis=1)
        if bad.any():
            raise ValueError(
                f"The column {self._columns.features!r} must be finite. Got "
                f"{bad.sum()} of {len(bad)} rows of a shard with NaN or infinity: "
                "filter them out, or name the column of the reasons with failure=."
            )
        return self

    def tag_table(self, label_numbers, n_labels):
        """Make the sparse table of the labels."""
        lengths = np.concatenate(self._lengths)
        ends = np.concatenate([[0], lengths.cumsum()])
        to = np.array([label_numbers[tag] for tag in self.tags], dtype=np.int32)
        ones = np.ones(len(self.labels), dtype=bool)
        table = sparse.csr_array(
            (ones, to[self.labels], ends), shape=(len(lengths), n_labels)
        )
        return table.tocsc()


def _vectors(cells, columns):
    """Make an (n, k) array of float32 or float64 of a column of vectors."""
    if cells.dtype == object:
        try:
            cells = np.stack([np.asarray(cell) for cell in cells])
        except ValueError as exc:
            raise ValueError(
                f"The vectors of the column {columns.features!r} must have one length. "
                f"{exc}"
            ) from exc
    if cells.ndim != 2 or not np.issubdtype(cells.dtype, np.number):
        raise ValueError(
            f"The column {columns.features!r} must hold vectors of numbers. Got "
            f"{cells.dtype} of shape {cells.shape[1:]} in every row."
        )
    return cells.astype(cells.dtype if cells.dtype == np.float32 else np.float64)


def _compact(column):
    """Numbers 0, 1 and NaN in few bytes; what will be refused, or is none, as it is."""
    if column.dtype.kind not in "iuf":
        return column if column.dtype.kind == "b" else column.astype(object)
    ones, unknown = column == 1, np.isnan(column)
    if not (ones | unknown | (column == 0)).all():
        return column.astype(object)
    return column.astype(np.float32) if unknown.any() else ones


def _check_table(labels):
    """Check columns of labels, of rows that no one else can number."""
    try:
        return check_targets(labels)
    except ValueError as exc:
        raise ValueError(
            f"The columns of labels are refused, in the rows of one actor: {exc}"
        ) from exc


def _weights(cells):
    """Check weights of rows."""
    try:
        weights = cells.astype(np.float64)
    except (TypeError, ValueError) as exc:
        raise ValueError(
            f"sample_weight must name a column of numbers: {exc}."
        ) from exc
    bad = ~((weights >= 0) & np.isfinite(weights))
    if bad.any():
        raise ValueError(
            "sample_weight must hold finite numbers of at least 0. Got "
            f"{weights[bad][0]}."
        )
    return weights
