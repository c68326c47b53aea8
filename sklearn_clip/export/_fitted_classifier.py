"""What a tagger in one file tells scikit-learn, which it does not import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from sklearn_clip.export._description import Description


class FittedClassifier:
    """A classifier of several labels that is fitted, and stays as it is.

    It has what scikit-learn, and what is made for its classifiers, looks for in one
    that is fitted, and reads `label_names`, `thresholds`, `description` and `_root`.
    """

    _reads_rows = True
    label_names: list[Any]
    thresholds: NDArray[np.float64]
    description: Description
    _root: Any

    @property
    def classes_(self) -> NDArray[np.int64]:
        """0 and 1 for every label."""
        return np.tile([0, 1], (len(self.label_names), 1))

    @property
    def label_names_(self) -> NDArray[np.object_]:
        """Names of the labels, where the exported tagger knew some."""
        if self.label_names == list(map(str, range(len(self.label_names)))):
            raise AttributeError("The labels of this tagger have numbers, no names.")
        names = np.empty(len(self.label_names), dtype=object)
        names[:] = self.label_names
        return names

    @property
    def thresholds_(self) -> NDArray[np.float64]:
        """From which score on a label is given."""
        return self.thresholds

    @property
    def response_method_(self) -> str:
        """What the scores are, to which the thresholds belong."""
        return self.description.response

    @property
    def image(self) -> Any:
        """Column of the pictures, as of `CLIPFeaturizer`."""
        return self.description.columns["image"]

    @property
    def text(self) -> Any:
        """Column of the texts, as of `CLIPFeaturizer`."""
        return self.description.columns["text"]

    @property
    def image_root(self) -> Any:
        """Folder before relative paths."""
        return self._root

    @property
    def model_name(self) -> str:
        """Name of the model."""
        return self.description.model["model_name"]

    @property
    def pretrained(self) -> str | None:
        """Tag or file of its weights."""
        return self.description.model["pretrained"]

    @property
    def model_fingerprint_(self) -> str:
        """Digest of its weights and architecture."""
        return self.description.model["fingerprint"]

    @property
    def _public_repr(self):
        """What it is, without its path."""
        return f"{type(self).__name__} of {self.description.tagger}"

    def fit(self, X: Any, y: Any = None, **params: Any) -> NoReturn:
        """Refuse to be fitted: the file holds what was learnt, for good.

        Parameters
        ----------
        X : object
            Rows.
        y : object, default=None
            Targets.
        **params : dict
            Anything else.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"{type(self).__name__} cannot be fitted: its file holds a tagger that has "
            "been. Put it into FrozenEstimator of sklearn.frozen, or pass cv='prefit', "
            "where only its scores are to be used."
        )

    def __sklearn_is_fitted__(self):
        """Tell that it is, once the file is open."""
        return True

    def __sklearn_clone__(self):
        """Give itself, since there is nothing to unlearn."""
        return self

    def __sklearn_tags__(self) -> Tags:
        """Describe the classifier; scikit-learn, which asks for it, is there."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(
                required=True, single_output=False, multi_output=True
            ),
            classifier_tags=ClassifierTags(multi_class=False, multi_label=True),
            no_validation=True,
            input_tags=InputTags(two_d_array=False, string=True, allow_nan=True),
        )
