"""MultiLabelCalibrator against one `CalibratedClassifierCV` per label.

Prints the processor's time, the log loss of new rows and the ratio of the times, which
has to be at least 20 for the maps: both sides learn sigmoid maps from the scores of a
classifier that is fitted already. With the classifier, which one side fits for all
labels at once and the other for each, the ratio says more about that. scikit-learn's is
timed on a part of the labels, on which the losses are compared, and scaled to all.

    python benchmarks/bench_calibration.py --peer-labels 25
"""

import argparse
import time
from functools import partial

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sklearn_clip import MultiLabelCalibrator, MultiLabelLogisticRegression
from sklearn_clip.metrics import masked_log_loss


def make_problem(n_rows, n_features, n_labels, seed):
    """Draw rows and labels from 2 % to 30 % frequent."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    coef = rng.normal(size=(n_features, n_labels)) * 2 / np.sqrt(n_features)
    rate = np.geomspace(0.02, 0.3, n_labels)
    logits = X @ coef + np.log(rate / (1 - rate)) * 1.5
    return X, (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(int)


def time_ours(train, test, labels, **options):
    """Time a fit and judge the probabilities of some of the labels."""
    start = time.process_time()
    model = MultiLabelCalibrator(random_state=0, **options).fit(*train)
    seconds = time.process_time() - start
    P = model.predict_proba(test[0])
    return seconds, masked_log_loss(test[1][:, labels], P[:, labels]), model


def time_peer(train, test, labels, make):
    """Time one fit per label, scaled to all of them, and judge them."""
    seconds, columns = 0.0, []
    for label in labels:
        model = make(label)
        start = time.process_time()
        model.fit(train[0], train[1][:, label])
        seconds += time.process_time() - start
        columns.append(model.predict_proba(test[0])[:, 1])
    loss = masked_log_loss(test[1][:, labels], np.column_stack(columns))
    return seconds * train[1].shape[1] / len(labels), loss


def show(name, seconds, loss, ratio=None):
    """Print one line."""
    beside = "" if ratio is None else f"   {ratio:.0f}x"
    print(f"  {name:48} {seconds:8.2f} s   log loss {loss:.4f}{beside}")


def compare_maps(train, held, test, labels):
    """Compare the maps alone."""
    print("sigmoid maps of given scores")
    fitted = FrozenEstimator(MultiLabelLogisticRegression().fit(*train))
    single = {
        label: FrozenEstimator(LogisticRegression().fit(train[0], train[1][:, label]))
        for label in labels
    }
    peer = time_peer(
        held, test, labels, lambda label: CalibratedClassifierCV(single[label])
    )
    show("CalibratedClassifierCV", *peer)
    for method, shrinkage in (("sigmoid", None), ("sigmoid", "auto"), ("auto", "auto")):
        seconds, loss, model = time_ours(
            held, test, labels, estimator=fitted, method=method, shrinkage=shrinkage
        )
        name = f"ours, {method=}, {shrinkage=}"
        show(name, seconds, loss, peer[0] / seconds)


def compare_whole(train, test, labels, name, head, make):
    """Compare fits of classifier and maps, over five folds."""
    print(f"{name}, fitted in 5 folds, sigmoid maps")
    peer = time_peer(
        train,
        test,
        labels,
        lambda label: CalibratedClassifierCV(make(), ensemble=False),
    )
    show("CalibratedClassifierCV", *peer)
    seconds, loss, _ = time_ours(train, test, labels, estimator=head, method="sigmoid")
    show("ours", seconds, loss, peer[0] / seconds)


def main():
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--peer-labels", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows, n_labels = options.rows, options.labels
    X, Y = make_problem(3 * rows, options.features, n_labels, options.seed)
    parts = [slice(start, start + rows) for start in (0, rows, 2 * rows)]
    train, held, test = ((X[part], Y[part]) for part in parts)
    labels = np.linspace(0, n_labels - 1, options.peer_labels).astype(int)
    print(f"{rows} rows, {options.features} features, {n_labels} labels")
    compare_maps(train, held, test, labels)
    votes = partial(KNeighborsClassifier, 15)
    compare_whole(train, test, labels, "15 neighbours", votes(), votes)
    head = MultiLabelLogisticRegression()
    compare_whole(train, test, labels, "logistic", head, LogisticRegression)


if __name__ == "__main__":
    main()
