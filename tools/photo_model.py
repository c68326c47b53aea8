"""photo-tiny as an open_clip model: an ImageNet classifier that points into words.

The image tower is EfficientNet-Lite0 as it was trained on ImageNet, classifier
included. open_clip's ``timm_proj: "mlp"`` (Linear, GELU, Linear) holds the rest: the
first layer gives the logits of the 1,000 classes, the activation drops those that are
not seen, and the second layer adds up the word vectors of the others. This is ConSE
(Norouzi et al., "Zero-shot learning by convex combination of semantic embeddings", ICLR
2014), with logits over a threshold in place of probabilities. The hidden units that no
class needs carry the features themselves, for classifiers that are fitted on the
embedding.
"""

import numpy as np
import torch
from photo_text import round_rows, text_config
from torch.nn import functional

IMAGE_SIZE = 224
# With twice as many hidden units: 1,000 classes and 680 features, which are, behind the
# 160 numbers that texts reach, all there is in the embedding.
EMBED_DIM = 840
N_CLASSES = 1000
# Of the ImageNet weights: pixels in [-1, 1].
MEAN = STD = (0.5, 0.5, 0.5)
# A class counts by what its logit has over this; the sharper, the nearer GELU comes to
# max(x, 0).
THRESHOLD, SHARPNESS = 2.0, 4.0
# GELU is close to the identity around this, for features of this size.
_LINEAR_FROM, _SPREAD = 3.0, 0.5


def config(n_numbers):
    """Return the content of ``open_clip_config.json``.

    Parameters
    ----------
    n_numbers : int
        Length of a token's vector.
    """
    return {
        "model_cfg": {
            "embed_dim": EMBED_DIM,
            "vision_cfg": {
                "timm_model_name": "tf_efficientnet_lite0",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "mlp",
                "timm_proj_bias": True,
                "image_size": IMAGE_SIZE,
            },
            "text_cfg": text_config(n_numbers),
        },
        "preprocess_cfg": {
            "mean": list(MEAN),
            "std": list(STD),
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }


def image_tower(trunk, classifier, classes, features, slopes, scale):
    """Return the weights of the image tower by open_clip's names.

    The embedding of a picture is the sum of its classes' vectors and, at the same
    numbers, of `slopes`; behind them stand the features.

    Parameters
    ----------
    trunk : dict of str to Tensor
        Of timm's ``tf_efficientnet_lite0``; its classifier is left out.
    classifier : tuple of ndarray, shapes (N_CLASSES, width) and (N_CLASSES,)
        Weights and biases of ImageNet's classes.
    classes : ndarray of shape (N_CLASSES, n_numbers)
        Where each class lies in the part of the embedding that texts reach.
    features : tuple of ndarray, shapes (n_features, width) and (width,)
        Directions of the trunk's output, and what is subtracted before.
    slopes : ndarray of shape (n_features, n_slopes)
        From features to the first numbers of the embedding.
    scale : float
        Factor of the features in the embedding.

    Returns
    -------
    dict of str to Tensor
        float32.
    """
    weight, bias = classifier
    directions, mean = features
    n_features, n_numbers = len(directions), classes.shape[1]
    # Features in the embedding fill what is left of it, the first directions first.
    n_kept = min(n_features, EMBED_DIM - n_numbers)
    small = _SPREAD / np.sqrt(np.mean((mean @ directions.T) ** 2))
    first = np.vstack([SHARPNESS * weight, small * directions])
    first_bias = np.concatenate(
        [SHARPNESS * (bias - THRESHOLD), _LINEAR_FROM - small * directions @ mean]
    )
    second = np.zeros((EMBED_DIM, N_CLASSES + n_features))
    second[:n_numbers, :N_CLASSES] = classes.T / SHARPNESS
    second[: slopes.shape[1], N_CLASSES:] = slopes.T / small
    kept = np.arange(n_kept)
    second[n_numbers + kept, N_CLASSES + kept] = scale / small
    # A feature at its mean shall leave the embedding as it is.
    offset = functional.gelu(torch.tensor(_LINEAR_FROM)).item()
    second_bias = -offset * second[:, N_CLASSES:].sum(1)
    weights = {
        f"visual.trunk.{name}": value.float() if value.is_floating_point() else value
        for name, value in trunk.items()
        if not name.startswith("classifier.")
    }
    layers = {"fc1": (first, first_bias), "fc2": (second, second_bias)}
    for name, (matrix, vector) in layers.items():
        weights[f"visual.head.mlp.{name}.weight"] = torch.from_numpy(matrix).float()
        weights[f"visual.head.mlp.{name}.bias"] = torch.from_numpy(vector).float()
    return weights


def compact(weights):
    """Return tables in half precision, rounded to what a zip archive packs well.

    Vectors, batch normalisation among them, stay as they are. So do the digits of the
    token table, which is rounded already.

    Parameters
    ----------
    weights : dict of str to Tensor
        float32 or int64.

    Returns
    -------
    dict of str to Tensor
        float16 for tables, else as they came.
    """
    packed = {}
    for name, value in weights.items():
        if value.dim() > 1 and not name.startswith("token"):
            rows = round_rows(value.flatten(1).double().numpy())
            value = torch.from_numpy(rows).view_as(value)
        packed[name] = (value.half() if value.dim() > 1 else value).contiguous()
    return packed
