"""What the tests of exports share: rows of clip art, towers that are written once."""

import copy
import json

import numpy as np
import pytest


@pytest.fixture(scope="session")
def clip_art():
    """Rows of pairs, some lacking one or both, and labels that are not rare."""
    from sklearn_clip.datasets import load_clipart

    bunch = load_clipart(as_frame=True)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(bunch.data))[:160]
    Y = bunch.target.iloc[chosen]
    Y = Y[Y.columns[Y.sum() >= 10]]
    images = bunch.data["image"].iloc[chosen]
    titles = bunch.data["text"].iloc[chosen]
    X = np.empty((len(chosen), 2), dtype=object)
    X[:, 0], X[:, 1] = list(images), list(titles)
    X[rng.random(len(X)) < 0.1, 0] = None
    X[rng.random(len(X)) < 0.1, 1] = None
    X[3] = None
    X[5, 0] = [X[6, 0] or X[7, 0], X[8, 0] or X[9, 0]]  # two pictures
    X[10, 1] = "a drawing of many things, one beside the other, " * 12
    return X, Y.reset_index(drop=True)


@pytest.fixture(scope="session")
def _towers():
    return {}


@pytest.fixture(autouse=True)
def towers_once(monkeypatch, _towers):
    """Write each tower of a model once, and hand out copies, which graphs use up.

    So it is with what a file says of the tokenizer.
    """
    from sklearn_clip.export import _graph

    def make(name):
        write = getattr(_graph, name)

        def write_once(backbone):
            said = [name, backbone.fingerprint, backbone.preprocessing, backbone.output]
            said = json.dumps(said)
            if said not in _towers:
                _towers[said] = write(backbone)
            return copy.deepcopy(_towers[said])

        return write_once

    for name in ("write_image_tower", "write_text_tower", "describe_tokens"):
        monkeypatch.setattr(_graph, name, make(name))
