"""What others make of the rows of `bench_scale.py --peer`, in their own environment.

    python benchmarks/_many_labels_peer.py PEER FOLDER

The folder holds `X.npy` and `Y.npz`, the last tenth of which are for testing. Prints
seconds of training and the precision of the first label and of the first five.
"""

import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse

# Rows that are asked one after the other where no peer takes them together.
SOME = 4000


def now():
    """Read the clock, and that of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def write_lines(path, X, tags):
    """Write the text format of the extreme-label repository."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{len(X)} {X.shape[1]} {1 + max(map(max, tags))}\n")
        for row, labels in zip(X, tags, strict=True):
            cells = " ".join(f"{place}:{value:.6g}" for place, value in enumerate(row))
            file.write(f"{','.join(map(str, labels))} {cells}\n")


def by_omikuji(X, tags, X_test, *, n_trees=3, loss="hinge"):
    """Train trees of linear classifiers, three as its authors do."""
    import omikuji

    with tempfile.TemporaryDirectory() as folder:
        write_lines(f"{folder}/train.txt", X, tags)
        setting = omikuji.Model.default_hyper_param()
        setting.n_trees = n_trees
        setting.linear_loss_type = ["hinge", "log"].index(loss)
        start = now()
        model = omikuji.Model.train_on_data(f"{folder}/train.txt", setting, n_threads=2)
        took = now() - start
    found = [
        [label for label, _ in model.predict(list(enumerate(row)), top_k=5)]
        for row in X_test[:SOME].astype(float)
    ]
    return took, found


def by_omikuji_one_tree(X, tags, X_test):
    """Train one tree."""
    return by_omikuji(X, tags, X_test, n_trees=1)


def by_omikuji_log_loss(X, tags, X_test):
    """Train three trees of logistic regressions."""
    return by_omikuji(X, tags, X_test, loss="log")


def by_napkinxc(X, tags, X_test, model="PLT", **setting):
    """Train a probabilistic label tree."""
    from napkinxc import models

    with tempfile.TemporaryDirectory() as folder:
        tree = getattr(models, model)(folder, threads=2, verbose=0, **setting)
        start = now()
        tree.fit(sparse.csr_matrix(X), tags)
        took = now() - start
        found = tree.predict(sparse.csr_matrix(X_test[:SOME]), top_k=5)
    return took, found


PEERS = {
    "omikuji": by_omikuji,
    "omikuji, log loss": by_omikuji_log_loss,
    "omikuji, one tree": by_omikuji_one_tree,
    "napkinXC": by_napkinxc,
}


def main(peer, folder):
    """Train and test a peer."""
    X, Y = np.load(Path(folder, "X.npy")), sparse.load_npz(Path(folder, "Y.npz"))
    Y = sparse.csr_array(Y)
    tags = [Y.indices[a:b].tolist() for a, b in pairwise(Y.indptr)]
    n_train = len(X) * 9 // 10
    took, found = PEERS[peer](X[:n_train], tags[:n_train], X[n_train:])
    hits = np.array(
        [
            [label in labels for label in row[:5]] + [False] * (5 - len(row))
            for row, labels in zip(found, tags[n_train:], strict=False)
        ]
    )
    print(
        json.dumps(
            {
                "wall": took[0],
                "processor": took[1],
                "first": hits[:, 0].mean(),
                "five": hits.mean(),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
