"""Exchange units between parts until every part has a positive of every label.

Whether there is such a split is a question of integers (every label is a constraint on
every part), for which no fast exact answer is known. So this is a local search: mend
one violated constraint at a time by the exchange that leaves the fewest (S. Minton et
al., "Minimizing conflicts", Artificial Intelligence 58, 1992), with two ways out of
dead ends: what has just been moved rests for some steps (F. Glover, "Tabu search", ORSA
Journal on Computing 1, 1989), and now and then a step is random (B. Selman, H. Kautz,
B. Cohen, "Noise strategies for improving local search", AAAI 1994).
"""

from typing import NamedTuple

import numpy as np

# Units of each side that are tried per exchange, and exchanges per missing cell.
_CANDIDATES = 128
_STEPS = 300
_STEPS_PER_CELL = 10
# In few units a search goes round in circles: of n units, two are exchanged whatever it
# costs in this many of n steps.
_NOISE = 2
# A moved unit stays where it is for fewer steps than this, a number drawn anew each
# time, so that no one length of cycle can get past it.
_REST = 4
# Below it, sums of floats are equal: their rounding follows the CPU.
_TOLERANCE = 1e-9


class _Split:
    """Parts of the units, and what each part has, kept up to date.

    `units` counts the units of a part that carry a column, `rows` what they carry, and
    `lacks` says which columns of those in `needed` it has none of.
    """

    def __init__(self, part, counts, total, shares):
        self.part = part.copy()
        self.counts = counts
        self.by_column = counts.tocsc()
        n_parts = len(shares)
        self.rows = np.zeros((n_parts, counts.shape[1]))
        self.units = np.zeros((n_parts, counts.shape[1]), np.int64)
        for f in range(n_parts):
            own = counts[np.flatnonzero(part == f)]
            self.rows[f] = own.sum(axis=0)
            self.units[f] = np.bincount(own.indices, minlength=counts.shape[1])
        self.targets = shares[:, None] * total
        self.needed = np.zeros(counts.shape[1], dtype=bool)
        self.lacks = np.zeros(self.units.shape, dtype=bool)

    def need(self, columns):
        """Say which columns every part is to have."""
        self.needed = columns
        self.lacks = (self.units == 0) & columns

    def holders(self, column):
        """Units that carry a column."""
        span = slice(*self.by_column.indptr[column : column + 2])
        return self.by_column.indices[span]

    def move(self, unit, to):
        """Put a unit into another part."""
        span = slice(*self.counts.indptr[unit : unit + 2])
        at, amount = self.counts.indices[span], self.counts.data[span]
        for f, sign in ((self.part[unit], -1), (to, 1)):
            self.rows[f, at] += sign * amount
            self.units[f, at] += sign
            self.lacks[f, at] = (self.units[f, at] == 0) & self.needed[at]
        self.part[unit] = to


def _sample(units, rng):
    """Choose some units at random, all of them where they are few."""
    if len(units) <= _CANDIDATES:
        return units
    return units[rng.permutation(len(units))[:_CANDIDATES]]


class _Entries(NamedTuple):
    """What some units carry, entry by entry: which of them, the column, how much."""

    n_units: int
    unit: np.ndarray
    column: np.ndarray
    amount: np.ndarray

    def add_up(self, values):
        """Sum of a value of each entry over those of a unit."""
        # In the order of the entries, whatever the CPU.
        return np.bincount(self.unit, values, self.n_units)


def _entries(counts, units):
    """Entries of some units."""
    starts = counts.indptr[units]
    lengths = counts.indptr[units + 1] - starts
    ends = np.cumsum(lengths)
    at = np.repeat(starts - ends + lengths, lengths) + np.arange(lengths.sum())
    unit = np.repeat(np.arange(len(units)), lengths)
    return _Entries(len(units), unit, counts.indices[at], counts.data[at])


class _Shared:
    """The columns that two sets of units have in common.

    What both units of an exchange carry counts for their pair; of thousands of columns
    the units that are given have few.
    """

    def __init__(self, given, taken):
        self.columns, place = np.unique(given.column, return_inverse=True)
        at = np.searchsorted(self.columns, taken.column)
        at[at == len(self.columns)] = 0
        also = self.columns[at] == taken.column
        self.given = np.zeros((given.n_units, len(self.columns)))
        self.taken = np.zeros((taken.n_units, len(self.columns)))
        self.given[given.unit, place] = given.amount
        self.taken[taken.unit[also], at[also]] = taken.amount[also]


def _missing_costs(split, giver, to, cost, given, taken, shared):
    """Change of the cost of missing cells by each exchange.

    A column changes by ``x = a - b`` units in `to` and by ``-x`` in `giver`, with a and
    b in {0, 1}. Its cost K(x) summed over columns is linear in a, b and their product.
    """

    # K(a - b) - K(0) for the four cases of a and b, where `up` and `down` are K(1) and
    # K(-1), both less K(0): a up + b down - a b (up + down). So all exchanges of two
    # sets of units take two sums and one matrix product.
    def change(columns, x):
        to_units, giver_units = split.units[to, columns], split.units[giver, columns]
        after = (to_units + x == 0).astype(float) + (giver_units - x == 0)
        return cost[columns] * (after - (to_units == 0) - (giver_units == 0))

    both = change(shared.columns, 1) + change(shared.columns, -1)
    return (
        given.add_up(change(given.column, 1))[:, None]
        + taken.add_up(change(taken.column, -1))
        - ((shared.given > 0) * both) @ (shared.taken > 0).T
    )


def _imbalances(split, giver, to, weight, shares, given, taken, shared):
    """Change of ``sum (c - t)^2 / t`` over all columns by each exchange."""

    # Part `to` gets d = a - b of a column and `giver` loses it. With t = share * total,
    #   (2 (c_to - t_to) d + d^2) / t_to + (-2 (c_g - t_g) d + d^2) / t_g
    #     = slope d + curve d^2,   d^2 = a^2 + b^2 - 2 a b,
    # again a term of the given unit, one of the taken unit, and one matrix product.
    def change(entries, sign):
        at, amount = entries.column, entries.amount
        excess_to, excess_giver = (
            (split.rows[f, at] - split.targets[f, at]) / shares[f] for f in (to, giver)
        )
        slope = 2 * weight[at] * (excess_to - excess_giver)
        return entries.add_up(sign * amount * slope + amount**2 * curve[at])

    curve = weight * (1 / shares[to] + 1 / shares[giver])
    return (
        change(given, 1)[:, None]
        + change(taken, -1)
        - 2 * (shared.given * curve[shared.columns]) @ shared.taken.T
    )


def _choose_exchange(split, to, column, cost, weight, shares, rng, resting, moves):
    """Choose (unit, unit in exchange or -1) that brings a column to a part, or None."""
    n_units = len(resting)
    if rng.random_sample() * n_units < _NOISE:
        return tuple(rng.randint(n_units, size=2))
    # A part with one unit of the column would itself go without. There is a part with
    # two: the column has a unit for every part, and `to` has none.
    givers = np.flatnonzero(split.units[:, column] >= 2)
    giver = givers[rng.randint(len(givers))]
    given = split.holders(column)
    given = _sample(given[(split.part[given] == giver) & ~resting[given]], rng)
    taken = _sample(np.flatnonzero((split.part == to) & ~resting), rng)
    if len(given) == 0 or (len(taken) == 0 and not moves):
        return None
    a, b = _entries(split.counts, given), _entries(split.counts, taken)
    if moves:  # nothing in exchange
        taken, b = np.append(taken, -1), b._replace(n_units=b.n_units + 1)
    shared = _Shared(a, b)
    costs = _missing_costs(split, giver, to, cost, a, b, shared)
    imbalance = _imbalances(split, giver, to, weight, shares, a, b, shared)
    # First the missing cells, then the shares, then the first.
    imbalance[costs > costs.min() + _TOLERANCE] = np.inf
    least = imbalance <= imbalance.min() + _TOLERANCE
    i, j = np.unravel_index(least.argmax(), imbalance.shape)
    return int(given[i]), int(taken[j])


def cover_labels(part, counts, total, shares, cost, rng, *, moves):
    """Repair a split whose parts lack columns that have a unit for each of them.

    A missing cell (part, column) is filled by exchanging a unit that carries the
    column, taken from a part with two of them, for a unit of the part. Of the exchanges
    tried the one that leaves the lowest cost of missing cells is made, of those the one
    that keeps shares best. To leave dead ends a moved unit rests for some steps, and
    now and then any two units are exchanged; the best split seen is returned.

    Parameters
    ----------
    part : ndarray of shape (n_units,)
        The split.
    counts : csr_array of shape (n_units, n_columns)
        What each unit carries.
    total : ndarray of shape (n_columns,)
        Sums of `counts`.
    shares : ndarray of shape (n_parts,)
        Share of each part.
    cost : ndarray of shape (n_columns,)
        What a part without the column costs.
    rng : RandomState
        Chooses cells and candidates.
    moves : bool
        Whether a unit may also be moved without one in exchange.

    Returns
    -------
    part : ndarray of shape (n_units,)
        The repaired split.
    missing : ndarray of shape (n_parts, n_columns), dtype=bool
        Parts that still lack a column of some cost with a unit for each of them.
    """
    split = _Split(part, counts, total, shares)
    enough = split.units.sum(axis=0) >= len(shares)
    cost = np.where(enough, cost, 0.0)
    split.need(cost > 0)
    missing = split.lacks.copy()
    lowest, best = (missing @ cost).sum(), part
    resting = np.zeros(len(part), np.int64)
    weight = 1 / total
    # Steps grow with what is missing at the start; the search also goes through worse
    # splits, so the best one is kept aside.
    for step in range(_STEPS + _STEPS_PER_CELL * int(missing.sum())):
        if lowest <= _TOLERANCE:
            break
        cells = np.argwhere(split.lacks)
        # Positives of a label before its negatives: they cost more.
        worst = cells[cost[cells[:, 1]] == cost[cells[:, 1]].max()]
        to, column = worst[rng.randint(len(worst))]
        pair = _choose_exchange(
            split, to, column, cost, weight, shares, rng, resting > step, moves
        )
        if pair is None:
            continue
        giver = split.part[pair[0]]
        split.move(pair[0], to if pair[1] < 0 else split.part[pair[1]])
        if pair[1] >= 0:
            split.move(pair[1], giver)
        resting[[u for u in pair if u >= 0]] = step + rng.randint(2, _REST)
        found = (split.lacks @ cost).sum()
        if found < lowest - _TOLERANCE:
            lowest, best, missing = found, split.part.copy(), split.lacks.copy()
    return best, missing
