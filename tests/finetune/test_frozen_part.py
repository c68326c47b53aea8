"""What does not change in a training is computed once, and the training is the same."""

import copy
import json
import os
import shutil

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from sklearn_clip import ImageDecodeError
from sklearn_clip.embedding import load_backbone
from sklearn_clip.finetune._frozen_part import Budget, FrozenOutputs
from sklearn_clip.finetune._layers import set_trainable
from sklearn_clip.finetune._model import TunedModel, copy_model
from sklearn_clip.fusion import MeanFusion
from sklearn_clip.losses import BCELoss

ALL = 2**31
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
VIT = {"image_size": 32, "layers": 3, "width": 64, "patch_size": 16}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 2], "width": 8}


def timm(name, size=64, **options):
    return {
        "image_size": size,
        "timm_model_name": name,
        "timm_proj": "linear",
    } | options


# Every kind of tower that the rules of the layers know, and their variants.
TOWERS = {
    "vit": (VIT, TEXT),
    "vit, pooled before norm": (VIT | {"final_ln_after_pool": True}, TEXT),
    "vit, averaged": (VIT | {"pool_type": "avg", "ls_init_value": 0.1}, TEXT),
    "resnet": (RESNET, TEXT),
    "efficientnet": (timm("tf_efficientnet_lite0", timm_pool="avg"), TEXT),
    "convnext": (timm("convnext_atto", timm_pool="avg"), TEXT),
    "timm resnet": (timm("resnet10t", timm_pool="avg"), TEXT),
    "timm vit": (timm("vit_tiny_patch16_224", 224, timm_pool="avg"), TEXT),
    "siglip text": (VIT, TEXT | {"no_causal_mask": True, "pool_type": "last"}),
    "linear projection": (VIT, TEXT | {"proj_type": "linear", "proj_bias": True}),
    "custom text": (VIT, TEXT),
}
CUSTOM = {"siglip text", "linear projection", "custom text"}


@pytest.fixture
def write_tower(tmp_path):
    """Write a small model with given towers as a folder."""

    def write(kind, **options):
        vision, text = copy.deepcopy(TOWERS[kind])
        vision |= options
        architecture = {"embed_dim": 64, "vision_cfg": vision, "text_cfg": text}
        make = open_clip.CustomTextCLIP if kind in CUSTOM else open_clip.CLIP
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = make(**copy.deepcopy(architecture))
        save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")
        pixels = {"mean": [0.5] * 3, "std": [0.5] * 3}
        architecture["custom_text"] = kind in CUSTOM
        config = {"model_cfg": architecture, "preprocess_cfg": pixels}
        (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
        return f"local-dir:{tmp_path}"

    return write


def fit_both(make_tuner, data, **parameters):
    """Train with what is frozen computed in every epoch, and once."""
    parameters = {"trainable": "last", "crop": None} | parameters
    return [
        make_tuner(frozen_bytes=limit, **parameters).fit(*data) for limit in (0, ALL)
    ]


def assert_same(slow, fast, X, atol=1e-4):
    assert slow.frozen_bytes_ == 0
    keys = ("train_loss", "temperature", "bias")
    for before, after in zip(slow.history_, fast.history_, strict=True):
        for key in keys:
            assert after[key] == pytest.approx(before[key], rel=1e-4, abs=1e-5)
    found = fast.decision_function(X)
    np.testing.assert_allclose(found, slow.decision_function(X), atol=atol, rtol=1e-4)


@pytest.mark.parametrize("trainable", ["last", "projection"])
@pytest.mark.parametrize("kind", TOWERS)
def test_every_kind_of_tower_is_trained_to_the_same(
    make_tuner, problem, write_tower, kind, trainable
):
    X, Y = problem[0][:12], problem[1][:12]
    name = write_tower(kind)
    options = {"model_name": name, "trainable": trainable, "max_epochs": 2}
    slow, fast = fit_both(make_tuner, (X, Y), batch_size=5, lr=1e-3, **options)
    assert fast.frozen_bytes_ > 0
    assert_same(slow, fast, X)


@pytest.mark.parametrize("trainable", ["last", "projection"])
@pytest.mark.parametrize("kind", TOWERS)
def test_rest_needs_no_frozen_weight_and_has_the_same_gradient(
    problem, write_tower, kind, trainable
):
    backbone = load_backbone(write_tower(kind), device="cpu", precision="fp32")
    model = copy_model(backbone)
    set_trainable(model, trainable)
    tuned = TunedModel(model, backbone.tokenizer, torch.device("cpu"), 100.0)
    batch = torch.stack([backbone.prepare_image(x) for x in problem[0][:5]])
    texts = ["red", "green or blue", "a photo of something red and blue"]

    def run(batch):
        model.zero_grad()
        tuned.train()
        found = tuned.encode_images(batch), tuned.encode_texts(texts)
        (found[0] @ found[1].T)[:, 0].sum().backward()
        learnt = {n: w.grad for n, w in model.named_parameters() if w.grad is not None}
        return [found[0].detach(), found[1].detach()], copy.deepcopy(learnt)

    expected, gradient = run(batch)
    assert tuned.split_images(batch[:3])
    tuned.split_texts(texts[:2] * 2, Budget(ALL))
    halfway = FrozenOutputs(tuned.begin_images(batch))
    run(halfway)  # now the texts are kept
    kept = copy.deepcopy(model.state_dict())
    for weight in model.parameters():
        if not weight.requires_grad:
            weight.data.fill_(torch.nan)
    found, same = run(halfway)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert same.keys() == gradient.keys() and len(same)
    for name, value in gradient.items():
        np.testing.assert_allclose(same[name], value, atol=1e-5, err_msg=name)
    # Nothing of the detour stays behind.
    assert not any("forward" in vars(module) for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())
    model.load_state_dict(kept)
    again, _ = run(batch)
    np.testing.assert_allclose(again[0], expected[0], atol=1e-6)


def test_prompts_are_kept_where_pictures_change(make_tuner, problem):
    X, Y = problem
    slow, fast = fit_both(make_tuner, (X, Y), crop=0.8, templates="default")
    assert_same(slow, fast, X)
    pictures = fit_both(make_tuner, (X, Y), templates="default")[1].frozen_bytes_
    assert 0 < fast.frozen_bytes_ < pictures
    mirrored = fit_both(make_tuner, (X, Y), flip=True)[1].frozen_bytes_
    assert mirrored < fit_both(make_tuner, (X, Y))[1].frozen_bytes_


@pytest.mark.parametrize("crop", [None, 1.0, 0.7])
def test_early_stopping_and_validation_rows_see_the_same(make_tuner, problem, crop):
    X, Y = problem
    options = {"early_stopping": "loss", "patience": 2, "max_epochs": 6, "lr": 1e-2}
    slow, fast = fit_both(make_tuner, (X, Y), crop=crop, **options)
    assert slow.best_epoch_ == fast.best_epoch_
    for before, after in zip(slow.history_, fast.history_, strict=True):
        for key in ("valid_loss", "valid_average_precision"):
            assert after[key] == pytest.approx(before[key], rel=1e-4)
    assert_same(slow, fast, X)
    parameters = {"trainable": "last", "crop": crop, **options}
    given = {"X_val": X[:9], "y_val": Y[:9]}
    slow, fast = (
        make_tuner(frozen_bytes=limit, **parameters).fit(X[9:], Y[9:], **given)
        for limit in (0, ALL)
    )
    assert_same(slow, fast, X)


@pytest.mark.parametrize("trainable", ["last", "projection"])
def test_captions_and_rows_without_one_of_the_two(make_tuner, problem, trainable):
    X, Y = problem
    texts = [f"number {i} " + "of many things " * (i % 5) for i in range(len(X))]
    rows = [{"image": x, "text": text} for x, text in zip(X, texts, strict=True)]
    for row in range(0, len(rows), 4):
        rows[row]["image"] = None
    for row in range(1, len(rows), 4):
        rows[row]["text"] = None
    options = {"text": "text", "fusion": MeanFusion(0.6), "trainable": trainable}
    slow, fast = fit_both(make_tuner, (rows, Y), accumulation=2, **options)
    assert fast.frozen_bytes_ > 0
    assert_same(slow, fast, rows)


def test_rows_of_captions_alone(make_tuner, problem):
    X, Y = problem
    rows = [{"text": f"number {i}"} for i in range(len(X))]
    options = {"image": None, "text": "text", "fusion": "text"}
    slow, fast = fit_both(make_tuner, (rows, Y), **options)
    assert fast.frozen_bytes_ > 0
    assert_same(slow, fast, rows)


def test_each_epoch_draws_one_of_several_images(make_tuner, problem):
    X, Y = problem
    rows = [[X[i], X[(i + 1) % 36], X[(i + 2) % 36]][: 1 + i % 3] for i in range(36)]
    one = fit_both(make_tuner, (X, Y))[1].frozen_bytes_
    slow, fast = fit_both(make_tuner, (rows, Y), max_epochs=4)
    assert fast.frozen_bytes_ > one
    assert_same(slow, fast, rows)


@pytest.mark.parametrize("precision", ["bf16"])
def test_lower_precision_is_trained_to_the_same(make_tuner, problem, precision):
    X, Y = problem
    slow, fast = fit_both(make_tuner, (X, Y), precision=precision)
    losses = [[r["train_loss"] for r in tuner.history_] for tuner in (slow, fast)]
    np.testing.assert_allclose(*losses, rtol=2e-2)
    start = make_tuner(precision=precision, lr=0, crop=None, trainable="last")
    before = start.fit(X, Y).model_.state_dict()
    after = fast.model_.state_dict()
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert any("resblocks.1" in n for n in moved)
    assert not any("resblocks.0" in n for n in moved)


class RemovesPictures(BCELoss):
    """Removes a folder as soon as the training asks for a loss."""

    def __init__(self, folder):
        super().__init__()
        self.folder = str(folder)

    def forward(self, logits, targets):
        shutil.rmtree(self.folder, ignore_errors=True)
        return super().forward(logits, targets)


@pytest.mark.parametrize("frozen_bytes", ["default", 0])
def test_pictures_are_read_once_where_the_frozen_part_is_kept(
    make_tuner, problem, tmp_path, frozen_bytes
):
    folder, paths = tmp_path / "pictures", []
    folder.mkdir()
    for number, picture in enumerate(problem[0]):
        paths.append(folder / f"{number}.png")
        picture.save(paths[-1])
    limit = {} if frozen_bytes == "default" else {"frozen_bytes": frozen_bytes}
    loss, Y = RemovesPictures(folder), problem[1]
    tuner = make_tuner(trainable="last", crop=None, max_epochs=3, loss=loss, **limit)
    if limit:
        with pytest.raises(ImageDecodeError, match=r"cannot: .*\.png': the file"):
            tuner.fit(paths, Y)
    else:
        assert len(tuner.fit(paths, Y).history_) == 3


def test_bound_is_kept(make_tuner, problem):
    X, Y = problem
    parameters = {"trainable": "last", "crop": None, "max_epochs": 2}
    whole = make_tuner(**parameters).fit(X, Y)
    for limit in (1, 2000, whole.frozen_bytes_ - 1):
        bounded = make_tuner(frozen_bytes=limit, **parameters).fit(X, Y)
        assert bounded.frozen_bytes_ <= limit
        np.testing.assert_allclose(
            bounded.decision_function(X), whole.decision_function(X), atol=1e-4
        )
    with pytest.raises(ValueError, match="frozen_bytes"):
        make_tuner(frozen_bytes=-1).fit(X, Y)


@pytest.mark.parametrize(
    "options", [{"trainable": "all"}, {"max_epochs": 1}, {"trainable": "last"}]
)
def test_nothing_is_kept_where_nothing_repeats(
    make_tuner, problem, options, write_tower
):
    X, Y = problem
    if options == {"trainable": "last"}:  # patches are dropped at random
        options |= {"model_name": write_tower("vit", patch_dropout=0.5)}
        slow, fast = fit_both(make_tuner, (X, Y), **options)
        assert_same(slow, fast, X)
        assert fast.frozen_bytes_ < X[0].width * 64  # the prompts alone
        return
    tuner = make_tuner(**{"crop": None} | options).fit(X, Y)
    assert tuner.frozen_bytes_ == 0


def test_checkpoint_is_of_both_ways(make_tuner, problem, tmp_path):
    X, Y = problem
    parameters = {"trainable": "last", "crop": None, "max_epochs": 4}
    expected = make_tuner(frozen_bytes=0, **parameters).fit(X, Y)
    replace, written = os.replace, []

    def stop_after_two(*args):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(replace(*args))

    parameters |= {"checkpoint_dir": tmp_path}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            make_tuner(frozen_bytes=0, **parameters).fit(X, Y)
    resumed = make_tuner(**parameters).fit(X, Y)
    assert len(resumed.history_) == 4 and len(list(tmp_path.iterdir())) == 1
    assert_same(expected, resumed, X)
    # A training that has come to its end is read, seconds and all.
    again = make_tuner(frozen_bytes=0, **parameters).fit(X, Y)
    assert again.history_ == resumed.history_


def test_bars_count_rows_and_say_the_bytes(make_tuner, problem, capsys):
    X, Y = problem
    parameters = {"trainable": "last", "crop": None, "max_epochs": 2}
    tuner = make_tuner(verbose=1, **parameters).fit(X, Y)
    shown = capsys.readouterr().err
    assert "frozen part" in shown and " bytes" in shown and "36/36" in shown
    assert "epoch 1/2" in shown and "epoch 2/2" in shown
    assert tuner.frozen_bytes_ > 0
    make_tuner(verbose=1, frozen_bytes=100, **parameters).fit(X, Y)
    assert "over frozen_bytes=100" in capsys.readouterr().err
    make_tuner(**parameters).fit(X, Y)
    assert capsys.readouterr().err == ""


def test_file_of_weights_is_tuned_with_what_it_is_used_with(
    architecture, write_model, tmp_path, monkeypatch, make_tuner, problem
):
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-tuned", architecture)
    X, Y = problem
    write_model(tmp_path / "m")
    file = str(tmp_path / "m" / "open_clip_model.safetensors")
    said = {"mean": 0.25, "std": 0.5, "quick_gelu": True}
    options = {"model_name": "tiny-tuned", "pretrained": file, "max_epochs": 1}
    tuner = make_tuner(preprocess=said, **options).fit(X, Y)
    assert tuner.get_params()["preprocess"] == said
    other = make_tuner(preprocess=said | {"mean": 0.5}, **options).fit(X, Y)
    assert other.history_ != tuner.history_
    clip = tuner.featurizer(tmp_path / "tuned", cache=None, precision="fp32")
    found = clip.encode_images(X[:4])
    backbone = load_backbone(f"local-dir:{tmp_path / 'tuned'}", precision="fp32")
    assert json.loads(backbone.preprocessing)["mean"] == [0.25] * 3
    assert backbone.config["quick_gelu"]
    scores = found @ tuner.label_embeddings_.T / tuner.temperature_ + tuner.bias_
    np.testing.assert_allclose(scores, tuner.decision_function(X[:4]), atol=1e-3)


def test_size_that_a_model_was_tuned_with_is_saved(
    make_tuner, problem, tmp_path, write_tower
):
    X, Y = problem
    X = [Image.fromarray(np.asarray(x)) for x in X]
    options = {"model_name": write_tower("efficientnet"), "max_epochs": 1}
    tuner = make_tuner(preprocess={"size": 96}, **options).fit(X, Y)
    expected = tuner.decision_function(X)
    clip = tuner.featurizer(tmp_path / "tuned", cache=None, precision="fp32")
    found = clip.encode_images(X) @ tuner.label_embeddings_.T
    np.testing.assert_allclose(
        found / tuner.temperature_ + tuner.bias_, expected, atol=1e-3
    )
