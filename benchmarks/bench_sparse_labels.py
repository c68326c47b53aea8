"""Memory that metrics and meta-estimators take with targets that are sparse.

Each call has a process of its own, whose highest resident memory is read from
``/proc`` (Linux). Scores, where there are some, are float32 and are there before; their
size is printed, and that of a dense table of the targets.

    git worktree add ../before 79ab1b3
    python benchmarks/bench_sparse_labels.py --before ../before
    python benchmarks/bench_sparse_labels.py --only gap_at_5,cv_head --shape 5000,1000
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

HERE = Path(__file__).resolve().parent.parent
SHAPE = "20000,4000"
N_TAGS = 5
N_FEATURES = 32


def make_problem(n_rows, n_labels, *, scored):
    """Draw features, sparse targets, and scores that know something of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    popular = rng.zipf(1.3, (n_rows, N_TAGS)) % n_labels
    places = np.repeat(np.arange(n_rows), N_TAGS), popular.ravel()
    Y = sparse.csr_array((np.ones(len(places[0])), places), shape=(n_rows, n_labels))
    Y = sparse.csr_array((Y > 0).astype(np.int64))
    if not scored:
        return X, Y, None
    scores = np.empty((n_rows, n_labels), dtype=np.float32)
    for start in range(0, n_rows, 1000):
        part = scores[start : start + 1000]
        rng.random(out=part, dtype=np.float32)
        part /= 2
        part[Y[start : start + 1000].nonzero()] += 0.3
    return X, Y, scores


def _metric(name, **kwargs):
    def call(X, Y, scores):
        from sklearn_clip import metrics

        return getattr(metrics, name)(Y, scores, **kwargs)

    return call


def _labels(name, **kwargs):
    def call(X, Y, scores):
        from sklearn_clip import metrics

        return getattr(metrics, name)(Y, Y[::-1], **kwargs)

    return call


def _propensities(X, Y, scores):
    from sklearn_clip.metrics import label_propensities

    return label_propensities(Y)


def _propensity_scored(name):
    def call(X, Y, scores):
        from sklearn_clip import metrics

        propensity = metrics.label_propensities(Y)
        return getattr(metrics, name)(Y, scores, propensity, k=5)

    return call


def _report():
    def call(X, Y, scores):
        from sklearn_clip.metrics import multilabel_report

        given = {"y_pred": Y[::-1]} if scores is None else {"y_score": scores}
        return multilabel_report(Y, **given, output="text")

    return call


def _cv_head(scorer=None):
    def call(X, Y, scores):
        from sklearn_clip import MultiLabelLogisticRegressionCV, metrics

        settings = {} if scorer is None else {"scoring": getattr(metrics, scorer)}
        settings["per_label"] = scorer is None
        MultiLabelLogisticRegressionCV([0.1, 1.0], cv=3, **settings).fit(X, Y)

    return call


def _head(X, Y, scores):
    from sklearn_clip import MultiLabelLogisticRegression

    MultiLabelLogisticRegression().fit(X, Y)


def _score(X, Y, scores):
    from sklearn_clip import MultiLabelLogisticRegression

    head = MultiLabelLogisticRegression(max_iter=1).fit(X[:200], Y[:200])
    return head.score(X, Y)


def _prefit_scores(name, **kwargs):
    def call(X, Y, scores):
        import sklearn_clip
        from sklearn_clip.heads import PrecomputedScores

        getattr(sklearn_clip, name)(PrecomputedScores(), **kwargs).fit(scores, Y)

    return call


def _with_folds(name, **kwargs):
    def call(X, Y, scores):
        import sklearn_clip

        head = sklearn_clip.MultiLabelLogisticRegression()
        getattr(sklearn_clip, name)(head, cv=3, random_state=0, **kwargs).fit(X, Y)

    return call


def _frame(call):
    def of_frame(X, Y, scores):
        import pandas as pd

        return call(X, pd.DataFrame.sparse.from_spmatrix(Y), scores)

    return of_frame


# Name: the call, and whether it takes scores.
CASES = {
    "precision_at_5": (_metric("precision_at_k_score", k=5), True),
    "ps_precision_at_5": (
        _propensity_scored("propensity_scored_precision_at_k_score"),
        True,
    ),
    "ndcg_at_5": (_metric("ndcg_at_k_score", k=5), True),
    "ps_ndcg_at_5": (_propensity_scored("propensity_scored_ndcg_at_k_score"), True),
    "gap": (_metric("global_average_precision_score"), True),
    "gap_at_5": (_metric("global_average_precision_score", k=5), True),
    "map": (_metric("macro_average_precision_score"), True),
    "map_frame": (_frame(_metric("macro_average_precision_score")), True),
    "log_loss": (_metric("masked_log_loss"), True),
    "ece": (_metric("expected_calibration_error"), True),
    "f1_macro": (_labels("masked_f1_score"), False),
    "f1_samples": (_labels("masked_f1_score", average="samples"), False),
    "hamming": (_labels("masked_hamming_loss"), False),
    "propensities": (
        _propensities,
        False,
    ),
    "report_of_labels": (_report(), False),
    "report_of_scores": (_report(), True),
    "score_of_head": (_score, False),
    "head": (_head, False),
    "cv_head": (_cv_head(), False),
    "cv_head_gap": (_cv_head("gap_scorer"), False),
    "thresholds": (_prefit_scores("ThresholdOptimizer"), True),
    "thresholds_folds": (_with_folds("ThresholdOptimizer"), False),
    "calibrator": (_prefit_scores("MultiLabelCalibrator", method="sigmoid"), True),
    "calibrator_folds": (
        _with_folds("MultiLabelCalibrator", method="sigmoid", shrinkage=1.0),
        False,
    ),
}


def memory(field):
    """Megabytes of a field of this process's status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1e3
    raise KeyError(field)


def call_once(case, build, shape):
    """Call, in this process, and print what it took."""
    sys.path.insert(0, build)
    call, scored = CASES[case]
    small = make_problem(300, 50, scored=scored)
    problem = make_problem(*map(int, shape.split(",")), scored=scored)
    found = {"case": case}
    try:
        call(*small)  # imports, which are not measured
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the highest starts anew
        before, start = memory("VmRSS"), time.process_time()
        call(*problem)
        found["seconds"] = time.process_time() - start
        found["megabytes"] = memory("VmHWM") - before
    except Exception as exc:
        found["error"] = f"{type(exc).__name__}: {exc}"[:90]
    print(json.dumps(found))


def in_process(case, build, shape):
    """Call in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--call", case, build]
    done = subprocess.run(
        [*command, "--shape", shape], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"died: {done.stderr.splitlines()[-1:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    if "error" in found:
        return found["error"]
    return f"{found['megabytes']:.0f} MB, {found['seconds']:.1f} s"


def main():
    """Print a row for each call."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", help="another checkout, for a column beside")
    parser.add_argument("--only", default=",".join(CASES), help="names, by commas")
    parser.add_argument("--shape", default=SHAPE, help="rows,labels")
    parser.add_argument("--call", nargs=2, metavar=("CASE", "BUILD"))
    given = parser.parse_args()
    if given.call:
        call_once(*given.call, given.shape)
        return
    n_rows, n_labels = map(int, given.shape.split(","))
    cells = n_rows * n_labels / 1e6
    print(
        f"{n_rows:,} x {n_labels:,}, {N_TAGS} draws a row. A dense table of the "
        f"targets: {cells:.0f} MB as bool, {8 * cells:.0f} MB as int64; scores: "
        f"{4 * cells:.0f} MB\n"
    )
    builds = [str(HERE)] if given.before is None else [given.before, str(HERE)]
    print("| call |" + (" before |" if given.before else "") + " here |")
    print("|---|" + "---|" * len(builds))
    for case in given.only.split(","):
        cells = [in_process(case, build, given.shape) for build in builds]
        print(f"| {case} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
