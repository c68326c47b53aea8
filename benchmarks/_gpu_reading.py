"""The part of `gpu.py` that reads: files to stacked pixels, with no model behind."""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_BATCH = 256


def read(part):
    """Decode and prepare files, by threads and by processes, for nobody."""
    from sklearn_clip.embedding import load_backbone
    from sklearn_clip.embedding._modalities import ImageModality
    from sklearn_clip.embedding._processes import Processes
    from sklearn_clip.embedding._readers import ReaderProcesses, Readers

    backbone = load_backbone(part.model("ViT-B-32"), device="cpu", towers=["image"])
    modality = ImageModality(backbone, "auto", None)
    paths, speeds, cores = part.pictures[:2048], {}, os.cpu_count()
    few = paths[:1024]  # threads take their time
    for count in (1, 8):
        with ThreadPoolExecutor(count) as pool:
            speeds[count] = read_all(Readers(modality, pool), few, modality.collate)
        part.say(
            f"files hashed and decoded by {count} threads", f"{speeds[count]:.0f}/s"
        )
    found = {"shared": [], "sent": []}
    with ThreadPoolExecutor(8) as pool:
        readers = ReaderProcesses(modality, pool, Processes(cores))
        read_all(readers, paths, modality.collate)  # they are started
        for _ in range(3):
            for way in found:
                with sending_pixels() if way == "sent" else contextlib.nullcontext():
                    start = time.process_time()
                    speed = read_all(readers, paths, modality.collate)
                    own = (time.process_time() - start) / len(paths)
                found[way].append((speed, own))
    (speed, own), (sent, own_sent) = np.median(list(found.values()), axis=1)
    part.say(
        f"files hashed and decoded by {cores} processes, beside 8 threads",
        f"{speed:.0f}/s",
        f"{speeds[8]:.0f}/s",
        float(speed / speeds[8]),
    )
    part.say(
        "the same, beside pixels that are sent through pipes",
        f"{speed:.0f}/s, {1e3 * own:.2f} ms of this process a file",
        f"{sent:.0f}/s, {1e3 * own_sent:.2f} ms",
        float(speed / sent),
    )


@contextlib.contextmanager
def sending_pixels():
    """Have processes send pixels, as on a system without memory that has no name."""
    from sklearn_clip.embedding import _processes

    shared = _processes.SharedMemory
    _processes.SharedMemory = lambda messages, size: shared(messages, 0)
    try:
        yield
    finally:
        _processes.SharedMemory = shared


def read_all(readers, paths, collate):
    """Return the files per second of readers, whose pixels are stacked."""
    from sklearn_clip.embedding.images import _decoding

    _decoding._file_digests.clear()
    begun = time.perf_counter()
    jobs = jobs_of(readers, paths)
    for start in range(0, len(jobs), _BATCH):
        done = readers.prepare(jobs[start : start + _BATCH])
        collate([parts[0] for parts, *_ in done])
    return len(paths) / (time.perf_counter() - begun)


def jobs_of(readers, paths):
    """Hash files and make jobs of them."""
    digests = [digest for digest, *_ in readers.digest(paths)]
    return [(path, {0: digest}) for path, digest in zip(paths, digests, strict=True)]
