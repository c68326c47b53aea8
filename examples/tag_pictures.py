"""
Tag pictures with a saved tagger
================================

A new process, another day: load what :ref:`sphx_glr_auto_examples_quickstart.py` saved
and tag pictures, or a title that has no picture.
"""

import argparse
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd


def tag(saved, rows):
    """Return the labels of each row, the most probable first, at least one."""
    tagger, names = saved["tagger"], np.array(saved["labels"])
    chosen, probability = tagger.predict(rows), tagger.predict_proba(rows)
    tags = []
    for picked, scores in zip(chosen, probability, strict=True):
        order = np.argsort(-scores)
        kept = [i for i in order if picked[i]] or order[:1]
        tags.append([f"{names[i]} {scores[i]:.2f}" for i in kept])
    return tags


def draw(rows, tags, path):
    """Draw the rows side by side with their tags below."""
    import matplotlib.pyplot as plt
    from PIL import Image

    figure, axes = plt.subplots(1, len(rows), figsize=(2.3 * len(rows), 3.6))
    for axis, (_, row), found in zip(
        np.atleast_1d(axes), rows.iterrows(), tags, strict=True
    ):
        axis.axis("off")
        if row["image"] is None:
            axis.text(0.5, 0.5, f"“{row['text']}”", ha="center", va="center", wrap=True)
            axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        else:
            picture = Image.open(row["image"]).convert("RGBA")
            page = Image.new("RGBA", picture.size, "white")
            axis.imshow(Image.alpha_composite(page, picture))
        axis.set_title("\n".join(found[:4]), y=-0.05, va="top", fontsize=10)
    figure.subplots_adjust(bottom=0.32, top=0.98, left=0.01, right=0.99)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("tagger", type=Path)
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--title", action="append", default=[])
    parser.add_argument("--drawing", type=Path)
    options = parser.parse_args()
    rows = pd.DataFrame(
        [{"image": path, "text": None} for path in options.pictures]
        + [{"image": None, "text": title} for title in options.title],
        columns=["image", "text"],
    )
    if rows.empty:
        parser.error("give pictures, or a --title")
    tags = tag(joblib.load(options.tagger), rows)
    for (_, row), found in zip(rows.iterrows(), tags, strict=True):
        what = row["text"] if row["image"] is None else Path(row["image"]).name
        print(f"          {what}: {', '.join(found)}")
    if options.drawing:
        draw(rows, tags, options.drawing)
        print(f"          drawn: {options.drawing}")
    return 0


if __name__ == "__main__" and len(sys.argv) > 1:
    sys.exit(main())
