"""The picture files that a table names: found by name or by id, in any spelling."""

import errno
import os
import re
from functools import cached_property
from pathlib import Path, PureWindowsPath

from sklearn_clip._shared import as_path, clean_name, decode_percent, path_readings

# What cameras, browsers and scanners write; an id without a suffix is one of these.
_SUFFIXES = """
avif avifs bmp dib gif heic heif hif j2c j2k jfi jfif jif jp2 jpc jpe jpeg jpf jpg jpx
jxl pbm pgm pjp pjpeg png pnm ppm tga tif tiff webp
"""
_PICTURES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://|data:[\w/+.-]*[;,]")
_FILE_URL = re.compile(r"file:(//(localhost(?=/))?|(?=/))", re.IGNORECASE)
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL)
# What lies beside a picture and is never meant by its name.
_NOTES = (".csv", ".json", ".txt", ".xml", ".xmp")
# Folders that are gone through for a hint.
_MOST_FOLDERS = 50


def is_folder(entry):
    """Tell whether an entry of `os.scandir` is a folder, or a link to one.

    A link that cannot be followed, as one to itself, is none.
    """
    try:
        return entry.is_dir()
    except OSError:
        return False


class _Listing:
    """What a folder holds: files by name, pictures by stem, both by their looks.

    Parameters
    ----------
    folder : Path
        The folder; it need not be there.
    """

    def __init__(self, folder):
        self.path = folder
        # Of the path of a file: quicker than to join the two each time.
        self.prefix = str(folder / "x")[:-1]
        self.files, self.folders = set(), set()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    (self.folders if is_folder(entry) else self.files).add(entry.name)
        except ValueError:  # a NUL, which no path holds
            return
        except OSError as exc:
            if exc.errno not in _ABSENT:
                raise

    @cached_property
    def stems(self):
        """Names of the pictures by their stems."""
        return self._by(_stem, is_picture)

    @cached_property
    def alike(self):
        """Names of the files by what they look like."""
        return self._by(_look)

    @cached_property
    def stems_alike(self):
        """Names of the pictures by what their stems look like."""
        return self._by(lambda name: _look(_stem(name)), is_picture)

    @cached_property
    def similar(self):
        """Names of the files by stems without case and leading zeros."""
        return self._by(lambda name: _blur(_stem(name)))

    def _by(self, key, chosen=lambda name: True):
        found = {}
        for name in sorted(filter(chosen, self.files)):
            found.setdefault(key(name), []).append(name)
        return found


class ImageFolder:
    """A folder of pictures, in which files are found by name, with suffix or without.

    A file is found by the name it has. If there is none, the name is read as other
    systems write it (backslashes, percent signs, letters with marks in one sign or in
    two), and taken from a folder above if it repeats the end of `root`. Every folder is
    listed once: asking for a hundred thousand files one by one takes long on a network
    drive.

    Parameters
    ----------
    root : str or path-like
        The folder.
    parameter : str
        The parameter that named it, for the error.
    required : bool, default=True
        Whether the folder must be there. Nothing is found in one that is not.

    Raises
    ------
    TypeError
        If `root` is no path.
    NotADirectoryError
        If `root` is no folder and is required.
    """

    def __init__(self, root, parameter, *, required=True):
        self.root = as_path(root, parameter)
        self._listings, self._spelled, self._real = {}, {}, {}
        self._heads, self._heads_alike = {}, {}
        self._above = [_look(part) for part in self.root.absolute().parts]
        self._is_there = self.root.is_dir()
        if required and not self._is_there:
            raise NotADirectoryError(
                f"{parameter} must be a folder with pictures. Got '{root}', which is "
                "no folder."
            )

    def find(self, name):
        """Find the file of a picture.

        Parameters
        ----------
        name : str
            Path below the folder (or absolute, or a file:// address), possibly without
            its suffix.

        Returns
        -------
        str or None
            Path of the file; None if there is none.

        Raises
        ------
        ValueError
            If `name` is a URL, or several files bear it: without a suffix, or because
            they look alike.
        """
        # In parts, as most names lie in the few folders that were looked at before.
        readings = [_split(text) for text in path_readings(_as_path(name))]
        readings = [(head, tail) for head, tail in readings if tail]
        for head, tail in readings:
            found = self._find_as_written(self._at(head), tail, name)
            if found is not None:
                return found
        for head, tail in readings:
            for listing in self._alike(head):
                found = self._find_alike(listing, tail, name)
                if found is not None:
                    return found
        return None

    def explain(self, name):
        """Say what about the name of a picture keeps it from being found.

        Parameters
        ----------
        name : str
            Its name, for which `find` gave None.

        Returns
        -------
        str
            A sentence; empty if there is nothing like it.
        """
        if _names_address(name):
            return ""
        reading = path_readings(_as_path(name))[-1]
        near = self._find_similar(Path(reading).parts)
        if near is not None:
            return f"For {name!r} there is {near!r}."
        for end in list_ends(reading):
            if self._has_like(self.root.joinpath(*end), name):
                return (
                    f"Of {name!r} the end {'/'.join(end)!r} is there: leave "
                    "out what stands before it."
                )
        return ""

    def find_below(self, name):
        """Find the folder right below this one that holds a picture.

        Parameters
        ----------
        name : str
            Its name, for which `find` gave None.

        Returns
        -------
        str or None
            Path of the folder.
        """
        if _names_address(name):
            return None
        reading = path_readings(_as_path(name))[-1]
        for below in sorted(self._list(self.root).folders)[:_MOST_FOLDERS]:
            if self._has_like(self.root / below / reading, name):
                return str(self.root / below)
        return None

    def identify(self, path):
        """Tell files apart: equal for paths that lead to one name in one folder.

        Parameters
        ----------
        path : str
            Path of a file.

        Returns
        -------
        str
            The path without detours and links of folders.
        """
        folder, name = os.path.split(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return os.path.join(self._real[folder], name)

    def _list(self, folder):
        if folder not in self._listings:
            self._listings[folder] = _Listing(folder)
        return self._listings[folder]

    def _at(self, head):
        """List the folder in which a reading lies."""
        if head not in self._heads:
            self._heads[head] = self._list(self.root / head)
        return self._heads[head]

    def _alike(self, head):
        """List the folders whose paths look like that of a reading."""
        if head not in self._heads_alike:
            spelled = ()
            if self._is_there or os.path.isabs(head):
                spelled = map(self._spell_folder, self._places(head))
            found = [self._list(folder) for folder in spelled if folder is not None]
            self._heads_alike[head] = found
        return self._heads_alike[head]

    def _find_as_written(self, listing, tail, name):
        """Path of a file of this name, or of the one picture of this stem."""
        if tail in listing.files:
            return listing.prefix + tail
        if not listing.files:
            return None
        found = _take_one(listing.stems.get(tail, ()), name, "without a suffix ")
        if found is not None:
            return listing.prefix + found
        # On some file systems names differ in case from what is listed.
        path = listing.prefix + tail
        if os.path.isfile(path):
            folded = _look(tail).casefold()
            same = listing.similar.get(_blur(_stem(tail)), ())
            same = [other for other in same if _look(other).casefold() == folded]
            return listing.prefix + same[0] if len(same) == 1 else path
        return None

    def _find_alike(self, listing, tail, name):
        """Path of a file whose name looks like that."""
        found = self._find_as_written(listing, tail, name)
        if found is not None:
            return found
        look = _look(tail)
        found = _take_one(listing.alike.get(look, ()), name)
        if found is None:
            found = _take_one(listing.stems_alike.get(look, ()), name)
        return None if found is None else listing.prefix + found

    def _find_similar(self, parts):
        """Name of a file that differs in case, zeros and suffix alone."""
        if not 0 < len(parts) <= _MOST_FOLDERS:
            return None
        at, found = self.root, []
        for part in parts[:-1]:
            if not os.path.isdir(at / part):
                blurred = _blur(part)
                folders = sorted(self._list(at).folders)
                part = next((name for name in folders if _blur(name) == blurred), None)
            if part is None:
                return None
            at, found = at / part, [*found, part]
        similar = self._list(at).similar
        files = similar.get(_blur(parts[-1])) or similar.get(_blur(_stem(parts[-1])))
        files = [name for name in files or () if not name.lower().endswith(_NOTES)]
        return "/".join([*found, files[0]]) if files else None

    def _has_like(self, path, name):
        folder = self._spell_folder(path.parent)
        if folder is None:
            return False
        try:
            return self._find_alike(self._list(folder), path.name, name) is not None
        except ValueError:  # even twice
            return True

    def _places(self, head):
        """Where a folder may be: below this one, whose end its name may repeat."""
        yield self.root / head
        parts = Path(head).parts
        looks = [_look(part) for part in parts]
        for count in range(min(len(self._above), len(looks)), 0, -1):
            if self._above[-count:] == looks[:count]:
                yield self.root.joinpath(*parts[count:])

    def _spell_folder(self, folder):
        """Path of a folder as it is spelled on the disk; None if there is none."""
        for level in (*reversed(folder.parents), folder):
            if level not in self._spelled:
                above = self._spelled.get(level.parent)
                self._spelled[level] = self._spell_level(level, above)
        return self._spelled[folder]

    def _spell_level(self, level, above):
        if os.path.isdir(level):
            return level
        if above is None:
            return None
        try:
            folders = self._list(above).folders
        except PermissionError:
            return None
        alike = [other for other in folders if _look(other) == _look(level.name)]
        if level.name in alike:
            return above / level.name
        return above / alike[0] if len(alike) == 1 else None


def is_address(name):
    """Whether a name is a URL or holds its content, and names no file."""
    return _URL.match(name) is not None


def _names_address(name):
    """Whether a name is an address of another kind than ``file://``."""
    return is_address(name) and not _FILE_URL.match(name)


def explain_kind(name):
    """Say what kind of name is found nowhere; empty if it is a relative path."""
    if _names_address(name):
        return f"{name!r} is an address: fetch the pictures first, nothing is fetched."
    if PureWindowsPath(path_readings(_as_path(name))[-1]).root:
        return (
            f"{name!r} is an absolute path, which leads nowhere here: names must be "
            "relative."
        )
    return ""


def list_ends(path):
    """Parts of the ends of a path, the longest first, but for the whole of it.

    It is parted at slashes and at backslashes, the drive in front.
    """
    parts = PureWindowsPath(path).parts[1:][-_MOST_FOLDERS:]
    return [parts[start:] for start in range(len(parts))]


def _as_path(name):
    """Path that a file:// address names; any other address is refused."""
    local = _FILE_URL.match(name)
    if local:
        path = name[local.end() :]
        # "/C:/photos" is how such an address writes "C:/photos".
        return path[1:] if re.match(r"/[a-zA-Z]:", path) else path
    if is_address(name):
        raise ValueError(
            "An image must be the name of a file; fetch the pictures first, "
            f"nothing is fetched. Got {name!r}"
        )
    return name


def _split(path):
    """Folder and name of a path, without what pathlib leaves out at its end."""
    head, tail = os.path.split(path)
    if tail in ("", "."):
        head, tail = os.path.split(Path(path))
    return head, tail


def _take_one(found, name, kind=""):
    """Take the only name of those found; None if there is none."""
    if len(found) > 1:
        raise ValueError(
            f"An image {kind}must be one file. Got {name!r}, which may be "
            f"{' or '.join(found)}"
        )
    return found[0] if found else None


def _stem(name):
    """Name of a file without its suffix."""
    return os.path.splitext(name)[0]


def is_picture(name):
    """Whether a file is a picture, by the suffix of its name."""
    return os.path.splitext(name)[1].lower() in _PICTURES


def _look(name):
    """Spell names alike that look alike, or of which one is percent-encoded."""
    return clean_name(decode_percent(name))


def _blur(name):
    """Spell a name without case, and without zeros that spreadsheets drop."""
    return _look(name).casefold().lstrip("0")
