"""From no labels to many: which head to use at how many labelled rows, on clip art.

Zero-shot, Tip-Adapter, CLIP-Adapter, a cosine net that starts from the prompts, and
logistic regression, all on the image embeddings of ``clipart-tiny``, at 0, 1, 2, 4, 8,
16 and all positives per label of the training split; scored on the test split, means
over seeds. Labelled are whole rows: the first k positives of every label in random
order, with all labels of these rows.

    python benchmarks/study_few_shot.py --out few-shot     # table, few-shot/curve.png
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import CLIPAdapterClassifier
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)

SHOTS = (1, 2, 4, 8, 16, None)
FIGURES = ("macro mAP", "GAP")


def make_heads(zero_shot, seed):
    """Make the heads, which start from zero-shot's embeddings of labels and words."""
    prompts = zero_shot.label_embeddings_
    words = {"background": zero_shot.background_}
    return {
        "Tip-Adapter": TipAdapterClassifier(prompts, **words),
        "CLIP-Adapter": CLIPAdapterClassifier(prompts, random_state=seed, **words),
        "cosine net": MultiLabelNet(
            "cosine", module__init=prompts, random_state=seed, verbose=0
        ),
        "logistic": MultiLabelLogisticRegression(C=5),
    }


def draw_shots(Y, k, rng):
    """Take the first k positives of every label in random order, as whole rows."""
    if k is None:
        return np.arange(len(Y))
    order = rng.permutation(len(Y))
    rows = {row for label in Y.T for row in order[label[order] == 1][:k]}
    return np.array(sorted(rows))


def rank_figures(Y, scores):
    """Macro mAP and GAP."""
    return (
        macro_average_precision_score(Y, scores),
        global_average_precision_score(Y, scores),
    )


def measure(seeds):
    """Figures by head and number of shots: arrays of shape (n_seeds, 2)."""
    train, test = (load_clipart(split=s, as_frame=True) for s in ("train", "test"))
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    zero_shot = ZeroShotClassifier(train.target_names, clip).fit()
    X, X_test = clip.fit_transform(train.data), clip.transform(test.data)
    Y, Y_test = train.target.to_numpy(), test.target.to_numpy()
    start = rank_figures(Y_test, zero_shot.predict_proba(test.data))
    found, rows, seconds = {}, {}, {}
    for seed in range(seeds):
        for k in SHOTS:
            shots = draw_shots(Y, k, np.random.default_rng(seed))
            rows.setdefault(k, []).append(len(shots))
            for name, head in make_heads(zero_shot, seed).items():
                begin = time.perf_counter()
                head.fit(X[shots], Y[shots])
                seconds.setdefault(name, []).append(time.perf_counter() - begin)
                figures = rank_figures(Y_test, head.predict_proba(X_test))
                found.setdefault((name, k), []).append(figures)
    return start, {key: np.array(value) for key, value in found.items()}, rows, seconds


def print_tables(start, found, rows, seconds):
    """One table per figure: a row per head, a column per number of shots."""
    names = list(seconds)
    for number, figure in enumerate(FIGURES):
        print(f"\n{figure:14}" + "".join(f"{k or 'all':>15}" for k in SHOTS))
        print(f"{'rows':14}" + "".join(f"{np.mean(rows[k]):15.0f}" for k in SHOTS))
        print(f"{'zero-shot':14}" + f"{start[number]:15.3f}" * len(SHOTS))
        for name in names:
            cells = (found[name, k][:, number] for k in SHOTS)
            line = "".join(f"{c.mean():9.3f} ±{c.std():.3f}" for c in cells)
            print(f"{name:14}{line}")
    print("\nmean seconds of a fit:", end=" ")
    print(", ".join(f"{name} {np.mean(s):.2f}" for name, s in seconds.items()))


def draw(start, found, path):
    """Draw macro mAP against the number of shots."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
    places = np.arange(1, len(SHOTS) + 1)
    for name in dict.fromkeys(name for name, _ in found):
        values = np.array([found[name, k][:, 0] for k in SHOTS])
        mean, spread = values.mean(axis=1), values.std(axis=1)
        ax.plot(places, mean, marker="o", ms=4, label=name)
        ax.fill_between(places, mean - spread, mean + spread, alpha=0.15)
    ax.axhline(start[0], color="0.4", ls="--", lw=1, label="zero-shot")
    ax.set(
        xlabel="labelled positives per label",
        ylabel="macro mAP on the test split",
        xticks=places,
        xticklabels=[str(k or "all") for k in SHOTS],
    )
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder of the figure")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    results = measure(options.seeds)
    print_tables(*results)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        draw(*results[:2], options.out / "curve.png")


if __name__ == "__main__":
    main()
