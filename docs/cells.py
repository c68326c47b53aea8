"""The ```` ```python ```` blocks of a page, as the cells of a notebook for myst-nb."""

import hashlib
from pathlib import Path

from myst_nb.core.read import read_myst_markdown_notebook
from nbformat.v4 import new_code_cell

PACKAGE = Path(__file__).parents[1] / "sklearn_clip"

# Runs first on every page and is not shown. What a page gives is to be the same on any
# machine: no progress bars, no line of a temporary file before a warning, numbers of
# three digits; and what is longer than a line is folded. A fitted estimator as the last
# value, or an object that says no more than its address, tells nothing.
SET_UP = """
import builtins, os, textwrap, warnings

os.environ["TQDM_DISABLE"] = "1"
warnings.filterwarnings("ignore", "IProgress not found")

import matplotlib, numpy, pandas
from sklearn.base import BaseEstimator

matplotlib.rcParams["figure.dpi"] = 80
numpy.set_printoptions(precision=3, suppress=True, threshold=60, edgeitems=3)
pandas.set_option("display.precision", 3, "display.max_rows", 12)


def write_number(number, printer, cycle):
    digits = ".3f" if abs(number) >= 0.01 or number == 0 else ".2g"
    printer.text(f"{number:{digits}}" if numpy.isfinite(number) else str(number))


writers = get_ipython().display_formatter.formatters["text/plain"].type_printers
for kind in (float, numpy.float32, numpy.float64):
    writers[kind] = write_number


def shorten(value):
    if not isinstance(value, (float, numpy.floating, dict, list, tuple)):
        return value
    return get_ipython().display_formatter.formatters["text/plain"](value)


def fold(text):
    folder = textwrap.TextWrapper(88, break_long_words=False, break_on_hyphens=False)
    return "\\n".join(
        folder.fill(line) if len(line) > 88 else line for line in text.split("\\n")
    )


def print(*values, sep=" ", **options):
    builtins.print(fold(sep.join(str(shorten(value)) for value in values)), **options)


def name_warning(message, kind, *place):
    return fold(f"{kind.__name__}: {message}") + "\\n"


warnings.formatwarning = name_warning


class TellingHook(type(get_ipython().displayhook)):
    def __call__(self, result=None):
        if not isinstance(result, BaseEstimator) and " at 0x" not in repr(result):
            super().__call__(result)


get_ipython().displayhook.__class__ = TellingHook
"""


def read_page(text):
    """Read a page whose blocks GitHub shows as Python and myst-nb runs."""
    page = read_myst_markdown_notebook(
        text, code_directive="python", add_source_map=True
    )
    page.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    hidden = new_code_cell(SET_UP, metadata={"tags": ["remove-cell"]})
    page.cells.insert(0, hidden)
    page.metadata["source_map"].insert(0, 1)
    return page


def digest_of_what_runs():
    """Digest of all that a page runs with: with another one, every page runs again."""
    digest = hashlib.sha256(SET_UP.encode())
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(PACKAGE)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
