"""Sorted scores of positives and negatives, and the precision that follows."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from sklearn_clip.metrics._entries import row_blocks

# Negatives are sorted in chunks of this many scores, at least.
_CHUNK_SIZE = 1 << 24
# Those with weights in runs of so many.
_RUN = 1 << 16


class Scored(NamedTuple):
    """Scores and what each weighs.

    Attributes
    ----------
    scores : ndarray of shape (n,)
        The scores.
    weights : ndarray of shape (n,) or None
        None where all weigh 1.
    """

    scores: np.ndarray
    weights: np.ndarray | None

    def at(self, mask):
        """Take those at a mask."""
        weights = None if self.weights is None else self.weights[mask]
        return Scored(self.scores[mask], weights)

    def sort(self):
        """Sort, in place where nothing else has to follow the scores."""
        if self.weights is None:
            self.scores.sort()
            return self
        order = np.argsort(self.scores)
        return Scored(self.scores[order], self.weights[order])

    def weigh_from(self, lowest):
        """Sum the weights of those that are at least each of `lowest`, once sorted."""
        place = np.searchsorted(self.scores, lowest)
        if self.weights is None:
            return self.scores.size - place
        return np.append(np.cumsum(self.weights[::-1])[::-1], 0.0)[place]


def join(parts):
    """Put parts behind each other.

    Parameters
    ----------
    parts : list of Scored
        All with weights, or none.

    Returns
    -------
    Scored
        All of them.
    """
    scores = np.concatenate([part.scores for part in parts])
    if parts[0].weights is None:
        return Scored(scores, None)
    return Scored(scores, np.concatenate([part.weights for part in parts]))


def average_precision(positives, negative_blocks, total):
    """Sum the precision at each positive, each times its weight, over `total`.

    Parameters
    ----------
    positives : Scored
        The positives.
    negative_blocks : iterable of Scored
        The negatives.
    total : float
        What all positives weigh.

    Returns
    -------
    float
        In [0, 1].
    """
    positives = positives.sort()
    # Precision at a positive of score s: tp / (tp + fp) among the entries that score at
    # least s. >= and not the place in the sorted order, so that equal scores share one
    # precision and the order of rows decides nothing.
    true_positives = positives.weigh_from(positives.scores)
    false_positives = np.zeros_like(true_positives)
    # Each chunk costs one search per positive, so chunks grow with their number.
    for chunk in _chunks(negative_blocks, max(_CHUNK_SIZE, positives.scores.size)):
        false_positives += chunk.sort().weigh_from(positives.scores)
    precision = true_positives / (true_positives + false_positives)
    if positives.weights is not None:
        precision *= positives.weights
    return min(1.0, float(precision.sum() / total))  # sums of weights round


def _chunks(blocks, size):
    """Join small blocks to ones of at least `size` scores."""
    waiting, n_waiting = [], 0
    for block in blocks:
        waiting.append(block)
        n_waiting += block.scores.size
        if n_waiting >= size:
            yield join(waiting)
            waiting, n_waiting = [], 0
    if n_waiting:
        yield join(waiting)


def kept_scores(entries, scores, k=None):
    """Yield scores by blocks of rows.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    k : int or None, default=None
        Scores kept of each row, fewer than n_labels; None keeps all.

    Yields
    ------
    positives, negatives : Scored
        Those of the block.
    """
    for rows in row_blocks(*scores.shape):
        yield _keep(entries, scores, rows, None, k)


def _keep(entries, scores, rows, weights, k):
    """Take the scores of positives, and of negatives, of some rows."""
    block, (positive, known, _) = scores[rows], entries.rows(rows)
    if k is None:
        negative = ~positive if known is None else known & ~positive
    else:
        kept = top_k(block, known, k)
        positive = positive & kept
        negative = kept & ~positive
    return tuple(_take(block, mask, weights, rows) for mask in (positive, negative))


def _take(block, mask, weights, rows):
    """Take the scores at a mask, and the weights of their rows."""
    if weights is not None:
        weights = np.repeat(weights[rows], np.count_nonzero(mask, axis=1))
    return Scored(block[mask], weights)


def top_k(scores, known, k):
    """Find the k largest known scores of each row, ties to the first columns.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        The scores.
    known : ndarray of shape (n_rows, n_labels), dtype=bool, or None
        Which of them count; None: all.
    k : int
        Fewer than n_labels.

    Returns
    -------
    ndarray of shape (n_rows, n_labels), dtype=bool
        Where they are.
    """
    if known is not None:
        scores = np.where(known, scores, -np.inf)
    place = scores.shape[1] - k
    # The k-th largest of each row; all that reach it are kept, then ties beyond k
    # dropped.
    last = np.partition(scores, place, axis=1)[:, place, None]
    kept = scores >= last
    if known is not None:
        kept &= known
    crowded = np.flatnonzero(np.count_nonzero(kept, axis=1) > k)
    if crowded.size:
        above = scores[crowded] > last[crowded]
        tied = kept[crowded] & ~above
        room = k - np.count_nonzero(above, axis=1)[:, None]
        kept[crowded] = above | (tied & (np.cumsum(tied, axis=1) <= room))
    return kept


def weighted_precision(entries, scores, weights, k, total):
    """Average precision of pooled scores whose rows weigh differently.

    Scores that carry a weight along are sorted at a third of the speed of bare ones, so
    negatives are never sorted as a whole: small runs of them are, which fit into the
    caches, and are laid between the sorted positives. Blocks of rows go by in threads.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    weights : ndarray of shape (n_samples,)
        Row weights above 0.
    k : int or None
        As in `kept_scores`.
    total : float
        What all positives weigh.

    Returns
    -------
    float
        In [0, 1].
    """
    blocks = list(row_blocks(*scores.shape))
    n_threads = min(len(blocks), os.cpu_count() or 1)

    def keep(rows):
        return _keep(entries, scores, rows, weights, k)

    def lay_between(share):
        bins = np.zeros(len(positives.scores) + 1)
        for rows in share:
            _lay_between(positives.scores, keep(rows)[1], bins)
        return bins

    with ThreadPoolExecutor(n_threads) as pool:
        hits = pool.map(lambda rows: keep(rows)[0], blocks)
        positives = join(list(hits)).sort()
        shares = [blocks[i::n_threads] for i in range(n_threads)]
        bins = sum(pool.map(lay_between, shares))
    # Bin j holds the negatives that score as much as j positives, and no more of them:
    # those that reach positive j are in the bins behind it.
    false_positives = np.cumsum(bins[::-1])[::-1][1:]
    true_positives = positives.weigh_from(positives.scores)
    precision = true_positives / (true_positives + false_positives)
    return min(1.0, float((precision * positives.weights).sum() / total))


def _lay_between(sorted_scores, negatives, bins):
    """Add the weights of negatives to the bins between scores of positives."""
    for start in range(0, len(negatives.scores), _RUN):
        part = slice(start, start + _RUN)
        ranked, order = _sort_run(negatives.scores[part])
        place = np.searchsorted(sorted_scores, ranked, side="right")
        first = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
        own = negatives.weights[part][order]
        bins[place[first]] += np.add.reduceat(own, first)


def _sort_run(scores):
    """Sort scores, and say where each of them was."""
    if scores.dtype != np.float32:
        order = np.argsort(scores)
        return scores[order], order
    # Whole numbers that carry their place in their lower half sort twice as fast. Bits
    # of floats are in their order where those below zero are turned around.
    bits = scores.view(np.uint32)
    bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    keys = bits.astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(scores), dtype=np.uint64)
    keys.sort()
    order = (keys & np.uint64((1 << 32) - 1)).astype(np.intp)
    return scores[order], order
