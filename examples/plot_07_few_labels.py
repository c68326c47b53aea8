"""
From no labelled rows to all of them
====================================

*How many rows do I have to label, and which classifier suits how many?*

CLIP knows words, so that label names alone make a classifier. Here is what every step
of labelling adds to it: from none, over one positive a label, to the whole training
split.
"""

# %%
# Labels in words
# ---------------
# :class:`~sklearn_clip.ZeroShotClassifier` puts each name into templates such as "a
# drawing of ..." and compares the pictures with them. It sees no labelled row, and here
# no title either.
import matplotlib.pyplot as plt

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import macro_average_precision_score
from sklearn_clip.plotting import LabelGridDisplay

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)
clip = CLIPFeaturizer("clipart-tiny", text=None)
zero_shot = ZeroShotClassifier(train.target_names, clip).fit()
start = macro_average_precision_score(test.target, zero_shot.predict_proba(test.data))
chance = test.target.to_numpy().mean()
print(f"mAP without a labelled row: {start:.3f} (by chance: {chance:.3f})")

# %%
# Some pictures with the labels it gives them, picked by lot:
import numpy as np

some = np.random.default_rng(5).choice(len(test.data), size=6, replace=False)
LabelGridDisplay.from_estimator(zero_shot, test.data, test.target, rows=some)
plt.show()

# %%
# Label some rows
# ---------------
# Rows are drawn by lot until every label has its k positives. A label may have more of
# them: rows come with all of their labels. Two classifiers learn from them:
#
# - :class:`~sklearn_clip.TipAdapterClassifier` starts from the words, the general ones
#   that zero-shot tells labels from included, and adds a linear probe of the rows;
# - :class:`~sklearn_clip.MultiLabelLogisticRegression` starts from nothing.
X_train, X_test = clip.fit_transform(train.data), clip.transform(test.data)
Y_train = train.target.to_numpy()


def draw_rows(k, seed):
    """Take the first k positives of every label in random order."""
    order = np.random.default_rng(seed).permutation(len(Y_train))
    rows = [order[label[order] == 1][:k] for label in Y_train.T]
    return np.unique(np.concatenate(rows))


shots = [1, 2, 4, 8, 16, len(Y_train)]
heads = {
    "Tip-Adapter": TipAdapterClassifier(
        zero_shot.label_embeddings_,
        background=zero_shot.background_,
    ),
    "logistic regression": MultiLabelLogisticRegression(C=5),
}
found = {name: [] for name in heads}
n_rows = []
for k in shots:
    draws = [draw_rows(k, seed) for seed in range(3)]
    n_rows.append(np.mean([len(rows) for rows in draws]))
    for name, head in heads.items():
        found[name].append(
            [
                macro_average_precision_score(
                    test.target,
                    head.fit(X_train[rows], Y_train[rows]).predict_proba(X_test),
                )
                for rows in draws
            ]
        )

# %%
# The ladder
# ----------
# Mean and range of three draws, on the test split.
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.axhline(start, color="0.4", ls="--", lw=1, label="zero-shot")
for name, values in found.items():
    values = np.array(values)
    ax.plot(n_rows, values.mean(axis=1), "o-", label=name)
    ax.fill_between(n_rows, values.min(axis=1), values.max(axis=1), alpha=0.15)
ax.set(
    xscale="log",
    xlabel="labelled rows (positives per label)",
    ylabel="mAP on test rows",
    xticks=n_rows,
    xticklabels=[
        f"{rows:.0f}\n({'all' if k == shots[-1] else k})"
        for rows, k in zip(n_rows, shots, strict=True)
    ],
)
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()

# %%
# Tip-Adapter weighs words and probe by rows that the probe has not seen: words count
# most where rows are few, and less the more there are.
tip, logistic = (np.mean(values, axis=1) for values in found.values())
print("Tip-Adapter's lead:", (tip - logistic).round(3))

# %%
# And then: the titles
# --------------------
# The pictures alone were judged so far. Titles, where there are any, need no labelling.
both = CLIPFeaturizer("clipart-tiny", fusion="concat")
head = MultiLabelLogisticRegression(C=5)
head.fit(both.fit_transform(train.data), train.target)
with_titles = macro_average_precision_score(
    test.target, head.predict_proba(both.transform(test.data))
)
print(f"all rows, pictures:            {logistic[-1]:.3f}")
print(f"all rows, pictures and titles: {with_titles:.3f}")
