"""The fusions, one class each, and the strings that name them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

# One row each; which of the rows have the item.
Vectors: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]


def check_fused(fused: ArrayLike, n_rows: int) -> Vectors:
    """Check what a fusion has made of rows.

    Parameters
    ----------
    fused : array-like
        The features.
    n_rows : int
        Number of rows that were fused.

    Returns
    -------
    ndarray of shape (n_rows, k)
        The features.

    Raises
    ------
    ValueError
        If it has another shape, or does not hold real numbers.
    """
    fused = np.asarray(fused)
    if fused.ndim != 2 or len(fused) != n_rows or fused.dtype.kind not in "biuf":
        raise ValueError(
            "A fusion must return an array of numbers of shape (n, k), with one row "
            f"per input row. Got shape {fused.shape} and dtype {fused.dtype} for "
            f"{n_rows} rows."
        )
    return fused


class Fusion(BaseEstimator):
    """What every fusion is: a rule from image and text rows to feature rows.

    A subclass sets `modalities`, those it needs, and `blocks`, the names of the blocks
    of columns it makes, each as wide as a vector, and implements `fuse`; if its columns
    are others it implements `feature_names` too. Its parameters can be searched as
    ``clip__fusion__<name>``.
    """

    modalities: tuple[str, ...] = ("image", "text")
    optional = False
    blocks: tuple[str, ...] = ()

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Fuse aligned rows.

        Parameters
        ----------
        image, text : ndarray of shape (n, d)
            One vector per row; zeros where the item is missing.
        image_present, text_present : ndarray of shape (n,), dtype bool
            Which rows have the item.

        Returns
        -------
        ndarray of shape (n, k)
            The features.
        """
        raise NotImplementedError

    def feature_names(self, embedding_dim: int) -> list[str]:
        """Name the columns that `fuse` makes.

        Parameters
        ----------
        embedding_dim : int
            Length of an image or text vector.

        Returns
        -------
        list of str
            For example ``"image_0"``, ``"image_1"``, ...

        Raises
        ------
        NotImplementedError
            If the class sets no `blocks` and does not name its columns itself.
        """
        if not self.blocks:
            raise NotImplementedError(
                f"{type(self).__name__} must set blocks, or implement feature_names, "
                "to name its columns."
            )
        return [f"{block}_{i}" for block in self.blocks for i in range(embedding_dim)]


class ImageFusion(Fusion):
    """The image vector alone; texts are neither required nor encoded."""

    modalities = ("image",)
    blocks = ("image",)

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the image rows."""
        return image


class TextFusion(Fusion):
    """The text vector alone; images are neither required nor encoded."""

    modalities = ("text",)
    blocks = ("text",)

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the text rows."""
        return text


class ConcatFusion(Fusion):
    """Image and text side by side, [i, t].

    A row without an image is [0, t], one without a text [i, 0]. Of an X that has one
    modality only (``image=None`` or ``text=None``) it is that modality alone.
    """

    optional = True
    blocks = ("image", "text")

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the rows side by side."""
        return np.hstack([image, text])


def _is_share(weight):
    return isinstance(weight, Real) and 0 <= weight <= 1


class MeanFusion(Fusion):
    """Weighted mean; a row that has only one of the two is that one.

    So is every row of an X that has one modality only.

    Parameters
    ----------
    weight : float, default=0.5
        Weight of the image in [0, 1]; the text has the rest.
    """

    optional = True
    blocks = ("mean",)

    def __init__(self, weight=0.5):
        self.weight = weight

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return weight * image + (1 - weight) * text."""
        if not _is_share(self.weight):
            raise ValueError(
                f"The weight of MeanFusion must be in [0, 1]. Got {self.weight!r}."
            )
        # Where one is missing the other has all the weight: 1 or 0 instead of `weight`.
        weight = np.where(image_present & text_present, self.weight, image_present)
        weight = weight[:, None].astype(image.dtype)
        return weight * image + (1 - weight) * text


class MaxFusion(Fusion):
    """Elementwise maximum; a row that has only one of the two is that one.

    So is every row of an X that has one modality only.
    """

    optional = True
    blocks = ("max",)

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return max(image, text) of what is present."""
        return np.select(
            [~text_present[:, None], ~image_present[:, None]],
            [image, text],
            np.maximum(image, text),
        )


class ProductFusion(Fusion):
    """Hadamard product i * t; zero where one of the two is missing."""

    blocks = ("product",)

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the elementwise product."""
        return image * text


class ConcatProductFusion(Fusion):
    """Image, text and their Hadamard product, [i, t, i * t]."""

    blocks = ("image", "text", "product")

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the three blocks side by side."""
        return np.hstack([image, text, image * text])


class InteractionFusion(Fusion):
    """Image, text, product, distance and cosine, [i, t, i * t, |i - t|, cos]."""

    blocks = ("image", "text", "product", "distance")

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the four blocks and the cosine, which is 0 beside a missing item."""
        product = image * text
        norms = np.linalg.norm(image, axis=1) * np.linalg.norm(text, axis=1)
        cosine = product.sum(axis=1) / np.where(norms == 0, 1, norms)
        distance = np.abs(image - text)
        return np.hstack([image, text, product, distance, cosine[:, None]])

    def feature_names(self, embedding_dim: int) -> list[str]:
        """Name the columns of the four blocks, and the cosine."""
        return [*super().feature_names(embedding_dim), "cosine"]


class CallableFusion(Fusion):
    """A function of the user's as a fusion.

    Parameters
    ----------
    function : callable
        Takes image and text arrays of shape (n, d), returns an array of shape (n, k).
        To be pickled it must be importable, so no lambda.
    """

    def __init__(self, function):
        self.function = function

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return what the function returns, checked."""
        return check_fused(self.function(image, text), len(image))

    def feature_names(self, embedding_dim: int) -> list[str]:
        """Name the columns by position; the function is called once to count them."""
        one = np.ones((1, embedding_dim), dtype=np.float32)
        width = check_fused(self.function(one, one), 1).shape[1]
        return [f"fused_{i}" for i in range(width)]


_PRESETS = {
    "image": ImageFusion,
    "text": TextFusion,
    "concat": ConcatFusion,
    "mean": MeanFusion,
    "max": MaxFusion,
    "product": ProductFusion,
    "concat_product": ConcatProductFusion,
    "interaction": InteractionFusion,
}


def make_fusion(
    fusion: str | Fusion | Callable[[Vectors, Vectors], ArrayLike],
    available: Collection[str] = ("image", "text"),
) -> Fusion:
    """Turn the ``fusion`` parameter of a featurizer into a fusion.

    Parameters
    ----------
    fusion : str, Fusion or callable
        A preset, a fusion object, or a function (image, text) -> (n, k).
    available : tuple of {"image", "text"}, default=("image", "text")
        The modalities that X has.

    Returns
    -------
    Fusion
        The fusion. Concat, mean and max of one available modality are that modality.

    Raises
    ------
    ValueError
        If there is no such preset, or it needs a modality that is not available.
    TypeError
        If it is neither a string, nor a fusion, nor callable.
    """
    made = _from_parameter(fusion)
    absent = [m for m in made.modalities if m not in available]
    if not absent:
        return made
    if made.optional and available:
        return ImageFusion() if "image" in available else TextFusion()
    raise ValueError(
        f"fusion={fusion!r} needs {' and '.join(made.modalities)}. Got "
        f"{' and '.join(f'{m}=None' for m in absent)}. Name the column with "
        f"{absent[0]}=..., or choose another fusion."
    )


def _from_parameter(fusion):
    if isinstance(fusion, Fusion):
        return fusion
    if isinstance(fusion, str):
        if fusion not in _PRESETS:
            raise ValueError(
                f"fusion must be one of {sorted(_PRESETS)}, a Fusion, or a function "
                f"(image, text) -> array. Got {fusion!r}."
            )
        return _PRESETS[fusion]()
    if callable(fusion) and not isinstance(fusion, type):
        return CallableFusion(fusion)
    raise TypeError(
        "fusion must be a str, a Fusion object such as MeanFusion(weight=0.7), or a "
        f"function. Got {fusion!r}."
    )
