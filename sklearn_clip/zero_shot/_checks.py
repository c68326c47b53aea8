"""What the classifier is given: featurizer, model and labelled rows, checked."""

import numpy as np
from sklearn.frozen import FrozenEstimator

from sklearn_clip._featurizer import CLIPFeaturizer
from sklearn_clip.embedding import load_backbone
from sklearn_clip.fusion import (
    CallableFusion,
    ImageFusion,
    MeanFusion,
    TextFusion,
    make_fusion,
)


def check_featurizer(featurizer):
    """Check, without a model, that the rows of a featurizer lie where prompts do.

    Parameters
    ----------
    featurizer : CLIPFeaturizer or FrozenEstimator
        The parameter.

    Raises
    ------
    TypeError
        If something else is frozen.
    ValueError
        If its features, or what its fusion makes of them, cannot be compared with
        prompts.
    """
    clip = unfrozen(featurizer)
    if not isinstance(clip, CLIPFeaturizer):
        raise TypeError(
            "featurizer must be a CLIPFeaturizer, or a FrozenEstimator of one. Got a "
            f"FrozenEstimator of {type(clip).__name__}."
        )
    if clip.features != "embedding":
        raise ValueError(
            "featurizer must have features='embedding', the space in which rows and "
            f"prompts are compared. Got features={clip.features!r}, which is for "
            "classifiers that are fitted on labelled rows."
        )
    available = tuple(m for m in ("image", "text") if getattr(clip, m) is not None)
    fusion = make_fusion(clip.fusion, available)
    comparable = (ImageFusion, TextFusion, MeanFusion, CallableFusion)
    if not isinstance(fusion, comparable) or clip.add_missing_indicator:
        raise ValueError(
            "featurizer must give rows that can be compared with prompts, of image, "
            "text or their mean, without indicators. Got "
            f"fusion={clip.fusion!r}, image={clip.image!r}, text={clip.text!r}, "
            f"add_missing_indicator={clip.add_missing_indicator}. For images alone set "
            "text=None, for texts image=None, for both fusion='mean'."
        )
    if clip.regions is not None and not isinstance(fusion, ImageFusion):
        raise ValueError(
            "featurizer must give images alone where it has regions, which prompts are "
            f"compared with one by one. Got regions={clip.regions!r} with "
            f"fusion={clip.fusion!r}, image={clip.image!r}, text={clip.text!r}. Set "
            "text=None, or regions=None."
        )


def has_regions(featurizer):
    """Tell whether the rows of a featurizer hold vectors of regions.

    Parameters
    ----------
    featurizer : CLIPFeaturizer or FrozenEstimator
        What gives the rows.

    Returns
    -------
    bool
        Whether it has `regions`.
    """
    return unfrozen(featurizer).regions is not None


def read_logits(featurizer):
    """Read what a model was trained to make of a cosine.

    Parameters
    ----------
    featurizer : CLIPFeaturizer or FrozenEstimator
        Names the model.

    Returns
    -------
    scale : float
        Factor of the cosine.
    bias : float or None
        What is added; None where the model has none.
    """
    clip = unfrozen(featurizer)
    backbone = load_backbone(
        clip.model_name,
        clip.pretrained,
        preprocess=clip.preprocess,
        device=clip.device,
        precision=clip.precision,
        engine=clip.engine,
        towers=(),
    )
    return backbone.logit_scale, backbone.logit_bias


def shows_nothing(features):
    """Find rows in which there is nothing to see.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        What the featurizer gave.

    Returns
    -------
    ndarray of shape (n,), dtype bool
        Rows of zeros, or with NaN.
    """
    return ~features.any(axis=1) | np.isnan(features).any(axis=1)


def unfrozen(featurizer):
    """Take the featurizer out of what keeps it from being fitted again.

    Parameters
    ----------
    featurizer : CLIPFeaturizer or FrozenEstimator
        What gives the rows.

    Returns
    -------
    CLIPFeaturizer
        The featurizer itself.
    """
    return (
        featurizer.estimator if isinstance(featurizer, FrozenEstimator) else featurizer
    )
