"""More rows than one machine embeds: Ray Data runs the tagger, Parquet keeps the rows.

Ray places the actors, streams the blocks, retries what dies; what is here says which
rows to embed, what a row becomes, and how the files are read again. ``[ray]`` is an
optional extra; reading needs only the pyarrow that it brings.
"""

from sklearn_clip.distributed._dataset import embed_dataset
from sklearn_clip.distributed._fitting import fit_dataset
from sklearn_clip.distributed._reading import read_features
from sklearn_clip.distributed._tagging import tag_dataset

__all__ = ["embed_dataset", "fit_dataset", "read_features", "tag_dataset"]
