"""Images and texts per second, against the bare model and what people use today.

    python benchmarks/bench_embedding.py            # or: make bench-embedding

Every contender embeds the same JPEG files of mixed sizes and the same short captions
with the same weights, a randomly initialised ViT-B-32 that is saved for open_clip and,
where transformers is installed, for sentence-transformers too. Contenders take turns in
processes of their own; printed are medians over the rounds, ratios, and peak memory.
Those that are not installed are left out (pip install sentence-transformers embetter).
"""

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH = 32
SIZES = ((320, 240), (640, 480), (1280, 960), (3000, 2000))
_WORDS = """
a the red blue old small large two three dog cat house bicycle street market child woman
man boat harbour mountain lake tree flower kitchen table chair near behind under on with
in front of at night evening snow rain sunny
"""
WORDS = _WORDS.split()
PEERS = {"sentence_transformers": "sentence_transformers", "embetter": "embetter"}


def write_pictures(folder, count, seed=0):
    """Cut photographs into pieces and save them as JPEG files of four sizes."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    for number in range(count):
        photo = photos[number % 2]
        left, top = rng.integers(0, 200), rng.integers(0, 120)
        piece = photo.crop((left, top, left + 400, top + 280))
        size = SIZES[number % len(SIZES)]
        piece.resize(size).save(folder / f"{number:05}.jpg", quality=88)


def make_captions(count, seed=0):
    """Write distinct captions of about twelve tokens."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=10)) + f" {i % 10}" for i in range(count)]


def write_models(folder, config=None):
    """Save one random model for open_clip, and for transformers if it is there.

    It is a ViT-B-32, or what `config` says in open_clip's words.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    config = config or open_clip.get_model_config("ViT-B-32")
    model = open_clip.CLIP(**config)
    target = folder / "open_clip"
    target.mkdir(parents=True)
    save_file(model.state_dict(), target / "open_clip_model.safetensors")
    preprocess = open_clip.get_model_preprocess_cfg(model)
    preprocess |= {
        "mean": open_clip.OPENAI_DATASET_MEAN,
        "std": open_clip.OPENAI_DATASET_STD,
    }
    whole = {"model_cfg": config, "preprocess_cfg": preprocess}
    (target / "open_clip_config.json").write_text(json.dumps(whole, default=str))
    if importlib.util.find_spec("transformers"):
        write_for_transformers(model, config, folder / "transformers")


def write_for_transformers(model, config, folder):
    """Save the same weights under the names of transformers' CLIPModel."""
    import torch
    from open_clip import SimpleTokenizer
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    folder.mkdir()
    weights, renamed = model.state_dict(), {}
    vision, text = "vision_model.embeddings.", "text_model.embeddings."
    plain = {
        "visual.class_embedding": vision + "class_embedding",
        "visual.positional_embedding": vision + "position_embedding.weight",
        "visual.conv1.weight": vision + "patch_embedding.weight",
        "token_embedding.weight": text + "token_embedding.weight",
        "positional_embedding": text + "position_embedding.weight",
        "logit_scale": "logit_scale",
    }
    starts = {
        "visual.ln_pre": "vision_model.pre_layrnorm",
        "visual.ln_post": "vision_model.post_layernorm",
        "ln_final": "text_model.final_layer_norm",
        "visual.transformer.resblocks": "vision_model.encoder.layers",
        "transformer.resblocks": "text_model.encoder.layers",
    }
    parts = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    for name, value in weights.items():
        if name in plain:
            renamed[plain[name]] = value
        elif name.endswith("proj") or name == "text_projection":
            side = "visual" if name.startswith("visual") else "text"
            renamed[f"{side}_projection.weight"] = value.T.contiguous()
        else:
            start = next(s for s in starts if name.startswith(s))
            rest = starts[start] + name[len(start) :]
            for old, new in parts.items():
                rest = rest.replace(f".{old}.", f".{new}.")
            if "attn.in_proj_" in rest:
                kind = rest.rsplit("_", 1)[1]
                stem = rest.split("attn.in_proj_")[0]
                for letter, piece in zip("qkv", value.chunk(3), strict=True):
                    renamed[f"{stem}self_attn.{letter}_proj.{kind}"] = piece.clone()
            else:
                renamed[rest] = value
    with torch.device("meta"):  # no weights are drawn that these would replace
        theirs = CLIPModel(CLIPConfig(**describe_to_transformers(config)))
    missing = theirs.load_state_dict(renamed, strict=False, assign=True)
    assert not missing.unexpected_keys, missing.unexpected_keys
    assert all("position_ids" in key for key in missing.missing_keys), missing
    with torch.no_grad():
        theirs.save_pretrained(folder)
    tokenizer = SimpleTokenizer()
    special = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {special.get(k, k): v for k, v in tokenizer.encoder.items()}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    ).save_pretrained(folder)
    side = config["vision_cfg"]["image_size"]
    CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    ).save_pretrained(folder)


def describe_to_transformers(config):
    """Say an architecture in the words of transformers' CLIPConfig."""
    sides = {}
    for side in ("vision", "text"):
        said = config[f"{side}_cfg"]
        heads = said.get("heads", said["width"] // said.get("head_width", 64))
        sides[side] = {
            "hidden_size": said["width"],
            "intermediate_size": int(said["width"] * said.get("mlp_ratio", 4)),
            "num_hidden_layers": said["layers"],
            "num_attention_heads": heads,
            "projection_dim": config["embed_dim"],
            "hidden_act": "gelu",
        }
    for name in ("image_size", "patch_size"):
        sides["vision"][name] = config["vision_cfg"][name]
    sides["text"]["max_position_embeddings"] = config["text_cfg"]["context_length"]
    return {
        "vision_config": sides["vision"],
        "text_config": sides["text"],
        "projection_dim": config["embed_dim"],
    }


def ours(folder, images, texts):
    """Run sklearn-clip without a store."""
    from sklearn_clip import CLIPFeaturizer

    clip = CLIPFeaturizer(f"local-dir:{folder / 'open_clip'}", cache=None)
    return (lambda: clip.encode_images(images)), (lambda: clip.encode_texts(texts))


def load_open_clip(folder):
    """Load the model as open_clip's README does."""
    import open_clip

    name = f"local-dir:{folder / 'open_clip'}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    return model.eval(), preprocess, open_clip.get_tokenizer(name)


def unit(rows):
    """L2-normalise a tensor and hand it over as an array."""
    rows = rows / rows.norm(dim=1, keepdim=True)
    return rows.float().cpu().numpy()


def in_batches(encode, items):
    """Encode slices of `items` and stack the results."""
    import torch

    starts = range(0, len(items), BATCH)
    with torch.inference_mode():
        return unit(torch.cat([encode(items[s : s + BATCH]) for s in starts]))


def forward(folder, images, texts):
    """Run the forward pass alone, on tensors that are ready: the limit."""
    import torch
    from PIL import Image

    from sklearn_clip.embedding import load_backbone

    _, preprocess, tokenizer = load_open_clip(folder)
    # On the device and in the precision that sklearn-clip uses.
    backbone = load_backbone(f"local-dir:{folder / 'open_clip'}")
    model = backbone.model
    dtype = next(model.visual.parameters()).dtype
    tensors = torch.stack([preprocess(Image.open(path)) for path in images])
    tensors = tensors.to(backbone.device, dtype)
    tokens = tokenizer(texts).to(backbone.device)
    return (
        lambda: in_batches(model.encode_image, tensors),
        lambda: in_batches(model.encode_text, tokens),
    )


def loop(folder, images, texts):
    """Loop over open_clip, as most people write it."""
    import torch
    from PIL import Image

    model, preprocess, tokenizer = load_open_clip(folder)

    def encode_images(paths):
        return model.encode_image(
            torch.stack([preprocess(Image.open(p)) for p in paths])
        )

    return (
        lambda: in_batches(encode_images, images),
        lambda: in_batches(lambda part: model.encode_text(tokenizer(part)), texts),
    )


def sentence_transformers(folder, images, texts):
    """Run sentence-transformers' CLIP."""
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder / "transformers"))
    options = {"batch_size": BATCH, "normalize_embeddings": True}
    options["show_progress_bar"] = False
    return (
        lambda: model.encode([Image.open(path) for path in images], **options),
        lambda: model.encode(texts, **options),
    )


def embetter(folder, images, texts):
    """Run embetter's ImageLoader and ClipEncoder."""
    from embetter.multi import ClipEncoder
    from embetter.vision import ImageLoader

    encoder = ClipEncoder(name=str(folder / "transformers"))
    return (
        lambda: encoder.transform(ImageLoader().transform(images)),
        lambda: encoder.transform(texts),
    )


CONTENDERS = {
    "sklearn-clip": ours,
    "forward pass alone": forward,
    "loop over open_clip": loop,
    "sentence-transformers": sentence_transformers,
    "embetter": embetter,
}


def measure(name, folder, n_texts):
    """Time one contender in this process and print a line of JSON."""
    images = sorted(str(path) for path in (folder / "pictures").iterdir())
    texts = make_captions(n_texts)
    for encode in CONTENDERS[name](folder, images[:2], texts[:2]):
        encode()  # load the model, warm up
    encode_images, encode_texts = CONTENDERS[name](folder, images, texts)
    found = {}
    for kind, encode, items in (
        ("images", encode_images, images),
        ("texts", encode_texts, texts),
    ):
        start = time.perf_counter()
        rows = np.asarray(encode())
        found[kind] = len(items) / (time.perf_counter() - start)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.save(folder / f"{name}.{kind}.npy", rows)
    found["mb"] = peak_megabytes()
    print(json.dumps(found))


def peak_megabytes():
    """Return the largest memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage tells includes the process that started this
        lines = dict(
            line.split(":", 1)
            for line in status.read_text(encoding="utf-8").splitlines()
        )
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run_rounds(folder, names, n_texts, rounds):
    """Let the contenders take turns."""
    results = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, __file__, "--measure", name, str(folder)]
            command += ["--texts", str(n_texts)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            results[name].append(json.loads(done.stdout.splitlines()[-1]))
    return {name: runs for name, runs in results.items() if runs}


def report(results, folder):
    """Print medians, ratios to ours, and how far the vectors agree."""

    def median(name, what):
        return statistics.median(run[what] for run in results[name])

    mine = {kind: median("sklearn-clip", kind) for kind in ("images", "texts")}
    print(
        f"{'':24}{'images/s':>10}{'ours':>8}{'texts/s':>10}{'ours':>8}{'MB':>8}  cosine"
    )
    for name in results:
        line = f"{name:24}"
        cosines = []
        for kind in ("images", "texts"):
            rate = median(name, kind)
            line += f"{rate:10.1f}{mine[kind] / rate:7.2f}x"
            a, b = (np.load(folder / f"{n}.{kind}.npy") for n in ("sklearn-clip", name))
            cosines.append((a * b).sum(axis=1).min())
        line += f"{median(name, 'mb'):8.0f}  "
        print(line + ", ".join(f"{c:.5f}" for c in cosines))


def report_cache(folder):
    """Print the second pass over cached rows, and the latency of one row."""
    from sklearn_clip import CLIPFeaturizer

    images = sorted(str(path) for path in (folder / "pictures").iterdir())
    name = f"local-dir:{folder / 'open_clip'}"
    clip = CLIPFeaturizer(name, cache=folder / "cache", text=None)
    clip.encode_texts(["load the model"])
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        clip.transform(images)
        seconds.append(time.perf_counter() - start)
    print(f"second pass over cached images: {seconds[0] / seconds[1]:.0f}x as fast")
    fresh = CLIPFeaturizer(name, cache=None, text=None)
    backbone = fresh._backbone()
    rows, model = [], []
    for path in images[: 3 * len(SIZES)]:
        start = time.perf_counter()
        fresh.transform([path])
        rows.append(time.perf_counter() - start)
    batch = backbone.collate_images([backbone.prepare_image(_read(images[0]))])
    for _ in rows:
        start = time.perf_counter()
        backbone.encode_images(batch)
        model.append(time.perf_counter() - start)
    row, forward_pass = (1000 * statistics.median(t) for t in (rows, model))
    print(
        f"latency of one row: {row:.1f} ms, of which the forward pass takes "
        f"{forward_pass:.1f} ms"
    )


def _read(path):
    from sklearn_clip.embedding import decode_image

    return decode_image(path)


def main():
    """Write pictures and models, run, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "FOLDER"))
    args = parser.parse_args()
    if args.measure:
        measure(args.measure[0], Path(args.measure[1]), args.texts)
        return
    names = [
        name
        for name in CONTENDERS
        if importlib.util.find_spec(PEERS.get(name.replace("-", "_"), "numpy"))
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "pictures").mkdir()
        write_pictures(folder / "pictures", args.images)
        write_models(folder)
        import torch

        print(
            f"{args.images} JPEG files, {args.texts} captions, {args.rounds} rounds, "
            f"{os.cpu_count()} cores, torch {torch.__version__}"
        )
        report(run_rounds(folder, names, args.texts, args.rounds), folder)
        report_cache(folder)


if __name__ == "__main__":
    main()
