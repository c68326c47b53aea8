"""A small problem whose labels show: pictures of one of three colours."""

import numpy as np
import pytest
from PIL import Image

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200)}


@pytest.fixture
def names():
    return list(COLOURS)


@pytest.fixture
def problem():
    """36 pictures of one colour or two, side by side, with their labels."""
    rng = np.random.default_rng(0)
    pictures, rows = [], []
    for _ in range(36):
        chosen = rng.choice(3, size=rng.integers(1, 3), replace=False)
        page = np.zeros((40, 40, 3))
        for part, label in enumerate(chosen):
            start = part * 40 // len(chosen)
            page[:, start:] = list(COLOURS.values())[label]
        noisy = np.clip(page + rng.normal(0, 12, page.shape), 0, 255)
        pictures.append(Image.fromarray(noisy.astype(np.uint8)))
        rows.append([int(label in chosen) for label in range(3)])
    return pictures, np.array(rows)


@pytest.fixture
def make_tuner(model_folder, names):
    """Make a tuner of the small model that learns the problem in a few epochs."""
    from sklearn_clip import CLIPFineTuner

    def make(**parameters):
        default = {
            "classes": names,
            "model_name": model_folder,
            "templates": "none",
            "lr": 2e-3,
            "max_epochs": 3,
            "batch_size": 12,
            "early_stopping": None,
            "device": "cpu",
            "precision": "fp32",  # "auto" predicts in bf16 on some processors
            "random_state": 0,
        }
        return CLIPFineTuner(**default | parameters)

    return make
