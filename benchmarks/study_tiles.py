"""How large the tiles of a picture should be: drawings pasted into one picture.

    python benchmarks/study_tiles.py

A logistic head is fitted on single drawings of the clip art's training rows. Test
drawings are pasted side by side, two, four and nine into one picture, off the middle of
their cells by chance; the labels of a picture are those of its drawings together. Each
tile is scored as a picture of its own, and a label gets its largest score. Printed is
mAP, for the whole picture alone, for tiles of several sizes, for the pyramid, and for
the places of one pass ("tokens"). For a single drawing the score of the whole is added.
"""

import argparse
import warnings

import numpy as np
from PIL import Image
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.datasets import load_clipart
from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images import _tiles
from sklearn_clip.metrics import macro_average_precision_score

GRIDS = {1: (1, 1), 2: (1, 2), 4: (2, 2), 9: (3, 3)}
SHARES = {2: (0.5, 0.55, 0.6, 2 / 3), 3: (1 / 3, 0.4, 0.45, 0.5)}
_CELL = 150


def paste(drawings, rng):
    """Paste drawings into the cells of a white page."""
    rows, columns = GRIDS[len(drawings)]
    page = Image.new("RGB", (columns * _CELL, rows * _CELL), "white")
    for number, drawing in enumerate(drawings):
        row, column = divmod(number, columns)
        room = _CELL - drawing.width, _CELL - drawing.height
        left, top = (rng.integers(0, max(side, 0) + 1) for side in room)
        page.paste(drawing, (column * _CELL + int(left), row * _CELL + int(top)))
    return page


def score_regions(clip, head, pictures, regions):
    """Return the largest score of each label among the regions."""
    vectors, _ = clip.encode_regions(pictures, regions)
    scores = head.decision_function(vectors.reshape(-1, vectors.shape[2]))
    return scores.reshape(*vectors.shape[:2], -1).max(axis=1)


def score_all(clip, head, pictures):
    """Return the scores of the whole pictures, and of every kind of regions."""
    whole = head.decision_function(clip.encode_images(pictures))
    found, chosen = {}, dict(_tiles._SHARES)
    for count, shares in SHARES.items():
        for share in shares:
            _tiles._SHARES[count] = share
            name = f"{count}x{count} of {share:.2f}"
            found[name] = score_regions(clip, head, pictures, f"{count}x{count}")
    _tiles._SHARES.update(chosen)
    for regions in ("pyramid", "tokens"):
        found[regions] = score_regions(clip, head, pictures, regions)
    return whole, found


def main():
    """Print a line for each number of drawings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore", UndefinedMetricWarning)
    warnings.simplefilter("ignore", UserWarning)
    train, test = load_clipart(split="train"), load_clipart(split="test")
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    head = MultiLabelLogisticRegression(C=10.0)
    head.fit(clip.transform(train.data[:, 0]), train.target)
    for count in GRIDS:
        sums = {}
        for seed in range(args.seeds):
            rng = np.random.default_rng(seed)
            rows = [
                rng.choice(len(test.data), count, replace=False)
                for _ in range(args.pictures)
            ]
            pictures = [
                paste([decode_image(test.data[i, 0]) for i in row], rng) for row in rows
            ]
            y = np.array([test.target[row].max(axis=0) for row in rows])
            whole, found = score_all(clip, head, pictures)
            for name, scores in {"whole": whole, **found}.items():
                if count == 1 and name != "whole":
                    scores = scores + whole
                value = macro_average_precision_score(y, scores)
                sums[name] = sums.get(name, 0) + value / args.seeds
        told = ", ".join(f"{name} {value:.3f}" for name, value in sums.items())
        print(f"{count} drawings: {told}", flush=True)


if __name__ == "__main__":
    main()
