"""A graph on its way to its file, which is there as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn_clip._shared import as_path, import_optional
from sklearn_clip.export._sessions import LARGEST_FILE, count_bytes

if TYPE_CHECKING:
    import onnx

# Bytes of a tensor from which it goes into the second file.
_LEAST_EXTERNAL = 1024


def check_path(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Check where a file is to go, before the work.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    overwrite : bool
        Whether one that is there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If it is a device or a pipe.
    FileNotFoundError, IsADirectoryError, FileExistsError, PermissionError
        If its folder is not there, it is a folder itself, it is there, or its folder
        cannot be written to.
    """
    found = as_path(path, "path")
    if found.is_symlink():  # what it names is replaced, and not itself
        found = Path(os.path.realpath(found))
    if found.is_dir() or not found.name:
        raise IsADirectoryError(
            f"path must name a file. Got the folder {str(path)!r}: append a name, such "
            "as 'tagger.onnx'."
        )
    if found.exists() and not found.is_file():  # it would be replaced by a file
        raise ValueError(f"path must name a file. Got {str(path)!r}, a device or pipe.")
    if not found.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of path must be there. Got {str(path)!r}: make "
            f"{str(found.parent)!r} first."
        )
    if not os.access(found.parent, os.W_OK):
        raise PermissionError(
            f"The folder of path must be one that can be written to. Got {str(path)!r}."
        )
    if found.exists() and not overwrite:
        raise FileExistsError(
            f"path must be new. Got {str(path)!r}, which is there: pass overwrite=True "
            "to replace it."
        )
    return found


class UnfinishedFile:
    """A file that takes its place when it is complete.

    Until then it lies in a hidden folder beside its place; leaving the ``with`` block
    removes what has not taken it.

    Parameters
    ----------
    graph : onnx.ModelProto
        Without metadata. It is used up: use it no more.
    path : Path
        Where it is to go.

    Attributes
    ----------
    file : Path
        Where it is until then.
    """

    def __init__(self, graph: onnx.ModelProto, path: Path):
        self._path = path
        self._before = set(self._second_files())
        self._folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        self.file = self._folder / path.name
        self._second: str | None = None
        try:
            self._write(graph)
        except BaseException:
            self.__exit__()
            raise

    def _write(self, graph):
        if count_bytes(graph) < LARGEST_FILE:
            self.file.write_bytes(graph.SerializeToString())
            return
        onnx = import_optional("onnx", extra="onnx", purpose="Writing a tagger")
        # Under a name of its own: the file that is there keeps its second one, until
        # both are replaced at once.
        self._second = f"{self._path.name}.{secrets.token_hex(4)}.data"
        onnx.save(
            graph,
            self.file,
            save_as_external_data=True,
            location=self._second,
            size_threshold=_LEAST_EXTERNAL,
        )

    def __enter__(self) -> UnfinishedFile:
        return self

    def finish(self, metadata: dict[str, str]) -> tuple[Path, ...]:
        """Add what the file says of itself, and put it in its place.

        Parameters
        ----------
        metadata : dict of str to str
            By its key.

        Returns
        -------
        tuple of Path
            The file, and a second one with its weights where one cannot hold them.
        """
        onnx = import_optional("onnx", extra="onnx", purpose="Writing a tagger")
        said = onnx.ModelProto()
        onnx.helper.set_model_props(said, metadata)
        # Two messages of protobuf one behind the other are read as one that has the
        # fields of both: gigabytes of weights need not be written again.
        with self.file.open("ab") as file:
            file.write(said.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
        mode = self.file.stat().st_mode & 0o777
        if self._path.exists():
            mode = self._path.stat().st_mode & 0o777
        written = [self._path]
        if self._second is not None:
            second = self._path.with_name(self._second)
            # onnx makes it for the user alone; who may read the first file may read it.
            (self._folder / self._second).chmod(mode)
            os.replace(self._folder / self._second, second)
            written.append(second)
        self.file.chmod(mode)
        os.replace(self.file, self._path)
        for old in self._before:
            old.unlink(missing_ok=True)
        return tuple(written)

    def _second_files(self):
        """Files with weights of what is in the place now."""
        return self._path.parent.glob(f"{_literal(self._path.name)}.????????.data")

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _literal(name):
    """Take the meaning of a pattern from a name."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
