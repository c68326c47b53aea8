"""Fine-tuning steps of a ViT-B-32 beside a plain PyTorch loop, on this CPU.

Both train all weights of one model with random weights on the same drawings and labels,
by the same loss, without augmentation; pictures of the loop lie in memory. Rows a
second of all epochs but the first, and the ratio to the loop in fp32. On a GPU:
``benchmarks/gpu.py``.

    python benchmarks/bench_training.py --rows 96 --epochs 3
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import open_clip
import torch
from bench_embedding import write_models
from PIL import Image
from torch.nn import functional as F

from sklearn_clip import CLIPFineTuner
from sklearn_clip.datasets import load_clipart

SIZE = 16


def train(name, rows, names, options, precision, trainable):
    """Train by the package; return the rows per second of epochs, and the losses."""
    tuner = CLIPFineTuner(
        names,
        name,
        None,
        templates="none",
        trainable=trainable,
        crop=None,
        batch_size=SIZE,
        max_epochs=options.epochs,
        early_stopping=None,
        frozen_bytes=0,
        device="cpu",
        precision=precision,
        random_state=0,
    ).fit(*rows)
    found = [len(rows[0]) / record["seconds"] for record in tuner.history_[1:]]
    return statistics.median(found), tuner.history_[-1]["train_loss"]


def loop(name, rows, names, options, precision, trainable):
    """Train as one would write it."""
    model, _, prepare = open_clip.create_model_and_transforms(name)
    paths, targets = rows
    pixels = [prepare(Image.open(path).convert("RGB")) for path in paths["image"]]
    pixels, Y = torch.stack(pixels), torch.tensor(targets.to_numpy(), dtype=torch.float)
    if trainable == "last":
        model.requires_grad_(False)
        last = [model.visual.transformer.resblocks[-1], model.visual.ln_post]
        last += [model.transformer.resblocks[-1], model.ln_final]
        for module in last:
            module.requires_grad_(True)
        model.visual.proj.requires_grad_(True)
        model.text_projection.requires_grad_(True)
    model.train()
    tokens = open_clip.get_tokenizer(name)(names)
    bias = torch.nn.Parameter(torch.zeros(()))
    weights = [w for w in model.parameters() if w.requires_grad] + [bias]
    optimizer = torch.optim.AdamW(weights, lr=1e-5)
    found = []
    for _ in range(options.epochs):
        start = time.perf_counter()
        for part in torch.randperm(len(Y)).split(SIZE):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                a = model.encode_image(pixels[part], normalize=True)
                b = model.encode_text(tokens, normalize=True)
            logits = a.float() @ b.float().T / 0.07 + bias
            loss = F.binary_cross_entropy_with_logits(logits, Y[part])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        found.append(len(Y) / (time.perf_counter() - start))
    return statistics.median(found[1:]), loss.item()


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--labels", type=int, default=7)
    options = parser.parse_args()
    data = load_clipart(split="train", as_frame=True)
    often = data.target.sum().nlargest(options.labels).index
    rows = data.data[: options.rows], data.target[often][: options.rows]
    names = list(often)
    print(
        f"ViT-B-32, {options.rows} rows, {len(names)} labels, batches of {SIZE}, torch "
        f"threads {torch.get_num_threads()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        write_models(Path(folder))
        name = f"local-dir:{Path(folder) / 'open_clip'}"
        for trainable in ("all", "last"):
            first = None
            for what, side, precision in (
                ("plain loop", loop, "fp32"),
                ("plain loop", loop, "bf16"),
                ("CLIPFineTuner", train, "fp32"),
                ("CLIPFineTuner", train, "auto"),
            ):
                speed, loss = side(name, rows, names, options, precision, trainable)
                first = first or speed
                print(
                    f"  {trainable:5} {what:13} {precision:4} {speed:6.2f} rows/s  "
                    f"{speed / first:.2f}x  last loss {loss:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
