"""How many pictures a CPU should take at once, and what one costs.

    python benchmarks/study_batches.py

Prints pictures a second of bare image towers with random weights, by pictures of one
forward pass, and of photo-tiny from JPEG files to vectors. All in fp32, on the threads
that torch takes; the better of two runs.
"""

import tempfile
import time
from pathlib import Path

import open_clip
import torch
from PIL import Image

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.datasets import load_photos

TOWERS = ("ViT-B-32", "ViT-B-16", "convnext_base", "RN50", "MobileCLIP2-S0")
TRANSFORMERS = ("ViT-B-32", "ViT-B-16")
SIZES = (4, 8, 16, 32)
N_PICTURES = 32


def rate(run, n_pictures):
    """Return the pictures a second of the better of two runs."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return n_pictures / min(seconds)


def tower_rates(name):
    """Return the rate of a tower for each of `SIZES`; convolutions in their order."""
    tower = open_clip.create_model(name).visual.eval()
    side = open_clip.get_model_config(name)["vision_cfg"].get("image_size", 224)
    pictures = torch.randn(N_PICTURES, 3, side, side)
    if name not in TRANSFORMERS:
        tower = tower.to(memory_format=torch.channels_last)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        tower(pictures[:4])
        return [
            rate(lambda size=size: [tower(b) for b in pictures.split(size)], N_PICTURES)
            for size in SIZES
        ]


def file_rates(folder):
    """Return the rate of photo-tiny from files, for `SIZES` and for "auto"."""
    files = []
    for number, path in enumerate(load_photos().data[:, 0]):
        with Image.open(path) as picture:
            for factor in (1, 2):
                size = (picture.width * factor, picture.height * factor)
                files.append(str(folder / f"{number}-{factor}.jpg"))
                picture.convert("RGB").resize(size).save(files[-1], quality=90)
    rates = []
    for size in (*SIZES, "auto"):
        clip = CLIPFeaturizer(
            "photo-tiny", text=None, cache=None, batch_size=size, precision="fp32"
        )
        clip.transform(files[:40])
        rates.append(rate(lambda clip=clip: clip.transform(files), len(files)))
    return rates


if __name__ == "__main__":
    print(f"{'':<24}" + "".join(f"{size:>8}" for size in (*SIZES, "auto")))
    for name in TOWERS:
        print(f"{name:<24}" + "".join(f"{r:>8.1f}" for r in tower_rates(name)))
    with tempfile.TemporaryDirectory() as folder:
        found = file_rates(Path(folder))
    print(f"{'photo-tiny, JPEG files':<24}" + "".join(f"{r:>8.1f}" for r in found))
