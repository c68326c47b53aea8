"""Validation of a net while it trains: which rows, which metric, which epoch."""

import math
from copy import deepcopy

import numpy as np
import torch
from skorch.callbacks import (
    BatchScoring,
    EarlyStopping,
    EpochScoring,
    PassthroughScoring,
)
from skorch.dataset import get_len, unpack_data

from sklearn_clip.heads.networks._epoch_log import Verbosity
from sklearn_clip.metrics import average_precision_per_label, masked_f1_score


def choose_validation_rows(targets, fraction, rng, groups=None):
    """Draw validation rows that leave every label in the training rows if they can.

    Rows are taken in random order, first where no label would have more than its share
    of positives in validation, then where at least one positive would stay, then any.
    Training thus comes first, where `multilabel_train_test_split` serves both parts: a
    label's only positive is to be trained on.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, n_labels)
        Targets of 0, 1 and NaN for unknown.
    fraction : float
        Share of the rows, in (0, 1).
    rng : numpy.random.Generator
        Source of the order.
    groups : ndarray of shape (n_samples,) or None, default=None
        Number of the group of every row; no group is torn apart.

    Returns
    -------
    train, valid : ndarray of int
        Row numbers, sorted.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or groups.
    """
    n_samples = len(targets)
    if n_samples < 2:
        raise ValueError(
            "The training data must have at least two rows with a known label to hold "
            f"some out for validation. Got {n_samples}. Pass early_stopping=None and "
            "no callbacks that look at validation rows."
        )
    wanted = min(max(1, round(fraction * n_samples)), n_samples - 1)
    unit_of, sizes, positive = _units(targets == 1, groups)
    n_positive = positive.sum(axis=0)
    all_but_one = np.maximum(n_positive - 1, 0)
    share = np.minimum(np.floor(fraction * n_positive + 0.5), all_but_one)
    taken, held_out, n_held_out = np.zeros(len(n_positive)), [], 0
    waiting = rng.permutation(len(sizes))
    smallest = waiting[sizes[waiting].argmin()]
    for quota in (share, all_but_one, n_positive):
        passed_over = []
        for unit in waiting:
            counts, rows = positive[unit], n_held_out + sizes[unit]
            if rows <= wanted and (taken + counts <= quota)[counts > 0].all():
                taken += counts
                held_out.append(unit)
                n_held_out = rows
            else:
                passed_over.append(unit)
        waiting = passed_over
    held_out = np.isin(unit_of, held_out or [smallest])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _units(positive, groups):
    """Find what is held out as one: the unit of every row, sizes and positives."""
    n_samples = len(positive)
    if groups is None:
        return np.arange(n_samples), np.ones(n_samples, dtype=int), positive
    unit_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < 2:
        raise ValueError(
            "groups must name at least two groups of rows with a known label, to hold "
            "one out for validation. Got one."
        )
    rows = np.argsort(unit_of, kind="stable")
    starts = np.cumsum(sizes) - sizes
    return unit_of, sizes, np.add.reduceat(positive[rows].astype(int), starts, axis=0)


def mean_average_precision(targets, probabilities):
    """Macro mAP of what is known; labels without a positive do not count, silently."""
    values = average_precision_per_label(targets, probabilities)
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def macro_f1(targets, probabilities):
    """Macro F1 at 0.5 of what is known; 0 / 0 does not count."""
    return masked_f1_score(targets, probabilities > 0.5, zero_division=math.nan)


METRICS = {"average_precision": mean_average_precision, "f1": macro_f1}


def scores_validation(callback):
    """Whether one of skorch's callbacks scores validation rows, if there are any."""
    scoring = isinstance(callback, (BatchScoring, EpochScoring, PassthroughScoring))
    return scoring and not callback.on_train


def monitors_validation(callback):
    """Whether a callback monitors a value that only validation rows give.

    That is one whose name in the history begins with "valid", as skorch's own do. What
    a function monitors cannot be told.
    """
    monitor = getattr(callback, "monitor", None)
    return isinstance(monitor, str) and monitor.startswith("valid")


class EpochLoss(PassthroughScoring):
    """Mean loss of an epoch, for which batches weigh by their known labels.

    Its base weighs them by their rows. The loss of a batch is a mean over what is known
    though, and 0 where nothing is: rows without a label would lower it.
    """

    def on_epoch_begin(self, net, **kwargs):
        """Forget the batches of earlier epochs."""
        self.known_ = []

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Count what is known in a batch."""
        if training == self.on_train:
            _, y = unpack_data(batch)
            counted = isinstance(y, torch.Tensor)
            self.known_.append(int((y == y).sum()) if counted else get_len(y))

    def get_avg_score(self, history):
        """Average the losses of the batches; NaN where nothing is known."""
        losses = history[-1, "batches", :, self.name]
        if not any(self.known_):
            return math.nan
        return np.average(losses, weights=self.known_)


class BestEpoch(Verbosity, EarlyStopping):
    """Stop when a metric no longer improves, and go back to the epoch of its best.

    Unlike its base with ``load_best=True`` it restores a loss that learns as well,
    without which the probabilities would not be those that were judged, and does not
    count epochs without a value (NaN), such as those of a validation part that has no
    positive, or no known label.
    """

    def on_train_begin(self, net, **kwargs):
        """Forget earlier training."""
        super().on_train_begin(net, **kwargs)
        self.best_state_ = None
        self.best_epoch_ = None

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights if this epoch is the best so far, stop if it is enough."""
        if math.isnan(net.history[-1, self.monitor]):
            return
        super().on_epoch_end(net, **kwargs)
        if self.best_epoch_ == net.history[-1, "epoch"]:
            parts = (net.module_, net.criterion_)
            self.best_state_ = deepcopy([part.state_dict() for part in parts])

    def on_train_end(self, net, **kwargs):
        """Put the best weights back."""
        if self.best_state_ is not None:
            parts = (net.module_, net.criterion_)
            for part, state in zip(parts, self.best_state_, strict=True):
                part.load_state_dict(state)
        net.best_epoch_ = self.best_epoch_ or len(net.history)
        self.best_state_ = None
