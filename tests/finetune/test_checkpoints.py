"""Checkpoints: whole or not at all; and the schedule that they go on with."""

import contextlib
import errno
import io

import pytest
import torch

from sklearn_clip.finetune import _checkpoints
from sklearn_clip.finetune._checkpoints import Checkpoint
from sklearn_clip.finetune._training import schedule


def test_checkpoint_is_read_back_and_leftovers_are_removed(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a" / "b", "name")
    assert checkpoint.read() is None
    state = {"weights": torch.arange(3.0), "seed": 5, "history": [{"loss": 0.5}]}
    checkpoint.write(state)
    leftover = checkpoint.path.parent / f".{checkpoint.path.name}-{5:016x}"
    leftover.write_bytes(b"half")
    found = checkpoint.read()
    assert torch.equal(found.pop("weights"), state.pop("weights")) and found == state
    assert not leftover.exists()
    assert Checkpoint(tmp_path / "a" / "b", "other").read() is None
    nowhere = Checkpoint(None, "name")
    nowhere.write(state)
    assert nowhere.read() is None


class BreaksOff(io.BytesIO):
    """A file whose third piece is not written."""

    def __init__(self, reason):
        super().__init__()
        self._reason, self._pieces = reason, 0

    def write(self, piece):
        self._pieces += 1
        if self._pieces == 3:
            raise self._reason
        return super().write(piece)


@pytest.mark.parametrize("handled", [None, KeyError("another")])
@pytest.mark.parametrize(
    "reason", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_what_ends_a_checkpoint_too_early_is_raised(
    tmp_path, monkeypatch, reason, handled
):
    file = contextlib.nullcontext(BreaksOff(reason))
    monkeypatch.setattr(_checkpoints, "whole_file", lambda path: file)
    with pytest.raises(type(reason)) as raised:
        try:
            if handled is not None:
                raise handled
            Checkpoint(tmp_path, "name").write({"weights": torch.zeros(1000)})
        except KeyError:
            Checkpoint(tmp_path, "name").write({"weights": torch.zeros(1000)})
    assert raised.value is reason


def test_error_of_torch_about_a_checkpoint_is_its_own(tmp_path, monkeypatch):
    def fail(state, file):
        raise RuntimeError("no such layout")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RuntimeError, match="no such layout"):
        try:
            raise KeyError("another")
        except KeyError:
            Checkpoint(tmp_path, "name").write({})


def test_rate_rises_then_falls_to_zero():
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == sorted(rates[:10]) and 0 < rates[0] < 0.1
    assert rates[10] == max(rates) == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01 and rates[55] == pytest.approx(0.5)
    assert schedule(0, 1, 0.0) == schedule(0, 50, 0.0) == 1
