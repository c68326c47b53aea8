"""Heatmaps that tell the truth: what blanking the hottest tenth of a picture does.

A map of `LabelHeatmapDisplay` is faithful if the places that it shows hot are those
that the label hangs on. The hottest tenth of a picture is filled with the picture's
mean colour, and the picture scored again; beside it a tenth of the same shape that is
moved to a random place (around the edges), and the coldest tenth. Test drawings of the
clip art, and pictures of four of them; of each the true label that has the highest
score; a logistic regression on single training drawings, which has seen neither parts
nor blanks.

"drop" is the mean fall of the label's log-odds, with the standard error of the
difference of hottest and random; "share" is how often the hottest tenth costs more than
the random one. "hit" is, of pictures of four, how often the hottest place lies in a
drawing that has the label (chance: the share of such cells).

    python benchmarks/study_heatmaps.py
    python benchmarks/study_heatmaps.py --pictures 50 --regions tokens pyramid
"""

import argparse
import time

import numpy as np
from PIL import Image
from scipy.special import logit
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.datasets import load_clipart
from sklearn_clip.plotting._heat import blend_regions, boxes_in_pictures
from sklearn_clip.plotting._region_scores import RegionScorer

CELL = 128  # pixels of a cell of four: no drawing is larger
SHARE = 0.1
SUREST = 1e-6


def read_drawing(path):
    """Read a drawing, over white."""
    with Image.open(path) as image:
        image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def paste_four(drawings):
    """Paste four drawings into the cells of one picture."""
    picture = Image.new("RGB", (2 * CELL, 2 * CELL), "white")
    for cell, drawing in enumerate(drawings):
        top, left = (CELL * place for place in divmod(cell, 2))
        corner = (CELL - drawing.width) // 2, (CELL - drawing.height) // 2
        picture.paste(drawing, (left + corner[0], top + corner[1]))
    return picture


def make_pictures(test, count, n_pictures, rng):
    """Draw pictures of one or four drawings, and what each drawing has."""
    drawn = [
        rng.choice(len(test.target), count, replace=False) for _ in range(n_pictures)
    ]
    paths = [row[0] for row in test.data]
    pictures = []
    for rows in drawn:
        drawings = [read_drawing(paths[row]) for row in rows]
        pictures.append(drawings[0] if count == 1 else paste_four(drawings))
    return pictures, [test.target[rows] for rows in drawn]


def hottest(heat, size):
    """Return the hottest tenth of a picture as a mask of its pixels."""
    fine = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, 2))
    count = round(SHARE * fine.size)
    mask = np.zeros(fine.size, dtype=bool)
    mask[np.argsort(-fine, axis=None, kind="stable")[:count]] = True
    return mask.reshape(fine.shape)


def blank(picture, mask):
    """Fill a part of a picture with its mean colour."""
    pixels = np.array(picture)
    pixels[mask] = pixels.reshape(-1, 3).mean(axis=0).round()
    return Image.fromarray(pixels)


def log_odds(probabilities):
    """Log-odds that stay finite."""
    return logit(np.clip(probabilities, SUREST, 1 - SUREST))


def judge(tagger, pictures, parts, regions, rng):
    """Blank parts of pictures; one line of figures."""
    scorer = RegionScorer(tagger, regions)
    start = time.perf_counter()
    rows, cells = scorer.find_cells(pictures)
    n_labels = parts[0].shape[1]
    whole, local, boxes, _ = scorer.score(pictures, rows, cells, n_labels)
    seconds = time.perf_counter() - start
    # The label that was seen best: of what was not seen there is no place to find.
    true = np.array([part.any(axis=0) for part in parts])
    chosen = np.where(true, whole, -np.inf).argmax(axis=1)
    boxes = boxes_in_pictures(
        scorer.featurizer, regions, boxes, [p.size for p in pictures]
    )
    blanked, hits, chances = [], [], []
    for row, (picture, label) in enumerate(zip(pictures, chosen, strict=True)):
        values = log_odds(local[row, :, label])[None]
        heat = blend_regions(values, boxes[row], picture.size)[0]
        cold = np.where(np.isnan(heat), -np.inf, -heat)
        heat = np.where(np.isnan(heat), -np.inf, heat)
        if not np.isfinite(heat).all():
            heat = np.maximum(heat, heat[np.isfinite(heat)].min())
            cold = np.maximum(cold, cold[np.isfinite(cold)].min())
        mask = hottest(heat, picture.size)
        shift = [int(rng.integers(side)) for side in mask.shape]
        moved = np.roll(mask, shift, axis=(0, 1))
        blanked += [
            blank(picture, part) for part in (mask, moved, hottest(cold, picture.size))
        ]
        if len(parts[row]) == 4:
            place = np.unravel_index(np.argmax(heat), heat.shape)
            cell = np.dot(np.array(place) * 2 // heat.shape, (2, 1))
            hits.append(parts[row][cell, label])
            chances.append(parts[row][:, label].mean())
    after = log_odds(tagger.predict_proba(blanked)).reshape(len(pictures), 3, -1)
    every = np.arange(len(pictures))
    before = log_odds(whole[every, chosen])
    drops = before[:, None] - after[every, :, chosen]
    gain = drops[:, 0] - drops[:, 1]
    error = gain.std(ddof=1) / len(gain) ** 0.5
    hit = f"{np.mean(hits):.2f} ({np.mean(chances):.2f})" if hits else "-"
    return [
        *(f"{value:.2f}" for value in drops.mean(axis=0)),
        f"{gain.mean():.2f} +- {error:.2f}",
        f"{np.mean((gain > 0) + 0.5 * (gain == 0)):.2f}",
        hit,
        f"{1000 * seconds / len(pictures):.0f}",
    ]


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--regions", nargs="+", default=["2x2", "3x3", "pyramid", "tokens"]
    )
    options = parser.parse_args()
    train, test = load_clipart(split="train"), load_clipart(split="test")
    clip = CLIPFeaturizer("clipart-tiny", text=None, cache=None)  # times are honest
    head = MultiLabelLogisticRegression(C=3)
    tagger = make_pipeline(clip, head).fit([row[0] for row in train.data], train.target)
    header = ["drawings", "regions", "drop: hottest", "random", "coldest"]
    header += ["hottest - random", "share", "hit (chance)", "ms a picture"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for count in (1, 4):
        for regions in options.regions:
            rng = np.random.default_rng(options.seed)  # the same pictures for all
            pictures, parts = make_pictures(test, count, options.pictures, rng)
            line = judge(tagger, pictures, parts, regions, rng)
            print(f"| {' | '.join([str(count), regions, *line])} |", flush=True)


if __name__ == "__main__":
    main()
