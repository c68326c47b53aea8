#!/usr/bin/env bash
# onnxmltools 1.16.0 with lightgbm 4.7.0 (onnx 1.23.2, onnxruntime 1.32.0)
#
# Behaviour: convert_lightgbm reads the trees, and not the settings by which LightGBM adds
# them up and walks them. Exported without a word are a random forest (boosting_type="rf"),
# whose trees are then summed where LightGBM takes their mean; trees with linear leaves,
# which become constants; zeros that are missing values, which become numbers; and a
# sigmoid of another slope, which becomes the usual one.
#
# Guess: a form that the converter does not know is refused, as its objective
# "cross_entropy" is; what it does convert agrees to about 1e-6, as plain boosting does.
#
# Seen, of a label in 600 rows:
#   setting               largest difference   predicted otherwise
#   plain boosting                     7e-08                 0.0%
#   boosting_type=rf                     0.9                40.0%
#   linear_tree=True                     0.4                 2.2%
#   zero_as_missing=True                 0.6                31.7%
#   sigmoid=2.0                          0.1                 0.0%
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    lightgbm==4.7.0 onnxmltools==1.16.0 onnx==1.23.2 onnxruntime==1.32.0 \
    scikit-learn==1.9.1 numpy==2.4.6

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import lightgbm
import numpy as np
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

packages = ("lightgbm", "onnxmltools", "onnx", "onnxruntime", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))
onnxruntime.set_default_logger_severity(3)

# A third of the first column is 0, and there the label turns round.
rng = np.random.default_rng(0)
X = rng.normal(size=(600, 4)).astype(np.float32)
X[::3, 0] = 0
noise = rng.normal(size=600)
y = ((X[:, 1] + 0.5 * noise > 0.8) ^ (X[:, 0] == 0)).astype(int)

settings = {
    "plain boosting": {},
    "boosting_type=rf": dict(
        boosting_type="rf", bagging_freq=1, bagging_fraction=0.7
    ),
    "linear_tree=True": dict(linear_tree=True),
    "zero_as_missing=True": dict(zero_as_missing=True),
    "sigmoid=2.0": dict(sigmoid=2.0),
}
apart, turned, said = {}, {}, []
print("setting               largest difference   predicted otherwise")
for name, options in settings.items():
    model = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1, **options)
    model.fit(X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        graph = convert_lightgbm(
            model,
            initial_types=[("X", FloatTensorType([None, 4]))],
            target_opset=15,
            zipmap=False,
        )
    said += [w for w in caught if issubclass(w.category, UserWarning)]
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    labels, exported = session.run(None, {"X": X})
    apart[name] = abs(exported - model.predict_proba(X)).max()
    turned[name] = (labels != model.predict(X)).mean()
    print(f"{name:20}  {apart[name]:18.1g}   {turned[name]:18.1%}")
print(f"warnings of the conversions: {[str(w.message) for w in said]}")

plain, *others = apart.values()
if plain > 1e-5 or min(others) < 0.05 or turned["boosting_type=rf"] < 0.01 or said:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
