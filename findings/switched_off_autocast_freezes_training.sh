#!/usr/bin/env bash
# torch 2.13.0 (numpy 2.4.6)
#
# Behaviour: `autocast` keeps the weights that it has cast, and forgets them where the
# outermost autocast is left. One that is switched off counts as well. Where a library
# puts `autocast(enabled=False)` around a whole training, to keep the caller's out, each
# step that has an autocast of its own computes with the weights as they were cast for
# the first. Gradients go to the weights that move, so that nothing looks wrong but the
# loss.
#
# Guess: a region that is switched off does nothing, so that the steps within it are
# those without it.
#
# Seen, the losses of five steps of a linear layer under SGD:
#   each step with its own autocast     2.15  1.96  1.79  1.64  1.50
#   the same, within one that is off    2.15  2.15  2.15  2.15  2.15
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import contextlib
import sys

import torch

print(f"torch {torch.__version__}")


def train(around):
    """Losses of five steps, and without autocast after them."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.02)
    X = torch.randn(64, 16)
    y = X.sum(dim=1, keepdim=True) / 3
    losses = []
    with around:
        for _ in range(5):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = layer(X)
            loss = (found.float() - y).pow(2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    with torch.no_grad():
        return losses, (layer(X) - y).pow(2).mean().item()


alone, end = train(contextlib.nullcontext())
within, end_within = train(torch.autocast("cpu", enabled=False))
print("each step with its own autocast:", [round(loss, 2) for loss in alone])
print("the same, within one that is off:", [round(loss, 2) for loss in within])
print(f"loss without autocast in the end: {end:.2f} and {end_within:.2f}")
falls = all(later < earlier for earlier, later in zip(alone, alone[1:]))
if not (falls and within == [alone[0]] * 5 and end_within < within[-1]):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
