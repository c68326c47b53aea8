"""
Thousands of labels
===================

*Every word is a label: what does a label cost, and how good are the first ones?*

A stock of pictures has as many labels as people have words, and a picture has a few of
them. Here the labels are the words of the titles that the authors gave their drawings;
they are predicted from the drawing alone.
"""

# %%
# Sparse targets
# --------------
# Most words are rare. :func:`~sklearn_clip.labels_to_frame` stores the ones alone.
import re

import matplotlib.pyplot as plt
import numpy as np

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    labels_to_frame,
    top_labels,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    label_propensities,
    precision_at_k_score,
    propensity_scored_precision_at_k_score,
)

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)


def words_of(data):
    """Read the words of every title, of three letters at least."""
    titles = data.data["text"].fillna("").str.lower()
    return [sorted(set(re.findall(r"[^\W\d_]{3,}", title))) for title in titles]


Y = labels_to_frame(words_of(train), sparse=True)
print(f"{Y.shape[0]:,} drawings, {Y.shape[1]:,} words, {Y.sparse.density:.2%} stored")

often = np.sort(np.asarray(Y.sparse.to_coo().sum(axis=0)).ravel())[::-1]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.loglog(np.arange(1, len(often) + 1), often)
ax.set(xlabel="words, the most frequent first", ylabel="drawings with the word")
plt.show()

# %%
# All labels in one solve
# -----------------------
# The labels share every product of the features with their weights, and those that have
# converged leave.
import time

clip = CLIPFeaturizer("photo-tiny", text=None)
X, X_test = clip.fit_transform(train.data), clip.transform(test.data)
start = time.perf_counter()
head = MultiLabelLogisticRegression(C=30).fit(X, Y)
print(f"{Y.shape[1]:,} labels in {time.perf_counter() - start:.1f} s")

# %%
# The first labels of a drawing
# -----------------------------
# :func:`~sklearn_clip.top_labels` holds the best of each row alone, and no table of all
# rows and labels.
titles = test.data["text"].fillna("").to_list()
some = np.random.default_rng(3).choice(len(titles), size=6, replace=False)
for row, found in zip(some, top_labels(head, X_test[some], k=4), strict=True):
    print(f"{titles[row][:40]!r}: {', '.join(name for name, _ in found)}")

# %%
# How good they are
# -----------------
# Precision@k asks how many of the first k words stand in the title. Its
# propensity-scored form weighs a word by how rarely people think of it: a word that is
# missing from a title is often right all the same. Both are measured beside naming the
# most frequent words for every drawing.
known = set(Y.columns)
truth = [[word for word in row if word in known] for row in words_of(test)]
asked = np.array([bool(row) for row in truth])
Y_test = labels_to_frame(
    [row for row in truth if row], classes=list(Y.columns), sparse=True
).sparse.to_coo()
scores = {
    "the most frequent words": np.tile(Y.sparse.to_coo().sum(axis=0), (asked.sum(), 1)),
    "logistic regression": head.predict_proba(X_test[asked]),
}
propensity = label_propensities(Y)
print(f"{asked.sum()} of {len(truth)} titles have a word that was seen in training")
for name, table in scores.items():
    table = np.asarray(table, dtype=float)
    plain = [precision_at_k_score(Y_test, table, k=k) for k in (1, 3, 5)]
    weighed = [
        propensity_scored_precision_at_k_score(Y_test, table, propensity, k=k)
        for k in (1, 3, 5)
    ]
    print(f"{name:24} precision@1, 3, 5  " + "  ".join(f"{v:.3f}" for v in plain))
    print(f"{'':24} for rare words too " + "  ".join(f"{v:.3f}" for v in weighed))

# %%
# For one title in six the first word is one that its author wrote; the most frequent
# word is right half as often. Where rare words count for more the difference is larger,
# as naming what is frequent never finds one.
