"""Readers pause the garbage collector, and leave it as they found it."""

import gc

import pytest

from sklearn_clip.datasets import load_csv_tags
from sklearn_clip.datasets._collector import collector_paused


@pytest.fixture(params=[True, False], ids=["on", "off"])
def collector(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_it_is_paused_inside_and_left_as_it_was(collector):
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled() == collector


def test_it_comes_back_after_an_error_of_a_reader(collector, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_csv_tags(tmp_path / "none.csv", tmp_path)
    assert gc.isenabled() == collector
