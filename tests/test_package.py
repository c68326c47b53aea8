"""The house rules: who may import whom, and what importing the package costs."""

import ast
import html
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString

import sklearn_clip

PACKAGE = Path(sklearn_clip.__file__).parent
PRIVATE = {"_lazy", "_shared"}
# What each room may import beside itself and `_shared`.
ALLOWED = {
    "__init__": {"_featurizer", *sklearn_clip._ROOMS},  # for type checkers alone
    "__main__": {"cli"},
    "_featurizer": {"embedding", "fusion"},
    "_lazy": set(),
    "_shared": set(),
    "calibration": {"model_selection"},
    "cli": {
        "_featurizer",
        "datasets",
        "embedding",
        "export",
        "heads",
        "labels",
        "metrics",
        "model_selection",
        "report",
        "thresholds",
        "zero_shot",
    },
    "datasets": {"embedding"},
    "distributed": {"embedding", "fusion", "heads", "labels"},
    "embedding": set(),
    "export": {
        "_featurizer",
        "calibration",
        "embedding",
        "finetune",
        "fusion",
        "heads",
        "labels",
        "metrics",
        "thresholds",
        "zero_shot",
    },
    "finetune": {
        "_featurizer",
        "embedding",
        "fusion",
        "losses",
        "metrics",
        "model_selection",
    },
    "fusion": set(),
    "heads": {"embedding", "losses", "metrics", "model_selection"},
    "labels": set(),
    "losses": set(),
    "metrics": set(),
    "model_selection": set(),
    "plotting": {"embedding", "fusion", "metrics", "model_selection"},
    "report": {"embedding", "metrics", "plotting", "review"},
    "review": {"model_selection"},
    "thresholds": {"metrics", "model_selection"},
    "zero_shot": {"_featurizer", "embedding", "fusion", "metrics"},
}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms of the package that a module imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "sklearn_clip" and len(parts) > 1:
                yield parts[1]


# Rooms whose import is light; those beside them need torch for what they hold.
LIGHT_ROOMS = (
    "calibration",
    "datasets",
    "export",
    "heads",
    "labels",
    "metrics",
    "model_selection",
    "plotting",
    "report",
    "review",
)
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_imports_only_rooms_on_its_left(path):
    room = room_of(path)
    assert room in ALLOWED, f"say in this test what the new room {room!r} may import"
    allowed = ALLOWED[room] | PRIVATE | {room}
    assert set(imported_rooms(path)) <= allowed


DRAWING = [sys.executable, str(PACKAGE.parent / "tools" / "draw_rooms.py")]


def test_picture_of_the_rooms_is_of_todays_imports():
    done = subprocess.run([*DRAWING, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda line: f"{line}, elsewhere",
        lambda line: line.replace(" (", " (Formerly ", 1),
        lambda line: f"old_{line}",
    ],
    ids=["import", "purpose", "room"],
)
def test_picture_of_other_rooms_is_told(change, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(PACKAGE.parent / "tools")
    draw_rooms = importlib.import_module("draw_rooms")
    line = draw_rooms.read_description()[1]
    text = draw_rooms.PICTURE.read_text(encoding="utf-8")
    old, new = (html.escape(part, quote=False) for part in (line, change(line)))
    assert text.count(old) == 1
    picture = tmp_path / "rooms.svg"
    picture.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(draw_rooms, "PICTURE", picture)
    monkeypatch.setattr(sys, "argv", ["draw_rooms.py", "--check"])
    with pytest.raises(SystemExit, match="run make rooms") as error:
        draw_rooms.main()
    assert f"now: {line}" in str(error.value)
    assert f"drawn: {change(line)}" in str(error.value)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_uses_absolute_imports(path):
    relative = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


LIGHT = ["sklearn_clip", *(f"sklearn_clip.{room}" for room in LIGHT_ROOMS)]


@pytest.fixture(scope="module")
def brought_by():
    """Heavy packages that are there after each import, one after the other."""
    heavy = ["torch", "open_clip", "torchvision", "matplotlib", "skorch"]
    code = f"""
import importlib, json, sys
found = {{}}
for module in {LIGHT}:
    importlib.import_module(module)
    found[module] = sorted(set({heavy}) & set(sys.modules))
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", LIGHT)
def test_import_brings_neither_torch_nor_open_clip(module, brought_by):
    assert brought_by[module] == []


# What an exported tagger takes of the package, where neither of these is installed.
OF_A_TAGGER = (
    "sklearn_clip.embedding._failures",
    "sklearn_clip.embedding._rows",
    "sklearn_clip.embedding.engines._byte_pairs",
    "sklearn_clip.embedding.images._preparation",
)


def test_rows_pixels_and_tokens_are_made_without_scikit_learn():
    code = f"""
import importlib, sys
for module in {OF_A_TAGGER}:
    importlib.import_module(module)
print(sorted({{"sklearn", "scipy", "joblib", "tqdm", "torch"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_public_name_is_importable_and_listed():
    for name in sklearn_clip.__all__:
        assert getattr(sklearn_clip, name) is not None
        assert name in dir(sklearn_clip)


def test_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'CLIPFeaturiser'"):
        sklearn_clip.CLIPFeaturiser  # noqa: B018 - the access is what is tested


def test_packages_that_do_not_fit_each_other_are_named(tmp_path, monkeypatch):
    package = tmp_path / "of_lazy_names"
    package.mkdir()
    lazy = "from sklearn_clip._lazy import lazy_names\n"
    names = (
        "__getattr__, __dir__ = lazy_names(__name__, {'Tagger': '_tagger'}, ('room',))"
    )
    (package / "__init__.py").write_text(lazy + names)
    for name in ("_tagger", "room"):  # as a torchvision of another torch has it
        (package / f"{name}.py").write_text("import math\nmath.nms")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("Tagger", "room"):
        with pytest.raises(ImportError, match="'math' has no attribute 'nms'"):
            exec(f"from of_lazy_names import {name}")


def public_objects():
    """Public classes and functions of the package and its rooms, by name."""
    homes = [sklearn_clip] + [
        importlib.import_module(f"sklearn_clip.{room}") for room in sklearn_clip._ROOMS
    ]
    found = {}
    for home in homes:
        for name in home.__all__:
            value = getattr(home, name)
            plain_error = (
                inspect.isclass(value)
                and issubclass(value, Exception)
                and "__init__" not in vars(value)
            )
            if (
                inspect.isclass(value) or inspect.isfunction(value)
            ) and not plain_error:
                found[f"{home.__name__}.{name}"] = value
    return found


OBJECTS = public_objects()


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_documents_the_parameters_of_the_signature(name):
    value = OBJECTS[name]
    signature = inspect.signature(value)
    real = [p.name for p in signature.parameters.values()]
    parsed = NumpyDocString(inspect.getdoc(value))
    documented = [
        part.strip().lstrip("*")
        for entry in parsed["Parameters"]
        for part in entry.name.split(",")
    ]
    assert documented == real


@pytest.mark.parametrize("name", [n for n, v in OBJECTS.items() if inspect.isclass(v)])
def test_public_methods_are_documented_with_their_parameters(name):
    for method_name, method in inspect.getmembers(OBJECTS[name], inspect.isfunction):
        inherited = not method.__module__.startswith("sklearn_clip")
        if method_name.startswith("_") or inherited:
            continue
        documented = [
            part.strip().lstrip("*")
            for entry in FunctionDoc(method)["Parameters"]
            for part in entry.name.split(",")
        ]
        real = [p for p in inspect.signature(method).parameters if p != "self"]
        assert documented in (real, []), method_name
        assert inspect.getdoc(method), method_name


def dotted_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMED = {dotted_name(path): path for path in MODULES}


def imported_modules(path):
    """Modules of the package that a module imports, by their full names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in NAMED else node.module


def test_modules_import_each_other_in_no_cycle():
    done, trail = set(), []

    def visit(module):
        assert module not in trail, f"cycle: {' -> '.join([*trail, module])}"
        if module not in done:
            trail.append(module)
            for name in sorted(set(imported_modules(NAMED[module])) & set(NAMED)):
                visit(name)
            done.add(trail.pop())

    for module in NAMED:
        visit(module)
    assert "sklearn_clip.embedding._engine" in done


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_private_scikit_learn_is_imported_in_one_module_alone(path):
    private = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn.")
        for alias in node.names
        if "._" in f"{node.module}.{alias.name}"
    ]
    assert (private != []) == (path == PACKAGE / "_shared" / "_sklearn.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_is_not_far_over_four_hundred_lines_of_code(path):
    source = path.read_text(encoding="utf-8")
    text = set()  # lines of docstrings
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text |= set(range(node.lineno, node.end_lineno + 1))
    code = [
        line
        for number, line in enumerate(source.splitlines(), start=1)
        if number not in text and line.strip() and not line.strip().startswith("#")
    ]
    assert len(code) <= 450


def test_no_two_files_of_tests_have_one_name():
    """Pytest imports them by it, and then stops at the second."""
    files = sorted(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name in set(files) if files.count(name) > 1] == []
