"""Fine-tuning on clip art: images, captions, labels unseen, and noise in the labels.

Macro mAP and GAP@10 are of the test split. Cuts for macro-F1 come from rows that the
encoder did not see: a quarter of the training groups is held out for them from the
tuned encoder and, so that both sides have the same rows, from the frozen one's head.
The held-out rows also tell which epoch is best; no choice was made on the test rows.

    python benchmarks/study_finetune.py                               # all tables
    python benchmarks/study_finetune.py --epochs 3 --trainable last  # a quick look
    python benchmarks/study_finetune.py --tables captions            # one of them
"""

import argparse
import time

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
    multilabel_train_test_split,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)

_TABLES = ["images", "captions", "unseen", "noise"]
_UNSEEN = 10  # labels that are kept out of training, every fourth by name


def show(name, *values):
    """Print one row of a table."""
    print(f"{name:<44}" + "".join(f"{value:>9.3f}" for value in values), flush=True)


def head(name, *columns):
    """Print the head of a table."""
    print(f"\n{name:<44}" + "".join(f"{column:>9}" for column in columns), flush=True)


def figures(model, held_out, test):
    """Macro mAP, GAP@10, and macro-F1 with cuts from held-out rows."""
    scores = model.predict_proba(test[0])
    tagger = ThresholdOptimizer(FrozenEstimator(model)).fit(*held_out)
    return (
        macro_average_precision_score(test[1], scores),
        global_average_precision_score(test[1], scores, k=10),
        f1_score(test[1], tagger.predict(test[0]), average="macro", zero_division=0),
    )


def make_tuner(names, options, **parameters):
    """Make a tuner of the small model."""
    default = {
        "lr": options.lr,
        "max_epochs": options.epochs,
        "batch_size": 32,
        "patience": options.epochs,
        "random_state": 0,
    }
    return CLIPFineTuner(names, "clipart-tiny", **default | parameters)


def fit_frozen(train, C=1.0, **parameters):
    """Fit a logistic regression on frozen features."""
    clip = CLIPFeaturizer("clipart-tiny", **parameters)
    return make_pipeline(clip, MultiLabelLogisticRegression(C=C)).fit(*train)


def add_noise(Y, share, rng):
    """Turn over a share of the positives, and as many negatives of the same labels."""
    noisy = Y.copy()
    for label in range(Y.shape[1]):
        positive = np.flatnonzero(Y[:, label] == 1)
        count = round(share * len(positive))
        negative = np.flatnonzero(Y[:, label] == 0)
        noisy[rng.choice(positive, count, replace=False), label] = 0
        noisy[rng.choice(negative, count, replace=False), label] = 1
    return noisy


def compare(names, parts, options, noise, fusion="image"):
    """Print tuned against frozen, with that share of noise in training targets."""
    train, held_out, test = parts
    Y = add_noise(train[1], noise, np.random.default_rng(0))
    what = "images" if fusion == "image" else "images and captions"
    head(f"{what}, {noise:.0%} label noise", "mAP", "GAP@10", "macroF1", "s/epoch")
    for C in (1.0, 10.0, 100.0):
        for frozen_fusion in ("image",) if fusion == "image" else (fusion, "concat"):
            frozen = fit_frozen((train[0], Y), C, fusion=frozen_fusion)
            name = f"frozen {frozen_fusion} + logistic, C={C:g}"
            show(name, *figures(frozen, held_out, test))
    for trainable in options.trainable:
        tuner = make_tuner(
            names, options, trainable=trainable, text="text", fusion=fusion
        )
        tuner.fit(train[0], Y, X_val=held_out[0], y_val=held_out[1])
        seconds = np.mean([record["seconds"] for record in tuner.history_])
        name = f"tuned {fusion}, {trainable}, epoch {tuner.best_epoch_}"
        show(name, *figures(tuner, held_out, test), seconds)


def compare_unseen(names, parts, options):
    """Print zero-shot mAP of labels that were not trained on, before and after."""
    train, held_out, test = parts
    unseen = np.arange(len(names)) % 4 == 0
    unseen &= np.cumsum(unseen) <= _UNSEEN
    seen, new = [
        [name for name, chosen in zip(names, mask, strict=True) if chosen]
        for mask in (~unseen, unseen)
    ]
    clip = CLIPFeaturizer("clipart-tiny", fusion="image")
    before = ZeroShotClassifier(names, clip, scoring="cosine").fit()
    before = before.decision_function(test[0])
    tuner = make_tuner(
        seen, options, trainable=options.trainable[0], text="text", fusion="image"
    )
    tuner.fit(
        train[0], train[1][:, ~unseen], X_val=held_out[0], y_val=held_out[1][:, ~unseen]
    )
    head("zero-shot mAP", "before", "after")
    for name, mask, classes in (
        (f"{len(seen)} labels trained on", ~unseen, seen),
        (f"{len(new)} labels never trained on", unseen, new),
    ):
        after = tuner.predict_proba(test[0], classes=classes)
        show(
            name,
            macro_average_precision_score(test[1][:, mask], before[:, mask]),
            macro_average_precision_score(test[1][:, mask], after),
        )


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument(
        "--trainable",
        nargs="+",
        default=["all", "last"],
        choices=["all", "last", "projection"],
        help="what is trained; the first is taken for labels unseen",
    )
    parser.add_argument("--tables", nargs="+", default=_TABLES, choices=_TABLES)
    options = parser.parse_args()
    data = load_clipart(split="train")
    test = load_clipart(split="test")
    X, held_X, Y, held_Y = multilabel_train_test_split(
        data.data, y=data.target, groups=data.groups, random_state=0
    )
    parts = (X, Y), (held_X, held_Y), (test.data, test.target)
    counts = ", ".join(str(len(part[1])) for part in parts)
    print(f"clipart-tiny, {options}; {counts} rows to train, hold out, test")
    print(f"torch threads {torch.get_num_threads()}")
    start = time.perf_counter()
    names = data.target_names
    if "images" in options.tables:
        compare(names, parts, options, 0.0)
    if "captions" in options.tables:
        compare(names, parts, options, 0.0, "mean")
    if "unseen" in options.tables:
        compare_unseen(names, parts, options)
    if "noise" in options.tables:
        compare(names, parts, options, 0.2)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
