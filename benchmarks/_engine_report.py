"""What `bench_engines.py` prints: figures by contender, cosines, bounds."""

import statistics

import numpy as np
from _engine_contenders import TINY_BATCH

TODAY, REFERENCE, AUTO = "today's build", "today's build, fp32", "auto"
PEER = "sentence-transformers"
# Figure: what it is, and how it is written.
FIGURES = {
    "images": ("images/s, from files of mixed sizes", "{:.1f}"),
    "few texts": (f"texts/s, {TINY_BATCH} captions", "{:.1f}"),
    "many texts": ("texts/s, {captions:,} captions", "{:.1f}"),
    "latency": ("one row through a loaded pipeline, ms", "{:.1f}"),
    "start_image": ("first vector in a new process, image, s", "{:.2f}"),
    "start_concat": ("first vector in a new process, image and text, s", "{:.2f}"),
    "start_saved": ("first answer of a saved pipeline, s", "{:.2f}"),
    "cold start_image": ("image, nothing cached yet, s", "{:.2f}"),
    "cold start_concat": ("image and text, nothing cached yet, s", "{:.2f}"),
    "memory": ("peak memory, {files:,} files, MB", "{:.0f}"),
    "long run": ("images/s of that run, loading included", "{:.1f}"),
}
# Figure, the ratio to another contender that is asked of "auto", and that contender;
# a ratio above 1 is a least one, below 1 a largest one.
BOUNDS = [
    ("images", None, TODAY),
    ("few texts", 1.5, TODAY),
    ("many texts", 1.5, TODAY),
    ("few texts", 1.5, PEER),
    ("many texts", 1.5, PEER),
    ("latency", 0.5, TODAY),
    ("start_image", 0.4, TODAY),
    ("start_concat", 0.4, TODAY),
    ("memory", 0.7, TODAY),
]
WITH_UNITS, WITHOUT_UNITS = 1.5, 2.8


def worst_cosine(folder, kind, name, reference):
    """Return the least cosine between the rows of two contenders, None without them."""
    files = [folder / f"{n}.{kind}.npy" for n in (name, reference)]
    if not all(file.exists() for file in files):
        return None
    a, b = (np.load(file) for file in files)
    return float((a * b).sum(axis=1).min())


def usual_cosine(folder, kind, reference):
    """Return the median cosine of different items."""
    rows = np.load(folder / f"{reference}.{kind}.npy")[:256]
    return float(np.median((rows @ rows.T)[np.triu_indices(len(rows), 1)]))


def report(results, folder, reference, sizes):
    """Print what was measured, by figure."""
    medians = {
        figure: {name: statistics.median(v) for name, v in values.items()}
        for figure, values in results.items()
    }
    kinds = {"images": "images", "many texts": "texts"}
    for figure, (title, form) in FIGURES.items():
        if figure not in results:
            continue
        kind = kinds.get(figure)
        print(f"\n{title.format(**sizes):60}{'to today':>8}{'to s-t':>8}", end="")
        print("  worst cosine" if kind else "")
        for name, median in medians[figure].items():
            low, high = (form.format(f(results[figure][name])) for f in (min, max))
            spread = "" if low == high else f"{low} to {high}"
            line = f"  {name:30}{form.format(median):>8}{spread:>20}"
            for other in (TODAY, PEER):
                base = medians[figure].get(other)
                line += f"{median / base:7.2f}x" if base else f"{'':8}"
            if kind and (cosine := worst_cosine(folder, kind, name, reference)):
                line += f"{cosine:14.5f}"
            print(line.rstrip())
        if kind and (folder / f"{reference}.{kind}.npy").exists():
            usual = usual_cosine(folder, kind, reference)
            print(f"  the median cosine of two different {kind}: {usual:.4f}")
    return medians


def report_bounds(medians, units, sizes):
    """Print what "auto" is asked, and what it does."""
    print(f'\n{"engine="}"auto" against its bounds')
    for figure, factor, other in BOUNDS:
        if factor is None:
            factor = WITH_UNITS if units else WITHOUT_UNITS
        values = medians.get(figure, {})
        title = FIGURES[figure][0].format(**sizes)
        asked = f"{'>=' if factor > 1 else '<='} {factor}x {other}"
        if AUTO not in values or other not in values:
            print(f"  {title:50}{asked:32}not measured")
            continue
        ratio = values[AUTO] / values[other]
        kept = ratio >= factor if factor > 1 else ratio <= factor
        print(f"  {title:50}{asked:32}{ratio:.2f}x  {'kept' if kept else 'MISSED'}")
