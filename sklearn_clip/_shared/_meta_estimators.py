"""What meta-estimators around multi-label classifiers have in common."""

from copy import deepcopy

from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared._targets import label_classes


class MultiLabelMetaMixin:
    """Classes, metadata routing and tags of a meta-estimator with an inner loop.

    It reads the parameters `estimator` and `cv`, and `n_labels_`, which `fit` sets.
    """

    @property
    def classes_(self):
        """0 and 1 for every label."""
        check_is_fitted(self, "n_labels_")
        return label_classes(self.n_labels_)

    def _names(self):
        """Names of the labels, column numbers where they have none."""
        return list(getattr(self, "label_names_", range(self.n_labels_)))

    def get_metadata_routing(self):
        """Say who takes which metadata.

        Returns
        -------
        routing : MetadataRouter
            This object's own requests (`sample_weight` of `fit` and `score`), those of
            `estimator` for `fit`, and those of a `cv` splitter for its `split`.
        """
        fit_to_fit = MethodMapping().add(caller="fit", callee="fit")
        fit_to_split = MethodMapping().add(caller="fit", callee="split")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(estimator=self.estimator, method_mapping=fit_to_fit)
            .add(splitter=self.cv, method_mapping=fit_to_split)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = deepcopy(get_tags(self.estimator).input_tags)
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags
