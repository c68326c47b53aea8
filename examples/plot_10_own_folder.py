"""
Tag a folder of your own pictures
=================================

*I have a folder of pictures and a spreadsheet with tags. Now what?*

Put your folder and your model into the two lines below the next heading; the rest stays
as it is. For photos take ``CLIPFeaturizer("photo-tiny")``, or a larger model:
``CLIPFeaturizer()`` fetches its weights once.
"""

# %%
# A folder, for want of yours
# ---------------------------
# Some clip art written as PNG files beside a table with the columns ``file``, ``title``
# and ``tags``. As in most folders not all is well: titles are missing, one file is
# broken, and some pictures have no tags yet.
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from sklearn_clip.datasets import load_clipart


def write_folder(folder, n_rows=300):
    """Write pictures and ``tags.csv``; the last ten rows have no tags."""
    clipart = load_clipart(split="train", as_frame=True)
    target = clipart.target[["animal", "flag", "food", "person", "plant", "tool"]]
    rows = np.flatnonzero(target.any(axis=1))
    rows = np.random.default_rng(0).permutation(rows)[:n_rows]
    names = np.array(target.columns)
    table = pd.DataFrame(
        {
            "file": [f"{number:03}.png" for number in range(n_rows)],
            "title": clipart.data["text"].iloc[rows].to_numpy(),
            "tags": [", ".join(names[row == 1]) for row in target.to_numpy()[rows]],
        }
    )
    for file, picture in zip(
        table["file"], clipart.data["image"].iloc[rows], strict=True
    ):
        Image.open(picture).save(folder / file)
    table.loc[::7, "title"] = None
    table.loc[n_rows - 10 :, "tags"] = None
    (folder / table["file"][5]).write_bytes(b"half a download")
    table.to_csv(folder / "tags.csv", index=False)


temporary = tempfile.TemporaryDirectory()
write_folder(Path(temporary.name))

# %%
# Your folder, your model
# -----------------------
# ``image`` and ``text`` name the columns of your table. ``image_root`` is put before
# the file names: a saved tagger needs but another root on another machine.
from sklearn_clip import CLIPFeaturizer

folder = Path(temporary.name)
clip = CLIPFeaturizer("clipart-tiny", image="file", text="title", image_root=folder)

# %%
# Read the table
# --------------
# Before a long run, let every file be read once, and leave out what is broken.
# (``CLIPFeaturizer(on_error="zero")`` would keep such rows, for the sake of their
# titles.)
table = pd.read_csv(folder / "tags.csv")
broken = clip.check_images(table)
for row, source, reason in broken:
    print(f"row {row}: {Path(source).name}: {reason}")
table = table.drop(table.index[[row for row, _, _ in broken]])

# %%
# The rows without tags are the ones to tag. The tags of the others become a table of 0
# and 1.
from sklearn_clip import labels_to_frame

tagged, untagged = table[table["tags"].notna()], table[table["tags"].isna()]
Y = labels_to_frame(tagged["tags"].str.split(", "))
print(f"{len(tagged)} rows with tags, {len(untagged)} without")
Y.sum()

# %%
# Near copies
# -----------
# Folders hold one picture twice, in two sizes or colours. If one copy is learnt and the
# other one judged, the score flatters. Pictures of nearly the same embedding get one
# group, and groups stay on one side.
from sklearn_clip import multilabel_train_test_split, near_duplicate_groups

groups = near_duplicate_groups(clip.encode_images(tagged["file"]), threshold=0.95)
train, test, Y_train, Y_test = multilabel_train_test_split(
    tagged, y=Y, groups=groups, test_size=0.3, random_state=0
)
sizes = pd.Series(groups).value_counts()
print(f"{len(groups)} pictures in {len(sizes)} groups, {(sizes > 1).sum()} of several")

# %%
# Learn and judge
# ---------------
from sklearn.pipeline import make_pipeline

from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer
from sklearn_clip.metrics import multilabel_report

tagger = make_pipeline(
    clip, ThresholdOptimizer(MultiLabelLogisticRegression(C=5), random_state=0)
)
tagger.fit(train, Y_train)
multilabel_report(Y_test, tagger.predict(test), tagger.predict_proba(test)).round(2)

# %%
# The rows with the most errors, first of all:
import matplotlib.pyplot as plt

from sklearn_clip.plotting import LabelGridDisplay

LabelGridDisplay.from_estimator(tagger, test, Y_test, n_rows=6)
plt.show()

# %%
# Tag the rest
# ------------
# Fitted on all tagged rows now. The tags are words again, ready for the table. The
# first ten of these pictures:
from sklearn_clip import predict_labels

tagger.fit(tagged, Y)
untagged = untagged.assign(tags=predict_labels(tagger, untagged))

figure, axes = plt.subplots(2, 5, figsize=(10, 5), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for ax, row in zip(axes.flat, untagged.itertuples(), strict=False):
    picture = ImageOps.exif_transpose(Image.open(folder / row.file)).convert("RGBA")
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture)
    ax.imshow(ImageOps.pad(page.convert("RGB"), (160, 160), color="white"))
    ax.set_title(", ".join(row.tags) or "(no tag)")
plt.show()

# %%
# The tags beside those that were there, as a table for the spreadsheet:
untagged = untagged.assign(tags=untagged["tags"].str.join(", "))
pd.concat([tagged, untagged]).to_csv(folder / "tags-complete.csv", index=False)
untagged.fillna("")
