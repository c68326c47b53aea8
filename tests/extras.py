"""Optional packages that a test needs, looked for without importing them.

OpenVINO reports its use over the network when it is imported otherwise than by us.
"""

from importlib.util import find_spec

import pytest


def require(*modules):
    """Skip the test, or the module that calls this, if one is not installed."""
    for module in modules:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed", allow_module_level=True)
