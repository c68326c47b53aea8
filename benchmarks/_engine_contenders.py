"""What one contender of `bench_engines.py` does in the process that it has to itself.

    python benchmarks/_engine_contenders.py TASK CONTENDER FOLDER

CONTENDER is JSON. The last line printed is JSON too. What measures the start of a
process imports nothing here that its contender would not.
"""

import contextlib
import importlib.abc
import importlib.machinery
import itertools
import json
import sys
import time
from pathlib import Path

TINY_BATCH = 64
BATCH = 32
PREPARED = 64
LABELS = 4
# How torch and Linux name the units that `--without-bf16` hides.
BF16_CHECKS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
BF16_FLAGS = {"avx512_bf16", "amx_bf16", "amx_tile"}


class HideFromTorch(importlib.abc.MetaPathFinder):
    """Let torch tell of no bf16 units, whenever it comes to be imported."""

    def find_spec(self, name, path, target=None):
        """Find `torch.cpu`, whose checks answer no once it is loaded."""
        if name != "torch.cpu":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            for check in BF16_CHECKS:
                setattr(module, check, lambda: False)

        spec.loader.exec_module = exec_module
        return spec


def hide_bf16_units():
    """Let this process see a processor without bf16 units, and import nothing for it.

    What oneDNN is told stands in the environment.
    """
    sys.meta_path.insert(0, HideFromTorch())
    read = Path.read_text

    def read_text(path, *args, **options):
        text = read(path, *args, **options)
        if str(path) == "/proc/cpuinfo":
            for flag in BF16_FLAGS:
                text = text.replace(f" {flag} ", " ").replace(f" {flag}\n", "\n")
        return text

    Path.read_text = read_text


def featurizer(contender, **options):
    """Make the featurizer of a contender, without a store."""
    from sklearn_clip import CLIPFeaturizer

    options = {"cache": None, **contender["options"], **options}
    return CLIPFeaturizer(f"local-dir:{contender['model']}", **options)


def read_clock(contender):
    """Return seconds: of the wall, or of the CPU where others use the machine too."""
    return time.process_time() if contender.get("cpu_time") else time.perf_counter()


def load(contender):
    """Return the functions of a contender that embed files and captions."""
    if contender["kind"] == "ours":
        clip = featurizer(contender)
        return clip.encode_images, clip.encode_texts
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        contender["model"], device="cpu", backend=contender["options"]["backend"]
    )
    options = {"batch_size": BATCH, "normalize_embeddings": True}
    options["show_progress_bar"] = False

    def encode_images(paths):
        import numpy as np

        # By the batch: it keeps every picture it was given decoded until it returns.
        starts = range(0, len(paths), BATCH)
        parts = [[Image.open(p) for p in paths[s : s + BATCH]] for s in starts]
        return np.concatenate([model.encode(part, **options) for part in parts])

    return encode_images, lambda texts: model.encode(texts, **options)


def pictures(folder, count=None):
    """List the picture files."""
    return sorted(str(path) for path in (folder / "pictures").iterdir())[:count]


def captions(contender, count=None):
    """Write the captions."""
    from bench_embedding import make_captions

    return make_captions(contender["captions"] if count is None else count)


def keep(folder, contender, kind, rows):
    """Save vectors of unit length, which are compared later."""
    import numpy as np

    rows = np.asarray(rows, dtype=np.float32)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(folder / f"{contender['name']}.{kind}.npy", rows)


def describe(contender, folder):
    """Tell what the build offers."""
    import importlib.util
    import inspect

    import sklearn_clip

    named = inspect.signature(sklearn_clip.CLIPFeaturizer).parameters
    packages = [
        name
        for name in ("torch", "onnxruntime", "openvino")
        if importlib.util.find_spec(name)
    ]
    offers = []
    if "engine" in named:
        from sklearn_clip.embedding.engines._choice import check_engine

        for pair in itertools.product(packages, ("fp32", "bf16", "int8")):
            with contextlib.suppress(ValueError, ImportError):
                check_engine(*pair)
                offers.append(pair)
    return {
        "file": sklearn_clip.__file__,
        "engine": "engine" in named,
        "packages": packages,
        "offers": offers,
    }


def prepare(contender, folder):
    """Fill the caches of a contender, and save what it predicts with."""
    if contender["kind"] != "ours":
        encode_images, encode_texts = load(contender)
        encode_images(pictures(folder, 2))
        encode_texts(captions(contender, 2))
        return {}
    import joblib
    import numpy as np
    from sklearn.pipeline import make_pipeline

    import sklearn_clip

    files, texts = pictures(folder, PREPARED), captions(contender, PREPARED)
    clip = featurizer(contender)
    clip.encode_images(files)
    clip.encode_texts(texts)
    rows = list(zip(files, texts, strict=False))
    Y = np.arange(len(rows))[:, None] % (2 + np.arange(LABELS)) == 0
    head = sklearn_clip.MultiLabelLogisticRegression()
    pipeline = make_pipeline(clip, head).fit(rows, Y.astype(int))
    joblib.dump(pipeline, folder / f"{contender['name']}.joblib")
    backbone = clip._backbone()
    # What each tower runs with; before there were engines, its precision alone.
    used = getattr(backbone, "arithmetic", backbone.precisions)
    return {"file": sklearn_clip.__file__, "used": dict(used)}


def images(contender, folder):
    """Time files of mixed sizes, from the file to the vector."""
    encode, _ = load(contender)
    files = pictures(folder, contender["images"])
    encode(files[:2])
    start = read_clock(contender)
    rows = encode(files)
    seconds = read_clock(contender) - start
    keep(folder, contender, "images", rows)
    return {"images": len(files) / seconds}


def texts(contender, folder):
    """Time a few captions, several times, and many."""
    import statistics

    _, encode = load(contender)
    many = captions(contender)
    few = many[:TINY_BATCH]
    encode(few)
    seconds = []
    for _ in range(5):
        start = read_clock(contender)
        encode(few)
        seconds.append(read_clock(contender) - start)
    start = read_clock(contender)
    rows = encode(many)
    took = read_clock(contender) - start
    keep(folder, contender, "texts", rows)
    return {
        "few texts": len(few) / statistics.median(seconds),
        "many texts": len(many) / took,
    }


def latency(contender, folder):
    """Time single rows, a picture and a caption each, through a loaded pipeline."""
    import statistics

    rows = list(zip(pictures(folder, 24), captions(contender, 24), strict=False))
    predict = _load_predictor(contender, folder)
    predict(rows[0])
    predict(rows[1])
    seconds = []
    for row in rows:
        start = read_clock(contender)
        predict(row)
        seconds.append(read_clock(contender) - start)
    return {"latency": 1000 * statistics.median(seconds)}


def _load_predictor(contender, folder):
    if contender["kind"] == "ours":
        import joblib

        pipeline = joblib.load(folder / f"{contender['name']}.joblib")
        return lambda row: pipeline.predict_proba([row])
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    encode_images, encode_texts = load(contender)

    def embed(rows):
        files, texts = (list(column) for column in zip(*rows, strict=True))
        return np.hstack([encode_images(files), encode_texts(texts)])

    rows = list(zip(pictures(folder, 16), captions(contender, 16), strict=False))
    Y = np.arange(len(rows))[:, None] % (2 + np.arange(LABELS)) == 0
    head = OneVsRestClassifier(LogisticRegression()).fit(embed(rows), Y.astype(int))
    return lambda row: head.predict_proba(embed([row]))


def _first_vector(contender, folder, fusion):
    row = contender["row"]
    if contender["kind"] == "ours":
        import sklearn_clip  # noqa: F401

        featurizer(contender, fusion=fusion).transform([row])
        return {}
    encode_images, encode_texts = load(contender)
    encode_images(row[:1])
    if fusion == "concat":
        encode_texts(row[1:])
    return {}


def start_image(contender, folder):
    """Embed one picture, in a process that has done nothing yet."""
    return _first_vector(contender, folder, "image")


def start_concat(contender, folder):
    """Embed one picture and one caption, in a process that has done nothing yet."""
    return _first_vector(contender, folder, "concat")


def start_saved(contender, folder):
    """Load a saved pipeline and ask it about one row."""
    import joblib

    saved = joblib.load(folder / f"{contender['name']}.joblib")
    saved.predict_proba([contender["row"]])
    return {}


def memory(contender, folder):
    """Embed all the files; the largest memory, and the rate of a long run."""
    from bench_embedding import peak_megabytes

    encode, _ = load(contender)
    files = pictures(folder)
    start = time.perf_counter()
    encode(files)
    rate = len(files) / (time.perf_counter() - start)
    return {"memory": peak_megabytes(), "long run": rate}


def wake(tower, files):
    """Let all of a random image tower matter, and tell one picture from another.

    Scales of whole branches start at nothing or nearly so, and the statistics of batch
    normalisation at those of no picture at all: what comes out is much the same for
    any picture, and any arithmetic would agree.
    """
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image

    transform = image_transform_v2(PreprocessCfg(size=tower.image_size), is_train=False)
    batch = torch.stack([transform(Image.open(file)) for file in files])
    for parameter_name, parameter in tower.named_parameters():
        scale = not parameter_name.endswith("bias") and parameter.squeeze().ndim == 1
        if scale and parameter.abs().max() < 0.01:
            torch.nn.init.uniform_(parameter, 0.2, 1)
    norms = [m for m in tower.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches seen
    if norms:
        with torch.no_grad():
            tower.train()(batch)
        tower.eval()


def write_model(contender, folder):
    """Save an architecture of open_clip with random weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    name = contender["architecture"]
    torch.manual_seed(0)
    model = open_clip.create_model(name, pretrained_text=False)
    wake(model.visual, pictures(folder, 8))
    target = Path(contender["model"])
    target.mkdir()
    save_file(model.state_dict(), target / "open_clip_model.safetensors")
    config = open_clip.get_model_config(name)
    # What the weights of this architecture are used with, as far as its tags agree.
    tags = open_clip.list_pretrained_tags_by_model(name)
    preprocess = open_clip.get_model_preprocess_cfg(model)
    if tags:
        settings = open_clip.get_pretrained_cfg(name, tags[0])
        known = ("mean", "std", "interpolation", "resize_mode")
        preprocess |= {key: settings[key] for key in known if settings.get(key)}
    whole = {"model_cfg": config, "preprocess_cfg": preprocess}
    (target / "open_clip_config.json").write_text(json.dumps(whole, default=str))
    hub = {"hf_tokenizer_name", "hf_model_name"}
    return {"texts": not hub & set(config["text_cfg"])}


def model(contender, folder):
    """Time a few files on any architecture, and keep the vectors."""
    encode_images, encode_texts = load(contender)
    files = pictures(folder, contender["images"])
    try:
        encode_images(files[: len(files) // 2])
    except ValueError as exc:  # 8 bits by name, which are not true to fp32
        return {"refused": str(exc).partition(". precision=")[0]}
    start = read_clock(contender)
    rows = encode_images(files)
    found = {"images": len(files) / (read_clock(contender) - start)}
    keep(folder, contender, "images", rows)
    if contender["texts"]:
        with contextlib.suppress(ValueError):  # the same of texts: no cosine
            keep(folder, contender, "texts", encode_texts(captions(contender)))
    return found


TASKS = {
    task.__name__: task
    for task in (
        describe,
        prepare,
        images,
        texts,
        latency,
        start_image,
        start_concat,
        start_saved,
        memory,
        write_model,
        model,
    )
}


def main():
    """Do a task."""
    task, contender, folder = sys.argv[1:]
    contender = json.loads(contender)
    if contender.get("hide"):
        hide_bf16_units()
    print(json.dumps(TASKS[task](contender, Path(folder))))


if __name__ == "__main__":
    main()
