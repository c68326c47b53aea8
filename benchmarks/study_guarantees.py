"""What a guaranteed precision holds, and for how many labels it can be given.

Draws from ten score distributions whose precision is known at every threshold, and
from one at the limit, where any threshold is wrong: the share of draws that are met
(some threshold is accepted), the share whose true precision is below the bound, and the
mean recall. Beside them the rule of 2026-11-27: binomial tests downwards from two
ranks, each with half of the error. And on the clip art: one threshold for all labels,
beside MAPIE where that is installed, and the answers yes, no and ask.

    python benchmarks/study_guarantees.py
    python benchmarks/study_guarantees.py --tables rows answers
"""

import argparse
import importlib.util
import time
import warnings

import numpy as np
from scipy.special import expit, logit
from scipy.stats import beta, binom
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from sklearn_clip import (
    CLIPFeaturizer,
    LabelSetClassifier,
    MultiLabelLogisticRegression,
    RejectOptionClassifier,
    ThresholdOptimizer,
    multilabel_train_test_split,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.thresholds._constraints import Bound, find_bounded_thresholds
from sklearn_clip.thresholds._scored_rows import ScoredRows

# Places in the ranking of all there is, the highest score first.
PLACES = (np.arange(200_000) + 0.5) / 200_000


def steps(*parts):
    """Rates of a ranking that has one up to each of several places."""
    ends, rates = zip(*parts, strict=True)
    return np.array(rates)[np.searchsorted(ends, PLACES)]


def plateau(top, width, base):
    """Rates of about `top` up to a place, from where they fall to `base`."""
    return base + (top - base) * expit((width - PLACES) * 4 / width)


def distributions(value):
    """Rate of hits at every place, by name; and the number of steps of a tied score."""

    def better(share):
        return value + share * (1 - value)

    tied = 12
    return {
        "calibrated, uniform": (1 - PLACES, None),
        "calibrated, rare": (beta.isf(PLACES, 0.3, 4), None),
        "easy": (beta.isf(PLACES, 0.2, 0.8), None),
        "hard": (plateau(better(0.25), 0.12, 0.1), None),
        "hard and rare": (plateau(better(0.3), 0.04, 0.02), None),
        "hard and wide": (plateau(better(0.14), 0.25, 0.1), None),
        "ties": (np.clip(0.95 - np.floor(PLACES * tied) / tied, 0, 1), tied),
        "two clusters": (
            steps((0.05, better(0.4)), (0.3, 0.9 * value), (1, 0.05)),
            None,
        ),
        "overconfident": (expit(0.5 * logit(beta.isf(PLACES, 0.5, 2)) - 0.2), None),
        "wrong at the top": (
            steps((0.005, 0.5 * value), (0.12, better(0.4)), (1, 0.08)),
            None,
        ),
        "at the limit": (np.full(len(PLACES), value - 1e-4), None),
    }


def draw(rates, tied, n_rows, n_sets, rng):
    """Scores and targets of draws, and the places that the scores stand for."""
    places = rng.integers(len(PLACES), size=(n_rows, n_sets))
    targets = rng.random(places.shape) < rates[places]
    scores = 1 - PLACES
    if tied:
        scores = 1 - (np.floor(PLACES * tied) + 1) / tied
    return scores[places], targets


def two_starts(scores, targets, value, confidence):
    """Thresholds of the rule of 2026-11-27 for one ranking per column."""
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.cumsum(np.take_along_axis(targets, order, axis=0), axis=0)
    rows = np.arange(1, len(scores) + 1)
    needed = binom.isf((1 - confidence) / 2, rows, value) + 1
    last = np.ones(scores.shape, dtype=bool)
    last[:-1] = ranked[1:] != ranked[:-1]
    passed = np.zeros(scores.shape, dtype=bool)
    possible = np.flatnonzero(needed <= rows)
    for start in rows[possible[:1]] * np.array([[1], [4]]) if len(possible) else ():
        tested = (rows >= start)[:, None]
        fails = tested & last & (hits < needed[:, None])
        passed |= tested & ~np.logical_or.accumulate(fails, axis=0)
    passed &= last
    return np.where(passed, ranked, np.inf).min(axis=0)


def judge(thresholds, rates, tied, value):
    """Shares that are met and broken, and the mean recall."""
    met = np.isfinite(thresholds)
    at = np.clip(np.ceil((1 - thresholds[met]) * len(PLACES) - 0.5), 1, len(PLACES))
    # A score stands for itself and all higher ones.
    hits = np.cumsum(rates)
    if tied:
        at = np.round((1 - thresholds[met]) * tied) / tied * len(PLACES)
    at = np.round(at).astype(int) - 1
    recall = (hits[at] / hits[-1]).sum() / len(thresholds)
    broken = (hits[at] / (at + 1) < value).sum() / len(thresholds)
    return met.mean(), broken, recall


def compare_precision(value, confidence, n_rows, n_sets):
    """One table: every distribution under both rules."""
    print(f"\nprecision >= {value}, confidence {confidence}, {n_rows} rows")
    print(f"{'':20} {'two starts':^24}   {'all cuts at once':^24}")
    print(f"{'':20} " + 2 * f"{'met':>8}{'broken':>8}{'recall':>8}   ")
    seconds = 0.0
    for name, (rates, tied) in distributions(value).items():
        rng = np.random.default_rng(0)
        found = [], []
        for _ in range(10):
            scores, targets = draw(rates, tied, n_rows, n_sets // 10, rng)
            found[0].append(two_starts(scores, targets, value, confidence))
            start = time.perf_counter()
            found[1].append(
                find_bounded_thresholds(
                    ScoredRows(scores, targets), Bound("precision", value, confidence)
                )
            )
            seconds += time.perf_counter() - start
        cells = [judge(np.concatenate(each), rates, tied, value) for each in found]
        print(
            f"{name:20} "
            + "   ".join("".join(f"{cell:8.3f}" for cell in row) for row in cells)
        )
    print(f"{seconds / 11:.2f} s for {n_sets} labels")


def split_clipart(n_splits, shuffle):
    """Yield a head, rows to choose on and rows to test on for every split."""
    data = load_clipart(as_frame=True)
    X = CLIPFeaturizer("clipart-tiny").fit_transform(data.data)
    Y, groups = data.target.to_numpy(), data.groups
    for seed in range(n_splits):
        X_fit, X_rest, _, groups_rest, Y_fit, Y_rest = multilabel_train_test_split(
            X, groups, y=Y, groups=groups, test_size=0.6, random_state=seed
        )
        # Rows to choose on and rows to test on must be alike, as the guarantee assumes:
        # drawn at random, one by one or series of pictures whole.
        halves = shuffle(1, test_size=0.5, random_state=seed)
        cut, test = next(halves.split(X_rest, groups=groups_rest))
        head = MultiLabelLogisticRegression(C=5).fit(X_fit, Y_fit)
        yield head, *(part[rows] for part in (X_rest, Y_rest) for rows in (cut, test))


def compare_rows(n_splits, shuffle):
    """Mean recall and precision of rows of the clip art, one threshold for all."""
    bounds = [
        {"min_recall": 0.8, "confidence": 0.9},
        {"min_recall": 0.8, "confidence": "expectation"},
        {"min_precision": 0.6, "confidence": 0.9},
        {"min_precision": 0.6, "confidence": None},
    ]
    found = {}
    for head, X_cut, X_test, Y_cut, Y_test in split_clipart(n_splits, shuffle):
        for bound in bounds:
            start = time.perf_counter()
            tuned = ThresholdOptimizer(FrozenEstimator(head), strategy="global")
            tuned.set_params(**bound).fit(X_cut, Y_cut)
            seconds = time.perf_counter() - start
            found.setdefault(str(bound), []).append(
                [*row_quality(tuned.predict(X_test) > 0, Y_test == 1), seconds]
            )
        for name, peer in peers(head):
            start = time.perf_counter()
            peer.calibrate(X_cut, Y_cut)
            seconds = time.perf_counter() - start
            predicted = peer.predict(X_test)[:, :, 0] > 0
            found.setdefault(name, []).append(
                [*row_quality(predicted, Y_test == 1), seconds]
            )
    print(f"\nmean row of the clip art, {n_splits} of {shuffle.__name__}, test rows")
    for name, values in found.items():
        values = np.array(values)
        column = int("recall" in name)
        kept = values[:, column] >= (0.8 if column else 0.6)
        precision, recall, seconds = values.mean(axis=0)
        print(
            f"{name:55} precision {precision:.3f}, recall {recall:.3f}, "
            f"kept {kept.sum()} of {len(kept)}, {seconds:.2f} s"
        )


def compare_answers(n_splits):
    """Count what yes, no and ask come to on the clip art, by label and by row."""
    rejects = {"min_precision": 0.7, "min_npv": 0.97}
    makers = {
        "RejectOption, confidence 0.8": (
            RejectOptionClassifier,
            {**rejects, "confidence": 0.8},
        ),
        "RejectOption, family_error 0.2": (
            RejectOptionClassifier,
            {**rejects, "family_error": 0.2},
        ),
        "RejectOption, no confidence": (
            RejectOptionClassifier,
            {**rejects, "confidence": None},
        ),
        "LabelSet, 0.9": (LabelSetClassifier, {}),
        "LabelSet, 0.9, surely_error 0": (LabelSetClassifier, {"surely_error": 0}),
        "LabelSet, 0.7": (LabelSetClassifier, {"coverage": 0.7}),
    }
    found = {name: [] for name in makers}
    for head, X_cut, X_test, Y_cut, Y_test in split_clipart(n_splits, ShuffleSplit):
        for name, (maker, params) in makers.items():
            answers = maker(FrozenEstimator(head), **params).fit(X_cut, Y_cut)
            given = answers.predict(X_test)
            yes, no, truth = given == 1, given == 0, Y_test == 1
            said = [yes.sum(axis=0), no.sum(axis=0)]
            right = [(yes & truth).sum(axis=0), (no & ~truth).sum(axis=0)]
            kept = [  # share of the labels that get the answer
                (good[n > 0] >= bound * n[n > 0]).sum() / max((n > 0).sum(), 1)
                for good, n, bound in zip(right, said, (0.7, 0.97), strict=True)
            ]
            wrong = (yes & ~truth).any(axis=1) | (no & truth).any(axis=1)
            counts = [(said[0] > 0).sum(), yes.sum(axis=1).mean()]
            asked = np.isnan(given).sum(axis=1).mean()
            found[name].append([*counts, asked, *kept, 1 - wrong.mean()])
    print(f"\nanswers on the clip art, {n_splits} splits; a row of 43 labels")
    print(f"{'':32}  labels    yes  asked  kept: yes     no  rows right")
    for name, values in found.items():
        cells = zip((7.1, 6.2, 6.1, 10.2, 6.2, 11.3), np.mean(values, 0), strict=True)
        print(f"{name:32}" + " ".join(f"{value:{width}f}" for width, value in cells))


def row_quality(predicted, targets):
    """Mean precision of all rows, 1 without predictions, and recall of the labelled."""
    hits = (predicted & targets).sum(axis=1)
    some, given = targets.any(axis=1), predicted.any(axis=1)
    precision = np.ones(len(hits))
    precision[given] = hits[given] / predicted[given].sum(axis=1)
    return precision.mean(), (hits[some] / targets[some].sum(axis=1)).mean()


def peers(head):
    """MAPIE's controllers for the same bounds, if it is installed."""
    if importlib.util.find_spec("mapie") is None:
        return
    from mapie.risk_control import MultiLabelClassificationController

    for method, bound in [("rcps", "hoeffding"), ("rcps", "wsr"), ("crc", None)]:
        confidence = 0.9 if method == "rcps" else None
        yield (
            f"MAPIE recall {method} {bound}",
            MultiLabelClassificationController(
                head.predict_proba,
                risk="recall",
                method=method,
                target_level=0.8,
                confidence_level=confidence,
                rcps_bound=bound,
            ),
        )
    yield (
        "MAPIE precision ltt",
        MultiLabelClassificationController(
            head.predict_proba,
            risk="precision",
            method="ltt",
            target_level=0.6,
            confidence_level=0.9,
        ),
    )


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 2000, 10_000])
    parser.add_argument("--splits", type=int, default=20)
    tables = ("precision", "rows", "answers")
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # bounds not kept
    if "precision" in options.tables:
        for value, confidence in [(0.5, 0.8), (0.8, 0.9)]:
            for n_rows in options.rows:
                compare_precision(value, confidence, n_rows, options.draws)
    if "rows" in options.tables:
        for shuffle in (ShuffleSplit, GroupShuffleSplit):
            compare_rows(options.splits, shuffle)
    if "answers" in options.tables:
        compare_answers(options.splits)


if __name__ == "__main__":
    main()
