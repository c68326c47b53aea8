"""The commands and their options; what each does is imported when it is run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _Commands(click.Group):
    """Commands in the order in which they are written."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _run(name: str, **options: Any) -> int | None:
    """Do what a command does."""
    options.pop("traceback", None)
    run = import_module(f"sklearn_clip.cli._{name}").run
    code: int | None = run(**options)
    return code


def _options(*options: Any) -> Any:
    """Join decorators of click, the first on top."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_COMMON = _options(
    click.option("--quiet", "-q", is_flag=True, help="Say only what is wrong."),
    click.option(
        "--traceback", is_flag=True, help="Show where in the code an error arises."
    ),
)
_STORE = click.option(
    "--store",
    metavar="DIR",
    help="Folder that keeps embeddings, so that nothing is embedded twice; 'none' "
    "keeps nothing. Default: a folder of at most 10 GB in the user's cache.",
)
_MODEL = _options(
    click.option(
        "--model",
        metavar="NAME",
        help="CLIP model, as CLIPFeaturizer has it: a name of open_clip, hf-hub:..., "
        "local-dir:..., or photo-tiny or clipart-tiny, which need no network. Default: "
        "ViT-B-32, fetched once.",
    ),
    click.option("--pretrained", metavar="TAG", help="open_clip's tag of the weights."),
)
_TRUST = click.option(
    "--trust",
    is_flag=True,
    help="Load a .joblib file, which can run any code, or a .skops file with types of "
    "other packages: only if you know who made it.",
)
_IMAGES = click.option(
    "--images",
    type=_FOLDER,
    metavar="DIR",
    help="Folder that the table's images are in. Default: that of the table.",
)
_IMAGE = click.option(
    "--image",
    metavar="COLUMN",
    help="Column of image files or ids. Default: image, file, filename, path, ...",
)
_TEXT = click.option(
    "--text",
    metavar="COLUMN",
    multiple=True,
    help="Column of captions; may be given several times.",
)
_LABEL_COLUMNS = _options(
    click.option(
        "--layout",
        type=click.Choice(["auto", "cells", "columns", "pairs"]),
        default="auto",
        show_default=True,
        help="All labels in a cell, a column of 0 and 1 for each, or a line for each.",
    ),
    click.option(
        "--labels",
        metavar="COLUMN",
        help="Column of the labels (cells, pairs). Default: labels, tags, ... With "
        "--layout columns: the columns of labels, with commas between them, and in "
        "quotation marks where a name has one.",
    ),
    click.option(
        "--separator",
        metavar="TEXT",
        help="What stands between labels in a cell. Default: ; or | or , where the "
        "cells have one, else a blank.",
    ),
    click.option("--group", metavar="COLUMN", help="Rows that belong together."),
    click.option(
        "--confidence",
        metavar="COLUMN",
        help="Column of how sure a machine was of the label of the line (pairs).",
    ),
    click.option(
        "--min-confidence",
        type=click.FloatRange(min=0, max=1, min_open=True),
        help="From which confidence on a label is one; below it is unknown.",
    ),
    click.option(
        "--unlabelled",
        type=click.Choice(["keep", "drop", "unknown"]),
        default="keep",
        show_default=True,
        help="What an empty label cell means: no label, a row to leave out, unknown.",
    ),
)
_SCORES = _options(
    click.option(
        "--top-k",
        type=click.IntRange(min=1),
        help="Name the K best labels of each row with their scores, whatever the cuts.",
    ),
    click.option(
        "--probabilities",
        is_flag=True,
        help="Add a column for each label (CSV), or all scores (JSON).",
    ),
    click.option(
        "--xmp",
        is_flag=True,
        help="Write the labels that are given, not those of --top-k, as keywords into "
        ".xmp files beside the pictures.",
    ),
    click.option(
        "--out",
        metavar="FILE",
        default="-",
        show_default=True,
        help="labels.csv (UTF-8), .json or .jsonl; - writes CSV to the terminal.",
    ),
)


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command tells more: sklearn-clip train --help. It ends with 0, with 1 "
    "if some pictures could not be read, with 2 if it cannot be done, with 130 or 143 "
    "if it was stopped.",
)
@click.version_option(package_name="sklearn-clip", prog_name="sklearn-clip")
def commands() -> None:
    """Multi-label classification of images and texts with CLIP."""


@commands.command(
    epilog=_examples(
        "sklearn-clip train tags.csv --images photos --out tagger.skops",
        "sklearn-clip train tags.csv --images photos --text caption --cv 10 \\",
        "    --out tagger.skops --report report.html",
        "sklearn-clip train tags.csv --images photos --model photo-tiny --out t.skops",
    )
)
@click.argument("tags", type=_FILE)
@_IMAGES
@click.option(
    "--out",
    type=_FILE,
    required=True,
    metavar="FILE",
    help="The tagger: .skops (safe to load), or .joblib.",
)
@_IMAGE
@_TEXT
@_LABEL_COLUMNS
@_MODEL
@click.option(
    "--min-rows",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Labels with fewer rows are left out.",
)
@click.option(
    "--cv",
    type=int,
    default=5,
    show_default=True,
    help="Folds of the scores that are printed; 0 prints none.",
)
@click.option(
    "--report",
    type=_FILE,
    metavar="FILE",
    help="Write a page about the held-out rows, with their pictures.",
)
@_STORE
@_COMMON
def train(**options: Any) -> int | None:
    """Learn a tagger from a table of pictures and their labels.

    TAGS is a CSV or Parquet file. Scores of rows that were held out are printed: what
    the tagger will do on others of the same kind.
    """
    return _run("train", **options)


@commands.command(
    epilog=_examples(
        "sklearn-clip tag tagger.skops photos --out labels.csv",
        "sklearn-clip tag tagger.skops photos --xmp --out labels.json",
        "sklearn-clip tag tagger.skops new.csv --images photos --top-k 5",
    )
)
@click.argument("tagger", type=_FILE)
@click.argument("rows", type=_FILE)
@_IMAGES
@_IMAGE
@_TEXT
@_SCORES
@_TRUST
@_STORE
@_COMMON
def tag(**options: Any) -> int | None:
    """Label the pictures of a folder, or the rows of a table.

    ROWS is a folder, which is gone through with all folders in it, a picture, or a CSV
    or Parquet file. Pictures that cannot be read get no labels and the reason.
    """
    return _run("tag", **options)


@commands.command(
    name="zero-shot",
    epilog=_examples(
        'sklearn-clip zero-shot photos --labels "beach,dog,red car" --out labels.csv',
        "sklearn-clip zero-shot photos --labels-file words.txt --top-k 3",
    ),
)
@click.argument("rows", type=_FILE)
@click.option("--labels", metavar="WORDS", help="Labels, with commas between them.")
@click.option("--labels-file", type=_FILE, metavar="FILE", help="A label on each line.")
@_IMAGES
@_IMAGE
@_SCORES
@_MODEL
@_STORE
@_COMMON
def zero_shot(**options: Any) -> int | None:
    """Label pictures by words alone, without any labelled row.

    Scores rank pictures within a label. To compare labels, label some rows and train.
    """
    return _run("zero_shot", **options)


@commands.command(
    epilog=_examples(
        "sklearn-clip check photos",
        "sklearn-clip check tags.csv --images photos",
    )
)
@click.argument("rows", type=_FILE)
@_IMAGES
@_IMAGE
@_COMMON
def check(**options: Any) -> int | None:
    """Find broken, missing and repeated pictures.

    A line for each goes to the terminal: what it is, the file, and why.
    """
    return _run("check", **options)


@commands.command(
    epilog=_examples(
        "sklearn-clip report tagger.skops test.csv --images photos --out report.html",
    )
)
@click.argument("tagger", type=_FILE)
@click.argument("tags", type=_FILE)
@_IMAGES
@click.option(
    "--out", type=_FILE, default="report.html", show_default=True, metavar="FILE"
)
@click.option("--title", metavar="TEXT", help="Heading of the page.")
@_IMAGE
@_TEXT
@_LABEL_COLUMNS
@_TRUST
@_STORE
@_COMMON
def report(**options: Any) -> int | None:
    """Write a page about a tagger.

    TAGS are labelled rows that it was not trained on. `train --report` makes such a
    page from the rows of the training, each scored by a tagger that had not seen it.
    """
    return _run("report", **options)


@commands.command(
    epilog=_examples(
        "sklearn-clip export tagger.skops --onnx tagger.onnx",
        "sklearn-clip export tagger.skops --onnx small.onnx --weights int8 \\",
        "    --rows photos",
    )
)
@click.argument("tagger", type=_FILE)
@click.option("--onnx", type=_FILE, required=True, metavar="FILE", help="The file.")
@click.option(
    "--weights",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="How the weights are kept.",
)
@click.option(
    "--rows",
    type=_FILE,
    metavar="PATH",
    help="Folder of pictures, or table, to compare the file with the tagger on. "
    "Default: drawn ones.",
)
@_IMAGES
@_IMAGE
@_TEXT
@click.option(
    "--max-changed",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=0.01,
    show_default=True,
    help="Labels that fewer bits may change; beyond it there is no file.",
)
@_TRUST
@_COMMON
def export(**options: Any) -> int | None:
    """Write a tagger as one file of ONNX.

    It runs without torch and scikit-learn, in Python, in Node and in a browser.
    """
    return _run("export", **options)


@commands.command(epilog=_examples("sklearn-clip demo --out demo"))
@click.option(
    "--out",
    type=_FOLDER,
    default="sklearn-clip-demo",
    show_default=True,
    metavar="DIR",
    help="Folder for pictures, table and results.",
)
@_COMMON
def demo(**options: Any) -> int | None:
    """Train, tag and report on drawings of the package.

    Everything runs offline, in less than a minute, and is left in a folder.
    """
    return _run("demo", **options)
