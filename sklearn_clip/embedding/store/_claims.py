"""Claims in the file of a store: of processes that want one item, one encodes it."""

import os
import socket
import time
import uuid
from pathlib import Path

from sklearn_clip.embedding.store._vectors import batches

# Seconds after which a claim is void even if its owner cannot be seen to be dead.
_LEASE = 120


def name_owner():
    """Name a new owner of claims.

    Returns
    -------
    str
        Machine, process, and a random part.
    """
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex}"


def claim(sql, missing, owner, void_owners):
    """Claim the items that nobody has claimed.

    Parameters
    ----------
    sql : sqlite3.Connection
        In a transaction that holds the lock of the writer.
    missing : list of bytes
        Keys of the items, which are not in the store.
    owner : str
        Who claims.
    void_owners : set of str
        Owners in this process whose claims could not be given up.

    Returns
    -------
    list of bytes
        Keys that the owner has claimed by now.
    """
    # Wall time is what processes share, and what still means something after a restart
    # of the machine, which the file outlives.
    taken, now, alive = set(), time.time(), {}
    for batch in batches(missing):
        marks = ",".join("?" * len(batch))
        for key, other, until in sql.execute(
            f"SELECT key, owner, until FROM claims WHERE key IN ({marks})", batch
        ):
            # A look at the process table costs a system call: one per owner, not one
            # per key.
            if other not in alive:
                alive[other] = other not in void_owners and _may_be_alive(other)
            # A claim holds while all three do. The dead owner frees its items at once;
            # the lease frees those of one that cannot be seen (another machine,
            # Windows), that hangs, or whose number another process has by now. An item
            # then encoded twice costs time, never a wrong vector.
            # One that ends later than any lease is of a clock that was put back since.
            lasts = now < until <= now + 2 * _LEASE
            if other != owner and lasts and alive[other]:
                taken.add(key)
    claimed = [key for key in missing if key not in taken]
    # A claim of the next batch renews all the older ones: a lease need be as long as a
    # batch takes, not as long as the run.
    lease = (now + _LEASE, owner)
    sql.execute("UPDATE claims SET until = ? WHERE owner = ?", lease)
    sql.executemany(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?)",
        [(key, owner, now + _LEASE) for key in claimed],
    )
    return claimed


def give_up(sql, owner, keys=None):
    """Remove the claims of an owner, on some keys or all.

    Parameters
    ----------
    sql : sqlite3.Connection
        In a transaction.
    owner : str
        Who claimed.
    keys : list of bytes or None, default=None
        What was claimed; None is all.
    """
    if keys is None:
        sql.execute("DELETE FROM claims WHERE owner = ?", (owner,))
    else:
        pairs = [(owner, key) for key in keys]
        sql.executemany("DELETE FROM claims WHERE owner = ? AND key = ?", pairs)


def _may_be_alive(owner):
    """Whether the process that made a claim still runs, as far as can be told."""
    host, pid, _ = owner.rsplit("/", 2)
    return host != socket.gethostname() or is_running(int(pid))


def is_running(pid):
    """Tell whether a process of this machine is alive.

    Parameters
    ----------
    pid : int
        Its number.

    Returns
    -------
    bool
        True where it cannot be told.
    """
    if os.name == "nt":  # os.kill would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid):
    """Whether a process has ended, and its parent has not asked how, on Linux."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    # The name before it, in brackets, may hold anything.
    return state.rpartition(b")")[2].split()[:1] == [b"Z"]
