"""What was found out about a model once, and is not found out again at each start.

Hashing the weights, trying the tokenizer and importing what reads both takes seconds.
Notes are kept beside the graphs, one small file per model as the user names it, and
hold as long as the files of the model look as they did: by size, time and a sample of
their bytes.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import sys
import threading
import uuid
from pathlib import Path

from sklearn_clip._shared import cache_home, whole_file

# Raised when notes come to mean something else.
_FORMAT = 4
# What reads files and makes tokens: another version may do it otherwise.
_READERS = ("sklearn-clip", "open_clip_torch", "timm", "transformers")
_HUB = "huggingface"
# Places of a file that are looked at, and the bytes there.
_PLACES, _BYTES = 16, 2**14


def engines_home():
    """Find the folder of notes and graphs; it need not exist.

    Returns
    -------
    Path
        ``SKLEARN_CLIP_ENGINES``, or ``engines`` in the user's cache of this package.
    """
    return cache_home("SKLEARN_CLIP_ENGINES", "engines")


def find_version(package):
    """Read the version of a package without importing it.

    Parameters
    ----------
    package : str
        Its name.

    Returns
    -------
    str or None
        None if it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


class ModelNotes:
    """What is known of a model.

    Parameters
    ----------
    file : Path or None, default=None
        Where it is kept; None for this object alone.
    known : dict or None, default=None
        What was read from there.
    """

    def __init__(self, file=None, known=None):
        self._file = file
        self._known = {} if known is None else known
        self._lock = threading.RLock()

    def recall(self, name, find_out):
        """Return what is known, or find it out and note it.

        Parameters
        ----------
        name : str
            What it is called.
        find_out : callable
            Returns it: a value that JSON can hold.

        Returns
        -------
        object
            The value.
        """
        with self._lock:
            if name not in self._known:
                self._catch_up()
            if name not in self._known:
                self._known[name] = find_out()
                self._catch_up()  # that may have taken seconds
                self._write()
            return self._known[name]

    def _catch_up(self):
        """Learn what others added to these notes: to write is to replace them all."""
        if self._file is None:
            return
        # There are none, torn ones, or ours were never begun.
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            noted = json.loads(self._file.read_text(encoding="utf-8"))
            if noted["begun"] == self._known["begun"]:
                self._known = {**noted, **self._known}

    def _write(self):
        """Replace the file as a whole; a cache that takes nothing is no error."""
        if self._file is None:
            return
        # What another process notes at this very moment is found out again.
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._file, "w", encoding="utf-8") as file:
                json.dump(self._known, file)


def find_notes(named):
    """Read the notes of a model, if its files look as they did.

    Parameters
    ----------
    named : list
        How the user names the model, from `name_model`.

    Returns
    -------
    notes : ModelNotes
        They are empty if there were none.
    start : dict or None
        What `begin_notes` was told.
    """
    file = _note_file(named)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        start = known["start"]
        start["meant"], start["file"], start["location"]  # noqa: B018 - or it is torn
        if all(_look_at(path) == look for path, look in known["files"].items()):
            return ModelNotes(file, known), start
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # there are none, or they are torn
    return ModelNotes(file), None


def begin_notes(named, start, files):
    """Begin notes of a model.

    Parameters
    ----------
    named : list
        As of `find_notes`.
    start : dict
        What is needed to go on from its name.
    files : list of str or Path
        What has to look as it does: of a folder, what lies in it.

    Returns
    -------
    ModelNotes
        They are written when something is found out.
    """
    looks = {str(path): _look_at(path) for path in files}
    # Earlier notes may be of files that changed and look as before: never joined.
    begun = uuid.uuid4().hex
    known = {"begun": begun, "start": start, "files": looks}
    return ModelNotes(_note_file(named), known)


def _note_file(named):
    versions = [find_version(package) for package in _READERS]
    said = repr([_FORMAT, named, versions, _hub_cache()])
    name = hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
    return engines_home() / "models" / f"{name}.json"


def _hub_cache():
    """Find the cache of the Hugging Face hub: elsewhere a name may mean other files."""
    loaded = sys.modules.get("huggingface_hub.constants")
    if loaded is not None:
        return str(loaded.HF_HUB_CACHE)
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    said = [os.environ.get(name) for name in names]
    home = os.path.expanduser(said[2] or os.path.join(said[3] or "~/.cache", _HUB))
    return os.path.expanduser(said[0] or said[1] or os.path.join(home, "hub"))


def _look_at(path):
    """Size, time and sample of a file, or the names in a folder."""
    path = Path(path)
    if path.is_dir():
        return sorted(entry.name for entry in path.iterdir())
    return [path.stat().st_mtime_ns, *sample_file(path)]


def sample_file(path):
    """Look at a file here and there: a large one is not read for it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of (int, str)
        Its size, and a digest of bytes from its first to its last ones.
    """
    size = path.stat().st_size
    hasher = hashlib.blake2b(digest_size=16)
    with path.open("rb") as opened:
        for place in range(_PLACES):
            opened.seek(max(size - _BYTES, 0) * place // (_PLACES - 1))
            hasher.update(opened.read(_BYTES))
    return [size, hasher.hexdigest()]
