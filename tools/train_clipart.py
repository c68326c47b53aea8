"""Train clipart-tiny, the small CLIP that ships with the package, on CPU.

    python tools/train_clipart.py --corpus corpus --run corpus/run --minutes 56

The schedule follows the wall clock, not a number of steps: learning rate and the mix
of sources are functions of the share of ``--minutes`` that has passed, so that the run
ends on time whatever else the machine does. A checkpoint is written every four
minutes; the same command goes on from it. The averaged weights are exported beside it
each time, as fp16, and to ``--out`` at the end.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

# Threads that spin while they wait take the core from whoever else has work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch
from clipart_batches import Corpus, batches
from clipart_model import build, encode_text, export
from torch.nn import functional

LEARNING_RATE = 1.5e-3
WEIGHT_DECAY = 0.1
EMA = 0.997
# Pixels. Larger pictures cost more than they teach in so short a run.
RESOLUTION = 48
# From this share of the time on, more of the samples are Open Clip Art.
MIX_FROM = 0.6
WARM_UP = 0.02


class Stream(torch.utils.data.IterableDataset):
    """Batches from a worker process that knows how far training is.

    Parameters
    ----------
    corpus : Corpus
        The corpus.
    size : int
        Pictures a batch.
    passed : Tensor of shape (1,)
        Share of the time that has passed, in shared memory.
    seed : int
        Seeds the batches.
    """

    def __init__(self, corpus, size, passed, seed):
        self.corpus, self.size, self.passed, self.seed = corpus, size, passed, seed

    def _progress(self):
        return RESOLUTION, int(float(self.passed) >= MIX_FROM)

    def __iter__(self):
        """Yield batches for ever."""
        torch.set_num_threads(1)
        return batches(self.corpus, self.size, self._progress, self.seed)


def multi_positive(logits, truth):
    """Return the softmax cross-entropy with several right answers, both ways.

    Parameters
    ----------
    logits, truth : Tensor of shape (n, m)
        Scaled cosines, and 1 where the pair is true.

    Returns
    -------
    Tensor
        Mean over rows and columns that have a right answer.
    """
    total = 0.0
    for scores, right in ((logits, truth), (logits.T, truth.T)):
        count = right.sum(1)
        log_share = functional.log_softmax(scores, dim=1)
        losses = -(log_share * right).sum(1) / count.clamp(min=1)
        total = total + losses.sum() / (count > 0).sum().clamp(min=1)
    return total / 2


def loss_of(model, image_tower, batch):
    """Return the training loss of one batch.

    Parameters
    ----------
    model : open_clip.CLIP
        The model.
    image_tower : callable
        Its image tower, compiled or not.
    batch : dict
        From :func:`clipart_batches.batches`.

    Returns
    -------
    Tensor
        Image-caption + image-keyword + 0.2 caption-keyword + 0.1 noun-class.
    """
    scale = model.logit_scale.exp()
    images = batch["images"].contiguous(memory_format=torch.channels_last)
    images = functional.normalize(image_tower(images), dim=-1)
    captions = encode_text(model, *batch["captions"])
    keywords = encode_text(model, *batch["keywords"])
    nouns = encode_text(model, *batch["nouns"])
    classes = encode_text(model, *batch["noun_keywords"])
    own = batch["has_keyword"]
    return (
        multi_positive(scale * images @ captions.T, batch["same_caption"])
        + multi_positive(scale * images @ keywords.T, own)
        + 0.2 * multi_positive(scale * captions @ keywords.T, own)
        + 0.1 * multi_positive(scale * nouns @ classes.T, batch["noun_has"])
    )


def optimizer_of(model):
    """Return AdamW with weight decay on matrices and kernels only."""
    decayed, free = [], []
    for name, parameter in model.named_parameters():
        plain = parameter.ndim < 2 or "embedding" in name
        (free if plain else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, LEARNING_RATE, betas=(0.9, 0.98), fused=True)


def rate(passed):
    """Return the learning rate: linear warm-up, then cosine to zero."""
    if passed < WARM_UP:
        return LEARNING_RATE * max(passed / WARM_UP, 0.02)
    share = (passed - WARM_UP) / (1 - WARM_UP)
    return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


@torch.no_grad()
def average(ema, model, decay):
    """Move the averaged weights towards the present ones."""
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            ema[name].lerp_(value, 1 - decay)
        else:
            ema[name].copy_(value)


class State:
    """What a checkpoint keeps: weights, their average, the optimizer, the time.

    Parameters
    ----------
    corpus : Corpus
        The corpus; its tokens are the rows of the token table.
    folder : Path
        Where the checkpoint, the export and the record are written.
    """

    def __init__(self, corpus, folder):
        self.tokens, self.folder = corpus.used_tokens, folder
        self.model = build(len(self.tokens)).to(memory_format=torch.channels_last)
        self.optimizer = optimizer_of(self.model)
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.step, self.seconds, self.images = 0, 0.0, 0
        self.path = folder / "checkpoint.pt"
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._load()

    def _load(self):
        saved = torch.load(self.path, weights_only=True)
        if saved["tokens"] != self.tokens:
            raise ValueError(f"{self.path} was trained on another corpus.")
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.ema, self.step = saved["ema"], saved["step"]
        self.seconds, self.images = saved["seconds"], saved["images"]

    def save(self):
        """Write the checkpoint and the averaged weights; never half a file."""
        saved = {"model": self.model.state_dict(), "ema": self.ema}
        saved |= {"optimizer": self.optimizer.state_dict(), "tokens": self.tokens}
        record = {"step": self.step, "seconds": self.seconds, "images": self.images}
        part = self.path.with_suffix(".part")
        torch.save(saved | record, part)
        part.replace(self.path)
        export(self.ema, self.tokens, self.folder / "export")
        (self.folder / "record.json").write_text(json.dumps(record) + "\n")

    def update(self, loss, learning_rate):
        """Take one optimizer step, and every fourth time one of the average."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(50))
        self.step += 1
        if self.step % 4 == 0:
            # A young average follows quickly, an old one slowly.
            decay = min(EMA, 1 - 10 / (10 + self.step))
            average(self.ema, self.model, decay**4)


def train(args):
    """Train until the time is over.

    Parameters
    ----------
    args : argparse.Namespace
        The command line.
    """
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    corpus = Corpus(args.corpus)
    print(len(corpus.entries), "pictures", len(corpus.terms), "keywords", end=" ")
    print(len(corpus.nouns), "nouns", len(corpus.used_tokens), "tokens", flush=True)
    state = State(corpus, args.run)
    # Fused batch norm and activations: more than twice as fast on CPU.
    image_tower = torch.compile(state.model.visual, dynamic=False)
    budget = args.minutes * 60
    passed = torch.tensor([state.seconds / budget]).share_memory_()
    stream = Stream(corpus, args.batch, passed, args.seed + state.step)
    loader = torch.utils.data.DataLoader(
        stream, batch_size=None, num_workers=1, prefetch_factor=4
    )
    start, last_save, losses = time.monotonic() - state.seconds, state.seconds, []
    for batch in loader:
        loss = loss_of(state.model, image_tower, batch)
        state.update(loss, rate(float(passed)))
        state.seconds = time.monotonic() - start
        state.images += args.batch
        passed[0] = state.seconds / budget
        losses.append(loss.item())
        if state.step % 50 == 0:
            print(
                f"step {state.step} {state.seconds / 60:.1f} min "
                f"loss {sum(losses) / len(losses):.3f} images {state.images}",
                flush=True,
            )
            losses.clear()
        over = state.seconds >= budget
        if over or state.seconds - last_save > 240:
            last_save = state.seconds
            state.save()
        if over:
            break
    if args.out:
        export(state.ema, corpus.used_tokens, args.out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--run", type=Path, default=Path("corpus/run"))
    parser.add_argument("--out", type=Path, help="folder of the finished model")
    parser.add_argument("--minutes", type=float, default=56.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
