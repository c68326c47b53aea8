"""Taggers that are fitted and written once for all tests of what runs their files."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.export import to_onnx
from sklearn_clip.thresholds import ThresholdOptimizer

COLOURS = ("red", "green", "blue", "white", "black", "orange")
KEY = "sklearn_clip"  # of what a file says of itself
LABELS = ["warm", "dark", "said"]


def draw_rows(n, seed=0):
    """Rows of a picture and a text, some of which are missing, and their labels."""
    rng = np.random.default_rng(seed)
    rows, targets = [], []
    for number in range(n):
        colour = COLOURS[rng.integers(len(COLOURS))]
        picture = Image.new("RGB", tuple(rng.integers(20, 200, 2)), "grey")
        picture.paste(colour, (0, 0, picture.width // 2, picture.height))
        said = bool(rng.integers(2))
        text = f"a {colour} flag" if said else "a drawing"
        rows.append((picture, text))
        if number % 7 == 5:
            rows[-1] = (None, text)
        elif number % 7 == 6:
            rows[-1] = (picture, None)
        targets.append([colour in ("red", "orange"), colour in ("blue", "black"), said])
    return rows, pd.DataFrame(targets, columns=LABELS).astype(int)


@pytest.fixture(scope="session")
def draw():
    """Draw rows of pictures and texts, and their labels."""
    return draw_rows


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Fit and write a tagger, one for each set of options."""
    done = {}

    def export(**options):
        key = repr(sorted(options.items()))
        if key not in done:
            rows, targets = draw_rows(60)
            for place, modality in enumerate(("image", "text")):
                if options.get(modality, modality) is None:
                    rows = [row[1 - place] for row in rows]
            tagger = Pipeline(
                [
                    ("clip", CLIPFeaturizer("clipart-tiny", **options)),
                    ("head", ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3)),
                ]
            )
            path = tmp_path_factory.mktemp("tagger") / "tagger.onnx"
            to_onnx(tagger.fit(rows, targets), path)
            done[key] = tagger, path
        return done[key]

    return export


@pytest.fixture
def variant(exported, tmp_path, read_description, write_description):
    """Change what does not concern the graph, in a tagger and in its file alike."""

    def change(options, **changes):
        tagger, path = exported(**options)
        clip = tagger[0]
        changed = clone(clip).set_params(**changes)
        said = read_description(path)
        for name, value in changes.items():
            if name in ("image", "text"):
                said["columns"][name] = value
            else:
                said[name] = value
        other = tmp_path / "variant.onnx"
        write_description(path, other, json.dumps(said))
        return Pipeline([("clip", changed), ("head", tagger[1])]), other

    return change


def _read(path):
    model = onnx.load(path, load_external_data=False)
    (text,) = [prop.value for prop in model.metadata_props if prop.key == KEY]
    return json.loads(text)


def _write(path, other, text, **options):
    model = onnx.load(path)
    for prop in model.metadata_props:
        if prop.key == KEY:
            prop.value = text
    onnx.save(model, other, **options)


@pytest.fixture(scope="session")
def read_description():
    """Read what a file says of itself, without what the package has for it."""
    return _read


@pytest.fixture(scope="session")
def write_description():
    """Copy a file that then says something else of itself."""
    return _write
