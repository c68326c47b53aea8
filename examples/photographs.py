"""
Sort a folder of photographs
============================

Label photographs by words alone, then by words and a few labelled pictures, and judge
both on the rest. All of it runs offline: the photographs and the small CLIP model for
them ship with the package.
"""

# %%
# A folder of photographs
# -----------------------
# Here the ones that ship; of a folder of your own take
# ``files = sorted(Path("photos").rglob("*.[jJ][pP]*[gG]"))``.
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    TipAdapterClassifier,
    ZeroShotClassifier,
    multilabel_train_test_split,
    top_labels,
)
from sklearn_clip.datasets import load_photos
from sklearn_clip.heads import CLIPAdapterClassifier
from sklearn_clip.metrics import (
    average_precision_per_label,
    macro_average_precision_score,
    masked_f1_score,
)

out = Path("demo-output")
out.mkdir(exist_ok=True)
started = time.perf_counter()


def report(step):
    """Print what a step took."""
    global started
    print(f"[{time.perf_counter() - started:5.1f} s] {step}")
    started = time.perf_counter()


photos = load_photos(as_frame=True)
files, names = photos.data["image"].to_numpy(), photos.target_names
titles = photos.data["text"].fillna("(no title)").to_numpy()
clip = CLIPFeaturizer("photo-tiny", text=None)  # the pictures alone, not the titles
embeddings = clip.encode_images(files)
report(f"embedded {len(files)} photographs")

# %%
# No labels: ask in words
# -----------------------
# Which picture is most like a word? ``photo-tiny`` knows the thousand things of
# ImageNet and what is near them in meaning, as single English words.
words = ["bicycle", "bridge", "castle", "goldfish", "panda", "rocket", "scissors"]
best = ZeroShotClassifier(words, clip).fit().predict_proba(files).argmax(axis=0)
for word, row in zip(words, best, strict=True):
    print(f"          {word}: {titles[row]}")

# %%
# The other way round: which of the words are true of a picture?
zero_shot = ZeroShotClassifier(names, clip).fit()
some = np.random.default_rng(0).choice(len(files), size=4, replace=False)
for row, found in zip(some, top_labels(zero_shot, files[some], k=3), strict=True):
    ranked = ", ".join(f"{name} {probability:.2f}" for name, probability in found)
    print(f"          {titles[row]}: {ranked}")

# %%
# Judge: average precision per label, over the pictures for which it is known. By lot
# it would be the share of the pictures that have the label.
probability = zero_shot.predict_proba(files)
per_label = pd.DataFrame(
    {
        "pictures": photos.target.sum().astype(int),
        "by lot": photos.target.mean(),
        "zero-shot": average_precision_per_label(photos.target, probability),
    }
).sort_values("zero-shot", ascending=False)
report(f"asked for {len(names)} labels in words, average precision:")
print(per_label.to_string(float_format="{:.2f}".format))
by_lot, ranked = per_label[["by lot", "zero-shot"]].mean()
print(f"          mean (mAP): {ranked:.3f} (by lot: {by_lot:.3f})")

# %%
# Label a few
# -----------
# Two fifths of the pictures, and no picture of a series on both sides. With so few,
# most labels have less than five positives, of which every fit would warn: it is why
# the table below is to be read with care.
warnings.filterwarnings("ignore", message=".*fewer positives than the")
everything = np.arange(len(files))
few, rest, Y_few, Y_rest = multilabel_train_test_split(
    everything, y=photos.target, groups=photos.groups, test_size=0.6, random_state=0
)
prompts, background = zero_shot.label_embeddings_, zero_shot.background_
heads = {
    "labelled pictures alone": ThresholdOptimizer(
        MultiLabelLogisticRegression(C=10), random_state=0
    ),
    "words and a probe (Tip-Adapter)": TipAdapterClassifier(
        prompts, background=background
    ),
    "words that learn (CLIP-Adapter)": CLIPAdapterClassifier(
        prompts, background=background, probe=True, random_state=0
    ),
}


def out_of_fold(head):
    """Labels of the labelled pictures by a head that has not seen them."""
    found = np.zeros(Y_few.shape)
    folds = GroupKFold(4, shuffle=True, random_state=0)
    for fit, hold in folds.split(few, groups=photos.groups[few]):
        head.fit(embeddings[few[fit]], Y_few.iloc[fit])
        found[hold] = head.predict(embeddings[few[hold]])
    return found


def judge(name, held_out, predicted, probability):
    """Scores of the labelled pictures, out of fold, and of the rest."""
    return {
        "": name,
        "macro-F1, out of fold": masked_f1_score(Y_few, held_out, average="macro"),
        "macro-F1": masked_f1_score(Y_rest, predicted, average="macro"),
        "mAP": macro_average_precision_score(Y_rest, probability),
    }


predicted = {"zero-shot": zero_shot.predict(files[rest])}
probability = zero_shot.predict_proba(files[rest])
held_out = zero_shot.predict(files[few])
rows = [judge("zero-shot", held_out, predicted["zero-shot"], probability)]
for name, head in heads.items():
    held_out = out_of_fold(head)
    head.fit(embeddings[few], Y_few)
    predicted[name] = head.predict(embeddings[rest])
    probability = head.predict_proba(embeddings[rest])
    rows.append(judge(name, held_out, predicted[name], probability))
table = pd.DataFrame(rows).set_index("")
report(f"learned from {len(few)} labelled pictures, judged on the other {len(rest)}:")
print(table.to_string(float_format="{:.3f}".format))

# %%
# The labelled pictures choose, out of fold. What the rest says is then a judgement, and
# no choice.
chosen = table["macro-F1, out of fold"].idxmax()
print(f"          chosen out of fold: {chosen}")

# %%
# The picture of results
# ----------------------
# Twelve of the rest by lot, among those that may be shown without naming an author.
import matplotlib.pyplot as plt

from sklearn_clip.plotting import LabelGridDisplay

free = photos.sources["licence"].isin(["CC0-1.0", "public domain"]).to_numpy()
shown = np.random.default_rng(0).choice(
    np.flatnonzero(free[rest]), size=12, replace=False
)
display = LabelGridDisplay.from_predictions(
    photos.data.iloc[rest], Y_rest, predicted[chosen], rows=shown
)
display.figure_.savefig(out / "photographs.png", dpi=120)
plt.close(display.figure_)
report(f"drew twelve of them: {out / 'photographs.png'}")
