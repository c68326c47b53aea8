"""How a tagger was made: its parts, its model, the versions that ran."""

import platform
from importlib.metadata import PackageNotFoundError, version

from sklearn_clip._shared import last_part, nested_estimators, public_repr
from sklearn_clip.embedding.backbone._names import weights_tag

_PACKAGES = ("sklearn-clip", "scikit-learn", "numpy", "torch", "open_clip_torch")


def describe_tagger(tagger):
    """Say of what a tagger consists.

    Parameters
    ----------
    tagger : estimator instance or None
        A fitted classifier, Pipeline, search or meta-estimator; None for scores alone.

    Returns
    -------
    list of tuple (str, str)
        What, and what it is: its classes, its model and where that is from.
    """
    if tagger is None:
        return [("Tagger", "scores that were there already")]
    parts = [type(part).__name__ for part in nested_estimators(tagger)]
    facts = [("Tagger", " › ".join(parts))]
    model = _find(tagger, "model_name")
    weights = model and weights_tag(model, _find(tagger, "pretrained"))
    for what, value in (
        ("Model", last_part(model)),
        ("Weights", last_part(weights)),
        ("Fusion", _find(tagger, "fusion")),
        ("Fingerprint", _find(tagger, "model_fingerprint_")),
    ):
        if value is not None:
            facts.append((what, str(value)))
    return [*facts, ("Parameters", public_repr(tagger))]


def describe_versions():
    """List the versions that are running.

    Returns
    -------
    str
        Of Python, this package and what it stands on.
    """
    found = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # a build that keeps no record of itself
            continue
    return ", ".join(found)


def _find(tagger, attribute):
    """Value of an attribute in a tagger or any part of it."""
    for part in nested_estimators(tagger):
        for _, step in getattr(part, "steps", [(None, part)]):
            value = getattr(step, attribute, None)
            if value is None:  # a featurizer inside a zero-shot or fine-tuned part
                inner = getattr(step, "featurizer_", None)
                value = getattr(inner, attribute, None)
            if value is not None:
                return value
    return None
