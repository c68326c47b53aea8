"""Where the vectors of the picture, of its regions and of the text stand in a row."""

import re
from numbers import Integral
from typing import NamedTuple

import numpy as np

from sklearn_clip._shared import row_blocks, shown

# Of `CLIPFeaturizer(regions=)`, beside square grids of tokens.
_TILES = (4, 9, 13)
# Rows that candidate layouts are tried on, before the one that is left is checked on
# all of them.
_TRIED = 64
# How far a length may be from 1: rows that were kept in float16 are off by 1e-3.
_TOLERANCE = 0.01
_NAME = re.compile(r"(?P<prefix>.*?)clip_(?:region(?P<region>\d+)_)?image_(?P<at>\d+)$")
_WAY_OUT = (
    "RegionClassifier reads rows [picture | region 1 | ... | text] of "
    "CLIPFeaturizer(regions=...). Where they were scaled on the way, or other columns "
    "stand behind them, say what they are: layout=(embedding_dim, n_regions)."
)


class RowLayout(NamedTuple):
    """How a row is made up: the picture, its regions, and what is kept with each.

    Attributes
    ----------
    embedding_dim : int
        Length of one vector.
    n_regions : int
        Regions behind the vector of the whole picture.
    n_features : int
        Columns of a row. Those behind the regions (a text, indicators) go with the
        picture and with every region.
    """

    embedding_dim: int
    n_regions: int
    n_features: int

    @property
    def n_kept(self):
        """Columns behind the regions."""
        return self.n_features - self.embedding_dim * (1 + self.n_regions)

    @property
    def n_inner(self):
        """Columns of a row that the wrapped classifier sees."""
        return self.embedding_dim + self.n_kept

    def whole(self, X):
        """Take the rows of the pictures as wholes.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_inner)
            [picture | what stands behind the regions].
        """
        end = self.embedding_dim * (1 + self.n_regions)
        return np.hstack([X[:, : self.embedding_dim], X[:, end:]])

    def regions(self, X):
        """Take the rows of the regions, each with what stands behind them.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_regions, n_inner)
            [region | what stands behind the regions].
        """
        n, width = len(X), self.embedding_dim
        rows = np.empty((n, self.n_regions, self.n_inner), dtype=X.dtype)
        end = width * (1 + self.n_regions)
        rows[..., :width] = X[:, width:end].reshape(n, self.n_regions, width)
        rows[..., width:] = X[:, None, end:]
        return rows

    def pick(self, X, rows, regions):
        """Take single regions, each with what stands behind the regions of its row.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.
        rows, regions : ndarray of shape (n_picked,)
            Which, both counted from 0.

        Returns
        -------
        ndarray of shape (n_picked, n_inner)
            [region | what stands behind the regions].
        """
        width, end = self.embedding_dim, self.embedding_dim * (1 + self.n_regions)
        picked = np.empty((len(rows), self.n_inner), dtype=X.dtype)
        picked[:, width:] = X[rows, end:]
        for region in range(self.n_regions):
            at = np.flatnonzero(regions == region)
            start = width * (1 + region)
            picked[at, :width] = X[rows[at], start : start + width]
        return picked

    def seen(self, X):
        """Find the regions in which there is anything.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_regions), dtype bool
            Whether a region is more than zeros; all are zeros where the picture is
            missing.
        """
        width, end = self.embedding_dim, self.embedding_dim * (1 + self.n_regions)
        return X[:, width:end].reshape(len(X), self.n_regions, width).any(axis=2)


def read_layout(layout, X, names=None):
    """Find out how rows are made up.

    Parameters
    ----------
    layout : "auto" or tuple of int (embedding_dim, n_regions)
        What the user says of it.
    X : ndarray of shape (n, n_features)
        Rows.
    names : ndarray of shape (n_features,), dtype=object, or None, default=None
        Names of the columns, which tell it too.

    Returns
    -------
    RowLayout
        The layout.

    Raises
    ------
    ValueError
        If the numbers are none or too large for the rows, or if "auto" finds no
        regions in them.
    """
    n_features = X.shape[1]
    if not isinstance(layout, str):
        return _check_layout(layout, n_features)
    named = None if names is None else _read_names(names)
    return named or _read_lengths(X)


def _check_layout(layout, n_features):
    """Check a layout that was given."""
    given = tuple(layout)
    whole = [isinstance(v, Integral) and not isinstance(v, bool) for v in given]
    if len(given) != 2 or not all(whole) or min(given) < 1:
        raise ValueError(
            "layout must be 'auto' or (embedding_dim, n_regions), two integers of at "
            f"least 1. Got {shown(layout)}."
        )
    width, n_regions = map(int, given)
    needed = width * (1 + n_regions)
    if needed > n_features:
        raise ValueError(
            f"layout={(width, n_regions)} needs {needed} columns at least: one vector "
            f"of {width} for the picture and {n_regions} for its regions. Got X with "
            f"{n_features}."
        )
    return RowLayout(width, n_regions, n_features)


def _read_names(names):
    """Read the layout off the names of the featurizer; None if they are others."""
    found = [_NAME.fullmatch(str(name)) for name in names]
    places = {
        (int(m["region"] or 0), int(m["at"])): column
        for column, m in enumerate(found)
        if m
    }
    n_regions = max((region for region, _ in places), default=0)
    if not n_regions:
        return None
    width = 1 + max(at for _, at in places)
    ordered = [(region, at) for region in range(1 + n_regions) for at in range(width)]
    columns = [places.get(place) for place in ordered]
    if columns != list(range(len(columns))) or len(places) != len(columns):
        at = next(i for i, column in enumerate(columns) if column != i)
        region, number = ordered[at]
        part = f"region{region}_" * (region > 0)
        raise ValueError(
            "X must begin with the columns of the picture and of its regions, in their "
            f"order and all of them. Got {str(names[at])!r} where "
            f"'clip_{part}image_{number}' belongs (column {at}). Put other columns "
            "behind them, in a ColumnTransformer by naming the featurizer first."
        )
    return RowLayout(width, n_regions, len(names))


def _read_lengths(X):
    """Read the layout off the lengths of the parts, which are unit vectors.

    The sum of squares over the first j columns of a row is 1 at ``j = embedding_dim``,
    2 at twice that, and so on. Numbers of parts that are possible (1 + r, or 2 + r with
    a text) are never the same for two numbers of regions r, and a wrong width parts
    the unit vectors elsewhere than where they meet.
    """
    n_features = X.shape[1]
    # Pictures that are missing are zeros or NaN, and tell nothing.
    with np.errstate(invalid="ignore"):
        present = np.flatnonzero(X[:, : max(1, n_features // 2)].any(axis=1))
    finite = present[np.isfinite(X[present]).all(axis=1)]
    if not len(finite):
        raise ValueError(
            "layout='auto' needs a row that has a picture, to read the length of a "
            f"vector off it. Got {len(X)} rows of zeros or NaN. Say it: "
            "layout=(embedding_dim, n_regions)."
        )
    tried = X[finite[:_TRIED]]
    fitting = _fitting(_candidates(n_features), tried)
    fitting = fitting or _nearest(_fitting(_uneven_candidates(tried[0]), tried), tried)
    if len(fitting) != 1:
        raise ValueError(_tell_lengths(X, tried, fitting))
    ((layout, texts),) = fitting.items()
    for rows in row_blocks(*X.shape):
        good = np.any([_are_units(layout, text, X[rows]) for text in texts], axis=0)
        if not good.all():
            row = rows.start + int(good.argmin())
            raise ValueError(
                f"layout='auto' found vectors of {layout.embedding_dim} numbers for "
                f"the picture and {layout.n_regions} regions. They must all have "
                f"length 1, or be missing. Got others (row {row}). {_WAY_OUT}"
            )
    return layout


def _fitting(candidates, X):
    """Keep the layouts that fit rows, each with the widths that its text may have."""
    found = {}
    for layout, text in candidates:
        if _are_units(layout, text, X).all():
            found.setdefault(layout, []).append(text)
    return found


def _nearest(fitting, X):
    """Keep the layouts whose vectors are as near to length 1 as rounding lets them be.

    A width that is off by one moves little of a long vector into the next, yet more
    than is lost by float16.
    """
    off = {}
    for layout in fitting:
        width, n_parts = layout.embedding_dim, 1 + layout.n_regions
        parts = X[:, : width * n_parts].reshape(len(X), n_parts, width)
        off[layout] = np.abs(np.sqrt(_squares(parts)) - 1).mean()
    least = min(off.values(), default=0) + 1e-7
    return {k: texts for k, texts in fitting.items() if off[k] < 4 * least}


def _candidates(n_features):
    """Layouts that so many columns may have: with a text or not, and indicators.

    Each with the width of the text, which is that of the picture or 0.
    """
    for indicators in (0, 1, 2):
        rest = n_features - indicators
        for n_parts in range(1, rest // 2 + 1):
            if rest % n_parts:
                continue
            width = rest // n_parts
            for n_regions in (n_parts - 1, n_parts - 2):
                if _are_regions(n_regions):
                    text = width * (n_parts - 1 - n_regions)
                    yield RowLayout(width, n_regions, n_features), text


def _uneven_candidates(row):
    """Layouts with a text of another width, as it has before the projection.

    The squares of the first j columns add up to 1 at ``j = embedding_dim``; that may
    be so at several j, where numbers are zero.
    """
    sums = np.cumsum(np.square(row, dtype=np.float64))
    n_features = len(row)
    for width in 1 + np.flatnonzero(np.abs(sums - 1) < 2 * _TOLERANCE):
        for n_regions in filter(_are_regions, range(n_features // int(width))):
            layout = RowLayout(int(width), n_regions, n_features)
            for indicators in (0, 1, 2):
                if layout.n_kept > indicators:
                    yield layout, layout.n_kept - indicators


def _are_regions(number):
    """Whether there may be so many regions."""
    side = round(max(number, 0) ** 0.5)
    return number in _TILES or (side > 1 and side**2 == number)


def _are_units(layout, text, X):
    """Tell rows whose parts all have length 1, or are missing.

    Of the picture and its regions, all or none are missing; a text may be.
    """
    width, n_parts = layout.embedding_dim, 1 + layout.n_regions
    end = width * n_parts
    pictures = _squares(X[:, :end].reshape(len(X), n_parts, width))
    good = _unit(pictures).all(axis=1) | _missing(pictures).all(axis=1)
    if text:
        texts = _squares(X[:, end : end + text])
        good &= _unit(texts) | _missing(texts)
    flags = X[:, end + text :]
    return good & ((flags == 0) | (flags == 1)).all(axis=1)


def _squares(vectors):
    return np.einsum("...w,...w->...", vectors, vectors, dtype=np.float64)


def _unit(squares):
    return np.abs(np.sqrt(squares) - 1) < _TOLERANCE


def _missing(squares):
    return (squares == 0) | np.isnan(squares)


def _tell_lengths(X, tried, fitting):
    """Say what was found where the layout cannot be read off the rows."""
    if fitting:
        found = ", ".join(str(tuple(layout[:2])) for layout in fitting)
        return (
            f"layout='auto' must find one layout that fits. Got {found}. Say which: "
            "layout=(embedding_dim, n_regions)."
        )
    squares = np.einsum("nf,nf->n", tried, tried, dtype=np.float64)
    n_features = X.shape[1]
    if np.abs(squares - 1).max() < 0.1:
        what = "rows of length 1, which are one vector without regions"
    elif np.abs(squares - 2).max() < 0.1:
        what = "rows of two vectors of length 1, without regions"
    else:
        what = (
            f"rows of {n_features} columns that are not made up of vectors of length 1"
        )
    return f"layout='auto' found no regions in X. Got {what}. {_WAY_OUT}"
