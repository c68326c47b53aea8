"""One fixed picture and one fixed text, by whose vectors a model is recognised."""

import numpy as np
from PIL import Image

from sklearn_clip._shared import own_modes

_TEXT = "a photo of a cat"


@own_modes()
def embed_probe(backbone, tower):
    """Embed the picture or the text.

    Parameters
    ----------
    backbone : Backbone
        The model.
    tower : {"image", "text"}
        Which one.

    Returns
    -------
    ndarray of shape (1, embedding_dim), dtype float32
        Its vector, L2-normalised.
    """
    if tower == "text":
        row = backbone.encode_texts([_TEXT])
    else:
        row = backbone.encode_images([backbone.prepare_image(_draw_picture())])
        if backbone.output_of(tower) == "tokens":
            # Of the whole: one probe tells the model, whatever is asked of it.
            row = row[:, : backbone.embedding_dim]
    return row / np.linalg.norm(row, axis=1, keepdims=True)


def _draw_picture():
    """Draw smooth colour ramps, not square, so that resizing and cropping matter."""
    y, x = np.mgrid[0:240, 0:320]
    ramps = np.stack([x * 255 // 319, y * 255 // 239, (x + y) % 256], axis=2)
    return Image.fromarray(ramps.astype(np.uint8))
