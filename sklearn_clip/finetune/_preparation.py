"""From the parameters of a fine-tuner to its rows, its plan and its fingerprint."""

import math
from dataclasses import replace
from numbers import Integral

import numpy as np
import torch

from sklearn_clip import embedding
from sklearn_clip.finetune._arithmetic import choose_precision
from sklearn_clip.finetune._fingerprint import fingerprint
from sklearn_clip.finetune._pictures import Pictures
from sklearn_clip.finetune._rows import Rows, image_weights
from sklearn_clip.finetune._training import Plan
from sklearn_clip.model_selection import multilabel_train_test_split

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Parameters that the outcome of a training does not depend on, the seed apart,
# and the labels, which the prompts stand for.
_NO_MATTER = {
    *("checkpoint_dir", "device", "frozen_bytes", "num_workers", "random_state"),
    "verbose",
    *("classes", "templates"),
}


def list_prompts(descriptions, templates):
    """List all prompts of every label.

    Parameters
    ----------
    descriptions : list of list of str
        The texts of each label.
    templates : list of str
        Where each of them is put.

    Returns
    -------
    list of list of str
        The prompts of each label.
    """
    return [
        [embedding.fill_template(t, text) for text in texts for t in templates]
        for texts in descriptions
    ]


def fingerprinted_parameters(tuner):
    """Pick the parameters that the outcome of a training depends on.

    Parameters
    ----------
    tuner : CLIPFineTuner
        Has the parameters.

    Returns
    -------
    dict
        Values by name.
    """
    parameters = tuner.get_params(deep=False)
    return {name: parameters[name] for name in parameters.keys() - _NO_MATTER}


def training_fingerprint(tuner, backbone, prompts, train, valid):
    """Digest all that the outcome of a training depends on.

    Parameters
    ----------
    tuner : CLIPFineTuner
        Has the parameters.
    backbone : Backbone
        The model it starts from.
    prompts : list of list of str
        The prompts of every label.
    train, valid : tuple of (Cells, ndarray), or None
        Rows and targets.

    Returns
    -------
    str
        A digest.
    """
    seed = tuner.random_state
    return fingerprint(
        **fingerprinted_parameters(tuner),
        seed=int(seed) if isinstance(seed, Integral) else None,
        fingerprint=backbone.fingerprint,
        prompts=prompts,
        rows=[_digest(part, tuner.image_root) for part in (train, valid)],
    )


def _digest(part, root):
    """Digest the content of rows and their targets."""
    if part is None:
        return None
    cells, targets = part
    with embedding.listen():  # the rows were checked before
        images = [
            [embedding.image_digest(image, root).hex() for image in cell]
            for cell in cells.image or []
        ]
    return fingerprint(images=images, texts=cells.text, targets=targets.tobytes())


def part_rows(tuner, fusion, train, valid, backbone, device, seed):
    """Part training and validation rows.

    Parameters
    ----------
    tuner : CLIPFineTuner
        Has the parameters.
    fusion : Fusion
        What makes one of image and caption.
    train : tuple of (Cells, ndarray)
        Rows and targets given to train on.
    valid : tuple of (Cells, ndarray), or None
        Those given to validate on; None takes a share of the others.
    backbone : Backbone
        Prepares pictures.
    device : torch.device
        Where the model trains.
    seed : int
        Seed.

    Returns
    -------
    train : Rows
        What is learnt from.
    valid : Rows or None
        What epochs are judged on.

    Raises
    ------
    ValueError
        If there are too few rows to hold one out, or none of the others has a known
        label.
    """
    options = {
        "root": tuner.image_root,
        "crop": tuner.crop,
        "flip": tuner.flip,
        "seed": seed,
        "num_workers": tuner.num_workers,
        "device": device,
    }
    rows = _make_rows(fusion, train, backbone, options)
    if valid is not None:
        return rows, _make_rows(fusion, valid, backbone, options)
    if tuner.early_stopping is None:
        return rows, None
    n_rows = len(rows.numbers)
    if n_rows < 2:
        raise ValueError(
            "X must have at least two rows to hold one out for validation. Got "
            f"{n_rows}. Pass X_val and y_val, or early_stopping=None."
        )
    wanted = math.ceil(tuner.validation_fraction * n_rows)
    numbers, held_out, *_ = multilabel_train_test_split(
        rows.numbers,
        y=rows.targets,
        test_size=min(wanted, n_rows - 1),  # one is to be trained on
        random_state=seed,
    )
    if np.isnan(rows.targets[numbers]).all():
        raise ValueError(
            "y must have a known label in a row that is trained on. Got them in rows "
            "alone that are held out for validation. Pass X_val and y_val, or "
            "early_stopping=None."
        )
    return replace(rows, numbers=numbers), replace(rows, numbers=held_out)


def _make_rows(fusion, part, backbone, options):
    """All rows of a part, with the images that count."""
    cells, targets = part
    weights = image_weights(fusion, cells)
    images = cells.image or [[]] * cells.n_rows
    column = [cell if w > 0 else [] for cell, w in zip(images, weights, strict=True)]
    pictures = Pictures(column, backbone, **options)
    return Rows(pictures, cells.text, weights, targets, np.arange(cells.n_rows))


def make_plan(tuner, model, device, seed):
    """Plan a training.

    Parameters
    ----------
    tuner : CLIPFineTuner
        Has the parameters.
    model : Module
        Model of open_clip.
    device : torch.device
        Where it trains.
    seed : int
        Seed.

    Returns
    -------
    Plan
        The plan.
    """
    precision = choose_precision(tuner.precision, device, model)
    rates = ("lr", "logit_lr", "layer_decay", "weight_decay")
    return Plan(
        max_epochs=tuner.max_epochs,
        batch_size=tuner.batch_size,
        accumulation=tuner.accumulation,
        rates={name: getattr(tuner, name) for name in rates},
        warmup=tuner.warmup,
        max_grad_norm=tuner.max_grad_norm,
        monitor=tuner.early_stopping,
        patience=tuner.patience,
        dtype=DTYPES[precision],
        seed=seed,
        verbose=tuner.verbose,
    )
