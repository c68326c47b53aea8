"""Small nets, modules, losses and callbacks for the tests of nets."""

import torch
from skorch.callbacks import Callback
from torch import nn

from sklearn_clip.heads import MultiLabelNet
from sklearn_clip.losses import AsymmetricLoss

N_LABELS = 4


def make_net(**params):
    defaults = {"max_epochs": 4, "lr": 0.01, "device": "cpu", "random_state": 0}
    if params.get("module", "mlp") == "mlp":
        defaults |= {"module__hidden": 16, "module__dropout": 0.2}
    return MultiLabelNet(**defaults | params)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


class TwoLayers(nn.Module):
    """A module of a user's own, with only one of the two sizes in its signature."""

    def __init__(self, n_labels, width=8, d=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(d, width), nn.ReLU(), nn.Linear(width, n_labels)
        )

    def forward(self, x):
        return self.layers(x)


class EpochsSeen(AsymmetricLoss):
    """Keeps the epochs it was told of."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def set_epoch(self, epoch):
        self.seen.append(epoch)


class Counter(Callback):
    """Counts epochs."""

    def on_train_begin(self, net, **kwargs):
        self.n_epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1
