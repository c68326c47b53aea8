"""Files of taggers, run by what they say of themselves, for the tests of exports."""

import io
import warnings
from pathlib import Path

import numpy as np
from extras import require
from PIL import Image

require("onnx", "onnxruntime", "tokenizers")

from exported_heads import open_graph  # noqa: E402

from sklearn_clip._shared import positive_scores  # noqa: E402
from sklearn_clip.embedding import decode_image  # noqa: E402
from sklearn_clip.embedding.engines._byte_pairs import BytePairTokenizer  # noqa: E402
from sklearn_clip.embedding.images._preparation import (  # noqa: E402
    PixelPlan,
    Preparation,
)
from sklearn_clip.export._description import KEY, Description  # noqa: E402


class OpenedFile:
    """A file with its description, fed by hand."""

    def __init__(self, path):
        self.session = open_graph(str(path))
        said = self.session.get_modelmeta().custom_metadata_map[KEY]
        self.says = Description.from_json(said)

    def run(self, n_rows, pixels=(), texts=()):
        """Run items, each a pair of its row and itself."""
        fed = {"n_rows": np.array(n_rows, dtype=np.int32)}
        if "image" in self.says.modalities:
            fed |= self._feed_pixels(list(pixels))
        if "text" in self.says.modalities:
            fed |= self._feed_texts(list(texts))
        found = self.session.run(None, fed)
        names = [output.name for output in self.session.get_outputs()]
        assert names[1] == "labels"
        return found

    def _feed_pixels(self, items):
        said = {k: tuple(v) if isinstance(v, list) else v for k, v in self.plan.items()}
        plan = PixelPlan(**said)
        prepare = Preparation(plan)
        side = plan.draft_side
        pixels = [prepare(decode_image(item, draft_side=side)) for _, item in items]
        rows = [row for row, _ in items]
        # An item of no row changes nothing.
        pixels.append(np.full((*plan.size, 3), 200, dtype=np.uint8))
        return {
            "pixels": np.stack(pixels),
            "image_rows": np.array([*rows, -1], dtype=np.int32),
        }

    @property
    def plan(self):
        """How pictures are resized."""
        return self.says.pixels

    def _feed_texts(self, items):
        said = dict(self.says.tokenizer)
        assert said.pop("kind") == "byte_pairs"
        tokens = BytePairTokenizer(said)([*(text for _, text in items), "nobody's"])
        used = np.flatnonzero((tokens != self.says.padding).any(axis=0))[-1] + 1
        rows = [*(row for row, _ in items), -1]
        return {
            "token_ids": tokens[:, :used].astype(np.int32),
            "text_rows": np.array(rows, dtype=np.int32),
        }

    def run_rows(self, X):
        """Run pairs of an image, a list of them or None, and a text or None."""
        pixels, texts = [], []
        for row, (image, text) in enumerate(X):
            images = image if isinstance(image, list) else [image]
            pixels += [(row, item) for item in images if item is not None]
            texts += [(row, text)] if text else []
        return self.run(len(X), pixels, texts)

    def probe(self):
        """Run the row that the file keeps."""
        image, text = self.says.probe.image, self.says.probe.text
        pixels = [] if image is None else [(0, Image.open(io.BytesIO(image)))]
        return self.run(1, pixels, [] if text is None else [(0, text)])[0][0]


def ask(tagger, X, n_labels):
    """Scores and labels of a tagger."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* rows show nothing")
        scores, _ = positive_scores(tagger, X, n_labels)
        labels = np.asarray(tagger.predict(X))
    return scores, labels.reshape(scores.shape) != 0


def assert_alike(file, tagger, X, *, atol=1e-4):
    """Check that a file gives what its tagger gives."""
    opened = OpenedFile(file) if isinstance(file, str | Path) else file
    scores, labels = opened.run_rows(X)
    expected, expected_labels = ask(tagger, X, scores.shape[1])
    assert scores.dtype == np.float32
    assert labels.dtype == bool
    np.testing.assert_allclose(scores, expected, rtol=0, atol=atol)
    cuts = [np.inf if cut is None else cut for cut in opened.says.thresholds]
    far = np.abs(expected - cuts) > atol
    if opened.says.rules:  # a label changes where another one passes it, too
        gaps = np.abs(expected[:, :, None] - expected[:, None, :])
        gaps[:, range(len(cuts)), range(len(cuts))] = np.inf
        far &= gaps.min(axis=2) > atol
    assert np.array_equal(labels[far], expected_labels[far])
