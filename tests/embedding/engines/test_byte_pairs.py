"""Tokens without open_clip are those of open_clip, for every text."""

import gzip
import itertools
import json
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
import regex
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer, default_bpe

from sklearn_clip.datasets import load_clipart, load_photos
from sklearn_clip.embedding.engines._byte_pairs import (
    VARIED_TEXTS,
    BytePairTokenizer,
    describe_tokenizer,
)

pytestmark = pytest.mark.any_processor

tokenizers = pytest.importorskip("tokenizers")


def make_twin(tokenizer):
    """Describe a tokenizer and make its twin of what a file keeps."""
    return BytePairTokenizer(json.loads(json.dumps(describe_tokenizer(tokenizer))))


@pytest.fixture(scope="module")
def tokenizer():
    return open_clip.get_tokenizer("ViT-B-32")


@pytest.fixture(scope="module")
def twin(tokenizer):
    return make_twin(tokenizer)


def assert_same_tokens(twin, tokenizer, texts, **options):
    found, expected = twin(texts, **options), tokenizer(texts, **options).numpy()
    assert found.dtype == expected.dtype == np.int64
    assert found.shape == expected.shape
    for text, ours, theirs in zip(texts, found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ascii(text))


def test_shipped_captions_and_titles(twin, tokenizer):
    texts = [text for data in (load_clipart, load_photos) for _, text in data().data]
    texts = [text for text in texts if text]
    texts += [data().DESCR for data in (load_clipart, load_photos)]
    assert len(texts) > 2000
    assert_same_tokens(twin, tokenizer, texts)
    assert_same_tokens(twin, tokenizer, texts, context_length=600)


HARD_TEXTS = [
    *VARIED_TEXTS,
    "'",
    "''s's'S'",
    "it\u2019s \u2018quoted\u2019 we\u00b4re",
    "'\u017f 'ſ\u017f ſt \ufb05 \ufb06 \u212a \u0130 \u0131 \u1e9e \u03f4",
    "<ſtart_of_text> <start_of_teXt>s <end_of_text",
    "&lt;start_of_text&gt; &amp;lt;end_of_text&amp;gt;",
    "&#xD800; &#0; &#x80; &#1114112; &amp;#xDFFF; &NotEqualTilde; &ampamp;lt",
    "ΑΣ ΑΣ. ΑΣΑ Σ \u0130stanbul DŽ Dž dž",
    "a\u0300\u0301\u0302b \u1100\u1161\u11a8 \u0e33 \u0eb3 \u0344",
    "1234 1,234.5 \u0663\u0664 \U0001d7d8\U0001d7d9 \u2460 \u3007 \u4e00 x\u00b2",
    "\u16ee\u2183 \U00016e40 \U0001e922 \ua7ae \u10a0 \u13a0 \u1c90 \uab70",
    "a\u200db\u2060c\u180ed \u1680 e\u3000f\x1cg\x1dh\x1ei\x1fj",
    "\ufeff\ufeffbom \ufffe \uffff \U0001fffe",
    "\\n\\t {} [] () `code` ~~x~~ | || |",
    "ÃƒÂ© Ã¢â‚¬â„¢ \u0081 \x93quoted\x94 \u00a0",
    "a" * 2000,
    "ab" * 700 + "!",
    "é" * 300,
    "🐈" * 150,
    "\u4e2d" * 400,
    "!?." * 300,
    "9" * 300,
    "\r\n".join(["line"] * 5),
]


def test_hard_texts(twin, tokenizer):
    for length in (None, 1, 2, 3, 8, 77, 78, 2500):
        assert_same_tokens(twin, tokenizer, HARD_TEXTS, context_length=length)


def test_single_characters_of_all_planes(twin, tokenizer):
    points = [*range(0x250), *range(0x250, 0x32000, 29), *range(0x32000, 0x110000, 997)]
    texts = [chr(point) for point in points]
    assert_same_tokens(twin, tokenizer, texts, context_length=16)
    around = [f"Ab{text}1'S{text}" for text in texts]
    assert_same_tokens(twin, tokenizer, around, context_length=24)


ALPHABETS = [
    "ab",
    "etaoin shrdlu",
    "aeiou\u0301\u0308 AEIOU",
    "'sStTrReEvVmMlLdD \u017f",
    "&#x;ltgampnbsp0123 ",
    "<>_starofend TEXT",
    "ÃÂâ€™œ©\u00a0\u0081\u009d é",
    "ΣσςΑΟΥ .\u0301",
    "!\"#$%&'()*+,-./:;=?@[]^_`{|}~ a0",
    " \t\n\r\x0b\x0c\x1c\x1f\x85\u00a0\u2003\u2028a",
    "👩👨🏽🏳🌈🇫🇷\u200d\ufe0f 1",
    "猫犬の写真カ고양이 a1",
]


def draw_text(rng):
    """Draw a text: of one alphabet, or of code points of any plane, some assigned."""
    if rng.random() < 0.7:
        alphabet = rng.choice(ALPHABETS) + rng.choice(["", *ALPHABETS])
        return "".join(rng.choices(alphabet, k=rng.choice([1, 2, 5, 20, 120])))
    highest = rng.choice([0x7F, 0xFF, 0x2FFF, 0xFFFF, 0x10FFFF])
    return "".join(chr(rng.randint(0, highest)) for _ in range(rng.choice([1, 3, 30])))


@pytest.mark.parametrize("seed", range(4))
def test_drawn_texts(twin, tokenizer, seed):
    rng = random.Random(seed)
    texts = [draw_text(rng) for _ in range(3000)]
    assert_same_tokens(twin, tokenizer, texts, context_length=rng.choice([5, 77, 400]))


@pytest.mark.parametrize("seed", range(2))
def test_words_of_random_bytes_are_merged_alike(twin, tokenizer, seed):
    # Letters in any order: pairs meet that no language has. The words are those that
    # the merges get, behind the cleaning.
    rng = random.Random(seed)
    for size, length in itertools.product((2, 5, 12, 256), (1, 2, 3, 9, 40, 300)):
        letters = rng.sample(list(tokenizer.byte_decoder), size)
        for _ in range(60):
            word = "".join(rng.choices(letters, k=length))
            expected = [tokenizer.encoder[t] for t in tokenizer.bpe(word).split(" ")]
            assert [token.id for token in twin._merges.tokenize(word)] == expected


@pytest.mark.parametrize(
    "options",
    [
        {"context_length": 32},
        {"clean": "whitespace"},
        {"clean": "canonicalize"},
        {"additional_special_tokens": ["<mask>", "<CLS>", "a cat", "dog</w>", "été"]},
        {"additional_special_tokens": ["<|pad|>"], "clean": "whitespace"},
    ],
    ids=str,
)
def test_options_of_the_tokenizer(options):
    tokenizer = SimpleTokenizer(**options)
    twin = make_twin(tokenizer)
    assert twin.context_length == tokenizer.context_length
    texts = [*HARD_TEXTS, "<mask>a<CLS> <cls> <|PAD|> a cat dog</w> été ÉTÉ"]
    rng = random.Random(0)
    texts += [draw_text(rng) for _ in range(500)]
    assert_same_tokens(twin, tokenizer, texts)
    assert_same_tokens(twin, tokenizer, texts, context_length=300)


@pytest.mark.parametrize(
    "options",
    [
        {"reduction_mask": "simple"},
        {"reduction_mask": "syntax"},
        {"context_length": None},
        {"additional_special_tokens": ["<a(b)>"]},
    ],
    ids=str,
)
def test_options_that_are_not_covered_have_no_description(options):
    assert describe_tokenizer(SimpleTokenizer(**options)) is None


class OtherTokenizer(SimpleTokenizer):
    """Open_clip's own with another way to read a text."""

    def encode(self, text):
        return super().encode(text[::-1])


def test_other_tokenizers_have_no_description():
    assert describe_tokenizer(OtherTokenizer()) is None
    assert describe_tokenizer(HFTokenizer.__new__(HFTokenizer)) is None
    assert describe_tokenizer(SimpleTokenizer().encode) is None


CHANGES = {
    "cleaning": lambda tokenizer: setattr(tokenizer, "clean_fn", str.lower),
    "end": lambda tokenizer: setattr(tokenizer, "eot_token_id", 7),
    "id": lambda tokenizer: tokenizer.encoder.update({"cat</w>": 5}),
    "merge": lambda tokenizer: tokenizer.bpe_ranks.popitem(),
    "word": lambda tokenizer: tokenizer.cache.update({"photo": "p h o t o</w>"}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_tokenizer_that_was_changed_has_no_description(change):
    tokenizer = SimpleTokenizer()
    change(tokenizer)
    assert describe_tokenizer(tokenizer) is None


def test_other_pattern():
    tokenizer = SimpleTokenizer()
    tokenizer.pat = regex.compile(r"[\p{L}\p{N}]+|\S")
    assert_same_tokens(make_twin(tokenizer), tokenizer, HARD_TEXTS)


@pytest.fixture
def write_merges(tmp_path):
    """Write open_clip's merges behind others; return the tokenizer of them."""

    def write(first, n_own=None):
        with gzip.open(default_bpe()) as file:
            title, *own = file.read().decode().split("\n")
        lines = "\n".join([title, *first, *own[:n_own]])
        path = tmp_path / "merges.txt.gz"
        path.write_bytes(gzip.compress(lines.encode()))
        return SimpleTokenizer(str(path))

    return write


def test_merges_out_of_order_have_no_description(write_merges):
    # open_clip joins x and y in both places before it sees the pair (xy, x).
    x, y = "\u0142\u0143"
    tokenizer = write_merges([f"{x}{y} {x}", f"{x} {y}"])
    merges = list(tokenizer.bpe_ranks)
    library = tokenizers.models.BPE(
        tokenizer.encoder, merges, end_of_word_suffix="</w>"
    )
    assert tokenizer.bpe(x + y + x + y + "a") == f"{x}{y} {x}{y} a</w>"
    tokens = [token.value for token in library.tokenize(x + y + x + y + "a")]
    assert tokens == [x + y + x, y, "a</w>"]
    assert describe_tokenizer(tokenizer) is None


@pytest.mark.parametrize("n_own", [None, 100, 0])
@pytest.mark.parametrize(
    "first", [[], ["\u0142 \u0143", "\u0142\u0143 \u0142"]], ids=len
)
def test_other_merges(first, n_own, write_merges):
    tokenizer = write_merges(first, n_own)
    assert_same_tokens(make_twin(tokenizer), tokenizer, HARD_TEXTS)


@pytest.mark.parametrize("first", [["one two three"], [""], ["cat s</w>"]], ids=str)
def test_lines_that_are_no_merges_have_no_description(first, write_merges):
    assert describe_tokenizer(write_merges(first)) is None


def test_one_text_and_no_text(twin, tokenizer):
    np.testing.assert_array_equal(twin("a cat"), tokenizer("a cat").numpy())
    assert twin([]).shape == (0, 77)
    assert twin(iter(["a", "b"])).shape == (2, 77)


def test_text_that_is_too_long_keeps_its_end_token(twin, tokenizer):
    tokens = twin(["word " * 200], context_length=10)
    assert tokens[0, -1] == tokenizer.eot_token_id
    assert (tokens[0, :-1] != tokenizer.eot_token_id).all()


def test_copies_give_the_same_tokens(twin, tokenizer):
    assert_same_tokens(pickle.loads(pickle.dumps(twin)), tokenizer, HARD_TEXTS)


def test_threads_get_the_same_tokens(twin, tokenizer):
    rng = random.Random(7)
    texts = [draw_text(rng) for _ in range(400)]
    expected = tokenizer(texts).numpy()
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(twin, [texts] * 16):
            np.testing.assert_array_equal(found, expected)


CODE = """
import json, os, sys
from sklearn_clip.embedding.engines._byte_pairs import BytePairTokenizer

with open(sys.argv[1], encoding="utf-8") as file:
    case = json.load(file)
tokenize = BytePairTokenizer(case["data"])
assert tokenize(case["texts"]).tolist() == case["tokens"]
if hasattr(os, "fork"):
    child = os.fork()
    same = tokenize(case["texts"]).tolist() == case["tokens"]
    if child == 0:
        os._exit(0 if same else 1)
    assert same and os.waitpid(child, 0)[1] == 0
print(sorted({"torch", "open_clip", "transformers"} & set(sys.modules)))
"""


def test_new_process_needs_neither_torch_nor_open_clip(tmp_path, tokenizer):
    case = {"data": describe_tokenizer(tokenizer), "texts": HARD_TEXTS}
    case["tokens"] = tokenizer(HARD_TEXTS).tolist()
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    # The library warns of forks unless this is set, which open_clip does. Python warns
    # of those beside the threads of any library.
    told = {k: v for k, v in os.environ.items() if k != "TOKENIZERS_PARALLELISM"}
    command = [sys.executable, "-W", "ignore", "-c", CODE, path]
    done = subprocess.run(command, capture_output=True, text=True, env=told)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "[]"


def test_missing_library_is_named_with_its_extra(monkeypatch, tokenizer):
    data = describe_tokenizer(tokenizer)
    monkeypatch.setitem(sys.modules, "tokenizers.models", None)
    with pytest.raises(ImportError, match=r"needs tokenizers.*sklearn-clip\[openvino"):
        BytePairTokenizer(data)
