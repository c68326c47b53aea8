"""Public functions say their types, as the docstrings do; a checker sees lazy names."""

import ast
import importlib
import inspect
import re
import types
import typing
from collections import abc
from importlib import resources
from pathlib import Path

import pandas
import pytest
import torch
from numpydoc.docscrape import FunctionDoc, NumpyDocString
from sklearn.base import BaseEstimator

import sklearn_clip

PACKAGE = Path(sklearn_clip.__file__).parent
# The searches for thresholds: no room hands them on, but pure they are.
SEARCHES = ("_decoding", "_global_threshold", "_objective", "_search")
# Names that annotations have from imports which only checkers see. Ray takes seconds.
UNSEEN = {
    "BaseEstimator": BaseEstimator,
    "Backbone": object,
    "pandas": pandas,
    "ray": types.SimpleNamespace(data=types.SimpleNamespace(Dataset=object)),
    "torch": torch,
}


def public_functions():
    """Functions in the `__all__` of the package and its rooms, and the searches."""
    homes = [sklearn_clip]
    homes += [getattr(sklearn_clip, room) for room in sklearn_clip._ROOMS]
    for home in homes:
        for name in home.__all__:
            value = getattr(home, name)
            if inspect.isfunction(value):
                yield f"{value.__module__}.{name}", value
    for name in SEARCHES:
        home = importlib.import_module(f"sklearn_clip.thresholds.{name}")
        for name, value in inspect.getmembers(home, inspect.isfunction):
            if value.__module__ == home.__name__ and not name.startswith("_"):
                yield f"{home.__name__}.{name}", value


FUNCTIONS = dict(public_functions())
OVERLOADED = [name for name, value in FUNCTIONS.items() if typing.get_overloads(value)]


def hints_of(function):
    return typing.get_type_hints(inspect.unwrap(function), localns=UNSEEN)


def parts_of(hint):
    """Members of a union, those of its unions among them."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return [part for member in typing.get_args(hint) for part in parts_of(member)]
    return [hint]


def choices_of(hint):
    """Values of all Literals of a hint."""
    literals = (p for p in parts_of(hint) if typing.get_origin(p) is typing.Literal)
    return {value for part in literals for value in typing.get_args(part)}


def takes(hint, value):
    """Whether a value is of an annotation, of those that defaults are of."""
    for part in parts_of(hint):
        origin = typing.get_origin(part) or part
        if part is typing.Any or value in choices_of(part):
            return True
        if origin is float and type(value) in (int, float):
            return True
        if origin is abc.Collection or origin is abc.Iterable:
            # A text is one of texts too, but never what is meant.
            if isinstance(value, origin) and not isinstance(value, str):
                return True
        elif isinstance(origin, type) and type(value) is origin:
            return True
    return False


def test_there_are_functions_of_every_kind():
    rooms = {name.split(".")[1] for name in FUNCTIONS}
    assert rooms >= {"losses", "metrics", "thresholds", "fusion", "labels", "datasets"}
    assert len(OVERLOADED) >= 8


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_and_result_are_annotated(name):
    signature = inspect.signature(FUNCTIONS[name])
    parameters = signature.parameters.values()
    bare = [p.name for p in parameters if p.annotation is inspect.Parameter.empty]
    assert bare == []
    assert signature.return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("name", FUNCTIONS)
def test_annotations_take_the_defaults(name):
    hints = hints_of(FUNCTIONS[name])
    for parameter in inspect.signature(FUNCTIONS[name]).parameters.values():
        if parameter.default is not inspect.Parameter.empty:
            assert takes(hints[parameter.name], parameter.default), parameter


@pytest.mark.parametrize(
    ("hint", "value", "taken"),
    [
        (int | None, None, True),
        (int | None, 0.5, False),
        (float, 1, True),
        (float, True, False),
        (bool, 1, False),
        (typing.Literal["a", "b"] | None, "b", True),
        (typing.Literal["a", "b"], "c", False),
        (abc.Iterable[str], ("a",), True),
        (abc.Iterable[str], "a", False),
        (list[str], (), False),
    ],
)
def test_default_of_another_type_would_be_seen(hint, value, taken):
    assert takes(hint, value) is taken


@pytest.mark.parametrize("name", FUNCTIONS)
def test_annotations_and_docstring_offer_the_same(name):
    hints = hints_of(FUNCTIONS[name])
    for entry in FunctionDoc(FUNCTIONS[name])["Parameters"]:
        said, _, default = entry.type.partition(", default=")
        said = re.sub(r"\([^)]*\)", "", said)  # shapes, members of tuples
        for parameter in entry.name.replace("*", "").split(", "):
            hint = hints[parameter]
            if not said or hint in (typing.Any, object):
                continue  # "as in" another function, or of many kinds
            if said.startswith('{"') or choices_of(hint):
                assert set(re.findall('"([^"]*)"', said)) == choices_of(hint), entry
            none = "None" in said or default == "None"
            assert (types.NoneType in parts_of(hint)) == none, entry


def bound_of(hint):
    """A hint with the bound of each type variable in its place."""
    if isinstance(hint, typing.TypeVar):
        return hint.__bound__
    free = getattr(hint, "__parameters__", ())
    return hint[tuple(variable.__bound__ for variable in free)] if free else hint


def narrows(part, hint):
    """Whether a member of an overload's annotation is one of the function's."""
    bound, members = bound_of(part), parts_of(hint)
    if values := choices_of(part):
        return all(takes(hint, value) for value in values)
    kinds = tuple(member for member in members if inspect.isclass(member))
    return bound in members or (inspect.isclass(bound) and issubclass(bound, kinds))


@pytest.mark.parametrize("name", OVERLOADED)
def test_overloads_narrow_the_function(name):
    whole = inspect.signature(FUNCTIONS[name]).parameters
    hints, empty = hints_of(FUNCTIONS[name]), inspect.Parameter.empty
    for overload in typing.get_overloads(FUNCTIONS[name]):
        own = inspect.signature(overload).parameters
        assert [*own] == [*whole]
        for parameter in own.values():
            assert parameter.kind == whole[parameter.name].kind
            optional = parameter.default is not empty
            assert not optional or whole[parameter.name].default is not empty
        for parameter, hint in hints_of(overload).items():
            wide = [p for p in parts_of(hint) if not narrows(p, hints[parameter])]
            assert wide == [], parameter


# What a docstring says of a parameter whose type is that of its default.
ONE_TYPE = {bool: "bool", int: "int", float: "float", str: r"str|\{[^}]*\}"}


def public_methods():
    """Constructors and methods of public classes, with their docstrings."""
    homes = [
        sklearn_clip,
        *(getattr(sklearn_clip, room) for room in sklearn_clip._ROOMS),
    ]
    names = {f"{home.__name__}.{name}": home for home in homes for name in home.__all__}
    for full, home in names.items():
        value = getattr(home, full.rpartition(".")[2])
        for name, method in vars(value).items() if inspect.isclass(value) else ():
            method = getattr(method, "__func__", method)
            if name == "__init__":
                yield full, method, NumpyDocString(inspect.getdoc(value))
            elif inspect.isfunction(method) and not name.startswith("_"):
                yield f"{full}.{name}", method, FunctionDoc(method)


METHODS = {name: (method, doc) for name, method, doc in public_methods()}


@pytest.mark.parametrize("name", METHODS)
def test_default_does_not_stand_for_the_type_of_a_parameter(name):
    """Pyright takes it for that where there is no annotation, and refuses all else."""
    method, doc = METHODS[name]
    said = {
        parameter: entry.type.partition(", default=")[0]
        for entry in doc["Parameters"]
        for parameter in entry.name.split(", ")
    }
    for parameter in inspect.signature(method).parameters.values():
        if parameter.default in (parameter.empty, None) or parameter.name not in said:
            continue
        kind = ONE_TYPE.get(type(parameter.default))
        alone = kind and re.fullmatch(kind, said[parameter.name])
        assert alone or parameter.annotation is not parameter.empty, parameter


LAZY = [
    path
    for path in PACKAGE.rglob("__init__.py")
    if "lazy_names(" in path.read_text("utf-8")
]


@pytest.mark.parametrize("path", LAZY, ids=lambda path: path.parent.name)
def test_checkers_are_told_where_every_lazy_name_lives(path):
    package = ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    module = importlib.import_module(package)
    body = ast.parse(path.read_text(encoding="utf-8")).body
    (block,) = [node for node in body if is_for_checkers(node)]
    told = {}
    for node in block.body:
        for alias in node.names:
            assert alias.asname == alias.name  # else it is not handed on
            told[alias.name] = f"{node.module}.{alias.name}"
    homes = {name: f"{package}.{home}.{name}" for name, home in module._HOMES.items()}
    rooms = {room: f"{package}.{room}" for room in getattr(module, "_ROOMS", ())}
    assert told == homes | rooms


def is_for_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_package_is_marked_as_typed():
    assert resources.files("sklearn_clip").joinpath("py.typed").is_file()
