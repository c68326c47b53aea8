"""Graphs of towers in the user's cache: made once, whole or not at all."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock

from sklearn_clip._shared import warn_user
from sklearn_clip.embedding.engines._notes import engines_home, sample_file

# Raised when graphs come to be made otherwise.
GRAPH_FORMAT = 3
RECORD = "graph.json"
# Graphs that nobody used for so long are removed when another one is made.
_STALE_SECONDS = 90 * 24 * 3600
_DAY = 24 * 3600
_temporary_home = None


class Graph:
    """A tower prepared for an engine, or the word that it cannot be.

    Parameters
    ----------
    folder : Path
        Where its files are.
    record : dict
        What is said of it: ``refused``, why it is not used (None where it is), and
        ``cosine``, the worst one to fp32 on varied items, beside what it takes to use
        it.
    """

    def __init__(self, folder, record):
        self.folder = folder
        self.record = record

    @property
    def refused(self):
        """Why it is not used, None where it is."""
        return self.record["refused"]


def find_graph(fingerprint, tower, said):
    """Look for a graph.

    Parameters
    ----------
    fingerprint : str
        Of the model.
    tower : {"image", "text"}
        The tower.
    said : dict
        All that the graph depends on beside the weights.

    Returns
    -------
    Graph or None
        None if it was not made.
    """
    for home in (engines_home(), _temporary_home):
        graph = None if home is None else _read(_place(home, fingerprint, tower, said))
        if graph is not None:
            return graph
    return None


def make_graph(fingerprint, tower, said, build):
    """Make a graph, unless another process did so meanwhile.

    Parameters
    ----------
    fingerprint, tower, said : str, str and dict
        As of `find_graph`.
    build : callable
        Takes a folder, writes files into it, and returns the record.

    Returns
    -------
    Graph
        The graph.

    Raises
    ------
    OSError
        If it cannot be kept, or is gone as soon as it was made.
    """
    home = _writable_home()
    folder = _place(home, fingerprint, tower, said)
    with FileLock(home / f"{fingerprint}-{folder.name}.lock"):
        graph = _read(folder)
        if graph is not None:
            return graph
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = folder.parent / f".part-{folder.name}"
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
        part.mkdir()  # for whom the umask says, which a temporary folder would not be
        try:
            record = build(part)
            samples = {f.name: sample_file(f) for f in part.iterdir() if f.is_file()}
            record = {"said": said, "samples": samples, **record}
            (part / RECORD).write_text(json.dumps(record), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)  # of a record that was torn
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        _sweep(home, folder)
    graph = _read(folder)
    if graph is None:
        raise FileNotFoundError(
            f"The folder {str(folder)!r} was removed or changed by another program "
            "while a tower was prepared in it."
        )
    return graph


def check_still_there(folder, name):
    """Check that a forked child finds the graph that its parent has at work.

    Parameters
    ----------
    folder : Path or None
        Where the graph was opened; None if it was in no folder.
    name : str
        Its file.

    Raises
    ------
    FileNotFoundError
        If it was removed since.
    """
    if folder is not None and not (folder / name).exists():
        raise FileNotFoundError(
            f"The folder {str(folder)!r} was removed while a tower prepared in it was "
            "in use, and a forked process has to open it again. Start the program "
            "anew, which prepares the tower again; or clear the folder only while "
            "nothing runs, or set SKLEARN_CLIP_ENGINES to one that stays."
        )


def _writable_home():
    """Return the user's cache, or a folder of this process where it is read-only."""
    global _temporary_home
    home = engines_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return home
    except OSError as exc:
        if _temporary_home is None:
            _temporary_home = _session_folder()
            warn_user(
                f"The folder {str(home)!r}, where towers prepared for an engine are "
                f"kept, cannot be written ({exc.strerror}): they are prepared anew in "
                "each process. Set SKLEARN_CLIP_ENGINES to a folder that can."
            )
        return _temporary_home


def _session_folder():
    """Make a folder that is removed when the process exits, and no child of it."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="sklearn-clip-engines-"))
    atexit.register(_remove_own, folder, os.getpid())
    return folder


def _remove_own(folder, process):
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def _place(home, fingerprint, tower, said):
    text = json.dumps([GRAPH_FORMAT, said], sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    name = f"{tower}-{said['engine']}-{said['precision']}-{digest}"
    return home / fingerprint / name


def _read(folder):
    """Read the record of a graph whose files are whole, and note that it is used."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        # A computer that lost its power may leave files of the right size and of zeros.
        if any(sample_file(folder / f) != s for f, s in record["samples"].items()):
            return None
        age = time.time() - (folder / RECORD).stat().st_mtime
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if age > _DAY:
        with contextlib.suppress(OSError):  # of a cache that is only read
            os.utime(folder / RECORD)
    return Graph(folder, record)


def _sweep(home, kept):
    """Remove graphs that nobody has used for long."""
    for record in home.glob(f"*/*/{RECORD}"):
        folder = record.parent
        try:
            stale = time.time() - record.stat().st_mtime > _STALE_SECONDS
        except OSError:
            continue  # another process was faster
        if stale and folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
