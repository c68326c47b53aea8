"""What a forked child has of its parent: objects whose threads stayed behind."""

import ctypes
import os
import weakref
from typing import Any, Protocol


class _Abandons(Protocol):
    def abandon(self) -> None: ...


_owners: weakref.WeakSet[Any] = weakref.WeakSet()


def abandon_in_forks(owner: _Abandons) -> None:
    """Have an object told in every forked child that it is one.

    Parameters
    ----------
    owner : object
        Its `abandon` is called in the child, before anything else runs there.
    """
    _owners.add(owner)


def keep_forever(*objects: Any) -> None:
    """Never let go of objects, not even when the interpreter ends.

    A session of an inference library joins its threads when it is freed. In a forked
    child they are not there, and if one of them was just falling asleep it is waited
    for without end.

    Parameters
    ----------
    *objects : object
        What a forked child has of its parent.
    """
    for kept in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))


def _abandon_all():
    for owner in list(_owners):
        owner.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
