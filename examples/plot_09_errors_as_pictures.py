"""
Look at errors as pictures
==========================

*The score is what it is. What is the tagger wrong about, and is it the tagger?*

A macro F1 says how often, a picture says why. This example goes from the labels that do
badly, over the labels that get mixed up, to the drawings themselves, and ends with
training rows whose labels are wrong.
"""

# %%
# A tagger
# --------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedGroupKFold,
    ThresholdOptimizer,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.plotting import (
    LabelCooccurrenceDisplay,
    LabelGridDisplay,
    LabelScoreDisplay,
)

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)
clip = CLIPFeaturizer("clipart-tiny")
head = MultiLabelLogisticRegression(C=5)
tagger = make_pipeline(clip, ThresholdOptimizer(head, random_state=0))
tagger.fit(train.data, train.target)
predicted = tagger.predict(test.data)

# %%
# Which labels?
# -------------
# A point per label. Frequent labels that do badly, at the lower right, cost most.
LabelScoreDisplay.from_predictions(test.target, predicted, kind="scatter", n_names=14)
plt.show()

# %%
# Taken for what?
# ---------------
# Which labels go together in the truth, and which in the predictions: of the rows with
# the label at the left, the share that has the label below too. What is darker on the
# right is given too freely beside the other.
some = ["animal", "mammal", "bird", "insect", "plant", "flower", "food", "fruit"]
figure, axes = plt.subplots(ncols=2, figsize=(11, 5), layout="constrained")
for ax, labels, title in zip(
    axes, (test.target, predicted), ("true", "predicted"), strict=True
):
    LabelCooccurrenceDisplay.from_labels(
        labels, labels=some, order=None, label_names=train.target_names, ax=ax
    )
    ax.set_title(title)
plt.show()

# %%
# The worst drawings
# ------------------
# Without ``rows=`` the display picks those with the most errors.
LabelGridDisplay.from_predictions(test.data, test.target, predicted, n_rows=12)
plt.show()

# %%
# Is it the tagger?
# -----------------
# Some of these errors are errors of the table. To find them among the training rows,
# score each one by a classifier that has not seen it, and look where it is most certain
# of a label that the table does not have.
X = clip.transform(train.data)
scores = np.empty(train.target.shape)
folds = MultiLabelStratifiedGroupKFold(5, random_state=0)
for fit, held_out in folds.split(X, train.target, train.groups):
    head.fit(X[fit], train.target.iloc[fit])
    scores[held_out] = head.predict_proba(X[held_out])

doubted = np.where(train.target == 0, scores, 0)
rows = np.argsort(-doubted.max(axis=1))[:12]
LabelGridDisplay.from_predictions(
    train.data, train.target, (scores >= 0.5).astype(int), rows=rows
)
plt.show()

# %%
# A cross here is a label that the classifier is sure of and the table lacks. Many of
# them are right: correct the table, or set these cells to NaN, unknown, and fit again.
corrected = train.target.astype(float).mask(doubted > 0.9)
print(f"cells above 0.9 that the table calls absent: {corrected.isna().sum().sum()}")
