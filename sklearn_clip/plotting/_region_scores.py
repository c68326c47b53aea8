"""How a fitted tagger scores the regions of pictures in the place of the whole."""

import copy

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import positive_scores
from sklearn_clip.embedding import split_rows
from sklearn_clip.fusion import make_fusion

_NEEDED = (
    "estimator must be a fitted Pipeline that has a CLIPFeaturizer as a step of its "
    "own and a multi-label classifier behind it, alone, in a search or in a "
    "meta-estimator; or a ZeroShotClassifier"
)


class _DoneFeatures:
    """Stands where a featurizer stood: its rows are features already."""

    def __init__(self, regions):
        self.regions = regions

    def transform(self, X):
        return X


def _is_featurizer(part):
    return hasattr(part, "encode_regions") and hasattr(part, "image_root")


def _thaw(part):
    return part.estimator if isinstance(part, FrozenEstimator) else part


def take_apart(tagger):
    """Part a fitted tagger where its featurizer stands.

    Parameters
    ----------
    tagger : estimator instance
        A Pipeline, search or meta-estimator around one, or a ZeroShotClassifier.

    Returns
    -------
    before : estimator instance or None
        What rows pass before they come to the featurizer; None if nothing.
    featurizer : CLIPFeaturizer
        The featurizer.
    behind : estimator instance
        What scores its features.

    Raises
    ------
    TypeError
        If there is no such featurizer, or nothing behind it.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    if hasattr(tagger, "fit"):
        check_is_fitted(tagger)
    found = _part(tagger)
    if found is None:
        raise TypeError(f"{_NEEDED}. Got a {type(tagger).__name__}.")
    return found


def _part(estimator):
    """Part an estimator, None where it has no featurizer that could be taken out."""
    estimator = _thaw(estimator)
    if estimator is None:
        return None
    if hasattr(estimator, "best_estimator_"):
        return _part(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return _part_steps(estimator)
    featurizer = _thaw(getattr(estimator, "featurizer_", None))
    if _is_featurizer(featurizer) and hasattr(estimator, "templates"):
        behind = copy.copy(estimator)
        behind.featurizer_ = _DoneFeatures(featurizer.regions)
        return None, featurizer, behind
    inner = _part(getattr(estimator, "estimator_", None))
    if inner is not None:
        behind = copy.copy(estimator)
        behind.estimator_ = inner[2]
        return inner[0], inner[1], behind
    return None


def _part_steps(pipeline):
    """Part a Pipeline at its featurizer, or inside its last step."""
    steps = [_thaw(step) for _, step in pipeline.steps]
    place = next((i for i, step in enumerate(steps) if _is_featurizer(step)), None)
    if place is not None:
        if place == len(steps) - 1:
            return None
        return pipeline[:place] if place else None, steps[place], pipeline[place + 1 :]
    inner = _part(steps[-1])
    if inner is None:
        return None
    if len(steps) == 1:
        return inner
    before = pipeline[:-1]
    if inner[0] is not None:
        before = make_pipeline(before, inner[0])
    return before, *inner[1:]


class RegionScorer:
    """Scores rows, and the regions of their first pictures in the place of these.

    Parameters
    ----------
    tagger : estimator instance
        What `take_apart` takes.
    regions : {"2x2", "3x3", "pyramid", "tokens"}
        The regions.

    Raises
    ------
    TypeError, ValueError
        If it has no featurizer, or none that reads images.
    """

    def __init__(self, tagger, regions):
        self._tagger = tagger
        self._before, self.featurizer, self._behind = take_apart(tagger)
        clip = self.featurizer
        available = tuple(m for m in ("image", "text") if getattr(clip, m) is not None)
        self._fusion = make_fusion(clip.fusion, available)
        if "image" not in self._fusion.modalities:
            raise ValueError(
                "estimator must read images, of which a heatmap tells the places. Got "
                f"a CLIPFeaturizer with fusion={clip.fusion!r} and image="
                f"{clip.image!r}. Fit one that has an image column and a fusion that "
                "takes it, such as 'concat' or 'image'."
            )
        # The vectors of pictures alone, as the featurizer makes them.
        alone = {"fusion": "image", "text": None, "add_missing_indicator": False}
        self._pictures = clone(clip).set_params(regions=regions, **alone)
        self._pictures.set_output(transform="default")
        self.regions = regions

    def find_cells(self, X):
        """Split rows into their images and texts.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the tagger takes them.

        Returns
        -------
        rows : array-like
            The rows, as the featurizer takes them.
        cells : Cells
            Their items.
        """
        rows = X if self._before is None else self._before.transform(X)
        cells = split_rows(
            rows,
            image=self.featurizer.image,
            text=self.featurizer.text,
            modalities=self._fusion.modalities,
        )
        return rows, cells

    def score(self, X, rows, cells, n_labels):
        """Score rows and regions.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the tagger takes them.
        rows, cells : array-like, Cells
            Of `find_cells`; every row has an image.
        n_labels : int
            Number of labels.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_labels)
            Probabilities or decision values of the rows.
        region_scores : ndarray of shape (n_samples, n_regions, n_labels)
            The same with the vectors of each picture replaced by that of a region.
        boxes : ndarray of shape (n_regions, 4)
            Where the regions are, from `CLIPFeaturizer.encode_regions`.
        method : {"predict_proba", "decision_function"}
            Which of them.
        """
        # Probabilities where there are any: they are what a reader can compare.
        scores, method = positive_scores(self._tagger, X, n_labels)
        images = [cell[0] for cell in cells.image]
        vectors, boxes = self._pictures.encode_regions(images)
        if not self.featurizer.normalize:
            vectors = self._unscaled(images, vectors.shape)
        n, n_regions, _ = vectors.shape
        features = self._fuse(vectors, cells)
        sample = self.featurizer.transform(rows)
        features = self._fill_blocks(features, sample.shape[1], vectors.shape[2])
        if hasattr(sample, "columns"):  # of set_output: pandas and polars alike
            named = zip(list(sample.columns), features.T, strict=True)
            features = type(sample)(dict(named))
        region_scores, _ = positive_scores(
            self._behind, features, n_labels, method=method
        )
        region_scores = region_scores.reshape(n, n_regions, n_labels)
        return scores, region_scores, boxes, method

    def _unscaled(self, images, shape):
        """Return vectors of the length that they have in rows."""
        parts = self._pictures.transform(images)
        return parts.reshape(shape[0], -1, shape[2])[:, -shape[1] :]

    def _fuse(self, vectors, cells):
        """Fuse every region with the text of its row; pictures are never missing."""
        n, n_regions, width = vectors.shape
        image = vectors.reshape(-1, width)
        there = np.ones(len(image), dtype=bool)
        flags = {"image": np.zeros(len(image))}
        text = present = None
        if "text" in self._fusion.modalities:
            alone = {"fusion": "text", "image": None, "regions": None, "text": "text"}
            reader = clone(self.featurizer).set_output(transform="default")
            reader.set_params(**alone, add_missing_indicator=True)
            texts = [{"text": cell[0] if cell else None} for cell in cells.text]
            found = reader.transform(texts)
            flags["text"] = np.repeat(found[:, -1], n_regions)
            text = np.repeat(found[:, :-1], n_regions, axis=0)
            present = flags["text"] == 0
        fused = np.asarray(self._fusion.fuse(image, text, there, present))
        if self.featurizer.add_missing_indicator:
            columns = [flags[m][:, None] for m in self._fusion.modalities]
            fused = np.hstack([fused, *columns])
        return np.ascontiguousarray(fused, dtype=np.float32)

    def _fill_blocks(self, features, n_columns, width):
        """Put a region where the picture and each of its regions stand, if these do."""
        if self.featurizer.regions is None:
            return features
        n_blocks = 1 + (n_columns - features.shape[1]) // width
        image, others = features[:, :width], features[:, width:]
        return np.hstack([np.tile(image, n_blocks), others])
