"""Arrays that are pictures: the shapes and types that say all there is to know."""

import sys

import numpy as np

from sklearn_clip.embedding.images._bit_depth import scale_values

_WHITE = {"uint8": 255, "uint16": 65535}
_CHANNELS = (1, 3, 4)
_SHAPES = "(h, w), or with 1, 3 or 4 channels last or first"


def is_array(source):
    """Tell an array or a tensor, of whatever library, from the other kinds of images.

    Parameters
    ----------
    source : object
        What was given as an image, and is no path, no bytes and no PIL image.

    Returns
    -------
    bool
        Whether it is one.
    """
    return isinstance(source, np.ndarray) or (
        hasattr(source, "shape") and hasattr(source, "dtype")
    )


def name_dtype(source):
    """Name the type of an array's values.

    Parameters
    ----------
    source : ndarray or torch.Tensor
        The array.

    Returns
    -------
    str
        For example ``"uint16"``, in whatever byte order.
    """
    name = getattr(source.dtype, "name", None) or str(source.dtype)
    return name.removeprefix("torch.")


def pixels_of(source):
    """Turn an array that is a picture into the one form that all others share.

    The type states which value is white: 255 of uint8, 65535 of uint16. Channels stand
    last; they are taken to stand first if there are 1, 3 or 4 of them there and not so
    many last.

    Parameters
    ----------
    source : ndarray or torch.Tensor
        The picture, of shape (h, w), or with 1, 3 or 4 channels last or first.

    Returns
    -------
    ndarray of uint8 of shape (h, w), (h, w, 3) or (h, w, 4)
        The pixels, which may be those of `source` itself.

    Raises
    ------
    ValueError
        If the type or the shape leaves open which picture it is.
    """
    dtype, shape = name_dtype(source), tuple(source.shape)
    if dtype not in _WHITE:
        raise ValueError(_refuse_type(source, dtype, shape))
    array, is_tensor = _as_numpy(source)
    if len(shape) == 3:
        array = _channels_last(array, is_tensor)
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise ValueError(_refuse_shape(shape))
    if 0 in shape:
        raise ValueError(f"an image array must have pixels, got {shape}")
    return array if dtype == "uint8" else scale_values(array, 0, _WHITE[dtype])


def _as_numpy(source):
    if isinstance(source, np.ma.MaskedArray):
        if np.ma.is_masked(source):
            raise ValueError(
                f"{np.ma.count_masked(source)} values of an image array are masked, "
                "and no colour is known for them: give x.filled(255)"
            )
        return source.data, False
    if isinstance(source, np.ndarray):
        return np.asarray(source), False
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    if torch is None or not isinstance(source, torch.Tensor):
        kind = f"{type(source).__module__.split('.')[0]}.{type(source).__name__}"
        raise ValueError(
            f"an image must be a numpy array or a tensor of torch, got a {kind} of "
            f"shape {tuple(source.shape)}: give numpy.asarray(x), once it is in main "
            "memory"
        )
    if source.device.type != "cpu":
        raise ValueError(
            "a tensor that is an image must be in main memory, got one on "
            f"{str(source.device)!r}: give x.cpu()"
        )
    return source.numpy(), True


def _channels_last(array, is_tensor):
    """Drop a channel that is alone, and move those that stand first to the end."""
    shape = array.shape
    # By the contract (h, w, 3) and (h, w, 4) are what they are for any h. Tensors have
    # their channels first by custom, so that for them the first axis may be as good.
    last = shape[2] in _CHANNELS
    first = shape[0] in _CHANNELS
    if first and last and (is_tensor or shape[2] == 1):
        raise ValueError(
            f"an image array of shape {shape} may have its channels first or last: "
            "give a numpy array of shape (h, w, 3), (h, w, 4) or (h, w)"
        )
    if last:
        return array[..., 0] if shape[2] == 1 else array
    if first:
        return array[0] if shape[0] == 1 else np.moveaxis(array, 0, 2)
    return array


def _refuse_type(source, dtype, shape):
    least, most = _extremes(source)
    told = "" if most is None else f" with values from {least:.6g} to {most:.6g}"
    return (
        f"an image array must be uint8 with values from 0 to 255, got {dtype} of shape "
        f"{shape}{told}: {_conversion(dtype, least, most)}, or its file's path or bytes"
    )


def _extremes(source):
    """Least and largest value of an array, None where that is not easily told."""
    if not isinstance(source, np.ndarray) or source.dtype.kind not in "iuf":
        return None, None
    if not source.size or np.isnan(source).all():
        return None, None
    return np.nanmin(source), np.nanmax(source)


def _conversion(dtype, least, most):
    """Say what makes 8 bits of an array, if its type and values leave one guess."""
    if dtype == "bool":
        return "give 255 * x.astype(numpy.uint8) if True is white"
    is_float = dtype.startswith(("float", "bfloat"))
    is_whole = dtype.startswith(("int", "uint"))
    if (is_float or is_whole) and (least is None or least >= 0):
        whole = "x.round()" if is_float else "x"
        if is_float and (most is None or most <= 1):
            return "give (255 * x).round().astype(numpy.uint8) if 1 is white"
        if most is None or most <= _WHITE["uint8"]:
            return f"give {whole}.astype(numpy.uint8) if 255 is white"
        if most <= _WHITE["uint16"]:
            return f"give {whole}.astype(numpy.uint16) if 65535 is white"
    return "give x.astype(numpy.uint8) once its values are from 0 to 255"


def _refuse_shape(shape):
    hint = ""
    if len(shape) == 3 and shape[2] == 2:
        hint = (
            ": for grey with alpha give PIL.Image.fromarray(x), or its file's path or "
            "bytes"
        )
    elif len(shape) == 4:
        hint = ": for several images give list(x)"
    return f"an image array must have shape {_SHAPES}, got {shape}{hint}"
