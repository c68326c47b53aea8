"""The engine and the columns: order, duplicates, failures, memory, averages."""

import copy
import json
import sqlite3
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from sklearn_clip import EmbeddingStore
from sklearn_clip.embedding import (
    _columns,
    _engine,
    _streams,
    embed_column,
    find_unreadable,
    load_backbone,
)
from sklearn_clip.embedding import unit_rows as unit
from sklearn_clip.embedding._engine import embed
from sklearn_clip.embedding._modalities import (
    ImageModality,
    _even_size,
    _gpu_batch_size,
)
from sklearn_clip.embedding.images import _decoding

NO_IMAGE = "it is not an image of a known format (a text that begins 'no image')"


@pytest.fixture(scope="module")
def backbone(model_folder):
    return load_backbone(model_folder)


class SmallMemory:
    """An encoder of texts whose device takes only so many at once."""

    fingerprint = "x"
    tokenization = "y"
    arithmetic = {"text": "fp32"}
    embedding_dim = 2
    context_length = 77
    device, on_cpu = torch.device("cpu"), True
    collate_texts = staticmethod(list)

    def runs_in_torch(self, tower):
        return True

    def width(self, tower):
        return 2

    def output_of(self, tower):
        return "embedding"

    def __init__(self, limit):
        self.limit = limit
        self.sizes = []

    def encode_texts(self, texts):
        self.sizes.append(len(texts))
        if len(texts) > self.limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return np.array([[float(text), len(text)] for text in texts], dtype=np.float32)


@pytest.mark.parametrize("limit", [1, 3, 5, 100])
def test_batch_is_halved_until_it_fits_and_order_stays(limit):
    encoder = SmallMemory(limit)
    texts = [str(i) for i in range(53)]
    vectors, failures = embed(texts, "text", encoder, batch_size=16)
    assert vectors[:, 0].tolist() == list(range(53)) and failures == {}
    good = [size for size in encoder.sizes if size <= limit]
    assert sum(good) == 53
    assert len(encoder.sizes) - len(good) <= 4  # 16, 8, 4, 2: learned once


def test_one_item_that_does_not_fit_raises():
    with pytest.raises(torch.cuda.OutOfMemoryError, match="CUDA out of memory"):
        embed(["1", "2"], "text", SmallMemory(0))


def test_items_before_the_memory_ran_out_stay_in_the_store(tmp_path):
    store = EmbeddingStore(tmp_path)
    encoder = SmallMemory(2)

    def encode(texts):
        encoder.limit = 0 if "6" in texts else 2
        return SmallMemory.encode_texts(encoder, texts)

    encoder.encode_texts = encode
    with pytest.raises(torch.cuda.OutOfMemoryError, match="out of memory"):
        embed(list("12345678"), "text", encoder, store=store, batch_size=2)
    assert store.info()["items"] in (4, 6)  # the fourth batch may have been on its way


def test_duplicates_of_one_call_are_encoded_once(
    backbone, make_pictures, count_encoded
):
    a, b = make_pictures(2)
    vectors, _ = embed([a, b, a.copy(), a], "image", backbone)
    assert count_encoded == {"image": 2, "text": 0}
    assert np.array_equal(vectors[0], vectors[2])
    assert np.array_equal(vectors[0], vectors[3])
    assert not np.allclose(vectors[0], vectors[1])
    embed(["x", "y", "x"], "text", backbone)
    assert count_encoded == {"image": 2, "text": 2}


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
@pytest.mark.parametrize("num_workers", [1, 3])
def test_vectors_depend_on_no_batch_size_and_no_workers(
    backbone, make_pictures, batch_size, num_workers
):
    pictures = make_pictures(9)
    alone = np.vstack([embed([p], "image", backbone)[0] for p in pictures])
    options = {"batch_size": batch_size, "num_workers": num_workers}
    together, failures = embed(pictures, "image", backbone, **options)
    assert failures == {}
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_vectors_of_another_preprocessing_or_kind_are_not_mixed(
    model_folder, write_model, tmp_path, make_pictures, count_encoded
):
    store = EmbeddingStore(tmp_path / "store")
    same_weights = write_model(tmp_path / "m", mean=0.2)
    picture = make_pictures(1)
    results = []
    for name, precision in [
        (model_folder, "fp32"),
        (same_weights, "fp32"),
        (model_folder, "bf16"),
    ]:
        backbone = load_backbone(name, precision=precision)
        results.append(embed(picture, "image", backbone, store=store)[0])
        embed(["a cat"], "text", backbone, store=store)
    # The text tower knows no image preprocessing, so its vector is shared.
    assert count_encoded["image"] == 3 and count_encoded["text"] == 2
    assert not np.allclose(results[0], results[1], atol=1e-4)


def test_failures_are_nan_and_named_by_position(backbone, make_pictures, tmp_path):
    a, b = make_pictures(2)
    items = [a, b"no image", b, "gone.png", b"no image"]
    vectors, failures = embed(items, "image", backbone, root=tmp_path)
    assert failures == {
        1: NO_IMAGE,
        3: "the file does not exist",
        4: NO_IMAGE,
    }
    assert np.isnan(vectors[[1, 3, 4]]).all() and np.isfinite(vectors[[0, 2]]).all()


def test_stop_at_a_failure_keeps_what_was_encoded(
    backbone, make_pictures, tmp_path, count_encoded
):
    store = EmbeddingStore(tmp_path)
    items = [*make_pictures(4), b"no image", *make_pictures(24, seed=1)]
    options = {"store": store, "batch_size": 2, "stop_on_failure": True}
    _, failures = embed(items, "image", backbone, **options)
    assert list(failures) == [4]
    assert store.info()["items"] == count_encoded["image"]
    assert 5 <= count_encoded["image"] < 20


def test_missing_file_stops_before_anything_is_encoded(
    backbone, make_pictures, count_encoded
):
    items = [*make_pictures(3), "gone.png"]
    _, failures = embed(items, "image", backbone, stop_on_failure=True)
    assert list(failures) == [3] and count_encoded["image"] == 0


def test_lack_of_host_memory_is_no_broken_image(backbone, monkeypatch):
    def exhausted(picture):
        raise MemoryError("on purpose")

    monkeypatch.setattr(backbone, "prepare_image", exhausted)
    with pytest.raises(MemoryError, match="on purpose"):
        embed([Image.new("RGB", (4, 4))], "image", backbone)


def test_one_lazily_opened_picture_in_many_rows_is_read_safely(
    backbone, make_pictures, tmp_path
):
    make_pictures(1, size=(900, 700))[0].save(tmp_path / "a.png")
    for _ in range(5):
        lazy = Image.open(tmp_path / "a.png")
        vectors, failures = embed([lazy] * 16, "image", backbone, num_workers=8)
        assert failures == {} and np.ptp(vectors, axis=0).max() == 0
        lazy = Image.open(tmp_path / "a.png")
        assert find_unreadable([[lazy]] * 16) == []


@pytest.mark.parametrize("normalize", [True, False])
def test_cell_of_several_images_is_their_average(backbone, make_pictures, normalize):
    a, b, c = make_pictures(3)
    options = {"normalize": normalize}
    rows, unread, failures = embed_column(
        [[a, b], [], [c], [a, b"x"], [b"x"]], "image", backbone, **options
    )
    raw, _ = embed([a, b, c], "image", backbone)
    if normalize:
        unit_rows = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        mean = unit_rows[:2].mean(axis=0)
        expected = [mean / np.linalg.norm(mean), unit_rows[2], unit_rows[0]]
    else:
        expected = [raw[:2].mean(axis=0), raw[2], raw[0]]
    np.testing.assert_allclose(rows[[0, 2, 3]], expected, atol=1e-6)
    assert (rows[[1, 4]] == 0).all() and rows.dtype == np.float32
    assert unread.tolist() == [False, False, False, False, True]
    assert [(row, item) for row, item, _ in failures] == [(3, b"x"), (4, b"x")]


def test_unreadable_images_of_a_column_are_listed_in_order(make_pictures):
    column = [[b"x"], [make_pictures(1)[0], "gone"], [], [b"y", b"z"]]
    assert [(row, item) for row, item, _ in find_unreadable(column)] == [
        (0, b"x"),
        (1, "gone"),
        (3, b"y"),
        (3, b"z"),
    ]


def test_file_in_many_rows_is_checked_once(make_pictures, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    make_pictures(1)[0].save(path)
    read = []

    def counting(item, root):
        read.append(str(item))
        return why_unreadable(item, root)

    why_unreadable = _columns.why_unreadable
    monkeypatch.setattr(_columns, "why_unreadable", counting)
    found = find_unreadable([[str(path), "gone"], [path], ["gone"]] * 9)
    assert sorted(read) == [str(path), "gone"]
    assert [row for row, _, _ in found] == [n for n in range(27) if n % 3 != 1]


def test_row_of_zeros_stays_when_rows_get_unit_length():
    rows = unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize(("verbose", "shown"), [(0, False), (1, True)])
def test_verbose_shows_a_bar(backbone, capsys, verbose, shown):
    embed(["a", "b"], "text", backbone, verbose=verbose)
    assert ("texts: 100%" in capsys.readouterr().err) is shown


def test_file_that_changes_under_way_is_a_failure_not_a_wrong_vector(
    backbone, make_pictures, tmp_path, monkeypatch
):
    store = EmbeddingStore(tmp_path / "cache")
    first, second = make_pictures(2)
    path = tmp_path / "a.png"
    first.save(path)
    content = path.read_bytes()
    decode = _decoding.decode_image

    def change_then_decode(source, *args, **options):
        second.save(path)
        return decode(source, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_decoding, "decode_image", change_then_decode)
        vectors, failures = embed([str(path)], "image", backbone, store=store)
    assert failures == {0: "the file was changed while it was read"}
    assert np.isnan(vectors).all() and store.info()["items"] == 0
    expected, _ = embed([content], "image", backbone)
    found, _ = embed([content], "image", backbone, store=store)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.fixture
def no_waiting(monkeypatch):
    """Fail where a run waits for what another has claimed."""

    def refuse(seconds):
        raise AssertionError("waited for an item that is still claimed")

    # The database waits for its file in a time of its own.
    monkeypatch.setattr(_engine, "time", SimpleNamespace(sleep=refuse))


@pytest.mark.usefixtures("no_waiting")
def test_broken_item_is_not_kept_claimed_while_the_run_goes_on(
    backbone, make_pictures, tmp_path, monkeypatch
):
    # In several streams two of the runs inside may meet, and claim it from each other.
    monkeypatch.setattr(_streams, "_MOST_STREAMS", 1)
    store = EmbeddingStore(tmp_path)
    items = [b"no image", *make_pictures(6)]
    answers = []
    encode = backbone.encode_images

    def encode_and_ask(batch):
        answers.append(embed([b"no image"], "image", backbone, store=store)[1])
        return encode(batch)

    encoder = copy.copy(backbone)
    encoder.encode_images = encode_and_ask
    embed(items, "image", encoder, store=store, batch_size=2)
    assert answers == [{0: NO_IMAGE}] * 4


class FailingStore(EmbeddingStore):
    """A store whose disk is full from some write on."""

    fails = frozenset()

    def _refuse(self, what):
        if what in self.fails:
            raise sqlite3.OperationalError("database or disk is full")

    def put_many(self, keys, vectors):
        self._refuse("put")
        super().put_many(keys, vectors)

    def get_many(self, keys):
        self._refuse("get")
        return super().get_many(keys)

    def claim(self, keys, owner):
        self._refuse("claim")
        return super().claim(keys, owner)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fails", [{"put"}, {"get"}, {"claim"}, {"get", "put"}])
def test_store_that_fails_costs_a_warning_and_no_run(fails, tmp_path):
    store = FailingStore(tmp_path)
    store.fails = fails
    texts = [str(i) for i in range(20)]
    encoder = SmallMemory(100)
    with pytest.warns(UserWarning, match="disk is full.: this call goes on without"):
        vectors, failures = embed(texts, "text", encoder, store=store, batch_size=4)
    assert vectors[:, 0].tolist() == list(range(20)) and failures == {}
    # No claim is left behind that the next call would wait for.
    store.fails = frozenset()
    embed(texts, "text", encoder, store=store)
    assert store.info()["items"] == 20


def test_claims_that_cannot_be_given_up_do_not_stop_this_process(tmp_path, monkeypatch):
    store = EmbeddingStore(tmp_path)
    owner = store.new_owner()
    store.claim([b"k"], owner)

    def locked(*_, **__):
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(store._database, "run", locked)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.release(owner)
    assert store.claim([b"k"], store.new_owner()) == ({}, [b"k"])


def test_model_that_gives_nan_is_an_error(tmp_path):
    encoder = SmallMemory(100)
    encoder.encode_texts = lambda texts: np.full((len(texts), 2), np.nan, np.float32)
    store = EmbeddingStore(tmp_path)
    with pytest.raises(FloatingPointError, match="NaN or infinity. Use precision="):
        embed(["1"], "text", encoder, store=store)
    assert store.info()["items"] == 0


@pytest.mark.parametrize(
    ("message", "halved"),
    [
        ("MPS backend out of memory (MPS allocated: 9 GB)", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried", True),
        ("unable to mmap 8 bytes: Cannot allocate memory (12)", True),
        ("shape mismatch", False),
    ],
)
def test_every_device_that_lacks_memory_gets_smaller_batches(message, halved):
    encoder = SmallMemory(2)
    encode = encoder.encode_texts

    def encode_texts(texts):
        try:
            return encode(texts)
        except torch.cuda.OutOfMemoryError as exc:
            raise RuntimeError(message) from exc

    encoder.encode_texts = encode_texts
    texts = [str(i) for i in range(9)]
    if halved:
        assert embed(texts, "text", encoder)[0][:, 0].tolist() == list(range(9))
    else:
        with pytest.raises(RuntimeError, match=message):
            embed(texts, "text", encoder)


@pytest.mark.parametrize(
    ("free", "reserved", "expected"),
    [(20, 0, 16), (20, 4_000, 64), (3_000, 0, 64), (140_000, 0, 512)],
)
def test_batch_follows_the_free_memory_of_the_gpu(
    monkeypatch, free, reserved, expected
):
    mega = 2**20
    gpu = {"mem_get_info": (free * mega, 0), "memory_reserved": reserved * mega}
    for name, value in {**gpu, "memory_allocated": 0}.items():
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: value)
    assert _gpu_batch_size(torch.device("cuda")) == expected


@pytest.mark.parametrize(
    ("patch", "patches", "size"), [(16, 16, 16), (4, 256, 8), (None, 74**2, 4)]
)
def test_few_pictures_go_through_a_cpu_at_once(
    tmp_path, architecture, patch, patches, size
):
    name = "photo-tiny"  # of convolutions
    if patch is not None:
        vision = {**architecture["vision_cfg"], "patch_size": patch, "layers": 1}
        cut = {**architecture, "vision_cfg": vision}
        pixels = {"mean": [0.5] * 3, "std": [0.5] * 3}
        config = json.dumps({"model_cfg": cut, "preprocess_cfg": pixels})
        (tmp_path / "open_clip_config.json").write_text(config)
        weights = open_clip.CLIP(**cut).state_dict()
        save_file(weights, tmp_path / "open_clip_model.safetensors")
        name = f"local-dir:{tmp_path}"
    backbone = load_backbone(name, device="cpu")
    assert backbone.n_patches == patches
    batches = ImageModality(backbone, "auto", None).batches(list(range(1000)), None)
    assert (size + 1) // 2 < max(map(len, batches)) <= size
    assert [n for batch in batches for n in batch] == list(range(1000))


def test_batches_of_texts_on_a_cpu_hold_about_as_many_tokens():
    encoder = SmallMemory(10**6)
    short, long = [f"{i:03}" for i in range(1000)], [f"{i:0900}" for i in range(50)]
    embed(short + long, "text", encoder)
    # 50 texts of 77 tokens, the last batch of them filled up with short ones.
    assert sorted(encoder.sizes) == [13, 13, 13, 13, 316, 341, 341]


@pytest.mark.parametrize(
    ("items", "streams", "size"),
    [
        (1, 4, 8),
        (20, 2, 10),
        (40, 2, 20),
        (64, 2, 32),
        (70, 2, 18),
        (10_000, 4, 32),
        (40, 1, 32),
        (0, 2, 8),
    ],
)
def test_batches_are_spread_evenly_over_the_streams(items, streams, size):
    assert _even_size(items, 32, streams) == size


def test_bar_counts_what_came_from_the_store(backbone, capsys, tmp_path):
    store = EmbeddingStore(tmp_path)
    texts = [f"text {i}" for i in range(5)]
    embed(texts[:3], "text", backbone, store=store)
    embed(texts, "text", backbone, store=store, verbose=1)
    assert "cached=3" in capsys.readouterr().err
