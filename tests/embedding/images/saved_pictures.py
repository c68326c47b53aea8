"""Pictures for tests, and what is read back of them once they are saved."""

import io

import numpy as np

from sklearn_clip.embedding import decode_image

GREYS = np.linspace(0, 255, 20 * 12).astype(np.uint8).reshape(12, 20)

COLOURS = np.stack([GREYS, GREYS.T.reshape(12, 20), 255 - GREYS], axis=2)


def encoded(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def pixels(source, root=None):
    picture = decode_image(source, root)
    assert picture.mode == "RGB"
    return np.asarray(picture)
