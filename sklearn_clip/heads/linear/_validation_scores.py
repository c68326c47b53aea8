"""Scores of held-out rows, for the choice of C."""

import numpy as np
from scipy import sparse

from sklearn_clip._shared import label_classes, row_blocks
from sklearn_clip.heads.linear._logistic import MultiLabelLogisticRegression
from sklearn_clip.metrics import MultiLabelScorer


def log_loss_scores(products, targets, splits, row_weight, labels, coef, intercept):
    """Negative log loss of the held-out rows, over known entries, per fold and label.

    Parameters
    ----------
    products : NumpyProducts or TorchProducts
        Products with X.
    targets : Targets
        Labels of all rows.
    splits : list of (train, test)
        Rows of every fold.
    row_weight : ndarray of shape (n_samples,) or None
        Sample weights.
    labels : ndarray of int
        Labels to score.
    coef : ndarray of shape (n_folds, n_features, len(labels))
        Coefficients.
    intercept : ndarray of shape (n_folds, len(labels))
        Intercepts.

    Returns
    -------
    scores : ndarray of shape (n_folds, len(labels))
        NaN where no held-out entry is known.
    """
    scores = np.full(intercept.shape, np.nan)
    positive = _by_row(targets.positive)
    for fold, (_, test) in enumerate(splits):
        V = products.put(coef[fold])
        loss, total = np.zeros((2, len(labels)))
        # A block takes four tables of eight bytes an entry.
        for block in row_blocks(len(test), 4 * len(labels)):
            rows = test[block]
            Z = products.score_rows(rows, V) + intercept[fold]
            ones = _table(positive[rows][:, labels])
            weight = np.ones(len(rows)) if row_weight is None else row_weight[rows]
            losses = np.logaddexp(0, np.where(ones, -Z, Z))
            if targets.known is None:
                total += weight.sum()
            else:
                known = targets.known[rows][:, labels]
                losses *= known
                total += weight @ known
            loss += weight @ losses
        judged = total > 0
        scores[fold, judged] = -loss[judged] / total[judged]
    return scores


def scorer_scores(
    scorer, X, used, y, targets, splits, jointly, labels, coef, intercept
):
    """Scores of any scorer: of the whole classifier, or of each label as a binary one.

    Parameters
    ----------
    scorer : callable
        ``scorer(estimator, X, y)``. A `MultiLabelScorer` sees a table of one column
        where others see a binary problem.
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Features.
    used : UsedColumns
        Those of its columns that `coef` is about.
    y : ndarray of shape (n_samples,) or None
        The original targets if they were 1-D.
    targets, splits, labels, coef, intercept
        As for `log_loss_scores`.
    jointly : bool
        Whether to score all labels together.

    Returns
    -------
    scores : ndarray of shape (n_folds, len(labels)) or (n_folds, 1)
        NaN where a label has one value only among the known held-out rows.
    """
    scores = np.full((len(splits), 1 if jointly else len(labels)), np.nan)
    tables = isinstance(scorer, MultiLabelScorer)
    positive = _by_row(targets.positive)
    for fold, (_, test) in enumerate(splits):
        wide = used.widen(coef[fold].T, X.dtype)
        weights = wide, intercept[fold].astype(X.dtype)
        features, truth = X[test], positive[test]
        known = None if targets.known is None else targets.known[test]
        if y is not None and not tables:
            head = _fitted_head(targets.classes, *weights)
            if truth.any() and not truth.all():
                scores[fold, 0] = scorer(head, features, y[test])
        elif jointly:
            head = _fitted_head(label_classes(len(labels)), *weights)
            truth = (truth if tables else _table(truth)).astype(np.int64)
            seen = truth if known is None else np.where(known, truth, np.nan)
            scores[fold, 0] = scorer(head, features, seen)
        else:
            truth = truth.tocsc() if sparse.issparse(truth) else truth
            for number, label in enumerate(labels):
                one = (part[[number]] for part in weights)
                classes = label_classes(1)
                head = _fitted_head(classes if tables else classes[0], *one)
                rows = slice(None) if known is None else known[:, label]
                seen = _table(truth[:, [label]])[rows, 0].astype(np.int64)
                if seen.any() and not seen.all():
                    seen = seen[:, None] if tables else seen
                    scores[fold, number] = scorer(head, features[rows], seen)
    return scores


def _by_row(table):
    return table.tocsr() if sparse.issparse(table) else table


def _table(part):
    return part.toarray() if sparse.issparse(part) else part


def _fitted_head(classes, coef, intercept):
    """Classifier of given coefficients."""
    head = MultiLabelLogisticRegression()
    head.classes_, head.coef_, head.intercept_ = classes, coef, intercept
    head.n_features_in_ = coef.shape[1]
    return head
