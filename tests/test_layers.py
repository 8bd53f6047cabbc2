"""Imports go one way: what each part of the package may import, compared with the imports in the code.

Every import counts: at the top of a file, inside a function, for type checkers only, of a package or of a name in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "gemtune"

# From the bottom up: a part may import from its own layer and from those listed before it.
LAYERS = [
    {"_version", "_process", "_private_file", "errors", "safe_text", "descriptors"},
    {"names", "job_state"},
    {"settings"},
    {"rpc", "schema"},
    {"specs", "remedies"},
    {"store"},
    {"transport"},
    {"flows"},
    {"dataset"},
    {"_client_base"},
    {"aio", "client"},
    {"_sft_arguments"},
    {"sft"},
    {"tuning"},
    {"preview"},
    {"emulator"},
    {"testing"},
    {"cli"},
]
# ... except these: parts that must not know each other although one is the higher layer.
FORBIDDEN = {
    *(("emulator", other) for other in ("client", "_client_base", "aio", "transport", "flows", "sft", "preview")),
    ("specs", "settings"),
    ("transport", "specs"),
    ("transport", "store"),
    ("flows", "specs"),
}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted(path for path in ROOT.rglob("*.py"))


def module_of(path: Path) -> str:
    """A file's dotted name."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """The modules of gemtune that a file imports, a package's own name where a name is taken from its `__init__`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import; write the whole name"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows(path: Path) -> set[str]:
    return {name for name in imports(path) if name == "gemtune" or name.startswith("gemtune.")} - {module_of(path)}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else "gemtune"


def test_every_part_has_a_layer_and_every_layer_is_there() -> None:
    there = {part(module) for module in MODULES} - {"gemtune"}
    assert there == set(LEVEL), "give each part a place in LAYERS and in docs/design.md"


@pytest.mark.parametrize("module", [m for m in MODULES if m != "gemtune"])
def test_imports_go_down(module: str) -> None:
    own = part(module)
    for other in sorted(arrows(MODULES[module])):
        if part(other) == own:
            continue
        assert other != "gemtune" or own == "cli", f"{module} imports the package's root, which is for users"
        assert other == "gemtune" or LEVEL[part(other)] < LEVEL[own], f"{module} imports {other}, which is not below it"
        assert (own, part(other)) not in FORBIDDEN, f"{module} must not know {other}"


@pytest.mark.parametrize("module", MODULES)
def test_private_modules_stay_in_their_package(module: str) -> None:
    for other in arrows(MODULES[module]):
        parts = other.split(".")
        for i, name in enumerate(parts):
            owner = ".".join(parts[:i])
            if name.startswith("_"):
                assert module == owner or module.startswith(owner + "."), (
                    f"{module} imports {other}, private to {owner}"
                )


def test_there_is_no_circle() -> None:
    graph = {
        module: {
            other for other in arrows(path) if not module.startswith(other + ".")
        }  # a package loads before its parts
        for module, path in MODULES.items()
        if module != "gemtune"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_the_root_is_small() -> None:
    """What a user imports, and what everything shares."""
    loose = [path.stem for path in ROOT.glob("*.py") if path.stem != "__init__"]
    assert len(loose) <= 14, loose


def test_the_check_sees_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nfrom gemtune import errors\nif TYPE_CHECKING:\n    from gemtune.store import SpecStore\n"
        "def f():\n    import gemtune.names\n    from gemtune.rpc.methods import Method\n"
    )
    assert set(imports(path)) >= {"gemtune.errors", "gemtune.store", "gemtune.names", "gemtune.rpc.methods"}
