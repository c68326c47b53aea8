"""The training: epochs of steps, validation, and the way back to the best epoch."""

import contextlib
import math
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from sklearn_clip._shared import seeded_torch
from sklearn_clip.finetune._arithmetic import forward_arithmetic
from sklearn_clip.finetune._frozen_part import Budget, keep_frozen_outputs
from sklearn_clip.finetune._layers import parameter_groups
from sklearn_clip.metrics import average_precision_per_label

# Metrics of a validation part, and whether the larger is the better.
MONITORS = {"average_precision": True, "loss": False}


@dataclass
class Plan:
    """What a training does.

    Parameters
    ----------
    max_epochs, batch_size, accumulation : int
        Epochs, rows of one forward pass, forward passes of one step.
    rates : dict
        ``lr``, ``logit_lr``, ``layer_decay`` and ``weight_decay``.
    warmup : float
        Share of the steps in which the rates rise.
    max_grad_norm : float or None
        Bound of the gradient's norm.
    monitor : str or None
        A key of `MONITORS`, what early stopping watches.
    patience : int
        Epochs without improvement before training stops.
    dtype : torch.dtype
        Arithmetic of the forward pass.
    seed : int
        Seed.
    verbose : int
        Above 0, shows a progress bar for every epoch.
    """

    max_epochs: int
    batch_size: int
    accumulation: int
    rates: dict
    warmup: float
    max_grad_norm: float | None
    monitor: str | None
    patience: int
    dtype: torch.dtype
    seed: int
    verbose: int


@dataclass
class Progress:
    """What a training has come to.

    Parameters
    ----------
    history : list of dict
        One record per epoch.
    best : dict or None
        State of the model after its best epoch.
    best_epoch : int
        That epoch, from 1; 0 for none yet.
    """

    history: list = field(default_factory=list)
    best: dict | None = None
    best_epoch: int = 0


class Training:
    """One training of one model.

    Parameters
    ----------
    tuned : TunedModel
        The model, trained in place.
    criterion : Module
        Loss over logits.
    prompts : list of list of str
        The prompts of every label; each step draws one per label.
    train : Rows
        What is learnt from.
    valid : Rows or None
        What each epoch is judged on.
    plan : Plan
        What to do.
    """

    def __init__(self, tuned, criterion, prompts, train, valid, plan):
        self._tuned = tuned
        self._criterion = criterion.to(tuned.device)
        self._prompts = prompts
        self.train, self._valid = train, valid
        self._plan = plan
        self.progress = Progress()
        groups = parameter_groups(tuned.module, **plan.rates)
        on_gpu = tuned.device.type == "cuda"
        # Without it torch goes over the weights of a CPU several times for a step.
        self._fused = True if tuned.device.type == "cpu" else None
        self._optimizer = torch.optim.AdamW(groups, fused=self._fused)
        self._scaler = torch.amp.GradScaler(
            "cuda", enabled=on_gpu and plan.dtype == torch.float16
        )
        self._step_rows = plan.batch_size * plan.accumulation
        self._steps = math.ceil(len(train.numbers) / self._step_rows)
        self.budget = Budget(0)

    def resume(self, checkpoint):
        """Go on from a checkpoint, if there is one.

        Parameters
        ----------
        checkpoint : Checkpoint
            Read.

        Returns
        -------
        bool
            Whether there was one.
        """
        state = checkpoint.read()
        if state is None:
            return False
        self._tuned.module.load_state_dict(state["model"])
        for group in state["optimizer"]["param_groups"]:
            group["fused"] = self._fused  # it may have begun on another device
        self._optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # it is empty where the arithmetic needed none
            self._scaler.load_state_dict(state["scaler"])
        self.progress = Progress(**state["progress"])
        return True

    def remember(self, limit):
        """Keep the outputs of the frozen part; see `keep_frozen_outputs`.

        Parameters
        ----------
        limit : int
            Bytes.
        """
        if self.is_over():
            return
        plan = self._plan
        with _seeded(plan.seed, self._tuned.device), self._autocast():
            self.train, self._valid, self.budget = keep_frozen_outputs(
                self._tuned,
                (self.train, self._valid, self._prompts),
                limit,
                size=2 * plan.batch_size,
                show=plan.verbose > 0,
            )

    def run(self, checkpoint):
        """Train to the end.

        Parameters
        ----------
        checkpoint : Checkpoint
            Written after every epoch.
        """
        while not self.is_over():
            self._run_epoch()
            checkpoint.write(self._state())
        if self.progress.best is not None:
            self._tuned.module.load_state_dict(self.progress.best)
        self._tuned.train(False)

    def is_over(self):
        """Tell whether all epochs are done, or the last ones brought nothing.

        Returns
        -------
        bool
            The answer.
        """
        done = len(self.progress.history)
        stale = done - self.progress.best_epoch
        stops = self._plan.monitor is not None and self.progress.best_epoch > 0
        return done >= self._plan.max_epochs or (stops and stale >= self._plan.patience)

    def _state(self):
        return {
            "seed": self._plan.seed,
            "model": self._tuned.module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "progress": vars(self.progress),
        }

    def _run_epoch(self):
        """Train for an epoch, judge it, and note what came of it."""
        epoch, start = len(self.progress.history), time.perf_counter()
        if hasattr(self._criterion, "set_epoch"):
            self._criterion.set_epoch(epoch)
        with tqdm(
            total=len(self.train.numbers),
            desc=f"epoch {epoch + 1}/{self._plan.max_epochs}",
            unit="row",
            disable=self._plan.verbose < 1,
        ) as bar:
            with _seeded(self._plan.seed + epoch, self._tuned.device):
                record = {
                    "epoch": epoch + 1,
                    "train_loss": self._train_epoch(epoch, bar),
                }
            if self._valid is not None:
                record |= self._judge()
            shown = {k: f"{v:.3f}" for k, v in record.items() if k != "epoch"}
            bar.set_postfix(shown)
        record["temperature"] = 1 / self._tuned.module.logit_scale.exp().item()
        record["bias"] = self._tuned.module.logit_bias.item()
        record["seconds"] = time.perf_counter() - start
        self.progress.history.append(record)
        self._keep_if_best(record)

    def _keep_if_best(self, record):
        if self._plan.monitor is None:
            self.progress.best_epoch = record["epoch"]
            return
        name = f"valid_{self._plan.monitor}"
        sign = 1 if MONITORS[self._plan.monitor] else -1
        earlier = [r[name] * sign for r in self.progress.history[:-1]]
        known = [value for value in earlier if not math.isnan(value)]
        # Not without a positive, or a known label: a comparison with NaN is false.
        if record[name] * sign > max(known, default=-math.inf):
            self.progress.best_epoch = record["epoch"]
            weights = self._tuned.module.state_dict()
            self.progress.best = {
                key: value.detach().to("cpu", copy=True)
                for key, value in weights.items()
            }

    def _train_epoch(self, epoch, bar):
        """Take the steps of one epoch; return the mean loss of its entries."""
        plan, rng = self._plan, np.random.default_rng([self._plan.seed, epoch])
        order = rng.permutation(self.train.numbers)
        known = (~np.isnan(self.train.targets)).sum(axis=1)
        batches = self.train.batches(order, plan.batch_size, epoch=epoch)
        self._tuned.train()
        total, seen = 0.0, 0
        with contextlib.closing(batches):
            for number, (batch, rows) in enumerate(batches):
                step, part = divmod(number, plan.accumulation)
                first = step * self._step_rows
                of_step = order[first : first + self._step_rows]
                # Parts weigh by their known entries: together they are one batch.
                weight = known[rows].sum() / max(1, known[of_step].sum())
                texts = self._draw_prompts(epoch, step)
                loss = self._backward(batch, rows, texts, weight, epoch)
                total += loss * known[rows].sum()
                seen += known[rows].sum()
                if part == plan.accumulation - 1 or rows[-1] == order[-1]:
                    self._step(epoch * self._steps + step)
                bar.set_postfix(loss=f"{total / max(1, seen):.4f}", refresh=False)
                bar.update(len(rows))
        return float(total / max(1, seen))

    def _draw_prompts(self, epoch, step):
        rng = np.random.default_rng([self._plan.seed, epoch, step, 1])
        return [texts[rng.integers(len(texts))] for texts in self._prompts]

    def _backward(self, batch, rows, texts, weight, epoch):
        """Add the gradient of a batch; return its loss."""
        targets = torch.from_numpy(self.train.targets[rows]).to(self._tuned.device)
        loss = self._try_backward(batch, targets, texts, weight)
        if loss is None:  # out of memory
            raise MemoryError(self._advise(batch, targets, texts))
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} (epoch {epoch + 1}). Lower lr, or train with "
                "precision='fp32'."
            )
        return loss

    def _try_backward(self, batch, targets, texts, weight):
        """Run a batch forward and backward; None if it does not fit into memory."""
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            return self._run_backward(batch, targets, texts, weight)
        # Here nothing holds the tensors of the pass any more.
        self._optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        return None

    def _run_backward(self, batch, targets, texts, weight):
        with self._autocast():
            found = self._tuned.encode_rows(batch)
            labels = self._tuned.encode_texts(texts)
        loss = self._criterion(self._tuned.logits(found, labels), targets)
        self._scaler.scale(loss * weight).backward()
        return loss.item()

    def _advise(self, batch, targets, texts):
        """Try smaller batches, and say which one fits."""
        size, rows = len(batch), self._step_rows
        while size > 1:
            size //= 2
            some = batch.first(size)
            if self._try_backward(some, targets[:size], texts, 1.0) is not None:
                self._optimizer.zero_grad(set_to_none=True)
                return (
                    f"A batch of {len(batch)} rows and {len(texts)} labels does not "
                    f"fit into the memory of the GPU. batch_size={size}, accumulation="
                    f"{math.ceil(rows / size)} does, with as many rows a step."
                )
        return (
            f"Not even one row and {len(texts)} labels fit into the memory of the "
            "GPU. Train less with trainable='last' or 'projection', take a smaller "
            "model, or fewer labels."
        )

    def _step(self, number):
        """Move the weights, at the rates that the schedule has come to."""
        factor = schedule(
            number, self._steps * self._plan.max_epochs, self._plan.warmup
        )
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        self._scaler.unscale_(self._optimizer)
        if self._plan.max_grad_norm is not None:
            weights = [w for g in self._optimizer.param_groups for w in g["params"]]
            nn.utils.clip_grad_norm_(weights, self._plan.max_grad_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self._tuned.cap()

    def _autocast(self):
        return forward_arithmetic(self._tuned.device, self._plan.dtype)

    @torch.no_grad()
    def _judge(self):
        """Loss and macro mAP of the validation rows."""
        logits, targets = self.score(self._valid)
        loss = self._criterion(
            torch.from_numpy(logits).to(self._tuned.device),
            torch.from_numpy(targets).to(self._tuned.device),
        )
        values = average_precision_per_label(targets, logits)
        defined = values[~np.isnan(values)]
        mean = float(defined.mean()) if len(defined) else math.nan
        known = not np.isnan(targets).all()  # else the loss is 0, of nothing
        return {
            "valid_loss": float(loss) if known else math.nan,
            "valid_average_precision": mean,
        }

    @torch.no_grad()
    def score(self, rows, *, cosines=False):
        """Score rows as the model is now, without augmentation.

        Parameters
        ----------
        rows : Rows
            The rows.
        cosines : bool, default=False
            Whether to return cosines instead of logits.

        Returns
        -------
        scores : ndarray of shape (n, n_labels), dtype float32
            One score per row and label.
        targets : ndarray of shape (n, n_labels), dtype float32
            The targets of the rows.
        """
        self._tuned.train(False)
        blocks = []
        with self._autocast():
            labels = self._embed_labels()
            batches = rows.batches(rows.numbers, 2 * self._plan.batch_size)
            with contextlib.closing(batches):
                blocks = [self._tuned.encode_rows(batch) for batch, _ in batches]
        vectors = torch.cat(blocks)
        found = vectors @ labels.T if cosines else self._tuned.logits(vectors, labels)
        return found.float().cpu().numpy(), rows.targets[rows.numbers]

    def _embed_labels(self):
        """Mean of the prompts of every label, as unit rows."""
        texts = [text for prompts in self._prompts for text in prompts]
        vectors = torch.cat(
            [
                self._tuned.encode_texts(texts[start : start + 256])
                for start in range(0, len(texts), 256)
            ]
        )
        parts = vectors.split([len(prompts) for prompts in self._prompts])
        return F.normalize(torch.stack([part.mean(0) for part in parts]), dim=-1)


def schedule(step, n_steps, warmup):
    """Share of the peak rate: a linear rise, then half a cosine down to 0.

    Parameters
    ----------
    step : int
        Number of steps taken.
    n_steps : int
        Steps of the whole training.
    warmup : float
        Share of the steps in which the rate rises.

    Returns
    -------
    float
        Factor in [0, 1].
    """
    rising = warmup * n_steps
    if step < rising:
        return (step + 1) / (math.floor(rising) + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, n_steps - rising)))


def _seeded(seed, device):
    """Seed torch, and leave its generators as they were."""
    return seeded_torch(seed, [device] if device.type == "cuda" else ())
