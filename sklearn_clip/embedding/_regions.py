"""Regions of pictures: which there are, how columns are called, what they take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.embedding._rows import Cells
from sklearn_clip.embedding.images._tiles import tile_boxes

if TYPE_CHECKING:
    from sklearn_clip.embedding.backbone._backbone import Backbone

#: What `regions` of a featurizer may be, beside None.
REGIONS = ("2x2", "3x3", "pyramid", "tokens")
# Held at once of the vectors of a call: as they come, L2-normalised, and by row.
_COPIES = 3
_FREE = "/proc/meminfo"
_LIMIT, _USED = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"
_PARTS = "/sys/fs/cgroup/memory.stat"


def check_regions(
    regions: object, features: Literal["embedding", "penultimate"]
) -> None:
    """Check the regions that are asked for.

    Parameters
    ----------
    regions : object
        What was named.
    features : {"embedding", "penultimate"}
        What the towers are to give.

    Raises
    ------
    ValueError
        If there are no regions of that name, or not of these features.
    """
    if not isinstance(regions, str) or regions not in REGIONS:
        raise ValueError(
            f"encode_regions needs one of {list(REGIONS)}, as its own argument or as "
            f"CLIPFeaturizer(regions=...). Got {regions!r}."
        )
    if regions == "tokens" and features != "embedding":
        raise ValueError(
            "regions='tokens' are places in the space that images and texts share, and "
            f"need features='embedding'. Got features={features!r}: take that, or "
            "tiles such as regions='2x2'."
        )


def region_boxes(
    regions: Literal["2x2", "3x3", "pyramid", "tokens"],
    backbone: Backbone | None = None,
) -> NDArray[Any]:
    """Return where regions lie.

    Parameters
    ----------
    regions : {"2x2", "3x3", "pyramid", "tokens"}
        The regions.
    backbone : Backbone or None, default=None
        The model, whose places tokens are.

    Returns
    -------
    ndarray of shape (n_regions, 4), dtype float64
        Left, top, right and bottom of each as shares of width and height, row by row.
    """
    if backbone is None:
        return np.array(tile_boxes(regions))
    rows, columns = backbone.grid
    top, left = np.indices((rows, columns)).reshape(2, -1)
    edges = left / columns, top / rows, (left + 1) / columns, (top + 1) / rows
    return np.stack(edges, axis=1)


def image_parts(
    regions: Literal["2x2", "3x3", "pyramid", "tokens"] | None, *, whole: bool = True
) -> tuple[tuple[float, ...] | None, ...] | None:
    """Return the parts of a picture that are embedded one by one.

    Parameters
    ----------
    regions : {"2x2", "3x3", "pyramid", "tokens"} or None
        The regions.
    whole : bool, default=True
        Whether the whole picture stands before them.

    Returns
    -------
    tuple of (tuple of float, or None), or None
        Boxes of the tiles, None for the whole; None where the picture is embedded
        once, with its tokens or without.
    """
    if regions in (None, "tokens"):
        return None
    return (None,) * whole + tile_boxes(regions)


def side_by_side(vectors: NDArray[Any]) -> NDArray[Any]:
    """Put the parts of each picture into one row.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_parts, d)
        The parts.

    Returns
    -------
    ndarray of shape (n, n_parts * d)
        The rows.
    """
    # The width by its number: of no rows at all it is not to be inferred.
    return vectors.reshape(len(vectors), vectors.shape[1] * vectors.shape[2])


def name_regions(names: Sequence[str], embedding_dim: int, n_regions: int) -> list[str]:
    """Name the columns of rows that have regions.

    Parameters
    ----------
    names : sequence of str
        Names of the columns without them, those of the image first.
    embedding_dim : int
        Length of a vector.
    n_regions : int
        Number of regions.

    Returns
    -------
    list of str
        The names, those of the regions behind those of the image:
        ``"region1_image_0"``, ...
    """
    image, others = names[:embedding_dim], names[embedding_dim:]
    local = [f"region{r}_{name}" for r in range(1, n_regions + 1) for name in image]
    return [*image, *local, *others]


def check_room(
    cells: Cells, regions: str, backbone: Backbone, parts: Sequence[Any] | None
) -> None:
    """Refuse a call whose vectors would not fit into memory.

    Parameters
    ----------
    cells : Cells
        The rows.
    regions : str
        What the parts are called.
    backbone : Backbone
        The model.
    parts : sequence or None
        From `image_parts`.

    Raises
    ------
    MemoryError
        If they need more than is free.
    """
    width = backbone.width("image")
    if parts is None:
        n_parts, embedding_dim = width // backbone.embedding_dim, backbone.embedding_dim
    else:
        n_parts, embedding_dim = len(parts), width
    n_rows, n_images = cells.n_rows, sum(map(len, cells.image or []))
    row = 4 * n_parts * embedding_dim  # bytes, of float32
    needed = row * max(n_images, n_rows) * _COPIES
    free = _free_memory()
    if free is None or needed <= free:
        return
    fitting = max(n_rows * free // (2 * needed), 1)  # with half of it to spare
    smaller = "" if regions == "2x2" else ", or take regions='2x2'"
    raise MemoryError(
        f"The vectors of {n_rows} rows with regions={regions!r} take "
        f"{row * n_rows / 2**30:.3g} GiB ({n_parts} of {embedding_dim} numbers a row), "
        f"and {needed / 2**30:.3g} GiB while they are made. Got {free / 2**30:.3g} GiB "
        f"of free memory. Embed fewer rows at once, {fitting} for example{smaller}."
    )


def _free_memory():
    """Bytes that this process may still take; None where the system does not say."""
    found = []
    try:
        lines = Path(_FREE).read_text().splitlines()
        found += [
            2**10 * int(line.split()[1]) for line in lines if "MemAvailable" in line
        ]
    except (OSError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:  # of a container; "max" where it has no limit
        limit, used = (int(Path(path).read_text()) for path in (_LIMIT, _USED))
        found.append(max(limit - used + _kept_files(), 0))
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def _kept_files():
    """Bytes of files that a container holds, and gives up before it runs out."""
    try:
        lines = Path(_PARTS).read_text().splitlines()
    except OSError:
        return 0
    kept = [line.split() for line in lines if line.startswith(("active_", "inactive_"))]
    return sum(int(size) for name, size in kept if name.endswith("_file"))
