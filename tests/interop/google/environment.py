"""An environment of their own for Google's clients: gemtune's has none of them, and theirs has no gemtune."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent


def pinned() -> dict[str, str]:
    """Distribution and requirement, of each client."""
    lines = (HERE / "requirements.txt").read_text().split("\n")
    return {re.split("[=<>]", line)[0]: line for line in lines if line and not line.startswith("#")}


def installed(distribution: str) -> bool:
    """Whether this interpreter has the distribution in the version that is asked for."""
    try:
        return f"{distribution}=={metadata.version(distribution)}" == pinned()[distribution]
    except metadata.PackageNotFoundError:
        return False


def interpreter(distributions: Iterable[str]) -> str:
    """A Python that has these distributions: this one, or one in a cached environment that is made if need be.

    `GEMTUNE_INTEROP_CACHE` says where environments are kept (default: gemtune/interop in the user's cache directory).
    """
    wanted = sorted(set(distributions))
    if all(map(installed, wanted)):
        return sys.executable
    constraints = HERE / "constraints.txt"
    requirements = [pinned()[distribution] for distribution in wanted]
    key = hashlib.sha256("\n".join([sys.version, *requirements, constraints.read_text()]).encode()).hexdigest()[:12]
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = Path(os.environ.get("GEMTUNE_INTEROP_CACHE") or user_cache / "gemtune" / "interop") / key
    python = home / "bin" / "python"
    if not (home / "complete").exists():  # an interrupted install is begun anew
        print(f"installing {', '.join(requirements)}", file=sys.stderr)
        venv.create(home, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, *requirements]
        subprocess.run(install, check=True, stdout=sys.stderr)
        (home / "complete").touch()
    return str(python)


def enter(distributions: Iterable[str]) -> None:
    """Goes on with the same command line in an interpreter that has these distributions."""
    python = interpreter(distributions)
    if python != sys.executable:
        raise SystemExit(subprocess.run([python, *sys.argv], check=False).returncode)
