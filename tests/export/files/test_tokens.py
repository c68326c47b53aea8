"""Tokenizers as a file keeps them give the tokens of the model's own."""

import json
from importlib.util import find_spec

import numpy as np
import open_clip
import pytest
from exported_taggers import OpenedFile
from safetensors.torch import save_file
from sklearn.pipeline import make_pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.embedding import load_backbone
from sklearn_clip.embedding.engines._trial_items import varied_texts
from sklearn_clip.export import to_onnx
from sklearn_clip.export._fast_tokens import FastTokenizer
from sklearn_clip.export._tokens import describe_tokens

VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
TEXT = {"context_length": 16, "vocab_size": 600, "width": 32, "heads": 2, "layers": 1}
TEXTS = ["", "a", "A red  bicycle", "&lt;b&gt; snow", "two dogs " * 60, "</s> snow"]
with_transformers = pytest.mark.skipif(
    find_spec("transformers") is None, reason="transformers is not installed"
)


def train():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    tokenizer.train_from_iterator(["a red bicycle and two dogs in the snow"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def test_fast_tokenizer_cuts_pads_and_cleans():
    tokenizer = train()
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8, pad_id=1, pad_token="<pad>", direction="left")
    said = {
        "json": tokenizer.to_str(),
        "cleaning": "lower",
        "zeroed": 2,
        "context_length": 8,
    }
    made = FastTokenizer(json.loads(json.dumps(said)))
    assert made.context_length == 8
    tokens = made(TEXTS)
    assert tokens.shape == (len(TEXTS), 8)
    assert tokens.dtype == np.int64
    assert not (tokens == 2).any()
    assert (tokens[0] == [1, 1, 1, 1, 1, 1, 0, 0]).all()
    assert (made("A  RED") == made("a red")).all()
    assert made(["a"], context_length=5).shape == (1, 5)
    assert made([]).shape == (0, 8)
    whole = train().encode("<s> two dogs two dogs", add_special_tokens=False).ids
    assert len(whole) > 4


def write_model(folder, text):
    """Write a model whose tokenizer, and tower perhaps, are of Hugging Face."""
    from transformers import BertConfig, PreTrainedTokenizerFast

    folder.mkdir()
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    special |= {"sep_token": "</s>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=train(), **special)
    fast.save_pretrained(folder)
    if "hf_model_name" in text:
        BertConfig(
            vocab_size=600,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            pad_token_id=1,
        ).save_pretrained(folder)
    config = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text}
    config["custom_text"] = True
    pixels = {"mean": [0.4] * 3, "std": [0.5] * 3}
    both = {"model_cfg": config, "preprocess_cfg": pixels}
    (folder / "open_clip_config.json").write_text(json.dumps(both))
    name = f"local-dir:{folder}"
    model = open_clip.create_model(name, load_weights=False, pretrained_text=False)
    weights = {n: t.contiguous() for n, t in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return name


@with_transformers
@pytest.mark.parametrize("kind", ["own tower", "own tower, zeroed", "tower of BERT"])
def test_model_of_hugging_face_becomes_a_file(kind, tmp_path):
    folder = tmp_path / "m"
    text = TEXT | {"hf_tokenizer_name": "nobody/none"}
    if "zeroed" in kind:
        text |= {"tokenizer_kwargs": {"strip_sep_token": True}}
    if "BERT" in kind:
        text = {
            "hf_model_name": str(folder),
            "hf_tokenizer_name": "nobody/none",
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": "linear",
            "context_length": 16,
        }
    name = write_model(folder, text)
    clip = CLIPFeaturizer(name, None, image=None, cache=None, precision="fp32")
    texts = varied_texts(10)
    tagger = make_pipeline(clip, MultiLabelLogisticRegression(C=100))
    tagger.fit(texts, np.eye(10, 2, dtype=int))
    report = to_onnx(tagger, tmp_path / "t.onnx", X=[*TEXTS[1:], *texts])
    assert report.difference <= 1e-4
    said = OpenedFile(tmp_path / "t.onnx").says.tokenizer
    assert said["kind"] == "tokenizers"
    made = FastTokenizer(said)
    backbone = load_backbone(name, device="cpu", precision="fp32")
    for length in (16, 7):
        expected = backbone.tokenizer(TEXTS, context_length=length)
        assert np.array_equal(made(TEXTS, context_length=length), expected)


def test_tokenizer_that_no_file_can_hold_is_refused(model_folder, monkeypatch):
    backbone = load_backbone(model_folder, device="cpu", precision="fp32")
    monkeypatch.setattr(backbone.tokenizer, "plain", lambda texts: None, raising=False)
    with pytest.raises(ValueError, match="tokenizer of the model cannot be written"):
        describe_tokens(backbone)
