"""Fine-tuning with the frozen part computed once, against the same in every epoch.

Both sides take the same steps over the same batches, so that they end at the same
scores. Seconds are of the whole fit, reading the pictures included, and of the
processor beside them; the frozen part is in the fit of the one side and in every epoch
of the other.

    python benchmarks/bench_finetune.py --rows 400 --epochs 3
"""

import argparse
import time

import numpy as np
import torch

from sklearn_clip import CLIPFineTuner
from sklearn_clip.datasets import load_clipart


def fit(rows, names, options, trainable, frozen_bytes):
    """Train; return the tuner, its seconds, and the processor's."""
    tuner = CLIPFineTuner(
        names,
        options.model,
        None,
        text=options.text,
        trainable=trainable,
        crop=None,
        lr=3e-4,
        max_epochs=options.epochs,
        early_stopping=None,
        frozen_bytes=frozen_bytes,
        precision="fp32",
        random_state=0,
    )
    start, used = time.perf_counter(), time.process_time()
    tuner.fit(*rows)
    return tuner, time.perf_counter() - start, time.process_time() - used


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--model", default="clipart-tiny")
    parser.add_argument("--text", default=None, help="'text' for titles as captions")
    options = parser.parse_args()
    data = load_clipart(split="train", as_frame=True)
    rows = data.data[: options.rows], data.target[: options.rows]
    names = list(data.target.columns)
    print(
        f"{options.model}, {len(rows[0])} rows, {len(names)} labels, {options.epochs} "
        f"epochs, torch threads {torch.get_num_threads()}"
    )
    for trainable in ("last", "projection"):
        slow, seconds, used = fit(rows, names, options, trainable, 0)
        fast, fewer, less = fit(rows, names, options, trainable, 2**31)
        scores = [tuner.decision_function(rows[0][:100]) for tuner in (slow, fast)]
        epochs = [np.mean([r["seconds"] for r in t.history_]) for t in (slow, fast)]
        print(
            f"  {trainable:10} {seconds:7.2f} s and {fewer:6.2f} s: "
            f"{seconds / fewer:.1f}x, processor {used:.1f} s and {less:.1f} s: "
            f"{used / less:.1f}x, an epoch {epochs[0]:.2f} s and {epochs[1]:.2f} s: "
            f"{epochs[0] / epochs[1]:.1f}x; {fast.frozen_bytes_ / 2**20:.1f} MiB kept, "
            f"difference {abs(scores[0] - scores[1]).max():.0e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
