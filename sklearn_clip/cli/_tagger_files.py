"""Tagger files: written whole or not at all, read without running foreign code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sklearn_clip._shared import import_optional, whole_file

# What a tagger of ours consists of beside what skops trusts by itself.
_OURS = ("sklearn_clip.",)
_SUFFIXES = (".skops", ".joblib")


def check_name(path: Path) -> None:
    """Check the name of a tagger file that is to be written, before long work.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If its suffix is unknown.
    ImportError
        If skops is needed and not installed.
    """
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"The tagger's file must end in .skops or .joblib. Got {str(path)!r}."
        )
    if path.suffix == ".skops":
        _import_skops()


def save_tagger(tagger: Any, path: Path) -> None:
    """Write a tagger; the file is there whole, or as it was before.

    Parameters
    ----------
    tagger : estimator instance
        A fitted tagger.
    path : Path
        A file that ends in .skops or .joblib.
    """
    with whole_file(path, "wb") as file:
        if path.suffix == ".skops":
            skops = _import_skops()
            file.write(skops.dumps(tagger))
        else:
            import joblib

            joblib.dump(tagger, file, compress=3)


def load_tagger(path: Path, trust: bool) -> Any:
    """Read a tagger.

    Parameters
    ----------
    path : Path
        The file.
    trust : bool
        Whether it may run code: a .joblib file, or types of other packages.

    Returns
    -------
    estimator instance
        The tagger; an `OnnxTagger` that reads pictures as the command does.

    Raises
    ------
    ValueError
        If it needs trust that it does not have, or is no tagger file.
    FileNotFoundError
        If it is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no tagger file {str(path)!r}.")
    if path.suffix == ".skops":
        return _load_skops(path, trust)
    if path.suffix == ".onnx":
        from sklearn_clip.export import OnnxTagger

        # Pictures are read as the command does, see `prepare_tagger`.
        return OnnxTagger(path, image_root=".", missing="zero", on_error="zero")
    if path.suffix != ".joblib":
        raise ValueError(
            "The tagger's file must end in .skops, .onnx or .joblib. Got "
            f"{str(path)!r}."
        )
    if not trust:
        raise ValueError(
            f"{str(path)!r} is a pickle, which can run any code when it is loaded. Add "
            "--trust if you know who made it; a .skops file needs no trust."
        )
    import joblib

    try:
        tagger = joblib.load(path)
    except ImportError:  # it says which package is missing
        raise
    except Exception as exc:  # pickles raise nearly anything
        raise ValueError(
            f"{str(path)!r} is no joblib file that can be read here: "
            f"{type(exc).__name__}: {exc!s:.200}"
        ) from exc
    _check_tagger(tagger, path)
    return tagger


def _import_skops() -> Any:
    """Import skops without torch.

    It imports all of scikit-learn to learn the names of the estimators. Among that is
    an adapter for torch, without any, which takes seconds where torch is installed.
    """
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        return import_optional("skops.io", extra="cli", purpose="A .skops file")
    finally:
        if hidden:
            del sys.modules["torch"]


def _load_skops(path: Path, trust: bool) -> Any:
    skops = _import_skops()
    try:
        found = skops.get_untrusted_types(file=path)
    except Exception as exc:  # skops raises what zip, JSON and its own reader raise
        raise ValueError(f"{str(path)!r} is no skops file: {exc}") from exc
    foreign = [name for name in found if not name.startswith(_OURS)]
    if foreign and not trust:
        raise ValueError(
            f"{str(path)!r} has types that could run code of other packages: "
            f"{', '.join(foreign[:5])}. Add --trust if you know who made it."
        )
    tagger = skops.load(path, trusted=found)
    _check_tagger(tagger, path)
    return tagger


def _check_tagger(tagger: Any, path: Path) -> None:
    if not hasattr(tagger, "predict"):
        raise ValueError(
            f"{str(path)!r} must hold a fitted tagger. Got {type(tagger).__name__}."
        )
