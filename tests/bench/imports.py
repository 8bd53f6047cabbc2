"""What an import costs, beside google-genai's: whole processes in turn, medians, ratios.

    python tests/bench/imports.py [RUNS]

needs google-genai in the same environment (the group `bench`).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

BASE = "pass"
CASES = {
    "import google.genai": "import google.genai",
    "from gemtune import TuningJob": "from gemtune import TuningJob",
    "a TuningClient ready to call": "import gemtune; gemtune.TuningClient('p', 'us-central1', endpoint='http://127.0.0.1:1')",
}
LIMITS = {"from gemtune import TuningJob": 1 / 5, "a TuningClient ready to call": 1 / 2}


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for code in (BASE, *CASES.values()):
        seconds(code)  # warm the caches
    times: dict[str, list[float]] = {name: [] for name in ("python", *CASES)}
    for _ in range(runs):
        times["python"].append(seconds(BASE))
        for name, code in CASES.items():
            times[name].append(seconds(code))
    bare = statistics.median(times["python"])
    own = {name: statistics.median(times[name]) - bare for name in CASES}
    print(f"{'':32}{'ms over bare python':>20}{'of google-genai':>17}{'at most':>9}")
    ok = True
    for name, value in own.items():
        ratio = value / own["import google.genai"]
        limit = LIMITS.get(name)
        ok = ok and (limit is None or ratio <= limit)
        print(f"{name:32}{1000 * value:>20.0f}{ratio:>17.2f}{f'{limit:.2f}' if limit else '':>9}")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
