"""What rows of a featurizer are made of in tests."""

import io

DIM = 64  # of the small model in conftest.py
TEXTS = ["a red square", "two cats", "the sea", "an old map"]


def to_png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
