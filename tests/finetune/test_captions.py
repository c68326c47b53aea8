"""Captions beside pictures: what trains, what a missing one changes, what is saved."""

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from sklearn_clip import ZeroShotClassifier
from sklearn_clip.embedding import load_backbone, split_rows
from sklearn_clip.finetune._model import TunedModel, copy_model
from sklearn_clip.finetune._pictures import Pictures
from sklearn_clip.finetune._rows import Rows, image_weights, read_fusion
from sklearn_clip.fusion import MeanFusion
from sklearn_clip.metrics import macro_average_precision_score

WORDS = ["a b", "c d e", "f g"]


@pytest.fixture
def captioned(problem, names):
    """The problem with captions; some rows lack one of the two."""
    pictures, Y = problem
    captions = [" and ".join(np.array(names)[row == 1]) for row in Y]
    frame = pd.DataFrame({"image": pictures, "text": captions})
    frame.loc[::5, "text"] = None
    frame.loc[1::5, "image"] = None
    return frame, Y


@pytest.fixture
def tuned(model_folder):
    backbone = load_backbone(model_folder, device="cpu", precision="fp32")
    found = TunedModel(copy_model(backbone), backbone.tokenizer, "cpu", 100.0)
    found.train(False)
    return found


@pytest.fixture
def make_rows(model_folder):
    """Make rows of pictures and captions, None where there is none."""

    def make(pictures, captions, fusion):
        cells = split_rows(
            list(zip(pictures, captions, strict=True)),
            image="image",
            text="text",
            modalities=("image", "text"),
        )
        backbone = load_backbone(model_folder, device="cpu", precision="fp32")
        options = {"root": None, "crop": None, "flip": False, "seed": 0}
        options |= {"device": torch.device("cpu")}
        column = Pictures(cells.image, backbone, num_workers=2, **options)
        weights, numbers = image_weights(fusion, cells), np.arange(len(captions))
        targets = np.zeros((len(captions), 1), dtype=np.float32)
        return Rows(column, cells.text, weights, targets, numbers)

    return make


def test_row_is_the_weighted_mean_of_what_it_has(tuned, make_rows, make_pictures):
    pictures = make_pictures(3)
    rows = make_rows(
        [pictures[0], None, pictures[2]], [None, *WORDS[1:]], MeanFusion(0.7)
    )
    np.testing.assert_allclose(rows.weights, [1, 0, 0.7])
    ((batch, numbers),) = rows.batches(np.array([2, 0, 1]), 4)
    assert numbers.tolist() == [2, 0, 1] and len(batch) == 3
    assert batch.captions == [WORDS[2], WORDS[1]] and len(batch.pictures) == 2
    with torch.no_grad():
        images = tuned.encode_images(batch.pictures)
        texts = tuned.encode_texts(batch.captions)
        found = tuned.encode_rows(batch)
        both = F.normalize(0.7 * images[0] + 0.3 * texts[0], dim=0)
        torch.testing.assert_close(found, torch.stack([both, images[1], texts[1]]))
        few = tuned.encode_rows(batch.first(1))
    torch.testing.assert_close(few, found[:1], atol=1e-5, rtol=1e-4)


def test_batch_may_be_of_pictures_or_of_captions_alone(tuned, make_rows, make_pictures):
    rows = make_rows([*make_pictures(2), None], [None, None, "a"], MeanFusion())
    (shown, _), (said, _) = rows.batches(rows.numbers, 2)
    assert (shown.captions, said.pictures) == ([], None)
    with torch.no_grad():
        torch.testing.assert_close(
            tuned.encode_rows(shown), tuned.encode_images(shown.pictures)
        )
        torch.testing.assert_close(tuned.encode_rows(said), tuned.encode_texts(["a"]))
    assert said.first(1).pictures is None


def test_gradients_flow_from_captions_as_from_prompts(tuned, make_rows, make_pictures):
    module = tuned.module.requires_grad_(True)
    rows = make_rows(make_pictures(2), ["zebra", "quartz"], MeanFusion())
    ((batch, _),) = rows.batches(rows.numbers, 2)
    labels = tuned.encode_texts(["red", "blue"])
    (tuned.encode_rows(batch) @ labels.T).sum().backward()
    words = module.token_embedding.weight.grad.abs().sum(1)
    tokenize = open_clip.get_tokenizer("ViT-B-32")
    for text in ("zebra", "quartz", "red", "blue"):
        ids = tokenize([text])[0]
        assert words[ids[1]] > 0, text
    assert words[tokenize(["violin"])[0][1]] == 0
    assert module.visual.proj.grad.abs().sum() > 0


def test_captions_teach_and_are_used(make_tuner, captioned):
    X, Y = captioned
    tuner = make_tuner(text="text", max_epochs=4).fit(X[:24], Y[:24])
    test, truth = X[24:], Y[24:]
    found = tuner.predict_proba(test)
    assert macro_average_precision_score(truth, found) > 0.9
    bare = tuner.predict_proba(test.assign(text=None).dropna(subset=["image"]))
    assert not np.allclose(bare, found[test["image"].notna()])


def test_fusion_of_the_image_reads_no_captions(make_tuner, captioned):
    X, Y = captioned
    X, Y = X[X["image"].notna()], Y[X["image"].notna()]
    weighted = make_tuner(fusion=MeanFusion(1.0), text="text", max_epochs=1)
    alone = make_tuner(fusion="image", text="text", max_epochs=1)
    bare = make_tuner(max_epochs=1)
    images = X["image"].tolist()
    expected = bare.fit(images, Y).decision_function(images)
    for tuner in (weighted, alone):
        found = tuner.fit(X, Y).decision_function(X)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_captions_alone_may_be_learnt(make_tuner, captioned):
    X, Y = captioned
    said = X["text"].notna()
    tuner = make_tuner(image=None, text="text", max_epochs=2)
    tuner.fit(X.loc[said, "text"].tolist(), Y[said])
    assert tuner.predict(["red and blue"]).shape == (1, 3)


def test_folder_brings_columns_and_fusion(make_tuner, captioned, tmp_path):
    X, Y = captioned
    X = X.rename(columns={"image": "picture", "text": "title"})
    tuner = make_tuner(
        image="picture", text="title", fusion=MeanFusion(0.6), max_epochs=1
    ).fit(X, Y)
    clip = tuner.featurizer(tmp_path / "tuned", cache=None, precision="fp32")
    assert (clip.image, clip.text, clip.fusion.weight) == ("picture", "title", 0.6)
    assert clip.fusion is not tuner.fusion
    zero_shot = ZeroShotClassifier(
        tuner.classes, clip, scoring="sigmoid", templates="none"
    ).fit()
    np.testing.assert_allclose(
        zero_shot.predict_proba(X), tuner.predict_proba(X), atol=2e-3
    )
    concat = tuner.featurizer(tmp_path / "tuned", fusion="concat", cache=None)
    assert concat.transform(X[:2]).shape == (2, 128)


def test_row_needs_an_image_or_a_caption(make_tuner, captioned):
    X, Y = captioned
    tuner = make_tuner(text="text", max_epochs=1, trainable="projection").fit(X, Y)
    empty = X.copy()
    empty.loc[3, ["image", "text"]] = None
    with pytest.raises(ValueError, match="an image or a text.*Got none for row 3"):
        make_tuner(text="text").fit(empty, Y)
    with pytest.raises(ValueError, match="must have an image to be .* none for row 1"):
        make_tuner(text="text", fusion="image").fit(X, Y)
    with pytest.warns(UserWarning, match=r"1 of 36 rows have no image or text"):
        assert (tuner.predict_proba(empty)[3] == 0).all()


def test_other_captions_are_another_training(make_tuner, captioned, tmp_path):
    X, Y = captioned
    tuner = make_tuner(
        text="text", max_epochs=1, trainable="projection", checkpoint_dir=tmp_path
    )
    tuner.fit(X, Y)
    tuner.fit(X, Y)
    assert len(list(tmp_path.iterdir())) == 1
    tuner.fit(X.assign(text="something else"), Y)
    assert len(list(tmp_path.iterdir())) == 2


def test_fusion_must_lie_where_prompts_lie(make_tuner, captioned):
    X, Y = captioned
    assert read_fusion("mean", "image", None).modalities == ("image",)
    cases = [
        (
            {"fusion": "concat", "text": "text"},
            "fusion must be 'image', 'text', 'mean'",
        ),
        ({"fusion": "text"}, r"fusion='text' needs text. Got text=None"),
        ({"fusion": "means", "text": "text"}, "fusion must be one of"),
        ({"fusion": MeanFusion(2), "text": "text"}, r"MeanFusion must be in \[0, 1\]"),
        ({"image": None}, "needs image and text. Got image=None and text=None"),
        ({"text": "title"}, "must have the column 'title' for its texts"),
    ]
    for parameters, message in cases:
        with pytest.raises(ValueError, match=message):
            make_tuner(**parameters).fit(X, Y)
