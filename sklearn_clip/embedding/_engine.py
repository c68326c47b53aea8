"""The engine: look up, decode, encode and fill in, every distinct item once."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from tqdm import tqdm

from sklearn_clip.embedding import _images

_BATCH_SIZES = {"cpu": 32, "mps": 64, "cuda": 256}
_MAX_WORKERS = 8


def embed(
    items,
    kind,
    backbone,
    *,
    store=None,
    root=None,
    batch_size="auto",
    num_workers="auto",
    stop_on_failure=False,
    verbose=0,
):
    """Embed items in order, encoding only what the store does not hold.

    Parameters
    ----------
    items : list
        Images or texts.
    kind : {"image", "text"}
        What the items are.
    backbone : Backbone
        The model.
    store : EmbeddingStore or None
        Where vectors are looked up and kept.
    root : str, os.PathLike or None
        Folder of relative image paths.
    batch_size : int or "auto"
        Items of one forward pass.
    num_workers : int or "auto"
        Threads that read and decode images.
    stop_on_failure : bool
        Return after the first batch with an item that cannot be read, instead of
        hours later; what was encoded until then is in the store.
    verbose : int
        Above 0, shows a progress bar.

    Returns
    -------
    vectors : ndarray of shape (n, embedding_dim), dtype float32
        Embeddings, not normalised; NaN where an item failed.
    failures : dict of int to str
        Position of every item that could not be read, and why.
    """
    if batch_size == "auto":
        batch_size = _BATCH_SIZES.get(backbone.device.type, 32)
    if num_workers == "auto":
        num_workers = min(_MAX_WORKERS, os.cpu_count() or 1)
    steps = _ImageSteps(backbone, root) if kind == "image" else _TextSteps(backbone)
    space = _space(kind, backbone)
    run = _Run(steps, store, batch_size, max(num_workers, 1), stop_on_failure)
    with tqdm(
        total=len(items), desc=f"{kind}s", unit=kind, disable=verbose < 1
    ) as progress:
        return run(items, space, backbone.embedding_dim, progress)


class _ImageSteps:
    """How an image is hashed, prepared and encoded."""

    def __init__(self, backbone, root):
        self._backbone = backbone
        self._root = root
        self.encode = backbone.encode_images

    def digest(self, item):
        return _images.image_digest(item, self._root)

    def prepare(self, item):
        picture = _images.decode_image(item, self._root)
        return self._backbone.preprocess(picture)


class _TextSteps:
    """How a text is hashed and encoded; nothing is left to prepare."""

    def __init__(self, backbone):
        self.encode = backbone.encode_texts

    def digest(self, item):
        return hashlib.blake2b(item.encode(), digest_size=16).digest()

    def prepare(self, item):
        return item


class _Run:
    """One call of `embed`: its threads, its failures, its shrinking batch."""

    def __init__(self, steps, store, batch_size, workers, stop_on_failure):
        self._steps = steps
        self._store = store
        self._batch_size = batch_size
        self._workers = workers
        self._stop_on_failure = stop_on_failure

    def __call__(self, items, space, dim, progress):
        places, failures = {}, {}
        with ThreadPoolExecutor(self._workers) as pool:
            digests = pool.map(lambda item: _attempt(self._steps.digest, item), items)
            for place, (digest, reason) in enumerate(digests):
                if reason is None:
                    places.setdefault(space + digest, []).append(place)
                else:
                    failures[place] = reason
            vectors = np.full((len(items), dim), np.nan, dtype=np.float32)
            found = {} if self._store is None else self._store.get_many(list(places))
            for key, vector in found.items():
                vectors[places[key]] = vector
            progress.update(sum(len(places[key]) for key in found))
            todo = [key for key in places if key not in found]
            if failures and self._stop_on_failure:
                todo = []
            for keys, rows, broken in self._encode_all(todo, items, places, pool):
                for key, row in zip(keys, rows, strict=True):
                    vectors[places[key]] = row
                for key, reason in broken.items():
                    failures.update(dict.fromkeys(places[key], reason))
                progress.update(sum(len(places[k]) for k in (*keys, *broken)))
                if broken and self._stop_on_failure:
                    break
        return vectors, dict(sorted(failures.items()))

    def _encode_all(self, todo, items, places, pool):
        """Yield encoded batches; the next one is decoded while one is encoded."""
        batches = [
            todo[start : start + self._batch_size]
            for start in range(0, len(todo), self._batch_size)
        ]

        def submit(keys):
            return [
                pool.submit(_attempt, self._steps.prepare, items[places[key][0]])
                for key in keys
            ]

        pending = submit(batches[0]) if batches else []
        for number, batch in enumerate(batches):
            prepared = [future.result() for future in pending]
            pending = submit(batches[number + 1]) if number + 1 < len(batches) else []
            keys = [
                k for k, (_, why) in zip(batch, prepared, strict=True) if why is None
            ]
            ready = [item for item, why in prepared if why is None]
            broken = {
                k: why
                for k, (_, why) in zip(batch, prepared, strict=True)
                if why is not None
            }
            rows = self._encode(ready)
            if keys and self._store is not None:
                self._store.put_many(keys, rows)
            yield keys, rows, broken

    def _encode(self, ready):
        """Encode one batch, in halves for as long as the device lacks memory."""
        rows = []
        while ready:
            step = min(self._batch_size, len(ready))
            try:
                rows.append(self._steps.encode(ready[:step]))
            except torch.cuda.OutOfMemoryError:
                if step == 1:
                    raise
                self._batch_size = step // 2
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
            else:
                ready = ready[step:]
        return np.concatenate(rows) if rows else []


def _attempt(function, item):
    """Call and return ``(result, None)``, or ``(None, reason)`` for a broken item."""
    try:
        return function(item), None
    except MemoryError:
        raise
    except Exception as exc:  # Pillow's readers raise nearly anything on mutated files
        return None, _images.explain_failure(exc)


def _space(kind, backbone):
    """Digest of all that a vector depends on besides its item."""
    parts = [kind, backbone.fingerprint, backbone.precision]
    if kind == "image":
        parts.append(backbone.preprocessing)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()
