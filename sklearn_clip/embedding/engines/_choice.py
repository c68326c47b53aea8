"""Which engine and precision run a tower, in what order they are tried."""

import contextlib
import os
from importlib.util import find_spec

from sklearn_clip.embedding.engines._processor import processor_kind

# Names the engine that "auto" stands for, where it is set.
VARIABLE = "SKLEARN_CLIP_ENGINE"
ENGINES = ("auto", "torch", "onnxruntime", "openvino")
# Extra of this package that brings an engine, and what is imported of it.
_EXTRAS = {
    "onnxruntime": ("onnx", ("onnxruntime", "onnx")),
    "openvino": ("openvino", ("openvino",)),
}
# What makes graphs of 8 bits, of the same extra as their engine.
_QUANTIZER = "nncf"
# Arithmetic that an engine has on CPUs, the most exact one last.
_PRECISIONS = {
    "torch": ("bf16", "fp16", "fp32"),
    "onnxruntime": ("fp32",),
    "openvino": ("int8", "bf16", "fp32"),
}
# What "auto" tries on CPUs, by kind of CPU and tower, the fastest first: measured with
# `benchmarks/bench_engines.py` on 2026-11-27 and 28. It is a rule and not a race: a
# race would end otherwise on another day, and the store would hold nothing of what was
# encoded before. A kind of CPU that was not measured stays with torch.
_FASTEST = {
    "bf16": {
        "image": (("openvino", "int8"), ("openvino", "bf16"), ("openvino", "fp32")),
        # 8 bits would be 1.6 times as fast for texts, and a minute to prepare: that is
        # the time of some 20,000 captions in bf16.
        "text": (("openvino", "bf16"), ("openvino", "fp32")),
    },
    "vnni": {
        "image": (("openvino", "int8"), ("openvino", "fp32")),
        "text": (("openvino", "int8"), ("openvino", "fp32")),
    },
    # 8 bits are no faster there than fp32, nor is an engine than torch by more than the
    # noise. They start in a third of its time, in less memory, and a row takes less.
    "avx2": {
        "image": (("openvino", "fp32"), ("onnxruntime", "fp32")),
        "text": (("openvino", "fp32"), ("onnxruntime", "fp32")),
    },
}


def is_installed(engine):
    """Whether an engine can be imported.

    Parameters
    ----------
    engine : {"torch", "onnxruntime", "openvino"}
        The engine.

    Returns
    -------
    bool
        The answer; torch is always there.
    """
    _, modules = _EXTRAS.get(engine, ("", ()))
    return all(find_spec(module) is not None for module in modules)


def check_engine(engine, precision):
    """Refuse what does not go together, or is not installed.

    Parameters
    ----------
    engine, precision : str
        As the user names them.

    Raises
    ------
    ValueError
        If the engine has no such precision.
    ImportError
        If it is not installed.
    """
    if engine not in ENGINES:
        raise ValueError(
            f"engine must be one of {', '.join(map(repr, ENGINES))}. Got {engine!r}."
        )
    if engine == "auto":
        if precision == "int8":
            check_engine("openvino", precision)
        return
    known = _PRECISIONS[engine]
    if precision not in ("auto", *known):
        having = [e for e, found in _PRECISIONS.items() if precision in found]
        raise ValueError(
            f"precision must be 'auto' or one of {', '.join(map(repr, known))} with "
            f"engine={engine!r}. Got {precision!r}, which "
            f"{' and '.join(map(repr, having))} has."
        )
    extra, modules = _EXTRAS.get(engine, ("", ()))
    needed = (*modules, _QUANTIZER) if precision == "int8" else modules
    missing = [module for module in needed if find_spec(module) is None]
    if missing:
        what = "precision='int8'" if missing == [_QUANTIZER] else f"engine={engine!r}"
        raise ImportError(
            f"{what} needs {missing[0]}, which is not installed. Install it "
            f"with: pip install \"sklearn-clip[{extra}]\". engine='auto' takes what "
            "there is."
        )


def resolve_engine(engine):
    """Say what "auto" stands for.

    Parameters
    ----------
    engine : str
        As the user names it.

    Returns
    -------
    str
        The engine that ``SKLEARN_CLIP_ENGINE`` names, where it is set and `engine` is
        ``"auto"``.
    """
    return os.environ.get(VARIABLE) or engine if engine == "auto" else engine


@contextlib.contextmanager
def naming_the_variable(engine):
    """Have an error say that the engine is named outside the program, if it is.

    Parameters
    ----------
    engine : str
        As the user names it.
    """
    try:
        yield
    except (ValueError, ImportError) as exc:
        named = os.environ.get(VARIABLE)
        if engine != "auto" or not named:
            raise
        raise type(exc)(
            f"{exc} (The environment variable {VARIABLE}={named} makes that of "
            "engine='auto'.)"
        ) from exc


def list_graphs(engine, precision, tower):
    """List the graphs that are tried for a tower on a CPU before torch, in order.

    Parameters
    ----------
    engine, precision : str
        As the user names them, and `check_engine` has checked them.
    tower : {"image", "text"}
        The tower.

    Returns
    -------
    list of tuple of (str, str)
        Engines with their precisions, of which the first that serves is taken.
    """
    if engine == "torch" or precision == "fp16":
        return []
    if precision == "int8":
        return [("openvino", "int8")]
    known = _FASTEST.get(processor_kind(), {}).get(tower, ())
    if engine == "auto":
        known = [choice for choice in known if is_installed(choice[0])]
    else:
        known = [choice for choice in known if choice[0] == engine]
        known = known or [(engine, "fp32")]
    if find_spec(_QUANTIZER) is None:
        known = [choice for choice in known if choice[1] != "int8"]
    if precision == "auto":
        return known
    names = dict.fromkeys(name for name, _ in known)
    return [(name, precision) for name in names if precision in _PRECISIONS[name]]
