"""Print what clipart-tiny can do on the clip art that ships with the package.

    python tools/evaluate_clipart.py                    # figures of the model card
    python tools/evaluate_clipart.py --monitor --model corpus/run/export

With ``--monitor`` only the train rows are read, and only zero-shot and retrieval are
measured: for a look at a running training without touching the test rows.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import open_clip
import torch
from clipart_model import VOCABULARY, config, export
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import GroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_union

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.datasets import load_clipart

MODEL = Path(__file__).parents[1] / "sklearn_clip" / "models" / "clipart-tiny"
PROMPTS = ("{}", "clip art of {}", "a drawing of {}", "a picture of a {}")
CS = (1.0, 10.0, 100.0)


def embed(model, data):
    """Return L2-normalised image and text embeddings of the rows.

    Parameters
    ----------
    model : Path
        A folder that open_clip loads.
    data : Bunch
        From ``load_clipart``.

    Returns
    -------
    tuple of ndarray of shape (n, d)
        Images and texts.
    """
    clip = CLIPFeaturizer(f"local-dir:{Path(model).resolve()}", None, cache=None)
    return clip.encode_images(list(data.data[:, 0])), clip.encode_texts(
        list(data.data[:, 1])
    )


def prompts(model, names):
    """Return one unit vector a label: the mean over the prompts."""
    clip = CLIPFeaturizer(f"local-dir:{Path(model).resolve()}", None, cache=None)
    texts = [prompt.format(name) for name in names for prompt in PROMPTS]
    vectors = clip.encode_texts(texts).reshape(len(names), len(PROMPTS), -1).mean(1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def recall_at_10(images, texts, captions):
    """Return image-to-text R@10 and its chance; equal captions are all right.

    Parameters
    ----------
    images, texts : ndarray of shape (n, d)
        L2-normalised.
    captions : ndarray of shape (n,)
        The texts themselves.

    Returns
    -------
    tuple of float
        Recall and what a random ranking gets.
    """
    captions = np.char.lower(captions.astype(str))
    same = captions[:, None] == captions
    top = np.argsort(-(images @ texts.T), axis=1)[:, :10]
    hits = np.take_along_axis(same, top, axis=1).any(1)
    chance = 1 - (1 - same.mean(1)) ** 10
    return hits.mean(), chance.mean()


def mean_ap(target, scores):
    """Return mean average precision over labels."""
    return average_precision_score(target, scores, average="macro")


def logistic(features, target, C):
    """Fit one-versus-rest logistic regression; return its probabilities' function."""
    model = OneVsRestClassifier(LogisticRegression(C=C, max_iter=200))
    return model.fit(features, target).predict_proba


def probe(train, target, groups, test):
    """Fit logistic regression with C chosen by grouped 3-fold cross-validation.

    Parameters
    ----------
    train, test : array of shape (n, d)
        Features.
    target : ndarray of shape (n, n_labels)
        Labels of the train rows.
    groups : ndarray of shape (n,)
        Kept together by the folds.

    Returns
    -------
    tuple
        Test probabilities, out-of-fold probabilities, C.
    """
    folds = list(GroupKFold(3, shuffle=True, random_state=0).split(train, None, groups))
    best = None
    for C in CS:
        out = np.zeros(target.shape)
        for fit, hold in folds:
            out[hold] = logistic(train[fit], target[fit], C)(train[hold])
        score = mean_ap(target, out)
        if best is None or score > best[0]:
            best = score, out, C
    _, out, C = best
    return logistic(train, target, C)(test), out, C


def tuned_f1(target, out, test_target, scores):
    """Return macro-F1 on test with each label's cut chosen out of fold."""
    cuts = []
    for truth, values in zip(target.T, out.T, strict=True):
        order = np.argsort(-values)
        hits = np.cumsum(truth[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
        cuts.append(values[order[np.argmax(f1)]])
    return f1_score(test_target, scores >= np.array(cuts), average="macro")


def zero_shot(images, texts, labels, data):
    """Print zero-shot and retrieval figures."""
    recall, chance = recall_at_10(images, texts, data.data[:, 1])
    by_image = mean_ap(data.target, images @ labels.T)
    by_text = mean_ap(data.target, texts @ labels.T)
    print(f"rows {len(images)}, labels {labels.shape[0]}")
    print(f"prevalence (floor of mAP)        {data.target.mean():.3f}")
    print(f"zero-shot image mAP              {by_image:.3f}")
    print(f"zero-shot text mAP               {by_text:.3f}")
    print(f"image -> text R@10               {recall:.3f} (chance {chance:.3f})")


def probes(train, test, parts):
    """Print test mAP, out-of-fold mAP and tuned macro-F1 of each feature set."""
    print(f"{'features':<24}{'test mAP':>9}{'out-of-fold':>12}{'macro-F1':>9}{'C':>7}")
    for name, (fit, new) in parts.items():
        scores, out, C = probe(fit, train.target, train.groups, new)
        f1 = tuned_f1(train.target, out, test.target, scores)
        ap, inner = mean_ap(test.target, scores), mean_ap(train.target, out)
        print(f"{name:<24}{ap:>9.3f}{inner:>12.3f}{f1:>9.3f}{C:>7g}", flush=True)


def _join(images, texts):
    return np.hstack([images, texts])


def evaluate(model, twin):
    """Print every figure of the model card.

    Parameters
    ----------
    model, twin : Path
        The model, and where a randomly initialised twin is written.
    """
    train, test = load_clipart(split="train"), load_clipart(split="test")
    (a, s), (b, t) = embed(model, train), embed(model, test)
    zero_shot(b, t, prompts(model, test.target_names), test)
    torch.manual_seed(0)
    untrained = open_clip.CLIP(**config()["model_cfg"])
    export(untrained.state_dict(), list(range(VOCABULARY)), twin)
    random, random_test = _join(*embed(twin, train)), _join(*embed(twin, test))
    words = make_union(
        TfidfVectorizer(sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    w = words.fit_transform(train.data[:, 1]).tocsr()
    v = words.transform(test.data[:, 1]).tocsr()
    dim = a.shape[1] ** 0.5
    parts = {
        "image": (a, b),
        "text": (s, t),
        "concat": (_join(a, s), _join(b, t)),
        "concat + product": (
            np.hstack([a, s, dim * a * s]),
            np.hstack([b, t, dim * b * t]),
        ),
        "random twin, concat": (random, random_test),
        "TF-IDF": (w, v),
        "TF-IDF + concat": (
            sparse.hstack([w, _join(a, s)]).tocsr(),
            sparse.hstack([v, _join(b, t)]).tocsr(),
        ),
    }
    probes(train, test, parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--twin", type=Path, default=Path("corpus/twin"))
    parser.add_argument("--monitor", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.monitor:
        rows = load_clipart(split="train")
        zero_shot(
            *embed(args.model, rows), prompts(args.model, rows.target_names), rows
        )
    else:
        evaluate(args.model, args.twin)
