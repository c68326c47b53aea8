"""The pictures of a folder, and the sidecars that belong to them."""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from sklearn_clip.datasets._image_files import is_folder, is_picture
from sklearn_clip.datasets.keywords._xmp import BrokenBlockError, Packet

SUFFIX = ".xmp"
# Files beside a picture that have no keywords of their own.
_SUFFIXES = """
aae bak cos csv dop htm html ini json log md npy npz on1 pp3 thm txt xml yaml yml
"""
_COMPANIONS = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())


@dataclass
class Sidecars:
    """The sidecars of one picture.

    Attributes
    ----------
    files : list of Path
        ``photo.jpg.xmp`` before ``photo.xmp``, those that are there and belong to it.
    packets : dict of {Path: Packet}
        Those that can be read.
    problems : list of tuple (str, str)
        Why others cannot, or may belong to another file: name, and reason.
    """

    files: list = field(default_factory=list)
    packets: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)


def _compose(name):
    """Spell a name with its accents in the letters: systems write it both ways."""
    return unicodedata.normalize("NFC", name)


class PhotoFolder:
    """The files of one folder, not of those below, by the ways sidecars are named.

    Parameters
    ----------
    folder : str or path-like
        The folder, which must be there.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        with os.scandir(self.folder) as entries:
            # A link that leads nowhere is a picture that cannot be read, not none.
            names = [entry.name for entry in entries if not is_folder(entry)]
        # Names with a dot before them are hidden, such as those that macOS puts beside.
        self.names = sorted(name for name in names if not name.startswith("."))
        self._sidecars, self._by_stem = {}, {}
        for name in self.names:
            stem, suffix = os.path.splitext(_compose(name))
            if suffix.lower() == SUFFIX:
                self._sidecars.setdefault(stem, []).append(name)
            elif suffix.lower() not in _COMPANIONS:
                self._by_stem.setdefault(stem, []).append(name)

    @property
    def pictures(self):
        """Names of the pictures, sorted."""
        return [name for name in self.names if is_picture(name)]

    @property
    def orphans(self):
        """Names of the files that sidecars belong to and that are not there."""
        files = set(map(_compose, self.names))
        return {
            stem: names[0]
            for stem, names in self._sidecars.items()
            if stem not in files and stem not in self._by_stem
        }

    @property
    def unread(self):
        """Names of the sidecars of files that are no pictures, with those of these."""
        pictures = {os.path.splitext(_compose(name))[0] for name in self.pictures}
        found = {}
        for stem, names in self._by_stem.items():
            for name in names:
                whole = _compose(name)
                if is_picture(name) or whole in pictures:
                    continue
                sidecars = list(self._sidecars.get(whole, ()))
                if stem not in pictures:
                    sidecars += self._sidecars.get(stem, ())
                found |= dict.fromkeys(sidecars, name)
        return found

    def others_of(self, name):
        """Names of the other files that share the stem of a picture."""
        return [
            other
            for other in self._by_stem.get(os.path.splitext(_compose(name))[0], ())
            if other != name
        ]

    def find(self, name):
        """Find and read the sidecars of a picture.

        ``photo.xmp`` belongs to the one file of that stem. Where there are several,
        such as ``photo.jpg`` and ``photo.nef``, it belongs to that whose suffix it
        names itself (``photoshop:SidecarForExtension``, as Adobe writes it), and to
        nobody if it names none.

        Parameters
        ----------
        name : str
            Name of the picture.

        Returns
        -------
        Sidecars
        """
        found = Sidecars()
        look = _compose(name)
        stem, suffix = os.path.splitext(look)
        for sidecar in self._sidecars.get(look, ()):
            self._read(sidecar, found)
        others = self.others_of(name)
        for sidecar in self._sidecars.get(stem, ()) if stem != look else ():
            packet = self._read(sidecar, found)
            if not others or packet is None:
                continue
            if packet.belongs_to != suffix.lower().lstrip("."):
                del found.packets[found.files.pop()]
                if packet.belongs_to is None:
                    reason = f"it may belong to {name!r} or to {others[0]!r}"
                    found.problems.append((sidecar, reason))
        return found

    def _read(self, name, found):
        path = self.folder / name
        try:
            found.packets[path] = Packet(path.read_bytes())
        except BrokenBlockError as exc:
            found.problems.append((name, str(exc)))
        except OSError as exc:
            found.problems.append((name, f"it cannot be read: {exc.strerror or exc}"))
        found.files.append(path)
        return found.packets.get(path)
