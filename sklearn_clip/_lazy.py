"""Names that are imported when they are first used.

A type checker runs nothing: it finds the same names in imports below
``if TYPE_CHECKING``, `as` themselves, which is how a typed package hands a name on.
"""

import importlib
import sys


def lazy_names(package, homes, rooms=()):
    """Make ``__getattr__`` and ``__dir__`` of a package that imports on demand.

    Parameters
    ----------
    package : str
        Name of the package.
    homes : dict of str to str
        Public names, and the module of the package each lives in.
    rooms : tuple of str, default=()
        Public modules of the package.

    Returns
    -------
    tuple of callable
        ``__getattr__`` and ``__dir__``.
    """

    def get(name):
        if name in homes:
            value = getattr(_import(f"{package}.{homes[name]}"), name)
        elif name in rooms:
            value = _import(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        vars(sys.modules[package])[name] = value
        return value

    def list_names():
        module = sys.modules[package]
        return sorted({*vars(module), *module.__all__})

    return get, list_names


def _import(module):
    try:
        return importlib.import_module(module)
    except AttributeError as exc:
        # Of a package that does not fit another one. Python would take it for the
        # answer that there is no such name, and say only that.
        raise ImportError(f"{module} cannot be imported: {exc}") from exc
