"""Processes that decode for a GPU: the same pixels, failures and remarks as threads.

They need no GPU themselves, so here they feed a model on the CPU.
"""

import os
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

from sklearn_clip import CLIPFeaturizer, ImageDecodeError
from sklearn_clip.embedding import _processes
from sklearn_clip.embedding._shared_memory import SharedMemory
from sklearn_clip.embedding.images import _decoding

pytestmark = pytest.mark.any_processor


@pytest.fixture
def files(tmp_path):
    """Write pictures of many shapes and kinds."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(14):
        pixels = rng.integers(0, 256, (40 + 9 * number, 90, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
        if number % 3 == 0:
            picture = picture.quantize(16)
        suffix = ("png", "jpg")[number % 3 == 1]
        path = tmp_path / f"{number:02}.{suffix}"
        picture.save(path)
        paths.append(path)
    return paths


def make(model_folder, **options):
    options = {"cache": None, "device": "cpu", "engine": "torch", **options}
    return CLIPFeaturizer(model_folder, text=None, **options)


def test_vectors_are_those_of_threads(model_folder, files, feeds_gpu, monkeypatch):
    rows = [str(files[0]), *files[1:], files[3].read_bytes(), files[2]]
    _decoding._file_digests.clear()
    found = make(model_folder, batch_size=5).transform(rows)
    assert ("_digest_chunk", 16) in feeds_gpu
    assert sum(n for name, n in feeds_gpu if name == "_prepare_chunk") == 14
    monkeypatch.setattr(_processes, "LEAST_PICTURES", 10**9)
    feeds_gpu.clear()
    expected = make(model_folder, batch_size=5).transform(rows)
    assert not feeds_gpu
    np.testing.assert_array_equal(found, expected)


def test_tiles_are_those_of_threads(model_folder, files, feeds_gpu, monkeypatch):
    clip = make(model_folder, regions="2x2", fusion="image")
    found = clip.transform(files)
    assert feeds_gpu
    monkeypatch.setattr(_processes, "LEAST_PICTURES", 10**9)
    np.testing.assert_allclose(clip.transform(files), found, atol=1e-6)


def test_files_are_read_once_to_be_hashed(model_folder, files, feeds_gpu, monkeypatch):
    now = time.time_ns()  # of new files it is not known whether they are written to
    monkeypatch.setattr(time, "time_ns", lambda: now + 60 * 10**9)
    _decoding._file_digests.clear()
    clip = make(model_folder)
    clip.transform(files)
    assert feeds_gpu[0] == ("_digest_chunk", 14)
    feeds_gpu.clear()
    clip.transform(files)
    assert {name for name, _ in feeds_gpu} == {"_prepare_chunk"}
    files[4].write_bytes(files[5].read_bytes())
    found = clip.transform(files)
    np.testing.assert_array_equal(found[4], found[5])


def test_what_is_broken_is_named_as_ever(model_folder, files, feeds_gpu):
    files[3].write_bytes(b"no image")
    files[6].write_bytes(files[6].read_bytes()[:200])
    rows = [*files, "gone.png"]
    with pytest.raises(ImageDecodeError, match=r"row 3, .*03\.png.* not an image of a"):
        make(model_folder).transform(files)
    clip = make(model_folder, on_error="zero")
    with pytest.warns(UserWarning, match="3 images could not be read"):
        found = clip.transform(rows)
    assert feeds_gpu
    assert [row for row, *_ in clip.failed_rows_] == [3, 6, 14]
    assert (found[[3, 6, 14]] == 0).all() and found[0].any()


def test_what_readers_remark_is_told(model_folder, files, feeds_gpu, monkeypatch):
    """The limit is set here, and holds there; so do the filters of warnings."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90 * 150)
    clip = make(model_folder)
    with pytest.warns(Image.DecompressionBombWarning, match="1 image was read"):
        clip.transform(files)
    assert feeds_gpu
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with pytest.raises(ImageDecodeError, match="row 13, .* exceeds limit"):
            clip.transform(files)


def test_cut_files_are_read_where_pillow_is_told_so(
    model_folder, files, feeds_gpu, monkeypatch
):
    data = files[13].read_bytes()
    files[13].write_bytes(data[: len(data) * 2 // 3])
    clip = make(model_folder)
    with pytest.raises(ImageDecodeError, match="row 13"):
        clip.transform(files)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert clip.transform(files)[13].any()
    assert feeds_gpu


def test_plug_in_of_the_user_stays_with_threads(
    model_folder, files, feeds_gpu, monkeypatch
):
    monkeypatch.setitem(Image.OPEN, "OWN", (lambda fp, name: None, lambda head: False))
    assert make(model_folder).transform(files).shape[0] == 14
    assert not feeds_gpu


def test_relative_paths_have_their_folder(model_folder, files, feeds_gpu, tmp_path):
    clip = make(model_folder, image_root=tmp_path)
    found = clip.transform([path.name for path in files])
    np.testing.assert_array_equal(found, make(model_folder).transform(files))


def test_pictures_in_memory_stay_with_threads(model_folder, make_pictures, feeds_gpu):
    assert make(model_folder).transform(make_pictures(8)).shape[0] == 8
    assert not feeds_gpu


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise")
def test_threads_go_on_where_processes_are_killed(
    model_folder, files, feeds_gpu, monkeypatch
):
    expected = make(model_folder).transform(files)
    opened = _processes._open_executor

    def open_and_kill(count):
        executor = opened(count)
        if executor.submit(os.getpid).result() and executor._processes:
            for pid in list(executor._processes):
                os.kill(pid, signal.SIGKILL)
        return executor

    monkeypatch.setattr(_processes, "_open_executor", open_and_kill)
    with pytest.warns(UserWarning, match="Threads go on in their place"):
        found = make(model_folder).transform(files)
    np.testing.assert_array_equal(found, expected)
    monkeypatch.setattr(_processes, "_open_executor", opened)
    np.testing.assert_array_equal(make(model_folder).transform(files), expected)


def test_threads_share_the_processes(model_folder, files, feeds_gpu):
    expected = make(model_folder).transform(files)
    found = [None] * 3

    def encode(place):
        found[place] = make(model_folder).transform(files)

    threads = [threading.Thread(target=encode, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for vectors in found:
        np.testing.assert_array_equal(vectors, expected)


@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs:UserWarning")
def test_processes_that_ended_for_want_of_work_start_again(
    model_folder, files, feeds_gpu, monkeypatch
):
    monkeypatch.setattr(_processes, "_IDLE", 0.1)
    clip = make(model_folder)
    expected = clip.transform(files)
    (executor,) = _processes._executors.values()
    for _ in range(600):
        if not executor._processes:
            break
        time.sleep(0.1)
    assert not executor._processes
    np.testing.assert_array_equal(clip.transform(files), expected)


def test_processes_do_without_torch(model_folder, files, feeds_gpu):
    """It takes seconds and half a gigabyte, and here are sixteen of them."""
    make(model_folder).transform(files)
    (executor,) = _processes._executors.values()
    look = "__import__('time').sleep(0.1) or set(__import__('sys').modules)"
    known = set()
    for _ in range(100):  # one of them may have had nothing to do
        answers = [executor.submit(eval, look) for _ in range(4)]
        known = known.union(*(answer.result() for answer in answers))
        if "PIL" in known:
            break
    assert "PIL" in known
    assert not {"torch", "sklearn", "open_clip", "sympy"} & known


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="elsewhere they are sent")
def test_pixels_are_not_sent(model_folder, files, feeds_gpu, monkeypatch):
    sent = []
    unpack = SharedMemory.unpack

    def listen(self, number, message):
        sent.append(len(message[0]))
        return unpack(self, number, message)

    monkeypatch.setattr(SharedMemory, "unpack", listen)
    make(model_folder, regions="2x2", fusion="image").transform(files)
    pixels = make(model_folder)._backbone().pixel_plan.bytes
    assert sent
    assert max(sent) < pixels
