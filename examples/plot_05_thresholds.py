"""
Choose thresholds for the metric you are judged by
==================================================

*My classifier cuts at 0.5. What do I lose, and does the best threshold depend on the
metric?*

A probability of 0.5 is the best threshold for accuracy, if the probabilities are right.
For F1 the best one is half of the best F1 that can be reached [1]_, which for a rare
label is far lower. The thresholds that are best for one metric are not those for
another.

.. [1] Lipton, Elkan, Narayanaswamy, "Optimal thresholding of classifiers to maximize F1
   measure", 2014. :arxiv:`1402.1892`
"""

# %%
# The metric against the threshold
# --------------------------------
# :class:`~sklearn_clip.ThresholdOptimizer` scores the training rows by cross-validation
# and tries every distinct score as a threshold. ``store_curves=True`` keeps what it
# saw.
import matplotlib.pyplot as plt

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.plotting import ThresholdCurveDisplay

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)
clip = CLIPFeaturizer("clipart-tiny")
X_train, X_test = clip.fit_transform(train.data), clip.transform(test.data)

head = MultiLabelLogisticRegression(C=5)
tuned = ThresholdOptimizer(head, random_state=0, store_curves=True)
tuned.fit(X_train, train.target)

some = ["flag", "animal", "mammal", "plant", "dessert", "boat"]
ThresholdCurveDisplay.from_estimator(tuned, y=train.target, labels=some, n_cols=3)
plt.show()

# %%
# A panel for each of six labels, the frequent ones first. The line is the chosen
# threshold, the band its spread between folds. Where a label has few positives the
# curve is jagged and its top says little: the threshold of such a label is drawn
# towards the one for all labels.
below = (tuned.thresholds_ < 0.5).sum()
print(f"{below} of {len(tuned.thresholds_)} thresholds lie below 0.5")
print(f"shrinkage, in positives: {tuned.shrinkage_:g}")

# %%
# One set of thresholds for each metric, judged by all of them
# ------------------------------------------------------------
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, jaccard_score


def judge(Y, predicted):
    """Score labels in five ways."""
    return {
        "entries right": 1 - abs(Y.to_numpy() - predicted).mean(),
        "rows all right": accuracy_score(Y, predicted),
        "micro F1": f1_score(Y, predicted, average="micro"),
        "samples Jaccard": jaccard_score(
            Y, predicted, average="samples", zero_division=0
        ),
        "macro F1": f1_score(Y, predicted, average="macro", zero_division=0),
    }


aims = {
    "accuracy of entries": {"metric": "accuracy"},
    "micro F1": {"average": "micro"},
    "samples Jaccard": {"metric": "jaccard", "average": "samples"},
    "macro F1": {"average": "macro"},
    "macro F2": {"metric": "fbeta", "beta": 2},
}
predictions = {
    "none: 0.5": head.fit(X_train, train.target).predict(X_test),
    **{
        aim: ThresholdOptimizer(head, random_state=0, **options)
        .fit(X_train, train.target)
        .predict(X_test)
        for aim, options in aims.items()
    },
}
table = pd.DataFrame(
    {aim: judge(test.target, predicted) for aim, predicted in predictions.items()}
).T
table["labels a row"] = [p.sum(axis=1).mean() for p in predictions.values()]
table.round(3)

# %%
# The same as a picture, each column shaded from its lowest to its highest value. The
# best of a column, in bold, is found at or near the thresholds that were chosen for it;
# any of them does better than 0.5 by every F1.
scores = table.drop(columns="labels a row")
figure, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.imshow(
    (scores - scores.min()) / (scores.max() - scores.min()),
    cmap="Blues",
    vmax=1.6,
    aspect="auto",
)
for (row, column), value in {
    (r, c): scores.iloc[r, c]
    for r in range(len(scores))
    for c in range(scores.shape[1])
}.items():
    best = value == scores.iloc[:, column].max()
    ax.text(
        column,
        row,
        f"{value:.3f}",
        ha="center",
        va="center",
        weight="bold" if best else None,
    )
ax.set_xticks(range(scores.shape[1]), scores.columns)
ax.set_yticks(range(len(scores)), scores.index)
ax.set(xlabel="judged by", ylabel="thresholds chosen for")
plt.show()
