"""What the readers of pictures remark on the way: heard in each thread, told once."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import warnings
from collections.abc import Iterator
from typing import TypeAlias

from PIL import Image

Remark: TypeAlias = tuple[type[Warning], str]
_heard = threading.local()
_lock = threading.Lock()
# How many threads listen, and what undoes what the first of them has set up.
_listeners = 0
_undo = contextlib.ExitStack()
# libtiff's functions that set where its messages go.
_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")


def _renew_lock():
    """Give a forked child a lock that nobody holds; nobody listens in it."""
    global _lock, _listeners
    _lock = threading.Lock()
    _listeners = 0
    _undo.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextlib.contextmanager
def listen() -> Iterator[list[Remark]]:
    """Collect the warnings of this thread instead of showing them.

    Only what would be shown is collected: filters that ignore a warning or make an
    error of it are obeyed. Other threads' warnings are shown as ever, which
    ``warnings.catch_warnings`` does not promise. What libtiff itself writes to the
    standard error is dropped, of all threads, for as long as one of them listens: it
    has but one place for its messages. The errors themselves Pillow raises.

    Yields
    ------
    list of tuple (category, text)
        The warnings.
    """
    outer = getattr(_heard, "remarks", None)
    remarks: list[Remark] = []
    _heard.remarks = remarks
    _begin()
    try:
        yield remarks
    finally:
        _end()
        _heard.remarks = outer


def _begin():
    global _listeners
    with _lock:
        _listeners += 1
        if _listeners == 1:
            _undo.callback(_divert_warnings())
            _undo.callback(_mute_libtiff())


def _end():
    global _listeners
    with _lock:
        _listeners -= 1
        if _listeners == 0:
            _undo.close()


def _divert_warnings():
    """Show warnings to threads that listen; return what ends that."""
    show = warnings.showwarning

    def divert(message, category, *place, **options):
        remarks = getattr(_heard, "remarks", None)
        if remarks is None:
            show(message, category, *place, **options)
        else:
            remarks.append((category, str(message)))

    def restore():
        # Another thread that came in between puts back what it has found, which then
        # hands on whatever it is given.
        if warnings.showwarning is divert:
            warnings.showwarning = show

    warnings.showwarning = divert
    return restore


def _mute_libtiff():
    """Let libtiff keep its messages to itself; return what ends that."""
    setters = _libtiff_setters()
    before = [(setter, setter(None)) for setter in setters]

    def restore():
        for setter, handler in before:
            setter(handler)

    return restore


def _libtiff_setters():
    """Functions of the libtiff that Pillow is linked to, where they can be found."""
    global _setters
    if _setters is None:
        try:
            # Symbols of a library are looked for in those it depends on, too.
            library = ctypes.CDLL(Image.core.__file__)
            _setters = [getattr(library, name) for name in _HANDLERS]
        except (AttributeError, OSError):  # linked in statically, or none at all
            _setters = []
        for setter in _setters:
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
    return _setters


_setters = None
