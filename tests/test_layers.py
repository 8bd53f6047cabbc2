"""Arrows go one way: what each module may import, held against the imports in the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "gemtune"

# From the bottom up; a module may import from its own layer and from those above it in this list.
LAYERS = [
    {"errors", "logs", "path_template", "shown", "nesting"},
    {"codec", "error_forms"},
    {"http_binding", "http_rule", "methods", "names", "states", "job_state", "published", "unknown"},
    {"settings", "endpoints", "specs", "schema", "json_schema", "dataset"},
    {"retry", "remedies"},
    {"flows", "once", "search", "windows", "lookup", "paging", "submission", "store", "sweep", "answers"},
    {"transport", "drive"},
    {"calls", "client", "aio"},
    {"sft", "sft_arguments"},
    {"tuning", "preview"},
    {"emulator"},
    {"testing"},
    {"cli"},
]
# ... except these: two things that must not know each other although one is the higher layer.
FORBIDDEN = [
    *(("emulator", other) for other in "client calls aio transport flows drive sft".split()),
    *(("specs", other) for other in "endpoints settings".split()),
    ("transport", "specs"),
    ("flows", "specs"),
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def top(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(path: Path) -> set[str]:
    """The parts of gemtune that a file imports at any depth, those for type checkers alone left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "gemtune":
            found |= {top(node.module)} if top(node.module) else {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {top(a.name) for a in node.names if a.name.split(".")[0] == "gemtune"}
    return {name for name in found if name in LEVEL}


FILES = [p for p in sorted(ROOT.rglob("*.py")) if p != ROOT / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    part = path.relative_to(ROOT).with_suffix("").parts[0]
    part = "codec" if part.startswith("_codec") else part
    assert part in LEVEL, f"{part} has no place in the layers: give it one here and in docs/design.md"
    for other in imports(path):
        assert LEVEL[other] <= LEVEL[part], f"{path.name} imports {other}, which stands above it"
        assert (part, other) not in FORBIDDEN, f"{part} must not know {other}"


def test_the_check_sees_imports() -> None:
    assert {"flows", "errors", "methods"} <= imports(ROOT / "drive.py") | imports(ROOT / "flows.py")
