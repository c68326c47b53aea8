"""How a picture becomes the pixels that a model takes, by Pillow alone."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sklearn_clip.embedding.images._aspect_ratio import ShapeBound


@dataclass(frozen=True)
class PixelPlan:
    """What a model's preprocessing does to a picture, in plain values.

    Parameters
    ----------
    shape : {"crop", "cover", "pad", "squash"}
        How a picture gets the shape of the model: its shorter side is brought to
        `side` and the middle kept; it becomes as large as covers `size`, and the middle
        is kept; as large as fits into it, and the rest is filled; or each side is
        brought to `size` by itself.
    size : tuple of (int, int)
        Height and width of the pixels.
    resample : str
        Filter of the resizing, as Pillow names it.
    mean, std : tuple of float
        Of each channel, for pixels in [0, 1].
    side : int, default=0
        Of what is cropped: length of the shorter side.
    fill : int, default=0
        Of what is padded: grey value in [0, 255].
    """

    shape: str
    size: tuple[int, int]
    resample: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int = 0
    fill: int = 0

    @property
    def draft_side(self):
        """Twice the side that pictures are resized to: none need be decoded larger."""
        return 2 * (self.side or max(self.size))

    @property
    def bytes(self):
        """What the pixels of one picture take."""
        return 3 * math.prod(self.size)

    def view(self, size):
        """Return which part of a picture the model sees.

        Parameters
        ----------
        size : tuple of (int, int)
            Width and height of the picture.

        Returns
        -------
        tuple of float
            Left, top, right and bottom, as shares of width and height; below 0 and
            above 1 where the picture is filled up.
        """
        if self.shape == "squash":
            return 0.0, 0.0, 1.0, 1.0
        rows, columns = self.size
        if self.shape == "crop":
            scale = self.side / min(size)
        else:
            choose = min if self.shape == "pad" else max
            scale = choose(columns / size[0], rows / size[1])
        # The middle of the one is the middle of the other.
        across, down = columns / (scale * size[0]) / 2, rows / (scale * size[1]) / 2
        return 0.5 - across, 0.5 - down, 0.5 + across, 0.5 + down

    @property
    def bound(self):
        """The bound of extreme shapes that goes with it."""
        filter_ = Image.Resampling[self.resample]
        if self.shape == "crop":
            return ShapeBound((self.side,), filter_, crop=self.size)
        crop = self.size if self.shape == "cover" else None
        fill = self.fill if self.shape == "pad" else None
        return ShapeBound(self.size, filter_, crop=crop, fill=fill)


class Preparation:
    """Brings pictures to the pixels of a model.

    Parameters
    ----------
    plan : PixelPlan
        How.
    """

    def __init__(self, plan):
        self.plan = plan
        self._bound = plan.bound
        self._resample = Image.Resampling[plan.resample]
        self._resize = getattr(self, f"_{plan.shape}")

    def __call__(self, picture):
        """Resize and crop, pad or squash one picture.

        Parameters
        ----------
        picture : PIL.Image.Image
            Of mode ``"RGB"``.

        Returns
        -------
        ndarray of shape (h, w, 3), dtype uint8
            The pixels, of which nobody else has a copy.
        """
        return np.array(self._resize(self._bound(picture)))

    def _crop(self, picture):
        """Resize and crop to the centre at once: no pixel is computed to be cut away.

        Pillow resizes the part of a picture that the crop will keep. The pixels are
        those of one step after the other, but for the rounding between its two passes,
        of which it takes the cheaper one first.
        """
        short, (rows, columns) = min(picture.size), self.plan.size
        # torchvision's own roundings, or the crop would lie a pixel beside: sides are
        # cut off to whole pixels, the corner is rounded (half to even). `box` is the
        # crop carried back into the coordinates of the picture as it is.
        width, height = (int(self.plan.side * side / short) for side in picture.size)
        left, top = round((width - columns) / 2), round((height - rows) / 2)
        across, down = picture.width / width, picture.height / height
        box = (
            left * across,
            top * down,
            min((left + columns) * across, picture.width),
            min((top + rows) * down, picture.height),
        )
        return picture.resize((columns, rows), self._resample, box=box)

    def _cover(self, picture):
        """Resize until the target is covered, and crop to the centre."""
        rows, columns = self.plan.size
        picture = self._scale(picture, min)
        left = round((picture.width - columns) / 2)
        top = round((picture.height - rows) / 2)
        return picture.crop((left, top, left + columns, top + rows))

    def _pad(self, picture):
        """Resize until it fits, and fill what is missing on both sides alike."""
        rows, columns = self.plan.size
        picture = self._scale(picture, max)
        width, height = picture.size
        if (width, height) == (columns, rows):
            return picture
        page = Image.new("RGB", (columns, rows), (self.plan.fill,) * 3)
        page.paste(picture, ((columns - width) // 2, (rows - height) // 2))
        return page

    def _scale(self, picture, choose):
        """Scale both sides by the ratio of one of them, rounded as open_clip does."""
        rows, columns = self.plan.size
        ratio = choose(picture.height / rows, picture.width / columns)
        size = round(picture.width / ratio), round(picture.height / ratio)
        return picture.resize(size, self._resample)

    def _squash(self, picture):
        rows, columns = self.plan.size
        return picture.resize((columns, rows), self._resample)
