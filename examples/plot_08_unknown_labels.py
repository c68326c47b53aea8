"""
Learn where nobody knows all labels
===================================

*Not every label was checked on every row. Is unknown the same as absent?*

No. A cell of the target that nobody filled in is NaN, and NaN is left out: of the fit,
of the thresholds, of the metrics. This example hides known cells by lot and compares
two ways to go on.
"""

# %%
# Hide cells of the target
# ------------------------
import numpy as np

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import macro_average_precision_score

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)
clip = CLIPFeaturizer("clipart-tiny")
X_train, X_test = clip.fit_transform(train.data), clip.transform(test.data)


def hide(Y, share, seed=0):
    """Turn a share of the cells into NaN."""
    return Y.where(np.random.default_rng(seed).random(Y.shape) >= share)


half = hide(train.target, 0.5)
half[["animal", "flag", "food", "person"]].head()

# %%
# Two ways to go on
# -----------------
# - leave the unknown cells out, which needs nothing but the NaN;
# - write 0, as tables of tags often do.
#
# A third way, to drop every row that has an unknown cell, ends soon where there are
# many labels, as the number printed below shows.
shares = [0, 0.2, 0.4, 0.6, 0.8, 0.9]
scores = {"left out": [], "taken for 0": []}
means = {"left out": [], "taken for 0": []}
for share in shares:
    known = hide(train.target, share)
    for way, Y in {"left out": known, "taken for 0": known.fillna(0)}.items():
        head = MultiLabelLogisticRegression(C=5).fit(X_train, Y)
        P = head.predict_proba(X_test)
        scores[way].append(macro_average_precision_score(test.target, P))
        means[way].append(P.sum(axis=1).mean())
complete = hide(train.target, 0.2).notna().all(axis=1).sum()
print(f"rows without an unknown cell when a fifth of them is hidden: {complete}")

# %%
# What it costs
# -------------
# Left: the order of the rows, by average precision. Right: the number of labels that
# the probabilities of a row add up to.
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(ncols=2, figsize=(9, 3.8), layout="constrained")
for way in scores:
    left.plot(shares, scores[way], "o-", label=way)
    right.plot(shares, means[way], "o-", label=way)
truth = test.target.sum(axis=1).mean()
right.axhline(truth, color="0.4", ls="--", lw=1)
right.annotate(
    "true labels a row", (0, truth), xytext=(0, 4), textcoords="offset points"
)
left.set(xlabel="share of unknown cells", ylabel="mAP on test rows")
right.set(xlabel="share of unknown cells", ylabel="labels a row, expected")
for ax in (left, right):
    ax.set_ylim(0)
    ax.spines[["top", "right"]].set_visible(False)
right.set_ylim(0, 1.15 * truth)
left.legend(frameon=False)
plt.show()

# %%
# Zeros in the place of unknown cells teach that every label is rarer than it is. The
# order suffers a little, the probabilities shrink nearly in proportion.

# %%
# Search and judge with unknown cells
# -----------------------------------
# scikit-learn's splitters and scorers refuse NaN in the target; the ones given here do
# not. ``known`` in the report counts the rows in which a label is known.
from sklearn.model_selection import GridSearchCV

from sklearn_clip import MultiLabelStratifiedKFold, ThresholdOptimizer
from sklearn_clip.metrics import masked_f1_macro_scorer, multilabel_report

search = GridSearchCV(
    ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3, random_state=0),
    {"estimator__C": [1, 5, 25]},
    cv=MultiLabelStratifiedKFold(3, random_state=0),
    scoring=masked_f1_macro_scorer,
)
search.fit(X_train, half)
print(search.best_params_, f"macro F1 over known cells: {search.best_score_:.3f}")

hidden = hide(test.target, 0.5, seed=1)
report = multilabel_report(hidden, search.predict(X_test), sort_by="support")
report.iloc[[0, 1, 2, -4, -3]].round(2)
