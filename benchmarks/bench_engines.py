"""Every engine and precision on the CPU, beside the build before there were engines.

    python benchmarks/bench_engines.py            # or: make bench-engines
    python benchmarks/bench_engines.py --models   # other architectures, once each

Contenders: ``engine="auto"``, every engine and precision that is installed, the build
of the commit `--against` (today's, unpacked into a temporary folder), and
sentence-transformers with every backend that embeds with CLIP. All have the same
weights, a randomly initialised ViT-B-32, the same JPEG files of mixed sizes and the
same captions. They take turns in processes of their own, each with caches of its own
that a first run has filled. Printed are medians over the rounds with the range, ratios
to today's build and to sentence-transformers, the worst cosines to torch in fp32, and
what is bounded beside its bound.

The vectors of random weights lie close together, which flatters a cosine: how close is
printed too. `--without-bf16` hides the bf16 units of a processor that has them.
`--cpu-time` is for a machine that others use: rates are then those of one thread, by
the seconds that it had of a CPU.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from _engine_contenders import BF16_CHECKS
from _engine_report import (
    AUTO,
    PEER,
    REFERENCE,
    TODAY,
    report,
    report_bounds,
    usual_cosine,
    worst_cosine,
)
from bench_embedding import write_models, write_pictures
from run_all import describe_machine, list_versions

HERE = Path(__file__).resolve().parent
ENGINES = ("torch", "onnxruntime", "openvino")
TASKS = ("images", "texts", "latency", "start", "memory")
# Seconds after which a process is given up.
LONGEST = 1800
STARTS = ("start_image", "start_concat", "start_saved")
MODELS = (
    "ViT-B-16",
    "ViT-L-14",
    "ViT-B-16-SigLIP",
    "RN50",
    "MobileCLIP2-S0",
    "convnext_base",
)
NOTES = """\
sentence-transformers and CLIP: only the torch backend embeds. With 5.7.0 and
optimum-onnx 0.1.0, and with 6.2.0 and optimum-intel 2.2.0, the "onnx" and "openvino"
backends export both towers as one graph that asks for pixels and tokens at once, and
encode() hands it one of them: it raises (2026-11-27). `--peer onnx=PYTHON` tries again.
"""
MASKED = """\
bf16 units hidden: ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI for oneDNN, torch's checks answer
no, /proc/cpuinfo is read without their flags, and bf16 by name is left out. OpenVINO's
oneDNN minds that variable, but OpenVINO names bf16 among what the CPU can all the same
and would take it by itself, at a fiftieth of the speed: it must be told fp32 by name.
"""


def has_bf16_units():
    """Tell whether torch finds bf16 units."""
    import torch

    return any(getattr(torch.cpu, name, bool)() for name in BF16_CHECKS)


def unpack(revision, folder):
    """Unpack the package of a commit and return the folder to import it from."""
    command = ["git", "-C", str(HERE.parent), "archive", revision, "sklearn_clip"]
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        raise SystemExit(f"--against {revision}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def run_task(task, contender, folder, extra=None):
    """Run a task in a process of its own; return what it found and its seconds."""
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    env.pop("SKLEARN_CLIP_ENGINE", None)  # what "auto" stands for
    env |= contender.get("env", {}) | (extra or {})
    handed = {k: v for k, v in contender.items() if k not in ("env", "python")}
    handed["model"] = (extra or {}).get("SKLEARN_CLIP_MODEL", contender.get("model"))
    command = [contender.get("python", sys.executable), "-W", "ignore"]
    command += [str(HERE / "_engine_contenders.py"), task, json.dumps(handed)]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [*command, str(folder)],
            capture_output=True,
            text=True,
            env=env,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        print(f"{contender['name']}: {task} took more than {LONGEST} s", flush=True)
        return None, float(LONGEST)
    seconds = time.perf_counter() - start
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        print(f"{contender['name']}: {task} failed: {lines[-1][:300]}", flush=True)
        return None, seconds
    return json.loads(done.stdout.splitlines()[-1]), seconds


def list_contenders(options, folder, units):
    """List the contenders; what this build does not offer is said and left out."""
    common = {"images": options.images, "captions": options.captions}
    common |= {"env": {}, "hide": False}
    if options.cpu_time:
        common["cpu_time"] = True
        common["env"] = {"OMP_NUM_THREADS": "1"}
    if options.without_bf16:
        common["env"] |= {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}
        common["hide"] = True
    ours = {**common, "kind": "ours"}
    before = {**ours, "env": {**common["env"]}}
    before["env"]["PYTHONPATH"] = str(unpack(options.against, folder / "before"))
    fp32 = {"precision": "fp32"}
    found = [{**before, "name": TODAY, "options": fp32 if options.without_bf16 else {}}]
    if units:
        found.append({**before, "name": REFERENCE, "options": fp32})
    found += list_engines(ours, folder, units)
    pythons = dict.fromkeys(("torch", "onnx", "openvino"), sys.executable)
    pythons |= dict(peer.split("=", 1) for peer in options.peer)
    for backend, python in pythons.items():
        name = PEER if backend == "torch" else f"{PEER}, {backend}"
        peer = {**common, "kind": "peer", "name": name, "python": python}
        found.append({**peer, "options": {"backend": backend}})
    return found


def list_engines(ours, folder, units):
    """List the engines and precisions of the build that is installed."""
    said, _ = run_task("describe", {**ours, "name": "this build"}, folder)
    if said is None:
        return []
    print(f"This build: {Path(said['file']).parent}")
    if not said["engine"]:
        print("It has no CLIPFeaturizer(engine=...): its engines are left out.")
        return []
    for engine in ENGINES:
        if engine not in said["packages"]:
            print(f"{engine} is not installed: its engine is left out.")
    found = [{**ours, "name": AUTO, "options": {"engine": "auto"}}]
    for engine, precision in said["offers"]:
        if precision == "bf16" and not units:
            continue
        named = {"engine": engine, "precision": precision}
        found.append({**ours, "name": f"{engine} {precision}", "options": named})
    return found


def link_model(source, target):
    """Give a folder of its own to each contender, for what is kept beside weights."""
    target.mkdir(parents=True)
    for file in source.iterdir():
        try:
            os.link(file, target / file.name)
        except OSError:
            shutil.copy2(file, target / file.name)
    return str(target)


def fill_caches(contenders, folder, results):
    """Time a first start with nothing cached, then fill what is kept between runs."""
    ready = []
    row = [str(min((folder / "pictures").iterdir())), "a red dog on the street"]
    for number, contender in enumerate(contenders):
        contender["row"] = row
        if contender["kind"] == "peer":
            contender["model"] = str(folder / "transformers")
            if run_task("prepare", contender, folder)[0] is not None:
                ready.append(contender)
            continue
        cold = []
        for task in STARTS[:2]:
            place = folder / f"cold-{number}"
            extra = {"SKLEARN_CLIP_ENGINES": str(place / "engines")}
            extra["SKLEARN_CLIP_MODEL"] = link_model(
                folder / "open_clip", place / "model"
            )
            found, seconds = run_task(task, contender, folder, extra)
            shutil.rmtree(place)
            if found is None:
                break
            cold.append((f"cold {task}", seconds))
        if len(cold) < 2:
            continue
        place = folder / f"warm-{number}"
        contender["model"] = link_model(folder / "open_clip", place / "model")
        contender["env"] = {
            **contender["env"],
            "SKLEARN_CLIP_ENGINES": str(place / "engines"),
        }
        said, seconds = run_task("prepare", contender, folder)
        if said is None:
            continue
        expected = contender["env"].get("PYTHONPATH", "")
        if contender["name"].startswith(TODAY) and expected not in said["file"]:
            raise SystemExit(f"{TODAY} is imported from {said['file']}.")
        kept = [f.stat().st_size for f in (place / "engines").rglob("*") if f.is_file()]
        print(
            f"{contender['name']}: {said['used']}; first run {seconds:.0f} s, "
            f"{sum(kept) / 2**20:.0f} MB kept",
            flush=True,
        )
        for figure, seconds in cold:
            results[figure] = results.get(figure, {})
            results[figure][contender["name"]] = [seconds]
        ready.append(contender)
    return ready


def take_turns(task, contenders, folder, results, rounds):
    """Run a task for every contender in turn, and note what it found."""
    for _ in range(rounds):
        for contender in contenders:
            if task == "start_saved" and contender["kind"] == "peer":
                continue
            found, seconds = run_task(task, contender, folder)
            if found is None:
                continue
            if task in STARTS:
                found = {task: seconds}
            for figure, value in found.items():
                values = results.setdefault(figure, {})
                values.setdefault(contender["name"], []).append(value)


def bench_models(options, folder, units):
    """Print images a second and worst cosines of other architectures, one by one."""
    reference = "torch fp32"
    contenders = list_contenders(options, folder, units)
    contenders = [c for c in contenders if c["kind"] == "ours"]
    if options.contenders:
        asked = (reference, *options.contenders)
        contenders = [c for c in contenders if any(p in c["name"] for p in asked)]
    if not any(c["name"] == reference for c in contenders):
        reference = REFERENCE if units else TODAY
    contenders.sort(key=lambda c: c["name"] != reference)
    for name in options.architectures or MODELS:
        place = folder / "architecture"
        place.mkdir()
        model = {"name": name, "architecture": name, "model": str(place / "model")}
        (place / "pictures").symlink_to(folder / "pictures")
        said, _ = run_task("write_model", model, place)
        if said is None:
            shutil.rmtree(place)
            continue
        print(f"\n{name:32}{'images/s':>9}  worst cosine of images, texts")
        for contender in contenders:
            contender |= {"model": model["model"], **said}
            contender["env"] = {
                **contender["env"],
                "SKLEARN_CLIP_ENGINES": str(place / "engines"),
            }
            found, _ = run_task("model", contender, place)
            if found is None:
                continue
            if "refused" in found:
                print(f"  {contender['name']:30}  {found['refused']}", flush=True)
                continue
            line = f"  {contender['name']:30}{found['images']:9.1f}"
            for kind in ("images", "texts"):
                cosine = worst_cosine(place, kind, contender["name"], reference)
                line += f"{'-' if cosine is None else f'{cosine:.5f}':>10}"
            print(line, flush=True)
        print(
            f"  the median cosine of two different images: "
            f"{usual_cosine(place, 'images', reference):.4f}"
        )
        shutil.rmtree(place)


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=192, help="files of a rate")
    parser.add_argument("--captions", type=int, default=4096, help="the many")
    parser.add_argument("--files", type=int, default=2000, help="of the memory's run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", default="4745163", metavar="REV")
    parser.add_argument("--without-bf16", action="store_true", help="hide the units")
    parser.add_argument("--cpu-time", action="store_true", help="of one thread")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--contenders", nargs="+", default=[], help="parts of names")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="BACKEND=PYTHON",
        help="an interpreter with sentence-transformers for torch, onnx or openvino",
    )
    parser.add_argument("--models", action="store_true", help="other architectures")
    parser.add_argument("--architectures", nargs="+", help="of --models")
    return parser.parse_args()


def main():
    """Write pictures and models, run, report."""
    options = parse_options()
    units = has_bf16_units() and not options.without_bf16
    most = max(options.images, options.files if "memory" in options.only else 0)
    if options.models:
        most = options.images = min(options.images, 24)
        options.captions = min(options.captions, 24)
    sizes = {"captions": options.captions, "files": options.files}
    print(list_versions())
    print(f"{describe_machine()}, bf16 units: {'used' if units else 'none or hidden'}")
    print(
        f"{options.images} images, {options.rounds} rounds, against {options.against}"
    )
    if options.cpu_time:
        print("rates and milliseconds by the CPU time of one thread")
    if options.without_bf16:
        print(MASKED, end="")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "pictures").mkdir()
        write_pictures(folder / "pictures", most)
        if options.models:
            bench_models(options, folder, units)
            return
        write_models(folder)
        contenders = [
            contender
            for contender in list_contenders(options, folder, units)
            if contender["name"].startswith(TODAY)
            or not options.contenders
            or any(part in contender["name"] for part in options.contenders)
        ]
        results = {}
        contenders = fill_caches(contenders, folder, results)
        for task in options.only:
            rounds = 1 if task == "memory" else options.rounds
            for part in STARTS if task == "start" else (task,):
                take_turns(part, contenders, folder, results, rounds)
        medians = report(results, folder, REFERENCE if units else TODAY, sizes)
        report_bounds(medians, units, sizes)
        print("\n" + NOTES, end="")


if __name__ == "__main__":
    main()
