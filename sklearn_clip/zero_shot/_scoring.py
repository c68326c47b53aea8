"""Cosines to scores to labels, in blocks of rows: plain functions of arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import logsumexp

from sklearn_clip._shared import (
    add_regions,
    by_name,
    hint_at_name,
    pool_regions,
    respell_keys,
    row_blocks,
)
from sklearn_clip.zero_shot._visual import VisualLabels

SCORINGS = ("contrast", "sigmoid", "softmax", "cosine")
# Scores of a row that shows nothing: the log-odds of about the smallest float32, and
# the smallest cosine.
_NOTHING = {"logit": np.float32(-87.0), "cosine": np.float32(-1.0)}


@dataclass
class Scorer:
    """What turns unit feature rows into one score per label.

    Parameters
    ----------
    scoring : {"contrast", "sigmoid", "softmax", "cosine"}
        The rule.
    labels : ndarray of shape (n_labels, d), dtype float32
        Unit rows.
    scale, bias : float
        Of the logits; the bias is for ``"sigmoid"``.
    background : ndarray of shape (n_background, d), dtype float32
        Unit rows, for ``"contrast"``.
    own : dict of int to list of int
        Background rows that are no alternative to a label.
    slope, intercept : ndarray of shape (n_labels,), dtype float32, or None
        Calibration, applied last.
    pooling : {"max", "softmax", "mean_top_k"}
        How regions are made one, where a row is wider than a label: vectors of the
        picture and of its regions, side by side.
    region_weight : float
        Weight of their odds beside those of the picture.
    visual : VisualLabels or None
        What the rows at `fit` have shown, added to the log-odds of single vectors.
    """

    scoring: str
    labels: np.ndarray
    scale: float = 1.0
    bias: float = 0.0
    background: np.ndarray | None = None
    own: dict = field(default_factory=dict)
    slope: np.ndarray | None = None
    intercept: np.ndarray | None = None
    pooling: str = "softmax"
    region_weight: float = 1.5
    visual: VisualLabels | None = None

    def with_visual(self, visual):
        """Score single vectors by the prompts and what the rows show.

        Parameters
        ----------
        visual : VisualLabels
            Log-odds that are added.

        Returns
        -------
        Scorer
            The same, without calibration.
        """
        return replace(self, visual=visual, slope=None, intercept=None)

    def blocks(self, features):
        """Score rows block by block, all in the same memory.

        Parameters
        ----------
        features : ndarray of shape (n, d) or (n, n_parts * d), dtype float32
            As of `score`.

        Yields
        ------
        rows : slice
            The rows of the block.
        scores : ndarray of shape (n_rows, n_labels), dtype float32
            Their scores, until the next block.
        """
        n_parts = features.shape[1] // self.labels.shape[1]
        room = None
        for rows in row_blocks(len(features), n_parts * len(self.labels)):
            if room is None:
                room = np.empty((rows.stop, len(self.labels)), dtype=np.float32)
            scores = room[: rows.stop - rows.start]
            self.score_block(features[rows], scores)
            yield rows, scores

    def score(self, features):
        """Score rows in place of one array.

        Parameters
        ----------
        features : ndarray of shape (n, d) or (n, (1 + n_regions) * d), dtype float32
            Unit rows, or unit vectors side by side; zeros where there is nothing to
            see, NaN where that is unknown.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            Log-odds of the labels; cosines for ``"cosine"`` without calibration.
        """
        scores = np.empty((len(features), len(self.labels)), dtype=np.float32)
        n_parts = features.shape[1] // self.labels.shape[1]
        for rows in row_blocks(len(scores), n_parts * len(self.labels)):
            self.score_block(features[rows], scores[rows])
        return scores

    def score_block(self, features, out):
        """Write the scores of some rows into `out`; see `score`."""
        width = self.labels.shape[1]
        if features.shape[1] == width:
            self._score_vectors(features, out)
        else:
            self._score_parts(features.reshape(len(features), -1, width), out)
        if self.scoring == "softmax":
            out -= _rivals(out)
        nothing = _NOTHING["cosine" if self.scoring == "cosine" else "logit"]
        if self.slope is not None:
            nothing = _NOTHING["logit"]
            out *= self.slope
            out += self.intercept
        out[~features.any(axis=1)] = nothing  # NaN counts as something

    def _score_vectors(self, vectors, out):
        """Score single vectors, before labels compete."""
        np.matmul(vectors, self.labels.T, out=out)
        if self.scoring != "cosine":
            out *= self.scale
        if self.scoring == "contrast":
            self._contrast(vectors, out)
        elif self.scoring == "sigmoid":
            out += np.float32(self.bias)
        if self.visual is not None:
            out += vectors @ self.visual.weights.T
            out += self.visual.intercept

    def _score_parts(self, parts, out):
        """Score pictures and their regions, (n, 1 + n_regions, d), and pool these."""
        scores = np.empty((*parts.shape[:2], len(self.labels)), dtype=np.float32)
        self._score_vectors(
            parts.reshape(-1, parts.shape[2]), scores.reshape(-1, len(self.labels))
        )
        # Cosines are pooled as the log-odds that they become, and brought back.
        scale = np.float32(self.scale if self.scoring == "cosine" else 1)
        scores *= scale
        seen = parts[:, 1:].any(axis=2)
        pooled = pool_regions(scores[:, 1:], self.pooling, seen)
        out[:] = add_regions(scores[:, 0], pooled, self.region_weight) / scale

    def _contrast(self, features, out):
        """Log-odds of each label alone against all of the background."""
        logits = self.scale * (features @ self.background.T)
        out -= logsumexp(logits, axis=1, keepdims=True)
        if self.own:
            whole = logsumexp(logits, axis=1)
            for label, own in self.own.items():
                others = np.delete(logits, own, axis=1)
                out[:, label] += whole - logsumexp(others, axis=1)


def _rivals(logits):
    """Log of the sum of exp over the other labels of the row, for every label."""
    top = logits.argmax(axis=1)
    rows = np.arange(len(logits))
    highest = logits[rows, top][:, None]
    masses = np.exp(logits - highest)
    rest = masses.sum(axis=1, keepdims=True) - masses
    # The largest mass may be nearly the whole sum: its rest is summed by itself.
    masses[rows, top] = 0
    rest[rows, top] = masses.sum(axis=1)
    smallest = np.finfo(np.float32).tiny
    return highest + np.log(np.maximum(rest, smallest))


def read_thresholds(threshold, names, default, *, probability):
    """Turn the ``threshold`` parameter into one threshold per label.

    Parameters
    ----------
    threshold : "auto", None, float, array-like of shape (n_labels,), dict or Series
        The parameter; a dict or Series names labels and leaves the others at `default`.
    names : list of str
        The labels.
    default : float or ndarray of shape (n_labels,)
        What ``"auto"`` is.
    probability : bool
        Whether thresholds are probabilities or cosines.

    Returns
    -------
    ndarray of shape (n_labels,), dtype float64
        The thresholds; minus infinity for None.

    Raises
    ------
    ValueError
        If there is another number of thresholds than labels, a name is unknown, or a
        threshold is NaN or out of range.
    """
    thresholds = np.full(len(names), default, dtype=np.float64)
    threshold = by_name(threshold)
    if threshold is None:
        thresholds[:] = -np.inf
    elif isinstance(threshold, Mapping):
        place = {name: label for label, name in enumerate(names)}
        for name, value in respell_keys(threshold, names).items():
            if name not in place:
                raise ValueError(
                    f"threshold must name labels of classes. Got {name!r}, which is "
                    f"none of the {len(names)}.{hint_at_name(name, names)}"
                )
            where = f"label {name!r}"
            thresholds[place[name]] = _check_threshold(value, where, probability)
    elif not isinstance(threshold, str):  # "auto"
        given = np.asarray(threshold, dtype=np.float64)
        if given.shape not in ((), (len(names),)):
            raise ValueError(
                "threshold must be a number, or one for each of the "
                f"{len(names)} labels. Got shape {given.shape}."
            )
        for label, value in enumerate(np.broadcast_to(given, thresholds.shape)):
            where = "all labels" if given.ndim == 0 else f"label {names[label]!r}"
            thresholds[label] = _check_threshold(value, where, probability)
    return thresholds


def _check_threshold(value, where, probability):
    low = 0 if probability else -1
    if value == np.inf or low <= value <= 1:
        return float(value)
    what = "a probability" if probability else "a cosine"
    raise ValueError(
        f"threshold must be {what}, in [{low}, 1], or infinity for never. Got {value} "
        f"({where})."
    )


def decide(scores, thresholds, *, top_k=None, at_least_one=False):
    """Choose the labels of some rows.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Scores; rows of NaN get no label.
    thresholds : ndarray of shape (n_labels,)
        On the scale of the scores; a label needs at least this. Infinity: never.
    top_k : int or None
        Labels of a row at most, of those that reach their thresholds the highest.
    at_least_one : bool
        Give a row without a label the one of the highest score.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype bool
        The labels.
    """
    chosen = scores >= thresholds.astype(np.float64)
    if top_k is not None:
        full = np.flatnonzero(chosen.sum(axis=1) > top_k)
        reached = np.where(chosen[full], scores[full], -np.inf)
        first = np.argpartition(-reached, top_k - 1, axis=1)[:, :top_k]
        chosen[full] = False
        chosen[full[:, None], first] = True
    if at_least_one:
        allowed = np.flatnonzero(thresholds < np.inf)
        without = np.flatnonzero(~chosen.any(axis=1) & ~np.isnan(scores[:, 0]))
        if len(allowed) and len(without):
            best = scores[np.ix_(without, allowed)].argmax(axis=1)
            chosen[without, allowed[best]] = True
    return chosen
