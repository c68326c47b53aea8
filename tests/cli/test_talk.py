"""What the command says of long work where there is no terminal."""

from types import SimpleNamespace

import pytest

from sklearn_clip.cli import _talk
from sklearn_clip.cli._talk import Talk


@pytest.mark.parametrize("quiet", [False, True])
def test_a_file_gets_a_line_now_and_then(monkeypatch, capsys, quiet):
    seconds = iter(range(0, 1000, 25))
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr(_talk, "time", clock)
    blocks = [range(1000)] * 7
    assert list(Talk(quiet).follow(blocks, 7000, "Embedding")) == blocks
    said = capsys.readouterr().err.splitlines()
    lines = ["Embedding: 3,000 of 7,000 rows", "Embedding: 6,000 of 7,000 rows"]
    assert said == ([] if quiet else lines)


def test_short_work_is_done_without_a_line(capsys):
    list(Talk(False).follow([range(5)] * 3, 15, "Tagging"))
    assert capsys.readouterr().err == ""
