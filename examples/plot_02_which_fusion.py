"""
Choose how to join picture and text
===================================

*My rows have a picture and a title. How should the two become one feature row?*

CLIP turns a picture and a text into one vector each. ``fusion=`` says what becomes of
the two. Which one suits the data, cross-validation tells; it costs little, because all
of them are made of the same stored embeddings.
"""

# %%
# Every fusion on the same folds
# ------------------------------
# Variants of one drawing stay in one fold (``groups``), so that no fusion is rewarded
# for recognising a drawing that it has learnt from.
import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import map_scorer

train = load_clipart(split="train", as_frame=True)
folds = list(
    MultiLabelStratifiedGroupKFold(5, random_state=0).split(
        train.data, train.target, train.groups
    )
)


def with_fusion(fusion):
    """Make the pipeline with one fusion."""
    return make_pipeline(
        CLIPFeaturizer("clipart-tiny", fusion=fusion),
        MultiLabelLogisticRegression(C=5),
    )


fusions = [
    "image",
    "text",
    "mean",
    "max",
    "product",
    "concat",
    "concat_product",
    "interaction",
]
scores = pd.DataFrame(
    {
        fusion: cross_val_score(
            with_fusion(fusion),
            train.data,
            train.target,
            cv=folds,
            scoring=map_scorer,
        )
        for fusion in fusions
    }
)
scores = scores[scores.mean().sort_values().index]

# %%
# Mean average precision over the labels: the mean of the folds as a bar, every fold as
# a point.
import matplotlib.pyplot as plt

means = scores.mean()
figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
ax.barh(means.index, means, color="C0", alpha=0.35)
for place, fusion in enumerate(scores):
    ax.plot(scores[fusion], [place] * len(scores), "o", color="C0", ms=4)
    ax.annotate(f"{means[fusion]:.3f}", (0.01, place), va="center")
ax.set(
    xlabel="mAP of the five folds",
    title=f"Picture {means['image']:.2f}, title {means['text']:.2f}, "
    f"both {means.max():.2f}",
)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Which labels live in the picture, which in the words?
# -----------------------------------------------------
# One point per label, scored on rows that the classifier was not fitted on. Above the
# diagonal the title tells more, below it the picture.
import numpy as np

from sklearn_clip.metrics import average_precision_per_label


def out_of_fold(fusion):
    """Score every row by a classifier that has not seen it."""
    found = np.empty(train.target.shape)
    for fit, held_out in folds:
        model = with_fusion(fusion).fit(train.data.iloc[fit], train.target.iloc[fit])
        found[held_out] = model.predict_proba(train.data.iloc[held_out])
    return found


ap = {
    fusion: average_precision_per_label(train.target, out_of_fold(fusion))
    for fusion in ["image", "text"]
}
gap = ap["text"] - ap["image"]
figure, ax = plt.subplots(figsize=(6.2, 5.6), layout="constrained")
ax.axline((0, 0), slope=1, color="0.7", lw=1)
ax.scatter(ap["image"], ap["text"], s=18, color="C0")
for label in np.argsort(gap)[[*range(4), *range(-6, 0)]]:
    ax.annotate(
        train.target_names[label],
        (ap["image"][label], ap["text"][label]),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
    )
ax.set(
    xlabel="average precision, picture alone",
    ylabel="average precision, title alone",
    title=f"{(gap > 0).sum()} labels of {len(gap)} are better found by the title",
    xlim=(0, 1),
    ylim=(0, 1),
    aspect="equal",
)
plt.show()

# %%
# The two disagree label by label, which is why fusions that use both vectors do better
# than either alone. Among these the folds spread more than the fusions differ: take
# ``"concat"``, the default, unless your own rows say otherwise, or ``"mean"``, which
# has half the columns. A product of the two adds little to a linear head, even though
# it is put on the scale of the vectors: ``benchmarks/STUDIES.md`` has the figures, each
# fusion at its own best ``C``.
