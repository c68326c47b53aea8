"""The code of every page of the guide runs, as a reader would paste it."""

import importlib.util
import re
from pathlib import Path

import pytest

from sklearn_clip.losses import LOSSES, make_loss

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    DOCS / "models.md",
    DOCS / "coming_from.md",
    DOCS / "divergences.md",
    DOCS / "troubleshooting.md",
    *sorted((DOCS / "guide").glob("*.md")),
]


def read_blocks(page):
    """Blocks of a page that need nothing but this package, joined line by line."""
    return re.findall(
        r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
    )


@pytest.fixture
def in_empty_folder(light_engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.mark.filterwarnings("ignore:1 image could not be read:UserWarning")
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_of_page_runs(page, in_empty_folder, monkeypatch, capsys):
    names = {"__name__": "__main__"}
    if page.stem == "divergences":  # it compares what torch has alone
        monkeypatch.setenv("SKLEARN_CLIP_ENGINE", "torch")
    for number, block in enumerate(read_blocks(page), start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


def test_lines_of_code_fit_beside_the_sidebars():
    # 88 characters of the page's font are what a window of 1300 pixels has room for.
    pages = [*DOCS.glob("*.md"), *(DOCS / "guide").glob("*.md")]
    long = [
        f"{page.name}: {line}"
        for page in sorted(pages)
        for block in re.findall(
            r"^ *```.*\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S
        )
        for line in block.splitlines()
        if len(line) > 88
    ]
    assert not long


def test_pages_whose_code_is_not_run_say_so():
    run = [*PAGES, DOCS / "index.md"]  # the latter's block is the README's
    for page in [*DOCS.glob("*.md"), *(DOCS / "guide").glob("*.md")]:
        if page not in run and read_blocks(page):
            assert "is not run where the guide is built" in page.read_text("utf-8")


@pytest.fixture
def reference():
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_constants_of_the_reference_are_described(reference):
    assert reference.undescribed() == []
    (line, _) = reference.description(LOSSES, "LOSSES")
    assert line.startswith("Class of each loss by the short name")
    assert not reference.is_constant(make_loss)


def test_names_that_pages_link_to_have_an_entry(reference):
    for page in [*DOCS.glob("*.md"), *(DOCS / "guide").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\{(?:class|func)\}`~?([\w.]+)`", text):
            room, _, name = target.rpartition(".")
            assert reference.home(room, name) == target, page.name


def test_searches_over_fusions_try_the_recommended_one_and_pictures_alone():
    files = [
        DOCS.parent / "README.md",
        *DOCS.glob("*.md"),
        *(DOCS / "guide").glob("*.md"),
        *(DOCS.parent / "examples").glob("*.py"),
    ]
    for file in files:
        grids = re.findall(r'fusion": \[("[^]]*)\]', file.read_text(encoding="utf-8"))
        for grid in grids:
            assert {'"image"', '"concat"'} <= set(grid.split(", ")), (file.name, grid)


def test_every_page_of_the_guide_is_in_its_contents():
    contents = (DOCS / "guide" / "index.md").read_text(encoding="utf-8")
    listed = re.search(r":maxdepth: 1\n\n(.*?)```", contents, re.S)[1].split()
    pages = {page.stem for page in (DOCS / "guide").glob("*.md")}
    assert sorted(listed) == sorted(pages - {"index"})


def test_first_code_of_the_docs_is_that_of_the_readme():
    readme = DOCS.parent / "README.md"
    assert read_blocks(DOCS / "index.md") == read_blocks(readme)[:1]
