"""Print what pip is to install for the oldest packages that pyproject.toml allows.

Each `name>=X.Y` becomes `name==X.Y.*`, of what the package needs and its tests use.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
# Ray's own floors of pandas and pyarrow are above those of the package.
LEFT_OUT = {"ray"}
# What old ones need, who say less of it: matplotlib's parser warned of later.
BESIDE = ["pyparsing<3.2"]


def oldest(project):
    """Yield requirements of the oldest versions.

    Parameters
    ----------
    project : dict
        The table ``project`` of pyproject.toml.
    """
    for wanted in project["dependencies"] + project["optional-dependencies"]["test"]:
        name, lowest = re.fullmatch(
            r"([\w-]+)(?:\[\w+\])?[>=]=([\d.]+)", wanted
        ).groups()
        if name not in LEFT_OUT:
            yield f"{name}=={lowest}" + (".*" if ">=" in wanted else "")


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print(*oldest(project), *BESIDE, sep="\n")
