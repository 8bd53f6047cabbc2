"""Prints the lowest version of everything that pyproject.toml lets users have, as constraints for pip.

The run on the lowest dependencies installs exactly these, so that a floor is a version that the tests passed with.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLOOR = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?\s*>=(?P<version>[\w.]+)")


def floors(project: dict[str, object]) -> list[str]:
    """`name==version` for each requirement of the package and its extras that has a floor."""
    extras = project.get("optional-dependencies", {})
    lists = [project["dependencies"], *(extras.values() if isinstance(extras, dict) else [])]
    found = [FLOOR.match(requirement) for each in lists if isinstance(each, list) for requirement in each]
    return [f"{match['name']}=={match['version']}" for match in found if match]


if __name__ == "__main__":
    print("\n".join(floors(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])))
