"""What regions cost: the plain pass, local features of one pass, and tiles.

    python benchmarks/bench_regions.py

JPEG files of mixed sizes to vectors, end to end, nothing kept, by `clipart-tiny`, whose
image tower is made of convolutions, and by a ViT-B-32 with weights drawn at random.
Contenders of one model and engine take turns in one process; printed are the least of
their times and the ratios to the plain pass. Last, a second pass over tiles in a store.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench_embedding import write_models, write_pictures

from sklearn_clip import CLIPFeaturizer

CONTENDERS = (None, "tokens", "2x2", "pyramid")


def take_turns(model, engine, files, rounds):
    """Return the least time of each contender, and what ran it."""
    times, ran = {}, None
    for _ in range(rounds):
        for regions in CONTENDERS:
            clip = CLIPFeaturizer(
                model, text=None, regions=regions, engine=engine, cache=None
            )
            clip.transform(files[:8])
            start = time.perf_counter()
            clip.transform(files)
            times.setdefault(regions, []).append(time.perf_counter() - start)
            ran = clip.arithmetic_["image"]
    return {regions: min(taken) for regions, taken in times.items()}, ran


def time_store(model, engine, files, folder):
    """Return the times of a first and of a second pass."""
    clip = CLIPFeaturizer(
        model, text=None, regions="2x2", engine=engine, cache=str(folder)
    )
    clip.transform(files[:1])
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        clip.transform(files)
        taken.append(time.perf_counter() - start)
    return taken


def main():
    """Print a line for each model and engine."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", default=["torch", "openvino"])
    parser.add_argument("--models", nargs="+", default=["clipart-tiny", "ViT-B-32"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_pictures(folder, args.images)
        files = sorted(map(str, folder.glob("*.jpg")))
        if "ViT-B-32" in args.models:
            write_models(folder)
        for name in args.models:
            model = f"local-dir:{folder / 'open_clip'}" if "ViT" in name else name
            for engine in args.engines:
                times, ran = take_turns(model, engine, files, args.rounds)
                print(f"{name}, {ran}: {len(files) / times[None]:.1f} images/s", end="")
                for regions in CONTENDERS[1:]:
                    print(f", {regions} {times[regions] / times[None]:.2f}x", end="")
                print(flush=True)
            first, second = time_store(model, engine, files, folder / f"store-{name}")
            print(f"  second pass over 2x2: {first / second:.0f} times as fast")


if __name__ == "__main__":
    main()
