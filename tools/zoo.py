"""Every model of open_clip: whether our vectors are open_clip's, and what it costs.

``python tools/zoo.py`` tries the architectures of ``open_clip.list_models()`` that are
not yet in ``benchmarks/zoo.json`` with these versions, each in a process of its own
with a bound of time and memory, counts what all of them cost, and writes the page
``docs/model_table.md``. It may be stopped at any time and goes on where it was. Towers
and tokenizers of Hugging Face need ``pip install "sklearn-clip[hf]"``; without it they
are left out. It runs where processes can be forked.
"""

import argparse
import importlib.metadata
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import zoo_page

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "zoo.json"
PAGE = ROOT / "docs" / "model_table.md"
# A picture of a tower whose time is measured.
MOST_GFLOPS = 40
PACKAGES = (
    "open_clip_torch",
    "timm",
    "torch",
    "transformers",
    "openvino",
    "onnxruntime",
)


def read_results(file):
    """Read what is known.

    Parameters
    ----------
    file : Path
        Of an earlier run, perhaps not there.

    Returns
    -------
    dict of str to dict
        Results by model.
    """
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def add_results(file, results):
    """Add to what is known; the file is replaced as a whole.

    Parameters
    ----------
    file : Path
        Read again, as several may run at once.
    results : dict of str to dict
        Results by model.
    """
    results = read_results(file) | results
    part = file.with_suffix(f".{os.getpid()}")
    text = json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, file)


def versions():
    """Return the versions of what is tried, None for what is not installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def in_order(names):
    """Order names so that every kind of model is tried early.

    Parameters
    ----------
    names : list of str
        Names of open_clip.

    Returns
    -------
    list of str
        First one of each kind (the beginning of its name), then the second, and so on.
    """
    seen, places = {}, {}
    for name in names:
        kind = name.split("-")[0].split("_")[0] + ("SigLIP" if "SigLIP" in name else "")
        places[name] = seen[kind] = seen.get(kind, -1) + 1
    return sorted(names, key=places.get)


def is_wanted(name, parts, names):
    """Tell whether a model is meant by what a user names.

    Parameters
    ----------
    name : str
        The model.
    parts : list of str
        Names or, where they are none, parts of names; nothing means all.
    names : list of str
        All models.

    Returns
    -------
    bool
        The answer.
    """
    return not parts or any(
        part == name if part in names else part in name for part in parts
    )


def try_model(name, *, seconds, gigabytes):
    """Try one model in a process of its own.

    Parameters
    ----------
    name : str
        Name of open_clip.
    seconds, gigabytes : float
        Its bounds.

    Returns
    -------
    dict of str to str
        Answers of `zoo_checks.check`, or ``"process"`` and how it ended.
    """
    # Forked, as to import torch, open_clip and transformers takes as long as the rest.
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.json"
        process = context.Process(target=_answer, args=(name, file, gigabytes))
        process.start()
        process.join(seconds)
        ended = f"ended with {process.exitcode}"
        if process.is_alive():
            process.kill()
            process.join()
            ended = f"took more than {seconds:g} seconds"
        if file.exists():
            return json.loads(file.read_text(encoding="utf-8"))
    return {"process": ended}


def _answer(name, file, gigabytes):
    """Ask everything of one model, in the process that is there for it."""
    import resource

    import zoo_checks
    import zoo_model

    if sys.platform == "linux":
        most = int(gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["SKLEARN_CLIP_ENGINES"] = str(file.parent / "engines")
    try:
        weights, tag = zoo_model.prepare(name, file.parent)
        zoo_model.leave_random()
        found = zoo_checks.check(name, weights, tag, file.parent)
    except Exception as exc:
        found = {"process": f"{type(exc).__name__}: {exc}"[:300]}
    file.write_text(json.dumps(found), encoding="utf-8")


def measure_some(results):
    """Measure the time of the image towers that are not too large, each kind once.

    Parameters
    ----------
    results : dict of str to dict
        Results by model, with the costs that are counted.
    """
    import zoo_cost

    seen = set()
    for name, entry in results.items():
        cost = entry.get("cost", {})
        gflops = cost.get("gflops", {}).get("image", float("inf"))
        kind = gflops, cost.get("parameters", {}).get("image")
        if gflops > MOST_GFLOPS or "measured" in cost or kind in seen:
            continue
        seen.add(kind)
        cost["measured"] = zoo_cost.measure(name)
        add_results(RESULTS, {name: entry})


def main():
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names; default: all")
    parser.add_argument("--seconds", type=float, default=900, help="of one model")
    parser.add_argument("--gigabytes", type=float, default=12, help="of one model")
    forever = float("inf")
    later = "after which no model is begun"
    parser.add_argument("--minutes", type=float, default=forever, help=later)
    parser.add_argument("--share", type=int, default=0, help="which part, from 0")
    parser.add_argument("--of", type=int, default=1, help="parts, which run at once")
    parser.add_argument("--again", action="store_true", help="what did not agree")
    parser.add_argument("--measure", action="store_true", help="times of some, too")
    parser.add_argument("--page", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    if not 0 <= arguments.share < arguments.of:
        parser.error(
            "--share must be from 0 to one below --of. "
            f"Got {arguments.share} of {arguments.of}."
        )
    hub = tempfile.TemporaryDirectory()
    # Before anything of the hub is imported: it reads these then.
    os.environ |= {"HF_HOME": hub.name, "HF_HUB_OFFLINE": "1"}
    os.environ.pop("HF_HUB_CACHE", None)
    import open_clip
    import zoo_checks  # noqa: F401 (and all that it needs, for every child)
    import zoo_cost
    import zoo_model

    results, known = read_results(RESULTS), versions()
    names = open_clip.list_models()
    if not arguments.page:
        stop = time.monotonic() + 60 * arguments.minutes
        for number, name in enumerate(in_order(names)):
            if number % arguments.of != arguments.share:
                continue
            if not is_wanted(name, arguments.names, names):
                continue
            entry = results.setdefault(name, {})
            if "gflops" not in entry.get("cost", {}):
                entry["cost"] = zoo_cost.count(name)
                add_results(RESULTS, {name: entry})
            answers = entry.get("answers", {})
            fine = answers and all(v == "agrees" for v in answers.values())
            done = fine or (answers and not arguments.again)
            if done and entry.get("versions") == known:
                continue
            if entry["cost"].get("extra") and known["transformers"] is None:
                continue
            if time.monotonic() > stop:
                continue
            started = time.monotonic()
            bounds = {"seconds": arguments.seconds, "gigabytes": arguments.gigabytes}
            entry |= {"answers": try_model(name, **bounds), "versions": known}
            add_results(RESULTS, {name: entry})
            said = {k: v for k, v in entry["answers"].items() if v != "agrees"}
            took = time.monotonic() - started
            print(f"{name}: {said or 'agrees'} ({took:.0f} s)", flush=True)
        results = read_results(RESULTS)
        if arguments.measure:
            measure_some(results)
            results = read_results(RESULTS)
    how = {"blocks": zoo_model.BLOCKS, "tolerance": zoo_model.TOLERANCE}
    page = zoo_page.write(results, names, **how, cosines=zoo_model.LEAST_COSINE)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
