"""Train clipart-tiny, the small CLIP that ships with the package, on CPU.

    python tools/train_clipart.py --corpus corpus --run corpus/run --minutes 90

The image tower starts from ImageNet, the token table from word vectors. First the
image tower stays locked: the features of all pictures are computed once and only the
projection and the text tower learn. Then the upper blocks learn too, from randomly
changed pictures.

The schedule follows the wall clock, not a number of steps: the phase and the learning
rate are functions of the share of ``--minutes`` that has passed, so that the run ends
on time whatever else the machine does. A checkpoint is written every four minutes;
the same command goes on from it. The averaged weights are exported beside it each
time, as fp16, and to ``--out`` at the end.
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

import numpy as np
import torch
from clipart_batches import Corpus, batches, plain
from clipart_model import IMAGE_SIZE, build, centre, encode_text, export
from clipart_start import image_weights, word_vectors
from torch.nn import functional

LEARNING_RATE = 1e-3
# What was learnt from ImageNet is changed with care.
TRUNK_RATE = 3e-4
WEIGHT_DECAY = 0.1
EMA = 0.997
# Share of the time in which the image tower stays locked.
LOCKED = 0.2
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

    def _resolution(self):
        return IMAGE_SIZE if float(self.passed) >= LOCKED else 0

    def __iter__(self):
        """Yield batches for ever."""
        torch.set_num_threads(1)
        return batches(self.corpus, self.size, self._resolution, self.seed)


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


def locked_features(trunk, corpus, path):
    """Return the trunk's features of all pictures, kept in a file.

    Parameters
    ----------
    trunk : nn.Module
        The image tower without its head, as ImageNet left it.
    corpus : Corpus
        The corpus.
    path : Path
        The file; computed if it is not there.

    Returns
    -------
    ndarray of shape (n, width)
        fp16.
    """
    if not path.exists():
        blocks = []
        with torch.inference_mode():
            for start in range(0, len(corpus.pictures), 64):
                pictures = torch.tensor(corpus.pictures[start : start + 64])
                images = plain(pictures).contiguous(memory_format=torch.channels_last)
                blocks.append(trunk(images).half())
        with open(path.with_suffix(".part"), "wb") as file:
            np.save(file, torch.cat(blocks).numpy())
        path.with_suffix(".part").replace(path)
    return np.load(path)


def features_of(batch, trunk, locked):
    """Return the trunk's features of a batch: live, or the locked ones.

    Parameters
    ----------
    batch : dict
        From :func:`clipart_batches.batches`.
    trunk : callable
        The image tower without its head, compiled or not.
    locked : ndarray of shape (n, width)
        From :func:`locked_features`.

    Returns
    -------
    Tensor of shape (n_batch, width)
    """
    if "images" in batch:
        return trunk(batch["images"].contiguous(memory_format=torch.channels_last))
    features = torch.from_numpy(locked[batch["rows"].numpy()]).float()
    # The same features come again and again.
    return functional.dropout(features, 0.1)


def loss_of(model, features, batch):
    """Return the training loss of one batch.

    Parameters
    ----------
    model : open_clip.CLIP
        The model.
    features : Tensor of shape (n, width)
        Of the batch's pictures, before the projection.
    batch : dict
        From :func:`clipart_batches.batches`.

    Returns
    -------
    Tensor
        Image-caption + image-keyword + 0.2 caption-keyword + 0.1 noun-class.
    """
    scale = model.logit_scale.exp()
    images = functional.normalize(model.visual.head(features), dim=-1)
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
    """Return AdamW with weight decay on the matrices of text tower and projection."""
    groups = {"decayed": [], "free": [], "trunk": []}
    for name, parameter in model.named_parameters():
        if name.startswith("visual.trunk."):
            kind = "trunk"
        else:
            plain = parameter.ndim < 2 or "embedding" in name
            kind = "free" if plain else "decayed"
        if parameter.requires_grad:
            groups[kind].append(parameter)
    return torch.optim.AdamW(
        [
            {"params": groups["decayed"], "weight_decay": WEIGHT_DECAY},
            {"params": groups["free"], "weight_decay": 0.0},
            {"params": groups["trunk"], "weight_decay": 0.0},
        ],
        LEARNING_RATE,
        betas=(0.9, 0.98),
        fused=True,
    )


def rates(passed):
    """Return the learning rates of text tower and projection, and of the trunk.

    Each is a linear warm-up from the start of its phase, then the cosine to zero.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * min(passed, 1.0)))
    warm = [min((passed - start) / WARM_UP, 1.0) for start in (0.0, LOCKED)]
    return (
        LEARNING_RATE * max(warm[0], 0.02) * cosine,
        TRUNK_RATE * max(warm[1], 0.0) * cosine,
    )


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
    start : tuple
        Image weights and word vectors to start from.
    folder : Path
        Where the checkpoint, the export and the record are written.
    """

    def __init__(self, corpus, start, folder):
        self.tokens, self.folder = corpus.used_tokens, folder
        self.model, free = build(self.tokens, *start, corpus.tokenizer.decoder)
        self.model.to(memory_format=torch.channels_last)
        table = self.model.token_embedding.weight
        table.register_hook(lambda gradient: gradient * free)
        folder.mkdir(parents=True, exist_ok=True)
        trunk = self.model.visual.trunk
        self.features = locked_features(trunk, corpus, folder / "features.npy")
        sample = torch.from_numpy(self.features[::20]).float()
        centre(self.model.visual.head, sample)
        self.optimizer = optimizer_of(self.model)
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.step, self.seconds, self.images = 0, 0.0, 0
        self.path = folder / "checkpoint.pt"
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

    def update(self, loss, head_rate, trunk_rate):
        """Take one optimizer step, and every fourth time one of the average."""
        groups = self.optimizer.param_groups
        for group, rate in zip(groups, (head_rate, head_rate, trunk_rate), strict=True):
            group["lr"] = rate
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
    packages = args.corpus / "npm"
    vectors = word_vectors(packages)
    corpus = Corpus(args.corpus, vectors.keys())
    print(len(corpus.entries), "pictures", len(corpus.terms), "keywords", end=" ")
    print(len(corpus.nouns), "nouns", len(corpus.used_tokens), "tokens", flush=True)
    state = State(corpus, (image_weights(packages), vectors), args.run)
    # Fused batch norm and activations.
    trunk = torch.compile(state.model.visual.trunk, dynamic=False)
    budget = args.minutes * 60
    passed = torch.tensor([state.seconds / budget]).share_memory_()
    stream = Stream(corpus, args.batch, passed, args.seed + state.step)
    loader = torch.utils.data.DataLoader(
        stream, batch_size=None, num_workers=1, prefetch_factor=4
    )
    start, last_save, losses = time.monotonic() - state.seconds, state.seconds, []
    for batch in loader:
        features = features_of(batch, trunk, state.features)
        loss = loss_of(state.model, features, batch)
        state.update(loss, *rates(float(passed)))
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
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())
