"""
Tag clip art with several labels
================================

Fit, search, judge, save, load and use a multi-label tagger on pictures with titles. All
of it runs offline: the pictures and the small CLIP model ship with the package.
"""

# %%
# The data: drawings with a title, and several labels each
# ---------------------------------------------------------
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score, f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)
from sklearn_clip.datasets import load_clipart

out = Path("demo-output")
out.mkdir(exist_ok=True)
started = time.perf_counter()


def report(step):
    """Print what a step took."""
    global started
    print(f"[{time.perf_counter() - started:5.1f} s] {step}")
    started = time.perf_counter()


train, test = (
    load_clipart(as_frame=True, split="train"),
    load_clipart(as_frame=True, split="test"),
)
X_train, Y_train, X_test, Y_test = train.data, train.target, test.data, test.target
report(
    f"loaded {len(X_train)} training and {len(X_test)} test pictures with titles, "
    f"{Y_train.shape[1]} labels, {Y_train.values.sum(axis=1).mean():.1f} per picture"
)

# %%
# Search: fusion and head strength, every picture and title embedded once
# -----------------------------------------------------------------------
# Variants and series of one drawing stay in one fold (``groups``), so that the search
# is judged on drawings it has not seen, as the test split is.


def logistic(C):
    """One logistic regression per label, all of them in one solve."""
    return MultiLabelLogisticRegression(C=C)


clip = CLIPFeaturizer("clipart-tiny")
pipe = Pipeline([("clip", clip), ("head", logistic(C=1))])
micro_ap = make_scorer(
    average_precision_score, response_method="predict_proba", average="micro"
)
search = GridSearchCV(
    pipe,
    {
        "clip__fusion": ["image", "concat"],
        "head__C": [1, 5],
    },
    scoring=micro_ap,
    cv=GroupKFold(5, shuffle=True, random_state=0),
    n_jobs=2,
)
clip.precompute(X_train)
report(f"embedded {clip.cache_info()['misses']} distinct pictures and titles")
search.fit(X_train, Y_train, groups=train.groups)
report(
    f"searched 4 candidates x 5 folds: best {search.best_params_}, "
    f"out-of-fold micro AP {search.best_score_:.3f}"
)
print(f"          embeddings in the store after it: {clip.cache_info()['items']}")

# %%
# Judge: on the test split, against single modalities and plain text
# ------------------------------------------------------------------
fusion = search.best_params_["clip__fusion"]
C = search.best_params_["head__C"]


def tfidf():
    """TF-IDF of words and of character n-grams."""
    return FeatureUnion(
        [
            ("words", TfidfVectorizer(sublinear_tf=True)),
            (
                "characters",
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2),
            ),
        ]
    )


def tuned(classifier):
    """Thresholds per label, chosen on out-of-fold scores for macro F1."""
    return ThresholdOptimizer(classifier, metric="f1", average="macro", random_state=0)


def with_clip(fusion):
    """Features of one fusion."""
    return CLIPFeaturizer("clipart-tiny", fusion=fusion)


titles = ColumnTransformer([("tfidf", tfidf(), "text")])
both = ColumnTransformer(
    [("tfidf", tfidf(), "text"), ("clip", with_clip(fusion), ["image", "text"])]
)
contenders = {
    "TF-IDF on titles": make_pipeline(titles, logistic(C)),
    "CLIP image only": make_pipeline(with_clip("image"), logistic(C)),
    "CLIP text only": make_pipeline(with_clip("text"), logistic(C)),
    f"CLIP fused ({fusion})": make_pipeline(with_clip(fusion), logistic(C)),
    "CLIP fused, tuned thresholds": make_pipeline(
        with_clip(fusion), tuned(logistic(C))
    ),
    "TF-IDF on titles, tuned thresholds": make_pipeline(titles, tuned(logistic(C))),
    "TF-IDF beside CLIP fused, tuned thresholds": make_pipeline(
        both, tuned(logistic(C))
    ),
}
rows, fitted = [], {}
for name, model in contenders.items():
    begin = time.perf_counter()
    fitted[name] = model.fit(X_train, Y_train)
    predicted, probability = model.predict(X_test), model.predict_proba(X_test)
    rows.append(
        {
            "": name,
            "macro-F1": f1_score(Y_test, predicted, average="macro", zero_division=0),
            "micro-F1": f1_score(Y_test, predicted, average="micro", zero_division=0),
            "mAP": average_precision_score(Y_test, probability, average="macro"),
            "seconds": time.perf_counter() - begin,
        }
    )
table = pd.DataFrame(rows).set_index("")
report("fitted and judged all contenders on the test split:")
print(
    table.to_string(
        float_format="{:.3f}".format, formatters={"seconds": "{:.1f}".format}
    )
)

# %%
# Save, load in a new process, tag
# --------------------------------
# The file holds the head and the thresholds, no CLIP weights: they are found by name,
# and checked, when the tagger is first used again.
tagger = fitted["CLIP fused, tuned thresholds"]
joblib.dump(
    {"tagger": tagger, "labels": train.target_names}, out / "tagger.joblib", compress=3
)
report(f"saved the tagger: {(out / 'tagger.joblib').stat().st_size / 1024:.0f} KiB")
unseen = X_test.sample(5, random_state=3)
unseen.loc["a title alone"] = [None, "a red sports car"]
unseen.to_csv(out / "unseen.csv", index=False)
here = Path(__file__).parent if "__file__" in globals() else Path("examples")
subprocess.run(
    [
        sys.executable,
        here / "tag_pictures.py",
        out / "tagger.joblib",
        out / "unseen.csv",
        *("--drawing", out / "tagged.png"),
    ],
    check=True,
)
report("loaded it in a new process and tagged five pictures and a title")
