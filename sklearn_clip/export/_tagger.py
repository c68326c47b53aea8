"""A tagger in one file at work, without torch and scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import ModelMismatchError, as_path
from sklearn_clip.embedding import (
    Cells,
    refuse_missing,
    report_remarks,
    report_unreadable,
    split_rows,
)
from sklearn_clip.embedding._streams import open_pool
from sklearn_clip.export._fitted_classifier import FittedClassifier
from sklearn_clip.export._items import PictureReader, TextReader
from sklearn_clip.export._opened_file import OpenedFile
from sklearn_clip.export._rows import Rows, count_workers, make_batches, read_ahead

# How far the probe may be off what the file says, in probability; of decision values
# that are larger than 1, relative to them. Other processors and providers round
# otherwise, most of all in 8 bits; a wrong picture, text or graph is off by far more.
_TOLERANCE = 1e-2
_MISSING = ("zero", "raise")
_ON_ERROR = ("raise", "zero", "nan")


class _OfResponse:
    """A method that is there only where the head of the tagger has it."""

    def __init__(self, method: Callable[..., Any]):
        self._method = method

    def __get__(self, tagger: Any, owner: Any = None) -> Any:
        if tagger is None:
            return self._method
        name, response = self._method.__name__, tagger.description.response
        if name != response:
            raise AttributeError(
                f"This tagger has no {name}: its head gives {response}, as it did when "
                "it was exported."
            )
        return MethodType(self._method, tagger)


class OnnxTagger(FittedClassifier):
    """Tag rows by a file that `to_onnx` wrote.

    It takes `onnxruntime`, `numpy`, `pillow` and, for texts, `tokenizers`, `ftfy` and
    `regex`; neither torch nor scikit-learn need be installed.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    image_root : str, os.PathLike or None, default=None
        Folder put before relative image paths. None takes that of the exported tagger;
        ``"."`` is where the process runs.
    missing : {"zero", "raise"} or None, default=None
        What a missing item becomes, see `CLIPFeaturizer`. None takes what the exported
        tagger did.
    on_error : {"raise", "zero", "nan"} or None, default=None
        What an image that cannot be read becomes: an `ImageDecodeError`, a missing
        item, or, in a row that is left without any, NaN for scores and no labels. None
        takes what the exported tagger did.
    providers : list or None, default=None
        Execution providers of ONNX Runtime, best first, as its `InferenceSession` takes
        them. None is the CPU.
    num_threads : int or None, default=None
        Threads of one run, and threads that read pictures. None takes
        ``OMP_NUM_THREADS`` where it is set, else all cores.
    batch_size : int or "auto", default="auto"
        Pictures, or texts, that go through the graph at once. ``"auto"`` is what is
        fastest: 8 pictures on a CPU, 64 on a GPU, and texts of about as much work.
    check : bool, default=True
        Whether the row is tried whose probabilities are in the file.

    Attributes
    ----------
    label_names : list
        Names of the labels, in the order of the columns of what is predicted.
    thresholds : ndarray of shape (n_labels,), dtype float64
        From which score on a label is given; infinity is never. Calibrated scores are
        compared in float64, before they are rounded to float32: one that lies at its
        cut may be given just below it, so take labels from `predict`.
    classes_, label_names_, thresholds_ : ndarray
        The same as a fitted classifier has it: 0 and 1 for every label, the names where
        there are any but numbers, the cuts.
    description : Description
        What else the file says of itself: the tagger, its model and fingerprint, the
        columns it reads, its rules beside the cuts, its weights and what they cost.
    failed_rows_ : list of tuple (row, source, reason)
        The images of the last call that could not be read; where several threads use
        one object, of the call that ended last.

    Raises
    ------
    OSError
        If the file, or the one beside it with its weights, is not there.
    ValueError
        If it is damaged, not of a tagger, or of a later version.
    ImportError
        If a package is not installed that it needs; the error names it.
    ModelMismatchError
        If the row that is tried gets other probabilities: the file is damaged, or an
        execution provider computes wrongly.

    See Also
    --------
    to_onnx : Writes the file.

    Notes
    -----
    Rows come in every form that `CLIPFeaturizer` takes, in the columns that the
    exported one had, and bring the same errors and warnings. Equal rows of a call go
    through the graph once. Several threads may use one object, forked processes may
    use that of their parent while its file is there, and a pickle holds the path alone.

    Where scikit-learn is installed, it is a fitted classifier to what takes one and
    only predicts: functions, scorers, displays, reports; `ThresholdOptimizer` and its
    like with ``cv="prefit"`` or in a ``FrozenEstimator``. It embeds at every call.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier
    >>> from sklearn_clip.datasets import load_clipart
    >>> from sklearn_clip.export import OnnxTagger, to_onnx
    >>> clip = CLIPFeaturizer("clipart-tiny", text=None)
    >>> tagger = ZeroShotClassifier(["animal", "flower", "vehicle"], clip).fit()
    >>> pictures = load_clipart(split="test").data[:2, 0]
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "tagger.onnx")
    ...     _ = to_onnx(tagger, path)
    ...     OnnxTagger(path).predict(pictures).shape
    (2, 3)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str] | None = None,
        missing: str | None = None,
        on_error: str | None = None,
        providers: Sequence[Any] | None = None,
        num_threads: int | None = None,
        batch_size: Any = "auto",
        check: bool = True,
    ):
        path = as_path(path, "path")
        if not isinstance(image_root, str | os.PathLike | None):
            raise TypeError(
                "image_root must be a str, an os.PathLike or None. Got "
                f"{image_root!r:.80}."
            )
        if num_threads is not None:
            _check_positive("num_threads", num_threads, "None")
        if not isinstance(batch_size, str) or batch_size != "auto":
            _check_positive("batch_size", batch_size, "'auto'")
        # Forks and pickles find it from wherever they run.
        self._path = path.absolute()
        self._options = {
            "image_root": image_root,
            "missing": missing,
            "on_error": on_error,
            "providers": providers,
            "num_threads": num_threads,
            "batch_size": batch_size,
            "check": check,
        }
        self._batch_size = batch_size
        self._workers = count_workers(num_threads)
        self._file = OpenedFile(self._path, providers, num_threads)
        said = self.description = self._file.description
        self.label_names = list(said.label_names)
        self.thresholds = np.array(
            [np.inf if cut is None else cut for cut in said.thresholds], dtype=float
        )
        self._root = said.image_root if image_root is None else image_root
        self._missing = _choose("missing", missing, _MISSING, said.missing)
        self._on_error = _choose("on_error", on_error, _ON_ERROR, said.on_error)
        self._pictures = self._texts = None
        if said.pixels is not None:
            self._pictures = PictureReader(said.pixels, self._root)
        if said.tokenizer is not None:
            length: Any = said.context_length  # a number where there are tokens
            self._texts = TextReader(said.tokenizer, length, said.padding)
        self.failed_rows_: list[tuple[int, Any, str]] = []
        if check:
            self._check_probe()

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Tag rows.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, see Notes.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype int64
            1 where a label is given.

        Raises
        ------
        ImageDecodeError
            If an image cannot be read and ``on_error="raise"``.
        ValueError
            If an item is missing and ``missing="raise"``, or the rows have not the
            columns of the exported tagger.
        TypeError
            If X has none of the accepted forms.
        """
        return self._tag(X)[1].astype(np.int64)

    @_OfResponse
    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Give the probability of every label; there where the head gives them.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, see Notes.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            Probabilities in [0, 1].

        Raises
        ------
        ImageDecodeError, TypeError, ValueError
            As of `predict`.
        """
        return self._tag(X)[0]

    @_OfResponse
    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Give the decision value of every label; there where the head gives them.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, see Notes.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            Decision values.

        Raises
        ------
        ImageDecodeError, TypeError, ValueError
            As of `predict`.
        """
        return self._tag(X)[0]

    def predict_labels(self, X: Any) -> list[list[Any]]:
        """Name the labels of each row.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, see Notes.

        Returns
        -------
        list of list of str
            Names by row, in the order of the columns.

        Raises
        ------
        ImageDecodeError, TypeError, ValueError
            As of `predict`.
        """
        return [
            [self.label_names[label] for label in np.flatnonzero(row)]
            for row in self._tag(X)[1]
        ]

    def top_labels(self, X: Any, k: int = 5) -> list[list[tuple[Any, float]]]:
        """Rank the labels of each row and name the first.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows, see Notes.
        k : int, default=5
            How many labels of a row are named, at most all.

        Returns
        -------
        list of list of tuple (str, float)
            Names by row with their probabilities (or decision values), highest first;
            none for a row whose scores are NaN.

        Raises
        ------
        ImageDecodeError, TypeError, ValueError
            As of `predict`; also if `k` is no positive integer.
        """
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
            raise ValueError(f"k must be a positive integer. Got {k!r}.")
        scores, _ = self._tag(X)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [
            [(self.label_names[i], float(row[i])) for i in best if not np.isnan(row[i])]
            for row, best in zip(scores, order, strict=True)
        ]

    def _tag(self, X):
        """Scores and labels of rows; what is to be said of their pictures is said."""
        said = self.description
        cells = split_rows(X, modalities=said.modalities, **said.columns, exported=True)
        self.failed_rows_ = []
        if self._missing == "raise":
            columns = ((m, getattr(cells, m)) for m in said.modalities)
            refuse_missing(cells, {m: np.array(list(map(bool, c))) for m, c in columns})
        scores, labels, troubles = self._tag_cells(cells)
        report_remarks(troubles.remarks, cells)
        if troubles:
            self.failed_rows_ = troubles.failures
            report_unreadable(
                self.failed_rows_, cells, on_error=self._on_error, of_rows=False
            )
        return scores, labels

    def _tag_cells(self, cells):
        """Scores and labels of cells, and the troubles with their pictures."""
        shape = cells.n_rows, len(self.label_names)
        scores, labels = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=bool)
        stops = self._on_error == "raise"
        with open_pool(self._workers) as pool:
            rows = Rows(cells.image, self._cut(cells.text), self._root, pool)
            if rows.troubles and stops:
                return scores, labels, rows.troubles
            batches = self._make_batches(rows)
            for batch, pixels in read_ahead(batches, rows, self._pictures, pool):
                # A picture that cannot be read is told at once, not after hours.
                if rows.troubles and stops:
                    break
                feeds = self._make_feeds(pixels, [rows.texts[row] for row in batch])
                found = self._file.run(
                    {**feeds, "n_rows": np.array(len(batch), np.int32)}
                )
                places, twins = rows.twins_of(batch)
                scores[twins], labels[twins] = (values[places] for values in found)
        if self._on_error == "nan":
            left = rows.left_without(cells.image)
            scores[left], labels[left] = np.nan, False
        return scores, labels, rows.troubles

    def _cut(self, texts):
        """Cut texts that are too long into pieces, where these are to be averaged."""
        if texts is None or self.description.long_text != "mean":
            return texts
        return [[p for text in cell for p in self._texts.split(text)] for cell in texts]

    def _make_batches(self, rows):
        alone = self.description.context_length if self._pictures is None else None
        size, on_cpu = self._batch_size, self._file.on_cpu
        return make_batches(rows, size, of_texts=alone, on_cpu=on_cpu)

    def _make_feeds(self, pixels, texts):
        """Make the inputs of the graph for a batch: items, and the row of each."""
        feeds = {}
        if self._pictures is not None:
            flat, feeds["image_rows"] = _flatten(pixels)
            feeds["pixels"] = self._pictures.stack(flat)
        if self._texts is not None:
            flat, feeds["text_rows"] = _flatten(texts)
            feeds["token_ids"] = self._texts(flat)
        return feeds

    def _check_probe(self):
        """Tag the row whose scores are known."""
        probe = self.description.probe
        image = None if self._pictures is None else [[probe.image]]
        text = None if self._texts is None else [[probe.text]]
        scores, _, troubles = self._tag_cells(Cells(1, image, text))
        expected = np.array(probe.expected)
        found = scores[0] if scores.shape == (1, len(expected)) else np.nan
        off = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
        if troubles or not np.all(off <= _TOLERANCE):
            raise ModelMismatchError(
                f"{str(self._path)!r} must give for the row in it what it gave when it "
                f"was written, to {_TOLERANCE}. Got scores that are off by "
                f"{np.max(off):.2g}: the file is damaged, or what runs it "
                f"({', '.join(self._file.providers)}) computes otherwise. Copy or "
                "export it again, or try providers=None; check=False goes on with it "
                "as it is."
            )

    def _reopened(self, **changes):
        """Open the file once more, with other options."""
        return type(self)(self._path, **(self._options | changes))

    def __repr__(self):
        return f"{type(self).__name__}({str(self._path)!r})"

    def __getstate__(self):
        """Keep the path alone."""
        return {"path": self._path, "options": self._options}

    def __setstate__(self, state):
        """Open the file again."""
        self.__init__(state["path"], **state["options"])


def _flatten(cells):
    """Items of all rows, and the row of each; -1 for the one that stands for none."""
    flat = [item for cell in cells for item in cell]
    owner = np.repeat(np.arange(len(cells), dtype=np.int32), list(map(len, cells)))
    return flat, owner if len(flat) else np.array([-1], dtype=np.int32)


def _check_positive(name, value, other):
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"{name} must be a positive integer or {other}. Got {value!r:.80}."
        )


def _choose(name, value, choices, of_file):
    """Take what was asked for, else what the file says."""
    if not isinstance(value, str | None) or value not in (None, *choices):
        raise ValueError(f"{name} must be one of {choices} or None. Got {value!r:.80}.")
    return of_file if value is None else value
