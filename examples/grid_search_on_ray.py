"""
Embed with Ray, and search on Ray
=================================

Ray Data embeds a table of pictures and titles with two actors and writes Parquet; a
grid search over the features then runs on Ray through joblib. Here the cluster is this
machine; with ``ray.init(address="auto")`` it is a real one, and nothing else changes.
"""

# %%
# A cluster, and rows
# -------------------
# Four logical cores: an actor each for two of them, the rest for Ray's own tasks.
import tempfile
from pathlib import Path

import joblib
import ray
from ray.util.joblib import register_ray
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.distributed import embed_dataset, read_features

ray.init(
    num_cpus=4,
    object_store_memory=150 * 2**20,
    include_dashboard=False,
    log_to_driver=False,
)
clipart = load_clipart(as_frame=True, split="train")
rows = clipart.data.assign(row=range(len(clipart.data)))

# %%
# Embed
# -----
# The second call finds all rows in the files and embeds none.
featurizer = CLIPFeaturizer("clipart-tiny")
folder = Path(tempfile.mkdtemp())
for _ in range(2):
    embed_dataset(
        ray.data.from_pandas(rows),
        featurizer,
        path=folder / "features",
        row_id="row",
        concurrency=2,
        batch_size=256,
    )
table = read_features(folder / "features", columns=["text"])
print(table.features.shape, "failed:", table.failed.sum())

# %%
# Search over the features, on any number of machines
# ---------------------------------------------------
# Rows come in the order of their ids, here the order of the targets.
register_ray()
search = GridSearchCV(
    MultiLabelLogisticRegression(),
    {"C": [1, 10, 100]},
    cv=MultiLabelStratifiedKFold(3, random_state=0),
    scoring="f1_macro",
)
with joblib.parallel_backend("ray", n_jobs=2):
    search.fit(table.features, clipart.target)
print(search.best_params_, round(search.best_score_, 3))

# %%
# Search over the featurizer, on one machine
# ------------------------------------------
# Ray's workers find the embeddings in a folder, filled beforehand.
featurizer.set_params(cache=folder / "store").precompute(clipart.data)
pipe = Pipeline([("clip", featurizer), ("head", MultiLabelLogisticRegression(C=10))])
search = GridSearchCV(
    pipe,
    {"clip__fusion": ["image", "text", "concat"]},
    cv=MultiLabelStratifiedKFold(3, random_state=0),
    scoring="f1_macro",
)
with joblib.parallel_backend("ray", n_jobs=2):
    search.fit(clipart.data, clipart.target)
print(search.best_params_, round(search.best_score_, 3))

ray.shutdown()
