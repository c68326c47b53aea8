"""What a saved estimator remembers of its model, and the check at its next use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sklearn_clip._shared import ModelMismatchError

if TYPE_CHECKING:
    from sklearn_clip.embedding.backbone._backbone import Backbone

_TOLERANCE = 1e-2


def record_model(backbone: Backbone, named: tuple[Any, ...]) -> dict[str, Any]:
    """Note which model an estimator uses.

    Parameters
    ----------
    backbone : Backbone
        The model.
    named : tuple of (str, str or None), or of these and a dict or str
        Model name, tag and, where it is said, what the model is used with.

    Returns
    -------
    dict
        ``named``, ``fingerprint``, ``embedding_dim`` and the ``probe`` embeddings.
    """
    return {
        "named": named,
        "fingerprint": backbone.fingerprint,
        "embedding_dim": backbone.embedding_dim,
        "probe": backbone.probe(),
    }


def check_same_model(record: Mapping[str, Any], backbone: Backbone) -> None:
    """Check that a model is the one on record.

    Parameters
    ----------
    record : dict
        What `record_model` returned, perhaps long ago and on another machine.
    backbone : Backbone
        The model that bears the same name here and now.

    Raises
    ------
    ModelMismatchError
        If the weights differ, or the probe embeddings do.
    """
    if record["fingerprint"] != backbone.fingerprint:
        raise ModelMismatchError(
            "This featurizer was saved with other weights than those now found under "
            f"{record['named'][0]!r}: fingerprint {record['fingerprint']} then, "
            f"{backbone.fingerprint} now. Its features would mean something else to "
            "the steps behind it: bring back the weights, or fit again."
        )
    cosines = (record["probe"] * backbone.probe()).sum(axis=1)
    if not (cosines >= 1 - _TOLERANCE).all():
        raise ModelMismatchError(
            "The model has the same weights but gives other vectors than when this "
            "featurizer was saved: the cosine of the probe embeddings is "
            f"{cosines[0]:.4f} (image) and {cosines[1]:.4f} (text), "
            f"{1 - _TOLERANCE:.2f} is needed. Look for other preprocessing, or a "
            f"device that computes wrongly (now {str(backbone.device)!r}, "
            f"{backbone.precisions})."
        )
