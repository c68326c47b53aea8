"""What Ray costs on one machine: an actor against the featurizer, two against one.

    python benchmarks/bench_ray.py            # or: make bench-ray

Every contender embeds the same JPEG files and titles with clipart-tiny in fp32, in
batches of one size, on the cores that it is given. A run with Ray is timed from the
call to the last Parquet file, and taken apart by the clock inside the actors: until
the model is being loaded (processes, imports), loading it, embedding, waiting between
two batches (Ray hands rows over and takes features), and what comes after the last
batch. The first two and the last are paid once, whatever the number of rows. Seconds of
the processor stand in brackets: they are what is comparable on a machine that has other
work. Ray's workers run at nice 15 unless told otherwise, as they are here.
"""

import argparse
import logging
import os
import resource
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from sklearn_clip import CLIPFeaturizer

BATCH = 512
FILES = 4096
POOLS = ((1, 2), (2, 1))  # actors, cores of each


class Noting(CLIPFeaturizer):
    """Note the process, begin and end of every call in the folder of the environment.

    It travels to the actors by value, since it is defined in the script.
    """

    def transform(self, X):  # noqa: D102
        start, worked = time.time(), time.process_time()
        features = super().transform(X)
        end, worked = time.time(), time.process_time() - worked
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        line = f"{start} {end} {len(X)} {memory} {worked}\n"
        with open(f"{self.image_root}/notes-{os.getpid()}", "a") as notes:
            notes.write(line)
        return features


def write_pictures(folder, count, seed=0):
    """Cut photographs into pieces of 320 x 240 and save them as JPEG files."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    for number in range(count):
        left, top = rng.integers(0, 240), rng.integers(0, 140)
        piece = photos[number % 2].crop((left, top, left + 400, top + 280))
        piece.resize((320, 240)).save(folder / f"{number:05}.jpg", quality=88)


def make_rows(count):
    """Rows of a file and a title; files come again after `FILES` rows."""
    return [
        {"row": row, "image": f"{row % FILES:05}.jpg", "text": f"photograph {row}"}
        for row in range(count)
    ]


def make_featurizer(folder, kind=CLIPFeaturizer, num_workers="auto"):
    """Make the featurizer that all contenders use."""
    return kind(
        "clipart-tiny",
        precision="fp32",
        device="cpu",
        cache=None,
        image_root=str(folder),
        num_workers=num_workers,
    )


def time_alone(rows, folder, cores):
    """Seconds of transform in one call, and in batches as an actor gets them."""
    import torch

    torch.set_num_threads(cores)
    featurizer = make_featurizer(folder, num_workers=cores)
    featurizer.transform(rows[:BATCH])
    start = time.perf_counter()
    features = featurizer.transform(rows)
    one_call = time.perf_counter() - start
    start, worked = time.perf_counter(), time.process_time()
    for at in range(0, len(rows), BATCH):
        featurizer.transform(rows[at : at + BATCH])
    batches, worked = time.perf_counter() - start, time.process_time() - worked
    return (one_call, batches, worked), features


def time_ray(rows, folder, actors, cores, expected):
    """Seconds of a run and of its parts, of which those of actors are means."""
    import pandas as pd
    import ray

    from sklearn_clip.distributed import embed_dataset, read_features

    blocks = np.array_split(np.arange(len(rows)), len(rows) // BATCH)
    frame = pd.DataFrame(rows)
    dataset = ray.data.from_pandas([frame.iloc[block] for block in blocks])
    with tempfile.TemporaryDirectory() as output:
        start = time.time()
        embed_dataset(
            dataset,
            make_featurizer(folder, Noting),
            path=output,
            row_id="row",
            keep=["text"],
            concurrency=actors,
            num_cpus=cores,
            batch_size=BATCH,
            rows_per_file=2 * BATCH,
        )
        end = time.time()
        error = np.abs(read_features(output).features - expected).max()
    calls = read_notes(folder)
    work, loading = calls[calls[:, 2] > 0], calls[calls[:, 2] == 0]
    first, last = work[:, 0].min(), work[:, 1].max()
    busy = np.diff(work[:, :2], axis=1).sum() / actors
    return {
        "whole": end - start,
        "processes": loading[:, 0].mean() - start,
        "loading": first - loading[:, 0].mean(),
        "embedding": busy,
        "waiting": last - first - busy,
        "writing": end - last,
        "loading_work": loading[:, 4].mean(),
        "embedding_work": work[:, 4].sum(),
        "memory": calls[:, 3].max() / 2**20,
        "error": error,
    }


def read_notes(folder):
    """Read and remove what the actors noted: begin, end, rows, bytes, work."""
    files = [f for f in folder.glob("notes-*") if f.name != f"notes-{os.getpid()}"]
    calls = np.concatenate([np.loadtxt(file, ndmin=2) for file in files])
    for file in files:
        file.unlink()
    return calls


def start_ray():
    """Start Ray with the cores of the actors and two more, and keep it quiet."""
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            num_cpus=4,
            object_store_memory=200 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _system_config={"worker_niceness": 0},
        )
        import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False


def median(runs, name):
    """Median of a part over the rounds."""
    return statistics.median(run[name] for run in runs)


def print_pool(actors, cores, runs, n_rows, base, base_work):
    """Print a run with Ray beside transform in batches, of `base` seconds."""
    part = {name: median(runs, name) for name in runs[0]}
    running = part["embedding"] + part["waiting"]
    print(
        f"Ray, {actors} x {cores} cores        {part['whole']:6.1f} s  "
        f"{n_rows / part['whole']:6.0f}/s  {part['whole'] / base:.2f} of the time in "
        f"batches\n    processes {part['processes']:.1f} s, loading "
        f"{part['loading']:.1f} s ({part['loading_work']:.1f}), embedding "
        f"{part['embedding']:.1f} s ({part['embedding_work']:.1f} = "
        f"{part['embedding_work'] / base_work:.2f} of transform's), between "
        f"batches {part['waiting']:.1f} s, after the last {part['writing']:.1f} s\n"
        f"    once running {n_rows / running:.0f}/s, {running / base:.2f} of the time "
        f"in batches; an actor has {part['memory']:.0f} MB; largest difference of "
        f"features {part['error']:.1e}"
    )


def main():
    """Time all contenders in turns and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=4_096)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    rows = make_rows(max(options.rows // BATCH, 2) * BATCH)  # batches of one size
    alone, pools = [], {pool: [] for pool in POOLS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder, min(FILES, len(rows)))
        start_ray()
        for _ in range(options.rounds):
            seconds, features = time_alone(rows, folder, 2)
            alone.append(seconds)
            for pool, runs in pools.items():
                runs.append(time_ray(rows, folder, *pool, features))
    one_call, base, work = (statistics.median(t) for t in zip(*alone, strict=True))
    print(
        f"{len(rows)} images and titles, {os.cpu_count()} cores, {BATCH} a batch, "
        f"medians of {options.rounds} rounds"
    )
    print(f"transform, one call    {one_call:6.1f} s  {len(rows) / one_call:6.0f}/s")
    print(
        f"transform, in batches  {base:6.1f} s  {len(rows) / base:6.0f}/s  ({work:.1f})"
    )
    for (actors, cores), runs in pools.items():
        print_pool(actors, cores, runs, len(rows), base, work)
    one, two = (
        median(runs, "embedding") + median(runs, "waiting") for runs in pools.values()
    )
    print(f"Two actors of a core each need {two / one:.2f} of the time of one of two.")


if __name__ == "__main__":
    main()
