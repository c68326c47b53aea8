"""What docstrings say of values is what parameters take: all public objects."""

import ast
import inspect
import re

import pytest
import torch
from numpydoc.docscrape import NumpyDocString
from sklearn.utils._param_validation import StrOptions
from test_package import OBJECTS

CHECKED = {
    name: value
    for name, value in OBJECTS.items()
    if getattr(value, "_parameter_constraints", None)
}
# A name of scikit-learn's for many values, told of in words.
TOLD_IN_WORDS = {"cv", "scoring", "background", "kwargs", "random_state"}


def documented_types(value):
    """The type of every documented parameter, as it is written."""
    return {
        part.strip().lstrip("*"): " ".join(entry.type.replace("\\", "").split())
        for entry in NumpyDocString(inspect.getdoc(value))["Parameters"]
        for part in entry.name.split(",")
    }


def read_defaults(text, n_names):
    """Defaults as documented for `n_names` parameters; none where one is no literal."""
    parts = re.split(" and |, ", text) if n_names > 1 else [text]
    try:
        told = [ast.literal_eval(part) for part in parts]
    except (SyntaxError, ValueError):
        return []
    if isinstance(told[0], dict):  # made anew for each object
        return []
    return told if len(told) > 1 else told * n_names


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_defaults_are_those_of_the_signature(name):
    signature = inspect.signature(OBJECTS[name]).parameters
    for entry in NumpyDocString(inspect.getdoc(OBJECTS[name]))["Parameters"]:
        names = [part.strip().lstrip("*") for part in entry.name.split(",")]
        found = re.search("default=(.*)$", " ".join(entry.type.split()))
        told = read_defaults(found[1], len(names)) if found else []
        for parameter, default in zip(names, told, strict=bool(told)):
            real = signature[parameter].default
            assert (real, type(real)) == (default, type(default)), parameter


@pytest.mark.parametrize("name", CHECKED)
def test_documented_choices_are_those_that_are_taken(name):
    value = CHECKED[name]
    for parameter, text in documented_types(value).items():
        taken = value._parameter_constraints.get(parameter, "no_validation")
        if parameter in TOLD_IN_WORDS or taken == "no_validation":
            continue
        text = text.split("default=")[0]
        options = [choices for choices in taken if isinstance(choices, StrOptions)]
        if options:
            told = set(re.findall('"([^"]*)"', text))
            assert told in (set(), options[0].options), parameter
        assert (None in taken) == bool(re.search(r"\bNone\b", text)), parameter


@pytest.mark.parametrize(
    "name",
    [n for n, value in CHECKED.items() if "device" in value._parameter_constraints],
)
def test_devices_are_taken_by_name_or_as_those_of_torch(name):
    value = CHECKED[name]
    assert documented_types(value)["device"].startswith("str or torch.device")
    taken = value._parameter_constraints["device"]
    assert taken == "no_validation" or {str, torch.device} <= set(taken)
