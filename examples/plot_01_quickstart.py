"""
Tag pictures with several labels
================================

*How do I get from a table of pictures, titles and labels to a tagger?*

The pictures are the clip art that ships with the package: drawings with a title and 43
labels, several of which may be true of a drawing. The CLIP model ships too, so this
example needs no network.
"""

# %%
# The data
# --------
# ``data`` has the columns ``image``, a path, and ``text``, the title; ``target`` has
# one column of 0 and 1 for every label.
from sklearn_clip.datasets import load_clipart

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)
per_row = train.target.sum(axis=1).mean()
print(f"{len(train.data)} rows to learn from, {len(test.data)} to judge by")
print(f"{train.target.shape[1]} labels, {per_row:.1f} of them true of a row")
train.data["text"].head()

# %%
# The tagger
# ----------
# Three steps: CLIP turns a row into one vector, a logistic regression per label turns
# the vector into probabilities, and a threshold per label turns these into labels. The
# thresholds are those of the best macro F1 on rows that the regression was not fitted
# on.
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)

tagger = make_pipeline(
    CLIPFeaturizer("clipart-tiny", fusion="concat"),
    ThresholdOptimizer(MultiLabelLogisticRegression(C=5), random_state=0),
)
tagger.fit(train.data, train.target)

# %%
# How good is it?
# ---------------
# :func:`~sklearn_clip.metrics.multilabel_report` has a row per label and the averages.
# Here are the averages, and the labels that are found best and worst.
from sklearn_clip.metrics import multilabel_report

report = multilabel_report(
    test.target,
    tagger.predict(test.data),
    tagger.predict_proba(test.data),
    sort_by="f1",
).round(2)
report.iloc[[-4, -3, -2, -1, 0, 1, 2, -7, -6, -5]]

# %%
# The pictures themselves
# -----------------------
# Twelve test drawings drawn by lot. Below each stand the labels that were found (a
# tick), missed (a dash) and wrongly given (a cross).
import matplotlib.pyplot as plt
import numpy as np

from sklearn_clip.plotting import LabelGridDisplay

some = np.random.default_rng(1).choice(len(test.data), size=12, replace=False)
LabelGridDisplay.from_estimator(tagger, test.data, test.target, rows=some)
plt.show()

# %%
# Use it
# ------
# :func:`~sklearn_clip.top_labels` names the most probable labels. A row may lack its
# picture or its title.
from sklearn_clip import top_labels

rows = [
    {"image": test.data["image"].iloc[some[0]], "text": None},
    {"image": None, "text": "a red sports car"},
]
for row, labels in zip(rows, top_labels(tagger, rows, k=3), strict=True):
    named = ", ".join(f"{name} {probability:.2f}" for name, probability in labels)
    print(f"{row['text'] or 'a picture alone'}: {named}")

# %%
# A saved tagger holds the regression and the thresholds, not the weights of CLIP; these
# are found by name, and checked, when it is used again.
import tempfile
from pathlib import Path

import joblib

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "tagger.joblib"
    joblib.dump(tagger, file, compress=3)
    print(f"{file.stat().st_size / 1024:.0f} KiB")
    again = joblib.load(file)
assert (again.predict(rows) == tagger.predict(rows)).all()
