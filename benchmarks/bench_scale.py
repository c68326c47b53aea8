"""Logistic regression of thousands of labels: time, memory, growth, and a build before.

Rows are like unit-norm embeddings, and each has the five labels of the highest score,
so that most labels are rare. Every fit has a process of its own, whose memory is
watched while it runs; builds take turns, and the median of rounds counts. Objectives
are compared in float64 on some of the labels.

    git worktree add ../before 781de64
    python benchmarks/bench_scale.py --before ../before
    python benchmarks/bench_scale.py --growth --figure docs/images/growth.png
    python benchmarks/bench_scale.py --top 100000,256,10000
    python benchmarks/bench_scale.py --mapped 4000000,512,50 --rounds 1
    python benchmarks/bench_scale.py --beside 50000,512,5000 --C 10 --peer PYTHON
    python benchmarks/bench_scale.py --sizes 200000,512,10000 --rounds 1
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy import sparse

HERE = Path(__file__).resolve().parent.parent
SIZES = ["20000,256,2000", "20000,256,5000"]
AXES = ("rows", "features", "labels")
SMALLEST = (10000, 256, 1000)
BLOCK = 4096


class World:
    """Rows like unit-norm embeddings, and their tags: what all of them share."""

    def __init__(self, n_features, n_labels, seed=0):
        rng = np.random.default_rng(seed)
        spectrum = np.arange(1, n_features + 1, dtype=np.float32) ** -0.6
        self.spectrum = spectrum / np.linalg.norm(spectrum)
        basis, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
        self.basis = basis.astype(np.float32)
        size = (n_features, n_labels)
        self.directions = rng.standard_normal(size, dtype=np.float32)
        self.popular = -0.6 * np.log(np.arange(n_labels) + 5.0)

    def draw(self, n_rows, rng, n_tags=5):
        """Draw unit rows, and for each its tags, some far more popular than others."""
        size = (n_rows, len(self.spectrum))
        content = rng.standard_normal(size, dtype=np.float32) * self.spectrum
        X = 0.75 * content @ self.basis.T + 0.65 * self.basis[:, size[1] // 2]
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        scores = 2 * content @ self.directions + self.popular
        scores += rng.gumbel(size=scores.shape)
        return X, np.argpartition(-scores, n_tags, axis=1)[:, :n_tags]


def make_tags(folder, n_rows, n_features, n_labels):
    """Write `X.npy`, block by block, and a sparse `Y.npz`."""
    world, rng = World(n_features, n_labels), np.random.default_rng(1)
    X = np.lib.format.open_memmap(
        folder / "X.npy", "w+", np.float32, (n_rows, n_features)
    )
    tags = []
    for start in range(0, n_rows, BLOCK):
        count = min(BLOCK, n_rows - start)
        X[start : start + count], found = world.draw(count, rng)
        tags.append(found)
    X.flush()
    tags = np.concatenate(tags)
    places = np.repeat(np.arange(n_rows), tags.shape[1]), tags.ravel()
    ones = np.ones(tags.size, dtype=np.int8)
    Y = sparse.csr_array((ones, places), shape=(n_rows, n_labels))
    sparse.save_npz(folder / "Y.npz", Y)


def resident():
    """Megabytes of memory that this process holds, pages of files not counted."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1e3
    raise OSError("/proc/self/status says nothing of RssAnon.")


@contextmanager
def watched():
    """Yield a dict that gets the seconds of a block, and the megabytes it added."""
    found, before, peak, done = {}, resident(), [0.0], threading.Event()

    def watch():
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, used = time.perf_counter(), time.process_time()
    try:
        yield found
    finally:
        found["wall"] = time.perf_counter() - start
        found["processor"] = time.process_time() - used
        done.set()
        watcher.join()
        found["memory"] = max(peak[0] - before, 0.0)


def fit_once(build, folder, C, mapped):
    """Fit, in this process, and print what it took; the coefficients are saved."""
    sys.path.insert(0, build)
    from sklearn_clip import MultiLabelLogisticRegression

    X = np.load(folder / "X.npy", mmap_mode="r" if mapped else None)
    Y = sparse.load_npz(folder / "Y.npz")
    head = MultiLabelLogisticRegression(C=C, device="cpu")
    head.fit(X[:300], Y[:300, :50])  # imports, which are not measured
    with watched() as found:
        head.fit(X, Y)
    np.savez(folder / "fit.npz", coef=head.coef_, intercept=head.intercept_)
    print(json.dumps({**found, "steps": int(head.n_iter_.max())}))


def measure(build, folder, C, mapped=""):
    """Fit in a process of its own; give what it took and the objective."""
    command = [sys.executable, __file__, "--fit", *map(str, (build, folder, C, mapped))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    fit = np.load(folder / "fit.npz")
    X = np.load(folder / "X.npy", mmap_mode="r")
    Y = sparse.load_npz(folder / "Y.npz")
    some = np.linspace(0, Y.shape[1] - 1, 40).astype(int)
    W, b = fit["coef"][some].astype(np.float64), fit["intercept"][some]
    Y, loss = Y[:, some].tocsr(), 0.0
    for start in range(0, len(X), BLOCK):
        rows = slice(start, start + BLOCK)
        Z = X[rows].astype(np.float64) @ W.T + b.astype(np.float64)
        loss += np.logaddexp(0, np.where(Y[rows].toarray() == 1, -Z, Z)).sum()
    return {**found, "objective": C * loss + (W**2).sum() / 2}


def compare(sizes, builds, rounds, C):
    """Measure builds in turn; print a table, and the ratio of the first to the last."""
    for size in sizes:
        n_rows, n_features, n_labels = map(int, size.split(","))
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            make_tags(folder, n_rows, n_features, n_labels)
            X = np.load(folder / "X.npy")
            product = np.zeros((n_features, min(n_labels, 500)), dtype=np.float32)
            start = time.perf_counter()
            X @ product
            unit = (time.perf_counter() - start) * n_labels / product.shape[1]
            del X
            found = {name: [] for name in builds}
            for _ in range(rounds):
                for name, build in builds.items():
                    found[name].append(measure(build, folder, C))
        dense = 4e-6 * n_rows * n_labels
        print(
            f"\n{n_rows:,} x {n_features} rows, {n_labels:,} labels, C={C:g}; ", end=""
        )
        print(f"a float32 table of the labels would be {dense:,.0f} MB")
        middle = {}
        for name, results in found.items():
            middle[name] = one = {
                key: float(np.median([result[key] for result in results]))
                for key in results[0]
            }
            print(
                f"  {name:7} {one['wall']:8.2f} s, {one['processor']:8.2f} s of the "
                f"processor, {one['wall'] / unit:5.0f} products of X with all weights, "
                f"{one['memory']:6,.0f} MB, {one['steps']:.0f} steps at most",
                flush=True,
            )
        if len(middle) > 1:
            old, new = middle.values()
            print(
                f"  {old['wall'] / new['wall']:.2f}x faster (processor "
                f"{old['processor'] / new['processor']:.2f}x), memory "
                f"{new['memory'] / old['memory']:.2f}x, objective "
                f"{new['objective'] / old['objective'] - 1:+.1e}"
            )


def grow(rounds, C, figure):
    """Double and quadruple rows, features and labels, one at a time."""
    walls = {}
    for axis in (None, *AXES):
        for factor in (1,) if axis is None else (2, 4):
            sizes = [
                size * (factor if name == axis else 1)
                for name, size in zip(AXES, SMALLEST, strict=True)
            ]
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                make_tags(folder, *sizes)
                found = [measure(HERE, folder, C)["wall"] for _ in range(rounds)]
            walls[axis, factor] = np.median(found)
            times = walls[axis, factor] / walls[None, 1]
            shape = " x ".join(f"{size:,}" for size in sizes)
            print(f"{shape:>22} {walls[axis, factor]:6.2f} s, {times:.2f}x", flush=True)
    if figure is not None:
        draw_growth(walls, figure)


def draw_growth(walls, path):
    """Draw seconds against rows, features and labels."""
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    factors = np.array([1, 2, 4])
    first = walls[None, 1]
    for axis in AXES:
        ax.plot(factors, [first, walls[axis, 2], walls[axis, 4]], "o-", label=axis)
    ax.plot(factors, first * factors, ":", color="grey", label="in proportion")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_xticks(factors, [f"{factor}x" for factor in factors])
    ticks = first * 2.0 ** np.arange(4)
    ax.set_yticks(ticks, [f"{tick:.1f}" for tick in ticks])
    rows, features, labels = SMALLEST
    ax.set_xlabel(f"times {rows:,} rows, {features} features or {labels:,} labels")
    ax.set_ylabel("seconds of a fit")
    ax.legend()
    fig.savefig(path, dpi=120)


def compare_mapped(size, rounds, C):
    """Fit from a memory map beside a fit from memory."""
    n_rows, n_features, n_labels = map(int, size.split(","))
    found = {"from memory": [], "from a map": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_tags(folder, n_rows, n_features, n_labels)
        for _ in range(rounds):
            for name, mapped in zip(found, ("", "mapped"), strict=True):
                found[name].append(measure(HERE, folder, C, mapped))
    print(
        f"{n_rows:,} x {n_features} rows ({4e-6 * n_rows * n_features:,.0f} MB), "
        f"{n_labels} labels, C={C:g}"
    )
    middle = {
        name: {key: np.median([one[key] for one in results]) for key in results[0]}
        for name, results in found.items()
    }
    for name, one in middle.items():
        print(
            f"  {name:12} {one['wall']:7.1f} s, {one['processor']:7.1f} s of the "
            f"processor, {one['memory']:6,.0f} MB beside X, {one['steps']:.0f} steps"
        )
    memory, mapped = middle.values()
    print(
        f"  {mapped['wall'] / memory['wall']:.2f}x the time, objective "
        f"{mapped['objective'] / memory['objective'] - 1:+.1e}"
    )


def compare_peers(size, C, python):
    """Train on nine tenths of the rows, beside tree-structured models of the field."""
    import _many_labels_peer

    n_rows, n_features, n_labels = map(int, size.split(","))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_tags(folder, n_rows, n_features, n_labels)
        X, Y = np.load(folder / "X.npy"), sparse.load_npz(folder / "Y.npz")
        n_train = n_rows * 9 // 10
        (folder / "train").mkdir()
        np.save(folder / "train" / "X.npy", X[:n_train])
        sparse.save_npz(folder / "train" / "Y.npz", Y[:n_train])
        rows = slice(n_train, n_train + _many_labels_peer.SOME)
        X, Y = X[rows], Y[rows].tocsr()
        print(
            f"{n_train:,} x {n_features} rows, {n_labels:,} labels, {len(X):,} tested"
        )
        ours = measure(HERE, folder / "train", C)
        fit = np.load(folder / "train" / "fit.npz")
        scores = X @ fit["coef"].T + fit["intercept"]
        best = np.argsort(-scores, axis=1)[:, :5]
        hits = Y[np.arange(len(X))[:, None], best].toarray() == 1
        ours |= {"first": hits[:, 0].mean(), "five": hits.mean()}
        print_peer(f"logistic, C={C:g}", ours, ours)
        for peer in _many_labels_peer.PEERS:
            script = HERE / "benchmarks" / "_many_labels_peer.py"
            command = [python, str(script), peer, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"  {peer} fails: {done.stderr.splitlines()[-1]}")
                continue
            print_peer(peer, json.loads(done.stdout.splitlines()[-1]), ours)


def print_peer(name, found, ours):
    """Print a line of the table of `compare_peers`."""
    print(
        f"  {name:18} {found['wall']:8.1f} s, {found['processor']:8.1f} s of the "
        f"processor, {found['wall'] / ours['wall']:5.1f}x, precision@1 "
        f"{found['first']:.4f}, @5 {found['five']:.4f}",
        flush=True,
    )


def compare_tops(size, rounds):
    """Time the first five of many labels beside a table of probabilities."""
    from sklearn_clip import MultiLabelLogisticRegression, top_labels

    n_rows, n_features, n_labels = map(int, size.split(","))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    head = MultiLabelLogisticRegression().fit(X[:200], rng.random((200, 2)) < 0.3)
    head.coef_ = rng.standard_normal((n_labels, n_features), dtype=np.float32) / 10
    head.intercept_ = np.full(n_labels, -4, dtype=np.float32)
    head.classes_ = np.tile([0, 1], (n_labels, 1))
    names = [str(label) for label in range(n_labels)]

    def by_table():
        return np.argpartition(-head.predict_proba(X), 5, axis=1)[:, :5]

    def by_names():
        return top_labels(head, X, 5, label_names=names)

    found = {"table and partition": [], "top_labels": []}
    for _ in range(rounds):
        for name, function in zip(found, (by_table, by_names), strict=True):
            start, used = time.perf_counter(), time.process_time()
            answers = function()  # freed outside of what is measured
            wall, processor = time.perf_counter() - start, time.process_time() - used
            found[name].append((wall, processor))
            del answers
    print(f"five of {n_labels:,} labels for {n_rows:,} rows of {n_features}")
    middle = {name: np.median(times, axis=0) for name, times in found.items()}
    for name, (wall, processor) in middle.items():
        print(f"  {name:20} {wall:7.2f} s, {processor:7.2f} s of the processor")
    ratio = middle["table and partition"] / middle["top_labels"]
    print(f"  {ratio[0]:.2f}x faster (processor {ratio[1]:.2f}x)")


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout of an earlier build")
    parser.add_argument("--sizes", nargs="*", default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--C", type=float, default=1.0)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--figure", type=Path, help="where --growth is drawn")
    parser.add_argument("--top", help="rows, features, labels")
    parser.add_argument("--mapped", help="rows, features, labels")
    parser.add_argument("--beside", help="rows, features, labels, beside --peer")
    parser.add_argument("--peer", help="interpreter with omikuji and napkinxc")
    parser.add_argument("--fit", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        build, folder, C, mapped = options.fit
        fit_once(build, Path(folder), float(C), mapped)
    elif options.beside:
        compare_peers(options.beside, options.C, options.peer)
    elif options.mapped:
        compare_mapped(options.mapped, options.rounds, options.C)
    elif options.top:
        compare_tops(options.top, options.rounds)
    elif options.growth:
        grow(options.rounds, options.C, options.figure)
    else:
        builds = {"now": HERE}
        if options.before:
            builds = {"before": options.before.resolve(), **builds}
        compare(options.sizes, builds, options.rounds, options.C)


if __name__ == "__main__":
    main()
