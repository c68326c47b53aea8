"""Draw what the documentation opens with: docs/images/front.jpg.

``python tools/draw_front.py`` asks the tagger of the first code of the README about the
first eight photographs that ship, and writes each with the words that it found, or the
most likely one in brackets where it found none. Nothing is picked by hand.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image, ImageOps

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier, predict_labels, top_labels
from sklearn_clip.datasets import load_photos

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "front.jpg"
WORDS = ["animal", "building", "flower", "mountain", "person", "sky", "vehicle"]


def describe(found, ranked):
    """Words of a photograph with their probabilities, the likeliest first."""
    probabilities = dict(ranked)
    words = sorted(found, key=probabilities.get, reverse=True)
    if not words:
        return f"({ranked[0][0]} {ranked[0][1]:.2f})"
    return "\n".join(f"{word} {probabilities[word]:.2f}" for word in words)


def main():
    """Tag the photographs and draw them in two rows of four."""
    photos = load_photos().data[:8, 0]
    tagger = ZeroShotClassifier(WORDS, CLIPFeaturizer("photo-tiny", text=None)).fit()
    found = predict_labels(tagger, photos)
    ranked = top_labels(tagger, photos, k=len(WORDS))
    figure, axes = plt.subplots(2, 4, figsize=(7.2, 3.7), layout="constrained")
    for ax, path, words, all_words in zip(
        axes.flat, photos, found, ranked, strict=True
    ):
        with Image.open(path) as photo:
            ax.imshow(ImageOps.fit(photo.convert("RGB"), (252, 168)))
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(describe(words, all_words), fontsize=11)
        ax.spines[:].set_visible(False)
    figure.savefig(PICTURE, dpi=140, pil_kwargs={"quality": 85})


if __name__ == "__main__":
    main()
