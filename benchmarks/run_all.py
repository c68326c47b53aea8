"""Run every benchmark at a size that ends in 15 minutes on two cores.

Writes what they print to a file, with the date, the machine and the versions. Each
script measures both sides in one run; only the ratios are worth comparing between
machines.

    make bench
"""

import argparse
import importlib.util
import os
import platform
import shlex
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = Path(__file__).parent
# Script, what it compares, options, an optional package it needs.
RUNS = [
    ("bench_package.py", "Import, dump, rows embedded", "", None),
    ("bench_embedding.py", "Images and texts", "--images 96 --texts 256", None),
    ("bench_logistic.py", "Linear head", "--sizes 8000,1024,80 8000,512,500", None),
    ("bench_thresholds.py", "Thresholds", "--grid-labels 2", None),
    ("bench_calibration.py", "Calibration", "--peer-labels 25", None),
    ("bench_metrics.py", "Metrics", "", None),
    ("bench_finetune.py", "Fine-tuning", "--rows 200", None),
    ("bench_readers.py", "Readers, writers, reviews", "--rows 20000", "pandas"),
    ("bench_ray.py", "Ray", "--rows 4096 --rounds 1", "ray"),
]
PACKAGES = [
    "torch",
    "open_clip_torch",
    "scikit-learn",
    "numpy",
    "skorch",
    "sentence-transformers",
    "embetter",
    "ray",
    "onnxruntime",
    "openvino",
    "nncf",
]
HEAD = """\
# What the benchmarks said

Written by `make bench`, {today}. Each script measures both sides in one run. {machine};
Python {python}; {packages}.
"""
SECTION = """
## {title}

`python benchmarks/{command}` ({seconds:.0f} s)

```
{output}
```
"""


def describe_machine():
    """Name the processor, the cores, the memory and the GPU."""
    name = platform.processor() or platform.machine()
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        found = [
            line
            for line in cpu.read_text(encoding="utf-8").splitlines()
            if "model name" in line
        ]
        name = found[0].split(":")[1].strip() if found else name
    text = f"{name}, {os.cpu_count()} cores"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        text += f", {memory / 2**30:.0f} GiB"
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{text}, {', '.join(gpus) or 'no GPU'}"


def list_versions():
    """Give the versions of what is installed of `PACKAGES`."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def run(script, options):
    """Run a script; give its output and how long it took."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", FOLDER / script, *shlex.split(options)],
        stdout=subprocess.PIPE,
        text=True,
    )
    print(done.stdout)
    if done.returncode:
        raise SystemExit(f"{script} ended with {done.returncode}; nothing was written.")
    return done.stdout.strip(), time.perf_counter() - start


def main():
    """Run what can be run here, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER / "RESULTS.md")
    options = parser.parse_args()
    text = HEAD.format(
        today=date.today(),
        machine=describe_machine(),
        python=platform.python_version(),
        packages=list_versions(),
    )
    for script, title, arguments, needed in RUNS:
        if needed and importlib.util.find_spec(needed) is None:
            print(f"{script} is left out: {needed} is not installed.")
            continue
        output, seconds = run(script, arguments)
        command = f"{script} {arguments}".strip()
        text += SECTION.format(
            title=title, command=command, seconds=seconds, output=output
        )
    options.out.write_text(text)


if __name__ == "__main__":
    main()
