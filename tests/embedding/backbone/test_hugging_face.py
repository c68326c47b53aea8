"""Text towers and tokenizers of Hugging Face: named where they lack, used where not."""

import json
import socket
import sys
import urllib.request
from importlib.util import find_spec

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone

from sklearn_clip import CLIPFeaturizer, WeightsUnavailableError
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.backbone import _backbone, _loading

VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
TEXT = {"context_length": 16, "vocab_size": 600, "width": 32, "heads": 2, "layers": 1}
installed = pytest.mark.skipif(
    find_spec("transformers") is None, reason="transformers is not installed"
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """Cut the network at the name look-up, and start from an empty hub cache."""

    def refuse(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "h"))
    _loading._loaded.clear()


def write(folder, text, tensors):
    """Write a model whose image tower is whole, with the text tower that is given."""
    config = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text}
    folder.mkdir(exist_ok=True)
    pixels = {"mean": [0.4] * 3, "std": [0.5] * 3}
    whole = {"model_cfg": config | {"custom_text": True}, "preprocess_cfg": pixels}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(**config | {"text_cfg": TEXT})
    own = model.state_dict()
    if "hf_model_name" in text:
        own = {n: t for n, t in own.items() if not n.startswith("text.")}
    save_file(own | tensors, folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"


@pytest.fixture
def without_transformers(monkeypatch):
    """Hide transformers, if it is there."""
    monkeypatch.setitem(sys.modules, "transformers", None)


TOWER = {"hf_model_name": "roberta-base", "hf_tokenizer_name": "roberta-base"}


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (TOWER, "the tokenizer 'roberta-base'"),
        ({"hf_model_name": "roberta-base"}, "the text tower 'roberta-base'"),
        (TEXT | {"hf_tokenizer_name": "google/mt5-base"}, "tokenizer 'google/mt5-b"),
    ],
)
def test_images_need_no_transformers_and_texts_name_the_extra(
    tmp_path, make_pictures, without_transformers, text, needs
):
    words = {"text.transformer.embeddings.word_embeddings.weight": torch.ones(3, 4)}
    name = write(tmp_path / "m", text, words if "hf_model_name" in text else {})
    rows = [(picture, "a") for picture in make_pictures(3)]
    clip = CLIPFeaturizer(name, fusion="image", cache=None)
    features = clip.fit_transform(rows)
    assert features.shape == (3, 16) and len(clip.get_feature_names_out()) == 16
    message = rf"{needs}.*transformers, which is not installed.*sklearn-clip\[hf\]"
    for other in (clip.set_params(fusion="concat"), CLIPFeaturizer(name, cache=None)):
        with pytest.raises(WeightsUnavailableError, match=message):
            other.transform(rows)
    # What has failed harms nothing.
    np.testing.assert_array_equal(
        clip.set_params(fusion="image").transform(rows), features
    )


@pytest.mark.parametrize("name", ["ViT-B-16-SigLIP2", "xlm-roberta-base-ViT-B-32"])
def test_names_of_open_clip_name_the_extra(
    monkeypatch, tmp_path, without_transformers, name
):
    config = open_clip.get_model_config(name) | {"vision_cfg": VISION, "embed_dim": 16}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, config)
    write(tmp_path / "m", TEXT, {})
    file = str(tmp_path / "m" / "open_clip_model.safetensors")
    with pytest.raises(WeightsUnavailableError, match=r'pip install "sklearn-clip\[hf'):
        load_backbone(name, file, towers=["text"])


@installed
def test_tokenizer_out_of_reach_is_named_with_the_folder(tmp_path, make_pictures):
    text = TEXT | {"hf_tokenizer_name": "google/mt5-base"}
    name = write(tmp_path / "m", text, {})
    message = "'google/mt5-base' are not in the folder .*no network.*save_pretrained"
    with pytest.raises(WeightsUnavailableError, match=message):
        load_backbone(name)
    (tmp_path / "m" / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsUnavailableError, match="tokenizer in .*cannot be read"):
        load_backbone(name)
    clip = CLIPFeaturizer(name, text=None, cache=None)
    assert clip.transform(make_pictures(2)).shape == (2, 16)


@installed
def test_text_tower_out_of_reach_is_named(tmp_path):
    name = write(tmp_path / "m", {"hf_model_name": "roberta-base"}, {})
    message = "text tower 'roberta-base' of .*are not on this machine.*no network"
    with pytest.raises(WeightsUnavailableError, match=message):
        load_backbone(name, towers=["text"])


def train_tokenizer(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    tokenizer.train_from_iterator(["a red bicycle and two dogs in the snow"], trainer)
    around = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=around
    )
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


class Words:
    """A tokenizer whose text goes through a function, and whose words have numbers."""

    def __init__(self, prepare=str, words=("a", "cat")):
        self.tokenizer = self
        self.get_vocab = lambda: {word: i for i, word in enumerate(words)}
        self._prepare = prepare

    def __call__(self, texts, context_length=77):
        tokens = np.zeros((len(texts), context_length), dtype=np.int64)
        for row, text in zip(tokens, texts, strict=True):
            found = list(self._prepare(text).encode())[:context_length]
            row[: len(found)] = found
        return tokens


@pytest.mark.parametrize(
    "other",
    [
        Words(str.lower),
        Words(str.strip),
        Words(lambda text: text.replace("é", "e")),
        Words(words=("a", "dog")),
    ],
)
def test_tokenizers_that_differ_in_a_step_are_told_apart(other):
    digests = {
        _backbone._digest_tokens(_backbone._one_at_a_time(made))
        for made in (Words(), Words(), other)
    }
    assert len(digests) == 2


@installed
def test_texts_are_encoded_anew_once_the_tokenizer_was_changed(tmp_path):
    folder = tmp_path / "m"
    name = write(folder, TEXT | {"hf_tokenizer_name": "nobody/none"}, {})
    train_tokenizer(folder)
    options = {"image": None, "engine": "torch", "precision": "fp32"}
    clip = CLIPFeaturizer(name, cache=tmp_path / "store", **options)
    before = clip.transform(["TWO dogs"])
    file = folder / "tokenizer.json"
    made = json.loads(file.read_text())
    file.write_text(json.dumps(made | {"normalizer": {"type": "Lowercase"}}))
    after = clone(clip).transform(["TWO dogs"])
    assert np.abs(after - before).max() > 1e-3
    fresh = CLIPFeaturizer(name, cache=None, **options)
    np.testing.assert_allclose(after, fresh.transform(["TWO dogs"]), atol=1e-6)


def text_config(kind):
    import transformers

    small = {"vocab_size": 600, "d_model": 32, "num_layers": 1}
    if kind == "mt5":
        return transformers.MT5Config(
            **small, num_decoder_layers=1, d_kv=16, d_ff=64, num_heads=2, pad_token_id=1
        )
    if kind == "m2m_100":
        heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
        sizes = {"encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "decoder_layers": 1}
        small = {"vocab_size": 600, "d_model": 32, "encoder_layers": 1}
        return transformers.M2M100Config(**small, **heads, **sizes)
    made = {"bert": transformers.BertConfig, "roberta": transformers.RobertaConfig}
    return made[kind](
        vocab_size=600,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        pad_token_id=1,
    )


@installed
@pytest.mark.parametrize("kind", ["roberta", "mt5", "m2m_100", "bert"])
def test_towers_of_hugging_face_give_the_vectors_of_open_clip(
    tmp_path, make_pictures, kind
):
    folder = tmp_path / "m"
    text = {
        "hf_model_name": str(folder),
        "hf_tokenizer_name": "nobody/none",
        "hf_pooler_type": "mean_pooler",
        "hf_proj_type": "linear",
    }
    folder.mkdir()
    train_tokenizer(folder)
    text_config(kind).save_pretrained(folder)
    name = write(folder, text, {})
    options = {"load_weights": False, "pretrained_text": False}
    model = open_clip.create_model(name, **options).eval()
    save_file(
        {n: t.contiguous() for n, t in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    texts = ["a", "a red bicycle", "two dogs " * 60]
    tokens = open_clip.get_tokenizer(name)(texts)
    with torch.inference_mode():
        expected = model.encode_text(tokens).numpy()
    for towers in (["text"], ["image", "text"]):
        _loading._loaded.clear()
        options = {"precision": "fp32", "device": "cpu", "towers": towers}
        backbone = load_backbone(name, **options)
        assert backbone.context_length == 77
        np.testing.assert_allclose(backbone.encode_texts(texts), expected, atol=1e-5)
        pieces = backbone.chunk_text(texts[-1])
        assert len(pieces) > 1 and " ".join(pieces).split() == texts[-1].split()
    clip = CLIPFeaturizer(name, image=None, long_text="mean", cache=None)
    cut = CLIPFeaturizer(name, image=None, cache=None)
    assert clip.transform(texts).shape == cut.transform(texts).shape == (3, 16)
    before = cut.set_params(features="penultimate", normalize=False)
    assert before.embedding_dim_ == 32  # read off the configuration
    projection = model.text.proj.weight.detach().numpy()
    found = before.transform(texts) @ projection.T
    np.testing.assert_allclose(found, expected, atol=1e-4)
