"""What calibration brings to six kinds of classifiers of clip art.

Prints log loss and Brier score of the test part, of probabilities as they are and after
calibration on the training part, with the difference and its standard error over rows.
Every method gets the same out-of-fold scores, those of five folds that keep near copies
together; "one by one" is scikit-learn's `CalibratedClassifierCV`, one per label.

    python benchmarks/study_calibration.py --fusions image --heads logistic forest
"""

import argparse

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip._shared import positive_scores
from sklearn_clip.calibration._choice import METHODS
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import masked_brier_score, masked_log_loss
from sklearn_clip.model_selection._out_of_fold import fit_and_score

METRICS = {"log loss": masked_log_loss, "Brier": masked_brier_score}


class GivenScores(ClassifierMixin, BaseEstimator):
    """Gives X as probabilities, of labels or of one binary y."""

    def fit(self, X, y):
        """Note the classes."""
        both = np.array([0, 1])
        self.classes_ = both if np.ndim(y) == 1 else [both] * np.shape(y)[1]
        return self

    def predict_proba(self, X):
        """Give X as it is, or both columns of a binary target."""
        return X if isinstance(self.classes_, list) else np.hstack([1 - X, X])

    def predict(self, X):
        """Cut at 0.5."""
        return (X > 0.5).astype(int).reshape(len(X), -1)[:, -1]


def make_heads(classes, clip, prompts):
    """Make the classifiers."""
    return {
        "logistic": MultiLabelLogisticRegression(C=10),
        "mlp": MultiLabelNet("mlp", random_state=0, verbose=0, device="cpu"),
        "k-NN": KNeighborsClassifier(15),
        "forest": RandomForestClassifier(100, random_state=0),
        "tip": TipAdapterClassifier(prompts),
        "zero-shot": ZeroShotClassifier(classes, clip),
    }


def one_by_one(scores, Y, test_scores, method):
    """Calibrate each label with scikit-learn, on the same out-of-fold scores."""
    columns = []
    for label in range(Y.shape[1]):
        given = FrozenEstimator(GivenScores().fit(None, Y[:, label]))
        model = CalibratedClassifierCV(given, method=method, ensemble=False)
        model.fit(scores[:, [label]], Y[:, label])
        columns.append(model.predict_proba(test_scores[:, [label]])[:, 1])
    return np.column_stack(columns)


def calibrated(scores, Y, splits, test_scores):
    """Yield every method's name and test probabilities."""
    given = GivenScores()
    for method in ("auto", *METHODS):
        model = MultiLabelCalibrator(given, method=method, cv=splits).fit(scores, Y)
        found = "" if method != "auto" else f" ({model.method_})"
        name = f"{method}{found}, m={model.shrinkage_:g}"
        yield name, model.predict_proba(test_scores)
    for method in ("sigmoid", "isotonic"):
        yield f"one by one, {method}", one_by_one(scores, Y, test_scores, method)


def show(title, Y, before, after):
    """Print metrics, and differences with their standard errors."""
    print(f"\n{title}")
    cells = [f"{metric(Y, before):.4f}" for metric in METRICS.values()]
    print(f"  {'as it is':28} log loss {cells[0]}{'':22}Brier {cells[1]}")
    for name, P in after:
        line = f"  {name:28}"
        for what, metric in METRICS.items():
            # Of the transposed tables, one value per row.
            rows = [metric(Y.T, Q.T, average=None) for Q in (before, P)]
            change = rows[1] - rows[0]
            error = change.std() / np.sqrt(len(change))
            line += f" {what} {metric(Y, P):.4f} ({change.mean():+.4f} +- {error:.4f})"
        print(line, flush=True)


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fusions", nargs="+", default=["image", "concat"])
    parser.add_argument("--heads", nargs="+", default=None)
    options = parser.parse_args()
    train, test = (load_clipart(as_frame=True, split=s) for s in ("train", "test"))
    Y, Y_test = train.target.to_numpy(), test.target.to_numpy()
    classes = list(train.target.columns)
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    prompts = clip.encode_texts([f"a clip art of {name}" for name in classes])
    heads = make_heads(classes, clip, prompts)
    for fusion in options.fusions:
        features = CLIPFeaturizer("clipart-tiny", fusion=fusion)
        X, X_test = features.fit_transform(train.data), features.transform(test.data)
        for name in options.heads or heads:
            if name in ("tip", "zero-shot") and fusion != "image":
                continue
            rows = (train.data, test.data) if name == "zero-shot" else (X, X_test)
            folds = MultiLabelStratifiedGroupKFold(5, random_state=0)
            meta = MultiLabelCalibrator(heads[name], cv=folds)
            estimator, parts = fit_and_score(
                meta, rows[0], Y, {"groups": train.groups}, learns="maps"
            )
            scores = np.empty(Y.shape)
            for part in parts:
                scores[part.rows] = part.scores
            every = np.arange(len(Y))
            splits = [(np.setdiff1d(every, part.rows), part.rows) for part in parts]
            before, _ = positive_scores(estimator, rows[1], len(classes))
            after = calibrated(scores, Y, splits, before)
            show(f"{name}, {fusion}", Y_test, before, after)


if __name__ == "__main__":
    main()
