"""Pictures in batches: order, threads, and crops that keep labels true."""

import contextlib
import os
import signal
import sys
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from sklearn_clip import CLIPFineTuner, ImageDecodeError
from sklearn_clip.embedding import _processes, load_backbone, split_rows
from sklearn_clip.finetune import _pictures
from sklearn_clip.finetune._pictures import Pictures, augment
from sklearn_clip.finetune._preparation import part_rows
from sklearn_clip.finetune._rows import read_fusion

FEEDS_GPU = _processes._feeds_gpu


@pytest.fixture
def make(model_folder):
    backbone = load_backbone(model_folder, device="cpu", precision="fp32")

    def make_pictures_of(column, **options):
        default = {
            "root": None,
            "crop": 0.5,
            "flip": False,
            "seed": 0,
            "num_workers": 3,
            "device": torch.device("cpu"),
        }
        return Pictures(column, backbone, **default | options)

    return make_pictures_of


def test_batches_hold_the_rows_in_order(make, make_pictures):
    pictures = make([[picture] for picture in make_pictures(7)])
    rows = np.array([6, 0, 3, 2, 5])
    found = list(pictures.batches(rows, 2))
    assert [part.tolist() for _, part in found] == [[6, 0], [3, 2], [5]]
    whole = torch.cat([batch for batch, _ in found])
    expected = torch.stack([pictures.prepare(row) for row in rows])
    assert torch.equal(whole, expected)


def test_augmentation_depends_on_seed_epoch_and_row_alone(make, make_pictures):
    column = [[picture] for picture in make_pictures(2)]
    first = make(column).prepare(1, epoch=4)
    assert torch.equal(first, make(column, num_workers=1).prepare(1, epoch=4))
    assert not torch.equal(first, make(column).prepare(1, epoch=5))
    assert not torch.equal(first, make(column, seed=1).prepare(1, epoch=4))
    plain = make(column, crop=None)
    assert torch.equal(plain.prepare(1, epoch=4), plain.prepare(1))


def test_of_several_images_every_epoch_draws_one(make):
    pages = [Image.new("RGB", (40, 40), (value,) * 3) for value in (0, 120, 250)]
    pictures = make([pages])
    means = {
        round(pictures.prepare(0, epoch=e).float().mean().item()) for e in range(20)
    }
    assert means == {0, 120, 250}
    assert pictures.prepare(0).float().mean() == 0


def test_few_pictures_are_held_at_once(make, monkeypatch):
    lock, decoded, most = threading.Lock(), [0], [0]
    page = Image.new("RGB", (40, 40))

    def count(*args, **kwargs):
        with lock:
            decoded[0] += 1
        return page

    monkeypatch.setattr(_pictures, "decode_image", count)
    taken = 0
    for batch, _ in make([[page]] * 200).batches(np.arange(200), 4):
        taken += len(batch)
        most[0] = max(most[0], decoded[0] - taken)
    assert taken == decoded[0] == 200
    assert most[0] <= 3 * 4


def test_crop_keeps_the_share_of_the_area_and_flips_only_on_request():
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(120), np.arange(80))
    page = Image.fromarray(np.stack([x, y, x * 0], axis=2).astype(np.uint8))
    shares, offsets = [], set()
    for _ in range(300):
        crop = np.asarray(augment(page, rng, crop=0.6, flip=False)).astype(int)
        shares.append(crop.shape[0] * crop.shape[1] / (80 * 120))
        # A piece of the page as it is: neither resized nor mirrored.
        assert (np.diff(crop[..., 0], axis=1) == 1).all()
        assert (np.diff(crop[..., 1], axis=0) == 1).all()
        offsets.add((crop[0, 0, 0], crop[0, 0, 1]))
    assert 0.58 < min(shares) < 0.65 and 0.95 < max(shares) <= 1
    assert len(offsets) > 100
    mirrored = [
        np.asarray(augment(page, rng, crop=None, flip=True))[0, 0, 0] == 119
        for _ in range(200)
    ]
    assert 60 < sum(mirrored) < 140
    assert augment(page, rng, crop=1.0, flip=False) is page
    assert augment(Image.new("RGB", (1, 1)), rng, crop=0.1, flip=False).size == (1, 1)


@pytest.fixture
def files(tmp_path, make_pictures):
    column = []
    for number, picture in enumerate(make_pictures(9)):
        path = tmp_path / f"{number}.png"
        picture.save(path)
        column.append([path])
    column[4] = []
    column[2] = [column[0][0], str(column[1][0])]
    return column


@pytest.mark.parametrize("epoch", [None, 3])
def test_processes_prepare_what_threads_do(make, files, feeds_gpu, epoch):
    pictures, rows = make(files, flip=True), np.arange(9)[::-1]
    found = list(pictures.batches(rows, 4, epoch=epoch))
    assert sum(n for _, n in feeds_gpu) == 8
    for batch, part in found:
        expected = [pictures.prepare(row, epoch) for row in part if files[row]]
        assert torch.equal(batch, torch.stack(expected))


def test_processes_prepare_for_a_gpu_where_the_backbone_is_on_the_cpu(
    make, files, feeds_gpu, monkeypatch
):
    monkeypatch.setattr(_processes, "_feeds_gpu", FEEDS_GPU)
    monkeypatch.setattr(_pictures, "stack_pictures", lambda done, _: torch.stack(done))
    pictures = make(files, device=torch.device("cuda"))
    found = list(pictures.batches(np.arange(9), 4, epoch=1))
    assert sum(n for _, n in feeds_gpu) == 8
    for batch, part in found:
        expected = [pictures.prepare(row, 1) for row in part if files[row]]
        assert torch.equal(batch, torch.stack(expected))
    feeds_gpu.clear()
    assert len(list(make(files).batches(np.arange(9), 4))) == 3
    assert not feeds_gpu


def test_batches_for_a_gpu_are_those_of_threads_and_may_be_left_early(
    make, make_pictures, monkeypatch
):
    monkeypatch.setattr(_pictures, "stack_pictures", lambda done, _: torch.stack(done))
    column = [[picture] for picture in make_pictures(9)]
    rows, gpu = np.arange(9)[::-1], make(column, device=torch.device("cuda"))
    pairs = zip(
        gpu.batches(rows, 2, epoch=1),
        make(column).batches(rows, 2, epoch=1),
        strict=True,
    )
    for (found, part), (expected, of_threads) in pairs:
        assert torch.equal(found, expected) and (part == of_threads).all()
    before = threading.active_count()
    batches = gpu.batches(rows, 2, epoch=1)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_tuner_tells_its_pictures_which_device_they_are_for(model_folder, files):
    tuner = CLIPFineTuner(["a"], model_folder, None, early_stopping=None)
    backbone = load_backbone(model_folder, device="cpu", precision="fp32")
    cells = split_rows(
        [cell[0] if cell else None for cell in files],
        image="image",
        text=None,
        modalities=("image",),
    )
    device, targets = torch.device("cuda", 1), np.zeros((9, 1), dtype=np.float32)
    fusion = read_fusion("image", "image", None)
    rows, _ = part_rows(tuner, fusion, (cells, targets), None, backbone, device, 0)
    assert rows.pictures._device == device


def test_file_that_broke_meanwhile_is_named_from_a_process_too(make, files, feeds_gpu):
    files[6][0].write_bytes(b"no image")
    with pytest.raises(ImageDecodeError, match=r"now it cannot: .*6\.png.*fit runs"):
        list(make(files).batches(np.arange(9), 4))
    assert feeds_gpu


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise")
def test_training_goes_on_where_its_processes_are_killed(make, files, feeds_gpu):
    pictures, found = make(files), []
    with pytest.warns(UserWarning, match="Threads go on in their place"):
        for batch, part in pictures.batches(np.arange(9), 1, epoch=1):
            found.append((batch, part))
            for executor in list(_processes._executors.values()):
                for pid in list(executor._processes):
                    with contextlib.suppress(ProcessLookupError):  # already gone
                        os.kill(pid, signal.SIGKILL)
    assert [part.item() for _, part in found] == list(range(9))
    for batch, (row,) in found:
        if files[row]:
            assert torch.equal(batch[0], pictures.prepare(row, 1))
