"""Kinds of CPUs, as far as they decide what is fast and what overflows."""

import pytest

from sklearn_clip.embedding.engines import _processor

PLAIN = {"fpu", "sse4_2", "f16c"}


@pytest.fixture
def on(monkeypatch):
    """Be on a CPU of some architecture that has some units."""

    def be(machine, units):
        monkeypatch.setattr(_processor.platform, "machine", lambda: machine)
        monkeypatch.setattr(_processor, "list_units", lambda: units)
        _processor.processor_kind.cache_clear()

    yield be
    _processor.processor_kind.cache_clear()


@pytest.mark.parametrize(
    ("machine", "units", "kind", "in_16_bits"),
    [
        ("x86_64", {*PLAIN, "avx2", "avx512_vnni", "avx512_bf16"}, "bf16", False),
        ("AMD64", {*PLAIN, "avx2", "avx_vnni"}, "vnni", False),
        ("x86_64", {*PLAIN, "avx2", "avx512f"}, "avx2", True),
        ("x86_64", {*PLAIN, "avx2", "fma"}, "avx2", True),
        ("x86_64", PLAIN, "other", True),
        ("aarch64", set(), "other", False),
    ],
)
def test_kind_is_that_of_the_best_units(on, machine, units, kind, in_16_bits):
    on(machine, units)
    assert _processor.processor_kind() == kind
    assert _processor.processor_name() == f"{machine} {kind}"
    assert _processor.adds_products_in_16_bits() is in_16_bits


@pytest.mark.parametrize("name", ["flags\t\t", "flags "])
def test_units_are_those_that_linux_lists(monkeypatch, tmp_path, name):
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor : 0\n{name}: fpu avx2\nbugs : none\n")
    monkeypatch.setattr(_processor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(_processor, "Path", lambda _: file)
    assert _processor.list_units() == {"fpu", "avx2"}
