"""Compare the schema with that of the last release, in bytes and in JSON.

python protos/breaking.py            exit 1 if something that was released has changed its meaning
python protos/breaking.py --release  keep the present schema as the released one
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from generate import PROTOS, protoc

RELEASED = PROTOS / "released" / "gemtune.binpb"


def compare() -> int:
    """Run buf on two descriptor sets; buf.yaml says by which rules."""
    buf = shutil.which("buf", path=str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"])
    if buf is None:
        raise SystemExit("buf is not installed: pip install buf-bin")
    with tempfile.TemporaryDirectory() as tmp:
        image = f"{tmp}/present.binpb"
        protoc("--include_source_info", f"--descriptor_set_out={image}")
        command = [buf, "breaking", image, "--against", str(RELEASED), "--config", "buf.yaml", "--path", "gemtune"]
        return subprocess.run(command, cwd=PROTOS, check=False).returncode  # noqa: S603


def main() -> int:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description="Compare the schema with that of the last release.")
    parser.add_argument("--release", action="store_true", help="keep the present schema as the released one")
    if not parser.parse_args().release:
        return compare()
    RELEASED.parent.mkdir(exist_ok=True)
    protoc(f"--descriptor_set_out={RELEASED}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
