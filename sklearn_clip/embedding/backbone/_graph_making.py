"""Towers for other engines than torch: found in the cache, or made and tried once."""

import importlib
from dataclasses import asdict

import numpy as np
from PIL import Image

from sklearn_clip._shared import WeightsUnavailableError, own_modes
from sklearn_clip.embedding.engines._graph_towers import (
    GraphImageTower,
    GraphTextTower,
    useful_lengths,
)
from sklearn_clip.embedding.engines._graphs import find_graph, make_graph
from sklearn_clip.embedding.engines._notes import find_version
from sklearn_clip.embedding.engines._processor import processor_kind, processor_name
from sklearn_clip.embedding.engines._trial import (
    LEAST_COSINE,
    N_ITEMS,
    depends_on_batch,
    encode_trial,
    worst_cosine,
)
from sklearn_clip.embedding.engines._trial_items import (
    PARTS,
    varied_pictures,
    varied_texts,
)
from sklearn_clip.embedding.images._preparation import PixelPlan, Preparation

# A graph in fp32 whose vectors are further off than this is not the tower.
_SAME = 0.9999
# Makes the graphs of 8 bits; another version makes other ones.
_QUANTIZER = "nncf"
# Items on which a graph of 8 bits is tried.
_SMALL_ITEMS = 64


def open_graph_tower(backbone, tower, engine, precision, say):
    """Have a tower run by another engine than torch.

    Parameters
    ----------
    backbone : Backbone
        The model.
    tower : {"image", "text"}
        The tower.
    engine : {"onnxruntime", "openvino"}
        What is to run it.
    precision : {"int8", "bf16", "fp32"}
        How.
    say : callable
        Is told what takes long.

    Returns
    -------
    GraphImageTower, GraphTextTower or str
        The tower at work, or why it is not.
    """
    runs = importlib.import_module(f"sklearn_clip.embedding.engines._{engine}")
    plan = None
    if tower == "image":
        plan = backbone.notes.recall("plan", lambda: _read_plan(backbone))
        if plan is None:
            return "its preprocessing is done by torch"
        plan = _as_plan(plan)
    by_name = backbone.asked_for[1] == precision
    if (
        (precision, tower) == ("int8", "image")
        and not by_name
        and backbone.sees_by_convolutions
    ):
        return "a tower of convolutions gains next to nothing by it"
    said = {
        "engine": engine,
        "version": runs.version(),
        "precision": precision,
        "cpu": processor_name(),
        "of": backbone.preprocessing if tower == "image" else backbone.tokenization,
        # Only bf16 by name is taken as it comes.
        "bound": precision != "bf16" or not by_name,
    }
    if backbone.output_of(tower) != "embedding":
        said["output"] = backbone.output_of(tower)
    if precision == "int8":
        said["quantizer"] = find_version(_QUANTIZER)
    where = backbone.fingerprint, tower, said
    making = _Making(backbone, tower, plan, runs, precision, said["bound"])
    graph = find_graph(*where)
    if graph is None:
        say(
            f"Preparing the {tower} tower for {engine}"
            f"{' in 8 bits' if precision == 'int8' else ''}, once on this machine."
        )
        try:
            graph = make_graph(*where, making.build)
        except (OSError, MemoryError, ImportError) as exc:
            is_named = backbone.asked_for[0] == engine
            if isinstance(exc, WeightsUnavailableError) or (
                isinstance(exc, ImportError) and is_named
            ):
                raise
            # Of this hour and this machine, not of the tower: tried again next time.
            return f"it cannot be prepared now ({_first_line(exc)})"
    if graph.refused:
        return graph.refused
    try:
        return making.open(graph)
    except (OSError, RuntimeError) as exc:
        return f"its graph cannot be opened ({_first_line(exc)})"


def _untrue(cosine):
    return (
        f"the worst cosine to fp32 of varied items is {cosine:.4f}, where "
        f"{LEAST_COSINE} is needed"
    )


def _first_line(exc):
    return f"{(str(exc).splitlines() or [type(exc).__name__])[0]:.200}"


def _read_plan(backbone):
    """Say how pictures are prepared, as JSON keeps it."""
    from sklearn_clip.embedding.backbone._transform import read_plan

    plan = read_plan(backbone.torch_towers.transform())
    return None if plan is None else asdict(plan)


def _as_plan(said):
    lists = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    return PixelPlan(**lists)


class _Making:
    """One tower on its way into a graph.

    Parameters
    ----------
    backbone, tower, precision : Backbone, str and str
        As of `open_graph_tower`.
    plan : PixelPlan or None
        How pictures are prepared.
    runs : module
        The engine.
    bound : bool
        Whether it has to be true to fp32.
    """

    def __init__(self, backbone, tower, plan, runs, precision, bound):
        self._backbone = backbone
        self._tower = tower
        self._plan = plan
        self._runs = runs
        self._precision = precision
        self._bound = bound

    @own_modes()
    def build(self, folder):
        """Write the graph and say how true it is; see `make_graph`."""
        try:
            graph, exact, expected = self._convert()
            record = {"refused": None, "padding": getattr(exact, "padding", None)}
            if self._precision == "int8":
                return self._build_small(graph, exact, record, folder)
            cosine = self._try(graph, self._precision, expected, record)
        except (OSError, MemoryError, ImportError):
            raise
        except Exception as exc:  # the engines fail in the ways of many libraries
            return {"refused": f"it cannot be converted ({_first_line(exc)})"}
        record["cosine"] = cosine
        if self._precision == "fp32" and cosine < _SAME:
            return record | {"refused": "its graph gives other vectors than torch"}
        if self._bound and cosine < LEAST_COSINE:
            return record | {"refused": _untrue(cosine)}
        self._runs.write(graph, folder, self._precision)
        return record

    def _convert(self):
        """Make the graph, and the vectors it should give, once for all precisions."""
        made = self._backbone.converted
        key = self._tower, self._runs.__name__
        if key not in made:
            towers = self._backbone.torch_towers
            exact = towers.make(self._tower, "fp32", stays=False)
            expected = encode_trial(exact, self._tower, self._size)
            module, example = exact.as_module(self._runs.PLAIN_ATTENTION)
            made[key] = self._runs.convert(module, example), exact, expected
        return made[key]

    def _build_small(self, graph, exact, record, folder):
        """Build a graph of 8 bits, which more items try: it errs by outliers."""
        quantization = importlib.import_module(
            "sklearn_clip.embedding.engines._quantization"
        )
        make = self._make_pictures if self._tower == "image" else self._make_tokens
        inputs = {part: make(part, record["padding"]) for part in PARTS}
        expected = encode_trial(exact, self._tower, self._size, _SMALL_ITEMS)
        small, cosine, _ = quantization.quantize(
            graph,
            inputs["calibration"][:N_ITEMS],
            inputs["trial"],
            expected,
            least_cosine=LEAST_COSINE,
            precision=self._runs.HINTS[self._rest],
        )
        if small is None:
            return record | {"refused": _untrue(cosine)}
        cosine = self._try(small, self._rest, expected, record)
        if cosine < LEAST_COSINE:
            return record | {"refused": _untrue(cosine)}
        self._runs.write(small, folder, "int8")
        return record | {"cosine": cosine, "digest": self._runs.digest(folder)}

    def _make_pictures(self, part, padding):
        pixels = Preparation(self._plan)
        pictures = varied_pictures(_SMALL_ITEMS, part, self._size)
        return [pixels(Image.fromarray(picture)) for picture in pictures]

    def _make_tokens(self, part, padding):
        tokens = np.asarray(self._tokenizer(varied_texts(_SMALL_ITEMS, part)))
        tokens = tokens.astype(np.int64)
        lengths = useful_lengths(tokens, padding)
        return [row[:n] for row, n in zip(tokens, lengths, strict=True)]

    def _try(self, graph, precision, expected, record):
        """Worst cosine of a graph to fp32; 0.0 where a vector depends on its batch."""
        session = self._runs.Session(None, precision, graph)
        tower = self._wrap(session, record, "")
        found = encode_trial(tower, self._tower, self._size, len(expected))
        if depends_on_batch(tower, self._tower, self._size, found):
            return 0.0
        return worst_cosine(found, expected)

    def open(self, graph):
        """Put a graph to work.

        Parameters
        ----------
        graph : Graph
            From the cache.

        Returns
        -------
        GraphImageTower or GraphTextTower
            The tower at work.
        """
        small = self._precision == "int8"
        session = self._runs.Session(
            graph.folder, self._rest if small else self._precision
        )
        record = graph.record
        name = f"{record['said']['engine']}-{record['said']['version']}"
        identity = f"{name}-{session.precision}"
        if small:
            identity = f"{name}-int8-{session.precision}-{record['digest']}"
        return self._wrap(session, record, identity)

    def _wrap(self, session, record, identity):
        # As the CPU does it: without units for bf16 that may be fp32.
        precision = "int8" if self._precision == "int8" else session.precision
        if self._tower == "image":
            side = self._plan.draft_side
            prepare = Preparation(self._plan)
            return GraphImageTower(session, prepare, side, precision, identity)
        padding = record["padding"]
        return GraphTextTower(session, self._tokenizer, padding, precision, identity)

    @property
    def _tokenizer(self):
        return self._backbone.light_tokenizer or self._backbone.tokenizer

    @property
    def _size(self):
        return None if self._plan is None else self._plan.size

    @property
    def _rest(self):
        """Arithmetic of what is left unquantised: what the CPU does fastest."""
        return "bf16" if processor_kind() == "bf16" else "fp32"
