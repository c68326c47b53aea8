"""The oldest packages that are supported, read off pyproject.toml."""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_oldest_of_every_package_is_pinned():
    done = subprocess.run(
        [sys.executable, TOP / "tools" / "floor.py"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *pins, beside = done.stdout.split()
    assert beside == "pyparsing<3.2"
    written = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    for pin in pins:
        name, version = re.fullmatch(r"([\w-]+)==([\d.]+?)(?:\.\*)?", pin).groups()
        assert re.search(rf'"{name}(\[\w+\])?[>=]={re.escape(version)}"', written)
    names = {pin.split("==")[0] for pin in pins}
    assert {"numpy", "torch", "scikit-learn", "open_clip_torch", "pandas"} <= names
    assert "ray" not in names
