"""What Ray costs on one machine: an actor against the featurizer, two against one.

    python benchmarks/bench_ray.py            # or: make bench-ray

Every contender embeds the same JPEG files and titles with clipart-tiny in fp32, on the
cores that it is given. Runs with Ray are timed from the call to the last Parquet file;
printed beside the whole is the time until an actor begins its first batch (processes,
imports, loading the model: paid once, whatever the number of rows) and the rest.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

BATCH = 256


def write_pictures(folder, count, seed=0):
    """Cut photographs into pieces of 320 x 240 and save them as JPEG files."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    rows = []
    for number in range(count):
        left, top = rng.integers(0, 240), rng.integers(0, 140)
        piece = photos[number % 2].crop((left, top, left + 400, top + 280))
        path = folder / f"{number:05}.jpg"
        piece.resize((320, 240)).save(path, quality=88)
        rows.append({"row": number, "image": str(path), "text": f"photograph {number}"})
    return rows


def make_featurizer(fusion="concat", num_workers="auto"):
    """Make the featurizer that all contenders use."""
    from sklearn_clip import CLIPFeaturizer

    return CLIPFeaturizer(
        "clipart-tiny",
        fusion=fusion,
        precision="fp32",
        device="cpu",
        cache=None,
        num_workers=num_workers,
    )


def note_begin(file):
    """Make a concat fusion that adds the time of every batch to a file."""

    def fuse(image, text):
        if len(image):
            with open(file, "a") as notes:
                notes.write(f"{time.time()}\n")
        return np.hstack([image, text])

    return fuse


def time_alone(rows, cores):
    """Seconds that transform needs, in batches as an actor gets them and in one."""
    import torch

    torch.set_num_threads(cores)
    featurizer = make_featurizer(num_workers=cores)
    featurizer.transform(rows[:8])
    start = time.perf_counter()
    whole = featurizer.transform(rows)
    one_call = time.perf_counter() - start
    start = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        featurizer.transform(rows[at : at + BATCH])
    return one_call, time.perf_counter() - start, whole


def time_ray(rows, actors, cores, whole):
    """Seconds of a run: the whole, until the first batch is done, and after it."""
    import pandas as pd
    import ray

    from sklearn_clip.distributed import embed_dataset, read_features

    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        blocks = np.array_split(np.arange(len(rows)), -(-len(rows) // BATCH))
        frame = pd.DataFrame(rows)
        dataset = ray.data.from_pandas([frame.iloc[block] for block in blocks])
        start = time.time()
        embed_dataset(
            dataset,
            make_featurizer(note_begin(notes)),
            path=Path(folder) / "features",
            row_id="row",
            concurrency=actors,
            num_cpus=cores,
            batch_size=BATCH,
            rows_per_file=BATCH,
        )
        end = time.time()
        begun = [float(line) for line in notes.read_text().split()]
        error = np.abs(read_features(Path(folder) / "features").features - whole).max()
    # Rows of the first batch of every actor are left out of the rate.
    first, last = sorted(begun)[actors - 1], max(begun)
    rate = (len(begun) - actors) * BATCH / (last - first)
    return end - start, min(begun) - start, end - last, rate, error


def main():
    """Time all contenders in turns and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    options.rows -= options.rows % BATCH  # batches of one size, so that rates are fair
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            num_cpus=4,
            object_store_memory=200 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
    print(f"{options.rows} images and titles, {os.cpu_count()} cores, {BATCH} a batch")
    alone, pools = [], {(1, 2): [], (2, 1): []}
    with tempfile.TemporaryDirectory() as folder:
        rows = write_pictures(Path(folder), options.rows)
        for _ in range(options.rounds):
            one_call, batches, whole = time_alone(rows, 2)
            alone.append((one_call, batches))
            for (actors, cores), runs in pools.items():
                runs.append(time_ray(rows, actors, cores, whole))
    one_call, batches = (statistics.median(t) for t in zip(*alone, strict=True))
    base = options.rows / batches
    print(f"transform, one call    {one_call:6.1f} s  {options.rows / one_call:6.0f}/s")
    print(f"transform, in batches  {batches:6.1f} s  {base:6.0f}/s")
    for (actors, cores), runs in pools.items():
        total, begin, end, rate, error = (
            statistics.median(t) for t in zip(*runs, strict=True)
        )
        print(
            f"Ray, {actors} x {cores} cores       {total:6.1f} s  {rate:6.0f}/s once "
            f"running = {rate / base:.2f} of transform in batches\n"
            f"    {begin:.1f} s until the first batch is done, {end:.1f} s after the "
            f"last; largest difference of features {error:.1e}"
        )
    ray.shutdown()


if __name__ == "__main__":
    main()
