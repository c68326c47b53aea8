"""The parts of `gpu.py` that learn: the linear head, and fine-tuning."""

import gc
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def compare_heads(part):
    """Fit the exact linear head on the GPU and on the CPU."""
    import torch
    from bench_logistic import make_embeddings, objectives

    from sklearn_clip import MultiLabelLogisticRegression

    shape = part.sizes["rows"]
    X, Y = make_embeddings(*shape, seed=0)
    devices = ["cuda" if torch.cuda.is_available() else "cpu", "cpu"]
    seconds, heads = [], []
    for device in devices:
        if device == "cuda":
            MultiLabelLogisticRegression(device=device).fit(X[:2000], Y[:2000])
        start = time.perf_counter()
        heads.append(MultiLabelLogisticRegression(device=device).fit(X, Y))
        seconds.append(time.perf_counter() - start)
        if device == "cuda":
            part.say(f"head of {shape} on the GPU", f"{seconds[0]:.2f} s")
    costs = [objectives(X, Y, h.coef_, h.intercept_, 1.0) for h in heads]
    worst = float(np.max(costs[0] / costs[1] - 1))
    part.say(
        f"head of {shape}: GPU beside CPU; objective larger by {worst:.1e} at most",
        f"{seconds[0]:.2f} s",
        f"{seconds[1]:.2f} s",
        seconds[1] / seconds[0],
    )


def fine_tune(part):
    """Train ViT-B-32 beside a plain loop, and see what each mode holds."""
    import torch

    paths = part.pictures[: part.sizes["tuned"]]
    size = 4 if part.rehearse else 128
    names = [f"a thing of kind {i}" for i in range(3 if part.rehearse else 80)]
    rng = np.random.default_rng(0)
    Y = (rng.random((len(paths), len(names))) < 0.1).astype(np.int64)
    Y[0] = 1
    epochs = 2 if part.rehearse else 3
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = list(pool.map(_small, paths))
    kinds, speeds = {"JPEG files": paths, "arrays of 224 x 224": pixels}, {}
    for said, rows in kinds.items():
        tuner = make_tuner(part, names, size, epochs).fit(rows, Y)
        ours = statistics.median(len(rows) / r["seconds"] for r in tuner.history_[1:])
        what = f"training rows of {said}, batches of {size}, {len(names)} labels"
        part.say(what, f"{ours:.0f}/s")
        speeds[said] = ours
        del tuner
    losses = []
    for precision in ("auto", "fp32"):
        tuner = make_tuner(part, names, size, epochs).set_params(precision=precision)
        tuner.fit(pixels[: 4 * size], Y[: 4 * size])
        losses.append(tuner.history_[-1]["train_loss"])
        del tuner
    part.say(
        f"loss of epoch {epochs}, beside that in fp32",
        f"{losses[0]:.4f}",
        f"{losses[1]:.4f}",
        losses[0] / losses[1],
        "<= 1.05",
    )
    for mode in ("all", "last", "projection"):
        gc.collect()  # of the models before, which would count
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        tuner = make_tuner(part, names, size, 1, trainable=mode)
        tuner.fit(pixels[: 4 * size], Y[: 4 * size])
        if torch.cuda.is_available():
            peak = torch.cuda.max_memory_allocated() / 2**30
            part.say(f"peak of torch's memory, trainable={mode!r}", f"{peak:.2f} GiB")
        del tuner
    # Last, since its processes need more of /dev/shm than some containers have.
    for (said, rows), loop in zip(kinds.items(), (FileRows, ArrayRows), strict=True):
        theirs = plain_loop(part, loop(part, rows, Y), names, size, epochs)[1:]
        ours, theirs = speeds[said], statistics.median(theirs)
        part.say(
            f"training rows of {said}, beside a plain loop",
            f"{ours:.0f}/s",
            f"{theirs:.0f}/s",
            ours / theirs,
            ">= 0.95",
        )


def _small(path):
    from PIL import Image

    return np.asarray(Image.open(path).resize((224, 224)))


def make_tuner(part, names, size, epochs, trainable="all"):
    """Make the fine-tuner that is measured."""
    from sklearn_clip import CLIPFineTuner

    return CLIPFineTuner(
        names,
        part.model("ViT-B-32"),
        None,
        templates="{}",
        trainable=trainable,
        batch_size=size,
        max_epochs=epochs,
        early_stopping=None,
        random_state=0,
    )


class FileRows:
    """Rows of a plain loop: files, opened and prepared by open_clip's own transform."""

    def __init__(self, part, rows, targets):
        import open_clip

        side = 64 if part.rehearse else 224
        self._prepare = open_clip.image_transform(
            side, is_train=True, aug_cfg={"scale": (0.8, 1.0)}
        )
        self._rows, self._targets = rows, targets.astype(np.float32)

    def __len__(self):
        """Count the rows."""
        return len(self._rows)

    def __getitem__(self, row):
        """Give a picture and its targets."""
        from PIL import Image

        picture = Image.open(self._rows[row]).convert("RGB")
        return self._prepare(picture), self._targets[row]


class ArrayRows(FileRows):
    """Rows of a plain loop: arrays."""

    def __getitem__(self, row):
        """Give a picture and its targets."""
        from PIL import Image

        return self._prepare(Image.fromarray(self._rows[row])), self._targets[row]


def plain_loop(part, rows, names, size, epochs):
    """Train as one would write it; return the rows per second of each epoch."""
    import open_clip
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, *_ = open_clip.create_model_and_transforms(part.model("ViT-B-32"))
    model = model.to(device).train()
    tokens = open_clip.get_tokenizer(part.model("ViT-B-32"))(names).to(device)
    bias = torch.nn.Parameter(torch.zeros((), device=device))
    weights = [*model.parameters(), bias]
    optimizer = torch.optim.AdamW(weights, lr=1e-5)
    workers = 0 if part.rehearse else min(os.cpu_count(), 16)
    loader = DataLoader(
        rows,
        size,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        persistent_workers=workers > 0,
    )
    speeds = []
    for _ in range(epochs):
        start = time.perf_counter()
        for images, targets in loader:
            images = images.to(device, non_blocking=True)
            targets = targets.to(device, non_blocking=True)
            with torch.autocast(
                device.type, torch.bfloat16, enabled=device.type == "cuda"
            ):
                a = model.encode_image(images, normalize=True)
                b = model.encode_text(tokens, normalize=True)
                logits = a @ b.T / 0.07 + bias
            loss = F.binary_cross_entropy_with_logits(logits.float(), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            loss.item()
        speeds.append(len(rows) / (time.perf_counter() - start))
    return speeds
