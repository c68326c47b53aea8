"""The file of the embedding store: transactions on SQLite, damage, forks."""

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from pathlib import Path

from sklearn_clip._shared import warn_user

_APPLICATION_ID = 0x534B434C  # "SKCL": marks the file as ours
_FORMAT = 1
_TIMEOUT = 60  # seconds to wait for other writers
# Pages of the log after which it is copied into the file.
_LOG_PAGES = 64
# Bytes of a log that could not be begun anew, as somebody was reading in it at any
# time, from which on its turn is waited for, and seconds that this may take.
_LOG_BYTES, _LOG_WAIT = 2**25, 1
# One page holds several vectors of the usual 1.5 to 4 kB; SQLite's 4096 would hold one.
PAGE_SIZE = 16384
_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
    checksum INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS items_used ON items (used);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS claims (
    key BLOB PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    one INTEGER PRIMARY KEY CHECK (one = 1), items INTEGER NOT NULL,
    bytes INTEGER NOT NULL, clock INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES (1, 0, 0, 0);
"""


class Database:
    """The file: one connection per process, transactions, damage, forks.

    Parameters
    ----------
    file : Path
        The SQLite file.
    """

    def __init__(self, file):
        self.file = file
        self.lock = threading.RLock()
        self._connection = None
        self._identity = None
        self._frozen = False  # opened as a file that nobody writes to
        self._writing = False
        _databases.add(self)

    def run(self, work, *, write):
        """Call ``work(connection)`` in one transaction and return what it returns."""
        try:
            return self._transact(work, write)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as exc:
            # The text of an error quotes names of a damaged schema, which may be none.
            if isinstance(exc, sqlite3.Error) and "malformed" not in str(exc):
                raise
            if self._frozen:
                self.close()  # it may have been written to while it was read
            else:
                self._set_aside(exc)
            return self._transact(work, write)

    def upgrade(self, sql):
        """Make a reading transaction a writing one; what was read may be older."""
        if not self._writing:
            # SQLite refuses at once, without waiting, to let a reader write when
            # another has written since its first look. A new transaction waits for its
            # turn.
            sql.execute("COMMIT")
            sql.execute("BEGIN IMMEDIATE")
            self._writing = True

    def size(self):
        """Return the size of the file in bytes."""
        return self.file.stat().st_size

    def shrink(self):
        """Give free pages back to the disk, if nobody is at work on the file."""
        with self.lock, contextlib.suppress(sqlite3.OperationalError):
            self._open().execute("VACUUM")

    def close(self):
        """Close the connection."""
        with self.lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __del__(self):
        # Python closes a connection that nobody has any more, and from 3.13 on warns.
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    def _transact(self, work, write):
        with self.lock:
            sql = self._open()
            self._writing = write
            try:
                # IMMEDIATE takes the one lock of writers before the first look, so that
                # what is read stays true until it is acted upon; readers go on beside
                # it.
                sql.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                result = work(sql)
                if sql.in_transaction:
                    sql.execute("COMMIT")
                if self._writing and _log(self.file) > _LOG_BYTES:
                    _empty_log(sql)
            finally:
                if sql.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        sql.execute("ROLLBACK")
        return result

    def _open(self):
        """Return the connection; opened anew where the file was removed or replaced."""
        identity = _identity(self.file, in_detail=self._frozen)
        if self._connection is not None and self._identity != identity:
            self.close()
        if self._connection is None:
            self._identity = identity  # to be set aside, if it is damaged
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self._connection, self._frozen = _connect(self.file), False
            except (OSError, sqlite3.OperationalError) as exc:
                if isinstance(exc, sqlite3.Error) and not _cannot_be_made(exc):
                    raise
                self._connection = _connect_frozen(self.file)
                if self._connection is None:
                    raise OSError(
                        f"The embedding store {str(self.file)!r} cannot be opened "
                        f"({exc}). Choose a folder that can be written to, or "
                        "cache=None."
                    ) from exc
                self._frozen = True
            self._identity = _identity(self.file, in_detail=self._frozen)
        return self._connection

    def _set_aside(self, exc):
        """Move a damaged file out of the way, unless another process has done so."""
        with self.lock:
            mine = self._identity == _identity(self.file)
            self.close()
            if mine:
                aside = self.file.with_name(
                    f"{self.file.name}.damaged-{time.time_ns()}"
                )
                os.replace(self.file, aside)
                for suffix in ("-wal", "-shm"):
                    Path(f"{self.file}{suffix}").unlink(missing_ok=True)
                warn_user(
                    f"The embedding store {str(self.file)!r} is damaged ({exc}). It is "
                    f"begun anew; the damaged file is now {str(aside)!r}.",
                )


# A connection that is open while the process forks makes SQLite lose what the child
# commits. Locks are taken before a fork, so that it happens between transactions.
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
# Of the thread that forks; another one waits until it has.
_held: list[Database] = []
_forking = threading.Lock()


def _before_fork():
    _forking.acquire()
    for database in list(_databases):
        database.lock.acquire()
        _held.append(database)
        database.close()


def _after_fork():
    while _held:
        _held.pop().lock.release()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def _identity(file, *, in_detail=False):
    """Tell a file from others; in detail also from itself before it was written to."""
    try:
        stat = file.stat()
    except OSError:
        return None
    if in_detail:
        return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size, _log(file)
    return stat.st_dev, stat.st_ino


def _log(file):
    """Size of the log beside the file, 0 if there is none."""
    try:
        return Path(f"{file}-wal").stat().st_size
    except OSError:
        return 0


def _empty_log(sql):
    """Copy the log into the file and cut it off, once those who read in it have read.

    SQLite begins it anew when nobody reads in it, which of many processes that are at
    it without a pause may be never. Whoever begins to read after it was copied reads
    the file, so that those to wait for are few.
    """
    sql.execute(f"PRAGMA busy_timeout={_LOG_WAIT * 1000}")
    try:
        with contextlib.suppress(sqlite3.OperationalError):
            sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        sql.execute(f"PRAGMA busy_timeout={_TIMEOUT * 1000}")


def _cannot_be_made(exc):
    """Whether SQLite failed at a file that it wanted to make."""
    return _code(exc) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _code(exc):
    """Primary code of an error of SQLite; None if it has none."""
    extended = getattr(exc, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF


def is_only_unwritable(exc):
    """Tell whether a store that failed at writing can still be read.

    Parameters
    ----------
    exc : sqlite3.Error
        Its error.

    Returns
    -------
    bool
        True for a store that is read-only and for a full disk.
    """
    return _code(exc) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL)


def _connect_frozen(file):
    """Open a file in a folder where SQLite cannot make its log; None if it cannot be.

    SQLite then neither locks the file nor looks for a log, so there must be none.
    """
    try:
        if not file.stat().st_size or _log(file):
            return None
        sql = sqlite3.connect(
            f"{file.as_uri()}?immutable=1",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        sql.text_factory = _read_text
    except (OSError, sqlite3.OperationalError):
        return None
    try:
        new = _is_new(sql, file)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as exc:
        sql.close()
        raise ValueError(_not_a_store(file, exc)) from exc
    except ValueError:
        sql.close()
        raise
    if new:
        sql.close()
        return None
    return sql


def _read_text(text):
    """Read a text, which may be something else that was damaged."""
    return text.decode(errors="replace")


def _connect(file):
    """Open the file and make its tables, though others may be doing so just now."""
    # No isolation level: Python would begin transactions of its own, and those here are
    # begun by hand. Any thread: `lock` lets in one at a time.
    sql = sqlite3.connect(
        file, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    sql.text_factory = _read_text
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            new = _is_new(sql, file)
            sql.execute(f"PRAGMA page_size={PAGE_SIZE}")
            # SQLite does not wait for others where it changes the journal's mode.
            sql.execute("PRAGMA journal_mode=WAL")
            # The log is not forced to the disk at every commit: a killed process loses
            # nothing, a power cut may lose the last commits but leaves a sound file,
            # and lost vectors are encoded again.
            sql.execute("PRAGMA synchronous=NORMAL")
            sql.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            sql.execute(f"PRAGMA journal_size_limit={_LOG_PAGES * PAGE_SIZE}")
            if new:
                _make_tables(sql)
            return sql
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                sql.close()
                raise
            time.sleep(0.01)
        except (sqlite3.DatabaseError, ValueError) as exc:
            sql.close()
            if isinstance(exc, ValueError) or "malformed" in str(exc):
                raise
            raise ValueError(_not_a_store(file, exc)) from exc


def _is_new(sql, file):
    """Whether the file holds nothing yet; a file of something else is refused."""
    sql.execute("BEGIN")  # so that all answers are of one moment
    (application,) = sql.execute("PRAGMA application_id").fetchone()
    (version,) = sql.execute("PRAGMA user_version").fetchone()
    tables = sql.execute("SELECT name FROM sqlite_master").fetchone()
    sql.execute("COMMIT")
    if application == _APPLICATION_ID and version != _FORMAT:
        reason = f"it has format {version}, not {_FORMAT}: another version wrote it"
        raise ValueError(_not_a_store(file, reason))
    if application != _APPLICATION_ID and tables:
        raise ValueError(_not_a_store(file, "it is the database of something else"))
    return application != _APPLICATION_ID


def _make_tables(sql):
    """Write the tables and, in the same transaction, the mark that they are there."""
    sql.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";"):
        sql.execute(statement)
    # The mark last and in one commit: a file with the mark has all tables, and one of a
    # process that was killed before is still new.
    sql.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    sql.execute(f"PRAGMA user_version={_FORMAT}")
    sql.execute("COMMIT")


def _not_a_store(file, reason):
    return (
        f"The file {str(file)!r} must be an embedding store of sklearn-clip. It is not "
        f"({reason}). Remove it, or choose another folder for the cache."
    )
