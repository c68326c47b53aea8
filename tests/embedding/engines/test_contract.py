"""Every engine offers what the contract asks for, under the same names."""

import importlib
import inspect

import pytest

from sklearn_clip.embedding.engines import _contract

pytestmark = pytest.mark.any_processor


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_engine_keeps_the_contract(name):
    engine = importlib.import_module(f"sklearn_clip.embedding.engines._{name}")
    asked = [
        (getattr(engine, function), getattr(_contract.Engine, function), 1)
        for function in ("version", "convert", "write")
    ]
    asked += [
        (getattr(engine.Session, function), getattr(_contract.Session, function), 0)
        for function in ("__init__", "run")
    ]
    for found, expected, left_out in asked:
        parameters = list(inspect.signature(expected).parameters)[left_out:]
        assert list(inspect.signature(found).parameters) == parameters
        assert inspect.getdoc(found) or found.__name__ == "__init__"
