#!/usr/bin/env bash
# dacaf-mlc 1.3.0 and scikit-multilearn 0.2.0 (scikit-learn 1.9.1, numpy 1.26.4, scipy
# 1.17.1)
#
# Behaviour: a chain of classifiers may be given another order than that of the labels.
# The decisions of the one for a metric (predict_hamming, predict_fmeasure and so on),
# and predict and predict_proba of the other, then have their columns in the order of
# the chain: what stands in the column of a label is of another one. In dacaf-mlc the
# predict of the class below it, which these replace, puts them back; its predict_proba
# does not.
#
# Guess: columns stand as in the labels of fit, as those of scikit-learn's chain do.
#
# Seen: cells of 500 rows and 4 labels that are right
#                                  in order   in an order of its own   columns put back
#   dacaf-mlc, predict_hamming         0.81                     0.49               0.81
#   dacaf-mlc, predict_fmeasure        0.81                     0.50               0.82
#   scikit-multilearn, predict         0.80                     0.62               0.80
#   scikit-learn, predict              0.80                     0.80
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dacaf-mlc==1.3.0 scikit-multilearn==0.2.0 \
    scikit-learn==1.9.1 numpy==1.26.4 scipy==1.17.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from dacaf_mlc import ProbabilisticClassifierChain
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain
from skmultilearn.problem_transform import ClassifierChain as SkmultilearnChain

packages = ("dacaf-mlc", "scikit-multilearn", "scikit-learn", "numpy", "scipy")
print(", ".join(f"{name} {version(name)}" for name in packages))

X, Y = make_multilabel_classification(1500, 20, n_classes=4, random_state=2)
test = Y[1000:]
base = LogisticRegression(max_iter=1000)


def dacaf(order, method):
    chain = ProbabilisticClassifierChain(base, order=order, random_state=0)
    chain.fit(X[:1000], Y[:1000])
    return getattr(chain, method)(X[1000:]), chain.chain


def skmultilearn(order, method):
    chain = SkmultilearnChain(base, order=order).fit(X[:1000], Y[:1000])
    return chain.predict(X[1000:]).toarray(), order


def sklearn(order, method):
    return ClassifierChain(base, order=order).fit(X[:1000], Y[:1000]).predict(X[1000:])


seen = []
print("                              in order   own order   put back")
for name, fitted, own, method in (
    ("dacaf-mlc", dacaf, "random", "predict_hamming"),
    ("dacaf-mlc", dacaf, "random", "predict_fmeasure"),
    ("scikit-multilearn", skmultilearn, [3, 1, 0, 2], "predict"),
):
    found, order = fitted(own, method)
    tables = fitted(None, method)[0], found, found[:, np.argsort(order)]
    right = [(table == test).mean() for table in tables]
    seen.append(right)
    print(f"{f'{name}, {method}':<29} {right[0]:8.2f}   {right[1]:9.2f}", end="   ")
    print(f"{right[2]:8.2f}, where the order is {list(map(int, order))}")
right = [(sklearn(order, "predict") == test).mean() for order in (None, [3, 1, 0, 2])]
print(f"{'scikit-learn, predict':<29} {right[0]:8.2f}   {right[1]:9.2f}")

if min(right) < 0.78 or any(
    own > 0.65 or min(plain, back) < 0.78 for plain, own, back in seen
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
