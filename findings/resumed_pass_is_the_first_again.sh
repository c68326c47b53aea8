#!/usr/bin/env bash
# torchdata 0.11.0 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: a StatefulDataLoader that is given a sampler of torch's goes on from its
# state_dict, in a process that began with the same seed, in the order of the first pass,
# whichever pass was broken off: of a later one some rows come twice and others never,
# and the pass after it is one that has been. With shuffle=True the rest is right; with a
# generator besides, all passes after it are in another order than of a run that was not
# broken off. Nothing is said.
#
# Guess: the rest of the pass, and the passes after it, as without the break. That is what
# it is for, it takes any sampler, and is called a drop-in replacement of the DataLoader.
#
# Seen, of 12 rows, broken off in the second pass after 6:
#                             the rest of the pass        the pass after it
#   shuffle=True              right                       right
#   shuffle=True, generator   right                       another
#   RandomSampler             3 rows twice, 3 never       the second again
#   SubsetRandomSampler       3 rows twice, 3 never       the second again
#   WeightedRandomSampler     3 rows twice, 3 never       the second again
# Broken off in the first pass, the rest is right with each of them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torchdata==0.11.0 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from torch.utils.data import RandomSampler, SubsetRandomSampler, WeightedRandomSampler
from torchdata.stateful_dataloader import StatefulDataLoader

packages = ("torchdata", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))
ROWS = range(12)
table = torch.arange(12)


def generator():
    return torch.Generator().manual_seed(0)


orders = {
    "shuffle=True": lambda: {"shuffle": True},
    "shuffle=True, generator": lambda: {"shuffle": True, "generator": generator()},
    "RandomSampler": lambda: {"sampler": RandomSampler(table)},
    "SubsetRandomSampler": lambda: {"sampler": SubsetRandomSampler(ROWS)},
    "WeightedRandomSampler": lambda: {
        "sampler": WeightedRandomSampler(torch.ones(12), 12, replacement=False)
    },
}


def started(order):
    torch.manual_seed(0)
    return StatefulDataLoader(table, batch_size=2, **orders[order]())


def rows(batches):
    return [row for batch in batches for row in batch.tolist()]


def resumed(order, whole):
    """First rows, the rest of the pass and the pass after it, after `whole` passes."""
    loader = started(order)
    for _ in range(whole):
        rows(loader)
    batches = iter(loader)
    first = rows(next(batches) for _ in range(3))
    state = loader.state_dict()
    loader = started(order)
    loader.load_state_dict(state)
    return first, rows(loader), rows(loader)


seen, begun = {}, []
for order in orders:
    loader = started(order)
    passes = [rows(loader) for _ in range(3)]
    first, rest, _ = resumed(order, 0)
    begun.append(first + rest == passes[0])
    first, rest, after = resumed(order, 1)
    twice = len(set(first) & set(rest))
    never = len(set(ROWS) - set(first + rest))
    outcome = "right" if first + rest == passes[1] else f"{twice} twice, {never} never"
    follows = "another"
    for place, told in ((1, "the second again"), (2, "right")):
        follows = told if after == passes[place] else follows
    seen[order] = (outcome, follows)
for order, outcome in seen.items():
    print(f"{order:<25} {outcome[0]:<20} then {outcome[1]}")

if not all(begun) or list(seen.values()) != [
    ("right", "right"),
    ("right", "another"),
    *3 * [("3 twice, 3 never", "the second again")],
]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
