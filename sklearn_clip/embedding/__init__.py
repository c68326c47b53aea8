"""Rows to unit vectors: what a CLIP model makes of images and texts."""

from sklearn_clip.embedding._backbone import Backbone
from sklearn_clip.embedding._columns import embed_column, find_unreadable, unit_rows
from sklearn_clip.embedding._identity import check_same_model, record_model
from sklearn_clip.embedding._images import decode_image, describe_image
from sklearn_clip.embedding._loading import load_backbone, read_embedding_dim
from sklearn_clip.embedding._rows import Cells, split_rows
from sklearn_clip.embedding._store import (
    EmbeddingStore,
    join_session,
    open_store,
    session_folder,
)

__all__ = [
    "Backbone",
    "Cells",
    "EmbeddingStore",
    "check_same_model",
    "decode_image",
    "describe_image",
    "embed_column",
    "find_unreadable",
    "join_session",
    "load_backbone",
    "open_store",
    "read_embedding_dim",
    "record_model",
    "session_folder",
    "split_rows",
    "unit_rows",
]
