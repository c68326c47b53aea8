"""Heat over a picture: the scores of its regions, blended where they overlap."""

import numpy as np

from sklearn_clip.embedding import load_backbone

_SIDE = 96  # numbers along the longer side of a map
# Standard deviation of a region's weight, in widths of its box. Less has tiles show
# their edges and places of one pass their noise, more has tiles say what lies beside
# them; chosen by measurement, see `benchmarks/STUDIES.md`.
_SPREAD = 0.5


def blend_regions(values, boxes, size):
    """Average what the regions of a picture say of each of its places.

    Parameters
    ----------
    values : ndarray of shape (n_labels, n_regions)
        What they say.
    boxes : ndarray of shape (n_regions, 4)
        Left, top, right and bottom of each, as shares of width and height.
    size : tuple of (int, int)
        Width and height of the picture, of which the map takes the shape.

    Returns
    -------
    ndarray of shape (n_labels, height, width), dtype float64
        The averages, the longer side `_SIDE` numbers; NaN outside all regions.
    """
    width, height = (max(round(_SIDE * side / max(size)), 1) for side in size)
    across, inside_x = _weights(boxes[:, 0], boxes[:, 2], width)
    down, inside_y = _weights(boxes[:, 1], boxes[:, 3], height)
    # Each region weighs as much in all, so that where large and small ones overlap it
    # is the small ones, which know better where a thing is, that count.
    total = np.einsum("rh,rw->hw", down, across)
    blended = np.einsum("lr,rh,rw->lhw", values, down, across, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        blended /= total
    seen = np.einsum("rh,rw->hw", inside_y, inside_x) > 0
    blended[:, ~seen] = np.nan
    return blended


def _weights(start, stop, n_places):
    """Weights of intervals at evenly spread places, and which lie inside."""
    places = (np.arange(n_places) + 0.5) / n_places
    start, stop = start[:, None], stop[:, None]
    spread = _SPREAD * (stop - start)
    weights = np.exp(-0.5 * ((places - (start + stop) / 2) / spread) ** 2) / spread
    return weights, ((start <= places) & (places <= stop)).astype(float)


def boxes_in_pictures(featurizer, regions, boxes, sizes):
    """Return where regions lie in whole pictures.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        Names the model, which may see a part of a picture only.
    regions : {"2x2", "3x3", "pyramid", "tokens"}
        The regions.
    boxes : ndarray of shape (n_regions, 4)
        From `CLIPFeaturizer.encode_regions`.
    sizes : list of tuple of (int, int)
        Width and height of each picture.

    Returns
    -------
    ndarray of shape (n, n_regions, 4), dtype float64
        Left, top, right and bottom, as shares of width and height of each picture.

    Raises
    ------
    ValueError
        If it is not known which part of a picture the model sees.
    """
    if regions != "tokens":
        return np.repeat(boxes[None], len(sizes), axis=0)
    plan = load_backbone(
        featurizer.model_name,
        featurizer.pretrained,
        preprocess=featurizer.preprocess,
        device=featurizer.device,
        precision=featurizer.precision,
        engine=featurizer.engine,
        towers=("image",),
    ).pixel_plan
    if plan is None:
        raise ValueError(
            "regions='tokens' needs a model of which it is known what part of a "
            f"picture it sees. Got {featurizer.model_name!r}, whose preprocessing is "
            "its own. Take tiles such as regions='pyramid'."
        )
    views = np.array([plan.view(size) for size in sizes]).reshape(-1, 1, 4)
    corners, extents = views[..., :2], views[..., 2:] - views[..., :2]
    shares = boxes.reshape(-1, 2, 2)
    placed = corners[:, :, None] + shares[None] * extents[:, :, None]
    return placed.reshape(len(sizes), -1, 4)
