"""OpenVINO and nncf, imported without a word to their authors.

Both report their use over the network when they are imported or called, unless a file
in the user's home forbids it. This package sends nothing. They do without the package
that sends where it is not there.
"""

import importlib
import sys

_SENDER = "openvino_telemetry"


def import_quietly(name):
    """Import a module of OpenVINO or nncf.

    Parameters
    ----------
    name : str
        The module.

    Returns
    -------
    module
        The module. Who has imported it before has also decided what it reports.
    """
    hides = _SENDER not in sys.modules
    if hides:
        sys.modules[_SENDER] = None  # as if it was not installed
    try:
        return importlib.import_module(name)
    finally:
        if hides:
            del sys.modules[_SENDER]
