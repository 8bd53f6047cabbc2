"""What estimating the tokens of a text costs, beside parsing the JSON that holds it: both in turn, least times, ratios.

    python tests/bench/tokens.py [ROUNDS]

`text_tokens` is what a check of a dataset calls for every text; `text_range` what `gemtune estimate` calls.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from gemtune.dataset.tokens import text_range, text_tokens

CALLS = 5_000
TEXTS = {
    "English, 300 characters": ("Whereas recognition of the dignity and 12 of the rights, " * 6)[:300],
    "English, 30 characters": "All human beings are born free",
    "English, 10,000 characters": "Whereas recognition of the dignity and 12 of the rights, " * 175,
    "French, 300 characters": ("Considérant que la reconnaissance de la dignité à tous l’" * 6)[:300],
    "Russian, 300 characters": ("Принимая во внимание, что признание достоинства всем, " * 6)[:300],
    "Japanese, 300 characters": ("すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。" * 8)[
        :300
    ],
}


def least(call: Callable[[], object], rounds: int) -> float:
    """The shortest time of a call, in nanoseconds of this process."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.process_time_ns()
        for _ in range(CALLS):
            call()
        best = min(best, time.process_time_ns() - begin)
    return best / CALLS


def main(rounds: int) -> None:
    print(f"{'':<28}{'json.loads':>12}{'text_tokens':>13}{'text_range':>12}{'ratios':>14}")
    for name, text in TEXTS.items():
        line = json.dumps(text, ensure_ascii=False)
        parsed = least(lambda line=line: json.loads(line), rounds)
        fast = least(lambda text=text: text_tokens(text), rounds)
        whole = least(lambda text=text: text_range(text), max(rounds // 5, 1))
        print(f"{name:<28}{parsed:>9.0f} ns{fast:>10.0f} ns{whole:>9.0f} ns{fast / parsed:>8.2f}{whole / parsed:>6.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
