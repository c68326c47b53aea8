"""The model that ships with the package: its files, and the floors it must reach.

The figures are those of ``tools/evaluate_clipart.py`` with a fixed C, so that the
module takes seconds; the model card gives the others.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_union

import sklearn_clip
from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.datasets import load_clipart

FOLDER = Path(sklearn_clip.__file__).parent / "models" / "clipart-tiny"
PROMPTS = ("{}", "clip art of {}", "a drawing of {}", "a picture of a {}")
C = 10.0


def mean_ap(target, scores):
    return average_precision_score(target, scores, average="macro")


def logistic(features, target):
    return MultiLabelLogisticRegression(C=C).fit(features, target).predict_proba


def out_of_fold(features, target, groups):
    out = np.zeros(target.shape)
    folds = GroupKFold(3, shuffle=True, random_state=0)
    for fit, hold in folds.split(features, None, groups):
        out[hold] = logistic(features[fit], target[fit])(features[hold])
    return out


def tuned_f1(target, out, test_target, scores):
    """Macro-F1 on test, with each label's best cut out of fold."""
    cuts = []
    for truth, values in zip(target.T, out.T, strict=True):
        order = np.argsort(-values)
        hits = np.cumsum(truth[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
        cuts.append(values[order[np.argmax(f1)]])
    return f1_score(test_target, scores >= np.array(cuts), average="macro")


def embed(featurizer, data):
    images = featurizer.encode_images(list(data.data[:, 0]))
    return images, featurizer.encode_texts(list(data.data[:, 1]))


@pytest.fixture(scope="module")
def train():
    return load_clipart(split="train")


@pytest.fixture(scope="module")
def test():
    return load_clipart(split="test")


@pytest.fixture(scope="module")
def featurizer(light_engine):
    return CLIPFeaturizer("clipart-tiny")


@pytest.fixture(scope="module")
def train_vectors(featurizer, train):
    return embed(featurizer, train)


@pytest.fixture(scope="module")
def test_vectors(featurizer, test):
    return embed(featurizer, test)


@pytest.fixture(scope="module")
def label_vectors(featurizer, test):
    texts = [p.format(name) for name in test.target_names for p in PROMPTS]
    vectors = featurizer.encode_texts(texts)
    return vectors.reshape(len(test.target_names), len(PROMPTS), -1).mean(1)


@pytest.fixture(scope="module")
def concat_ap(train, test, train_vectors, test_vectors):
    scores = logistic(np.hstack(train_vectors), train.target)(np.hstack(test_vectors))
    return mean_ap(test.target, scores)


def test_zipped_files_are_small(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in FOLDER.iterdir():
            archive.write(path, path.name)
    assert (tmp_path / "m.zip").stat().st_size < 15e6


def test_folder_has_config_weights_and_card():
    config = json.loads((FOLDER / "open_clip_config.json").read_text(encoding="utf-8"))
    assert config["preprocess_cfg"]["fill_color"] == 255
    assert "bpe_path" not in json.dumps(config)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for word in ("CC BY", "Open Clip Art", "Apache", "Intended use"):
        assert word in card


def test_weights_are_half_precision_and_unknown_token_rows_zero():
    weights = load_file(FOLDER / "open_clip_model.safetensors")
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {
        torch.float16
    }
    assert all(w.isfinite().all() for w in weights.values())
    known = weights["token_embedding.weight"].ne(0).any(1)
    assert 25_000 < known.sum() < 40_000
    tokenizer = open_clip.get_tokenizer(f"local-dir:{FOLDER}")
    assert known[tokenizer("clip art of a red dog")[0, :8]].all()


def test_open_clip_loads_it_without_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    name = f"local-dir:{FOLDER}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(["a dog"])
    with torch.no_grad():
        text = model.eval().encode_text(tokens)
    assert text.shape == (1, 384)
    assert preprocess.transforms[0].size == (112, 112)


def test_zero_shot_is_four_times_prevalence(test, test_vectors, label_vectors):
    images, _ = test_vectors
    assert mean_ap(test.target, images @ label_vectors.T) >= 4 * test.target.mean()


def test_zero_shot_reaches_its_floor(test, test_vectors, label_vectors):
    images, _ = test_vectors
    found = mean_ap(test.target, images @ label_vectors.T)
    assert found >= 0.25


def test_retrieval_is_five_times_chance(test, test_vectors):
    images, texts = test_vectors
    captions = np.char.lower(test.data[:, 1].astype(str))
    same = captions[:, None] == captions
    top = np.argsort(-(images @ texts.T), axis=1)[:, :10]
    chance = (1 - (1 - same.mean(1)) ** 10).mean()
    assert np.take_along_axis(same, top, axis=1).any(1).mean() >= 5 * chance


@pytest.mark.parametrize("modality", [0, 1], ids=["image", "text"])
def test_both_beat_one_modality(
    modality, concat_ap, train, test, train_vectors, test_vectors
):
    alone = logistic(train_vectors[modality], train.target)(test_vectors[modality])
    assert concat_ap >= mean_ap(test.target, alone) + 0.05


def test_random_twin_is_worse(concat_ap, train, test, tmp_path):
    torch.manual_seed(0)
    config = (FOLDER / "open_clip_config.json").read_text(encoding="utf-8")
    (tmp_path / "open_clip_config.json").write_text(config)
    twin = open_clip.CLIP(**json.loads(config)["model_cfg"])
    save_file(twin.state_dict(), tmp_path / "open_clip_model.safetensors")
    random = CLIPFeaturizer(f"local-dir:{tmp_path}", None, cache=None)
    fit = logistic(np.hstack(embed(random, train)), train.target)
    assert concat_ap >= mean_ap(test.target, fit(np.hstack(embed(random, test)))) + 0.1


def test_it_adds_to_tf_idf(train, test, train_vectors, test_vectors):
    words = make_union(
        TfidfVectorizer(sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    fit = words.fit_transform(train.data[:, 1]).tocsr()
    new = words.transform(test.data[:, 1]).tocsr()
    both = sparse.hstack([fit, np.hstack(train_vectors)]).tocsr()
    both_new = sparse.hstack([new, np.hstack(test_vectors)]).tocsr()
    figures = []
    for a, b in ((fit, new), (both, both_new)):
        scores = logistic(a, train.target)(b)
        out = out_of_fold(a, train.target, train.groups)
        f1 = tuned_f1(train.target, out, test.target, scores)
        figures.append((mean_ap(test.target, scores), f1))
    (alone, alone_f1), (joined, joined_f1) = figures
    assert joined >= alone + 0.05
    assert joined_f1 > alone_f1


def test_out_of_fold_agrees_with_test(concat_ap, train, train_vectors):
    out = out_of_fold(np.hstack(train_vectors), train.target, train.groups)
    found = mean_ap(train.target, out)
    assert concat_ap - 0.10 <= found <= concat_ap + 0.03
