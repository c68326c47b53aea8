"""Rows for training: pictures and captions in batches, with the weight of each."""

from dataclasses import dataclass

import numpy as np

from sklearn_clip.fusion import ImageFusion, MeanFusion, TextFusion, make_fusion


@dataclass
class Batch:
    """Rows of one forward pass.

    Parameters
    ----------
    pictures : Tensor or None
        Prepared pictures of the rows whose weight is above 0; None if there are none.
    captions : list of str
        Captions of the rows whose weight is below 1.
    weights : ndarray of shape (n,), dtype float32
        Weight of the picture of each row; its caption has the rest.
    """

    pictures: object
    captions: list
    weights: np.ndarray

    def __len__(self):
        """Count the rows."""
        return len(self.weights)

    def first(self, size):
        """Take the first rows.

        Parameters
        ----------
        size : int
            How many.

        Returns
        -------
        Batch
            They.
        """
        weights = self.weights[:size]
        shown, said = int((weights > 0).sum()), int((weights < 1).sum())
        pictures = self.pictures[:shown] if shown else None
        return Batch(pictures, self.captions[:said], weights)


@dataclass
class Rows:
    """Rows with their targets.

    Parameters
    ----------
    pictures : Pictures
        The pictures; a row whose weight is 0 needs none.
    captions : list of list of str
        The captions; a row whose weight is 1 needs none.
    weights : ndarray of shape (n,), dtype float32
        Weight of the picture in each row.
    targets : ndarray of shape (n, n_labels), dtype float32
        0, 1 and NaN where unknown.
    numbers : ndarray of int
        The rows that count.
    """

    pictures: object
    captions: list
    weights: np.ndarray
    targets: np.ndarray
    numbers: np.ndarray

    def batches(self, order, size, *, epoch=None):
        """Read rows in batches.

        Parameters
        ----------
        order, size, epoch
            As of `Pictures.batches`.

        Yields
        ------
        batch : Batch
            Pictures and captions.
        rows : ndarray of int
            Their rows.
        """
        for pictures, rows in self.pictures.batches(order, size, epoch=epoch):
            weights = self.weights[rows]
            captions = [self.captions[row][0] for row in rows[weights < 1]]
            yield Batch(pictures, captions, weights), rows


def read_fusion(fusion, image, text):
    """Check that rows are fused to what can be compared with prompts.

    Parameters
    ----------
    fusion : str or Fusion
        The parameter.
    image, text : str or None
        The columns.

    Returns
    -------
    Fusion
        Image, text, or their weighted mean.

    Raises
    ------
    ValueError
        If it is another fusion, or needs a column that is not named.
    """
    available = [m for m, name in (("image", image), ("text", text)) if name]
    found = make_fusion(fusion, tuple(available))
    if not isinstance(found, ImageFusion | TextFusion | MeanFusion):
        raise ValueError(
            "fusion must be 'image', 'text', 'mean' or a MeanFusion, so that rows lie "
            f"where the prompts of labels lie. Got {fusion!r}. For other fusions train "
            "a head on the features of featurizer(folder, fusion=...)."
        )
    return found


def image_weights(fusion, cells):
    """Weigh the image of every row against its caption.

    Parameters
    ----------
    fusion : Fusion
        From `read_fusion`.
    cells : Cells
        The rows.

    Returns
    -------
    ndarray of shape (n,), dtype float32
        Weight of the image in [0, 1]; the caption has the rest.
    """
    present = find_present(cells, fusion.modalities)
    one = np.ones((cells.n_rows, 1), dtype=np.float32)
    # The fusion is linear: of an image 1 and a text 0 it makes the weight itself.
    return fusion.fuse(one, 0 * one, present["image"], present["text"])[:, 0]


def find_present(cells, modalities):
    """Tell which rows have what.

    Parameters
    ----------
    cells : Cells
        The rows.
    modalities : tuple of {"image", "text"}
        What is asked for.

    Returns
    -------
    dict of str to ndarray of shape (n,), dtype bool, or None
        By modality; None for one that is not asked for.
    """
    found = {"image": None, "text": None}
    for modality in modalities:
        column = getattr(cells, modality)
        found[modality] = np.array([len(cell) > 0 for cell in column], dtype=bool)
    return found
