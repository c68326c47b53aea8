"""cleanlab's multi-label finder on given scores, in an environment of its own.

    python benchmarks/_label_issue_peer.py cells.npz found.npz

The first file holds arrays `given` (0 and 1) and `scores`, under the names of the
cases; the second gets one ranking value per cell and way, most suspicious lowest.
"""

import sys
import warnings

import numpy as np
from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class
from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class


def main(source, target):
    """Rank the cells of every case."""
    warnings.simplefilter("ignore")
    cases, found = np.load(source), {}
    for name in sorted({key.rpartition("/")[0] for key in cases.files}):
        given, scores = cases[f"{name}/given"], cases[f"{name}/scores"]
        # It wants the numbers of the classes of each row.
        labels = [np.flatnonzero(row).tolist() for row in given]
        quality = get_label_quality_scores_per_class(labels, scores)
        found[f"{name}/quality"] = quality
        found[f"{name}/adjusted"] = get_label_quality_scores_per_class(
            labels, scores, adjust_pred_probs=True
        )
        for way in ("prune_by_noise_rate", "confident_learning", "both"):
            issues = np.asarray(
                find_multilabel_issues_per_class(
                    labels, scores, filter_by=way, n_jobs=1
                )
            )
            # What it calls an issue first, then all else, each by its quality score.
            found[f"{name}/{way}"] = quality - 2 * issues
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
