"""What the package costs beside scikit-learn: import, file size, rows embedded.

Prints the time to import it over that of scikit-learn, each in processes of their own
that take turns; the size of a saved pipeline; and how many distinct items a grid search
of 6 candidates and 5 folds encodes, of all it asks for.

    python benchmarks/bench_package.py
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    EmbeddingStore,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import map_scorer

TIMED_IMPORT = """
import time
start = time.perf_counter()
import {}
print(time.perf_counter() - start)
"""


def time_imports(names, rounds):
    """Median seconds to import each package, in turns, after one round to warm up."""
    seconds = {name: [] for name in names}
    for _ in range(rounds + 1):
        for name, times in seconds.items():
            command = [sys.executable, "-c", TIMED_IMPORT.format(name)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times.append(float(done.stdout))
    return [statistics.median(times[1:]) for times in seconds.values()]


def search(X, Y, folder):
    """Search over C; give the store's counts and the best pipeline."""
    store = EmbeddingStore(folder)
    featurizer = CLIPFeaturizer("clipart-tiny", cache=store)
    head = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=0.25, random_state=0)
    found = GridSearchCV(
        Pipeline([("clip", featurizer), ("head", head)]),
        {"head__estimator__C": [0.1, 0.3, 1, 3, 10, 30]},
        scoring=map_scorer,
        cv=MultiLabelStratifiedKFold(5, random_state=0),
    ).fit(X, Y)
    return store.info(), found.best_estimator_


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="of imports")
    parser.add_argument("--rows", type=int, default=300)
    options = parser.parse_args()

    theirs, ours = time_imports(["sklearn", "sklearn_clip"], options.rounds)
    print(
        f"import sklearn {theirs:.2f} s, import sklearn_clip {ours:.2f} s: "
        f"{ours / theirs:.2f}x"
    )

    data = load_clipart(as_frame=True)
    X, Y = data.data.head(options.rows), data.target.head(options.rows)
    with tempfile.TemporaryDirectory() as folder:
        info, pipeline = search(X, Y, Path(folder) / "store")
        asked = info["hits"] + info["misses"]
        print(
            f"{len(X)} images and titles in 6 candidates x 5 folds: {info['misses']} "
            f"items encoded, {asked} asked for: {asked / info['misses']:.0f}x fewer"
        )
        size = sum(
            Path(name).stat().st_size
            for name in joblib.dump(pipeline, Path(folder) / "pipeline.joblib")
        )
    head = pipeline[-1].estimator_
    n_labels, n_features = head.coef_.shape
    print(
        f"dump of the pipeline, {n_features} features and {n_labels} labels: "
        f"{size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
