"""How well annotators agree, with each other and with a tagger."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_clip._shared import (
    as_array,
    check_columns,
    column_names,
    import_optional,
    in_given_order,
    label_array,
    shown,
    warn_of_row_order,
)
from sklearn_clip.review._inputs import check_scores

# Pseudo-cells on which one agrees as the mean of all: few votes say little.
_PRIOR = 20.0


@dataclass(frozen=True, eq=False, repr=False)
class AnnotatorQuality:
    """Agreement of annotators, of :func:`annotator_quality`; ``print`` shows it.

    All parameters are stored as attributes. Chance-corrected agreement is 1 for none
    but equal answers, 0 for as many as chance gives, below 0 for fewer.

    Parameters
    ----------
    annotators : ndarray of shape (n_annotators,), dtype=object
        Their names; their numbers without.
    n_votes : ndarray of shape (n_annotators, n_labels), dtype=int64
        Cells each has answered.
    n_shared : ndarray of shape (n_annotators, n_labels), dtype=int64
        Those of them that others have answered too.
    agreement : ndarray of shape (n_annotators, n_labels), dtype=float64
        Share in [0, 1] of the others' answers that equal his, each cell counting once;
        NaN where he shares no cell.
    kappa : ndarray of shape (n_annotators, n_labels), dtype=float64
        The same corrected for chance, and drawn to the mean of all annotators where
        there are few cells; NaN where he shares none, or where one answer is the only
        one that anybody gave.
    overall : ndarray of shape (n_annotators,), dtype=float64
        `kappa` of all labels together.
    alpha : ndarray of shape (n_labels,), dtype=float64
        Krippendorff's alpha of each label, of all annotators; NaN where there is
        nothing to agree on.
    tagger : ndarray of shape (n_annotators, n_labels), dtype=float64, or None
        Chance-corrected agreement with the tagger's scores: 0 for what is expected of
        scores in any order, 1 if all cells he said 1 to have score 1, all others 0.
        None without scores.
    tagger_overall : ndarray of shape (n_annotators,), dtype=float64, or None
        The same of all labels together.
    positive_rate : ndarray of shape (n_annotators, n_labels), dtype=float64
        Share in [0, 1] of his answers that are 1; NaN where he gave none.
    label_names : ndarray of shape (n_labels,), dtype=object, or None
        Names of the labels.

    See Also
    --------
    annotator_quality : Makes it.
    """

    annotators: np.ndarray
    n_votes: np.ndarray
    n_shared: np.ndarray
    agreement: np.ndarray
    kappa: np.ndarray
    overall: np.ndarray
    alpha: np.ndarray
    tagger: np.ndarray | None
    tagger_overall: np.ndarray | None
    positive_rate: np.ndarray
    label_names: np.ndarray | None = None

    def to_frame(self):
        """Put the table in a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            One row per annotator and label.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", extra="pandas", purpose="to_frame")
        n_annotators, n_labels = self.n_votes.shape
        names = range(n_labels) if self.label_names is None else self.label_names
        columns = {
            "annotator": np.repeat(self.annotators, n_labels),
            "label": list(names) * n_annotators,
            "votes": self.n_votes.ravel(),
            "shared": self.n_shared.ravel(),
            "positive_rate": self.positive_rate.ravel(),
            "agreement": self.agreement.ravel(),
            "kappa": self.kappa.ravel(),
        }
        if self.tagger is not None:
            columns["tagger"] = self.tagger.ravel()
        return pandas.DataFrame(columns)

    def __repr__(self):
        """Say the figures of all labels together, the least agreeing first."""
        width = max((len(str(name)) for name in self.annotators), default=0)
        width = max(width, len("annotator"))
        head = f"{'annotator':{width}}     votes    shared     kappa"
        lines = [head + ("    tagger" if self.tagger is not None else "")]
        order = np.argsort(np.nan_to_num(self.overall, nan=np.inf), kind="stable")
        for number in order:
            line = (
                f"{self.annotators[number]!s:{width}}"
                f"{self.n_votes[number].sum():10,}{self.n_shared[number].sum():10,}"
                f"{self.overall[number]:10.3f}"
            )
            if self.tagger_overall is not None:
                line += f"{self.tagger_overall[number]:10.3f}"
            lines.append(line)
        return "\n".join(lines)


def annotator_quality(
    votes: ArrayLike,
    *,
    annotators: Collection[Hashable] | None = None,
    scores: ArrayLike | None = None,
    label_names: Collection[Hashable] | None = None,
) -> AnnotatorQuality:
    """Measure the agreement of each annotator with the others, and with a tagger.

    Parameters
    ----------
    votes : array-like of shape (n_annotators, n_rows, n_labels)
        What each said: 0, 1, and NaN where he said nothing. A list of one table for
        each will do.
    annotators : sequence of length n_annotators or None, default=None
        Their names.
    scores : array-like of shape (n_rows, n_labels) or None, default=None
        Probabilities of a tagger in [0, 1], of rows that it was not fitted on.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels. None takes those of tables.

    Returns
    -------
    AnnotatorQuality
        The figures per annotator and label; ``to_frame()`` makes a DataFrame.

    Raises
    ------
    TypeError
        If `annotators` or `label_names` have no order, as in a set.
    ValueError
        If `votes` have another shape or other values, scores lie outside [0, 1], or
        lengths or names of labels differ.

    Warns
    -----
    UserWarning
        If tables have the same index in another order: rows go by position.

    See Also
    --------
    find_label_issues : Which cells are wrong, whoever gave them.

    Notes
    -----
    The observed disagreement of an annotator is the mean, over the cells that he
    shares, of the share of the others who said otherwise. What chance gives is that of
    his rate of positives with theirs on the same cells, and ``1 - observed / expected``
    is the kappa of two annotators, carried over to one and several others [1]_. It is
    drawn to the mean of all annotators of that label by 20 cells' weight: whoever has
    answered three cells is not judged by them. Of a label, Krippendorff's alpha [2]_
    for nominal values is given, which allows for cells that few have answered.

    Agreement is not truth: where most make the same mistake, the one who is right
    agrees least. The column of the tagger is a second opinion, and it has learnt from
    the same annotators.

    References
    ----------
    .. [1] Cohen, "A coefficient of agreement for nominal scales", Educational and
       Psychological Measurement 20, 1960, :doi:`10.1177/001316446002000104`.
    .. [2] Hayes and Krippendorff, "Answering the call for a standard reliability
       measure for coding data", Communication Methods and Measures 1, 2007,
       :doi:`10.1080/19312450709336664`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.review import annotator_quality
    >>> truth = np.tile([[1, 0], [0, 0], [0, 1], [1, 1]], (20, 1)).astype(float)
    >>> votes = np.stack([truth, truth, truth, np.ones_like(truth)])
    >>> quality = annotator_quality(votes, annotators=["ann", "bo", "cy", "dee"])
    >>> print(quality)
    annotator     votes    shared     kappa
    dee             160       160     0.056
    ann             160       160     0.648
    bo              160       160     0.648
    cy              160       160     0.648
    """
    said_by: NDArray[np.float64] = _read_votes(votes)
    n_annotators, n_rows, n_labels = said_by.shape
    people = _read_names(annotators, n_annotators, "annotators")
    columns = _read_columns(votes)
    _warn_of_row_order(votes, scores)
    if label_names is None:
        names = label_array(columns)
    else:
        names = _read_names(label_names, n_labels, "label_names")
        label_array(names)
        check_columns(columns, names, "The tables of votes")
    said = ~np.isnan(said_by)
    ones = np.nan_to_num(said_by, copy=False)
    counts = _Counts(*_count_disagreement(said, ones))
    kappa, overall = _shrink(counts)
    tagger = tagger_overall = None
    if scores is not None:
        theirs: NDArray[np.float64] = check_scores(
            scores, (n_rows, n_labels), "scores", names
        )
        if theirs.min(initial=0.0) < 0 or theirs.max(initial=0.0) > 1:
            raise ValueError(
                "scores must be probabilities in [0, 1]. Got values from "
                f"{theirs.min():.3g} to {theirs.max():.3g}."
            )
        tagger, tagger_overall = _shrink(_Counts(*_count_against(said, ones, theirs)))
    n_votes = said.sum(axis=1)
    return AnnotatorQuality(
        annotators=np.arange(n_annotators) if people is None else people,
        n_votes=n_votes,
        n_shared=counts.cells.astype(np.int64),
        agreement=1 - _divide(counts.observed, counts.cells),
        kappa=kappa,
        overall=overall,
        alpha=_alpha(said, ones),
        tagger=tagger,
        tagger_overall=tagger_overall,
        positive_rate=_divide(ones.sum(axis=1), n_votes),
        label_names=names,
    )


@dataclass(frozen=True)
class _Counts:
    """Cells, and the disagreement seen and expected in them, (n_annotators, n_labels).

    Both are sums over the cells.
    """

    cells: np.ndarray
    observed: np.ndarray
    expected: np.ndarray


def _count_disagreement(said, ones):
    """Cells shared with others, and the disagreement there, seen and by chance."""
    n_said, n_ones = said.sum(axis=0), ones.sum(axis=0)
    counts = np.empty((3, len(said), said.shape[2]))
    # One annotator at a time: the tables of all of them are several times the votes.
    for number, (own, one) in enumerate(zip(said, ones, strict=True)):
        others = n_said - own
        # Share of the others, of each cell, who said 1.
        theirs = np.divide(
            n_ones - one, others, out=np.zeros(one.shape), where=others > 0
        )
        counts[:, number] = _against(own & (others > 0), one, theirs)
    return counts


def _count_against(said, ones, scores):
    counts = np.empty((3, len(said), said.shape[2]))
    for number, own in enumerate(zip(said, ones, strict=True)):
        counts[:, number] = _against(*own, scores)
    return counts


def _against(cells, ones, theirs):
    """Disagreement of one annotator's 0 and 1 with shares, in some cells."""
    n_cells = cells.sum(axis=0).astype(float)
    gap = np.where(cells, np.abs(ones - theirs), 0.0).sum(axis=0)
    own = _divide(np.where(cells, ones, 0.0).sum(axis=0), n_cells)
    other = _divide(np.where(cells, theirs, 0.0).sum(axis=0), n_cells)
    # By chance: own 1 against their 0, and the other way round.
    chance = np.nan_to_num(own * (1 - other) + (1 - own) * other)
    return n_cells, gap, n_cells * chance


def _shrink(counts):
    """Kappa per label, drawn to that of all annotators, and of all labels together."""
    observed, expected = counts.observed, counts.expected
    kappa = np.full(observed.shape, np.nan)
    # Of the label: sums over annotators; of everything where the label has no chance.
    whole = 1 - _divide(observed.sum(), expected.sum())
    label = 1 - _divide(observed.sum(axis=0), expected.sum(axis=0))
    prior = np.where(np.isnan(label), whole, label)
    usable = expected > 0
    weight = _PRIOR * _divide(expected, counts.cells)  # 20 cells as hard as his own
    drawn = observed + weight * (1 - prior)
    np.divide(drawn, expected + weight, out=kappa, where=usable)
    kappa[usable] = 1 - kappa[usable]
    total, cells = expected.sum(axis=1), counts.cells.sum(axis=1)
    weight = _PRIOR * _divide(total, cells)
    overall = 1 - _divide(
        observed.sum(axis=1) + weight * (1 - whole), total + weight, where=total > 0
    )
    return kappa, overall


def _alpha(said, ones):
    """Krippendorff's alpha of each label for 0 and 1."""
    m = said.sum(axis=0).astype(float)  # answers of each cell
    one = ones.sum(axis=0)
    pairable = m > 1
    # Pairs of unlike answers within cells, each weighing 1 / (m - 1).
    unlike = np.divide(
        2 * one * (m - one), m - 1, out=np.zeros(m.shape), where=pairable
    ).sum(axis=0)
    total = np.where(pairable, m, 0).sum(axis=0)
    ones_all = np.where(pairable, one, 0).sum(axis=0)
    # The same of all answers in one heap.
    chance = _divide(2 * ones_all * (total - ones_all), total - 1, where=total > 1)
    return 1 - _divide(unlike, chance)


def _divide(top, bottom, where=None):
    """Divide; NaN where there is nothing to divide by."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    where = bottom > 0 if where is None else where
    return np.divide(top, bottom, out=np.full(bottom.shape, np.nan), where=where)


def _read_votes(votes):
    """Votes as floats, checked."""
    try:
        if np.ma.isMaskedArray(votes):
            values = votes.astype(np.float64).filled(np.nan)
        else:
            if isinstance(votes, (list, tuple)):
                votes = [_as_plain(said) for said in votes]
            values = np.array(votes, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise ValueError(
            "votes must be an array of shape (n_annotators, n_rows, n_labels) of 0, 1 "
            f"and NaN. Got {shown(votes)}."
        ) from exc
    if values.ndim != 3:
        raise ValueError(
            "votes must have shape (n_annotators, n_rows, n_labels). Got shape "
            f"{values.shape}."
        )
    wrong = ~(np.isnan(values) | (values == 0) | (values == 1))
    if wrong.any():
        who, row, label = np.argwhere(wrong)[0]
        raise ValueError(
            f"votes must hold 0, 1 and NaN alone. Got {values[who, row, label]:g} "
            f"(annotator {who}, row {row}, label {label})."
        )
    return values


def _as_plain(said):
    """Votes of one annotator; of a table, and where masked, what is empty is NaN."""
    if column_names(said) is None and not np.ma.isMaskedArray(said):
        return said
    return as_array(said, "votes")


def _read_columns(votes):
    """Names of the labels, where votes are a list of tables that have some."""
    names = None
    for who, said in enumerate(votes if isinstance(votes, (list, tuple)) else ()):
        columns = column_names(said)
        check_columns(columns, names, f"The table of annotator {who}")
        if columns is not None and columns != list(range(len(columns))):
            names = columns
    return names


def _warn_of_row_order(votes, scores):
    """Warn if the tables of two annotators, or of scores, go by other rows."""
    if not isinstance(votes, (list, tuple)) or not len(votes):
        return
    for who, said in enumerate(votes[1:], start=1):
        warn_of_row_order(votes[0], said, ("votes[0]", f"votes[{who}]"))
    warn_of_row_order(votes[0], scores, ("votes[0]", "scores"))


def _read_names(names, count, what):
    """Names as an array, as many as there must be."""
    if names is None:
        return None
    names = in_given_order(names, what)
    array = np.empty(len(names), dtype=object)
    array[:] = names
    if len(array) != count:
        raise ValueError(
            f"{what} must have one name for each of the {count}. Got {len(array)}."
        )
    return array
