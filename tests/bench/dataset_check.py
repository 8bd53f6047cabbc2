"""What checking a dataset costs, beside a bare loop that reads lines and parses each with orjson: ratios of throughput.

    python tests/bench/dataset_check.py [MEGABYTES]

Both sides run in turn, in one process, and the thread's own time counts. The rows are made up: two turns of text, many turns
with tools, media.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from gemtune.dataset.limits import Limits
from gemtune.dataset.partial import Partial, Segment
from gemtune.dataset.report import finish
from gemtune.dataset.scan import scan
from gemtune.dataset.sources import sources

MODEL = "gemini-3.5-flash"
ROUNDS = 9
WORDS = (
    "alpha water the of and summary please market report in to a is company quarter growth said with for new".split()
)

chance = random.Random(1)


def text(length: int) -> str:
    """Words, now and then quoted or with an end of a line."""
    words = []
    while length > 0:
        word = chance.choice(WORDS)
        word = f'"{word}"' if chance.random() < 0.01 else f"{word}.\n" if chance.random() < 0.03 else word
        words.append(word)
        length -= len(word) + 1
    return " ".join(words)


def said(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def two_turns(number: int) -> dict[str, Any]:
    return {
        "contents": [
            said("user", f"{number} {text(chance.randint(300, 650))}"),
            said("model", text(chance.randint(40, 180))),
        ]
    }


def with_tools(number: int) -> dict[str, Any]:
    contents: list[Any] = []
    for turn in range(3):
        call = {"functionCall": {"name": "get_sku", "args": {"product": text(10), "n": number}}}
        result = {"functionResponse": {"name": "get_sku", "response": {"output": text(30)}}}
        contents += [
            said("user", f"{number} {turn} {text(100)}"),
            said("model", call),
            said("user", result),
            said("model", text(80)),
        ]
    parameters = {"type": "OBJECT", "properties": {"product": {"type": "STRING"}, "n": {"type": "INTEGER"}}}
    tools = [
        {"functionDeclarations": [{"name": "get_sku", "description": "Stock of a product", "parameters": parameters}]}
    ]
    return {"systemInstruction": said("system", "You help shoppers."), "contents": contents, "tools": tools}


def with_media(number: int) -> dict[str, Any]:
    image = {"fileData": {"mimeType": "image/jpeg", "fileUri": f"gs://my-images/{number}.jpeg"}}
    settings = {"mediaResolution": "MEDIA_RESOLUTION_LOW"}
    return {
        "contents": [said("user", image, f"Describe image {number}."), said("model", text(60))],
        "generationConfig": settings,
    }


def lines_of(row: Callable[[int], dict[str, Any]], size: int) -> Iterator[bytes]:
    number = 0
    while size > 0:
        line = json.dumps(row(number)).encode() + b"\n"
        size -= len(line)
        number += 1
        yield line


def bare(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)


def checked(path: Path, *, compare: bool = True) -> None:
    limits = Limits.of(MODEL)
    (source,) = sources([str(path)])
    segment = scan(source.blocks(), Segment(source.name, "training"), limits, compare=compare)
    report = finish(Partial([segment]), limits)
    assert not report.error_count


def cost(run: Callable[[Path], None], path: Path) -> float:
    begun = time.thread_time()
    run(path)
    return time.thread_time() - begun


def main() -> None:
    """Prints the ratios."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 20) * 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for name, row in (
            ("two turns of text", two_turns),
            ("twelve turns with tools", with_tools),
            ("media", with_media),
        ):
            path = Path(folder, "rows.jsonl")
            with path.open("wb") as file:
                file.writelines(lines_of(row, size))
            checked(path)
            ratios: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                floor = cost(bare, path)
                ratios.setdefault("every rule, statistics, duplicates", []).append(floor / cost(checked, path))
                without = cost(lambda path: checked(path, compare=False), path)
                ratios.setdefault("without duplicates and overlap", []).append(floor / without)
            for what, found in ratios.items():
                print(f"{name:26} {what:38} {statistics.median(found):5.0%} of the bare loop's throughput")


if __name__ == "__main__":
    main()
