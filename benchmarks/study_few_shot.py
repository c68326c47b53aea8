"""From no labels to many: which head to use at how many labelled rows, on clip art.

Zero-shot, Tip-Adapter, CLIP-Adapter, a cosine net that starts from the prompts, and
logistic regression, all on the image embeddings of ``clipart-tiny``, at 0, 1, 2, 4, 8,
16 and all positives per label of the training split; scored on the test split, means
over seeds. Labelled are whole rows: the first k positives of every label in random
order, with all labels of these rows.

    python benchmarks/study_few_shot.py --out few-shot     # table, few-shot/curve.png
    python benchmarks/study_few_shot.py --bound --seeds 3  # never far below either end

With ``--bound``, on drawings and photographs, the label names as they are, shuffled,
and in Finnish, which the tokenizers of the two small models do not know: how far each
default few-shot head is from the better of zero-shot and logistic regression.
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
from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.heads import CLIPAdapterClassifier
from sklearn_clip.metrics import (
    global_average_precision_score,
    macro_average_precision_score,
)

SHOTS = (1, 2, 4, 8, 16, None)
FIGURES = ("macro mAP", "GAP")
BOUND = 0.01
# Names of the labels in Finnish, in alphabetical order of the English ones.
FINNISH = {
    "clipart": (
        "afrikka,amerikka,eläin,aasia,lintu,vene,ruumiinosa,rakennus,nappi,vaatteet,"
        "tietokone,koriste,jälkiruoka,juoma,elektroniikka,eurooppa,lippu,kukka,ruoka,"
        "hedelmä,juhlapyhä,talo,hyönteinen,nisäkäs,kartta,liha,musiikki,oseania,"
        "toimisto,juhlat,henkilö,kasvi,uskonto,liikennemerkki,kyltti,avaruus,urheilu,"
        "työkalu,lelu,liikenne,ajoneuvo,ase,sää"
    ),
    "photos": (
        "eläin,mustavalkoinen,rakennus,pilvi,kala,kukka,ruoho,sisätila,lehti,nisäkäs,"
        "vuori,henkilö,kasvi,kivi,taivas,lumi,työkalu,puu,ajoneuvo,vesi,kirjoitus"
    ),
}


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


def load_rows(name):
    """Names of the labels, and rows and targets of a training and a test part."""
    if name == "clipart":
        parts = [load_clipart(split=s, as_frame=True) for s in ("train", "test")]
        rows = [(part.data, part.target.to_numpy()) for part in parts]
        return list(parts[0].target_names), *rows
    photos = load_photos(as_frame=True)
    Y = photos.target.to_numpy()
    order = np.random.default_rng(9).permutation(len(Y))
    parts = order[:75], order[75:]
    return (
        list(photos.target_names),
        *((photos.data.iloc[part], Y[part]) for part in parts),
    )


def measure_bound(model, data, seeds):
    """Print mAP of zero-shot, logistic regression and the few-shot heads."""
    names, (rows, Y), (new, Y_new) = load_rows(data)
    clip = CLIPFeaturizer(model, text=None)
    X, X_new = clip.fit_transform(rows), clip.transform(new)
    # A label without positives in a part has no average precision there.
    some = np.all([(part == 1).any(axis=0) for part in (Y, Y_new)], axis=0)
    Y, Y_new = Y[:, some], Y_new[:, some]
    wordings = {
        "own": names,
        "shuffled": list(np.random.default_rng(3).permutation(names)),
        "Finnish": FINNISH[data].split(","),
    }
    worst = 0.0
    for wording, words in wordings.items():
        words = [word for word, kept in zip(words, some, strict=True) if kept]
        zero_shot = ZeroShotClassifier(words, clip).fit()
        start = rank_figures(Y_new, zero_shot.predict_proba(new))[0]
        for k in SHOTS:
            found, seconds = [], []
            for seed in range(seeds if k else 1):
                shots = draw_shots(Y, k, np.random.default_rng(seed))
                heads = make_heads(zero_shot, seed)
                del heads["cosine net"]
                figures = {}
                for name, head in heads.items():
                    begin = time.process_time()
                    head.fit(X[shots], Y[shots])
                    seconds.append((name, time.process_time() - begin))
                    scores = head.decision_function(X_new)
                    figures[name] = rank_figures(Y_new, scores)[0]
                found.append(figures)
            means = {name: np.mean([f[name] for f in found]) for name in found[0]}
            end = max(start, means["logistic"])
            gaps = {name: means[name] - end for name in means if name != "logistic"}
            worst = min(worst, *gaps.values())
            cells = "".join(
                f" | {n} {means[n]:.3f} ({g:+.3f})" for n, g in gaps.items()
            )
            spent = ", ".join(
                f"{n} {np.mean([s for name, s in seconds if name == n]):.2f}"
                for n in means
            )
            print(
                f"{model} {data} {wording} {k or 'all'}: zero-shot {start:.3f} | "
                f"logistic {means['logistic']:.3f}{cells} | s: {spent}",
                flush=True,
            )
    verdict = "met" if worst >= -BOUND else "MISSED"
    print(f"{model} {data}: worst {worst:+.3f}; bound {verdict}")


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
    parser.add_argument("--bound", action="store_true", help="never far below either")
    parser.add_argument("--models", nargs="+", default=["clipart-tiny", "photo-tiny"])
    parser.add_argument("--data", nargs="+", default=["photos", "clipart"])
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if options.bound:
        for data in options.data:
            for model in options.models:
                measure_bound(model, data, options.seeds)
        return
    results = measure(options.seeds)
    print_tables(*results)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        draw(*results[:2], options.out / "curve.png")


if __name__ == "__main__":
    main()
