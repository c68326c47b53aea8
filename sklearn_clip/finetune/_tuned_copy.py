"""A tuned copy of a model: from rows, prompts and parameters to what `fit` learns."""

from dataclasses import replace

import numpy as np
from sklearn.utils import check_random_state

from sklearn_clip.finetune._checkpoints import Checkpoint
from sklearn_clip.finetune._checks import copy_loss, make_criterion
from sklearn_clip.finetune._layers import set_trainable
from sklearn_clip.finetune._model import TunedModel, copy_model, matching_bias
from sklearn_clip.finetune._preparation import (
    make_plan,
    part_rows,
    training_fingerprint,
)
from sklearn_clip.finetune._rows import read_fusion
from sklearn_clip.finetune._training import Training
from sklearn_clip.losses import MultiLabelLoss

# Rows whose cosines tell where the bias should start.
_BIAS_ROWS = 256


def tune_copy(tuner, backbone, prompts, train, valid, device):
    """Train a copy of a model, from its last checkpoint on where there is one.

    Parameters
    ----------
    tuner : CLIPFineTuner
        Has the parameters.
    backbone : Backbone
        The model, which is left as it is.
    prompts : list of list of str
        The prompts of every label.
    train : tuple of (Cells, ndarray)
        Rows and targets to train on.
    valid : tuple of (Cells, ndarray), or None
        Those to validate on; None takes a share of the others.
    device : torch.device
        Where it trains.

    Returns
    -------
    dict
        The attributes that are learnt, by name.
    """
    checkpoint = _open_checkpoint(tuner, backbone, prompts, train, valid)
    state = checkpoint.read()
    seed = check_random_state(tuner.random_state).randint(2**31 - 1)
    seed = int(seed) if state is None else state["seed"]
    del state
    given = valid is not None
    fusion = read_fusion(tuner.fusion, tuner.image, tuner.text)
    train, valid = part_rows(tuner, fusion, train, valid, backbone, device, seed)
    targets = train.targets[train.numbers]
    criterion = make_criterion(copy_loss(tuner.loss), tuner.loss_params, targets)
    labelled = train.numbers[~np.isnan(targets).all(axis=1)]
    if isinstance(criterion, MultiLabelLoss):  # another may learn from all rows
        train = replace(train, numbers=labelled)
    model = copy_model(backbone)
    tuned = TunedModel(model, backbone.tokenizer, device, tuner.max_scale)
    tuned.set_logits(tuner.temperature, 0 if tuner.bias == "auto" else tuner.bias)
    set_trainable(model, tuner.trainable)
    plan = make_plan(tuner, model, device, seed)
    training = Training(tuned, criterion, prompts, train, valid, plan)
    resumes = training.resume(checkpoint)
    if tuner.trainable != "all" and tuner.max_epochs > 1:
        training.remember(tuner.frozen_bytes)
    if tuner.bias == "auto" and not resumes:
        rng = np.random.default_rng(seed)
        some = rng.permutation(labelled)[:_BIAS_ROWS]
        rows = replace(training.train, numbers=some)
        cosines, targets = training.score(rows, cosines=True)
        bias = matching_bias(cosines, targets, 1 / tuner.temperature)
        model.logit_bias.data.fill_(bias)
    training.run(checkpoint)
    history = training.progress.history
    return {
        "validation_rows_": None if given or valid is None else valid.numbers,
        "history_": history,
        "frozen_bytes_": training.budget.used,
        "best_epoch_": training.progress.best_epoch or len(history),
        "model_": model.to("cpu").eval().requires_grad_(False),
        "loss_": criterion.to("cpu"),
        "temperature_": 1 / model.logit_scale.exp().item(),
        "bias_": model.logit_bias.item(),
    }


def _open_checkpoint(tuner, backbone, prompts, train, valid):
    """Open the file of this training; without a folder nothing is written."""
    if tuner.checkpoint_dir is None:
        return Checkpoint(None, "")
    name = training_fingerprint(tuner, backbone, prompts, train, valid)
    return Checkpoint(tuner.checkpoint_dir, name)
