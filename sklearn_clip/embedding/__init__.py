"""Rows to unit vectors: what a CLIP model makes of images and texts."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

# The store needs no torch: names are imported when they are used.
_HOMES = {
    "Backbone": "backbone._backbone",
    "Background": "_background",
    "Cells": "_rows",
    "REGIONS": "_regions",
    "EmbeddingStore": "store._store",
    "Preparation": "images._preparation",
    "ModelInMemory": "backbone._model_files",
    "TEMPLATES": "_prompts",
    "attempt": "_failures",
    "check_regions": "_regions",
    "check_room": "_regions",
    "check_same_model": "backbone._identity",
    "check_text": "_prompts",
    "count_threads": "_readers",
    "covers": "backbone._identity",
    "decode_image": "images._decoding",
    "describe_image": "images._decoding",
    "embed_cells": "_cells",
    "embed_column": "_columns",
    "embed_prompts": "_prompts",
    "fast_precision": "backbone._precision",
    "fill_template": "_prompts",
    "find_present": "_cells",
    "find_processes": "_processes",
    "find_unreadable": "_columns",
    "image_digest": "images._decoding",
    "image_parts": "_regions",
    "is_narrow": "backbone._precision",
    "listen": "images._decoder_warnings",
    "load_backbone": "backbone._loading",
    "name_regions": "_regions",
    "open_image": "images._opening",
    "open_store": "store._session",
    "plain_settings": "backbone._preprocess_settings",
    "plain_text": "_prompts",
    "read_classes": "_prompts",
    "read_embedding_dim": "backbone._fetching",
    "read_folder": "backbone._fetching",
    "read_templates": "_prompts",
    "read_widths": "backbone._fetching",
    "record_model": "backbone._identity",
    "recorded_widths": "backbone._identity",
    "refuse_missing": "_failures",
    "report_remarks": "_failures",
    "report_unreadable": "_failures",
    "region_boxes": "_regions",
    "resolve_device": "backbone._device",
    "session_store": "store._session",
    "side_by_side": "_regions",
    "split_rows": "_rows",
    "stack_pictures": "backbone._towers",
    "unit_rows": "_columns",
    "with_fused_attention": "backbone._attention",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip.embedding._background import Background as Background
    from sklearn_clip.embedding._cells import (
        embed_cells as embed_cells,
        find_present as find_present,
    )
    from sklearn_clip.embedding._columns import (
        embed_column as embed_column,
        find_unreadable as find_unreadable,
        unit_rows as unit_rows,
    )
    from sklearn_clip.embedding._failures import (
        attempt as attempt,
        refuse_missing as refuse_missing,
        report_remarks as report_remarks,
        report_unreadable as report_unreadable,
    )
    from sklearn_clip.embedding._processes import find_processes as find_processes
    from sklearn_clip.embedding._prompts import (
        TEMPLATES as TEMPLATES,
        check_text as check_text,
        embed_prompts as embed_prompts,
        fill_template as fill_template,
        plain_text as plain_text,
        read_classes as read_classes,
        read_templates as read_templates,
    )
    from sklearn_clip.embedding._readers import count_threads as count_threads
    from sklearn_clip.embedding._regions import (
        REGIONS as REGIONS,
        check_regions as check_regions,
        check_room as check_room,
        image_parts as image_parts,
        name_regions as name_regions,
        region_boxes as region_boxes,
        side_by_side as side_by_side,
    )
    from sklearn_clip.embedding._rows import Cells as Cells, split_rows as split_rows
    from sklearn_clip.embedding.backbone._attention import (
        with_fused_attention as with_fused_attention,
    )
    from sklearn_clip.embedding.backbone._backbone import Backbone as Backbone
    from sklearn_clip.embedding.backbone._identity import (
        check_same_model as check_same_model,
        covers as covers,
        record_model as record_model,
        recorded_widths as recorded_widths,
    )
    from sklearn_clip.embedding.backbone._device import resolve_device as resolve_device
    from sklearn_clip.embedding.backbone._fetching import (
        read_embedding_dim as read_embedding_dim,
        read_folder as read_folder,
        read_widths as read_widths,
    )
    from sklearn_clip.embedding.backbone._loading import load_backbone as load_backbone
    from sklearn_clip.embedding.backbone._model_files import (
        ModelInMemory as ModelInMemory,
    )
    from sklearn_clip.embedding.backbone._precision import (
        fast_precision as fast_precision,
        is_narrow as is_narrow,
    )
    from sklearn_clip.embedding.backbone._preprocess_settings import (
        plain_settings as plain_settings,
    )
    from sklearn_clip.embedding.backbone._towers import stack_pictures as stack_pictures
    from sklearn_clip.embedding.images._decoder_warnings import listen as listen
    from sklearn_clip.embedding.images._decoding import (
        decode_image as decode_image,
        describe_image as describe_image,
        image_digest as image_digest,
    )
    from sklearn_clip.embedding.images._preparation import Preparation as Preparation
    from sklearn_clip.embedding.images._opening import open_image as open_image
    from sklearn_clip.embedding.store._session import (
        open_store as open_store,
        session_store as session_store,
    )
    from sklearn_clip.embedding.store._store import EmbeddingStore as EmbeddingStore
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
