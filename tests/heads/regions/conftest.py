"""What the tests of regions share: pictures that hold one thing, or several."""

import numpy as np
import pytest

WIDTH, N_LABELS = 12, 4


def unit(vectors):
    """Scale vectors to length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Scenes:
    """Pictures of things on a ground, as vectors of the whole and of four regions.

    A region shows one thing or the ground alone. The vector of the whole is that of
    all things together, in which each of several is faint.
    """

    def __init__(self):
        rng = np.random.default_rng(0)
        self.things = unit(rng.normal(size=(N_LABELS, WIDTH)))
        self.ground = unit(rng.normal(size=WIDTH))

    def draw(self, n, n_things, seed=1, n_regions=4):
        """Draw rows of so many things each, and their labels."""
        rng = np.random.default_rng(seed)
        Y = np.zeros((n, N_LABELS), dtype=int)
        parts = np.repeat(self.ground[None, None], n, axis=0).repeat(n_regions, axis=1)
        for row in range(n):
            labels = rng.permutation(N_LABELS)[:n_things]
            Y[row, labels] = 1
            if n_things == 1:  # which every region shows a part of
                parts[row] += self.things[labels] * rng.random((n_regions, 1))
            else:
                places = rng.permutation(n_regions)[:n_things]
                parts[row, places] += self.things[labels]
        whole = parts.mean(axis=1, keepdims=True)
        parts = np.concatenate([whole, parts], axis=1)
        parts = unit(parts + 0.15 * rng.normal(size=parts.shape))
        return parts.reshape(n, -1), Y


@pytest.fixture(scope="session")
def scenes():
    return Scenes()


@pytest.fixture
def data(scenes):
    """Rows of one thing each, and their labels."""
    return scenes.draw(120, 1)
