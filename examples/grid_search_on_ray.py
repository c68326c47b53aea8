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
# Four logical cores: an actor each for two of them, the rest for Ray's own tasks. Ray
# is made to speak of errors only. An actor takes a block at a time, so there must be
# more blocks than actors: `read_parquet` makes many, but a DataFrame is a single one.
import logging
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
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
    logging_level="ERROR",
)
ray.data.DataContext.get_current().enable_progress_bars = False
logging.getLogger("ray.data").setLevel("ERROR")

clipart = load_clipart(as_frame=True, split="train")
rows = clipart.data.assign(row=range(len(clipart.data)))
dataset = ray.data.from_pandas([rows[at : at + 256] for at in range(0, len(rows), 256)])

# %%
# Embed, lose a file, and embed what is missing
# ---------------------------------------------
# The same call begins a run and goes on with it.
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)
featurizer = CLIPFeaturizer("clipart-tiny")


def embed():
    """Embed the rows that are not in the files, and say what is in them then."""
    start = time.perf_counter()
    embed_dataset(
        dataset,
        featurizer,
        path=folder / "features",
        row_id="row",
        concurrency=2,
        batch_size=128,
        rows_per_file=256,
    )
    seconds = time.perf_counter() - start
    files = sorted((folder / "features").glob("*.parquet"))
    print(f"{len(files)} files after {seconds:.0f} s")
    return files


files = embed()
files[0].unlink()
left = len(read_features(folder / "features", columns=[]).ids)
print(f"one file removed: {left} of {len(rows)} rows are left")
embed()

table = read_features(folder / "features", columns=["text"])
print(f"features {table.features.shape}, {table.failed.sum()} rows failed")
few = slice(0, 100)
difference = np.abs(table.features[few] - featurizer.transform(rows[few])).max()
print(f"largest difference from transform on this machine: {difference:.0e}")

# %%
# Search over the features, on any number of machines
# ---------------------------------------------------
# Rows come in the order of their ids, here the order of the targets.
register_ray()


def search_on_ray(estimator, grid, X):
    """Fit a search with two workers of Ray, and print the score of every candidate."""
    search = GridSearchCV(
        estimator,
        grid,
        cv=MultiLabelStratifiedKFold(3, random_state=0),
        scoring="f1_macro",
    )
    start = time.perf_counter()
    with joblib.parallel_backend("ray", n_jobs=2):
        search.fit(X, clipart.target)
    print(f"{search.n_splits_} folds each, {time.perf_counter() - start:.0f} s:")
    results = search.cv_results_
    for params, score in zip(
        results["params"], results["mean_test_score"], strict=True
    ):
        print(f"    {params}: macro F1 {score:.3f}")
    return search


search_on_ray(MultiLabelLogisticRegression(), {"C": [1, 10, 100]}, table.features)

# %%
# Search over the featurizer, on one machine
# ------------------------------------------
# Ray's workers find the embeddings in a folder, filled beforehand: `misses` counts what
# this process has encoded for it, every image and title once.
featurizer.set_params(cache=folder / "store").precompute(clipart.data)
pipe = Pipeline([("clip", featurizer), ("head", MultiLabelLogisticRegression(C=10))])
fusions = {"clip__fusion": ["image", "text", "concat"]}
search_on_ray(pipe, fusions, clipart.data)
info = featurizer.cache_info()
print(f"the store has {info['items']} items, encoded once: {info['misses']} misses")

ray.shutdown()
scratch.cleanup()
