"""Writes gemtune/client.py, the blocking client, from gemtune/aio.py.

python tools/unasync.py          writes it
python tools/unasync.py --check  fails, with the difference, when it is not what aio.py gives
"""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "gemtune"
SOURCE, TARGET = PACKAGE / "aio.py", PACKAGE / "client.py"

# Pattern -> replacement, in this order. One that matches nothing is an error: it is about code that has changed.
SUBSTITUTIONS = [
    # What is said, where the two differ.
    (
        r'"""`AsyncTuningClient`: (.*)\n\n`client.py`.*\n"""',
        r'"""`TuningClient`: \1\n\nGenerated from aio.py by tools/unasync.py: change that, then `make generate`.\n"""',
    ),
    (r"Vertex AI, for an event loop\. May be shared by tasks;", "Vertex AI. May be shared by threads;"),
    (r"; a context manager\.\n\n    Cancelling a task [^\"]*\"\"\"", '; a context manager."""'),
    (r"Opens nothing yet, and needs no running loop\.", "Opens nothing yet."),
    (r"google-auth, refreshed off the loop;", "google-auth;"),
    (r'`"rest"` \(needs the extra `aio`\)', '`"rest"`'),
    (r"whose `send` is a\s+coroutine function", "with a transport's `send`"),
    (r"not what it should be, or an extra is\s+missing", "not what it should be"),
    (r"; awaited if it is a coroutine function", ""),
    # What is done.
    (r"if self\._project is not None:\n\s+(make\(\)  # a wrong)", r"\1"),
    (r"await Aside\(partial\((self\._check_data), tuning_job\)\)\.awaited\(\)", r"\1(tuning_job)"),
    (r"made = .*\n.*await Aside\(made\)\.awaited\(\)\n", r"return make(*args, **options)\n"),
    (r'"""What `make` returns, which may look up the project: [^"]*"""', '"""What `make` returns."""'),
    (r"from gemtune\.transport\.helper_thread import Aside\n", ""),
    (r"\basync (def|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAsync(Transport|JobList|TuningClient|Driver)\b", r"\1"),
    (r"__a(enter|exit|iter)__", r"__\1__"),
    (r"asynchronous=True", "asynchronous=False"),
]


def generated() -> str:
    """The text of client.py."""
    text = SOURCE.read_text(encoding="utf-8")
    for pattern, replacement in SUBSTITUTIONS:
        text, count = re.subn(pattern, replacement, text)
        if not count:
            sys.exit(f"tools/unasync.py: nothing in {SOURCE.name} matches {pattern!r}; correct the table")
    return formatted(text)


def formatted(text: str) -> str:
    """The text as ruff has it: imports in order, lines as long as they may be."""
    fixes = ["check", "--fix", "--unsafe-fixes", "--quiet", "--select", "I,F401,UP028"]
    for command in (fixes, ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> None:
    """Writes client.py or compares it."""
    wanted = generated()
    if "--check" not in sys.argv:
        TARGET.write_text(wanted, encoding="utf-8")
        return
    there = TARGET.read_text(encoding="utf-8").splitlines(keepends=True)
    difference = list(difflib.unified_diff(there, wanted.splitlines(keepends=True), "client.py", "as aio.py gives it"))
    if difference:
        sys.exit("".join(difference) + "gemtune/client.py is generated: change gemtune/aio.py and run `make generate`")


if __name__ == "__main__":
    main()
