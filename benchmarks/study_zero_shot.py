"""Zero-shot on clip art: templates, scorings, captions, and what few labelled rows add.

Defaults were chosen by the tables of the training split, which is what is printed; with
``--split test`` the test split is, once they are chosen. Rows for calibration are drawn
from one half of the training groups and judged on the other, or with ``--split test``
drawn from all training rows and judged on the test rows: k rows a label are the first k
positives of every label in random order, whole rows with all of their labels. Slopes
are positive, so that calibration leaves every label's AP as it is.

    python benchmarks/study_zero_shot.py                # templates, scorings, captions
    python benchmarks/study_zero_shot.py --curve        # 0, 1, 5, 50 rows a label
    python benchmarks/study_zero_shot.py --many-labels  # 5,000 labels, 10,000 images
"""

import argparse
import resource
import time

import numpy as np
from sklearn.metrics import f1_score, log_loss

from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)
from sklearn_clip.zero_shot import BACKGROUND, TEMPLATES

BACKGROUNDS = {
    "default": BACKGROUND,
    "one word": ("something",),
    "four words": ("something", "object", "thing", "nothing"),
    "first half": BACKGROUND[: len(BACKGROUND) // 2],
    "second half": BACKGROUND[len(BACKGROUND) // 2 :],
}
CUTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


def make_model(clip, data, **parameters):
    """Make a classifier of the labels of the data."""
    return ZeroShotClassifier(data.target_names, clip, **parameters)


def rank_figures(model, X, Y):
    """Macro mAP and GAP."""
    scores = model.decision_function(X)
    return macro_average_precision_score(Y, scores), global_average_precision_score(
        Y, scores
    )


def label_figures(model, X, Y):
    """Macro-F1, micro-F1 and log loss per entry."""
    predicted = model.predict(X)
    return (
        f1_score(Y, predicted, average="macro", zero_division=0),
        f1_score(Y, predicted, average="micro", zero_division=0),
        log_loss(Y.ravel(), model.predict_proba(X).ravel()),
    )


def show(name, values, width=26):
    """Print one row of a table."""
    print(
        f"{name:<{width}}" + "".join(f"{value:>9.3f}" for value in values), flush=True
    )


def head(name, *columns, width=26):
    """Print the head of a table."""
    print(f"\n{name:<{width}}" + "".join(f"{column:>9}" for column in columns))


def compare_templates(clips, data):
    """Print mAP of every set of templates, on images, captions and both."""
    head("templates, macro mAP", "image", "caption", "mean")
    for templates in TEMPLATES:
        values = [
            rank_figures(
                make_model(clip, data, templates=templates, scoring="cosine").fit(),
                data.frame,
                data.target,
            )[0]
            for clip in clips.values()
        ]
        show(templates, values)
    print("\neach template alone, and all, on images (mean over labels)")
    model = make_model(clips["image"], data).fit()
    report = model.prompt_report(data.frame, data.target)
    mean = report[report["label"] == "macro avg"]
    print(mean.drop(columns="label").to_string(index=False, float_format="%.3f"))


def compare_scorings(clips, data):
    """Print what every scoring, background and cut is worth on images."""
    X, Y = data.frame, data.target
    columns = ("mAP", "GAP", "macroF1", "microF1", "logloss")
    head("scoring, on images", *columns)
    for scoring in ("contrast", "softmax"):
        model = make_model(clips["image"], data, scoring=scoring).fit()
        show(scoring, (*rank_figures(model, X, Y), *label_figures(model, X, Y)))
    model = make_model(clips["image"], data, scoring="cosine").fit()
    show("cosine", rank_figures(model, X, Y))
    for kind, clip in clips.items():
        if kind != "image":
            model = make_model(clip, data).fit()
            show(
                f"contrast, on {kind}",
                (*rank_figures(model, X, Y), *label_figures(model, X, Y)),
            )
    frequency = np.broadcast_to(Y.mean(axis=0), Y.shape)
    loss = log_loss(Y.ravel(), frequency.ravel())
    print(f"(log loss of the true frequencies {loss:.3f})")
    head("contrast, background", *columns)
    for name, background in BACKGROUNDS.items():
        model = make_model(clips["image"], data, background=list(background)).fit()
        show(name, (*rank_figures(model, X, Y), *label_figures(model, X, Y)))
    head("macro-F1 by threshold", *CUTS)
    for scoring in ("contrast", "softmax"):
        models = [
            make_model(clips["image"], data, scoring=scoring, threshold=cut).fit()
            for cut in CUTS
        ]
        show(scoring, [label_figures(model, X, Y)[0] for model in models])
        show("  micro", [label_figures(model, X, Y)[1] for model in models])


def draw_shots(Y, k, pool, rng):
    """Take the first k positives of every label in random order, as whole rows."""
    order = rng.permutation(pool)
    chosen = {row for label in Y.T for row in order[label[order] == 1][:k]}
    return np.array(sorted(chosen))


def halve(data, rng):
    """Part the rows: by the data's own split, or groups of the training rows."""
    inside = data.split == "train"
    if inside.all():
        groups = rng.permutation(np.unique(data.groups))
        inside = np.isin(data.groups, groups[: len(groups) // 2])
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def draw_curve(clip, data, seeds):
    """Print figures on held-out groups by the number of labelled rows."""
    columns = ("rows", "mAP", "GAP", "macroF1", "microF1", "logloss")
    head(f"rows a label ({seeds} seeds)", *columns)
    X, Y = data.frame, data.target
    gains = {}
    for k in (0, 1, 5, 50, "any 1", "any 5", "any 20"):
        figures = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            pool, test = halve(data, rng)
            shots = np.array([], dtype=int)
            if isinstance(k, str):
                shots = rng.choice(pool, int(k.split()[1]), replace=False)
            elif k:
                shots = draw_shots(Y, k, pool, rng)
            model = make_model(clip, data, calibrate=len(shots) > 0)
            model.fit(X.iloc[shots], Y[shots]) if len(shots) else model.fit()
            held_out = X.iloc[test], Y[test]
            figures.append(
                (
                    len(shots),
                    *rank_figures(model, *held_out),
                    *label_figures(model, *held_out),
                )
            )
        gains[k] = np.array(figures)
        show(str(k), gains[k].mean(axis=0))
    head("change against 0 rows, worst and mean seed", *columns[3:], width=44)
    for k, values in gains.items():
        change = (values - gains[0])[:, 3:]
        if k != 0:
            show(f"{k}, worst", [*change[:, :2].min(axis=0), change[:, 2].max()], 44)
            show(f"{k}, mean", change.mean(axis=0), 44)


def many_labels(clip, n_images, n_labels):
    """Print time and memory of scoring many images for many labels."""
    rng = np.random.default_rng(0)
    model = ZeroShotClassifier([f"thing {i}" for i in range(n_labels)], clip)
    start = time.perf_counter()
    model.fit()
    print(f"\n{n_labels:,} labels embedded in {time.perf_counter() - start:.1f} s")
    width = model.label_embeddings_.shape[1]
    rows = rng.standard_normal((n_images, width), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    model.featurizer_.transform = lambda X: rows  # pictures would take the time
    for method, size in (("predict_proba", 4), ("predict", 8)):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        getattr(model, method)(rows)
        took = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"{method} of {n_images:,} rows: {took:.1f} s, result "
            f"{n_images * n_labels * size / 2**20:,.0f} MB, peak grew by "
            f"{(peak - before) / 2**10:,.0f} MB"
        )


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="train", choices=["train", "test"])
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--many-labels", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    clips = {
        "image": CLIPFeaturizer("clipart-tiny", text=None),
        "caption": CLIPFeaturizer("clipart-tiny", image=None),
        "mean": CLIPFeaturizer("clipart-tiny", fusion="mean"),
    }
    if options.many_labels:
        many_labels(clips["image"], 10_000, 5_000)
        return
    # The curve of the test rows is drawn with rows of the training split.
    both = options.curve and options.split == "test"
    data = load_clipart(split=None if both else options.split, as_frame=True)
    data.frame, data.target = data.data, data.target.to_numpy()
    print(f"{options.split} split, {len(data.frame)} rows read, clipart-tiny")
    if options.curve:
        draw_curve(clips["image"], data, options.seeds)
    else:
        compare_templates(clips, data)
        compare_scorings(clips, data)


if __name__ == "__main__":
    main()
