"""A tagger in one file beside its Pipeline in torch: start, memory, rows per second.

    python benchmarks/bench_export.py            # ViT-B-32, pictures and captions
    python benchmarks/bench_export.py --fusion image --weights float32

The model has random weights. Each side runs in fresh processes, and the sides take
turns: from the start of the process to the first prediction of one row, then rows one
by one as a server gets them, then 256 rows at once. The largest memory is that of the
whole process. Printed are medians over the rounds with the range, and ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SINGLE = 24
TOGETHER = 256
LABELS = 20
# Row counts are so small that no pass lasts minutes on two cores.
BOUNDS = {"start": 2.0, "memory": 1 / 3}


def peak_megabytes():
    """Return the largest memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` counts the parent's as well, from before exec
        lines = status.read_text(encoding="ascii").splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def read_rows(folder):
    """List the rows: paths of pictures, and captions."""
    captions = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    return list(zip(map(str, sorted(folder.glob("*.jpg"))), captions, strict=True))


def measure(side, folder, started):
    """Be one side, in this process."""
    rows = read_rows(folder)
    if side == "torch":
        import joblib

        tagger = joblib.load(folder / "tagger.joblib")
    else:
        from sklearn_clip.export import OnnxTagger

        tagger = OnnxTagger(folder / f"{side}.onnx")
    labels = [tagger.predict(rows[:1]).tolist()]
    found = {"start": time.time() - started, "CPU at start": time.process_time()}
    found["memory at start"] = peak_megabytes()
    begin = time.perf_counter()
    for row in rows[1 : 1 + SINGLE]:
        labels.append(tagger.predict([row])[0].tolist())
    found["single rows/s"] = SINGLE / (time.perf_counter() - begin)
    begin = time.perf_counter()
    scores = tagger.predict_proba(rows[1 + SINGLE :])
    found["rows/s"] = len(scores) / (time.perf_counter() - begin)
    found["memory"] = peak_megabytes()
    found["torch imported"] = "torch" in sys.modules
    found["scores"] = scores[:32].tolist()
    print(json.dumps(found))


def prepare(folder, options):
    """Fit a tagger on a few rows, keep it with joblib, and export it."""
    import joblib
    import numpy as np
    import pandas as pd
    from bench_embedding import make_captions, write_models, write_pictures
    from sklearn.pipeline import Pipeline

    from sklearn_clip import (
        CLIPFeaturizer,
        MultiLabelLogisticRegression,
        ThresholdOptimizer,
    )
    from sklearn_clip.export import to_onnx

    count = 1 + SINGLE + TOGETHER
    write_pictures(folder, count)
    captions = json.dumps(make_captions(count))
    (folder / "captions.json").write_text(captions, encoding="utf-8")
    model = options.model
    if model is None:
        write_models(folder)
        model = f"local-dir:{folder / 'open_clip'}"
    rng = np.random.default_rng(0)
    targets = pd.DataFrame(rng.integers(0, 2, (64, LABELS)))
    targets.columns = [f"label {number}" for number in targets.columns]
    how = {"engine": "torch", "precision": "fp32", "device": "cpu", "cache": None}
    clip = CLIPFeaturizer(model, fusion=options.fusion, **how)
    head = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2)
    rows = read_rows(folder)[:64]
    tagger = Pipeline([("clip", clip), ("head", head)]).fit(rows, targets)
    joblib.dump(tagger, folder / "tagger.joblib")
    for weights in options.weights:
        begin = time.perf_counter()
        path = folder / f"{weights}.onnx"
        to_onnx(tagger, path, weights=weights)
        size = sum(p.stat().st_size for p in folder.glob(f"{weights}.onnx*")) / 1e6
        print(
            f"{weights}: {size:.0f} MB, written in {time.perf_counter() - begin:.0f} s"
        )


def run(side, folder):
    """Be one side, in a fresh process."""
    command = [sys.executable, "-W", "ignore", __file__, "--side", side]
    command += ["--folder", str(folder), "--started", repr(time.time())]
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"{side}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def report(results):
    """Print medians, ranges and ratios to torch."""
    names = [
        "start",
        "CPU at start",
        "memory at start",
        "memory",
        "single rows/s",
        "rows/s",
    ]
    base = {n: statistics.median(r[n] for r in results["torch"]) for n in names}
    first = results["torch"][0]["scores"]
    for side, found in results.items():
        off = max(
            abs(a - b)
            for ours, theirs in zip(found[0]["scores"], first, strict=True)
            for a, b in zip(ours, theirs, strict=True)
        )
        print(f"\n{side} (torch imported: {found[0]['torch imported']})")
        for name in names:
            values = [one[name] for one in found]
            middle = statistics.median(values)
            bound = BOUNDS.get(name, "") if side != "torch" else ""
            unit = "s" if name in ("start", "CPU at start") else ""
            unit = "MB" if name.startswith("memory") else unit
            print(
                f"  {name:16} {middle:8.2f} {unit:2} ({min(values):.2f} to "
                f"{max(values):.2f})  {middle / base[name]:5.2f} x torch"
                + (f"  bound {bound:.2f}" if bound else "")
            )
        print(f"  worst difference of probabilities to torch: {off:.1e}")


def main():
    """Prepare once, run the sides in turn, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="of open_clip; default: a random ViT-B-32")
    parser.add_argument("--fusion", default="concat")
    parser.add_argument("--weights", nargs="+", default=["float32", "float16", "int8"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        return measure(options.side, options.folder, options.started)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepare(folder, options)
        sides = ["torch", *options.weights]
        results = {side: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                results[side].append(run(side, folder))
        report(results)


if __name__ == "__main__":
    main()
