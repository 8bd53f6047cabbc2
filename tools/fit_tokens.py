"""Fits the rule of gemtune/dataset/tokens.py to a tokenizer, and measures its error on texts that were not fitted.

    python tools/token_texts.py packages texts.jsonl
    python tools/fit_tokens.py texts.jsonl tokenizer.json [--fit]

The tokenizer is a file of your own: `tokenizer.json` (the package tokenizers) or `tokenizer.model` (sentencepiece).
Needs numpy, and scipy for --fit, which prints the numbers of COSTS and RANGES; without it, the errors of the numbers
that stand there, as the table of docs/estimate.md.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from gemtune.dataset import tokens
from gemtune.dataset.tokenizer import load_tokenizer

MAIN = {
    "latin": "fr de es it pt ca gl ro nl sv da nb nn no fi et lv lt pl cs sk sl hr bs hu tr id ms vi sr az eu is af sq",
    "cyrillic": "ru uk bg sr mk be kk ky",
    "arabic": "ar fa ur",
    "indic": "hi mr ne bn pa gu ta te kn ml si as or",
}
"""Languages with many writers, by script; those of other scripts all count."""

GROUPS = {
    "english": "English",
    "latin": "other languages in Latin letters, such as French, Polish, Turkish",
    "latin, few": "languages in Latin letters with few texts, such as Zulu, Yoruba",
    "cyrillic": "Cyrillic: Russian, Ukrainian, Bulgarian, Serbian, Kazakh",
    "cyrillic, few": "Cyrillic: languages with few texts",
    "greek": "Greek",
    "hebrew": "Hebrew",
    "arabic": "Arabic, Persian, Urdu",
    "arabic, few": "Arabic letters: languages with few texts",
    "indic": "Indian scripts",
    "indic, few": "Indian scripts: languages with few texts",
    "thai": "Thai",
    "han": "Chinese",
    "kana": "Japanese",
    "hangul": "Korean",
    "rare": "Armenian, Georgian, Khmer, Burmese, Amharic, ...",
    "unknown": "scripts that the rule does not know",
    "code": "program text",
    "data": "JSON, tables",
    "emoji": "English with emoji",
}


def group(row: dict[str, Any]) -> str:
    """In which line of the table a text counts."""
    if row["language"] in ("code", "data", "emoji"):
        return row["language"]
    script = tokens.script_of(row["text"])
    language = re.split("[-_@]", row["language"])[0]
    if script == "latin":
        text = row["text"]
        if language == "en" or text.count(" the ") > len(text) / 250:  # a message that nobody has translated
            return "english"
    if script in MAIN and language not in MAIN[script].split():
        return f"{script}, few"
    return script


def read(path: str, tokenizer: str) -> list[dict[str, Any]]:
    """The texts, each with its count and its group."""
    count = load_tokenizer(tokenizer)
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        row["tokens"] = max(count(row["text"]), 1)
        row["group"] = group(row)
    return rows


# -- the errors -------------------------------------------------------------------------------------------------------


def table(rows: list[dict[str, Any]], split: str) -> None:
    """Prints what the rule makes of the texts, as Markdown."""
    print("| texts | of which | characters a token | sum | fast sum | median | 95 % of the texts | in the range |")
    print("|--|--|--|--|--|--|--|--|")
    for name, title in GROUPS.items():
        some = [row for row in rows if row["split"] == split and row["group"] == name]
        if not some:
            continue
        real = np.array([row["tokens"] for row in some], float)
        ranges = [tokens.text_range(row["text"]) for row in some]
        likely = np.array([each.likely for each in ranges], float)
        fast = np.array([tokens.text_tokens(row["text"]) for row in some], float)
        inside = np.mean([each.low <= count <= each.high for each, count in zip(ranges, real, strict=True)])
        ratio = likely / real
        low, middle, high = np.quantile(ratio, (0.025, 0.5, 0.975))
        size, total = sum(len(row["text"]) for row in some) / real.sum(), real.sum()
        print(
            f"| {title} | {len(some)} | {size:.1f} | {likely.sum() / total - 1:+.0%} | "
            f"{fast.sum() / total - 1:+.0%} | {middle - 1:+.0%} | {low - 1:+.0%} to {high - 1:+.0%} | {inside:.1%} |"
        )


# -- the fit ----------------------------------------------------------------------------------------------------------

WEIGHTS = {"english": 6.0, "code": 3.0, "data": 0.7}  # the rest 1, languages with few texts 0.1


def fit(rows: list[dict[str, Any]]) -> None:
    """Prints COSTS and RANGES: least squares of the relative error, each source and language weighing the same."""
    from scipy.optimize import nnls

    some = [row for row in rows if row["split"] == "fit" and len(row["text"]) >= 80]
    for row in some:
        row["classes"] = collections.Counter(map(tokens.class_of, row["text"]))
    classes = sorted({name for row in some for name in row["classes"]} - {""})
    real = np.array([row["tokens"] for row in some], float)
    counts = np.array([[len(row["text"]), *(row["classes"][name] for name in classes)] for row in some], float)
    kinds = [(row["group"], row["source"], row["language"]) for row in some]
    size, breadth = collections.Counter(kinds), collections.Counter(kind[0] for kind in set(kinds))
    weight = np.array(
        [
            (0.1 if "few" in kind[0] else WEIGHTS.get(kind[0], 1.0)) / size[kind] / breadth[kind[0]] ** 0.5
            for kind in kinds
        ]
    )
    scale = np.sqrt(weight) / real
    found, _ = nnls(counts * scale[:, None], real * scale)
    print(f"BASE = {found[0]:.3f}")
    for name, cost in zip(classes, found[1:], strict=True):
        print(f'    "{name}": {round(cost * 100)},')
    ratio = counts @ found / real
    by = collections.defaultdict(list)
    for row, each in zip(some, ratio, strict=True):
        if "few" not in row["group"]:
            by[tokens.range_of(row["text"])].append(1 / each)
    print(f"median of all: {np.median(ratio):.3f}")
    for name, each in sorted(by.items()):
        low, middle, high = np.quantile(each, (0.02, 0.5, 0.98))
        print(f'    "{name}": ({low:.2f}, {high:.2f}),  # median {middle:.2f}, {len(each)} texts')


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts")
    parser.add_argument("tokenizer")
    parser.add_argument("--fit", action="store_true")
    given = parser.parse_args()
    texts = read(given.texts, given.tokenizer)
    if given.fit:
        fit(texts)
    else:
        for which in ("fit", "test", "held"):
            print(f"\n{which}\n")
            table(texts, which)
