"""Print what photo-tiny can do on the photographs and drawings that ship.

    python tools/evaluate_photo.py          # the figures of the model card

Beside it stand clipart-tiny, a colour histogram with a histogram of oriented gradients
(Dalal and Triggs, CVPR 2005), and the same classifier on each. Nothing is chosen by
these figures.
"""

import argparse
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from PIL import Image
from sklearn.model_selection import GroupKFold

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.metrics import average_precision_per_label

MODELS = ("clipart-tiny", "photo-tiny")
CS = (1.0, 10.0, 100.0, 1000.0)
_SIDE, _CELL, _BINS, _COLOURS = 128, 16, 9, 6


def histograms(path):
    """Return square roots of a colour histogram, and oriented gradients of 2 x 2 cells.

    Parameters
    ----------
    path : str
        A picture.

    Returns
    -------
    ndarray of shape (1980,)
        Two parts of about equal length.
    """
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB").resize((_SIDE, _SIDE)), dtype=float)
    bounds = [(0, 256)] * 3
    colours, _ = np.histogramdd(pixels.reshape(-1, 3), bins=_COLOURS, range=bounds)
    down, right = np.gradient(pixels.mean(axis=2))
    size = np.hypot(right, down)
    angle = (np.arctan2(down, right) % np.pi / np.pi * _BINS).astype(int) % _BINS
    row, column = np.indices(size.shape) // _CELL
    n_cells = _SIDE // _CELL
    place = (row * n_cells + column) * _BINS + angle
    cells = np.bincount(place.ravel(), size.ravel(), n_cells**2 * _BINS)
    cells = cells.reshape(n_cells, n_cells, _BINS)
    blocks = np.lib.stride_tricks.sliding_window_view(cells, (2, 2), axis=(0, 1))
    blocks = blocks.reshape(-1, 4 * _BINS)
    blocks = blocks / np.sqrt((blocks**2).sum(1, keepdims=True) + 1)
    share = colours.ravel() / colours.sum()
    return np.concatenate([np.sqrt(share), blocks.ravel() / len(blocks) ** 0.5])


def out_of_fold(features, target, groups, C):
    """Return probabilities of logistic regressions that have not seen the row."""
    scores = np.zeros(target.shape)
    for fit, hold in GroupKFold(5, shuffle=True, random_state=0).split(
        features, groups=groups
    ):
        head = MultiLabelLogisticRegression(C=C).fit(features[fit], target[fit])
        scores[hold] = head.predict_proba(features[hold])
    return scores


def best_of(features, target, groups):
    """Return the average precisions of the C of `CS` with the highest mean."""
    tried = (out_of_fold(features, target, groups, C) for C in CS)
    return max((average_precision_per_label(target, s) for s in tried), key=np.mean)


def report(title, names, target, columns):
    """Print average precision per label and its mean, a column for each method."""
    print(f"\n{title}")
    print(f"{'':<16}{'share':>7}" + "".join(f"{name:>24}" for name in columns))
    for j, name in enumerate(names):
        values = "".join(f"{column[j]:>24.3f}" for column in columns.values())
        print(f"{name:<16}{np.nanmean(target[:, j]):>7.3f}{values}")
    means = "".join(f"{np.mean(column):>24.3f}" for column in columns.values())
    print(f"{'mean':<16}{np.nanmean(target, axis=0).mean():>7.3f}{means}")


def evaluate(data, title, texts):
    """Print zero-shot and logistic figures of a data set.

    Parameters
    ----------
    data : Bunch
        From a loader of ``sklearn_clip.datasets``.
    title : str
        Its name.
    texts : bool
        Whether to classify by the texts too.
    """
    paths, names, target = data.data[:, 0], data.target_names, data.target
    zero_shot, logistic = {}, {}
    if not texts:
        features = np.stack([histograms(path) for path in paths])
        logistic["colours + gradients"] = best_of(features, target, data.groups)
    for model in MODELS:
        clip = CLIPFeaturizer(model, text=None, cache=None)
        images = clip.encode_images(list(paths))
        scores = images @ clip.encode_texts(list(names)).T
        zero_shot[model] = average_precision_per_label(target, scores)
        logistic[model] = best_of(images, target, data.groups)
        if texts:
            rows = clip.encode_texts(list(data.data[:, 1]))
            logistic[f"{model}, text"] = best_of(rows, target, data.groups)
            both = np.hstack([images, rows])
            logistic[f"{model}, both"] = best_of(both, target, data.groups)
    report(f"{title}: zero-shot, average precision", names, target, zero_shot)
    report(f"{title}: logistic regression, 5 folds", names, target, logistic)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    evaluate(load_photos(), "photographs", texts=False)
    evaluate(load_clipart(), "drawings", texts=True)
