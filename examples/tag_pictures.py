"""
Tag pictures with a saved tagger
================================

A new process, another day: load what ``quickstart.py`` saved and tag the rows of a CSV
file with the columns ``image`` and ``text``. A row may lack either of them.
"""

import argparse
import sys
import textwrap
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
    """Draw the rows side by side: the title above, the tags below."""
    import matplotlib.pyplot as plt
    from PIL import Image, ImageOps

    figure, axes = plt.subplots(1, len(rows), figsize=(2.4 * len(rows), 3.6))
    for axis, row, found in zip(np.atleast_1d(axes), rows, tags, strict=True):
        axis.set(xticks=[], yticks=[], xlim=(0, 128), ylim=(128, 0), aspect="equal")
        if row["image"] is None:
            axis.text(64, 64, "(no picture)", ha="center", va="center", color="grey")
        else:
            picture = ImageOps.exif_transpose(Image.open(row["image"])).convert("RGBA")
            picture.thumbnail((128, 128))
            page = Image.new("RGBA", (128, 128), "white")
            corner = (128 - picture.width) // 2, (128 - picture.height) // 2
            page.alpha_composite(picture, corner)
            axis.imshow(page)
        title = textwrap.shorten(row["text"] or "(no title)", 56, placeholder=" ...")
        axis.set_title(textwrap.fill(title, 28), fontsize=10)
        axis.set_xlabel("\n".join(found[:5]), fontsize=10)
    figure.subplots_adjust(bottom=0.25, top=0.86, left=0.01, right=0.99, wspace=0.08)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("tagger", type=Path)
    parser.add_argument("rows", type=Path, help="CSV file with columns image, text")
    parser.add_argument("--drawing", type=Path, help="PNG file to draw the rows in")
    options = parser.parse_args()
    frame = pd.read_csv(options.rows).astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    tags = tag(joblib.load(options.tagger), rows)
    for row, found in zip(rows, tags, strict=True):
        print(f"          {row['text'] or row['image']}: {', '.join(found)}")
    if options.drawing:
        draw(rows, tags, options.drawing)
        print(f"          drawn: {options.drawing}")


if __name__ == "__main__" and len(sys.argv) > 1:
    main()
