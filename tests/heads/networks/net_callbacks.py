"""skorch's callbacks, as the tests of nets try them."""

import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
    Unfreezer,
)
from small_nets import make_net
from torch import nn

from sklearn_clip.metrics import gap_scorer, map_scorer


class MeanOfWeights(Callback):
    """Leaves the net with the mean of its epochs' weights (a plain SWA)."""

    def __init__(self, first_epoch=2):
        self.first_epoch = first_epoch

    def on_train_begin(self, net, **kwargs):
        self.mean_ = torch.optim.swa_utils.AveragedModel(net.module_)

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) >= self.first_epoch:
            self.mean_.update_parameters(net.module_)

    def on_train_end(self, net, **kwargs):
        net.module_.load_state_dict(self.mean_.module.state_dict())


# What is made, whether it looks at validation rows, and a parameter to search.
GAP = {"name": "valid_gap", "lower_is_better": False}
ONE_CYCLE = {"max_lr": 0.1, "total_steps": 600, "step_every": "batch"}
CALLBACKS = {
    "EarlyStopping": (EarlyStopping, True, ("patience", [2, 3])),
    "EarlyStopping restoring": (
        lambda: EarlyStopping(patience=2, load_best=True),
        True,
        ("threshold", [1e-4, 1e-2]),
    ),
    "EarlyStopping of training": (
        lambda: EarlyStopping("train_loss"),
        False,
        ("patience", [2, 3]),
    ),
    "EpochScoring": (lambda: EpochScoring(gap_scorer, **GAP), True, ("name", ["g"])),
    "EpochScoring of score": (
        lambda: EpochScoring(None),
        True,
        ("use_caching", [False, True]),
    ),
    "EpochScoring of training": (
        lambda: EpochScoring(gap_scorer, **GAP, on_train=True),
        False,
        ("use_caching", [False, True]),
    ),
    "BatchScoring": (
        lambda: BatchScoring(map_scorer),
        True,
        ("use_caching", [True, False]),
    ),
    "PassthroughScoring": (
        lambda: PassthroughScoring("valid_loss"),
        True,
        ("lower_is_better", [True, None]),
    ),
    "WarmRestartLR": (
        lambda: LRScheduler(base_period=5),
        False,
        ("base_period", [3]),
    ),
    "StepLR": (
        lambda: LRScheduler("StepLR", step_size=1, gamma=0.7),
        False,
        ("gamma", [0.5, 0.9]),
    ),
    "CosineAnnealingLR": (
        lambda: LRScheduler("CosineAnnealingLR", T_max=4),
        False,
        ("T_max", [2, 4]),
    ),
    "ReduceLROnPlateau": (
        lambda: LRScheduler("ReduceLROnPlateau", monitor="valid_loss", patience=1),
        True,
        ("patience", [0, 1]),
    ),
    "OneCycleLR": (
        lambda: LRScheduler(torch.optim.lr_scheduler.OneCycleLR, **ONE_CYCLE),
        False,
        ("max_lr", [0.01, 0.1]),
    ),
    "Checkpoint": (lambda: Checkpoint(load_best=True), True, ("f_optimizer", [None])),
    "Checkpoint of training": (
        lambda: Checkpoint(monitor="train_loss_best"),
        False,
        ("fn_prefix", ["a", "b"]),
    ),
    "TrainEndCheckpoint": (TrainEndCheckpoint, False, ("fn_prefix", ["a", "b"])),
    "ProgressBar": (ProgressBar, False, ("batches_per_epoch", ["auto", 2])),
    "GradientNormClipping": (
        GradientNormClipping,
        False,
        ("gradient_clip_value", [0.1, 1.0]),
    ),
    "Freezer": (lambda: Freezer("layers.0.*"), False, ("at", [1, 2])),
    "Unfreezer": (lambda: Unfreezer("layers.*", at=2), False, ("at", [1, 2])),
    "Initializer": (
        lambda: Initializer("*.bias", fn=nn.init.zeros_),
        False,
        ("fn", [nn.init.ones_]),
    ),
    "ParamMapper": (
        lambda: ParamMapper("*.bias", fn=nn.init.zeros_, at=2),
        False,
        ("at", [1, 2]),
    ),
    "PrintLog": (lambda: PrintLog(sink=[].append), False, ("floatfmt", [".1f"])),
    "InputShapeSetter": (
        lambda: InputShapeSetter("n_features"),
        False,
        ("module_name", ["module"]),
    ),
    "mean of weights": (MeanOfWeights, False, ("first_epoch", [1, 2])),
}


def trained_rows(net, epoch=-1):
    return sum(net.history[epoch, "batches", :, "train_batch_size"])


def net_with(name, **params):
    return make_net(callbacks=[("mine", CALLBACKS[name][0]())], **params)
