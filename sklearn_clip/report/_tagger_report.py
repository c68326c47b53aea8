"""The public class: what a page about a tagger says, and the page itself."""

import html
import os
from collections.abc import Hashable, Sequence
from contextlib import contextmanager
from datetime import date
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_clip._shared import (
    TableLike,
    TargetsLike,
    _num_samples,
    as_path,
    bring_near,
    counted,
    group_numbers,
    import_optional,
    label_array,
    warn_of_row_order,
    whole_file,
)
from sklearn_clip.metrics._entries import check_scores
from sklearn_clip.metrics._occurrences import as_numbers
from sklearn_clip.metrics._report import _check_thresholds
from sklearn_clip.plotting._inputs import learnt, predict_rows, read_targets, score_rows
from sklearn_clip.report._confusions import find_confusions
from sklearn_clip.report._cut_curves import cut_curves
from sklearn_clip.report._measures import (
    measure_all,
    measure_labels,
    measure_reliability,
)
from sklearn_clip.report._page import write_page
from sklearn_clip.report._pictures import ShownRows, choose_rows
from sklearn_clip.report._provenance import describe_tagger, describe_versions
from sklearn_clip.review import find_label_issues
from sklearn_clip.review._inputs import as_vectors, is_estimator

# Comparing all rows with each other takes seconds for so many, and then minutes.
_MOST_ROWS_COMPARED = 20_000
_N_CONFUSIONS = 30


class TaggerReport:
    """A page about a tagger, to be sent to whoever decides on it.

    One HTML file that needs nothing else: figures over all labels with their intervals,
    a table of the labels, and for each label its precision and recall, the pictures it
    is found on, missed and falsely given, and a slider that moves its cut. Then cells
    whose label looks wrong, labels that are taken for each other, how far probabilities
    hold, and how the tagger was made. A notebook shows the page where a cell ends with
    the report.

    Cuts that a reader has changed are written there as the dict that
    :meth:`ThresholdOptimizer.set_thresholds` takes.

    Parameters
    ----------
    tagger : estimator instance or array-like of shape (n_samples, n_labels)
        A fitted multi-label classifier, Pipeline or search; or scores that are there
        already, of rows the classifier was not fitted on.
    X : array-like of length n_samples, or None
        Rows that the tagger was not fitted on, as it takes them. None with scores
        alone.
    Y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown, which counts nowhere.
    thresholds : float, array-like of shape (n_labels,), dict, Series or None, \
            default=None
        The cuts to report on, of scores or in place of the tagger's own; infinity is
        never, its negative always. None takes those that the tagger has learnt, else
        0.5 for probabilities and 0 for decision values.
    images : array-like of length n_samples or None, default=None
        The rows' images, in any form that :class:`~sklearn_clip.CLIPFeaturizer` takes.
        None takes them from `X`, if it holds some.
    image, text : str or None, default="auto"
        Names of the columns of images and of the texts below them. ``"auto"`` takes
        those of the featurizer in `tagger`, else ``"image"`` and ``"text"``, where
        there are such columns.
    image_root : str, path-like or None, default=None
        Folder put before relative paths; None takes that of the featurizer.
    label_names : sequence of length n_labels or None, default=None
        Names. None takes the columns of `Y`, else those of the fit, else numbers.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows of one group, such as near copies: drawn together for the intervals, and no
        witnesses of each other's labels.
    vectors : {array-like, sparse matrix} of shape (n_samples, d) or None, default=None
        Where rows lie, for suspicious cells. None takes `X` if it is a table of
        numbers, else what the steps before the classifier of a Pipeline make of it.
    title : str or None, default=None
        Heading of the page. None is "Tagger report".
    description : str or None, default=None
        What to say below it, such as where the rows are from.
    max_images : int, default=500
        Rows shown with their pictures, which are most of the file: 500 of them make
        some 3 MB. Where there are more, every label gets some that are found, missed,
        false and close to the cut.
    n_issues : int, default=24
        Suspicious cells to list, at most. They are left out, which the page says, where
        there are over 20,000 rows.
    confidence_level : float in (0, 1) or None, default=0.95
        Of the intervals; None leaves them out, as one row, or one group, does.
    random_state : int, RandomState instance or None, default=0
        What is drawn for the intervals.

    Attributes
    ----------
    label_names : ndarray of shape (n_labels,), dtype=object
        Names of the labels.
    scores : ndarray of shape (n_samples, n_labels)
        Scores of the rows.
    response_method : {"predict_proba", "decision_function"}
        What the scores are.
    thresholds : ndarray of shape (n_labels,)
        The cuts; of a :class:`RejectOptionClassifier` those above which it says yes.
    figures : list of Figure
        mAP, GAP, macro and micro F1, each with ``name``, ``value``, ``low`` and
        ``high``.
    label_figures : LabelFigures
        Arrays ``support``, ``known``, ``average_precision``, ``precision``, ``recall``
        and ``f1``.
    issues : LabelIssues or None
        Suspicious cells, of :func:`~sklearn_clip.review.find_label_issues`.
    confusions : Confusions
        Arrays ``given``, ``present``, ``n_rows``, ``share``, ``share_elsewhere`` and
        ``n_instead``: labels given wrongly to rows that have a certain other one.
    reliability : Reliability or None
        Arrays ``predicted``, ``share``, ``low``, ``high`` and ``size``, and ``error``.
        None where the scores are no probabilities.

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    TypeError
        If `label_names` have no order, as in a set.
    ValueError
        If lengths differ, a value is not among those named above, or `thresholds` are
        needed for scores outside [0, 1].

    See Also
    --------
    sklearn_clip.metrics.multilabel_report : The table of the labels alone.
    sklearn_clip.review.find_label_issues : All suspicious cells.
    sklearn_clip.plotting.LabelGridDisplay : Pictures with their labels, as a figure.

    Notes
    -----
    Cuts that are chosen on the rows of the report look better on these rows than they
    are. Judge them on others.

    A row is unsure of a label if its odds are within a factor of two of those of the
    cut; for scores that are no probabilities a difference of 0.7 of half their standard
    deviation takes the place of that. With a :class:`RejectOptionClassifier` it is what
    a person is asked.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer
    >>> from sklearn_clip.report import TaggerReport
    >>> X, Y = make_multilabel_classification(300, n_classes=3, random_state=0)
    >>> tagger = ThresholdOptimizer(MultiLabelLogisticRegression(), random_state=0)
    >>> tagger = tagger.fit(X[:200], Y[:200])
    >>> report = TaggerReport(tagger, X[200:], Y[200:], title="A first try")
    >>> report
    TaggerReport: 100 rows, 3 labels, mAP 0.896, GAP 0.903, macro F1 0.786, ...
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> report.write_html(path)
    """

    def __init__(
        self,
        tagger: Any,
        X: Any,
        Y: TargetsLike,
        *,
        thresholds: Any = None,
        images: Any = None,
        image: str | None = "auto",
        text: str | None = "auto",
        image_root: str | os.PathLike[str] | None = None,
        label_names: Sequence[Hashable] | None = None,
        groups: ArrayLike | None = None,
        vectors: TableLike | None = None,
        title: str | None = None,
        description: str | None = None,
        max_images: int = 500,
        n_issues: int = 24,
        confidence_level: float | None = 0.95,
        random_state: Any = 0,
    ) -> None:
        import_optional("jinja2", extra="report", purpose="TaggerReport")
        _check_count(max_images, "max_images")
        _check_count(n_issues, "n_issues")
        _check_level(confidence_level)
        fitted = tagger if is_estimator(tagger) else None
        tables = [] if fitted is not None else [tagger]
        with _our_names():
            entries, names = read_targets(
                Y, label_names, tables=tables, estimator=fitted
            )
        label_array(names)  # distinct: the cuts go by name
        n_samples, n_labels = entries.positive.shape
        for what, given in (("X", X), ("images", images), ("vectors", vectors)):
            if given is not None and _num_samples(given) != n_samples:
                raise ValueError(
                    f"{what} must have one row for each row of Y. Got "
                    f"{_num_samples(given)} and {n_samples}."
                )
            warn_of_row_order(given, Y, (what, "Y"))
        if fitted is None:
            warn_of_row_order(Y, tagger, ("Y", "scores"))
        self.title = "Tagger report" if title is None else title
        self.description = description
        self.label_names = names
        # One row, or one group of them, has no spread.
        n_units = n_samples if groups is None else group_numbers(groups, n_samples)[1]
        self.confidence_level = confidence_level if n_units > 1 else None
        self._entries, self._made = entries, date.today().isoformat()
        self._facts = describe_tagger(fitted)
        self._versions = describe_versions()
        self._score(tagger, fitted, X, Y, thresholds)
        self._measure(groups, random_state)
        self._find_issues(fitted, X, groups, vectors, n_issues, random_state)
        self._show(fitted, X, images, image, text, image_root, max_images)

    def _score(self, tagger, fitted, X, Y, thresholds):
        """Score the rows, find the cuts, and compare these with the decisions."""
        n_labels = len(self.label_names)
        if fitted is None:
            with _our_names():
                self.scores = check_scores(tagger, Y, self._entries)
            inside = self.scores.min() >= 0 and self.scores.max() <= 1
            self.response_method = "predict_proba" if inside else "decision_function"
        elif X is None:
            raise ValueError("X must hold the rows to report on. Got None.")
        else:
            self.scores, self.response_method = score_rows(fitted, X, n_labels)
        self._asks_above = None
        own = None
        if fitted is not None and thresholds is None:
            own, self._asks_above = _own_cuts(fitted, n_labels)
            if own is None:
                own = 0.5 if self.response_method == "predict_proba" else 0.0
        cuts = own if thresholds is None else thresholds
        with _our_names():
            self.thresholds = _check_thresholds(
                cuts, None, self.scores, self.label_names
            )
        self.scores = bring_near(self.scores, self.thresholds)
        self._above = self.scores >= self.thresholds
        # What the figures are of: a tagger may choose the labels of a row together, and
        # leave some to a person (NaN).
        self._predicted = self._above
        self._asked = 0.0
        if own is not None:
            told = predict_rows(fitted, X, n_labels)
            told = told.toarray() if hasattr(told, "toarray") else np.asarray(told)
            self._predicted = told == 1
            self._asked = float((told != told).mean())
            stricter = self.scores > self.thresholds
            if (self._above != self._predicted).any() and (
                stricter == self._predicted
            ).all():  # it says no where a score is just the cut
                self.thresholds = np.nextafter(self.thresholds, np.inf)
                self._above = stricter
        self._n_otherwise = int(np.count_nonzero(self._predicted != self._above))

    def _measure(self, groups, random_state):
        Y = as_numbers(self._entries)
        self.figures = measure_all(
            Y,
            self.scores,
            self._predicted,
            groups=groups,
            level=self.confidence_level,
            random_state=random_state,
        )
        self.label_figures = measure_labels(
            Y, self._entries, self.scores, self._predicted
        )
        self.confusions = find_confusions(self._entries, self._predicted, _N_CONFUSIONS)
        self.reliability = None
        if self.response_method == "predict_proba":
            self.reliability = measure_reliability(Y, self._entries, self.scores)

    def _find_issues(self, fitted, X, groups, vectors, n_issues, random_state):
        self.issues = None
        if not n_issues or len(self.scores) > _MOST_ROWS_COMPARED:
            return
        try:
            near = as_vectors(vectors, X, None, fitted)
        except ValueError:
            if vectors is not None:
                raise
            near = None  # rows of the featurizer that could not be read
        self.issues = find_label_issues(
            self.scores,
            None if fitted is None else X,
            as_numbers(self._entries),
            groups=groups,
            vectors=near,
            n=n_issues,
            random_state=random_state,
        )

    def _show(self, fitted, X, images, image, text, image_root, max_images):
        """Choose rows and read their pictures."""
        first = []
        if self.issues is not None:
            first = [*self.issues.rows, *self.issues.nearest.ravel()]
        rows = choose_rows(
            self._entries,
            self.scores,
            self._above,
            self.thresholds,
            max_images,
            [row for row in first if row >= 0],
        )
        source = ShownRows(fitted, X, images, image, text, image_root)
        self._shown = source.read(rows)
        self._curves = cut_curves(
            self._entries,
            self.scores,
            self.thresholds,
            probabilities=self.response_method == "predict_proba",
        )

    def to_html(self) -> str:
        """Write the page.

        Returns
        -------
        str
            A whole HTML document, which loads nothing.
        """
        return write_page(self)

    def write_html(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.

        Raises
        ------
        TypeError
            If it is no path.
        """
        path = as_path(path, "path")
        page = self.to_html()
        with whole_file(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)

    def _repr_html_(self):
        """Show the page in a notebook, in a frame of its own."""
        return (
            f'<iframe title="{html.escape(self.title)}" '
            'style="width: 100%; height: 900px; border: 1px solid #8888" '
            f'srcdoc="{html.escape(self.to_html())}"></iframe>'
        )

    def __repr__(self):
        """Say the figures in a line."""
        n_samples, n_labels = self.scores.shape
        figures = ", ".join(
            f"{name} {value:.3f}" for name, _, value, *_ in self.figures
        )
        rows, labels = counted(n_samples, "row"), counted(n_labels, "label")
        return f"TaggerReport: {rows}, {labels}, {figures}"


@contextmanager
def _our_names():
    """Speak of Y and the scores in errors of the metrics."""
    try:
        yield
    except ValueError as exc:
        text = str(exc).replace("y_true", "Y").replace("y_score", "The scores")
        raise ValueError(text.replace("where The", "where the")) from exc


def _own_cuts(tagger, n_labels):
    """Cuts that a tagger has learnt, and those between which it asks."""
    for name in ("thresholds_", "yes_thresholds_"):
        cuts = learnt(tagger, name, decides=True)
        if cuts is not None and np.shape(cuts) == (n_labels,):
            asks = None
            if name[0] == "y":
                asks = learnt(tagger, "no_thresholds_", decides=True)
            return np.asarray(cuts, dtype=np.float64), asks
    return None, None


def _check_count(value, name):
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} must be an integer of at least 0. Got {value!r}.")


def _check_level(level):
    good = isinstance(level, Real) and not isinstance(level, bool)
    if level is not None and not (good and 0 < level < 1):
        raise ValueError(
            f"confidence_level must be a number between 0 and 1, or None. Got {level!r}"
            "."
        )
