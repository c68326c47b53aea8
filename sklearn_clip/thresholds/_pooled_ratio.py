"""The metric of counts summed over labels, maximised over all their thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._objective import ratio


def maximise_ratio(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    *,
    highest: Callable[[NDArray[np.float64]], NDArray[np.intp]],
    nearest: Callable[[NDArray[np.float64]], NDArray[np.intp]],
    take: Callable[[NDArray[np.float64], NDArray[np.intp]], NDArray[np.float64]],
) -> NDArray[np.intp]:
    """Maximise ``sum_l A_l(k_l) / sum_l B_l(k_l)`` by Dinkelbach's method.

    Numerator and denominator of the metric are linear functions of the counts, so that
    they are sums over labels. For a given value ``q``, ``max_k sum_l A_l(k_l) - q
    B_l(k_l)`` falls apart into one maximum per label; it is positive exactly if some
    choice has a ratio above ``q``, and then the ratio of its maximiser is such a one.
    So ``q`` climbs from 0, faster than linearly, and the first ``q`` that does not
    climb is the maximum over all combinations of thresholds [1]_.

    Parameters
    ----------
    above, below : ndarray
        ``A`` and ``B > 0`` of all thresholds of all labels, in any layout.
    highest : callable
        Of such an array gives the place of each label's maximum, the first of equals.
    nearest : callable
        The same, but among values equal up to rounding the threshold that is nearest
        to the usual one.
    take : callable
        Gives the elements of an array at such places.

    Returns
    -------
    picked : ndarray of shape (n_labels,)
        The place of each label's threshold in the best combination.

    References
    ----------
    .. [1] W. Dinkelbach, "On nonlinear fractional programming", Management Science
       13(7), 1967. :doi:`10.1287/mnsc.13.7.492`
    """

    def ratio_at(picked: NDArray[np.intp]) -> float:
        return float(ratio(take(above, picked).sum(), take(below, picked).sum()))

    # Dinkelbach (1967): F(q) = max_k sum_l A_l(k_l) - q B_l(k_l) falls strictly in q,
    # since all B_l > 0, and F(q*) = 0 exactly at the maximal ratio q*. Newton's method
    # on F, whose slope at q is -sum B of the maximiser, is the step q <- sum A / sum B:
    # it converges faster than linearly from any q <= q*, and as there are finitely many
    # combinations it ends at q* itself. A label's maximum is one argmax over its curve.
    best, picked = 0.0, None
    while True:
        gain: Any = above - best * below
        climbed = highest(gain)
        reached = ratio_at(climbed)
        if picked is None or reached > best:
            picked = climbed
        if not reached > best:
            break
        best = reached
    # At the maximum, thresholds of one label are equally good if their gains are equal
    # up to the rounding of `best`. The tidier choice is kept only if it costs nothing.
    tidy = nearest(gain)
    return tidy if ratio_at(tidy) >= best else picked
