"""What a GPU makes of it: tests, encoding, memory, the linear head, fine-tuning.

    make gpu-wheels            # where there is a network: the packages that are lacking
    python benchmarks/gpu.py   # where there is a GPU: under 8 minutes

It runs from a checkout, without installation: torch, torchvision, timm and scikit-learn
have to be there, other packages come from the wheels in `gpu-wheels`, which are
unpacked for the time of the run. Every part is a process of its own with a time limit,
and gets the seconds that those before it have left; what it has found so far is in the
report, whatever becomes of it, and the next part runs. `--rehearse` runs all of it on a
CPU in a minute, at sizes that say nothing.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
WHEELS = ROOT / "gpu-wheels"
# Part and its limit in seconds; together they are 8 minutes at the most. All parts
# need what the first one makes, and get what it leaves of its time.
PARTS = {
    "prepare": 110,
    "reading": 25,
    "ViT-B-32": 55,
    "ViT-L-14": 65,
    "memory": 30,
    "logistic": 55,
    "finetune": 70,
    "equality": 35,
    "tests": 35,
}
ROOM = 6e9  # bytes of pictures and models
PACKAGES = ["torch", "open_clip_torch", "scikit-learn", "numpy", "pillow"]
PACKAGES += ["sentence-transformers", "transformers"]
HEAD = """\
# What a GPU made of it

Written by `python benchmarks/gpu.py`, {today}. {card}, {cores} cores; Python {python};
{packages}. Models have random weights. Both sides of a row are measured in one process.

| part | what | here | beside it | ratio | bound |
|---|---|---|---|---|---|
"""


def unpack_wheels(target):
    """Put the packages that are lacking where Python finds them.

    Those that are there stay: a wheel may be of another Python.
    """
    for wheel in sorted(WHEELS.glob("*.whl")):
        try:
            version(wheel.name.partition("-")[0])
        except PackageNotFoundError:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)


def environment(site, rehearse):
    """Make the environment of a part: this checkout first, then the wheels."""
    known = os.environ.get("PYTHONPATH")
    path = [str(ROOT), str(FOLDER), str(site), *([known] if known else [])]
    # A rehearsal takes what a GPU takes, and prepares nothing for another engine.
    own = {"PYTHONPATH": os.pathsep.join(path), "SKLEARN_CLIP_ENGINE": "torch"}
    own |= {"OMP_NUM_THREADS": "1"} if rehearse else {}
    told = {**os.environ, **own}
    # What one part has compiled of the unpacked wheels, the next one need not.
    told.pop("PYTHONDONTWRITEBYTECODE", None)
    return told


def run_part(name, work, rehearse, limit):
    """Run a part in a process of its own; return its records and how it ended.

    What it says goes into a file: a pipe would stay open for as long as a process that
    it has started.
    """
    command = [sys.executable, "-m", "_gpu_parts", name, str(work)]
    command += ["--rehearse"] if rehearse else []
    log, start = work / f"{name}.log", time.perf_counter()
    with (
        log.open("wb") as file,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(work / "site", rehearse),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            end = "failed" if process.wait(limit) else ""
        except subprocess.TimeoutExpired:
            end = "was cut off"
            ask_where(process)
        finally:
            end_group(process)
    seconds = time.perf_counter() - start
    said = log.read_text(encoding="utf-8", errors="replace")
    return read_records(work, name), end, seconds, said


def ask_where(process):
    """Have a part say where it is."""
    if hasattr(signal, "SIGUSR1"):
        process.send_signal(signal.SIGUSR1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)


def end_group(process):
    """End a part with all that it has started, which would slow down the next one."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL)


def read_records(work, name):
    """Read what a part has found, so far."""
    records = work / f"{name}.jsonl"
    if not records.exists():
        return []
    lines = records.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def describe_card():
    """Name the device that torch computes on."""
    import torch

    if torch.cuda.is_available():
        return f"One {torch.cuda.get_device_name(0)}"
    return "No GPU (a rehearsal, whose figures say nothing)"


def describe_packages():
    """List the packages that are there with their versions."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def find_place(out, head):
    """Begin the report, in the temporary folder where it cannot be written as told."""
    try:
        out.write_text(head, encoding="utf-8")
    except OSError as exc:
        out = Path(tempfile.gettempdir(), out.name)
        print(f"The report goes to {out}: {exc}", flush=True)
    return out


def write_row(record):
    """Write a record as a row of the table."""
    cells = [record.get(k, "") for k in ("part", "what", "here", "beside")]
    ratio = record.get("ratio")
    cells += ["" if ratio is None else f"{ratio:.2f}x", record.get("bound", "")]
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def main(argv=None):
    """Run the parts and write the report after each of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--out", type=Path, default=FOLDER / "RESULTS_GPU.md")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--limit", type=float, default=1.0, help="factor of the limits")
    options = parser.parse_args(argv)
    parts = [n for n in PARTS if n in options.parts or n == "prepare"]
    rows, troubles, spare = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if not options.rehearse and shutil.disk_usage(work).free < ROOM:
            sys.exit(f"{work.parent} lacks room: name another folder as TMPDIR.")
        unpack_wheels(work / "site")
        sys.path.insert(0, str(work / "site"))
        for needed in ("torch", "open_clip", "sklearn"):
            if importlib.util.find_spec(needed) is None:
                sys.exit(f"{needed} is not here: make gpu-wheels, or install it.")
        head = HEAD.format(
            today=date.today().isoformat(),
            card=describe_card(),
            cores=os.cpu_count(),
            python=platform.python_version(),
            packages=describe_packages(),
        )
        out = find_place(options.out, head)
        for name in parts:
            limit = PARTS[name] * options.limit + spare
            found, end, seconds, said = run_part(name, work, options.rehearse, limit)
            spare = max(limit - seconds, 0.0)
            rows += [write_row({"part": name, **record}) for record in found]
            if end:
                rows.append(write_row({"part": name, "what": f"{end}, see below"}))
                tail = "\n".join(said.strip().splitlines()[-40:])
                troubles.append(f"\n## {name} {end}\n\n```\n{tail}\n```\n")
            text = head + "\n".join(rows) + "\n" + "".join(troubles)
            out.write_text(text, encoding="utf-8")
            print(f"== {name}: {seconds:.0f} s {end}", flush=True)
            print("\n".join(rows[-len(found) - bool(end) :]) if found or end else "")
            if end:
                print(troubles[-1], flush=True)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
