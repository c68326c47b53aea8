"""OpenVINO and nncf, imported without a word to their authors.

Both report their use over the network when they are imported or called, unless a file
in the user's home forbids it. This package sends nothing. They do without the package
that sends where it is not there.
"""

import importlib
import logging
import sys

_SENDER = "openvino_telemetry"
# Says at import that a machine without a GPU has none.
_TALKER = "torch.utils.cpp_extension"


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
    logger = logging.getLogger(_TALKER)
    before = logger.disabled
    if hides:
        sys.modules[_SENDER] = None  # as if it was not installed
    logger.disabled = True
    try:
        return importlib.import_module(name)
    finally:
        logger.disabled = before
        if hides:
            del sys.modules[_SENDER]
