"""What a part of `gpu.py` does in the process that it has to itself.

    python -m _gpu_parts PART FOLDER [--rehearse]

FOLDER holds pictures and models, once the part "prepare" has run, and gets a line of
JSON for everything that a part finds.
"""

import argparse
import contextlib
import faulthandler
import functools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

BEGUN = time.perf_counter()
ROOT = Path(__file__).resolve().parent.parent
SIDE = (640, 480)
BATCH = 256
# The tests that meet another device than the CPU, where there is one.
TESTS = ["tests/gpu", "tests/heads/networks/test_net_copies.py"]
TESTS += ["tests/heads/linear/test_logistic_devices.py"]
FULL = {"pictures": 4096, "captions": 8192, "rows": (200_000, 768, 200), "tuned": 2048}
SMALL = {"pictures": 24, "captions": 40, "rows": (300, 32, 6), "tuned": 16}
TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 64,
        "heads": 1,
        "layers": 2,
    },
}


class Part:
    """A part at work.

    Parameters
    ----------
    name : str
        Which one.
    folder : Path
        Where pictures and models are, and records go.
    rehearse : bool
        Whether sizes are such that a CPU is done in seconds.
    """

    def __init__(self, name, folder, rehearse):
        self.name, self.folder, self.rehearse = name, folder, rehearse
        self.sizes = SMALL if rehearse else FULL

    def say(self, what, here, beside="", ratio=None, bound=""):
        """Record a finding at once."""
        found = {"what": what, "here": here, "beside": beside}
        found |= {"ratio": ratio, "bound": bound}
        with (self.folder / f"{self.name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(f"{time.perf_counter() - BEGUN:.0f} s: {what}", flush=True)

    @property
    def pictures(self):
        """Paths of the JPEG files."""
        return sorted(str(path) for path in (self.folder / "pictures").iterdir())

    @property
    def captions(self):
        """Distinct texts of some twelve tokens."""
        from bench_embedding import make_captions

        return make_captions(self.sizes["captions"])

    def model(self, name):
        """Name a model for a featurizer."""
        return f"local-dir:{self.folder / name / 'open_clip'}"


def run_tests(part):
    """Run the tests that a GPU matters for."""
    tests = TESTS[:1] if part.rehearse else TESTS
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *tests]
    # Other packages of the machine may be older, or warn each other.
    command += ["-W", "default::DeprecationWarning", "-W", "default::FutureWarning"]
    last = "nothing said"
    # Nor do plugins that happen to be there take part.
    own = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True
    ) as running:
        for line in running.stdout:  # said at once, should there be too little time
            print(line, end="", flush=True)
            last = line.strip("= \n") or last
    part.say("`pytest " + " ".join(tests) + "`", last)
    if running.returncode:
        sys.exit(running.returncode)


def prepare(part):
    """Write pictures and models."""
    import open_clip
    from bench_embedding import write_models
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    target = part.folder / "pictures"
    target.mkdir()

    def write(number):
        rng = np.random.default_rng(number)
        left, top = rng.integers(0, 200), rng.integers(0, 120)
        piece = photos[number % 2].crop((left, top, left + 400, top + 280))
        piece.resize(SIDE).save(target / f"{number:05}.jpg", quality=88)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(part.sizes["pictures"])))
    for name in ("ViT-B-32", "ViT-L-14"):
        config = TINY if part.rehearse else open_clip.get_model_config(name)
        write_models(part.folder / name, config)


def rate(function, items):
    """Call once and return items per second."""
    _wait()
    start = time.perf_counter()
    function()
    _wait()
    return len(items) / (time.perf_counter() - start)


def _wait():
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextlib.contextmanager
def listening(backbone, heard):
    """Note the sizes and the seconds of all forward passes, and those that fail."""
    encode = backbone.encode_images

    def listen(batch):
        start = time.perf_counter()
        try:
            rows = encode(batch)
        except RuntimeError:
            heard.append((len(batch), None))
            raise
        heard.append((len(batch), time.perf_counter() - start))
        return rows

    backbone.encode_images = listen
    try:
        yield
    finally:
        del backbone.encode_images


def encode_with(name, part):
    """Images and texts per second, by batch size, precision and threads."""
    from sklearn_clip import CLIPFeaturizer
    from sklearn_clip.embedding._processes import LEAST_PICTURES

    make = functools.partial(CLIPFeaturizer, part.model(name), cache=None)
    images, texts = part.pictures, part.captions
    clip = make()
    warm_up = images[:LEAST_PICTURES]  # fewer would start no processes
    clip.encode_images(warm_up), clip.encode_texts(texts[:64])
    bare_images, bare_texts = bare_rates(clip._backbone(), images, texts)
    heard = []
    with listening(clip._backbone(), heard):
        tries = [rate(lambda: clip.encode_images(images), images) for _ in range(3)]
    found = statistics.median(tries)
    waits = 1 - sum(s for _, s in heard) / sum(len(images) / speed for speed in tries)
    bound = ">= 0.8 at ViT-L-14"
    precision = clip.arithmetic_["image"]
    part.say(
        f"JPEG files beside the bare forward pass, {precision}",
        f"{found:.0f}/s, batches of {heard[0][0]}",
        f"{bare_images:.0f}/s",
        found / bare_images,
        bound,
    )
    part.say("time that the GPU waits for pictures", f"{waits:.0%}")
    found_texts = rate(lambda: clip.encode_texts(texts), texts)
    part.say(
        "captions beside the bare forward pass",
        f"{found_texts:.0f}/s",
        f"{bare_texts:.0f}/s",
        found_texts / bare_texts,
    )
    peers(name, part, images, texts, found, found_texts)
    cases = [({"batch_size": size}, images) for size in (32, 128, 1024)]
    cases += [({"precision": "fp16"}, images)]
    cases += [({"precision": "fp32"}, images[: len(images) // 2])]
    if name == "ViT-B-32":  # whatever the model; two are threads, which take their time
        cases += [({"num_workers": 2}, images[: len(images) // 4])]
        cases += [({"num_workers": 8}, images)]
    for options, some in cases:
        if part.rehearse and options == {"precision": "fp16"}:
            continue  # some CPUs take minutes for it
        other = make(**options)
        other.encode_images(warm_up[: len(some)])
        speed = rate(lambda clip=other, some=some: clip.encode_images(some), some)
        said = ", ".join(f"{k}={v!r}" for k, v in options.items())
        part.say(
            f"JPEG files, {said}", f"{speed:.0f}/s", f"{found:.0f}/s", speed / found
        )


def bare_rates(backbone, images, texts):
    """Forward passes alone, on tensors that are on the device."""
    import torch

    model = backbone.model
    dtype = next(model.visual.parameters()).dtype
    some = [backbone.prepare_image(_read(path)) for path in images[:BATCH]]
    pixels = torch.stack(some).to(backbone.device).permute(0, 3, 1, 2)
    pixels = (pixels.float() / 255).to(dtype)
    tokens = backbone.tokenizer(list(texts[:BATCH])).to(backbone.device)
    rounds = max(len(images) // BATCH, 1)

    def run(encode, batch):
        with torch.inference_mode():
            for _ in range(rounds):
                encode(batch, normalize=False)

    speeds = []
    for encode, batch in ((model.encode_image, pixels), (model.encode_text, tokens)):
        once = functools.partial(run, encode, batch)
        once()
        tries = [rate(once, batch) * rounds for _ in range(3)]
        speeds.append(statistics.median(tries))
    return speeds


def _read(path):
    from sklearn_clip.embedding import decode_image

    return decode_image(path)


def peers(name, part, images, texts, found, found_texts):
    """Beside sentence-transformers with the same weights, where it is installed."""
    folder = part.folder / name / "transformers"
    if not (folder / "preprocessor_config.json").exists():
        part.say("sentence-transformers", "left out: its model was not written")
        return
    try:
        import torch
        from PIL import Image
        from sentence_transformers import SentenceTransformer
    except ImportError:
        part.say("sentence-transformers", "left out: not installed")
        return
    some = images[: len(images) // 8]  # which it decodes one after the other
    for said, kwargs in (("", {}), (" in bf16", {"torch_dtype": torch.bfloat16})):
        peer = SentenceTransformer(str(folder), model_kwargs=kwargs)
        options = {"batch_size": 128, "show_progress_bar": False}

        def encode(paths, peer=peer, options=options):
            return peer.encode([Image.open(path) for path in paths], **options)

        encode(some[:64])
        theirs = rate(lambda encode=encode: encode(some), some)
        part.say(
            f"JPEG files beside sentence-transformers{said}",
            f"{found:.0f}/s",
            f"{theirs:.0f}/s",
            found / theirs,
            ">= 3",
        )
    theirs = rate(lambda: peer.encode(texts, **options), texts)
    part.say(
        "captions beside sentence-transformers in bf16",
        f"{found_texts:.0f}/s",
        f"{theirs:.0f}/s",
        found_texts / theirs,
    )


def overflow(part):
    """Halve a batch that cannot fit, and lose nothing."""
    import torch

    from sklearn_clip import CLIPFeaturizer

    images, fits = part.pictures[: 2048 if not part.rehearse else 24], 64
    name = part.model("ViT-L-14")
    expected = CLIPFeaturizer(name, cache=None, batch_size=fits).encode_images(images)
    clip = CLIPFeaturizer(name, cache=None, batch_size=len(images))
    backbone, heard = clip._backbone(), []
    with contextlib.ExitStack() as stack:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(4 * 2**30 / total)
            torch.cuda.reset_peak_memory_stats()
        else:  # a rehearsal, in which nothing runs out
            stack.enter_context(_failing_above(backbone, 6))
        stack.enter_context(listening(backbone, heard))
        found = clip.encode_images(images)
    failed = [size for size, seconds in heard if seconds is None]
    assert failed, "the batch was meant not to fit"
    sizes = {size for size, seconds in heard if seconds is not None}
    worst = float((found * expected).sum(axis=1).min())
    part.say(
        f"{len(images)} pictures in one batch, into 4 GiB",
        f"failed at {failed}, went on with {max(sizes)}; worst cosine {worst:.5f}",
    )
    assert worst > 0.999
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 2**30
        part.say("peak of torch's memory", f"{peak:.2f} GiB of 4")


@contextlib.contextmanager
def _failing_above(backbone, most):
    encode = backbone.encode_images

    def fail(batch):
        if len(batch) > most:
            raise RuntimeError("out of memory, as it were")
        return encode(batch)

    backbone.encode_images = fail
    try:
        yield
    finally:
        backbone.__dict__.pop("encode_images", None)


def equality(part):
    """Vectors of the GPU beside those of the CPU."""
    from sklearn_clip import CLIPFeaturizer

    names = {"clipart-tiny": "clipart-tiny", "ViT-B-32": part.model("ViT-B-32")}
    images, texts = part.pictures[:64], part.captions[:64]
    for shown, name in names.items():
        cpu = CLIPFeaturizer(
            name, cache=None, device="cpu", precision="fp32", engine="torch"
        )
        for precision in ("fp32", "auto"):
            gpu = CLIPFeaturizer(name, cache=None, precision=precision)
            worst = []
            for kind, items in (("images", images), ("texts", texts)):
                a, b = (getattr(c, f"encode_{kind}")(items) for c in (cpu, gpu))
                worst.append(f"{kind} {(a * b).sum(axis=1).min():.6f}")
            done = gpu.arithmetic_["image"]
            part.say(
                f"{shown}, precision={precision!r} ({done}): worst cosine to the CPU",
                ", ".join(worst),
                bound=">= 0.999",
            )


def main(argv=None):
    """Run one part."""
    from _gpu_reading import read
    from _gpu_training import compare_heads, fine_tune

    parts = {
        "tests": run_tests,
        "prepare": prepare,
        "reading": read,
        "ViT-B-32": functools.partial(encode_with, "ViT-B-32"),
        "ViT-L-14": functools.partial(encode_with, "ViT-L-14"),
        "memory": overflow,
        "logistic": compare_heads,
        "finetune": fine_tune,
        "equality": equality,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=list(parts))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args(argv)
    parts[options.part](Part(options.part, options.folder, options.rehearse))


if __name__ == "__main__":
    if hasattr(signal, "SIGUSR1"):  # sent when time is up
        faulthandler.register(signal.SIGUSR1)
    main()
