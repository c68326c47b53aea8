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
    are others it implements `feature_names` too. One that combines the two number by
    number sets ``equal_widths = True``: vectors of different lengths
    (``CLIPFeaturizer(features="penultimate")``) are then refused before anything is
    encoded. Its parameters can be searched as ``clip__fusion__<name>``.
    """

    modalities: tuple[str, ...] = ("image", "text")
    optional = False
    equal_widths = False
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

    def feature_names(
        self, embedding_dim: int, text_dim: int | None = None
    ) -> list[str]:
        """Name the columns that `fuse` makes.

        Parameters
        ----------
        embedding_dim : int
            Length of an image or text vector.
        text_dim : int or None, default=None
            Length of a text vector, where it is another.

        Returns
        -------
        list of str
            For example ``"image_0"``, ``"image_1"``, ...

        Raises
        ------
        NotImplementedError
            If the class sets no `blocks`, or others than image and text for vectors of
            two lengths, and does not name its columns itself.
        ValueError
            If it needs vectors of one length, and they are of two.
        """
        if not self.blocks:
            raise NotImplementedError(
                f"{type(self).__name__} must set blocks, or implement feature_names, "
                "to name its columns."
            )
        text_dim = embedding_dim if text_dim is None else text_dim
        self.check_widths(embedding_dim, text_dim)
        widths = {"image": embedding_dim, "text": text_dim}
        if embedding_dim != text_dim and not widths.keys() >= set(self.blocks):
            raise NotImplementedError(
                f"{type(self).__name__} must implement feature_names, to name its "
                f"columns where image vectors have a length of {embedding_dim} and "
                f"text vectors one of {text_dim}."
            )
        return [
            f"{block}_{i}"
            for block in self.blocks
            for i in range(widths.get(block, embedding_dim))
        ]

    def check_widths(self, image_dim: int, text_dim: int) -> None:
        """Check that the fusion takes image and text vectors of these lengths.

        Parameters
        ----------
        image_dim, text_dim : int
            The lengths.

        Raises
        ------
        ValueError
            If it needs vectors of one length, and they are of two.
        """
        if self.equal_widths and image_dim != text_dim:
            raise ValueError(
                f"{type(self).__name__} must have image and text vectors of one "
                f"length. Got {image_dim} and {text_dim}, as features='penultimate' "
                "gives them for this model. Take fusion='concat', 'image' or 'text', "
                "or features='embedding'."
            )


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
    equal_widths = True
    blocks = ("mean",)

    def __init__(self, weight=0.5):
        self.weight = weight

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return weight * image + (1 - weight) * text."""
        self.check_widths(image.shape[1], text.shape[1])
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
    equal_widths = True
    blocks = ("max",)

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return max(image, text) of what is present."""
        self.check_widths(image.shape[1], text.shape[1])
        return np.select(
            [~text_present[:, None], ~image_present[:, None]],
            [image, text],
            np.maximum(image, text),
        )


class _ProductBlockFusion(Fusion):
    """What makes a block i * t, on the scale of the vectors or as it comes."""

    equal_widths = True

    def __init__(self, block_norm=True):
        self.block_norm = block_norm

    def __setstate__(self, state):
        """Leave the product as it came to what was saved before it had a scale."""
        super().__setstate__({"block_norm": False, **state})

    def _multiply(self, image, text):
        """Return the product of aligned rows, scaled."""
        self.check_widths(image.shape[1], text.shape[1])
        if not isinstance(self.block_norm, bool | np.bool_):
            raise ValueError(
                f"The block_norm of {type(self).__name__} must be True or False. "
                f"Got {self.block_norm!r}."
            )
        product = image * text
        if not self.block_norm:
            return product
        # sqrt(|i| |t|) i * t / |i * t|: twice the vectors make twice the block, as of
        # its neighbours. A factor of sqrt(d) for all would do for random directions. An
        # encoder has others: of photographs it gave norms of 2.2, and up to 9.6.
        norms = np.linalg.norm(product, axis=1, keepdims=True)
        scale = np.sqrt(
            np.linalg.norm(image, axis=1, keepdims=True)
            * np.linalg.norm(text, axis=1, keepdims=True)
        )
        return product * (scale / np.where(norms == 0, 1, norms))


class ProductFusion(_ProductBlockFusion):
    """Hadamard product i * t; zero where one of the two is missing.

    Parameters
    ----------
    block_norm : bool, default=True
        Scale the product of each row to the norm that its vectors have, 1 if they are
        L2-normalised, their geometric mean if not. The product of two unit vectors of
        length d has a norm of about 1 / sqrt(d), 0.05 for d = 384, which a penalised
        head, or one that learns by steps, hardly sees. False leaves it so.
    """

    blocks = ("product",)

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the elementwise product."""
        return self._multiply(image, text)


class ConcatProductFusion(_ProductBlockFusion):
    """Image, text and their Hadamard product, [i, t, s * i * t].

    Parameters
    ----------
    block_norm : bool, default=True
        Whether s scales the product of each row to the norm that its vectors have, 1 if
        they are L2-normalised, their geometric mean if not; or is 1. The product of two
        unit vectors of length d has a norm of about 1 / sqrt(d), 0.05 for d = 384:
        beside 1 a penalised head hardly sees it, and the fusion is as good as
        `ConcatFusion`. An object that was saved before there was this parameter has
        False.
    """

    blocks = ("image", "text", "product")

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the three blocks side by side."""
        return np.hstack([image, text, self._multiply(image, text)])


class InteractionFusion(_ProductBlockFusion):
    """Image, text, product, distance and cosine, [i, t, s * i * t, |i - t|, cos].

    Parameters
    ----------
    block_norm : bool, default=True
        Whether s scales the product as in `ConcatProductFusion`, or is 1. The distance
        of two unit vectors is on their scale as it is: its norm is at most 2.
    """

    blocks = ("image", "text", "product", "distance")

    def fuse(
        self, image: Vectors, text: Vectors, image_present: Mask, text_present: Mask
    ) -> Vectors:
        """Return the four blocks and the cosine, which is 0 beside a missing item."""
        product = self._multiply(image, text)
        norms = np.linalg.norm(image, axis=1) * np.linalg.norm(text, axis=1)
        cosine = (image * text).sum(axis=1) / np.where(norms == 0, 1, norms)
        distance = np.abs(image - text)
        return np.hstack([image, text, product, distance, cosine[:, None]])

    def feature_names(
        self, embedding_dim: int, text_dim: int | None = None
    ) -> list[str]:
        """Name the columns of the four blocks, and the cosine."""
        return [*super().feature_names(embedding_dim, text_dim), "cosine"]


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
        try:
            fused = self.function(image, text)
        except ValueError as exc:
            widths = image.shape[1], text.shape[1]
            if widths[0] == widths[1]:
                raise
            raise ValueError(
                "fusion must take image and text vectors of the lengths "
                f"{widths[0]} and {widths[1]}, as features='penultimate' gives them "
                f"for this model. The function raised: {exc}."
            ) from exc
        return check_fused(fused, len(image))

    def feature_names(
        self, embedding_dim: int, text_dim: int | None = None
    ) -> list[str]:
        """Name the columns by position; the function is called once to count them."""
        text_dim = embedding_dim if text_dim is None else text_dim
        image, text = (
            np.ones((1, width), dtype=np.float32) for width in (embedding_dim, text_dim)
        )
        there = np.ones(1, dtype=bool)
        return [
            f"fused_{i}" for i in range(self.fuse(image, text, there, there).shape[1])
        ]


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


# What these strings meant before a product had a scale.
_PLAIN_PRESETS: dict[str, Any] = {
    name: made
    for name, made in _PRESETS.items()
    if issubclass(made, _ProductBlockFusion)
}


def name_plain_preset(fusion: Any) -> Any:
    """Say in today's terms what a `fusion` parameter meant before `block_norm`.

    Parameters
    ----------
    fusion : str, Fusion or callable
        As it was saved.

    Returns
    -------
    str, Fusion or callable
        For a preset with a product an object that leaves it unscaled; else `fusion`.
    """
    made = _PLAIN_PRESETS.get(fusion) if isinstance(fusion, str) else None
    return fusion if made is None else made(block_norm=False)


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
