"""CLIPFineTuner: what it learns, keeps, refuses and saves."""

import io
import os
import signal
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from torch import nn

from sklearn_clip import (
    CLIPFeaturizer,
    ImageDecodeError,
    ThresholdOptimizer,
    ZeroShotClassifier,
    top_labels,
)
from sklearn_clip.embedding import load_backbone
from sklearn_clip.losses import LOSSES, AsymmetricLoss, BCELoss, TemperedBCELoss
from sklearn_clip.metrics import (
    macro_average_precision_score,
    masked_subset_accuracy_score,
)


class AnyWeights(BCELoss):
    def __init__(self, weights):
        super().__init__(list(weights))


def state_of(tuner):
    return {name: value.clone() for name, value in tuner.model_.state_dict().items()}


def assert_same_model(one, other):
    states = state_of(one), state_of(other)
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=0, atol=0)


class Scaled(BCELoss):
    def __init__(self, learns=True):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()), requires_grad=learns)


def dump(tuner):
    file = io.BytesIO()
    joblib.dump(tuner, file)
    file.seek(0)
    return file


def test_training_learns_the_labels_and_leaves_the_shared_model_alone(
    make_tuner, problem, model_folder
):
    X, Y = problem
    shared = load_backbone(model_folder, device="cpu", precision="fp32")
    before = {k: v.clone() for k, v in shared.model.state_dict().items()}
    tuner = make_tuner(max_epochs=6).fit(X[:26], Y[:26])
    assert all(torch.equal(v, before[k]) for k, v in shared.model.state_dict().items())
    zero_shot = ZeroShotClassifier(
        tuner.classes, CLIPFeaturizer(model_folder, text=None, cache=None)
    )
    untrained = zero_shot.fit().predict_proba(X[26:])
    found = tuner.predict_proba(X[26:])
    assert found.dtype == np.float32 and ((found > 0) & (found < 1)).all()
    assert macro_average_precision_score(Y[26:], found) > 0.95
    assert macro_average_precision_score(Y[26:], untrained) < 0.89
    np.testing.assert_array_equal(tuner.predict(X[26:]), found > 0.5)
    losses = [record["train_loss"] for record in tuner.history_]
    assert losses[-1] < 0.7 * losses[0]
    assert tuner.label_names_.tolist() == tuner.classes
    assert [c.tolist() for c in tuner.classes_] == [[0, 1]] * 3
    assert top_labels(tuner, X[:1], k=1)[0][0][0] in tuner.classes


def test_same_seed_gives_the_same_model_whatever_the_threads(make_tuner, problem):
    one = make_tuner(num_workers=1, max_epochs=1).fit(*problem)
    again = make_tuner(num_workers=3, max_epochs=1).fit(*problem)
    assert_same_model(one, again)
    other = make_tuner(random_state=1, max_epochs=1).fit(*problem)
    assert not torch.equal(one.model_.visual.proj, other.model_.visual.proj)


def test_training_leaves_the_global_generator_as_it_was(make_tuner, problem):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_tuner(max_epochs=1).fit(*problem)
    assert torch.equal(torch.rand(1), expected)


def test_accumulated_passes_are_one_batch(make_tuner, problem):
    X, Y = problem
    Y = np.where(np.random.default_rng(0).random(Y.shape) < 0.2, np.nan, Y)
    parameters = {"max_epochs": 1, "crop": None}
    whole = make_tuner(batch_size=18, **parameters).fit(X, Y)
    parts = make_tuner(batch_size=5, accumulation=4, **parameters)
    parts = parts.set_params(batch_size=6, accumulation=3).fit(X, Y)
    # Adam's first steps are nearly signs of gradients: rounding shows where one is 0.
    np.testing.assert_allclose(
        whole.predict_proba(X), parts.predict_proba(X), atol=2e-3
    )
    assert whole.history_[0]["train_loss"] == pytest.approx(
        parts.history_[0]["train_loss"], rel=1e-4
    )


def test_unknown_targets_teach_nothing(make_tuner, problem):
    X, Y = problem
    masked = Y.astype(float)
    masked[:, 2] = np.nan
    other = masked.copy()
    other[:12] = np.nan  # rows without a known label
    tuner = make_tuner(max_epochs=1).fit(X, masked)
    assert np.isfinite(tuner.predict_proba(X)).all()
    assert np.isfinite(make_tuner(max_epochs=1).fit(X, other).bias_)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_trains(make_tuner, problem, loss):
    X, Y = problem
    tuner = make_tuner(loss=loss, max_epochs=1, trainable="projection").fit(X, Y)
    found = tuner.predict_proba(X)
    assert ((found >= 0) & (found <= 1)).all()
    assert tuner.predict_proba(X[:2], classes=["grey"]).shape == (2, 1)


def test_loss_may_have_parameters_or_be_a_class(make_tuner, problem):
    X, Y = problem
    named = make_tuner(loss="asl", loss_params={"gamma_neg": 2}, max_epochs=1)
    assert named.fit(X, Y).loss_.gamma_neg == 2
    given = make_tuner(
        loss=AsymmetricLoss, loss_params={"gamma_neg": 2}, max_epochs=1
    ).fit(X, Y)
    assert_same_model(named, given)
    with pytest.raises(ValueError, match="Did you mean"):
        make_tuner(loss="asll").fit(X, Y)
    with pytest.raises(ValueError, match="pass loss='tempered_bce'"):
        make_tuner(loss=TemperedBCELoss).fit(X, Y)


@pytest.mark.parametrize("trainable", ["last", "projection"])
def test_only_what_is_trainable_changes(make_tuner, problem, model_folder, trainable):
    before = load_backbone(model_folder, device="cpu", precision="fp32").model
    tuner = make_tuner(trainable=trainable, max_epochs=1).fit(*problem)
    old, new = before.state_dict(), state_of(tuner)
    changed = {n for n in old if n in new and not torch.equal(old[n], new[n])}
    assert {"visual.proj", "text_projection", "logit_scale"} <= changed
    blocks = {n for n in changed if "resblocks" in n}
    assert bool(blocks) == (trainable == "last")
    assert not any("resblocks.0." in n or "embedding" in n for n in changed)


def test_temperature_and_bias_are_learnt_and_capped(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(temperature=0.05, max_scale=20.0, logit_lr=0.5).fit(X, Y)
    temperatures = [record["temperature"] for record in tuner.history_]
    assert min(temperatures) >= 0.05 - 1e-6
    assert tuner.history_[0]["bias"] != tuner.history_[-1]["bias"] == tuner.bias_
    assert tuner.temperature_ == temperatures[-1]
    with pytest.raises(ValueError, match="temperature must be at least"):
        make_tuner(temperature=0.001).fit(X, Y)
    still = make_tuner(bias=-3.0, lr=0, logit_lr=0, max_epochs=1).fit(X, Y)
    assert (still.temperature_, still.bias_) == pytest.approx((0.07, -3.0))


def test_early_stopping_restores_the_best_epoch(make_tuner, problem):
    X, Y = problem
    parameters = {"early_stopping": "loss", "max_epochs": 12, "lr": 2e-2, "warmup": 0}
    tuner = make_tuner(patience=2, precision="fp32", **parameters)
    tuner.fit(X, Y, X_val=X[:9], y_val=1 - Y[:9])
    losses = [record["valid_loss"] for record in tuner.history_]
    assert tuner.best_epoch_ == np.argmin(losses) + 1
    assert len(losses) == tuner.best_epoch_ + 2 < 12
    assert tuner.validation_rows_ is None
    logits = torch.from_numpy(tuner.decision_function(X[:9]))
    wrong = torch.from_numpy(1.0 - Y[:9])
    assert tuner.loss_(logits, wrong).item() == pytest.approx(min(losses), rel=1e-3)


def test_validation_rows_are_held_out(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(
        early_stopping="average_precision", validation_fraction=0.25, max_epochs=2
    ).fit(X, Y)
    held_out = tuner.validation_rows_
    assert len(held_out) == 9
    best = tuner.history_[tuner.best_epoch_ - 1]["valid_average_precision"]
    assert best == max(r["valid_average_precision"] for r in tuner.history_)
    found = tuner.predict_proba([X[i] for i in held_out])
    assert macro_average_precision_score(Y[held_out], found) == pytest.approx(best)


def test_unseen_labels_are_scored_by_their_words(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(templates=["a {}", "one {}"]).fit(X, Y)
    again = tuner.predict_proba(X, classes=["blue", "red"])
    np.testing.assert_allclose(again, tuner.predict_proba(X)[:, [2, 0]], atol=1e-6)
    words = tuner.predict_proba(X, classes={"sky": ["blue", "azure"]})
    assert words.shape == (36, 1)
    with pytest.raises(ValueError, match="classes must be distinct"):
        tuner.predict_proba(X, classes=["a", "a"])


def test_saved_folder_gives_the_same_probabilities(make_tuner, problem, tmp_path):
    X, Y = problem
    tuner = make_tuner().fit(X, Y)
    clip = tuner.featurizer(tmp_path / "tuned", cache=None, precision="fp32")
    assert clip.model_fingerprint_ != load_backbone(tuner.model_name).fingerprint
    assert sorted(os.listdir(tmp_path / "tuned")) == [
        "open_clip_config.json",
        "open_clip_model.safetensors",
    ]
    cosines = clip.transform(X) @ clip.encode_texts(list(tuner.classes)).T
    expected = 1 / (1 + np.exp(-cosines / tuner.temperature_ - tuner.bias_))
    np.testing.assert_allclose(tuner.predict_proba(X), expected, atol=2e-3)
    zero_shot = ZeroShotClassifier(
        tuner.classes, clip, scoring="sigmoid", templates="none"
    )
    np.testing.assert_allclose(
        zero_shot.fit().predict_proba(X), tuner.predict_proba(X), atol=2e-3
    )
    assert tuner.save_pretrained(tmp_path / "tuned") == clip.model_name
    onward = make_tuner(model_name=clip.model_name, lr=0, logit_lr=0, max_epochs=1)
    onward.set_params(temperature=tuner.temperature_, bias=tuner.bias_).fit(X, Y)
    np.testing.assert_allclose(
        onward.predict_proba(X), tuner.predict_proba(X), atol=1e-5
    )


def test_dump_holds_the_tuned_weights(make_tuner, problem, tmp_path):
    X, Y = problem
    tuner = make_tuner(max_epochs=1).fit(X, Y)
    expected = tuner.predict_proba(X)
    path = tmp_path / "tuner.joblib"
    joblib.dump(tuner, path)
    code = (
        "import sys, joblib, numpy as np\n"
        "tuner = joblib.load(sys.argv[1])\n"
        "X = np.load(sys.argv[2])\n"
        "np.save(sys.argv[2], tuner.predict_proba(X))\n"
    )
    pages = tmp_path / "pages.npy"
    np.save(pages, np.stack([np.asarray(picture) for picture in X]))
    subprocess.run([sys.executable, "-c", code, path, pages], check=True)
    np.testing.assert_allclose(np.load(pages), expected, atol=1e-5)
    loaded = joblib.load(path)
    assert_same_model(tuner, loaded)
    again = joblib.load(path).predict_proba(X, classes=["grey"])
    np.testing.assert_allclose(
        again, tuner.predict_proba(X, classes=["grey"]), atol=1e-5
    )
    assert joblib.hash(tuner) == joblib.hash(loaded)


def test_unfitted_tuner_is_cloned_and_refuses_to_predict(make_tuner, problem):
    tuner = clone(make_tuner())
    with pytest.raises(NotFittedError):
        tuner.predict(problem[0])
    with pytest.raises(NotFittedError):
        tuner.save_pretrained("nowhere")
    assert not os.path.exists("nowhere")


def test_errors_come_before_a_model_is_loaded(
    make_tuner, problem, monkeypatch, tmp_path
):
    def load(*args, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("sklearn_clip.embedding.backbone._loading._load", load)
    monkeypatch.setattr("sklearn_clip.embedding.backbone._loading._loaded", {})
    X, Y = problem
    (tmp_path / "text.png").write_text("no picture")
    named = pd.DataFrame(Y, columns=["red", "green", "purple"])
    shuffled = pd.DataFrame(Y, columns=["green", "red", "blue"])
    frame = pd.DataFrame({"image": X}, index=[f"r{i}" for i in range(len(X))])
    frame.iloc[7, 0] = str(tmp_path / "text.png")
    unnamed = {
        "loss": AnyWeights,
        "loss_params": {"weights": (w for w in [1.0])},
        "checkpoint_dir": tmp_path,
    }
    cases = [
        (X, Y[:, :2], {}, ValueError, "each of the 3 labels of classes. Got 2"),
        (X, Y[:, 0], {}, ValueError, "y must have 2 dimensions"),
        (X, Y * 2, {}, ValueError, "only 0 and 1"),
        (X, named, {}, ValueError, r"Got 'purple' for 'blue' \(column 2\)"),
        (X, shuffled, {}, ValueError, r"in their order. Got 'green' for 'red'"),
        (X[:9], Y, {}, ValueError, "inconsistent numbers of samples"),
        ([None, *X[1:]], Y, {}, ValueError, "Got none for row 0"),
        (frame, Y, {}, ImageDecodeError, r"row 7 \(index 'r7'\).*not an image"),
        (X, Y, {"trainable": "head"}, ValueError, "'trainable' parameter"),
        (X, Y, {"classes": ["a", "a", "b"]}, ValueError, "must be distinct"),
        (X, Y, {"templates": "photo of"}, ValueError, "templates must be one of"),
        (X, Y, {"loss_params": {"gamma": 1}}, TypeError, "gamma"),
        (X, Y, {"loss_params": {"reduction": "none"}}, ValueError, "Got reduction='n"),
        (X, Y, {"loss": BCELoss(reduction="sum")}, ValueError, "Got reduction='sum'"),
        (
            X,
            Y,
            {"loss": nn.BCEWithLogitsLoss(reduction="sum")},
            ValueError,
            "must be a mean",
        ),
        (X, Y, {"loss": Scaled}, ValueError, r"to learn.*Got \['factor'\] in Scaled"),
        (X, Y, unnamed, TypeError, r"Got loss_params\['weights'\]=<generator"),
    ]
    for rows, targets, parameters, error, message in cases:
        with pytest.raises(error, match=message):
            make_tuner(**parameters).fit(rows, targets)
    with pytest.raises(ValueError, match="given together"):
        make_tuner().fit(X, Y, X_val=X)
    with pytest.raises(ImageDecodeError, match="An image of X_val"):
        make_tuner().fit(X, Y, X_val=frame, y_val=Y)


def test_row_without_an_image_gets_no_label(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=1, bias=5.0).fit(X, Y)
    with pytest.warns(UserWarning, match=r"1 of 3 rows have no image \(first: row 1"):
        found = tuner.predict_proba([X[0], None, X[1]])
    assert (found[1] == 0).all() and (found[[0, 2]] > 0).all()


def test_unreadable_image_is_named_at_prediction(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=1, trainable="projection").fit(X, Y)
    with pytest.raises(ImageDecodeError, match="row 1, <9 bytes>: it is not an image"):
        tuner.predict([X[0], b"no image!"])


def test_loss_that_explodes_is_named(make_tuner, problem):
    with pytest.raises(FloatingPointError, match=r"epoch \d+\). Lower lr"):
        make_tuner(lr=1e30, max_grad_norm=None, warmup=0).fit(*problem)


EXPLODES = {"lr": 1e30, "logit_lr": 1e30, "max_grad_norm": None, "warmup": 0}


def test_fit_that_fails_leaves_what_was_learnt_before(make_tuner, problem):
    X, Y = problem
    early = {"early_stopping": "loss", "validation_fraction": 0.25}
    tuner = make_tuner(templates="a {}", max_epochs=1, **early).fit(X, Y)
    before = vars(tuner).copy()
    expected = tuner.predict_proba(X[:4], classes=["dog"])
    tuner.set_params(**EXPLODES, templates="none", random_state=1)
    with pytest.raises(FloatingPointError):
        tuner.fit(X, Y)
    changed = {name for name in before if vars(tuner)[name] is not before[name]}
    assert changed == {*EXPLODES, "templates", "random_state"}
    found = tuner.predict_proba(X[:4], classes=["dog"])
    np.testing.assert_array_equal(found, expected)


def test_first_fit_that_fails_leaves_an_unfitted_tuner(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(**EXPLODES, early_stopping="loss")
    with pytest.raises(FloatingPointError):
        tuner.fit(X, Y)
    with pytest.raises(NotFittedError):
        tuner.predict(X)
    assert not hasattr(tuner, "classes_")


def test_device_precision_and_threads_may_change_after_a_prediction(
    make_tuner, problem
):
    X, Y = problem
    tuner = make_tuner(max_epochs=1, trainable="projection", precision="fp32")
    tuner.fit(X, Y)
    full = tuner.decision_function(X)
    rounded = tuner.set_params(precision="bf16").decision_function(X)
    assert not np.array_equal(rounded, full)
    expected = joblib.load(dump(tuner)).decision_function(X)
    np.testing.assert_array_equal(rounded, expected)
    np.testing.assert_allclose(rounded, full, atol=0.3)
    tuner.set_params(precision="fp32", num_workers=2)
    np.testing.assert_array_equal(tuner.decision_function(X), full)
    with pytest.raises(ValueError, match="device"):
        tuner.set_params(device="nowhere").decision_function(X)


def test_loss_may_hold_what_does_not_learn(make_tuner, problem):
    parameters = {"max_epochs": 1, "trainable": "projection"}
    given = make_tuner(loss=Scaled(learns=False), **parameters).fit(*problem)
    assert_same_model(given, make_tuner(loss="bce", **parameters).fit(*problem))


def test_out_of_memory_says_what_fits(make_tuner, problem, monkeypatch):
    from sklearn_clip.finetune._model import TunedModel

    encode = TunedModel.encode_images
    most = 5

    def limited(self, batch):
        if len(batch) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return encode(self, batch)

    monkeypatch.setattr(TunedModel, "encode_images", limited)
    tuner = make_tuner(batch_size=12, accumulation=2, bias=-1.0)
    with pytest.raises(MemoryError, match="batch_size=3, accumulation=8 does"):
        tuner.fit(*problem)
    fitted = tuner.set_params(batch_size=3, accumulation=8, max_epochs=1).fit(*problem)
    assert fitted.best_epoch_ == 1
    most = 0
    with pytest.raises(MemoryError, match="Not even one row"):
        tuner.fit(*problem)


def test_progress_is_shown(make_tuner, problem, capsys):
    make_tuner(max_epochs=2, verbose=1).fit(*problem)
    assert "epoch 2/2" in capsys.readouterr().err
    make_tuner(max_epochs=1).fit(*problem)
    assert "epoch" not in capsys.readouterr().err


def test_score_is_subset_accuracy_over_what_is_known(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=2).fit(X, Y)
    predicted, weights = tuner.predict(X), np.arange(36.0)
    for w in (None, weights):
        expected = accuracy_score(Y, predicted, sample_weight=w)
        assert 0 < expected < 1 and tuner.score(X, Y, sample_weight=w) == expected
    unknown = Y.astype(float)
    unknown[::2, 0] = np.nan
    unknown[4:6] = np.nan  # rows that say nothing
    assert tuner.score(X, unknown) == masked_subset_accuracy_score(unknown, predicted)
    right = (np.isnan(unknown) | (unknown == predicted)).all(axis=1)
    weights[4:6] = 0
    found = tuner.score(X, unknown, sample_weight=weights)
    assert found == pytest.approx(np.average(right, weights=weights))
    with pytest.raises(ValueError, match="in their order. Got 'green' for 'red'"):
        tuner.score(X, pd.DataFrame(Y, columns=["green", "red", "blue"]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tuner.score(X, Y[:5])


def test_cuts_may_be_chosen_behind_it(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=2).fit(X[:24], Y[:24])
    tagger = ThresholdOptimizer(tuner, cv="prefit").fit(X[24:], Y[24:])
    assert tagger.predict(X).shape == (36, 3)


# Killed when a checkpoint has been written, but not yet put in its place.
KILLED = """
import os, signal, sys, numpy as np
from sklearn_clip import CLIPFineTuner
replace, calls = os.replace, []
def replace_or_die(*args):
    calls.append(args)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*args)
os.replace = replace_or_die
data = np.load(sys.argv[1])
CLIPFineTuner(**eval(sys.argv[2])).fit(list(data["X"]), data["Y"])
"""


def test_killed_training_goes_on_and_ends_as_if_it_had_not_been(
    make_tuner, problem, tmp_path
):
    X, Y = np.stack([np.asarray(picture) for picture in problem[0]]), problem[1]
    np.savez(tmp_path / "data.npz", X=X, Y=Y)
    folder = tmp_path / "checkpoints"
    tuner = make_tuner(
        max_epochs=4, early_stopping="loss", patience=4, checkpoint_dir=str(folder)
    )
    command = [sys.executable, "-c", KILLED, tmp_path / "data.npz"]
    killed = subprocess.run(
        [*command, repr(tuner.get_params())], capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (path,) = folder.glob("finetune-*.pt")
    assert len(list(folder.iterdir())) == 2  # and the file that was not yet in place
    done = torch.load(path, weights_only=True)["progress"]["history"]
    assert len(done) == 2
    tuner.fit(list(X), Y)
    whole = clone(tuner).set_params(checkpoint_dir=None).fit(list(X), Y)
    assert tuner.history_[:2] == done  # not trained again
    assert list(folder.iterdir()) == [path]
    losses = [[r["valid_loss"] for r in t.history_] for t in (tuner, whole)]
    np.testing.assert_allclose(*losses, rtol=1e-3)
    np.testing.assert_allclose(
        tuner.predict_proba(list(X)), whole.predict_proba(list(X)), atol=1e-3
    )


def test_finished_training_is_read_and_others_have_their_own_file(
    make_tuner, problem, tmp_path
):
    X, Y = problem
    tuner = make_tuner(
        checkpoint_dir=tmp_path, max_epochs=1, trainable="projection"
    ).fit(X, Y)
    again = clone(tuner).fit(X, Y)
    assert again.history_ == tuner.history_  # seconds and all
    assert_same_model(again, tuner)
    clone(tuner).set_params(lr=1e-4).fit(X, Y)
    clone(tuner).fit(X, 1 - Y)
    clone(tuner).fit(X[::-1], Y)  # other pictures of the same sizes
    assert len(list(tmp_path.glob("finetune-*.pt"))) == 4
    assert len(list(tmp_path.iterdir())) == 4
    for path in tmp_path.glob("finetune-*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="cannot be read.*Remove it to start anew"):
        clone(tuner).fit(X, Y)


@pytest.mark.parametrize("as_module", [True, False])
def test_checkpoint_is_of_the_values_of_its_loss(
    make_tuner, problem, tmp_path, as_module
):
    def fit(weight, folder):
        weights = np.full(3, weight)
        loss = {"loss": "bce", "loss_params": {"pos_weight": weights}}
        if as_module:
            loss = {"loss": BCELoss(pos_weight=weights)}
        tuner = make_tuner(checkpoint_dir=folder, trainable="projection", **loss)
        return tuner.set_params(max_epochs=1).fit(*problem)

    fit(1.0, tmp_path)
    again = fit(50.0, tmp_path)
    assert_same_model(again, fit(50.0, None))
    assert len(list(tmp_path.iterdir())) == 2
    assert fit(50.0, tmp_path).history_ == again.history_  # read, seconds and all


def test_targets_in_another_order_than_the_rows_bring_a_warning(make_tuner, problem):
    images, targets = problem[0][:8], problem[1][:8]
    tuner = make_tuner(max_epochs=1)
    X = pd.Series(list(images), index=list("abcdefgh"))
    y = pd.DataFrame(targets, index=X.index, columns=tuner.classes)
    with pytest.warns(UserWarning, match="the same index in another order"):
        tuner.fit(X, y.iloc[::-1])
    with pytest.warns(UserWarning, match="the same index in another order"):
        tuner.score(X, y.iloc[::-1])
