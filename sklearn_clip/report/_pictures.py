"""The rows that a page shows: which ones, their small pictures, their texts."""

import base64
import io

import numpy as np
from PIL import Image

from sklearn_clip._shared import _safe_indexing
from sklearn_clip.embedding import split_rows
from sklearn_clip.plotting._pictures import column_names, find_featurizer, read_pictures
from sklearn_clip.review._inputs import row_index

SIDE = 128  # pixels of a picture on the page
# Most bytes of a picture, so that 500 are 2 MB, and qualities to try for that in turn.
_BYTES, _QUALITIES = 4_000, (80, 65, 50, 35, 20, 5)


def choose_rows(entries, scores, predicted, thresholds, most, first):
    """Choose the rows to show, so that every label has some of every kind.

    Parameters
    ----------
    entries : Entries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    predicted : ndarray of shape (n_samples, n_labels), dtype=bool
        Where the score reaches the cut.
    thresholds : ndarray of shape (n_labels,)
        The cuts.
    most : int
        How many rows.
    first : iterable of int
        Rows to be shown in any case, as far as they go.

    Returns
    -------
    ndarray of int64
        Their positions, ascending.
    """
    n_samples, n_labels = scores.shape
    if n_samples <= most:
        return np.arange(n_samples)
    chosen = dict.fromkeys(list(dict.fromkeys(int(row) for row in first))[:most])
    each = -(-most // (4 * n_labels)) + 1
    turns = [
        kind
        for label in range(n_labels)
        for kind in _kinds(entries, scores, predicted, thresholds, label, each)
    ]
    for turn in range(each):
        for rows in turns:
            if len(chosen) >= most:
                return np.sort(np.fromiter(chosen, dtype=np.int64))
            if turn < len(rows):
                chosen.setdefault(int(rows[turn]))
    # Few labels, or few errors: the rest in even steps.
    left = np.setdiff1d(np.arange(n_samples), np.fromiter(chosen, dtype=np.int64))
    steps = np.linspace(0, len(left) - 1, min(len(left), most - len(chosen)))
    rows = [np.fromiter(chosen, dtype=np.int64), left[steps.round().astype(int)]]
    return np.sort(np.concatenate(rows))


def _kinds(entries, scores, predicted, thresholds, label, each):
    """Yield the clearest rows of each kind: false, missed, found, near the cut."""
    score = scores[:, label]
    has, says = entries.positive[:, label], predicted[:, label]
    known = True if entries.known is None else entries.known[:, label]
    near = -np.abs(score - thresholds[label])
    for kind, clear in (
        (says & ~has & known, score),
        (has & ~says, -score),
        (has & says, score),
        (np.broadcast_to(known, has.shape), near),
    ):
        rows = np.flatnonzero(kind)
        if len(rows) > each:
            rows = rows[np.argpartition(-clear[rows], each - 1)[:each]]
        yield rows[np.argsort(-clear[rows], kind="stable")]


class ShownRows:
    """The rows of a page, as dicts of what it writes of them.

    Parameters
    ----------
    tagger : estimator instance or None
        Where the names of the columns come from.
    X : array-like of length n_samples, or None
        Rows in any form that CLIPFeaturizer takes.
    images : array-like of length n_samples, or None
        Their images, where `X` holds none.
    image, text : str or None
        Names of the columns, or "auto".
    image_root : str, path-like or None
        Folder put before relative paths.
    """

    def __init__(self, tagger, X, images, image, text, image_root):
        featurizer = find_featurizer(tagger)
        sees = featurizer is None or featurizer.image is not None
        if featurizer is not None:
            text = featurizer.text if text == "auto" else text
            image_root = featurizer.image_root if image_root is None else image_root
            if image == "auto" and images is None:
                image = featurizer.image
        columns = None if X is None else column_names(X)
        self._pictures = images
        if images is None and sees and (featurizer or "image" in (columns or ())):
            self._pictures = X
        self._texts = None
        if text is not None and self._pictures is not X:
            text = "text" if text == "auto" else text
            if not sees or text in (columns or ()):
                self._texts = X
        self._image, self._text, self._root = image, text, image_root
        self._index = row_index(X)

    def read(self, rows):
        """Read pictures and texts.

        Parameters
        ----------
        rows : ndarray of int
            Positions of the rows.

        Returns
        -------
        list of dict
            "row", the position; "name", with the index label of a DataFrame; "text", or
            None; "picture", a data URL; or "reason", why there is none, or None.
        """
        found = [self._describe(int(row)) for row in rows]
        if self._pictures is not None:
            text = None if self._texts is not None else self._text
            pictures, titles = read_pictures(
                self._pictures, rows, self._image, text, self._root
            )
            for shown, picture, title in zip(found, pictures, titles, strict=True):
                *lines, _ = title.split("\n")
                shown["text"] = "\n".join(lines) or None
                if isinstance(picture, str):
                    shown["reason"] = picture.strip("()")
                else:
                    shown["picture"] = as_data_url(picture)
        if self._texts is not None:
            part = _safe_indexing(self._texts, rows)
            cells = split_rows(part, image=None, text=self._text, modalities=("text",))
            for shown, texts in zip(found, cells.text, strict=True):
                shown["text"] = " ".join(texts) or None
        return found

    def _describe(self, row):
        name = f"row {row}"
        if self._index is not None and self._index[row] != row:
            name += f" ({self._index[row]})"
        return {"row": row, "name": name, "text": None, "picture": None, "reason": None}


def as_data_url(picture):
    """Make a small WebP of a picture, written into a URL.

    Parameters
    ----------
    picture : PIL.Image.Image
        A picture of any mode and size; what is transparent stays so.

    Returns
    -------
    str
        ``data:image/webp;base64,...`` of at most some 4,000 bytes.
    """
    small = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        file = io.BytesIO()
        small.save(file, "WEBP", quality=quality, method=4)
        if file.tell() <= _BYTES:
            break
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
