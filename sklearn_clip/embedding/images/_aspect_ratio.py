"""Pictures much longer than wide, brought to a shape that any preprocessing takes."""

from PIL import Image

# Pictures longer than this many times their width are cut, filled up or shrunk before
# they are resized, which would make a line of pixels a thousand times larger, or lose
# it.
MAX_ASPECT = 16
# What is shrunk beforehand keeps so many pixels for each one of the model's: averages
# over blocks of pixels then differ very little from the filter of the resizing.
_OVERSAMPLING = 4


class ShapeBound:
    """Bound what the preprocessing of a picture costs by what its pixels cost.

    Pictures of ordinary shapes are not touched. Of the others a crop keeps the middle,
    padding and squashing shrink the longer side first.

    Parameters
    ----------
    target : tuple of int or None
        Side, or height and width, that pictures are resized to; None for a
        preprocessing that begins otherwise, which takes pictures as they are.
    resample : PIL.Image.Resampling
        Filter of the resizing.
    crop : tuple of (int, int) or None, default=None
        Height and width of the middle that is kept.
    fill : int or None, default=None
        Grey value that the rest is filled with.
    """

    def __init__(self, target, resample, crop=None, fill=None):
        self._target = target
        self._resample = resample
        self._crop = crop
        self._fill = fill

    def __call__(self, picture):
        """Bound the shape of a picture.

        Parameters
        ----------
        picture : PIL.Image.Image
            Of mode ``"RGB"``.

        Returns
        -------
        PIL.Image.Image
            `picture` itself if its shape is an ordinary one.
        """
        ordinary = max(picture.size) <= MAX_ASPECT * min(picture.size)
        if ordinary or self._target is None:
            return picture
        if self._crop is not None:
            return self._cut(picture)
        if self._fill is not None:
            return self._pad(picture)
        # One side alone does not say what the other becomes.
        return self._squash(picture) if len(self._target) == 2 else picture

    def _cut(self, picture):
        """Cut away most of what the crop would, at no more pixels than it needs."""
        short = min(picture.size)
        # The shorter side becomes as long as the shorter one of the target, at least;
        # twice the crop, since the filter of the resizing sees a little more than it.
        kept = 2 * short * max(self._crop) // min(self._target)
        width, height = (min(side, kept) for side in picture.size)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        factor = max(short // (_OVERSAMPLING * max(self._target)), 1)
        return picture.reduce(factor, (left, top, left + width, top + height))

    def _squash(self, picture):
        """Shrink to the target, by averages of blocks before the filter."""
        # Gives what the resizing gives, which then has nothing left to do.
        size = (self._target[-1], self._target[0])
        return picture.resize(size, self._resample, reducing_gap=_OVERSAMPLING)

    def _pad(self, picture):
        """Shrink both sides alike, and add some of what the padding would."""
        scale = _OVERSAMPLING * max(self._target) / max(picture.size)
        if scale < 1 / 2:
            size = tuple(max(round(scale * side), 1) for side in picture.size)
            covered = min(scale * min(picture.size), 1)
            picture = picture.resize(
                size, Image.Resampling.BOX, reducing_gap=_OVERSAMPLING
            )
            # A line thinner than one pixel fills a part of it, the padding the rest:
            # mean = covered * line + (1 - covered) * padding.
            page = Image.new("RGB", size, (self._fill,) * 3)
            picture = Image.blend(page, picture, covered)
        short = -(-max(picture.size) // MAX_ASPECT)
        size = max(picture.width, short), max(picture.height, short)
        page = Image.new("RGB", size, (self._fill,) * 3)
        corner = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
        page.paste(picture, corner)
        return page
