"""Sphinx: the guide in Markdown, the reference from the docstrings."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cells import digest_of_what_runs
from reference import (
    description,
    is_constant,
    is_ours,
    undescribed,
    undocumented,
    write_reference,
)

import sklearn_clip

project = "sklearn-clip"
author = copyright = "the sklearn-clip developers"
release = version = sklearn_clip.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
# The first is that of the pages which autosummary writes.
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# The ```python blocks of a page run from top to bottom, in a folder of their own, and
# what they give stands below them; a failure is an error. Outputs are kept as long as
# the package stays as it is: a page whose blocks have not changed does not run again.
nb_custom_formats = {".md": "cells.read_page"}
nb_execution_mode = "cache"
nb_execution_cache_path = str(
    Path(__file__).parent / "_build" / "outputs" / digest_of_what_runs()
)
nb_execution_in_temp = True
nb_execution_timeout = -1
nb_execution_show_tb = True
nb_merge_streams = True
# Nothing to run, or clusters that are not at hand.
nb_execution_excludepatterns = ["guide/index.md", "model_table.md", "scale_out.md"]

# A page lists the methods that our own modules write; numpydoc would list them twice.
autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

# Every `examples/plot_*.py` that has changed since the last build runs, in the order of
# the numbers; a failure is an error. They share the embeddings of one session.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "ignore_pattern": r"^(?!plot_)",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("sklearn_clip",),
    "backreferences_dir": "auto_examples/backreferences",
    "log_level": {"backreference_missing": "info"},
    "download_all_examples": False,
    "write_computation_times": False,
}

extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "doi": ("https://doi.org/%s", "doi:%s"),
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-clip"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
# Pages of the first level have no section to lead through.
html_sidebars = {
    page: []
    for page in (
        "coming_from",
        "divergences",
        "model_table",
        "models",
        "scale_out",
        "troubleshooting",
    )
}
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 4,
}

write_reference(Path(__file__).parent / "api")


def describe_constant(app, what, name, obj, options, lines):
    """Say what a constant is for in place of what its type is."""
    if what == "data" and is_constant(obj):
        lines[:] = description(obj, name.rpartition(".")[2])


def escape_plain_text(app, what, name, obj, options, lines):
    """Take no reference out of ``(n, embedding_dim_)`` and no substitution of |i|."""
    lines[:] = re.sub(r" \\\n\s+", " ", "\n".join(lines)).split("\n")
    for number, line in enumerate(lines):
        line = re.sub(r"(?<![`\w])(\w+)_(?=[,)])", r"\1\\_", line)
        lines[number] = re.sub(r"(?<!\\)\|([^|`]+)(?<!\\)\|", r"\|\1\|", line)


def skip_foreign_member(app, what, name, obj, skip, options):
    """Keep what sklearn_clip writes, not what torch, skorch or scikit-learn inherit."""
    return skip or not is_ours(obj)


def report_undocumented(app, env):
    """Warn of public names without an entry, or words in it: with `-W` an error."""
    from sphinx.util import logging

    logger = logging.getLogger(__name__)
    for name in undocumented(env.get_domain("py").objects):
        logger.warning("%s is public and has no entry", name)
    for name in undescribed():
        logger.warning("%s has an entry without a description: write it as #:", name)


def setup(app):
    app.connect("autodoc-process-docstring", describe_constant, priority=300)
    app.connect("autodoc-process-docstring", escape_plain_text, priority=400)
    app.connect("autodoc-skip-member", skip_foreign_member)
    app.connect("env-check-consistency", report_undocumented)
