"""What classifiers have in common whose labels are given in words."""

from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared._accuracy import MaskedAccuracyMixin
from sklearn_clip._shared._targets import (
    check_entries,
    check_labelled_rows,
    label_classes,
)


class WordLabelsMixin(MaskedAccuracyMixin):
    """A classifier of rows and words, whose `fit` sets `label_names_`."""

    @property
    def classes_(self):
        """0 and 1 for every label."""
        check_is_fitted(self, "label_names_")
        return label_classes(len(self.label_names_))

    def _read_truth(self, X, y):
        """Check true labels of the fitted names."""
        check_is_fitted(self)
        names = self.label_names_
        return check_entries(check_labelled_rows(X, y, names, keep_sparse=True))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
