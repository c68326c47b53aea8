"""The pages of the API reference, from the `__all__` of the package and its rooms."""

import importlib
import inspect
import sys

from sphinx.pycode import ModuleAnalyzer

import sklearn_clip

_KINDS = {
    "Estimators and other classes": inspect.isclass,
    "Functions": inspect.isroutine,
    "Objects": lambda value: True,
}


def rooms():
    """Full names of the public modules: the package, then its rooms by name."""
    return [
        "sklearn_clip",
        *(
            f"sklearn_clip.{name}"
            for name in sorted(sklearn_clip.__all__)
            if inspect.ismodule(getattr(sklearn_clip, name))
        ),
    ]


def public_names(room):
    """Names of `room` that are neither modules nor dunders."""
    module = importlib.import_module(room)
    return [
        name
        for name in sorted(module.__all__, key=str.lower)
        if not inspect.ismodule(getattr(module, name)) and not name.startswith("__")
    ]


def home(room, name):
    """Where `name` is documented: at the top if public there, else in its room."""
    value = getattr(importlib.import_module(room), name)
    for owner in rooms():
        if name in public_names(owner):
            owned = getattr(importlib.import_module(owner), name)
            if owned is value:
                return f"{owner}.{name}"
    raise LookupError(f"{name} of {room} is public nowhere.")


def is_ours(value):
    """Whether a class member was written in this package."""
    value = getattr(value, "fget", None) or getattr(value, "func", None) or value
    value = getattr(value, "__func__", value)
    module = getattr(inspect.unwrap(value), "__module__", None) or ""
    return module.split(".")[0] == "sklearn_clip"


def undocumented(documented):
    """Public names that have no entry among `documented`."""
    return sorted(
        f"{room}.{name}"
        for room in rooms()
        for name in public_names(room)
        if home(room, name) not in documented
    )


def description(value, name):
    """The lines of the ``#:`` comment above a constant, where it is made."""
    for module in [name for name in sys.modules if name.startswith("sklearn_clip.")]:
        if getattr(sys.modules[module], name, None) is value:
            comments = ModuleAnalyzer.for_module(module).find_attr_docs()
            if ("", name) in comments:
                return comments["", name]
    return []


def undescribed():
    """Constants, of Python's own types, that have no such comment."""
    return sorted(
        f"{room}.{name}"
        for room in rooms()
        for name in public_names(room)
        if is_constant(value := getattr(importlib.import_module(room), name))
        if not description(value, name)
    )


def is_constant(value):
    """Whether the docstring of a value's type says nothing of the value."""
    return type(value).__module__ == "builtins" and not (
        inspect.isclass(value) or inspect.isroutine(value)
    )


def _section(title, entries, toctree):
    lines = [title, "-" * len(title), "", ".. autosummary::", "   :nosignatures:"]
    lines += ["   :toctree: generated"] if toctree else []
    return [*lines, "", *(f"   {entry}" for entry in entries), ""]


def _page(room):
    module = importlib.import_module(room)
    names = public_names(room)
    own = [name for name in names if home(room, name) == f"{room}.{name}"]
    lines = [
        room,
        "=" * len(room),
        "",
        f".. automodule:: {room}",
        "   :no-members:",
        "",
    ]
    lines += [f".. currentmodule:: {room}", ""]
    for title, belongs in _KINDS.items():
        here = [name for name in own if belongs(getattr(module, name))]
        own = [name for name in own if name not in here]
        if here:
            lines += _section(title, here, True)
    elsewhere = [home(room, name) for name in names]
    elsewhere = [f"~{full}" for full in elsewhere if not full.startswith(f"{room}.")]
    if elsewhere:
        lines += _section("Documented elsewhere", elsewhere, False)
    return "\n".join(lines)


def write_reference(folder):
    """Write one page for every public module, and the page that lists them."""
    folder.mkdir(exist_ok=True)
    homes = {home(room, name) for room in rooms() for name in public_names(room)}
    for page in (folder / "generated").glob("*.rst"):
        if page.stem not in homes:
            page.unlink()  # of a name that has moved or gone
    for room in rooms():
        _write(folder / f"{room}.rst", _page(room))
    lines = [
        "API reference",
        "=============",
        "",
        ".. toctree::",
        "   :maxdepth: 1",
        "   :hidden:",
        "",
    ]
    lines += [f"   {room}" for room in rooms()]
    lines += ["", ".. list-table::", "   :widths: 30 70", ""]
    for room in rooms():
        summary = inspect.getdoc(importlib.import_module(room)).partition("\n")[0]
        lines += [f"   * - :doc:`{room}`", f"     - {summary}"]
    _write(folder / "index.rst", "\n".join([*lines, ""]))


def _write(path, text):
    """Leave an unchanged page alone, so that Sphinx need not read it again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text)
