"""Multi-label losses on (logits, targets), in which NaN is an unknown label.

Each is a module, by class or by short name, over a pure function. `activation` turns
logits into probabilities as the loss sees them, `decision_logit` is its threshold.
"""

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._cross_entropy import (
    BCELoss,
    TemperedBCELoss,
    bce_loss,
    tempered_bce_loss,
)
from sklearn_clip.losses._distribution_balanced import (
    DistributionBalancedLoss,
    distribution_balanced_loss,
)
from sklearn_clip.losses._focal import (
    AsymmetricLoss,
    FocalLoss,
    asymmetric_loss,
    focal_loss,
)
from sklearn_clip.losses._missing_labels import (
    HillLoss,
    SPLCLoss,
    hill_loss,
    splc_loss,
)
from sklearn_clip.losses._ranking import (
    TwoWayLoss,
    ZLPRLoss,
    two_way_loss,
    zlpr_loss,
)
from sklearn_clip.losses._registry import LOSSES, make_loss
from sklearn_clip.losses._soft_f1 import SoftF1Loss, soft_f1_loss

__all__ = [
    "LOSSES",
    "AsymmetricLoss",
    "BCELoss",
    "DistributionBalancedLoss",
    "FocalLoss",
    "HillLoss",
    "MultiLabelLoss",
    "SPLCLoss",
    "SoftF1Loss",
    "TemperedBCELoss",
    "TwoWayLoss",
    "ZLPRLoss",
    "asymmetric_loss",
    "bce_loss",
    "distribution_balanced_loss",
    "focal_loss",
    "hill_loss",
    "make_loss",
    "soft_f1_loss",
    "splc_loss",
    "tempered_bce_loss",
    "two_way_loss",
    "zlpr_loss",
]
