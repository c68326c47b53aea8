"""What open_clip's preprocessing does, read off its steps."""

from open_clip.transform import CenterCropOrPad, ResizeKeepRatio
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

from sklearn_clip.embedding.images._aspect_ratio import ShapeBound
from sklearn_clip.embedding.images._preparation import PixelPlan


def read_plan(preprocess):
    """Write a transform of open_clip in plain values.

    Parameters
    ----------
    preprocess : callable
        PIL image to tensor of shape (3, h, w).

    Returns
    -------
    PixelPlan or None
        None where it does something that a plan has no word for.
    """
    steps = preprocess.transforms if isinstance(preprocess, Compose) else []
    if len(steps) < 3 or not isinstance(steps[-2], ToTensor):
        return None
    if not isinstance(steps[-1], Normalize):
        return None
    said = _read_shape(*steps[:2])
    # Where torchvision's names of filters are not Pillow's, the latter are not known.
    resample = getattr(getattr(steps[0], "interpolation", None), "name", None)
    if said is None or resample not in Image.Resampling.__members__:
        return None
    mean, std = (tuple(map(float, v)) for v in (steps[-1].mean, steps[-1].std))
    return PixelPlan(resample=resample, mean=mean, std=std, **said)


def _read_shape(resize, then):
    """How pictures get their shape; None where it is by no way that a plan knows."""
    if isinstance(resize, ResizeKeepRatio):
        size = tuple(resize.size)
        if tuple(getattr(then, "size", ())) != size:
            return None
        if isinstance(then, CenterCropOrPad) and resize.longest == 1:
            return {"shape": "pad", "size": size, "fill": then.fill}
        if isinstance(then, CenterCrop) and resize.longest == 0:
            return {"shape": "cover", "size": size}
        return None
    if not isinstance(resize, Resize) or resize.max_size is not None:
        return None
    size = [resize.size] if isinstance(resize.size, int) else list(resize.size)
    if len(size) == 2:
        crops = isinstance(then, CenterCrop | CenterCropOrPad)
        return None if crops else {"shape": "squash", "size": tuple(size)}
    if not isinstance(then, CenterCrop) or size[0] < max(then.size):
        return None
    return {"shape": "crop", "size": tuple(then.size), "side": size[0]}


def read_bound(preprocess):
    """Find the bound of extreme shapes that goes with a transform.

    Parameters
    ----------
    preprocess : callable
        PIL image to tensor.

    Returns
    -------
    ShapeBound
        It leaves pictures as they are where the first step is no resizing.
    """
    steps = preprocess.transforms if isinstance(preprocess, Compose) else []
    if not steps or not isinstance(steps[0], Resize | ResizeKeepRatio):
        return ShapeBound(None, Image.Resampling.BICUBIC)
    size = steps[0].size
    target = (size,) if isinstance(size, int) else tuple(size)
    name = getattr(steps[0].interpolation, "name", "")
    resample = Image.Resampling.__members__.get(name, Image.Resampling.BICUBIC)
    crops = (step.size for step in steps if isinstance(step, CenterCrop))
    pads = (step.fill for step in steps if isinstance(step, CenterCropOrPad))
    return ShapeBound(target, resample, next(crops, None), next(pads, None))


def read_draft_side(preprocess):
    """Find the side in pixels below which no JPEG need be decoded.

    Parameters
    ----------
    preprocess : callable
        PIL image to tensor.

    Returns
    -------
    int or None
        Twice the side that pictures are resized to; None if they are not.
    """
    steps = preprocess.transforms if isinstance(preprocess, Compose) else []
    for step in steps:
        if isinstance(step, Resize | ResizeKeepRatio):
            return 2 * (step.size if isinstance(step.size, int) else max(step.size))
    return None
