"""Rows to unit vectors: what a CLIP model makes of images and texts."""

from sklearn_clip._lazy import lazy_names

# The store needs no torch: names are imported when they are used.
_HOMES = {
    "Backbone": "_backbone",
    "Background": "_words",
    "Cells": "_rows",
    "EmbeddingStore": "_store",
    "TEMPLATES": "_prompts",
    "attempt": "_failures",
    "check_same_model": "_identity",
    "check_text": "_prompts",
    "decode_image": "_images",
    "describe_image": "_images",
    "embed_column": "_columns",
    "embed_prompts": "_prompts",
    "fill_template": "_prompts",
    "find_unreadable": "_columns",
    "image_digest": "_images",
    "listen": "_remarks",
    "load_backbone": "_loading",
    "open_image": "_opening",
    "open_store": "_session",
    "plain_settings": "_settings",
    "plain_text": "_prompts",
    "read_classes": "_prompts",
    "read_embedding_dim": "_loading",
    "read_templates": "_prompts",
    "record_model": "_identity",
    "refuse_missing": "_failures",
    "report_remarks": "_failures",
    "report_unreadable": "_failures",
    "resolve_device": "_loading",
    "session_store": "_session",
    "split_rows": "_rows",
    "unit_rows": "_columns",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
