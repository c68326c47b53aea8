"""Rows to unit vectors: what a CLIP model makes of images and texts."""

from sklearn_clip._lazy import lazy_names

# The store needs no torch: names are imported when they are used.
_HOMES = {
    "Backbone": "backbone._backbone",
    "Background": "_background",
    "Cells": "_rows",
    "EmbeddingStore": "store._store",
    "ModelInMemory": "backbone._model_files",
    "TEMPLATES": "_prompts",
    "attempt": "_failures",
    "check_same_model": "backbone._identity",
    "check_text": "_prompts",
    "covers": "backbone._identity",
    "decode_image": "images._decoding",
    "describe_image": "images._decoding",
    "embed_column": "_columns",
    "embed_prompts": "_prompts",
    "fill_template": "_prompts",
    "find_unreadable": "_columns",
    "image_digest": "images._decoding",
    "listen": "images._decoder_warnings",
    "load_backbone": "backbone._loading",
    "open_image": "images._opening",
    "open_store": "store._session",
    "plain_settings": "backbone._preprocess_settings",
    "plain_text": "_prompts",
    "read_classes": "_prompts",
    "read_embedding_dim": "backbone._loading",
    "read_folder": "backbone._loading",
    "read_templates": "_prompts",
    "record_model": "backbone._identity",
    "refuse_missing": "_failures",
    "report_remarks": "_failures",
    "report_unreadable": "_failures",
    "resolve_device": "backbone._loading",
    "session_store": "store._session",
    "split_rows": "_rows",
    "unit_rows": "_columns",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
