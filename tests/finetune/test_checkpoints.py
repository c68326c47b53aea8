"""Checkpoints: whole or not at all; and the schedule that they go on with."""

import pytest
import torch

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


def test_rate_rises_then_falls_to_zero():
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == sorted(rates[:10]) and 0 < rates[0] < 0.1
    assert rates[10] == max(rates) == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01 and rates[55] == pytest.approx(0.5)
    assert schedule(0, 1, 0.0) == schedule(0, 50, 0.0) == 1
