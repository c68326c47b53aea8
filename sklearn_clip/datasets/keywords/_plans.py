"""What is to be done for one picture: a sidecar to be changed, or the picture."""

from sklearn_clip.datasets.keywords._blocks import read_blocks
from sklearn_clip.datasets.keywords._edit import EMPTY, Change, edit_keywords
from sklearn_clip.datasets.keywords._embed import embed_keywords
from sklearn_clip.datasets.keywords._sources import read_photo
from sklearn_clip.datasets.keywords._xmp import BrokenBlockError, Packet


class _Plan:
    """What is to be done for one picture.

    Parameters
    ----------
    image : Path
        The picture.
    row : int
        Its number.
    wanted : Wanted
        What is known of its labels.
    folder : PhotoFolder
        The folder that it is in.
    mode : {"add", "replace"}
        Whether absent labels are taken out.
    hierarchy : str or None
        What stands between the parts of a label.

    Attributes
    ----------
    target : Path
        The file that is to be changed or made.
    problems : list of tuple (str, str)
        Blocks with keywords, perhaps, that could not be read.
    """

    def __init__(self, image, row, wanted, folder, mode, hierarchy):
        self.image, self.row, self.folder = image, row, folder
        self.problems = []
        self._wanted, self._hierarchy = wanted, hierarchy
        self._remove = wanted.absent if mode == "replace" else []

    def _settle(self, base, paths):
        """Change of the keywords that are there; None if there is nothing to do."""
        add = self._wanted.present
        if self._hierarchy is None:
            change = Change.of_names(add, self._remove)
        else:
            change = Change.of_labels(add, self._remove, self._hierarchy, paths)
        if base is None:
            needed = bool(add) or self._wanted.is_complete
        else:
            needed = change.changes(base, paths)
        return change if needed else None


class SidecarPlan(_Plan):
    """A sidecar to be changed or made.

    Parameters
    ----------
    *arguments : tuple
        As for every plan.
    pattern : str or None
        The parameter `sidecar`.
    """

    def __init__(self, *arguments, pattern):
        super().__init__(*arguments)
        image = self.image
        found = self.folder.find(image.name)
        ours = [file for file in found.files if file in found.packets]
        if pattern is None:
            default = image.with_name(f"{image.name}.xmp")
            self.target = next(iter(ours or found.files), default)
            return
        name = pattern.replace("{name}", image.name).replace("{stem}", image.stem)
        self.target = image.with_name(name)
        before = [file for file in ours if found.packets[file].keywords is not None]
        if before and before[0] != self.target and pattern == "{stem}.xmp":
            raise ValueError(
                f"A sidecar must not be read after another one. Got '{self.target}' "
                f"(row {self.row}), but '{before[0].name}' is there, which is read "
                "first: sidecar=None writes into that one."
            )

    def edit(self):
        """Bytes of the sidecar as it is to be; None if nothing is to be changed.

        Raises
        ------
        ValueError
            If the one that is there is no XMP.
        """
        old, packet = None, Packet(EMPTY)
        if self.target.exists():
            try:
                old = self.target.read_bytes()
                packet = Packet(old)
            except BrokenBlockError as exc:
                raise ValueError(
                    f"A sidecar that is there must be XMP. Got '{self.target}' (row "
                    f"{self.row}), of which {exc}. Mend it or move it away."
                ) from exc
        base, paths = packet.keywords, packet.paths
        if base is None or self._hierarchy is not None:
            photo = read_photo(str(self.image), self.folder.find(self.image.name))
            paths = photo.paths
            if base is None:
                base, self.problems = photo.keywords, photo.problems
        change = self._settle(base, paths)
        if change is None:
            return None
        change.keep_places(paths, packet.listed_paths)
        content = edit_keywords(packet, base or [], change)
        return None if content == old else content


class EmbeddingPlan(_Plan):
    """A JPEG to be changed.

    Parameters
    ----------
    *arguments : tuple
        As for every plan.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.target = self.image
        found = self.folder.find(self.image.name)
        for file, packet in found.packets.items():
            if packet.keywords is not None:
                raise ValueError(
                    f"A picture must not have keywords in a sidecar, which are read "
                    f"before those in the file. Got '{file}' (row {self.row}): "
                    "embed=False writes into that one."
                )

    def edit(self):
        """Bytes of the JPEG as it is to be; None if nothing is to be changed.

        Raises
        ------
        ValueError
            If it is no JPEG, or has no room for the keywords.
        """
        blocks = read_blocks(self.image)
        photo = read_photo(str(self.image), None, ("xmp", "iptc", "exif"))
        change = self._settle(photo.keywords, photo.paths)
        if change is None:
            return None
        content = self.image.read_bytes()
        try:
            new = embed_keywords(content, blocks, photo.keywords or [], change)
        except BrokenBlockError as exc:
            raise ValueError(
                f"Keywords cannot be put into '{self.image}' (row {self.row}): {exc}. "
                "embed=False writes a sidecar."
            ) from exc
        return None if new == content else new
