#!/usr/bin/env bash
# torch 2.13.0 (numpy 2.4.6)
#
# Behaviour: `MultiheadAttention(batch_first=True)` under a mask, as the text towers of
# CLIP have it, hands a transposed view to the projection of queries, keys and values.
# `linear` makes one matrix of its rows if the weights require gradients. If they are
# frozen, also under `inference_mode`, it expands the weights: a product of matrices for
# each token, which takes longer.
#
# Guess: whether weights require gradients changes nothing of what is computed under
# `inference_mode`, and freezing a model makes it no slower.
#
# Seen, of 5 texts of 7 tokens and a width of 32, products with the 32 x 96 weights:
#   weights that require gradients   1 of 35 rows
#   frozen weights                   7 of 5 rows
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
from torch.nn import MultiheadAttention
from torch.profiler import ProfilerActivity, profile

print(f"torch {torch.__version__}")
N, TOKENS, WIDTH = 5, 7, 32
WEIGHTS = [WIDTH, 3 * WIDTH]


def run(frozen):
    """Products with the weights: how many, and of how many rows."""
    torch.manual_seed(0)
    attention = MultiheadAttention(WIDTH, 4, batch_first=True).eval()
    attention.requires_grad_(not frozen)
    x = torch.randn(N, TOKENS, WIDTH)
    mask = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)
    with torch.inference_mode():
        attention(x, x, x, need_weights=False, attn_mask=mask)
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
            attention(x, x, x, need_weights=False, attn_mask=mask)
    found = []
    for event in seen.events():
        shapes = [shape for shape in event.input_shapes if shape]
        if event.name == "aten::mm" and shapes[1] == WEIGHTS:
            found.append((1, shapes[0][0]))
        if event.name == "aten::bmm" and shapes[1] == [TOKENS, *WEIGHTS]:
            found.append((TOKENS, shapes[0][1]))
    return found


trained, frozen = run(frozen=False), run(frozen=True)
print(f"weights that require gradients  {trained}")
print(f"frozen weights                  {frozen}")
expected = trained == [(1, N * TOKENS)] and frozen == [(TOKENS, N)]
if not expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
