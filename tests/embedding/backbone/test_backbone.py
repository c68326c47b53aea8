"""The model at work: batches, long texts, fingerprint, probe."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file

from sklearn_clip import CLIPFeaturizer
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone import _backbone, _precision, _torch_towers
from sklearn_clip.embedding.backbone._precision import fast_precision

LONG = " ".join(f"word{i} in a long description," for i in range(60))


@pytest.fixture(scope="module")
def backbone(model_folder):
    return load_backbone(model_folder)


def test_vectors_do_not_depend_on_the_batch(backbone, make_pictures):
    tensors = [backbone.prepare_image(picture) for picture in make_pictures(7)]
    together = backbone.encode_images(tensors)
    alone = np.concatenate([backbone.encode_images([tensor]) for tensor in tensors])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    texts = ["a", "a cat", LONG, "seven of nine", ""]
    together = backbone.encode_texts(texts)
    alone = np.concatenate([backbone.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.dtype == np.float32 and together.shape == (5, 64)


def test_kind_of_image_tower_is_known(backbone):
    assert not backbone.sees_by_convolutions  # a transformer, its patches apart
    for name in ("clipart-tiny", "photo-tiny"):
        assert load_backbone(name).sees_by_convolutions


def test_truncated_text_keeps_the_end_token(backbone):
    whole = SimpleTokenizer(context_length=10_000)
    ids = whole([LONG])[0]
    end = whole.eot_token_id
    assert int((ids == end).nonzero()[0]) >= 77
    cut = torch.cat([ids[:76], torch.tensor([end])])[None]
    with torch.inference_mode():
        expected = backbone.model.encode_text(cut).numpy()
    np.testing.assert_allclose(backbone.encode_texts([LONG]), expected, atol=1e-6)


@pytest.mark.parametrize(
    "text", [LONG, "日本語 " * 100, "a" * 76 + " b", "x " * 75 + "x"]
)
def test_chunks_fit_and_keep_every_word(backbone, text):
    whole = SimpleTokenizer(context_length=10_000)
    chunks = backbone.chunk_text(text)
    assert " ".join(chunks).split() == text.split()
    for chunk in chunks:
        length = int((whole([chunk])[0] != 0).sum())
        assert length <= 77 or len(chunk.split()) == 1


def test_chunks_are_as_long_as_fits(backbone):
    assert backbone.chunk_text("x " * 200) == [
        " ".join("x" * 75),
        " ".join("x" * 75),
        " ".join("x" * 50),
    ]


@pytest.mark.parametrize("n_words", [1, 74, 75])
def test_text_that_fits_is_one_chunk(backbone, n_words):
    text = " ".join(["cat"] * n_words)
    assert backbone.chunk_text(text) == [text]


def test_text_of_one_token_too_many_is_cut_in_two(backbone):
    assert [len(c.split()) for c in backbone.chunk_text("cat " * 76)] == [75, 1]


def test_word_that_does_not_fit_stays_alone(backbone):
    word = "supercalifragilistic" * 30
    assert backbone.chunk_text(f"a {word} b") == ["a", word, "b"]


def test_chunking_costs_in_proportion_to_the_text(backbone, monkeypatch):
    seen = []
    tokenizer = backbone.tokenizer

    def counted(texts, **options):
        seen.append(len(texts[0].split()))
        return tokenizer(texts, **options)

    monkeypatch.setattr(backbone, "tokenizer", counted)
    backbone.chunk_text("cat " * 3_000)
    assert sum(seen) < 20 * 3_000


@pytest.mark.parametrize("told", [0, 514, 1024])
def test_texts_are_cut_to_the_length_of_the_tokenizer(
    write_model, tmp_path, monkeypatch, told
):
    # Towers of Hugging Face tell of their positions, where they have any.
    create = open_clip.create_model

    def create_that_tells(*args, **options):
        model = create(*args, **options)
        model.context_length = told
        return model

    monkeypatch.setattr(open_clip, "create_model", create_that_tells)
    name = write_model(tmp_path / "m")
    assert load_backbone(name).model.context_length == told
    chunks = load_backbone(name).chunk_text("x " * 200)
    assert [len(chunk.split()) for chunk in chunks] == [75, 75, 50]
    clip = CLIPFeaturizer(name, cache=None, image=None, long_text="mean")
    cut = CLIPFeaturizer(name, cache=None, image=None)
    assert not np.allclose(clip.transform([LONG]), cut.transform([LONG]), atol=1e-3)


def pad_after(words, length):
    return [1, *words, 2] + [0] * (length - len(words) - 2)


def pad_before(words, length):
    return [0] * (length - len(words) - 2) + [1, *words, 2]


def end_with_a_class(words, length):
    return [*pad_after(words, length - 1), 3]


@pytest.mark.parametrize("arrange", [pad_after, pad_before, end_with_a_class])
def test_text_that_fits_is_known_wherever_a_tokenizer_pads(
    backbone, monkeypatch, arrange
):
    room = 74 if arrange is end_with_a_class else 75

    def tokenize(texts, context_length=77):
        special = 3 if arrange is end_with_a_class else 2
        most = context_length - special
        # Zero is a word too, as CLIP's exclamation mark is.
        words = [[0 if w == "!" else 9 for w in text.split()][:most] for text in texts]
        return torch.tensor([arrange(w, context_length) for w in words])

    monkeypatch.setattr(backbone, "tokenizer", tokenize)
    for word in ("word", "!"):
        text = " ".join([word] * room * 2)
        chunks = backbone.chunk_text(text)
        assert [len(chunk.split()) for chunk in chunks] == [room, room]


def test_fingerprint_depends_on_weights_and_architecture(
    backbone, write_model, tmp_path
):
    same = load_backbone(write_model(tmp_path / "same", mean=0.1))
    other = load_backbone(write_model(tmp_path / "other", seed=1))
    assert same.fingerprint == backbone.fingerprint != other.fingerprint
    assert same.preprocessing != backbone.preprocessing


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_precision_changes_vectors_a_little_and_no_fingerprint(
    backbone, model_folder, precision
):
    half = load_backbone(model_folder, precision=precision)
    assert half.fingerprint == backbone.fingerprint
    cosines = (half.probe() * backbone.probe()).sum(axis=1)
    assert (cosines > 0.99).all()
    assert not np.array_equal(half.probe(), backbone.probe())
    assert half.probe().dtype == np.float32


BF16 = {"image": "bf16", "text": "bf16"}


def test_fast_precision_is_used_where_it_agrees_with_fp32(
    model_folder, backbone, monkeypatch, tmp_path, write_model
):
    monkeypatch.setattr(_torch_towers, "fast_precision", lambda device: BF16)
    monkeypatch.setattr(_precision, "fast_precision", lambda device: BF16)
    monkeypatch.setattr(_precision, "_WIDE", 64)
    fast = load_backbone(write_model(tmp_path / "same"), precision="auto")
    cosines = (fast.probe() * backbone.probe()).sum(axis=1)
    assert fast.precisions == BF16 and (cosines >= 0.999).all()
    assert fast.fingerprint == backbone.fingerprint
    dtypes = {p.dtype for p in fast.model.parameters()}
    assert dtypes == {torch.bfloat16}


@pytest.mark.parametrize("tower", ["image", "text"])
def test_tower_that_disagrees_stays_exact(monkeypatch, tmp_path, write_model, tower):
    wanted = dict.fromkeys(BF16, "fp32") | {tower: "bf16"}
    monkeypatch.setattr(_torch_towers, "fast_precision", lambda device: wanted)
    monkeypatch.setattr(_precision, "fast_precision", lambda device: wanted)
    monkeypatch.setattr(_torch_towers, "LEAST_COSINE", 1.1)
    name = write_model(tmp_path / "same")
    exact = load_backbone(name, precision="fp32")
    auto = load_backbone(name, precision="auto")
    assert auto.precisions == dict.fromkeys(BF16, "fp32")
    np.testing.assert_array_equal(auto.probe(), exact.probe())


def test_tower_that_disagrees_gets_back_buffers_that_no_state_dict_holds(
    monkeypatch, tmp_path, write_model
):
    name = write_model(tmp_path / "same")
    table = torch.linspace(0, 1, 7)
    create = open_clip.create_model

    def create_with_table(*args, **options):
        model = create(*args, **options)
        model.visual.register_buffer("table", table.clone(), persistent=False)
        return model

    monkeypatch.setattr(open_clip, "create_model", create_with_table)
    monkeypatch.setattr(_torch_towers, "fast_precision", lambda device: BF16)
    monkeypatch.setattr(_precision, "fast_precision", lambda device: BF16)
    monkeypatch.setattr(_torch_towers, "LEAST_COSINE", 1.1)
    auto = load_backbone(name, precision="auto")
    assert auto.precisions == dict.fromkeys(BF16, "fp32")
    assert torch.equal(auto.model.visual.table, table)


def test_tokenizer_is_used_by_one_thread_at_a_time(backbone):
    inside, most = [], []

    def tokenize(texts, **options):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        return torch.zeros(len(texts), 4)

    guarded = _backbone._one_at_a_time(tokenize)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: guarded(["a"]), range(24)))
    assert len(most) == 24 and max(most) == 1


def test_texts_depend_on_the_tokenizer(
    model_folder, write_model, monkeypatch, tmp_path
):
    plain = load_backbone(model_folder, precision="fp32")
    tokenizer = open_clip.get_tokenizer(model_folder)

    def changed(texts, **options):
        return tokenizer(texts, **options) + 1

    monkeypatch.setattr(open_clip, "get_tokenizer", lambda _: changed)
    other = load_backbone(write_model(tmp_path / "same"), precision="fp32")
    assert other.fingerprint == plain.fingerprint
    assert other.tokenization != plain.tokenization


@pytest.mark.parametrize(
    ("capability", "expected"), [((9, 0), "bf16"), ((7, 5), "fp16"), ((6, 1), "fp32")]
)
def test_fast_precision_follows_the_gpu(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    both = fast_precision(torch.device("cuda"))
    assert both == {"image": expected, "text": expected}


@pytest.mark.parametrize(
    ("units", "images", "texts"),
    [
        ((), "fp32", "fp32"),
        (("avx512_bf16",), "bf16", "fp32"),
        (("amx_tile",), "bf16", "bf16"),
        (("avx512_bf16", "amx_tile"), "bf16", "bf16"),
    ],
)
def test_fast_precision_of_a_cpu_follows_its_units(monkeypatch, units, images, texts):
    for unit in _precision.BF16_UNITS:
        name = f"_is_{unit}_supported"
        monkeypatch.setattr(
            torch.cpu, name, lambda unit=unit: unit in units, raising=False
        )
    both = fast_precision(torch.device("cpu"))
    assert both == {"image": images, "text": texts}


@pytest.mark.parametrize(("width", "precision"), [(192, "fp32"), (256, "bf16")])
def test_narrow_text_tower_stays_exact(
    monkeypatch, tmp_path, architecture, width, precision
):
    for module in (_torch_towers, _precision):
        monkeypatch.setattr(module, "fast_precision", lambda device: BF16)
    text = {**architecture["text_cfg"], "width": width, "layers": 1}
    wide = {**architecture, "text_cfg": text}
    pixels = {"mean": [0.5] * 3, "std": [0.5] * 3}
    config = json.dumps({"model_cfg": wide, "preprocess_cfg": pixels})
    (tmp_path / "open_clip_config.json").write_text(config)
    weights = open_clip.CLIP(**wide).state_dict()
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    found = load_backbone(f"local-dir:{tmp_path}", precision="auto", device="cpu")
    assert found.precisions == {"image": "bf16", "text": precision}


def test_probe_is_of_unit_length_and_repeats(backbone):
    np.testing.assert_allclose(np.linalg.norm(backbone.probe(), axis=1), 1, rtol=1e-6)
    assert backbone.probe() is backbone.probe()
