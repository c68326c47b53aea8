"""What a saved estimator remembers of its model, and the check at its next use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_clip._shared import ModelMismatchError
from sklearn_clip.embedding.backbone._parts import TOWERS

if TYPE_CHECKING:
    from sklearn_clip.embedding.backbone._backbone import Backbone

_TOLERANCE = 1e-2


def record_model(
    backbone: Backbone,
    named: tuple[Any, ...],
    towers: Collection[str] = TOWERS,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Note which model an estimator uses.

    Parameters
    ----------
    backbone : Backbone
        The model.
    named : tuple of (str, str or None), or of these and a dict or str
        Model name, tag and, where it is said, what the model is used with.
    towers : collection of {"image", "text"}, default=("image", "text")
        The towers that are used, of which the probe is noted.
    known : dict or None, default=None
        What is on record of this model, of other towers perhaps.

    Returns
    -------
    dict
        ``named``, ``fingerprint``, ``embedding_dim``, the ``probe`` embeddings, one row
        each or a list of them where their lengths differ, and the ``towers`` whose they
        are.
    """
    before = {} if known is None else _probes(known)
    rows = {t: before[t] if t in before else backbone.probe([t])[0] for t in towers}
    rows = before | rows
    towers = [tower for tower in TOWERS if tower in rows]
    probe: Any = np.empty((0, backbone.embedding_dim), dtype=np.float32)
    if towers:
        probe = [rows[tower] for tower in towers]
        if len({len(row) for row in probe}) == 1:
            probe = np.stack(probe)
    return {
        "named": named,
        "fingerprint": backbone.fingerprint,
        "embedding_dim": backbone.embedding_dim,
        "probe": probe,
        "towers": towers,
    }


def check_same_model(
    record: Mapping[str, Any], backbone: Backbone, towers: Collection[str] = TOWERS
) -> None:
    """Check that a model is the one on record.

    Parameters
    ----------
    record : dict
        What `record_model` returned, perhaps long ago and on another machine.
    backbone : Backbone
        The model that bears the same name here and now.
    towers : collection of {"image", "text"}, default=("image", "text")
        The towers that are used, of which those on record are tried.

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
    cosines = {
        tower: float(probe @ backbone.probe([tower])[0])
        for tower, probe in _probes(record).items()
        if tower in towers
    }
    if not all(cosine >= 1 - _TOLERANCE for cosine in cosines.values()):
        said = " and ".join(f"{c:.4f} ({tower})" for tower, c in cosines.items())
        raise ModelMismatchError(
            "The model has the same weights but gives other vectors than when this "
            f"featurizer was saved: the cosine of the probe embeddings is {said}, "
            f"{1 - _TOLERANCE:.2f} is needed. Look for other preprocessing, or a "
            f"device that computes wrongly (now {str(backbone.device)!r}, "
            f"{backbone.arithmetic})."
        )


def recorded_widths(record: Mapping[str, Any]) -> dict[str, int]:
    """Return the lengths of the vectors of the towers on record.

    Parameters
    ----------
    record : dict
        From `record_model`.

    Returns
    -------
    dict of str to int
        By tower.
    """
    return {tower: len(probe) for tower, probe in _probes(record).items()}


def covers(record: Mapping[str, Any], towers: Collection[str]) -> bool:
    """Whether probes of all these towers are on record.

    Parameters
    ----------
    record : dict
        From `record_model`.
    towers : collection of {"image", "text"}
        The towers.

    Returns
    -------
    bool
        The answer.
    """
    return _probes(record).keys() >= set(towers)


def _probes(record):
    """Probe by tower; what was saved before towers were noted has both."""
    return dict(zip(record.get("towers", TOWERS), record["probe"], strict=True))
