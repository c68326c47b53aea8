"""CLIPFineTuner: what training does to the model, and what comes of it."""

import numpy as np
import pytest
import torch
from same_model import assert_same_model, state_of

from sklearn_clip import (
    CLIPFeaturizer,
    ThresholdOptimizer,
    ZeroShotClassifier,
    top_labels,
)
from sklearn_clip.embedding import load_backbone
from sklearn_clip.metrics import (
    macro_average_precision_score,
)


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
    # Training has attention of its own, which stays behind.
    shapes = {type(m) for m in shared.model.modules()}
    assert {type(m) for m in tuner.model_.modules()} == shapes


def test_same_seed_gives_the_same_model_whatever_the_threads(make_tuner, problem):
    one = make_tuner(num_workers=1, max_epochs=1).fit(*problem)
    again = make_tuner(num_workers=3, max_epochs=1).fit(*problem)
    assert_same_model(one, again)
    other = make_tuner(random_state=1, max_epochs=1).fit(*problem)
    assert not torch.equal(one.model_.visual.proj, other.model_.visual.proj)


@pytest.mark.parametrize("outside", [False, True], ids=["alone", "under autocast"])
def test_bf16_takes_the_steps_of_fp32(make_tuner, problem, outside):
    # Each pass has to see the weights that the step before has moved.
    exact = make_tuner(max_epochs=4).fit(*problem)
    with torch.autocast("cpu", enabled=outside):
        rounded = make_tuner(max_epochs=4, precision="bf16").fit(*problem)
    first, *later = ([r["train_loss"] for r in t.history_] for t in (exact, rounded))
    np.testing.assert_allclose(later[0], first, rtol=0.15)  # rounding adds up
    assert first[-1] < 0.8 * first[0]


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


def test_rows_without_a_known_label_change_nothing(make_tuner, problem):
    X, Y = problem
    few = Y[:20].astype(float)
    more = np.vstack([few, np.full((16, 3), np.nan)])
    alone = make_tuner(max_epochs=2).fit(X[:20], few)
    beside = make_tuner(max_epochs=2).fit(X, more)
    np.testing.assert_array_equal(beside.predict_proba(X), alone.predict_proba(X))


def test_bias_starts_from_rows_with_a_known_label(make_tuner, problem, monkeypatch):
    X, Y = problem
    few = np.full(Y.shape, np.nan)
    few[-2:] = Y[-2:]
    monkeypatch.setattr("sklearn_clip.finetune._tuned_copy._BIAS_ROWS", 2)
    still = {"lr": 0, "logit_lr": 0, "max_epochs": 1, "crop": None}
    tuner = make_tuner(**still).fit(X, few)
    alone = make_tuner(**still).fit(X[-2:], Y[-2:])
    assert tuner.bias_ == pytest.approx(alone.bias_, abs=1e-3)


def test_validation_rows_without_a_known_label_do_not_stop(make_tuner, problem):
    X, Y = problem
    few = np.full((12, 3), np.nan)
    few[0, 0] = Y[0, 0]
    tuner = make_tuner(early_stopping="loss", patience=1).fit(X[:12], few)
    assert 0 not in tuner.validation_rows_
    assert np.isnan([record["valid_loss"] for record in tuner.history_]).all()
    assert tuner.best_epoch_ == len(tuner.history_) == 3
    with pytest.raises(ValueError, match="a known label in a row that is trained on"):
        tuner.set_params(validation_fraction=0.6).fit(X[:12], few)


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


def test_one_row_at_least_is_trained_on(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(
        early_stopping="loss", validation_fraction=0.9, max_epochs=1
    ).fit(X[:4], Y[:4])
    assert len(tuner.validation_rows_) == 3


def test_unseen_labels_are_scored_by_their_words(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(templates=["a {}", "one {}"]).fit(X, Y)
    again = tuner.predict_proba(X, classes=["blue", "red"])
    np.testing.assert_allclose(again, tuner.predict_proba(X)[:, [2, 0]], atol=1e-6)
    words = tuner.predict_proba(X, classes={"sky": ["blue", "azure"]})
    assert words.shape == (36, 1)
    with pytest.raises(ValueError, match="classes must be distinct"):
        tuner.predict_proba(X, classes=["a", "a"])


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


def test_thresholds_may_be_chosen_behind_it(make_tuner, problem):
    X, Y = problem
    tuner = make_tuner(max_epochs=2).fit(X[:24], Y[:24])
    tagger = ThresholdOptimizer(tuner, cv="prefit").fit(X[24:], Y[24:])
    assert tagger.predict(X).shape == (36, 3)


def test_engine_that_is_named_for_featurizers_changes_nothing(
    make_tuner, problem, monkeypatch
):
    pictures, Y = problem
    found = []
    for engine in ("torch", "openvino"):  # which need not be there: it is not asked for
        monkeypatch.setenv("SKLEARN_CLIP_ENGINE", engine)
        tuner = make_tuner(max_epochs=1).fit(pictures[:12], Y[:12])
        found.append(tuner.predict_proba(pictures))
    np.testing.assert_array_equal(*found)


def test_seeded_training_leaves_the_generator_as_it_was(make_tuner, problem):
    X, Y = problem
    before = torch.get_rng_state()
    make_tuner(max_epochs=1, random_state=0).fit(X[:12], Y[:12]).predict(X)
    assert torch.equal(torch.get_rng_state(), before)
