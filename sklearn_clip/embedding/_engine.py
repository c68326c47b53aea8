"""The engine: look up, decode, encode and fill in, every distinct item once."""

import contextlib
import hashlib
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from tqdm import tqdm

from sklearn_clip.embedding._distinct_items import DistinctItems
from sklearn_clip.embedding._modalities import DIGEST_BYTES, ImageModality, TextModality
from sklearn_clip.embedding._readers import choose_readers, count_threads
from sklearn_clip.embedding._streams import open_pool, open_streams
from sklearn_clip.embedding.backbone._device import lacks_memory
from sklearn_clip.embedding.store._guarded_store import GuardedStore
from sklearn_clip.embedding.store._half_precision import HalfPrecisionStore

# Items that are looked up at once, and texts that are sorted by length at once.
_BLOCK = 8192
# Batches that are decoded while others are encoded.
_AHEAD = 2
# Seconds between two looks at what other processes are encoding.
_POLL = 0.05


def embed(
    items,
    kind,
    backbone,
    *,
    store=None,
    root=None,
    parts=None,
    batch_size="auto",
    num_workers="auto",
    stop_on_failure=False,
    remarks=None,
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
    parts : sequence of (tuple of float, or None), or None
        Boxes of the tiles of each picture that are embedded, None among them for the
        whole; without it the whole alone.
    batch_size : int or "auto"
        Items of one forward pass.
    num_workers : int or "auto"
        Threads that read and decode images.
    stop_on_failure : bool
        Return after the first batch with an item that cannot be read, instead of
        hours later; what was encoded until then is in the store.
    remarks : dict or None, default=None
        Is filled with the positions of images that were read with a warning, and lists
        of (category, text). None drops the warnings.
    verbose : int
        Above 0, shows a progress bar.

    Returns
    -------
    vectors : ndarray of shape (n, width), dtype float32
        What the tower gives, not normalised; NaN where an item failed. With `parts`, of
        shape (n, n_parts, width).
    failures : dict of int to str
        Position of every item that could not be read, and why.

    Raises
    ------
    FloatingPointError
        If the model gives NaN or infinity.
    """
    if kind == "image":
        modality = ImageModality(backbone, batch_size, root, parts or (None,))
    else:
        modality = TextModality(backbone, batch_size)
    n_parts = len(parts) if parts else 1
    shape = (len(items), n_parts) if parts else (len(items),)
    with (
        tqdm(
            total=len(items) * n_parts,
            desc="regions" if parts else f"{kind}s",
            unit="region" if parts else kind,
            disable=verbose < 1,
        ) as progress,
        ThreadPoolExecutor(count_threads(num_workers)) as pool,
    ):
        # All digests first: only then is it known which items are distinct, and an
        # unreadable file is reported before hours of encoding.
        readers = choose_readers(modality, items, pool, num_workers)
        digests, failures, heard = _digest_all(readers, items)
        width = backbone.width(kind)
        vectors = np.full((len(items) * n_parts, width), np.nan, np.float32)
        if failures and stop_on_failure:
            return vectors.reshape(*shape, width), failures
        lost = [i * n_parts + part for i in failures for part in range(n_parts)]
        space = _space(kind, backbone)
        distinct = DistinctItems(modality.spread(digests), lost, space, n_parts)
        device = backbone.device if backbone.runs_in_torch(kind) else None
        most = sys.maxsize if batch_size == "auto" else batch_size
        kept = GuardedStore(store)
        if backbone.output_of(kind) == "tokens":
            kept = HalfPrecisionStore(store, width, backbone.embedding_dim)
        run = _Run(modality, kept, items, distinct, device, readers, most)
        cached = 0
        with contextlib.closing(run(stop_on_failure)) as done:
            for numbers, rows, from_store in done:
                if not numbers:
                    continue  # a batch of broken items
                positions, counts = distinct.of(numbers)
                vectors[positions] = np.repeat(rows, counts, axis=0)
                cached += len(positions) if from_store else 0
                progress.set_postfix(cached=cached, refresh=False)
                progress.update(len(positions))
        for number, reason in run.broken.items():
            places = distinct.of([number])[0] // n_parts
            failures.update(dict.fromkeys(places.tolist(), reason))
        for number, said in run.heard.items():
            places = distinct.of([number])[0] // n_parts
            heard.update(dict.fromkeys(places.tolist(), said))
    if remarks is not None:
        # Of what could not be read the reason says enough.
        remarks |= {place: heard[place] for place in sorted(heard.keys() - failures)}
    return vectors.reshape(*shape, width), dict(sorted(failures.items()))


@dataclass
class _Batch:
    """What the feeder hands to the encoder.

    Parameters
    ----------
    written : dict of int to ndarray
        Vectors by item, which another process has written in the meantime.
    numbers : list of int
        Items that are ours to encode.
    content : Tensor or list of str
        These items, prepared.
    broken : dict of int to str
        Items that could not be decoded, and why.
    heard : dict of int to list
        Items that were decoded with a warning, and what was said.
    """

    written: dict
    numbers: list
    content: object
    broken: dict
    heard: dict


class _Run:
    """The items of one call on their way to the model and the store.

    Parameters
    ----------
    modality : ImageModality or TextModality
        How items are prepared and encoded.
    store : GuardedStore
        The store.
    items : list
        Items of the call.
    distinct : DistinctItems
        The distinct ones among them.
    device : torch.device or None
        Where torch runs the model; None if another engine does.
    readers : Readers
        Who prepares items.
    most : int
        Items of one forward pass, at the most.

    Attributes
    ----------
    broken : dict of int to str
        Items that could not be decoded, and why.
    heard : dict of int to list
        Items that were decoded with a warning, and what was said.
    """

    def __init__(self, modality, store, items, distinct, device, readers, most):
        self._modality = modality
        self._store = store
        self._items = items
        self._distinct = distinct
        self._device = device
        self._fitting = most
        self._readers = readers
        self._waiting = []
        self.broken = {}
        self.heard = {}

    def __call__(self, stop_on_failure):
        """Yield (item numbers, their vectors, whether from the store) as they come."""
        try:
            for start in range(0, len(self._distinct), _BLOCK):
                numbers = range(start, min(start + _BLOCK, len(self._distinct)))
                keys = {self._distinct.key(number): number for number in numbers}
                found = self._store.look_up(list(keys))
                if found:
                    yield [keys[k] for k in found], np.stack(list(found.values())), True
                todo = [number for key, number in keys.items() if key not in found]
                for done in self._encode_all(todo):
                    yield done
                    if self.broken and stop_on_failure:
                        return
            # Only now, with all its own items written and no claim held, does a run
            # wait: of processes that wait for each other's items none holds one back,
            # so there is no deadlock, and by now most of these are written.
            while self._waiting:
                # Other processes encode these; should one die, its items become ours.
                time.sleep(_POLL)
                again, self._waiting = self._waiting, []
                yield from self._encode_all(again)
        finally:
            # Also when the caller stops listening or a batch raises: batches that were
            # claimed ahead and never encoded must not hold others up for a lease.
            self._store.release_all()

    def _item(self, number):
        return self._items[self._distinct.source(number)[0]]

    def _by_source(self, numbers):
        """Part items into runs of those that are parts of one image."""
        groups = groupby(numbers, lambda number: self._distinct.source(number)[0])
        return [list(group) for _, group in groups]

    def _job(self, numbers):
        """Make one job of the parts of one image: it is decoded once for them."""
        parts = [self._distinct.source(number)[1] for number in numbers]
        digests = map(self._distinct.digest, numbers)
        return self._item(numbers[0]), dict(zip(parts, digests, strict=True))

    def _encode_all(self, todo):
        """Encode what nobody else does; some batches are prepared ahead."""
        batches = _whole_sources(
            self._modality.batches(todo, self._item), self._distinct
        )
        under_way = deque()
        with (
            open_streams(self._device, len(batches)) as streams,
            open_pool(self._readers.at_once) as feeder,
        ):
            while batches or under_way:
                while batches and len(under_way) < streams.count + _AHEAD:
                    feed = feeder.submit(self._feed, batches.popleft())
                    under_way.append(streams.submit(self._encode_fed, feed))
                batch, rows = under_way.popleft()()
                self.broken |= batch.broken
                self.heard |= batch.heard
                if batch.written:
                    yield (
                        list(batch.written),
                        np.stack(list(batch.written.values())),
                        True,
                    )
                yield batch.numbers, rows, False

    def _encode_fed(self, feed):
        """Encode and write at once: nothing encoded is lost when the run ends early."""
        batch = feed.result()
        rows = self._store.keep(self._encode(batch.content))
        self._store.put([self._distinct.key(n) for n in batch.numbers], rows)
        return batch, rows

    def _feed(self, numbers):
        """Claim items; read and prepare those that are ours."""
        keys = {self._distinct.key(number): number for number in numbers}
        written, claimed = self._store.claim(list(keys))
        # Three ways for an item: written since the look-up, ours by now, or another's
        # at this moment, which is put off to the end and not waited for.
        taken = keys.keys() - written.keys() - set(claimed)
        self._waiting += [keys[key] for key in taken]
        mine = self._by_source(keys[key] for key in claimed)
        prepared = self._readers.prepare([self._job(numbers) for numbers in mine])
        ready, broken, heard = {}, {}, {}
        for numbers, (items, reason, remarks) in zip(mine, prepared, strict=True):
            if remarks:
                if len(numbers) > 1:  # decoded for the whole and for its tiles
                    remarks = list(dict.fromkeys(remarks))
                heard |= dict.fromkeys(numbers, remarks)
            if reason is None:
                ready |= zip(numbers, items.values(), strict=True)
            else:
                broken |= dict.fromkeys(numbers, reason)
        # At once, not after the batch is encoded: nobody need wait for these.
        self._store.release([self._distinct.key(number) for number in broken])
        content = list(ready.values())
        return _Batch(
            written={keys[key]: vector for key, vector in written.items()},
            numbers=list(ready),
            content=self._modality.collate(content) if ready else content,
            broken=broken,
            heard=heard,
        )

    def _encode(self, content):
        """Encode one batch, in halves for as long as the device lacks memory."""
        rows = [np.empty((0, 0), dtype=np.float32)]
        while len(content):
            step = min(self._fitting, len(content))
            try:
                encoded = self._modality.encode(content[:step])
            except RuntimeError as exc:
                if step == 1 or not lacks_memory(exc):
                    raise
                # Kept for the rest of the run: what did not fit once will not fit
                # later.
                self._fitting = step // 2
                if self._device is not None and self._device.type == "cuda":
                    import torch

                    torch.cuda.empty_cache()
                continue
            if not np.isfinite(encoded).all():
                raise FloatingPointError(
                    "The model gave NaN or infinity. Use precision='fp32', and check "
                    "its weights if it does so there too."
                )
            rows.append(encoded)
            content = content[step:]
        return np.concatenate(rows[1:]) if len(rows) > 1 else rows[0]


def _whole_sources(batches, distinct):
    """Move the ends of batches so that none parts what is of one image."""
    if distinct.parts == 1:
        return batches
    whole = deque()
    for batch in batches:
        numbers = deque(batch)
        while (
            whole
            and numbers
            and distinct.source(numbers[0])[0] == distinct.source(whole[-1][-1])[0]
        ):
            whole[-1].append(numbers.popleft())
        if numbers:
            whole.append(list(numbers))
    return whole


def _digest_all(readers, items):
    """Hash every item: an array of digests, what could not be read, what was said."""
    digests = np.zeros((len(items), DIGEST_BYTES), dtype=np.uint8)
    failures, heard = {}, {}
    for start in range(0, len(items), _BLOCK):
        block = items[start : start + _BLOCK]
        done = readers.digest(block)
        for place, (digest, reason, remarks) in enumerate(done, start=start):
            if remarks:
                heard[place] = remarks
            if reason is None:
                digests[place] = np.frombuffer(digest, dtype=np.uint8)
            else:
                failures[place] = reason
    return digests, failures, heard


def _space(kind, backbone):
    """Digest of all that a vector depends on besides its item."""
    parts = [kind, backbone.fingerprint, backbone.arithmetic[kind]]
    parts.append(backbone.preprocessing if kind == "image" else backbone.tokenization)
    output = backbone.output_of(kind)
    if output != "embedding":
        parts.append(output)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()
