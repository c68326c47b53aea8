"""Trainings that are killed and go on, and whose checkpoint is whose."""

import functools
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from same_model import assert_same_model
from sklearn.base import clone

from sklearn_clip.finetune._checkpoints import Checkpoint
from sklearn_clip.losses import BCELoss

# Killed when a checkpoint has been written, but not yet put in its place.
KILLED = """
import os, signal, sys, numpy as np
from sklearn_clip import CLIPFineTuner
replace, calls = os.replace, []
def replace_or_die(*args):
    if "finetune-" in str(args[1]):
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


def test_checkpoint_of_a_numbered_cpu_is_read(make_tuner, problem, tmp_path):
    tuner = make_tuner(
        checkpoint_dir=tmp_path, device="cpu:0", max_epochs=1, trainable="projection"
    ).fit(*problem)
    assert_same_model(clone(tuner).fit(*problem), tuner)


def test_training_that_began_in_fp32_goes_on_in_fp16(
    make_tuner, problem, tmp_path, monkeypatch
):
    tuner = make_tuner(checkpoint_dir=tmp_path, max_epochs=2, trainable="projection")
    write = Checkpoint.write

    def write_and_stop(checkpoint, state):
        write(checkpoint, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "write", write_and_stop)
        clone(tuner).fit(*problem)
    scaler = functools.partial(torch.amp.GradScaler, "cpu", init_scale=4.0)
    monkeypatch.setattr(torch.amp, "GradScaler", lambda *_, **options: scaler())
    assert [r["epoch"] for r in tuner.fit(*problem).history_] == [1, 2]
    (path,) = tmp_path.iterdir()
    state = torch.load(path, weights_only=True)
    assert state["scaler"]["scale"] == 4.0


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
