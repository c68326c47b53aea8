#!/usr/bin/env bash
# ray 2.60.0 with pandas 3.1.1 and pyarrow 26.0.1, beside scikit-learn 1.9.1
# (numpy 2.4.6)
#
# Behaviour: `MultiHotEncoder` counts. A tag that a row names twice, as merged lists and
# several annotators leave it, is 2 in the target, and three times 3. The help speaks of
# a binary list, as MultiLabelBinarizer gives it. Where only the most frequent tags are
# kept, a repeated one counts each time as well: a tag of one row is kept in place of
# one of two rows.
#
# Guess: 0 or 1, as documented, and frequencies of rows.
#
# Seen, of the lists [cat, dog], [dog], [cat, fish, fish, fish] and [fox]:
#   labels                 cat, dog, fish, fox
#   MultiHotEncoder        [1, 1, 0, 0]  [0, 1, 0, 0]  [1, 0, 3, 0]  [0, 0, 0, 1]
#   MultiLabelBinarizer    [1, 1, 0, 0]  [0, 1, 0, 0]  [1, 0, 1, 0]  [0, 0, 0, 1]
#   kept by max_categories=1: fish, which one row has, and two have cat or dog
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "ray[data]==2.60.0" pandas==3.1.1 \
    pyarrow==26.0.1 scikit-learn==1.9.1 numpy==2.4.6

export RAY_USAGE_STATS_ENABLED=0 RAY_TMPDIR="$work" HOME="$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import logging
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
import ray
from ray.data.preprocessors import MultiHotEncoder
from sklearn.preprocessing import MultiLabelBinarizer

packages = ("ray", "pandas", "pyarrow", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

tags = [["cat", "dog"], ["dog"], ["cat", "fish", "fish", "fish"], ["fox"]]
table = pd.DataFrame({"tags": tags})
ray.init(num_cpus=1, include_dashboard=False, logging_level=logging.ERROR)
ray.data.DataContext.get_current().enable_progress_bars = False
logging.getLogger("ray.data").setLevel(logging.ERROR)
rows = ray.data.from_pandas(table)

encoder = MultiHotEncoder(["tags"]).fit(rows)
found = [np.asarray(row).tolist() for row in encoder.transform_batch(table)["tags"]]
names = list(encoder.stats_["unique_values(tags)"])
kept = MultiHotEncoder(["tags"], max_categories={"tags": 1}).fit(rows)
most_frequent = list(kept.stats_["unique_values(tags)"])
ray.shutdown()

binary = MultiLabelBinarizer(classes=names).fit_transform(tags).tolist()
print("labels:", *names)
print("MultiHotEncoder:", *found)
print("MultiLabelBinarizer:", *binary)
print("kept by max_categories=1:", *most_frequent)

expected = [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 3, 0], [0, 0, 0, 1]]
if found != expected or binary[2] != [1, 0, 1, 0] or most_frequent != ["fish"]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
