"""Extreme shapes cost what their pixels cost, and look as their preprocessing says."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from open_clip.transform import image_transform
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.transforms import Compose, Resize

from sklearn_clip.embedding.backbone._towers import ImageTower
from sklearn_clip.embedding.backbone._transform import read_bound

MODES = ["shortest", "longest", "squash"]


def make_tower(mode, size, fill=255):
    transform = image_transform(size, False, resize_mode=mode, fill_color=fill)
    return ImageTower(None, transform, torch.device("cpu"), "fp32"), transform


def draw(width, height):
    """Cut a strip out of a photo that is repeated."""
    photo = np.asarray(load_sample_images().images[0])
    repeats = -(-height // photo.shape[0]), -(-width // photo.shape[1]), 1
    return Image.fromarray(np.tile(photo, repeats)[:height, :width])


MEASURE = """
import re
from pathlib import Path
import torch
from open_clip.transform import image_transform
from PIL import Image
from sklearn_clip.embedding.backbone._towers import ImageTower

def memory(field):
    status = Path("/proc/self/status").read_text()
    return int(re.search(field + r":\\s+(\\d+) kB", status)[1]) / 1024

for mode in ("shortest", "longest", "squash"):
    for size in (224, (224, 336), 384):
        transform = image_transform(size, False, resize_mode=mode, fill_color=255)
        tower = ImageTower(None, transform, torch.device("cpu"), "fp32")
        tower.prepare(Image.new("RGB", (640, 480)))
        for shape in ((1, 1_000_000), (2, 65_000), (1, 9_000_000), (900, 15_000)):
            for picture in (Image.new("RGB", shape), Image.new("RGB", shape[::-1])):
                Path("/proc/self/clear_refs").write_text("5")  # a new peak
                before = memory("VmRSS")
                prepared = tower.prepare(picture)
                cost = memory("VmHWM") - before
                assert prepared.shape[2] == 3
                assert cost < 64, f"{mode} {size} {picture.size}: {cost:.0f} MB"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no peak of memory to begin anew")
def test_no_shape_needs_more_memory_than_its_pixels_and_64_megabytes():
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", [(64, 48), (900, 700), (320, 20), (20, 320), (7, 7)])
@pytest.mark.parametrize("mode", MODES)
def test_ordinary_shapes_are_not_touched(mode, size):
    _, transform = make_tower(mode, 64)
    picture = draw(*size)
    assert read_bound(transform)(picture) is picture


@pytest.mark.parametrize(
    "size", [(320, 20), (300, 200), (20, 320), (333, 778), (64, 64), (65, 63), (1, 1)]
)
@pytest.mark.parametrize("target", [64, 63, (64, 96), (96, 63)])
@pytest.mark.parametrize("mode", MODES)
def test_ordinary_shapes_keep_their_pixels(mode, target, size):
    tower, transform = make_tower(mode, target)
    picture = draw(*size)
    resized = picture
    for step in transform.transforms[:-2]:
        resized = step(resized)
    found, expected = np.asarray(tower.prepare(picture)), np.asarray(resized)
    if mode == "shortest" and not isinstance(target, tuple):
        # Resized and cropped at once, its passes may come in another order.
        np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=4)
    else:
        assert np.array_equal(found, expected)


def as_shown(transform, picture):
    """Go through open_clip's own steps, which take all the memory they want."""
    for step in transform.transforms[:-2]:
        picture = step(picture)
    return np.asarray(picture).astype(float)


@pytest.mark.parametrize("fill", [0, 255])
@pytest.mark.parametrize("size", [(9_000, 30), (30, 9_000), (9_000, 3), (4_000, 200)])
def test_padded_strip_looks_as_if_it_was_padded_first(size, fill):
    tower, transform = make_tower("longest", 64, fill)
    strip = draw(*size)
    long = max(size)
    page = Image.new("RGB", (long, long), (fill,) * 3)
    page.paste(strip, ((long - size[0]) // 2, (long - size[1]) // 2))
    expected, found = as_shown(transform, page), np.asarray(tower.prepare(strip))
    # The strip is a pixel or less wide: it may lie half a pixel off.
    axis = 0 if size[0] > size[1] else 1
    assert np.abs(found.mean(axis) - expected.mean(axis)).max() < 3


@pytest.mark.parametrize("size", [(9_000, 30), (30, 9_000), (20_000, 1_000)])
def test_squashed_strip_looks_as_open_clip_squashes_it(size):
    tower, transform = make_tower("squash", 64)
    strip = draw(*size)
    difference = np.asarray(tower.prepare(strip)) - as_shown(transform, strip)
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("target", [64, (64, 96), (96, 64)])
@pytest.mark.parametrize("size", [(2_000, 60), (60, 2_000), (9_000, 500)])
def test_cropped_strip_looks_as_open_clip_crops_it(size, target):
    tower, transform = make_tower("shortest", target)
    strip = draw(*size)
    difference = np.asarray(tower.prepare(strip)) - as_shown(transform, strip)
    assert np.abs(difference).mean() < 6


def test_picture_for_another_preprocessing_is_left_as_it_is():
    strip = draw(4_000, 2)
    assert read_bound(Compose([]))(strip) is strip
    assert read_bound(torch.nn.Identity())(strip) is strip
    assert read_bound(Compose([Resize(64)]))(strip) is strip
