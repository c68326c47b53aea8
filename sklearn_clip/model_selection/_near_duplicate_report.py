"""What to look at before a threshold of near copies is trusted, and a hint for it."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm

from sklearn_clip._shared import counted

# A cosine of 1 is a distance of 0, which has no logarithm; float32 cannot tell
# distances below this one.
_SMALLEST = 1e-6
_BINS = 512
# What is read as two kinds of rows: a gap where the density is at most this share of
# the lower of the peaks at its sides; near rows, in number and as a share of all; and a
# share of far rows, for a few outlying rows do not make all others copies.
_GAP, _FEWEST, _SHARE, _FAR_SHARE = 0.1, 10, 0.01, 0.2
# With fewer rows a distribution has no shape.
_ROWS = 30


@dataclass(frozen=True, eq=False, repr=False)
class NearDuplicateReport:
    """What :func:`near_duplicate_groups` has seen; ``print`` shows it.

    All parameters are stored as attributes.

    Parameters
    ----------
    threshold : float
        Lowest cosine of near copies.
    linkage : {"single", "average"}
        How pairs became groups.
    sizes : ndarray of shape (n_groups,), dtype=int64
        Rows of each group.
    nearest : ndarray of shape (n_samples,), dtype=float32
        Cosine of each row with the nearest other one; NaN for rows without an
        embedding, and where there is no other one.
    pairs : ndarray of shape (n_pairs, 2), dtype=int64
        The doubtful pairs, positions of rows: those closest to the threshold, half of
        them above and half below where both sides have so many, no row twice on one
        side while there are others. The most alike come first.
    cosines : ndarray of shape (n_pairs,), dtype=float32
        Their cosines.
    together : ndarray of shape (n_pairs,), dtype=bool
        Whether they are in one group: below the threshold by a chain of others, above
        it, with average linkage, perhaps not.
    index : ndarray of shape (n_pairs, 2), dtype=object, or None
        Their index labels, where the embeddings are a DataFrame.
    levels : ndarray of shape (n_levels,), dtype=float64
        Thresholds around `threshold`, at 4, 2, 1, 1/2 and 1/4 of its distance from 1.
    joined : ndarray of shape (n_levels,), dtype=int64
        Rows with a near copy at each of them.
    largest : ndarray of shape (n_levels,), dtype=int64
        Rows of the longest chain at each of them, the largest group of single linkage.
    suggested_threshold : float or None
        Where the distribution of `nearest` suggests a threshold: see Notes.
    reason : str
        How it was found, or why there is none.

    See Also
    --------
    near_duplicate_groups : Makes the report.
    sklearn_clip.plotting.NearDuplicateDisplay : Its pairs as pictures.

    Notes
    -----
    The suggestion is read from the distribution of ``log10(1 - nearest)``, a scale on
    which a distance of 0.001 is as far from 0.01 as that from 0.1. Two rules are tried.

    1. *Gap.* Where the density falls to a tenth of the lower of two peaks, and at least
       10 rows and a hundredth of all lie on the near side, a fifth on the far one,
       there are two kinds of rows. The suggestion is the lowest cosine in the gap; of
       several gaps the one of the lowest cosines counts.
    2. *Tail.* Else the rows are taken for one kind, normally distributed around the
       peak; its spread is measured by the nearest quarter and on the far side, and the
       larger one counts. The suggestion is the cosine that one row in all would reach
       by chance. More rows above it are more than chance.

    Both say what stands out among these rows, not what a copy is: where nearly all rows
    come in series, or two kinds of content lie at two distances, they mislead. Look at
    the pairs.
    """

    threshold: float
    linkage: str
    sizes: np.ndarray
    nearest: np.ndarray
    pairs: np.ndarray
    cosines: np.ndarray
    together: np.ndarray
    index: np.ndarray | None
    levels: np.ndarray
    joined: np.ndarray
    largest: np.ndarray
    suggested_threshold: float | None
    reason: str

    def __repr__(self):
        """Say the figures in a few lines."""
        n_several = np.count_nonzero(self.sizes > 1)
        rows = counted(len(self.nearest), "row")
        groups = counted(len(self.sizes), "group")
        lines = [
            f"{rows} at threshold {self.threshold:g}, {self.linkage} linkage: "
            f"{groups}, {n_several:,} of several rows, the largest of "
            f"{self.sizes.max(initial=0):,}",
            "",
            "threshold  rows with a near copy  longest chain",
        ]
        lines += [
            f"{level:9.4g}{joined:23,}{largest:15,}"
            for level, joined, largest in zip(
                self.levels, self.joined, self.largest, strict=True
            )
        ]
        suggested = self.suggested_threshold
        lines += ["", f"suggested threshold: {suggested} ({self.reason})"]
        lines += ["", "pairs closest to the threshold"] if len(self.pairs) else []
        named = self.pairs if self.index is None else self.index
        for pair, cosine, together in zip(
            named, self.cosines, self.together, strict=True
        ):
            lines.append(
                f"{cosine:.4f}  {pair[0]} and {pair[1]}"
                f"{', together' if together else ', apart'}"
            )
        return "\n".join(lines)


def suggest_threshold(nearest):
    """Suggest a threshold from the cosines of rows with their nearest ones.

    Parameters
    ----------
    nearest : ndarray of shape (n,)
        The cosines.

    Returns
    -------
    threshold : float or None
        The suggestion, in (0, 1).
    reason : str
        How it was found, or why there is none.
    """
    n = len(nearest)
    if n < _ROWS:
        return None, f"{n} rows with an embedding are too few to tell"
    far = np.log10(np.maximum(1.0 - nearest.astype(np.float64), _SMALLEST))
    if np.ptp(far) == 0:
        return None, "all rows are equally far from their nearest"
    places, density = _density(far)
    gap = _find_gap(far, places, density)
    if gap is not None:
        n_near = np.count_nonzero(far <= gap)
        reason = f"a gap: {n_near:,} of {n:,} rows are nearer than the others"
    else:
        peak = places[density.argmax()]
        # A normal distribution has this second moment beyond its mean, where no copies
        # are, and its first quartile 0.674 standard deviations before it. The nearest
        # of many have a longer tail to the near side, which the quartile knows of.
        beyond = far[far >= peak]
        spread = np.sqrt(np.mean((beyond - peak) ** 2)) if len(beyond) else 0.0
        spread = max(spread, (peak - np.quantile(far, 0.25)) / norm.isf(0.25))
        gap = peak - norm.isf(1 / n) * spread
        n_near = np.count_nonzero(far <= gap)
        reason = (
            f"no gap; by chance one row in all would be as near, and {n_near:,} of "
            f"{n:,} are"
        )
    threshold = round(1.0 - 10.0**gap, 6)
    if not 0 < threshold < 1:
        return None, "no gap, and the nearest rows are not alike"
    return threshold, reason


def _density(values):
    """Places from the nearest to the farthest, and the density of values there."""
    low, high = values.min(), values.max()
    # Silverman's rule, 0.9 min(s, IQR / 1.34) n^(-1/5): narrower than that of a normal
    # distribution, so that two peaks stay two.
    quartiles = np.quantile(values, [0.25, 0.75])
    spreads = [values.std(), np.ptp(quartiles) / 1.34]
    width = 0.9 * min(s for s in spreads if s > 0) * len(values) ** -0.2
    width = max(width, (high - low) / _BINS)
    edges = np.linspace(low - 3 * width, high + 3 * width, _BINS + 1)
    counts = np.histogram(values, edges)[0].astype(float)
    step = edges[1] - edges[0]
    density = gaussian_filter1d(counts, width / step, mode="constant", truncate=6)
    return (edges[1:] + edges[:-1]) / 2, density


def _find_gap(values, places, density):
    """Find the far end of the farthest gap, None if there is none."""
    # Highest density up to each place, from either side: a gap is low against both.
    near = np.maximum.accumulate(density)
    far = np.maximum.accumulate(density[::-1])[::-1]
    low = density <= _GAP * np.minimum(near, far)
    for place in np.flatnonzero(low)[::-1]:
        n_near, n = np.count_nonzero(values <= places[place]), len(values)
        if max(_FEWEST, _SHARE * n) <= n_near <= (1 - _FAR_SHARE) * n:
            return places[place]
    return None
