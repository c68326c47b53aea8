"""
Promise a precision
===================

*What is tagged goes out unseen, and four of five tags must be right. Which thresholds
keep that?*

``min_precision=0.8`` takes, of the thresholds with that precision on the rows searched,
the one that finds most. On new rows it may break the promise: a precision measured on
few rows is sometimes lucky, and a search picks lucky ones. With ``confidence=0.9`` the
threshold holds the promise on new rows of the same kind with a probability of at least
0.9, for each label.
"""

# %%
# Both on the same rows
# ---------------------
# The guarantee needs rows that the classifier has not seen, and the classifier must not
# be fitted again: half of the rows are held out (``cv=0.5``) and ``refit=False``.
# Labels for which no threshold can be promised are never predicted. They are in
# ``unmet_labels_``, and in a warning. Another warning says, without ``confidence``, how
# many labels kept the promise on rows that their thresholds were not chosen on.
import warnings

import pandas as pd

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    multilabel_train_test_split,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import multilabel_report

for hint in ("never predicted", "holds for the rows searched"):
    warnings.filterwarnings("ignore", message=f".*{hint}", category=UserWarning)

labels = ["flag", "animal", "food", "person", "transport"]
train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)
clip = CLIPFeaturizer("clipart-tiny")
X_train, X_test = clip.fit_transform(train.data), clip.transform(test.data)
Y_train, Y_test = train.target[labels], test.target[labels]

head = MultiLabelLogisticRegression(C=5)
reports = {}
for confidence in [None, 0.9]:
    tuned = ThresholdOptimizer(
        head,
        min_precision=0.8,
        confidence=confidence,
        cv=0.5,
        refit=False,
        random_state=0,
    ).fit(X_train, Y_train)
    report = multilabel_report(Y_test, tuned.predict(X_test), label_names=labels).loc[
        labels, ["precision", "recall"]
    ]
    reports[f"confidence={confidence}"] = report
    print(f"confidence={confidence}: no promise for {tuned.unmet_labels_}")
pd.concat(reports, axis=1).round(2)

# %%
# How often is the promise broken?
# --------------------------------
# One table cannot tell. So let 1,200 or so rows be the world, draw rows from it with
# replacement, choose thresholds on these, and look up their true precision in the
# world; a hundred times. The classifier has seen none of them.
import numpy as np

X, Y = np.vstack([X_train, X_test]), pd.concat([Y_train, Y_test])
groups = np.concatenate([train.groups, test.groups])
X_fit, X_world, Y_fit, Y_world = multilabel_train_test_split(
    X, y=Y.to_numpy(), groups=groups, test_size=0.6, random_state=0
)
head.fit(X_fit, Y_fit)
P_world = head.predict_proba(X_world)
rng = np.random.default_rng(0)


def true_precision(confidence):
    """Choose thresholds on rows of the world; their precision and recall in it."""
    drawn = rng.integers(len(X_world), size=len(X_world))
    tuned = ThresholdOptimizer(
        head, min_precision=0.8, confidence=confidence, cv="prefit"
    ).fit(X_world[drawn], Y_world[drawn])
    predicted = P_world >= tuned.thresholds_
    hits = (predicted & (Y_world == 1)).sum(axis=0)
    with np.errstate(invalid="ignore"):  # a label that is never predicted: NaN
        return hits / predicted.sum(axis=0), hits / Y_world.sum(axis=0)


found = {
    confidence: np.array([true_precision(confidence) for _ in range(100)])
    for confidence in [None, 0.9]
}

# %%
# A point is the precision that one choice of thresholds really has. Left of the line
# the promise is broken. The figures at the right: the share of broken promises, and the
# mean recall, which is what the promise costs.
import matplotlib.pyplot as plt

figure, axes = plt.subplots(
    ncols=2, figsize=(9.5, 3.8), layout="constrained", sharex=True, sharey=True
)
for ax, (confidence, values) in zip(axes, found.items(), strict=True):
    precision, recall = values[:, 0], values[:, 1]
    for place in range(len(labels)):
        points = precision[:, place]
        jitter = rng.uniform(-0.25, 0.25, size=len(points))
        kept = points >= 0.8
        for mask, colour in [(kept, "C0"), (~kept, "C1")]:
            ax.plot(points[mask], place + jitter[mask], "o", ms=3, color=colour)
        broken = np.mean(points < 0.8)
        ax.text(
            1.03,
            place,
            f"{broken:4.0%} broken\nrecall {recall[:, place].mean():.2f}",
            va="center",
            transform=ax.get_yaxis_transform(),
        )
    ax.axvline(0.8, color="0.3", lw=1)
    ax.set(
        title=f"confidence={confidence}",
        xlabel="true precision",
        yticks=range(len(labels)),
        yticklabels=labels,
    )
    ax.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()
plt.show()

# %%
# Without ``confidence`` many thresholds fall short, for some labels every other one.
# With it hardly any do: fewer than the 10 % that are allowed, which a label would reach
# only if its precision lay just below the promise at every threshold. The price is
# recall, and with few positives the label itself: a promise about it takes more rows,
# not another threshold.
