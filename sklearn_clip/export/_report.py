"""What a file of a tagger costs and how near it comes to the tagger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LabelChange:
    """A label that a file gives otherwise than the tagger.

    Parameters
    ----------
    row : int
        Position of the row among those that were compared.
    label : str
        Name of the label.
    before, after : float
        Its score, by the tagger in fp32 and by the file.
    cut : float
        The score from which on it is given.
    """

    row: int
    label: str
    before: float
    after: float
    cut: float

    def __str__(self) -> str:
        """Say it in words."""
        return (
            f"row {self.row}, label {self.label!r}: {self.after:.6g} instead of "
            f"{self.before:.6g} (cut {self.cut:.6g})"
        )


@dataclass(frozen=True)
class ExportReport:
    """What `to_onnx` has written, and how near it comes to the tagger.

    Parameters
    ----------
    path : Path
        The file.
    files : tuple of Path
        All files: the first, and a second one with the weights of a model over 2 GB.
    n_bytes : int
        Size of all files.
    weights : {"float32", "float16", "int8"}
        How the weights of the towers are kept.
    n_rows : int
        Rows that were compared.
    difference : float
        Largest difference between scores of the file and of the tagger with its model
        in torch's fp32.
    share_changed : float
        Share of the labels of all rows that differ between these two.
    changes : tuple of LabelChange
        Labels that differ, those nearest to their cuts first; at most ten.
    own_difference, own_share_changed : float
        The same between the tagger as it is, in its own engine and precision, and in
        torch's fp32. The file has no part in it.
    average_precision : tuple of (float, float) or None
        Macro mean average precision on the labels that were given, of the tagger in
        fp32 and of the file; None without labels.
    """

    path: Path
    files: tuple[Path, ...]
    n_bytes: int
    weights: str
    n_rows: int
    difference: float
    share_changed: float
    changes: tuple[LabelChange, ...]
    own_difference: float
    own_share_changed: float
    average_precision: tuple[float, float] | None = None

    def __str__(self) -> str:
        """Say it in a few lines."""
        said = [
            f"{self.path} ({self.n_bytes / 1e6:.1f} MB, {self.weights})",
            f"On {self.n_rows} rows scores are off by {self.difference:.2g} at most, "
            f"and {self.share_changed:.2%} of the labels are others.",
        ]
        if self.average_precision is not None:
            before, after = self.average_precision
            said.append(f"mAP {before:.4f} before, {after:.4f} after.")
        if self.own_difference > self.difference:
            said.append(
                "The tagger's own arithmetic is off fp32 by "
                f"{self.own_difference:.2g}; the file is not."
            )
        return "\n".join([*said, *map(str, self.changes)])
