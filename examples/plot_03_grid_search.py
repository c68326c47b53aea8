"""
Choose a classifier by grid search
==================================

*Logistic regression, nearest neighbours, a forest or a network: which head, and with
which strength?*

The head is a step of a pipeline, and so a parameter of the search, beside its own
parameters and those of CLIP. Pictures and titles are encoded once, before all folds and
candidates.
"""

# %%
# One search over five kinds of heads
# -----------------------------------
# A list of grids: each names a head and what may vary in it.
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import map_scorer

train = load_clipart(split="train", as_frame=True)
test = load_clipart(split="test", as_frame=True)

net = MultiLabelNet(max_epochs=15, lr=3e-3, device="cpu", random_state=0)
grids = [
    {
        "clip__fusion": ["concat", "image"],
        "head": [MultiLabelLogisticRegression()],
        "head__C": [1, 5, 25],
    },
    {
        "head": [KNeighborsClassifier(weights="distance", metric="cosine")],
        "head__n_neighbors": [5, 20],
    },
    {"head": [ExtraTreesClassifier(random_state=0)], "head__n_estimators": [100]},
    {"head": [net], "head__module": ["mlp", "gated"]},
]
search = GridSearchCV(
    Pipeline([("clip", CLIPFeaturizer("clipart-tiny")), ("head", net)]),
    grids,
    scoring=map_scorer,
    cv=MultiLabelStratifiedGroupKFold(3, random_state=0),
)
search.fit(train.data, train.target, groups=train.groups)
print(f"{len(search.cv_results_['params'])} candidates, 3 folds")
print(search.best_estimator_["clip"].cache_info())

# %%
# What the candidates are worth, and what they cost
# -------------------------------------------------
import matplotlib.pyplot as plt
import pandas as pd


def describe(params):
    """Name a candidate in a few words."""
    head = params["head"]
    kind = {MultiLabelLogisticRegression: "logistic", MultiLabelNet: "net"}.get(
        type(head), type(head).__name__.removesuffix("Classifier")
    )
    rest = [
        value if isinstance(value, str) else f"{name.split('__')[1]}={value}"
        for name, value in params.items()
        if name != "head"
    ]
    return kind, ", ".join([kind, *rest])


found = pd.DataFrame(search.cv_results_).sort_values("mean_test_score")
kinds, names = zip(*map(describe, found["params"]), strict=True)
colours = {kind: f"C{number}" for number, kind in enumerate(sorted(set(kinds)))}

figure, (left, right) = plt.subplots(
    ncols=2, figsize=(9, 4.6), layout="constrained", sharey=True, width_ratios=[2, 1]
)
left.barh(
    names,
    found["mean_test_score"],
    xerr=found["std_test_score"],
    color=[colours[kind] for kind in kinds],
    alpha=0.7,
)
left.set(xlabel="mAP, mean and spread of three folds")
right.barh(
    names, found["mean_fit_time"], color=[colours[kind] for kind in kinds], alpha=0.7
)
right.set(xlabel="seconds of a fit", xscale="log")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The winner, on rows that no fold has seen
# -----------------------------------------
# A search ends with the best candidate fitted on all rows. Its score on the test split
# is the honest one: the score of the search was the best of several.
print("chosen:", describe(search.best_params_)[1])
print(f"in the search  {search.best_score_:.3f}")
print(f"on test rows   {search.score(test.data, test.target):.3f}")
