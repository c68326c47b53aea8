"""Vectors in the file of a store: looked up, written, and the oldest removed."""

import contextlib
import sqlite3
import zlib

import numpy as np

from sklearn_clip.embedding.store._database import PAGE_SIZE

_LOOKUP_BATCH = 500  # SQLite allows 999 parameters in every version
# Bytes of key, indexes and half-filled pages that an item costs beside its vector.
_ITEM_OVERHEAD = 512
# Bytes that go with a vector on its page.
_ROW_OVERHEAD = 16
# Eviction goes a little below the bound, so that it does not happen at every write.
_EVICT_TO = 0.9


def batches(keys):
    """Part keys into lists of as many as one statement takes."""
    return (keys[i : i + _LOOKUP_BATCH] for i in range(0, len(keys), _LOOKUP_BATCH))


def look_up(sql, keys, *, upgrade, notes_use):
    """Read vectors, and remove those that are damaged.

    Parameters
    ----------
    sql : sqlite3.Connection
        In a transaction.
    keys : list of bytes
        Distinct keys.
    upgrade : callable
        Takes the lock of the writer for the connection.
    notes_use : bool
        Whether it is noted when a vector was used, which eviction goes by.

    Returns
    -------
    dict of bytes to ndarray of shape (d,), dtype float32
        The vectors that are there.
    """
    found, ids, damaged, strays = {}, [], [], 0
    for batch in batches(keys):
        marks = ",".join("?" * len(batch))
        # What the index says, and then what the rows say that it names.
        query = f"SELECT key, id FROM items WHERE key IN ({marks})"
        named = dict(sql.execute(query, batch))
        marks = ",".join("?" * len(named))
        rows = sql.execute(
            "SELECT id, key, checksum, vector FROM items LEFT JOIN vectors USING (id) "
            f"WHERE id IN ({marks})",
            list(named.values()),
        )
        # SQLite checks its pages' structure, not what is said on them: a bit that
        # flipped on the disk, in a vector, or in the index, which then names another
        # item's, would be a wrong feature for ever.
        strays += len(named)
        for number, key, checksum, vector in rows:
            if named.get(key) != number:
                continue
            strays -= 1
            if isinstance(vector, bytes) and zlib.crc32(vector) == checksum:
                found[key] = np.frombuffer(vector, dtype="<f4")
                ids.append(number)
            else:
                damaged.append(number)
    if strays or damaged or (ids and notes_use):
        # A file that cannot be written now can be read all the same.
        with contextlib.suppress(sqlite3.OperationalError, sqlite3.IntegrityError):
            # Look-ups without a bound only read, which any number of processes do at
            # once: the writer's lock is taken when there is something to write.
            upgrade(sql)
            _remove(sql, damaged)
            _touch(sql, ids)
            if strays:
                sql.execute("REINDEX items")
    return found


def insert(sql, keys, vectors, max_bytes):
    """Write vectors; keys that are there already are left, claims on all of them end.

    Parameters
    ----------
    sql : sqlite3.Connection
        In a transaction that writes.
    keys : list of bytes
        Distinct keys.
    vectors : ndarray of shape (len(keys), d), dtype float32
        Their vectors.
    max_bytes : int or None
        Bound of all vectors, for which the oldest make room; None sets none.
    """
    known = {
        key
        for batch in batches(keys)
        for (key,) in sql.execute(
            f"SELECT key FROM items WHERE key IN ({','.join('?' * len(batch))})",
            batch,
        )
    }
    fresh = [
        (key, vector.tobytes())
        for key, vector in zip(keys, vectors, strict=True)
        # A key names the content and all that the vector depends on, so what is there
        # is the same vector: two that encoded it write it once.
        if key not in known
    ]
    if fresh and _make_room(sql, fresh, max_bytes):
        clock = _tick(sql)
        first = sql.execute("SELECT MAX(id) FROM items").fetchone()[0] or 0
        numbered = list(enumerate(fresh, start=first + 1))
        sql.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?)",
            [(i, k, len(v), zlib.crc32(v), clock) for i, (k, v) in numbered],
        )
        sql.executemany(
            "INSERT INTO vectors VALUES (?, ?)", [(i, v) for i, (_, v) in numbered]
        )
        sql.execute(
            "UPDATE totals SET items = items + ?, bytes = bytes + ?",
            (len(fresh), sum(len(v) for _, v in fresh)),
        )
    # Whoever claimed them: what is written need not be encoded by anybody. In the same
    # transaction as the vectors, so that nobody sees an item that has neither a vector
    # nor a claim, and takes it.
    sql.executemany("DELETE FROM claims WHERE key = ?", [(key,) for key in keys])


def _make_room(sql, fresh, max_bytes):
    """Remove old vectors for new ones; whether these fit at all."""
    if max_bytes is None:
        return True
    needed = sum(_room(len(v)) for _, v in fresh)
    if needed <= max_bytes:
        _evict(sql, max_bytes - needed)
    return needed <= max_bytes


def _room(length):
    """Bytes of the file that an item takes whose vector has so many."""
    # Pages hold whole vectors, and one that is longer than a page begins others: of
    # those a little longer than half a page, each takes one for itself.
    pages, rest = divmod(length, PAGE_SIZE)
    share = PAGE_SIZE // max(PAGE_SIZE // (rest + _ROW_OVERHEAD), 1)
    return pages * PAGE_SIZE + share + _ITEM_OVERHEAD


def _taken(sql):
    """Bytes of the file that are in use, or that are counted, if these are more."""
    items, size = sql.execute("SELECT items, bytes FROM totals").fetchone()
    pages, free, page_size = (
        sql.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return max(size + items * _ITEM_OVERHEAD, (pages - free) * page_size)


def _evict(sql, bound):
    """Remove what was used longest ago, until the rest is well under the bound."""
    # What a vector takes on pages that others share is an estimate: look again.
    while (taken := _taken(sql)) > bound:
        excess, ids = taken - _EVICT_TO * bound, []
        for number, length in sql.execute(
            "SELECT id, size FROM items ORDER BY used, id"
        ):
            if excess <= 0:
                break
            ids.append(number)
            excess -= _room(length)
        if not ids:
            return
        _remove(sql, ids)


def _remove(sql, ids):
    for number in ids:
        size = sql.execute("SELECT size FROM items WHERE id = ?", (number,)).fetchone()
        if size is not None:
            sql.execute("DELETE FROM items WHERE id = ?", (number,))
            sql.execute("DELETE FROM vectors WHERE id = ?", (number,))
            sql.execute("UPDATE totals SET items = items - 1, bytes = bytes - ?", size)


def _touch(sql, ids):
    """Note that vectors were used now."""
    if ids:
        clock = _tick(sql)
        sql.executemany(
            "UPDATE items SET used = ? WHERE id = ?", [(clock, i) for i in ids]
        )


def _tick(sql):
    """Advance the clock by which uses are ordered."""
    sql.execute("UPDATE totals SET clock = clock + 1")
    return sql.execute("SELECT clock FROM totals").fetchone()[0]
