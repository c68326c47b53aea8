"""Labels in, tagger, what to look at next, suggestions out: the whole loop on clip art.

Half of the drawings have labels. For the others zero-shot suggests some, in the format
of Label Studio; what people would answer is played by the truth, with a few slips; it
is read back, learnt from, reviewed, reported and exported. Half a minute on two cores,
with ``pip install "sklearn-clip[pandas,onnx]"``:

    python examples/annotation_loop.py
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
    top_labels,
)
from sklearn_clip.datasets import load_clipart, load_label_studio, write_label_studio
from sklearn_clip.export import to_onnx
from sklearn_clip.metrics import masked_f1_score, multilabel_report
from sklearn_clip.model_selection import out_of_fold_scores
from sklearn_clip.review import find_label_issues, suggest_queries

folder = Path(tempfile.mkdtemp())
train, test = (load_clipart(split=s, as_frame=True) for s in ("train", "test"))
names, truth = train.target_names, train.target.to_numpy().astype(float)
pictures = train.data["image"].to_numpy()
known = np.random.default_rng(0).random(len(pictures)) < 0.5
Y = np.where(known[:, None], truth, np.nan)
clip = CLIPFeaturizer("clipart-tiny", text=None)

# Suggestions, for people to correct: a label is suggested from its threshold on.
words = ZeroShotClassifier(names, clip, adapt="captions", captions=train.data["text"])
words.fit(pictures)
suggested = words.predict_proba(pictures[~known])
config = write_label_studio(
    folder / "tasks.json",
    pictures[~known],
    suggested,
    label_names=names,
    threshold=words.thresholds_,
)
print(f"{(~known).sum()} tasks with suggestions; the project's configuration begins")
print("\n".join(config.splitlines()[:4]))

# What people answer: the truth, but that one of 50 answered labels is forgotten.
answers = truth[~known]
forgotten = (answers == 1) & (np.random.default_rng(1).random(answers.shape) < 0.02)
write_label_studio(
    folder / "export.json",
    pictures[~known],
    np.where(forgotten, 0, answers),
    label_names=names,
    kind="annotations",
    config=config,
)

# Read back by name: rows by their picture, columns by the label.
found = load_label_studio(folder / "export.json", "/", config=config, classes=names)
row_of = {path: row for row, path in enumerate(pictures)}
Y[[row_of[path] for path in found.data[:, 0]]] = found.target
print(f"read back {len(found.data)} answers, {np.isnan(Y).sum()} cells unknown")

# Train; the store has every picture already.
tagger = make_pipeline(
    CLIPFeaturizer("clipart-tiny"),
    ThresholdOptimizer(MultiLabelLogisticRegression(C=5), random_state=0),
)
tagger.fit(train.data, pd.DataFrame(Y, columns=names))
predicted = tagger.predict(test.data)
score = masked_f1_score(test.target, predicted, average="macro")
print(f"macro-F1 on the test drawings {score:.3f}")

# Review: which labels look wrong to a classifier that has not seen the row?
vectors = tagger[0].transform(train.data)
head = MultiLabelLogisticRegression(C=5)
unseen = out_of_fold_scores(head, vectors, Y, groups=train.groups, random_state=0)
issues = find_label_issues(unseen, None, Y, vectors=vectors, groups=train.groups, n=50)
cells = set(zip(issues.rows.tolist(), issues.labels.tolist(), strict=True))
slips = zip(*np.nonzero(np.where(forgotten, 1, 0)), strict=True)
rows = np.flatnonzero(~known)
slips = {(int(rows[row]), int(label)) for row, label in slips}
print(f"of {len(slips)} forgotten labels {len(slips & cells)} are among 50 suspicious")
print(issues.to_frame().head(3).to_string())

# And what to ask next, of drawings that nobody has looked at.
queries = suggest_queries(tagger, test.data, 5, label_names=names, random_state=0)
print(queries.to_frame().to_string())

report = multilabel_report(test.target, predicted, label_names=names)
print(report.head(8).round(2).to_string())

to_onnx(tagger, folder / "tagger.onnx")
size = (folder / "tagger.onnx").stat().st_size / 1e6
print(f"exported as one file of {size:.1f} MB")
for row in top_labels(tagger, test.data[:2], k=3):
    print(", ".join(f"{name} {probability:.2f}" for name, probability in row))
